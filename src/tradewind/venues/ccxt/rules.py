"""The rules of a venue's instruments, from the markets that ccxt has loaded.

Where we read the venue's own answer ourselves, the raw entries that ccxt keeps in `info` are put together again and
read by `market.rules`: exact decimals, no detour over ccxt's floats. Of other venues ccxt's unified fields are
read, which say the same in fewer words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError, TradewindError
from tradewind.market import Instrument
from tradewind.market.instrument import decimal_of
from tradewind.market.rules import parse_rules
from tradewind.market.rules.answers import RuleSet, Skipped, largest_order
from tradewind.units.time import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["market_named", "number_of", "price_steps", "rules_of_markets", "symbol_of"]

_MS_NS = 1_000_000
_PRICE_DECIMALS = 6
"""Of a perpetual at Hyperliquid whose quantities are whole numbers."""

_MARKET_MAX: Final = ("maxMarketOrderQty", "market_order_size_max", "marketMaxOrderQty")
"""What Bitget, Gate and KuCoin call the largest order at market, which ccxt does not read."""

_WRAPPED: Final[dict[str, Callable[[list[object]], object]]] = {
    "binance": lambda entries: {"symbols": entries},
    "bybit": lambda entries: {"result": {"list": entries}},
    "okx": lambda entries: {"data": entries},
    "blofin": lambda entries: {"data": entries},
}
"""How each venue whose answers we read ourselves wraps its entries."""


def rules_of_markets(venue: str, markets: Mapping[str, Mapping[str, Any]]) -> RuleSet:
    """Return the rules of every market of a venue that is of the venue's kind.

    Parameters
    ----------
    venue
        Our name of it.
    markets
        `exchange.markets` after `load_markets`.

    Raises
    ------
    ConfigError
        EXCHANGE_UNKNOWN; MARKET_RULES_INVALID where the answer is none that is known. A symbol whose own rules are
        impossible is skipped with the reason; the others stand.
    """
    if venue not in VENUES:
        raise ConfigError("EXCHANGE_UNKNOWN", f"no venue is called {venue!r}", known=tuple(VENUES))
    mine = [market for market in markets.values() if _is_of_kind(market, VENUES[venue].payoff)]
    wrap = _WRAPPED.get(venue.partition("_")[0])
    if wrap is not None:
        return parse_rules(venue, wrap([market["info"] for market in mine]))
    rules = RuleSet(venue)
    for market in mine:
        symbol = symbol_of(market)
        try:
            rules.instruments[symbol] = _instrument(venue, market)
        except TradewindError as error:
            rules.skipped.append(Skipped(symbol, f"{error.key}: {error.message}"))
    return rules


def symbol_of(market: Mapping[str, Any]) -> str:
    """Return our name of a market: the venue's id of it, or its coin where ids are mere numbers (Hyperliquid)."""
    return str(market.get("baseName") or market["id"])


def market_named(exchange: Any, symbol: str) -> Mapping[str, Any] | None:  # noqa: ANN401 - ccxt ships no types
    """Return the market of a ccxt object, its markets loaded, that we call so; None for none."""
    by_id = (exchange.markets_by_id or {}).get(symbol)
    if by_id:
        found: Mapping[str, Any] = by_id[0]
        return found
    return next((one for one in (exchange.markets or {}).values() if symbol_of(one) == symbol), None)


def number_of(exchange: Any, symbol: str) -> int | None:  # noqa: ANN401 - ccxt ships no types
    """Return the number by which orders of a symbol go where a venue numbers its instruments, None where it is new."""
    market = market_named(exchange, symbol)
    word = str((market or {}).get("baseId") or "")
    return int(word) if word.isdigit() else None


def price_steps(markets: Mapping[str, Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return, by our names, the steps of today's prices where they are coarser than those of all times.

    Hyperliquid's prices have five significant digits, so that their step depends on the price; ccxt works it out.
    """
    return {
        symbol_of(market): decimal_of(market["precision"]["price"], "precision.price", symbol_of(market))
        for market in markets.values()
        if _finest_tick(market) is not None and market["precision"].get("price")
    }


def _is_of_kind(market: Mapping[str, Any], payoff: str) -> bool:
    if payoff == "spot":
        return bool(market.get("spot"))
    return bool(market.get("swap")) and bool(market.get("linear" if payoff == "linear" else "inverse"))


def _finest_tick(market: Mapping[str, Any]) -> Decimal | None:
    """Return the tick that every price of a market is a multiple of, where its precision depends on the price.

    Hyperliquid writes five significant digits and at most six decimals less those of quantities, so that the step is
    a tenth as soon as the price falls below a power of ten.
    """
    decimals = market["info"].get("szDecimals")
    return None if decimals is None else Decimal(1).scaleb(int(decimals) - _PRICE_DECIMALS)


def _instrument(venue: str, market: Mapping[str, Any]) -> Instrument:
    """Return one instrument from ccxt's unified fields, whose precisions are steps."""
    defaults, where = VENUES[venue], f"{venue} {market['id']}"

    def number(value: object, name: str) -> Decimal:
        return decimal_of(value, name, where)

    def optional(value: object, name: str) -> Decimal | None:
        return None if value is None else number(value, name)

    amount, cost = market["limits"]["amount"], market["limits"].get("cost") or {}
    lot = number(market["precision"]["amount"], "precision.amount")
    leverage = (market["limits"].get("leverage") or {}).get("max")
    created_ms = market.get("created")
    return Instrument(
        venue=venue,
        symbol=symbol_of(market),
        payoff=defaults.payoff,
        base=str(market["base"]),
        quote=str(market["quote"]),
        settle=str(market.get("settle") or market["quote"]),
        tick_size=_finest_tick(market) or number(market["precision"]["price"], "precision.price"),
        lot_size=lot,
        min_qty=max(lot, optional(amount.get("min"), "limits.amount.min") or lot),
        max_qty=largest_order(
            lot,
            optional(amount.get("max") or None, "limits.amount.max"),
            *(optional(market["info"].get(name) or None, name) for name in _MARKET_MAX),
        ),
        min_notional=optional(cost.get("min"), "limits.cost.min") or Decimal(0),
        contract_size=number(market.get("contractSize") or 1, "contractSize"),
        maker_rate=Decimal(str(defaults.maker_rate)),
        taker_rate=Decimal(str(defaults.taker_rate)),
        liquidation_fee_rate=Decimal(str(defaults.liquidation_fee_rate)),
        leverage_max=number(leverage or defaults.leverage_max, "limits.leverage.max"),
        funding_interval_ns=defaults.funding_interval_h * HOUR_NS,
        listed_ns=int(created_ms) * _MS_NS if created_ms else None,
        active=bool(market.get("active", True)),
        provenance="ccxt markets",
    )
