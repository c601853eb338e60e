"""The small exchange as a spot market: coins for money, fees kept in the coin, nothing short, nothing only reduces.

What sells is bounded by what is free of the coin, as stops lock what they are to sell; that is the venue's rule, and
what the account may sell of it is the session's.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World, lot_of
from tradewind.testing.sessions import drifting, linear
from tradewind.testing.small_exchange import SmallExchange
from tradewind.testing.small_live import SmallLive
from tradewind.units.enums import BUY, LONG, MONEY, SELL, IntentKind, Protection, Rule
from tradewind.units.records import PARAMS
from tradewind.venues.gateway import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tradewind.testing.small_exchange import _Order
    from tradewind.venues.gateway import NewOrder

__all__ = ["PARTS", "CoinExchange", "CoinLive", "coin_world"]

PARTS = 1_000
"""Lots of the core in one lot of the exchange."""
_BUYING_RATE, _SELLING_RATE = 0.001, 0.001
_LOTS = 40.0


def coin_world() -> World:
    """Return a world in which `drifting` trades a coin: a ladder below, and for what is held a profit.

    Its stop is the core's, and rests.
    """
    params = np.zeros(PARAMS)
    params[:2] = _LOTS * PARTS, 1.0
    rules = replace(linear(), payoff="spot", venue="bybit_spot", leverage_max=Decimal(1))
    setup = InstrumentSetup(rules, fill_rule=FillRule.TOUCH, slip=0.0002, highest_price=1e6)
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.004)
    strategy = StrategySetup(drifting, [0], params, exits=exits)
    world = World([WalletSetup("USDT", 10_000.0)], [setup], [strategy])
    world.views["shared"] = 1  # As `research.worlds` binds what is spot.
    return world


class CoinExchange(SmallExchange):
    """The truth of a spot market: `balance` is cash, `positions` are coins in lots of the core.

    Attributes
    ----------
    oversold
        Sells that were refused since the coins were not there or not free.
    fees_in_coins
        Lots that were kept as fees.
    """

    def __init__(
        self, clock: Callable[[], int], unit: float, interval_ns: int, random: Random, lot: float
    ) -> None:
        super().__init__(clock, unit, interval_ns, random)
        self.oversold = 0
        self.fees_in_coins = 0
        self._lot = lot

    def place(self, new: NewOrder) -> Outcome:
        """Take an order; one that sells more than is free is refused."""
        oversold = new.side == SELL and new.qty_lot > self._free(new.instrument)
        worth = round(new.qty_lot * max(new.price_tick, self._last[new.instrument]) * self._unit)
        if oversold or (new.side == BUY and worth > self.balance):
            self.oversold += int(oversold)
            self.asked.append(new.cid)
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_MARGIN, text="Insufficient balance.")
        return super().place(msgspec.structs.replace(new, reduce=False))

    def cid_of(self, venue_id: str) -> int:
        """Return our id of an order by the exchange's, 0 for none."""
        return next((cid for cid, order in self._orders.items() if order.venue_id == venue_id), 0)

    def is_stop(self, cid: int) -> bool:
        """Say whether an order is a stop, or was one before it triggered."""
        return self._orders[cid].new.kind == IntentKind.STOP

    def fall(self, ticks: int) -> None:
        """Let the price be so much lower from the next bar on."""
        self._last[0] -= ticks

    def buy_by_hand(self, lots: int) -> None:
        """Let somebody else put coins into the account, which were not bought with its money."""
        self.positions[0, LONG] += lots

    def _free(self, instrument: int) -> int:
        selling = (order for order in map(self._orders.get, self.working()) if order is not None)
        locked = sum(o.qty_lot - o.filled_lot for o in selling if o.new.side == SELL)
        return int(self.positions[instrument, LONG]) - locked

    def _fill(self, order: _Order, price_tick: int, *, maker: int) -> None:
        """Fill an order whole, or half of what rests, in lots of the exchange."""
        new, left = order.new, order.qty_lot - order.filled_lot
        half = left // 2 // PARTS * PARTS
        lots = half if maker and half and self._random.random() < 0.4 else left
        notional = round(lots * price_tick * self._unit)
        kept = round(lots * _BUYING_RATE) if new.side == BUY else 0
        fee = round(kept * self._lot * MONEY) if kept else round(notional * _SELLING_RATE)
        self.fees_in_coins += kept
        self._pay(new, lots - kept, notional, 0 if kept else fee)
        self._note_fill(order, (price_tick, lots, notional), (fee, "BTC" if kept else "USDT"), maker)

    def _pay(self, new: NewOrder, lots: int, notional: int, fee: int) -> None:
        self.positions[new.instrument, LONG] += lots * new.side
        self.balance -= notional * new.side + fee


class CoinLive(SmallLive):
    """A session that trades `coin_world` at a `CoinExchange`."""

    exchange: CoinExchange

    def make_world(self) -> World:
        """Return a world of one coin."""
        return coin_world()

    def make_exchange(self, unit: float, interval_ns: int, dice: Random) -> CoinExchange:
        """Return a spot market."""
        lot = float(lot_of(self.world.instrument_setups[0].instrument))
        return CoinExchange(self.loop.now_ns, unit, interval_ns, dice, lot)

    def cash(self) -> tuple[int, int]:
        """Return the cash that the session believes in, and the exchange's."""
        cost = int(self.world.contexts["working"]["holding"]["cost"][0, LONG])
        return int(self.world.accounts["balance"][0]) - cost, int(self.exchange.balance)
