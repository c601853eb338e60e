"""Say that machine code is being made while it is: a first run waits for it, and its user should know why."""

from pathlib import Path

from tradewind.engine.world import World
from tradewind.units.jit import PLAIN, cache_dir

__all__ = ["engine_title"]


def engine_title(world: World, cache: Path | None = None) -> str:
    """Return what a run of this world waits for before its first bar: the compiler, or the reading of its work."""
    driver = world.driver_name
    kept = any((cache or cache_dir()).rglob(f"{driver}.{driver}-*.nbi"))
    return "loading the engine" if kept or PLAIN else "compiling the engine, once on this machine"
