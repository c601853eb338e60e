"""Bitget and KuCoin traded through unmodified ccxt, from the key to the trades: each says what its documentation says.

What they answer is in `testing.account_scripts`. Nothing was tried at an exchange.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tradewind.errors import TradewindError
from tradewind.testing.account_scripts import (
    BITGET_ANSWERS,
    BITGET_FILL,
    BITGET_ORDER,
    BITGET_STOP,
    CID,
    KUCOIN_ANSWERS,
    MS,
    OTHER,
    OURS,
    Account,
    bitget,
    bitget_order_said,
    bitget_react,
    bitget_said,
    kucoin,
    kucoin_items,
    kucoin_order_said,
    kucoin_react,
    kucoin_stop_said,
)
from tradewind.testing.market_scripts import BITGET, KUCOIN
from tradewind.testing.scripted_venue import run_scripted
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule, SettingCode, StreamCode
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    OutcomeKind,
    StatusSeen,
    StreamSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.testing.scripted_venue import ScriptedVenue
    from tradewind.venues.ccxt.trading import CcxtTradingGateway
    from tradewind.venues.gateway import Event, Outcome, Snapshot

BID = NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)
ASK = NewOrder(0, CID + (1 << 20), IntentKind.TARGET, SELL, SHORT, False, False, 420_000, 10)
STOP = NewOrder(0, CID, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10)


@dataclass(frozen=True, slots=True)
class Side:
    """One venue: its answers and messages; `filled`: what it says where an order is filled whole."""

    venue: str
    answers: dict[str, object]
    script: Any
    react: Callable[[Any], list[object]]
    word: str
    live: Callable[..., dict[str, object]]
    filled: tuple[dict[str, object], ...]
    gone: dict[str, object]


SIDES = [
    Side(
        "bitget_swap",
        BITGET_ANSWERS,
        BITGET,
        bitget_react,
        "orders",
        bitget_order_said,
        (
            bitget_said("fill", BITGET_FILL),
            bitget_order_said(
                status="filled", accBaseVolume="0.001", priceAvg="41999.5", baseVolume="0.001",
                fillPrice="41999.5", tradeId="501", tradeScope="T", fillFee="-0.0251997", fillFeeCoin="USDT",
            ),
        ),
        bitget_order_said(status="canceled"),
    ),
    Side(
        "kucoin",
        KUCOIN_ANSWERS,
        KUCOIN,
        kucoin_react,
        "tradeOrders",
        kucoin_order_said,
        (
            kucoin_order_said(
                type="match", status="match", matchPrice="41999.5", matchSize="10", tradeId="501",
                liquidity="taker", feeType="takerFee", filledSize="10", remainSize="0",
            ),
            kucoin_order_said(type="filled", status="done", filledSize="10", remainSize="0"),
        ),
        kucoin_order_said(type="canceled", status="done", canceledSize="10", remainSize="0"),
    ),
]  # fmt: skip
LOTS = {"bitget_swap": 10, "kucoin": 10}


def lived(side: Side, work: Callable[[ScriptedVenue, CcxtTradingGateway, Account], Any], **own: Any) -> Any:
    """Open a gateway at a venue, do something with it and return what that returns."""
    account = Account(dict(side.answers), side.script.answer)

    async def whole(venue: ScriptedVenue) -> Any:
        gateway = venue.gateway(**own)
        try:
            await gateway.open()
        finally:
            assert venue.unanswered == []
        found = await work(venue, gateway, account)
        assert venue.unanswered == []
        return found

    return run_scripted(side.venue, account, whole, side.react)


async def told_after(
    venue: ScriptedVenue, gateway: CcxtTradingGateway, word: str, *said: object
) -> list[Event]:
    """Let a venue say something and return what is told of it within two seconds."""
    await venue.say(word, *said)
    await asyncio.sleep(2)
    return gateway._inbox.take_now()


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.venue)
def test_an_order_is_sent_heard_of_filled_and_told_with_what_it_paid(side: Side) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        opened = gateway._inbox.take_now()
        (outcome,) = await gateway.create([BID])
        working = await told_after(venue, gateway, side.word, side.live())
        filled = await told_after(venue, gateway, side.word, *side.filled)
        return opened, outcome, working, filled, gateway.key_report, dict(gateway.dropped)

    opened, outcome, working, filled, report, dropped = lived(side, work)
    assert [event.code for event in opened if isinstance(event, StreamSeen)] == [StreamCode.UP]
    assert (report.can_trade, report.can_withdraw, report.addresses) == (True, False, ("127.0.0.1",))
    assert (outcome.kind, outcome.text) == (OutcomeKind.ACCEPTED, "")
    (seen,) = [event for event in working if isinstance(event, OrderSeen)]
    assert (seen.cid, seen.status, seen.side, seen.price_tick, seen.qty_lot, seen.filled_lot) == (
        CID, OrderStatus.WORKING, BUY, 420_000, 10, 0,
    )  # fmt: skip
    assert seen.ts_ns == (MS + 400) * 1_000_000
    orders = [event for event in filled if isinstance(event, OrderSeen)]
    assert orders[-1].status is OrderStatus.FILLED
    assert {order.status for order in orders} <= {OrderStatus.WORKING, OrderStatus.FILLED}
    money = 4_199_950_000 if side.venue == "bitget_swap" else 41_999_500_000
    assert (orders[-1].filled_lot, orders[-1].notional) == (10, money)
    (fill,) = [event for event in filled if isinstance(event, FillSeen)]
    assert (fill.cid, fill.trade_id, fill.price_tick, fill.qty_lot, fill.notional) == (
        CID, "501", 419_995, 10, money,
    )  # fmt: skip
    assert fill.fee == (2_519_970 if side.venue == "bitget_swap" else 25_199_700)
    assert (fill.fee_currency, fill.maker, fill.ts_ns) == ("USDT", 0, (MS + 500) * 1_000_000)
    assert not [event for event in filled if isinstance(event, StatusSeen)]
    assert dropped == {}


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.venue)
def test_an_order_is_cancelled_by_our_id_and_its_end_is_heard(side: Side) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        await gateway.create([BID])
        outcome = await gateway.cancel(OrderRef(0, CID))
        return outcome, await told_after(venue, gateway, side.word, side.gone)

    outcome, told = lived(side, work)
    assert outcome.kind is OutcomeKind.ACCEPTED
    (seen,) = [event for event in told if isinstance(event, OrderSeen)]
    assert (seen.cid, seen.status, seen.rule) == (CID, OrderStatus.CANCELLED, Rule.UNWANTED)


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.venue)
def test_an_account_is_read_whole(side: Side) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Snapshot:
        return await gateway.snapshot(MS * 1_000_000)

    seen: Snapshot = lived(side, work)
    assert {
        (one.cid, one.venue_id, one.stop, one.price_tick, one.side, bool(one.reduce)) for one in seen.orders
    } == {
        (CID, "77", False, 420_000, BUY, False),
        (CID + (1 << 20), "88", True, 410_000, SELL, True),
    }
    (held,) = seen.positions
    assert (held.instrument, held.position_side, held.qty_lot, held.entry) == (0, LONG, 10, 41_999.5)
    (cash,) = seen.balances
    assert (cash.currency, cash.balance) == ("USDT", 100_000_000_000)
    assert [(fill.cid, fill.trade_id, fill.qty_lot) for fill in seen.fills] == [(CID, "501", 10)]
    paid = 420_000 if side.venue == "bitget_swap" else 4_200_000
    assert {(one.currency, one.amount) for one in seen.funding} == {("USDT", paid)}
    moved = sorted((one.amount, one.transfer_id) for one in seen.transfers)
    assert moved == [(-4_000_000_000, "7"), (25_000_000_000, "8")]
    of_first = {(one.code, one.value) for one in seen.settings if one.instrument == 0}
    assert of_first == {
        (SettingCode.POSITION_MODE, 0.0), (SettingCode.MARGIN_MODE, 0.0), (SettingCode.LEVERAGE, 5.0),
    }  # fmt: skip
    assert seen.strangers == ()


def test_an_answer_of_bitget_that_says_several_settings_is_asked_for_once() -> None:
    (side,) = [one for one in SIDES if one.venue == "bitget_swap"]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> list[str]:
        account.asked.clear()
        await gateway.snapshot(MS * 1_000_000)
        return [one.query["symbol"] for one in account.asked if one.path == "/api/v2/mix/account/account"]

    assert lived(side, work) == ["BTCUSDT", "ETHUSDT"]


def test_where_margin_is_isolated_each_order_of_kucoin_names_its_leverage() -> None:
    (side,) = [one for one in SIDES if one.venue == "kucoin"]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> list[object]:
        account.answers["POST /api/v2/changeCrossUserLeverage"] = kucoin(True)
        account.answers["POST /api/v2/position/changeMarginMode"] = kucoin({"symbol": "XBTUSDTM"})
        outcomes = [await gateway.set_leverage(0, 7), *await gateway.create([BID])]
        outcomes.append(await gateway.set_modes(0, hedge=False, isolated=True))
        outcomes += await gateway.create([BID])
        assert {one.kind for one in outcomes} == {OutcomeKind.ACCEPTED}
        placed = [one.body for one in account.asked if one.path == "/api/v1/orders" and one.method == "POST"]
        return [(body["marginMode"], body.get("leverage")) for body in placed]

    assert lived(side, work) == [("CROSS", None), ("ISOLATED", "7")]


@pytest.mark.parametrize(
    ("venue", "body", "code"),
    [
        ("bitget_swap", {"code": "40099", "msg": "exchange environment is incorrect"}, "KEY_MODE_MISMATCH"),
        ("bitget_swap", {"code": "40037", "msg": "Apikey does not exist"}, "KEY_REJECTED"),
        ("bitget_swap", bitget({"ips": "", "authorities": ["coow", "wwow"]}), "KEY_TOO_POWERFUL"),
        ("bitget_swap", bitget({"ips": "", "authorities": ["coor", "cpor"]}), "KEY_PERMISSION"),
        ("kucoin", {"code": "400003", "msg": "KC-API-KEY not exists"}, "KEY_REJECTED"),
        ("kucoin", kucoin({"permission": "General,Futures,Withdrawal"}), "KEY_TOO_POWERFUL"),
        ("kucoin", kucoin({"permission": "General,Spot"}), "KEY_PERMISSION"),
    ],
)
def test_a_key_that_cannot_or_should_not_trade_is_refused_before_anything_else(
    venue: str, body: object, code: str
) -> None:
    (side,) = [one for one in SIDES if one.venue == venue]
    told = {"bitget_swap": "GET /api/v2/spot/account/info", "kucoin": "GET /api/v1/user/api-key"}
    account = Account(side.answers | {told[venue]: body}, side.script.answer)

    async def refused(scripted: ScriptedVenue) -> str:
        with pytest.raises(TradewindError) as caught:
            await scripted.gateway().open()
        return caught.value.code

    assert run_scripted(venue, account, refused, side.react) == code
    assert {one.path for one in account.asked} <= {
        "/api/v2/public/time", "/api/v2/spot/account/info", "/api/v1/timestamp", "/api/v1/user/api-key",
    }  # fmt: skip


def test_a_stop_of_kucoin_is_known_by_the_venues_id_alone_and_by_our_own_once_it_was_named() -> None:
    (side,) = [one for one in SIDES if one.venue == "kucoin"]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        before = await told_after(venue, gateway, "advancedOrders", kucoin_stop_said())
        await gateway.create([STOP])
        after = await told_after(venue, gateway, "advancedOrders", kucoin_stop_said())
        outcome = await gateway.cancel(OrderRef(0, CID, "88", algo=True))
        ended = await told_after(venue, gateway, "advancedOrders", kucoin_stop_said(type="cancel"))
        return before, after, outcome, ended, dict(gateway.dropped)

    before, after, outcome, ended, dropped = lived(side, work)
    assert not [event for event in before if isinstance(event, OrderSeen)]
    assert [(one.cid, one.stop, one.price_tick) for one in after if isinstance(one, OrderSeen)] == [
        (CID, True, 410_000)
    ]
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert [one.status for one in ended if isinstance(one, OrderSeen)] == [OrderStatus.CANCELLED]
    assert dropped == {"order: an order by the venue's id alone": 1}


def test_a_plan_of_bitget_that_was_triggered_is_the_order_that_it_became() -> None:
    (side,) = [one for one in SIDES if one.venue == "bitget_swap"]
    plan = BITGET_STOP | {"clientOid": OURS, "planStatus": "executed", "executeOrderId": "99"}
    became = BITGET_ORDER | {
        "orderId": "99", "clientOid": "99", "side": "sell", "status": "filled", "baseVolume": "0.001",
        "priceAvg": "40990.1", "price": "0", "orderType": "market", "reduceOnly": "YES", "tradeSide": "sell_single",
    }  # fmt: skip
    lists = {
        "GET /api/v2/mix/order/detail": lambda asked: {"code": "40109", "msg": "not found", "data": None},
        "GET /api/v2/mix/order/orders-pending": bitget({"entrustedList": None, "endId": None}),
        "GET /api/v2/mix/order/orders-plan-pending": bitget({"entrustedList": None, "endId": None}),
        "GET /api/v2/mix/order/orders-plan-history": bitget({"entrustedList": [plan], "endId": "88"}),
        "GET /api/v2/mix/order/orders-history": bitget({"entrustedList": [became], "endId": "99"}),
        "GET /api/v2/mix/order/fills": bitget(
            {
                "fillList": [
                    BITGET_FILL
                    | {"orderId": "99", "price": "40990.1", "side": "sell", "tradeSide": "sell_single"}
                ],
                "endId": "501",
            }
        ),
    }

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        account.answers |= lists
        return await gateway.find(OrderRef(0, CID, algo=True), MS * 1_000_000)

    found = lived(side, work)
    assert (found.order.cid, found.order.venue_id, found.order.status) == (CID, "99", OrderStatus.FILLED)
    assert [(fill.cid, fill.side, fill.price_tick) for fill in found.fills] == [(CID, SELL, 409_901)]


def test_a_batch_of_bitget_tells_of_each_order_though_those_refused_stand_apart() -> None:
    (side,) = [one for one in SIDES if one.venue == "bitget_swap"]
    answer = bitget(
        {
            "successList": [{"orderId": "78", "clientOid": OTHER}],
            "failureList": [
                {"orderId": "", "clientOid": OURS, "errorMsg": "Insufficient balance", "errorCode": "43012"}
            ],
        }
    )

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> list[Outcome]:
        account.answers["POST /api/v2/mix/order/batch-place-order"] = answer
        return await gateway.create([BID, ASK])

    refused, taken = lived(side, work)
    assert (refused.kind, refused.rule) == (OutcomeKind.REJECTED, Rule.VENUE_MARGIN)
    assert "Insufficient balance" in refused.text
    assert taken.kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize(
    ("side", "trade_side", "is_told"),
    [
        ("buy", "open", (BUY, LONG)), ("buy", "close", (SELL, LONG)), ("sell", "open", (SELL, SHORT)),
        ("sell", "close", (BUY, SHORT)), ("sell", "sell_single", (SELL, SHORT)),
    ],
)  # fmt: skip
def test_where_both_positions_are_held_bitgets_side_is_that_of_the_position(
    side: str, trade_side: str, is_told: tuple[int, int]
) -> None:
    """That of an order; a trade on its channel has its own."""
    (where,) = [one for one in SIDES if one.venue == "bitget_swap"]
    pos_side = "net" if "single" in trade_side else {"buy": "long", "sell": "short"}[side]
    hedged = {"side": side, "tradeSide": trade_side}
    fill = BITGET_FILL | hedged | {"clientOid": "", "side": "buy" if is_told[0] == BUY else "sell"}

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        order = bitget_order_said(**hedged, posSide=pos_side)
        return await told_after(venue, gateway, "orders", order, bitget_said("fill", fill))

    told = lived(where, work)
    assert [(one.side, one.position_side) for one in told if isinstance(one, OrderSeen | FillSeen)] == [
        is_told
    ] * 2


def test_practice_orders_of_bitget_say_so_and_go_to_the_practice_stream() -> None:
    (side,) = [one for one in SIDES if one.venue == "bitget_swap"]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> Any:
        await gateway.create([BID])
        return account.asked

    signed = [one for one in lived(side, work, mode=AccountMode.DEMO) if "ACCESS-SIGN" in one.headers]
    assert len(signed) >= 2
    assert {one.headers.get("PAPTRADING") for one in signed} == {"1"}
    signed = [one for one in lived(side, work) if "ACCESS-SIGN" in one.headers]
    assert {one.headers.get("PAPTRADING") for one in signed} == {None}


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.venue)
def test_a_quiet_account_stays_connected(side: Side) -> None:
    """KuCoin tells ccxt to ping every 18 s, and silence is believed for 14."""

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> list[Event]:
        gateway._inbox.take_now()
        await asyncio.sleep(90)
        return [event for event in gateway._inbox.take_now() if isinstance(event, StreamSeen)]

    assert lived(side, work) == []


def test_what_an_order_of_kucoin_was_worth_is_known_before_its_trades_are_listed() -> None:
    (side,) = [one for one in SIDES if one.venue == "kucoin"]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, account: Account) -> list[Event]:
        account.answers["GET /api/v1/fills"] = kucoin_items()
        await gateway.create([BID])
        return await told_after(venue, gateway, side.word, *side.filled)

    told = lived(side, work)
    assert [event.notional for event in told if isinstance(event, OrderSeen)] == [41_999_500_000] * 2
    assert not [event for event in told if isinstance(event, FillSeen)]
