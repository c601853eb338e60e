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
from tradewind.market.defects import Defect, bounds_of, runs_of
from tradewind.market.grid import floor_to_grid
from tradewind.market.settlements import check_funding, check_rates
from tradewind.units.time import HOUR_NS, format_interval, format_utc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.market.bars import Series

    Mask = NDArray[np.bool_]

__all__ = ["QualityRules", "check_bars", "check_mark", "check_series", "find_gaps", "hard_defects"]


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


def check_series(
    series: Series, *, now_ns: int | None = None, funding_ns: int = 8 * HOUR_NS
) -> tuple[Defect, ...]:
    """Return every defect of any kind of history; funding_ns is the interval a short series of funding is held to."""
    if isinstance(series, Bars):
        return check_bars(series, now_ns=now_ns)
    if isinstance(series, Mark):
        return check_mark(series, now_ns=now_ns)
    if isinstance(series, Funding):
        return check_funding(series, interval_ns=funding_ns)
    return hard_defects(series)


def hard_defects(series: Series) -> tuple[Defect, ...]:
    """Return only what makes records meaningless: an import refuses a file for any of it."""
    if isinstance(series, Bars):
        found = _check_rows(series, series.volume) + _check_grid(series.ts_ns, series.interval_ns)
    elif isinstance(series, Mark):
        found = _check_rows(series, None) + _check_grid(series.ts_ns, series.interval_ns)
    elif isinstance(series, Funding):
        found = check_rates(series)
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
        d for kind, mask, detail in masks for d in runs_of(kind, mask, bars.ts_ns, bars.interval_ns, detail)
    ]


def _encloses(bars: Bars | Mark) -> Mask:
    top = np.maximum(bars.open, bars.close)
    bottom = np.minimum(bars.open, bars.close)
    return (bars.high >= top) & (bars.low <= bottom)


# ---------------------------------------------------------------------------- times


def _check_times(ts_ns: NDArray[np.int64], interval_ns: int, now_ns: int | None) -> list[Defect]:
    found = _check_grid(ts_ns, interval_ns) + find_gaps(ts_ns, interval_ns)
    if now_ns is not None and len(ts_ns):
        found += _beyond(ts_ns, interval_ns, now_ns)
    return found


def _check_grid(ts_ns: NDArray[np.int64], interval_ns: int) -> list[Defect]:
    steps = np.diff(ts_ns)
    backwards = np.r_[False, steps < 0]
    repeated = np.r_[False, steps == 0]
    off_grid = ts_ns != floor_to_grid(ts_ns, interval_ns)
    found = runs_of("order", backwards, ts_ns, interval_ns, "the times go back")
    found += runs_of("duplicates", repeated, ts_ns, interval_ns, "a time is there twice")
    word = format_interval(interval_ns)
    return found + runs_of("grid", off_grid, ts_ns, interval_ns, f"the time is not on the grid of {word}")


def find_gaps(ts_ns: NDArray[np.int64], interval_ns: int) -> list[Defect]:
    """Return one defect for each place at which records are missing between two records."""
    rows = np.flatnonzero(np.diff(ts_ns) > interval_ns)
    found = []
    for row in rows.tolist():
        start, end = int(ts_ns[row]) + interval_ns, int(ts_ns[row + 1])
        count = -((start - end) // interval_ns)
        found.append(
            Defect(
                "gaps", start, end, count, "a bar is missing" if count == 1 else f"{count} bars are missing"
            )
        )
    return found


def _beyond(ts_ns: NDArray[np.int64], interval_ns: int, now_ns: int) -> list[Defect]:
    future = ts_ns > now_ns
    unfinished = ~future & (ts_ns + interval_ns > now_ns)
    found = runs_of("future", future, ts_ns, interval_ns, f"the bar begins after now ({format_utc(now_ns)})")
    return found + runs_of("unfinished", unfinished, ts_ns, interval_ns, "the bar has not ended")


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
    bounds = [(a, b) for a, b in bounds_of(empty) if b - a >= rules.zero_volume_bars]
    return found + [_run(bars, "zero_volume", a, b, _without_trade(b - a)) for a, b in bounds]


def _without_trade(count: int) -> str:
    return "a bar without a trade" if count == 1 else f"{count} bars without a trade"


def _long_runs(kind: str, mask: Mask, bars: Bars, rules: QualityRules) -> list[Defect]:
    found = []
    for a, b in bounds_of(mask):
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
        quotient = np.maximum(a, b) / np.minimum(a, b)
    return np.where((a > 0.0) & (b > 0.0), quotient, np.nan)


def _check_interest(series: Series) -> list[Defect]:
    values = np.vstack([series.column(name) for name in series.COLUMNS]).astype(np.float64)
    silent = np.logical_and.reduce(np.isnan(values))
    with np.errstate(invalid="ignore"):
        negative = np.logical_or.reduce((values < 0.0) | np.isinf(values))
    found = runs_of("not_finite", silent, series.ts_ns, 1, "no open interest is given")
    return found + runs_of("volume", negative, series.ts_ns, 1, "the open interest is negative or infinite")
