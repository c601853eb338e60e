"""Gate and Hyperliquid traded through unmodified ccxt, from the key to the trades: each answers as its pages say.

What is answered and said here was written by hand from the documentation (Gate API v4: futures orders, price_orders,
my_trades_timerange, account_book, accounts, positions, and the channels of the futures WebSocket v4; Hyperliquid:
exchange endpoint, info endpoint, subscriptions). Nothing was tried at an exchange.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tradewind.cli.takeover import close_account
from tradewind.errors import SafetyRefusal
from tradewind.testing.market_scripts import GATE, HYPERLIQUID
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import BUY, LONG, MONEY, SELL, IntentKind, SettingCode, StreamCode
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    OutcomeKind,
    SettingSeen,
    StreamSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.live.flatten import Flattened
    from tradewind.testing.scripted_venue import Asked, ScriptedVenue
    from tradewind.venues.ccxt.trading import CcxtTradingGateway
    from tradewind.venues.gateway import Event

MS = START_NS // 1_000_000
CID, STOP_CID = 7 << 20, 8 << 20
BID = NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10)
STOP = NewOrder(0, STOP_CID, IntentKind.STOP, SELL, LONG, True, False, 410_000, 10)
FEE = 5_000_000


@dataclass(slots=True)
class Desk:
    """An account at a venue: the orders that it has taken by number, what it answers, and what it says of them.

    At Hyperliquid `held` is closed by what takes at once, once as many of these as it `refuses` were asked for;
    `closes` has all of them.
    """

    name: str
    settle: str
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    role: str = "agent"
    held: str = "0.00004"
    refuses: int = 0
    closes: list[dict[str, Any]] = field(default_factory=list)
    ended: set[object] = field(default_factory=set)

    def answer(self, asked: Asked) -> object | None:
        """Return what is answered to a request."""
        self.asked.append(asked)
        return _gate(self, asked) if self.name == "gate_swap" else _hyperliquid(self, asked)

    def take(self, row: dict[str, Any]) -> int:
        """Take an order; return its number."""
        number = 100 + len(self.orders)
        self.orders[number] = row
        return number


# ---------------------------------------------------------------------- Gate


def _gate(desk: Desk, asked: Asked) -> object | None:
    path = asked.path.removeprefix("/api/v4/futures/usdt/")
    if asked.path == "/api/v4/spot/time":
        return {"server_time": MS}
    if asked.method == "POST" and path == "orders":
        number = desk.take(asked.body)
        return gate_order(desk, number)
    if asked.method == "POST" and path == "price_orders":
        return {"id": desk.take(asked.body)}
    if asked.method == "DELETE":
        return gate_order(desk, int(path.rpartition("/")[2]), status="finished", finish_as="cancelled")
    return GATE_ANSWERS[path](desk, asked) if path in GATE_ANSWERS else GATE.answer(asked)


def gate_order(desk: Desk, number: int, **changes: object) -> dict[str, Any]:
    """Return an order as Gate tells of it, or a stop."""
    row = desk.orders[number]
    if "initial" in row:
        row = row | {"initial": row["initial"] | {"is_reduce_only": bool(row["initial"].get("reduce_only"))}}
        return (
            row
            | {"id": number, "create_time": MS / 1000, "trade_id": 0, "status": "open", "reason": ""}
            | changes
        )
    told = {"id": number, "user": 1666, "create_time": MS / 1000, "left": str(row["size"]), "fill_price": "0"}
    told |= {
        "is_reduce_only": bool(row.get("reduce_only")),
        "is_close": False,
        "is_liq": False,
        "status": "open",
    }
    return row | told | {"size": str(row["size"]), "create_time_ms": MS} | changes


GATE_TRADE = {
    "contract": "BTC_USDT", "order_id": "100", "size": "4", "price": "41999.5", "role": "maker", "fee": "0.05",
    "point_fee": "0", "text": ClientIds("tag001", "t-").encode(CID),
}  # fmt: skip
GATE_ANSWERS: dict[str, Callable[[Desk, Asked], object]] = {
    "accounts": lambda desk, _: {
        "user": 1666, "currency": "USDT", "total": "1000.5", "unrealised_pnl": "3", "position_mode": "single",
        "in_dual_mode": False,
    },
    "orders": lambda desk, _: [gate_order(desk, n) for n, row in desk.orders.items() if "initial" not in row],
    "price_orders": lambda desk, _: [gate_order(desk, n) for n, row in desk.orders.items() if "initial" in row],
    "positions": lambda desk, _: [{
        "user": 1666, "contract": "BTC_USDT", "size": "4", "entry_price": "41999.5", "mark_price": "42010",
        "mode": "single", "update_time": MS // 1000, "pos_margin_mode": "cross", "lever": "5",
    }],
    "my_trades_timerange": lambda desk, _: [GATE_TRADE | {"trade_id": "501", "create_time": MS / 1000 + 0.5}],
    "account_book": lambda desk, asked: [{
        "time": MS / 1000 + 0.6, "change": "-0.25" if asked.query["type"] == "fund" else "100", "balance": "1000.5",
        "type": asked.query["type"], "contract": "BTC_USDT" if asked.query["type"] == "fund" else "", "id": "9",
    }],
}  # fmt: skip


def gate_said(channel: str, row: object) -> dict[str, object]:
    return {
        "time": MS // 1000,
        "time_ms": MS,
        "channel": f"futures.{channel}",
        "event": "update",
        "result": [row],
    }


# ---------------------------------------------------------------------- Hyperliquid


def _hyperliquid(desk: Desk, asked: Asked) -> object | None:
    if asked.path == "/exchange":
        return {"status": "ok", "response": _acted(desk, asked.body["action"])}
    kind = asked.body["type"]
    if kind == "orderStatus":
        row = next((n for n, row in desk.orders.items() if asked.body["oid"] in (n, row["c"])), None)
        if row is None:
            return {"status": "unknownOid"}
        told = {"order": hyperliquid_order(desk, row), "status": "open", "statusTimestamp": MS}
        return {"status": "order", "order": told}
    return (
        HYPERLIQUID_ANSWERS[kind](desk, asked) if kind in HYPERLIQUID_ANSWERS else HYPERLIQUID.answer(asked)
    )


def _acted(desk: Desk, action: dict[str, Any]) -> dict[str, object]:
    if action["type"] == "order":
        return {"type": "order", "data": {"statuses": [_ordered(desk, row) for row in action["orders"]]}}
    for each in action.get("cancels", []):
        desk.ended.add(each.get("o"))
    return {"type": "cancel", "data": {"statuses": ["success" for _ in action.get("cancels", [])]}}


def _ordered(desk: Desk, row: dict[str, Any]) -> dict[str, Any]:
    if row["t"].get("limit", {}).get("tif") != "Ioc":
        return {"resting": {"oid": desk.take(row), "cloid": row["c"]}}
    desk.closes.append(row)
    if len(desk.closes) <= desk.refuses:
        return {"error": "Order price cannot be more than 95% away from the reference price"}
    desk.held = "0.0"
    return {"filled": {"totalSz": row["s"], "avgPx": "42009.5", "oid": 900 + len(desk.closes)}}


def hyperliquid_order(desk: Desk, number: int, **changes: object) -> dict[str, Any]:
    """Return an order as the list of open ones shows it."""
    row = desk.orders[number]
    trigger = row["t"].get("trigger")
    told = {
        "coin": "BTC", "side": "B" if row["b"] else "A", "limitPx": row["p"], "sz": row["s"], "origSz": row["s"],
        "oid": number, "timestamp": MS, "reduceOnly": row["r"], "isTrigger": trigger is not None, "cloid": row["c"],
        "triggerPx": trigger["triggerPx"] if trigger else "0.0", "orderType": "Limit", "isPositionTpsl": False,
    }  # fmt: skip
    return told | changes


HYPERLIQUID_TRADE = {
    "coin": "BTC", "px": "41999.5", "sz": "0.00004", "side": "B", "time": MS + 500, "startPosition": "0.0",
    "dir": "Open Long", "closedPnl": "0.0", "hash": "0xc5", "oid": 100, "crossed": False, "fee": "0.05",
    "tid": 501, "cloid": ClientIds("tag001", "0x").encode(CID), "feeToken": "USDC",
}  # fmt: skip
HYPERLIQUID_ANSWERS: dict[str, Callable[[Desk, Asked], object]] = {
    "exchangeStatus": lambda desk, _: {"time": MS, "specialStatuses": None},
    "userRole": lambda desk, asked: {"role": desk.role, "data": {"user": f"0x{'2a' * 20}"}},
    "frontendOpenOrders": lambda desk, _: [hyperliquid_order(desk, n) for n in desk.orders.keys() - desk.ended],
    "historicalOrders": lambda desk, _: [],
    "userFillsByTime": lambda desk, _: [HYPERLIQUID_TRADE],
    "clearinghouseState": lambda desk, _: {
        "assetPositions": [{"type": "oneWay", "position": {
            "coin": "BTC", "szi": desk.held, "entryPx": "41999.5", "unrealizedPnl": "3", "positionValue": "1.6804",
            "leverage": {"type": "cross", "value": 5},
        }}] if desk.held != "0.0" else [],
        "marginSummary": {"accountValue": "1003.5"}, "time": MS,
    },
    "activeAssetData": lambda desk, asked: {
        "user": "0x2a", "coin": asked.body["coin"], "leverage": {"type": "cross", "value": 5},
    },
    "userFunding": lambda desk, _: [{
        "time": MS + 600, "hash": "0x0",
        "delta": {"type": "funding", "coin": "BTC", "usdc": "-0.25", "szi": "1.0", "fundingRate": "0.00001"},
    }],
    "userNonFundingLedgerUpdates": lambda desk, _: [
        {"time": MS + 600, "hash": "0x9", "delta": {"type": "deposit", "usdc": "100"}}
    ],
}  # fmt: skip


# ---------------------------------------------------------------------- both


@dataclass(frozen=True, slots=True)
class Side:
    """One venue: what its sockets answer, and its messages of an order, of a trade and of an order's end."""

    name: str
    settle: str
    react: Callable[[Any], list[object]]
    subscribed: list[str]
    word: str
    working: Callable[[Desk], object]
    traded: Callable[[Desk], object]
    partly: Callable[[Desk], object]
    ended: Callable[[Desk], object]


def hyperliquid_said(desk: Desk, status: str, **changes: object) -> dict[str, object]:
    names = ("coin", "side", "limitPx", "sz", "oid", "timestamp", "origSz", "cloid")
    row = hyperliquid_order(desk, 100, **changes)
    told = {"order": {name: row[name] for name in names}, "status": status, "statusTimestamp": MS + 400}
    return {"channel": "orderUpdates", "data": [told]}


SIDES = {
    "gate_swap": Side(
        "gate_swap",
        "USDT",
        GATE.react,
        ["futures.autoorders", "futures.balances", "futures.orders", "futures.positions", "futures.usertrades"],
        "futures",
        working=lambda desk: gate_said("orders", gate_order(desk, 100)),
        traded=lambda desk: gate_said("usertrades", GATE_TRADE | {"id": "501", "create_time_ms": MS + 500}),
        partly=lambda desk: gate_said("orders", gate_order(desk, 100, left="6", fill_price="41999.5")),
        ended=lambda desk: gate_said(
            "orders",
            gate_order(
                desk, 100, left="6", fill_price="41999.5", status="finished", finish_as="cancelled",
                finish_time_ms=MS + 900,
            ),
        ),
    ),
    "hyperliquid": Side(
        "hyperliquid",
        "USDC",
        HYPERLIQUID.react,
        ["orderUpdates", "userFills"],
        "user",
        working=lambda desk: hyperliquid_said(desk, "open"),
        traded=lambda desk: {"channel": "userFills", "data": {"user": "0x2a", "fills": [HYPERLIQUID_TRADE]}},
        partly=lambda desk: hyperliquid_said(desk, "open", sz="0.00006"),
        ended=lambda desk: hyperliquid_said(desk, "canceled", sz="0.00006"),
    ),
}  # fmt: skip
WORTH = {"gate_swap": 41_999.5 * 4 * 0.0001, "hyperliquid": 41_999.5 * 0.00004}


def lived(
    name: str,
    work: Callable[[ScriptedVenue, CcxtTradingGateway, Desk], Any],
    *,
    role: str = "agent",
    mode: AccountMode = AccountMode.LIVE,
) -> Any:
    """Open an account at a venue, do some work, and see that nothing was asked that the venue does not answer."""
    side = SIDES[name]
    desk = Desk(name, side.settle, role=role)

    async def begun(venue: ScriptedVenue) -> Any:
        gateway = venue.gateway(mode)
        await gateway.open()
        found = await work(venue, gateway, desk)
        assert venue.unanswered == []
        return found

    return run_scripted(name, desk.answer, begun, side.react)


async def told(
    venue: ScriptedVenue, gateway: CcxtTradingGateway, side: Side, *messages: object
) -> list[Event]:
    """Let the venue say something; return what is told of it."""
    gateway._inbox.take_now()
    await venue.say(side.word, *messages)
    return list(gateway._inbox.take_now())


@pytest.mark.parametrize("name", SIDES)
def test_an_order_is_taken_traded_cancelled_and_each_of_it_told_once(name: str) -> None:
    side = SIDES[name]

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> None:
        begun = gateway._inbox.take_now()
        assert [e.code for e in begun if isinstance(e, StreamSeen)] == [StreamCode.UP]
        heard = [str(message.get("channel") or message["subscription"]["type"]) for _, message in venue.told]
        assert sorted(heard) == side.subscribed
        (outcome,) = await gateway.create([BID])
        assert outcome.kind is OutcomeKind.ACCEPTED
        (working,) = await told(venue, gateway, side, side.working(desk))
        assert isinstance(working, OrderSeen)
        assert (working.cid, working.status, working.filled_lot) == (CID, OrderStatus.WORKING, 0)
        # What the order says first waits for its trade where only that tells the money.
        events = await told(venue, gateway, side, side.partly(desk), side.traded(desk), side.traded(desk))
        (fill,) = [event for event in events if isinstance(event, FillSeen)]
        assert (fill.cid, fill.qty_lot, fill.price_tick, fill.fee, fill.maker) == (CID, 4, 419_995, FEE, 1)
        assert (fill.fee_currency, fill.side, fill.position_side) == (side.settle, BUY, LONG)
        (partly,) = [event for event in events if isinstance(event, OrderSeen)]
        assert (partly.filled_lot, partly.notional) == (4, fill.notional)
        assert fill.notional == round(WORTH[name] * MONEY)
        outcome = await gateway.cancel(OrderRef(0, CID, working.venue_id))
        assert outcome.kind is OutcomeKind.ACCEPTED
        (ended,) = await told(venue, gateway, side, side.ended(desk))
        assert (ended.status, ended.filled_lot, ended.notional) == (OrderStatus.CANCELLED, 4, fill.notional)

    lived(name, work)


@pytest.mark.parametrize("name", SIDES)
def test_an_account_is_read_whole_with_a_stop_in_it(name: str) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> None:
        outcomes = await gateway.create([BID]) + await gateway.create([STOP])
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
        found = await gateway.snapshot(START_NS - 3_600_000_000_000)
        orders = {order.cid: order for order in found.orders}
        assert orders.keys() == {CID, STOP_CID}
        stop = orders[STOP_CID]
        assert (stop.stop, stop.price_tick, stop.reduce, stop.side) == (True, 410_000, 1, SELL)
        assert [(p.instrument, p.position_side, p.qty_lot, p.entry) for p in found.positions] == [
            (0, LONG, 4, 41_999.5)
        ]
        settle = SIDES[name].settle
        assert [(b.currency, b.balance) for b in found.balances] == [(settle, round(1000.5 * MONEY))]
        assert [(f.cid, f.qty_lot, f.trade_id) for f in found.fills] == [(CID, 4, "501")]
        assert [(paid.amount, paid.currency) for paid in found.funding] == [(round(0.25 * MONEY), settle)]
        assert [(moved.amount, moved.currency) for moved in found.transfers] == [(100 * MONEY, settle)]
        told_of = {(s.instrument, s.code): s.value for s in found.settings if isinstance(s, SettingSeen)}
        assert told_of[0, SettingCode.LEVERAGE] == 5.0
        assert told_of[0, SettingCode.MARGIN_MODE] == 0.0
        assert found.strangers == ()
        assert gateway.dropped == {}

    lived(name, work)


@pytest.mark.parametrize("name", SIDES)
def test_a_stop_is_found_by_our_id_and_cancelled(name: str) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> None:
        await gateway.create([STOP])
        ref = OrderRef(0, STOP_CID, algo=name == "gate_swap")
        if name == "hyperliquid":
            found = await gateway.find(ref, START_NS)
            assert found.order is not None
            assert (found.order.venue_id, found.order.stop) == ("100", True)
        assert (await gateway.cancel(ref)).kind is OutcomeKind.ACCEPTED

    lived(name, work)


def test_what_was_traded_before_is_no_news_when_a_stream_begins() -> None:
    """Hyperliquid begins with the trades of before; whoever missed some reads them in a snapshot."""

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> None:
        before = {"user": "0x2a", "isSnapshot": True, "fills": [HYPERLIQUID_TRADE]}
        side = SIDES["hyperliquid"]
        assert await told(venue, gateway, side, {"channel": "userFills", "data": before}) == []
        assert len(await told(venue, gateway, side, side.traded(desk))) == 1

    lived("hyperliquid", work)


def test_todays_step_of_prices_is_told_as_soon_as_an_account_is_open() -> None:
    """At 60,000 a price at Hyperliquid is a whole number, though it is counted in tenths."""

    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> list[SettingSeen]:
        return [event for event in gateway._inbox.take_now() if isinstance(event, SettingSeen)]

    steps = [(e.instrument, e.value) for e in lived("hyperliquid", work) if e.code == SettingCode.TICK_STEP]
    assert steps == [(0, 10.0)]


@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_takeover_closes_by_requests_alone_where_orders_go_by_numbers(refused: int) -> None:
    """At Hyperliquid: the list of markets tells the number, what the position is worth tells the mark, and the limits
    are on the step of their price, at market too. The stop goes when nothing is held any more."""
    desk = Desk("hyperliquid", "USDC", refuses=refused)

    async def work(venue: ScriptedVenue) -> Flattened:
        before = venue.gateway(AccountMode.LIVE)
        await before.open()
        assert (await before.create([STOP]))[0].kind is OutcomeKind.ACCEPTED
        await before.close()
        gateway = venue.gateway(AccountMode.LIVE)
        listings = list(gateway._listings.values())
        return await close_account(gateway, listings, lambda _step: None)

    done = run_scripted("hyperliquid", desk.answer, work, HYPERLIQUID.react)
    assert done.flat, done.steps
    assert [(row["p"], row["r"], row["b"], row["s"]) for row in desk.closes] == [
        (price, True, False, "0.00004") for price in ("41800", "41170", "39910")[: refused + 1]
    ]
    assert desk.ended == desk.orders.keys() == {100}


def test_the_key_of_the_account_itself_opens_nothing() -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(SafetyRefusal):
        lived("hyperliquid", work, role="user")


@pytest.mark.parametrize("name", SIDES)
def test_practice_orders_go_to_the_practice_hosts(name: str) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> set[str]:
        await gateway.create([BID])
        return {asked.host for asked in desk.asked}

    host = {"gate_swap": "api-testnet.gateapi.io", "hyperliquid": "api.hyperliquid-testnet.xyz"}[name]
    assert lived(name, work, mode=AccountMode.DEMO) == {host}


@pytest.mark.parametrize("name", SIDES)
def test_a_quiet_account_stays_connected(name: str) -> None:
    async def work(venue: ScriptedVenue, gateway: CcxtTradingGateway, desk: Desk) -> list[StreamSeen]:
        gateway._inbox.take_now()
        await asyncio.sleep(60)
        return [event for event in gateway._inbox.take_now() if isinstance(event, StreamSeen)]

    assert lived(name, work) == []
