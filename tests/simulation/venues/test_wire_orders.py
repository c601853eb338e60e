"""Ids, batches, codes and pages of the fake BloFin, OKX and Bybit: how each venue speaks of orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import ccxt
import msgspec
import pytest

from tradewind.testing.still_orders import CLIENT_ID, PLACING, code_of, order, place, rest
from tradewind.testing.still_venues import StillVenue
from tradewind.venues.fake import blofin_words, bybit_words, okx_words
from tradewind.venues.fake.okx_account import account_routes
from tradewind.venues.fake.orders import Placement, Reason, Refused
from tradewind.venues.fake.protocol import Failure

VENUES = ("blofin_swap", "okx_swap", "bybit_linear")
CLIENTS = {"blofin_swap": ccxt.blofin, "okx_swap": ccxt.okx, "bybit_linear": ccxt.bybit}


@pytest.fixture(params=VENUES)
def still(request):
    return StillVenue(request.param)


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


def test_a_batch_of_blofin_is_of_one_instrument_and_margin_mode():
    still = StillVenue("blofin_swap")
    other = next(symbol for symbol in still.exchange.instruments if symbol != still.symbol)
    for unlike in ({"instId": other}, {"marginMode": "isolated"}):
        said = still.post("/api/v1/trade/batch-orders", [order(still), order(still, **unlike)])
        assert code_of(said) == "152007"
    assert still.account.open_orders() == []


def test_what_reduces_is_said_with_yes_or_no(still):
    """Any other word for it would be an order that opens."""
    for word in ("yes", "1", 1):
        assert code_of(place(still, reduceOnly=word)) in ("152005", "51000", "10001")
    assert still.account.open_orders() == []


def test_okx_keeps_to_the_form_of_its_batches_tags_and_triggers():
    still = StillVenue("okx_swap")
    assert still.post("/api/v5/trade/batch-orders", order(still))["code"] == "50002"
    assert code_of(place(still, tag="x" * 17)) == "51000"
    stop = {
        **order(still, ordType="conditional", side="sell", slTriggerPx="1", slOrdPx="-1"),
        "slTriggerPxType": "index",
    }
    assert code_of(still.post("/api/v5/trade/order-algo", stop)) == "51000"
    stops = [{"instId": still.symbol, "algoId": str(number)} for number in range(1, 12)]
    assert still.post("/api/v5/trade/cancel-algos", stops)["code"] == "50002"
    assert still.account.open_orders() == []


def test_okx_forgets_bills_after_a_week_and_keeps_them_in_its_archive():
    still = StillVenue("okx_swap")
    still.account.transfer("USDT", Decimal(5))
    routes = account_routes(still.exchange)

    def listed():
        return [len(routes[f"account/{path}"](still.account, {})) for path in ("bills", "bills-archive")]

    before = listed()
    still.now_ns += (7 * 86_400 + 1) * 1_000_000_000
    assert (before, listed()) == ([1, 1], [0, 1])


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
