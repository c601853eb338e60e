"""A second venue stands in for the first: when, at which prices, without a bar lost or told twice, and back again."""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tradewind.errors import DataUnfit
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.failover import FailoverFeed, FailoverRules
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.gateway import (
    BarSeen,
    Listing,
    StatusSeen,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from tradewind.venues.gateway import Event

KINDS = frozenset({StreamKind.TRADES, StreamKind.BARS, StreamKind.TOP})
FIRST_HOSTS = ("fstream.binance.com", "fapi.binance.com")


def feed_of(world: VirtualWorld, venue: str) -> tuple[CcxtMarketFeed, Listing]:
    exchange = world.exchanges[venue]
    symbol = next(iter(exchange.instruments))
    listing = Listing(0, exchange.instruments[symbol])
    feed = CcxtMarketFeed(
        venue,
        build_exchange(CLIENTS[venue], world.session()),
        [listing],
        kinds=KINDS,
        intervals_ns=(MINUTE_NS,),
        now_ns=world.loop.now_ns,
        rng=random.Random(1),
    )
    return feed, listing


def lived(
    fails_at_s: float, fails_for_s: float, minutes: float, premium: float = 1.0
) -> tuple[list[Event], dict[int, float]]:
    """Return what a failover feed tells whose first venue falls silent for some time, and that venue's own closes."""

    async def work(world: VirtualWorld) -> tuple[list[Event], dict[int, float]]:
        if premium != 1.0:
            exchange = world.exchanges["okx_swap"]
            exchange.move_price(next(iter(exchange.instruments)), premium)
        (first, one), (second, other) = feed_of(world, "binance_usdm"), feed_of(world, "okx_swap")
        rules = FailoverRules(after_s=10.0, healed_s=40.0, basis_least=20)
        feed = FailoverFeed(
            first, second, [(one, other)], needed=KINDS, now_ns=world.loop.now_ns, rules=rules
        )
        await feed.open()
        world.loop.call_later(fails_at_s, world.network.ail, "from_venue", fails_for_s, FIRST_HOSTS)
        events: list[Event] = []
        while world.loop.now_ns() < START_NS + int(minutes * MINUTE_NS):
            events += await feed.next_events()
        assert all(each.counts["answered"] > 0 for each in feed.traffics())
        assert len(feed.traffics()) == 2
        await feed.close()
        rows = world.exchanges["binance_usdm"].candles(
            one.instrument.symbol, MINUTE_NS, START_NS, world.loop.now_ns(), 1_000
        )
        return events, {row.open_ns: float(row.close / one.instrument.tick_size) for row in rows}

    found: tuple[list[Event], dict[int, float]] = run_world(work, seed=3, venues=("binance_usdm", "okx_swap"))
    return found


def switches(events: list[Event]) -> list[tuple[float, str]]:
    """Return who began to speak, and when."""
    found = [
        ((event.recv_ns - START_NS) / SECOND_NS, event.text)
        for event in events
        if isinstance(event, StreamSeen) and event.stream is StreamKind.BARS and "speaks" in event.text
    ]
    return found


@pytest.mark.parametrize("premium", [1.0, 1.02])
def test_the_second_venue_stands_in_at_the_first_ones_prices(premium: float) -> None:
    events, closes = lived(60.0, 90.0, 6, premium)
    (began_s, began), (back_s, back) = switches(events)
    assert 60.0 < began_s < 60.0 + 15.0 + 10.0 + 2.0
    assert began.startswith("okx_swap speaks for binance_usdm, its prices times ")
    assert float(began.rsplit(" ", 1)[1]) == pytest.approx(1.0 / premium, rel=2e-3)
    assert back == "binance_usdm speaks"
    assert back_s > 150.0 + 40.0
    bars = [event.ts_ns for event in events if isinstance(event, BarSeen)]
    assert bars == [bars[0] + n * MINUTE_NS for n in range(len(bars))]
    assert len(bars) == 6
    for event in events:
        if isinstance(event, BarSeen):
            assert event.close_tick == pytest.approx(closes[event.ts_ns], rel=4e-3)
    prices = {
        speaks: [
            event.price_tick
            for event in events
            if isinstance(event, TradeSeen)
            and (began_s < (event.recv_ns - START_NS) / SECOND_NS < back_s) is speaks
        ]
        for speaks in (False, True)
    }
    assert min(map(len, prices.values())) > 50
    assert median(prices[True]) == pytest.approx(median(prices[False]), rel=8e-3)
    assert all(event.bid_tick < event.ask_tick for event in events if isinstance(event, TopSeen))


def test_a_short_outage_changes_nobody() -> None:
    assert switches(lived(60.0, 6.0, 3)[0]) == []


def test_without_a_basis_nobody_stands_in() -> None:
    """Ten seconds of both are too little to know how far apart they are."""
    assert switches(lived(8.0, 60.0, 3)[0]) == []


def asked_with_a_hole(venue: str, heard_s: float) -> tuple[np.ndarray, np.ndarray, list[Event]]:
    """Return the bars of a failover feed where a venue has a hole in its own, the first one's, and what was told."""
    begin_ns, end_ns = START_NS - 31 * MINUTE_NS, START_NS - MINUTE_NS
    hole = Strike(START_NS + int(heard_s * SECOND_NS), "F59", duration_ns=MINUTE_NS, args={"form": 0.0})

    async def work(world: VirtualWorld) -> tuple[np.ndarray, np.ndarray, list[Event]]:
        (first, one), (second, other) = feed_of(world, "binance_usdm"), feed_of(world, "okx_swap")
        feed = FailoverFeed(
            first,
            second,
            [(one, other)],
            needed=KINDS,
            now_ns=world.loop.now_ns,
            rules=FailoverRules(basis_least=20),
        )
        await feed.open()
        own = await first.bars(0, MINUTE_NS, begin_ns, end_ns)
        events: list[Event] = []
        while world.loop.now_ns() < START_NS + int((heard_s + 1.0) * SECOND_NS):
            events += await feed.next_events()
        try:
            found = await feed.bars(0, MINUTE_NS, begin_ns, end_ns)
            events += await feed.next_events()
        finally:
            await feed.close()
        return found, own, events

    plans = {venue: Misfortunes([hole], seed=1)}
    found: tuple[np.ndarray, np.ndarray, list[Event]] = run_world(
        work, seed=3, venues=("binance_usdm", "okx_swap"), misfortunes=plans
    )
    return found


def test_a_hole_in_the_first_venues_history_is_no_hole_in_the_seconds() -> None:
    found, own, events = asked_with_a_hole("binance_usdm", 40.0)
    assert found[:, 0].tolist() == own[:, 0].tolist()
    assert found[:, 4] == pytest.approx(own[:, 4], rel=4e-3)
    told = [event.text for event in events if isinstance(event, StatusSeen)]
    assert any("okx_swap" in text and "bars are missing" in text for text in told), told


def test_without_a_basis_a_hole_stays_a_hole() -> None:
    with pytest.raises(DataUnfit) as caught:
        asked_with_a_hole("binance_usdm", 5.0)
    assert caught.value.code == "DATA_GAP"
