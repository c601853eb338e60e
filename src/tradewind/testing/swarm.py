"""Voyages drawn from a seed: which venue, which of the misfortunes, when the process is killed.

``python -m tradewind.testing.swarm SEED …`` sails those of some seeds.
"""

from __future__ import annotations

import random
import sys

from tradewind.live.reconcile import External, Policy
from tradewind.live.venue import LiveRules
from tradewind.testing.virtual_venues import START_NS
from tradewind.testing.voyage import Deck, Voyage, sail
from tradewind.units.enums import OperatorCode
from tradewind.venues.fake.faults import FAULTS
from tradewind.venues.fake.misfortunes import Misfortunes

__all__ = ["VENUES", "swarm_voyage"]

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
_MINUTES = 30.0
_STEPS_OF_A_LIFE = 30_000

_LASTING = frozenset({"F47", "F54", "F55", "F56", "F63", "F67"})
"""After these a session rightly stays halted, or cannot start again: each has a scenario of its own."""


def swarm_voyage(seed: int, minutes: float = _MINUTES) -> Voyage:
    """Return the voyage of a seed."""
    draw = random.Random(f"voyage {seed}")  # noqa: S311 - dice, not secrets
    faults = [name for name, fault in FAULTS.items() if fault.points and name not in _LASTING]
    plan = Misfortunes.swarm(seed, minutes, start_ns=START_NS, faults=faults).plan
    external: External = draw.choice(("ignore", "halt"))
    rules = LiveRules(warm_bars=2, reconcile_ns=60_000_000_000, policy=Policy(external=external))
    dies_at = [draw.randrange(2, _STEPS_OF_A_LIFE) for _ in range(draw.choice((0, 0, 1, 2)))]
    return Voyage(
        VENUES[seed % len(VENUES)],
        seed,
        minutes=minutes,
        plan=plan,
        acts=[(at_s, _resume) for at_s in range(240, int(minutes * 60), 240)],
        life={"dies_at": dies_at, "rules": rules},
        again=f"python -m tradewind.testing.swarm {seed}",
    )


async def _resume(deck: Deck) -> None:
    """Look in every few minutes, as somebody who clears whatever halts the session."""
    await deck.operate(OperatorCode.RESUME)


def main(arguments: list[str]) -> None:
    """Sail the voyages of the seeds given."""
    for seed in map(int, arguments):
        landfall = sail(swarm_voyage(seed))
        sys.stdout.write(f"{seed} {landfall.voyage.venue} {len(landfall.of('fill'))} fills\n")


if __name__ == "__main__":
    main(sys.argv[1:])
