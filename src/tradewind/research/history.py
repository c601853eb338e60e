"""The history of a run: read from the store, made fit as the file says, put on one grid of time.

Memory: about 100 bytes a bar and instrument while it is prepared, 48 while it runs; integers are made chunk by chunk.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewind.config import BacktestConfig, Workspace
from tradewind.errors import ConfigError, DataMissing, DataUnfit, TradewindError
from tradewind.market import (
    Aligned,
    Applied,
    Bars,
    Funding,
    Grid,
    Instrument,
    Mark,
    OpenInterest,
    Store,
    Universe,
    align,
    prepare_funding,
    prepare_mark,
)
from tradewind.research.resolve import Resolved
from tradewind.research.stored_bars import read_fit_bars, read_stored_bars
from tradewind.units.time import MINUTE_NS, format_utc

__all__ = ["Episode", "Histories", "History", "read_histories"]


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch in which an instrument can be traded: from a time (warm by then) to a time, both ns, end excluded.

    `ends` is False for the last stretch of an instrument that lives on after the run.
    """

    start_ns: int
    stop_ns: int
    ends: bool


@dataclass(frozen=True, slots=True)
class History:
    """Everything that a run sees of one instrument.

    made: rows of `bars` that were made by filling, in which nothing may trade. mark: one price a bar, or None where no
    strategy looks at it. settled_price: mark price of each settlement of `funding`.
    """

    label: str
    instrument: Instrument
    grid: Grid
    bars: Bars
    made: NDArray[np.bool_]
    episodes: tuple[Episode, ...]
    funding: Funding
    settled_price: NDArray[np.float64]
    mark: Mark | None
    open_interest: OpenInterest | None


@dataclass(frozen=True, slots=True)
class Histories:
    """The histories of a run on one grid of time, and what was done to them.

    warm_stop: the first place on the grid at whose close decisions count. applied: what was done about defects.
    assumptions: sentences about lives and rules.
    """

    each: tuple[History, ...]
    aligned: Aligned
    warm_stop: int
    applied: tuple[Applied, ...]
    assumptions: tuple[str, ...]

    @property
    def bars(self) -> int:
        """Return how many places the grid has."""
        return len(self.aligned.ts_ns)


def read_histories(resolved: Resolved, workspace: Workspace) -> Histories:
    """Return the histories of a run.

    Raises DATA_MISSING, the code of the first kind of defect that the file does not accept, FUNDING_* and MARK_MISSING
    (one error with those of every symbol, so that one attempt shows them all), and DATA_TOO_SHORT with the number of
    bars that the warm-up needs.
    """
    _refuse_untold(resolved)
    config, store = resolved.config, Store(workspace.data)
    applied: list[Applied] = []
    told: list[str] = []
    each: list[History] = []
    refused: list[DataUnfit] = []
    for column in range(len(resolved.instruments)):
        try:
            each.append(_read_one(resolved, store, column, applied, told))
        except DataUnfit:
            refused += _refusals(resolved, store, column)
    if refused:
        raise _together(refused)
    aligned = align([history.bars for history in each])
    _check_reach(config, aligned, told)
    return Histories(
        tuple(each), aligned, _warm_stop(resolved, aligned), tuple(applied), tuple(dict.fromkeys(told))
    )


def _read_one(
    resolved: Resolved, store: Store, column: int, applied: list[Applied], told: list[str]
) -> History:
    config, label = resolved.config, resolved.labels[column]
    instrument = resolved.instruments[column]
    fit = read_fit_bars(config, store, instrument, label, _first_ns(resolved))
    applied += fit.applied
    told += (*instrument.assumptions, *fit.assumptions)
    universe = Universe.of([instrument], {instrument.symbol: fit.stored})
    told += universe.assumptions
    end_ns = universe.members[0].end_ns
    segments = [
        (s.bars.between(None, end_ns), s.made[: len(s.bars.between(None, end_ns))]) for s in fit.segments
    ]
    segments = [(bars, made) for bars, made in segments if len(bars)]
    if not segments:
        raise ConfigError("SYMBOL_INACTIVE", "no bar lies in the period", where=instrument.where)
    bars = Bars.concat([bars for bars, _ in segments])
    made = np.concatenate([made for _, made in segments])
    episodes = _episodes(resolved, [bars for bars, _ in segments], end_ns, told, label)
    funding, settled_price = _read_funding(config, store, instrument, bars, applied)
    return History(
        label,
        instrument,
        fit.grid,
        bars,
        made,
        episodes,
        funding,
        settled_price,
        _read_mark(resolved, store, column, bars, applied, told),
        _read_open_interest(resolved, store, instrument, bars),
    )


def _refusals(resolved: Resolved, store: Store, column: int) -> list[DataUnfit]:
    """Return everything for which the history of one instrument is refused: its bars, settlements, mark prices."""
    config, instrument, first_ns = resolved.config, resolved.instruments[column], _first_ns(resolved)
    try:
        fit = read_fit_bars(config, store, instrument, resolved.labels[column], first_ns)
        found, bars = [], Bars.concat([segment.bars for segment in fit.segments])
    except DataUnfit as error:
        found, bars = [error], read_stored_bars(config, store, instrument, first_ns)
    for look in (
        lambda: _read_funding(config, store, instrument, bars, []),
        lambda: _read_mark(resolved, store, column, bars, [], []),
        lambda: _read_open_interest(resolved, store, instrument, bars),
    ):
        try:
            look()
        except DataUnfit as error:
            found.append(error)
    return found


def _together(refused: list[DataUnfit]) -> TradewindError:
    """Return the first error with the others beside it."""
    every = [each for error in refused for each in (error, *error.also)]
    for error in every:
        error.also = ()
    every[0].also = tuple(every[1:])
    return every[0]


def _first_ns(resolved: Resolved) -> int:
    """Return the time of the first bar wanted: the start of the period, or the warm-up before it."""
    config = resolved.config
    lead = resolved.warmup_bars if config.warmup.taken_from == "history" else 0
    return config.period.start_ns - lead * config.market.bar_ns


def _episodes(
    resolved: Resolved, segments: list[Bars], delisted_ns: int | None, told: list[str], label: str
) -> tuple[Episode, ...]:
    """Return when an instrument can be traded: after its own warm-up in each unbroken stretch."""
    period = resolved.config.period
    found = []
    for number, bars in enumerate(segments):
        begins_late = number > 0 or int(bars.ts_ns[0]) > _first_ns(resolved)
        warm_at = max(resolved.warmup_bars, 1) - 1
        last_ns = int(bars.end_ns[-1])
        is_last = number == len(segments) - 1
        leaves = not is_last or delisted_ns is not None or last_ns < period.end_ns
        if begins_late and warm_at >= len(bars):
            told.append(
                f"{label}: the {len(bars)} bars from {format_utc(int(bars.ts_ns[0]))} are too few to warm up"
            )
            continue
        start_ns = int(bars.end_ns[warm_at]) if begins_late else int(bars.ts_ns[0])
        found.append(Episode(start_ns, last_ns, leaves and last_ns < period.end_ns))
    if found and found[-1].ends and delisted_ns is None:
        told.append(
            f"{label}: its bars end at {format_utc(found[-1].stop_ns)}; what is held then is closed at the last price"
        )
    return tuple(found)


def _check_reach(config: BacktestConfig, aligned: Aligned, told: list[str]) -> None:
    """Refuse a history that does not cover the period, unless the file accepts gaps. Raises DATA_MISSING."""
    first_ns, end_ns = int(aligned.ts_ns[0]), int(aligned.ts_ns[-1]) + config.market.bar_ns
    bar_ns = config.market.bar_ns
    # Bars lie on their own grid: the first whole one may begin after the period, the last may end before it does.
    late = first_ns >= config.period.start_ns + bar_ns
    early = end_ns <= config.period.end_ns - bar_ns
    if not (late or early):
        return
    sentence = f"the history reaches from {format_utc(first_ns)} to {format_utc(end_ns)}, the period does not end there"
    if config.data.gaps == "refuse" and (late or early):
        raise DataMissing(
            "DATA_MISSING",
            sentence.replace(", the period does not end there", ", which is less than the period"),
            where=", ".join(config.market.symbols[:5]),
            key="period.start" if late else "period.end",
            hint="change the period to what is there, import more, or accept gaps under [data]",
        )
    told.append(
        f"the period is longer than the history, which reaches from {format_utc(first_ns)} to {format_utc(end_ns)}"
    )


def _warm_stop(resolved: Resolved, aligned: Aligned) -> int:
    """Return the first place on the grid whose decision counts. Raises DATA_TOO_SHORT."""
    config, needed = resolved.config, resolved.warmup_bars
    closes_ns = aligned.ts_ns + config.market.bar_ns
    if config.warmup.taken_from == "history":
        before = int(np.searchsorted(closes_ns, config.period.start_ns, side="right"))
        if before < needed:
            raise _too_short(needed, before, f"before {format_utc(config.period.start_ns)}")
        return max(before - 1, 0)
    if len(closes_ns) <= needed:
        raise _too_short(needed, len(closes_ns), "in the period, and at least one more to trade")
    return max(needed - 1, 0)


def _too_short(needed: int, there: int, which: str) -> DataUnfit:
    return DataUnfit(
        "DATA_TOO_SHORT",
        f"the warm-up needs {needed} bars {which}; there are {there}",
        hint="import more history, lengthen the period or shorten the periods of the strategy",
    )


# ---------------------------------------------------------------------------- what goes with bars


def _read_funding(
    config: BacktestConfig, store: Store, instrument: Instrument, bars: Bars, applied: list[Applied]
) -> tuple[Funding, NDArray[np.float64]]:
    """Return the settlements of the run and the price each is settled on. Raises FUNDING_*, MARK_MISSING."""
    if config.costs.funding == "none" or not instrument.funding_interval_ns:
        return Funding.empty(), np.empty(0)
    try:
        found = store.read_funding(instrument.venue, instrument.symbol)
    except DataMissing:
        found = Funding.empty()
    # Records carry some milliseconds of jitter; a settlement belongs to its minute.
    due_ns = (found.ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
    due = Funding(due_ns, found.rate, found.mark_price)
    if _falls_between(due_ns, bars, instrument.funding_interval_ns):
        return Funding.empty(), np.empty(0)
    funding, done = prepare_funding(
        due,
        config.data,
        start_ns=int(bars.ts_ns[0]) + 1,
        end_ns=int(bars.end_ns[-1]),
        interval_ns=instrument.funding_interval_ns,
        where=f"{instrument.where} funding",
    )
    applied += done
    return funding, _settled_price(config, store, instrument, bars, funding, applied)


def _falls_between(due_ns: NDArray[np.int64], bars: Bars, interval_ns: int) -> bool:
    """Tell whether a run lies wholly between two neighbouring settlements, so that none is due in it."""
    first_ns, end_ns = int(bars.ts_ns[0]), int(bars.end_ns[-1])
    after = int(np.searchsorted(due_ns, first_ns, side="right"))
    before_ns = int(due_ns[after - 1]) if after else first_ns
    after_ns = int(due_ns[after]) if after < len(due_ns) else 0
    return after_ns >= end_ns and after_ns - before_ns <= 1.5 * interval_ns


def _settled_price(
    config: BacktestConfig,
    store: Store,
    instrument: Instrument,
    bars: Bars,
    funding: Funding,
    applied: list[Applied],
) -> NDArray[np.float64]:
    """Return the mark price of each settlement: the record's own, else the mark series', else as the file says."""
    prices = funding.mark_price.copy()
    holes = np.flatnonzero(~np.isfinite(prices))
    if len(holes):
        at = np.maximum(np.searchsorted(bars.end_ns, funding.ts_ns[holes], side="right") - 1, 0)
        used, place = np.unique(at, return_inverse=True)
        mark, done = prepare_mark(
            _mark_series(store, instrument, bars),
            bars.take(used),
            config.data,
            where=f"{instrument.where} mark",
            need="settlements",
        )
        applied += done
        prices[holes] = mark.close[place]
    return prices


def _mark_series(store: Store, instrument: Instrument, bars: Bars) -> Mark | None:
    """Return the finest mark prices that are there and not finer than the bars, else the finest of all."""
    intervals = store.intervals(instrument.venue, instrument.symbol, "mark")
    if not intervals:
        return None
    fitting = [interval for interval in intervals if interval >= bars.interval_ns] or list(intervals[-1:])
    start_ns = int(bars.ts_ns[0]) - 2 * fitting[0]
    try:
        return store.read_mark(
            instrument.venue, instrument.symbol, fitting[0], start_ns, int(bars.end_ns[-1])
        )
    except DataMissing:
        return None


def _read_mark(
    resolved: Resolved, store: Store, column: int, bars: Bars, applied: list[Applied], told: list[str]
) -> Mark | None:
    """Return a mark price for each bar where anything of the run looks at them. Raises MARK_MISSING."""
    instrument, label = resolved.instruments[column], resolved.labels[column]
    is_watched = "mark" in resolved.needs
    if instrument.payoff == "spot":
        if not is_watched:
            return None
        told.append(f"{label}: spot has no mark price; a strategy that asks for one is told the last price")
        return Mark.from_columns(
            {"ts_ns": bars.ts_ns, **{name: bars.column(name) for name in Mark.COLUMNS}}, bars.interval_ns
        )
    told.append("margin and liquidation are judged on traded prices, not on the mark price")
    series = _mark_series(store, instrument, bars)
    triggers = (use.exits.trigger for use in resolved.config.uses if use.exits and not use.exits.is_empty)
    if is_watched or "mark" in triggers or resolved.config.limits.price_band_pct is not None:
        mark, done = prepare_mark(series, bars, resolved.config.data, where=f"{instrument.where} mark")
        applied += done
        return mark
    if series is None and resolved.config.costs.funding == "none":
        told.append(f"{label}: its history has no mark price; nothing in this run looks at one")
    return None


def _refuse_untold(resolved: Resolved) -> None:
    """Refuse a strategy that wants what no history holds: it would wait for it for ever. Raises DATA_MISSING."""
    if "liquidations" in resolved.needs:
        raise DataMissing(
            "DATA_MISSING",
            "a strategy wants the market's liquidations, and no history holds them.",
            key="strategy",
            hint="live feeds tell them: tradewind trade --paper FILE, without --feed replay",
        )


def _read_open_interest(
    resolved: Resolved, store: Store, instrument: Instrument, bars: Bars
) -> OpenInterest | None:
    """Return the open interest of the run where a strategy wants it. Raises DATA_MISSING."""
    if "open_interest" not in resolved.needs or instrument.payoff == "spot":
        return None
    return store.read_open_interest(
        instrument.venue, instrument.symbol, int(bars.ts_ns[0]), int(bars.end_ns[-1])
    )
