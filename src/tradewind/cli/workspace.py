"""``tradewind new``, and how every command finds its workspace."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.output import JsonFlag, Output
from tradewind.errors import ConfigError, PathError

if TYPE_CHECKING:
    from tradewind.config import Workspace

__all__ = ["app", "find_file", "open_workspace", "operated_workspace"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def new(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder to make; it must be new or empty.")],
    as_json: JsonFlag = False,
) -> None:
    """Make a workspace to begin with: a strategy of your own, a backtest file, comments that teach.

    Example: tradewind new desk && cd desk
    """
    from tradewind.config import Workspace
    from tradewind.config.starter import starter_files

    say = Output(as_json)
    workspace = Workspace.create(Path(folder))
    say.line(f"made {workspace.root} with")
    files = list(starter_files())
    for name in files:
        say.line(f"  {name}")
    result = {"workspace": str(workspace.root), "files": files}
    say.done(result, f"cd {folder}", "tradewind data generate", "tradewind backtest backtests/first.toml")


def open_workspace(flag: str | None) -> "Workspace":
    """Return the workspace of a command. Raises WORKSPACE_MISSING."""
    from tradewind.config import Workspace

    return Workspace.find(flag, os.environ, _here())


def operated_workspace(flag: str | None, say: Output) -> "Workspace":
    """Return the workspace in which a session is commanded; a mistake in its settings keeps nobody from a session.

    What they say of paths is not known then: sessions are looked for where they lie by default.
    """
    from tradewind.config import Workspace, find_root

    try:
        return open_workspace(flag)
    except ConfigError as error:
        desk = Workspace(find_root(flag, os.environ, _here()).resolve())
        if not desk.journal.is_dir():
            raise
        say.note(f"{str(error).rstrip()}\nthe settings are left out; they do not concern a session that runs")
        return desk


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise PathError(
            "PATH_INVALID", "the current folder is not there any more.", hint="cd somewhere else"
        ) from error


def find_file(desk: "Workspace", name: str) -> Path:
    """Return the path of a file named on the command line: as it is, else below the workspace."""
    path = Path(name)
    below = desk.root / name if "\0" not in name else path
    return below if "\0" not in name and not path.exists() and below.exists() else path
