"""Bars that went by while nobody listened: asked for again where a venue publishes the last one late."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from tradewind.errors import DataMissing, TradewindError
from tradewind.live.history import CaughtUp, catch_up
from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.ops.alerts import Alert
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.testing.virtual_venues import virtual_time
from tradewind.units.enums import WakeCode
from tradewind.venues.gateway import Event


class LateFeed:
    """Publishes each bar some seconds after its end, or fails so many times first; says nothing else."""

    def __init__(self, loop: VirtualLoop, late_s: float, failures: int = 0) -> None:
        self._loop, self._late_s, self._failures = loop, late_s, failures
        self.asked = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def next_events(self) -> list[Event]:
        await asyncio.sleep(3600)
        return []

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        self.asked += 1
        if self.asked <= self._failures:
            raise DataMissing("DATA_GAP", "there is a hole")
        known_ns = min(end_ns, (self._loop.now_ns() - int(self._late_s * 1e9)) // interval_ns * interval_ns)
        opens = range(start_ns, known_ns, interval_ns)
        return np.array([(at, 5, 7, 4, 6, 10) for at in opens], np.int64).reshape(-1, 6)


def in_virtual_time(work: Callable[[VirtualLoop], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` half a second after a minute."""
    loop = VirtualLoop(START_NS + 20 * MINUTE_NS + 500_000_000)
    with virtual_time(loop):
        try:
            return loop.run_until_complete(work(loop))
        finally:
            loop.close()


def caught(late_s: float, *, known_bars: int = 0, failures: int = 0) -> tuple[CaughtUp, list[str], int]:
    """Catch up after so many known bars; return that, what was warned of, and how often was asked."""
    views, warned = small_world().views, list[str]()
    views["bars"], views["ts_ns"] = known_bars, START_NS + (known_bars - 1) * MINUTE_NS

    async def work(loop: VirtualLoop) -> tuple[CaughtUp, list[str], int]:
        feed = LateFeed(loop, late_s, failures)
        found = await catch_up({0: feed}, views, loop.now_ns(), 3, warned.append)
        return found, warned, feed.asked

    found: tuple[CaughtUp, list[str], int] = in_virtual_time(work)
    return found


NEXT_NS = START_NS + 20 * MINUTE_NS


def test_bars_that_are_there_are_asked_for_once() -> None:
    found, warned, asked = caught(0.0)
    assert [step.close_ns for step in found.steps] == [NEXT_NS - 2 * MINUTE_NS, NEXT_NS - MINUTE_NS, NEXT_NS]
    assert (found.next_ns, found.last, found.knew) == (NEXT_NS, {0: NEXT_NS - MINUTE_NS}, False)
    assert (warned, asked) == ([], 1)


@pytest.mark.parametrize(("late_s", "asked"), [(1.0, 2), (3.0, 3)])
def test_a_last_bar_that_is_published_late_is_waited_for(late_s: float, asked: int) -> None:
    found, warned, times = caught(late_s, known_bars=15)
    assert [step.close_ns for step in found.steps] == [START_NS + n * MINUTE_NS for n in range(16, 21)]
    assert (found.knew, warned, times) == (True, [], asked)


def test_one_that_stays_away_is_gone_without() -> None:
    found, warned, asked = caught(30.0, known_bars=15)
    assert found.last == {0: NEXT_NS - 2 * MINUTE_NS}
    assert (warned, asked) == ([], 3)


def test_what_went_by_and_cannot_be_had_is_told() -> None:
    found, warned, _ = caught(0.0, known_bars=15, failures=3)
    assert (found.steps, found.last) == ([], {0: START_NS + 14 * MINUTE_NS})
    assert len(warned) == 1


class SilentFeed(LateFeed):
    """Has nothing of one of its instruments, as where the venue took it away."""

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        found = await super().bars(instrument, interval_ns, start_ns, end_ns)
        return found[:0] if instrument == 1 else found


def test_one_instrument_without_bars_takes_nothing_from_the_others() -> None:
    """What rests on the others has been passed by their bars; without them it would still wait for prices of then."""
    views, warned = small_world(2).views, list[str]()
    views["bars"], views["ts_ns"] = 15, START_NS + 14 * MINUTE_NS

    async def work(loop: VirtualLoop) -> CaughtUp:
        feed = SilentFeed(loop, 0.0)
        return await catch_up({0: feed, 1: feed}, views, loop.now_ns(), 3, warned.append)

    found = in_virtual_time(work)
    assert [[fact.instrument for fact in step.facts] for step in found.steps] == [[0]] * 5
    assert found.last == {0: NEXT_NS - MINUTE_NS, 1: START_NS + 14 * MINUTE_NS}
    assert len(warned) == 1
    views["bars"] = 0
    with pytest.raises(DataMissing):
        in_virtual_time(work)


@pytest.mark.parametrize(("late_s", "failures"), [(0.0, 3), (10_000.0, 0)])
def test_history_to_learn_from_must_be_there(late_s: float, failures: int) -> None:
    with pytest.raises(DataMissing):
        caught(late_s, failures=failures)


def test_failing_twice_is_survived() -> None:
    found, warned, asked = caught(0.0, failures=2)
    assert (len(found.steps), warned, asked) == (3, [], 3)


@pytest.mark.parametrize(("known_bars", "code"), [(0, WakeCode.WARM), (17, WakeCode.MARK)])
def test_paper_waits_for_a_late_bar_too(known_bars: int, code: int) -> None:
    """A paper session that starts on the minute hears of the bar that has just ended before anything else."""
    world, alerts = small_world(), list[Alert]()
    world.views["bars"], world.views["ts_ns"] = known_bars, START_NS + (known_bars - 1) * MINUTE_NS

    async def work(loop: VirtualLoop) -> list[tuple[int | None, int]]:
        rules = ListeningRules(warm_bars=3)
        market = ListenedMarket(world, {0: LateFeed(loop, 1.0)}, rules, loop.now_ns, notify=alerts.append)
        steps = [await market.next_step() for _ in range(3)]
        await market.close()
        return [(step.wake, step.now_ns) for step in steps if step is not None]

    told = in_virtual_time(work)
    assert told == [(code, NEXT_NS - 2 * MINUTE_NS), (code, NEXT_NS - MINUTE_NS), (code, NEXT_NS)]
    assert alerts == []


def test_paper_says_what_it_missed() -> None:
    world, alerts = small_world(), list[Alert]()
    world.views["bars"], world.views["ts_ns"] = 17, START_NS + 16 * MINUTE_NS

    async def work(loop: VirtualLoop) -> None:
        feed = LateFeed(loop, 0.0, failures=3)
        market = ListenedMarket(world, {0: feed}, ListeningRules(), loop.now_ns, notify=alerts.append)
        asking = asyncio.ensure_future(market.next_step())
        await asyncio.sleep(20)
        asking.cancel()
        with pytest.raises((asyncio.CancelledError, TradewindError)):
            await asking
        await market.close()

    in_virtual_time(work)
    assert [alert.code for alert in alerts] == ["DATA_STALE"]
