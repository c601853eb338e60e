"""Which instruments exist when, and the bars of many instruments on one grid of time.

A universe is point-in-time: an instrument is a member from its listing to its delisting, and one that leaves during
a run does so by a fact with a time. Where a listing is not known, the first bar stands for it and the report says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewind.errors import ConfigError
from tradewind.market.bars import Bars, Instants
from tradewind.market.instrument import Instrument
from tradewind.units.time import format_utc

__all__ = ["Aligned", "Change", "Membership", "Universe", "align"]


@dataclass(frozen=True, slots=True)
class Membership:
    """From when to when (ns, end excluded) an instrument can be traded; None: before, or after, all that is known."""

    symbol: str
    start_ns: int | None
    end_ns: int | None

    def holds(self, ts_ns: int) -> bool:
        """Return whether the instrument is a member at a time."""
        return (self.start_ns is None or ts_ns >= self.start_ns) and (
            self.end_ns is None or ts_ns < self.end_ns
        )


@dataclass(frozen=True, slots=True)
class Change:
    """An instrument enters or leaves at a time."""

    ts_ns: int
    symbol: str
    kind: Literal["enter", "leave"]


@dataclass(frozen=True, slots=True)
class Universe:
    """The instruments of a run with their lives, in the order of the file, and what about them is assumed."""

    members: tuple[Membership, ...]
    assumptions: tuple[str, ...] = ()

    @classmethod
    def of(cls, instruments: Iterable[Instrument], bars: Mapping[str, Bars]) -> "Universe":
        """Return the universe of these instruments, with bars by symbol for what their rules do not say.

        Bars before a stated listing count as trading: today's listing date of a contract can be that of its relaunch.
        Raises SYMBOL_INACTIVE for an instrument with bars after its delisting only, DATA_EMPTY for one without bars.
        """
        members, assumptions = [], []
        for instrument in instruments:
            member, told = _membership(instrument, bars[instrument.symbol])
            members.append(member)
            assumptions += told
        return cls(tuple(members), tuple(assumptions))

    def at(self, ts_ns: int) -> tuple[str, ...]:
        """Return the symbols that can be traded at a time, in the order of the file."""
        return tuple(m.symbol for m in self.members if m.holds(ts_ns))

    def changes(self, start_ns: int, end_ns: int) -> tuple[Change, ...]:
        """Return who enters and leaves in (start_ns, end_ns), by time; at one time those who leave come first."""
        found = []
        for m in self.members:
            if m.start_ns is not None and start_ns < m.start_ns < end_ns:
                found.append(Change(m.start_ns, m.symbol, "enter"))
            if m.end_ns is not None and start_ns < m.end_ns < end_ns:
                found.append(Change(m.end_ns, m.symbol, "leave"))
        order = {m.symbol: n for n, m in enumerate(self.members)}
        return tuple(sorted(found, key=lambda c: (c.ts_ns, c.kind == "enter", order[c.symbol])))


def _membership(instrument: Instrument, bars: Bars) -> tuple[Membership, list[str]]:
    if not len(bars):
        raise ConfigError(
            "SYMBOL_INACTIVE", "no bar of the instrument lies in the period", where=instrument.where
        )
    first_ns, end_ns = int(bars.ts_ns[0]), int(bars.end_ns[-1])
    told = []
    start = instrument.listed_ns
    if start is None or start > first_ns:
        said = "is not known" if start is None else f"({format_utc(start)}) lies after its first bar"
        told.append(f"{instrument.symbol}: its listing {said}; it is tradable from {format_utc(first_ns)}")
        start = first_ns
    stop = instrument.delisted_ns
    if stop is not None and stop <= first_ns:
        message = f"delisted {format_utc(stop)}, before its first bar"
        raise ConfigError("SYMBOL_INACTIVE", message, where=instrument.where)
    if stop is not None and stop < end_ns:
        told.append(f"{instrument.symbol}: bars after its delisting ({format_utc(stop)}) are not traded")
    return Membership(instrument.symbol, start, stop), told


@dataclass(frozen=True, slots=True)
class Aligned:
    """Bars of several instruments on one grid of time, without copying them.

    ts_ns: the grid, every time at which at least one instrument has a bar. row: shape (instruments, times), the row of
    each instrument's own bars at that time, -1 where it has none.
    """

    ts_ns: Instants
    row: NDArray[np.int32]
    bars: tuple[Bars, ...]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Return which instrument has a bar when; shape (instruments, times)."""
        return self.row >= 0

    def column(self, name: str, number: int) -> NDArray[np.float64]:
        """Return one instrument's column on the grid, NaN where it has no bar."""
        at = self.row[number]
        values = self.bars[number].column(name).astype(np.float64)
        return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


def align(bars: Sequence[Bars], start_ns: int | None = None, end_ns: int | None = None) -> Aligned:
    """Return bars of one interval on a common grid of time; memory is 4 bytes per instrument and time.

    Raises TIMEFRAME_INVALID for bars of different intervals.
    """
    if len({b.interval_ns for b in bars}) != 1:
        raise ConfigError(
            "TIMEFRAME_INVALID", "bars of different intervals, or none, cannot be put on one grid"
        )
    chosen = tuple(b.between(start_ns, end_ns) for b in bars)
    grid = _grid(chosen)
    row = np.full((len(chosen), len(grid)), -1, dtype=np.int32)
    for number, series in enumerate(chosen):
        row[number, np.searchsorted(grid, series.ts_ns)] = np.arange(len(series), dtype=np.int32)
    return Aligned(grid, row, chosen)


def _grid(bars: tuple[Bars, ...]) -> Instants:
    grid = bars[0].ts_ns
    for series in bars[1:]:
        if not np.array_equal(series.ts_ns, grid):
            grid = np.union1d(grid, series.ts_ns)
    return grid
