"""What each venue can do, and how it says it: the tables of this adapter by our names for the venues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.config import VENUES, did_you_mean
from tradewind.errors import UsageError
from tradewind.venues.ccxt.binance_spot import BINANCE_SPOT
from tradewind.venues.ccxt.binance_usdm import BINANCE_USDM
from tradewind.venues.ccxt.bitget_swap import BITGET_SWAP
from tradewind.venues.ccxt.blofin_swap import BLOFIN_SWAP
from tradewind.venues.ccxt.bybit_linear import BYBIT_LINEAR
from tradewind.venues.ccxt.bybit_spot import BYBIT_SPOT
from tradewind.venues.ccxt.gate_swap import GATE_SWAP
from tradewind.venues.ccxt.hyperliquid import HYPERLIQUID
from tradewind.venues.ccxt.kucoin_swap import KUCOIN
from tradewind.venues.ccxt.okx_spot import OKX_SPOT
from tradewind.venues.ccxt.okx_swap import OKX_SWAP

if TYPE_CHECKING:
    from tradewind.venues.ccxt.dialect import Dialect

__all__ = ["DIALECTS", "dialect_of"]

DIALECTS: dict[str, Dialect] = {
    d.venue: d
    for d in (
        BINANCE_USDM,
        BYBIT_LINEAR,
        OKX_SWAP,
        BLOFIN_SWAP,
        GATE_SWAP,
        HYPERLIQUID,
        BINANCE_SPOT,
        BYBIT_SPOT,
        OKX_SPOT,
        BITGET_SWAP,
        KUCOIN,
    )
}
"""Venues that orders can be sent to."""


def dialect_of(venue: str) -> Dialect:
    """Return how a venue is spoken to.

    Raises UsageError: EXCHANGE_UNKNOWN for a name that is no venue's, EXCHANGE_UNSUPPORTED where nothing is traded.
    """
    if venue not in DIALECTS:
        code = "EXCHANGE_UNSUPPORTED" if venue in VENUES else "EXCHANGE_UNKNOWN"
        hint = "" if venue in VENUES else did_you_mean(venue, DIALECTS)
        raise UsageError(code, f"orders cannot be sent to {venue[:40]!r}.", hint=hint, known=sorted(DIALECTS))
    return DIALECTS[venue]
