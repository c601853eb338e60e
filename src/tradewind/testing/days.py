"""Days at a venue: what a session keeps in memory, hour by hour, and when it decided."""

from __future__ import annotations

import gc
import sys
from collections import deque
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from tradewind.testing.voyage import Deck, Voyage
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HourlyLook", "days_at", "weight"]

_FOREIGN = (
    "tradewind.venues.fake",
    "tradewind.testing",
    "asyncio",
    "_asyncio",
    "selectors",
    "logging",
    "_pytest",
    "numba",
    "llvmlite",
)
_WHOLE = (type, ModuleType, FunctionType, CodeType, FrameType)
_HOUR_S = 3600


@dataclass(slots=True)
class HourlyLook:
    """What was found at each full hour.

    Attributes
    ----------
    objects, size_bytes
        What hangs on the session, without the world around it.
    day_starts
        What the loss of the day is measured from.
    """

    objects: list[int] = field(default_factory=list)
    size_bytes: list[int] = field(default_factory=list)
    day_starts: list[int] = field(default_factory=list)

    def look(self, deck: Deck) -> None:
        """Weigh the session of a deck."""
        gc.collect()
        count, size = weight(deck.life.live_venue, deck.session, without=[deck.life.alerts])
        self.objects.append(count)
        self.size_bytes.append(size)
        self.day_starts.append(int(deck.life.world.accounts["day_start"][0]))


def days_at(venue: str, hours: int, look: HourlyLook, **more: object) -> Voyage:
    """Return a voyage of so many hours without misfortune, looked at each hour; it hears of bars only.

    Without marks a stop grows with what it protects at the next bar, so a minute and some seconds are given.
    """
    acts = [(hour * _HOUR_S + 30.0, look.look) for hour in range(1, hours + 1)]
    return Voyage(
        venue,
        minutes=60.0 * hours,
        calm_minutes=5.0,
        acts=acts,
        protection_s=75.0,
        life={"kinds": frozenset({StreamKind.BARS})},
        **more,  # type: ignore[arg-type]
    )


def weight(*roots: object, without: Sequence[object] = ()) -> tuple[int, int]:
    """Return how many objects hang on the roots and their bytes.

    Code, the compiler's memory of it and what belongs to the test's world are left out, and so is what `without` names
    and hangs on nothing else.
    """
    seen, waiting, size = {id(thing) for thing in (*roots, *without)}, deque(roots), 0
    while waiting:
        thing = waiting.popleft()
        size += sys.getsizeof(thing, 0)
        for other in _parts(thing):
            if id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
    return len(seen) - len(without), size


def _parts(thing: object) -> Iterator[object]:
    for other in gc.get_referents(thing):
        # The thing itself is asked nothing: a proxy of what is gone raises even when asked for its class.
        kind = type(other)
        if not (issubclass(kind, _WHOLE) or str(kind.__module__).startswith(_FOREIGN)):
            yield other
