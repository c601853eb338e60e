"""What ccxt is told about venues that are read but not traded here: spot markets, and four more exchanges.

Hosts as ccxt 4.5.90 writes them; KuCoin's streams are at hosts that it names when asked, all below its domain.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from tradewind.config import VENUES, did_you_mean
from tradewind.errors import ConfigError
from tradewind.venues.ccxt.exchange import CLIENTS, ClientSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MARKET_CLIENTS", "market_client"]


def _spec(ccxt_id: str, hosts: set[str], **options: object) -> ClientSpec:
    quiet: dict[str, object] = {"fetchCurrencies": False, "fetchMargins": False}
    return ClientSpec(ccxt_id, frozenset(hosts), frozenset(), {**quiet, **options}, "")


MARKET_CLIENTS: Mapping[str, ClientSpec] = MappingProxyType(
    {
        **CLIENTS,
    }
)
"""Every venue whose market data can be read, by our names."""


def market_client(venue: str) -> ClientSpec:
    """Return what ccxt is told about a venue.

    Raises ConfigError: EXCHANGE_UNKNOWN for a name that is no venue's, EXCHANGE_UNSUPPORTED where nothing is read.
    """
    if venue not in VENUES:
        hint = did_you_mean(venue, VENUES)
        raise ConfigError(
            "EXCHANGE_UNKNOWN", f"no venue is called {venue[:40]!r}.", hint=hint, known=tuple(VENUES)
        )
    if venue not in MARKET_CLIENTS:
        raise ConfigError(
            "EXCHANGE_UNSUPPORTED", f"{venue} cannot be reached yet", where=venue, known=tuple(MARKET_CLIENTS)
        )
    return MARKET_CLIENTS[venue]
