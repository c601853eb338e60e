"""What the core believes of one account, as far as a venue can contradict it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.units.enums import LONG
from tradewind.venues.gateway import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.gateway import OrderSeen

__all__ = ["Belief", "Terms", "was_changed"]


def _in_lots(instrument: int, lots: int) -> str:
    return f"{lots} lots of instrument {instrument}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order of ours works with, as far as is known.

    Parameters
    ----------
    price_tick
        Its limit, or a fixed stop's trigger; 0 for a stop that follows the price, or where it has none.
    qty_lot, filled_lot
        In all, and filled of it.
    reduce, stop
        Whether it is reduce-only, and whether it waits for a trigger.
    asked_ns
        When it was asked for, or asked to change, last.
    """

    price_tick: int
    qty_lot: int
    filled_lot: int
    reduce: bool
    stop: bool
    asked_ns: int


@dataclass(frozen=True, slots=True)
class Belief:
    """What the core believes of one account, as far as a venue can contradict it.

    Parameters
    ----------
    held, external, external_open
        Lots by (instrument, position side): of our holdings, of others' positions, of others' orders.
    balances
        Money by wallet.
    settings
        Values by (instrument, `SettingCode`), as `SettingSeen` states them.
    hedged
        Instruments of which the venue keeps long and short apart.
    moved_ns
        When each instrument last traded or had a request under way.
    close_tick, wallet
        Price at which lots are valued that were taken from us, and the wallet that pays for them, by instrument.
    tick_size
        Price of one tick, by instrument; a venue states entries as prices.
    adopter
        Context whose holding takes over what nobody else has, by instrument; none where nobody trades it.
    netted_cost
        Money that our holdings of an instrument cost, longs less shorts, where the venue nets what is several here.
    inverse
        Instruments whose lots are worth less as their price rises.
    counted
        Returns (instrument, lots) in words: as the venue counts it, with its symbol.
    orders
        Our orders that work and of which no request is under way, by id.
    coins
        Lots of the least order of each instrument that is a coin: less than that is dust of fees and proves nothing.
    spent
        Money that our coins cost, by wallet: it is in the balance here, and not in that of the venue.
    liquidated
        Wallets that are halted because their venue closed a position.
    """

    held: Mapping[tuple[int, int], int]
    external: Mapping[tuple[int, int], int]
    external_open: Mapping[tuple[int, int], int]
    balances: Mapping[int, int]
    settings: Mapping[tuple[int, int], float]
    hedged: frozenset[int]
    moved_ns: Mapping[int, int]
    close_tick: Mapping[int, int]
    wallet: Mapping[int, int]
    tick_size: Mapping[int, float] = field(default_factory=dict)
    adopter: Mapping[int, int] = field(default_factory=dict)
    netted_cost: Mapping[int, int] = field(default_factory=dict)
    inverse: frozenset[int] = frozenset()
    counted: Callable[[int, int], str] = _in_lots
    orders: Mapping[int, Terms] = field(default_factory=dict)
    coins: Mapping[int, int] = field(default_factory=dict)
    spent: Mapping[int, int] = field(default_factory=dict)
    liquidated: frozenset[int] = frozenset()

    @property
    def instruments(self) -> list[int]:
        """Return the instruments of the account."""
        return sorted({instrument for instrument, _ in self.held})

    @property
    def sellable(self) -> dict[tuple[int, int], int]:
        """Return the lots from which on a sale takes all coins of ours that whole orders of the venue can take."""
        return {(j, LONG): self.held[j, LONG] - least + 1 for j, least in self.coins.items()}


def was_changed(terms: Terms, seen: OrderSeen, settled_ns: int) -> bool:
    """Say whether an order works with other terms than it was given, by us, before a time.

    A venue makes an order that only reduces smaller by itself.
    """
    same_state = seen.status is OrderStatus.WORKING and seen.stop == terms.stop
    if terms.asked_ns > settled_ns or not same_state or seen.filled_lot != terms.filled_lot:
        return False
    moved = 0 not in (terms.price_tick, seen.price_tick) and seen.price_tick != terms.price_tick
    shrank = terms.reduce and seen.qty_lot < terms.qty_lot
    return moved or (seen.qty_lot != terms.qty_lot and not shrank)
