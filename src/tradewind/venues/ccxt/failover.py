"""A second venue's feed stands in while the first one fails: its prices are moved by the basis between the two.

Both feeds are heard all the time. While both speak of an instrument, the ratio of their prices is noted once a
second; the median of a window is the basis. When a stream that is needed has failed for a stated time, the second
feed speaks for that instrument, in the first one's ticks and lots, its prices times the basis. When the first one
has been well for a stated time, it speaks again. Every change is told, as an UP of the streams with who speaks
now. Funding, open interest and liquidations are facts of a venue: they are never taken from the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from math import ceil, floor
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from tradewind.errors import DataUnavailable, TradewindError, VenueError
from tradewind.units.enums import StreamCode
from tradewind.units.time import SECOND_NS
from tradewind.venues.ccxt.budget import Sharing
from tradewind.venues.ccxt.inbox import Inbox
from tradewind.venues.counting import Counting
from tradewind.venues.gateway import (
    BarSeen,
    FundingRateSeen,
    MarkSeen,
    Prompt,
    Settling,
    StatusSeen,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.counting import Counted
    from tradewind.venues.gateway import Event, Listing, MarketFeed

__all__ = ["PRICED", "FailoverFeed", "FailoverRules"]

_FIRST, _SECOND = 0, 1
PRICED = (StreamKind.BARS, StreamKind.TRADES, StreamKind.TOP, StreamKind.MARK)
"""What may be taken from another venue."""
_BARS_KEPT = 64

Priced = BarSeen | TradeSeen | TopSeen | MarkSeen


@dataclass(frozen=True, slots=True)
class FailoverRules:
    """When the second feed speaks.

    Parameters
    ----------
    after_s
        A needed stream of the first feed has failed for so long.
    healed_s
        The first feed has been well for so long.
    basis_window, basis_least
        How many seconds of prices of both make the basis, and how many there must be.
    fresh_s
        Age at which a price is not compared any more.
    """

    after_s: float = 10.0
    healed_s: float = 60.0
    basis_window: int = 600
    basis_least: int = 30
    fresh_s: float = 5.0


@dataclass(slots=True)
class _Pair:
    """One instrument at both venues."""

    names: tuple[str, str]
    tick_ratio: float
    lot_ratio: float
    ratios: deque[float]
    speaker: int = _FIRST
    prices: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0), (0.0, 0)])
    failing: list[dict[StreamKind, int]] = field(default_factory=lambda: [{}, {}])
    well_since_ns: int = 0
    told_bars_ns: dict[int, int] = field(default_factory=dict)
    bars: deque[BarSeen] = field(default_factory=lambda: deque(maxlen=_BARS_KEPT))

    @property
    def basis(self) -> float:
        """Return the first venue's price over the second's."""
        return median(self.ratios)


class FailoverFeed:
    """A `MarketFeed` over two.

    Parameters
    ----------
    first, second
        The feeds, not yet open, of the same indices.
    listings
        Each instrument as the first and as the second venue lists it.
    needed
        Streams of the first feed whose failure counts.
    now_ns
        Our clock.
    rules
        When the second one speaks.
    """

    def __init__(
        self,
        first: MarketFeed,
        second: MarketFeed,
        listings: Sequence[tuple[Listing, Listing]],
        *,
        needed: frozenset[StreamKind],
        now_ns: Callable[[], int],
        rules: FailoverRules | None = None,
    ) -> None:
        self._feeds = (first, second)
        self._needed = needed & frozenset(PRICED)
        self._now_ns = now_ns
        self._rules = rules or FailoverRules()
        self._inbox = Inbox(now_ns)
        self.tell_to = self._inbox.tell_to
        self._pairs = {one.index: self._pair(one, other) for one, other in listings}
        self._tasks: list[asyncio.Task[None]] = []
        self._lost: list[Exception | None] = [None, None]

    def _pair(self, one: Listing, other: Listing) -> _Pair:
        mine, theirs = one.instrument, other.instrument
        return _Pair(
            (mine.venue, theirs.venue),
            float(theirs.tick_size / mine.tick_size),
            float((theirs.lot_size * theirs.contract_size) / (mine.lot_size * mine.contract_size)),
            deque(maxlen=self._rules.basis_window),
        )

    # ------------------------------------------------------------------ a MarketFeed

    async def open(self) -> None:
        """Open both. Raises what the first raises; without the second there is no stand-in, which is told."""
        first, second = await asyncio.gather(*(feed.open() for feed in self._feeds), return_exceptions=True)
        if isinstance(first, BaseException):
            await self._feeds[_SECOND].close()
            raise first
        self._tasks = [asyncio.create_task(self._pump(_FIRST)), asyncio.create_task(self._watch())]
        if isinstance(second, VenueError):
            self._lose(_SECOND, second)
        elif second is not None:
            raise second
        else:
            self._tasks.append(asyncio.create_task(self._pump(_SECOND)))

    async def next_events(self) -> list[Event]:
        """Return what came in since the last call, at least one event, in order of receipt."""
        return await self._inbox.take()

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        """Return closed bars of the first venue, or those of the second, moved: where the first gives none, or a hole.

        Raises what the first raises, where nobody can stand in or the basis is not known yet.
        """
        try:
            return await self._feeds[_FIRST].bars(instrument, interval_ns, start_ns, end_ns)
        except (VenueError, DataUnavailable) as error:
            pair = self._pairs[instrument]
            if self._lost[_SECOND] is not None or not self._has_basis(pair):
                raise
            found = await self._feeds[_SECOND].bars(instrument, interval_ns, start_ns, end_ns)
            self._tell_stand_in(pair, error)
            moved = found.astype(np.float64)
            moved[:, 1:5] *= pair.tick_ratio * pair.basis
            moved[:, 5] *= pair.lot_ratio
            rounded = np.rint(moved).astype(np.int64)
            rounded[:, 0] = found[:, 0]
            return rounded

    def _tell_stand_in(self, pair: _Pair, error: TradewindError) -> None:
        first, second = pair.names
        text = (
            f"history of {second} stands in for {first}'s, its prices times {pair.basis:.6f}: {error.message}"
        )
        self._inbox.put(StatusSeen(-1, False, False, False, text, self._now_ns()))

    async def settlements(self, instrument: int, start_ns: int, end_ns: int) -> list[FundingRateSeen]:
        """Return settlements of the first venue: the other one's are another contract's."""
        first = self._feeds[_FIRST]
        return await first.settlements(instrument, start_ns, end_ns) if isinstance(first, Settling) else []

    async def close(self) -> None:
        """Let go of both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(feed.close() for feed in self._feeds))

    def share(self, addresses: Mapping[str, Address]) -> None:
        """Let both count what they ask for all who ask their venues from here."""
        for feed in self._feeds:
            if isinstance(feed, Sharing):
                feed.share(addresses)

    def traffics(self) -> list[Counted]:
        """Return what became of what both asked."""
        return [each for feed in self._feeds if isinstance(feed, Counting) for each in feed.traffics()]

    def speaker(self, instrument: int) -> str:
        """Return the venue that speaks for an instrument now."""
        pair = self._pairs[instrument]
        return pair.names[pair.speaker]

    def basis(self, instrument: int) -> float | None:
        """Return the first venue's price over the second's, None where too little of both was heard."""
        pair = self._pairs[instrument]
        return pair.basis if self._has_basis(pair) else None

    # ------------------------------------------------------------------ hearing both

    async def _pump(self, which: int) -> None:
        feed = self._feeds[which]
        try:
            if isinstance(feed, Prompt):
                feed.tell_to(partial(self._take, which))
            while True:
                for event in await feed.next_events():
                    self._take(which, event)
        except Exception as error:  # noqa: BLE001 - whatever ended a feed, the other one goes on
            self._lose(which, error)

    def _lose(self, which: int, error: Exception) -> None:
        self._lost[which] = error
        text = f"the {('first', 'second')[which]} feed has ended: {type(error).__name__}"
        self._inbox.put(StatusSeen(-1, False, False, False, text, self._now_ns()))
        now_ns = self._now_ns()
        for pair in self._pairs.values():
            pair.failing[which].update((kind, now_ns) for kind in self._needed)
        if None not in self._lost:
            self._inbox.fail(error)

    def _take(self, which: int, event: Event) -> None:
        pair = self._pairs.get(getattr(event, "instrument", -1))
        if pair is None:
            if which == _FIRST:
                self._inbox.put(event)
        elif isinstance(event, StreamSeen):
            self._take_state(which, pair, event)
        elif isinstance(event, BarSeen | TradeSeen | TopSeen | MarkSeen):
            self._note_price(which, pair, event)
            self._take_priced(which, pair, event)
        elif which == _FIRST:
            self._inbox.put(event)

    def _take_state(self, which: int, pair: _Pair, event: StreamSeen) -> None:
        failing = pair.failing[which]
        if event.code == StreamCode.UP:
            failing.pop(event.stream, None)
        elif event.stream in self._needed:
            failing.setdefault(event.stream, event.recv_ns)
        own = event.stream not in PRICED
        if (own and which == _FIRST) or (not own and which == pair.speaker):
            self._inbox.put(event)

    def _take_priced(self, which: int, pair: _Pair, event: Priced) -> None:
        if which == _SECOND:
            if isinstance(event, BarSeen):
                pair.bars.append(event)
            if pair.speaker == _SECOND:
                self._put(pair, self._moved(pair, event))
        elif pair.speaker == _FIRST:
            self._put(pair, event)

    def _put(self, pair: _Pair, event: Priced) -> None:
        """Tell an event, a bar only once whoever it came from."""
        if isinstance(event, BarSeen):
            if event.ts_ns <= pair.told_bars_ns.get(event.interval_ns, 0):
                return
            pair.told_bars_ns[event.interval_ns] = event.ts_ns
        self._inbox.put(event)

    def _moved(self, pair: _Pair, event: Priced) -> Priced:
        """Return an event of the second venue in ticks and lots of the first, its prices times the basis."""
        scale = pair.tick_ratio * pair.basis
        if isinstance(event, TopSeen):
            return replace(
                event,
                bid_tick=max(1, floor(event.bid_tick * scale)),
                bid_lot=round(event.bid_lot * pair.lot_ratio),
                ask_tick=max(2, ceil(event.ask_tick * scale)),
                ask_lot=round(event.ask_lot * pair.lot_ratio),
            )
        if isinstance(event, MarkSeen):
            return replace(event, mark=event.mark * scale)
        if isinstance(event, TradeSeen):
            lots = round(event.qty_lot * pair.lot_ratio)
            return replace(event, price_tick=max(1, round(event.price_tick * scale)), qty_lot=lots)
        prices = (event.open_tick, event.high_tick, event.low_tick, event.close_tick)
        first, high, low, last = (max(1, round(price * scale)) for price in prices)
        volume = round(event.volume_lot * pair.lot_ratio)
        return replace(
            event, open_tick=first, high_tick=high, low_tick=low, close_tick=last, volume_lot=volume
        )

    # ------------------------------------------------------------------ the basis

    def _note_price(self, which: int, pair: _Pair, event: Priced) -> None:
        if isinstance(event, TopSeen):
            price = (event.bid_tick + event.ask_tick) / 2.0
        elif isinstance(event, TradeSeen):
            price = float(event.price_tick)
        elif isinstance(event, MarkSeen):
            return
        else:
            price = float(event.close_tick)
        pair.prices[which] = (price, event.recv_ns)

    def _sample(self, pair: _Pair, now_ns: int) -> None:
        (mine, mine_ns), (theirs, theirs_ns) = pair.prices
        fresh_ns = int(self._rules.fresh_s * SECOND_NS)
        both_well = not pair.failing[_FIRST] and not pair.failing[_SECOND]
        if both_well and mine and theirs and now_ns - min(mine_ns, theirs_ns) <= fresh_ns:
            pair.ratios.append(mine / (theirs * pair.tick_ratio))

    def _has_basis(self, pair: _Pair) -> bool:
        return len(pair.ratios) >= self._rules.basis_least

    # ------------------------------------------------------------------ who speaks

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now_ns = self._now_ns()
            for index, pair in self._pairs.items():
                self._sample(pair, now_ns)
                self._choose(index, pair, now_ns)

    def _choose(self, index: int, pair: _Pair, now_ns: int) -> None:
        failing = pair.failing[_FIRST]
        if failing:
            pair.well_since_ns = 0
        elif not pair.well_since_ns:
            pair.well_since_ns = now_ns
        if pair.speaker == _FIRST:
            failed_ns = now_ns - min(failing.values(), default=now_ns)
            ready = not pair.failing[_SECOND] and self._has_basis(pair)
            if failing and failed_ns >= self._rules.after_s * SECOND_NS and ready:
                self._hand_over(index, pair, _SECOND, now_ns)
        elif not failing and now_ns - pair.well_since_ns >= self._rules.healed_s * SECOND_NS:
            self._hand_over(index, pair, _FIRST, now_ns)

    def _hand_over(self, index: int, pair: _Pair, speaker: int, now_ns: int) -> None:
        pair.speaker = speaker
        text = f"{pair.names[speaker]} speaks"
        if speaker == _SECOND:
            text += f" for {pair.names[_FIRST]}, its prices times {pair.basis:.6f}"
        for kind in sorted(self._needed, key=lambda kind: kind.value):
            self._inbox.put(StreamSeen(kind, index, StreamCode.UP, text, now_ns))
        if speaker == _SECOND:
            for bar in list(pair.bars):
                self._put(pair, self._moved(pair, replace(bar, recv_ns=now_ns)))
