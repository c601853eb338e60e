"""Processes killed at points that have a name: around writing down, syncing, sending, receiving and applying."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradewind.testing.voyage import Deck, Voyage, sail

if TYPE_CHECKING:
    from tradewind.testing.venue_live import VenueLife
    from tradewind.testing.virtual_venues import VirtualWorld

__all__ = ["POINTS", "Killed", "killed_at", "killed_at_end", "killed_at_steps", "steps_of"]

POINTS = (
    "before append", "after append", "before sync", "after sync", "before apply", "after apply",
    "before send", "after send", "at the venue", "before receive", "after receive",
)  # fmt: skip
"""Where a process can be killed, in the order in which a decision passes them."""
_MINUTES = 3.0
_SETTLE_S = 90.0


class Killed(BaseException):
    """Unwinds the callback in which a process is killed; nothing of it runs afterwards."""


@dataclass(slots=True)
class _Executioner:
    """Kills the first process at the n-th passing of a point.

    Attributes
    ----------
    passed
        How often the point was passed.
    """

    point: str
    nth: int
    passed: int = 0
    killed: bool = False
    life: VenueLife = field(init=False)

    def watch(self, life: VenueLife, world: VirtualWorld) -> None:
        """Stand at the point in a process that begins; in later ones only to let them pass."""
        self.life = life
        life.disk.on_operation = lambda name: self.pass_by(f"before {name}")
        life.disk.on_done = lambda name: self.pass_by(f"after {name}")
        sequencer, venue = life.opened.session.sequencer, life.live_venue
        take, submit, facts_of = sequencer.take, venue.submit, venue.books.facts_of

        def taking(batch: Any) -> Any:  # noqa: ANN401 - whatever the sequencer takes
            self.pass_by("before apply")
            taken = take(batch)
            self.pass_by("after apply")
            return taken

        async def submitting(first: int, requests: Any) -> None:  # noqa: ANN401 - rows of `REQUEST`
            self.pass_by("before send")
            await submit(first, requests)
            self.pass_by("after send")

        def receiving(item: Any, now_ns: int) -> Any:  # noqa: ANN401 - whatever comes in
            self.pass_by("before receive")
            facts = facts_of(item, now_ns)
            self.pass_by("after receive")
            return facts

        sequencer.take = taking  # type: ignore[method-assign]
        venue.submit = submitting
        venue.books.facts_of = receiving
        self._watch_venue(world)

    def _watch_venue(self, world: VirtualWorld) -> None:
        """Kill from outside when the venue has taken an order, before its answer arrives."""
        record, process = world.exchanges[self.life.venue].record, self.life.process
        told = record.order

        def telling(account: str, order: Any, cause: str, ts_ns: int) -> None:  # noqa: ANN401
            told(account, order, cause, ts_ns)
            if cause == "placed" and self._is_due("at the venue"):
                process.kill()

        record.order = telling  # type: ignore[method-assign]

    def pass_by(self, point: str) -> None:
        """Note that a process is at a point, and kill it there when it is time."""
        if self._is_due(point):
            self.life.process.kill()
            self.life.disk.crash(random.Random(self.nth))  # noqa: S311 - dice, not secrets
            raise Killed

    def _is_due(self, point: str) -> bool:
        if point != self.point or self.killed:
            return False
        self.passed += 1
        self.killed = self.passed == self.nth
        return self.killed


def killed_at(venue: str, point: str, nth: int, **more: Any) -> Voyage:  # noqa: ANN401 - fields of `Voyage`
    """Return a voyage whose process is killed when it passes a point of `POINTS` for the n-th time."""
    return _short(venue, {"on_open": _Executioner(point, nth).watch}, **more)


def killed_at_steps(venue: str, *steps: int) -> Voyage:
    """Return a voyage whose processes are killed, one after the other, at steps of their loops."""
    return _short(venue, {"dies_at": list(steps)})


def steps_of(venue: str) -> int:
    """Return how many steps a process that nobody kills takes, up to where too little time is left to settle."""
    steps: list[int] = []

    async def count(deck: Deck) -> None:
        steps.append(deck.process.steps)

    sail(_short(venue, {}, acts=[(2 * _MINUTES * 60.0 - _SETTLE_S, count)]))
    return steps[0]


def killed_at_end(venue: str, steps: int) -> Voyage:
    """Return a voyage whose process is asked to stop, and killed so many steps later; the next one goes on."""

    async def stop(deck: Deck) -> None:
        deck.session.stop()
        deck.process.die_in(steps)
        await asyncio.sleep(0)

    return _short(venue, {}, acts=[(150.2, stop)])


def _short(venue: str, life: dict[str, Any], **more: Any) -> Voyage:  # noqa: ANN401 - fields of `Voyage`
    """Return a short voyage without any other misfortune; BloFin takes a minute and more to prove an order absent."""
    return Voyage(venue, minutes=_MINUTES, calm_minutes=_MINUTES, settle_s=_SETTLE_S, life=life, **more)
