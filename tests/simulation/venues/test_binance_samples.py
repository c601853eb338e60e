"""The fake Binance's rows have the keys and types of real answers and of the clients' fixtures."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise

import pytest

from tradewind.testing.virtual_venues import START_NS
from tradewind.venues.fake.binance import BinanceProtocol
from tradewind.venues.fake.envelopes import hex_hmac
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.listings import listed
from tradewind.venues.fake.orders import Placement
from tradewind.venues.fake.protocol import Call

pytestmark = pytest.mark.real_data

SYMBOL = "BTCUSDT"


class Still:
    """A fake Binance whose clock goes only when told."""

    def __init__(self):
        self.now_ns = START_NS
        self.exchange = FakeExchange(listed("binance_usdm"), seed=5, clock=lambda: self.now_ns)
        self.account = self.exchange.open_account(
            "main", api_key="k", secret="s", balances={"USDT": Decimal(100_000)}
        )
        self.protocol = BinanceProtocol(self.exchange)
        self.live(120)

    def live(self, seconds):
        self.now_ns += seconds * 1_000_000_000
        self.exchange.advance()

    def ask(self, method, path, signed=True, **said):
        if signed:
            said["timestamp"] = self.now_ns // 1_000_000
        text = "&".join(f"{name}={value}" for name, value in said.items())
        if signed:
            text += "&signature=" + hex_hmac("s", text)
        pairs = dict(part.split("=", 1) for part in text.split("&") if part)
        posts = method in ("POST", "PUT")
        call = Call(
            method=method,
            host="fapi.binance.com",
            path=path,
            query={} if posts else pairs,
            raw_query="" if posts else text,
            body=text.encode() if posts else b"",
            headers={"x-mbx-apikey": "k"},
            peer="10.0.0.1",
            now_ns=self.now_ns,
        )
        return self.protocol.answer(call)

    def said(self, method, path, **said):
        reply = self.ask(method, path, **said)
        assert reply.status == 200, reply.data
        return json.loads(json.dumps(reply.data, default=str))


@pytest.fixture(scope="module")
def venue():
    return Still()


@pytest.fixture(scope="module")
def fixtures(shared_data):
    zstandard = pytest.importorskip("zstandard")
    path = shared_data / "messages" / "client_fixtures" / "binance.jsonl.zst"
    with path.open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().decode()
    return [json.loads(line) for line in text.splitlines()]


def sample(fixtures, name, kind="rest"):
    found = next(
        row
        for row in fixtures
        if row["kind"] == kind and row["group"].startswith("UsdFutures") and row["name"] == name
    )
    text = found["text"].split("true\n" if "\ntrue\n" in found["text"] else "false\n", 1)[-1]
    if kind == "ws":
        text = re.split(r"^= ?", found["text"], flags=re.MULTILINE)[1]
    return json.loads(text)


def shape(value):
    """Return what kind of JSON a value is; numbers are one kind."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def differences(ours, theirs, *, absent=(), beside=()):
    """Return the keys of a sample that we lack, have in excess, or give another type."""
    found = [f"lacks {key}" for key in theirs if key not in ours and key not in absent]
    found += [f"has {key}" for key in ours if key not in theirs and key not in beside]
    return found + [
        f"{key}: {shape(ours[key])}, not {shape(theirs[key])}"
        for key in theirs
        if key in ours and theirs[key] is not None and shape(ours[key]) != shape(theirs[key])
    ]


@pytest.fixture(scope="module")
def rest_2026(shared_data):
    zstandard = pytest.importorskip("zstandard")

    def read(name):
        path = shared_data / "messages" / "binance_rest_2026-07-04" / f"{name}.json.zst"
        with path.open("rb") as file:
            raw = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
        return json.loads(raw)

    return read


def test_public_answers_look_like_those_of_the_real_venue(venue, rest_2026):
    ours, theirs = venue.said("GET", "/fapi/v1/exchangeInfo", signed=False), rest_2026("fapi-v1-exchangeInfo")
    assert differences(ours, theirs) == []
    assert ours["rateLimits"] == theirs["rateLimits"]
    our_rules = next(row for row in ours["symbols"] if row["symbol"] == SYMBOL)
    their_rules = next(row for row in theirs["symbols"] if row["symbol"] == SYMBOL)
    assert differences(our_rules, their_rules) == []
    for mine, real in zip(our_rules["filters"], their_rules["filters"], strict=True):
        assert differences(mine, real) == []
        assert mine["filterType"] == real["filterType"]
    tick, real_tick = (rules["filters"][0]["tickSize"] for rules in (our_rules, their_rules))
    assert Decimal(tick) == Decimal(real_tick)
    for name in ("fundingInfo", "premiumIndex"):
        mine, real = venue.said("GET", f"/fapi/v1/{name}", signed=False), rest_2026(f"fapi-v1-{name}")
        assert differences(mine[0], real[0]) == []
    mine = venue.said("GET", "/fapi/v1/fundingRate", signed=False, symbol=SYMBOL)
    real = rest_2026("fapi-v1-fundingRate-BTCUSDT-limit20")
    assert differences(mine[0], real[0]) == []
    assert mine == sorted(mine, key=lambda row: row["fundingTime"])


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/fapi/v1/trades", "GetRecentTrades", {"symbol": SYMBOL}),
        ("/fapi/v1/aggTrades", "GetAggregatedTradeHistory", {"symbol": SYMBOL}),
        ("/fapi/v1/depth", "GetOrderBook", {"symbol": SYMBOL, "limit": 5}),
        ("/fapi/v1/openInterest", "GetOpenInterest", {"symbol": SYMBOL}),
        ("/futures/data/openInterestHist", "GetOpenInterestHistory", {"symbol": SYMBOL, "period": "5m"}),
        ("/fapi/v1/ticker/bookTicker", "GetBookPrice", {"symbol": SYMBOL}),
        ("/fapi/v1/klines", "GetKlines", {"symbol": SYMBOL, "interval": "1m"}),
    ],
)
def test_public_rows_have_the_keys_of_the_clients_fixtures(venue, fixtures, path, name, said):
    ours, theirs = venue.said("GET", path, signed=False, **said), sample(fixtures, name)
    ours, theirs = (row[0] if isinstance(row, list) else row for row in (ours, theirs))
    if isinstance(theirs, list):
        assert [shape(value) for value in ours] == [shape(value) for value in theirs]
    else:
        # In this fixture alone the stamp of a history row is text; real answers say a number.
        theirs["timestamp"] = int(theirs["timestamp"]) if "timestamp" in theirs else 0
        assert differences(ours, theirs, absent=("timestamp",)) == []


def test_rows_of_an_account_have_the_keys_of_the_clients_fixtures(venue, fixtures):
    venue.account.place(Placement(SYMBOL, "buy", "market", Decimal("0.01"), client_id="m1"))
    last = venue.exchange.last(SYMBOL)
    resting = venue.said(
        "POST",
        "/fapi/v1/order",
        symbol=SYMBOL,
        side="BUY",
        type="LIMIT",
        quantity="0.01",
        price=str((last * Decimal("0.97")).quantize(Decimal("0.1"))),
        timeInForce="GTC",
        newClientOrderId="r1",
    )
    trailing = ("activatePrice", "priceRate")
    assert differences(resting, sample(fixtures, "PlaceOrder"), absent=trailing) == []
    asked = venue.said("GET", "/fapi/v1/order", symbol=SYMBOL, origClientOrderId="r1")
    assert differences(asked, sample(fixtures, "GetOrder"), absent=trailing) == []
    listed_rows = venue.said("GET", "/fapi/v1/openOrders", symbol=SYMBOL)
    assert differences(listed_rows[0], sample(fixtures, "GetOpenOrder"), absent=trailing) == []
    amended = venue.said(
        "PUT", "/fapi/v1/order", symbol=SYMBOL, orderId=resting["orderId"], side="BUY", quantity="0.02",
        price=resting["price"],
    )  # fmt: skip
    assert (
        differences(amended, sample(fixtures, "EditOrder"), absent=("cumBase",), beside=("cumQuote",)) == []
    )
    gone = venue.said("DELETE", "/fapi/v1/order", symbol=SYMBOL, orderId=resting["orderId"])
    assert differences(gone, sample(fixtures, "CancelOrder"), absent=trailing, beside=("avgPrice",)) == []
    pairs = [
        ("/fapi/v1/userTrades", "GetUserTrades", {"symbol": SYMBOL}),
        ("/fapi/v3/account", "GetAccountInfoV3", {}),
        ("/fapi/v3/balance", "GetBalances", {}),
        ("/fapi/v1/leverageBracket", "GetBrackets", {}),
        ("/fapi/v1/accountConfig", "GetAccountConfiguration", {}),
        ("/fapi/v1/symbolConfig", "GetSymbolConfiguration", {}),
        ("/fapi/v1/commissionRate", "GetUserCommissionRate", {"symbol": SYMBOL}),
    ]
    for path, name, said in pairs:
        ours, theirs = venue.said("GET", path, **said), sample(fixtures, name)
        ours, theirs = (row[0] if isinstance(row, list) else row for row in (ours, theirs))
        assert differences(ours, theirs) == [], name
    held, real = (
        venue.said("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)[0],
        sample(fixtures, "GetPositionInformation")[0],
    )
    third = {
        "marginAsset",
        "initialMargin",
        "maintMargin",
        "positionInitialMargin",
        "openOrderInitialMargin",
        "adl",
    }
    assert differences(held, real, beside=third | {"bidNotional", "askNotional"}) == []


def test_conditional_orders_have_the_keys_of_the_clients_fixtures(venue, fixtures):
    last = venue.exchange.last(SYMBOL)
    placed = venue.said(
        "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol=SYMBOL, side="SELL", type="STOP_MARKET",
        quantity="0.01", triggerPrice=str((last * Decimal("0.9")).quantize(Decimal("0.1"))), clientAlgoId="s1",
    )  # fmt: skip
    theirs = sample(fixtures, "PlaceConditionalOrder")
    assert differences(placed, theirs, absent=("activatePrice", "callbackRate")) == []
    open_rows = venue.said("GET", "/fapi/v1/openAlgoOrders", symbol=SYMBOL)
    real = sample(fixtures, "GetOpenConditionalOrders")[0]
    assert differences(open_rows[0], real, beside=("actualQty", "actualType")) == []
    one = venue.said("GET", "/fapi/v1/algoOrder", algoId=placed["algoId"])
    assert differences(one, sample(fixtures, "GetConditionalOrder")) == []
    gone = venue.said("DELETE", "/fapi/v1/algoOrder", clientAlgoId="s1")
    assert gone["algoId"] == placed["algoId"]


class Sink:
    """A socket that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(json.loads(json.dumps(message, default=str)))

    def ping(self):
        self.sent.append("ping")

    def close(self, code=1000, reason=""):
        self.sent.append(code)


def heard_of(venue, path, query, text=None):
    sink = Sink()
    call = Call("GET", "fstream.binance.com", path, query, "", b"", {}, "10.0.0.1", venue.now_ns)
    session = venue.protocol.connect(call, sink)
    venue.exchange.listen(session.happen)
    if text:
        session.hear(json.dumps(text))
    return sink, session


def test_market_messages_have_the_keys_of_the_clients_fixtures(venue, fixtures):
    low = SYMBOL.lower()
    names = {
        "aggTrade": ("aggTrade", "AggTrades"),
        "depthUpdate": ("depth@100ms", "Book"),
        "bookTicker": ("bookTicker", "BookTicker"),
        "kline": ("kline_1m", "Klines"),
        "markPriceUpdate": ("markPrice@1s", "MarkPrice"),
    }
    sink, session = heard_of(
        venue,
        "/public/ws/1",
        {},
        {"method": "SUBSCRIBE", "params": [f"{low}@{stream}" for stream, _ in names.values()], "id": 1},
    )
    venue.live(20)
    session.end()
    assert sink.sent[0] == {"result": None, "id": 1}
    for event, (_, name) in names.items():
        ours = next(row for row in sink.sent if row.get("e") == event)
        theirs = sample(fixtures, name, "ws")["data"]
        assert differences(ours, theirs) == [], name
        if event == "kline":
            assert differences(ours["k"], theirs["k"]) == []
    books = [row for row in sink.sent if row.get("e") == "depthUpdate"]
    assert len(books) > 5
    assert all(later["pu"] == earlier["u"] for earlier, later in pairwise(books))


def test_messages_of_an_account_have_the_keys_of_the_clients_fixtures(venue, fixtures):
    key = venue.said("POST", "/fapi/v1/listenKey", signed=False)["listenKey"]
    sink, session = heard_of(venue, "/private/ws", {"listenKey": key})
    venue.account.place(Placement(SYMBOL, "buy", "market", Decimal("0.01"), client_id="m2"))
    venue.account.set_leverage(SYMBOL, Decimal(7))
    stop = Placement(
        SYMBOL, "sell", "stop_market", Decimal("0.01"), client_id="s2",
        trigger=(venue.exchange.last(SYMBOL) * Decimal("0.9")).quantize(Decimal("0.1")),
    )  # fmt: skip
    venue.account.place(stop)
    session.end()
    told = {}
    for row in sink.sent:
        told.setdefault(row["e"], row)
    order = next(row for row in sink.sent if row["e"] == "ORDER_TRADE_UPDATE" and row["o"]["x"] == "TRADE")
    theirs = sample(fixtures, "OrderUpdate", "ws")["data"]
    assert differences(order, theirs) == []
    assert differences(order["o"], theirs["o"], absent=("AP", "cr")) == []
    for event, name, part in (
        ("ALGO_UPDATE", "AlgoOrderUpdate", "o"),
        ("ACCOUNT_UPDATE", "AccountUpdate", "a"),
        ("ACCOUNT_CONFIG_UPDATE", "Leverage", "ac"),
    ):
        theirs = sample(fixtures, name, "ws")["data"]
        assert differences(told[event], theirs) == [], name
        assert differences(told[event][part], theirs[part]) == [], name
    parts = [row["a"] for row in sink.sent if row["e"] == "ACCOUNT_UPDATE"]
    real = sample(fixtures, "AccountUpdate", "ws")["data"]["a"]
    assert differences(next(p["B"] for p in parts if p["B"])[0], real["B"][0]) == []
    assert differences(next(p["P"] for p in parts if p["P"])[0], real["P"][0]) == []
