"""Write a run folder: complete or absent, readable without our code."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import tomlkit

from tradewind.config import BacktestConfig, atomic_folder, backtest_from, to_toml, write_atomic
from tradewind.errors import DataUnfit
from tradewind.market import Bars
from tradewind.market.grid import grid_offset_ns
from tradewind.market.tables import write_parquet
from tradewind.report import write_report
from tradewind.report.checks import Checks
from tradewind.research.columns import Columns

__all__ = ["EXPOSURES", "read_config", "store_run", "thinned"]

EXPOSURES = "exposures.parquet"
"""Values from outside that a run was given; without them it could not be run again."""

_TEXT = {"symbol", "side", "position_side", "liquidity", "role", "order_id", "strategy", "tag", "currency"}
_TEXT |= {"state", "reason", "kind", "by", "rule"}
_FLAGS = {"reduce"}
_COUNTS = {"ts_ns", "slot", "trade_id", "known_ns"}


def store_run(
    run_dir: Path,
    config: BacktestConfig,
    resolved: Mapping[str, object],
    tables: Mapping[str, Columns],
    checks: Checks,
    bars: Mapping[str, Bars],
) -> None:
    """Write all files of a run into a new folder, which appears when the last of them is there.

    resolved: what the configuration does not say itself (rules of instruments, intervals); it stands in run.toml.
    """
    with atomic_folder(run_dir) as partial:
        # The report reads the name of the run from its folder.
        folder = partial / run_dir.name
        folder.mkdir()
        text = to_toml(config).rstrip() + "\n\n" + tomlkit.dumps({"resolved": dict(resolved)})
        write_atomic(folder / "run.toml", text)
        for name, columns in tables.items():
            write_parquet(folder / f"{name}.parquet", _typed(columns))
        write_atomic(folder / "checks.json", msgspec.json.format(msgspec.json.encode(checks), indent=2))
        write_report(folder, bars)
        for path in sorted(folder.iterdir()):
            path.replace(partial / path.name)
        folder.rmdir()


def _typed(columns: Columns) -> Columns:
    """Return columns whose type does not depend on there being rows."""
    return {name: _column(name, values) for name, values in columns.items()}


def _column(name: str, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if name in _TEXT:
        return np.asarray(values, dtype=np.str_) if not len(values) else np.asarray(values, dtype=object)
    kind = np.bool_ if name in _FLAGS else np.int64 if name in _COUNTS else np.float64
    return np.ascontiguousarray(values, dtype=kind)


def read_config(run_dir: Path) -> BacktestConfig:
    """Return the configuration of a stored run. Raises RUN_DAMAGED."""
    path = run_dir / "run.toml"
    try:
        tables = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except (OSError, ValueError) as error:
        raise DataUnfit("RUN_DAMAGED", f"run.toml cannot be read: {error}", where=str(path)) from error
    tables.pop("resolved", None)
    return backtest_from(tables, name="run.toml").config


def thinned(ts_ns: npt.NDArray[np.int64], bar_ns: int, most: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return which rows of equity are stored, and their interval in ns: those that end a coarser bar, and the last."""
    count = len(ts_ns)
    step = next(
        n for n in (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, count) if -(-count // n) <= most
    )
    if step == 1:
        return np.arange(count), bar_ns
    ends = (ts_ns + bar_ns - grid_offset_ns(step * bar_ns)) % (step * bar_ns) == 0
    if count:
        ends[-1] = True
    return np.flatnonzero(ends), step * bar_ns
