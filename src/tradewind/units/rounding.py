"""Rounding to a grid that absorbs representation noise and nothing else.

`value` and the grid are doubles: 0.1 + 0.2 is not 0.3, and a price that is "on" a tick of 0.01 rarely is so
in binary. A value within 4 machine epsilons (relative) of a grid point counts as that point; a real offset of
5e-10 on a tick of 0.1 does not. Source: spec/grid-strategies.md 2.1 (facts), re-derived for whole ticks.
"""

import math

from tradewind.units.jit import kernel

__all__ = [
    "ceil_steps",
    "ceil_tick",
    "floor_lot",
    "floor_steps",
    "floor_tick",
    "nearest_steps",
    "nearest_tick",
]

_NOISE = 4.0 * 2.220446049250313e-16
_COUNTABLE = 9.2e18


@kernel
def nearest_steps(value: float, step: float) -> int:
    """Return the number of steps nearest to value, halves away from zero; step > 0.

    Raises ValueError for what no 64-bit integer counts, NaN included, as do all functions here.
    """
    ratio = value / step
    if not abs(ratio) < _COUNTABLE:
        raise ValueError("a value that is not a number of steps")
    size = abs(ratio)
    # The whole part is taken off first: 0.49999999999999994 + 0.5 is 1 in doubles.
    whole = math.floor(size)
    steps = int(whole) + (1 if size - whole >= 0.5 else 0)
    return steps if ratio >= 0.0 else -steps


@kernel
def floor_steps(value: float, step: float) -> int:
    """Return the number of whole steps in value, rounded down unless value is a grid point but for noise."""
    near = nearest_steps(value, step)
    point = near * step
    if abs(value - point) <= _NOISE * max(abs(value), abs(point)):
        return near
    return int(math.floor(value / step))


@kernel
def ceil_steps(value: float, step: float) -> int:
    """Return the number of steps that covers value, rounded up unless value is a grid point but for noise."""
    near = nearest_steps(value, step)
    point = near * step
    if abs(value - point) <= _NOISE * max(abs(value), abs(point)):
        return near
    return int(math.ceil(value / step))


@kernel
def floor_tick(price: float, tick: float) -> int:
    """Return price in whole ticks, rounded down: where a buyer rests."""
    return floor_steps(price, tick)


@kernel
def ceil_tick(price: float, tick: float) -> int:
    """Return price in whole ticks, rounded up: where a seller rests."""
    return ceil_steps(price, tick)


@kernel
def nearest_tick(price: float, tick: float) -> int:
    """Return price in whole ticks, halves away from zero."""
    return nearest_steps(price, tick)


@kernel
def floor_lot(qty: float, lot: float) -> int:
    """Return a quantity in whole lots, rounded down."""
    return floor_steps(qty, lot)
