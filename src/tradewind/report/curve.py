"""The curve of equity: days, months, drawdowns, all from marked-to-market rows."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.units.time import DAY_NS

if TYPE_CHECKING:
    from tradewind.report.files import Equity, FloatColumn, IntColumn


@dataclass(frozen=True, slots=True)
class Days:
    """Equity at the end of each UTC day, days without a row carried forward. Shapes: (n,) each.

    ``returns`` has one value a day; the first is from the start of the run to the end of its first day.
    It ends before the first day on which equity is zero or below: ``ruined_day`` names it.
    """

    day: IntColumn
    equity: FloatColumn
    returns: FloatColumn
    ruined_day: int | None


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall of equity from a peak and its way back. Times are ns UTC; ``depth`` is negative."""

    peak_ts_ns: int
    trough_ts_ns: int
    recovered_ts_ns: int | None
    depth: float
    days: float


@dataclass(frozen=True, slots=True)
class Underwater:
    """How far equity stands below its last peak at each row (n,), and each distinct fall."""

    depth: FloatColumn
    falls: tuple[Drawdown, ...]
    under_days: float
    longest_days: float


def sample_days(equity: Equity, start_equity: float) -> Days:
    """Return equity and returns by UTC day. A row belongs to the day in which its bar opened."""
    if not len(equity):
        nothing = np.zeros(0)
        return Days(np.zeros(0, dtype=np.int64), nothing, nothing, None)
    row_day = equity.ts_ns // DAY_NS
    day = np.arange(row_day[0], row_day[-1] + 1)
    last_row = np.searchsorted(row_day, day, side="right") - 1
    value = equity.equity[last_row]
    before = np.concatenate(([start_equity], value[:-1]))
    ruined = np.flatnonzero((before <= 0.0) | (value <= 0.0))
    alive = int(ruined[0]) if len(ruined) else len(day)
    returns = value[:alive] / before[:alive] - 1.0
    return Days(day, value, returns, int(day[alive]) if len(ruined) else None)


def monthly_returns(days: Days, start_equity: float) -> list[tuple[int, int, float | None]]:
    """Return (year, month, return) for each calendar month; None after equity was lost, or beyond a float."""
    rows: list[tuple[int, int, float | None]] = []
    if not len(days.day):
        return rows
    months = days.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    ends = np.flatnonzero(np.diff(months, append=months[-1] + 1))
    before = start_equity
    for end in ends:
        year, month = divmod(int(months[end]), 12)
        after = float(days.equity[end])
        grown = after / before - 1.0 if before > 0.0 else math.inf
        rows.append((1970 + year, month + 1, grown if math.isfinite(grown) else None))
        before = after
    return rows


def find_drawdowns(equity: Equity, start_equity: float) -> Underwater:
    """Return every fall below a peak, on every row there is; the start of the run is the first peak.

    A fall lasts from its peak to the row that stands at that peak again, or to the last row.
    """
    if not len(equity) or start_equity <= 0.0:
        return Underwater(np.zeros(len(equity)), (), 0.0, 0.0)
    peak = np.maximum(np.maximum.accumulate(equity.equity), start_equity)
    depth = equity.equity / peak - 1.0
    under = depth < 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], under, [False])).astype(np.int8)))
    falls = tuple(_fall(equity.ts_ns, depth, int(a), int(b)) for a, b in edges.reshape(-1, 2))
    lengths = [fall.days for fall in falls]
    return Underwater(depth, falls, float(sum(lengths)), max(lengths, default=0.0))


def row_interval_ns(ts_ns: IntColumn) -> int:
    """Return the smallest distance between two rows, a day where there are fewer than two."""
    return int(np.min(np.diff(ts_ns))) if len(ts_ns) > 1 else DAY_NS


def utc(ts_ns: int) -> dt.datetime:
    """Return a time in ns as a UTC date and time, cut to the microsecond."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=ts_ns // 1000)


def _fall(ts_ns: IntColumn, depth: FloatColumn, first: int, end: int) -> Drawdown:
    peak = int(ts_ns[max(first - 1, 0)])
    trough = first + int(np.argmin(depth[first:end]))
    recovered = int(ts_ns[end]) if end < len(ts_ns) else None
    until = recovered if recovered is not None else int(ts_ns[-1])
    return Drawdown(peak, int(ts_ns[trough]), recovered, float(depth[trough]), (until - peak) / DAY_NS)
