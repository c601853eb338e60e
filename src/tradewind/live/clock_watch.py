"""Tells a person that the clock of the machine was set, while the session keeps its own time; and when that is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.ops.alerts import Alert
from tradewind.venues.steady_clock import SteadyClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.venues.gateway import Event

__all__ = ["ClockWatch"]

_S = 1_000_000_000


@dataclass(slots=True)
class ClockWatch:
    """Looks at a clock about every second.

    Parameters
    ----------
    clock
        The session's; of one that can be set nothing is told here.
    notify
        Is told once when it was set, and once when it agrees again.
    """

    clock: Callable[[], int]
    notify: Callable[[Alert], None]
    _off_ns: int = 0
    _told: bool = False

    def look(self, now_ns: int) -> None:
        """Tell what has changed; a difference counts once an exchange had a second to say that it is ours to mend."""
        clock = self.clock
        if not isinstance(clock, SteadyClock):
            return
        before_ns, self._off_ns = self._off_ns, clock.ahead_ns
        if before_ns and self._off_ns and not self._told:
            self._told = True
            text = f"this machine's clock was set {self._off_ns / _S:+,.1f} s from the session's, which keeps its own"
            self.notify(Alert("CLOCK_OFFSET", text, now_ns))
        elif self._told and not self._off_ns:
            self._told = False
            self.notify(Alert("RESUMED", "this machine's clock and the session's agree again", now_ns))

    def hear(self, events: Sequence[Event]) -> None:
        """Let the times that an exchange has just told say which clock is right, where nobody measures it."""
        if isinstance(self.clock, SteadyClock) and self.clock.ahead_ns:
            self.clock.hear(max((getattr(event, "ts_ns", 0) for event in events), default=0))
