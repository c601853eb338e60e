"""What each venue that is only read here answers and says, in the form that its documentation gives; prices made up.

A minute's candle follows from its time, so that the stream and REST tell the same. Base volume: 1.5 and more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.testing.scripted_venue import Asked

MINUTE_MS = 60_000
RATE = 0.000125


@dataclass(frozen=True, slots=True)
class Candle:
    """A minute: prices, and the volume in base units."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    base: float

    @property
    def prices(self) -> list[str]:
        """Return open, high, low and close as venues write them."""
        return [f"{price}.0" for price in (self.open, self.high, self.low, self.close)]


def candle_at(open_ms: int) -> Candle:
    """Return the candle of a minute."""
    n = open_ms // MINUTE_MS % 10
    return Candle(open_ms, 60_000 + n, 60_007 + n, 59_990 + n, 60_003 + n, 1.5 + n)


def candles(start_ms: int, end_ms: int) -> list[Candle]:
    """Return the candles that open in [start, end], a thousand at most."""
    first = -(-start_ms // MINUTE_MS) * MINUTE_MS
    return [candle_at(at) for at in range(first, end_ms + 1, MINUTE_MS)][:1000]


@dataclass(frozen=True, slots=True)
class Script:
    """One venue.

    Parameters
    ----------
    venue, symbol
        Ours, and the venue's own id of the instrument.
    answer
        What REST answers.
    subscriptions
        Every message that our subscriptions must be, but for numbers and times that differ each time.
    book, books_after, top
        The messages that begin its book; what follows: a change, and what must make it begin anew or is passed over;
        and the best prices after `book`, as (bid, lots, ask, lots) in ticks and lots.
    trade, told_trade
        A message, and (side, price in ticks, lots, time in ms).
    candle
        The message of a candle, over or not.
    words
        What of a subscription tells on which connection trades, candles, books and marks are said.
    says_closed
        Whether a candle says that it is over.
    ticks, lots_of_base
        Ticks in one unit of price, lots in one unit of base.
    react
        What the venue says at once to what it is told.
    """

    venue: str
    symbol: str
    answer: Callable[[Asked], object | None]
    subscriptions: list[Any]
    book: Callable[[int], list[Any]]
    top: tuple[int, int, int, int]
    trade: Callable[[int], Any]
    told_trade: tuple[int, int, int]
    candle: Callable[[Candle, bool], Any]
    says_closed: bool
    ticks: int
    lots_of_base: int
    react: Callable[[Any], list[object]] = lambda _message: []
    words: tuple[str, str, str, str] = ("", "", "", "")
    marks: list[tuple[Any, float, float | None]] = field(default_factory=list)


def _between(asked: Asked, start: str, end: str, unit_ms: int = 1) -> list[Candle]:
    return candles(int(asked.query[start]) * unit_ms, int(asked.query[end]) * unit_ms)


# ---------------------------------------------------------------------- Binance spot

_BINANCE_SYMBOL = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8, "quoteAsset": "USDT",
    "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"], "icebergAllowed": True,
    "ocoAllowed": True, "isSpotTradingAllowed": True, "isMarginTradingAllowed": True, "permissions": [],
    "permissionSets": [["SPOT", "MARGIN"]],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
    ],
}  # fmt: skip


def _binance_answer(asked: Asked) -> object | None:
    if asked.path == "/api/v3/exchangeInfo":
        return {"timezone": "UTC", "serverTime": 1, "rateLimits": [], "symbols": [_BINANCE_SYMBOL]}
    if asked.path == "/api/v3/depth":
        return {"lastUpdateId": 100, "bids": [["60000.00", "1.5"]], "asks": [["60000.50", "2.00001"]]}
    if asked.path == "/api/v3/klines":
        return [
            [c.open_ms, *c.prices, str(c.base), c.open_ms + 59_999, "0", 1, "0", "0", "0"]
            for c in _between(asked, "startTime", "endTime")
        ]
    return None


def binance_depth(first: int, last: int, bids: list[list[str]], ms: int) -> dict[str, object]:
    """Return changes of a book as Binance says them, by the numbers of the first and the last."""
    return {"e": "depthUpdate", "E": ms, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": []}


BINANCE_SPOT = Script(
    venue="binance_spot",
    symbol="BTCUSDT",
    answer=_binance_answer,
    subscriptions=[
        {"method": "SUBSCRIBE", "params": ["btcusdt@trade"]},
        {"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m"]},
        {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"]},
    ],
    book=lambda ms: [
        binance_depth(90, 99, [["59999.00", "1"]], ms),
        binance_depth(100, 102, [["60000.10", "0.5"]], ms),
    ],
    top=(6_000_010, 50_000, 6_000_050, 200_001),
    trade=lambda ms: {
        "e": "trade", "E": ms, "s": "BTCUSDT", "t": 12345, "p": "60000.01", "q": "0.00100", "T": ms, "m": True,
        "M": True,
    },
    told_trade=(-1, 6_000_001, 100),
    candle=lambda c, over: {
        "e": "kline", "E": c.open_ms, "s": "BTCUSDT",
        "k": {
            "t": c.open_ms, "T": c.open_ms + 59_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 2, "o": c.prices[0],
            "h": c.prices[1], "l": c.prices[2], "c": c.prices[3], "v": str(c.base), "n": 9, "x": over, "q": "1.0",
            "V": "1.0", "Q": "1.0", "B": "0",
        },
    },
    says_closed=True,
    words=("@trade", "@kline", "@depth", ""),
    ticks=100,
    lots_of_base=100_000,
)  # fmt: skip


# ---------------------------------------------------------------------- Bybit spot


def _bybit_answer(asked: Asked) -> object | None:
    def result(**own: object) -> object:
        return {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", **own}, "time": 1}

    if asked.path == "/v5/market/instruments-info":
        return result(list=[{
            "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0", "status": "Trading",
            "marginTrading": "both", "priceFilter": {"tickSize": "0.01"},
            "lotSizeFilter": {
                "basePrecision": "0.000001", "quotePrecision": "0.00000001", "minOrderQty": "0.000048",
                "maxOrderQty": "71.7", "minOrderAmt": "1", "maxOrderAmt": "2000000",
            },
        }])  # fmt: skip
    if asked.path == "/v5/market/kline":
        found = _between(asked, "start", "end")
        return result(
            symbol="BTCUSDT", list=[[str(c.open_ms), *c.prices, str(c.base), "1"] for c in found[::-1]]
        )
    return None


def bybit_book(
    kind: str, update: int, bids: list[list[str]], asks: list[list[str]], ms: int
) -> dict[str, object]:
    """Return a book or its changes as Bybit says them, with the number that rises by one."""
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 7961638724 + update}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": ms, "data": data, "cts": ms - 2}


BYBIT_SPOT = Script(
    venue="bybit_spot",
    symbol="BTCUSDT",
    answer=_bybit_answer,
    subscriptions=[
        {"op": "subscribe", "args": ["publicTrade.BTCUSDT"]},
        {"op": "subscribe", "args": ["kline.1.BTCUSDT"]},
        {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]},
    ],
    react=lambda message: [{
        "success": True, "ret_msg": "pong" if message["op"] == "ping" else "subscribe", "conn_id": "1",
        "req_id": message.get("req_id"), "op": message["op"],
    }],
    book=lambda ms: [
        bybit_book("snapshot", 10, [["60000.00", "1.5"]], [["60000.50", "2.000001"]], ms),
        bybit_book("delta", 11, [["60000.10", "0.5"]], [], ms),
    ],
    top=(6_000_010, 500_000, 6_000_050, 2_000_001),
    trade=lambda ms: {
        "topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": ms + 1,
        "data": [{
            "i": "2100000000007764263", "T": ms, "p": "60000.01", "v": "0.001", "S": "Sell", "s": "BTCUSDT",
            "BT": False,
        }],
    },
    told_trade=(-1, 6_000_001, 1_000),
    candle=lambda c, over: {
        "topic": "kline.1.BTCUSDT", "type": "snapshot", "ts": c.open_ms,
        "data": [{
            "start": c.open_ms, "end": c.open_ms + 59_999, "interval": "1", "open": c.prices[0], "close": c.prices[3],
            "high": c.prices[1], "low": c.prices[2], "volume": str(c.base), "turnover": "1", "confirm": over,
            "timestamp": c.open_ms,
        }],
    },
    says_closed=True,
    ticks=100,
    lots_of_base=1_000_000,
)  # fmt: skip


# ---------------------------------------------------------------------- OKX spot


def _okx_answer(asked: Asked) -> object | None:
    if asked.path == "/api/v5/public/instruments":
        return {"code": "0", "msg": "", "data": [{
            "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "settleCcy": "",
            "ctVal": "",
            "ctMult": "", "ctValCcy": "", "optType": "", "stk": "", "listTime": "1548133413000", "expTime": "",
            "lever": "10", "tickSz": "0.1", "lotSz": "0.00000001", "minSz": "0.00001", "ctType": "", "state": "live",
            "maxLmtSz": "9999999999", "maxMktSz": "1000000",
        }]}  # fmt: skip
    if asked.path in ("/api/v5/market/candles", "/api/v5/market/history-candles"):
        found = candles(int(asked.query["before"]) + 1, int(asked.query["after"]) - 1)
        rows = [[str(c.open_ms), *c.prices, str(c.base), "1", "1", "1"] for c in found[::-1]]
        return {"code": "0", "msg": "", "data": rows}
    return None


def okx_book(
    action: str, before: int, last: int, bids: list[list[str]], asks: list[list[str]], ms: int
) -> Any:  # noqa: ANN401
    """Return a book or its changes as OKX says them, with the number before and its own."""
    row = {"asks": asks, "bids": bids, "ts": str(ms), "checksum": 0, "seqId": last, "prevSeqId": before}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [row]}


OKX_SPOT = Script(
    venue="okx_spot",
    symbol="BTC-USDT",
    answer=_okx_answer,
    subscriptions=[
        {"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT"}]},
        {"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT"}]},
        {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]},
    ],
    react=lambda message: [{"event": "subscribe", "arg": arg, "connId": "a4d3ae55"} for arg in message["args"]]
    if isinstance(message, dict)
    else ["pong"],
    book=lambda ms: [
        okx_book("snapshot", -1, 123, [["60000.0", "1.5", "0", "1"]], [["60000.5", "2.00000001", "0", "1"]], ms),
        okx_book("update", 123, 130, [["60000.1", "0.5", "0", "1"]], [], ms),
    ],
    top=(600_001, 50_000_000, 600_005, 200_000_001),
    trade=lambda ms: {
        "arg": {"channel": "trades", "instId": "BTC-USDT"},
        "data": [{
            "instId": "BTC-USDT", "tradeId": "130639474", "px": "60000.1", "sz": "0.001", "side": "sell", "ts": str(ms),
            "count": "3",
        }],
    },
    told_trade=(-1, 600_001, 100_000),
    candle=lambda c, over: {
        "arg": {"channel": "candle1m", "instId": "BTC-USDT"},
        "data": [[str(c.open_ms), *c.prices, str(c.base), "1", "1", "1" if over else "0"]],
    },
    says_closed=True,
    words=("trades", "candle", "books", ""),
    ticks=10,
    lots_of_base=100_000_000,
)  # fmt: skip


# ---------------------------------------------------------------------- Bitget


def _bitget_answer(asked: Asked) -> object | None:
    def result(data: object) -> object:
        return {"code": "00000", "msg": "success", "requestTime": 1, "data": data}

    if asked.path == "/api/v2/mix/market/contracts":
        return result([] if asked.query["productType"] != "USDT-FUTURES" else [{
            "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "buyLimitPriceRatio": "0.01",
            "sellLimitPriceRatio": "0.01", "feeRateUpRatio": "0.005", "makerFeeRate": "0.0002",
            "takerFeeRate": "0.0006", "openCostUpRatio": "0.01", "supportMarginCoins": ["USDT"], "minTradeNum": "0.001",
            "priceEndStep": "1", "volumePlace": "3", "pricePlace": "1", "sizeMultiplier": "0.001",
            "symbolType": "perpetual", "minTradeUSDT": "5", "symbolStatus": "normal", "offTime": "-1",
            "limitOpenTime": "-1", "deliveryTime": "", "launchTime": "", "fundInterval": "8", "minLever": "1",
            "maxLever": "125", "posLimit": "0.05", "maintainTime": "",
        }])  # fmt: skip
    if asked.path in ("/api/v2/mix/market/candles", "/api/v2/mix/market/history-candles"):
        found = _between(asked, "startTime", "endTime")
        return result([[str(c.open_ms), *c.prices, str(c.base), "1"] for c in found])
    if asked.path == "/api/v2/mix/market/history-fund-rate":
        return result([{"symbol": "BTCUSDT", "fundingRate": str(RATE), "fundingTime": "1767225600000"}])
    return None


def _bitget(channel: str, *data: object, action: str = "snapshot") -> dict[str, object]:
    arg = {"instType": "USDT-FUTURES", "channel": channel, "instId": "BTCUSDT"}
    return {"action": action, "arg": arg, "data": list(data), "ts": 1}


BITGET = Script(
    venue="bitget_swap",
    symbol="BTCUSDT",
    answer=_bitget_answer,
    subscriptions=[
        {"op": "subscribe", "args": [{"instType": "USDT-FUTURES", "channel": channel, "instId": "BTCUSDT"}]}
        for channel in ("trade", "candle1m", "books5", "ticker")
    ],
    react=lambda message: [{"event": "subscribe", "arg": arg} for arg in message["args"]]
    if isinstance(message, dict)
    else ["pong"],
    book=lambda ms: [
        _bitget("books5", {
            "asks": [["60000.5", "2.001"]], "bids": [["60000.1", "0.5"]], "checksum": 0, "seq": 7, "ts": str(ms),
        }),
    ],
    top=(600_001, 500, 600_005, 2_001),
    trade=lambda ms: _bitget(
        "trade", {"ts": str(ms), "price": "60000.1", "size": "0.001", "side": "sell", "tradeId": "1116461060594286593"},
    ),
    told_trade=(-1, 600_001, 1),
    candle=lambda c, over: _bitget("candle1m", [str(c.open_ms), *c.prices, str(c.base), "1", "1"], action="update"),
    marks=[
        (
            _bitget("ticker", {
                "instId": "BTCUSDT", "lastPr": "60000.1", "bidPr": "60000.1", "askPr": "60000.5", "bidSz": "0.5",
                "askSz": "2.001", "markPrice": "60000.3", "indexPrice": "60010.1", "fundingRate": "0.0001",
                "holdingAmount": "10.5", "ts": "1767225602000",
            }),
            600_003.0,
            10.5,
        ),
    ],
    says_closed=False,
    ticks=10,
    lots_of_base=1_000,
)  # fmt: skip


# ---------------------------------------------------------------------- Gate: contracts of 0.0001 bitcoins


def _gate_answer(asked: Asked) -> object | None:
    if asked.path == "/api/v4/futures/usdt/contracts":
        return [{
            "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001", "order_price_round": "0.1",
            "mark_price_round": "0.01", "order_size_min": 1, "order_size_max": 1000000, "enable_decimal": False,
            "order_price_deviate": "0.5", "mark_price": "60000", "leverage_min": "1", "leverage_max": "100",
            "funding_interval": 28800, "status": "trading", "in_delisting": False, "create_time": 1546300800,
        }]  # fmt: skip
    if asked.path == "/api/v4/futures/btc/contracts":
        return []
    if asked.path == "/api/v4/futures/usdt/candlesticks":
        found = _between(asked, "from", "to", 1_000)
        return [
            {
                "t": c.open_ms // 1_000, "v": round(c.base * 10_000), "sum": "1",
                **dict(zip("ohlc", c.prices, strict=True)),
            }
            for c in found
        ]  # fmt: skip
    if asked.path == "/api/v4/futures/usdt/funding_rate":
        return [{"t": 1767225600, "r": str(RATE)}]
    return None


def _gate(channel: str, result: object) -> dict[str, object]:
    return {"time": 1, "time_ms": 1000, "channel": f"futures.{channel}", "event": "update", "result": result}


def _gate_react(message: Any) -> list[object]:  # noqa: ANN401
    if message.get("event") != "subscribe":
        return []
    return [{
        "time": 1, "time_ms": 1000, "id": message.get("id"), "channel": message["channel"], "event": "subscribe",
        "payload": message["payload"], "result": {"status": "success"},
    }]  # fmt: skip


GATE = Script(
    venue="gate_swap",
    symbol="BTC_USDT",
    answer=_gate_answer,
    subscriptions=[
        {"channel": "futures.trades", "event": "subscribe", "payload": ["BTC_USDT"]},
        {"channel": "futures.candlesticks", "event": "subscribe", "payload": ["1m", "BTC_USDT"]},
        {"channel": "futures.book_ticker", "event": "subscribe", "payload": ["BTC_USDT"]},
    ],
    react=_gate_react,
    book=lambda ms: [
        _gate("book_ticker", {
            "t": ms, "u": 2517661076, "s": "BTC_USDT", "b": "60000.1", "B": 500, "a": "60000.5", "A": 20010,
        }),
    ],
    top=(600_001, 500, 600_005, 20_010),
    trade=lambda ms: _gate("trades", [{
        "size": -10, "id": 27753479, "create_time": ms // 1000, "create_time_ms": ms, "price": "60000.1",
        "contract": "BTC_USDT",
    }]),
    told_trade=(-1, 600_001, 10),
    candle=lambda c, over: _gate("candlesticks", [{
        "t": c.open_ms // 1000, "v": round(c.base * 10_000), "n": "1m_BTC_USDT", "a": "1", "w": over,
        **dict(zip("ohlc", c.prices, strict=True)),
    }]),
    says_closed=True,
    ticks=10,
    lots_of_base=10_000,
)  # fmt: skip


# ---------------------------------------------------------------------- KuCoin: contracts of 0.001 bitcoins


def _kucoin_answer(asked: Asked) -> object | None:
    def result(data: object) -> object:
        return {"code": "200000", "data": data}

    if asked.path == "/api/v1/contracts/active":
        return result([{
            "symbol": "XBTUSDTM", "rootSymbol": "USDT", "type": "FFWCSX", "firstOpenDate": 1585555200000,
            "expireDate": None, "settleDate": None, "baseCurrency": "XBT", "quoteCurrency": "USDT",
            "settleCurrency": "USDT", "maxOrderQty": 1000000, "maxPrice": 1000000.0, "lotSize": 1, "tickSize": 0.1,
            "indexPriceTickSize": 0.01, "multiplier": 0.001, "initialMargin": 0.008, "maintainMargin": 0.004,
            "makerFeeRate": 0.0002, "takerFeeRate": 0.0006, "isInverse": False, "status": "Open",
            "nextFundingRateTime": 25481884, "maxLeverage": 125,
        }])  # fmt: skip
    if asked.path == "/api/v1/bullet-public":
        servers = [{
            "endpoint": "wss://ws-api-futures.kucoin.com/endpoint", "encrypt": True, "protocol": "websocket",
            "pingInterval": 18000, "pingTimeout": 10000,
        }]  # fmt: skip
        return result({"token": "public-token", "instanceServers": servers})
    if asked.path == "/api/v1/kline/query":
        found = _between(asked, "from", "to")
        return result([[c.open_ms, *map(float, c.prices), round(c.base * 1_000), 1.0] for c in found])
    if asked.path == "/api/v1/contract/funding-rates":
        return result([{"symbol": "XBTUSDTM", "fundingRate": RATE, "timepoint": 1767225600000}])
    return None


def _kucoin(channel: str, subject: str, data: object) -> dict[str, object]:
    return {"topic": f"/contractMarket/{channel}", "type": "message", "subject": subject, "data": data}


def _kucoin_react(message: Any) -> list[object]:  # noqa: ANN401
    answers = {"subscribe": "ack", "ping": "pong"}
    return [{"id": message["id"], "type": answers[message["type"]]}] if message.get("type") in answers else []


KUCOIN = Script(
    venue="kucoin",
    symbol="XBTUSDTM",
    answer=_kucoin_answer,
    subscriptions=[
        {"type": "subscribe", "topic": f"/contractMarket/{topic}", "response": True}
        for topic in ("execution:XBTUSDTM", "limitCandle:XBTUSDTM_1min", "level2Depth5:XBTUSDTM")
    ],
    react=_kucoin_react,
    book=lambda ms: [
        _kucoin("level2Depth5:XBTUSDTM", "level2", {
            "bids": [["60000.1", 500]], "sequence": 1731897467182, "timestamp": ms, "ts": ms,
            "asks": [["60000.5", 2001]],
        }),
    ],
    top=(600_001, 500, 600_005, 2_001),
    trade=lambda ms: _kucoin("execution:XBTUSDTM", "match", {
        "symbol": "XBTUSDTM", "sequence": 1734094149563, "side": "sell", "size": 1, "price": "60000.1",
        "takerOrderId": "1", "makerOrderId": "2", "tradeId": "1734094149563", "ts": ms * 1_000_000,
    }),
    told_trade=(-1, 600_001, 1),
    candle=lambda c, over: _kucoin("limitCandle:XBTUSDTM_1min", "candle.stick", {
        "symbol": "XBTUSDTM", "time": c.open_ms + 1,
        "candles": [
            str(c.open_ms // 1000), c.prices[0], c.prices[3], c.prices[1], c.prices[2], "0",
            str(round(c.base * 1_000)),
        ],
    }),
    says_closed=False,
    ticks=10,
    lots_of_base=1_000,
)  # fmt: skip


# ---------------------------------------------------------------------- Hyperliquid


def _hyperliquid_answer(asked: Asked) -> object | None:
    kind = asked.body["type"]
    if kind == "userAbstraction":
        return "default"
    if kind == "spotMeta":
        return {"tokens": [], "universe": []}
    if kind == "metaAndAssetCtxs":
        universe = [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]
        context = {
            "dayNtlVlm": "1", "funding": "0.0000125", "impactPxs": ["60000", "60001"], "markPx": "60000.0",
            "midPx": "60000.5", "openInterest": "10.5", "oraclePx": "60000.0", "premium": "0", "prevDayPx": "59000.0",
        }  # fmt: skip
        return [{"universe": universe}, [context]]
    if kind == "candleSnapshot":
        wanted = asked.body["req"]
        return [_hyperliquid_candle(c) for c in candles(int(wanted["startTime"]), int(wanted["endTime"]))]
    if kind == "fundingHistory":
        return [{"coin": "BTC", "fundingRate": str(RATE), "premium": "0", "time": 1767225600000}]
    return None


def _hyperliquid_candle(c: Candle) -> dict[str, object]:
    return {
        "t": c.open_ms, "T": c.open_ms + 59_999, "s": "BTC", "i": "1m", "v": str(c.base), "n": 9,
        **dict(zip("ohlc", c.prices, strict=True)),
    }  # fmt: skip


HYPERLIQUID = Script(
    venue="hyperliquid",
    symbol="BTC",
    answer=_hyperliquid_answer,
    subscriptions=[
        {"method": "subscribe", "subscription": {"type": "trades", "coin": "BTC"}},
        {"method": "subscribe", "subscription": {"type": "candle", "coin": "BTC", "interval": "1m"}},
        {"method": "subscribe", "subscription": {"type": "l2Book", "coin": "BTC"}},
    ],
    react=lambda message: [{"channel": "subscriptionResponse", "data": message}]
    if message.get("method") == "subscribe"
    else [{"channel": "pong"}],
    book=lambda ms: [{
        "channel": "l2Book",
        "data": {
            "coin": "BTC", "time": ms,
            "levels": [[{"px": "60001.0", "sz": "0.5", "n": 4}], [{"px": "60005.0", "sz": "2.00001", "n": 1}]],
        },
    }],
    top=(600_010, 50_000, 600_050, 200_001),
    trade=lambda ms: {
        "channel": "trades",
        "data": [{
            "coin": "BTC", "side": "A", "px": "60001.0", "sz": "0.001", "time": ms, "hash": "0xc8",
            "tid": 981894269203506,
        }],
    },
    told_trade=(-1, 600_010, 100),
    candle=lambda c, over: {"channel": "candle", "data": _hyperliquid_candle(c)},
    says_closed=False,
    ticks=10,
    lots_of_base=100_000,
)  # fmt: skip

SCRIPTS = {one.venue: one for one in (BINANCE_SPOT, BYBIT_SPOT, OKX_SPOT, BITGET, GATE, KUCOIN, HYPERLIQUID)}
