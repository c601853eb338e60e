"""Bars in several resolutions: coarse over the whole run, the run's own bars around its fills.

A year of minutes has 525,600 bars and a screen about a thousand columns. The overview holds every part of
the run in bars so coarse that they fit a budget, and the detail holds the original bars near each fill, as
far as a budget of its own reaches: there the chart can be zoomed to the bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.report.files import FloatColumn, IntColumn

MULTIPLES = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080, 43200)
"""How many bars of the run a coarse bar may hold; of minutes, these are the intervals people know."""

REACHES = (240, 120, 60, 30, 15, 8, 4, 2, 1)
"""How many bars before and after each fill are kept, the widest that the budget allows."""


class BarColumns(Protocol):
    """What a report needs of bars: columns of one length, stamped by their opening in ns."""

    @property
    def ts_ns(self) -> IntColumn:
        """Opening times."""

    @property
    def open(self) -> FloatColumn:
        """First prices."""

    @property
    def high(self) -> FloatColumn:
        """Highest prices."""

    @property
    def low(self) -> FloatColumn:
        """Lowest prices."""

    @property
    def close(self) -> FloatColumn:
        """Last prices."""

    @property
    def volume(self) -> FloatColumn:
        """Traded quantities."""


@dataclass(frozen=True, slots=True)
class Candles:
    """Bars of one resolution. Shapes: (n,) each."""

    interval_ns: int
    ts_ns: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The overview, and the detail around fills; the detail is None where the overview is the run's own bars."""

    overview: Candles
    detail: Candles | None


def build_pyramid(bars: BarColumns, fill_ts_ns: IntColumn, overview_max: int, detail_max: int) -> Pyramid:
    """Return the resolutions of one symbol, at most so many bars in each."""
    interval_ns = _interval_ns(bars.ts_ns)
    fine = Candles(interval_ns, bars.ts_ns, bars.open, bars.high, bars.low, bars.close, bars.volume)
    overview = fine
    for multiple in MULTIPLES:
        overview = aggregate(fine, multiple)
        if len(overview.ts_ns) <= overview_max:
            break
    if overview.interval_ns == interval_ns:
        return Pyramid(fine, None)
    kept = keep_around(len(bars.ts_ns), _rows_at(bars.ts_ns, fill_ts_ns), detail_max)
    return Pyramid(overview, _select(fine, kept))


def aggregate(fine: Candles, multiple: int) -> Candles:
    """Return bars of ``multiple`` times the interval, on a grid that begins in 1970."""
    interval_ns = fine.interval_ns * multiple
    if multiple == 1 or not len(fine.ts_ns):
        return Candles(interval_ns, fine.ts_ns, fine.open, fine.high, fine.low, fine.close, fine.volume)
    slot = fine.ts_ns // interval_ns
    first = np.flatnonzero(np.diff(slot, prepend=slot[0] - 1))
    last = np.append(first[1:], len(slot)) - 1
    return Candles(
        interval_ns,
        slot[first] * interval_ns,
        fine.open[first],
        np.maximum.reduceat(fine.high, first),
        np.minimum.reduceat(fine.low, first),
        fine.close[last],
        np.add.reduceat(fine.volume, first),
    )


def keep_around(count: int, rows: IntColumn, budget: int) -> NDArray[np.bool_]:
    """Return which of ``count`` bars lie near one of ``rows``, as widely as the budget allows.

    Where even one bar on each side of every row is too much, evenly chosen rows are kept.
    """
    kept = np.zeros(count, dtype=np.bool_)
    for reach in REACHES:
        kept = _within(count, rows, reach)
        if np.count_nonzero(kept) <= budget:
            return kept
    every = int(np.ceil(np.count_nonzero(kept) / max(budget, 1)))
    return _within(count, np.unique(rows)[::every], 1) if budget >= 3 else np.zeros(count, dtype=np.bool_)


def _within(count: int, rows: IntColumn, reach: int) -> NDArray[np.bool_]:
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, np.maximum(rows - reach, 0), 1)
    np.add.at(edges, np.minimum(rows + reach + 1, count), -1)
    covered: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
    return covered


def _rows_at(ts_ns: IntColumn, wanted_ts_ns: IntColumn) -> IntColumn:
    rows = np.searchsorted(ts_ns, wanted_ts_ns, side="right") - 1
    found: IntColumn = rows[rows >= 0].astype(np.int64)
    return found


def _select(fine: Candles, kept: NDArray[np.bool_]) -> Candles:
    return Candles(
        fine.interval_ns,
        fine.ts_ns[kept],
        fine.open[kept],
        fine.high[kept],
        fine.low[kept],
        fine.close[kept],
        fine.volume[kept],
    )


def _interval_ns(ts_ns: IntColumn) -> int:
    return int(np.min(np.diff(ts_ns))) if len(ts_ns) > 1 else 60_000_000_000
