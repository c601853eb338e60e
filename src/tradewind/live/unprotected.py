"""Positions without the stop that is to rest for them: found by what is believed, told to a person in time.

The core asks for a missing stop again and again by itself. Here somebody is told when that does not help: a venue that
refuses it each time, a lock, a stop that nobody has heard of since. What gives way to a closer on purpose is not
missing, nor is what is too small for any order. On paper it is told as it would be live.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradewind.engine.diff import STOP_GIVES_WAY
from tradewind.live.amounts import counted, in_words
from tradewind.ops.alerts import Alert
from tradewind.units.enums import IntentKind, OrderState, Protection

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.engine.world import World

__all__ = ["UNPROTECTED_NS", "UnprotectedPositions", "unprotected_lots"]

UNPROTECTED_NS = 30_000_000_000
"""A stop that is missing for so long is told of."""
_S = 1_000_000_000
_AGAIN_NS = 600_000_000_000
_STANDS = (OrderState.LIVE, OrderState.AMENDING, OrderState.TRIGGERED)


def unprotected_lots(world: World) -> dict[tuple[int, int], int]:
    """Return the lots, by (context, position side), for which a stop of the core's is to rest and none does."""
    contexts = world.contexts
    holding = contexts["working"]["holding"]
    rests = world.strategies["exits"]["protection"][contexts["strategy"]] == Protection.RESTING
    wanted = (holding["pos_lot"] > 0) & (holding["stop_tick"] != 0) & (holding["exit"] == 0)
    wanted &= (holding["yields"] & STOP_GIVES_WAY == 0) & rests[:, None]
    found = {}
    for context, side in np.argwhere(wanted).tolist():
        orders = contexts["working"]["order"][context]
        stops = (
            np.isin(orders["state"], _STANDS) & (orders["kind"] == IntentKind.STOP) & (orders["reduce"] == 1)
        )
        stops &= orders["position_side"] == side
        covered = int((orders["qty_lot"] - orders["filled_lot"])[stops].sum())
        missing = int(holding["pos_lot"][context, side]) - covered
        if missing >= max(1, int(world.views["lot_step"][contexts["instrument"][context]])):
            found[context, side] = missing
    return found


@dataclass(slots=True)
class UnprotectedPositions:
    """How long each position has been without its stop.

    Parameters
    ----------
    world
        What is believed; only read.
    """

    world: World
    _since_ns: dict[tuple[int, int], int] = field(default_factory=dict)
    _told_from_ns: dict[tuple[int, int], int] = field(default_factory=dict)

    def alerts(self, now_ns: int, account_of: Callable[[int], str]) -> list[Alert]:
        """Return what a person is to hear now (F39); account_of: whose position of an instrument it is."""
        found = []
        for (context, side), lots in self.due(now_ns).items():
            instrument = int(self.world.contexts["instrument"][context])
            held = int(self.world.contexts["working"]["holding"]["pos_lot"][context, side])
            rules = self.world.instrument_setups[instrument].instrument
            bare = f"{counted(rules, lots)[0].normalize():f} of {in_words(rules, held)}"
            text = f"{account_of(instrument)}: {bare}, {('long', 'short')[side]}, have had no stop"
            bare_s = (now_ns - self._since_ns[context, side]) // _S
            found.append(Alert("PROTECTOR_MISSING", f"{text} for {bare_s} s", now_ns))
        return found

    def due(self, now_ns: int) -> dict[tuple[int, int], int]:
        """Return the lots by (context, position side) that a person is to hear of now: in time, then now and then."""
        found = unprotected_lots(self.world)
        self._since_ns = {at: self._since_ns.get(at, now_ns) for at in found}
        self._told_from_ns = {at: self._told_from_ns.get(at, now_ns + UNPROTECTED_NS) for at in found}
        due = {at: lots for at, lots in found.items() if now_ns >= self._told_from_ns[at]}
        self._told_from_ns |= dict.fromkeys(due, now_ns + _AGAIN_NS)
        return due
