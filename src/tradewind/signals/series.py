"""The streaming signals over whole arrays: the same recursion, value after value, so the same bits.

Every function takes arrays of one length (bars,) and returns arrays of that length, NaN where the signal does not
know its value yet. Rings are as long as the longest period allowed here, `PERIOD_MAX`.
"""

import numpy as np
import numpy.typing as npt

from tradewind.signals import averages, extremes, volatility, volume, windows
from tradewind.signals.windows import sized
from tradewind.units.jit import allocate, kernel

__all__ = [
    "PERIOD_MAX",
    "atr",
    "bollinger",
    "donchian",
    "ema",
    "ewma_volatility",
    "log_range",
    "macd",
    "rsi",
    "sma",
    "vwap",
    "zscore",
]

Values = npt.NDArray[np.float64]
PERIOD_MAX = 2000
"""Longest period of a signal with a ring."""

_Window = sized(windows.Window, PERIOD_MAX)
_Bollinger = sized(windows.Bollinger, PERIOD_MAX)
_Donchian = sized(extremes.Donchian, PERIOD_MAX)


def sma(values: Values, period: int) -> Values:
    """Return the simple moving average."""
    out = np.empty(len(values))
    _sma(allocate(_Window)[0], _ready(values), period, out)
    return out


def zscore(values: Values, period: int) -> Values:
    """Return the distance from the rolling mean in rolling standard deviations."""
    out = np.empty(len(values))
    _zscore(allocate(_Window)[0], _ready(values), period, out)
    return out


def bollinger(values: Values, period: int, width: float) -> tuple[Values, Values, Values]:
    """Return lower, middle and upper band."""
    lower, middle, upper = (np.empty(len(values)) for _ in range(3))
    _bollinger(allocate(_Bollinger)[0], _ready(values), period, float(width), lower, middle, upper)
    return lower, middle, upper


def ema(values: Values, period: float) -> Values:
    """Return the exponential average."""
    out = np.empty(len(values))
    _ema(_ready(values), float(period), out)
    return out


def macd(
    values: Values, fast_period: int, slow_period: int, signal_period: int
) -> tuple[Values, Values, Values]:
    """Return line, signal line and histogram."""
    line, signal, histogram = (np.empty(len(values)) for _ in range(3))
    periods = (fast_period, slow_period, signal_period)
    _macd(allocate(averages.Macd)[0], _ready(values), periods, line, signal, histogram)
    return line, signal, histogram


def rsi(values: Values, period: int) -> Values:
    """Return the relative strength index."""
    out = np.empty(len(values))
    _rsi(allocate(averages.Rsi)[0], _ready(values), period, out)
    return out


def atr(high: Values, low: Values, close: Values, period: int) -> Values:
    """Return the average true range."""
    out = np.empty(len(close))
    _atr(allocate(averages.Atr)[0], _ready(high), _ready(low), _ready(close), period, out)
    return out


def donchian(high: Values, low: Values, period: int) -> tuple[Values, Values]:
    """Return lower and upper edge of the channel."""
    lower, upper = np.empty(len(high)), np.empty(len(high))
    _donchian(allocate(_Donchian)[0], _ready(high), _ready(low), period, lower, upper)
    return lower, upper


def vwap(price: Values, volume_: Values, ts_ns: npt.NDArray[np.int64], session_ns: int) -> Values:
    """Return the volume-weighted average price since each session began."""
    out = np.empty(len(price))
    times = np.ascontiguousarray(ts_ns, np.int64)
    _vwap(allocate(volume.Vwap)[0], _ready(price), _ready(volume_), times, session_ns, out)
    return out


def ewma_volatility(price: Values, decay: float) -> Values:
    """Return the volatility of log returns per bar."""
    out = np.empty(len(price))
    _ewma_volatility(allocate(volatility.EwmaVolatility)[0], _ready(price), float(decay), out)
    return out


def log_range(high: Values, low: Values) -> Values:
    """Return the log of high over low."""
    out = np.empty(len(high))
    _log_range(_ready(high), _ready(low), out)
    return out


def _ready(values: Values) -> Values:
    return np.ascontiguousarray(values, np.float64)


@kernel
def _sma(state: windows.Window, values: Values, period: int, out: Values) -> None:
    for i in range(len(values)):
        out[i] = windows.sma(state, values[i], period)


@kernel
def _zscore(state: windows.Window, values: Values, period: int, out: Values) -> None:
    for i in range(len(values)):
        out[i] = windows.zscore(state, values[i], period)


@kernel
def _bollinger(
    state: windows.Bollinger,
    values: Values,
    period: int,
    width: float,
    lower: Values,
    middle: Values,
    upper: Values,
) -> None:
    for i in range(len(values)):
        middle[i] = windows.bollinger(state, values[i], period, width)
        lower[i] = state.lower
        upper[i] = state.upper


@kernel
def _ema(values: Values, period: float, out: Values) -> None:
    average = 0.0
    for i in range(len(values)):
        average = averages.ema(average, values[i], period, i + 1)
        out[i] = average


@kernel
def _macd(
    state: averages.Macd,
    values: Values,
    periods: tuple[int, int, int],
    line: Values,
    signal: Values,
    histogram: Values,
) -> None:
    fast_period, slow_period, signal_period = periods
    for i in range(len(values)):
        histogram[i] = averages.macd(state, values[i], fast_period, slow_period, signal_period)
        line[i] = state.line
        signal[i] = state.signal


@kernel
def _rsi(state: averages.Rsi, values: Values, period: int, out: Values) -> None:
    for i in range(len(values)):
        out[i] = averages.rsi(state, values[i], period)


@kernel
def _atr(state: averages.Atr, high: Values, low: Values, close: Values, period: int, out: Values) -> None:
    for i in range(len(close)):
        out[i] = averages.atr(state, high[i], low[i], close[i], period)


@kernel
def _donchian(
    state: extremes.Donchian, high: Values, low: Values, period: int, lower: Values, upper: Values
) -> None:
    for i in range(len(high)):
        extremes.donchian(state, high[i], low[i], period)
        lower[i] = state.lower
        upper[i] = state.upper


@kernel
def _vwap(
    state: volume.Vwap,
    price: Values,
    traded: Values,
    ts_ns: npt.NDArray[np.int64],
    session_ns: int,
    out: Values,
) -> None:
    for i in range(len(price)):
        out[i] = volume.vwap(state, price[i], traded[i], ts_ns[i], session_ns)


@kernel
def _ewma_volatility(state: volatility.EwmaVolatility, price: Values, decay: float, out: Values) -> None:
    for i in range(len(price)):
        out[i] = volatility.ewma_volatility(state, price[i], decay)


@kernel
def _log_range(high: Values, low: Values, out: Values) -> None:
    for i in range(len(high)):
        out[i] = volatility.log_range(high[i], low[i])
