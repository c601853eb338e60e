"""The rows of the fake BloFin, OKX and Bybit have the keys and types of the clients' fixtures and of captures."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from tradewind.testing.still_venues import StillVenue
from tradewind.venues.fake.okx_words import checksum
from tradewind.venues.fake.orders import Book

pytestmark = pytest.mark.real_data

BEFORE_FUNDING_NS = 1_767_225_600_000_000_000 + (7 * 60 + 55) * 60 * 1_000_000_000
"""2026-01-01 07:55 UTC; funding settles at eight."""

FILES = {"blofin_swap": "blofin", "okx_swap": "okx_v5", "bybit_linear": "bybit_v5"}


@pytest.fixture(scope="module", params=FILES)
def venue(request):
    return request.param, a_venue_with_a_past(request.param)


@pytest.fixture(scope="module")
def fixtures(shared_data):
    zstandard = pytest.importorskip("zstandard")

    def read(venue):
        path = shared_data / "messages" / "client_fixtures" / f"{FILES[venue]}.jsonl.zst"
        with path.open("rb") as file:
            text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().decode()
        return [json.loads(line) for line in text.splitlines()]

    return {venue: read(venue) for venue in FILES}


def sample(rows, name, kind="rest"):
    """Return the JSON of one fixture: of a request its answer, of a stream its first frame."""
    group, _, title = name.rpartition("/")
    found = next(
        row
        for row in rows
        if row["kind"] == kind and row["name"] == title and (not group or row["group"] == group)
    )
    if kind == "ws":
        return json.loads(re.split(r"^=\s", found["text"], flags=re.MULTILINE)[1])
    return json.loads(re.split(r"^(?:true|false)$", found["text"], maxsplit=1, flags=re.MULTILINE)[1])


def shape(value):
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def lacking(ours, theirs, absent=()):
    """Return what a sample has and we lack, or what has another type with us; more than a sample has is fine."""
    if isinstance(theirs, list):
        return [] if [shape(one) for one in ours] == [shape(one) for one in theirs] else [f"{ours} {theirs}"]
    found = [f"lacks {key}" for key in theirs if key not in ours and key not in absent]
    return (
        found
        + [
            f"{key}: {shape(ours[key])}, not {shape(theirs[key])}"
            for key in theirs
            if key in ours
            and theirs[key] is not None
            and shape(ours[key]) != shape(theirs[key])
            # An order of BloFin without a stop loss or take profit says null.
            and not (key[:2] in ("tp", "sl") and ours[key] is None)
        ]
    )


def rows_in(answer):
    """Return the list of rows of an answer, wherever the venue puts it."""
    data = answer.get("data", answer.get("result"))
    if isinstance(data, dict):
        data = data.get("list", data.get("rows", data))
    return data if isinstance(data, list) else [data]


def place(still, kind, qty, price=None, **more):
    """Place an order in the venue's words; return the answer."""
    fields = {"price": None if price is None else format(price, "f"), "qty": format(qty, "f"), **more}
    return still.post(*ORDERS[still.protocol.name](still.symbol, kind, fields))


def blofin_order(symbol, kind, fields):
    body = {
        "instId": symbol, "marginMode": "cross", "positionSide": "net", "side": fields.get("side", "buy"),
        "orderType": kind, "size": fields["qty"], "clientOrderId": fields.get("id", ""),
    }  # fmt: skip
    if fields["price"]:
        body["price"] = fields["price"]
    return "/api/v1/trade/order", body


def okx_order(symbol, kind, fields):
    body = {
        "instId": symbol, "tdMode": "cross", "side": fields.get("side", "buy"), "ordType": kind,
        "sz": fields["qty"], "clOrdId": fields.get("id", ""),
    }  # fmt: skip
    if fields["price"]:
        body["px"] = fields["price"]
    return "/api/v5/trade/order", body


def bybit_order(symbol, kind, fields):
    tif = {"limit": "GTC", "post_only": "PostOnly", "ioc": "IOC", "fok": "FOK", "market": "IOC"}[kind]
    body = {
        "category": "linear", "symbol": symbol, "side": fields.get("side", "buy").capitalize(),
        "orderType": "Market" if kind == "market" else "Limit", "qty": fields["qty"], "timeInForce": tif,
        "orderLinkId": fields.get("id", ""),
    }  # fmt: skip
    if fields["price"]:
        body["price"] = fields["price"]
    return "/v5/order/create", body


ORDERS = {"blofin": blofin_order, "okx": okx_order, "bybit": bybit_order}


def a_venue_with_a_past(venue):
    """Return a venue whose account traded, rests an order, had one cancelled, waits with a stop, got a transfer."""
    still = StillVenue(venue, start_ns=BEFORE_FUNDING_NS)
    lot = still.exchange.instruments[still.symbol].min_qty
    far = (still.exchange.last(still.symbol) * Decimal("0.97")).quantize(Decimal("0.1"))
    place(still, "market", 5 * lot, id="m1")
    place(still, "limit", lot, far, id="r1")
    place(still, "limit", lot, far, id="c1")
    still.account.cancel(still.symbol, client_id="c1")
    still.account.transfer("USDT", Decimal(100))
    still.live(600)
    return still


PUBLIC = {
    "blofin_swap": [
        ("/api/v1/market/instruments", {}, "GetSymbols"),
        ("/api/v1/market/tickers", {}, "GetTickers"),
        ("/api/v1/market/books", {"instId": "BTC-USDT", "size": 5}, "GetOrderBook"),
        ("/api/v1/market/trades", {"instId": "BTC-USDT"}, "GetRecentTrades"),
        ("/api/v1/market/mark-price", {}, "GetIndexMarkPrice"),
        ("/api/v1/market/funding-rate", {}, "GetFundingRate"),
        ("/api/v1/market/funding-rate-history", {"instId": "BTC-USDT"}, "GetFundingRateHistory"),
        ("/api/v1/market/candles", {"instId": "BTC-USDT", "bar": "1m"}, "GetKlines"),
    ],
    "okx_swap": [
        ("/api/v5/public/instruments", {"instType": "SWAP"}, "GetSymbols"),
        ("/api/v5/public/time", {}, "GetServerTime"),
        ("/api/v5/public/mark-price", {"instType": "SWAP"}, "GetMarkPrices"),
        ("/api/v5/public/funding-rate", {"instId": "BTC-USDT-SWAP"}, "GetFundingRates"),
        ("/api/v5/public/funding-rate-history", {"instId": "BTC-USDT-SWAP"}, "GetFundingRateHistory"),
        ("/api/v5/public/open-interest", {"instType": "SWAP"}, "GetOpenInterests"),
        ("/api/v5/public/position-tiers", {"instFamily": "BTC-USDT"}, "GetPositionTiers"),
        ("/api/v5/market/ticker", {"instId": "BTC-USDT-SWAP"}, "GetTicker"),
        ("/api/v5/market/books", {"instId": "BTC-USDT-SWAP", "sz": 5}, "GetOrderBook"),
        ("/api/v5/market/trades", {"instId": "BTC-USDT-SWAP"}, "GetRecentTrades"),
        ("/api/v5/market/candles", {"instId": "BTC-USDT-SWAP"}, "GetKlines"),
    ],
    "bybit_linear": [
        ("/v5/market/instruments-info", {"category": "linear"}, "GetLinearInverseSymbols"),
        ("/v5/market/tickers", {"category": "linear"}, "GetLinearInverseTickers"),
        ("/v5/market/orderbook", {"category": "linear", "symbol": "BTCUSDT"}, "GetOrderbook"),
        ("/v5/market/recent-trade", {"category": "linear", "symbol": "BTCUSDT"}, "GetTradeHistory"),
        ("/v5/market/funding/history", {"category": "linear", "symbol": "BTCUSDT"}, "GetFundingRateHistory"),
        ("/v5/market/kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "1"}, "GetKlines"),
        (
            "/v5/market/open-interest",
            {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min"},
            "GetOpenInterest",
        ),
        ("/v5/market/risk-limit", {"category": "linear"}, "GetRiskLimit"),
    ],
}


def test_public_rows(venue, fixtures):
    name, still = venue
    for path, said, title in PUBLIC[name]:
        ours, theirs = still.get(path, signed=False, **said), sample(fixtures[name], title)
        assert lacking(ours, theirs) == [], path
        assert lacking(rows_in(ours)[0], rows_in(theirs)[0]) == [], path


SPOT_ONLY = ("baseCcy",)
PRIVATE = {
    "blofin_swap": [
        ("/api/v1/user/query-apikey", {}, "GetApiKeyInfo"),
        ("/api/v1/account/config", {}, "GetAccountConfig"),
        ("/api/v1/account/balance", {}, "Futures/Account/GetBalances"),
        ("/api/v1/account/positions", {}, "Futures/Trading/GetPositions"),
        ("/api/v1/account/margin-mode", {}, "GetMarginMode"),
        ("/api/v1/account/position-mode", {}, "GetPositionMode"),
        ("/api/v1/account/batch-leverage-info", {"instId": "BTC-USDT,ETH-USDT"}, "GetLeverage"),
        ("/api/v1/asset/bills", {}, "GetTransferHistory"),
        ("/api/v1/asset/balances", {"accountType": "futures"}, "GetAccountBalances"),
        ("/api/v1/trade/orders-pending", {}, "GetOpenOrders"),
        ("/api/v1/trade/orders-history", {}, "GetClosedOrders"),
        ("/api/v1/trade/fills-history", {}, "GetUserTrades"),
    ],
    "okx_swap": [
        ("/api/v5/account/config", {}, "GetAccountConfiguration"),
        ("/api/v5/account/balance", {}, "GetAccountBalance"),
        ("/api/v5/account/positions", {}, "GetAccountPositions"),
        ("/api/v5/account/leverage-info", {"instId": "BTC-USDT-SWAP"}, "GetAccountLeverage"),
        ("/api/v5/account/bills-archive", {}, "GetBillArchive"),
        ("/api/v5/account/trade-fee", {"instType": "SWAP"}, "GetFeeRates"),
        ("/api/v5/asset/currencies", {}, "GetAssets"),
        ("/api/v5/trade/orders-pending", {}, "UnifiedApi/Trading/GetOrders"),
        ("/api/v5/trade/order", {"instId": "BTC-USDT-SWAP", "clOrdId": "m1"}, "GetOrderDetails"),
        ("/api/v5/trade/orders-history-archive", {"instType": "SWAP"}, "GetOrderHistory"),
        ("/api/v5/trade/fills", {}, "GetUserTrades"),
        ("/api/v5/trade/fills-history", {"instType": "SWAP"}, "GetUserTradesArchive"),
    ],
    "bybit_linear": [
        ("/v5/user/query-api", {}, "GetApiKeyInfo"),
        ("/v5/account/info", {}, "GetMarginAccountInfo"),
        ("/v5/account/wallet-balance", {"accountType": "UNIFIED"}, "V5Api/Account/GetBalances"),
        ("/v5/account/fee-rate", {"category": "linear"}, "GetFeeRate"),
        ("/v5/account/transaction-log", {}, "GetTransactionHistory"),
        ("/v5/asset/coin/query-info", {}, "GetAssetInfo"),
        ("/v5/position/list", {"category": "linear", "settleCoin": "USDT"}, "V5Api/Trading/GetPositions"),
        ("/v5/order/realtime", {"category": "linear", "settleCoin": "USDT"}, "V5Api/Trading/GetOrders"),
        ("/v5/order/history", {"category": "linear"}, "V5Api/Trading/GetOrderHistory"),
        ("/v5/execution/list", {"category": "linear", "execType": "Trade"}, "V5Api/Trading/GetUserTrades"),
    ],
}


def test_rows_of_an_account(venue, fixtures):
    name, still = venue
    for path, said, title in PRIVATE[name]:
        ours, theirs = still.get(path, **said), sample(fixtures[name], title)
        assert lacking(ours, theirs, absent=("retExtInfo",)) == [], path
        # An isolated position has a margin of its own, ours here is crossed.
        assert lacking(rows_in(ours)[0], rows_in(theirs)[0]) == [], path


def subscribed(still, path, frame, *, logged_in=False):
    socket = still.socket(path, logged_in=logged_in)
    socket.say(frame)
    return socket


STREAMS = {
    "blofin_swap": [
        ("/ws/public", {"channel": "trades", "instId": "BTC-USDT"}, "Trades"),
        ("/ws/public", {"channel": "candle1m", "instId": "BTC-USDT"}, "Klines"),
        ("/ws/public", {"channel": "books", "instId": "BTC-USDT"}, "OrderBook"),
        ("/ws/public", {"channel": "tickers", "instId": "BTC-USDT"}, "Ticker"),
        ("/ws/public", {"channel": "funding-rate", "instId": "BTC-USDT"}, "FundingRate"),
        ("/ws/private", {"channel": "orders"}, "Orders"),
        ("/ws/private", {"channel": "positions"}, "Positions2"),
        ("/ws/private", {"channel": "account"}, "Balances"),
    ],
    "okx_swap": [
        ("/ws/v5/public", {"channel": "trades", "instId": "BTC-USDT-SWAP"}, "Trades"),
        ("/ws/v5/public", {"channel": "books", "instId": "BTC-USDT-SWAP"}, "OrderBook"),
        ("/ws/v5/public", {"channel": "tickers", "instId": "BTC-USDT-SWAP"}, "Ticker"),
        ("/ws/v5/public", {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}, "MarkPrice"),
        ("/ws/v5/public", {"channel": "funding-rate", "instId": "BTC-USDT-SWAP"}, "FundingRate"),
        ("/ws/v5/public", {"channel": "open-interest", "instId": "BTC-USDT-SWAP"}, "Interest"),
        ("/ws/v5/business", {"channel": "candle1m", "instId": "BTC-USDT-SWAP"}, "Klines"),
        ("/ws/v5/private", {"channel": "orders", "instType": "SWAP"}, "Order"),
        ("/ws/v5/private", {"channel": "positions", "instType": "ANY"}, "Position"),
        ("/ws/v5/private", {"channel": "account"}, "Balance"),
        ("/ws/v5/private", {"channel": "balance_and_position"}, "BalanceAndPosition"),
    ],
    "bybit_linear": [
        ("/v5/public/linear", "publicTrade.BTCUSDT", "V5/Linear/Trades"),
        ("/v5/public/linear", "orderbook.50.BTCUSDT", "V5/Option/Book"),
        ("/v5/public/linear", "kline.1.BTCUSDT", "V5/Option/Klines"),
        ("/v5/private", "order", "V5/Private/Order"),
        ("/v5/private", "execution", "V5/Private/UserTrades"),
        ("/v5/private", "position", "V5/Private/Position"),
        ("/v5/private", "wallet", "V5/Private/Balance"),
    ],
}


def first_row(frame):
    data = frame["data"]
    return data[0] if isinstance(data, list) else data


def test_frames_of_streams(venue, fixtures):
    name, still = venue
    lot = still.exchange.instruments[still.symbol].min_qty
    sockets = [
        (subscribed(still, path, {"op": "subscribe", "req_id": "2", "args": [topic]}, logged_in=any(
            word in path for word in ("private", "business"))), topic, title)
        for path, topic, title in STREAMS[name]
    ]  # fmt: skip
    place(still, "market", lot, id=f"s{len(still.account.trades())}")
    still.live(3)
    for socket, topic, title in sockets:
        frames = [frame for frame in socket.frames if isinstance(frame, dict) and frame.get("data")]
        assert frames, f"nothing was told of {topic}: {socket.frames}"
        theirs = sample(fixtures[name], title, "ws")
        # Books of BloFin are numbers in its fixture and text in its REST answers; a client reads both.
        absent = ("uid", "data", "arg", "cs")
        assert lacking({**frames[0], "arg": 0, "data": 0}, {**theirs, "arg": 0, "data": 0}, absent) == []
        blank = ("usdPx", "isLeverage", "interval")
        assert lacking(first_row(frames[0]), first_row(theirs), blank) == [], title


def test_the_checksum_of_a_book_is_that_of_real_frames(shared_data):
    """Snapshots that OKX sent carry a checksum over the levels that they carry: ours over them is the same."""
    zstandard = pytest.importorskip("zstandard")
    path = shared_data / "messages" / "cryptofeed_captures" / "OKX.ws.1.0.zst"
    with path.open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().decode()
    compared = 0
    for line in text.splitlines():
        if '"action":"snapshot"' not in line or '"checksum"' not in line:
            continue
        (row,) = json.loads(line.partition(": ")[2])["data"]
        sides = ([(Written(px), Written(sz)) for px, sz, *_ in row[side]] for side in ("bids", "asks"))
        bids, asks = sides
        assert checksum(Book(bids, asks, 0, 0)) == row["checksum"]
        compared += 1
    assert compared >= 3


class Written(Decimal):
    """A decimal that is printed as it was written."""

    def __new__(cls, text):
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __format__(self, spec):
        return self.text
