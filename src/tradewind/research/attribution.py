"""Where the money came from: price, fees, funding, slippage, liquidation; exact in the unit that decides.

Slippage is what taking cost against the price it met: the bar's open for what takes at the open, the trigger (or the
open after a gap) for a stop. Liquidation is what being liquidated cost beyond the price: its fee, less what the venue
bore. What remains of the change of equity after the others is price.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewind.engine.world import World
from tradewind.research.drive import Driven, Ints, Records
from tradewind.units.enums import Role

__all__ = ["Sources", "attribute"]


@dataclass(frozen=True, slots=True)
class Sources:
    """Whole money of one wallet; what was paid is negative. The parts add up to `total`, the change of equity."""

    price: int
    fees: int
    funding: int
    slippage: int
    liquidation: int
    total: int

    def in_currency(self, scale: float) -> dict[str, float]:
        """Return the five parts by name, in whole currency."""
        names = ("price", "fees", "funding", "slippage", "liquidation")
        return {name: getattr(self, name) / scale for name in names}


def attribute(world: World, driven: Driven, wallet: int = 0) -> Sources:
    """Return the sources of one wallet's change of equity over a run."""
    account = world.accounts[wallet]
    last = int(driven.equity[driven.bars_run - 1, wallet, 1]) if driven.bars_run else int(account["start"])
    total = last - int(account["start"])
    fees = liquidation = slippage = 0
    for rows, open_tick in zip(driven.fills, driven.open_tick, strict=True):
        mine = world.views["wallet"][rows["instrument"]] == wallet
        forced = mine & ((rows["role"] == Role.LIQUIDATION) | (rows["role"] == Role.ADL))
        fees += int(rows["fee"][mine & ~forced].sum())
        liquidation -= int(rows["fee"][forced].sum())
        slippage += int(_slipped(world, rows[mine & ~forced], open_tick[mine & ~forced]).sum())
    # What the venue bore beyond the wallet belongs to the liquidation that made it necessary.
    liquidation += int(account["adjusted"])
    funding = int(account["funding"])
    price = total + fees + funding + slippage - liquidation
    return Sources(price, -fees, -funding, -slippage, liquidation, total)


def _slipped(world: World, rows: Records, open_tick: Ints) -> Ints:
    """Return what each fill paid beyond the price it met, in whole money; nothing for makers and settlements."""
    column = rows["instrument"]
    views = world.views[column]
    met = _met(rows, open_tick, world.venue_instruments["slip"][column])
    lots = rows["qty_lot"].astype(np.float64)
    linear = lots * met * views["unit"]
    worth = np.where(views["sense"] > 0, linear, lots * views["unit"] / np.maximum(met, 1))
    paid = (rows["notional"] - worth.astype(np.int64)) * rows["side"] * views["sense"]
    found: Ints = np.where(met == rows["price_tick"], 0, paid)
    return found


def _met(rows: Records, open_tick: Ints, slip: npt.NDArray[np.float64]) -> Ints:
    """Return the price that each fill met before slippage: its own for makers, the open, or the trigger of a stop."""
    price, side = rows["price_tick"], rows["side"]
    beyond = (price - open_tick) * side
    at_open = (beyond >= 0) & (beyond <= np.ceil(open_tick * slip))
    trigger = np.rint(price / (1.0 + side * slip)).astype(np.int64)
    for _ in range(3):
        trigger = price - side * np.ceil(trigger * slip).astype(np.int64)
    takes = (rows["maker"] == 0) & (rows["role"] != Role.SETTLEMENT)
    found: Ints = np.where(takes, np.where(at_open, open_tick, trigger), price)
    return found
