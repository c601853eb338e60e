"""Funding settlements: which are missing, superfluous or impossible, whatever intervals the venue had at the time."""

import numpy as np
from numpy.typing import NDArray

from tradewind.market.bars import Funding
from tradewind.market.defects import Defect, runs_of
from tradewind.units.time import HOUR_NS, MINUTE_NS, format_utc

__all__ = ["check_funding", "check_rates", "local_intervals"]

PERCENT_SUSPECT = 0.05
"""A typical settlement above this is a percentage written as a ratio."""

_NEIGHBOURS = 5


def check_funding(
    funding: Funding,
    *,
    interval_ns: int = 8 * HOUR_NS,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> tuple[Defect, ...]:
    """Return the defects of settlements in order of time.

    Why intervals are local: venues change them, per symbol, from 8 h to 4 h or 1 h and back; a settlement is missing
    where a distance is larger than those before it and larger than those after it.
    start_ns, end_ns: period that must be covered; None asks nothing of a side. interval_ns: what is expected where the
    series is too short to show its own.
    """
    found = check_rates(funding)
    if len(funding):
        due_ns = (funding.ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
        found += _between(due_ns, interval_ns)
        found += _at_the_ends(due_ns, interval_ns, start_ns, end_ns)
    elif start_ns is not None and end_ns is not None:
        found.append(_missing(start_ns, end_ns, interval_ns))
    return tuple(sorted(found, key=lambda d: (d.ts_ns, d.kind)))


def check_rates(funding: Funding) -> list[Defect]:
    """Return rates that are no numbers, percentages, or beyond the whole notional."""
    rate = funding.rate
    found = runs_of("not_finite", ~np.isfinite(rate), funding.ts_ns, 1, "the rate is not a finite number")
    finite = np.abs(rate[np.isfinite(rate)])
    typical = float(np.median(finite)) if len(finite) else 0.0
    if typical > PERCENT_SUSPECT:
        detail = f"a typical rate of {typical:g} is a percentage, not a ratio"
        return [
            *found,
            Defect("funding_range", int(funding.ts_ns[0]), int(funding.ts_ns[-1]) + 1, len(rate), detail),
        ]
    with np.errstate(invalid="ignore"):
        wild = np.abs(rate) > 1.0
    return found + runs_of("funding_range", wild, funding.ts_ns, 1, "the rate exceeds the whole notional")


def local_intervals(
    due_ns: NDArray[np.int64], interval_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each distance between settlements the usual distance before it and after it, in ns."""
    steps = np.diff(due_ns)
    if not len(steps):
        return steps, steps
    width = min(_NEIGHBOURS, len(steps))
    windows = np.lib.stride_tricks.sliding_window_view(steps, width)
    usual = np.sort(windows, axis=1)[:, (width - 1) // 2]
    before = np.r_[np.full(width, usual[0]), usual][: len(steps)]
    after = np.r_[usual[1:], np.full(width, usual[-1])][: len(steps)]
    return before, after


def _between(due_ns: NDArray[np.int64], interval_ns: int) -> list[Defect]:
    steps = np.diff(due_ns)
    before, after = local_intervals(due_ns, interval_ns)
    found = []
    for row in np.flatnonzero(steps > 1.5 * np.maximum(before, after)).tolist():
        usual = int(min(before[row], after[row]))
        found.append(_missing(int(due_ns[row]) + usual, int(due_ns[row + 1]), usual))
    extra = np.r_[False, steps < 0.5 * np.minimum(before, after)]
    return found + runs_of("funding_extra", extra, due_ns, 1, "no settlement is due at this time")


def _at_the_ends(
    due_ns: NDArray[np.int64], interval_ns: int, start_ns: int | None, end_ns: int | None
) -> list[Defect]:
    before, after = local_intervals(due_ns, interval_ns)
    found = []
    first, last = int(due_ns[0]), int(due_ns[-1])
    lead = int(before[0]) if len(before) else interval_ns
    trail = int(after[-1]) if len(after) else interval_ns
    if start_ns is not None and first - lead >= start_ns:
        found.append(_missing(first - (first - start_ns) // lead * lead, first, lead))
    if end_ns is not None and last + trail < end_ns:
        found.append(_missing(last + trail, end_ns, trail))
    return found


def _missing(start_ns: int, end_ns: int, interval_ns: int) -> Defect:
    count = max(1, -((start_ns - end_ns) // interval_ns))
    word = "settlement" if count == 1 else "settlements"
    return Defect(
        "funding_missing", start_ns, end_ns, count, f"{count} {word} missing until {format_utc(end_ns)}"
    )
