"""Bars of the length that a file steps on, made fit as it says: the stored ones, or put together from shorter ones."""

from dataclasses import dataclass

import numpy as np

from tradewind.config import BacktestConfig
from tradewind.errors import ConfigError
from tradewind.market import Applied, Bars, Grid, Instrument, Segment, Store, prepare_bars, resample
from tradewind.market.grid import floor_to_grid
from tradewind.units.time import format_interval

__all__ = ["FitBars", "read_fit_bars", "read_stored_bars"]


@dataclass(frozen=True, slots=True)
class FitBars:
    """Bars of one instrument that can be traded, cut at gaps where the file says so.

    stored: as they lie in the store. applied: what was done about defects. assumptions: sentences for the report.
    """

    stored: Bars
    segments: tuple[Segment, ...]
    grid: Grid
    applied: tuple[Applied, ...]
    assumptions: tuple[str, ...]


def read_fit_bars(
    config: BacktestConfig, store: Store, instrument: Instrument, label: str, first_ns: int
) -> FitBars:
    """Return the bars from first_ns to the end of the file's period.

    Where bars of `market.bars` are not stored, the longest stored ones that they can be put together from are
    examined for defects, then resampled; bars that lack a beginning or an end are left out. Raises DATA_MISSING,
    SYMBOL_INACTIVE where no whole bar is left, and the code of what the file does not accept.
    """
    bar_ns, end_ns = config.market.bar_ns, config.period.end_ns
    raw = read_stored_bars(config, store, instrument, first_ns)
    stored_ns = raw.interval_ns
    prepared = prepare_bars(raw, config.data, tick_size=instrument.tick_size, where=instrument.where)
    if stored_ns == bar_ns:
        return FitBars(raw, prepared.segments, prepared.grid, prepared.applied, ())
    segments = tuple(_longer(segment, bar_ns, first_ns, end_ns) for segment in prepared.segments)
    segments = tuple(segment for segment in segments if len(segment.bars))
    if not segments:
        raise ConfigError("SYMBOL_INACTIVE", "no whole bar lies in the period", where=instrument.where)
    longer, shorter = format_interval(bar_ns), format_interval(stored_ns)
    told = f"{label}: bars of {longer} are put together from the stored ones of {shorter}"
    return FitBars(raw, segments, prepared.grid, prepared.applied, (told,))


def read_stored_bars(config: BacktestConfig, store: Store, instrument: Instrument, first_ns: int) -> Bars:
    """Return the stored bars of a file's period as they are, whole bars of `market.bars` long. Raises DATA_MISSING."""
    bar_ns, end_ns = config.market.bar_ns, config.period.end_ns
    stored_ns = _stored_length(store, instrument, bar_ns)
    if stored_ns != bar_ns:
        edges = floor_to_grid(np.array([first_ns, end_ns + bar_ns - 1], np.int64), bar_ns)
        first_ns, end_ns = int(edges[0]), int(edges[1])
    return store.read_bars(instrument.venue, instrument.symbol, stored_ns, first_ns, end_ns)


def _stored_length(store: Store, instrument: Instrument, bar_ns: int) -> int:
    """Return the length itself where it is stored, else the longest stored one that it is a multiple of."""
    stored = store.intervals(instrument.venue, instrument.symbol)
    if bar_ns in stored:
        return bar_ns
    return max((length_ns for length_ns in stored if bar_ns % length_ns == 0), default=bar_ns)


def _longer(segment: Segment, bar_ns: int, first_ns: int, end_ns: int) -> Segment:
    """Return a stretch of bars as longer ones; what was made stays marked where all of a longer bar was made."""
    found = resample(segment.bars, bar_ns)
    first = np.cumsum(found.count) - found.count
    made = np.logical_and.reduceat(segment.made, first) if len(first) else segment.made
    kept = (found.bars.ts_ns >= first_ns) & (found.bars.ts_ns < end_ns)
    # Gaps that the file accepts leave bars short in the middle; at the ends the missing part was never there.
    kept[:1] &= found.bars.ts_ns[:1] == segment.bars.ts_ns[:1]
    kept[-1:] &= found.bars.end_ns[-1:] == segment.bars.end_ns[-1:]
    return Segment(found.bars.take(kept), made[kept])
