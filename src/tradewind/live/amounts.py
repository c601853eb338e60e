"""How much lots are, as a person counts them: what the venue counts, and the coins or money where that is not it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tradewind.engine.world import atoms_of, lot_of
from tradewind.venues.gateway import Listing

if TYPE_CHECKING:
    from decimal import Decimal

    from tradewind.market import Instrument

__all__ = ["counted", "in_words", "listed_in_words", "listing_of"]


def listing_of(index: int, rules: Instrument) -> Listing:
    """Return an instrument as gateways and feeds are to count it: as the core does, in parts of a lot for coins."""
    return Listing(index, replace(rules, lot_size=lot_of(rules)), atoms_of(rules))


def counted(rules: Instrument, lots: int) -> tuple[Decimal, str]:
    """Return lots as the venue counts its instrument, and what they are in words, "" where a contract is one coin."""
    return _counted(rules, lots * lot_of(rules))


def listed_in_words(rules: Instrument, lots: int) -> str:
    """Return lots as a `Listing` counts them, whose lots may be parts of the venue's, without the symbol."""
    quantity, amount = _counted(rules, lots * rules.lot_size)
    return f"{quantity.normalize():f}{f' contracts ({amount})' if amount else ''}"


def _counted(rules: Instrument, quantity: Decimal) -> tuple[Decimal, str]:
    inverse = rules.payoff == "inverse"
    if not inverse and rules.contract_size == 1:
        return quantity, ""
    unit = rules.quote if inverse else rules.base
    return quantity, f"{(quantity * rules.contract_size).normalize():f} {unit}"


def in_words(rules: Instrument, lots: int) -> str:
    """Return lots with their symbol: as the venue counts it, and coins or money where a contract is not one coin."""
    quantity, amount = counted(rules, lots)
    contracts = f" contracts ({amount})" if amount else ""
    return f"{quantity.normalize():f}{contracts} {rules.symbol}"
