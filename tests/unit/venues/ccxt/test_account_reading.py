"""A list that was not told is not an empty list: garbage never makes an order absent or an account flat."""

from __future__ import annotations

import pytest

from tradewind.errors import VenueDown
from tradewind.testing.wire_recorder import Reply, run_at_post
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.gateway import OrderRef

VENUES = sorted(DIALECTS)
NOW_NS = 1_767_225_600_000_000_000
FINE = {
    "binance_usdm": [],
    "bybit_linear": {"retCode": 0, "retMsg": "OK", "result": {"list": [], "nextPageCursor": ""}},
    "okx_swap": {"code": "0", "msg": "", "data": []},
    "blofin_swap": {"code": "0", "msg": "success", "data": []},
}
FINE |= {
    "binance_spot": FINE["binance_usdm"],
    "bybit_spot": FINE["bybit_linear"],
    "okx_spot": FINE["okx_swap"],
    "gate_swap": [],
    "hyperliquid": [],
    # Null is an empty list at Bitget.
    "bitget_swap": {
        "code": "00000",
        "msg": "success",
        "data": {"entrustedList": None, "fillList": None, "bills": [], "endId": None},
    },
    "kucoin": {"code": "200000", "data": {"currentPage": 1, "pageSize": 1000, "totalNum": 0, "items": []}},
}
GARBAGE = {
    "nothing": Reply(""),
    "html": Reply("<html>"),
    "null": Reply("null"),
    "a table": Reply({}),
    "a number": Reply(5),
    "no rows": Reply({"code": "0", "retCode": 0, "msg": "", "retMsg": ""}),
    "rows that are none": Reply({"code": "0", "retCode": 0, "data": None, "result": None}),
    "another list": Reply({"code": "0", "retCode": 0, "data": [7, 8], "result": {"list": "many"}}),
    "cut": Reply('[{"orderId": 1'),
    "an error": Reply({"code": -1000, "msg": "Unknown error", "retCode": 10000, "retMsg": "Server error"}),
    "502": Reply("bad gateway", status=502),
}


async def asked(post, reply):
    gateway = post.gateway()
    await gateway.measure_clock()
    post.answer = reply
    return gateway


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_is_never_absent_because_an_answer_was_no_answer(venue):
    async def work(post):
        gateway, found = await asked(post, lambda _: Reply()), {}
        for name, reply in GARBAGE.items():
            post.answer = lambda _, told=reply: told
            found[name] = await gateway.find(OrderRef(0, 1 << 20), NOW_NS)
        return found

    for name, found in run_at_post(venue, work).items():
        assert (found.order, found.absent) == (None, False), name
        assert found.text, name


@pytest.mark.parametrize("venue", VENUES)
def test_an_account_is_never_flat_because_an_answer_was_no_answer(venue):
    async def work(post):
        gateway, raised = await asked(post, lambda _: Reply()), []
        for name, reply in GARBAGE.items():
            post.answer = lambda _, told=reply: told
            try:
                await gateway.snapshot(NOW_NS)
            except VenueDown:
                raised.append(name)
        return raised

    assert run_at_post(venue, work) == list(GARBAGE)


def gone(request):
    """Answer that the one order is not there, and that every list is empty."""
    if request.path in ("/fapi/v1/order", "/fapi/v1/algoOrder", "/api/v3/order"):
        return Reply({"code": -2013, "msg": "Order does not exist."}, status=400)
    if request.path in ("/api/v5/trade/order", "/api/v5/trade/order-algo"):
        return Reply({"code": "51603", "msg": "Order does not exist", "data": []})
    if request.path == "/api/v2/mix/order/detail":
        return Reply(
            {"code": "40109", "msg": "The data of the order cannot be found", "data": None}, status=400
        )
    if request.path == "/api/v1/orders/byClientOid":
        return Reply({"code": "100001", "msg": "error.getOrder.orderNotExist"})
    if isinstance(request.body, dict) and request.body.get("type") == "orderStatus":
        return Reply({"status": "unknownOid"})
    if request.path.startswith("/api/v4/futures/usdt/orders/"):
        return Reply({"label": "ORDER_NOT_FOUND", "message": "Order not found"}, status=404)
    return None


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_is_absent_where_every_list_was_told_and_has_it_not(venue):
    async def work(post):
        gateway = await asked(post, lambda request: gone(request) or Reply(FINE[venue]))
        return await gateway.find(OrderRef(0, 1 << 20), NOW_NS)

    found = run_at_post(venue, work)
    assert (found.order, found.fills, found.absent) == (None, (), True)


@pytest.mark.parametrize("venue", VENUES)
def test_one_list_that_was_not_told_leaves_the_question_open(venue):
    """The trades, which are read last."""
    paths = (
        "userTrades",
        "execution/list",
        "fills-history",
        "order/fills",
        "v1/fills",
        "myTrades",
        "my_trades_timerange",
    )

    async def work(post):
        def answer(request):
            if request.path.endswith(paths) or "userFills" in str(request.body):
                return Reply("<html>", status=502)
            return gone(request) or Reply(FINE[venue])

        gateway = await asked(post, answer)
        return await gateway.find(OrderRef(0, 1 << 20), NOW_NS)

    found = run_at_post(venue, work)
    assert (found.order, found.absent) == (None, False)


def binance_order(symbol, client_id, number=77, **more):
    row = {"symbol": symbol, "orderId": number, "clientOrderId": client_id, "status": "NEW", "side": "BUY"}
    row |= {"positionSide": "BOTH", "reduceOnly": False, "price": "2000", "origQty": "0.01"}
    return (
        row | {"executedQty": "0", "cumQuote": "0", "avgPrice": "0", "updateTime": 1_767_225_600_000} | more
    )


def test_orders_of_two_symbols_with_one_number_both_work():
    """Binance counts orders by symbol; a snapshot without one of them would have it looked for as lost."""

    async def work(post):
        gateway = await asked(post, lambda _: Reply(FINE["binance_usdm"]))
        ids = [gateway._ids.encode(n << 20) for n in (1, 2)]
        rows = [
            binance_order(symbol, client_id)
            for symbol, client_id in zip(("BTCUSDT", "ETHUSDT"), ids, strict=True)
        ]
        post.answer = lambda request: Reply(
            rows if request.path.endswith("/openOrders") else SETTINGS.get(request.path.split("/")[-1], [])
        )
        return sorted((o.instrument, o.cid >> 20) for o in (await gateway.snapshot(NOW_NS)).orders)

    assert run_at_post("binance_usdm", work) == [(0, 1), (1, 2)]


SETTINGS = {"dual": {"dualSidePosition": False}, "symbolConfig": []}


def test_an_order_that_has_the_number_of_our_stop_is_not_our_stop():
    """Binance numbers stops and orders apart: who asks for the wrong one of them may be told of another order."""

    async def work(post):
        gateway = await asked(post, lambda _: Reply(FINE["binance_usdm"]))
        other = gateway._ids.encode(2 << 20)

        def answer(request):
            if request.path == "/fapi/v1/order":
                return Reply(
                    binance_order("BTCUSDT", other, status="FILLED", executedQty="0.01", cumQuote="20")
                )
            return gone(request) or Reply(FINE["binance_usdm"])

        post.answer = answer
        return await gateway.find(OrderRef(0, 1 << 20, "77", algo=True), NOW_NS)

    found = run_at_post("binance_usdm", work)
    assert (found.order, found.absent) == (None, True)


def test_a_stop_is_looked_for_among_the_stops_first():
    async def work(post):
        gateway = await asked(post, lambda _: Reply(FINE["binance_usdm"]))
        stop = {"algoId": 77, "clientAlgoId": gateway._ids.encode(1 << 20), "algoStatus": "CANCELED"}
        stop |= {"symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH", "reduceOnly": True}
        stop |= {"quantity": "0.01", "triggerPrice": "2000", "price": "0"}
        post.answer = lambda request: Reply(stop) if request.path == "/fapi/v1/algoOrder" else gone(request)
        post.requests.clear()
        found = await gateway.find(OrderRef(0, 1 << 20, "77", algo=True), NOW_NS)
        return found.order.cid >> 20, [request.path for request in post.requests]

    assert run_at_post("binance_usdm", work) == (1, ["/fapi/v1/algoOrder"])


def test_stops_of_months_ago_are_not_read_to_find_one_of_today():
    """BloFin's list of stops that ended takes no time: with each one it would become longer, and at last endless."""
    path, old_ms = "/api/v1/trade/orders-algo-history", NOW_NS // 1_000_000 - 86_400_000

    async def work(post):
        def answer(request):
            if not request.path.endswith(path):
                return Reply(FINE["blofin_swap"])
            newest = int(dict(request.query).get("after") or 100_000) - 1
            rows = [
                {"algoId": str(newest - n), "instId": "BTC-USDT", "createTime": str(old_ms)}
                for n in range(100)
            ]
            return Reply({"code": "0", "msg": "success", "data": rows})

        gateway = await asked(post, answer)
        post.requests.clear()
        found = await gateway.find(OrderRef(0, 1 << 20, algo=True), NOW_NS)
        return found.absent, sum(request.path.endswith(path) for request in post.requests)

    assert run_at_post("blofin_swap", work) == (True, 1)


def test_money_that_moved_before_the_time_asked_for_is_not_told_again():
    """BloFin lists every transfer that ever was: at a first start each of them would have been money come in."""

    async def work(post):
        def answer(request):
            path = request.path.removeprefix("/api/v1/")
            if path == "asset/bills":
                rows = [
                    {
                        "transferId": str(n),
                        "currency": "USDT",
                        "toAccount": "futures",
                        "amount": "5",
                        "ts": str(ms),
                    }
                    for n, ms in ((2, NOW_NS // 1_000_000 + 1), (1, NOW_NS // 1_000_000 - 1))
                ]
                return Reply({"code": "0", "msg": "success", "data": rows})
            if path in ("account/position-mode", "account/margin-mode"):
                modes = {"positionMode": "net_mode", "marginMode": "cross"}
                return Reply({"code": "0", "msg": "success", "data": modes})
            details = {"details": []} if path == "account/balance" else []
            return Reply({"code": "0", "msg": "success", "data": details})

        gateway = await asked(post, answer)
        return [transfer.transfer_id for transfer in (await gateway.snapshot(NOW_NS)).transfers]

    assert run_at_post("blofin_swap", work) == ["2"]


def test_a_list_that_repeats_its_page_is_an_error_and_not_an_end():
    rows = [{"ordId": str(n), "instId": "BTC-USDT-SWAP"} for n in range(100)]

    async def work(post):
        gateway = await asked(post, lambda _: Reply({"code": "0", "msg": "", "data": rows}))
        with pytest.raises(VenueDown, match="does not go on"):
            await gateway.snapshot(NOW_NS)
        return len(post.requests)

    assert run_at_post("okx_swap", work) == 2
