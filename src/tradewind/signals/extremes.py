"""Highest and lowest of the last n values: the Donchian channel."""

import math
from typing import Annotated

from tradewind.signals.windows import RING
from tradewind.units.jit import kernel
from tradewind.units.layout import Layout, Rows

__all__ = ["Donchian", "Extreme", "donchian", "highest", "lowest"]


class Extreme(Layout):
    """Candidates for the extreme of the last values, best first; what a later value beats is dropped."""

    seen: int
    first: int
    kept: int
    value: Annotated[Rows[float], RING]
    born: Annotated[Rows[int], RING]


@kernel
def highest(state: Extreme, value: float, period: int) -> float:
    """Fold in a value and return the highest of the last `period`.

    Warm-up: NaN for the first period - 1 values. Cost: O(1) amortised. Exact: no arithmetic is done on the
    values. Raises ValueError if the period is below 1 or above the ring. Equals TA-Lib's MAX.
    """
    return _extreme(state, value, period, 1.0)


@kernel
def lowest(state: Extreme, value: float, period: int) -> float:
    """Fold in a value and return the lowest of the last `period`; otherwise as `highest`, TA-Lib's MIN."""
    return _extreme(state, value, period, -1.0)


@kernel
def _extreme(state: Extreme, value: float, period: int, sign: float) -> float:
    room = len(state.value)
    if period < 1:
        raise ValueError("a period is at least 1")
    if period > room:
        raise ValueError(
            "the period is longer than the ring: declare Annotated[Donchian, longest period] in Memory"
        )
    state.seen += 1
    if state.kept > 0 and state.born[state.first] <= state.seen - period:
        state.first = _wrap(state.first + 1, room)
        state.kept -= 1
    while state.kept > 0 and sign * state.value[_wrap(state.first + state.kept - 1, room)] <= sign * value:
        state.kept -= 1
    place = _wrap(state.first + state.kept, room)
    state.value[place] = value
    state.born[place] = state.seen
    state.kept += 1
    return state.value[state.first] if state.seen >= period else math.nan


@kernel(hot=True)
def _wrap(place: int, room: int) -> int:
    return place - room if place >= room else place


class Donchian(Layout):
    """Donchian channel: its upper and lower edge, and what they are found from."""

    upper: float
    lower: float
    high: Extreme
    low: Extreme


@kernel
def donchian(channel: Donchian, high: float, low: float, period: int) -> bool:
    """Fold in a bar, set the highest high and lowest low of the last `period`; return whether they are known.

    The bar just folded in is part of the channel: compare a close with the channel as it was before. Warm-up:
    NaN and False for the first period - 1 bars. Source: Donchian; equals TA-Lib's MAX of highs and MIN of
    lows.
    """
    channel.upper = highest(channel.high, high, period)
    channel.lower = lowest(channel.low, low, period)
    return channel.high.seen >= period
