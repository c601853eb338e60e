"""What can be found out about a strategy before it trades: does it compile, see the future, need more past.

The search for look-ahead is pure: it is handed a way to run the strategy up to a time and compares what it
said. Backtests hand it the engine over a user's data; tests hand it a strategy that cheats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewind.errors import StrategyError
from tradewind.strategies.faults import Call, strategy_fault
from tradewind.strategies.load import CompiledStrategy, load_strategy
from tradewind.units.jit import allocate
from tradewind.units.records import Account, Intents, Memory, Params, View, Working
from tradewind.units.time import format_utc

__all__ = [
    "Decisions",
    "Lookahead",
    "StrategyCheck",
    "Warmup",
    "check_strategy",
    "choose_cuts",
    "find_lookahead",
    "measure_warmup",
    "states_alone",
]

Decisions = Sequence[tuple[int, object]]
"""What was decided, in the order of time: (ts_ns, anything that can be compared)."""


@dataclass(frozen=True, slots=True)
class Lookahead:
    """Result of a search for look-ahead.

    Parameters
    ----------
    cuts
        How often the future was cut off.
    cut_ns, changed_ns
        The first cut that changed something, and the earliest decision it changed; None where none did.
    """

    cuts: int
    cut_ns: int | None = None
    changed_ns: int | None = None

    @property
    def found(self) -> bool:
        """Return True if a past decision changed when the future was cut off."""
        return self.cut_ns is not None

    def sentence(self) -> str:
        """Return what the search says: that nothing was found is no proof."""
        if self.cut_ns is None or self.changed_ns is None:
            return f"none found in {self.cuts} cuts"
        return f"the decision of {format_utc(self.changed_ns)} changed when the data ended at {format_utc(self.cut_ns)}"


def find_lookahead(run_until: Callable[[int], Decisions], cuts: Sequence[int], end_ns: int) -> Lookahead:
    """Cut the future off at each of `cuts` (nanoseconds) and compare the decisions before it with those of the whole.

    run_until(t) runs the strategy from the beginning with data that ends at t, and returns its decisions
    stamped below t. It is called once for `end_ns` and once per cut; nothing may be kept between calls.
    """
    whole = list(run_until(end_ns))
    for cut_ns in sorted(cuts):
        past = [each for each in whole if each[0] < cut_ns]
        seen = [each for each in run_until(cut_ns) if each[0] < cut_ns]
        if past != seen:
            return Lookahead(len(cuts), cut_ns, _first_change(past, seen))
    return Lookahead(len(cuts))


def _first_change(past: Decisions, seen: Decisions) -> int:
    for one, other in zip(past, seen, strict=False):
        if one != other:
            return min(one[0], other[0])
    longer = past if len(past) > len(seen) else seen
    return longer[min(len(past), len(seen))][0]


def choose_cuts(first_ns: int, end_ns: int, count: int, seed: int = 0) -> list[int]:
    """Return `count` places between two times, the same for the same seed, sorted, without repetition."""
    places: set[int] = set()
    state = (seed * 2 + 1) & _MASK
    for _ in range(count if end_ns > first_ns else 0):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        places.add(first_ns + 1 + _mixed(state) % (end_ns - first_ns))
    return sorted(places)


_MASK = (1 << 64) - 1


def _mixed(state: int) -> int:
    """Return 64 well-mixed bits of a counter (splitmix64)."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


@dataclass(frozen=True, slots=True)
class Warmup:
    """How much past a strategy needs: what it says, and what was seen.

    Parameters
    ----------
    declared
        Bars that `warmup()` returns.
    measured
        Bars after which it wanted the same wherever its history began; None if it never settled.
    starts
        Beginnings that were compared.
    """

    declared: int
    measured: int | None
    starts: int

    def sentence(self) -> str:
        """Return both in words."""
        if self.starts == 0:
            return f"{self.declared} bars declared; too little data to measure"
        if self.measured is None:
            return f"{self.declared} bars declared; it did not settle within the data"
        more = f"; let warmup() return {self.measured}" if self.measured > self.declared else ""
        same = f"from {self.measured} on it wanted the same in {self.starts} beginnings"
        return f"{self.declared} bars declared; {same}{more}"


def measure_warmup(
    states_from: Callable[[int], Sequence[object]], bars: int, declared: int, starts: int = 5
) -> Warmup:
    """Compare what a strategy wants when its history begins at bar 0 with what it wants when it begins later.

    states_from(k) returns what is wanted at the close of each bar from k on, with nothing held.
    """
    step = bars // (2 * starts) if bars >= 4 * starts else 0
    if step == 0:
        return Warmup(declared, None, 0)
    whole = states_from(0)
    needed = 0
    for start in range(step, step * starts + 1, step):
        late = states_from(start)
        different = [place for place, state in enumerate(late) if state != whole[start + place]]
        if different and different[-1] == len(late) - 1:
            return Warmup(declared, None, starts)
        needed = max(needed, different[-1] + 1 if different else 0)
    return Warmup(declared, needed, starts)


def states_alone(
    strategy: CompiledStrategy,
    given: Mapping[str, object],
    bars: npt.NDArray[np.int64],
    ts_ns: npt.NDArray[np.int64],
    start: int = 0,
) -> list[bytes]:
    """Return what `decide` wants at the close of each bar from `start` on, with nothing held.

    bars: open, high, low, close, volume in ticks and lots, shape (n, 5). What is compared is which orders are
    wanted and where, not their size: that follows the price of the day it was fixed.
    """
    view, account, working, params, memory, intents = (
        allocate(layout)[0] for layout in (View, Account, Working, Params, Memory, Intents)
    )
    params["v"] = strategy.params_vector(given)
    _describe(view, account, int(ts_ns[1] - ts_ns[0]) if len(ts_ns) > 1 else 0)
    states = []
    for place in range(start, len(bars)):
        for field, value in zip(("open", "high", "low", "close", "volume_lot"), bars[place], strict=True):
            view[field] = value
        view["ts_ns"] = ts_ns[place]
        view["bars"] = place - start + 1
        intents["n"] = 0
        intents["sleep"] = 0
        verdict = _ask(strategy, (view, account, working, params, memory, intents))
        rows = intents["row"][: intents["n"]]
        wanted = [
            (r["kind"], r["slot"], r["position_side"], r["reduce"], r["price_tick"], r["qty_lot"] > 0)
            for r in rows
        ]
        states.append(repr((verdict, [tuple(map(int, each)) for each in wanted])).encode())
    return states


def _ask(strategy: CompiledStrategy, call: Call) -> int:
    """Return the verdict of `decide`. Raises StrategyError (STRATEGY_OUTPUT) with the author's line where it fails."""
    try:
        return strategy.decide(*call)
    except Exception as fault:
        error = strategy_fault(fault, [(strategy, [call])])
        if error is None:
            raise
        raise error from fault


def _describe(view: np.void, account: np.void, interval_ns: int) -> None:
    """Set rules of an ordinary instrument and a wallet with a million."""
    view["tick"] = 1.0
    view["lot"] = 1e-8
    view["unit"] = 1.0
    view["sense"] = 1
    view["tick_step"] = 1
    view["lot_step"] = 1
    view["interval_ns"] = interval_ns
    account["scale"] = 1e8
    account["equity"] = 10**14
    account["balance"] = 10**14


@dataclass(frozen=True, slots=True)
class StrategyCheck:
    """What `strategy check` found out."""

    strategy: CompiledStrategy
    warmup: Warmup
    lookahead: Lookahead | None

    def lines(self) -> list[str]:
        """Return the findings, one a line."""
        strategy = self.strategy
        lines = [f"{strategy.name}: compiles", f"warm-up: {self.warmup.sentence()}"]
        lines.append(
            f"look-ahead: {self.lookahead.sentence() if self.lookahead else 'not searched, no data given'}"
        )
        for name, param in strategy.params.items():
            default = param.shown(param.default)
            lines.append(
                f"parameter {name} = {default} ({param.range_text()}){'  ' + param.summary if param.summary else ''}"
            )
        for word, names in (
            ("signals", strategy.signals),
            ("tags", strategy.tags),
            ("needs", strategy.needs),
        ):
            if names:
                lines.append(f"{word}: {', '.join(names)}")
        return lines


def check_strategy(
    path: Path,
    given: Mapping[str, object] | None = None,
    *,
    bars: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
    run_until: Callable[[int], Decisions] | None = None,
    cuts: int = 20,
    seed: int = 0,
) -> StrategyCheck:
    """Load a strategy (lint, compile) and measure it.

    bars: (ticks and lots as in `states_alone`, ts_ns), to measure the warm-up on; run_until as in
    `find_lookahead`, to search for look-ahead within their time. Raises StrategyError for what the file does
    wrong, STRATEGY_LOOKAHEAD included.
    """
    strategy = load_strategy(path)
    chosen = dict(given or {})
    declared = strategy.warmup_bars(chosen)
    warmup, lookahead = Warmup(declared, None, 0), None
    if bars is not None:
        ticks, ts_ns = bars
        warmup = measure_warmup(
            lambda k: states_alone(strategy, chosen, ticks, ts_ns, k), len(ticks), declared
        )
        if run_until is not None:
            places = choose_cuts(int(ts_ns[0]), int(ts_ns[-1]), cuts, seed)
            lookahead = find_lookahead(run_until, places, int(ts_ns[-1]) + 1)
    if lookahead is not None and lookahead.found:
        raise StrategyError(
            "STRATEGY_LOOKAHEAD", lookahead.sentence(), where=str(path), hint="use only what is known by then"
        )
    return StrategyCheck(strategy, warmup, lookahead)
