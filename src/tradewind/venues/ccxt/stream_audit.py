"""A stream that is open and says nothing: its pongs are fine, its socket is healthy, and the account goes on alone.

Two things give it away. What the venue accepted must be heard of within seconds. And while orders work and the stream
is silent, the list of what works is read now and then: an order that has gone or filled there and not here proves that
the stream does not tell. Then its connections are ended, which begins them anew.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.errors import VenueDown
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.ccxt.account_reading import AccountReader
    from tradewind.venues.gateway import OrderSeen

__all__ = ["StreamAudit"]

_S_NS = 1_000_000_000
ANSWER_WITHIN_NS = 5 * _S_NS
SILENCE_NS = 8 * _S_NS
FORGOTTEN_NS = 60 * _S_NS
GRACE_S = 2.0


class StreamAudit:
    """Compares what the stream says with what the venue does.

    Parameters
    ----------
    is_up
        Whether the stream is open; there is nothing to compare while it is not.
    declare_dead
        Ends its connections, for a reason.
    """

    def __init__(
        self,
        account: AccountReader,
        now_ns: Callable[[], int],
        *,
        is_up: Callable[[], bool],
        declare_dead: Callable[[str], None],
    ) -> None:
        self._account = account
        self._now_ns = now_ns
        self._is_up = is_up
        self._declare_dead = declare_dead
        self._asked: dict[int, int] = {}
        self._expected: dict[int, int] = {}
        self._working: dict[tuple[int, str], int] = {}
        self._heard_ns = now_ns()

    def ask(self, cid: int) -> None:
        """Take note that something of this order is about to be asked for; the stream may answer before the venue."""
        self._asked[cid] = self._now_ns()

    def expect(self, cid: int) -> None:
        """Take note that what was asked was accepted, and must be heard of unless it was already."""
        if self._asked.pop(cid, 0):
            self._expected.setdefault(cid, self._now_ns())

    def hear(self, seen: OrderSeen) -> None:
        """Take note of what the stream says of an order; a stop that has triggered works on under another number."""
        self._heard_ns = self._now_ns()
        self._asked.pop(seen.cid, None)
        self._expected.pop(seen.cid, None)
        order = (seen.instrument, seen.venue_id)
        if seen.status is OrderStatus.WORKING:
            self._working[order] = max(seen.filled_lot, self._working.get(order, 0))
        else:
            self._working.pop(order, None)

    def know(self, orders: tuple[OrderSeen, ...]) -> None:
        """Take what works from a snapshot."""
        self._working = {(order.instrument, order.venue_id): order.filled_lot for order in orders}
        self._heard_ns = self._now_ns()

    async def look(self) -> None:
        """Compare once; call it every second."""
        now_ns = self._now_ns()
        self._asked = {cid: at_ns for cid, at_ns in self._asked.items() if now_ns - at_ns < FORGOTTEN_NS}
        if not self._is_up():
            self._expected.clear()
            self._heard_ns = now_ns
            return
        overdue = [cid for cid, since_ns in self._expected.items() if now_ns - since_ns > ANSWER_WITHIN_NS]
        if overdue:
            self._end(f"the venue accepted {len(overdue)} requests and the stream does not tell")
        elif self._working and now_ns - self._heard_ns > SILENCE_NS:
            await self._compare()

    async def _compare(self) -> None:
        asked_ns, believed = self._now_ns(), dict(self._working)
        try:
            told = await self._account.working({instrument for instrument, _ in believed})
        except VenueDown:
            # A venue that does not answer is not asked again every second.
            self._heard_ns = self._now_ns()
            return
        filled = {(seen.instrument, seen.venue_id): seen.filled_lot for seen in told}
        differs = any(lots != filled.get(order, -1) for order, lots in believed.items())
        if differs:
            # The message may be on its way.
            await asyncio.sleep(GRACE_S)
        if self._heard_ns < asked_ns:
            self._heard_ns = self._now_ns()
            if differs:
                self._end("an order has changed and the stream does not tell")

    def _end(self, reason: str) -> None:
        self._expected.clear()
        self._declare_dead(reason)
