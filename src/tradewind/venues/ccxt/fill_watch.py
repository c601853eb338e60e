"""No trade goes unheard: where an order says that more is filled than its trades do, they are asked for.

So is the order that a triggered stop became, where the stream does not say which it is. A stream may lose a message,
and one venue has no stream of trades at all. Orders are cumulative, so that the gap shows by itself; what is then
read is told once, whichever way it came first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from tradewind.errors import VenueDown
from tradewind.venues.ccxt.parsing import own_trade
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.ccxt.account_reading import AccountReader
    from tradewind.venues.gateway import FillSeen, OrderSeen

__all__ = ["FillWatch"]

_PATIENCE_S = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Waits before each attempt: a stream's message may be on its way, a list may lag behind."""
_LOOK_BACK_NS = 600_000_000_000
_REMEMBERED = 50_000


class FillWatch:
    """Compares what orders say is filled with the trades that were heard of.

    Parameters
    ----------
    tell
        Gets each trade, and each order of a stop, that only a list told of.
    """

    def __init__(self, account: AccountReader, tell: Callable[[OrderSeen | FillSeen], None]) -> None:
        self._account = account
        self._tell = tell
        self._told: OrderedDict[tuple[int, str, str], None] = OrderedDict()
        self._heard_lots: OrderedDict[tuple[int, str], int] = OrderedDict()
        self._wanted: dict[tuple[int, str], OrderSeen] = {}
        self._childless: dict[int, OrderSeen] = {}
        self._task: asyncio.Task[None] | None = None

    def order(self, seen: OrderSeen) -> None:
        """Hear of an order; ask soon for its trades, or for what it became, where they are missing."""
        if not seen.cid:
            return
        if seen.status is OrderStatus.TRIGGERED:
            self._childless[seen.cid] = seen
        elif self._childless and seen.venue_id != getattr(self._childless.get(seen.cid), "venue_id", ""):
            self._childless.pop(seen.cid, None)
        order = (seen.instrument, seen.venue_id)
        if seen.filled_lot > self._heard_lots.get(order, 0):
            self._wanted[order] = seen
        if (self._wanted or self._childless) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._ask())

    def fill(self, seen: FillSeen) -> bool:
        """Hear of a trade; return whether it is news."""
        key = own_trade(seen)
        if key in self._told:
            return False
        _remember(self._told, key, None)
        order = (seen.instrument, seen.venue_id)
        _remember(self._heard_lots, order, self._heard_lots.get(order, 0) + seen.qty_lot)
        return True

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self) -> None:
        for wait_s in _PATIENCE_S:
            await asyncio.sleep(wait_s)
            self._drop_complete()
            if not self._wanted and not self._childless:
                return
            try:
                await self._ask_children()
                await self._ask_fills()
            except VenueDown:
                continue
            self._drop_complete()
        # What no list shows now, the next comparison with a snapshot will.
        self._wanted.clear()
        self._childless.clear()

    async def _ask_children(self) -> None:
        for stop in list(self._childless.values()):
            for seen in await self._account.children(stop.instrument, max(stop.ts_ns - _LOOK_BACK_NS, 0)):
                if seen.cid == stop.cid and seen.venue_id != stop.venue_id:
                    self._childless.pop(stop.cid, None)
                    self._tell(seen)

    async def _ask_fills(self) -> None:
        for instrument in sorted({seen.instrument for seen in self._wanted.values()}):
            since_ns = (
                min(s.ts_ns for s in self._wanted.values() if s.instrument == instrument) - _LOOK_BACK_NS
            )
            for fill in await self._account.fills(max(since_ns, 0), instrument):
                if fill.cid and own_trade(fill) not in self._told:
                    self._tell(fill)

    def _drop_complete(self) -> None:
        self._wanted = {
            order: seen
            for order, seen in self._wanted.items()
            if seen.filled_lot > self._heard_lots.get(order, 0)
        }


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(table: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)
