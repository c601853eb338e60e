"""What stands in an answer: its rows, their words and exact numbers, or the reason why they cannot be believed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, cast

from tradewind.units.enums import BUY, MONEY, SELL
from tradewind.venues.ccxt.dialect import value_at

if TYPE_CHECKING:
    from tradewind.venues.ccxt.dialect import Path
    from tradewind.venues.ccxt.shapes import Lifts

__all__ = [
    "COUNTABLE",
    "Row",
    "Unfit",
    "decimal_in",
    "has_rows",
    "in_ms",
    "is_count",
    "lifted",
    "money_of",
    "needed_in",
    "rows_at",
    "shows",
    "side_of",
    "steps_of",
    "word_of",
]

Row = dict[str, object]
COUNTABLE = 1 << 62
_DIGITS_MAX = 40
_SECONDS_DIGITS = 10


class Unfit(Exception):
    """A row that cannot be believed; its text is the reason that is counted."""


def rows_at(body: object, path: Path) -> list[Row]:
    """Return the rows of an answer: tables at the end of a path, `*` for each of a list; what is none is left out."""
    found = [body]
    for key in path:
        found = [below for value in found for below in _below(value, key)]
    whole = [below for value in found for below in (value if isinstance(value, list) else [value])]
    return [cast("Row", value) for value in whole if isinstance(value, dict)]


def has_rows(body: object, path: Path, *, or_null: bool = False) -> bool:
    """Return whether an answer has the form in which rows stand, be there some or none: `*` must be a list.

    An answer without it says nothing; that a list is empty is something that must be said, if only by null
    (`or_null`).
    """
    values = [body]
    for key in path:
        if key == "*" and or_null:
            values = [value for value in values if value is not None]
        if key == "*" and not all(isinstance(value, list) for value in values):
            return False
        found = [below for value in values for below in _below(value, key)]
        if key != "*" and len(found) < len(values):
            return False
        values = found
    return all(isinstance(value, dict) for value in values)


def _below(value: object, key: str) -> list[object]:
    if isinstance(value, dict):
        if key == ".":
            return [_flat(value)]
        if key == "..":
            return [{name.rpartition(".")[2]: one for name, one in _flat(value).items()}]
        return [value[key]] if key in value else []
    if isinstance(value, list):
        if key == "*":
            return list(value)
        return [value[int(key)]] if key.isdigit() and int(key) < len(value) else []
    return []


def _flat(table: dict[str, object]) -> Row:
    """Return a table with all that stands in tables within, under names with dots."""
    found: Row = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= {f"{name}.{below}": one for below, one in _flat(value).items()}
        else:
            found[name] = value
    return found


def word_of(value: object) -> str:
    """Return a value of JSON as the word that tables use: "true", "false", "" for nothing."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_count(word: str) -> bool:
    """Say whether a word is a whole number as venues write them; Python refuses to read one of thousands of digits."""
    return word.isascii() and word.isdigit() and len(word) <= _DIGITS_MAX


def side_of(quantity: Decimal) -> int:
    """Return the side of a quantity that carries it. Raises Unfit for none."""
    if not quantity:
        raise Unfit("unknown side")
    return BUY if quantity > 0 else SELL


def in_ms(word: str) -> str:
    """Return a time in milliseconds, told in seconds, milliseconds, microseconds or finer: it is told by its size."""
    whole, _, fraction = word.partition(".")
    if not whole.isascii() or not whole.isdigit() or len(whole) > _DIGITS_MAX:
        return ""
    places = max(len(whole) - _SECONDS_DIGITS, 0)
    return whole[: len(whole) - places] + f"{whole[len(whole) - places :]}{fraction}000"[:3]


def lifted(row: Row, lifts: Lifts) -> Row:
    """Return a row with what stands deeper in it, or under another name, where it is looked for."""
    found = dict(row)
    for name, place in lifts:
        value = value_at(row, place)
        if value is not None and name not in found:
            found[name] = value
    return found


def shows(row: Row, when: tuple[str, frozenset[str]] | None) -> bool:
    """Say whether a row shows one of the words that it must show, where it must."""
    return when is None or word_of(row.get(when[0])) in when[1]


def decimal_in(row: Row, name: str) -> Decimal | None:
    """Return a number of a row, None where the field is empty."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        raise Unfit("not a number") from None
    if not number.is_finite() or abs(number) >= COUNTABLE:
        raise Unfit("not a finite number")
    return number


def needed_in(row: Row, name: str) -> Decimal:
    """Return a number of a row. Raises Unfit where it is none or is missing."""
    number = decimal_in(row, name)
    if number is None:
        raise Unfit("a number is missing")
    return number


def steps_of(value: Decimal, step: Decimal) -> int:
    """Return a value as whole steps. Raises Unfit where it is none."""
    steps = value / step
    whole = int(steps.to_integral_value())
    if whole * step != value:
        raise Unfit("off the grid")
    if abs(whole) >= COUNTABLE:
        raise Unfit("too large")
    return whole


def money_of(amount: Decimal) -> int:
    """Return an amount in whole units of money (`units.enums.MONEY`). Raises Unfit for more than can be counted."""
    money = int((amount * MONEY).to_integral_value())
    if abs(money) >= COUNTABLE:
        raise Unfit("too large")
    return money
