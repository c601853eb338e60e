"""No trade goes unheard: where an order says that more is filled than its trades do, they are asked for.

So is the order that a triggered stop became, where the stream does not say which it is. A stream may lose a message,
and one venue has no stream of trades at all. Orders are cumulative, so that the gap shows by itself; what is then
read is told once, whichever way it came first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tradewind.errors import VenueDown
from tradewind.units.enums import BUY
from tradewind.venues.ccxt.parsing import own_trade
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.ccxt.account_reading import AccountReader
    from tradewind.venues.gateway import FillSeen, OrderSeen

__all__ = ["FillWatch"]

_PATIENCE_S = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Waits before each attempt: a stream's message may be on its way, a list may lag behind."""
_ALIVE = (OrderStatus.WORKING, OrderStatus.TRIGGERED)
_LOOK_BACK_NS = 600_000_000_000
_REMEMBERED = 50_000


@dataclass(slots=True)
class _Round:
    """What began to be missing at about the same time, and is asked for together.

    orders
        Those that say more is filled than was heard of, by instrument and the venue's id.
    stops
        Those that were triggered, by our id, while nothing was heard of what they became.
    """

    orders: dict[tuple[int, str], OrderSeen] = field(default_factory=dict)
    stops: dict[int, OrderSeen] = field(default_factory=dict)


class FillWatch:
    """Compares what orders say is filled with the trades that were heard of.

    Parameters
    ----------
    tell
        Gets each trade, and each order of a stop, that only a list told of.
    in_coins
        What is bought are coins: an order is told after its trades, which say what was kept of them as a fee, so that
        nobody asks for a stop of more than is there.
    """

    def __init__(
        self, account: AccountReader, tell: Callable[[OrderSeen | FillSeen], None], *, in_coins: bool = False
    ) -> None:
        self._account = account
        self._in_coins = in_coins
        self._tell = tell
        self._told: OrderedDict[tuple[int, str, str], None] = OrderedDict()
        self._heard_lots: OrderedDict[tuple[int, str], int] = OrderedDict()
        self._heard_money: OrderedDict[tuple[int, str], int] = OrderedDict()
        self._held: dict[tuple[int, str], OrderSeen] = {}
        self._given_up: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._rounds: dict[asyncio.Task[None], _Round] = {}
        self._begun: _Round | None = None
        self._asking = asyncio.Lock()

    def order(self, seen: OrderSeen) -> None:
        """Hear of an order; ask soon for its trades, or for what it became, where they are missing."""
        if not seen.cid:
            return
        if seen.status is OrderStatus.TRIGGERED:
            if not any(seen.cid in each.stops for each in self._rounds.values()):
                self._round().stops[seen.cid] = seen
        elif self._rounds:
            self._forget_stop(seen)
        order = (seen.instrument, seen.venue_id)
        if seen.filled_lot > self._heard_lots.get(order, 0) and not self._is_asked_for(order, seen):
            self._round().orders[order] = seen

    def fill(self, seen: FillSeen) -> bool:
        """Hear of a trade; return whether it is news."""
        key = own_trade(seen)
        if key in self._told:
            return False
        _remember(self._told, key, None)
        order = (seen.instrument, seen.venue_id)
        _remember(self._heard_lots, order, self._heard_lots.get(order, 0) + seen.qty_lot)
        _remember(self._heard_money, order, self._heard_money.get(order, 0) + seen.notional)
        return True

    def priced(self, seen: OrderSeen) -> OrderSeen | None:
        """Return an order as it may be told: with the money of its trades, where the venue does not say what it was.

        None where they are not all heard of: it is told after them, or as it is once nobody tells them.
        """
        order = (seen.instrument, seen.venue_id)
        is_known = seen.notional and not (self._in_coins and seen.side == BUY)
        if not (seen.cid and seen.filled_lot) or is_known or order in self._given_up:
            return seen
        heard_lots, held = self._heard_lots.get(order, 0), self._held.get(order)
        is_newest = held is None or _how_far(held) <= _how_far(seen)
        if heard_lots == seen.filled_lot:
            if is_newest:
                self._held.pop(order, None)
            return msgspec.structs.replace(seen, notional=self._heard_money[order])
        is_old = heard_lots > seen.filled_lot and seen.status in _ALIVE
        if is_newest and not is_old:
            self._held[order] = seen
        return None

    def held_for(self, seen: FillSeen) -> OrderSeen | None:
        """Return the order that waited for this trade and may be told now."""
        held = self._held.get((seen.instrument, seen.venue_id))
        return None if held is None else self.priced(held)

    def stop(self) -> None:
        """Ask no more."""
        for task in self._rounds:
            task.cancel()

    def _round(self) -> _Round:
        """Return the round that has not asked yet, a new one where all have.

        What joined an older round would wait as long as that has come to wait, and have fewer attempts.
        """
        if self._begun is None:
            self._begun = _Round()
            task = asyncio.create_task(self._ask(self._begun))
            self._rounds[task] = self._begun
            task.add_done_callback(self._rounds.pop)
        return self._begun

    def _is_asked_for(self, order: tuple[int, str], seen: OrderSeen) -> bool:
        known = [each.orders[order] for each in self._rounds.values() if order in each.orders]
        return any(older.filled_lot >= seen.filled_lot for older in known)

    def _forget_stop(self, seen: OrderSeen) -> None:
        """Miss no order of a stop any more where this is it, or where the stop is known to have had none."""
        for each in self._rounds.values():
            stop = each.stops.get(seen.cid)
            if stop is not None and stop.venue_id != seen.venue_id:
                del each.stops[seen.cid]

    async def _ask(self, mine: _Round) -> None:
        for wait_s in _PATIENCE_S:
            await asyncio.sleep(wait_s)
            if self._begun is mine:
                self._begun = None
            async with self._asking:
                self._drop_complete(mine)
                try:
                    await self._ask_children(mine)
                    await self._ask_fills(mine)
                except VenueDown:
                    continue
                self._drop_complete(mine)
            if not mine.orders and not mine.stops:
                return
        # What no list shows now, the next comparison with a snapshot will.
        for order in mine.orders:
            held = self._held.pop(order, None)
            if held is not None:
                _remember(self._given_up, order, None)
                self._tell(held)

    async def _ask_children(self, mine: _Round) -> None:
        for stop in list(mine.stops.values()):
            for seen in await self._account.children(stop, max(stop.ts_ns - _LOOK_BACK_NS, 0)):
                if seen.cid == stop.cid and seen.venue_id != stop.venue_id:
                    mine.stops.pop(stop.cid, None)
                    self._tell(seen)

    async def _ask_fills(self, mine: _Round) -> None:
        for instrument in sorted({seen.instrument for seen in mine.orders.values()}):
            since_ns = (
                min(s.ts_ns for s in mine.orders.values() if s.instrument == instrument) - _LOOK_BACK_NS
            )
            for fill in await self._account.fills(max(since_ns, 0), instrument):
                if fill.cid and own_trade(fill) not in self._told:
                    self._tell(fill)

    def _drop_complete(self, mine: _Round) -> None:
        heard_lots = self._heard_lots
        for order, seen in list(mine.orders.items()):
            if seen.filled_lot <= heard_lots.get(order, 0):
                del mine.orders[order]


def _how_far(seen: OrderSeen) -> tuple[int, bool]:
    """Return what tells news of an order from old news: how much is filled, and whether it has ended."""
    return seen.filled_lot, seen.status not in _ALIVE


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(table: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)
