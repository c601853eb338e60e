"""Measure a strategy on the data of a backtest file, for ``strategy check``."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import ConfigError, TradewindError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradewind.config import BacktestConfig, Workspace
    from tradewind.strategies.check import StrategyCheck

__all__ = ["check_on_data"]

_ROWS_MAX = 20_000


def check_on_data(
    desk: "Workspace", path: Path, file: str, steps: Callable[[float, float, str], None]
) -> "StrategyCheck":
    """Check a strategy with the parameters of a file, on the first of its symbols. Raises what loading both raises."""
    from tradewind.cli.workspace import find_file
    from tradewind.config import load_backtest
    from tradewind.strategies.check import check_strategy

    loaded = load_backtest([find_file(desk, file)], os.environ)
    try:
        given = _params(loaded.config, path.stem)
        steps(0, 2, "reading the data")
        bars = _bars(desk, loaded.config)
        steps(1, 2, "measuring")
        return check_strategy(path, given, bars=bars)
    except TradewindError as error:
        raise loaded.placed(error) from error


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

    from tradewind.market import Store, prepare_bars, resolve_instrument, to_steps

    venue, symbol = config.market.instruments[0]
    store, period = Store(desk.data), config.period
    bars = store.read_bars(venue, symbol, config.market.bar_ns, period.start_ns, period.end_ns)
    rules = resolve_instrument(store, venue, symbol, bars=bars)
    prepared = prepare_bars(bars, config.data, tick_size=rules.tick_size, where=f"{venue} {symbol}")
    longest = max((segment.bars for segment in prepared.segments), key=len).take(slice(0, _ROWS_MAX))
    prices = (longest.open, longest.high, longest.low, longest.close)
    ticks = [to_steps(column, prepared.grid.step) for column in prices]
    lots = np.floor(longest.volume / float(rules.lot_size)).astype(np.int64)
    return np.column_stack([*ticks, lots]), longest.ts_ns
