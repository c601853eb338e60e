"""The money of one account: positions, cash, margin and resting orders in the tables of the engine's own venue.

What fills, what a trade costs, what funding takes and when a position is liquidated are the engine's rules. The
account in front of it decides what may be placed and what is taken from the book at once.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.market import Instrument
from tradewind.units.enums import BUY, FactKind, IntentKind, RequestKind
from tradewind.units.jit import SLOTS, allocate
from tradewind.units.wire import Fact, Request
from tradewind.venues.fake import takings
from tradewind.venues.fake.tables import CONTEXTS, Tables
from tradewind.venues.simulated import kernel

__all__ = ["Ledger"]

Kernel = Callable[..., int]
Ints = NDArray[np.int64]

_take_bar: Kernel = kernel.take_bar
_take_event: Kernel = kernel.take_event
_take_requests: Kernel = kernel.take_requests
_fill_now: Kernel = takings.fill_now
_take_away: Kernel = takings.take_away


class Ledger(Tables):
    """An account's tables with a place for every resting order, and time that passes."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        balances: Mapping[str, Decimal],
        prices: Sequence[Decimal],
        leverages: Sequence[Decimal],
    ) -> None:
        super().__init__(instruments, balances, prices, leverages)
        self._request = allocate(Request)
        self._event = allocate(Fact)
        self._places: dict[int, tuple[int, int]] = {}
        self._free = [
            [(j * CONTEXTS + c, s) for c in reversed(range(CONTEXTS)) for s in reversed(range(SLOTS))]
            for j in range(len(instruments))
        ]

    def has_room(self, j: int) -> bool:
        """Return whether one more order of an instrument can rest."""
        return bool(self._free[j])

    @property
    def is_idle(self) -> bool:
        """Return whether nothing rests and nothing is held."""
        return not self._places and not self._positions.any()

    # ------------------------------------------------------------------ orders

    def place(
        self,
        j: int,
        order_id: int,
        side: int,
        position_side: int,
        *,
        reduce: bool,
        price_tick: int,
        lots: int,
    ) -> None:
        """Let an order rest; it takes nothing by itself."""
        context, slot = self._free[j].pop()
        self._places[order_id] = (context, slot)
        # The engine calls a limit at or beyond the last close a taker; the account took from the book already.
        self._world.views["close"][j] = price_tick + side
        self._ask(
            RequestKind.NEW,
            order_id,
            j,
            price_tick,
            lots,
            side=side,
            position_side=position_side,
            reduce=reduce,
        )

    def fill(self, order_id: int, price_tick: int, lots: int, *, maker: bool, ts_ns: int) -> None:
        """Fill a resting order at a price, as far as it goes."""
        context, slot = self._places[order_id]
        _fill_now(*self._kernel, context * SLOTS + slot, price_tick, lots, int(maker), ts_ns)

    def amend(self, order_id: int, j: int, side: int, price_tick: int, lots: int) -> None:
        """Change price and total quantity of a resting order."""
        self._world.views["close"][j] = price_tick + side
        self._ask(RequestKind.AMEND, order_id, j, price_tick, lots, side=side)

    def cancel(self, order_id: int, j: int) -> None:
        """Take a resting order off."""
        self._ask(RequestKind.CANCEL, order_id, j, 0, 0)

    def release(self, order_id: int) -> None:
        """Give back the place of an order that ended."""
        place = self._places.pop(order_id, None)
        if place is not None:
            self._free[place[0] // CONTEXTS].append(place)

    def _ask(
        self,
        kind: int,
        order_id: int,
        j: int,
        price_tick: int,
        lots: int,
        *,
        side: int = BUY,
        position_side: int = 0,
        reduce: bool = False,
    ) -> None:
        context, slot = self._places[order_id]
        request = self._request[0]
        request["kind"], request["order_kind"], request["cid"] = kind, IntentKind.REST, order_id
        request["context"], request["slot"], request["instrument"] = context, slot, j
        request["side"], request["position_side"], request["reduce"] = side, position_side, int(reduce)
        request["price_tick"], request["qty_lot"] = price_tick, lots
        _take_requests(*self._kernel, self._request, 1, 0)

    # ------------------------------------------------------------------ time and money

    def step(self, bars: Ints, open_ns: int) -> None:
        """Let one second fill and liquidate: (instruments, 5) of open, high, low, close, lots."""
        _take_bar(*self._kernel, self._world.accounts, bars, open_ns)

    def settle_funding(self, j: int, rate: float, mark_tick: int, ts_ns: int) -> None:
        """Charge or pay funding on what is held, at the mark."""
        self._world.views["mark"][j] = float(mark_tick)
        self._happen(FactKind.FUNDING_RATE, instrument=j, value=rate, venue_ts_ns=ts_ns, recv_ts_ns=ts_ns)

    def delist(self, j: int, price_tick: int, ts_ns: int) -> None:
        """Settle an instrument for good at a price."""
        self._world.views["close"][j] = price_tick
        self._happen(FactKind.DELISTED, instrument=j, venue_ts_ns=ts_ns)

    def relist(self, j: int) -> None:
        """Let a delisted instrument trade again."""
        self._happen(FactKind.LISTED, instrument=j)

    def transfer(self, asset: str, amount: int) -> None:
        """Move money in or out."""
        self._happen(FactKind.TRANSFER, wallet=self.assets.index(asset), amount=amount)

    def take_away(
        self, kind: int, j: int, position_side: int, lots: int, price_tick: int, ts_ns: int
    ) -> None:
        """Close part of a position from outside: `FactKind.ADL` or `FactKind.ACCOUNT_LIQUIDATED`."""
        _take_away(*self._kernel, kind, 2 * j + position_side, lots, price_tick, ts_ns)

    def heard(self) -> np.ndarray:
        """Return the facts that wait, and forget them."""
        box = self._world.box[0]
        count = int(box["facts"])
        rows: np.ndarray = box["fact"][:count].copy()
        box["facts"] = 0
        return rows

    def _happen(self, kind: int, **fields: float) -> None:
        self._event[0] = np.zeros((), self._event.dtype)
        self._event["kind"] = kind
        for name, value in fields.items():
            self._event[name] = value
        _take_event(*self._kernel, self._event, 0)
