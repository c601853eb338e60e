"""What a command prints: lines for a person or one JSON object for a script, progress, and the next command."""

import json
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["JsonFlag", "Output", "Steps", "WorkspaceFlag", "table", "typed"]

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; everything else goes to stderr.")
]
WorkspaceFlag = Annotated[
    str | None,
    typer.Option(
        "--workspace", metavar="DIR", help="Workspace; else TRADEWIND_WORKSPACE, else the nearest parent."
    ),
]

_SILENCE_S = 10.0
_LONG = "compiling the engine"
"""Work that begins so takes a minute or more, and is said at once."""


class Output:
    """Where a command says what it has to say."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.is_terminal = sys.stdout.isatty() and not as_json

    def line(self, text: str = "") -> None:
        """Print a line for a person."""
        if not self.as_json:
            sys.stdout.write(f"{text}\n")

    def show(self, drawn: "RenderableType") -> None:
        """Print something that rich draws; without a terminal it has no colours and is a hundred columns wide."""
        from rich.console import Console

        width = None if self.is_terminal else 100
        Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False).print(drawn, crop=False)

    def note(self, text: str) -> None:
        """Print something beside the result: to stderr, in both forms."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print aligned columns, numbers to the right."""
        for line in table(heads, [[str(cell) for cell in row] for row in rows]):
            self.line(line)

    def done(self, result: Mapping[str, object], *following: str) -> None:
        """End the command: its result for a script, the next useful command for a person."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(result), ensure_ascii=False, allow_nan=False) + "\n")
        for place, command in enumerate(typed(following)):
            self.line(("next: " if place == 0 else "      ") + command)

    @contextmanager
    def steps(self, title: str) -> Iterator["Steps"]:
        """Show progress while the block runs: a bar on a terminal, else a line each ten seconds."""
        with Steps(title) as steps:
            yield steps


class Steps:
    """Progress of long work, on stderr.

    A terminal gets a bar. Anything else gets a line each ten seconds, also while one step takes longer than that:
    whoever watches a log must be able to tell work from a standstill.
    """

    def __init__(self, title: str, silence_s: float = _SILENCE_S) -> None:
        self.title = title
        self._silence_s = silence_s
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._share = ""
        self._began_s = time.monotonic()
        self._is_over = threading.Event()
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        if self._is_terminal:
            self._open_bar()
        else:
            self._speaker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._speaker.is_alive():
            self._speaker.join()
        if self._bar:
            self._bar.stop()

    def __call__(self, done: float, total: float, title: str | None = None) -> None:
        """Say how much of the work is done, and what is being done."""
        if title and title != self.title and title.startswith(_LONG) and not self._is_terminal:
            sys.stderr.write(f"{title}\n")
            sys.stderr.flush()
        self.title = title or self.title
        self._share = f" {100 * done / total:.0f} %" if total else ""
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, total=total or None, description=self.title)

    def _speak(self) -> None:
        while not self._is_over.wait(self._silence_s):
            passed_s = time.monotonic() - self._began_s
            sys.stderr.write(f"{self.title}{self._share}, {passed_s:.0f} s\n")
            sys.stderr.flush()

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self.title, total=None)
        self._bar.start()


def typed(commands: Sequence[str]) -> list[str]:
    """Return commands as they can be typed here: ``tradewind`` by the path it was started with, if it is not on PATH.

    A relative path would not survive a change of the folder, so it becomes a whole one where one is among them.
    """
    started = sys.argv[0]
    if Path(started).stem != "tradewind" or _is_on_path(started):
        return list(commands)
    moves = any(command.startswith("cd ") or " cd " in command for command in commands)
    word = str(Path(started).parent.resolve() / Path(started).name) if moves else started
    return [re.sub(r"(?<!\S)tradewind(?= )", lambda _: word, command) for command in commands]


def _is_on_path(started: str) -> bool:
    found = shutil.which("tradewind")
    return found is not None and Path(found).exists() and Path(found).samefile(started)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines; a column of nothing but numbers stands to the right."""
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [bool(rows) and all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = [heads, *rows]
    return ["  ".join(map(_pad, line, widths, to_right)).rstrip() for line in lines]


def _pad(cell: str, width: int, to_right: bool) -> str:
    return cell.rjust(width) if to_right else cell.ljust(width)


def _is_number(cell: str) -> bool:
    return (
        cell in {"", "-", "—"} or cell.lstrip("+-−").replace(",", "").replace(".", "").rstrip(" %").isdigit()
    )


def plain(value: object) -> object:
    """Return what JSON can say: numbers that are not finite become null, anything else its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(below) for below in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    item = getattr(value, "item", None)
    return plain(item()) if callable(item) else str(value)
