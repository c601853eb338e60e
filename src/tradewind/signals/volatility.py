"""How much prices move: EWMA volatility of returns, and the log range of a bar."""

import math

from tradewind.units.jit import kernel
from tradewind.units.layout import Layout
from tradewind.units.math import log

__all__ = ["EwmaVolatility", "ewma_volatility", "log_range"]


class EwmaVolatility(Layout):
    """Exponentially weighted volatility: its value, its variance and the last price."""

    value: float
    count: int
    last: float
    variance: float


@kernel
def ewma_volatility(state: EwmaVolatility, price: float, decay: float) -> float:
    """Fold in a price and return the volatility of log returns per bar.

    decay: weight of the past in each step, 0 to 1; 0.94 is the RiskMetrics value for days. The mean return is
    taken as zero. Warm-up: NaN for the first price; begun with the first squared return. Source: RiskMetrics
    1996; equals the root of pandas `ewm(alpha=1 - decay, adjust=False)` of squared log returns. Raises
    ValueError for a price that is not positive.
    """
    if not price > 0.0:
        raise ValueError("a volatility of returns needs positive prices")
    state.count += 1
    if state.count == 1:
        state.value = math.nan
    else:
        change = log(price / state.last)
        square = change * change
        state.variance = square if state.count == 2 else decay * state.variance + (1.0 - decay) * square
        state.value = math.sqrt(state.variance)
    state.last = price
    return state.value


@kernel
def log_range(high: float, low: float) -> float:
    """Return the log of high over low, the range of one bar as a return; 0 if low is not positive.

    Warm-up: none.
    Smoothed with `ema` it is the measure of activity that grid strategies choose their coins by.
    """
    return log(high / low) if low > 0.0 else 0.0
