"""A process that ends in order so that its guard starts another in its place.

It asks only where a guard has said that it would. It waits until a snapshot is kept, so that the next start is short,
and for a moment at which no request is under way, but for a minute only: what is under way is found out by the next
process in any case. Orders and positions stay as they are, and the guard holds the leases of the accounts meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.units.enums import OrderState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.engine.world import World
    from tradewind.live.session import Session

__all__ = ["Renewal"]

_PATIENCE_NS = 65_000_000_000
_UNDER_WAY = (OrderState.PENDING, OrderState.AMENDING, OrderState.CANCELLING)


@dataclass(slots=True)
class Renewal:
    """Asks for a new process.

    Parameters
    ----------
    session, world
        What is to end, and what its core believes.
    may
        Says whether a guard would start it again.
    monotonic
        A clock that never jumps, ns.
    patience_ns
        So long the right moment is waited for.

    Attributes
    ----------
    granted
        The session was asked to end.
    """

    session: Session
    world: World
    may: Callable[[], bool]
    monotonic: Callable[[], int]
    patience_ns: int = _PATIENCE_NS
    granted: bool = False
    _asked_ns: int = 0

    def ask(self) -> None:
        """End the session in order where that is granted and the moment is right; else ask again soon."""
        if self.granted or not self.may():
            return
        now_ns = self.monotonic()
        if not self._asked_ns:
            self._asked_ns = now_ns
            self.session.keep_soon()
        states = self.world.contexts["working"]["order"]["state"]
        is_right = self.session.is_kept and not np.isin(states, _UNDER_WAY).any()
        if is_right or now_ns - self._asked_ns >= self.patience_ns:
            self.granted = True
            self.session.stop()
