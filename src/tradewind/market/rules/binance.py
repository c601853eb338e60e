"""Binance: exchangeInfo of spot, USD-M and COIN-M, fundingInfo, leverage brackets (its own and ccxt's form)."""

import re
from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import TradewindError
from tradewind.market.instrument import Instrument, Tier
from tradewind.market.rules.answers import Fields, RuleSet, Skipped, entries, largest_order
from tradewind.units.time import HOUR_NS

__all__ = ["parse_brackets", "parse_ccxt_tiers", "parse_exchange_info", "parse_funding_info"]

_NEVER_DELIVERED_NS = 4_133_404_800_000 * 1_000_000
"""Binance writes this delivery date for contracts that have none."""
_DATED = re.compile(r"^(?P<base>[^/]+)/(?P<quote>[^:]+):(?P<settle>[^-]+)(?:-(?P<date>\d+))?$")


def parse_exchange_info(venue: str, answer: dict[str, object]) -> RuleSet:
    """Return the instruments of an exchangeInfo answer; symbols with impossible rules are skipped with the reason."""
    rules = RuleSet(venue)
    for table in entries(answer.get("symbols"), venue, "symbols"):
        symbol = str(table.get("symbol", "?"))
        try:
            rules.instruments[symbol] = _instrument(venue, Fields(table, f"{venue} {symbol}"))
        except TradewindError as error:
            rules.skipped.append(Skipped(symbol, f"{error.key}: {error.message}"))
    return rules


def _instrument(venue: str, entry: Fields) -> Instrument:
    filters = {f.text("filterType"): f for f in entry.parts("filters")}
    lot = _filter(entry, filters, "LOT_SIZE")
    defaults = VENUES[venue]
    spot = defaults.payoff == "spot"
    status = entry.text("contractStatus" if entry.has("contractStatus") else "status")
    perpetual = not spot and "PERPETUAL" in entry.text("contractType")
    return Instrument(
        venue=venue,
        symbol=entry.text("symbol"),
        payoff=defaults.payoff,
        base=entry.text("baseAsset"),
        quote=entry.text("quoteAsset"),
        settle=entry.text("quoteAsset" if spot else "marginAsset"),
        tick_size=_filter(entry, filters, "PRICE_FILTER").number("tickSize"),
        lot_size=lot.number("stepSize"),
        min_qty=lot.number("minQty"),
        max_qty=largest_order(lot.number("minQty"), lot.number("maxQty"), _market_max(filters)),
        min_notional=_min_notional(filters),
        contract_size=entry.number_or("contractSize", None) or Decimal(1),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=entry.number_or("liquidationFee", None) or Decimal(0),
        leverage_max=Decimal(defaults.leverage_max),
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS if perpetual else 0,
        price_band_ratio=_price_band(filters),
        listed_ns=entry.instant_ns("onboardDate"),
        delisted_ns=_delisted_ns(entry),
        active=status == "TRADING",
        provenance="exchangeInfo",
    )


def _filter(entry: Fields, filters: dict[str, Fields], name: str) -> Fields:
    return filters[name] if name in filters else Fields({}, f"{entry.where} {name}")


def _market_max(filters: dict[str, Fields]) -> Decimal | None:
    market = filters.get("MARKET_LOT_SIZE")
    return None if market is None else market.number_or("maxQty", None)


def _min_notional(filters: dict[str, Fields]) -> Decimal:
    """Return the least value of an order: USD-M calls it notional, spot minNotional, in one of two filters."""
    for kind, name in (
        ("MIN_NOTIONAL", "notional"),
        ("NOTIONAL", "minNotional"),
        ("MIN_NOTIONAL", "minNotional"),
    ):
        if kind in filters and filters[kind].has(name):
            return filters[kind].number(name)
    return Decimal(0)


def _price_band(filters: dict[str, Fields]) -> Decimal | None:
    band = filters.get("PERCENT_PRICE")
    if band is None:
        return None
    return min(band.number("multiplierUp") - 1, 1 - band.number("multiplierDown"))


def _delisted_ns(entry: Fields) -> int | None:
    delivered_ns = entry.instant_ns("deliveryDate")
    return None if delivered_ns is None or delivered_ns >= _NEVER_DELIVERED_NS else delivered_ns


def parse_funding_info(venue: str, answer: list[object]) -> RuleSet:
    """Return the intervals of funding of a fundingInfo answer; symbols that it does not name settle each 8 hours."""
    rules = RuleSet(venue)
    for table in entries(answer, venue):
        entry = Fields(table, f"{venue} {table.get('symbol', '?')}")
        rules.funding_interval_ns[entry.text("symbol")] = int(entry.number("fundingIntervalHours") * HOUR_NS)
    return rules


def parse_brackets(venue: str, answer: list[object]) -> RuleSet:
    """Return the margin brackets of a leverageBracket answer: notional in the currency of settlement."""
    rules = RuleSet(venue)
    for table in entries(answer, venue):
        entry = Fields(table, f"{venue} {table.get('symbol', '?')}")
        rules.tiers[entry.text("symbol")] = tuple(_bracket(b) for b in entry.parts("brackets"))
    return rules


def _bracket(entry: Fields) -> Tier:
    cap = "notionalCap" if entry.has("notionalCap") else "qtyCap"
    rate, deduction = entry.number("maintMarginRatio"), entry.number("cum")
    return Tier(entry.number(cap), rate, deduction, entry.number("initialLeverage"))


def parse_ccxt_tiers(venue: str, answer: dict[str, object]) -> RuleSet:
    """Return the margin brackets of a table as ccxt writes it, by unified symbols like BTC/USDT:USDT."""
    rules = RuleSet(venue)
    for unified, table in answer.items():
        named = _DATED.match(unified)
        if named is None:
            rules.skipped.append(Skipped(unified, "no symbol of a derivative"))
            continue
        symbol = named["base"] + named["quote"] + (f"_{named['date']}" if named["date"] else "")
        place = f"{venue} {symbol}"
        brackets = [Fields(b, place).part("info") for b in entries(table, place)]
        rules.tiers[symbol] = tuple(_bracket(b) for b in brackets)
    return rules
