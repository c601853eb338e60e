"""How far this machine's clock is from the venue's, and whether requests may be signed by it.

The offset is that of the quickest of the last measurements, since a slow answer says little about when it was
made. While it is not known, or larger than the limit, nothing is signed: a venue refuses what comes from another
time, and what it does not refuse would be dead too late.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OFFSET_ALARM_NS", "OFFSET_LIMIT_NS", "VenueClock"]

OFFSET_LIMIT_NS = 1_000_000_000
OFFSET_ALARM_NS = 500_000_000
_SAMPLES = 8
STEP_NS = 500_000_000
"""A difference between the clock of the wall and the loop's that is no drift: somebody set the clock."""


class VenueClock:
    """The offset between two clocks.

    Parameters
    ----------
    now_ns
        This machine's time, ns UTC.
    steady_s
        A clock that nobody sets: the event loop's.
    """

    def __init__(self, now_ns: Callable[[], int], steady_s: Callable[[], float]) -> None:
        self._now_ns = now_ns
        self._steady_s = steady_s
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES)
        self._anchor = (now_ns(), steady_s())

    @property
    def known(self) -> bool:
        """Whether it was ever measured since the clock was last set."""
        return bool(self._samples)

    @property
    def offset_ns(self) -> int:
        """Venue minus ours, of the quickest measurement; 0 where there is none."""
        return min(self._samples)[1] if self._samples else 0

    @property
    def trusted(self) -> bool:
        """Whether requests may be signed."""
        return self.known and abs(self.offset_ns) <= OFFSET_LIMIT_NS

    @property
    def alarming(self) -> bool:
        """Whether the offset is near to what would stop trading."""
        return self.known and abs(self.offset_ns) > OFFSET_ALARM_NS

    def add(self, sent_ns: int, venue_ns: int, heard_ns: int, resolution_ns: int = 0) -> None:
        """Take a measurement: the venue's time lies between sending and hearing; its resolution widens that."""
        width_ns = max(heard_ns - sent_ns, 0) + resolution_ns
        self._samples.append((width_ns, venue_ns + resolution_ns // 2 - (sent_ns + heard_ns) // 2))

    def forget(self) -> None:
        """Trust no measurement any more."""
        self._samples.clear()
        self._anchor = (self._now_ns(), self._steady_s())

    def was_set(self) -> bool:
        """Return whether somebody set this machine's clock since the last look; then forget what was measured."""
        now_ns, steady_s = self._now_ns(), self._steady_s()
        passed_ns = int((steady_s - self._anchor[1]) * 1_000_000_000)
        stepped = abs(now_ns - self._anchor[0] - passed_ns) > STEP_NS
        self._anchor = (now_ns, steady_s)
        if stepped:
            self._samples.clear()
        return stepped
