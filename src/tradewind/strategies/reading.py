"""A strategy brings no data along: what a file reads while it is loaded could be the future of any backtest.

Values from outside come as a table that says when each was known (docs/howto). Opening a file, a socket or
another program is refused where the author's own lines do it; libraries may open what they are made of.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tradewind.errors import StrategyError

__all__ = ["brings_no_data", "refuse_readers"]

_EVENTS = frozenset({"open", "socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"})
_READERS = frozenset(
    ("duckdb", "h5py", "httpx", "joblib", "pandas", "polars", "pyarrow", "requests", "sqlite3", "urllib")
)
_OWN_ROOMS = frozenset({"signals", "strategies", "units", "engine"})
_ROOT = str(Path(__file__).resolve().parent.parent)
_HINT = 'hand the values over as a table that says when each was known: NEEDS = ("feature:NAME",)'

_watched: list[tuple[frozenset[str], list[StrategyError]]] = []
"""Who watches now: the author's files, and what they did. Hooks of the interpreter cannot be taken away again."""
_hooked: list[bool] = []


@contextmanager
def brings_no_data(paths: Sequence[str]) -> Iterator[None]:
    """Refuse that the files at these paths open anything while they run inside. Raises STRATEGY_LINT with the line."""
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked.append(True)
    caught: list[StrategyError] = []
    _watched.append((frozenset(paths), caught))
    try:
        yield
    finally:
        _watched.pop()
        # Also where the author's file went on after the refusal, or failed because of it.
        if caught:
            raise caught[0]


def _hear(event: str, details: tuple[object, ...]) -> None:
    """Refuse what an author's line opens by itself; a library that is imported may read its own files."""
    if not _watched or event not in _EVENTS:
        return
    paths, caught = _watched[-1]
    line = _authors_line(sys._getframe(1), paths)
    if line:
        what = (
            f"'{Path(details[0]).name}'" if event == "open" and isinstance(details[0], str) else "something"
        )
        caught.append(_refusal(f"the file reads {what} while it is loaded", line))
        raise caught[-1]


def _authors_line(frame: FrameType | None, paths: frozenset[str]) -> str:
    """Return file:line of the author's that opens; nothing where an import or tradewind itself stands between."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name in paths:
            return f"{name}:{frame.f_lineno}"
        if name.startswith(("<frozen importlib", _ROOT)):
            return ""
        frame = frame.f_back
    return ""


def refuse_readers(tree: ast.Module, path: Path) -> None:
    """Refuse imports that only reading data could need, and those of tradewind that are not for authors."""
    for node in tree.body:
        for module in _modules(node):
            top, _, below = module.partition(".")
            own = top == "tradewind" and below.partition(".")[0] not in _OWN_ROOMS
            if own or top in _READERS:
                raise _refusal(
                    f"a strategy does not import '{module}': it reads no data", f"{path}:{node.lineno}"
                )


def _modules(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "tradewind":
        yield from (f"tradewind.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        yield str(node.module)


def _refusal(sentence: str, where: str) -> StrategyError:
    return StrategyError("STRATEGY_LINT", f"{sentence}; it could know the future", where=where, hint=_HINT)
