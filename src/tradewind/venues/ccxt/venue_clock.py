"""How far this machine's clock is from the venue's, and whether requests may be signed by it.

Each measurement proves bounds: the venue read its clock after we had sent and before we heard. What the last of
them allow together is the offset. While it is not known, or larger than the limit, nothing is signed: a venue refuses
what comes from another time, and what it does not refuse would be dead too late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.venues.steady_clock import SteadyClock

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEASURED_EVERY_S", "OFFSET_ALARM_NS", "OFFSET_LIMIT_NS", "VenueClock"]

OFFSET_LIMIT_NS = 1_000_000_000
OFFSET_ALARM_NS = 500_000_000
MEASURED_EVERY_S = 60.0
_SAMPLES = 8
STEP_NS = 500_000_000
"""A difference between the clock of the wall and the loop's that is no drift: somebody set the clock."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between which offsets one measurement places the venue's clock, and how coarsely that clock was told."""

    low_ns: int
    high_ns: int
    resolution_ns: int


class VenueClock:
    """The offset between two clocks.

    Parameters
    ----------
    now_ns
        This machine's time, ns UTC. Where it is a `SteadyClock` and the machine's clock was set, a measurement says
        which of the two is right.
    steady_s
        A clock that nobody sets: the event loop's.

    Attributes
    ----------
    trusted
        Whether requests may be signed.
    """

    def __init__(self, now_ns: Callable[[], int], steady_s: Callable[[], float]) -> None:
        self._now_ns = now_ns
        self._steady_s = steady_s
        self._samples: deque[_Bounds] = deque(maxlen=_SAMPLES)
        self._anchor = (now_ns(), steady_s())
        self._offset_ns = self._steps = 0
        self.trusted = False

    @property
    def known(self) -> bool:
        """Whether it was ever measured since the clock was last set."""
        return bool(self._samples)

    @property
    def offset_ns(self) -> int:
        """Venue minus ours; 0 where it was not measured.

        The middle of what the last measurements allow together; where the venue tells whole seconds only, the least
        offset that they allow, since more is not proven.
        """
        return self._offset_ns if self._samples else 0

    def _judged_ns(self) -> int:
        """Return what the measurements say, which is asked for with every request and changes once a minute."""
        low_ns = max(sample.low_ns for sample in self._samples)
        high_ns = min(sample.high_ns for sample in self._samples)
        newest = self._samples[-1]
        if low_ns > high_ns:
            low_ns, high_ns = newest.low_ns, newest.high_ns
        if newest.resolution_ns:
            return min(max(0, low_ns), high_ns)
        return (low_ns + high_ns) // 2

    @property
    def alarming(self) -> bool:
        """Whether the offset is near to what would stop trading."""
        return self.known and abs(self.offset_ns) > OFFSET_ALARM_NS

    def add(self, sent_ns: int, venue_ns: int, heard_ns: int, resolution_ns: int = 0) -> None:
        """Take a measurement: the venue read its clock between our sending and our hearing."""
        low_ns, high_ns = venue_ns - heard_ns, venue_ns + resolution_ns - sent_ns
        self._take(_Bounds(low_ns, max(high_ns, low_ns), resolution_ns))
        clock = self._now_ns
        if self.trusted or not isinstance(clock, SteadyClock):
            return
        clock.look()
        ahead_ns = clock.ahead_ns
        if _is_near(self._offset_ns - ahead_ns):
            clock.take_wall()
            self.forget()
            self._take(_Bounds(low_ns - ahead_ns, max(high_ns, low_ns) - ahead_ns, resolution_ns))

    def _take(self, bounds: _Bounds) -> None:
        self._samples.append(bounds)
        self._offset_ns = self._judged_ns()
        self.trusted = _is_near(self._offset_ns)

    def forget(self) -> None:
        """Trust no measurement any more."""
        self._samples.clear()
        self.trusted = False
        self._anchor = (self._now_ns(), self._steady_s())

    def was_set(self) -> bool:
        """Return whether somebody set this machine's clock since the last look; then forget what was measured."""
        now_ns, steady_s = self._now_ns(), self._steady_s()
        passed_ns = int((steady_s - self._anchor[1]) * 1_000_000_000)
        stepped = abs(now_ns - self._anchor[0] - passed_ns) > STEP_NS
        if isinstance(self._now_ns, SteadyClock):
            stepped |= self._now_ns.steps != self._steps
            self._steps = self._now_ns.steps
        self._anchor = (now_ns, steady_s)
        if stepped:
            self._samples.clear()
            self.trusted = False
        return stepped


def _is_near(offset_ns: int) -> bool:
    return -OFFSET_LIMIT_NS <= offset_ns <= OFFSET_LIMIT_NS
