"""The second door: a table of target exposures, each stamped with the time at which it was known, as facts.

Nothing is shifted, filled or dropped here. A value stamped with the opening time of the bar it was computed
from is a value from the future; `stamped_too_early` measures whether a table looks like that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from tradewind.errors import DataUnfit
from tradewind.units.time import format_utc

__all__ = ["EXPOSURES_NAME", "ExposureTable", "Hindsight", "exposures_from_table", "stamped_too_early"]

EXPOSURES_NAME = "exposure"
"""The name under which `tradewind.backtest(file, exposures=table)` hands a table over."""

_TIMES = ("known_at", "known_ns", "ts_ns")
_YEAR_2000_NS, _YEAR_2200_NS = 946_684_800_000_000_000, 7_258_118_400_000_000_000


class _Frame(Protocol):
    """Anything with named columns: a Polars or pandas frame, a dict of arrays."""

    def __getitem__(self, name: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class ExposureTable:
    """Checked exposures in the order of time, then symbol.

    Parameters
    ----------
    known_ns
        When each value was known, nanoseconds UTC, shape (n,).
    symbol
        Venue-native symbol of each value.
    exposure
        Position wanted as a ratio of equity: 1 all of it long, -0.5 half of it short.
    """

    known_ns: npt.NDArray[np.int64]
    symbol: tuple[str, ...]
    exposure: npt.NDArray[np.float64]

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols of the table, sorted."""
        return tuple(sorted(set(self.symbol)))

    def of(self, symbol: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return times and exposures of one symbol, ready to be FEATURE facts."""
        rows = np.array([each == symbol for each in self.symbol], bool)
        return self.known_ns[rows], self.exposure[rows]


def exposures_from_table(frame: _Frame) -> ExposureTable:
    """Return the checked exposures of a Polars or pandas frame or a dict of columns.

    Columns: `known_at` (times with or without zone, without one UTC) or `known_ns` (nanoseconds), `symbol`,
    `exposure`. Raises DataUnfit: DATA_SCHEMA, DATA_EMPTY, DATA_TIME_UNIT, DATA_NOT_FINITE, DATA_RANGE,
    DATA_CONFLICT, each with the row.
    """
    names = _column_names(frame)
    time_name = next((name for name in _TIMES if name in names), "")
    for name in (time_name or "known_at", "symbol", "exposure"):
        if name not in names:
            raise DataUnfit(
                "DATA_SCHEMA", f"the table has no column '{name}'", known=("known_at", "symbol", "exposure")
            )
    known_ns = _times(time_name, frame[time_name])
    symbol = [str(each) for each in _array(frame["symbol"])]
    exposure = _numbers(frame["exposure"])
    if not len(known_ns) == len(symbol) == len(exposure):
        raise DataUnfit("DATA_SCHEMA", "the columns differ in length", hint="give each row all three values")
    if len(known_ns) == 0:
        raise DataUnfit("DATA_EMPTY", "the table holds no row", hint="give at least one exposure")
    order = sorted(range(len(symbol)), key=lambda row: (known_ns[row], symbol[row]))
    _refuse_conflicts(known_ns, symbol, exposure, order)
    return ExposureTable(known_ns[order], tuple(symbol[row] for row in order), exposure[order])


def _column_names(frame: _Frame) -> list[str]:
    columns = frame.keys() if isinstance(frame, Mapping) else getattr(frame, "columns", None)
    if columns is None and getattr(frame, "dtype", None) is not None:
        columns = cast("np.ndarray[tuple[int], np.dtype[np.void]]", frame).dtype.names
    if columns is None:
        raise DataUnfit(
            "DATA_SCHEMA", "this is no table with named columns", known=("known_at", "symbol", "exposure")
        )
    return [str(name) for name in cast("Sequence[str]", columns)]


def _array(column: object) -> npt.NDArray[np.generic]:
    """Return a column as NumPy; times with a zone become UTC."""
    zoned = getattr(column, "dt", None)
    if zoned is not None and getattr(getattr(column, "dtype", None), "tz", None) is not None:
        column = zoned.tz_convert("UTC").dt.tz_localize(None)
    convert = getattr(column, "to_numpy", None)
    values: npt.NDArray[np.generic] = np.asarray(convert() if convert is not None else column)
    if values.ndim != 1:
        raise DataUnfit("DATA_SCHEMA", "a column has more than one dimension", hint="give one value a row")
    return values


def _times(name: str, column: object) -> npt.NDArray[np.int64]:
    values = _array(column)
    if values.dtype.kind == "M":
        if np.isnat(values).any():
            raise DataUnfit(
                "DATA_NOT_FINITE", f"a time is missing: row {int(np.isnat(values).argmax())}", key=name
            )
        return values.astype("datetime64[ns]").astype(np.int64)
    if values.dtype.kind not in "iu":
        raise DataUnfit(
            "DATA_SCHEMA",
            f"'{name}' holds no times",
            key=name,
            hint="give times, or whole nanoseconds since 1970 UTC",
        )
    times = values.astype(np.int64)
    if len(times) and not (times.min() >= _YEAR_2000_NS and times.max() <= _YEAR_2200_NS):
        raise DataUnfit(
            "DATA_TIME_UNIT",
            f"'{name}' holds no nanoseconds: {int(times.min())}",
            key=name,
            hint="multiply milliseconds by 1_000_000",
        )
    return times


def _numbers(column: object) -> npt.NDArray[np.float64]:
    values = _array(column)
    if values.dtype.kind not in "iuf":
        raise DataUnfit(
            "DATA_SCHEMA",
            "'exposure' holds no numbers",
            key="exposure",
            hint="give ratios of equity: 1.0, -0.5",
        )
    numbers = values.astype(np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise DataUnfit(
            "DATA_NOT_FINITE", f"an exposure is not finite: row {int(bad.argmax())}", key="exposure"
        )
    if len(numbers) and np.abs(numbers).max() > 100.0:
        row = int(np.abs(numbers).argmax())
        raise DataUnfit(
            "DATA_RANGE",
            f"an exposure is {numbers[row]:g}: row {row}",
            key="exposure",
            hint="an exposure is a ratio of equity, not percent",
        )
    return numbers


def _refuse_conflicts(
    known_ns: npt.NDArray[np.int64],
    symbol: Sequence[str],
    exposure: npt.NDArray[np.float64],
    order: Sequence[int],
) -> None:
    for before, row in pairwise(order):
        if known_ns[before] == known_ns[row] and symbol[before] == symbol[row]:
            where = f"{symbol[row]} at {format_utc(int(known_ns[row]))}"
            raise DataUnfit(
                "DATA_CONFLICT",
                f"two exposures of one time: {where}, rows {before} and {row}",
                hint="keep one of them",
            )


@dataclass(frozen=True, slots=True)
class Hindsight:
    """How well exposures agree with the bar that had just begun when they were stamped, against the bar after it.

    Parameters
    ----------
    same, next
        t statistics of exposure x return over the bar that opens at the stamp, and over the next one.
    count
        Stamps that fall on the opening of a bar.
    """

    same: float
    next: float
    count: int

    @property
    def is_suspect(self) -> bool:
        """Return True where the exposures know the bar they are stamped with and nothing of the one after it."""
        return self.count >= 30 and self.same > 5.0 and self.same > 4.0 * abs(self.next)


def stamped_too_early(
    known_ns: npt.NDArray[np.int64],
    exposure: npt.NDArray[np.float64],
    open_ns: npt.NDArray[np.int64],
    open_price: npt.NDArray[np.float64],
    close_price: npt.NDArray[np.float64],
) -> Hindsight:
    """Measure whether one symbol's exposures look stamped with the opening time of the bars they were computed from.

    open_ns is sorted; all bar arrays have shape (bars,). A true forecast earns in both bars; hindsight earns
    in the first alone.
    """
    place = np.searchsorted(open_ns, known_ns)
    inside = place < len(open_ns) - 1
    on_open = inside.copy()
    on_open[inside] = open_ns[place[inside]] == known_ns[inside]
    bars = place[on_open]
    moves = close_price / open_price - 1.0
    weights = exposure[on_open]
    return Hindsight(_t_statistic(weights * moves[bars]), _t_statistic(weights * moves[bars + 1]), len(bars))


def _t_statistic(values: npt.NDArray[np.float64]) -> float:
    count = len(values)
    if count < 2:
        return 0.0
    mean = math.fsum(values) / count
    spread = math.sqrt(math.fsum((values - mean) ** 2) / (count - 1))
    return mean / spread * math.sqrt(count) if spread > 0.0 else 0.0
