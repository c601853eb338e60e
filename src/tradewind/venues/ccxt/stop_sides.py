"""Stops at a venue that gives them no side: one whose trigger the price has passed waits there for a profit.

It rests like any other, and nothing protects. So the last price is asked for before a stop leaves, and once more when
it is taken: one that goes on waiting with the price beyond it is taken back, and is refused when it is asked for again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.units.enums import SELL, IntentKind, Rule
from tradewind.venues.ccxt.budget import Urgency
from tradewind.venues.ccxt.dialect import fill_template, value_at
from tradewind.venues.ccxt.row_values import Unfit, needed_in, word_of
from tradewind.venues.gateway import OrderRef, OrderStatus, Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tradewind.venues.ccxt.dialect import Call, Path
    from tradewind.venues.ccxt.wire import Wire
    from tradewind.venues.gateway import Found, Listing, NewOrder

__all__ = ["StopSides"]

_TAKEN = (OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN)
_LOOKS, _SETTLES_S = 2, 1.0
"""A stop that the price has reached is triggered long before."""


class StopSides:
    """Keeps stops on the side of the price that they are meant for.

    Parameters
    ----------
    wire, quote
        Of the venue, and its dialect's way to ask for the last price.
    find, cancel
        The gateway's own.
    dropped
        Counts what was taken back.
    """

    def __init__(
        self,
        wire: Wire,
        quote: tuple[Call, Path],
        listings: Mapping[int, Listing],
        find: Callable[[OrderRef, int], Awaitable[Found]],
        cancel: Callable[[OrderRef], Awaitable[Outcome]],
        dropped: Counter[str],
    ) -> None:
        self._wire, self._quote, self._listings = wire, quote, listings
        self._find, self._cancel, self._dropped = find, cancel, dropped
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def of(
        cls,
        wire: Wire,
        listings: Mapping[int, Listing],
        find: Callable[[OrderRef, int], Awaitable[Found]],
        cancel: Callable[[OrderRef], Awaitable[Outcome]],
        dropped: Counter[str],
    ) -> StopSides | None:
        """Return one for a venue that has such stops, None for any other: nothing of it lies on an order's way."""
        quote = wire.dialect.last_price
        return None if quote is None else cls(wire, quote, listings, find, cancel, dropped)

    async def refused(self, orders: Sequence[NewOrder]) -> list[Outcome] | None:
        """Return that the price has passed a stop's trigger, None where it has not, nobody says, or it is no stop."""
        if not (self._concerns(orders) and await self._is_passed(orders[0])):
            return None
        text = "the price has passed the trigger already: the venue would wait there for a profit"
        return [Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_PRICE, text=text)]

    def look_after(self, orders: Sequence[NewOrder], outcomes: Sequence[Outcome]) -> None:
        """Take a stop back that the venue has taken for a profit, since the price passed it on its way."""
        if not self._concerns(orders) or outcomes[0].kind not in _TAKEN:
            return
        task = asyncio.create_task(self._look(orders[0], self._wire.now_ns()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Look after none any more."""
        for task in self._tasks:
            task.cancel()

    def _concerns(self, orders: Sequence[NewOrder]) -> bool:
        """Say whether it is a stop; such ones leave alone."""
        return orders[0].kind == IntentKind.STOP

    async def _look(self, stop: NewOrder, sent_ns: int) -> None:
        for _ in range(_LOOKS):
            await asyncio.sleep(_SETTLES_S)
            if not await self._is_passed(stop):
                return
        seen = (await self._find(OrderRef(stop.instrument, stop.cid, algo=True), sent_ns)).order
        if seen is not None and seen.status is OrderStatus.WORKING and seen.stop:
            self._dropped["stop: the price had passed it"] += 1
            await self._cancel(OrderRef(stop.instrument, stop.cid, seen.venue_id, algo=True))

    async def _is_passed(self, stop: NewOrder) -> bool:
        """Say whether the last price is at a stop's trigger or beyond it; not where it cannot be read."""
        (call, path), rules = self._quote, self._listings[stop.instrument].instrument
        answer = await self._wire.ask(
            call, fill_template(call.fields, {"symbol": rules.symbol}), Urgency.PROTECT
        )
        try:
            last = needed_in({"last": word_of(value_at(answer.body, path))}, "last")
        except Unfit:
            return False
        trigger = stop.price_tick * rules.tick_size
        return last > 0 and (last <= trigger if stop.side == SELL else last >= trigger)
