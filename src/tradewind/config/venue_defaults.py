"""What is assumed of a venue where neither its metadata nor the user says otherwise.

The rates are those of the lowest fee tier, without rebates and without discounts for holding a token, because a
default may not be optimistic. A backtest prints the rates it used.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEAD_MAN_TIMERS", "EXPIRING_ORDERS", "RESERVING_HEDGES", "VENUES", "Payoff", "VenueDefaults"]

Payoff = Literal["linear", "inverse", "spot"]


@dataclass(frozen=True, slots=True)
class VenueDefaults:
    """Rules of one venue.

    Parameters
    ----------
    title
        The name people use.
    payoff
        What its instruments pay: ``linear`` and ``inverse`` perpetuals, or ``spot``.
    maker_rate, taker_rate
        Fee as a share of notional, 0 to 1.
    liquidation_fee_rate
        What a liquidation costs beside the loss, as a share of notional.
    funding_interval_h
        Hours between settlements; 0 for spot.
    leverage_max
        The highest leverage any of its instruments offers.
    hedges
        Whether long and short of one instrument may be held side by side.
    amends
        Whether a working order can be changed; else it is cancelled and another one sent.
    """

    title: str
    payoff: Payoff
    maker_rate: float
    taker_rate: float
    liquidation_fee_rate: float
    funding_interval_h: int
    leverage_max: int
    hedges: bool
    amends: bool = True


def _spot(title: str, maker_rate: float, taker_rate: float, *, amends: bool = True) -> VenueDefaults:
    return VenueDefaults(title, "spot", maker_rate, taker_rate, 0.0, 0, 1, hedges=False, amends=amends)


VENUES: dict[str, VenueDefaults] = {
    "binance_usdm": VenueDefaults("Binance USD-M futures", "linear", 0.0002, 0.0005, 0.0125, 8, 125, True),
    "binance_coinm": VenueDefaults("Binance COIN-M futures", "inverse", 0.0002, 0.0005, 0.0125, 8, 125, True),
    "binance_spot": _spot("Binance spot", 0.001, 0.001, amends=False),
    "bybit_linear": VenueDefaults(
        "Bybit linear perpetuals", "linear", 0.0002, 0.00055, 0.00055, 8, 100, True
    ),
    "bybit_inverse": VenueDefaults(
        "Bybit inverse perpetuals", "inverse", 0.0002, 0.00055, 0.00055, 8, 100, True
    ),
    "bybit_spot": _spot("Bybit spot", 0.001, 0.001),
    "okx_swap": VenueDefaults("OKX perpetual swaps", "linear", 0.0002, 0.0005, 0.0005, 8, 100, True),
    "okx_spot": _spot("OKX spot", 0.0008, 0.001),
    "blofin_swap": VenueDefaults(
        "BloFin perpetual swaps", "linear", 0.0002, 0.0006, 0.0006, 8, 150, True, amends=False
    ),
    "blofin_spot": _spot("BloFin spot", 0.001, 0.001),
    "bitfinex_spot": _spot("Bitfinex spot", 0.001, 0.002),
    "hyperliquid": VenueDefaults(
        "Hyperliquid perpetuals", "linear", 0.00015, 0.00045, 0.0, 1, 50, False, amends=False
    ),
    "dydx": VenueDefaults("dYdX perpetuals", "linear", 0.0001, 0.0005, 0.015, 1, 50, False),
    "kraken_futures": VenueDefaults("Kraken futures", "linear", 0.0002, 0.0005, 0.0005, 1, 50, False),
    "lighter": VenueDefaults("Lighter perpetuals", "linear", 0.0, 0.0, 0.01, 1, 50, False),
    "bitget_swap": VenueDefaults(
        "Bitget USDT futures", "linear", 0.0002, 0.0006, 0.0006, 8, 125, True, amends=False
    ),
    "gate_swap": VenueDefaults("Gate perpetual swaps", "linear", 0.0002, 0.0005, 0.00075, 8, 125, True),
    # Files of several venues know only these short names; they stand for the venue's linear perpetuals.
    "binance": VenueDefaults("Binance perpetuals", "linear", 0.0002, 0.0005, 0.0125, 8, 125, True),
    "bybit": VenueDefaults("Bybit perpetuals", "linear", 0.0002, 0.00055, 0.00055, 8, 100, True),
    "gate": VenueDefaults("Gate perpetuals", "linear", 0.0002, 0.0005, 0.00075, 8, 125, True),
    "htx": VenueDefaults("HTX perpetuals", "linear", 0.0002, 0.0006, 0.0006, 8, 200, True),
    "kraken": VenueDefaults("Kraken perpetuals", "linear", 0.0002, 0.0005, 0.0005, 1, 50, False),
    "kucoin": VenueDefaults(
        "KuCoin perpetuals", "linear", 0.0002, 0.0006, 0.0006, 8, 125, True, amends=False
    ),
    "mexc": VenueDefaults("MEXC perpetuals", "linear", 0.0002, 0.0006, 0.0006, 8, 200, True),
    "okx": VenueDefaults("OKX perpetuals", "linear", 0.0002, 0.0005, 0.0005, 8, 100, True),
    "generated": VenueDefaults("generated perpetuals", "linear", 0.0002, 0.0005, 0.0125, 8, 125, True),
    "generated_spot": _spot("generated spot", 0.001, 0.001),
}
"""Every venue a file may name."""

DEAD_MAN_TIMERS = frozenset({"binance_usdm", "bybit_linear", "okx_swap", "okx_spot"})
"""Venues that cancel the orders of an account which has fallen silent."""

RESERVING_HEDGES = frozenset({"okx_swap", "okx", "blofin_swap", "bitget_swap"})
"""Venues at which, with both sides held, what rests to close one reserves its lots: a stop that triggers finds none.

By OKX's and BloFin's words for a position (`availPos`, `availablePositions`: what can still be closed) and by Bitget's
page of orders. With one position per instrument an order that only reduces is cut there, and reserves nothing.
"""

EXPIRING_ORDERS = {"binance_usdm": 660.0}
"""Venues at which a resting order can carry its end, and how many seconds off that must be.

Binance refuses an end within ten minutes (-5040); a minute is added for clocks and for what is on its way."""
