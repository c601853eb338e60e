"""The names of venues that history and rules can belong to."""

from __future__ import annotations

from difflib import get_close_matches

from tradewind.errors import ConfigError

__all__ = ["VENUE_IDS", "require_venue"]

VENUE_IDS: tuple[str, ...] = (
    "binance",
    "binance_coinm",
    "binance_spot",
    "binance_usdm",
    "bitfinex_spot",
    "bitget_swap",
    "blofin_swap",
    "bybit",
    "bybit_inverse",
    "bybit_linear",
    "bybit_spot",
    "dydx",
    "gate",
    "gate_swap",
    "generated",
    "htx",
    "hyperliquid",
    "kraken",
    "kraken_futures",
    "kucoin",
    "lighter",
    "mexc",
    "okx",
    "okx_spot",
    "okx_swap",
)
"""Every venue whose history can be kept. The short names are those of files that do not say which market they mean;
they stand for the venue's linear perpetuals."""


def require_venue(venue: str, where: str = "") -> str:
    """Return a known venue's name. Raises EXCHANGE_UNKNOWN with the nearest names otherwise."""
    if venue in VENUE_IDS:
        return venue
    near = get_close_matches(venue.lower(), VENUE_IDS, n=3, cutoff=0.5)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise ConfigError("EXCHANGE_UNKNOWN", f"unknown venue {venue!r}.{guess}", where=where, known=VENUE_IDS)
