"""Bitget's and KuCoin's own ways where a wrong reading loses money: sides, ends, refusals, what stops become.

Rows are those of `testing.account_scripts` and of the venues' pages; the sides of Bitget's channel of trades are as its
page says them, in words of its own for that channel.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tradewind.testing.account_scripts import (
    BITGET_FILL,
    BITGET_ORDER,
    BITGET_STOP,
    CID,
    MS,
    OTHER,
    OURS,
    bitget,
    bitget_order_said,
    bitget_said,
    kucoin_order_said,
    kucoin_stop_said,
)
from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import Reply, run_at_post
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.orders import AccountModes
from tradewind.venues.ccxt.parsing import RowReader
from tradewind.venues.ccxt.row_values import rows_at
from tradewind.venues.ccxt.trading import TradingSettings
from tradewind.venues.gateway import (
    NO_HISTORY,
    Listing,
    NewOrder,
    OrderRef,
    OrderStatus,
    OutcomeKind,
    TakenSeen,
)

NOW_NS = MS * 1_000_000
BITGET = dialect_of("bitget_swap")


def reader(venue="bitget_swap"):
    listings = [Listing(n, rules) for n, rules in enumerate(traded(venue))]
    return RowReader(dialect_of(venue), listings, ClientIds("tag001"), Counter())


def heard(of, venue, message, name):
    """Return what a message of a topic says to a reader."""
    topics = [topic for topic in dialect_of(venue).topics if topic.name == name and topic.shape]
    rows = [(row, topic.shape) for topic in topics for row in rows_at(message, topic.rows)]
    return [event for row, shape in rows for event in of.read(row, shape, NOW_NS)]


# ---------------------------------------------------------------------- Bitget: sides of trades


@pytest.mark.parametrize(
    ("side", "trade_side", "mine"),
    [
        ("buy", "open", (BUY, LONG)), ("sell", "close", (SELL, LONG)), ("sell", "open", (SELL, SHORT)),
        ("buy", "close", (BUY, SHORT)), ("sell", "sell_single", (SELL, SHORT)),
    ],
)  # fmt: skip
def test_the_channel_of_trades_tells_the_trades_own_side(side, trade_side, mine):
    """What closes a long position is a sell there: read as the list's sides it would be a buy of a short one."""
    row = BITGET_FILL | {"side": side, "tradeSide": trade_side}
    (seen,) = heard(reader(), "bitget_swap", bitget_said("fill", row), "fill")
    assert (seen.side, seen.position_side) == mine


@pytest.mark.parametrize(
    ("side", "trade_side", "mine"),
    [("buy", "close", (SELL, LONG)), ("sell", "close", (BUY, SHORT)), ("buy", "open", (BUY, LONG))],
)
def test_the_list_of_trades_tells_the_side_of_the_position(side, trade_side, mine):
    row = BITGET_FILL | {"side": side, "tradeSide": trade_side}
    (seen,) = reader().read(row, BITGET.fills.shape, NOW_NS)
    assert (seen.side, seen.position_side) == mine


# ---------------------------------------------------------------------- Bitget: what the venue closed


@pytest.mark.parametrize(
    ("word", "side", "kind", "closed"),
    [
        ("burst_close_long", "buy", "liquidation", LONG), ("burst_close_long", "sell", "liquidation", LONG),
        ("offset_close_short", "sell", "liquidation", SHORT), ("dte_sys_adl_close_short", "buy", "adl", SHORT),
        ("burst_sell_single", "sell", "liquidation", LONG), ("delivery_close_long", "buy", "settlement", LONG),
        ("dte_sys_adl_buy_in_single_side_mode", "buy", "adl", SHORT),
    ],
)  # fmt: skip
def test_what_the_venue_closed_is_of_the_side_that_its_word_names(word, side, kind, closed):
    row = BITGET_FILL | {"side": side, "tradeSide": word}
    (seen,) = heard(reader(), "bitget_swap", bitget_said("fill", row), "fill")
    assert isinstance(seen, TakenSeen)
    assert (seen.kind, seen.position_side, seen.qty_lot) == (kind, closed, 10)


@pytest.mark.parametrize("order_first", [True, False])
def test_what_the_venue_closed_is_told_once_whichever_channel_speaks_first(order_first):
    of = reader()
    own = {"clientOid": "", "side": "sell", "tradeSide": "burst_sell_single"}
    trade = bitget_said("fill", BITGET_FILL | own)
    order = bitget_order_said(**own, status="filled", accBaseVolume="0.001", priceAvg="41999.5")
    messages = [(order, "orders"), (trade, "fill")]
    taken = [
        event
        for message, name in (messages if order_first else messages[::-1])
        for event in heard(of, "bitget_swap", message, name)
    ]
    assert [(one.position_side, one.qty_lot) for one in taken] == [(LONG, 10)]


# ---------------------------------------------------------------------- Bitget: ends of orders


def test_an_order_that_was_cancelled_in_part_ends_though_its_average_is_not_pushed():
    """The page says so of what is cancelled, as each order is that takes at once and finds too little."""
    of = reader()
    ended = bitget_order_said(status="canceled", accBaseVolume="0.0004", cancelReason="normal_cancel")
    (seen,) = heard(of, "bitget_swap", ended, "orders")
    assert (seen.status, seen.filled_lot, seen.notional) == (OrderStatus.CANCELLED, 4, 0)
    assert of.dropped == {}
    filled = bitget_order_said(status="filled", accBaseVolume="0.001")
    assert heard(of, "bitget_swap", filled, "orders") == []
    assert of.dropped == {"order: filled at no price": 1}


# ---------------------------------------------------------------------- Bitget: plans


@pytest.mark.parametrize(
    ("answer", "kind", "gone"),
    [
        ({"successList": [{"orderId": "88", "clientOid": OURS}], "failureList": []}, "accepted", False),
        ({"successList": [], "failureList": [{"orderId": "88", "errorMsg": "notExistend"}]}, "unknown", True),
        (
            {"successList": [], "failureList": [{"orderId": "88", "errorMsg": "System busy"}]},
            "unknown",
            False,
        ),
        ({"successList": [], "failureList": [{"orderId": "88", "clientOid": ""}]}, "unknown", False),
        ({"successList": None, "failureList": None}, "unknown", False),
        ({"successList": [], "failureList": []}, "unknown", False),
    ],
)
def test_a_plan_is_cancelled_only_where_the_answer_names_it(answer, kind, gone):
    """The page's refusals have words and no codes; an answer that names nobody proves nothing."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = lambda _: Reply(bitget(answer))
        return await gateway.cancel(OrderRef(0, CID, "88", algo=True))

    outcome = run_at_post("bitget_swap", work)
    assert (outcome.kind, outcome.gone) == (OutcomeKind(kind), gone)


def test_what_a_plan_became_is_asked_of_the_plan_and_told_as_ours():
    """Its order has an id that the venue made, and the channel does not say which one it is."""
    plan = BITGET_STOP | {"clientOid": OURS, "planStatus": "executed", "executeOrderId": "99"}
    became = BITGET_ORDER | {
        "orderId": "99", "clientOid": "1172065743193939968", "side": "sell", "state": "filled", "price": "0",
        "baseVolume": "0.001", "priceAvg": "40990.1", "reduceOnly": "YES", "tradeSide": "sell_single",
    }  # fmt: skip

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()

        def answer(request):
            if request.path.endswith("orders-plan-history"):
                return Reply(bitget({"entrustedList": [plan], "endId": "88"}))
            if request.path.endswith("detail"):
                return Reply(bitget(became))
            return Reply(bitget({"fillList": None, "endId": None}))

        post.answer = answer
        said = bitget_said("orders-algo", plan | {"instId": "BTCUSDT", "status": "executed"})
        del said["data"][0]["executeOrderId"]
        (stop,) = heard(gateway._rows, "bitget_swap", said, "orders-algo")
        return stop, await gateway._account.children(stop, NOW_NS), [one.query for one in post.requests]

    stop, found, asked = run_at_post("bitget_swap", work)
    assert (stop.cid, stop.status) == (CID, OrderStatus.TRIGGERED)
    assert [(one.cid, one.venue_id, one.status) for one in found] == [(CID, "99", OrderStatus.FILLED)]
    assert (asked[0]["orderId"], asked[0]["planType"]) == ("88", "normal_plan")
    assert asked[1]["orderId"] == "99"


def test_a_plan_that_does_not_say_whether_it_only_reduces_is_as_it_was_sent():
    """Where one position is held neither list nor channel of plans says it: a stop read as what opens is cancelled."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = lambda _: Reply(bitget({"orderId": "88", "clientOid": OURS}))
        stop = NewOrder(0, CID, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10)
        (outcome,) = await gateway.create([stop])
        shape = BITGET.working[1].shape
        (mine,) = gateway._rows.read(BITGET_STOP | {"clientOid": OURS}, shape, NOW_NS)
        (other,) = gateway._rows.read(BITGET_STOP | {"orderId": "89", "clientOid": OTHER}, shape, NOW_NS)
        return outcome, mine, other

    outcome, mine, other = run_at_post("bitget_swap", work)
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert (mine.position_side, mine.reduce, mine.stop) == (LONG, 1, True)
    assert (other.position_side, other.reduce) == (SHORT, 0)


@pytest.mark.parametrize(("held", "mine"), [("long", (LONG, 1)), ("short", (SHORT, 0)), ("", (SHORT, 0))])
def test_a_plan_of_another_life_counts_as_reducing_where_it_would_take_from_what_is_held(held, mine):
    """What opens is cancelled when a session is adopted, and before a position is closed: not so its only stop."""
    position = {
        "symbol": "BTCUSDT",
        "holdSide": held,
        "total": "0.001",
        "openPriceAvg": "42000",
        "markPrice": "42000",
    }

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()

        def answer(request):
            if request.path.endswith("orders-plan-pending"):
                return Reply(bitget({"entrustedList": [BITGET_STOP], "endId": "88"}))
            if request.path.endswith("all-position"):
                return Reply(bitget([position] if held else []))
            if request.path.endswith("/account"):
                return Reply(
                    bitget({"posMode": "one_way_mode", "marginMode": "crossed", "crossedMarginLeverage": "5"})
                )
            if request.path.endswith("accounts"):
                return Reply(bitget([{"marginCoin": "USDT", "accountEquity": "1000", "unrealizedPL": "0"}]))
            return Reply(bitget({"entrustedList": None, "endId": None}))

        post.answer = answer
        return [await gateway.snapshot(NO_HISTORY) for _ in range(2)]

    for taken in run_at_post("bitget_swap", work):
        (stop,) = taken.orders
        assert (stop.stop, stop.side) == (True, SELL)
        assert (stop.position_side, stop.reduce) == mine


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("venue", "said", "rule"),
    [
        ("bitget_swap", {"code": "40889", "msg": "too many plans"}, Rule.VENUE_OTHER),
        ("bitget_swap", {"code": "43006", "msg": "less than the least"}, Rule.VENUE_MIN_NOTIONAL),
        ("bitget_swap", {"code": "22006", "msg": "limit price > risk price"}, Rule.VENUE_PRICE),
        ("bitget_swap", {"code": "22004", "msg": "not by API"}, Rule.VENUE_CLOSED),
        ("kucoin", {"code": "300004", "msg": "Stop order quantity limit exceeded"}, Rule.VENUE_OTHER),
        ("kucoin", {"code": "300007", "msg": "worse than the liquidation price"}, Rule.VENUE_PRICE),
        ("kucoin", {"code": "300005", "msg": "risk limit exceeded"}, Rule.VENUE_MARGIN),
        ("kucoin", {"code": "300015", "msg": "under settlement"}, Rule.VENUE_CLOSED),
    ],
)
def test_a_stop_that_the_venue_refuses_by_a_code_of_its_page_is_in_no_doubt(venue, said, rule):
    """In doubt, a position would stand without its stop for as long as the venue's lists are watched."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = lambda _: Reply(said)
        stop = NewOrder(0, CID, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10)
        (outcome,) = await gateway.create([stop])
        return outcome

    outcome = run_at_post(venue, work)
    assert (outcome.kind, outcome.rule) == (OutcomeKind.REJECTED, rule)


@pytest.mark.parametrize(
    ("venue", "code"), [("kucoin", "300018"), ("kucoin", "500000"), ("bitget_swap", "40725")]
)
def test_an_id_that_is_taken_and_an_error_within_prove_nothing(venue, code):
    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = lambda _: Reply({"code": code, "msg": "x"})
        (outcome,) = await gateway.create(
            [NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)]
        )
        return outcome

    assert run_at_post(venue, work).kind is OutcomeKind.UNKNOWN


# ---------------------------------------------------------------------- KuCoin


@pytest.mark.parametrize(
    ("word", "kind"), [("liquid", "liquidation"), ("adl", "adl"), ("settlement", "settlement")]
)
def test_what_kucoin_closed_is_told_by_its_stream(word, kind):
    row = {
        "type": "match",
        "matchPrice": "41999.5",
        "matchSize": "10",
        "tradeId": "501",
        "liquidity": "taker",
    }
    own = {"clientOid": "", "tradeType": word, "side": "sell", "filledSize": "10"}
    told = heard(reader("kucoin"), "kucoin", kucoin_order_said(**row, **own), "symbolOrderChange")
    (taken,) = [event for event in told if isinstance(event, TakenSeen)]
    assert (taken.kind, taken.position_side, taken.qty_lot, taken.price_tick) == (kind, LONG, 10, 419_995)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"type": "open"}, OrderStatus.WORKING),
        ({"type": "triggered"}, OrderStatus.TRIGGERED),
        ({"type": "triggered", "triggerSuccess": True}, OrderStatus.TRIGGERED),
        (
            {
                "type": "triggered",
                "triggerSuccess": False,
                "error": "error.createOrder.accountBalanceInsufficient",
            },
            OrderStatus.REJECTED,
        ),
        ({"type": "cancel"}, OrderStatus.CANCELLED),
    ],
)
def test_a_stop_whose_order_was_not_taken_is_refused_and_not_on_its_way(said, status):
    of = reader("kucoin")
    of.learn(Listing(0, traded("kucoin")[0]), "88", OURS, position_side=LONG, algo=False)
    (seen,) = heard(of, "kucoin", kucoin_stop_said(**said), "stopOrder")
    assert (seen.cid, seen.status, seen.reduce) == (CID, status, 1)


def test_where_margin_is_isolated_nothing_opens_without_a_leverage_and_closes_go():
    opens = NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)
    closes = NewOrder(0, CID, IntentKind.TARGET, SELL, LONG, True, False, 420_000, 10)

    async def work(post):
        gateway = post.gateway(TradingSettings("kucoin", "tag001", modes=AccountModes(isolated=True)))
        await gateway.measure_clock()
        post.requests.clear()
        outcomes = await gateway.create([opens]) + await gateway.create([closes])
        return outcomes, [request.body for request in post.requests if request.method == "POST"]

    (refused, _), sent = run_at_post("kucoin", work)
    assert (refused.kind, refused.rule) == (OutcomeKind.REJECTED, Rule.SETTINGS)
    assert "leverage" in refused.text
    assert [(body["side"], body["marginMode"], "leverage" in body) for body in sent] == [
        ("sell", "ISOLATED", False)
    ]
