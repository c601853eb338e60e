"""tradewind: one crypto trading platform, the same strategy code in research, in backtests and on paper.

The names below are the public door for notebooks and scripts. They are looked up on first use, so that
``import tradewind`` (and with it the command line's help) loads neither Numba nor DuckDB.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.research import backtest

__version__ = "0.1.0"
__all__ = ["__version__", "backtest"]

_ROOM_OF = {"backtest": "tradewind.research"}


def __getattr__(name: str) -> object:
    """Import the room that holds a public name, once, when it is first asked for."""
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module 'tradewind' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(room), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, also those that are not loaded yet."""
    return sorted(__all__)
