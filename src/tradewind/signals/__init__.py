"""Streaming indicators: one value in, one value out. `signals.series` is the same recursion over arrays.

A signal's state is a record that a strategy names in its `Memory`, or a plain number. A signal that does not
know its value yet says NaN, which makes every comparison false. `warmup_bars` tells how many bars each needs.
"""

from tradewind.signals.averages import Atr, Macd, Rsi, atr, ema, macd, rsi
from tradewind.signals.extremes import Donchian, Extreme, donchian, highest, lowest
from tradewind.signals.volatility import EwmaVolatility, ewma_volatility, log_range
from tradewind.signals.volume import Vwap, vwap
from tradewind.signals.warmup import WARMUP, warmup_bars
from tradewind.signals.windows import RING, Bollinger, Window, bollinger, deviation, mean, push, sma, zscore

__all__ = [
    "RING",
    "WARMUP",
    "Atr",
    "Bollinger",
    "Donchian",
    "EwmaVolatility",
    "Extreme",
    "Macd",
    "Rsi",
    "Vwap",
    "Window",
    "atr",
    "bollinger",
    "deviation",
    "donchian",
    "ema",
    "ewma_volatility",
    "highest",
    "log_range",
    "lowest",
    "macd",
    "mean",
    "push",
    "rsi",
    "sma",
    "vwap",
    "warmup_bars",
    "zscore",
]
