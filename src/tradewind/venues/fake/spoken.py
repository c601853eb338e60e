"""Which protocol speaks which venue; each is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import VenueProtocol

__all__ = ["protocol_of"]

_SPEAKERS = {
    "binance_usdm": ("binance", "BinanceProtocol"),
    "bybit_linear": ("bybit", "BybitProtocol"),
    "okx_swap": ("okx", "OkxProtocol"),
    "blofin_swap": ("blofin", "BlofinProtocol"),
}


def protocol_of(venue: str, exchange: FakeExchange) -> VenueProtocol:
    """Return the protocol of a venue over an exchange. Raises KeyError for a venue that is not spoken."""
    module, name = _SPEAKERS[venue]
    return cast("VenueProtocol", getattr(import_module(f"tradewind.venues.fake.{module}"), name)(exchange))
