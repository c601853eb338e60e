"""The money of one account: positions, cash, margin and resting orders in the tables of the engine's own venue.

What fills, what a trade costs, what funding takes and when a position is liquidated are the engine's rules. The
account in front of it decides what may be placed and what is taken from the book at once.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.engine.setup import InstrumentSetup, WalletSetup
from tradewind.engine.venue_records import FillRule, VenueContext
from tradewind.engine.world import World
from tradewind.market import Instrument
from tradewind.units.enums import BUY, MONEY, NEVER_HIGH, NEVER_LOW, FactKind, IntentKind, RequestKind
from tradewind.units.jit import SLOTS, allocate
from tradewind.units.time import SECOND_NS
from tradewind.units.wire import Fact, Request
from tradewind.venues.fake import takings
from tradewind.venues.simulated import kernel

__all__ = ["CONTEXTS", "Ledger"]

Kernel = Callable[..., int]
Ints = NDArray[np.int64]

CONTEXTS = 2
"""Tables of resting orders for each instrument; each holds `SLOTS`."""
_REACH = 2_000
"""How far above its first price an instrument may rise before its money would not fit, as a factor."""
_SHARE = 0.5
"""Part of a second's volume that fills our resting orders."""

_take_bar: Kernel = kernel.take_bar
_take_event: Kernel = kernel.take_event
_take_requests: Kernel = kernel.take_requests
_fill_now: Kernel = takings.fill_now
_take_away: Kernel = takings.take_away


class Ledger:
    """One account's half of a world, with a place for every resting order.

    Parameters
    ----------
    balances
        Starting cash by asset.
    prices
        First price of each instrument, for the bounds of what fits.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        balances: Mapping[str, Decimal],
        prices: Sequence[Decimal],
        leverages: Sequence[Decimal],
    ) -> None:
        self.assets = list(dict.fromkeys([*(i.settle for i in instruments), *balances]))
        setups = [
            InstrumentSetup(
                instrument=instrument,
                wallet=self.assets.index(instrument.settle),
                interval_ns=SECOND_NS,
                leverage=float(leverage),
                fill_rule=FillRule.VOLUME,
                share=_SHARE,
                highest_price=float(price) * _REACH,
            )
            for instrument, price, leverage in zip(instruments, prices, leverages, strict=True)
        ]
        self._world = World([WalletSetup(asset, 0.0) for asset in self.assets], setups, [])
        self._tables = allocate(VenueContext, CONTEXTS * len(instruments))
        for k in range(len(self._tables)):
            self._tables["instrument"][k] = k // CONTEXTS
        self._tables["low_wake"], self._tables["high_wake"] = NEVER_LOW, NEVER_HIGH
        self._world.venue_instruments["min_notional"] = 0
        for w, asset in enumerate(self.assets):
            self._world.venue_wallets["balance"][w] = int(balances.get(asset, Decimal(0)) * MONEY)
        world = self._world
        self._arrays = (world.venues, world.venue_instruments, world.venue_wallets, self._tables)
        self._kernel = (*self._arrays, world.views, world.box)
        self._request = allocate(Request)
        self._event = allocate(Fact)
        self._places: dict[int, tuple[int, int]] = {}
        self._free = [
            [(j * CONTEXTS + c, s) for c in reversed(range(CONTEXTS)) for s in reversed(range(SLOTS))]
            for j in range(len(instruments))
        ]
        self._positions = self._world.venue_instruments["pos_lot"]
        self._costs = self._world.venue_instruments["cost"]
        self._balances = self._world.venue_wallets["balance"]

    # ------------------------------------------------------------------ what there is

    def lots(self, j: int, side: int) -> int:
        """Return the lots held on a side (`LONG`, `SHORT`), never negative."""
        return int(self._positions[j, side])

    def cost(self, j: int, side: int) -> int:
        """Return the money at which they were entered."""
        return int(self._costs[j, side])

    def balance(self, asset: str) -> int:
        """Return the cash of an asset, in `MONEY`."""
        return int(self._balances[self.assets.index(asset)])

    def worth(self, j: int, lots: int, price_tick: float) -> int:
        """Return the notional of lots at a price, in `MONEY`, cut as the engine cuts it."""
        unit = float(self._world.views["unit"][j])
        inverse = int(self._world.views["sense"][j]) < 0
        return int(lots * unit / price_tick) if inverse else int(float(lots) * price_tick * unit)

    def maintenance(self, j: int, notional: int) -> tuple[float, int]:
        """Return rate and deduction of the margin bracket of a notional."""
        held = self._world.venue_instruments[j]
        tier = 0
        while tier < int(held["tiers"]) - 1 and notional > int(held["upto"][tier]):
            tier += 1
        return float(held["rate"][tier]), int(held["deduct"][tier])

    def has_room(self, j: int) -> bool:
        """Return whether one more order of an instrument can rest."""
        return bool(self._free[j])

    @property
    def is_idle(self) -> bool:
        """Return whether nothing rests and nothing is held."""
        return not self._places and not self._positions.any()

    # ------------------------------------------------------------------ settings

    def set_terms(
        self,
        j: int,
        *,
        leverage: Decimal | None = None,
        hedge: bool | None = None,
        isolated: bool | None = None,
    ) -> None:
        """Change leverage, position mode or margin mode of an instrument."""
        if leverage is not None:
            self._world.views["leverage"][j] = float(leverage)
        if hedge is not None:
            self._world.views["hedge"][j] = int(hedge)
        if isolated is not None:
            self._world.venue_instruments["isolated"][j] = int(isolated)
        self._world.venues["judge"] = 1

    def resize(self, j: int, ratio: float) -> None:
        """Let a contract stand for `ratio` as much: positions keep their worth, in other numbers of lots."""
        self._world.views["unit"][j] *= ratio
        self._positions[j] = np.rint(self._positions[j] / ratio)

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
        self._ask(RequestKind.NEW, order_id, j, price_tick, lots, side, position_side, reduce)

    def fill(self, order_id: int, price_tick: int, lots: int, *, maker: bool, ts_ns: int) -> None:
        """Fill a resting order at a price, as far as it goes."""
        context, slot = self._places[order_id]
        _fill_now(*self._kernel, context, slot, price_tick, lots, int(maker), ts_ns)

    def amend(self, order_id: int, j: int, side: int, price_tick: int, lots: int) -> None:
        """Change price and total quantity of a resting order."""
        self._world.views["close"][j] = price_tick + side
        self._ask(RequestKind.AMEND, order_id, j, price_tick, lots, side, 0, reduce=False)

    def cancel(self, order_id: int, j: int) -> None:
        """Take a resting order off."""
        self._ask(RequestKind.CANCEL, order_id, j, 0, 0, BUY, 0, reduce=False)

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
        side: int,
        position_side: int,
        reduce: bool,
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
        _take_away(*self._kernel, kind, j, position_side, lots, price_tick, ts_ns)

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
