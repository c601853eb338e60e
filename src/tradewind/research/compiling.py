"""Say that machine code is being made while it is: a first run waits for it, and its user should know why."""

from pathlib import Path

from tradewind.engine.world import World
from tradewind.units.jit import PLAIN, cache_dir

__all__ = ["engine_title", "is_kept", "waiting_title"]


def engine_title(world: World, cache: Path | None = None) -> str:
    """Return what a run of this world waits for before its first bar: the compiler, or the reading of its work."""
    driver = world.driver_name
    return waiting_title(f"{driver}.{driver}", cache=cache)


def waiting_title(*drivers: str, cache: Path | None = None) -> str:
    """Return what is waited for while drivers are loaded, each named ``module.function``."""
    kept = is_kept(*drivers, cache=cache)
    return "loading the engine" if kept else "compiling the engine, once on this machine: a minute or two"


def is_kept(*drivers: str, cache: Path | None = None) -> bool:
    """Return whether nothing must be compiled for these drivers: their machine code lies in the cache."""
    folder = cache or cache_dir()
    return PLAIN or all(any(folder.rglob(f"{driver}-*.nbi")) for driver in drivers)
