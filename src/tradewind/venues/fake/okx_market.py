"""OKX's public answers: instruments, prices, books, bars, funding, open interest."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from tradewind.venues.fake import okx_words as words
from tradewind.venues.fake.envelopes import Objection, Row, millis, older_and_newer, whole_in
from tradewind.venues.fake.orders import Reason, Refused
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.market import Instrument
    from tradewind.venues.fake.exchange import FakeExchange

__all__ = ["funding_row", "interest_row", "market_routes", "symbol_in", "ticker_row"]

_CANDLES_MAX = 300
_MARKS_MAX = 100
_DEPTH_MAX = 400
_SETTLEMENTS_MAX = 400
_MS = 1_000_000
_PERIODS = {"5m": words.BARS["5m"], "1H": words.BARS["1H"], "1D": words.BARS["1Dutc"]}


def market_routes(exchange: FakeExchange) -> dict[str, Callable[[Mapping[str, str]], object]]:
    """Return the handler of each public path below ``/api/v5/``."""
    handlers = {
        "public/time": _time,
        "public/instruments": _instruments,
        "public/mark-price": _mark_prices,
        "public/funding-rate": _funding_rate,
        "public/funding-rate-history": _funding_history,
        "public/open-interest": _open_interest,
        "public/position-tiers": _tiers,
        "public/price-limit": _price_limit,
        "rubik/stat/contracts/open-interest-history": _interest_history,
        "market/ticker": _ticker,
        "market/tickers": _tickers,
        "market/books": _books,
        "market/trades": _trades,
        "market/history-trades": _trades,
        "market/candles": _candles,
        "market/history-candles": _candles,
        "market/mark-price-candles": _mark_candles,
        "market/history-mark-price-candles": _mark_candles,
        "system/status": _status,
    }
    return {path: partial(handler, exchange) for path, handler in handlers.items()}


def symbol_in(exchange: FakeExchange, args: Mapping[str, object]) -> str:
    """Return the instrument that a request names. Raises Refused for one that is not listed, Objection for none."""
    symbol = str(args.get("instId") or "")
    if not symbol:
        raise Objection("50014", "Parameter instId can not be empty")
    if symbol not in exchange.instruments:
        raise Refused(Reason.SYMBOL_UNKNOWN, symbol)
    return symbol


def _chosen(exchange: FakeExchange, args: Mapping[str, str]) -> list[Instrument]:
    """Return the perpetuals that a request is about; the venue's other types of instruments are not here."""
    if args.get("instType", "SWAP") not in ("SWAP", "ANY"):
        return []
    if args.get("instId"):
        return [exchange.instruments[symbol_in(exchange, args)]]
    return list(exchange.instruments.values())


def _time(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    del args
    return [{"ts": millis(exchange.told_ns())}]


def _status(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    """Return the maintenance that is announced or going on, if any."""
    begin_ns, end_ns = exchange.announced_ns
    state = "scheduled" if exchange.now_ns() < begin_ns else "ongoing"
    if not begin_ns or args.get("state", state) != state:
        return []
    return [
        {
            "title": "Maintenance",
            "state": state,
            "begin": millis(begin_ns),
            "end": millis(end_ns) if end_ns else "",
            "preOpenBegin": "",
            "href": "",
            "serviceType": "5",
            "system": "unified",
            "maintType": "1",
            "env": "1",
            "scheDesc": "",
        }
    ]


def _instruments(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    if not args.get("instType"):
        raise Objection("50014", "Parameter instType can not be empty")
    code_of = {symbol: 10_000 + n for n, symbol in enumerate(exchange.instruments)}
    return [
        words.instrument_row(instrument, exchange.status(instrument.symbol), code_of[instrument.symbol])
        for instrument in _chosen(exchange, args)
    ]


def ticker_row(exchange: FakeExchange, symbol: str) -> Row:
    """Return the ticker of an instrument; its day is the last 24 hours."""
    book, day, rules = exchange.book(symbol, 1), exchange.ticker(symbol), exchange.instruments[symbol]
    return {
        "instType": "SWAP",
        "instId": symbol,
        "last": plain(day.last),
        "lastSz": plain(rules.lot_size),
        "askPx": plain(book.asks[0][0]),
        "askSz": plain(book.asks[0][1]),
        "bidPx": plain(book.bids[0][0]),
        "bidSz": plain(book.bids[0][1]),
        "open24h": plain(day.open),
        "high24h": plain(day.high),
        "low24h": plain(day.low),
        "volCcy24h": plain(day.volume * rules.contract_size),
        "vol24h": plain(day.volume),
        "sodUtc0": plain(day.open),
        "sodUtc8": plain(day.open),
        "ts": millis(exchange.now_ns()),
    }


def _ticker(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [ticker_row(exchange, symbol_in(exchange, args))]


def _tickers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [ticker_row(exchange, instrument.symbol) for instrument in _chosen(exchange, args)]


def _books(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    book = exchange.book(symbol_in(exchange, args), min(whole_in(args, "sz", 1), _DEPTH_MAX))
    return [
        {
            "asks": words.book_levels(book.asks),
            "bids": words.book_levels(book.bids),
            "ts": millis(book.ts_ns),
            "seqId": book.update_id,
        }
    ]


def _trades(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    rows = [
        {
            "instId": trade.symbol,
            "side": trade.side,
            "sz": plain(trade.qty),
            "px": plain(trade.price),
            "tradeId": str(trade.trade_id),
            "ts": millis(trade.ts_ns),
        }
        for trade in exchange.trades(symbol_in(exchange, args), 500)
    ]
    rows.sort(key=lambda row: -int(row["tradeId"]))
    return older_and_newer(rows, "tradeId", {"limit": 100, **args}, 500)


def _mark_prices(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [
        {
            "instType": "SWAP",
            "instId": instrument.symbol,
            "markPx": plain(exchange.mark(instrument.symbol)),
            "ts": millis(exchange.now_ns()),
        }
        for instrument in _chosen(exchange, args)
    ]


def funding_row(exchange: FakeExchange, symbol: str) -> Row:
    """Return the funding that is coming for an instrument and the one that was."""
    now = exchange.funding(symbol)
    return {
        "fundingRate": plain(now.predicted),
        "fundingTime": millis(now.next_ns),
        "instId": symbol,
        "instType": "SWAP",
        "method": "current_period",
        "maxFundingRate": "0.00375",
        "minFundingRate": "-0.00375",
        "nextFundingRate": "",
        "nextFundingTime": millis(now.next_ns + now.interval_ns),
        "premium": plain(now.predicted),
        "settFundingRate": plain(now.rate),
        "settState": "settled",
        "ts": millis(exchange.now_ns()),
    }


def _funding_rate(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [funding_row(exchange, symbol_in(exchange, args))]


def _funding_history(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    limit = min(whole_in(args, "limit", _SETTLEMENTS_MAX), _SETTLEMENTS_MAX)
    start, end = whole_in(args, "before") * _MS + 1, whole_in(args, "after") * _MS
    settled = exchange.funding_history(symbol, start, end or exchange.now_ns() + 1, limit)
    return [
        {
            "fundingRate": plain(rate),
            "fundingTime": millis(at_ns),
            "instId": symbol,
            "instType": "SWAP",
            "method": "current_period",
            "realizedRate": plain(rate),
        }
        for at_ns, rate in settled[::-1]
    ]


def interest_row(exchange: FakeExchange, symbol: str) -> Row:
    """Return the open interest of an instrument: contracts, base coin, dollars."""
    contracts = exchange.open_interest(symbol)
    base = contracts * exchange.instruments[symbol].contract_size
    return {
        "instType": "SWAP",
        "instId": symbol,
        "oi": plain(contracts),
        "oiCcy": plain(base),
        "oiUsd": plain(base * exchange.mark(symbol)),
        "ts": millis(exchange.now_ns()),
    }


def _open_interest(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return [interest_row(exchange, instrument.symbol) for instrument in _chosen(exchange, args)]


def _interest_history(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    period = _PERIODS.get(args.get("period", "5m"))
    if period is None:
        raise ValueError("period")
    limit = min(whole_in(args, "limit", 100), 100)
    end = min(whole_in(args, "end") * _MS or exchange.now_ns(), exchange.now_ns())
    start = max(whole_in(args, "begin") * _MS, end - limit * period)
    size, rows = exchange.instruments[symbol].contract_size, []
    for at_ns, contracts in exchange.open_interest_history(symbol, period, start, end, limit):
        base = contracts * size
        rows.append([millis(at_ns), plain(contracts), plain(base), plain(base * exchange.mark(symbol))])
    return rows[::-1]


def _candles(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    return _bars(exchange, args, _CANDLES_MAX)


def _mark_candles(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    """Return bars without a volume; the mark of a fake's past is its price, as at the other exchanges here."""
    return [[*row[:5], row[-1]] for row in _bars(exchange, args, _MARKS_MAX)]


def _bars(exchange: FakeExchange, args: Mapping[str, str], most: int) -> list[list[str]]:
    symbol = symbol_in(exchange, args)
    interval = words.BARS.get(args.get("bar", "1m"))
    if interval is None:
        raise ValueError("bar")
    limit = min(whole_in(args, "limit", 100), most)
    end = min(whole_in(args, "after") * _MS or exchange.now_ns() + 1, exchange.now_ns() + 1)
    start = max(whole_in(args, "before") * _MS + 1, end - (limit + 1) * interval)
    candles = exchange.candles(symbol, interval, start, end - 1, limit + 1)
    rows = [words.candle_row(candle, exchange.instruments[symbol]) for candle in candles[-limit:]]
    return rows[::-1]


def _tiers(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    rows = []
    for instrument in exchange.instruments.values():
        family = f"{instrument.base}-{instrument.quote}"
        if args.get("instFamily") not in (None, "", family):
            continue
        least = Decimal(0)
        for number, tier in enumerate(instrument.tiers, start=1):
            upto = (tier.notional_upto or Decimal(10) ** 12) / instrument.contract_size
            rows.append(
                {
                    "baseMaxLoan": "",
                    "imr": plain(round(1 / tier.leverage_max, 8)),
                    "instId": instrument.symbol,
                    "instFamily": family,
                    "maxLever": plain(tier.leverage_max),
                    "maxSz": plain(upto),
                    "minSz": plain(least),
                    "mmr": plain(tier.maintenance_rate),
                    "optMgnFactor": "0",
                    "quoteMaxLoan": "",
                    "tier": str(number),
                    "uly": family,
                }
            )
            least = upto
    return rows


def _price_limit(exchange: FakeExchange, args: Mapping[str, str]) -> object:
    symbol = symbol_in(exchange, args)
    mark, ratio = exchange.mark(symbol), exchange.instruments[symbol].price_band_ratio or Decimal("0.05")
    return [
        {
            "instId": symbol,
            "instType": "SWAP",
            "buyLmt": plain(mark * (1 + ratio)),
            "sellLmt": plain(mark * (1 - ratio)),
            "enabled": True,
            "ts": millis(exchange.now_ns()),
        }
    ]
