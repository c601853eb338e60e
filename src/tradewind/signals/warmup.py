"""How many bars each signal needs before its value can be used."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["WARMUP", "warmup_bars"]

WARMUP: Mapping[str, Callable[..., int]] = MappingProxyType(
    {
        "sma": lambda period: period,
        "ema": lambda period: period,
        "rsi": lambda period: period + 1,
        "atr": lambda period: period + 1,
        "bollinger": lambda period: period,
        "macd": lambda fast_period, slow_period, signal_period: slow_period + signal_period - 1,
        "donchian": lambda period: period,
        "highest": lambda period: period,
        "lowest": lambda period: period,
        "vwap": lambda: 1,
        "zscore": lambda period: period,
        "ewma_volatility": lambda: 2,
        "log_range": lambda: 1,
    }
)
"""Signal → bars until its first value. `ema` and `macd` have one at once; theirs is the usual convention."""


def warmup_bars(signal: str, *periods: int) -> int:
    """Return the bars a signal needs, e.g. `warmup_bars("rsi", 14)` is 15. Raises KeyError for an unknown signal."""
    return WARMUP[signal](*periods)
