"""Gate's own ways: what its answers and messages say, as its documentation of API v4 writes them.

Rows of orders, stops, positions and accounts are those of the documentation's examples, with our id, symbol and sizes.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from decimal import Decimal

import pytest

from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import Reply, keys_for, run_at_post
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule, SettingCode
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange, open_session
from tradewind.venues.ccxt.gate_swap import GATE_SWAP
from tradewind.venues.ccxt.orders import AccountModes, Speller
from tradewind.venues.ccxt.parsing import RowReader
from tradewind.venues.ccxt.row_values import rows_at
from tradewind.venues.ccxt.trading import TradingSettings
from tradewind.venues.gateway import (
    AccountMode,
    BalanceSeen,
    FillSeen,
    Listing,
    NewOrder,
    OrderRef,
    OrderStatus,
    OutcomeKind,
    PositionSeen,
    TakenSeen,
)

IDS = ClientIds("abc123", "t-")
OURS = IDS.encode(9 << 20)
NOW_NS = 1_767_225_600_000_000_000

ORDER = {
    "id": 15675394, "user": 100000, "contract": "BTC_USDT", "create_time": 1767225600.25, "size": "-6", "iceberg": "0",
    "left": "-4", "price": "42000", "fill_price": "41999.5", "mkfr": "-0.00025", "tkfr": "0.00075", "tif": "gtc",
    "refu": 0, "is_reduce_only": True, "is_close": False, "is_liq": False, "text": OURS, "status": "open", "stp_id": 0,
    "stp_act": "-", "amend_text": "-",
}  # fmt: skip
STOP = {
    "initial": {
        "contract": "BTC_USDT", "size": -6, "price": "0", "tif": "ioc", "text": OURS, "iceberg": 0, "is_close": False,
        "is_reduce_only": True, "auto_size": "",
    },
    "trigger": {"strategy_type": 0, "price_type": 1, "price": "41000", "rule": 2, "expiration": 0},
    "id": 1283293, "user": 1234, "create_time": 1767225600, "trade_id": 0, "status": "open", "reason": "",
}  # fmt: skip
TRADE = {
    "id": "3335259", "create_time": 1767225600, "create_time_ms": 1767225600321, "contract": "BTC_USDT",
    "order_id": "15675394", "size": "-2", "price": "41999.5", "role": "maker", "text": OURS, "fee": 0.0009290592,
    "point_fee": 0,
}  # fmt: skip
POSITION = {
    "user": 10000, "contract": "BTC_USDT", "size": "-3", "leverage": "0", "entry_price": "42000.5",
    "mark_price": "42010.1", "mode": "single", "update_time": 1767225600, "cross_leverage_limit": "5",
    "pos_margin_mode": "cross", "lever": "5",
}  # fmt: skip


def reader():
    listings = [Listing(n, rules) for n, rules in enumerate(traded("gate_swap"))]
    return RowReader(GATE_SWAP, listings, IDS, Counter())


def read(row, shape, of=None):
    """Return what one row says, which may be all that is said."""
    found = of or reader()
    events = found.read(row, shape, NOW_NS)
    assert not found.dropped
    return events


def orders():
    return GATE_SWAP.working[0].shape


def stops():
    return GATE_SWAP.working[1]


def topic(name):
    (found,) = [one for one in GATE_SWAP.topics if one.name == name]
    return found


def said(name, *rows):
    """Return what a message of a channel says."""
    message = {
        "time": 1767225600,
        "time_ms": 1767225600123,
        "channel": name,
        "event": "update",
        "result": [*rows],
    }
    of, one = reader(), topic(name)
    return [event for row in rows_at(message, one.rows) for event in read(row, one.shape, of)]


# ---------------------------------------------------------------------- orders


def test_the_sign_of_a_quantity_is_the_side_and_what_is_left_says_what_is_filled():
    (seen,) = read(ORDER, orders())
    assert (seen.cid, seen.venue_id, seen.status) == (9 << 20, "15675394", OrderStatus.WORKING)
    assert (seen.side, seen.position_side, seen.reduce) == (SELL, LONG, 1)
    assert (seen.qty_lot, seen.filled_lot, seen.price_tick) == (6, 2, 420_000)
    assert seen.notional == 839_990_000  # 2 contracts of 0.0001 bitcoin at 41,999.5, in units of 1e-8.
    assert seen.ts_ns == NOW_NS + 250_000_000


@pytest.mark.parametrize(
    ("ended", "status", "rule"),
    [
        ("filled", OrderStatus.FILLED, Rule.FILLED),
        ("cancelled", OrderStatus.CANCELLED, Rule.UNWANTED),
        ("ioc", OrderStatus.CANCELLED, Rule.UNFILLED),
        ("reduce_only", OrderStatus.CANCELLED, Rule.VENUE_REDUCE_ONLY),
        ("position_closed", OrderStatus.CANCELLED, Rule.VENUE_REDUCE_ONLY),
        ("reduce_out", OrderStatus.CANCELLED, Rule.VENUE_REDUCE_ONLY),
        ("liquidated", OrderStatus.CANCELLED, Rule.UNWANTED),
        ("auto_deleveraged", OrderStatus.CANCELLED, Rule.UNWANTED),
        ("stp", OrderStatus.CANCELLED, Rule.UNWANTED),
        # In no page, in users' records of stops that found too little near the mark.
        ("price_rate_proteced", OrderStatus.CANCELLED, Rule.UNWANTED),
    ],
)
def test_how_an_order_ended_is_part_of_its_state(ended, status, rule):
    row = ORDER | {"status": "finished", "finish_as": ended, "finish_time": 1767225601.5, "left": "0"}
    (seen,) = read(row, orders())
    assert (seen.status, seen.rule, seen.ts_ns) == (status, rule, NOW_NS + 1_500_000_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "done"},
        {"size": "0"},
        {"left": "-7"},
        {"left": "many"},
        {"size": ""},
    ],
)
def test_an_order_that_cannot_be_is_counted_and_dropped(wrong):
    found = reader()
    assert found.read(ORDER | wrong, orders(), NOW_NS) == []
    assert sum(found.dropped.values()) == 1


@pytest.mark.parametrize("of_it", [{}, {"finish_as": "_new"}, {"finish_as": "_update"}])
def test_the_stream_tells_of_orders_in_milliseconds(of_it):
    times = {
        "create_time": 1767225600,
        "create_time_ms": 1767225600325,
        "finish_time": 0,
        "finish_time_ms": 0,
    }
    (seen,) = said("futures.orders", ORDER | times | of_it)
    assert (seen.status, seen.ts_ns) == (OrderStatus.WORKING, NOW_NS + 325_000_000)


# ---------------------------------------------------------------------- stops


def test_a_stop_is_read_out_of_its_tables():
    (row,) = rows_at([STOP], stops().call.rows)
    (seen,) = read(row, stops().shape)
    assert (seen.cid, seen.venue_id, seen.stop) == (9 << 20, "1283293", True)
    assert (seen.side, seen.position_side, seen.reduce) == (SELL, LONG, 1)
    assert (seen.price_tick, seen.qty_lot, seen.filled_lot) == (410_000, 6, 0)


def test_a_stop_that_triggered_names_the_order_that_it_became():
    found = reader()
    triggered = STOP | {"status": "finished", "finish_as": "succeeded", "trade_id": 13566}
    (row,) = rows_at([triggered | {"finish_time": 1767352509535790}], stops().call.rows)
    (seen,) = read(row, stops().shape, found)
    assert (seen.status, found.child_named(OURS)) == (OrderStatus.TRIGGERED, "13566")
    assert seen.ts_ns == 1_767_352_509_535_000_000  # Some answers write microseconds.
    (child,) = read(ORDER | {"id": 13566, "text": "ao-1283293"}, orders(), found)
    assert child.cid == 9 << 20


def test_what_came_of_a_stop_bears_its_number_where_nothing_names_it_yet():
    """The order and its trades may be told before the stop, and bear no id of ours."""
    found = reader()
    (row,) = rows_at([STOP], stops().call.rows)
    read(row, stops().shape, found)
    child = {"id": "13566", "text": "ao-1283293"}
    (trade,) = read(
        TRADE | {"order_id": "13566", "text": "ao-1283293"}, topic("futures.usertrades").shape, found
    )
    (order,) = read(ORDER | child, orders(), found)
    assert (trade.cid, trade.venue_id, order.cid, order.venue_id) == (9 << 20, "13566", 9 << 20, "13566")
    assert found.child_named(OURS) == "13566"
    (stranger,) = read(ORDER | {"id": "13567", "text": "ao-1283294"}, orders(), found)
    assert stranger.cid == 0


def test_a_stop_of_ours_stays_ours_where_the_venue_writes_another_text():
    """The page of a stop's text names sources (web, api, app) and no ids: the number that we were given is known."""
    found = reader()
    listing = Listing(0, traded("gate_swap")[0])
    found.learn(listing, "1283293", OURS, position_side=LONG, algo=True)
    (row,) = rows_at([STOP | {"initial": STOP["initial"] | {"text": "api"}}], stops().call.rows)
    (seen,) = read(row, stops().shape, found)
    assert (seen.cid, seen.client_id) == (9 << 20, OURS)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": "finished", "trade_id": 13566}, OrderStatus.TRIGGERED),
        ({"status": "finished", "trade_id": 0}, OrderStatus.CANCELLED),
        ({"status": "invalid", "trade_id": 0}, OrderStatus.REJECTED),
        ({"status": "open", "trade_id": 0}, OrderStatus.WORKING),
    ],
)
def test_the_stream_of_stops_need_not_say_how_one_ended(told, status):
    (seen,) = said("futures.autoorders", STOP | told)
    assert seen.status is status


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ("cancelled", OrderStatus.CANCELLED),
        ("failed", OrderStatus.REJECTED),
        ("expired", OrderStatus.EXPIRED),
    ],
)
def test_a_stop_ends_in_the_words_of_its_own_list(ended, status):
    (seen,) = said("futures.autoorders", STOP | {"status": "finished", "finish_as": ended})
    assert seen.status is status


def test_a_stop_whose_number_is_not_known_is_looked_for_and_then_cancelled():
    """The venue takes no id of ours for it: a timeout of its creation leaves only our id."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()

        def answer(request):
            if request.method == "DELETE":
                return Reply(STOP | {"status": "finished", "finish_as": "cancelled"})
            there = request.path.endswith("price_orders") and not found
            return Reply(
                [STOP | {"initial": STOP["initial"] | {"text": gateway._ids.encode(9 << 20)}}]
                if there
                else []
            )

        post.answer, found = answer, []
        for _ in range(2):
            found.append(await gateway.cancel(OrderRef(0, 9 << 20, algo=True)))
        return found, [request.path for request in post.requests if request.method == "DELETE"]

    (there, gone), paths = run_at_post("gate_swap", work)
    assert there.kind is OutcomeKind.ACCEPTED
    assert (gone.kind, gone.gone) == (OutcomeKind.UNKNOWN, True)
    assert paths == ["/api/v4/futures/usdt/price_orders/1283293"]


# ---------------------------------------------------------------------- trades, positions, money


def test_a_trade_is_the_same_on_the_stream_and_in_the_list():
    (streamed,) = said("futures.usertrades", TRADE)
    row = {name: word for name, word in TRADE.items() if name not in ("id", "create_time_ms")}
    (told,) = read(row | {"trade_id": "3335259", "create_time": 1767225600.321}, GATE_SWAP.fills.shape)
    assert isinstance(streamed, FillSeen)
    assert streamed == told
    assert (told.cid, told.side, told.qty_lot, told.price_tick, told.maker) == (9 << 20, SELL, 2, 419_995, 1)
    assert (told.fee, told.fee_currency, told.ts_ns) == (92_906, "USDT", NOW_NS + 321_000_000)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("liquidation", "liquidation"), ("liq-123", "liquidation"), ("hedge-liq-5", "liquidation"),
     ("pm_liquidate", "liquidation"), ("auto_deleveraging", "adl"), ("clear", "settlement")],
)  # fmt: skip
def test_what_the_venue_took_is_no_trade_of_ours(text, kind):
    (taken,) = said("futures.usertrades", TRADE | {"text": text})
    assert isinstance(taken, TakenSeen)
    assert (taken.kind, taken.position_side, taken.qty_lot) == (kind, LONG, 2)


@pytest.mark.parametrize(
    ("row", "held"),
    [
        ({"size": "-3", "mode": "single"}, {(SHORT, 3), (LONG, 0)}),
        ({"size": "3", "mode": "dual_long"}, {(LONG, 3)}),
        ({"size": "-2", "mode": "dual_short"}, {(SHORT, 2)}),
    ],
)
def test_a_position_is_of_the_side_that_its_mode_names_or_its_sign(row, held):
    streamed = {"time": 1767225600, "time_ms": 1767225600204}
    for events in (
        read(POSITION | row, GATE_SWAP.positions.shape),
        said("futures.positions", POSITION | row | streamed),
    ):
        seen = [event for event in events if isinstance(event, PositionSeen)]
        assert {(one.position_side, one.qty_lot) for one in seen} == held
        assert {one.entry for one in seen if one.qty_lot} == {42_000.5}


def test_cash_is_told_without_what_is_unrealised_and_in_one_currency():
    account = {
        "user": 1666,
        "currency": "USDT",
        "total": "9707.803567115145",
        "unrealised_pnl": "3371.248828",
    }
    (held,) = read(account, GATE_SWAP.balances.shape)
    moved = {
        "balance": 9707.5,
        "change": -0.3,
        "text": "BTC_USDT:1",
        "time_ms": 1767225600146,
        "currency": "usdt",
    }
    (streamed,) = said("futures.balances", moved)
    assert isinstance(held, BalanceSeen)
    assert (held.currency, held.balance) == ("USDT", 970_780_356_712)
    assert (streamed.currency, streamed.balance) == ("USDT", 970_750_000_000)


def test_funding_that_was_paid_is_positive_and_transfers_are_of_the_cash():
    row = {
        "time": 1767225600.123456,
        "change": "-0.25",
        "balance": "4.5",
        "type": "fund",
        "contract": "BTC_USDT",
        "id": "1",
    }
    (paid,) = read(row, GATE_SWAP.funding.shape)
    assert (paid.amount, paid.currency, paid.ts_ns) == (25_000_000, "USDT", NOW_NS + 123_000_000)
    (moved,) = read(row | {"type": "dnw", "change": "100", "contract": ""}, GATE_SWAP.transfers.shape)
    assert (moved.amount, moved.currency, moved.transfer_id) == (10_000_000_000, "USDT", "1")


def test_leverage_and_modes_are_read_where_they_stand():
    told = {}
    for reading in GATE_SWAP.settings:
        row = POSITION if "positions" in reading.call.path else {"position_mode": "dual"}
        told |= {event.code: event.value for event in read(row, reading.shape)}
    assert told == {SettingCode.POSITION_MODE: 1.0, SettingCode.LEVERAGE: 5.0, SettingCode.MARGIN_MODE: 0.0}


# ---------------------------------------------------------------------- requests


def test_a_batch_is_judged_row_by_row():
    """One row was refused for its margin, one is there, one says nothing of itself."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        ids = [gateway._ids.encode(n << 20) for n in (1, 2, 3)]
        post.answer = lambda _: Reply([
            {"succeeded": False, "label": "BALANCE_NOT_ENOUGH", "detail": "Not enough balance", "text": ids[0]},
            {"succeeded": True, **ORDER, "text": ids[1]},
            {"succeeded": False, "text": ids[2]},
        ])  # fmt: skip
        asked = [
            NewOrder(0, n << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10) for n in (1, 2, 3)
        ]
        return await gateway.create(asked)

    refused, there, silent = run_at_post("gate_swap", work)
    assert (refused.kind, refused.rule) == (OutcomeKind.REJECTED, Rule.VENUE_MARGIN)
    assert refused.text == "Not enough balance"
    assert there.kind is OutcomeKind.ACCEPTED
    assert there.order.venue_id == "15675394"
    assert silent.kind is OutcomeKind.UNKNOWN


def test_setting_the_mode_that_is_set_is_no_refusal():
    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        said = {"label": "NO_CHANGE", "message": "No change is made"}
        post.answer = lambda request: Reply(said, status=400) if request.method == "POST" else Reply([])
        return await gateway.set_modes(0, hedge=True, isolated=False)

    assert run_at_post("gate_swap", work).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize(
    ("hedge", "isolated", "path", "query"),
    [
        (False, False, "positions/BTC_USDT/leverage", {"leverage": "0", "cross_leverage_limit": "5"}),
        (False, True, "positions/BTC_USDT/leverage", {"leverage": "5"}),
        (True, True, "dual_comp/positions/BTC_USDT/leverage", {"leverage": "5"}),
    ],
)
def test_the_margin_mode_is_set_with_the_leverage(hedge, isolated, path, query):
    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        await gateway.set_modes(0, hedge=hedge, isolated=isolated)
        post.requests.clear()
        await gateway.set_leverage(0, 5)
        return [(request.path, request.query) for request in post.requests]

    assert run_at_post("gate_swap", work) == [(f"/api/v4/futures/usdt/{path}", query)]


@pytest.mark.parametrize(("hedge", "reduces"), [(True, True), (False, None)])
def test_where_both_sides_are_held_all_that_closes_bears_the_switch_that_says_so(hedge, reduces):
    """Without it a sell opens a short beside the long. One position alone may be several strategies': none is said."""

    async def work(post):
        gateway = post.gateway(TradingSettings("gate_swap", "tag001", modes=AccountModes(hedge=hedge)))
        await gateway.measure_clock()
        await gateway.create([NewOrder(0, 9 << 20, IntentKind.REST, SELL, LONG, False, False, 420_000, 10)])
        return post.requests[0].body

    assert run_at_post("gate_swap", work).get("reduce_only") is reduces


@pytest.mark.parametrize(("lots", "amount"), [(15, "-1.5"), (20, "-2")])
def test_where_parts_of_a_contract_are_traded_a_stop_has_its_quantity_as_text_in_another_field(lots, amount):
    """ccxt reads `order_size_min` as the step of such a contract, and sends so."""
    rules = dataclasses.replace(traded("gate_swap")[0], lot_size=Decimal("0.1"), min_qty=Decimal("0.1"))
    speller = Speller(GATE_SWAP, IDS, AccountModes())
    stop = NewOrder(0, 9 << 20, IntentKind.STOP, SELL, LONG, True, False, 410_000, lots)
    initial = speller.create(stop, rules).fields["initial"]
    assert (initial["amount"], "size" in initial) == (amount, False)
    bid = NewOrder(0, 9 << 20, IntentKind.REST, SELL, SHORT, False, False, 410_000, lots)
    assert speller.create(bid, rules).fields["size"] == amount


def test_lists_are_asked_for_in_seconds_and_counted_on():
    """A full page is followed by the next, from where the first ended."""

    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        rows = [TRADE | {"trade_id": str(n), "create_time": 1767225600.5} for n in range(1, 251)]

        def answer(request):
            at = int(request.query.get("offset", 0))
            return Reply(rows[at : at + int(request.query["limit"])])

        post.answer = answer
        fills = await gateway._account.fills(NOW_NS)
        return len(fills), [request.query for request in post.requests]

    count, queries = run_at_post("gate_swap", work)
    assert count == 250
    assert [query.get("offset") for query in queries] == [None, "100", "200"]
    assert queries[0]["from"] == str(NOW_NS // 10**9 - 60)
    assert len(queries[0]["to"]) == len("1767225600")


def test_no_brokers_mark_leaves_and_practice_money_is_at_hosts_of_its_own():
    async def work():
        spec = CLIENTS["gate_swap"]
        async with open_session(spec.hosts) as session:
            exchange = build_exchange(spec, session, keys=keys_for("gate_swap"), mode=AccountMode.DEMO)
            signed = exchange.sign("{settle}/orders", ["private", "futures"], "POST", {"settle": "usdt"})
            headers = exchange.prepare_request_headers(signed["headers"])
            streams = exchange.urls["api"]["swap"]["usdt"]
            await exchange.close()
        return signed["url"], streams, headers

    url, streams, headers = asyncio.run(work())
    assert url == "https://api-testnet.gateapi.io/api/v4/futures/usdt/orders"
    assert streams == "wss://ws-testnet.gate.com/v4/ws/futures/usdt"
    assert not [name for name in headers if "channel" in name.lower()]
