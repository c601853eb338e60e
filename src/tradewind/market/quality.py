"""Finding what is wrong with a history, and where.

Each finding is a `Defect` with its place. Hard defects make a record meaningless (no number, no enclosing
high and low); soft ones are true of some markets and wrong in others (a halt, a crash to a twentieth), so they
stop a backtest until its file says what to do about them: see `policies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.market.bars import Bars, Funding, Mark
from tradewind.market.grid import floor_to_grid
from tradewind.units.time import HOUR_NS, format_interval, format_utc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.market.bars import Series

    Mask = NDArray[np.bool_]

__all__ = [
    "CODES",
    "HARD",
    "Defect",
    "QualityRules",
    "check_bars",
    "check_funding",
    "check_mark",
    "hard_defects",
]

CODES: dict[str, str] = {
    "not_finite": "DATA_NOT_FINITE",
    "zero_price": "DATA_RANGE",
    "volume": "DATA_RANGE",
    "ohlc": "DATA_OHLC",
    "order": "DATA_ORDER",
    "duplicates": "DATA_CONFLICT",
    "grid": "DATA_GRID",
    "interval": "DATA_TIMEFRAME",
    "time_unit": "DATA_TIME_UNIT",
    "symbol": "DATA_SYMBOL",
    "future": "DATA_FUTURE",
    "unfinished": "DATA_FUTURE",
    "gaps": "DATA_GAP",
    "outliers": "DATA_SUSPECT",
    "flat": "DATA_SUSPECT",
    "zero_volume": "DATA_SUSPECT",
    "funding_missing": "FUNDING_MISSING",
    "funding_extra": "FUNDING_EXTRA",
    "funding_range": "FUNDING_RANGE",
}
"""Every kind of defect with its error code; the kinds are the keys of `[data]` in a backtest file."""

HARD = frozenset(
    {"not_finite", "zero_price", "volume", "ohlc", "order", "duplicates", "grid", "interval", "future"}
)
"""Defects that no import lets in."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One finding: its kind, where it begins and ends (ns, end excluded), how many records, and one sentence."""

    kind: str
    ts_ns: int
    end_ns: int
    count: int
    detail: str

    @property
    def code(self) -> str:
        """Return the error code under which a backtest refuses it."""
        return CODES[self.kind]

    def __str__(self) -> str:
        return f"{self.kind} at {format_utc(self.ts_ns)}: {self.detail}"


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What counts as suspect.

    outlier_ratio: a price this many times above, or below by this factor, its neighbour within one bar.
    spike_ratio: a close this factor away from both neighbours, which agree within `spike_return_ratio`.
    flat_ns, flat_bars: prices that stand still for at least this long and this many bars.
    zero_volume_bars: bars without a trade in a row that are worth a line.
    """

    outlier_ratio: float = 2.0
    spike_ratio: float = 1.25
    spike_return_ratio: float = 1.02
    flat_ns: int = 2 * HOUR_NS
    flat_bars: int = 12
    zero_volume_bars: int = 1


STANDARD_RULES = QualityRules()


def check_bars(
    bars: Bars, *, now_ns: int | None = None, rules: QualityRules = STANDARD_RULES
) -> tuple[Defect, ...]:
    """Return every defect of bars in order of time, whatever state they are in.

    now_ns: time of looking; bars that end after it are unfinished, bars that begin after it are impossible.
    """
    found = _check_rows(bars, bars.volume)
    found += _check_times(bars.ts_ns, bars.interval_ns, now_ns)
    found += _check_suspects(bars, rules)
    return _in_order(found)


def hard_defects(series: Series) -> tuple[Defect, ...]:
    """Return only what makes records meaningless (`HARD`): an import refuses a file for any of it."""
    if isinstance(series, Bars):
        found = _check_rows(series, series.volume) + _check_grid(series.ts_ns, series.interval_ns)
    elif isinstance(series, Mark):
        found = _check_rows(series, None) + _check_grid(series.ts_ns, series.interval_ns)
    elif isinstance(series, Funding):
        found = _funding_rates(series)
    else:
        found = _check_interest(series)
    return _in_order(found)


def check_mark(mark: Mark, *, now_ns: int | None = None) -> tuple[Defect, ...]:
    """Return every defect of mark prices in order of time; a mark may jump where the market does."""
    found = _check_rows(mark, None)
    return _in_order(found + _check_times(mark.ts_ns, mark.interval_ns, now_ns))


def _in_order(found: list[Defect]) -> tuple[Defect, ...]:
    return tuple(sorted(found, key=lambda d: (d.ts_ns, d.kind)))


# ---------------------------------------------------------------------------- single records


def _check_rows(bars: Bars | Mark, volume: NDArray[np.float64] | None) -> list[Defect]:
    columns = (bars.open, bars.high, bars.low, bars.close)
    finite = np.logical_and.reduce([np.isfinite(c) for c in columns])
    positive = np.logical_and.reduce([c > 0.0 for c in columns])
    masks: list[tuple[str, Mask, str]] = [
        ("not_finite", ~finite, "a price is not a finite number"),
        ("zero_price", finite & ~positive, "a price is zero or negative"),
        ("ohlc", finite & positive & ~_encloses(bars), "high and low do not enclose open and close"),
    ]
    if volume is not None:
        masks.append(
            ("volume", ~(np.isfinite(volume) & (volume >= 0.0)), "the volume is no number from 0 up")
        )
    return [
        d for kind, mask, detail in masks for d in _runs(kind, mask, bars.ts_ns, bars.interval_ns, detail)
    ]


def _encloses(bars: Bars | Mark) -> Mask:
    top = np.maximum(bars.open, bars.close)
    bottom = np.minimum(bars.open, bars.close)
    return (bars.high >= top) & (bars.low <= bottom)


def _runs(kind: str, mask: Mask, ts_ns: NDArray[np.int64], interval_ns: int, detail: str) -> list[Defect]:
    """Return one defect for each run of neighbouring rows in a mask."""
    return [
        Defect(kind, int(ts_ns[a]), int(ts_ns[b - 1]) + interval_ns, b - a, f"{detail} (row {a + 1})")
        for a, b in _bounds(mask)
    ]


def _bounds(mask: Mask) -> list[tuple[int, int]]:
    """Return first and past-the-last row of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


# ---------------------------------------------------------------------------- times


def _check_times(ts_ns: NDArray[np.int64], interval_ns: int, now_ns: int | None) -> list[Defect]:
    found = _check_grid(ts_ns, interval_ns) + _gaps(ts_ns, interval_ns)
    if now_ns is not None and len(ts_ns):
        found += _beyond(ts_ns, interval_ns, now_ns)
    return found


def _check_grid(ts_ns: NDArray[np.int64], interval_ns: int) -> list[Defect]:
    steps = np.diff(ts_ns)
    backwards = np.r_[False, steps < 0]
    repeated = np.r_[False, steps == 0]
    off_grid = ts_ns != floor_to_grid(ts_ns, interval_ns)
    found = _runs("order", backwards, ts_ns, interval_ns, "the times go back")
    found += _runs("duplicates", repeated, ts_ns, interval_ns, "a time is there twice")
    word = format_interval(interval_ns)
    return found + _runs("grid", off_grid, ts_ns, interval_ns, f"the time is not on the grid of {word}")


def _gaps(ts_ns: NDArray[np.int64], interval_ns: int) -> list[Defect]:
    rows = np.flatnonzero(np.diff(ts_ns) > interval_ns)
    found = []
    for row in rows.tolist():
        start, end = int(ts_ns[row]) + interval_ns, int(ts_ns[row + 1])
        count = -((start - end) // interval_ns)
        found.append(Defect("gaps", start, end, count, f"{count} missing until {format_utc(end)}"))
    return found


def _beyond(ts_ns: NDArray[np.int64], interval_ns: int, now_ns: int) -> list[Defect]:
    future = ts_ns > now_ns
    unfinished = ~future & (ts_ns + interval_ns > now_ns)
    found = _runs("future", future, ts_ns, interval_ns, f"the bar begins after now ({format_utc(now_ns)})")
    return found + _runs("unfinished", unfinished, ts_ns, interval_ns, "the bar has not ended")


# ---------------------------------------------------------------------------- suspects


def _check_suspects(bars: Bars, rules: QualityRules) -> list[Defect]:
    if not len(bars):
        return []
    found = _outliers(bars, rules)
    found += _spikes(bars, rules)
    flat = (
        np.r_[False, (bars.close[1:] == bars.close[:-1])]
        & (bars.high == bars.low)
        & (bars.open == bars.close)
    )
    found += _long_runs("flat", flat, bars, rules)
    empty = bars.volume == 0.0
    bounds = [(a, b) for a, b in _bounds(empty) if b - a >= rules.zero_volume_bars]
    return found + [_run(bars, "zero_volume", a, b, f"{b - a} bars without a trade") for a, b in bounds]


def _long_runs(kind: str, mask: Mask, bars: Bars, rules: QualityRules) -> list[Defect]:
    found = []
    for a, b in _bounds(mask):
        lasted = int(bars.ts_ns[b - 1]) - int(bars.ts_ns[a]) + bars.interval_ns
        if b - a >= rules.flat_bars and lasted >= rules.flat_ns:
            found.append(_run(bars, kind, a, b, f"the price stands at {bars.close[a]:g} for {b - a} bars"))
    return found


def _run(bars: Bars, kind: str, a: int, b: int, detail: str) -> Defect:
    return Defect(kind, int(bars.ts_ns[a]), int(bars.ts_ns[b - 1]) + bars.interval_ns, b - a, detail)


def _outliers(bars: Bars, rules: QualityRules) -> list[Defect]:
    """Find bars that move by the ratio within themselves or from the close before them."""
    before = np.r_[bars.open[0], bars.close[:-1]]
    high = np.maximum.reduce([bars.high, bars.open, bars.close])
    low = np.minimum.reduce([bars.low, bars.open, bars.close])
    top = np.maximum(high, before)
    bottom = np.minimum(low, before)
    with np.errstate(invalid="ignore"):
        wild = (bottom > 0.0) & (top >= rules.outlier_ratio * bottom)
    return [
        Defect(
            "outliers",
            int(bars.ts_ns[row]),
            int(bars.ts_ns[row]) + bars.interval_ns,
            1,
            f"open {bars.open[row]:g} high {bars.high[row]:g} low {bars.low[row]:g} close {bars.close[row]:g} "
            f"after a close of {before[row]:g}",
        )
        for row in np.flatnonzero(wild).tolist()
    ]


def _spikes(bars: Bars, rules: QualityRules) -> list[Defect]:
    """Find single closes far from both neighbours, which agree with each other."""
    if len(bars) < 3:
        return []
    before, here, after = bars.close[:-2], bars.close[1:-1], bars.close[2:]
    with np.errstate(invalid="ignore", divide="ignore"):
        away = _ratio(here, before) >= rules.spike_ratio
        back = _ratio(after, before) <= rules.spike_return_ratio
    return [
        _run(
            bars,
            "outliers",
            row,
            row + 1,
            f"close {bars.close[row]:g} between {bars.close[row - 1]:g} and {bars.close[row + 1]:g}",
        )
        for row in (np.flatnonzero(away & back & (_ratio(here, after) >= rules.spike_ratio)) + 1).tolist()
    ]


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many times the larger is of the smaller; NaN where that makes no sense."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient: NDArray[np.float64] = np.maximum(a, b) / np.minimum(a, b)
    return quotient


# ---------------------------------------------------------------------------- funding

SETTLEMENT_JITTER_NS = 60 * 1_000_000_000
"""Settlements are recorded up to some milliseconds, on one venue up to a second, after they are due."""

PERCENT_SUSPECT = 0.05
"""A typical settlement above this is a percentage written as a ratio."""


def check_funding(
    funding: Funding, interval_ns: int, *, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[Defect, ...]:
    """Return what is missing, superfluous or impossible among settlements due each `interval_ns`.

    start_ns, end_ns: the period that must be covered; without it the series' own first and last record count.
    """
    found = _funding_rates(funding)
    if not len(funding):
        return tuple(found)
    due_at = _nearest(funding.ts_ns, interval_ns, int(funding.ts_ns[0]))
    off = np.abs(funding.ts_ns - due_at) > SETTLEMENT_JITTER_NS
    repeated = np.r_[False, np.diff(due_at) == 0] & ~off
    found += _runs("funding_extra", off, funding.ts_ns, 1, "no settlement is due at this time")
    found += _runs("funding_extra", repeated, funding.ts_ns, 1, "a settlement is there twice")
    return _in_order(found + _funding_holes(due_at[~off], interval_ns, start_ns, end_ns))


def _nearest(ts_ns: NDArray[np.int64], interval_ns: int, anchor_ns: int) -> NDArray[np.int64]:
    """Return the due times nearest to the records; the phase of the grid is that of the first record's hour."""
    phase = (anchor_ns + HOUR_NS // 2) // HOUR_NS * HOUR_NS % interval_ns
    return (ts_ns - phase + interval_ns // 2) // interval_ns * interval_ns + phase


def _funding_rates(funding: Funding) -> list[Defect]:
    rate = funding.rate
    found = _runs("not_finite", ~np.isfinite(rate), funding.ts_ns, 1, "the rate is not a finite number")
    typical = float(np.median(np.abs(rate))) if len(rate) else 0.0
    if typical > PERCENT_SUSPECT:
        detail = f"a typical rate of {typical:g} is a percentage, not a ratio"
        return [
            *found,
            Defect("funding_range", int(funding.ts_ns[0]), int(funding.ts_ns[-1]) + 1, len(rate), detail),
        ]
    wild = np.abs(rate) > 1.0
    return found + _runs("funding_range", wild, funding.ts_ns, 1, "the rate exceeds the whole notional")


def _funding_holes(
    due_at: NDArray[np.int64], interval_ns: int, start_ns: int | None, end_ns: int | None
) -> list[Defect]:
    if not len(due_at):
        return []
    first = int(due_at[0]) if start_ns is None else start_ns + (int(due_at[0]) - start_ns) % interval_ns
    last = int(due_at[-1]) if end_ns is None else end_ns - 1 - (end_ns - 1 - int(due_at[0])) % interval_ns
    edges = np.r_[first - interval_ns, due_at[(due_at >= first) & (due_at <= last)], last + interval_ns]
    rows = np.flatnonzero(np.diff(edges) > interval_ns)
    found = []
    for row in rows.tolist():
        start, end = int(edges[row]) + interval_ns, int(edges[row + 1])
        count = (end - start) // interval_ns
        found.append(
            Defect(
                "funding_missing", start, end, count, f"{count} settlements missing until {format_utc(end)}"
            )
        )
    return found


def _check_interest(series: Series) -> list[Defect]:
    values = np.vstack([series.column(name) for name in series.COLUMNS]).astype(np.float64)
    silent = np.logical_and.reduce(np.isnan(values))
    with np.errstate(invalid="ignore"):
        negative = np.logical_or.reduce((values < 0.0) | np.isinf(values))
    found = _runs("not_finite", silent, series.ts_ns, 1, "no open interest is given")
    return found + _runs("volume", negative, series.ts_ns, 1, "the open interest is negative or infinite")
