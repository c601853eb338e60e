"""Order books whose sequence is proven: a top of book is told only from levels that are known to be whole.

A message that does not join the one before it, a level that is no number, a crossed book or a price beyond what
the snapshot reached ends the book's validity at once; it is told again only after a new snapshot.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.venues.ccxt.decoding import Garbage, place, rows_of, time_ns, whole_number
from tradewind.venues.ccxt.stream_shapes import BookRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.venues.ccxt.decoding import Grid
    from tradewind.venues.ccxt.stream_shapes import BookShape

__all__ = ["Book", "BookBroken", "BookReader", "BookUpdate", "Levels", "Top"]

_WAITING_MAX = 1_000
"""Messages kept while a snapshot is fetched: more than that, and the snapshot comes too late."""

_NO_END = 1 << 62
_MISFITS_MAX = 3

Levels = tuple[tuple[int, int], ...]
Top = tuple[int, int, int, int]
"""Bid tick, bid lot, ask tick, ask lot."""


class BookBroken(Exception):
    """The book cannot be trusted until it begins anew; the argument says why."""


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """One message of a book: levels in ticks and lots (0 lots: the level is gone), and how it joins.

    first, last: ids of the changes in it, None where the venue gives none; previous: the `last` it follows.
    """

    whole: bool
    first: int | None
    last: int | None
    previous: int | None
    bids: Levels
    asks: Levels
    ts_ns: int


class BookReader:
    """Reads messages of books by their shape."""

    def __init__(self, shape: BookShape) -> None:
        self.rule = shape.rule
        self.rows = rows_of(shape.rows)
        self.symbol = place(shape.symbol)
        self._one_level = shape.one_level
        self._plain = (shape.price, shape.qty) == ("0", "1")
        self._bids, self._asks = place(shape.bids), place(shape.asks)
        self._price, self._qty = place(shape.price), place(shape.qty)
        self._ask_qty = place(shape.ask_qty) if shape.one_level else self._qty
        self._action = place(shape.action) if shape.action else None
        self._whole_word = shape.whole_word
        self._ids = [place(path) if path else _nothing for path in (shape.first, shape.last, shape.previous)]
        self._when = place(shape.ts)

    def read(self, message: object, row: object, grid: Grid) -> BookUpdate:
        """Return what a message says of one book. Raises Garbage."""
        whole = self.rule is BookRule.WHOLE
        if self._action is not None:
            whole = self._action(message, row) == self._whole_word
        first, last, previous = (whole_number(look(message, row)) for look in self._ids)
        if self._one_level:
            bids: Levels = (self._level(self._bids(message, row), self._qty(message, row), grid),)
            asks: Levels = (self._level(self._asks(message, row), self._ask_qty(message, row), grid),)
        else:
            bids = self._levels(self._bids(message, row), grid)
            asks = self._levels(self._asks(message, row), grid)
        ts_ns = time_ns(self._when(message, row), 1_000_000)
        return BookUpdate(whole, first, last, previous, bids, asks, ts_ns)

    def _levels(self, found: object, grid: Grid) -> Levels:
        if found is None:
            return ()
        if not isinstance(found, list):
            raise Garbage("levels")
        if self._plain:
            return grid.levels(found)
        return tuple(self._level(self._price(None, level), self._qty(None, level), grid) for level in found)

    @staticmethod
    def _level(price: object, qty: object, grid: Grid) -> tuple[int, int]:
        return grid.price_tick(price), grid.qty_lot(qty)


def _nothing(_message: object, _row: object) -> object:
    return None


class _Side:
    """Levels of one side: quantities by tick, and the ticks in order."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.lots: dict[int, int] = {}

    def replace(self, levels: Iterable[tuple[int, int]]) -> None:
        self.lots = {tick: lots for tick, lots in levels if lots > 0}
        self.ticks = sorted(self.lots)

    def change(self, levels: Iterable[tuple[int, int]]) -> None:
        for tick, lots in levels:
            known = tick in self.lots
            if lots > 0:
                self.lots[tick] = lots
                if not known:
                    insort(self.ticks, tick)
            elif known:
                del self.lots[tick]
                del self.ticks[bisect_left(self.ticks, tick)]


class Book:
    """The book of one instrument.

    Parameters
    ----------
    rule
        How its messages join.

    Notes
    -----
    With `BookRule.FETCHED` changes wait until `begin` was given a snapshot; `wants_snapshot` says so.
    """

    def __init__(self, rule: BookRule) -> None:
        self._rule = rule
        self._bids, self._asks = _Side(), _Side()
        self._last: int | None = None
        self._valid = False
        self._waiting: list[BookUpdate] = []
        self._fits = 0
        self._misfits = self._older = 0
        self._reach = (0, _NO_END)

    @property
    def valid(self) -> bool:
        """Return whether the levels are known to be whole."""
        return self._valid

    @property
    def wants_snapshot(self) -> bool:
        """Return whether changes wait for a snapshot that must be fetched."""
        return self._rule is BookRule.FETCHED and not self._valid

    @property
    def waits(self) -> bool:
        """Return whether changes wait, so that a snapshot fetched now can join them."""
        return bool(self._waiting)

    def forget(self) -> None:
        """Begin anew: nothing is known until the next snapshot."""
        self._valid = False
        self._last = None
        self._waiting.clear()
        self._reach = (0, _NO_END)

    def apply(self, update: BookUpdate) -> Top | None:
        """Take a message; return the top of the book, or None where it is not known yet.

        Raises BookBroken where the message does not join: the book has forgotten everything then.
        """
        if self._rule is BookRule.FETCHED and not self._valid:
            self._wait(update)
            return None
        if update.whole:
            return self._start(update)
        if not self._valid:
            return None
        if not self._follows(update):
            if self._is_older(update):
                return self._top()
            raise self._broken(
                f"a message follows {update.previous or update.first}, the last was {self._last}"
            )
        return self._change(update)

    def begin(self, snapshot_id: int, bids: Levels, asks: Levels, cut_at: int = 0) -> Top | None:
        """Begin at a fetched snapshot and take what waited. Returns None where the snapshot is too old or too new.

        cut_at: how many levels of a side were asked for. Where so many came there are more beyond them that nobody
        told, so that the book ends when the price gets there. Raises BookBroken where what waited does not join.
        """
        waiting = [update for update in self._waiting if update.last is None or update.last >= snapshot_id]
        if waiting and not self._bridges(waiting[0], snapshot_id):
            return None
        self._waiting = []
        self._bids.replace(bids)
        self._asks.replace(asks)
        self._reach = (
            self._bids.ticks[0] if 0 < cut_at <= len(bids) else 0,
            self._asks.ticks[-1] if 0 < cut_at <= len(asks) else _NO_END,
        )
        self._last, self._valid = snapshot_id, True
        top = self._top()
        for place_of, update in enumerate(waiting):
            if place_of > 0 and not self._follows(update):
                raise self._broken("what waited for the snapshot has a hole")
            top = self._change(update)
        return top

    def _wait(self, update: BookUpdate) -> None:
        if len(self._waiting) >= _WAITING_MAX:
            raise self._broken("no snapshot came in time")
        self._waiting.append(update)

    def _bridges(self, update: BookUpdate, snapshot_id: int) -> bool:
        """Return whether the first change that waited joins the snapshot: neither may be newer by a hole."""
        if update.previous is not None and update.previous == snapshot_id:
            return True
        return update.first is not None and update.first <= snapshot_id + 1

    def _start(self, update: BookUpdate) -> Top | None:
        if self._valid and self._rule is BookRule.WHOLE and self._is_older(update):
            self._older += 1
            if self._older <= _MISFITS_MAX:
                return self._top()
        # More in a row that are older: the venue has begun to number anew.
        self._older = 0
        self._bids.replace(update.bids)
        self._asks.replace(update.asks)
        self._last, self._valid = update.last, True
        return self._top()

    def _is_older(self, update: BookUpdate) -> bool:
        """Return whether a message was taken before: told twice, or overtaken by one that held it."""
        return update.last is not None and self._last is not None and update.last <= self._last

    def _follows(self, update: BookUpdate) -> bool:
        if self._rule is BookRule.CONSECUTIVE:
            return self._is_next(update)
        if update.previous is not None:
            return update.previous == self._last
        return update.first is not None and self._last is not None and update.first == self._last + 1

    def _is_next(self, update: BookUpdate) -> bool:
        """Return whether an id is the next one.

        Why misfits are counted: were the ids of a venue never consecutive, contrary to what its table says, its books
        would begin anew for ever. After three breaks without a single fit, rising is enough.
        """
        if update.last is None or self._last is None:
            return False
        if update.last == self._last + 1:
            self._fits += 1
            return True
        if self._fits == 0 and update.last > self._last:
            self._misfits += 1
            return self._misfits > _MISFITS_MAX
        return False

    def _change(self, update: BookUpdate) -> Top | None:
        self._bids.change(update.bids)
        self._asks.change(update.asks)
        self._last = update.last
        return self._top()

    def _top(self) -> Top | None:
        if not self._bids.ticks or not self._asks.ticks:
            return None
        bid, ask = self._bids.ticks[-1], self._asks.ticks[0]
        if bid >= ask:
            raise self._broken(f"the book is crossed: {bid} bid, {ask} asked")
        if bid < self._reach[0] or ask > self._reach[1]:
            raise self._broken("the price left what the snapshot reached")
        return bid, self._bids.lots[bid], ask, self._asks.lots[ask]

    def _broken(self, why: str) -> BookBroken:
        self.forget()
        return BookBroken(why)
