"""Say that machine code is being made while it is: a first run waits for it, and its user should know why."""

from pathlib import Path

from tradewind.engine.world import World
from tradewind.units.jit import PLAIN, cache_dir

__all__ = ["engine_title"]


def engine_title(world: World, cache: Path | None = None) -> str:
    """Return what a run of this world waits for before its first bar: the compiler, or the reading of its work.

    A world of one instrument, wallet and strategy has a driver of its own (`World.advance`).
    """
    shape = (world.views, world.contexts, world.accounts, world.strategies)
    driver = "run_single" if all(len(rows) == 1 for rows in shape) else "run"
    kept = any((cache or cache_dir()).rglob(f"{driver}.{driver}-*.nbi"))
    return "loading the engine" if kept or PLAIN else "compiling the engine, once on this machine"
