"""Fingerprints of random sessions: what must come out the same on every processor, compiled or not.

`python -m tradewind.testing.fingerprints` prints them as JSON; tests/property/engine/golden.json keeps those of today.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

from tradewind.testing.commands import Arguments, end_with
from tradewind.testing.scenarios import SCENARIOS, make_market, make_world, play

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FINGERPRINTED", "fingerprint", "fingerprints"]

FINGERPRINTED = (
    "all payoffs netted, with holes",
    "hedged, planned",
    "liquidated, two strategies",
    "late, everything",
)
_STEPS = 60
"""Uncompiled, a bar of these sessions takes tens of milliseconds."""


def fingerprint(name: str, steps: int = _STEPS, chunk: int = 0) -> dict[str, str]:
    """Return hashes of one session: of its state, which depends on layouts, and of its results, which do not."""
    scenario = SCENARIOS[name]
    world = make_world(scenario)
    played = play(world, make_market(scenario, steps), chunk=chunk)
    return {
        "state": world.state_hash()[:32],
        "decisions": world.decisions_hash(),
        "fills": _digest(played.fills),
        "equity": _digest(played.equity[: played.bars]),
    }


def fingerprints(steps: int = _STEPS) -> dict[str, dict[str, str]]:
    """Return the fingerprints of all sessions that are kept."""
    return {name: fingerprint(name, steps) for name in FINGERPRINTED}


def _digest(rows: np.ndarray) -> str:
    """Return a hash of the numbers, whatever lies between them in memory."""
    columns = [rows[name] for name in rows.dtype.names] if rows.dtype.names else [rows]
    digest = hashlib.sha256()
    for column in columns:
        digest.update(column.tobytes())
    return digest.hexdigest()[:32]


def main(arguments: list[str]) -> int:
    """Print the fingerprints; return 0."""
    Arguments("tradewind.testing.fingerprints", __doc__).parse_args(arguments)
    json.dump(fingerprints(), sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    end_with(main)
