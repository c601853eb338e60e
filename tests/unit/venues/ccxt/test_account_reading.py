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
    if request.path in ("/fapi/v1/order", "/fapi/v1/algoOrder"):
        return Reply({"code": -2013, "msg": "Order does not exist."}, status=400)
    if request.path in ("/api/v5/trade/order", "/api/v5/trade/order-algo"):
        return Reply({"code": "51603", "msg": "Order does not exist", "data": []})
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
    paths = ("userTrades", "execution/list", "fills-history")

    async def work(post):
        def answer(request):
            if request.path.endswith(paths):
                return Reply("<html>", status=502)
            return gone(request) or Reply(FINE[venue])

        gateway = await asked(post, answer)
        return await gateway.find(OrderRef(0, 1 << 20), NOW_NS)

    found = run_at_post(venue, work)
    assert (found.order, found.absent) == (None, False)


def test_a_list_that_repeats_its_page_is_an_error_and_not_an_end():
    rows = [{"ordId": str(n), "instId": "BTC-USDT-SWAP"} for n in range(100)]

    async def work(post):
        gateway = await asked(post, lambda _: Reply({"code": "0", "msg": "", "data": rows}))
        with pytest.raises(VenueDown, match="does not go on"):
            await gateway.snapshot(NOW_NS)
        return len(post.requests)

    assert run_at_post("okx_swap", work) == 2
