"""``tradewind demo``: from nothing to a true picture, offline, asking nothing."""

import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.backtest import load_file, run_file
from tradewind.cli.generated import END, SEED, START, SYMBOLS, generate_into, market_spec
from tradewind.cli.output import JsonFlag, Output
from tradewind.cli.run import has_browser, run_fields, tell_run

if TYPE_CHECKING:
    from tradewind.config import Workspace
    from tradewind.market import MarketSpec

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FILE = "backtests/demo.toml"

_BACKTEST = f"""\
# The demo: a shipped strategy with its own parameters on the generated market. Nothing here was tried out first:
# a picture chosen for its looks would teach the wrong thing. Change a number and run it again:
# tradewind backtest {_FILE}

strategy = "ema_cross"
period   = {{ start = "{START}", end = "{END}" }}
capital  = {{ amount = 10_000, currency = "USDT" }}

[market]
venue = "generated"
symbols = ["{SYMBOLS[0]}", "{SYMBOLS[1]}"]
bars = "1m"
# decide_on = "4h"     # fill on minutes, decide on bars of four hours: fewer trades, another result

[params]               # tradewind strategy show ema_cross
"""


@app.command()
def demo(
    folder: Annotated[
        str, typer.Argument(metavar="[DIR]", help="Workspace of the demo; made if it is not there.")
    ] = "tradewind-demo",
    *,
    no_open: Annotated[bool, typer.Option("--no-open", help="Leave the browser alone.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Generate a year of minutes, backtest a shipped strategy on it, and show the result. Needs no network.

    Example: tradewind demo
    """
    from tradewind.market import Store

    say = Output(as_json)
    desk = _workspace(Path(folder))
    spec = _market()
    with say.steps("generating the market") as steps:
        rows = generate_into(Store(desk.data), spec, steps)
    say.line(
        f"market   a year of minutes of {' and '.join(SYMBOLS)}, seed {SEED}: {rows:,} generated records"
    )
    say.line(f"run      ema_cross, {_FILE}, in {desk.root}")
    run = run_file(say, desk, load_file(desk, [_FILE], None))
    say.line()
    tell_run(say, run)
    if not no_open and say.is_terminal and has_browser():
        webbrowser.open((run / "report.html").as_uri())
    say.done(run_fields(run) | {"workspace": str(desk.root), "generated": rows}, *_following(desk, run))


def _following(desk: "Workspace", run: Path) -> tuple[str, str, str]:
    here = desk.root.name if desk.root.parent == Path.cwd() else str(desk.root)
    return f"cd {here}", f"tradewind run open {run.name}", "tradewind strategy show ema_cross"


def _workspace(folder: Path) -> "Workspace":
    """Return the demo's workspace, made where it is missing; in a temporary folder where this one is closed."""
    from tradewind.config import SETTINGS_NAME, Workspace, write_atomic
    from tradewind.errors import PathError

    if (folder / SETTINGS_NAME).is_file():
        desk = Workspace.open(folder)
    else:
        try:
            desk = Workspace.create(folder)
        except PathError as error:
            if error.code != "PATH_DENIED":
                raise
            desk = Workspace.create(Path(tempfile.mkdtemp(prefix="tradewind-demo-")))
    write_atomic(desk.root / _FILE, _BACKTEST)
    return desk


def _market() -> "MarketSpec":
    from tradewind.units.time import MINUTE_NS

    return market_spec(SYMBOLS, START, END, MINUTE_NS, SEED)
