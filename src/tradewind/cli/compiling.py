"""Load what is compiled once on a machine, and say so meanwhile: silence looks like a standstill."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.cli.output import Output, Steps

__all__ = ["LOOP", "SIMULATED_LOOP", "load_engine", "load_parts"]

LOOP = {"step.step": "tradewind.live.running"}
SIMULATED_LOOP = LOOP | {"kernel.take_bar": "tradewind.venues.simulated.streamed"}
"""Modules of a session, on paper with the exchange that fills, by the driver that each compiles."""


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
