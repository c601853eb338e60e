"""OKX v5: instruments of spot, swaps and dated futures; position tiers. Options are left out."""

from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import TradewindError
from tradewind.market.instrument import Instrument
from tradewind.market.rules.answers import Fields, RuleSet, Skipped, largest_order, tiers_without_steps
from tradewind.units.time import HOUR_NS

__all__ = ["parse_instruments", "parse_position_tiers"]


def parse_instruments(venue: str, answer: Fields) -> RuleSet:
    """Return the instruments of an instruments answer; what cannot be traded here is skipped with the reason."""
    rules = RuleSet(venue)
    for entry in answer.parts("data"):
        symbol = str(entry.table.get("instId", "?"))
        place = Fields(entry.table, f"{venue} {symbol}")
        if entry.table.get("instType") not in ("SPOT", "SWAP", "FUTURES"):
            rules.skipped.append(
                Skipped(symbol, f"instType {entry.table.get('instType')} is not traded here")
            )
            continue
        try:
            rules.instruments[symbol] = _instrument(venue, place)
        except TradewindError as error:
            rules.skipped.append(Skipped(symbol, f"{error.key}: {error.message}"))
    return rules


def _instrument(venue: str, entry: Fields) -> Instrument:
    spot = entry.text("instType") == "SPOT"
    base, quote = _currencies(entry, spot)
    defaults = VENUES[venue]
    inverse = not spot and entry.text("ctType") == "inverse"
    # At the spot market the bounds of what is sent at market are in money.
    sizes = ("maxLmtSz",) if spot else ("maxLmtSz", "maxMktSz", "maxStopSz")
    return Instrument(
        venue=venue,
        symbol=entry.text("instId"),
        payoff="spot" if spot else "inverse" if inverse else "linear",
        base=base,
        quote=quote,
        settle=quote if spot else entry.text("settleCcy"),
        tick_size=entry.number("tickSz"),
        lot_size=entry.number("lotSz"),
        min_qty=entry.number("minSz"),
        max_qty=largest_order(entry.number("minSz"), *(entry.number_or(name, None) for name in sizes)),
        contract_size=Decimal(1) if spot else entry.number("ctVal") * entry.number("ctMult"),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(0) if spot else Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=Decimal(1) if spot else entry.number("lever"),
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS if entry.text("instType") == "SWAP" else 0,
        listed_ns=entry.instant_ns("listTime"),
        delisted_ns=entry.instant_ns("expTime"),
        active=entry.text("state") == "live",
        provenance="public/instruments",
    )


def _currencies(entry: Fields, spot: bool) -> tuple[str, str]:
    """Return base and quote; contracts name them only in their underlying, such as BTC-USDT."""
    if spot:
        return entry.text("baseCcy"), entry.text("quoteCcy")
    base, _, quote = entry.text("uly").partition("-")
    return base, quote


def parse_position_tiers(venue: str, answer: Fields, contract_notional: dict[str, Decimal]) -> RuleSet:
    """Return margin brackets of a position-tiers answer.

    contract_notional: value of one contract in the currency of settlement, by symbol. OKX bounds brackets in
    contracts, so that their notional holds at one price only; symbols without a value are skipped.
    """
    rules = RuleSet(venue)
    by_symbol: dict[str, list[Fields]] = {}
    for entry in answer.parts("data"):
        by_symbol.setdefault(entry.text("instId" if entry.has("instId") else "uly"), []).append(entry)
    for symbol, found in by_symbol.items():
        value = contract_notional.get(symbol)
        if value is None:
            rules.skipped.append(
                Skipped(symbol, "its brackets count contracts, and no value of one is given")
            )
            continue
        rows = sorted(found, key=lambda entry: entry.number("maxSz"))
        rules.tiers[symbol] = tiers_without_steps(
            [(row.number("maxSz") * value, row.number("mmr"), row.number("maxLever")) for row in rows]
        )
    return rules
