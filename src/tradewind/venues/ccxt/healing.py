"""Healing what streams left open: bars that were not told are fetched, books are begun at a snapshot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tradewind.units.time import SECOND_NS, format_utc
from tradewind.venues.ccxt.books import BookBroken
from tradewind.venues.ccxt.decoding import Garbage, whole_number
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from tradewind.venues.ccxt.books import Levels
    from tradewind.venues.ccxt.candles import Bar, CandleKeeper, Closed
    from tradewind.venues.ccxt.decoding import Grid
    from tradewind.venues.ccxt.hearing import Heard, Hearing
    from tradewind.venues.ccxt.history import RestReader, Row

__all__ = ["Healer"]

_SNAPSHOT_LEVELS = 1_000
_GIVEN_UP_AFTER = 10
_AGAIN_NS = 5 * SECOND_NS


class Healer:
    """Finds what is due to be fetched, and fetches it.

    Parameters
    ----------
    rest
        Where it is fetched.
    hearing
        Who tells it.
    heard
        The instruments by index.
    unified
        ccxt's name of an instrument.
    grace_ns
        How long after its end a bar may be late.
    """

    def __init__(
        self,
        rest: RestReader,
        hearing: Hearing,
        heard: Mapping[int, Heard],
        unified: Callable[[int], str],
        grace_ns: int,
    ) -> None:
        self._rest, self._hearing, self._heard = rest, hearing, heard
        self._unified, self._grace_ns = unified, grace_ns
        self._tries: dict[object, int] = {}
        self._not_before_ns: dict[object, int] = {}

    def due(self, now_ns: int) -> Iterator[tuple[object, Callable[[], Awaitable[None]]]]:
        """Yield a name and the work for everything that should be fetched now."""
        for index, one in self._heard.items():
            if one.book is not None and one.book.wants_snapshot and one.book.waits:
                name: object = ("book", index)
                if self._may(name, now_ns):
                    yield name, partial(self._begin_book, index, one)
            for interval_ns, keeper in one.keepers.items():
                name = ("bars", index, interval_ns)
                if keeper.due(now_ns, self._grace_ns) and self._may(name, now_ns):
                    yield name, partial(self._fill, index, keeper, now_ns)

    def _may(self, name: object, now_ns: int) -> bool:
        if now_ns < self._not_before_ns.get(name, 0):
            return False
        self._not_before_ns[name] = now_ns + _AGAIN_NS
        return True

    async def _begin_book(self, index: int, one: Heard) -> None:
        book = one.book
        assert book is not None
        found = await self._rest.call("fetch_order_book", self._unified(index), _SNAPSHOT_LEVELS)
        snapshot_id = whole_number(found.get("nonce"))
        if snapshot_id is None or not book.wants_snapshot:
            return
        try:
            sides = [_levels(found[side], one.grid) for side in ("bids", "asks")]
            top = book.begin(snapshot_id, sides[0], sides[1], _SNAPSHOT_LEVELS)
        except BookBroken:
            return
        now_ns = self._hearing.now_ns()
        if top is None:
            self._not_before_ns.pop(("book", index), None)
        self._hearing.tell_top(one, top, one.latest_ns.get(StreamKind.TOP, now_ns), now_ns)

    async def _fill(self, index: int, keeper: CandleKeeper, now_ns: int) -> None:
        """Fetch bars that are missing; after so many attempts they are given up, which is told."""
        stretch = keeper.due(now_ns, self._grace_ns)
        if stretch is None:
            return
        one, name = self._heard[index], (index, keeper.interval_ns)
        page = await self.page(index, keeper.interval_ns, stretch, recent=True)
        told = keeper.fetched(page)
        self._hearing.tell_bars(one, keeper.interval_ns, told, self._hearing.now_ns())
        self._tries[name] = 0 if told else self._tries.get(name, 0) + 1
        if self._tries[name] >= _GIVEN_UP_AFTER and page:
            self._tries[name] = 0
            start_ns, end_ns = keeper.next_ns, page[0][0]
            self._hearing.tell_gap(one, f"no bars from {format_utc(start_ns)} to {format_utc(end_ns)}")
            told = keeper.skip_to(end_ns)
            self._hearing.tell_bars(one, keeper.interval_ns, told, self._hearing.now_ns())

    async def page(
        self, index: int, interval_ns: int, stretch: tuple[int, int], *, recent: bool
    ) -> list[Closed]:
        """Return one page of bars of [start, end) in ticks and lots, without those that are impossible.

        recent: whether their prices should be near those of now.
        """
        one = self._heard[index]
        found = []
        for row in await self._rest.bars(self._unified(index), interval_ns, *stretch):
            try:
                bar = bar_of(row, one.grid)
                for tick in bar[1:3] if recent else ():
                    one.near.admit(tick, self._hearing.now_ns())
                found.append((row[0], bar))
            except Garbage as error:
                self._hearing.dropped[f"rest_{error.reason}"] += 1
        return found


def bar_of(row: Row, grid: Grid) -> Bar:
    """Return a bar of REST in ticks and lots; its volume is in base units. Raises Garbage."""
    first, high, low, last = (grid.price_tick(price) for price in row[1:5])
    if not low <= min(first, last) <= max(first, last) <= high:
        raise Garbage("ohlc")
    return first, high, low, last, grid.qty_lot(row[5] / grid.contract_size)


def _levels(found: object, grid: Grid) -> Levels:
    if not isinstance(found, list):
        raise Garbage("levels")
    return tuple((grid.price_tick(level[0]), grid.qty_lot(level[1])) for level in found)
