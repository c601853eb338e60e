"""Statistics of the last n values: a ring that forgets, and mean, deviation, bands and scores read from it.

The ring keeps running sums of the distances to an anchor and rebuilds them each time it has gone round. The
cost per value stays constant, rounding errors live for one round at most, and a flat window has a deviation
of exactly zero.
"""

import math
from typing import Annotated, get_args, get_origin, get_type_hints

from tradewind.units.jit import kernel
from tradewind.units.layout import Layout, Rows

__all__ = ["RING", "Bollinger", "Window", "bollinger", "deviation", "mean", "push", "sized", "sma", "zscore"]

RING = 256
"""Places of a ring unless its author asks for more: `prices: Annotated[Window, 1000]`."""


class Window(Layout):
    """The last values, at most as many as the ring has places."""

    seen: int
    next: int
    """Place of the next value."""
    equal: int
    """How many of the last values are the same one."""
    anchor: float
    total: float
    """Sum of the distances to the anchor."""
    squares: float
    """Sum of their squares."""
    row: Annotated[Rows[float], RING]


@kernel
def push(window: Window, value: float, period: int) -> bool:
    """Add a value, forget the one `period` values ago; return whether the window is full.

    Raises ValueError if the period is below 1 or above the ring. Cost: O(1) amortised.
    """
    if period < 1:
        raise ValueError("a period is at least 1")
    if period > len(window.row):
        raise ValueError(
            "the period is longer than the ring: declare Annotated[Window, longest period] in Memory"
        )
    place = window.next
    if window.seen == 0:
        window.anchor = value
    else:
        before = window.row[place - 1 if place > 0 else period - 1]
        window.equal = window.equal + 1 if before == value else 0
    if window.seen >= period:
        forgotten = window.row[place] - window.anchor
        window.total -= forgotten
        window.squares -= forgotten * forgotten
    added = value - window.anchor
    window.total += added
    window.squares += added * added
    window.row[place] = value
    window.seen += 1
    window.next = place + 1
    if window.next == period:
        window.next = 0
        _rebuild(window, value, period)
    elif window.equal + 1 >= period:
        _rebuild(window, value, period)
    return window.seen >= period


@kernel
def _rebuild(window: Window, anchor: float, period: int) -> None:
    """Sum the whole ring anew around its last value, in the order of the places."""
    window.anchor = anchor
    total, squares = 0.0, 0.0
    for place in range(period):
        distance = window.row[place] - anchor
        total += distance
        squares += distance * distance
    window.total = total
    window.squares = squares


@kernel
def mean(window: Window, period: int) -> float:
    """Return the mean of a full window, NaN before."""
    if window.seen < period:
        return math.nan
    return window.anchor + window.total / period


@kernel
def deviation(window: Window, period: int) -> float:
    """Return the population standard deviation (divisor n) of a full window, NaN before."""
    if window.seen < period:
        return math.nan
    distance = window.total / period
    variance = window.squares / period - distance * distance
    return math.sqrt(variance) if variance > 0.0 else 0.0


@kernel
def sma(window: Window, value: float, period: int) -> float:
    """Fold in a value and return the simple moving average.

    Warm-up: NaN for the first period - 1 values. Source: arithmetic mean; equals TA-Lib's SMA.
    """
    push(window, value, period)
    return mean(window, period)


@kernel
def zscore(window: Window, value: float, period: int) -> float:
    """Fold in a value and return its distance from the rolling mean in rolling standard deviations (divisor n).

    Warm-up: NaN for the first period - 1 values. A flat window scores 0.
    """
    if not push(window, value, period):
        return math.nan
    spread = deviation(window, period)
    return (value - mean(window, period)) / spread if spread > 0.0 else 0.0


class Bollinger(Layout):
    """Bollinger bands: what they are now, and the window behind them."""

    middle: float
    upper: float
    lower: float
    window: Window


@kernel
def bollinger(bands: Bollinger, value: float, period: int, width: float) -> float:
    """Fold in a value, set middle, upper and lower, and return the middle.

    width: deviations (divisor n) from the middle to each band. Warm-up: all NaN for the first period - 1
    values. Source: Bollinger's definition; equals TA-Lib's BBANDS with simple averages.
    """
    push(bands.window, value, period)
    reach = width * deviation(bands.window, period)
    bands.middle = mean(bands.window, period)
    bands.upper = bands.middle + reach
    bands.lower = bands.middle - reach
    return bands.middle


def sized(layout: type[Layout], length: int) -> type[Layout]:
    """Return a signal's state with every ring in it `length` places long; what `Annotated[Window, length]` means."""
    fields: dict[str, object] = {}
    for name, hint in get_type_hints(layout, include_extras=True).items():
        if get_origin(hint) is Annotated and get_args(hint)[1] == RING:
            fields[name] = Annotated[get_args(hint)[0], length]
        elif isinstance(hint, type) and issubclass(hint, Layout):
            fields[name] = sized(hint, length)
        else:
            fields[name] = hint
    # A subclass, so that a signal given a longer ring is still known as what it is.
    return type(
        f"{layout.__name__}{length}", (layout,), {"__annotations__": fields, "__doc__": layout.__doc__}
    )
