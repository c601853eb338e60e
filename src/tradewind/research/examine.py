"""What each run is examined for: does it see the future, is it warm, what does it cost, what was accepted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewind.config import BacktestConfig, Workspace, config_hash, stored_runs
from tradewind.engine.world import World
from tradewind.errors import TradewindError
from tradewind.report.checks import Check, CostsDoubled
from tradewind.report.impossible import row_words, wanted_impossibly
from tradewind.report.wording import percent, plural
from tradewind.research.drive import Driven, drive
from tradewind.research.facts import Facts
from tradewind.research.faults import strategy_faults
from tradewind.research.folder import read_config
from tradewind.research.history import Histories
from tradewind.research.resolve import Resolved
from tradewind.research.worlds import build_world
from tradewind.strategies.check import choose_cuts
from tradewind.strategies.exposures import ExposureTable, stamped_too_early
from tradewind.units.enums import Halt, Rule, names_of
from tradewind.units.time import format_utc

__all__ = [
    "Examined",
    "check_account",
    "check_costs",
    "check_data",
    "check_exposures",
    "check_lookahead",
    "check_trials",
    "check_warmup",
    "count_trials",
    "double_costs",
    "refusals_of",
]

_MANY_TRIALS = 20


@dataclass(frozen=True, slots=True)
class Examined:
    """A run to be examined: what it was made of and what it said."""

    resolved: Resolved
    histories: Histories
    facts: Facts
    world: World
    driven: Driven


def check_lookahead(run: Examined) -> Check:
    """Run again on data that is cut off at some places, and compare every decision.

    The second run goes on after each cut with the data up to the next, so that no decision before a cut can have known
    anything behind it; the hash of all decisions must be that of the run that had the whole.
    """
    config, ts_ns = run.resolved.config, run.histories.aligned.ts_ns
    bar_ns = config.market.bar_ns
    cuts = choose_cuts(int(ts_ns[0]) + bar_ns, int(ts_ns[-1]), config.checks.lookahead_cuts, len(ts_ns))
    places = sorted({int(np.searchsorted(ts_ns + bar_ns, cut, side="right")) for cut in cuts} - {0})
    whole = run.driven
    edges = sorted(whole.hashes)
    world = build_world(run.resolved, run.histories)
    with strategy_faults(run.resolved, world):
        blind = drive(world, run.histories, run.facts, stops=[*places, *edges], cut=True, keep=False)
    for edge in edges:
        if blind.hashes.get(edge) != whole.hashes[edge]:
            until = format_utc(int(ts_ns[edge - 1]) + bar_ns)
            return Check(
                "look-ahead", "fail", f"a decision before {until} changed when the future was cut off"
            )
    return Check("look-ahead", "pass", f"none found in {len(places)} cuts")


def check_exposures(run: Examined, features: Mapping[str, ExposureTable]) -> list[Check]:
    """Measure whether tables from outside look stamped with the opening of the bars they were computed from."""
    found = []
    for name, table in features.items():
        suspects = []
        for history in run.histories.each:
            known_ns, values = table.of(history.label)
            bars = history.bars
            if (
                len(known_ns)
                and stamped_too_early(known_ns, values, bars.ts_ns, bars.open, bars.close).is_suspect
            ):
                suspects.append(history.label)
        said = f"'{name}' knows the bar it is stamped with and nothing of the one after it: {', '.join(suspects)}"
        fine = f"'{name}' does not look stamped too early"
        found.append(Check("known-at", "fail" if suspects else "pass", said if suspects else fine))
    return found


def check_warmup(run: Examined) -> Check:
    """Say what the strategies had seen before their decisions counted."""
    needed, source = run.resolved.warmup_bars, run.resolved.config.warmup.taken_from
    if not needed:
        return Check("warm-up", "pass", "none is declared")
    place = "the first bars of the period" if source == "period" else "bars before the period"
    return Check(
        "warm-up", "pass", f"{plural(needed, 'bar')} seen before the first decision counted: {place}"
    )


def double_costs(run: Examined) -> CostsDoubled:
    """Run again with fees, slippage and spread twice as high."""
    world = build_world(run.resolved, run.histories, costs_factor=2.0)
    with strategy_faults(run.resolved, world):
        driven = drive(world, run.histories, run.facts, keep=False)
    account = world.accounts[0]
    start = float(account["start"]) / float(account["scale"])
    final = float(driven.equity[driven.bars_run - 1, 0, 1]) / float(account["scale"])
    return CostsDoubled(final, final / start - 1.0)


def check_costs(run: Examined, doubled: CostsDoubled | None) -> Check:
    """Say what trading cost, and what twice as much would have left."""
    costs = run.resolved.config.costs
    views = run.world.views
    free = not (views["maker"].any() or views["taker"].any() or costs.slippage_bps or costs.spread_bps)
    if free:
        return Check("costs", "warn", "trading is free in this run: no fee, no slippage, no spread")
    account = run.world.accounts[0]
    ended = float(run.driven.equity[run.driven.bars_run - 1, 0, 1]) - float(account["start"])
    if doubled is None or doubled.total_return is None:
        return Check("costs", "pass", "fees and slippage are charged")
    if ended > 0 >= doubled.total_return:
        return Check("costs", "warn", f"twice the costs turn the profit into {percent(doubled.total_return)}")
    return Check(
        "costs",
        "pass",
        f"fees and slippage are charged; twice as high they leave {percent(doubled.total_return, signed=True)}",
    )


def check_data(run: Examined) -> Check:
    """Say which defects of the history the file accepts."""
    applied = run.histories.applied
    if not applied:
        return Check("data", "pass", "no defect in the history")
    records = sum(each.count for each in applied)
    kinds = ", ".join(dict.fromkeys(f"{each.kind} ({each.policy})" for each in applied))
    return Check("data", "warn", f"{plural(records, 'record')} with accepted defects: {kinds}")


def check_account(run: Examined) -> Check:
    """Say whether the account lived, and whether anything stopped it or a strategy from trading."""
    world, driven = run.world, run.driven
    last_ns = int(run.histories.aligned.ts_ns[max(driven.bars_run - 1, 0)])
    if driven.bankrupt:
        return Check("account", "fail", f"bankrupt at {format_utc(last_ns)}; the run ends there")
    held = np.flatnonzero(world.strategies["held"]).tolist()
    if held:
        return Check("account", "fail", "; ".join(sorted(_why_held(run, g) for g in held)))
    halts = int(world.core["halts"][0])
    names = [name.lower() for bit, name in names_of(Halt).items() if halts & bit]
    if halts & Halt.LIQUIDATED:
        return Check("account", "warn", f"liquidated; nothing was opened afterwards ({', '.join(names)})")
    if names:
        return Check("account", "warn", f"halted at the end: {', '.join(names)}")
    if not any(len(rows) for rows in driven.fills):
        return Check("account", "warn", f"nothing was traded: {_why_idle(world)}")
    if stopped := int(world.core["refusals"][0][Rule.HALTED]):
        said = f"{plural(stopped, 'want')} refused while trading was halted"
        return Check("account", "warn", said)
    return Check("account", "pass", "never liquidated, never halted")


def _why_held(run: Examined, strategy: int) -> str:
    """Say why a strategy was held, and which row of what it wants at the end is at fault, in a session's words."""
    world, label = run.world, run.resolved.parts[strategy].label
    rule = int(world.strategies["held"][strategy])
    if rule != Rule.BAD_OUTPUT:
        return f"{label} was held ({names_of(Rule)[rule].lower()})"
    found = wanted_impossibly(world, strategy)
    symbol = world.instrument_setups[found["instrument"]].instrument.symbol if found else ""
    row = f": {symbol}, {row_words(found)}" if found else ""
    return f"{label} wanted something impossible (bad_output) and was held{row}"


def refusals_of(world: World) -> str:
    """Say how many wants were refused and by which rule most; nothing where none was."""
    counts = world.core["refusals"][0]
    refused = {name.lower(): int(counts[rule]) for rule, name in names_of(Rule).items() if counts[rule]}
    if not refused:
        return ""
    rule = max(refused, key=lambda name: refused[name])
    total = plural(sum(refused.values()), "want")
    return f"{total} refused, most by the rule {rule} (refused.parquet has each)"


def _why_idle(world: World) -> str:
    """Say what stood between what was wanted and a trade: most often which rule, if any."""
    if refused := refusals_of(world):
        return refused
    if world.core["requests"][0]:
        return "no order filled"
    return "no strategy wanted anything"


def count_trials(run: Examined, workspace: Workspace) -> int:
    """Return how many different settings of these strategies were run on this data, this run included."""
    mine = _what_and_where(run.resolved)
    seen = {_setting(run.resolved.config)}
    for run_id in stored_runs(workspace):
        try:
            stored = read_config(workspace.run_dir(run_id))
        except TradewindError:
            continue
        uses = tuple(sorted(use.strategy for use in stored.uses))
        period = stored.period
        overlaps = (
            period.start < run.resolved.config.period.end and run.resolved.config.period.start < period.end
        )
        if overlaps and (uses, stored.market.bars, frozenset(stored.market.instruments)) == mine:
            seen.add(_setting(stored))
    return len(seen)


def _setting(config: BacktestConfig) -> str:
    """Return a hash of what moves the result: how it is examined and shown does not."""
    plain = {name: BacktestConfig.model_fields[name].default for name in ("checks", "report")}
    return config_hash(config.model_copy(update=plain))


def _what_and_where(resolved: Resolved) -> tuple[object, ...]:
    config = resolved.config
    uses = tuple(sorted(use.strategy for use in config.uses))
    return uses, config.market.bars, frozenset(config.market.instruments)


def check_trials(trials: int) -> Check:
    """Say how often this was tried: the best of many tries looks good by chance."""
    if trials == 1:
        return Check("trials", "pass", "no other setting of this strategy was tried on this data")
    said = (
        f"{trials} settings of this strategy were tried on this data; the best of many looks good by chance"
    )
    return Check("trials", "warn" if trials >= _MANY_TRIALS else "pass", said)
