"""``tradewind config``: settings with the origin of each value, and their schema."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tradewind.config import Loaded
    from tradewind.config.fields import Model

__all__ = ["SetFlag", "app", "parse_sets"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Settings with the origin of each value, and their schema.",
)

SetFlag = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a value over the file's, such as costs.fill=touch."),
]


@app.command()
def show(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...", help="Backtest or session files; without any, the workspace's settings."
        ),
    ] = None,
    sets: SetFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Print every value and where it comes from: a line of a file, a variable, a flag, or the default.

    Example: tradewind config show backtests/first.toml --set costs.slippage_bps=2
    """
    say = Output(as_json)
    loaded = _load(files or [], parse_sets(sets or []), workspace)
    origins = loaded.origins()
    say.table(("key", "value", "from"), [(row.key, _shown(row.value), row.origin) for row in origins])
    values = {row.key: {"value": row.value, "origin": row.origin} for row in origins}
    say.done({"values": values}, "tradewind config schema")


def _load(files: list[str], flags: dict[str, str], workspace: str | None) -> "Loaded[Model]":
    from tradewind.config import is_session_file, load_backtest, load_session, load_settings

    paths = [Path(name) for name in files]
    if paths and all(map(is_session_file, paths)):
        return load_session(paths, os.environ, flags)  # type: ignore[return-value]
    if paths:
        return load_backtest(paths, os.environ, flags)  # type: ignore[return-value]
    settings_file = open_workspace(workspace).settings_file
    return load_settings(settings_file, os.environ, flags)  # type: ignore[return-value]


@app.command()
def schema(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where to write the schemas; printed if not given.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the JSON schemas that editors complete and check with; '#:schema FILE' in a TOML file names its own.

    Example: tradewind config schema backtests
    """
    from tradewind.config import (
        BacktestConfig,
        SessionConfig,
        Settings,
        json_schema,
        schema_text,
        write_atomic,
    )

    say = Output(as_json)
    models: dict[str, type[BaseModel]] = {
        "tradewind-backtest.json": BacktestConfig,
        "tradewind-session.json": SessionConfig,
        "tradewind-settings.json": Settings,
    }
    if folder is None:
        for name, model in models.items():
            say.line(f"{name}\n{schema_text(model)}")
        say.done(
            {name: json_schema(model) for name, model in models.items()}, "tradewind config schema backtests"
        )
        return
    for name, model in models.items():
        write_atomic(Path(folder) / name, schema_text(model))
        say.line(f"wrote {Path(folder) / name}")
    say.done({"files": [str(Path(folder) / name) for name in models]}, "tradewind config show")


def parse_sets(sets: list[str]) -> dict[str, str]:
    """Return the dotted key and the text of each ``--set``. Raises USAGE, CONFIG_CONFLICT for a key set twice."""
    found: dict[str, str] = {}
    for text in sets:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(
                "USAGE", "--set needs KEY=VALUE.", where=f"--set {key[:60]}", hint="--set costs.fill=touch"
            )
        if key.strip() in found:
            raise UsageError("CONFIG_CONFLICT", "this key is set twice.", where="--set", key=key.strip()[:60])
        found[key.strip()] = value
    return found


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
