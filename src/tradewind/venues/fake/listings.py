"""What a fake exchange lists unless told otherwise: a few large perpetuals of each venue, with its rules.

The rules of Binance are the built-in ones. Those of the other venues are assumed: steps and contract sizes as
their public rules commonly state them, fees of `config.venue_defaults`, brackets as generic ones.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewind.config import did_you_mean
from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError
from tradewind.market import Instrument
from tradewind.market.rules.builtin import built_in, generic_tiers
from tradewind.units.time import HOUR_NS
from tradewind.venues.fake.entry import Habits

__all__ = ["FAKE_VENUES", "habits_of", "listed"]

FAKE_VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
"""The venues that are spoken, by our names for them."""

# Coin, tick, lot and least quantity, contract size in coins, least notional.
_ROWS: dict[str, tuple[tuple[str, str, str, str, str], ...]] = {
    "bybit_linear": (
        ("BTC", "0.1", "0.001", "1", "5"),
        ("ETH", "0.01", "0.01", "1", "5"),
        ("SOL", "0.01", "0.1", "1", "5"),
    ),
    "okx_swap": (
        ("BTC", "0.1", "0.01", "0.01", "0"),
        ("ETH", "0.01", "0.01", "0.1", "0"),
        ("SOL", "0.01", "0.01", "1", "0"),
    ),
    "blofin_swap": (
        ("BTC", "0.1", "0.1", "0.001", "0"),
        ("ETH", "0.01", "0.1", "0.01", "0"),
        ("SOL", "0.001", "1", "1", "0"),
    ),
}
_SPELLINGS = {"bybit_linear": "{}USDT", "okx_swap": "{}-USDT-SWAP", "blofin_swap": "{}-USDT"}


def listed(venue: str) -> tuple[Instrument, ...]:
    """Return what the fake of a venue lists. Raises EXCHANGE_UNKNOWN for a venue that is not spoken."""
    if venue not in FAKE_VENUES:
        hint = did_you_mean(venue, FAKE_VENUES)
        raise ConfigError(
            "EXCHANGE_UNKNOWN", f"there is no fake of {venue[:40]!r}", hint=hint, known=FAKE_VENUES
        )
    if venue == "binance_usdm":
        found = (built_in(venue, symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
        return tuple(replace(instrument, active=True) for instrument in found if instrument is not None)
    return tuple(_perpetual(venue, *row) for row in _ROWS[venue])


def _perpetual(venue: str, coin: str, tick: str, lot: str, contract: str, notional: str) -> Instrument:
    defaults = VENUES[venue]
    tiers = generic_tiers(defaults.payoff)
    return Instrument(
        venue=venue,
        symbol=_SPELLINGS[venue].format(coin),
        payoff=defaults.payoff,
        base=coin,
        quote="USDT",
        settle="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_qty=Decimal(lot),
        max_qty=Decimal(1_000_000),
        min_notional=Decimal(notional),
        contract_size=Decimal(contract),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=tiers[0].leverage_max,
        tiers=tiers,
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        price_band_ratio=Decimal("0.05"),
        provenance="assumed for a fake exchange",
    )


def habits_of(venue: str) -> Habits:
    """Return what the venue does differently from others.

    Binance refuses a post-only order that would take; the others acknowledge it and cancel it at once. Ids that
    were used once stay taken at OKX, BloFin and Bybit. That Bybit rejects what it has acknowledged for want of
    margin is rare enough to be a misfortune (F28).
    """
    return _HABITS.get(venue, Habits())


_HABITS = {
    "bybit_linear": Habits(post_only="cancel", unique_ids="ever", leverage=Decimal(10)),
    "okx_swap": Habits(post_only="cancel", unique_ids="ever", child_keeps_id=False, leverage=Decimal(3)),
    "blofin_swap": Habits(post_only="cancel", unique_ids="ever", child_keeps_id=False, leverage=Decimal(3)),
}
