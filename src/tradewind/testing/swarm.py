"""Voyages drawn from a seed: which venues and accounts, which of the misfortunes, when the process is killed.

``python -m tradewind.testing.swarm [--fleet] SEED …`` sails those of some seeds; ``FIRST-LAST`` is a row of them. Each
takes a minute or so; one that fails tells its seed, its faults and the end of its trace, and the status is then 1.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from typing import TYPE_CHECKING, Any

from tradewind.live.reconcile import External, Policy
from tradewind.live.venue import LiveRules
from tradewind.testing.commands import Arguments, end_with
from tradewind.testing.fleets import fleet
from tradewind.testing.venue_reach import Berth
from tradewind.testing.virtual_venues import START_NS
from tradewind.testing.voyage import Deck, Voyage, VoyageFailed, sail
from tradewind.units.enums import OperatorCode
from tradewind.venues.fake.faults import FAULTS
from tradewind.venues.fake.misfortunes import Misfortunes

if TYPE_CHECKING:
    from tradewind.venues.fake.misfortunes import Strike

__all__ = ["VENUES", "fleet_voyage", "swarm_plan", "swarm_voyage"]

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
_MINUTES = 30.0
_STEPS_OF_A_LIFE = 30_000

_LASTING = frozenset({"F47", "F54", "F55", "F56", "F63", "F67"})
"""After these a session rightly stays halted, or cannot start again: each has a scenario of its own."""


def swarm_voyage(seed: int, minutes: float = _MINUTES) -> Voyage:
    """Return the voyage of a seed, of one account."""
    return Voyage(
        VENUES[seed % len(VENUES)],
        seed,
        plan=swarm_plan(seed, minutes),
        life=_life(random.Random(f"voyage {seed}")),  # noqa: S311 - dice, not secrets
        again=f"python -m tradewind.testing.swarm {seed}",
        **_visited(minutes),
    )


def fleet_voyage(seed: int, minutes: float = _MINUTES, **more: Any) -> Voyage:  # noqa: ANN401 - of `Voyage`
    """Return the voyage of a seed with two or three accounts: live where the seed is even, else on paper."""
    draw = random.Random(f"fleet {seed}")  # noqa: S311 - dice, not secrets
    berths = tuple(
        Berth(draw.choice(VENUES), name, draw.choice((1, 1, 2)))
        for name in ("main", "other", "third")[: draw.choice((2, 2, 2, 3))]
    )
    plans = {
        berth.venue: swarm_plan(seed * len(VENUES) + VENUES.index(berth.venue), minutes) for berth in berths
    }
    return fleet(
        berths,
        paper=seed % 2 == 1,
        seed=seed,
        plan=plans,
        life=_life(draw),
        again=f"python -m tradewind.testing.swarm --fleet {seed}",
        **_visited(minutes),
        **more,
    )


def swarm_plan(seed: int, minutes: float, after_ns: int = 0) -> list[Strike]:
    """Draw misfortunes that a session recovers from by itself, from so long after the beginning on."""
    faults = [name for name, fault in FAULTS.items() if fault.points and name not in _LASTING]
    return Misfortunes.swarm(seed, minutes, start_ns=START_NS + after_ns, faults=faults).plan


def _life(draw: random.Random) -> dict[str, Any]:
    """Draw what is done about what others hold, and when processes are killed."""
    external: External = draw.choice(("ignore", "halt"))
    rules = LiveRules(warm_bars=2, reconcile_ns=60_000_000_000, policy=Policy(external=external))
    dies_at = [draw.randrange(2, _STEPS_OF_A_LIFE) for _ in range(draw.choice((0, 0, 1, 2)))]
    return {"dies_at": dies_at, "rules": rules}


def _visited(minutes: float) -> dict[str, Any]:
    """Return for how long it goes, with somebody who looks in every few minutes."""
    return {"minutes": minutes, "acts": [(at_s, _resume) for at_s in range(240, int(minutes * 60), 240)]}


async def _resume(deck: Deck) -> None:
    """Look in every few minutes, as somebody who clears whatever halts the session."""
    await deck.operate(OperatorCode.RESUME)


def main(arguments: list[str]) -> int:
    """Sail the voyages of the seeds given, all of them; return 1 if any failed, else 0."""
    parser = Arguments("tradewind.testing.swarm", __doc__)
    parser.add_argument("--fleet", action="store_true", help="two or three accounts instead of one")
    parser.add_argument("seeds", metavar="SEED", nargs="+", type=_seeds, help="a seed, or FIRST-LAST")
    asked = parser.parse_args(arguments)
    make = fleet_voyage if asked.fleet else swarm_voyage
    return min(sum(_told(make(seed)) for seeds in asked.seeds for seed in seeds), 1)


def _seeds(word: str) -> range:
    """Return the seeds that a word names. Raises ArgumentTypeError for a word that names none."""
    found = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", word)
    seeds = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{word[:40]!r} is no seed and no row of them, such as 7 or 7-9")
    return seeds


def _told(voyage: Voyage) -> bool:
    """Sail, say a line about it, or everything if it failed; return whether it did."""
    try:
        landfall = sail(voyage)
    except VoyageFailed as error:
        sys.stdout.write(f"{voyage.seed} FAILED\n{error}\n")
        return True
    fills, ends = len(landfall.of("fill")), len(landfall.life.ends)
    sys.stdout.write(f"{voyage.seed} {' '.join(voyage.venues)}: {fills} fills, {ends} processes ended\n")
    sys.stdout.flush()
    return False


if __name__ == "__main__":
    end_with(main)
