"""Runs of a market feed against a fake exchange in virtual time, with a plan of misfortunes, and what it told."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import BarSeen, Listing, StreamKind, StreamSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.misfortunes import Strike
    from tradewind.venues.gateway import Event

__all__ = ["FeedRun", "run_feed"]


@dataclass(slots=True)
class FeedRun:
    """What a feed told.

    Parameters
    ----------
    began_ns, ended_ns
        When it was open, and when it was closed.
    events
        Everything, in order.
    truth
        The closed minutes of the exchange itself by (instrument, open time): open, high, low, close in ticks.
    dropped, not_up
        What the feed dropped, by reason, and the streams that were not up at the end.
    settled
        The last settled funding rate of each instrument, by the exchange itself.
    fetched
        What the feed's `bars` gave for the first instrument's last half hour.
    digest
        Hash of everything that the exchange was asked and said.
    """

    began_ns: int = 0
    ended_ns: int = 0
    events: list[Event] = field(default_factory=list)
    truth: dict[tuple[int, int], tuple[int, int, int, int]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    not_up: list[tuple[StreamKind, int]] = field(default_factory=list)
    settled: dict[int, float] = field(default_factory=dict)
    fetched: np.ndarray = field(default_factory=lambda: np.empty((0, 6), np.int64))
    digest: str = ""

    def states(self, kind: StreamKind, instrument: int = 0) -> list[tuple[float, int, str]]:
        """Return what was told of a stream: seconds since the opening, code, text."""
        return [
            ((event.recv_ns - self.began_ns) / SECOND_NS, event.code, event.text)
            for event in self.events
            if isinstance(event, StreamSeen) and (event.stream, event.instrument) == (kind, instrument)
        ]

    def bars(self) -> dict[tuple[int, int], tuple[int, int, int, int]]:
        """Return the bars that were told. Raises AssertionError where one was told twice or out of order."""
        found: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        latest: dict[int, int] = {}
        for event in self.events:
            if not isinstance(event, BarSeen):
                continue
            expected = latest.get(event.instrument, event.ts_ns - event.interval_ns) + event.interval_ns
            assert event.ts_ns == expected, "a bar was left out, told twice or out of order"
            assert event.recv_ns >= event.ts_ns + event.interval_ns, "a bar was told before its end"
            latest[event.instrument] = event.ts_ns
            prices = event.open_tick, event.high_tick, event.low_tick, event.close_tick
            found[event.instrument, event.ts_ns] = prices
        return found


def run_feed(
    venue: str,
    minutes: float,
    *strikes: Strike,
    seed: int = 1,
    kinds: frozenset[StreamKind] | None = None,
    start_ns: int = START_NS,
    also: Callable[[VirtualWorld], None] = lambda _world: None,
) -> FeedRun:
    """Let a feed of two instruments run for so many virtual minutes after it is open.

    also: called when the feed is open, to do something to the world by hand.
    """
    wanted = kinds or frozenset({StreamKind.TRADES, StreamKind.BARS, StreamKind.TOP, StreamKind.MARK})
    plan = Misfortunes(strikes, seed=seed)

    async def work(world: VirtualWorld) -> FeedRun:
        run = FeedRun()
        exchange = world.exchanges[venue]
        symbols = list(exchange.instruments)[:2]
        listings = [Listing(n, exchange.instruments[symbol]) for n, symbol in enumerate(symbols)]
        feed = CcxtMarketFeed(
            venue,
            build_exchange(CLIENTS[venue], world.session()),
            listings,
            kinds=wanted,
            intervals_ns=(MINUTE_NS,),
            now_ns=world.loop.now_ns,
            rng=random.Random(seed),  # noqa: S311 - a simulation repeats
        )
        await feed.open()
        run.began_ns = world.loop.now_ns()
        also(world)
        until_ns = run.began_ns + int(minutes * MINUTE_NS)
        while world.loop.now_ns() < until_ns:
            run.events += await feed.next_events()
        run.ended_ns = world.loop.now_ns()
        run.dropped = feed.dropped
        run.not_up = feed.health.not_up()
        half_hour_ns = 30 * MINUTE_NS
        run.fetched = await feed.bars(0, MINUTE_NS, run.ended_ns - half_hour_ns, run.ended_ns)
        await feed.close()
        for n, symbol in enumerate(symbols):
            run.settled[n] = float(exchange.funding(symbol).rate)
            tick = exchange.instruments[symbol].tick_size
            since_ns = run.ended_ns - max(half_hour_ns, run.ended_ns - run.began_ns + 2 * MINUTE_NS)
            for row in exchange.candles(symbol, MINUTE_NS, since_ns, run.ended_ns, 10_000):
                prices = row.open, row.high, row.low, row.close
                first, high, low, last = (round(price / tick) for price in prices)
                if row.closed:
                    run.truth[n, row.open_ns] = first, high, low, last
        run.digest = world.trace.digest
        return run

    result: FeedRun = run_world(
        work, seed=seed, venues=(venue,), start_ns=start_ns, misfortunes={venue: plan}
    )
    return result
