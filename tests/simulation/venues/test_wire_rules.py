"""Keys, clocks, limits, ids, codes and pages of the fake BloFin, OKX and Bybit: what each venue insists on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import ccxt
import msgspec
import pytest

from tradewind.testing.still_venues import KEY, StillVenue
from tradewind.venues.fake import blofin_words, bybit_words, okx_words
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.protocol import Failure

VENUES = ("blofin_swap", "okx_swap", "bybit_linear")
CLIENTS = {"blofin_swap": ccxt.blofin, "okx_swap": ccxt.okx, "bybit_linear": ccxt.bybit}
POSITIONS = {
    "blofin_swap": ("/api/v1/account/positions", {}),
    "okx_swap": ("/api/v5/account/positions", {}),
    "bybit_linear": ("/v5/position/list", {"category": "linear", "settleCoin": "USDT"}),
}
PLACING = {
    "blofin_swap": "/api/v1/trade/order",
    "okx_swap": "/api/v5/trade/order",
    "bybit_linear": "/v5/order/create",
}


def code_of(answer):
    """Return the code that names what is wrong, wherever the venue puts it."""
    if "retCode" in answer:
        return str(answer["retCode"])
    rows = answer.get("data") or []
    inner = rows[0].get("sCode", rows[0].get("code")) if isinstance(rows, list) and rows else None
    return inner if inner not in (None, "0") else answer["code"]


def read(still, **more):
    path, said = POSITIONS[still.venue]
    return still.ask("GET", path, said, **more)


def order(still, **more):
    """Return the body of a limit order that rests, in the venue's words, with changes."""
    price = (still.exchange.last(still.symbol) * Decimal("0.97")).quantize(Decimal("0.1"))
    lot = str(still.exchange.instruments[still.symbol].min_qty)
    body = {
        "blofin_swap": {
            "instId": still.symbol, "marginMode": "cross", "positionSide": "net", "side": "buy",
            "orderType": "limit", "price": str(price), "size": lot,
        },
        "okx_swap": {
            "instId": still.symbol, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": str(price),
            "sz": lot,
        },
        "bybit_linear": {
            "category": "linear", "symbol": still.symbol, "side": "Buy", "orderType": "Limit",
            "price": str(price), "qty": lot,
        },
    }[still.venue]  # fmt: skip
    return {**body, **more}


def place(still, **more):
    return still.post(PLACING[still.venue], order(still, **more))


CLIENT_ID = {"blofin_swap": "clientOrderId", "okx_swap": "clOrdId", "bybit_linear": "orderLinkId"}
PRICE = {"blofin_swap": "price", "okx_swap": "px", "bybit_linear": "price"}
SIZE = {"blofin_swap": "size", "okx_swap": "sz", "bybit_linear": "qty"}


@pytest.fixture(params=VENUES)
def still(request):
    return StillVenue(request.param)


# ---------------------------------------------------------------------- keys and clocks

WRONG_HEADERS = {
    "blofin_swap": {
        "access-key": "152401",
        "access-passphrase": "152408",
        "access-sign": "152409",
        "access-timestamp": "152410",
    },
    "okx_swap": {
        "ok-access-key": "50111",
        "ok-access-passphrase": "50105",
        "ok-access-sign": "50113",
        "ok-access-timestamp": "50112",
    },
    "bybit_linear": {"x-bapi-api-key": "10003", "x-bapi-sign": "10004", "x-bapi-timestamp": "10001"},
}


def test_a_request_that_is_not_signed_right_is_refused(still):
    assert code_of(read(still).data) == "0"
    for header, code in WRONG_HEADERS[still.venue].items():
        reply = read(still, headers={header: "wrong"})
        assert code_of(reply.data) == code
        assert reply.status == (200 if still.venue == "bybit_linear" else 401)
    signed_for_another = still.ask("POST", PLACING[still.venue], order(still), signed=False)
    assert code_of(signed_for_another.data) != "0"
    assert still.account.open_orders() == []


def test_a_body_that_was_changed_on_the_way_is_refused(still):
    call = still.signed("POST", PLACING[still.venue], order(still))
    changed = replace(call, body=call.body + b" ")
    assert code_of(still.protocol.answer(changed).data) in ("152409", "50113", "10004")
    assert still.account.open_orders() == []
    assert code_of(still.protocol.answer(call).data) == "0"


def test_a_request_of_another_time_is_refused(still):
    window_s = {"blofin_swap": 60.0, "okx_swap": 30.0, "bybit_linear": 5.0}[still.venue]
    call = still.signed("GET", *POSITIONS[still.venue])
    still.live(window_s - 0.1)
    assert code_of(still.protocol.answer(still.now(call)).data) == "0"
    call = still.signed("GET", *POSITIONS[still.venue])
    still.live(window_s + 0.1)
    assert code_of(still.protocol.answer(still.now(call)).data) in ("152405", "50102", "10002")


def test_a_nonce_of_blofin_is_good_once_a_minute():
    still = StillVenue("blofin_swap")
    call = still.signed("GET", *POSITIONS[still.venue])
    assert code_of(still.protocol.answer(call).data) == "0"
    assert code_of(still.protocol.answer(call).data) == "152407"


def test_an_order_of_okx_past_its_own_deadline_is_not_taken():
    still = StillVenue("okx_swap")
    for deadline_ms, code in ((1_000, "0"), (-1_000, "50036")):
        deadline = {"exptime": str(still.now_ns // 1_000_000 + deadline_ms)}
        reply = still.ask("POST", PLACING[still.venue], order(still), headers=deadline)
        assert code_of(reply.data) == code
    assert len(still.account.open_orders()) == 1


def test_a_key_is_good_in_its_own_world_only():
    for venue, host, codes in (
        ("blofin_swap", "demo-trading-openapi.blofin.com", ("152401", "0")),
        ("bybit_linear", "api-demo.bybit.com", ("10003", "0")),
    ):
        still = StillVenue(venue, demo_keys=frozenset({KEY}))
        assert code_of(read(still).data) == codes[0]
        call = still.signed("GET", *POSITIONS[venue])
        assert code_of(still.protocol.answer(replace(call, host=host)).data) == codes[1]
    still = StillVenue("okx_swap", demo_keys=frozenset({KEY}))
    assert code_of(read(still).data) == "50101"
    assert code_of(read(still, headers={"x-simulated-trading": "1"}).data) == "0"


def test_permissions_addresses_and_revocation(still):
    still.account.permissions = frozenset({"read"})
    assert code_of(place(still)) in ("152404", "50120", "10005")
    assert code_of(read(still).data) == "0"
    still.account.permissions = frozenset({"read", "trade", "withdraw"})
    key = {
        "blofin_swap": ("/api/v1/user/query-apikey", lambda said: said["data"]["permissions"]),
        "okx_swap": ("/api/v5/account/config", lambda said: said["data"][0]["perm"].split(",")),
        "bybit_linear": ("/v5/user/query-api", lambda said: said["result"]["permissions"]["Wallet"]),
    }[still.venue]
    assert {"withdraw", "Withdraw"} & set(key[1](still.get(key[0])))
    still.account.ips = ("10.0.0.9",)
    assert code_of(read(still).data) in ("152406", "50110", "10010")
    assert code_of(read(still, peer="10.0.0.9").data) == "0"
    still.account.ips = ()
    still.account.key_valid = False
    assert code_of(read(still).data) in ("152401", "50111", "10003")


# ---------------------------------------------------------------------- limits


def test_requests_beyond_the_limit_are_refused_and_counted(still):
    most = {"blofin_swap": 30, "okx_swap": 60, "bybit_linear": 10}[still.venue]
    replies = [still.ask("POST", PLACING[still.venue], order(still)) for _ in range(most + 1)]
    codes = [code_of(reply.data) for reply in replies]
    assert set(codes[:-1]) == {"0"}
    assert codes[-1] in ("429", "50011", "10006")
    assert replies[-1].status == (200 if still.venue == "bybit_linear" else 429)
    assert len(still.account.open_orders()) == most
    still.live(10)
    assert code_of(place(still)) == "0"


def test_bybit_says_how_much_of_the_limit_is_left():
    still = StillVenue("bybit_linear")
    headers = [still.ask("POST", PLACING[still.venue], order(still)).headers for _ in range(11)]
    assert [int(each["X-Bapi-Limit-Status"]) for each in headers] == [*range(9, -1, -1), 0]
    assert headers[0]["X-Bapi-Limit"] == "10"
    assert int(headers[-1]["X-Bapi-Limit-Reset-Timestamp"]) > still.now_ns // 1_000_000
    for _ in range(600):
        reply = still.protocol.answer(still.unsigned("/v5/market/time"))
    assert (reply.status, reply.data["retCode"]) == (403, 10018)


def test_a_batch_counts_each_of_its_orders():
    still = StillVenue("bybit_linear")
    body = {"category": "linear", "request": [order(still) for _ in range(9)]}
    assert code_of(still.post("/v5/order/create-batch", body)) == "0"
    assert code_of(still.post("/v5/order/create-batch", body)) == "10006"


# ---------------------------------------------------------------------- ids, batches, codes

ALPHABETS = {
    "blofin_swap": (["a_1", "x" * 32], ["x" * 33, "a-b", "a b", "ä"]),
    "okx_swap": (["aB1", "x" * 32], ["x" * 33, "a_b", "a-b", "ä"]),
    "bybit_linear": (["a_1-b", "x" * 36], ["x" * 37, "a b", "a.b", "ä"]),
}


def test_client_ids_keep_to_the_alphabet_and_are_good_once(still):
    good, bad = ALPHABETS[still.venue]
    for client_id in good:
        assert code_of(place(still, **{CLIENT_ID[still.venue]: client_id})) == "0"
    for client_id in bad:
        assert code_of(place(still, **{CLIENT_ID[still.venue]: client_id})) in ("152009", "51000", "10001")
    still.account.cancel(still.symbol, client_id=good[0])
    code = code_of(place(still, **{CLIENT_ID[still.venue]: good[0]}))
    assert code in ("102148", "51016", "110072")
    assert len(still.account.open_orders()) == len(good) - 1


def test_a_refused_order_of_blofin_is_told_inside():
    for inside, top in ((False, "1"), (True, "0")):
        still = StillVenue("blofin_swap", refusals_inside=inside)
        said = place(still, size="100000")
        assert said["code"] == top
        assert said["data"][0]["code"] == "103003"
        assert said["data"][0]["orderId"] is None


def test_a_batch_of_okx_says_whether_all_some_or_none_failed():
    still = StillVenue("okx_swap")
    good, bad = order(still), order(still, px="1")
    for entries, code in (([good, good], "0"), ([good, bad], "0"), ([good, order(still, sz="0")], "2")):
        assert still.post("/api/v5/trade/batch-orders", entries)["code"] == code
    failed = still.post("/api/v5/trade/batch-orders", [order(still, sz="0"), order(still, sz="0")])
    assert (failed["code"], [row["sCode"] for row in failed["data"]]) == ("1", ["51020", "51020"])
    mixed = still.post("/api/v5/trade/batch-orders", [good, order(still, sz="0")])
    assert [row["sCode"] for row in mixed["data"]] == ["0", "51020"]


def test_a_batch_of_bybit_says_beside_its_list_what_failed():
    still = StillVenue("bybit_linear")
    said = still.post(
        "/v5/order/create-batch",
        {"category": "linear", "request": [order(still), order(still, qty="0", orderLinkId="b")]},
    )
    assert said["retCode"] == 0
    assert [row["code"] for row in said["retExtInfo"]["list"]] == [0, 10001]
    assert [bool(row["orderId"]) for row in said["result"]["list"]] == [True, False]


def test_bybit_acknowledges_before_it_knows():
    """A post-only order that would take is acknowledged, by misfortune any other too; the stream tells the end."""
    still = StillVenue("bybit_linear")
    assert place(still, qty="900")["retCode"] == 110007
    still.exchange.habits = replace(still.exchange.habits, asynchronous=True)
    stream = still.socket("/v5/private", logged_in=True)
    stream.say({"op": "subscribe", "req_id": "1", "args": ["order"]})
    last = still.exchange.last(still.symbol)
    crossing = str((last * Decimal("1.01")).quantize(Decimal("0.1")))
    first = place(still, price=crossing, timeInForce="PostOnly", orderLinkId="p")
    second = place(still, qty="900", orderLinkId="m")
    assert first["retCode"] == second["retCode"] == 0
    still.live(1)
    rows = {row["orderLinkId"]: row for frame in stream.frames for row in frame.get("data", [])}
    assert (rows["p"]["orderStatus"], rows["p"]["rejectReason"]) == (
        "Cancelled",
        "EC_PostOnlyWillTakeLiquidity",
    )
    assert (rows["m"]["orderStatus"], rows["m"]["rejectReason"]) == ("Rejected", "EC_Others")
    assert first["result"]["orderId"] == rows["p"]["orderId"]
    # Without this field a client takes the order for one of the spot market.
    assert all("tpslMode" in row for frame in stream.frames for row in frame.get("data", []))


def test_okx_tells_ends_apart():
    still = StillVenue("okx_swap")
    ids = [place(still)["data"][0]["ordId"] for _ in range(2)]
    still.account.cancel(still.symbol, int(ids[0]))
    still.account.place(Placement(still.symbol, "buy", "market", Decimal("0.01"), client_id="taken"))
    codes = [
        code_of(still.post("/api/v5/trade/cancel-order", {"instId": still.symbol, **named}))
        for named in ({"ordId": ids[0]}, {"clOrdId": "taken"}, {"ordId": "1"}, {"ordId": ids[1]}, {})
    ]
    assert codes == ["51401", "51402", "51400", "0", "51407"]
    (row,) = still.get("/api/v5/trade/order", instId=still.symbol, ordId=ids[0])["data"]
    assert (row["state"], row["cancelSource"]) == ("canceled", "1")
    codes = [
        code_of(still.post("/api/v5/trade/amend-order", {"instId": still.symbol, "newSz": "5", **named}))
        for named in ({"ordId": ids[0]}, {"clOrdId": "taken"}, {"ordId": "1"})
    ]
    assert codes == ["51509", "51510", "51503"]


# Every refusal of the domain, as the client's class of it; ExchangeError where the venue's own list has no code.
CLASSES = {
    Reason.MARGIN: ("InsufficientFunds",) * 3,
    Reason.DUPLICATE_ID: ("DuplicateOrderId", "InvalidOrder", "InvalidOrder"),
    Reason.REDUCE_ONLY: ("InvalidOrder", "ExchangeError", "InvalidOrder"),
    Reason.UNKNOWN_ORDER: ("BadRequest", "OrderNotFound", "OrderNotFound"),
    Reason.PRICE_BAND: ("BadRequest", "InvalidOrder", "InvalidOrder"),
    Reason.MIN_QTY: ("BadRequest", "InvalidOrder", "BadRequest"),
    Reason.SYMBOL_UNKNOWN: ("BadRequest", "BadSymbol", "BadRequest"),
    Reason.KEY_INVALID: ("AuthenticationError",) * 3,
    Reason.PERMISSION: ("PermissionDenied", "ExchangeError", "PermissionDenied"),
    Reason.ADDRESS: ("PermissionDenied",) * 3,
    Reason.WOULD_TRIGGER: ("InvalidOrder",) * 3,
    Reason.REGION: ("PermissionDenied", "RestrictedLocation", "PermissionDenied"),
    Reason.MAINTENANCE: ("ExchangeError", "OnMaintenance", "ExchangeError"),
    Reason.MODE_MISMATCH: ("BadRequest", "BadRequest", "BadRequest"),
}


def raised(venue, reply):
    """Return the class of what a real client raises for an answer, "" where it raises nothing."""
    client, text = CLIENTS[venue](), isinstance(reply.data, str)
    body = reply.data if text else msgspec.json.encode(reply.data).decode()
    answer = None if text else msgspec.json.decode(body)
    try:
        client.handle_errors(reply.status, "", "https://order", "POST", {}, body, answer, {}, None)
        client.handle_http_status_code(reply.status, "", "https://order", "POST", body)
    except ccxt.BaseError as error:
        return type(error).__name__
    return ""


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_every_refusal_is_an_error_to_a_client(still, reason):
    call = still.unsigned("/api/v1/account/set-leverage")
    name = raised(still.venue, still.protocol.refused(call, Refused(reason)))
    assert name
    if reason in CLASSES:
        assert name == CLASSES[reason][VENUES.index(still.venue)]


def test_every_reason_has_words_of_its_venue():
    quiet = {Reason.NO_CHANGE}
    for table in (blofin_words.REFUSALS, okx_words.REFUSALS, bybit_words.REFUSALS):
        assert set(Reason) - set(table) <= quiet
        assert all(code.isdigit() and text for code, text in table.values())


FAILURES = {
    Failure.RATE_LIMIT: ("RateLimitExceeded",) * 3,
    Failure.MAINTENANCE: ("ExchangeNotAvailable", "OnMaintenance", "ExchangeError"),
    Failure.UNKNOWN_STATUS: ("ExchangeNotAvailable", "RequestTimeout", "ExchangeError"),
    Failure.KEY_REVOKED: ("AuthenticationError",) * 3,
    Failure.ADDRESS_DENIED: ("PermissionDenied",) * 3,
    Failure.CLOCK: ("InvalidNonce",) * 3,
    Failure.REGION: ("PermissionDenied", "RestrictedLocation", "PermissionDenied"),
}


@pytest.mark.parametrize("failure", list(Failure), ids=lambda failure: failure.name)
def test_every_misfortune_is_an_error_to_a_client(still, failure):
    reply = still.protocol.failed(still.unsigned(PLACING[still.venue]), failure, 10.0)
    name = raised(still.venue, reply)
    assert name
    if failure in FAILURES:
        assert name == FAILURES[failure][VENUES.index(still.venue)]


def test_what_is_no_request_is_answered_as_such(still):
    paths = {path for method, path in still.protocol.routes() if method == "POST"}
    for path in sorted(paths):
        for body in ([], {}, "text", 5, [1, 2], {"request": 5}, {"category": "linear", "request": [{}]}):
            still.live(2)
            reply = still.ask("POST", path, body)
            assert isinstance(reply.data, dict), (path, body)
    still.live(10)
    assert still.account.open_orders() == []
    assert still.protocol.answer(still.unsigned("/api/v9/nothing")).status == 404


# ---------------------------------------------------------------------- what is kept, and on which page


def test_open_orders_come_in_pages():
    """More orders work than one answer shows; the rest is behind the last id, or behind the cursor."""
    for venue, path, key, size in (
        ("blofin_swap", "/api/v1/trade/orders-pending", "orderId", 100),
        ("okx_swap", "/api/v5/trade/orders-pending", "ordId", 100),
    ):
        still = StillVenue(venue)
        put = rest(still, 30)
        first = still.get(path, limit=20)["data"]
        second = still.get(path, limit=20, after=first[-1][key])["data"]
        assert (len(first), len(second)) == (20, 10)
        assert {row[key] for row in first + second} == put
        assert [int(row[key]) for row in first] == sorted((int(row[key]) for row in first), reverse=True)
        assert len(still.get(path, limit=size + 900)["data"]) == 30
    still = StillVenue("bybit_linear")
    put = rest(still, 30)
    said = {"category": "linear", "settleCoin": "USDT"}
    first = still.get("/v5/order/realtime", **said)["result"]
    second = still.get("/v5/order/realtime", **said, cursor=first["nextPageCursor"])["result"]
    assert (len(first["list"]), len(second["list"]), second["nextPageCursor"]) == (20, 10, "")
    numbers = {str(bybit_words.number_of(row["orderId"])) for row in first["list"] + second["list"]}
    assert numbers == put


def rest(still, count):
    """Rest orders; return their numbers."""
    price = (still.exchange.last(still.symbol) * Decimal("0.97")).quantize(Decimal("0.1"))
    lot = still.exchange.instruments[still.symbol].min_qty
    placement = Placement(still.symbol, "buy", "limit", lot, price)
    return {str(still.account.place(placement).order_id) for _ in range(count)}


def test_what_ended_unfilled_is_soon_forgotten():
    for venue, asked, hours in (
        ("okx_swap", ("/api/v5/trade/orders-history", {"instType": "SWAP"}), 2),
        ("bybit_linear", ("/v5/order/history", {"category": "linear"}), 24),
    ):
        still = StillVenue(venue)
        lot = still.exchange.instruments[still.symbol].min_qty
        for side in ("buy", "sell"):
            still.account.place(Placement(still.symbol, side, "market", lot))
        (number,) = rest(still, 1)
        still.account.cancel(still.symbol, int(number))

        def kept(still=still, asked=asked):
            said = still.get(asked[0], **asked[1])
            return len(said["data"] if "data" in said else said["result"]["list"])

        assert kept() == 3
        still.live(hours * 3600 - 60)
        assert kept() == 3
        still.live(120)
        assert kept() == 2


def test_windows_of_bybit_are_a_week_at_most():
    still = StillVenue("bybit_linear")
    now_ms, day = still.now_ns // 1_000_000, 86_400_000
    for path in ("/v5/order/history", "/v5/execution/list"):
        said = {"category": "linear", "startTime": now_ms - 8 * day, "endTime": now_ms}
        assert still.get(path, **said)["retCode"] == 10001
        assert still.get(path, **{**said, "startTime": now_ms - 7 * day})["retCode"] == 0
    lot = still.exchange.instruments[still.symbol].min_qty
    still.account.place(Placement(still.symbol, "buy", "market", lot))
    found = still.get("/v5/execution/list", category="linear", startTime=now_ms - 8 * day)["result"]["list"]
    assert found == []
    assert len(still.get("/v5/execution/list", category="linear")["result"]["list"]) == 1


def test_lists_of_okx_and_bybit_ask_for_what_they_need():
    still = StillVenue("okx_swap")
    assert still.get("/api/v5/trade/orders-algo-pending")["code"] == "50014"
    assert still.get("/api/v5/trade/orders-history")["code"] == "50014"
    assert still.get("/api/v5/market/books", signed=False)["code"] == "50014"
    assert still.get("/api/v5/market/books", signed=False, instId="NONE-USDT-SWAP")["code"] == "51001"
    still = StillVenue("bybit_linear")
    assert still.get("/v5/order/realtime", category="linear")["retCode"] == 10001
    assert still.get("/v5/position/list", category="linear")["retCode"] == 10001
    assert still.get("/v5/order/realtime", settleCoin="USDT")["retCode"] == 10001
    flat = still.get("/v5/position/list", category="linear", symbol="BTCUSDT")["result"]["list"]
    assert [(row["symbol"], row["size"], row["side"]) for row in flat] == [("BTCUSDT", "0", "")]
    assert still.get("/v5/position/list", category="linear", settleCoin="USDT")["result"]["list"] == []


def test_blofin_has_no_order_query_and_no_timer():
    still = StillVenue("blofin_swap")
    for method, path in (
        ("GET", "/api/v1/trade/order-detail"),
        ("POST", "/api/v1/trade/cancel-all-after"),
        ("POST", "/api/v1/trade/amend-order"),
    ):
        assert still.ask(method, path, {}).status == 404


# ---------------------------------------------------------------------- sockets

PRIVATE = {"blofin_swap": "/ws/private", "okx_swap": "/ws/v5/private", "bybit_linear": "/v5/private"}
PUBLIC = {"blofin_swap": "/ws/public", "okx_swap": "/ws/v5/public", "bybit_linear": "/v5/public/linear"}
ORDERS = {
    "blofin_swap": {"channel": "orders"},
    "okx_swap": {"channel": "orders", "instType": "SWAP"},
    "bybit_linear": "order",
}
BOOKS = {
    "blofin_swap": {"channel": "books", "instId": "BTC-USDT"},
    "okx_swap": {"channel": "books", "instId": "BTC-USDT-SWAP"},
    "bybit_linear": "orderbook.50.BTCUSDT",
}


def test_a_private_channel_needs_a_login(still):
    socket = still.socket(PRIVATE[still.venue])
    socket.say({"op": "subscribe", "req_id": "1", "args": [ORDERS[still.venue]]})
    (answer,) = socket.frames
    assert answer.get("event") == "error" or answer.get("success") is False
    place(still)
    assert len(socket.frames) == 1
    login = dict(still.wire.login(still.now_ns))
    wrong = msgspec.json.decode(msgspec.json.encode(login).replace(KEY.encode(), b"nobody"))
    socket.say(wrong)
    assert socket.frames[-1].get("event") == "error" or socket.frames[-1].get("success") is False
    still.live(0.001)
    socket.say(still.wire.login(still.now_ns))
    assert socket.frames[-1].get("event") == "login" or socket.frames[-1].get("success") is True
    socket.say({"op": "subscribe", "req_id": "2", "args": [ORDERS[still.venue]]})
    told = len(socket.frames)
    place(still)
    assert len(socket.frames) > told


def test_sockets_answer_pings_and_end_when_nothing_is_said(still):
    socket = still.socket(PUBLIC[still.venue])
    socket.say({"req_id": "9", "op": "ping"} if still.venue == "bybit_linear" else "ping")
    answer = socket.frames[-1]
    assert answer == "pong" or (answer["ret_msg"], answer["req_id"]) == ("pong", "9")
    idle_s = 600 if still.venue == "bybit_linear" else 30
    still.live(idle_s - 1)
    assert socket.closed is None
    still.live(3)
    assert socket.closed is not None


def test_a_book_is_a_snapshot_and_an_unbroken_chain(still):
    socket = still.socket(PUBLIC[still.venue])
    socket.say({"op": "subscribe", "req_id": "1", "args": [BOOKS[still.venue]]})
    still.live(20)
    frames = [frame for frame in socket.frames if frame.get("data")]
    rows = [frame["data"][0] if isinstance(frame["data"], list) else frame["data"] for frame in frames]
    kinds = [frame.get("action", frame.get("type")) for frame in frames]
    assert kinds[0] == "snapshot"
    assert set(kinds[1:]) == {"delta" if still.venue == "bybit_linear" else "update"}
    if still.venue == "bybit_linear":
        numbers = [row["u"] for row in rows]
        assert numbers == sorted(set(numbers))
    else:
        for before, after in pairwise(rows):
            assert int(after["prevSeqId"]) == int(before["seqId"])
    names = ("b", "a") if still.venue == "bybit_linear" else ("bids", "asks")
    held: list[dict[str, str]] = [{}, {}]
    for row in rows:
        for side, name in zip(held, names, strict=True):
            side.update({level[0]: level[1] for level in row[name]})
    book = still.exchange.book(still.symbol)
    for side, levels in zip(held, (book.bids, book.asks), strict=True):
        kept = {Decimal(price): Decimal(qty) for price, qty in side.items() if Decimal(qty)}
        assert kept == dict(levels)
    if still.venue == "okx_swap":
        assert rows[-1]["checksum"] == okx_words.checksum(book)


def test_garbage_on_a_socket_is_answered_and_survived(still):
    socket = still.socket(PUBLIC[still.venue])
    for text in (
        "",
        "{",
        "[]",
        "null",
        '"x"',
        '{"op":"subscribe"}',
        '{"op":"subscribe","args":[5]}',
        '{"op":"x"}',
    ):
        socket.say(text)
    assert all(frame.get("event") == "error" or frame.get("success") is False for frame in socket.frames)
    socket.frames.clear()
    socket.say({"op": "subscribe", "req_id": "1", "args": [BOOKS[still.venue]]})
    assert any(frame.get("data") for frame in socket.frames)


def test_a_session_that_ends_watches_nothing_more(still):
    socket = still.socket(PUBLIC[still.venue])
    socket.say({"op": "subscribe", "req_id": "1", "args": [BOOKS[still.venue]]})
    assert still.exchange.is_watched
    socket.session.end()
    assert not still.exchange.is_watched


def test_a_stop_of_bybit_stays_one_order_when_it_triggers():
    still = StillVenue("bybit_linear")
    stream = still.socket("/v5/private", logged_in=True)
    stream.say({"op": "subscribe", "req_id": "1", "args": ["order", "execution"]})
    lot = "0.001"
    place(still, orderType="Market", qty=lot)
    last = still.exchange.last(still.symbol)
    trigger = str((last * Decimal("0.98")).quantize(Decimal("0.1")))
    stop = place(
        still, side="Sell", orderType="Market", qty=lot, triggerPrice=trigger, triggerDirection=2,
        reduceOnly=True, orderLinkId="stop",
    )["result"]  # fmt: skip
    waiting = still.get("/v5/order/realtime", category="linear", symbol=still.symbol)["result"]["list"]
    assert [(row["orderId"], row["orderStatus"]) for row in waiting] == [(stop["orderId"], "Untriggered")]
    still.exchange.move_price(still.symbol, 0.95)
    still.live(3)
    rows = [
        row for frame in stream.frames if frame.get("topic") == "order" for row in frame["data"]
        if row["orderId"] == stop["orderId"]
    ]  # fmt: skip
    assert [row["orderStatus"] for row in rows] == ["Untriggered", "Triggered", "New", "Filled"]
    fills = [row for frame in stream.frames if frame.get("topic") == "execution" for row in frame["data"]]
    assert fills[-1]["orderId"] == stop["orderId"]
    (ended,) = still.get("/v5/order/history", category="linear", orderId=stop["orderId"])["result"]["list"]
    assert ended["orderStatus"] == "Filled"


def test_stops_of_a_position_of_bybit_are_set_and_removed_without_ids():
    still = StillVenue("bybit_linear")
    path, base = "/v5/position/trading-stop", {"category": "linear", "symbol": "BTCUSDT", "positionIdx": 0}
    assert still.post(path, {**base, "stopLoss": "1000"})["retCode"] == 10001
    place(still, orderType="Market")
    last = still.exchange.last(still.symbol)
    stop = str((last * Decimal("0.9")).quantize(Decimal("0.1")))
    assert still.post(path, {**base, "stopLoss": stop, "trailingStop": "500"})["result"] == {}
    waiting = still.account.open_orders(algo=True)
    assert [(order.placement.tag, order.placement.close_position) for order in waiting] == [
        ("StopLoss", True),
        ("TrailingStop", True),
    ]
    assert still.post(path, {**base, "stopLoss": stop})["retCode"] == 0
    assert still.post(path, {**base, "stopLoss": "0"})["retCode"] == 0
    assert [order.placement.tag for order in still.account.open_orders(algo=True)] == ["TrailingStop"]


def test_stops_of_blofin_for_a_whole_position_have_a_list_of_their_own():
    still = StillVenue("blofin_swap")
    place(still, orderType="market")
    last = still.exchange.last(still.symbol)
    body = {
        "instId": still.symbol, "marginMode": "cross", "positionSide": "net", "side": "sell", "size": "-1",
        "slTriggerPrice": str((last * Decimal("0.9")).quantize(Decimal("0.1"))), "slOrderPrice": "-1",
        "reduceOnly": "true",
    }  # fmt: skip
    placed = still.post("/api/v1/trade/order-tpsl", body)["data"]
    (row,) = still.get("/api/v1/trade/orders-tpsl-pending")["data"]
    assert (row["tpslId"], row["size"], row["state"]) == (placed["tpslId"], "-1", "live")
    assert still.get("/api/v1/trade/orders-algo-pending", orderType="trigger")["data"] == []
    entry = {"instId": still.symbol, "tpslId": placed["tpslId"]}
    assert code_of(still.post("/api/v1/trade/cancel-tpsl", [entry])) == "0"
    assert still.account.open_orders() == []
    (row,) = still.get("/api/v1/trade/orders-tpsl-history")["data"]
    assert row["state"] == "canceled"


def test_what_the_venue_closes_itself_is_told_as_its_own_order():
    """ADL takes a part of a position: the order and the fill carry the venue's word for it and no client id."""
    words = {
        "blofin_swap": lambda still: still.get("/api/v1/trade/orders-history")["data"][0]["orderCategory"],
        "okx_swap": lambda still: still.get("/api/v5/trade/orders-history", instType="SWAP")["data"][0][
            "category"
        ],
        "bybit_linear": lambda still: still.get("/v5/execution/list", category="linear")["result"]["list"][0][
            "execType"
        ],
    }
    for venue, word in words.items():
        still = StillVenue(venue)
        lot = still.exchange.instruments[still.symbol].min_qty
        still.account.place(Placement(still.symbol, "buy", "market", 10 * lot, client_id="mine"))
        still.account.adl(still.symbol, 0.5)
        still.live(2)
        assert still.account.positions()[0].qty == 5 * lot
        assert word(still) in ("adl", "AdlTrade")
    fills = still.get("/v5/execution/list", category="linear")["result"]["list"]
    assert [row["orderLinkId"] for row in fills] == ["", "mine"]


BEFORE_FUNDING_NS = 1_767_225_600_000_000_000 + (7 * 60 + 55) * 60 * 1_000_000_000
"""2026-01-01 07:55 UTC; funding settles at eight."""

EVERYTHING = {
    "blofin_swap": [{"channel": name} for name in ("orders", "orders-algo", "positions", "account")],
    "okx_swap": [
        {"channel": "orders", "instType": "SWAP"},
        {"channel": "positions", "instType": "ANY"},
        {"channel": "account"},
        {"channel": "balance_and_position"},
    ],
    "bybit_linear": ["order", "execution", "position", "wallet"],
}


@pytest.mark.parametrize("venue", VENUES)
def test_nobody_hears_of_another_account(venue):
    """Orders, stops, fills, positions, transfers and funding of a second account are told to it alone."""
    still = StillVenue(venue, start_ns=BEFORE_FUNDING_NS)
    other = still.exchange.open_account(
        "other", api_key="k2", secret="s2", passphrase="p2", balances={"USDT": Decimal(50_000)}
    )
    socket = still.socket(PRIVATE[still.venue], logged_in=True)
    socket.say({"op": "subscribe", "req_id": "1", "args": EVERYTHING[still.venue]})
    sockets = [socket]
    if still.venue == "okx_swap":
        business = still.socket("/ws/v5/business", logged_in=True)
        business.say({"op": "subscribe", "args": [{"channel": "orders-algo", "instType": "SWAP"}]})
        sockets.append(business)
    heard = [len(each.frames) for each in sockets]
    lot, last = still.exchange.instruments[still.symbol].min_qty, still.exchange.last(still.symbol)
    far = (last * Decimal("0.9")).quantize(Decimal("0.1"))
    for account, changes in ((other, False), (still.account, True)):
        account.place(Placement(still.symbol, "buy", "market", lot))
        stop = Placement(
            still.symbol, "sell", "stop_market", lot, trigger=far, tag="trigger", reduce_only=True
        )
        account.place(stop)
        account.transfer("USDT", Decimal(5))
        still.live(400)
        now = [len(each.frames) for each in sockets]
        assert (now != heard) is changes
        heard = now
    assert len(other.trades()) == len(still.account.trades()) == 1
