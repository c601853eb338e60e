"""Hyperliquid's own ways: actions that an agent signs, ids in base 16, orders whose money only their trades tell.

Rows are those of the documentation's examples of `/info`, `/exchange` and the subscriptions, with our id and sizes.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.errors import AuthFailed, SafetyRefusal, VenueDown, VenueRefused
from tradewind.live.ladder import limit_within
from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import Reply, keys_for, run_at_post
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule, SettingCode
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.hyperliquid import HYPERLIQUID
from tradewind.venues.ccxt.key_check import check_key
from tradewind.venues.ccxt.parsing import RowReader
from tradewind.venues.ccxt.row_values import rows_at
from tradewind.venues.ccxt.rules import price_steps
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    Listing,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    OutcomeKind,
    PositionSeen,
    TakenSeen,
)
from tradewind.venues.keys.entries import check_form

IDS = ClientIds("tag001", "0x")
CID = 9 << 20
OURS = IDS.encode(CID)
NOW_MS = 1_767_225_600_000
NOW_NS = NOW_MS * 1_000_000

ORDER = {
    "coin": "BTC", "side": "A", "limitPx": "42000.0", "sz": "0.00006", "oid": 91490942, "timestamp": NOW_MS,
    "triggerCondition": "N/A", "isTrigger": False, "triggerPx": "0.0", "children": [], "isPositionTpsl": False,
    "reduceOnly": True, "orderType": "Limit", "origSz": "0.0001", "tif": "Gtc", "cloid": OURS,
}  # fmt: skip
STOP = ORDER | {
    "limitPx": "36900.0", "sz": "0.0001", "isTrigger": True, "triggerPx": "41000.0", "orderType": "Stop Market",
    "triggerCondition": "Price below 41000",
}  # fmt: skip
TRADE = {
    "coin": "BTC", "px": "41999.5", "sz": "0.00004", "side": "A", "time": NOW_MS + 321, "startPosition": "0.0001",
    "dir": "Close Long", "closedPnl": "-0.81851", "hash": "0xc5", "oid": 91490942, "crossed": False,
    "fee": "0.00063", "tid": 567547935839686, "cloid": OURS, "feeToken": "USDC",
}  # fmt: skip
STATE = {
    "assetPositions": [
        {"position": {
            "coin": "BTC", "cumFunding": {"allTime": "0.0"}, "entryPx": "42000.5", "unrealizedPnl": "-0.25",
            "positionValue": "1.26021",
            "leverage": {"type": "isolated", "value": 20, "rawUsd": "-475.2"}, "szi": "-0.00003",
        }, "type": "oneWay"},
        {"position": {
            "coin": "ETH", "entryPx": "2213.9", "unrealizedPnl": "0.5", "leverage": {"type": "cross", "value": 5},
            "szi": "0.2259",
        }, "type": "oneWay"},
    ],
    "marginSummary": {"accountValue": "100.25", "totalMarginUsed": "0.0", "totalRawUsd": "100.0"},
    "time": NOW_MS, "withdrawable": "100.0",
}  # fmt: skip


def reader():
    listings = [Listing(n, rules) for n, rules in enumerate(traded("hyperliquid"))]
    return RowReader(HYPERLIQUID, listings, IDS, Counter())


def read(body, reading, of=None):
    found = of or reader()
    rows = rows_at(body, reading.call.rows)
    events = [event for row in rows for event in found.read(row, reading.shape, NOW_NS)]
    assert not found.dropped
    return events


def said(name, data, of=None):
    (topic,) = [one for one in HYPERLIQUID.topics if one.name == name]
    found = of or reader()
    rows = rows_at({"channel": name, "data": data}, topic.rows)
    return [event for row in rows for event in found.read(row, topic.shape, NOW_NS)]


# ---------------------------------------------------------------------- reading


def test_an_open_order_is_read_and_its_money_left_to_its_trades():
    (seen,) = read([ORDER], HYPERLIQUID.working[0])
    assert (seen.cid, seen.venue_id, seen.status) == (CID, "91490942", OrderStatus.WORKING)
    assert (seen.side, seen.position_side, seen.reduce, seen.stop) == (SELL, LONG, 1, False)
    assert (seen.price_tick, seen.qty_lot, seen.filled_lot, seen.notional) == (420_000, 10, 4, 0)


def test_a_stop_is_among_the_orders_and_at_its_trigger():
    (seen,) = read([STOP], HYPERLIQUID.working[0])
    assert (seen.stop, seen.price_tick, seen.filled_lot) == (True, 410_000, 0)


@pytest.mark.parametrize(
    ("word", "status", "rule"),
    [
        ("filled", OrderStatus.FILLED, Rule.FILLED),
        ("canceled", OrderStatus.CANCELLED, Rule.UNWANTED),
        ("reduceOnlyCanceled", OrderStatus.CANCELLED, Rule.VENUE_REDUCE_ONLY),
        ("badAloPxRejected", OrderStatus.REJECTED, Rule.VENUE_POST_ONLY),
        ("iocCancelRejected", OrderStatus.REJECTED, Rule.UNFILLED),
        ("triggered", OrderStatus.TRIGGERED, Rule.OK),
    ],
)
def test_one_order_is_asked_for_by_either_id_and_says_how_it_ended(word, status, rule):
    body = {"status": "order", "order": {"order": ORDER, "status": word, "statusTimestamp": NOW_MS + 5}}
    (seen,) = read(body, HYPERLIQUID.by_id)
    assert (seen.status, seen.rule, seen.ts_ns) == (status, rule, NOW_NS + 5_000_000)


def test_the_stream_says_no_side_of_a_position_so_that_it_stays_what_it_was():
    found = reader()
    read([ORDER], HYPERLIQUID.working[0], found)
    plain = {
        name: ORDER[name] for name in ("coin", "side", "limitPx", "sz", "oid", "timestamp", "origSz", "cloid")
    }
    (seen,) = said("orderUpdates", [{"order": plain, "status": "open", "statusTimestamp": NOW_MS}], found)
    assert (seen.side, seen.position_side, seen.reduce) == (SELL, LONG, 1)


def test_trades_are_read_and_those_of_before_are_no_news():
    (told,) = read([TRADE], HYPERLIQUID.fills)
    (streamed,) = said("userFills", {"user": "0x2a", "fills": [TRADE]})
    assert isinstance(told, FillSeen)
    assert streamed == told
    assert (told.cid, told.side, told.price_tick, told.qty_lot, told.maker) == (CID, SELL, 419_995, 4, 1)
    assert (told.fee, told.fee_currency, told.ts_ns) == (63_000, "USDC", NOW_NS + 321_000_000)
    (topic,) = [one for one in HYPERLIQUID.topics if one.name == "userFills"]
    assert topic.unless == ("data", "isSnapshot")


@pytest.mark.parametrize(
    ("way", "kind"),
    [("Liquidated Cross Long", "liquidation"), ("Auto-Deleveraging", "adl"), ("Settlement", "settlement")],
)
def test_what_the_venue_took_is_no_trade_of_ours(way, kind):
    (taken,) = read([TRADE | {"dir": way, "cloid": None}], HYPERLIQUID.fills)
    assert isinstance(taken, TakenSeen)
    assert (taken.kind, taken.position_side) == (kind, LONG)


@pytest.mark.parametrize(("address", "kind"), [("0x2A", TakenSeen), ("0x3b", FillSeen), (None, FillSeen)])
def test_a_liquidation_in_the_book_is_told_by_whom_it_names(address, kind):
    """It reads as an ordinary close of ours, and so does the trade of whoever took the other side of another's."""
    found = reader()
    found.account = "0x2a"
    named = (
        {"liquidation": {"liquidatedUser": address, "markPx": "42000.0", "method": "market"}}
        if address
        else {}
    )
    (seen,) = read([TRADE | {"cloid": None} | named], HYPERLIQUID.fills, found)
    assert type(seen) is kind
    if kind is TakenSeen:
        assert (seen.kind, seen.position_side, seen.qty_lot) == ("liquidation", LONG, 4)


def test_positions_money_and_settings_are_read_out_of_one_answer():
    positions = [event for event in read(STATE, HYPERLIQUID.positions) if isinstance(event, PositionSeen)]
    held = {(one.instrument, one.position_side, one.qty_lot) for one in positions}
    assert held == {(0, SHORT, 3), (0, LONG, 0), (1, LONG, 2259), (1, SHORT, 0)}
    # The mark is told by what all of it is worth, where that is said.
    assert {(one.instrument, one.mark) for one in positions} == {(0, 42_007.0), (1, 0.0)}
    (cash,) = read(STATE, HYPERLIQUID.balances)
    assert (cash.currency, cash.balance) == ("USDC", 10_000_000_000)  # 100.25 less -0.25 and 0.5.
    leverage, margin = HYPERLIQUID.settings
    assert leverage.call == margin.call
    told = {
        "user": "0x2a", "coin": "BTC", "leverage": {"type": "isolated", "value": 20, "rawUsd": "-475.2"},
        "maxTradeSzs": ["0.5", "0.4"], "availableToTrade": ["100.0", "90.0"], "markPx": "42007.0",
    }  # fmt: skip
    (seen,), (mode,) = read(told, leverage), read(told, margin)
    assert (seen.instrument, seen.code, seen.value) == (0, SettingCode.LEVERAGE, 20.0)
    assert (mode.instrument, mode.code, mode.value) == (0, SettingCode.MARGIN_MODE, 1.0)


def test_funding_and_what_moved_money():
    delta = {"type": "funding", "coin": "BTC", "usdc": "-0.25", "szi": "1.0", "fundingRate": "0.0000417"}
    (paid,) = read([{"time": NOW_MS, "hash": "0x0", "delta": delta}], HYPERLIQUID.funding)
    assert (paid.amount, paid.currency, paid.rate) == (25_000_000, "USDC", 0.0000417)
    deltas = [
        {"type": "deposit", "usdc": "100"},
        {"type": "withdraw", "usdc": "40", "nonce": 5, "fee": "1"},
        {"type": "accountClassTransfer", "usdc": "50.0", "toPerp": False},
        {"type": "accountClassTransfer", "usdc": "30.0", "toPerp": True},
        {"type": "spotTransfer", "token": "HYPE", "amount": "3"},
        {"type": "internalTransfer", "usdc": "150.0", "user": "0x3b", "destination": "0x2A", "fee": "1.0"},
        {"type": "internalTransfer", "usdc": "20.0", "user": "0x2a", "destination": "0x3b", "fee": "1.0"},
        {"type": "subAccountTransfer", "usdc": "7.0", "user": "0x2a", "destination": "0x4c"},
    ]
    body = [{"time": NOW_MS, "hash": f"0x{n}", "delta": one} for n, one in enumerate(deltas)]
    found = reader()
    found.account = "0x2a"
    amounts = [one.amount // 10**8 for one in read(body, HYPERLIQUID.transfers, found)]
    # Who receives gets what is left of it, and who sends is told the same row.
    assert amounts == [100, -40, -50, 30, 149, -20, -7]


def test_of_all_that_an_order_ever_was_only_its_end_is_read():
    async def work(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        states = [
            {"order": ORDER, "status": word, "statusTimestamp": NOW_MS} for word in ("open", "canceled")
        ]
        post.answer = lambda _: Reply(states)
        return await gateway._account.read(HYPERLIQUID.ended[0])

    assert [seen.status for seen in run_at_post("hyperliquid", work)] == [OrderStatus.CANCELLED]


# ---------------------------------------------------------------------- orders and their trades


def ready(work):
    async def begun(post):
        gateway = post.gateway()
        await gateway.measure_clock()
        return await work(post, gateway)

    return run_at_post("hyperliquid", begun)


def order_seen(filled, status=OrderStatus.FILLED):
    return OrderSeen(
        0, CID, OURS, "91490942", status, SELL, LONG, 1, 420_000, 10, filled, 0, 0, NOW_NS, NOW_NS
    )


def fill_seen(trade, lots, notional):
    return FillSeen(
        0,
        CID,
        OURS,
        "91490942",
        str(trade),
        trade,
        SELL,
        LONG,
        419_995,
        lots,
        notional,
        0,
        "USDC",
        1,
        NOW_NS,
        NOW_NS,
    )


def test_an_order_is_told_after_the_trades_that_say_what_it_was_worth():
    async def work(post, gateway):
        told = []
        gateway.tell_to(told.append)
        gateway._tell(fill_seen(1, 4, 400))
        gateway._tell(order_seen(10))
        gateway._tell(fill_seen(2, 6, 650))
        gateway._fill_watch.stop()
        return told

    first, second, order = ready(work)
    assert (first.trade_key, second.trade_key) == (1, 2)
    assert (order.filled_lot, order.notional) == (10, 1_050)


def test_old_news_of_an_order_hides_no_newer_one():
    """Messages may overtake each other: the end that waits for its trades is not forgotten for a state of before."""

    async def work(post, gateway):
        told = []
        gateway.tell_to(told.append)
        gateway._tell(order_seen(10))
        gateway._tell(order_seen(10, OrderStatus.WORKING))
        gateway._tell(order_seen(4, OrderStatus.WORKING))
        gateway._tell(fill_seen(1, 4, 400))
        gateway._tell(order_seen(4, OrderStatus.WORKING))
        gateway._tell(fill_seen(2, 6, 650))
        gateway._tell(order_seen(4, OrderStatus.WORKING))
        gateway._fill_watch.stop()
        return [one for one in told if isinstance(one, OrderSeen)]

    partly, order = ready(work)
    assert (partly.status, partly.filled_lot, partly.notional) == (OrderStatus.WORKING, 4, 400)
    assert (order.status, order.filled_lot, order.notional) == (OrderStatus.FILLED, 10, 1_050)


def test_an_order_whose_trades_nobody_tells_is_told_all_the_same():
    """Its limit is what is known of its price; the trades are asked for five times before."""
    import asyncio

    async def work(post, gateway):
        told = []
        gateway.tell_to(told.append)
        post.answer = lambda _: Reply([])
        gateway._tell(order_seen(10))
        await asyncio.sleep(60)
        return told

    (order,) = ready(work)
    assert (order.filled_lot, order.notional) == (10, 0)


def test_an_order_found_has_the_money_of_its_trades():
    async def work(post, gateway):
        def answer(request):
            if request.body["type"] == "orderStatus":
                return Reply(
                    {
                        "status": "order",
                        "order": {"order": ORDER, "status": "canceled", "statusTimestamp": NOW_MS},
                    }
                )
            return Reply([TRADE])

        post.answer = answer
        return await gateway.find(OrderRef(0, CID), NOW_NS)

    found = ready(work)
    assert found.order.notional == found.fills[0].notional == 167_998_000


# ---------------------------------------------------------------------- requests


def test_the_fields_of_an_action_stand_in_the_order_that_is_signed():
    text = (Path(__file__).parent / "contracts" / "hyperliquid.json").read_text(encoding="utf-8")
    action = json.loads(text)["requests"]["limit"][0]["body"]["action"]
    assert list(action) == ["type", "orders", "grouping"]
    assert list(action["orders"][0]) == ["a", "b", "p", "s", "r", "t", "c"]


def test_what_is_signed_is_the_action_its_time_and_its_end():
    """The signature is ccxt's own of exactly these; each action has a number of its own."""

    async def work(post, gateway):
        post.answer = lambda _: Reply({"status": "ok", "response": {"type": "default"}})
        for _ in range(2):
            await gateway.set_leverage(0, 5)
        bodies = [request.body for request in post.requests]
        exchange = gateway._exchange
        signed = [exchange.sign_l1_action(b["action"], b["nonce"], None, b["expiresAfter"]) for b in bodies]
        return bodies, signed

    bodies, signed = ready(work)
    assert [body["signature"] for body in bodies] == signed
    assert bodies[0]["nonce"] < bodies[1]["nonce"]
    assert {body["expiresAfter"] - NOW_MS for body in bodies} <= set(range(9_000, 12_000))


@pytest.mark.parametrize(
    ("status", "kind", "number"),
    [
        ({"resting": {"oid": 77738308, "cloid": None}}, OutcomeKind.ACCEPTED, 1),
        ({"filled": {"totalSz": "0.0001", "avgPx": "41999", "oid": 5}}, OutcomeKind.ACCEPTED, 1),
        ({"error": "Insufficient margin to place order. asset=0"}, OutcomeKind.REJECTED, 1),
        ({"error": "Something new"}, OutcomeKind.UNKNOWN, 1),
        ("waitingForTrigger", OutcomeKind.UNKNOWN, 1),
    ],
)
def test_what_an_answer_proves(status, kind, number):
    async def work(post, gateway):
        post.answer = lambda _: Reply(
            {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}
        )
        (outcome,) = await gateway.create(
            [NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)]
        )
        return outcome, len(post.requests)

    outcome, sent = ready(work)
    assert (outcome.kind, sent) == (kind, number)


def test_one_sentence_about_a_batch_is_about_each_of_it_and_rows_are_about_themselves():
    orders = [NewOrder(0, n << 20, IntentKind.REST, BUY, LONG, False, False, 420_000, 10) for n in (1, 2)]

    async def work(post, gateway):
        rows = [{"error": "Order must have minimum value of $10. asset=0"}, {"resting": {"oid": 5}}]
        post.answer = lambda _: Reply(
            {"status": "ok", "response": {"type": "order", "data": {"statuses": rows}}}
        )
        apart = await gateway.create(orders)
        post.answer = lambda _: Reply(
            {"status": "err", "response": "User or API Wallet 0x19 does not exist."}
        )
        return apart, await gateway.create(orders)

    apart, refused = ready(work)
    assert [(one.kind, one.rule) for one in apart] == [
        (OutcomeKind.REJECTED, Rule.VENUE_MIN_NOTIONAL), (OutcomeKind.ACCEPTED, Rule.OK),
    ]  # fmt: skip
    assert [one.kind for one in refused] == [OutcomeKind.REJECTED] * 2


def test_an_order_at_market_without_a_price_is_not_sent():
    async def work(post, gateway):
        return await gateway.create(
            [NewOrder(0, CID, IntentKind.TARGET, BUY, LONG, False, False, 0, 10)]
        ), post.requests

    (outcome,), requests = ready(work)
    assert (outcome.kind, requests) == (OutcomeKind.REJECTED, [])
    assert "no price is known" in outcome.text


@pytest.mark.parametrize(
    ("near", "side", "limit"), [(1_234_567, BUY, "129630"), (420_003, SELL, "39900"), (31_415, BUY, "3298.6")]
)
def test_the_limit_of_an_order_at_market_has_five_digits_or_is_whole(near, side, limit):
    async def work(post, gateway):
        order = NewOrder(0, CID, IntentKind.TARGET, side, LONG, False, False, 0, 10, near_tick=near)
        await gateway.create([order])
        return post.requests[0].body["action"]["orders"][0]["p"]

    assert ready(work) == limit


@pytest.mark.parametrize(
    ("instrument", "mark_tick", "side", "sent"),
    [
        (0, 420_003, SELL, ["41791", "41161"]),
        (0, 420_003, BUY, ["42210", "42840"]),
        (0, 1_234_567, SELL, ["122840", "120988"]),
        (0, 1_234_567, BUY, ["124073", "125925"]),
        (0, 31_415, SELL, ["3125.8", "3078.7"]),
        (1, 221_397, BUY, ["2225", "2258.2"]),
        (1, 99_000, BUY, ["994.95", "1009.8"]),  # The wider one is beyond 1,000, where the step is a tenth.
        (1, 100_500, SELL, ["999.98", "984.9"]),
    ],
)
def test_the_rungs_of_a_close_have_five_digits_and_lie_within_their_bands(instrument, mark_tick, side, sent):
    """Off that step the venue refuses them, and beyond the band nobody has asked for them."""
    rules = traded("hyperliquid")[instrument]

    async def work(post, gateway):
        for band in (0.005, 0.02):
            limit_tick = limit_within(band, side, Decimal(mark_tick))
            order = NewOrder(instrument, CID, IntentKind.TARGET, side, LONG, True, False, limit_tick, 10)
            await gateway.create([order])
        return [request.body["action"]["orders"][0]["p"] for request in post.requests]

    found = ready(work)
    assert found == sent
    for price, band in zip(map(Decimal, found), (Decimal("0.005"), Decimal("0.02")), strict=True):
        away = (price / (mark_tick * rules.tick_size) - 1) * side
        assert 0 <= away <= band
        assert price == price.to_integral_value() or len(price.normalize().as_tuple().digits) <= 5


def test_todays_step_of_prices_is_told_where_it_is_coarser():
    """ccxt works it out of the price; the core counts in the finest and places its orders on this one."""
    market = {"id": "0", "baseName": "BTC", "info": {"szDecimals": "5"}, "precision": {"price": 1.0}}
    assert price_steps({"BTC/USDC:USDC": market, "x": {"id": "x", "info": {}, "precision": {}}}) == {
        "BTC": Decimal(1)
    }


@pytest.mark.parametrize("leverage", [2.5, 1.01])
def test_a_leverage_that_is_no_whole_number_is_refused_and_not_cut(leverage):
    async def work(post, gateway):
        return await gateway.set_leverage(0, leverage), post.requests

    outcome, asked = ready(work)
    assert (outcome.kind, outcome.rule, asked) == (OutcomeKind.REJECTED, Rule.SETTINGS, [])


# ---------------------------------------------------------------------- keys


def role_of(role, data=None, kind="default"):
    """Return what is said of a key whose wallet has this role, for an account that is kept like this."""

    async def work(post, gateway):
        said = {"role": role} | ({"data": data} if data else {})
        post.answer = lambda asked: Reply(said if asked.body["type"] == "userRole" else json.dumps(kind))
        report = await check_key(gateway._wire, AccountMode.LIVE, "main")
        return report, post.requests[0].body

    return ready(work)


def test_an_agent_of_the_account_may_trade_and_is_asked_about_by_its_own_address():
    report, asked = role_of("agent", {"user": f"0x{'2A' * 20}"})
    assert (report.can_trade, report.can_withdraw) == (True, False)
    assert asked == {"type": "userRole", "user": "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"}


@pytest.mark.parametrize(
    ("role", "data", "refusal"),
    [
        ("user", None, SafetyRefusal),
        ("vault", None, SafetyRefusal),
        ("missing", None, VenueRefused),
        ("agent", {"user": f"0x{'3b' * 20}"}, AuthFailed),
    ],
)
def test_an_owners_key_and_one_of_another_account_are_refused(role, data, refusal):
    """C01: who holds the key of the account itself can withdraw all of it."""
    with pytest.raises(refusal):
        role_of(role, data)


@pytest.mark.parametrize("kind", ["default", "disabled", "dexAbstraction"])
def test_an_account_whose_perpetuals_have_money_of_their_own_is_taken(kind):
    report, _ = role_of("agent", {"user": f"0x{'2a' * 20}"}, kind)
    assert report.can_trade


@pytest.mark.parametrize(
    ("kind", "refusal", "code"),
    [
        ("unifiedAccount", VenueRefused, "SETTINGS_REFUSED"),
        ("portfolioMargin", VenueRefused, "SETTINGS_REFUSED"),
        ("somethingNew", VenueRefused, "SETTINGS_REFUSED"),
        ({"error": "no"}, VenueDown, "VENUE_DOWN"),
        (None, VenueDown, "VENUE_DOWN"),
    ],
)
def test_an_account_whose_money_lies_with_its_coins_is_refused(kind, refusal, code):
    """There the list of perpetuals says that the account is worth nothing, and what is held would look like a loss."""
    with pytest.raises(refusal) as refused:
        role_of("agent", {"user": f"0x{'2a' * 20}"}, kind)
    assert refused.value.code == code


def test_the_key_store_takes_an_address_and_a_private_key():
    keys = keys_for("hyperliquid")
    check_form("hyperliquid", {"api_key": keys.api_key.reveal(), "secret": keys.secret.reveal()})
