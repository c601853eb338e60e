"""Instruments of every venue that orders can be sent to, for tests: what its fake lists, or rules written here.

The rules are assumed, as those of a fake are: steps and contract sizes as the venue's public rules commonly state them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tradewind.config.venue_defaults import VENUES
from tradewind.market import Instrument
from tradewind.market.rules.builtin import generic_tiers
from tradewind.units.time import HOUR_NS
from tradewind.venues.fake.listings import FAKE_VENUES, listed

__all__ = ["traded"]


class _Rules(NamedTuple):
    """Symbol, coin, tick, lot and least quantity, contract size in coins, what it settles in."""

    symbol: str
    coin: str
    tick: str
    lot: str
    contract: str
    settle: str = "USDT"


_ROWS: dict[str, tuple[_Rules, ...]] = {
    "binance_spot": (
        _Rules("BTCUSDT", "BTC", "0.1", "0.001", "1"),
        _Rules("ETHUSDT", "ETH", "0.01", "0.01", "1"),
    ),
    "bybit_spot": (
        _Rules("BTCUSDT", "BTC", "0.1", "0.001", "1"),
        _Rules("ETHUSDT", "ETH", "0.01", "0.01", "1"),
    ),
    "okx_spot": (
        _Rules("BTC-USDT", "BTC", "0.1", "0.001", "1"),
        _Rules("ETH-USDT", "ETH", "0.01", "0.01", "1"),
    ),
    "bitget_swap": (
        _Rules("BTCUSDT", "BTC", "0.1", "0.0001", "1"),
        _Rules("ETHUSDT", "ETH", "0.01", "0.01", "1"),
    ),
    "kucoin": (
        _Rules("XBTUSDTM", "BTC", "0.1", "1", "0.001"),
        _Rules("ETHUSDTM", "ETH", "0.01", "1", "0.01"),
    ),
    "gate_swap": (
        _Rules("BTC_USDT", "BTC", "0.1", "1", "0.0001"),
        _Rules("ETH_USDT", "ETH", "0.01", "1", "0.01"),
    ),
    "hyperliquid": (
        _Rules("BTC", "BTC", "0.1", "0.00001", "1", "USDC"),
        _Rules("ETH", "ETH", "0.01", "0.0001", "1", "USDC"),
    ),
}


def traded(venue: str) -> tuple[Instrument, ...]:
    """Return instruments of a venue; the first is its contract of bitcoin at a tick of 0.1."""
    return listed(venue) if venue in FAKE_VENUES else tuple(_made(venue, row) for row in _ROWS[venue])


def _made(venue: str, row: _Rules) -> Instrument:
    defaults = VENUES[venue]
    tiers = () if defaults.payoff == "spot" else generic_tiers(defaults.payoff)
    return Instrument(
        venue=venue,
        symbol=row.symbol,
        payoff=defaults.payoff,
        base=row.coin,
        quote=row.settle,
        settle=row.settle,
        tick_size=Decimal(row.tick),
        lot_size=Decimal(row.lot),
        min_qty=Decimal(row.lot),
        max_qty=Decimal(1_000_000),
        contract_size=Decimal(row.contract),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=tiers[0].leverage_max if tiers else Decimal(1),
        tiers=tiers,
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        provenance="assumed for tests",
    )
