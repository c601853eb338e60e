"""What is kept and what is lost when the session does not keep up, and that it is told."""

from __future__ import annotations

import asyncio
import random

import pytest

from tradewind.testing.clock import VirtualLoop, run_virtual
from tradewind.units.enums import StreamCode
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.inbox import Inbox
from tradewind.venues.ccxt.streams import Dialler, Health
from tradewind.venues.gateway import BarSeen, StreamKind, StreamSeen, TopSeen, TradeSeen


def test_bars_are_never_dropped_trades_lose_the_oldest_tops_keep_the_newest() -> None:
    inbox = Inbox(lambda: 7, prints_max=100, states_max=100)
    for n in range(1_000):
        inbox.put(TradeSeen(0, 1, 100, 1, n, n, n))
        inbox.put(TopSeen(n % 2, n + 1, 1, n + 2, 1, n, n))
        inbox.put(BarSeen(0, MINUTE_NS, 1, 1, 1, 1, 0, n, n))
    events = inbox.take_now()
    bars = [event.ts_ns for event in events if isinstance(event, BarSeen)]
    trades = [event.trade_key for event in events if isinstance(event, TradeSeen)]
    tops = [event for event in events if isinstance(event, TopSeen)]
    assert bars == list(range(1_000))
    assert trades == list(range(1_000 - len(trades), 1_000))
    assert len(trades) <= 100
    assert {top.instrument: top.ts_ns for top in tops} == {0: 998, 1: 999}
    gaps = [event for event in events if isinstance(event, StreamSeen)]
    lost = sum(int(event.text.split()[0]) for event in gaps if event.code == StreamCode.GAP)
    assert lost == 2_000 - len(trades) - len(tops) == sum(inbox.lost.values())
    for kind in (StreamKind.TRADES, StreamKind.TOP):
        codes = [event.code for event in gaps if (event.stream, event.instrument) == (kind, 0)]
        assert codes == [StreamCode.GAP, StreamCode.UP] * (len(codes) // 2)


def test_events_come_in_order_of_receipt_and_taking_waits_for_one() -> None:
    async def work() -> list[object]:
        inbox = Inbox(lambda: 7)
        taking = asyncio.create_task(inbox.take())
        await asyncio.sleep(1)
        assert not taking.done()
        seen = [
            TradeSeen(0, 1, 1, 1, 1, 1, 1),
            BarSeen(0, MINUTE_NS, 1, 1, 1, 1, 0, 0, 1),
            TopSeen(0, 1, 1, 2, 1, 1, 1),
        ]
        for event in seen:
            inbox.put(event)
        assert await taking == seen
        inbox.fail(ValueError("over"))
        with pytest.raises(ValueError, match="over"):
            await inbox.take()
        return []

    run_virtual(work())


def test_dials_back_off_with_a_cap_and_begin_anew_after_a_steady_time() -> None:
    async def work() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        dialler = Dialler(loop.now_ns, random.Random(1))
        waits = []
        for _ in range(12):
            before = loop.time()
            dialler.failed()
            dialler.failed()
            await dialler.turn()
            waits.append(loop.time() - before)
        await asyncio.sleep(200)
        dialler.failed()
        before = loop.time()
        await dialler.turn()
        return [*waits, loop.time() - before]

    *waits, afterwards = run_virtual(work())
    for n, wait in enumerate(waits):
        longest = min(60.0, 2.0**n)
        assert longest * 0.5 - 0.01 <= wait <= longest + 0.01
    assert afterwards <= 1.01


def test_a_change_is_told_once_and_silence_is_judged_by_the_age_of_the_stream() -> None:
    now = [0]
    told: list[StreamSeen] = []
    health = Health(lambda: now[0], told.append)
    health.expect(StreamKind.TOP, 0, 15.0)
    health.expect(StreamKind.TRADES, 0, 0.0)
    health.heard(StreamKind.TOP, 0, 0)
    health.heard(StreamKind.TOP, 0, 0)
    health.connected(StreamKind.TRADES, 0)
    now[0] = 14 * SECOND_NS
    assert health.judge() == []
    now[0] = 16 * SECOND_NS
    assert health.judge() == [(StreamKind.TOP, 0)]
    assert health.judge() == []
    now[0] = 10_000 * SECOND_NS
    health.judge()
    codes = [(event.stream, event.code) for event in told]
    up, stale = StreamCode.UP, StreamCode.STALE
    assert codes == [(StreamKind.TOP, up), (StreamKind.TRADES, up), (StreamKind.TOP, stale)]
