"""Bybit's public answers: instruments, prices, books, bars, funding, open interest of linear perpetuals."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake import bybit_words as words
from tradewind.venues.fake.envelopes import Objection, Row, millis, whole_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.exchange import FakeExchange

__all__ = ["category_in", "market_routes", "symbol_in", "ticker_row", "turned"]

_CANDLES_MAX = 1000
_MS = 1_000_000
_PERIODS = {"5min": "5", "15min": "15", "30min": "30", "1h": "60", "4h": "240", "1d": "D"}
_CATEGORIES = ("linear", "inverse", "spot", "option")


def market_routes(exchange: FakeExchange) -> dict[str, Callable[[Mapping[str, str]], object]]:
    """Return the handler of each public path below ``/v5/``."""
    handlers = {
        "market/time": _time,
        "market/instruments-info": _instruments,
        "market/kline": _candles,
        "market/mark-price-kline": _mark_candles,
        "market/tickers": _tickers,
        "market/orderbook": _book,
        "market/recent-trade": _trades,
        "market/funding/history": _funding_history,
        "market/open-interest": _open_interest,
        "market/risk-limit": _tiers,
        "system/status": _status,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def category_in(args: Mapping[str, Any]) -> str:
    """Return the category that a request names. Raises Objection for none of the venue's."""
    category = str(args.get("category", ""))
    if category not in _CATEGORIES:
        raise Objection("10001", "params error: Category is invalid")
    return category


def symbol_in(exchange: FakeExchange, args: Mapping[str, Any]) -> str:
    """Return the instrument that a request names. Raises Refused for one that is not listed."""
    symbol = str(args.get("symbol") or "")
    if category_in(args) != "linear" or symbol not in exchange.instruments:
        raise Refused(Reason.SYMBOL_UNKNOWN, symbol)
    return symbol


def turned(rows: list[Row], args: Mapping[str, Any], default: int, most: int) -> tuple[list[Row], str]:
    """Return one page of rows and the cursor of the next, "" after the last."""
    limit = max(1, min(whole_in(args, "limit", default), most))
    cursor = str(args.get("cursor") or "")
    start = int(cursor.removeprefix("page_token:")) if cursor.startswith("page_token:") else 0
    page = rows[start : start + limit]
    more = start + limit < len(rows)
    return page, f"page_token:{start + limit}" if more else ""


def _time(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    del args
    now_ns = exchange.told_ns()
    return {"timeSecond": str(now_ns // 1_000_000_000), "timeNano": str(now_ns)}


def _status(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    """Return the maintenance that is announced or going on, if any."""
    del args
    begin_ns, end_ns = exchange.announced_ns
    if not begin_ns:
        return {"list": []}
    row = {
        "id": "1",
        "title": "Maintenance",
        "state": "scheduled" if exchange.now_ns() < begin_ns else "ongoing",
        "begin": millis(begin_ns),
        "end": millis(end_ns) if end_ns else "",
        "href": "",
        "serviceTypes": [2, 3, 4, 5],
        "product": [1, 2],
        "uidSuffix": [],
        "maintainType": 1,
        "env": 1,
    }
    return {"list": [row]}


def _instruments(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    category = category_in(args)
    rows: list[Row] = []
    if category == "linear" and args.get("status", "Trading") == "Trading":
        rows = [
            words.instrument_row(instrument, exchange.status(instrument.symbol))
            for instrument in exchange.instruments.values()
            if args.get("symbol") in (None, "", instrument.symbol)
        ]
    page, cursor = turned(rows, args, 500, 1000)
    return {"category": category, "list": page, "nextPageCursor": cursor}


def _bars(exchange: FakeExchange, args: Mapping[str, str]) -> tuple[str, list[list[str]]]:
    symbol = symbol_in(exchange, args)
    interval = words.BARS.get(args.get("interval", ""))
    if interval is None:
        raise Objection("10001", "Invalid period!")
    limit = min(whole_in(args, "limit", 200), _CANDLES_MAX)
    now = exchange.now_ns()
    start, end = whole_in(args, "start") * _MS, min((whole_in(args, "end") + 1) * _MS, now + 1)
    if not args.get("end"):
        end = min(start + limit * interval, now + 1) if start else now + 1
    start = max(start, end - (limit + 1) * interval)
    candles = exchange.candles(symbol, interval, start, end - 1, limit + 1)
    return symbol, [words.candle_row(candle) for candle in candles[-limit:]][::-1]


def _candles(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol, rows = _bars(exchange, args)
    return {"symbol": symbol, "category": "linear", "list": rows}


def _mark_candles(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol, rows = _bars(exchange, args)
    return {"symbol": symbol, "category": "linear", "list": [row[:5] for row in rows]}


def ticker_row(exchange: FakeExchange, symbol: str) -> Row:
    """Return the ticker of an instrument; its day is the last 24 hours."""
    book, day, funding = exchange.book(symbol, 1), exchange.ticker(symbol), exchange.funding(symbol)
    mark, interest = exchange.mark(symbol), exchange.open_interest(symbol)
    return {
        "symbol": symbol,
        "lastPrice": plain(day.last),
        "indexPrice": plain(exchange.index(symbol)),
        "markPrice": plain(mark),
        "prevPrice24h": plain(day.open),
        "price24hPcnt": plain(round(day.last / day.open - 1, 6)),
        "highPrice24h": plain(day.high),
        "lowPrice24h": plain(day.low),
        "prevPrice1h": plain(day.open),
        "openInterest": plain(interest),
        "openInterestValue": plain(round(interest * mark, 2)),
        "turnover24h": plain(round(day.quote_volume, 4)),
        "volume24h": plain(day.volume),
        "fundingRate": plain(funding.predicted),
        "nextFundingTime": millis(funding.next_ns),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "ask1Size": plain(book.asks[0][1]),
        "bid1Price": plain(book.bids[0][0]),
        "ask1Price": plain(book.asks[0][0]),
        "bid1Size": plain(book.bids[0][1]),
        "basis": "",
    }


def _tickers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    category = category_in(args)
    if category != "linear":
        return {"category": category, "list": []}
    symbols = [symbol_in(exchange, args)] if args.get("symbol") else list(exchange.instruments)
    return {"category": category, "list": [ticker_row(exchange, symbol) for symbol in symbols]}


def _book(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    book = exchange.book(symbol, min(whole_in(args, "limit", 25), 500))
    return {
        "s": symbol,
        "b": [[plain(price), plain(qty)] for price, qty in book.bids],
        "a": [[plain(price), plain(qty)] for price, qty in book.asks],
        "ts": book.ts_ns // _MS,
        "u": book.update_id,
        "seq": book.update_id,
    }


def _trades(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    rows = [
        {
            "execId": words.order_id_of(trade.trade_id),
            "symbol": symbol,
            "price": plain(trade.price),
            "size": plain(trade.qty),
            "side": trade.side.capitalize(),
            "time": millis(trade.ts_ns),
            "isBlockTrade": False,
        }
        for trade in sorted(
            exchange.trades(symbol, min(whole_in(args, "limit", 500), 1000)), key=lambda each: -each.trade_id
        )
    ]
    return {"category": "linear", "list": rows}


def _funding_history(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    if args.get("startTime") and not args.get("endTime"):
        raise Objection("10001", "params error: endTime is required with startTime")
    start = whole_in(args, "startTime") * _MS
    end = (whole_in(args, "endTime") + 1) * _MS if args.get("endTime") else exchange.now_ns() + 1
    limit = min(whole_in(args, "limit", 200), 200)
    settled = exchange.funding_history(symbol, start, end, limit)[::-1]
    rows = [
        {"symbol": symbol, "fundingRate": plain(rate), "fundingRateTimestamp": millis(at_ns)}
        for at_ns, rate in settled
    ]
    return {"category": "linear", "list": rows}


def _open_interest(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    word = _PERIODS.get(args.get("intervalTime", ""))
    if word is None:
        raise Objection("10001", "params error: intervalTime is invalid")
    period, limit = words.BARS[word], min(whole_in(args, "limit", 50), 200)
    now = exchange.now_ns()
    end = min(whole_in(args, "endTime") * _MS + 1, now) if args.get("endTime") else now
    start = max(whole_in(args, "startTime") * _MS, end - limit * period)
    history = exchange.open_interest_history(symbol, period, start, end, limit)
    rows = [{"openInterest": plain(held), "timestamp": millis(at_ns)} for at_ns, held in history]
    return {"symbol": symbol, "category": "linear", "list": rows[::-1], "nextPageCursor": ""}


def _tiers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    category_in(args)
    rows = []
    for instrument in exchange.instruments.values():
        if args.get("symbol") not in (None, "", instrument.symbol):
            continue
        for number, tier in enumerate(instrument.tiers, start=1):
            rows.append(
                {
                    "id": number,
                    "symbol": instrument.symbol,
                    "riskLimitValue": plain(tier.notional_upto or Decimal(10) ** 12),
                    "maintenanceMargin": plain(tier.maintenance_rate),
                    "initialMargin": plain(round(1 / tier.leverage_max, 8)),
                    "isLowestRisk": 1 if number == 1 else 0,
                    "maxLeverage": f"{tier.leverage_max:.2f}",
                    "mmDeduction": plain(tier.deduction),
                }
            )
    return {"category": "linear", "list": rows, "nextPageCursor": ""}
