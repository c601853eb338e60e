"""Longer bars out of shorter ones; a longer bar is known when it ends, never before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewind.errors import ConfigError
from tradewind.market.bars import Bars, Instants
from tradewind.market.grid import floor_to_grid
from tradewind.units.time import format_interval

__all__ = ["Resampled", "resample"]


@dataclass(frozen=True, slots=True)
class Resampled:
    """Longer bars, and what is known of their making.

    known_ns: when each is known, the end of its interval. count: shorter bars it is made of. whole: whether it has all
    of them; the first and the last bar of a piece of history often do not, and gaps leave others short.
    """

    bars: Bars
    known_ns: Instants
    count: NDArray[np.int64]
    whole: NDArray[np.bool_]

    def visible_rows(self, bar_end_ns: Instants) -> NDArray[np.int64]:
        """Return how many longer bars are known at each time: row i of the answer sees bars[:answer[i]]."""
        return np.searchsorted(self.known_ns, bar_end_ns, side="right").astype(np.int64)


def resample(bars: Bars, interval_ns: int) -> Resampled:
    """Return bars of a multiple of the interval; weeks start on Monday (UTC). Volume is added in order of time.

    Requires: times ascend. Raises TIMEFRAME_INVALID where the interval is no multiple of the bars' own.
    """
    if interval_ns % bars.interval_ns or interval_ns < bars.interval_ns:
        longer, shorter = format_interval(interval_ns), format_interval(bars.interval_ns)
        raise ConfigError(
            "TIMEFRAME_INVALID", f"bars of {longer} cannot be put together from bars of {shorter}"
        )
    if not len(bars):
        none = np.empty(0, dtype=np.int64)
        return Resampled(Bars.empty(interval_ns), none, none, np.empty(0, dtype=np.bool_))
    start_ns = floor_to_grid(bars.ts_ns, interval_ns)
    first = np.flatnonzero(np.r_[True, start_ns[1:] != start_ns[:-1]])
    last = np.r_[first[1:], len(bars)] - 1
    member = np.repeat(np.arange(len(first)), last - first + 1)
    longer_bars = Bars(
        start_ns[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        # bincount adds one after another, as a stream would; reduceat would add in pairs and change last bits.
        np.bincount(member, weights=bars.volume, minlength=len(first)).astype(np.float64, copy=False),
        interval_ns,
    )
    count = (last - first + 1).astype(np.int64)
    return Resampled(longer_bars, longer_bars.end_ns, count, count == interval_ns // bars.interval_ns)
