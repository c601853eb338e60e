"""Times of records: which unit a number has, which interval a series has, which grid it lies on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradewind.errors import DataUnfit
from tradewind.units.time import (
    INTERVALS,
    MONDAY_NS,
    SECOND_NS,
    WEEK_NS,
    format_interval,
    parse_interval,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.market.bars import Instants

__all__ = ["EARLIEST_NS", "LATEST_NS", "floor_to_grid", "grid_offset_ns", "infer_interval", "to_nanoseconds"]

EARLIEST_NS = 1_230_768_000 * SECOND_NS
"""2009-01-01: nothing was traded against a coin before the first coin."""
LATEST_NS = 4_102_444_800 * SECOND_NS
"""2100-01-01: keeps the units of time apart, see `to_nanoseconds`."""

_UNITS = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_KNOWN_NS = {parse_interval(word): word for word in INTERVALS}
"""The first Monday after the epoch, which was a Thursday."""


def to_nanoseconds(values: NDArray[np.generic], where: str) -> tuple[Instants, str]:
    """Return times as int64 ns with the word of their unit, recognised by magnitude.

    Why it is safe: between 2009 and 2100 the counts of s, ms, us and ns do not overlap.
    Raises DATA_TIME_UNIT where a value fits no unit or the column changes its unit, DATA_NOT_FINITE for a hole.
    """
    numbers = values.astype(np.float64)
    holes = np.flatnonzero(~np.isfinite(numbers))
    if len(holes):
        raise DataUnfit("DATA_NOT_FINITE", f"row {int(holes[0]) + 1} has no time", where=where)
    units = [word for word, scale in _UNITS.items() if _fits(numbers[:1], scale)[0]]
    if not units:
        raise DataUnfit("DATA_TIME_UNIT", f"{numbers[0]:.17g} is no time between 2009 and 2100", where=where)
    scale = _UNITS[units[0]]
    strangers = np.flatnonzero(~_fits(numbers, scale))
    if len(strangers):
        row = int(strangers[0])
        message = f"the times begin in {units[0]}, but row {row + 1} has {numbers[row]:.17g}"
        raise DataUnfit("DATA_TIME_UNIT", message, where=where)
    if values.dtype.kind in "iu":
        return values.astype(np.int64) * scale, units[0]
    # A double holds seconds to a fraction of a microsecond, so microseconds are what it can say.
    return np.rint(numbers * (scale / 1000.0)).astype(np.int64) * 1000, units[0]


def _fits(numbers: NDArray[np.float64], scale: int) -> NDArray[np.bool_]:
    return (numbers >= EARLIEST_NS / scale) & (numbers < LATEST_NS / scale)


def infer_interval(ts_ns: Instants, where: str) -> int:
    """Return the interval in ns that the spacing of the records shows: their commonest distance.

    Requires: ascending times. Raises DATA_TOO_SHORT for fewer than two records, DATA_TIMEFRAME for a distance
    that no bar has.
    """
    steps = np.diff(ts_ns)
    steps = steps[steps > 0]
    if not len(steps):
        raise DataUnfit(
            "DATA_TOO_SHORT", "one record does not show its interval", where=where, hint="state it: --bars 1m"
        )
    sizes, counts = np.unique(steps, return_counts=True)
    commonest = int(sizes[np.argmax(counts)])
    if commonest not in _KNOWN_NS:
        raise DataUnfit(
            "DATA_TIMEFRAME",
            f"the records lie {commonest / SECOND_NS:g} s apart, which no bars do",
            where=where,
            known=INTERVALS,
        )
    return commonest


def confirm_interval(ts_ns: Instants, interval_ns: int, where: str) -> None:
    """Raise DATA_TIMEFRAME unless the spacing of the records is the stated interval.

    A sparse series shows multiples of its interval; the commonest distance must still be the interval itself,
    or its records are another interval's.
    """
    if np.count_nonzero(np.diff(ts_ns) > 0) == 0:
        return
    found = infer_interval(ts_ns, where)
    if found != interval_ns:
        stated, seen = format_interval(interval_ns), format_interval(found)
        raise DataUnfit("DATA_TIMEFRAME", f"stated {stated}, but the records lie {seen} apart", where=where)


def grid_offset_ns(interval_ns: int) -> int:
    """Return where the grid of an interval begins: midnight 1970-01-01, for weeks the Monday after it."""
    return MONDAY_NS if interval_ns % WEEK_NS == 0 else 0


def floor_to_grid(ts_ns: Instants, interval_ns: int) -> Instants:
    """Return for each time the start of the interval that holds it; weeks start on Monday (UTC)."""
    offset = grid_offset_ns(interval_ns)
    return (ts_ns - offset) // interval_ns * interval_ns + offset
