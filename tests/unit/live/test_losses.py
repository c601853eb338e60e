"""What the session could not take in time: how much of it was lost stands in the journal."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.live.inbox import Heard, Inbox
from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.staleness import Staleness
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.sessions import START_NS, small_world
from tradewind.units.enums import FactKind, StreamCode
from tradewind.venues.gateway import (
    FundingRateSeen,
    LiquidationSeen,
    MarketFeed,
    MarkSeen,
    StreamKind,
    StreamSeen,
    TradeSeen,
)

S = 1_000_000_000


def trade(number: int, instrument: int = 0) -> TradeSeen:
    at_ns = START_NS + number
    return TradeSeen(instrument, 1, 5_000, 1, number, at_ns, at_ns)


def told(inbox: Inbox) -> list[tuple[StreamKind, int, int, int]]:
    items = [item for item in inbox.items if isinstance(item, Heard)]
    events = [item.event for item in items if isinstance(item.event, StreamSeen)]
    return [(event.stream, event.instrument, event.code, event.lost) for event in events]


def test_prints_beyond_the_bound_are_told_as_lost_and_settlements_are_kept() -> None:
    inbox = Inbox()
    inbox.hear(-1, FundingRateSeen(1, 0.0001, START_NS, START_NS))
    inbox.hear(-1, LiquidationSeen(1, -1, 5.0, START_NS, START_NS))
    for number in range(9_999):
        inbox.hear(-1, trade(number, number % 2))
    assert told(inbox) == [
        (StreamKind.LIQUIDATIONS, 1, StreamCode.GAP, 1),
        (StreamKind.TRADES, 0, StreamCode.GAP, 2_499),
        (StreamKind.TRADES, 1, StreamCode.GAP, 2_499),
    ]
    assert inbox.dropped == 4_999
    kept = inbox.take_market()
    assert isinstance(kept[0], FundingRateSeen)
    assert [event.trade_key for event in kept[1:] if isinstance(event, TradeSeen)] == list(
        range(4_998, 9_999)
    )


@pytest.mark.parametrize("is_stale", [False, True])
def test_a_loss_leaves_what_is_trusted_as_it_was(is_stale: bool) -> None:
    stale = Staleness()
    if is_stale:
        stale.note([0], "late", StreamCode.STALE, 1)
    seen = StreamSeen(StreamKind.TRADES, 0, StreamCode.GAP, "7 messages dropped", 2, lost=7)
    facts = stale.note_loss(seen, 2)
    codes = [StreamCode.GAP] if is_stale else [StreamCode.GAP, StreamCode.UP]
    assert [(fact.kind, fact.code) for fact in facts] == [(FactKind.STREAM, code) for code in codes]
    assert facts[0].qty_lot == 7


class Flood:
    """A feed that says more at once than anybody takes."""

    def __init__(self) -> None:
        self.said = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def next_events(self) -> list[TradeSeen]:
        if self.said:
            await asyncio.sleep(3_600)
        self.said = True
        return [trade(number) for number in range(10_001)]

    async def bars(self, instrument, interval_ns, start_ns, end_ns):  # type: ignore[no-untyped-def]
        raise AssertionError("nothing is missing")


def test_on_paper_a_loss_is_a_fact_of_the_step() -> None:
    world = small_world()
    world.views["bars"], world.views["ts_ns"] = 1, START_NS - 60 * S

    async def work() -> list[tuple[int, int, int]]:
        market = ListenedMarket(
            world, {0: Flood()}, ListeningRules(), lambda: START_NS + 3 * S, notify=lambda _: None
        )  # type: ignore[dict-item]
        step = await market.next_step()
        await market.close()
        assert step is not None
        rows = step.facts[step.facts["kind"] == FactKind.STREAM]
        return list(zip(rows["code"].tolist(), rows["qty_lot"].tolist(), strict=True))

    assert asyncio.run(work()) == [(StreamCode.GAP, 5_000), (StreamCode.UP, 0)]


def test_a_loss_is_a_fact_of_a_live_session_too() -> None:
    world = small_world()
    world.views["bars"], world.views["ts_ns"] = 1, START_NS - 60 * S

    async def work() -> list[tuple[int, int]]:
        feeds: dict[int, MarketFeed] = {0: Flood()}  # type: ignore[dict-item]
        venue = LiveVenue(world, [], feeds, LiveRules(), lambda: START_NS + 3 * S, notify=lambda _: None)
        batch = await venue.next_batch(0, 0)
        await venue.close()
        assert batch is not None
        rows = batch.facts[batch.facts["kind"] == FactKind.STREAM]
        return list(zip(rows["code"].tolist(), rows["qty_lot"].tolist(), strict=True))

    assert asyncio.run(work()) == [(StreamCode.GAP, 5_000), (StreamCode.UP, 0)]


def test_what_gave_way_to_newer_marks_and_prices_is_counted_by_stream_and_told_once() -> None:
    inbox = Inbox()
    for number in range(5):
        at_ns = START_NS + number
        inbox.hear(-1, MarkSeen(1, 5_000.0 + number, at_ns, at_ns))
        inbox.hear(-1, MarkSeen(0, 5_000.0, at_ns, at_ns))
        if number == 2:
            inbox.take_market()
    inbox.hear(-1, trade(1))
    (told_now,) = inbox.tell_conflated(START_NS + 9)
    assert (told_now.actor, told_now.what, told_now.at_ns) == ("", "conflated", START_NS + 9)
    assert told_now.detail == {"since_ns": 0, "streams": [("mark", 0, 3), ("mark", 1, 3)]}
    assert [event.mark for event in inbox.take_market() if isinstance(event, MarkSeen)] == [5_004.0, 5_000.0]
    inbox.hear(-1, MarkSeen(1, 5_000.0, START_NS, START_NS))
    assert inbox.tell_conflated(START_NS + 10) == ()
    inbox.hear(-1, MarkSeen(1, 5_000.0, START_NS, START_NS))
    (later,) = inbox.tell_conflated(START_NS + 11)
    assert later.detail == {"since_ns": START_NS + 10, "streams": [("mark", 1, 1)]}
