"""What differs between the market data of venues: which channel carries what, and where in a message it stands.

A place is written as a path: ``k.o`` is the field ``o`` of the table ``k`` of a row, ``0`` the first element of a
list, ``^topic`` a field of the whole message rather than of the row, and what follows ``~`` is a pattern whose
first group is the value. Rows give their provenance: "sample" was read from a real message or a client's test
fixture under data/messages, "ccxt" from what ccxt 4.5.90 understands, "documentation" from the venue's pages.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from tradewind.units.enums import BUY, SELL
from tradewind.venues.ccxt.stream_shapes import (
    BookRule,
    BookShape,
    CandleShape,
    LiquidationShape,
    MarkShape,
    Poll,
    Rest,
    Stream,
    TradeShape,
    VenueStreams,
)
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STREAMS"]

_SIDES: Mapping[object, int] = MappingProxyType(
    {"buy": BUY, "sell": SELL, "Buy": BUY, "Sell": SELL, "BUY": BUY, "SELL": SELL, "B": BUY, "A": SELL}
)
_MAKER_BOUGHT: Mapping[object, int] = MappingProxyType({True: SELL, False: BUY})
_TURNED: Mapping[object, int] = MappingProxyType({"Buy": SELL, "Sell": BUY})


_CARRY: Mapping[StreamKind, Poll] = MappingProxyType(
    {
        StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt"),
        StreamKind.OPEN_INTEREST: Poll("fetch_open_interest", 60.0, "openInterestAmount", "ccxt"),
    }
)


def _binance_perpetual(streams: dict[StreamKind, Stream]) -> None:
    """Add what only perpetuals have."""
    streams[StreamKind.MARK] = Stream(
        "watch_mark_prices",
        "symbols",
        "markPriceUpdate",
        MarkShape("", "s", "p", "E"),
        10.0,
        "sample binance.jsonl UsdFutures MarkPrice",
    )
    streams[StreamKind.LIQUIDATIONS] = Stream(
        "watch_liquidations_for_symbols",
        "symbols",
        "forceOrder",
        LiquidationShape("o", "s", "ap", "z", "S", _SIDES, "T"),
        0.0,
        "sample binance.jsonl UsdFutures Liquidations",
    )


def _binance(*, spot: bool) -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "trade",
            TradeShape("", "s", "p", "q", "m", _MAKER_BOUGHT, "t", "T"),
            0.0,
            "sample binance.jsonl Trades, raw_ws_2024-08-08",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv_for_symbols",
            "pairs",
            "kline",
            CandleShape("k", "s", "i", "t", "o", "h", "l", "c", "v", "x", True),
            0.0,
            "sample binance.jsonl Klines",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "depthUpdate",
            BookShape(
                BookRule.FETCHED,
                "",
                "s",
                "b",
                "a",
                first="U",
                last="u",
                previous="" if spot else "pu",
                ts="E",
            ),
            30.0 if spot else 15.0,
            "sample raw_ws_2024-08-08",
        ),
    }
    if not spot:
        _binance_perpetual(streams)
    polls = {} if spot else _CARRY
    rest = (
        Rest(1000, True, None, 0, 0, 0, 25.0, "documentation: weight 2 of 6,000 a minute")
        if spot
        else Rest(
            1000,
            True,
            {"price": "mark"},
            1000,
            1000,
            500,
            4.0,
            "documentation: weight 5 of 2,400 a minute; open interest of 30 days",
            interest_days=29,
            interest_steps=("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"),
        )
    )
    return VenueStreams("e", streams, polls, rest)


def _bybit_perpetual(streams: dict[StreamKind, Stream]) -> None:
    """Add what only perpetuals have."""
    streams[StreamKind.MARK] = Stream(
        "watch_tickers",
        "symbols",
        "tickers",
        MarkShape("data", "symbol", "markPrice", "^ts", "openInterest"),
        30.0,
        "sample bybit_v5.jsonl Linear Ticker",
    )
    streams[StreamKind.LIQUIDATIONS] = Stream(
        "watch_liquidations",
        "each",
        "allLiquidation",
        LiquidationShape("data", "s", "p", "v", "S", _TURNED, "T"),
        0.0,
        "documentation: S is the side of the position that was liquidated",
    )


def _bybit(*, spot: bool) -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "publicTrade",
            TradeShape("data", "s", "p", "v", "S", _SIDES, "i", "T"),
            0.0,
            "sample bybit_v5.jsonl Trades",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv_for_symbols",
            "pairs",
            "kline",
            CandleShape(
                "data",
                r"^topic~kline\.\w+\.(.+)",
                "interval",
                "start",
                "open",
                "high",
                "low",
                "close",
                "volume",
                "confirm",
                True,
            ),
            0.0,
            "sample bybit_v5.jsonl Klines",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "orderbook",
            BookShape(
                BookRule.CONSECUTIVE,
                "data",
                "s",
                "b",
                "a",
                action="^type",
                last="u",
                ts="^ts",
            ),
            30.0 if spot else 15.0,
            "sample bybit_v5.jsonl OrderBook",
            limit=50,
        ),
    }
    if not spot:
        _bybit_perpetual(streams)
    polls = {} if spot else _CARRY
    rest = (
        Rest(1000, True, None, 0, 0, 0, 30.0, "documentation: 600 requests in 5 s")
        if spot
        else Rest(
            1000,
            True,
            {"price": "mark"},
            1000,
            200,
            200,
            30.0,
            "documentation: 600 requests in 5 s",
            interest_steps=("5m", "15m", "30m", "1h", "4h", "1d"),
        )
    )
    return VenueStreams("topic", streams, polls, rest)


_OKX_PERPETUALS = Rest(
    100,
    True,
    {"price": "mark"},
    100,
    100,
    0,
    2.5,
    "documentation: 20 requests in 2 s; settlements of three months",
    funding_days=90,
)


def _okx(*, spot: bool) -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "trades",
            TradeShape("data", "instId", "px", "sz", "side", _SIDES, "tradeId", "ts"),
            0.0,
            "sample OKX.ws.1.0",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv_for_symbols",
            "pairs",
            "candle",
            CandleShape(
                "data", "^arg.instId", "^arg.channel~candle(.+)", "0", "1", "2", "3", "4", "5", "8", "1"
            ),
            0.0,
            "sample okx_v5.jsonl Klines",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "books",
            BookShape(
                BookRule.CHAINED,
                "data",
                "^arg.instId",
                "bids",
                "asks",
                action="^action",
                last="seqId",
                previous="prevSeqId",
                ts="ts",
            ),
            60.0 if spot else 15.0,
            "sample okx_v5.jsonl OrderBook; documentation: an unchanged book is told every 60 s",
        ),
    }
    if not spot:
        streams[StreamKind.MARK] = Stream(
            "watch_mark_prices",
            "symbols",
            "mark-price",
            MarkShape("data", "instId", "markPx", "ts"),
            30.0,
            "sample okx_v5.jsonl MarkPrice; documentation: at least every 10 s",
        )
        streams[StreamKind.LIQUIDATIONS] = Stream(
            "watch_liquidations_for_symbols",
            "symbols",
            "liquidation-orders",
            LiquidationShape("data", "instId", "bkPx", "sz", "side", _SIDES, "ts", "details"),
            0.0,
            "ccxt",
        )
    polls = {} if spot else _CARRY
    rest = (
        Rest(100, True, None, 0, 0, 0, 2.5, "documentation: 20 requests in 2 s") if spot else _OKX_PERPETUALS
    )
    return VenueStreams("arg.channel", streams, polls, rest)


def _blofin() -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "trades",
            TradeShape("data", "instId", "price", "size", "side", _SIDES, "tradeId", "ts"),
            0.0,
            "sample blofin.jsonl Trades",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv_for_symbols",
            "pairs",
            "candle",
            CandleShape(
                "data", "^arg.instId", "^arg.channel~candle(.+)", "0", "1", "2", "3", "4", "5", "8", "1"
            ),
            0.0,
            "sample blofin.jsonl Klines",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "books",
            BookShape(
                BookRule.CHAINED,
                "data",
                "^arg.instId",
                "bids",
                "asks",
                action="^action",
                last="seqId",
                previous="prevSeqId",
                ts="ts",
            ),
            30.0,
            "sample blofin.jsonl OrderBook",
        ),
    }
    polls = {
        StreamKind.MARK: Poll("publicGetMarketMarkPrice", 3.0, "markPrice", "ccxt", by_id=True),
        StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt"),
    }
    rest = Rest(100, True, None, 0, 100, 0, 2.0, "documentation: 500 requests a minute for one address")
    return VenueStreams("arg.channel", streams, polls, rest)


def _bitget() -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "trade",
            TradeShape("data", "^arg.instId", "price", "size", "side", _SIDES, "tradeId", "ts"),
            0.0,
            "ccxt",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv",
            "each_pair",
            "candle",
            CandleShape("data", "^arg.instId", "^arg.channel~candle(.+)", "0", "1", "2", "3", "4", "5"),
            0.0,
            "ccxt",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "books5",
            BookShape(BookRule.WHOLE, "data", "^arg.instId", "bids", "asks", ts="ts"),
            15.0,
            "ccxt; documentation: seq may begin anew, so that it does not say what is older",
            limit=5,
        ),
        StreamKind.MARK: Stream(
            "watch_tickers",
            "symbols",
            "ticker",
            MarkShape("data", "instId", "markPrice", "ts", "holdingAmount"),
            15.0,
            "ccxt",
        ),
    }
    polls = {StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt")}
    rest = Rest(200, True, {"price": "mark"}, 200, 100, 0, 5.0, "documentation: 20 requests a second")
    return VenueStreams("arg.channel", streams, polls, rest)


def _gate() -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "futures.trades",
            TradeShape("result", "contract", "price", "size", "size", None, "id", "create_time_ms"),
            0.0,
            "sample GATEIO_FUTURES.ws.1.0",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv",
            "each_pair",
            "futures.candlesticks",
            CandleShape(
                "result",
                r"n~^[^_]+_(.+)",
                "n~^([^_]+)_",
                "t",
                "o",
                "h",
                "l",
                "c",
                "v",
                "w",
                True,
                ts_unit_ns=1_000_000_000,
            ),
            0.0,
            "documentation: w says that the window is closed",
        ),
        StreamKind.TOP: Stream(
            "watch_bids_asks",
            "symbols",
            "futures.book_ticker",
            BookShape(
                BookRule.WHOLE,
                "result",
                "s",
                "b",
                "a",
                qty="B",
                ask_qty="A",
                ts="t",
                last="u",
                one_level=True,
            ),
            15.0,
            "ccxt",
        ),
    }
    polls = {StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt")}
    rest = Rest(1000, False, {"price": "mark"}, 1000, 1000, 0, 5.0, "documentation: 200 requests in 10 s")
    return VenueStreams("channel", streams, polls, rest)


def _hyperliquid() -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades",
            "each",
            "trades",
            TradeShape("data", "coin", "px", "sz", "side", _SIDES, "tid", "time"),
            0.0,
            "sample raw_ws_2025-01-26",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv",
            "each_pair",
            "candle",
            CandleShape("data", "s", "i", "t", "o", "h", "l", "c", "v"),
            0.0,
            "ccxt",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book",
            "each",
            "l2Book",
            BookShape(
                BookRule.WHOLE, "data", "coin", "levels.0", "levels.1", price="px", qty="sz", ts="time"
            ),
            15.0,
            "sample raw_ws_2025-01-26",
        ),
    }
    polls = {StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt")}
    rest = Rest(5000, True, None, 0, 500, 0, 2.0, "documentation: weight 20 of 1,200 a minute")
    return VenueStreams("channel", streams, polls, rest)


def _kucoin() -> VenueStreams:
    streams = {
        StreamKind.TRADES: Stream(
            "watch_trades_for_symbols",
            "symbols",
            "/contractMarket/execution",
            TradeShape("data", "symbol", "price", "size", "side", _SIDES, "tradeId", "ts", ts_unit_ns=1),
            0.0,
            "ccxt",
        ),
        StreamKind.BARS: Stream(
            "watch_ohlcv",
            "each_pair",
            "/contractMarket/limitCandle",
            CandleShape(
                "data.candles",
                "^data.symbol",
                "^topic~_([0-9a-z]+)$",
                "0",
                "1",
                "3",
                "4",
                "2",
                "6",
                ts_unit_ns=1_000_000_000,
            ),
            0.0,
            "ccxt: the volume stands in the seventh place",
        ),
        StreamKind.TOP: Stream(
            "watch_order_book_for_symbols",
            "symbols",
            "/contractMarket/level2Depth5",
            BookShape(BookRule.WHOLE, "data", "^topic~:(.+)", "bids", "asks", last="sequence", ts="ts"),
            15.0,
            "ccxt",
            limit=5,
        ),
    }
    polls = {StreamKind.FUNDING: Poll("fetch_funding_rate_history", 60.0, "fundingRate", "ccxt")}
    rest = Rest(500, False, {"price": "mark"}, 500, 100, 0, 3.0, "documentation: weight 3 of 2,000 in 30 s")
    return VenueStreams("topic", streams, polls, rest)


STREAMS: Mapping[str, VenueStreams] = MappingProxyType(
    {
        "binance_usdm": _binance(spot=False),
        "binance_spot": _binance(spot=True),
        "bybit_linear": _bybit(spot=False),
        "bybit_spot": _bybit(spot=True),
        "okx_swap": _okx(spot=False),
        "okx_spot": _okx(spot=True),
        "blofin_swap": _blofin(),
        "bitget_swap": _bitget(),
        "gate_swap": _gate(),
        "kucoin": _kucoin(),
        "hyperliquid": _hyperliquid(),
    }
)
"""Market data by our names of the venues."""
