"""``tradewind trade``: the same strategy on paper."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tradewind.cli.config import SetFlag
from tradewind.cli.failures import Leave
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import Exit, TradewindError, UsageError

if TYPE_CHECKING:
    from tradewind.config import BacktestConfig, Loaded, SessionConfig, Workspace
    from tradewind.live.paper import PaperResult

    Terms = Loaded[BacktestConfig] | Loaded[SessionConfig]

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def trade(
    *,
    paper: Annotated[
        str | None,
        typer.Option("--paper", metavar="FILE", help="Backtest or session file to trade on paper."),
    ] = None,
    live: Annotated[
        str | None, typer.Option("--live", metavar="FILE", help="Session file to trade on its accounts.")
    ] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(
            "--confirm", metavar="ACCOUNT", help="Instead of typing the name of an account that trades."
        ),
    ] = None,
    feed: Annotated[
        str,
        typer.Option(
            "--feed",
            metavar="FEED",
            help="live: what the venues stream; replay:START..END of your history, or replay:all.",
        ),
    ] = "live",
    speed: Annotated[
        str, typer.Option("--speed", metavar="max|1x", help="As fast as it goes, or in real time.")
    ] = "max",
    session: Annotated[
        str | None, typer.Option("--session", metavar="NAME", help="Its name; else the file's.")
    ] = None,
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Watch a live session, and start it again if it hangs.")
    ] = True,
    sets: SetFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Trade a strategy: on paper, on what venues stream or on a replay, or live on the accounts of a session file.

    All is journaled before it is acted on. Stopped at any moment, the same command goes on where it was.

    Example: tradewind trade --paper backtests/first.toml --feed replay:2024-01-01..2024-02-01 --speed max
    """
    from tradewind.cli.paper import load_terms

    say = Output(as_json)
    pace = _pace(speed)
    desk = open_workspace(workspace)
    if (paper is None) == (live is None):
        said = "neither is said" if paper is None else "both are said"
        raise UsageError(
            "USAGE", f"one file is traded, on paper or live: {said}.", known=("--paper FILE", "--live FILE")
        )
    file = paper or live or ""
    loaded = load_terms(desk, file, sets)
    name = session or Path(file).stem.lower()
    if live is not None:
        from tradewind.cli.live_trade import trade_live

        trade_live(loaded, desk, name, say, guarded=guard, confirmed=tuple(confirm or ()))
    elif feed == "live":
        _trade_now(loaded, desk, name, say, guarded=guard)
    else:
        _trade_again(loaded, desk, name, say, (feed, pace))


def _trade_now(loaded: "Terms", desk: "Workspace", name: str, say: Output, *, guarded: bool) -> None:
    """Trade on what venues stream, behind a guard."""
    import os

    from tradewind.venues.extras import require_live

    require_live()
    from tradewind.cli.compiling import load_engine
    from tradewind.cli.listening import paper_setup
    from tradewind.cli.live_trade import guard_session, trade_now
    from tradewind.cli.refusing import refuse_from_files
    from tradewind.cli.signals import needs_store
    from tradewind.live.guard import GUARDED

    try:
        guards = guarded and GUARDED not in os.environ
        with say.steps("reading the strategies"):
            refuse_from_files(loaded, desk, live=False, guards=guards)
        if guards:
            guard_session(desk, name, (), say, opens_store=needs_store(loaded.config))
            return
        from tradewind import __version__

        load_engine(say, simulated=True)
        trade_now(loaded, desk, name, say, lambda bound: paper_setup(bound, desk, __version__))
    except TradewindError as error:
        raise loaded.placed(error) from error


def _trade_again(
    loaded: "Terms", desk: "Workspace", name: str, say: Output, how: tuple[str, Literal["max", "1x"]]
) -> None:
    """Trade on a replay of what is stored."""
    from tradewind import __version__
    from tradewind.cli.compiling import SIMULATED_LOOP, load_parts
    from tradewind.cli.paper import bind, replayed_period

    feed, pace = how
    folder = desk.session_dir(name)
    with say.steps(f"session {name}") as steps:
        try:
            bound = bind(replayed_period(loaded.config, feed), desk)
            load_parts(steps, SIMULATED_LOOP)
            from tradewind.live.paper import run_paper

            steps(0, 0, f"session {name}")
            setup = bound.setup(__version__)
            with bound.strategy_faults():
                result = run_paper(setup, desk, name, speed=pace, version=__version__, progress=steps)
        except TradewindError as error:
            raise loaded.placed(error) from error
    _tell(say, result)
    if not result.finished:
        say.line(f"stopped in order; the same command goes on from here ({desk.shown(folder)})")
    say.done(
        _fields(result),
        f"tradewind journal verify {name}",
        f"tradewind journal explain last --session {name}",
    )
    if not result.finished:
        raise Leave(Exit.INTERRUPTED)


def _pace(speed: str) -> Literal["max", "1x"]:
    if speed == "max":
        return "max"
    if speed == "1x":
        return "1x"
    raise UsageError("USAGE", f"{speed[:40]!r} is no speed.", where="--speed", known=("max", "1x"))


def _tell(say: Output, result: "PaperResult") -> None:
    from tradewind.report.wording import money
    from tradewind.units.time import format_utc

    wallets = zip(result.equities, result.currencies, strict=True)
    balances = ", ".join(money(amount, currency) for amount, currency in wallets)
    ended = "bankrupt" if result.bankrupt else "finished" if result.finished else "stopped"
    say.line(f"session    {result.session}, {ended} at {format_utc(result.now_ns)}")
    say.line(f"decided    {result.steps:,} times, {result.requests:,} requests, {result.fills:,} fills")
    say.line(f"equity     {balances}")
    for held in result.held:
        say.line(f"held       {held}")
    say.line(f"decisions  {result.decisions_hash}")
    if result.process > 1:
        say.line(f"process    number {result.process}, went on from record {result.resumed_at:,}")


def _fields(result: "PaperResult") -> dict[str, object]:
    hashes = {"decisions": result.decisions_hash, "state": result.state_hash}
    return asdict(result) | {"folder": str(result.folder), "hashes": hashes}
