"""One door for all answers: the shape of an answer tells what it is, the caller says whose it is."""

from collections.abc import Callable
from decimal import Decimal

from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError
from tradewind.market.rules import binance, blofin, bybit, okx
from tradewind.market.rules.answers import Fields, RuleSet

__all__ = ["parse_rules"]

_Parser = Callable[[str, object], RuleSet]


def parse_rules(
    venue: str, answer: object, *, contract_notional: dict[str, Decimal] | None = None
) -> RuleSet:
    """Return what a venue's metadata answer, decoded from JSON, says about its instruments.

    contract_notional: value of one contract by symbol, for OKX's position tiers.
    Raises EXCHANGE_UNKNOWN, MARKET_RULES_INVALID where the answer is none that is known of this venue. A symbol whose
    own rules are impossible is skipped with the reason; the others stand.
    """
    if venue not in VENUES:
        raise ConfigError("EXCHANGE_UNKNOWN", f"no venue is called {venue!r}", known=tuple(VENUES))
    family = venue.partition("_")[0]
    if family == "binance":
        return _binance(venue, answer)
    if family == "bybit":
        return _bybit(venue, _table(venue, answer).part("result"))
    if family == "okx":
        return _okx(venue, _table(venue, answer), contract_notional or {})
    if family == "blofin":
        return blofin.parse_instruments(venue, _table(venue, answer))
    raise ConfigError("EXCHANGE_UNSUPPORTED", f"the metadata of {venue} is not understood yet", where=venue)


def _table(venue: str, answer: object) -> Fields:
    if not isinstance(answer, dict):
        raise _unknown(venue)
    return Fields(answer, venue)


def _unknown(venue: str) -> ConfigError:
    return ConfigError(
        "MARKET_RULES_INVALID", "this is no metadata answer that is known of the venue", where=venue
    )


def _binance(venue: str, answer: object) -> RuleSet:
    if isinstance(answer, dict):
        if "symbols" in answer:
            return binance.parse_exchange_info(venue, answer)
        if answer and all("/" in symbol for symbol in answer):
            return binance.parse_ccxt_tiers(venue, answer)
    first = answer[0] if isinstance(answer, list) and answer else None
    if isinstance(answer, list) and isinstance(first, dict):
        if "fundingIntervalHours" in first:
            return binance.parse_funding_info(venue, answer)
        if "brackets" in first:
            return binance.parse_brackets(venue, answer)
    raise _unknown(venue)


def _bybit(venue: str, result: Fields) -> RuleSet:
    first = next(iter(result.parts("list")), None)
    if first is None:
        return RuleSet(venue)
    if "riskLimitValue" in first.table:
        return bybit.parse_risk_limits(venue, result)
    if "makerFeeRate" in first.table:
        return bybit.parse_fee_rates(venue, result)
    if "priceFilter" in first.table:
        return bybit.parse_instruments(venue, result)
    raise _unknown(venue)


def _okx(venue: str, answer: Fields, contract_notional: dict[str, Decimal]) -> RuleSet:
    first = next(iter(answer.parts("data")), None)
    if first is None:
        return RuleSet(venue)
    if "mmr" in first.table:
        return okx.parse_position_tiers(venue, answer, contract_notional)
    if "tickSz" in first.table:
        return okx.parse_instruments(venue, answer)
    raise _unknown(venue)
