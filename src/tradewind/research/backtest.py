"""Run a backtest: from a configuration to a folder that can be audited without us."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tradewind.config import BacktestConfig, Workspace, assumptions, new_run_id, sweep, to_ns
from tradewind.engine.world import World
from tradewind.report import read_stored
from tradewind.report.checks import Attribution, Check, Checks, CostsDoubled
from tradewind.report.wording import MINUS
from tradewind.research import examine
from tradewind.research.attribution import attribute
from tradewind.research.columns import Columns, Translator
from tradewind.research.compiling import engine_title
from tradewind.research.drive import Driven, drive
from tradewind.research.facts import Facts, gather_facts
from tradewind.research.faults import strategy_faults
from tradewind.research.fingerprints import hashes_of
from tradewind.research.folder import store_run, thinned
from tradewind.research.history import Histories, History, read_histories
from tradewind.research.resolve import Resolved, resolve
from tradewind.research.worlds import build_world, hedges_left_out
from tradewind.strategies.exposures import ExposureTable
from tradewind.strategies.load import CompiledStrategy
from tradewind.units.time import format_interval, format_utc

__all__ = ["Progress", "RunResult", "Simulated", "run_backtest", "simulate"]

_GENERATED = frozenset({"generated", "generated_spot"})
Progress = Callable[[float, float, str], None]
"""Told how much of how much is done, and what is being done."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A stored run. `hashes`: data, config, code, decisions. `metrics`: None where a number has no meaning."""

    run_id: str
    run_dir: Path
    metrics: Mapping[str, float | None]
    hashes: Mapping[str, str]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run in memory: what it was made of, the world at its end, what was said."""

    resolved: Resolved
    histories: Histories
    facts: Facts
    world: World
    driven: Driven
    hashes: dict[str, str] = field(default_factory=dict)


def simulate(
    config: BacktestConfig,
    workspace: Workspace,
    progress: Progress | None = None,
    *,
    features: Mapping[str, ExposureTable] | None = None,
    load: Callable[[str], CompiledStrategy] | None = None,
) -> Simulated:
    """Run a configuration once and return everything; nothing is examined or stored."""
    tell = progress or _silent
    tell(0, 0, "preparing the strategy")
    resolved = resolve(config, workspace, load)
    tell(0, 0, "reading the history")
    histories = read_histories(resolved, workspace)
    facts = gather_facts(resolved, histories, features)
    world = build_world(resolved, histories)
    rounds = 1 + 1 + config.checks.costs_doubled
    total = histories.bars * rounds
    tell(0, 0, engine_title(world))
    with strategy_faults(resolved, world):
        driven = drive(world, histories, facts, progress=lambda done: tell(done, total, "running"))
    hashes = hashes_of(resolved, histories, facts) | {"decisions": world.decisions_hash()}
    return Simulated(resolved, histories, facts, world, driven, hashes)


def run_backtest(
    config: BacktestConfig,
    workspace: Workspace,
    progress: Progress | None = None,
    *,
    features: Mapping[str, ExposureTable] | None = None,
    load: Callable[[str], CompiledStrategy] | None = None,
) -> RunResult:
    """Run a configuration, examine the result, store it as a folder under the workspace's runs.

    Parameters
    ----------
    features
        Values from outside by name, for strategies that want some (``NEEDS = ("feature:NAME",)``).
    load
        How a strategy is found by name; by default the workspace's own, then the shipped ones.

    Raises ConfigError, StrategyError, DataMissing and DataUnfit before anything is written.
    """
    tell = progress or _silent
    run = simulate(config, workspace, progress, features=features, load=load)
    given = features or {}
    checks = _examined(run, workspace, given, tell)
    rounds = 2 + config.checks.costs_doubled
    tell(run.histories.bars * rounds, run.histories.bars * rounds, "writing the report")
    workspace.runs.mkdir(parents=True, exist_ok=True)
    sweep(workspace.runs)
    run_id = new_run_id("-".join(part.label for part in run.resolved.parts))
    run_dir = workspace.run_dir(run_id)
    tables, interval_ns = _tables(run, given)
    store_run(
        run_dir,
        run.resolved.config,
        _facts_of_run(run, interval_ns),
        tables,
        checks,
        {history.label: history.bars for history in run.histories.each},
    )
    stored = read_stored(run_dir)
    return RunResult(
        run_id,
        run_dir,
        stored.metrics.metrics,
        checks.hashes,
        checks.checks,
        (*checks.warnings, *stored.metrics.notes),
    )


def _silent(done: float, total: float, title: str) -> None:
    """Say nothing."""


def _examined(
    run: Simulated, workspace: Workspace, features: Mapping[str, ExposureTable], tell: Progress
) -> Checks:
    """Examine a run and return what is stamped on it."""
    config, bars = run.resolved.config, run.histories.bars
    rounds = 2 + config.checks.costs_doubled
    looked = examine.Examined(run.resolved, run.histories, run.facts, run.world, run.driven)
    tell(bars, bars * rounds, "looking for look-ahead")
    lookahead = examine.check_lookahead(looked)
    doubled: CostsDoubled | None = None
    if config.checks.costs_doubled:
        tell(2 * bars, bars * rounds, "doubling the costs")
        doubled = examine.double_costs(looked)
    trials = examine.count_trials(looked, workspace)
    scale = float(run.world.accounts["scale"][0])
    shaded = config.report.out_of_sample_from
    return Checks(
        checks=(
            lookahead,
            *examine.check_exposures(looked, features),
            examine.check_warmup(looked),
            examine.check_costs(looked, doubled),
            examine.check_data(looked),
            examine.check_account(looked),
            examine.check_trials(trials),
        ),
        assumptions=_assumptions(run),
        warnings=_warnings(run),
        hashes=run.hashes,
        attribution=Attribution(**attribute(run.world, run.driven).in_currency(scale)),
        costs_doubled=doubled,
        trials=trials,
        out_of_sample_start_ns=None if shaded is None else to_ns(shaded),
    )


def _assumptions(run: Simulated) -> tuple[str, ...]:
    """Return every setting that moves the result, what was done about defects, what is assumed of the rules."""
    found = []
    for each in assumptions(run.resolved.config):
        value = "not set" if each.value is None else each.value
        meaning = " ".join(each.meaning.replace("`", "").split())
        found.append(f"{each.key} = {value}{' (default)' if each.is_default else ''}: {meaning}")
    found += [_fees_of(history) for history in run.histories.each]
    found += [each.sentence for each in run.histories.applied]
    found += run.histories.assumptions
    if run.world.venues["grace_ns"][0]:
        found.append(
            "a request that arrives later than a sixtieth of a bar after its open takes part from the next bar on"
        )
    return tuple(found)


def _fees_of(history: History) -> str:
    """Return what trading an instrument costs in this run, whoever said so."""
    instrument = history.instrument
    rates = {"maker": instrument.maker_rate, "taker": instrument.taker_rate}
    if instrument.payoff != "spot":
        rates["liquidation"] = instrument.liquidation_fee_rate
    # Exactly: a fee of 0.055 % is not one of 0.06 %.
    said = ", ".join(f"{name} {(100 * rate).normalize():f} %" for name, rate in rates.items())
    return f"{history.label}: fees in this run: {said.replace('-', MINUS)}"


def _warnings(run: Simulated) -> tuple[str, ...]:
    found = []
    config = run.resolved.config
    if any(venue in _GENERATED for venue, _ in config.market.instruments):
        found.append("the market is generated: this result says nothing about what the strategy would earn")
    if len(config.wallets):
        others = ", ".join(wallet.currency for wallet in config.wallets)
        found.append(
            f"equity, trades and figures are those of the {config.capital.currency} wallet; {others} is not converted"
        )
    refused = examine.refusals_of(run.world)
    if refused and any(len(rows) for rows in run.driven.fills):
        found.append(refused)
    if hedges_left_out(run.resolved):
        coins = ", ".join(hedges_left_out(run.resolved))
        found.append(f"there is room for no more leg groups: spot and perpetual are no pair of {coins}")
    if run.driven.bankrupt:
        last_ns = int(run.histories.aligned.ts_ns[run.driven.bars_run - 1])
        found.append(f"The run ended at {format_utc(last_ns)}: the account was bankrupt.")
    return tuple(found)


def _tables(run: Simulated, features: Mapping[str, ExposureTable]) -> tuple[dict[str, Columns], int]:
    """Return the tables of the run folder, and the interval of the stored equity in ns."""
    config = run.resolved.config
    words = Translator(run.resolved, run.histories, run.world)
    ts_ns = run.histories.aligned.ts_ns[: run.driven.bars_run]
    first = int(np.searchsorted(ts_ns, config.period.start_ns))
    rows, interval_ns = thinned(ts_ns[first:], config.market.bar_ns, config.report.equity_points_max)
    rows = rows + first
    tables = {
        "fills": words.fills(run.driven),
        "orders": words.orders(run.driven),
        "refused": words.refused(run.driven),
        "funding": words.funding(run.driven),
        "equity": words.equity(run.driven, ts_ns, rows, 0),
    }
    for wallet, other in enumerate(config.wallets, start=1):
        tables[f"equity_{other.currency}"] = words.equity(run.driven, ts_ns, rows, wallet)
    if features:
        tables["exposures"] = _table_of(features)
    return tables, interval_ns


def _table_of(features: Mapping[str, ExposureTable]) -> Columns:
    names = [name for name, table in features.items() for _ in table.symbol]
    return {
        "known_ns": np.concatenate([table.known_ns for table in features.values()]),
        "kind": np.array(names, dtype=object),
        "symbol": np.array([s for table in features.values() for s in table.symbol], dtype=object),
        "exposure": np.concatenate([table.exposure for table in features.values()]),
    }


def _facts_of_run(run: Simulated, interval_ns: int) -> dict[str, object]:
    """Return what run.toml says beside the configuration."""
    rules = {
        history.label: {
            "payoff": history.instrument.payoff,
            "tick_size": f"{history.instrument.tick_size:f}",
            "counted_in": f"{history.grid.step:f}",
            "lot_size": f"{history.instrument.lot_size:f}",
            "min_qty": f"{history.instrument.min_qty:f}",
            "min_notional": f"{history.instrument.min_notional:f}",
            "contract_size": f"{history.instrument.contract_size:f}",
            "maker_rate": f"{history.instrument.maker_rate:f}",
            "taker_rate": f"{history.instrument.taker_rate:f}",
            "liquidation_fee_rate": f"{history.instrument.liquidation_fee_rate:f}",
            "bars": len(history.bars),
            "rules": history.instrument.provenance,
        }
        for history in run.histories.each
    }
    ts_ns, warm = run.histories.aligned.ts_ns, run.histories.warm_stop
    return {
        "bars": run.driven.bars_run,
        "warmup_bars": run.resolved.warmup_bars,
        "first_decision": format_utc(int(ts_ns[warm]) + run.resolved.config.market.bar_ns),
        "equity_interval": format_interval(interval_ns),
        "hashes": run.hashes,
        "instruments": rules,
    }
