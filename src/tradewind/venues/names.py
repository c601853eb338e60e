"""What can be done at each venue; a venue that is not here is known to backtests only.

``data``: market data streams and history; ``trade``: accounts; ``fake``: a fake of it can be run.
"""

from typing import Final

__all__ = ["ABILITIES", "NO_PRACTICE"]

_WHOLE = ("data", "trade", "fake")

ABILITIES: Final[dict[str, tuple[str, ...]]] = {
    "binance_usdm": _WHOLE,
    "bybit_linear": _WHOLE,
    "okx_swap": _WHOLE,
    "blofin_swap": _WHOLE,
    "binance_spot": ("data", "trade"),
    "bybit_spot": ("data", "trade"),
    "okx_spot": ("data", "trade"),
    "bitget_swap": ("data", "trade"),
    "gate_swap": ("data", "trade"),
    "kucoin": ("data", "trade"),
    "hyperliquid": ("data", "trade"),
}
"""By our name of the venue; a test holds it against the tables of the adapters."""

NO_PRACTICE: Final = frozenset({"kucoin"})
"""Venues of them without practice money that a key could reach: nobody can try them, so that real money stays refused.

KuCoin has closed its sandbox."""
