"""What is done about the defects of a history before it is traded: refuse, accept, fill or split, as the file says.

Nothing is repaired that the backtest file does not name. What was done is returned as sentences for the report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tradewind.config.data_policy import DEFECTS, DataPolicy
from tradewind.errors import DataUnfit
from tradewind.market.bars import Bars, Funding, Mark
from tradewind.market.defects import Defect
from tradewind.market.overlap import differing_rows
from tradewind.market.quality import STANDARD_RULES, QualityRules, check_bars, find_gaps
from tradewind.market.settlements import check_funding
from tradewind.market.ticks import Grid, finest_grid, nearest_steps
from tradewind.units.time import format_utc

__all__ = ["Applied", "Prepared", "Segment", "counted", "prepare_bars", "prepare_funding", "prepare_mark"]

_SHOWN = 5
_PRICES = ("open", "high", "low", "close")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done about one kind of defect."""

    kind: str
    policy: str
    count: int
    first_ns: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Bars without a cut. `made` marks rows that were made by filling: nothing may trade in them."""

    bars: Bars
    made: Mask


@dataclass(frozen=True, slots=True)
class Prepared:
    """Bars fit to trade: one segment, or several where gaps split them; what was done; the grid of their prices.

    grid: the step in which the core counts prices, and how many of it one tick of the instrument has.
    """

    segments: tuple[Segment, ...]
    applied: tuple[Applied, ...]
    grid: Grid


def prepare_bars(
    bars: Bars,
    policy: DataPolicy,
    *,
    tick_size: Decimal,
    where: str,
    now_ns: int | None = None,
    rules: QualityRules = STANDARD_RULES,
) -> Prepared:
    """Return bars as a backtest file accepts them.

    Raises the code of the first kind of defect that the file does not accept (or that no file can accept), naming the
    places and what to write in the file; the other kinds stand in its `also`.
    """
    work = _Work(policy, where)
    found = _by_kind(check_bars(bars, now_ns=now_ns, rules=rules))
    work.refuse_all(found, lambda: _off_tick(bars, finest_grid(_prices_of(bars), tick_size), tick_size))
    bars, made = _repair(bars, work, found, now_ns)
    bars, grid = _on_grid(bars, tick_size, work)
    return Prepared(_cut(bars, made, work), tuple(work.applied), grid)


class _Work:
    """The policies of one preparation and what they led to."""

    def __init__(self, policy: DataPolicy, where: str) -> None:
        self.policy = policy
        self.where = where
        self.applied: list[Applied] = []

    def _policy_of(self, kind: str) -> str:
        chosen: str = getattr(self.policy, kind) if kind in DEFECTS else "refuse"
        return chosen

    def refuse_all(
        self, found: dict[str, list[Defect]], more: Callable[[], list[Defect]] = list[Defect]
    ) -> None:
        """Raise one error for everything that the file does not accept, so that one attempt shows it all.

        more: looks for defects that only matter then, because they are looked for again once the others are repaired.
        """
        if any(self._policy_of(kind) == "refuse" for kind in found):
            found = found | _by_kind(more())
        refused = [
            _refusal(k, same, self.where) for k, same in found.items() if self._policy_of(k) == "refuse"
        ]
        if refused:
            refused[0].also = tuple(refused[1:])
            raise refused[0]

    def decide(self, kind: str, found: Sequence[Defect]) -> str:
        """Return the policy for defects of one kind and note it; refuse where the file says so, or says nothing."""
        chosen = self._policy_of(kind)
        if chosen == "refuse":
            raise _refusal(kind, found, self.where)
        count = sum(d.count for d in found)
        sentence = f"{self.where}: {count} x {DEFECTS[kind].meaning}: {DEFECTS[kind].policies[chosen]}"
        self.applied.append(Applied(kind, chosen, count, found[0].ts_ns, sentence))
        return chosen


def counted(count: int, word: str) -> str:
    """Return a count with its word: 1 place, 2 places."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _refusal(kind: str, found: Sequence[Defect], where: str) -> DataUnfit:
    count = sum(d.count for d in found)
    places = "; ".join(f"{format_utc(d.ts_ns)} {d.detail}" for d in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} places more" if len(found) > _SHOWN else ""
    choices = [p for p in DEFECTS[kind].policies if p != "refuse"] if kind in DEFECTS else []
    hint = " or ".join(f'{kind} = "{p}"' for p in choices)
    return DataUnfit(
        found[0].code,
        f"{counted(count, 'record')} in {counted(len(found), 'place')}: {places}{more}"
        if kind != "mark_missing"
        else f"{found[0].detail}, first at {format_utc(found[0].ts_ns)}",
        where=where,
        key=f"data.{kind}" if choices else "",
        hint=f"after a look at them write under [data]: {hint}"
        if choices
        else "repair the source and import it again",
    )


# ---------------------------------------------------------------------------- single records


def _by_kind(found: Sequence[Defect]) -> dict[str, list[Defect]]:
    kinds: dict[str, list[Defect]] = {}
    for defect in found:
        kinds.setdefault(defect.kind, []).append(defect)
    return kinds


def _repair(bars: Bars, work: _Work, found: dict[str, list[Defect]], now_ns: int | None) -> tuple[Bars, Mask]:
    """Return bars whose every row can be traded, and which rows were made."""
    made = np.zeros(len(bars), dtype=np.bool_)
    for kind, same in found.items():
        if kind != "gaps":
            bars, made = _repair_kind(kind, work.decide(kind, same), bars, made, now_ns)
    return bars, made


def _repair_kind(kind: str, chosen: str, bars: Bars, made: Mask, now_ns: int | None) -> tuple[Bars, Mask]:
    if kind == "duplicates":
        return _first_of_twins(bars, made)
    if kind == "unfinished" and now_ns is not None:
        kept = bars.end_ns <= now_ns
        return bars.take(kept), made[kept]
    if kind == "ohlc" and chosen == "fill":
        return _widened(bars), made
    if kind == "zero_price":
        return _replaced(bars, made)
    return bars, made


def _first_of_twins(bars: Bars, made: Mask) -> tuple[Bars, Mask]:
    """Return bars without repeated rows. Raises DATA_CONFLICT where rows of one time differ."""
    again = np.flatnonzero(np.diff(bars.ts_ns) == 0)
    different = differing_rows(bars.take(again), bars.take(again + 1))
    if len(different):
        at = format_utc(int(bars.ts_ns[again[different[0]]]))
        raise DataUnfit(
            "DATA_CONFLICT", f"{len(different)} times are there twice with different values, first {at}"
        )
    kept = np.r_[True, np.diff(bars.ts_ns) != 0]
    return bars.take(kept), made[kept]


def _widened(bars: Bars) -> Bars:
    high = np.maximum.reduce([bars.open, bars.high, bars.low, bars.close])
    low = np.minimum.reduce([bars.open, bars.high, bars.low, bars.close])
    return Bars(bars.ts_ns, bars.open, high, low, bars.close, bars.volume, bars.interval_ns)


def _replaced(bars: Bars, made: Mask) -> tuple[Bars, Mask]:
    """Return bars in which rows without a price repeat the last close; a bad row at the beginning is dropped."""
    bad = np.logical_or.reduce([column <= 0.0 for column in (bars.open, bars.high, bars.low, bars.close)])
    sound = np.flatnonzero(~bad)
    if not len(sound):
        raise DataUnfit("DATA_RANGE", "no bar has a price")
    source = sound[np.maximum(np.searchsorted(sound, np.arange(len(bars)), side="right") - 1, 0)]
    close = bars.close[source]
    columns = {name: np.where(bad, close, bars.column(name)) for name in _PRICES}
    volume = np.where(bad, 0.0, bars.volume)
    filled = Bars.from_columns({"ts_ns": bars.ts_ns, **columns, "volume": volume}, bars.interval_ns)
    kept = slice(int(sound[0]), None)
    return filled.take(kept), (made | bad)[kept]


def _on_grid(bars: Bars, tick_size: Decimal, work: _Work) -> tuple[Bars, Grid]:
    """Return bars whose prices lie on the grid of the core, which is the tick or a finer one that the past had."""
    grid = finest_grid(_prices_of(bars), tick_size)
    if not grid.strays:
        return bars, grid
    work.decide("off_tick", _off_tick(bars, grid, tick_size))
    tick = float(tick_size)
    columns = {n: np.maximum(nearest_steps(bars.column(n).astype(np.float64), tick_size), 1) for n in _PRICES}
    rounded = {name: steps * tick for name, steps in columns.items()}
    fresh = Bars.from_columns({"ts_ns": bars.ts_ns, **rounded, "volume": bars.volume}, bars.interval_ns)
    return fresh, Grid(tick_size, 1, 0)


def _prices_of(bars: Bars) -> NDArray[np.float64]:
    """Return the prices of all bars, without those that are none."""
    prices = np.concatenate([bars.column(name) for name in _PRICES]).astype(np.float64)
    return prices[np.isfinite(prices) & (prices > 0.0)]


def _off_tick(bars: Bars, grid: Grid, tick_size: Decimal) -> list[Defect]:
    if not grid.strays:
        return []
    detail = f"{grid.strays} prices are no multiple of {tick_size} or of a finer decimal step"
    return [Defect("off_tick", int(bars.ts_ns[0]), int(bars.end_ns[-1]), grid.strays, detail)]


# ---------------------------------------------------------------------------- gaps


def _cut(bars: Bars, made: Mask, work: _Work) -> tuple[Segment, ...]:
    found = find_gaps(bars.ts_ns, bars.interval_ns)
    if not found:
        return (Segment(bars, made),)
    chosen = work.decide("gaps", found)
    if chosen == "fill":
        return (_filled(bars, made),)
    if chosen == "split":
        edges = [0, *(np.flatnonzero(np.diff(bars.ts_ns) > bars.interval_ns) + 1).tolist(), len(bars)]
        return tuple(Segment(bars.take(slice(a, b)), made[a:b]) for a, b in pairwise(edges))
    return (Segment(bars, made),)


def _filled(bars: Bars, made: Mask) -> Segment:
    """Return bars at every time of the grid; missing ones repeat the last close with zero volume."""
    count = (int(bars.ts_ns[-1]) - int(bars.ts_ns[0])) // bars.interval_ns + 1
    ts_ns = int(bars.ts_ns[0]) + np.arange(count, dtype=np.int64) * bars.interval_ns
    source = np.searchsorted(bars.ts_ns, ts_ns, side="right") - 1
    absent = bars.ts_ns[source] != ts_ns
    columns = {name: bars.column(name)[source] for name in (*_PRICES, "volume")}
    for name in ("open", "high", "low"):
        columns[name] = np.where(absent, columns["close"], columns[name])
    columns["volume"] = np.where(absent, 0.0, columns["volume"])
    whole = Bars.from_columns({"ts_ns": ts_ns, **columns}, bars.interval_ns)
    return Segment(whole, made[source] | absent)


# ---------------------------------------------------------------------------- what goes with bars


def prepare_mark(
    mark: Mark | None, bars: Bars, policy: DataPolicy, *, where: str, need: str = "bars"
) -> tuple[Mark, tuple[Applied, ...]]:
    """Return one mark price for each bar: the venue's, or the last price where the file declares that fallback.

    A longer mark interval is spread over the bars as far as it is known: a bar gets the close of the last mark that
    ended at or before the bar's own end. need: what the prices are for, as the sentence says it. Raises MARK_MISSING.
    """
    work = _Work(policy, where)
    if mark is not None and mark.interval_ns == bars.interval_ns:
        row = np.searchsorted(mark.ts_ns, bars.ts_ns)
        inside = np.minimum(row, max(len(mark) - 1, 0))
        known = mark.ts_ns[inside] == bars.ts_ns if len(mark) else np.zeros(len(bars), dtype=np.bool_)
        columns = (
            {n: mark.column(n)[inside] for n in _PRICES}
            if len(mark)
            else {n: bars.column(n) for n in _PRICES}
        )
    elif mark is not None and len(mark):
        last = np.searchsorted(mark.end_ns, bars.end_ns, side="right") - 1
        fresh = bars.end_ns - mark.end_ns[np.maximum(last, 0)] < 2 * mark.interval_ns
        known = (last >= 0) & fresh
        columns = dict.fromkeys(_PRICES, mark.close[np.maximum(last, 0)])
    else:
        known, columns = np.zeros(len(bars), dtype=np.bool_), {n: bars.column(n) for n in _PRICES}
    if not known.all():
        first_ns, count = int(bars.ts_ns[np.flatnonzero(~known)[0]]), int((~known).sum())
        some = f"{count} of {len(bars)} {need} have no mark price"
        detail = some if known.any() else f"there are no mark prices, and {count} {need} need one"
        work.decide("mark_missing", [Defect("mark_missing", first_ns, int(bars.end_ns[-1]), count, detail)])
        columns = {n: np.where(known, columns[n], bars.column(n)) for n in _PRICES}
    return Mark.from_columns({"ts_ns": bars.ts_ns, **columns}, bars.interval_ns), tuple(work.applied)


def prepare_funding(
    funding: Funding | None,
    policy: DataPolicy,
    *,
    start_ns: int,
    end_ns: int,
    interval_ns: int,
    where: str,
) -> tuple[Funding, tuple[Applied, ...]]:
    """Return the settlements in [start_ns, end_ns), complete or as the file accepts them. Raises FUNDING_* codes."""
    work = _Work(policy, where)
    given = (funding or Funding.empty()).between(start_ns, end_ns)
    found = check_funding(given, interval_ns=interval_ns, start_ns=start_ns, end_ns=end_ns)
    kinds = _by_kind(found)
    work.refuse_all(kinds)
    for kind, same in kinds.items():
        if work.decide(kind, same) == "fill":
            given = _repeated(given, same, funding, start_ns)
    return given, tuple(work.applied)


def _repeated(given: Funding, holes: list[Defect], whole: Funding | None, start_ns: int) -> Funding:
    """Return settlements with the rate before each hole repeated in it. Raises FUNDING_MISSING with none before."""
    made_ns = np.concatenate([_due_in(hole) for hole in holes])
    source = whole if whole is not None else given
    row = np.searchsorted(source.ts_ns, made_ns, side="right") - 1
    if not len(source) or (row < 0).any():
        raise DataUnfit("FUNDING_MISSING", f"no rate before {format_utc(start_ns)} is there to be repeated")
    ts_ns = np.r_[given.ts_ns, made_ns]
    rate = np.r_[given.rate, source.rate[row]]
    price = np.r_[given.mark_price, np.full(len(made_ns), np.nan)]
    order = np.argsort(ts_ns, kind="stable")
    return Funding(ts_ns[order], rate[order], price[order])


def _due_in(hole: Defect) -> NDArray[np.int64]:
    """Return the times of the settlements that a hole lacks, evenly over it."""
    every = max(1, -(-(hole.end_ns - hole.ts_ns) // hole.count))
    return hole.ts_ns + np.arange(hole.count, dtype=np.int64) * every
