"""Measure a strategy on the data of a backtest file, for ``strategy check``."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import ConfigError, StrategyError, TradewindError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradewind.config import BacktestConfig, Workspace
    from tradewind.strategies.check import StrategyCheck

__all__ = ["Checked", "check_on_data"]

_ROWS_MAX = 20_000
_CUTS = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a strategy: without data, and on data."""

    found: "StrategyCheck"
    warmup: str
    lookahead: str


def check_on_data(
    desk: "Workspace", path: Path, file: str, steps: Callable[[float, float, str], None]
) -> Checked:
    """Check a strategy with the parameters of a file and on its data: warm-up on the first symbol, look-ahead on all.

    Raises what a backtest of the file raises, and STRATEGY_LOOKAHEAD.
    """
    from tradewind.cli.workspace import find_file
    from tradewind.config import load_backtest
    from tradewind.research.unending import ends_in_time
    from tradewind.strategies.check import check_strategy

    loaded = load_backtest([find_file(desk, file)], os.environ)
    try:
        given = _params(loaded.config, path.stem)
        steps(0, 3, "reading the data")
        bars = _bars(desk, loaded.config)
        steps(1, 3, "measuring the warm-up")
        with ends_in_time():
            found = check_strategy(path, given, bars=bars)
        steps(2, 3, "cutting the future off")
        return Checked(found, found.warmup.sentence(), _search(desk, loaded.config, path))
    except TradewindError as error:
        raise loaded.placed(error) from error


def _search(desk: "Workspace", config: "BacktestConfig", path: Path) -> str:
    """Run the file with the future cut off at many places; return the sentence about it."""
    from tradewind.research import examine, simulate

    checks = config.checks.model_copy(update={"lookahead_cuts": _CUTS})
    run = simulate(config.model_copy(update={"checks": checks}), desk)
    looked = examine.Examined(run.resolved, run.histories, run.facts, run.world, run.driven)
    check = examine.check_lookahead(looked)
    if check.verdict == "fail":
        hint = "use only what is known by then"
        raise StrategyError("STRATEGY_LOOKAHEAD", f"{check.detail}.", where=str(path), hint=hint)
    return check.detail


def _params(config: "BacktestConfig", name: str) -> dict[str, bool | int | float | str]:
    for use in config.uses:
        if use.strategy == name:
            return use.params
    raise ConfigError(
        "CONFIG_CONFLICT",
        f"the file runs {', '.join(use.strategy for use in config.uses)}, not {name}.",
        key="strategy",
        hint="name a file of this strategy",
    )


def _bars(desk: "Workspace", config: "BacktestConfig") -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return the bars of the first symbol in ticks and lots, shape (n, 5), and their times."""
    import numpy as np

    from tradewind.market import Store, to_steps
    from tradewind.research.resolve import resolve_symbol
    from tradewind.research.stored_bars import read_fit_bars

    store = Store(desk.data)
    rules = resolve_symbol(store, config, 0)  # says how to come by a history where there is none
    fit = read_fit_bars(config, store, rules, config.market.symbols[0], config.period.start_ns)
    longest = max((segment.bars for segment in fit.segments), key=len).take(slice(0, _ROWS_MAX))
    prices = (longest.open, longest.high, longest.low, longest.close)
    ticks = [to_steps(column, fit.grid.step) for column in prices]
    lots = np.floor(longest.volume / float(rules.lot_size)).astype(np.int64)
    return np.column_stack([*ticks, lots]), longest.ts_ns
