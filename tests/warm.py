"""Compile what all tests share, in one process, before several start: each would compile it for itself otherwise."""

from __future__ import annotations

import importlib
import time

DRIVERS = (
    "tradewind.engine.run",
    "tradewind.engine.run_single",
    "tradewind.engine.step",
    "tradewind.engine.world",
)


def main() -> None:
    """Import the drivers, which compiles them where the cache has none, and bind every shipped strategy."""
    began = time.monotonic()
    for name in DRIVERS:
        importlib.import_module(name)
    from tradewind.strategies.registry import load_named, strategy_files

    for name in strategy_files():
        load_named(name)
    print(
        f"the engine and the shipped strategies are compiled ({time.monotonic() - began:.0f} s)", flush=True
    )


if __name__ == "__main__":
    main()
