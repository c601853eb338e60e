"""The door for notebooks and scripts: the same run, files and hashes as the command."""

import os
import webbrowser
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradewind.config import Workspace, load_backtest, with_house_limits
from tradewind.errors import TradewindError
from tradewind.market.tables import fetch_columns, literal_path, session
from tradewind.research.backtest import RunResult, run_backtest
from tradewind.strategies.exposures import EXPOSURES_NAME, exposures_from_table

__all__ = ["Run", "backtest"]


class Run:
    """A stored run. Tables are dicts of NumPy columns; `frame` makes a Polars or pandas frame of one."""

    def __init__(self, result: RunResult) -> None:
        self.run_id = result.run_id
        self.run_dir = result.run_dir
        self.metrics: Mapping[str, float | None] = result.metrics
        self.hashes: Mapping[str, str] = result.hashes
        self.checks = result.checks
        self.warnings = result.warnings

    @property
    def fills(self) -> dict[str, NDArray[np.generic]]:
        """Return the fills as columns of one length."""
        return self.table("fills")

    @property
    def equity(self) -> dict[str, NDArray[np.generic]]:
        """Return the equity as columns of one length."""
        return self.table("equity")

    def table(self, name: str) -> dict[str, NDArray[np.generic]]:
        """Return a table of the run folder by name: fills, orders, refused, funding, equity."""
        path = self.run_dir / f"{name}.parquet"
        with session(str(path)) as connection:
            return fetch_columns(connection, "SELECT * FROM read_parquet(?)", [literal_path(path)])

    def frame(self, name: str = "fills") -> object:
        """Return a table as a Polars frame, else a pandas one. Raises ImportError where neither is installed."""
        columns = self.table(name)
        try:
            import polars
        except ImportError:
            import pandas

            return pandas.DataFrame(columns)
        return polars.DataFrame(columns)

    def show(self) -> Path:
        """Open the report in the browser where there is one; return its path."""
        report = self.run_dir / "report.html"
        webbrowser.open(report.as_uri())
        return report

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{'–' if value is None else f'{value:.6g}'}</td></tr>"
            for name, value in self.metrics.items()
        )
        return f"<p>{self.run_id}</p><table>{rows}</table>"

    def __repr__(self) -> str:
        failed = [check.name for check in self.checks if check.verdict == "fail"]
        doubtful = [check.name for check in self.checks if check.verdict == "warn"]
        verdict = f"doubtful: {', '.join(doubtful)}" if doubtful else "checks passed"
        verdict = f"FAILED: {', '.join(failed)}" if failed else verdict
        return f"<Run {self.run_id}: {verdict}>"


def backtest(
    file: str | Path,
    *,
    workspace: str | Path | None = None,
    features: Mapping[str, object] | None = None,
    exposures: object = None,
) -> Run:
    """Run a backtest file and return the stored run.

    Parameters
    ----------
    file
        Path of the file, as it is or below the workspace.
    workspace
        Folder of the workspace; else as the command finds it, from the folder of the file.
    features
        Values from outside by name: tables with the columns known_at, symbol and exposure.
    exposures
        Short for ``features={"exposure": exposures}``, for the strategy ``target_table``.
    """
    path = Path(file).expanduser()
    desk = Workspace.find(workspace, os.environ, path.resolve().parent if path.exists() else Path.cwd())
    path = path if path.exists() else desk.root / path
    loaded = with_house_limits(load_backtest([path], os.environ, now=datetime.now(UTC)), desk.settings)
    tables = {name: exposures_from_table(frame) for name, frame in (features or {}).items()}  # type: ignore[arg-type]
    if exposures is not None:
        tables[EXPOSURES_NAME] = exposures_from_table(exposures)  # type: ignore[arg-type]
    try:
        return Run(run_backtest(loaded.config, desk, features=tables))
    except TradewindError as error:
        raise loaded.placed(error) from error
