"""Run a stored run again and compare the hash of its decisions."""

from dataclasses import dataclass
from pathlib import Path

from tradewind.config import Workspace
from tradewind.market.tables import read_parquet
from tradewind.report import read_stored
from tradewind.research.backtest import Progress, simulate
from tradewind.research.folder import EXPOSURES, read_config
from tradewind.strategies.exposures import ExposureTable, exposures_from_table

__all__ = ["Verified", "verify_run"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A comparison of a stored run with the same run today.

    is_same: the decisions are equal. stored, now: the four hashes. changed: which of data, config and code differ, the
    causes to look at.
    """

    run_id: str
    is_same: bool
    stored: dict[str, str]
    now: dict[str, str]
    changed: tuple[str, ...]


def verify_run(run_dir: Path, workspace: Workspace, progress: Progress | None = None) -> Verified:
    """Run a stored run again from its run.toml. Raises RUN_UNKNOWN, RUN_DAMAGED and what running raises."""
    stored = dict(read_stored(run_dir).checks.hashes)
    run = simulate(read_config(run_dir), workspace, progress, features=_features(run_dir))
    changed = tuple(name for name in ("data", "config", "code") if stored.get(name) != run.hashes[name])
    return Verified(
        run_dir.name, stored.get("decisions") == run.hashes["decisions"], stored, run.hashes, changed
    )


def _features(run_dir: Path) -> dict[str, ExposureTable]:
    path = run_dir / EXPOSURES
    if not path.is_file():
        return {}
    columns = read_parquet([path], ("known_ns", "kind", "symbol", "exposure"))
    return {
        str(name): exposures_from_table(
            {n: v[columns["kind"] == name] for n, v in columns.items() if n != "kind"}
        )
        for name in dict.fromkeys(columns["kind"].tolist())
    }
