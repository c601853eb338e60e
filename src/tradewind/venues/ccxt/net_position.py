"""What an account holds by its venue's word, so that a cap can tell an order that takes away from one that adds.

Where several strategies share an instrument that the venue nets, their closes leave without reduce-only: the close of
one may open a position of the account, and what opens for another may close one. The venue's own position decides, less
what orders that count as taking away may still take; so no row of them adds up to a position the other way. Nothing is
believed to be held that the venue has not told: a trade of ours only makes it less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tradewind.units.enums import BUY, LONG, SELL, SHORT
from tradewind.venues.gateway import FillSeen, OrderSeen, OrderStatus, PositionSeen

if TYPE_CHECKING:
    from tradewind.venues.gateway import Event, Snapshot

__all__ = ["NetPositions"]

_ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_FORGOTTEN_NS = 10_000_000_000
"""An order that no snapshot shows, asked for so long before it, takes nothing away any more."""


class _Held(NamedTuple):
    """Lots of one side, less what was traded since, and as of when by the venue's clock."""

    lots: int
    ts_ns: int


@dataclass(slots=True)
class _Away:
    """An order that may still take something away."""

    instrument: int
    side: int
    lots: int
    asked_ns: int
    filled: int = 0


@dataclass(slots=True)
class NetPositions:
    """Positions of one account; nothing is held of what it was never told of."""

    _held: dict[tuple[int, int], _Held] = field(default_factory=dict)
    _away: dict[int, _Away] = field(default_factory=dict)

    def takes_away(self, instrument: int, side: int, lots: int, *, cid: int = 0) -> bool:
        """Say whether an order and all others that take away take no more than is held net.

        cid: of an order that works, whose earlier terms do not count.
        """
        net = sum(
            held.lots if held_side == LONG else -held.lots
            for (held_of, held_side), held in self._held.items()
            if held_of == instrument
        )
        away = sum(
            order.lots - order.filled
            for other, order in self._away.items()
            if other != cid and (order.instrument, order.side) == (instrument, side)
        )
        return away + lots <= (-net if side == BUY else net)

    def reserve(self, cid: int, instrument: int, side: int, lots: int, now_ns: int) -> None:
        """Note an order that takes away; again where its quantity is changed."""
        before = self._away.get(cid)
        self._away[cid] = _Away(instrument, side, lots, now_ns, before.filled if before else 0)

    def release(self, cid: int) -> None:
        """Note that nothing came of an order, or that it has ended."""
        self._away.pop(cid, None)

    def hear(self, event: Event) -> None:
        """Take what the venue tells of positions, orders and trades."""
        if isinstance(event, PositionSeen):
            self._held[event.instrument, event.position_side] = _Held(event.qty_lot, event.ts_ns)
        elif isinstance(event, FillSeen):
            self._trade(event)
        elif isinstance(event, OrderSeen) and event.cid in self._away:
            order = self._away[event.cid]
            order.filled = max(order.filled, event.filled_lot)
            if event.status in _ENDED:
                self.release(event.cid)

    def know(self, taken: Snapshot) -> None:
        """Take what the whole account holds; what is absent is flat, and no order of long ago that is absent works."""
        self._held.clear()
        for seen in taken.positions:
            self._held[seen.instrument, seen.position_side] = _Held(
                seen.qty_lot, max(seen.ts_ns, taken.asked_ns)
            )
        working = {order.cid for order in taken.orders}
        for cid, order in list(self._away.items()):
            if cid not in working and order.asked_ns < taken.asked_ns - _FORGOTTEN_NS:
                self.release(cid)

    def _trade(self, fill: FillSeen) -> None:
        """Count a trade against what was held on the other side of it, unless the venue's word is newer."""
        closed = LONG if fill.side == SELL else SHORT
        held = self._held.get((fill.instrument, closed))
        if held is not None and fill.ts_ns > held.ts_ns:
            self._held[fill.instrument, closed] = held._replace(lots=max(0, held.lots - fill.qty_lot))
