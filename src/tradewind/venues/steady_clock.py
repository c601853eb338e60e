"""The time of day of a session: the machine's clock as it was at the start, carried on by one that nobody can set.

Somebody who sets the clock of a machine three hours ahead, or back, moves every time that is compared with it: what was
to wait a second waits for hours, or no time at all. So a session reads the clock of the day once and counts from there.
What the system corrects by less than half a second is followed. A larger step is not believed until an exchange
confirms it: then our own time was wrong, as after a machine was stopped and resumed, and the new one is taken.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FOLLOWED_NS", "SteadyClock"]

FOLLOWED_NS = 500_000_000
"""A larger difference between the clock of the day and ours is no correction: somebody set it."""
_LOOK_EVERY_NS = 1_000_000_000
_HEARD_WITHIN_NS = 10_000_000_000
"""So near to the truth is a clock that what an exchange has just said confirms it."""
_counted_ns = partial(time.clock_gettime_ns, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Counts while the machine sleeps, too, where the system has such a clock."""


class SteadyClock:
    """Tells the time when it is called, nanoseconds UTC.

    Parameters
    ----------
    wall_ns
        The clock of the day, which can be set.
    steady_ns
        A clock that only runs, from wherever it began.

    Attributes
    ----------
    ahead_ns
        How far the clock of the day is ahead of ours where it was set and is not believed, 0 where it is followed.
    steps
        How often it was set, so that whoever measures by it knows when to measure again.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = _counted_ns
    ) -> None:
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._look_ns = steady_ns()
        self._base_ns = wall_ns() - self._look_ns
        self.ahead_ns = self.steps = 0

    def __call__(self) -> int:
        """Return the time."""
        steady_ns = self._steady_ns()
        if steady_ns >= self._look_ns:
            self.look()
        return steady_ns + self._base_ns

    def take_wall(self) -> None:
        """Take the clock of the day: an exchange says that it is right and ours is not."""
        self._base_ns += self.ahead_ns
        self.ahead_ns = 0

    def hear(self, venue_ns: int) -> None:
        """Take the clock of the day where it was set to what an exchange has just said, which ours is far from."""
        if self.ahead_ns:
            off_ns = venue_ns - self()
            if abs(off_ns) > _HEARD_WITHIN_NS >= abs(off_ns - self.ahead_ns):
                self.take_wall()

    def look(self) -> None:
        """Follow a small correction, note a step; done each second by itself."""
        steady_ns = self._steady_ns()
        self._look_ns = steady_ns + _LOOK_EVERY_NS
        ahead_ns = self._wall_ns() - steady_ns - self._base_ns
        if abs(ahead_ns) <= FOLLOWED_NS:
            self._base_ns += ahead_ns
            self.ahead_ns = 0
            return
        self.steps += abs(ahead_ns - self.ahead_ns) > FOLLOWED_NS
        self.ahead_ns = ahead_ns
