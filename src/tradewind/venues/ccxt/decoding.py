"""Reading messages of market data by the shapes of `stream_table`: numbers are checked before they become facts.

What is not finite, not positive, off the grid or beyond what the core can hold is not corrected: it is refused
with a reason that is counted, and nothing of the message is passed on.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from tradewind.units.time import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tradewind.market import Instrument
    from tradewind.venues.ccxt.stream_shapes import CandleShape, LiquidationShape, MarkShape, TradeShape

__all__ = [
    "CandleReader",
    "Garbage",
    "Grid",
    "LiquidationReader",
    "MarkReader",
    "Near",
    "TradeReader",
    "finite",
    "place",
    "places",
    "rows_of",
    "time_ns",
    "trade_key",
    "whole_number",
]

_TICK_MAX = 1 << 53
_GRID_RATIO = 1e-6
"""A price that misses its tick by more than this share of a tick is not of this instrument's grid."""
_KEY_BITS = 62
_DIGITS_MAX = 40
_NUMBERS = (str, int, float)
_FAR_RATIO = 10.0
_RIVALS = 50
_DOUBT_NS = 10 * MINUTE_NS


class Garbage(Exception):
    """A message that says something impossible; the argument is the reason under which it is counted."""

    @property
    def reason(self) -> str:
        """Return the word under which it is counted."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of one instrument as floats, and the way from a venue's numbers to ticks and lots.

    contract_size: base units of one contract, so that volumes in base units become lots too.
    """

    tick: float
    lot: float
    contract_size: float

    @classmethod
    def of(cls, instrument: Instrument) -> Grid:
        """Return the grid of an instrument."""
        return cls(float(instrument.tick_size), float(instrument.lot_size), float(instrument.contract_size))

    def price_tick(self, value: object) -> int:
        """Return a price in ticks. Raises Garbage where it is no price of this grid."""
        ratio = _positive(value, "price") / self.tick
        tick = round(ratio) if ratio <= _TICK_MAX else 0
        if tick < 1 or abs(ratio - tick) > max(_GRID_RATIO, ratio * 1e-12):
            raise Garbage("off_grid")
        return tick

    def price_ticks(self, values: Sequence[object]) -> list[int]:
        """Return prices in ticks, as `price_tick` does one; by hand where all are plain numbers of this grid."""
        tick, told = self.tick, []
        try:
            for value in values:
                ratio = float(value) / tick  # type: ignore[arg-type]
                whole = round(ratio)
                if value is True or not 0 < whole <= _TICK_MAX or abs(ratio - whole) > _GRID_RATIO:
                    return [self.price_tick(value) for value in values]
                told.append(whole)
        except (TypeError, ValueError, OverflowError):
            return [self.price_tick(value) for value in values]
        return told

    def qty_lot(self, value: object) -> int:
        """Return a quantity in whole lots, rounded. Raises Garbage where it is negative or no number."""
        try:
            lots = float(value) / self.lot  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise Garbage("qty") from None
        if value is True or value is False or not 0.0 <= lots <= _TICK_MAX:
            raise Garbage("qty")
        return round(lots)

    def levels(self, found: list[object]) -> tuple[tuple[int, int], ...]:
        """Return the levels of a book, lists that begin with price and quantity. Raises Garbage.

        Why by hand: a book has a hundred of them in a message.
        """
        tick, lot = self.tick, self.lot
        told = []
        try:
            for level in found:
                ratio, lots = float(level[0]) / tick, float(level[1]) / lot  # type: ignore[index]
                whole = round(ratio)
                if not (
                    0 < whole <= _TICK_MAX and abs(ratio - whole) <= _GRID_RATIO and 0.0 <= lots <= _TICK_MAX
                ):
                    told.append((self.price_tick(level[0]), self.qty_lot(level[1])))  # type: ignore[index]
                else:
                    told.append((whole, round(lots)))
        except (TypeError, ValueError, IndexError, KeyError, OverflowError):
            raise Garbage("levels") from None
        return tuple(told)

    def price(self, value: object) -> float:
        """Return a price in ticks, not rounded. Raises Garbage where it is no price."""
        ticks = _positive(value, "price") / self.tick
        if ticks > _TICK_MAX:
            raise Garbage("price")
        return ticks


class Near:
    """What prices of one instrument are believable: within ten times of the last one that was believed.

    One that is far from it may be the truth after all, where the first of all was wrong or an instrument was
    redenominated: after ten minutes in which nothing else came, prices that agree with each other are believed.
    """

    def __init__(self) -> None:
        self._tick = 0.0
        self._admitted_ns = 0
        self._rival = 0.0
        self._rivals = 0

    def admit(self, tick: float, now_ns: int) -> None:
        """Believe a price in ticks. Raises Garbage where it is not to be believed."""
        if not self._tick or self._tick / _FAR_RATIO < tick < self._tick * _FAR_RATIO:
            self._tick, self._admitted_ns, self._rivals = tick, now_ns, 0
            return
        agrees = self._rival / _FAR_RATIO < tick < self._rival * _FAR_RATIO
        self._rival, self._rivals = tick, self._rivals + 1 if agrees else 1
        if self._rivals < _RIVALS or now_ns - self._admitted_ns < _DOUBT_NS:
            raise Garbage("far_price")
        self._tick, self._admitted_ns, self._rivals = tick, now_ns, 0

    def admit_both(self, high: float, low: float, now_ns: int) -> None:
        """Believe the highest and the lowest price of a bar, as `admit` does one after the other."""
        if self._tick / _FAR_RATIO < high < self._tick * _FAR_RATIO and high / _FAR_RATIO < low <= high:
            self._tick, self._admitted_ns, self._rivals = low, now_ns, 0
        else:
            self.admit(high, now_ns)
            self.admit(low, now_ns)


def finite(value: object, reason: str) -> float:
    """Return a number that is finite. Raises Garbage with the reason for anything else."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise Garbage(reason)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Garbage(reason) from None
    if not math.isfinite(number):
        raise Garbage(reason)
    return number


def _positive(value: object, reason: str) -> float:
    number = finite(value, reason)
    if number <= 0.0:
        raise Garbage(reason)
    return number


# ---------------------------------------------------------------------- places


def place(path: str) -> Callable[[object, object], object]:
    """Return what finds a value by its path, from (message, row); None where it is not there."""
    where, _, pattern = path.partition("~")
    from_message = where.startswith("^")
    steps = [int(step) if step.isdigit() else step for step in where.lstrip("^").split(".") if step]
    found = re.compile(pattern) if pattern else None
    if found is None and len(steps) == 1:
        return _one_step(steps[0], from_message=from_message)

    def look(message: object, row: object) -> object:
        value = message if from_message else row
        for step in steps:
            value = _step(value, step)
        if found is None:
            return value
        match = found.search(value) if isinstance(value, str) else None
        return match.group(1) if match else None

    return look


def _one_step(step: int | str, *, from_message: bool) -> Callable[[object, object], object]:
    """Return what looks one step deep, which most places are: a message has a dozen of them."""
    if from_message:
        return lambda message, _row: message.get(step) if isinstance(message, dict) else _step(message, step)
    return lambda _message, row: row.get(step) if isinstance(row, dict) else _step(row, step)


def _step(value: object, step: int | str) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def places(paths: Sequence[str]) -> Callable[[object, object], Sequence[object]]:
    """Return what finds several values: one look at the row for all behind the last that does not stand right there."""
    each = [place(path) for path in paths]
    elsewhere = [at for at, path in enumerate(paths, 1) if any(sign in path for sign in "^.~")]
    first = max(elsewhere, default=0)

    def one_by_one(message: object, row: object) -> Sequence[object]:
        return [look(message, row) for look in each]

    if len(paths) - first < 2:
        return one_by_one
    together = itemgetter(*(int(path) if path.isdigit() else path for path in paths[first:]))
    apart = each[:first]

    def at_once(message: object, row: object) -> Sequence[object]:
        try:
            found: tuple[object, ...] = together(row if isinstance(row, dict | list) else ())
        except (KeyError, IndexError, TypeError):
            return one_by_one(message, row)
        return (*[look(message, row) for look in apart], *found) if apart else found

    return at_once


def rows_of(path: str) -> Callable[[object], Sequence[object]]:
    """Return what finds the rows of a message: the message itself, a table, or each element of a list of them."""
    look, at_once = place("^" + path), path.isalpha()

    def rows(message: object) -> Sequence[object]:
        if at_once and type(message) is dict:
            found = message.get(path)
        else:
            found = look(message, None) if path else message
        if type(found) is dict and found:
            return (found,)
        if not found or not isinstance(found, dict | list):
            return ()
        return found if isinstance(found, list) and isinstance(found[0], dict | list) else (found,)

    return rows


def time_ns(value: object, unit_ns: int) -> int:
    """Return a time in ns. Raises Garbage for what is no time between 2010 and 2100."""
    number = value if type(value) is int else _time_of(value)
    ts_ns = number * unit_ns
    if not 1_262_304_000_000_000_000 <= ts_ns <= 4_102_444_800_000_000_000:
        raise Garbage("time")
    return ts_ns


def _time_of(value: object) -> int:
    """Return a whole number that is not written as one. Raises Garbage where it is none."""
    return int(value) if isinstance(value, str) and _is_count(value) else int(finite(value, "time"))


def _is_count(text: str) -> bool:
    """Say whether a text is a whole number as venues write them; Python refuses to read one of thousands of digits."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


def trade_key(trade_id: object) -> int:
    """Return the venue's id of a trade as a positive 62-bit number; ids that are no numbers are hashed."""
    text = str(trade_id)
    if _is_count(text) and int(text) >> _KEY_BITS == 0:
        return int(text)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _KEY_BITS)


# ---------------------------------------------------------------------- readers


class TradeReader:
    """Reads trades: (symbol id, side, price, quantity, key, time) of each row."""

    def __init__(self, shape: TradeShape) -> None:
        self.rows = rows_of(shape.rows)
        self.symbol = place(shape.symbol)
        self._price, self._qty = place(shape.price), place(shape.qty)
        self._side, self._words = place(shape.side), shape.words
        self._key, self._when = place(shape.key), place(shape.ts)
        self._unit_ns = shape.ts_unit_ns

    def read(self, message: object, row: object, grid: Grid) -> tuple[int, int, int, int, int]:
        """Return (side, price tick, quantity lot, key, ts_ns). Raises Garbage."""
        qty = self._qty(message, row)
        side = self._side_of(self._side(message, row))
        if self._words is None:
            qty = abs(finite(qty, "qty"))
        tick, lots = grid.price_tick(self._price(message, row)), grid.qty_lot(qty)
        if lots == 0 and finite(qty, "qty") <= 0.0:
            raise Garbage("qty")
        return (
            side,
            tick,
            lots,
            trade_key(self._key(message, row)),
            time_ns(self._when(message, row), self._unit_ns),
        )

    def _side_of(self, word: object) -> int:
        if self._words is None:
            return 1 if finite(word, "qty") > 0.0 else -1
        side = self._words.get(word) if isinstance(word, str | bool) else None
        if side is None:
            raise Garbage("side")
        return side


class CandleReader:
    """Reads candles of any state.

    Attributes
    ----------
    rows
        Finds the rows of a message.
    values
        Finds what one row says, from (message, row): whose it is by the venue's symbol and word for the interval, and
        what `read` takes.
    """

    def __init__(self, shape: CandleShape) -> None:
        self.rows = rows_of(shape.rows)
        self._says_closed, self._closed_word = bool(shape.closed), shape.closed_word
        bar = (shape.open_time, shape.open, shape.high, shape.low, shape.close, shape.volume)
        closed = (shape.closed,) if shape.closed else ()
        self.values = places((shape.symbol, shape.interval, *bar, *closed))
        self._unit_ns = shape.ts_unit_ns

    @property
    def says_closed(self) -> bool:
        """Return whether this venue marks a candle that is over."""
        return self._says_closed

    def read(self, found: Sequence[object], grid: Grid) -> tuple[int, tuple[int, int, int, int, int], bool]:
        """Return (open time, (open, high, low, close, volume), whether it is over). Raises Garbage."""
        open_ns = time_ns(found[2], self._unit_ns)
        first, high, low, last = grid.price_ticks(found[3:7])
        if not (low <= first <= high and low <= last <= high):
            raise Garbage("ohlc")
        over = self._says_closed and found[8] == self._closed_word
        return open_ns, (first, high, low, last, grid.qty_lot(found[7])), over


class MarkReader:
    """Reads mark prices, and open interest where it stands beside them."""

    def __init__(self, shape: MarkShape) -> None:
        self.rows = rows_of(shape.rows)
        self.symbol = place(shape.symbol)
        self._mark, self._when = place(shape.mark), place(shape.ts)
        self._interest = place(shape.open_interest) if shape.open_interest else None

    def read(self, message: object, row: object, grid: Grid) -> tuple[float | None, float | None, int]:
        """Return (mark in ticks, open interest, ts_ns); None for what the row does not say. Raises Garbage."""
        mark = self._mark(message, row)
        interest = self._interest(message, row) if self._interest is not None else None
        ts_ns = time_ns(self._when(message, row), 1_000_000)
        ticks = grid.price(mark) if mark not in (None, "") else None
        amount = finite(interest, "open_interest") if interest not in (None, "") else None
        if amount is not None and amount < 0.0:
            raise Garbage("open_interest")
        return ticks, amount, ts_ns


class LiquidationReader:
    """Reads liquidations of the market."""

    def __init__(self, shape: LiquidationShape) -> None:
        self.rows = rows_of(shape.rows)
        self.symbol = place(shape.symbol)
        self._details = shape.details
        self._price, self._qty = place(shape.price), place(shape.qty)
        self._side, self._words, self._when = place(shape.side), shape.words, place(shape.ts)

    def read(self, message: object, row: object, contract_size: float) -> Iterator[tuple[int, float, int]]:
        """Yield (side of the closing order, notional, ts_ns). Raises Garbage."""
        inner = row.get(self._details) if self._details and isinstance(row, dict) else [row]
        for entry in inner if isinstance(inner, list) else []:
            word = self._side(message, entry)
            side = self._words.get(word) if isinstance(word, str | bool) else None
            if side is None:
                raise Garbage("side")
            price, qty = self._price(message, entry), self._qty(message, entry)
            worth = finite(_positive(price, "price") * _positive(qty, "qty") * contract_size, "qty")
            yield side, worth, time_ns(self._when(message, entry), 1_000_000)


def whole_number(value: object) -> int | None:
    """Return an id that rises, None where there is none. Raises Garbage for what is no whole number."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _is_count(value.removeprefix("-")):
        return int(value)
    raise Garbage("sequence")
