"""Bybit v5: instruments-info of spot, linear and inverse; risk-limit; fee-rate."""

from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import TradewindError
from tradewind.market.instrument import Instrument, Tier
from tradewind.market.rules.answers import (
    FeeRates,
    Fields,
    RuleSet,
    Skipped,
    largest_order,
    tiers_without_steps,
)
from tradewind.units.time import MINUTE_NS

__all__ = ["parse_fee_rates", "parse_instruments", "parse_risk_limits"]


def parse_instruments(venue: str, result: Fields) -> RuleSet:
    """Return the instruments of an instruments-info result; options and broken entries are skipped with the reason."""
    rules = RuleSet(venue)
    for entry in result.parts("list"):
        symbol = str(entry.table.get("symbol", "?"))
        place = Fields(entry.table, f"{venue} {symbol}")
        try:
            rules.instruments[symbol] = (
                _spot(venue, place) if venue == "bybit_spot" else _contract(venue, place)
            )
        except TradewindError as error:
            rules.skipped.append(Skipped(symbol, f"{error.key}: {error.message}"))
    return rules


def _spot(venue: str, entry: Fields) -> Instrument:
    lot, price = entry.part("lotSizeFilter"), entry.part("priceFilter")
    band = (
        entry.part("riskParameters").number_or("priceLimitRatioX", None)
        if "riskParameters" in entry.table
        else None
    )
    # The venue calls these two deprecated, and may leave them out one day.
    least = lot.number_or("minOrderQty", None) or lot.number("basePrecision")
    limit = lot.number_or("maxOrderQty", None)
    return Instrument(
        venue=venue,
        symbol=entry.text("symbol"),
        payoff="spot",
        base=entry.text("baseCoin"),
        quote=entry.text("quoteCoin"),
        settle=entry.text("quoteCoin"),
        tick_size=price.number("tickSize"),
        lot_size=lot.number("basePrecision"),
        min_qty=least,
        max_qty=largest_order(
            least, limit, *(lot.number_or(name, None) for name in ("maxLimitOrderQty", "maxMarketOrderQty"))
        ),
        min_notional=lot.number_or("minOrderAmt", None) or Decimal(0),
        maker_rate=Decimal(str(VENUES[venue].maker_rate)),
        taker_rate=Decimal(str(VENUES[venue].taker_rate)),
        price_band_ratio=band,
        active=entry.text("status") == "Trading",
        provenance="instruments-info",
    )


def _contract(venue: str, entry: Fields) -> Instrument:
    lot, price = entry.part("lotSizeFilter"), entry.part("priceFilter")
    inverse = entry.text("contractType").startswith("Inverse")
    defaults = VENUES[venue]
    return Instrument(
        venue=venue,
        symbol=entry.text("symbol"),
        payoff="inverse" if inverse else "linear",
        base=entry.text("baseCoin"),
        quote=entry.text("quoteCoin"),
        settle=entry.text("settleCoin"),
        tick_size=price.number("tickSize"),
        lot_size=lot.number("qtyStep"),
        min_qty=lot.number("minOrderQty"),
        max_qty=largest_order(
            lot.number("minOrderQty"), lot.number("maxOrderQty"), lot.number_or("maxMktOrderQty", None)
        ),
        min_notional=lot.number_or("minNotionalValue", None) or Decimal(0),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=entry.part("leverageFilter").number("maxLeverage"),
        funding_interval_ns=int(entry.number_or("fundingInterval", None) or 0) * MINUTE_NS,
        listed_ns=entry.instant_ns("launchTime"),
        delisted_ns=entry.instant_ns("deliveryTime"),
        active=entry.text("status") == "Trading",
        provenance="instruments-info",
    )


def parse_risk_limits(venue: str, result: Fields) -> RuleSet:
    """Return the margin brackets of a risk-limit result: notional in the currency of settlement.

    Why the rates are scaled: the venue has written percentages and, later, ratios; initial margin times leverage
    tells which.
    """
    rules = RuleSet(venue)
    by_symbol: dict[str, list[Fields]] = {}
    for entry in result.parts("list"):
        by_symbol.setdefault(entry.text("symbol"), []).append(entry)
    for symbol, found in by_symbol.items():
        rows = sorted(found, key=lambda entry: entry.number("riskLimitValue"))
        bounds = [
            (
                row.number("riskLimitValue"),
                row.number("maintenanceMargin") / _scale(row),
                row.number("maxLeverage"),
            )
            for row in rows
        ]
        rules.tiers[symbol] = _with_deductions(rows, tiers_without_steps(bounds))
    return rules


def _scale(row: Fields) -> Decimal:
    return Decimal(100) if row.number("initialMargin") * row.number("maxLeverage") > 10 else Decimal(1)


def _with_deductions(rows: list[Fields], tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """Return the brackets with the deductions that the venue states, where it does."""
    pairs = zip(rows, tiers, strict=True)
    stated = (row.number_or("mmDeduction", tier.deduction) for row, tier in pairs)
    return tuple(
        Tier(t.notional_upto, t.maintenance_rate, d or Decimal(0), t.leverage_max)
        for t, d in zip(tiers, stated, strict=True)
    )


def parse_fee_rates(venue: str, result: Fields) -> RuleSet:
    """Return the fees of a fee-rate result."""
    rules = RuleSet(venue)
    for entry in result.parts("list"):
        fees = FeeRates(entry.number("makerFeeRate"), entry.number("takerFeeRate"))
        rules.fees[entry.text("symbol")] = fees
    return rules
