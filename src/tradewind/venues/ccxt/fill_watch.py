"""No trade goes unheard: where an order says that more is filled than its trades do, they are asked for.

A stream may lose a message, and one venue has no stream of trades at all. Orders are cumulative, so that the gap shows
by itself; what is then read is told once, whichever way it came first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from tradewind.errors import VenueDown

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
        Gets each trade that only the list told of.
    """

    def __init__(
        self, account: AccountReader, tell: Callable[[FillSeen], None], now_ns: Callable[[], int]
    ) -> None:
        self._account = account
        self._tell = tell
        self._now_ns = now_ns
        self._told: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._heard_lots: OrderedDict[str, int] = OrderedDict()
        self._wanted: dict[str, OrderSeen] = {}
        self._task: asyncio.Task[None] | None = None

    def order(self, seen: OrderSeen) -> None:
        """Hear of an order; ask for its trades soon where they are missing."""
        if seen.cid and seen.filled_lot > self._heard_lots.get(seen.venue_id, 0):
            self._wanted[seen.venue_id] = seen
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._ask())

    def fill(self, seen: FillSeen) -> bool:
        """Hear of a trade; return whether it is news."""
        key = (seen.instrument, seen.trade_id)
        if key in self._told:
            return False
        _remember(self._told, key, None)
        _remember(self._heard_lots, seen.venue_id, self._heard_lots.get(seen.venue_id, 0) + seen.qty_lot)
        return True

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    async def _ask(self) -> None:
        for wait_s in _PATIENCE_S:
            await asyncio.sleep(wait_s)
            self._drop_complete()
            if not self._wanted:
                return
            since_ns = min(seen.ts_ns for seen in self._wanted.values()) - _LOOK_BACK_NS
            try:
                fills = await self._account.fills(max(since_ns, 0))
            except VenueDown:
                continue
            for fill in fills:
                if fill.cid and self.fill(fill):
                    self._tell(fill)
            self._drop_complete()
        # What no list shows now, the next comparison with a snapshot will.
        self._wanted.clear()

    def _drop_complete(self) -> None:
        self._wanted = {
            venue_id: seen
            for venue_id, seen in self._wanted.items()
            if seen.filled_lot > self._heard_lots.get(venue_id, 0)
        }


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(table: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)
