"""Exponential averages and what is built of them: EMA, MACD, RSI, ATR."""

import math

from tradewind.units.jit import kernel
from tradewind.units.layout import Layout

__all__ = ["Atr", "Macd", "Rsi", "atr", "ema", "macd", "rsi"]


@kernel(hot=True)
def ema(previous: float, value: float, period: float, count: int) -> float:
    """Return the exponential average with weight 2 / (period + 1), begun at the first value.

    previous: the last average, kept by the caller. count: which value this is, from 1; `view.bars` serves.
    Warm-up: a value from the first bar on; after `period` values the first one still weighs 13.5 %, after
    2.3 × (period + 1) 1 %. Source: pandas `ewm(span=period, adjust=False)`. TA-Lib begins with the simple
    average of the first `period` values instead and agrees once the beginning is forgotten.
    """
    if count <= 1:
        return value
    return previous + 2.0 / max(period + 1.0, 1.0) * (value - previous)


class Macd(Layout):
    """MACD: the line, its signal line and their difference, with the averages behind them."""

    line: float
    signal: float
    histogram: float
    count: int
    fast: float
    slow: float


@kernel
def macd(state: Macd, value: float, fast_period: int, slow_period: int, signal_period: int) -> float:
    """Fold in a value, set line, signal and histogram, and return the histogram.

    Warm-up: slow_period + signal_period - 1 values by convention; all three are numbers from the first value
    on. Source: Appel; each average as `ema`, so TA-Lib agrees once the beginnings are forgotten.
    """
    state.count += 1
    state.fast = ema(state.fast, value, fast_period, state.count)
    state.slow = ema(state.slow, value, slow_period, state.count)
    state.line = state.fast - state.slow
    state.signal = ema(state.signal, state.line, signal_period, state.count)
    state.histogram = state.line - state.signal
    return state.histogram


class Rsi(Layout):
    """Relative strength index and Wilder's averages of gains and losses."""

    value: float
    count: int
    last: float
    gain: float
    loss: float


@kernel
def rsi(state: Rsi, value: float, period: int) -> float:
    """Fold in a value and return the relative strength index, 0 to 100.

    Warm-up: NaN for the first `period` values (it needs as many changes). Source: Wilder 1978, begun with
    simple averages of the first `period` changes; equals TA-Lib's RSI, but for a market that never moved: 50
    here, 0 there.
    """
    if period < 1:
        raise ValueError("a period is at least 1")
    state.count += 1
    change = value - state.last if state.count > 1 else 0.0
    state.last = value
    state.gain = _wilder(state.gain, change if change > 0.0 else 0.0, period, state.count - 1)
    state.loss = _wilder(state.loss, -change if change < 0.0 else 0.0, period, state.count - 1)
    moved = state.gain + state.loss
    if state.count <= period:
        state.value = math.nan
    else:
        state.value = 100.0 * state.gain / moved if moved > 0.0 else 50.0
    return state.value


class Atr(Layout):
    """Average true range and the close it needs for the next one."""

    value: float
    count: int
    last: float
    average: float


@kernel
def atr(state: Atr, high: float, low: float, close: float, period: int) -> float:
    """Fold in a bar and return the average true range, in the unit of the prices given.

    Warm-up: NaN for the first `period` bars (the first bar has no close before it). Source: Wilder 1978,
    begun with the simple average of the first `period` true ranges; equals TA-Lib's ATR.
    """
    if period < 1:
        raise ValueError("a period is at least 1")
    state.count += 1
    reach = max(high, state.last) - min(low, state.last) if state.count > 1 else 0.0
    state.last = close
    state.average = _wilder(state.average, reach, period, state.count - 1)
    state.value = state.average if state.count > period else math.nan
    return state.value


@kernel
def _wilder(average: float, value: float, period: int, count: int) -> float:
    """Return Wilder's average after value number `count`: simple at first, then with weight 1 / period."""
    if count <= 0:
        return 0.0
    if count <= period:
        return average + value / period
    return (average * (period - 1) + value) / period
