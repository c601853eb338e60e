"""Prices weighted by what was traded at them: VWAP."""

import math

from tradewind.units.jit import kernel
from tradewind.units.layout import Layout

__all__ = ["Vwap", "vwap"]


class Vwap(Layout):
    """Volume-weighted average price of a session, and its two sums."""

    value: float
    session: int
    traded: float
    """Sum of price × volume."""
    volume: float


@kernel
def vwap(state: Vwap, price: float, volume: float, ts_ns: int, session_ns: int) -> float:
    """Fold in a bar and return the volume-weighted average price since its session began.

    price: usually (high + low + close) / 3. ts_ns: open time of the bar. session_ns: length of a session,
    counted from 1970 UTC (DAY_NS: since midnight UTC), 0: one session for ever. Warm-up: NaN until something
    is traded in the session. Source: sum of price × volume over sum of volume.
    """
    session = ts_ns // session_ns if session_ns > 0 else 0
    if session != state.session:
        state.session = session
        state.traded = 0.0
        state.volume = 0.0
    state.traded += price * volume
    state.volume += volume
    state.value = state.traded / state.volume if state.volume > 0.0 else math.nan
    return state.value
