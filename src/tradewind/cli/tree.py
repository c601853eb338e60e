"""The tree of commands. A noun's module is imported when the noun is used, so that help needs none of them."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer import _click

__all__ = ["NOUNS", "Noun", "build_tree"]


@dataclass(frozen=True, slots=True)
class Noun:
    """A word after ``tradewind``: where its commands are, and one line of help."""

    module: str
    help: str


NOUNS: dict[str, Noun] = {
    "demo": Noun(
        "demo", "From nothing to a true picture, offline: a generated market, a real strategy, a report."
    ),
    "new": Noun("workspace", "Make a workspace to begin with."),
    "doctor": Noun("doctor", "Everything that can be wrong here, with its remedy."),
    "data": Noun("data", "History: import, download, generate, check, list, show."),
    "strategy": Noun("strategy", "Strategies: list, new, show, check."),
    "backtest": Noun("backtest", "Run a backtest, store the run with its report, and show what came out."),
    "run": Noun("run", "Stored runs: list, show, compare, open, verify."),
    "trade": Noun(
        "trade", "The same strategy on paper, on live data or a replayed feed; or live on accounts."
    ),
    "session": Noun(
        "session",
        "Sessions: list, status, pause, resume, flatten, stop, adopt, signal, summary, stats, reset, compare, "
        "incident, unit.",
    ),
    "journal": Noun(
        "journal", "Records of sessions: verify, replay, explain, bars, export, rebuild, expire."
    ),
    "venue": Noun("venue", "Venues: list, rules, fake, certify."),
    "keys": Noun("keys", "Keys of accounts: add, list, test, remove."),
    "config": Noun("config", "Settings with the origin of each value, and their schema."),
}
"""Every noun, in the order of the help text."""


class _Lazy(TyperGroup):
    """A group that knows its words without their modules."""

    def list_commands(self, ctx: "_click.Context") -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: "_click.Context", cmd_name: str) -> "_click.Command | None":
        noun = NOUNS.get(cmd_name)
        if noun is None:
            return None
        module = importlib.import_module(f"tradewind.cli.{noun.module}")
        command = get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: "_click.Context", formatter: "_click.HelpFormatter") -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, noun.help) for name, noun in NOUNS.items()])


def build_tree() -> "Callable[..., object]":
    """Return the command line as a callable."""
    app = typer.Typer(
        cls=_Lazy,
        rich_markup_mode=None,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    return get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tradewind import __version__

        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and leave.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Trade crypto with the same strategy code in research, in a backtest, on paper and live.

    First steps: tradewind demo, then tradewind new desk.
    """
