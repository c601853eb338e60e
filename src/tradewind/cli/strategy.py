"""``tradewind strategy``: what there is, what it says of itself, a new one."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import StrategyError, TradewindError

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.strategies.load import DeclaredStrategy

__all__ = ["StrategyName", "app", "strategy_folder"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="Strategies: list, new, show, check.")

StrategyName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a strategy.")]


@app.command("list")
def list_(workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """List the shipped strategies and those of the workspace.

    Example: tradewind strategy list
    """
    from tradewind.research.unending import ends_in_time
    from tradewind.strategies.registry import list_strategies

    say = Output(as_json)
    with say.steps("reading the strategies"), ends_in_time():
        declared, errors = list_strategies(strategy_folder(workspace))
        rows = [_row(strategy, errors) for strategy in declared]
    good = [row for row in rows if row is not None]
    say.table(("name", "what it does"), [(row["name"], row["summary"]) for row in good])
    for error in errors:
        say.note(error.render())
    result = {
        "strategies": good,
        "errors": [e.to_json() for e in errors],
    }
    say.done(result, "tradewind strategy show ema_cross", "tradewind strategy new NAME")


def _row(strategy: "DeclaredStrategy", errors: "list[StrategyError]") -> dict[str, object] | None:
    """Return what a strategy says of itself; None, and its error among the others, where its warm-up fails."""
    try:
        return _fields(strategy)
    except StrategyError as error:
        errors.append(error)
        return None


@app.command()
def show(name: StrategyName, workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Show what a strategy declares: parameters with their ranges, warm-up, bars and feeds.

    Example: tradewind strategy show ema_cross
    """
    from tradewind.research.unending import ends_in_time
    from tradewind.strategies.registry import declare_named

    say = Output(as_json)
    with ends_in_time():
        strategy = declare_named(name, strategy_folder(workspace))
        told = _fields(strategy)
    say.line(f"{strategy.name}: {strategy.summary}")
    say.line(f"  file      {strategy.path}")
    say.line(f"  warm-up   {told['warmup_bars']:,} bars with the default parameters")
    for title, words in (("signals", strategy.signals), ("bars", strategy.frames), ("needs", strategy.needs)):
        if words:
            say.line(f"  {title:10}{', '.join(words)}")
    _tell_params(say, strategy)
    say.done(told, f"tradewind strategy check {name}")


@app.command()
def check(
    name: StrategyName,
    *,
    file: Annotated[
        str | None,
        typer.Option("--for", metavar="FILE", help="Backtest file whose data and parameters are used."),
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Compile a strategy, look for mistakes, and with --for measure its warm-up and look for look-ahead on your data.

    Example: tradewind strategy check ema_cross --for backtests/first.toml
    """
    from tradewind.cli.checking import Checked, check_on_data
    from tradewind.research.unending import ends_in_time
    from tradewind.strategies.check import check_strategy
    from tradewind.strategies.registry import find_strategy

    say = Output(as_json)
    path = find_strategy(name, strategy_folder(workspace))
    with say.steps(f"checking {name}") as steps:
        steps(0, 1, f"compiling {name}")
        if file:
            checked = check_on_data(open_workspace(workspace), path, file, steps)
        else:
            with ends_in_time():
                found = check_strategy(path)
            checked = Checked(found, f"{found.warmup.declared} bars declared; {_UNMEASURED}", _UNSEARCHED)
    found = checked.found
    say.line(f"{name}: compiles")
    say.line(f"  warm-up     {checked.warmup}")
    say.line(f"  look-ahead  {checked.lookahead}")
    _tell_params(say, found.strategy)
    measured = {
        "warmup": asdict(found.warmup) | {"said": checked.warmup},
        "lookahead": checked.lookahead,
    }
    following = ("tradewind backtest FILE",) if file else _towards_data(name, workspace)
    say.done(_fields(found.strategy) | {"compiles": True} | measured, *following)


_UNMEASURED = "not measured, which takes the data of a backtest file: --for FILE"
_UNSEARCHED = "not searched, which takes the data of a backtest file: --for FILE"


def _towards_data(name: str, workspace: str | None) -> tuple[str, ...]:
    """Return the commands that lead to a check on data, from where the user stands."""
    from tradewind.market import Store

    check = f"tradewind strategy check {name} --for backtests/FILE.toml"
    try:
        desk = open_workspace(workspace)
    except TradewindError:
        return "tradewind new desk && cd desk", "tradewind data generate", check
    made = sorted(path.name for path in desk.backtests.glob("*.toml"))
    check = check.replace("FILE.toml", made[0]) if made else check
    return (check,) if Store(desk.data).list() else ("tradewind data generate", check)


@app.command()
def new(name: StrategyName, workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Write a new strategy that runs as it is, with comments that say what each part is for.

    Example: tradewind strategy new my_idea
    """
    from tradewind.strategies.starting import new_strategy

    say = Output(as_json)
    desk = open_workspace(workspace)
    path = new_strategy(desk.strategies, name)
    say.line(f"wrote {desk.shown(path)}")
    say.done({"name": name, "file": str(path)}, f"tradewind strategy check {name}")


def strategy_folder(workspace: str | None) -> "Path | None":
    """Return the folder of the user's strategies; None outside a workspace, where the shipped ones still are."""
    try:
        return open_workspace(workspace).strategies
    except TradewindError as error:
        if error.code != "WORKSPACE_MISSING" or workspace:
            raise
        return None


def _tell_params(say: Output, strategy: "DeclaredStrategy") -> None:
    say.line()
    rows = [(n, _word(p.shown(p.default)), p.range_text(), p.summary) for n, p in strategy.params.items()]
    say.table(("parameter", "default", "range", "what it is"), rows)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fields(strategy: "DeclaredStrategy") -> dict[str, object]:
    params = [
        {
            "name": name,
            "default": param.shown(param.default),
            "low": None if param.choices else param.low,
            "high": None if param.choices else param.high,
            "range": param.range_text(),
            "summary": param.summary,
        }
        for name, param in strategy.params.items()
    ]
    return {
        "name": strategy.name,
        "summary": strategy.summary,
        "params": params,
        "file": str(strategy.path),
        "warmup_bars": strategy.warmup_bars({}),
        "signals": list(strategy.signals),
        "bars": list(strategy.frames),
        "needs": list(strategy.needs),
        "source_hash": strategy.source_hash,
    }
