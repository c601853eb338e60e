"""``tradewind run``: the stored runs."""

import sys
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import UsageError

__all__ = ["app", "has_browser"]

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, help="Stored runs: list, show, compare, open, verify."
)

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of a run, a beginning or ending of it, or 'last'.")
]


@app.command("list")
def list_(workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """List the stored runs, the newest last.

    Example: tradewind run list
    """
    from tradewind.config import stored_runs

    say = Output(as_json)
    desk = open_workspace(workspace)
    lines = [_line(desk.run_dir(run_id)) for run_id in stored_runs(desk)]
    rows = [fields for fields, _ in lines]
    heads = ("run", "strategy", "return", "max drawdown", "sharpe", "trades", "checks")
    say.table(heads, [cells for _, cells in lines])
    if not rows:
        say.line("no run is stored")
    say.done({"runs": rows}, "tradewind run show last" if rows else "tradewind backtest FILE")


_COLUMNS = ("run_id", "strategy", "total_return", "max_drawdown", "sharpe", "trade_count", "checks")


def _line(folder: Path) -> "tuple[dict[str, object], list[str]]":
    """Return a run for a script, and as a line for a person; a damaged run must not end the list."""
    from tradewind.errors import TradewindError
    from tradewind.report import read_stored, shown_value

    try:
        run = read_stored(folder)
    except TradewindError as error:
        fields: dict[str, object] = dict.fromkeys(_COLUMNS) | {"run_id": folder.name, "checks": error.code}
        return fields, [str(value or "-") for value in fields.values()]
    numbers = {name: run.metrics.metrics.get(name) for name in _COLUMNS[2:-1]}
    cells = [folder.name, run.title, *(shown_value(run, name) for name in numbers), run.checks.said]
    return {"run_id": folder.name, "strategy": run.title, **numbers, "checks": run.checks.said}, cells


@app.command()
def show(run: RunName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Show a stored run on one screen: the verdict of its checks, its numbers, where its report lies.

    Example: tradewind run show last
    """
    from tradewind.config import find_run

    say = Output(as_json)
    folder = find_run(open_workspace(workspace), run)
    tell_run(say, folder)
    say.done(run_fields(folder), f"tradewind run open {folder.name}", "tradewind run compare RUN RUN")


def tell_run(say: Output, folder: Path) -> None:
    """Print the summary of a stored run for a person."""
    from tradewind.report import render_terminal

    if not say.as_json:
        say.show(render_terminal(folder))


def run_fields(folder: Path) -> dict[str, object]:
    """Return a stored run as scripts read it."""
    from tradewind.report import read_stored

    run = read_stored(folder)
    checks = [{"name": c.name, "verdict": c.verdict, "detail": c.detail} for c in run.checks.checks]
    return {
        "run_id": folder.name,
        "run_dir": str(folder),
        "metrics": run.metrics.metrics,
        "hashes": run.checks.hashes,
        "checks": checks,
        "warnings": [*run.checks.warnings, *run.metrics.notes],
    }


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")],
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Put runs side by side: numbers, and only those settings that differ.

    Example: tradewind run compare 3f2a last
    """
    from tradewind.config import find_run
    from tradewind.report import compare as compare_runs
    from tradewind.report import render_comparison

    say = Output(as_json)
    desk = open_workspace(workspace)
    folders = list(dict.fromkeys(find_run(desk, name) for name in runs))
    if len(folders) < 2:
        raise UsageError(
            "USAGE",
            f"one run alone cannot be compared: {folders[0].name}.",
            where="tradewind run compare",
            hint="name two or more; 'tradewind run list' shows them",
        )
    comparison = compare_runs(folders)
    if not as_json:
        say.show(render_comparison(comparison))
    say.done(comparison.to_json(), f"tradewind run open {comparison.run_ids[0]}")


@app.command()
def verify(run: RunName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Run a stored run again and compare the hash of its decisions.

    Example: tradewind run verify last
    """
    from tradewind.config import find_run
    from tradewind.errors import DataUnfit
    from tradewind.research import verify_run

    say = Output(as_json)
    desk = open_workspace(workspace)
    folder = find_run(desk, run)
    with say.steps(f"running {folder.name} again") as steps:
        found = verify_run(folder, desk, steps)
    if not found.is_same:
        causes = (
            f"changed since: {', '.join(found.changed)}"
            if found.changed
            else "nothing it depends on has changed"
        )
        raise DataUnfit(
            "REPLAY_DIFFERS",
            f"the decisions hash to {found.now['decisions']}, stored is {found.stored.get('decisions')}; {causes}.",
            where=desk.shown(folder),
        )
    say.line(f"{folder.name}: the same decisions, {found.now['decisions']}")
    if found.changed:
        say.line(f"  although changed since: {', '.join(found.changed)}")
    say.done({"same": True} | asdict(found), f"tradewind run show {folder.name}")


@app.command("open")
def open_(run: RunName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Open the report of a stored run in the browser; without one, print where it lies.

    Example: tradewind run open last
    """
    from tradewind.config import find_run
    from tradewind.errors import DataUnfit

    say = Output(as_json)
    folder = find_run(open_workspace(workspace), run)
    report = folder / "report.html"
    if not report.is_file():
        raise DataUnfit("RUN_DAMAGED", "the run has no report.", where=str(report))
    opened = say.is_terminal and has_browser() and webbrowser.open(report.as_uri())
    say.line(f"{'opened' if opened else 'the report lies at'} {report}")
    say.done({"report": str(report), "opened": opened}, f"tradewind run show {folder.name}")


def has_browser() -> bool:
    """Return whether a report can be shown here: a terminal with a graphical browser."""
    if not sys.stdout.isatty():
        return False
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    # Browsers inside the terminal would take it over.
    return not isinstance(found, webbrowser.GenericBrowser) or isinstance(found, webbrowser.BackgroundBrowser)
