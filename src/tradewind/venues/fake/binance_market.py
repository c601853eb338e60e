"""Binance USD-M, what everybody may read: rules, time, candles, book, trades, mark, funding, open interest."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake.binance_rows import (
    INTERVALS_MS,
    canonical,
    contract_row,
    funding_hours,
    milli,
    public_trade_row,
)
from tradewind.venues.fake.envelopes import Objection, whole_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import Reply, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tradewind.market import Instrument
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Call

__all__ = ["LIMITS", "BinanceMarket", "symbol_in"]

Row = dict[str, Any]

LIMITS = {"REQUEST_WEIGHT": 2400, "ORDERS_1M": 1200, "ORDERS_10S": 300}
"""What one address may ask in a minute, and what one account may order in a minute and in ten seconds."""

_STATUS = {
    "trading": "TRADING",
    "reduce_only": "TRADING",
    "maintenance": "TRADING",
    "settling": "SETTLING",
    "closed": "CLOSE",
}
_NS = 1_000_000
_PERIODS_MS = {name: INTERVALS_MS[name] for name in ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")}
_KLINES_MAX = 1500
_HISTORY_MAX = 100_000


def symbol_in(exchange: FakeExchange, query: Mapping[str, str]) -> str:
    """Return the symbol that a request names. Raises Objection for none, Refused for one that does not exist."""
    symbol = query.get("symbol", "")
    if not symbol:
        raise Objection(
            "-1102", "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.", 400
        )
    if symbol not in exchange.instruments:
        raise Refused(Reason.SYMBOL_UNKNOWN, symbol)
    return symbol


class BinanceMarket:
    """Answers public requests."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange

    def routes(self) -> dict[tuple[str, str], Callable[[Call], Reply]]:
        """Return what answers each public path."""
        fapi: dict[str, Callable[[Call], Reply]] = {
            "v1/ping": lambda _call: Reply({}),
            "v1/time": lambda call: Reply({"serverTime": call.now_ms}),
            "v1/exchangeInfo": self._rules,
            "v1/klines": self._klines,
            "v1/markPriceKlines": self._price_klines,
            "v1/indexPriceKlines": self._price_klines,
            "v1/depth": self._depth,
            "v1/trades": self._trades,
            "v1/historicalTrades": self._trades,
            "v1/aggTrades": self._aggregated,
            "v1/premiumIndex": self._premium,
            "v1/fundingRate": self._funding,
            "v1/fundingInfo": self._funding_info,
            "v1/openInterest": self._open_interest,
            "v1/ticker/price": self._prices,
            "v2/ticker/price": self._prices,
            "v1/ticker/bookTicker": self._tops,
            "v1/ticker/24hr": self._day,
        }
        routes = {("GET", f"/fapi/{path}"): handler for path, handler in fapi.items()}
        routes["GET", "/futures/data/openInterestHist"] = self._open_interest_history
        return routes

    # ------------------------------------------------------------------ rules

    def _rules(self, call: Call) -> Reply:
        exchange = self._exchange
        settles = sorted({instrument.settle for instrument in exchange.instruments.values()})
        return Reply(
            {
                "timezone": "UTC",
                "serverTime": call.now_ms,
                "futuresType": "U_MARGINED",
                "rateLimits": [
                    _limit("REQUEST_WEIGHT", "MINUTE", 1, LIMITS["REQUEST_WEIGHT"]),
                    _limit("ORDERS", "MINUTE", 1, LIMITS["ORDERS_1M"]),
                    _limit("ORDERS", "SECOND", 10, LIMITS["ORDERS_10S"]),
                ],
                "exchangeFilters": [],
                "assets": [
                    {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
                    for asset in settles
                ],
                "symbols": [
                    contract_row(instrument, _STATUS[exchange.status(symbol)], exchange.mark(symbol))
                    for symbol, instrument in exchange.instruments.items()
                ],
            }
        )

    # ------------------------------------------------------------------ prices

    def _klines(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        interval_ms = INTERVALS_MS.get(call.query.get("interval", ""))
        if interval_ms is None:
            raise Objection("-1120", "Invalid interval.", 400)
        start_ns, end_ns, limit = _window(call, 500, _KLINES_MAX)
        if start_ns:
            # With a start the rows are counted from there, without one back from the end.
            end_ns = min(end_ns, start_ns + limit * interval_ms * _NS - 1)
        rows = self._exchange.candles(symbol, interval_ms * _NS, start_ns, end_ns, limit)
        return Reply(
            [
                [
                    milli(row.open_ns),
                    plain(row.open),
                    plain(row.high),
                    plain(row.low),
                    plain(row.close),
                    plain(row.volume),
                    milli(row.open_ns) + interval_ms - 1,
                    canonical(row.volume * row.close),
                    int(row.volume > 0),
                    plain(row.volume / 2),
                    canonical(row.volume * row.close / 2),
                    "0",
                ]
                for row in rows
            ]
        )

    def _price_klines(self, call: Call) -> Reply:
        query = dict(call.query)
        query.setdefault("symbol", query.get("pair", ""))
        reply = self._klines(_asking(call, query))
        rows = reply.data if isinstance(reply.data, list) else []
        return Reply([[*row[:5], "0", row[6], "0", 60, "0", "0", "0"] for row in rows])

    def _depth(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        limit = whole_in(call.query, "limit", 500)
        if limit not in (5, 10, 20, 50, 100, 500, 1000):
            raise Objection("-4021", f"{limit} is not valid depth limit.", 400)
        book = self._exchange.book(symbol, limit)
        stamp = milli(book.ts_ns)
        return Reply(
            {
                "lastUpdateId": book.update_id,
                "E": stamp,
                "T": stamp,
                "bids": [[plain(price), plain(qty)] for price, qty in book.bids],
                "asks": [[plain(price), plain(qty)] for price, qty in book.asks],
            }
        )

    def _trades(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        limit = min(whole_in(call.query, "limit", 500), 1000)
        return Reply([public_trade_row(trade) for trade in self._exchange.trades(symbol, limit)])

    def _aggregated(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        start_ns, end_ns, limit = _window(call, 500, 1000)
        rows = self._exchange.trades(symbol, 1000)
        return Reply(
            [
                {
                    "a": row.trade_id,
                    "p": plain(row.price),
                    "q": plain(row.qty),
                    "f": row.trade_id,
                    "l": row.trade_id,
                    "T": milli(row.ts_ns),
                    "m": row.side == "sell",
                }
                for row in rows
                if start_ns <= row.ts_ns <= end_ns
            ][slice(limit) if start_ns else slice(-limit, None)]
        )

    def _prices(self, call: Call) -> Reply:
        return self._each(
            call,
            lambda symbol: {
                "symbol": symbol,
                "price": plain(self._exchange.last(symbol)),
                "time": call.now_ms,
            },
        )

    def _tops(self, call: Call) -> Reply:
        def top(symbol: str) -> Row:
            book = self._exchange.book(symbol, 1)
            (bid, bid_qty), (ask, ask_qty) = book.bids[0], book.asks[0]
            return {
                "lastUpdateId": book.update_id,
                "symbol": symbol,
                "bidPrice": plain(bid),
                "bidQty": plain(bid_qty),
                "askPrice": plain(ask),
                "askQty": plain(ask_qty),
                "time": milli(book.ts_ns),
            }

        return self._each(call, top)

    def _day(self, call: Call) -> Reply:
        return self._each(call, lambda symbol: self._day_of(symbol, call.now_ns))

    def _day_of(self, symbol: str, now_ns: int) -> Row:
        hour_ns = INTERVALS_MS["1h"] * _NS
        rows = self._exchange.candles(symbol, hour_ns, now_ns - 24 * hour_ns, now_ns, 25)
        last = self._exchange.last(symbol)
        first = rows[0].open if rows else last
        volume = sum((row.volume for row in rows), Decimal(0))
        return {
            "symbol": symbol,
            "priceChange": plain(last - first),
            "priceChangePercent": canonical((last / first - 1) * 100, Decimal("0.001")),
            "weightedAvgPrice": plain(last),
            "lastPrice": plain(last),
            "lastQty": "0",
            "openPrice": plain(first),
            "highPrice": plain(max((row.high for row in rows), default=last)),
            "lowPrice": plain(min((row.low for row in rows), default=last)),
            "volume": plain(volume),
            "quoteVolume": canonical(volume * last),
            "openTime": milli(rows[0].open_ns if rows else now_ns),
            "closeTime": milli(now_ns),
            "firstId": 1,
            "lastId": 1,
            "count": 1,
        }

    # ------------------------------------------------------------------ mark, funding, open interest

    def _premium(self, call: Call) -> Reply:
        def row_of(symbol: str) -> Row:
            mark, funding = self._exchange.mark(symbol), self._exchange.funding(symbol)
            return {
                "symbol": symbol,
                "markPrice": canonical(mark),
                "indexPrice": canonical(self._exchange.index(symbol)),
                "estimatedSettlePrice": canonical(mark),
                "lastFundingRate": canonical(funding.predicted),
                "interestRate": "0.00010000",
                "nextFundingTime": milli(funding.next_ns),
                "time": call.now_ms,
            }

        return self._each(call, row_of)

    def _funding(self, call: Call) -> Reply:
        start_ns, end_ns, limit = _window(call, 100, 1000)
        most = _HISTORY_MAX if start_ns else limit
        chosen = [symbol_in(self._exchange, call.query)] if "symbol" in call.query else self._symbols()
        rows: list[Row] = [
            {
                "symbol": symbol,
                "fundingTime": milli(ts_ns),
                "fundingRate": canonical(rate),
                "markPrice": canonical(self._exchange.mark(symbol)),
            }
            for symbol in chosen
            for ts_ns, rate in self._exchange.funding_history(symbol, start_ns, end_ns, most)
        ]
        rows.sort(key=lambda row: row["fundingTime"])
        return Reply(rows[:limit] if start_ns else rows[-limit:])

    def _funding_info(self, _call: Call) -> Reply:
        return Reply(
            [
                {
                    "symbol": symbol,
                    "adjustedFundingRateCap": "0.02000000",
                    "adjustedFundingRateFloor": "-0.02000000",
                    "fundingIntervalHours": funding_hours(self._exchange.funding(symbol).interval_ns),
                    "disclaimer": False,
                    "updateTime": _call.now_ms,
                }
                for symbol in self._symbols()
            ]
        )

    def _open_interest(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        interest = self._exchange.open_interest(symbol)
        return Reply(
            {
                "openInterest": canonical(interest, self._rules_of(symbol).lot_size),
                "symbol": symbol,
                "time": call.now_ms,
            }
        )

    def _open_interest_history(self, call: Call) -> Reply:
        symbol = symbol_in(self._exchange, call.query)
        period_ms = _PERIODS_MS.get(call.query.get("period", ""))
        if period_ms is None:
            raise Objection("-1130", "parameter 'period' is invalid.", 400)
        start_ns, end_ns, limit = _window(call, 30, 500)
        rows = self._exchange.open_interest_history(symbol, period_ms * _NS, start_ns, end_ns, limit)
        return Reply(
            [
                {
                    "symbol": symbol,
                    "sumOpenInterest": canonical(interest),
                    "sumOpenInterestValue": canonical(interest * self._exchange.mark(symbol)),
                    "timestamp": milli(ts_ns),
                }
                for ts_ns, interest in rows
            ]
        )

    # ------------------------------------------------------------------ the like of them

    def _symbols(self) -> list[str]:
        return list(self._exchange.instruments)

    def _rules_of(self, symbol: str) -> Instrument:
        return self._exchange.instruments[symbol]

    def _each(self, call: Call, row_of: Callable[[str], Row]) -> Reply:
        if "symbol" in call.query:
            return Reply(row_of(symbol_in(self._exchange, call.query)))
        chosen: Iterable[str] = self._symbols()
        return Reply([row_of(symbol) for symbol in chosen])


def _asking(call: Call, query: Mapping[str, str]) -> Call:
    return type(call)(
        call.method,
        call.host,
        call.path,
        query,
        call.raw_query,
        call.body,
        call.headers,
        call.peer,
        call.now_ns,
    )


def _limit(kind: str, interval: str, number: int, limit: int) -> Row:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _window(call: Call, default: int, most: int) -> tuple[int, int, int]:
    """Return start and end in ns and the number of rows that a request asks for."""
    limit = max(1, min(whole_in(call.query, "limit", default), most))
    start_ns = whole_in(call.query, "startTime") * _NS
    end_ns = whole_in(call.query, "endTime") * _NS or call.now_ns
    if start_ns > end_ns:
        raise Objection("-1023", "Start time is greater than end time.", 400)
    return start_ns, end_ns, limit
