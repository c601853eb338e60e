"""What an account is set to for one symbol, as the protocols ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from tradewind.venues.fake.account import FakeAccount

__all__ = ["is_isolated", "leverage_of"]


def leverage_of(account: FakeAccount, symbol: str) -> Decimal:
    """Return the leverage of a symbol."""
    return account.leverages[account.exchange.market.at(symbol)]


def is_isolated(account: FakeAccount, symbol: str) -> bool:
    """Return whether the margin of a symbol is kept apart."""
    return account.isolated[account.exchange.market.at(symbol)]
