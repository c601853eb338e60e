"""BloFin: market/instruments."""

from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import TradewindError
from tradewind.market.instrument import Instrument
from tradewind.market.rules.answers import Fields, RuleSet, Skipped, largest_order
from tradewind.units.time import HOUR_NS

__all__ = ["parse_instruments"]


def parse_instruments(venue: str, answer: Fields) -> RuleSet:
    """Return the instruments of an instruments answer; broken entries are skipped with the reason."""
    rules = RuleSet(venue)
    for entry in answer.parts("data"):
        symbol = str(entry.table.get("instId", "?"))
        try:
            rules.instruments[symbol] = _instrument(venue, Fields(entry.table, f"{venue} {symbol}"))
        except TradewindError as error:
            rules.skipped.append(Skipped(symbol, f"{error.key}: {error.message}"))
    return rules


def _instrument(venue: str, entry: Fields) -> Instrument:
    defaults = VENUES[venue]
    inverse = entry.text("contractType") == "inverse"
    live = entry.text("state") == "live"
    return Instrument(
        venue=venue,
        symbol=entry.text("instId"),
        payoff="inverse" if inverse else "linear",
        base=entry.text("baseCurrency"),
        quote=entry.text("quoteCurrency"),
        settle=entry.text("settleCurrency"),
        tick_size=entry.number("tickSize"),
        lot_size=entry.number("lotSize"),
        min_qty=entry.number("minSize"),
        max_qty=largest_order(
            entry.number("minSize"),
            *(entry.number_or(name, None) for name in ("maxLimitSize", "maxMarketSize")),
        ),
        contract_size=entry.number("contractValue"),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=entry.number("maxLeverage"),
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        listed_ns=entry.instant_ns("listTime"),
        # The venue writes an expiry for perpetual contracts too; it means something only once they are gone.
        delisted_ns=None if live else entry.instant_ns("expireTime"),
        active=live,
        provenance="market/instruments",
    )
