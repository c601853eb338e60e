"""Numbers as a reader meets them: with a true minus, thin groups and always their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.report.curve import utc

if TYPE_CHECKING:
    from tradewind.report.definitions import Unit

ABSENT = "—"
MINUS = "−"
_SPACES = "\u00a0\u202f"
"""Spaces at which no line may break."""


def number(value: float, decimals: int) -> str:
    """Return a number with grouped digits; what rounds to zero has no sign."""
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0.0 and any(digit in "123456789" for digit in text)
    return f"{MINUS}{text}" if negative else text


def percent(ratio: float | None, *, signed: bool = False) -> str:
    """Return a ratio in percent: 0.0512 is 5.12 %."""
    if ratio is None:
        return ABSENT
    text = compact(100.0 * ratio, 2)
    return f"{'+' if signed and ratio > 0.0 else ''}{text} %"


def money(value: float | None, currency: str, *, signed: bool = False) -> str:
    """Return an amount with its currency."""
    if value is None:
        return ABSENT
    # Two decimals of a coin that costs a fortune would hide everything there is to see.
    decimals = 2 if abs(value) >= 1.0 or value == 0.0 else 6 if abs(value) < 0.01 else 4
    sign = "+" if signed and value > 0.0 else ""
    return f"{sign}{number(value, decimals)} {currency}".rstrip()


def money_column(values: list[float], *, signed: bool = False) -> list[str]:
    """Return amounts with as many decimals as suit the whole column, so that their points align."""
    largest = max((abs(value) for value in values), default=0.0)
    decimals = (
        2 if largest >= 100.0 or largest == 0.0 else 3 if largest >= 1.0 else 5 if largest >= 0.01 else 8
    )
    return [f"{'+' if signed and value > 0.0 else ''}{number(value, decimals)}" for value in values]


def duration(days: float | None) -> str:
    """Return a time span in the unit that fits it."""
    if days is None:
        return ABSENT
    if days >= 2.0:
        return f"{number(days, 1)} days"
    hours = days * 24.0
    return f"{number(hours, 1)} h" if hours >= 2.0 else f"{number(hours * 60.0, 0)} min"


def compact(value: float, decimals: int) -> str:
    """Return a number, in powers of ten where it is too large to be read."""
    if abs(value) < 1e7:
        return number(value, decimals)
    mantissa, exponent = f"{abs(value):.2e}".split("e")
    return f"{MINUS if value < 0.0 else ''}{mantissa}e{int(exponent)}"


def measure(value: float | None, unit: Unit, currency: str) -> str:
    """Return a metric's value with its unit."""
    if value is None:
        return ABSENT
    match unit:
        case "ratio":
            return percent(value)
        case "money":
            return money(value, currency)
        case "days":
            return duration(value)
        case "count":
            return number(value, 0)
        case "times":
            return f"{compact(value, 2)} ×"
        case "number":
            return compact(value, 2)


def moment(ts_ns: int) -> str:
    """Return a time as a reader writes it: 2024-01-31 08:15 (UTC); seconds only where there are some."""
    return f"{utc(ts_ns):%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def day(ts_ns: int) -> str:
    """Return the UTC date of a time."""
    return f"{utc(ts_ns):%Y-%m-%d}"


def printable(text: str) -> str:
    """Return text without control characters: a name must not be able to steer a terminal."""
    return "".join(letter if letter.isprintable() or letter in _SPACES else "�" for letter in text)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"
