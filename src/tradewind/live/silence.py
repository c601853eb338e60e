"""Venues that answer nothing while something is held there: found by the questions that no reading has answered.

A stream that breaks off or a question that fails is a warning, for it mostly heals by itself. Here a person is woken
when it does not: nobody knows what became of a position, and nobody can close it, for as long as the venue is silent.
What has nothing at the venue can wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradewind.units.enums import IntentKind, OrderState

if TYPE_CHECKING:
    from collections.abc import Collection

    from tradewind.engine.world import World

__all__ = ["SILENT_NS", "SilentVenues", "is_exposed"]

SILENT_NS = 60_000_000_000
"""A venue that answers no reading for so long while something is held there is told of."""


def is_exposed(world: World, instruments: Collection[int]) -> bool:
    """Say whether something is held of some instruments, by us or by others, or a stop of ours may rest for them."""
    contexts = world.contexts[np.isin(world.contexts["instrument"], list(instruments))]
    orders = contexts["working"]["order"]
    stops = (orders["kind"] == IntentKind.STOP) & (orders["state"] != OrderState.FREE)
    external = any(world.views["external_lot"][instrument].any() for instrument in instruments)
    return bool(external or contexts["working"]["holding"]["pos_lot"].any() or stops.any())


@dataclass(slots=True)
class SilentVenues:
    """Since when each account has been asked in vain.

    Parameters
    ----------
    silent_ns
        How long a venue may be silent before a person is told.
    """

    silent_ns: int = SILENT_NS
    _since_ns: dict[int, int] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)

    def ask(self, number: int, now_ns: int) -> None:
        """Note that an account is asked how it stands; asked again it has been silent since the first time."""
        self._since_ns.setdefault(number, now_ns)

    def hear(self, number: int, now_ns: int) -> int:
        """Note that an account was read; return for how long it was silent, where a person was told that it is."""
        since_ns = self._since_ns.pop(number, now_ns)
        if number not in self._told:
            return 0
        self._told.discard(number)
        return now_ns - since_ns

    def due(self, now_ns: int) -> list[int]:
        """Return the accounts that have been silent for too long and of which nobody was told yet."""
        late_ns = now_ns - self.silent_ns
        return [n for n, since_ns in self._since_ns.items() if since_ns <= late_ns and n not in self._told]

    def tell(self, number: int) -> None:
        """Note that a person was told of an account."""
        self._told.add(number)

    def forget(self) -> None:
        """Begin anew with those of which nobody was told: after a sleep an old question says nothing of a venue."""
        self._since_ns = {n: since_ns for n, since_ns in self._since_ns.items() if n in self._told}
