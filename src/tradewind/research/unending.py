"""Strategy files are run to be read: one that does not come to its end is given up by name, instead of hanging."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import sysconfig
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["PATIENCE_S", "ends_in_time"]

PATIENCE_S = 10
"""So many seconds of its own a strategy file may run while it is read; importing libraries is not counted."""

_DEAF_TIMES = 3
"""So often a file may catch what gives it up; then the process ends."""

_OWN = str(Path(__file__).resolve().parent.parent) + os.sep
_SHIPPED = str(Path(_OWN) / "strategies" / "shipped") + os.sep


@contextmanager
def ends_in_time(patience_s: int = PATIENCE_S, *, look_s: float = 1.0) -> Iterator[None]:
    """Give up each strategy file that is found running in more than so many looks, one each `look_s` seconds.

    StrategyError (STRATEGY_LOAD) is raised at the line where the file is; one that catches that and goes on ends
    the process. Only the main thread can be watched: elsewhere nothing is. Nor is a single call of a library
    that never returns to Python.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    looks: dict[str, int] = {}

    def look(number: int, frame: FrameType | None) -> None:
        del number
        found = _authors(frame)
        if found is not None:
            _count(looks, found, patience_s)

    handler = signal.signal(signal.SIGALRM, look)
    left_s, again_s = signal.setitimer(signal.ITIMER_REAL, look_s, look_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s or again_s, again_s)
        signal.signal(signal.SIGALRM, handler)


def _count(looks: dict[str, int], frame: FrameType, patience_s: int) -> None:
    path = frame.f_code.co_filename
    looks[path] = looks.get(path, 0) + 1
    if looks[path] < patience_s:
        return
    error = StrategyError(
        "STRATEGY_LOAD",
        f"the file does not come to its end within {patience_s} s, and is given up",
        where=f"{path}:{frame.f_lineno}",
        hint="a strategy file only defines: let nothing in it loop while it is loaded",
    )
    if looks[path] > patience_s + _DEAF_TIMES:
        sys.stderr.write(error.render() + "\n")
        sys.stderr.flush()
        os._exit(int(error.exit_code))
    raise error


def _authors(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of a strategy file; None where tradewind, or an import, stands within it."""
    while frame is not None:
        path = frame.f_code.co_filename
        ours = path.startswith(_OWN) and not path.startswith(_SHIPPED)
        if ours or path.startswith("<frozen importlib"):
            return None
        if not path.startswith(("<", *_libraries())):
            return frame
        frame = frame.f_back
    return None


@cache
def _libraries() -> tuple[str, ...]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths.add(str(Path(importlib.__file__).resolve().parent.parent))
    return tuple(sorted(path + os.sep for path in paths if path))
