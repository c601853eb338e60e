"""Spot markets: what the venues' documentation shows of coins, orders and trades becomes our words.

Rows are written by hand after the documentation of each venue: Binance spot (account, openOrders, myTrades,
executionReport, outboundAccountPosition, balanceUpdate), Bybit v5 (wallet, order, execution), OKX v5 (balance, orders,
fills).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from ccxt.base import errors as ccxt_errors

from tradewind.live.amounts import listing_of
from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import Reply, run_at_post
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule, TriggerKind
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.caps import Caps
from tradewind.venues.ccxt.classification import judge
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.parsing import RowReader
from tradewind.venues.ccxt.shapes import FillShape, OrderShape
from tradewind.venues.ccxt.trading import TradingSettings
from tradewind.venues.gateway import (
    BalanceSeen,
    FillSeen,
    NewOrder,
    OrderSeen,
    OrderStatus,
    OutcomeKind,
    PositionSeen,
    TransferSeen,
)

SPOT = ("binance_spot", "bybit_spot", "okx_spot")
OURS = ClientIds("abc123").encode(9 << 20)
NOW_NS = 1_767_225_600_000_000_000
COIN = 100_000_000
"""Atoms of a thousandth of a lot of 0.001: a millionth of a coin; and money in its units."""


def reader(venue, *, whole=False):
    """Return a reader that counts in parts of lots as a session does, or in whole lots."""
    rules = traded(venue)[:1]
    listings = [listing_of(n, each) for n, each in enumerate(rules)]
    if whole:
        listings = [replace_lots(one, rules[0]) for one in listings]
    return RowReader(DIALECTS[venue], listings, ClientIds("abc123"), Counter())


def replace_lots(listing, rules):
    return type(listing)(listing.index, replace(rules))


def read_all(venue, topic, row, *, whole=False):
    """Return what every topic of a name reads in a row."""
    read = reader(venue, whole=whole)
    shapes = [one.shape for one in DIALECTS[venue].topics if one.name == topic]
    return [event for shape in shapes for event in read.read(row, shape, NOW_NS)]


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


# ---------------------------------------------------------------------- what is held


WALLETS = {
    "binance_spot": ({"asset": "BTC", "free": "0.40000000", "locked": "0.10000000"}, "USDT", "asset"),
    "bybit_spot": ({"coin": "BTC", "walletBalance": "0.5", "locked": "0.1", "equity": "0.5"}, "USDT", "coin"),
    "okx_spot": (
        {"ccy": "BTC", "cashBal": "0.5", "availBal": "0.4", "uTime": "1767225600000"},
        "USDT",
        "ccy",
    ),
}


@pytest.mark.parametrize("venue", SPOT)
def test_what_is_held_of_a_coin_is_a_long_position_free_or_locked(venue):
    row, _, _ = WALLETS[venue]
    (seen,) = reader(venue).read(row, DIALECTS[venue].positions.shape, NOW_NS)
    assert isinstance(seen, PositionSeen)
    assert (seen.instrument, seen.position_side, seen.qty_lot) == (0, LONG, 500_000)
    assert (seen.entry, seen.mark) == (0.0, 0.0)
    (cash,) = reader(venue).read(row, DIALECTS[venue].balances.shape, NOW_NS)
    assert cash == BalanceSeen("BTC", COIN // 2, cash.ts_ns, NOW_NS)


@pytest.mark.parametrize("venue", SPOT)
def test_a_coin_that_is_not_traded_is_no_position_and_no_reason_to_doubt_the_list(venue):
    row, money, name = WALLETS[venue]
    read = reader(venue)
    assert read.read(row | {name: money}, DIALECTS[venue].positions.shape, NOW_NS) == []
    assert read.read(row | {name: "DOGE"}, DIALECTS[venue].positions.shape, NOW_NS) == []
    assert read.unread == set()


@pytest.mark.parametrize("venue", SPOT)
@pytest.mark.parametrize("value", ["NaN", "-1", "1e30", "x", "", None])
def test_a_holding_that_cannot_be_is_not_believed(venue, value):
    row, _, _ = WALLETS[venue]
    shape, read = DIALECTS[venue].positions.shape, reader(venue)
    row = {name: held for name, held in row.items() if name != shape.locked} | {shape.qty: value}
    row |= {shape.locked: "0"} if shape.locked else {}
    assert read.read(row, shape, NOW_NS) == []
    assert len(read.unread) == 1


def test_what_is_finer_than_is_counted_is_cut():
    row = {"coin": "BTC", "walletBalance": "0.0000019999"}
    (seen,) = reader("bybit_spot").read(row, DIALECTS["bybit_spot"].positions.shape, NOW_NS)
    assert seen.qty_lot == 1


# ---------------------------------------------------------------------- Binance


BINANCE_EVENT = {
    "e": "executionReport", "E": 1767225600100, "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "0.01000000", "p": "42000.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "TRADE",
    "X": "PARTIALLY_FILLED", "r": "NONE", "i": 4293153, "l": "0.00400000", "z": "0.00400000",
    "L": "42000.00000000", "n": "0.00000400", "N": "BTC", "T": 1767225600099, "t": 77, "w": True, "m": False,
    "Z": "168.00000000", "Y": "168.00000000", "W": 1767225600000, "V": "NONE",
}  # fmt: skip


def test_a_report_of_binance_is_an_order_and_its_trade_with_the_fee_in_the_coin():
    told = read_all("binance_spot", "executionReport", BINANCE_EVENT)
    (fill,), (order,) = of(FillSeen, told), of(OrderSeen, told)
    assert (fill.cid, fill.trade_id, fill.side, fill.position_side) == (9 << 20, "77", BUY, LONG)
    assert (fill.price_tick, fill.qty_lot, fill.notional) == (420_000, 4_000, 168 * COIN)
    assert (fill.fee, fill.fee_currency, fill.maker) == (400, "BTC", 0)
    assert (order.status, order.qty_lot, order.filled_lot) == (OrderStatus.WORKING, 10_000, 4_000)
    assert (order.notional, order.reduce, order.stop) == (168 * COIN, 0, False)


def test_a_cancel_at_binance_names_the_order_beside_the_request():
    row = BINANCE_EVENT | {"x": "CANCELED", "X": "CANCELED", "c": "web_1", "C": OURS, "t": -1, "l": "0"}
    (order,) = read_all("binance_spot", "executionReport", row)
    assert (order.cid, order.status, order.rule) == (9 << 20, OrderStatus.CANCELLED, Rule.UNWANTED)


def test_a_stop_of_coins_waits_under_its_own_number_and_closes_what_is_held():
    row = BINANCE_EVENT | {"o": "STOP_LOSS", "S": "SELL", "x": "NEW", "X": "NEW", "p": "0.00000000", "z": "0"}
    row |= {"P": "41000.00000000", "t": -1, "l": "0", "Z": "0"}
    (order,) = read_all("binance_spot", "executionReport", row)
    assert (order.stop, order.price_tick, order.side) == (True, 410_000, SELL)
    assert (order.position_side, order.reduce) == (LONG, 1)
    (order,) = read_all("binance_spot", "executionReport", row | {"X": "FILLED", "z": "0.01", "Z": "410"})
    assert (order.status, order.filled_lot, order.stop) == (OrderStatus.FILLED, 10_000, False)


def test_trades_of_binance_say_who_bought():
    row = {
        "symbol": "BTCUSDT", "id": 77, "orderId": 4293153, "price": "42000.0", "qty": "0.004", "quoteQty": "168.0",
        "commission": "0.168", "commissionAsset": "USDT", "time": 1767225600099, "isBuyer": False, "isMaker": True,
    }  # fmt: skip
    shape = DIALECTS["binance_spot"].fills.shape
    (fill,) = reader("binance_spot").read(row, shape, NOW_NS)
    assert (fill.side, fill.maker, fill.fee_currency) == (SELL, 1, "USDT")
    assert (fill.position_side, fill.venue_id, fill.fee) == (LONG, "4293153", 16_800_000)
    (fill,) = reader("binance_spot").read(row | {"isBuyer": True}, shape, NOW_NS)
    assert fill.side == BUY
    assert reader("binance_spot").read(row | {"isBuyer": "BUY"}, shape, NOW_NS) == []


def test_money_that_is_moved_at_binance_is_a_transfer():
    row = {"e": "balanceUpdate", "E": 1767225600200, "a": "USDT", "d": "-100.00000000", "T": 1767225600199}
    (moved,) = read_all("binance_spot", "balanceUpdate", row)
    assert isinstance(moved, TransferSeen)
    assert (moved.currency, moved.amount, moved.transfer_id) == ("USDT", -100 * COIN, "1767225600199")


def test_balances_that_changed_are_told_as_coins_and_as_cash():
    row = {"a": "BTC", "f": "0.00999600", "l": "0.00000000"}
    told = read_all("binance_spot", "outboundAccountPosition", row)
    assert [p.qty_lot for p in of(PositionSeen, told)] == [9_996]
    assert [b.balance for b in of(BalanceSeen, told)] == [999_600]


SAID = {
    "Account has insufficient balance for requested action.": (OutcomeKind.REJECTED, Rule.VENUE_MARGIN),
    "Order would immediately match and take.": (OutcomeKind.REJECTED, Rule.VENUE_POST_ONLY),
    "Stop price would trigger immediately.": (OutcomeKind.REJECTED, Rule.VENUE_PRICE),
    "This symbol is not permitted for this account.": (OutcomeKind.REJECTED, Rule.VENUE_OTHER),
    "Duplicate order sent.": (OutcomeKind.UNKNOWN, Rule.VENUE_DUPLICATE),
    "Filter failure: MAX_POSITION": (OutcomeKind.REJECTED, Rule.VENUE_OTHER),
}
FILTERED = {
    "Filter failure: NOTIONAL": Rule.VENUE_MIN_NOTIONAL,
    "Filter failure: PRICE_FILTER": Rule.VENUE_PRICE,
    "Filter failure: PERCENT_PRICE_BY_SIDE": Rule.VENUE_PRICE,
    "Filter failure: LOT_SIZE": Rule.VENUE_OTHER,
    "Market is closed.": Rule.VENUE_CLOSED,
}
ORDER = NewOrder(0, 7 << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)


def outcomes_at(venue, bodies, *orders):
    """Return what an order came to, for each answer, as real ccxt has read it."""

    async def work(post):
        gateway, found = post.gateway(), []
        await gateway.measure_clock()
        for body in bodies:
            post.answer = lambda _, told=body: Reply(told, status=400 if "code" in told else 200)
            found += await gateway.create(list(orders) or [ORDER])
            await asyncio.sleep(300)
        return found, list(post.requests)

    return run_at_post(venue, work)


def test_one_code_of_binance_stands_for_what_its_sentence_says():
    found, _ = outcomes_at("binance_spot", [{"code": -2010, "msg": text} for text in SAID])
    assert [(one.kind, one.rule) for one in found] == list(SAID.values())


def test_filters_of_binance_are_told_apart():
    found, _ = outcomes_at("binance_spot", [{"code": -1013, "msg": text} for text in FILTERED])
    assert [one.rule for one in found] == list(FILTERED.values())
    assert {one.kind for one in found} == {OutcomeKind.REJECTED}


def test_another_class_than_the_table_names_proves_nothing():
    body = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    found = judge(DIALECTS["binance_spot"], ccxt_errors.OrderNotFound("x"), body)
    assert found.kind is OutcomeKind.UNKNOWN


# ---------------------------------------------------------------------- Bybit


BYBIT_ORDER = {
    "category": "spot", "symbol": "BTCUSDT", "orderId": "1523347543495541248", "orderLinkId": OURS, "side": "Sell",
    "orderStatus": "Untriggered", "orderType": "Market", "price": "0", "qty": "0.010000", "cumExecQty": "0.000000",
    "cumExecValue": "0.00000000", "avgPrice": "", "triggerPrice": "41000.0", "positionIdx": 0, "reduceOnly": False,
    "stopOrderType": "tpslOrder", "rejectReason": "EC_NoError", "createdTime": "1767225600000",
    "updatedTime": "1767225600001",
}  # fmt: skip
BYBIT_TRADE = {
    "category": "spot", "symbol": "BTCUSDT", "execId": "2100000000007764263", "orderId": "1523347543495541248",
    "orderLinkId": OURS, "side": "Buy", "execPrice": "42000.0", "execQty": "0.004000", "execValue": "168.00000000",
    "execFee": "0.000004", "feeCurrency": "BTC", "isMaker": False, "execType": "Trade", "execTime": "1767225600099",
}  # fmt: skip


def test_orders_and_trades_of_bybits_spot_market_are_read():
    (order,) = of(OrderSeen, read_all("bybit_spot", "order", BYBIT_ORDER))
    assert (order.cid, order.stop, order.price_tick, order.qty_lot) == (9 << 20, True, 410_000, 10_000)
    assert (order.position_side, order.reduce, order.status) == (LONG, 1, OrderStatus.WORKING)
    (fill,) = of(FillSeen, read_all("bybit_spot", "execution", BYBIT_TRADE))
    assert (fill.cid, fill.side, fill.qty_lot, fill.fee, fill.fee_currency) == (
        9 << 20,
        BUY,
        4_000,
        400,
        "BTC",
    )


@pytest.mark.parametrize(
    ("side", "fee", "currency"),
    [
        ("Buy", "0.000004", "BTC"),
        ("Sell", "0.168", "USDT"),
        ("Buy", "-0.0168", "USDT"),
        ("Sell", "-0.000001", "BTC"),
    ],
)
@pytest.mark.parametrize("told", [{"feeCurrency": ""}, {}])
def test_a_fee_that_does_not_say_its_currency_is_taken_out_of_what_was_received(side, fee, currency, told):
    """As the venue's page of fees has it; taken for money, the coins of a purchase would be more than there are."""
    row = {name: value for name, value in BYBIT_TRADE.items() if name != "feeCurrency"}
    row |= {"side": side, "execFee": fee} | told
    (fill,) = of(FillSeen, read_all("bybit_spot", "execution", row))
    assert (fill.fee_currency, fill.fee) == (currency, round(Decimal(fee) * COIN))


def test_what_was_bought_at_bybit_is_told_with_what_was_kept_of_it_as_a_fee():
    """Its orders and its trades are told apart: an order told first would have a stop asked for more than is there."""
    filled = BYBIT_ORDER | {
        "side": "Buy", "orderStatus": "Filled", "qty": "0.004000", "cumExecQty": "0.004000", "triggerPrice": "",
        "cumExecValue": "168.00000000", "avgPrice": "42000.0", "stopOrderType": "",
    }  # fmt: skip
    mine = {"orderLinkId": ClientIds("tag001").encode(9 << 20)}

    async def work(post):
        gateway, told = post.gateway(), []
        gateway.tell_to(told.append)
        gateway._stream._hear(object(), {"topic": "order", "data": [filled | mine]})
        before = list(told)
        gateway._stream._hear(object(), {"topic": "execution", "data": [BYBIT_TRADE | mine]})
        gateway._fill_watch.stop()
        return before, told

    before, (fill, order) = run_at_post("bybit_spot", work)
    assert before == []
    assert (fill.fee, fill.fee_currency) == (400, "BTC")
    assert (order.status, order.filled_lot, order.notional) == (OrderStatus.FILLED, fill.qty_lot, 168 * COIN)


REFUSED = {
    "bybit_spot": [
        ("170192", Rule.VENUE_PRICE), ("170198", Rule.VENUE_OTHER), ("170033", Rule.VENUE_MARGIN),
        ("170159", Rule.VENUE_CLOSED),
    ],
    "okx_spot": [
        ("51119", Rule.VENUE_MARGIN), ("51120", Rule.VENUE_MIN_NOTIONAL), ("51137", Rule.VENUE_PRICE),
        ("51250", Rule.VENUE_PRICE), ("51203", Rule.VENUE_OTHER), ("51022", Rule.VENUE_CLOSED),
        ("51008", Rule.VENUE_MARGIN),
    ],
}  # fmt: skip


@pytest.mark.parametrize("venue", REFUSED)
def test_what_a_spot_market_alone_refuses_is_proof_that_nothing_came_of_it(venue):
    """Unknown codes leave an order in doubt for the time of the fence, a stop as well."""

    def told(code):
        if venue == "okx_spot":
            return {"code": "1", "msg": "", "data": [{"ordId": "", "sCode": code, "sMsg": "no"}]}
        return {"retCode": int(code), "retMsg": "no", "result": {}}

    found, _ = outcomes_at(venue, [told(code) for code, _ in REFUSED[venue]])
    assert [(one.kind, one.rule) for one in found] == [
        (OutcomeKind.REJECTED, rule) for _, rule in REFUSED[venue]
    ]


BYBIT_STOP = NewOrder(0, 7 << 20, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10)


def stopped_at_bybit(prices, state="Untriggered"):
    """Ask for a stop at 41,000 while the last price is each of these in turn; return what came of it, and was asked."""
    left = list(prices)

    def answer(request):
        if request.path == "/v5/market/tickers":
            price = left.pop(0) if len(left) > 1 else left[0]
            return Reply({"retCode": 0, "result": {"list": [{"lastPrice": price}] if price else []}})
        if request.path == "/v5/order/realtime":
            row = BYBIT_ORDER | {"orderLinkId": ClientIds("tag001").encode(7 << 20), "orderStatus": state}
            return Reply({"retCode": 0, "result": {"list": [row]}})
        return Reply({"retCode": 0, "result": {"orderId": "1523347543495541248", "list": []}})

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        post.answer = answer
        (outcome,) = await gateway.create([BYBIT_STOP])
        await asyncio.sleep(5)
        asked = [one.body for one in post.requests if one.path in ("/v5/order/create", "/v5/order/cancel")]
        return outcome, asked, dict(gateway.dropped)

    return run_at_post("bybit_spot", work)


@pytest.mark.parametrize("price", ["41000", "40999.9", "1"])
def test_a_stop_whose_trigger_the_price_has_passed_is_not_sent_to_bybit(price):
    """Its stops have no side: this one would wait there for a profit, and nothing would protect."""
    outcome, asked, _ = stopped_at_bybit([price])
    assert (outcome.kind, outcome.rule, asked) == (OutcomeKind.REJECTED, Rule.VENUE_PRICE, [])


@pytest.mark.parametrize("prices", [["41000.1"], [""], ["42000", "42000"], ["42000", "40000", "42000"]])
def test_a_stop_on_its_side_of_the_price_is_left_alone(prices):
    outcome, asked, dropped = stopped_at_bybit(prices)
    assert (outcome.kind, len(asked), dropped) == (OutcomeKind.ACCEPTED, 1, {})


def test_a_stop_that_the_price_passed_on_its_way_is_taken_back():
    outcome, (sent, cancelled), dropped = stopped_at_bybit(["42000", "40000"])
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert sent["triggerPrice"] == "41000"
    assert (cancelled["orderId"], cancelled["orderFilter"]) == ("1523347543495541248", "tpslOrder")
    assert dropped == {"stop: the price had passed it": 1}


@pytest.mark.parametrize("state", ["Triggered", "Filled"])
def test_a_stop_that_the_price_has_reached_and_that_triggered_is_left_alone(state):
    outcome, asked, dropped = stopped_at_bybit(["42000", "40000"], state)
    assert (outcome.kind, len(asked)) == (OutcomeKind.ACCEPTED, 1)
    assert "stop: the price had passed it" not in dropped


@pytest.mark.parametrize(("venue", "category"), [("bybit_spot", "linear"), ("bybit_linear", "spot")])
def test_the_same_symbol_of_another_market_is_not_ours(venue, category):
    """One stream tells of all markets of an account, and BTCUSDT is both a coin and a contract."""

    async def work(post):
        gateway, told = post.gateway(), []
        gateway._stream._tell = told.append
        for topic, row in (("order", BYBIT_ORDER), ("execution", BYBIT_TRADE)):
            for word in (category, DIALECTS[venue].topics[0].when[1]):
                (word,) = {word} if isinstance(word, str) else word
                gateway._stream._hear(object(), {"topic": topic, "data": [row | {"category": word}]})
        return told

    told = run_at_post(venue, work)
    assert [type(event) for event in told] == [OrderSeen, FillSeen]


# ---------------------------------------------------------------------- OKX


def test_orders_and_trades_of_okxs_spot_market_are_read():
    row = {
        "instType": "SPOT", "instId": "BTC-USDT", "ordId": "312269865356374016", "clOrdId": OURS, "tdMode": "cash",
        "side": "buy", "posSide": "net", "reduceOnly": "false", "px": "42000", "sz": "0.01", "ordType": "limit",
        "state": "partially_filled", "accFillSz": "0.004", "avgPx": "42000", "tradeId": "77", "fillPx": "42000",
        "fillSz": "0.004", "fillTime": "1767225600099", "fillFee": "-0.000004", "fillFeeCcy": "BTC",
        "execType": "T", "uTime": "1767225600099", "cTime": "1767225600000", "algoClOrdId": "", "category": "normal",
    }  # fmt: skip
    told = read_all("okx_spot", "orders", row)
    (fill,), (order,) = of(FillSeen, told), of(OrderSeen, told)
    assert (fill.cid, fill.qty_lot, fill.fee, fill.fee_currency) == (9 << 20, 4_000, 400, "BTC")
    assert (order.filled_lot, order.notional, order.position_side) == (4_000, 168 * COIN, LONG)


# ---------------------------------------------------------------------- what there is no word for


@pytest.mark.parametrize("venue", SPOT)
def test_nothing_short_and_no_stop_by_a_mark_price_is_ever_sent(venue):
    orders = [
        NewOrder(0, 7 << 20, IntentKind.REST, SELL, SHORT, False, False, 420_000, 10),
        NewOrder(0, 8 << 20, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10, trigger=TriggerKind.MARK),
    ]
    found, sent = outcomes_at(venue, [{}], *orders)
    assert [(one.kind, one.rule) for one in found] == [(OutcomeKind.REJECTED, Rule.SETTINGS)] * 2
    assert sent == []


@pytest.mark.parametrize("venue", SPOT)
def test_what_cannot_be_set_is_refused_and_what_is_so_already_is_fine(venue):
    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        return [
            await gateway.set_leverage(0, 1.0),
            await gateway.set_leverage(0, 3.0),
            await gateway.set_modes(0, hedge=False, isolated=False),
            await gateway.set_modes(0, hedge=True, isolated=False),
        ], post.requests

    found, sent = run_at_post(venue, work)
    fine, refused = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED
    assert [one.kind for one in found] == [fine, refused, fine, refused]
    assert sent == []


@pytest.mark.parametrize("venue", SPOT)
def test_a_spot_market_shares_the_tables_of_its_perpetuals_and_holds_no_position(venue):
    dialect = DIALECTS[venue]
    shapes = [one.shape for one in (*dialect.working, *dialect.ended, dialect.fills)]
    assert dialect.holds_coins
    assert all(shape.position_side == "" for shape in shapes if isinstance(shape, OrderShape | FillShape))
    assert (dialect.funding, dialect.leverage, dialect.position_mode, dialect.settings) == (
        None,
        None,
        None,
        (),
    )
    assert Decimal(1) == traded(venue)[0].leverage_max


@pytest.mark.parametrize("venue", SPOT)
def test_hard_caps_hold_what_is_bought_and_never_what_is_sold(venue):
    buy = NewOrder(0, 7 << 20, IntentKind.TARGET, BUY, LONG, False, False, 420_000, 10, near_tick=420_000)
    sell = replace_side(buy)

    async def work(post):
        caps = Caps(order_notional_max=Decimal(1), orders_per_minute_max=1)
        gateway = post.gateway(TradingSettings(venue, "tag001", caps=caps))
        await gateway.measure_clock()
        return [(await gateway.create([order]))[0] for order in (buy, sell, sell)], len(post.requests)

    (bought, *sold), sent = run_at_post(venue, work)
    assert (bought.kind, bought.rule) == (OutcomeKind.NOT_SENT, Rule.ORDER_NOTIONAL)
    assert {one.kind for one in sold} == {OutcomeKind.UNKNOWN}
    assert sent == 2


def replace_side(order):
    return NewOrder(
        0, order.cid + (1 << 20), order.kind, SELL, LONG, False, False, order.price_tick, order.qty_lot
    )
