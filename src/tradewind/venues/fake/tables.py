"""The tables of one account of a fake exchange: the engine's own records of positions, cash, margin and orders."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from tradewind.engine.setup import InstrumentSetup, WalletSetup
from tradewind.engine.venue_records import FillRule, VenueContext
from tradewind.engine.world import World
from tradewind.market import Instrument
from tradewind.units.enums import MONEY, NEVER_HIGH, NEVER_LOW
from tradewind.units.jit import allocate
from tradewind.units.time import SECOND_NS

__all__ = ["CONTEXTS", "Tables"]

CONTEXTS = 2
"""Tables of resting orders for each instrument; each holds `SLOTS`."""
_REACH = 2_000
"""How far above its first price an instrument may rise before its money would not fit, as a factor."""
_SHARE = 0.5
"""Part of a second's volume that fills our resting orders."""


class Tables:
    """One account's half of a world: what it holds, and the terms on which it trades.

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
