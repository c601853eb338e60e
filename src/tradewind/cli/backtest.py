"""``tradewind backtest``: run a file, store the run, show it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.config import SetFlag, parse_sets
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.run import run_fields, tell_run
from tradewind.cli.workspace import find_file, open_workspace
from tradewind.errors import TradewindError

if TYPE_CHECKING:
    from tradewind.config import BacktestConfig, Loaded, Workspace

__all__ = ["app", "load_file", "run_file"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def backtest(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Backtest file; later ones lie over it.")
    ],
    *,
    sets: SetFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a backtest, store the run with its report, and show what came out.

    Example: tradewind backtest backtests/first.toml --set costs.slippage_bps=2
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    loaded = load_file(desk, files, sets)
    folder = run_file(say, desk, loaded)
    tell_run(say, folder)
    run_id = folder.name
    say.done(run_fields(folder), f"tradewind run open {run_id}", f"tradewind run verify {run_id}")


def load_file(desk: "Workspace", files: list[str], sets: list[str] | None) -> "Loaded[BacktestConfig]":
    """Return the backtest of one or several files, not looser than the limits of the workspace."""
    from tradewind.config import load_backtest, with_house_limits

    paths = [find_file(desk, name) for name in files]
    loaded = load_backtest(paths, os.environ, parse_sets(sets or []), now=datetime.now(UTC))
    return with_house_limits(loaded, desk.settings)


def run_file(say: Output, desk: "Workspace", loaded: "Loaded[BacktestConfig]") -> Path:
    """Run a loaded backtest and return the folder of its run; errors name file and line."""
    with say.steps("loading the compiler") as steps:
        from tradewind.research import run_backtest

        try:
            return run_backtest(loaded.config, desk, steps).run_dir
        except TradewindError as error:
            raise loaded.placed(error) from error
