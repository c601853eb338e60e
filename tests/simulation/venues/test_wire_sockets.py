"""Sockets of the fake BloFin, OKX and Bybit, and what happens to orders beside requests: stops, settlements."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from tradewind.testing.still_orders import code_of, place
from tradewind.testing.still_venues import KEY, StillVenue
from tradewind.venues.fake import okx_words
from tradewind.venues.fake.orders import Placement

VENUES = ("blofin_swap", "okx_swap", "bybit_linear")


@pytest.fixture(params=VENUES)
def still(request):
    return StillVenue(request.param)


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
