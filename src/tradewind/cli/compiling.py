"""Load what is compiled once on a machine, and say so meanwhile: silence looks like a standstill."""

import importlib
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from tradewind.errors import Busy, DataUnavailable, PathError

if TYPE_CHECKING:
    from tradewind.cli.output import Output, Steps

__all__ = ["LOOP", "SIMULATED_LOOP", "load_engine", "load_in_turn", "load_parts"]

LOOP = {"step.step": "tradewind.live.running"}
SIMULATED_LOOP = LOOP | {"kernel.take_bar": "tradewind.venues.simulated.streamed"}
"""Modules of a session, on paper with the exchange that fills, by the driver that each compiles."""

_PATIENCE_S = 300.0
"""So long another process that compiles is waited for; then this one compiles beside it."""


def load_engine(say: "Output", *, simulated: bool) -> None:
    """Load what a session needs before its first bar.

    simulated: with the exchange that fills on paper.
    """
    with say.steps("loading the engine") as steps:
        load_parts(steps, SIMULATED_LOOP if simulated else LOOP)


def load_parts(steps: "Steps", parts: dict[str, str]) -> None:
    """Import modules, each with a driver that it compiles where its machine code is not kept."""
    from tradewind.research.compiling import waiting_title

    steps(0, len(parts), waiting_title(*parts))
    for place, module in enumerate(parts.values(), 1):
        importlib.import_module(module)
        steps(place, len(parts))


def load_in_turn(steps: "Steps", parts: dict[str, str]) -> None:
    """Load what `load_parts` does, after another process that is just compiling it.

    Several that start at once on a new machine are done when the first is. Nothing that trades waits here.
    """
    from tradewind.config.files import lock
    from tradewind.research.compiling import is_kept
    from tradewind.units.jit import cache_dir

    with ExitStack() as turn:
        if not is_kept(*parts):
            steps(0, len(parts), "waiting for another process that compiles the engine")
            # A cache in which no lock can lie is used without one.
            with suppress(Busy, PathError, DataUnavailable):
                place = cache_dir() / ".compiling.lock"
                turn.enter_context(lock(place, "compiles the engine", wait_s=_PATIENCE_S))
        load_parts(steps, parts)
