"""The price at which an instrument was traded last, of whichever world a ccxt object speaks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.errors import VenueDown
from tradewind.venues.ccxt.rules import market_named

if TYPE_CHECKING:
    from tradewind.venues.ccxt.history import RestReader

__all__ = ["last_price"]


async def last_price(reader: RestReader, exchange: Any, venue: str, symbol: str) -> float:  # noqa: ANN401
    """Return the last price of an instrument. Raises what `RestReader.call` does, and VenueDown where there is none.

    Parameters
    ----------
    exchange
        A ccxt object with its markets loaded, which the reader asks.
    symbol
        The venue's own spelling.
    """
    market = market_named(exchange, symbol) or {}
    ticker = await reader.call("fetch_ticker", market.get("symbol", symbol))
    price = float(ticker.get("last") or ticker.get("close") or 0.0)
    if not price > 0.0:
        raise VenueDown("VENUE_DOWN", f"no price of {symbol} is to be had", where=venue)
    return price
