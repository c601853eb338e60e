"""What an account holds by looks that agree: that something is gone counts when a later look says the same.

One answer may be wrong: an empty list of positions, once, would have every stop cancelled while the position is there.
That something is held is believed at once: to close it with an order that is reduce-only opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tradewind.venues.gateway import PositionSeen

__all__ = ["AgreeingLooks", "Place"]

Place = tuple[int, int]
"""Instrument and position side."""
_ALL = (-1, -1)


@dataclass(slots=True)
class AgreeingLooks:
    """Positions of an account.

    Parameters
    ----------
    confirm_s
        So much later another look confirms that something is gone.

    Attributes
    ----------
    held
        What counts as held, by place: what the last look shows, and what it does not show and no other has confirmed.
    shown
        What the last look shows.
    """

    confirm_s: float
    held: dict[Place, PositionSeen] = field(default_factory=dict)
    shown: dict[Place, PositionSeen] = field(default_factory=dict)
    _gone_s: dict[Place, float] = field(default_factory=dict)

    def take(self, positions: Iterable[PositionSeen], guarded: Collection[Place], now_s: float) -> bool:
        """Take a look; say whether all that it does not show is confirmed to be gone.

        guarded: places for which a stop rests: something should be held there.
        """
        self.shown = {(seen.instrument, seen.position_side): seen for seen in positions if seen.qty_lot}
        missing = {*self.held, *guarded} - self.shown.keys()
        if not self.shown:
            missing.add(_ALL)
        self._gone_s = {place: self._gone_s.get(place, now_s) for place in missing}
        doubtful = {place for place, since_s in self._gone_s.items() if now_s < since_s + self.confirm_s}
        self.held = {place: seen for place, seen in self.held.items() if place in doubtful} | self.shown
        return not doubtful
