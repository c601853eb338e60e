"""BloFin's public answers: instruments, prices, books, bars, funding. Nothing here knows an account."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from tradewind.venues.fake import blofin_words as words
from tradewind.venues.fake.envelopes import Row, millis, whole_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.market import Instrument
    from tradewind.venues.fake.exchange import FakeExchange

__all__ = ["market_routes", "symbol_in", "ticker_row"]

_CANDLES_MAX = 1440
_MS = 1_000_000


def market_routes(exchange: FakeExchange) -> dict[str, Callable[[Mapping[str, str]], object]]:
    """Return the handler of each public path below ``/api/v1/``."""
    handlers = {
        "market/instruments": _instruments,
        "market/tickers": _tickers,
        "market/books": _books,
        "market/trades": _trades,
        "market/mark-price": _mark_prices,
        "market/funding-rate": _funding_rates,
        "market/funding-rate-history": _funding_history,
        "market/candles": _candles,
        "market/position-tiers": _tiers,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def symbol_in(exchange: FakeExchange, args: Mapping[str, object]) -> str:
    """Return the instrument that a request names. Raises Refused for one that is not listed."""
    symbol = str(args.get("instId", ""))
    if symbol not in exchange.instruments:
        raise Refused(Reason.SYMBOL_UNKNOWN, symbol)
    return symbol


def _chosen(exchange: FakeExchange, args: Mapping[str, str]) -> list[Instrument]:
    if not args.get("instId"):
        return list(exchange.instruments.values())
    return [exchange.instruments[symbol_in(exchange, args)]]


def _instruments(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [
        words.instrument_row(instrument, exchange.status(instrument.symbol))
        for instrument in _chosen(exchange, args)
    ]


def ticker_row(exchange: FakeExchange, symbol: str) -> Row:
    """Return the ticker of an instrument; its day is the last 24 hours."""
    book, day = exchange.book(symbol, 1), exchange.ticker(symbol)
    return {
        "instId": symbol,
        "last": plain(day.last),
        "lastSize": plain(exchange.instruments[symbol].lot_size),
        "askPrice": plain(book.asks[0][0]),
        "askSize": plain(book.asks[0][1]),
        "bidPrice": plain(book.bids[0][0]),
        "bidSize": plain(book.bids[0][1]),
        "high24h": plain(day.high),
        "open24h": plain(day.open),
        "low24h": plain(day.low),
        "volCurrency24h": plain(day.volume * exchange.instruments[symbol].contract_size),
        "vol24h": plain(day.volume),
        "ts": millis(exchange.now_ns()),
    }


def _tickers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [ticker_row(exchange, instrument.symbol) for instrument in _chosen(exchange, args)]


def _books(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    book = exchange.book(symbol_in(exchange, args), min(whole_in(args, "size", 1), 100))
    return [
        {
            "asks": [[plain(price), plain(qty)] for price, qty in book.asks],
            "bids": [[plain(price), plain(qty)] for price, qty in book.bids],
            "ts": millis(book.ts_ns),
        }
    ]


def _trades(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    trades = exchange.trades(symbol_in(exchange, args), min(whole_in(args, "limit", 100), 100))
    return [words.public_trade_row(trade) for trade in sorted(trades, key=lambda trade: -trade.trade_id)]


def _mark_prices(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [
        {
            "instId": instrument.symbol,
            "indexPrice": plain(exchange.index(instrument.symbol)),
            "markPrice": plain(exchange.mark(instrument.symbol)),
            "ts": millis(exchange.now_ns()),
        }
        for instrument in _chosen(exchange, args)
    ]


def _funding_rates(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    rows = []
    for instrument in _chosen(exchange, args):
        now = exchange.funding(instrument.symbol)
        rows.append(
            {
                "instId": instrument.symbol,
                "fundingRate": plain(now.predicted),
                "fundingTime": millis(now.next_ns),
            }
        )
    return rows


def _funding_history(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    limit = min(whole_in(args, "limit", 100), 100)
    start = whole_in(args, "before") * _MS
    end = whole_in(args, "after") * _MS or exchange.now_ns() + 1
    newest = exchange.funding_history(symbol, start + 1, end, limit)[::-1]
    return [
        {"instId": symbol, "fundingRate": plain(rate), "fundingTime": millis(at_ns)} for at_ns, rate in newest
    ]


def _candles(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    interval = words.BARS.get(args.get("bar", "1m"))
    if interval is None:
        raise ValueError("bar")
    limit = min(whole_in(args, "limit", 500), _CANDLES_MAX)
    end = min(whole_in(args, "after") * _MS or exchange.now_ns() + 1, exchange.now_ns() + 1)
    start = max(whole_in(args, "before") * _MS + 1, end - (limit + 1) * interval)
    candles = exchange.candles(symbol, interval, start, end - 1, limit + 1)
    rows = [words.candle_row(candle, exchange.instruments[symbol]) for candle in candles[-limit:]]
    return rows[::-1]


def _tiers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    instrument = exchange.instruments[symbol_in(exchange, args)]
    rows, least = [], Decimal(0)
    for number, tier in enumerate(instrument.tiers, start=1):
        upto = tier.notional_upto or Decimal(10) ** 12
        rows.append(
            {
                "instId": instrument.symbol,
                "marginMode": args.get("marginMode", "cross"),
                "tier": str(number),
                "minSize": plain(least),
                "maxSize": plain(upto),
                "maintenanceMarginRate": plain(tier.maintenance_rate),
                "maxLeverage": plain(tier.leverage_max),
            }
        )
        least = upto
    return rows
