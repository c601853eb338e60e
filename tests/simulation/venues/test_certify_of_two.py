"""The trial of Bitget and KuCoin, at a desk that keeps an account and answers as their documentation says.

The desk does the least that a venue does with an order: what is at market or crosses is filled at once at one price,
the rest rests, and one id is taken once. It proves that the trial can be played there, in both position modes, and not
how they match. KuCoin has no practice money: its trial is played here only.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tradewind.live.certify import VenueTraits, certify_venue
from tradewind.testing.market_scripts import BITGET, KUCOIN
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.traded_rules import traded
from tradewind.testing.virtual_venues import START_NS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.gateway import AccountMode, Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.live.certify import Step
    from tradewind.testing.scripted_venue import Asked, ScriptedVenue

pytest.importorskip("ccxt")

PRICE = 60_000.0
LARGEST = 1_000.0
NEAR = 60.0


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


class Refused(Exception):
    """The desk does not take an order; the text is one of the words below."""


@dataclass(slots=True)
class Taken:
    """An order at the desk: `side` 1 or -1; `holds`: of which position; a trigger of 0: it is no stop."""

    number: str
    ours: str
    side: int
    holds: str
    size: float
    price: float
    trigger: float
    reduce: bool
    ended: str = ""
    changed_ms: int = 0
    became: str = ""
    """The number of the order that a stop became."""

    @property
    def filled(self) -> float:
        return self.size if self.ended == "filled" else 0.0


@dataclass(slots=True)
class Desk:
    """An account: what is held of each position (one way: under "net", negative where short), and its orders."""

    hedge: bool
    lies: str = ""
    leverage: int = 5
    now_ns: Callable[[], int] = lambda: START_NS
    held: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("net", "long", "short"), 0.0))
    orders: list[Taken] = field(default_factory=list)
    say: Callable[[Taken], None] = lambda _: None
    paths: list[str] = field(default_factory=list)
    comes: Callable[[Desk, Taken], None] | None = None
    """What becomes of a stop that the market comes to; it comes to those that lie close to it."""

    @property
    def ms(self) -> int:
        return self.now_ns() // 1_000_000

    def take(self, one: Taken, style: str) -> Taken:
        """Take an order. Raises Refused."""
        closes = one.reduce or (one.holds != "net" and (one.side > 0) != (one.holds == "long"))
        signed = one.size * one.side
        if any(other.ours == one.ours for other in self.orders):
            raise Refused("twice")
        if one.size > LARGEST:
            raise Refused("large")
        if closes and not (self.held[one.holds] * (-signed if one.holds == "net" else 1) > 0):
            raise Refused("nothing")
        crosses = one.price == 0 or (one.price - PRICE) * one.side >= 0
        one.number, one.changed_ms = str(len(self.orders) + 100), self.ms
        self.orders.append(one)
        if not one.trigger and crosses and style == "post" and self.lies != "takes":
            one.ended = "cancelled"
        elif not one.trigger and crosses:
            self.fill(one, closes=closes)
        elif style == "now":
            one.ended = "cancelled"
        self.say(one)
        if self.comes is not None and one.trigger and abs(one.trigger - PRICE) < NEAR:
            asyncio.get_running_loop().call_later(3.0, self.comes, self, one)
        return one

    def fill(self, one: Taken, *, closes: bool) -> None:
        """Fill an order whole."""
        one.ended, one.changed_ms = "filled", self.ms
        self.held[one.holds] += (
            one.size * one.side if one.holds == "net" else (-one.size if closes else one.size)
        )
        self.held[one.holds] = round(self.held[one.holds], 6)

    def cancel(self, one: Taken | None) -> Taken:
        """End an order. Raises Refused."""
        if one is None or one.ended:
            raise Refused("gone")
        if self.lies != "keeps":
            one.ended, one.changed_ms = "cancelled", self.ms
            self.say(one)
        return one

    def named(self, name: object) -> Taken | None:
        """Return an order by either id."""
        return next((one for one in self.orders if name in (one.number, one.ours)), None)

    def listed(self, *, stops: bool, ended: bool = False) -> list[Taken]:
        return [one for one in self.orders if bool(one.ended) is ended and bool(one.trigger) is stops]

    def traded(self) -> list[Taken]:
        return [one for one in self.orders if one.filled]


def plain(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


# ---------------------------------------------------------------------- Bitget

BITGET_WORDS = {
    "twice": ("40786", "Duplicate clientOid"),
    "large": ("40762", "The order amount exceeds the balance"),
    "nothing": ("22002", "No position to close"),
    "gone": ("43001", "The order does not exist"),
}


def bitget(data: object, code: str = "00000", text: str = "success") -> dict[str, object]:
    return {"code": code, "msg": text, "requestTime": START_NS // 1_000_000, "data": data}


def bitget_row(desk: Desk, one: Taken) -> dict[str, Any]:
    """Return an order as Get-Order-Detail, Get-Orders-Pending and the order channel write it, each its own field."""
    states = {"": "live", "filled": "filled", "cancelled": "canceled"}
    hedged = one.holds != "net"
    closes = hedged and (one.side > 0) != (one.holds == "long")
    names_long = one.holds == "long" if hedged else one.side > 0
    lead = "close" if closes else "open"
    row = {
        "symbol": "BTCUSDT", "instId": "BTCUSDT", "orderId": one.number, "clientOid": one.ours,
        "size": plain(one.size), "price": plain(one.price), "side": "buy" if names_long else "sell",
        "tradeSide": lead if hedged else "buy_single" if one.side > 0 else "sell_single",
        "posSide": one.holds, "posMode": "hedge_mode" if desk.hedge else "one_way_mode", "marginCoin": "USDT",
        "marginMode": "crossed", "orderType": "limit" if one.price else "market", "cTime": str(one.changed_ms),
        "uTime": str(one.changed_ms), "reduceOnly": "YES" if one.reduce else "NO",
    }  # fmt: skip
    if one.trigger:
        state = {"": "live", "cancelled": "cancelled", "executed": "executed"}[one.ended]
        return row | {
            "planType": "normal_plan",
            "triggerPrice": plain(one.trigger),
            "planStatus": state,
            "executeOrderId": one.became,
            "status": state,
        }
    return row | {
        "state": states[one.ended], "status": states[one.ended], "baseVolume": plain(one.filled),
        "accBaseVolume": plain(one.filled), "priceAvg": plain(PRICE) if one.filled else "",
        "quoteVolume": plain(one.filled * PRICE),
    }  # fmt: skip


def bitget_fill(desk: Desk, one: Taken) -> dict[str, Any]:
    detail = {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": None, "totalFee": "-0.01"}
    kept = ("symbol", "orderId", "side", "tradeSide", "posMode")
    return {name: word for name, word in bitget_row(desk, one).items() if name in kept} | {
        "tradeId": f"5{one.number}", "price": plain(PRICE), "baseVolume": plain(one.size), "profit": "0",
        "quoteVolume": plain(one.size * PRICE), "tradeScope": "taker", "feeDetail": [detail],
        "cTime": str(one.changed_ms),
    }  # fmt: skip


def bitget_comes(desk: Desk, stop: Taken) -> None:
    """Let a plan become an order that has another number and an id of the venue's, and that only the plan names."""
    if stop.ended:
        return
    number = str(len(desk.orders) + 100)
    child = Taken(number, f"11720657431939{number}", stop.side, stop.holds, stop.size, 0.0, 0.0, stop.reduce)
    desk.orders.append(child)
    desk.fill(child, closes=True)
    stop.ended, stop.became, stop.changed_ms = "executed", number, desk.ms
    desk.say(stop)
    desk.say(child)


def bitget_take(desk: Desk, body: dict[str, Any]) -> dict[str, str]:
    assert (body["productType"], body["marginCoin"], body["symbol"]) == ("USDT-FUTURES", "USDT", "BTCUSDT")
    assert ("tradeSide" in body) is desk.hedge
    assert not (desk.hedge and "reduceOnly" in body)
    names_long = body["side"] == "buy"
    buys = names_long == (body.get("tradeSide", "open") == "open")
    one = Taken(
        "", body["clientOid"], 1 if buys else -1,
        ("long" if names_long else "short") if desk.hedge else "net", float(body["size"]),
        float(body.get("price", 0)), float(body.get("triggerPrice", 0)), body.get("reduceOnly") == "YES",
    )  # fmt: skip
    assert bool(one.trigger) is (body.get("planType") == "normal_plan")
    desk.take(one, {"post_only": "post", "ioc": "now"}.get(body.get("force", ""), "rest"))
    return {"orderId": one.number, "clientOid": one.ours}


def bitget_each(rows: list[dict[str, Any]], work: Callable[[dict[str, Any]], dict[str, str]]) -> object:
    told: dict[str, list[dict[str, str]]] = {"successList": [], "failureList": []}
    for row in rows:
        try:
            told["successList"].append(work(row))
        except Refused as reason:
            code, text = BITGET_WORDS[str(reason)]
            told["failureList"].append(
                {"orderId": "", "clientOid": row.get("clientOid", ""), "errorCode": code, "errorMsg": text}
            )
    return bitget(told)


def bitget_cancel(desk: Desk, body: dict[str, Any]) -> dict[str, str]:
    one = desk.cancel(desk.named(body.get("orderId") or body.get("clientOid")))
    return {"orderId": one.number, "clientOid": one.ours}


def bitget_changed(desk: Desk, path: str, body: dict[str, Any]) -> object:
    if path == "order/batch-place-order":
        rows = body["orderList"]
        beside = {name: word for name, word in body.items() if name != "orderList"}
        return bitget_each(rows, lambda row: bitget_take(desk, beside | row))
    if path == "order/cancel-plan-order":
        return bitget_each(body["orderIdList"], lambda row: bitget_cancel(desk, row))
    if path in ("order/place-order", "order/place-plan-order"):
        return bitget(bitget_take(desk, body))
    if path == "order/cancel-order":
        return bitget(bitget_cancel(desk, body))
    assert path == "account/set-leverage", path
    desk.leverage = int(body["leverage"])
    return bitget({"symbol": "BTCUSDT", "crossMarginLeverage": body["leverage"], "marginMode": "crossed"})


def bitget_positions(desk: Desk) -> list[dict[str, str]]:
    return [
        {
            "symbol": "BTCUSDT",
            "marginCoin": "USDT",
            # Also where one position is held it is called long or short.
            "holdSide": side if side != "net" else "long" if held > 0 else "short",
            "total": plain(abs(held)),
            "openPriceAvg": plain(PRICE),
            "markPrice": plain(PRICE),
            "marginMode": "crossed",
            "uTime": str(desk.ms),
        }
        for side, held in desk.held.items()
        if held
    ]


def bitget_read(desk: Desk, path: str, query: dict[str, str]) -> object | None:
    lists = {
        "orders-pending": desk.listed(stops=False),
        "orders-plan-pending": desk.listed(stops=True),
        "orders-history": desk.listed(stops=False, ended=True),
        "orders-plan-history": desk.listed(stops=True, ended=True),
    }
    name = path.partition("/")[2]
    if name in lists:
        rows = [bitget_row(desk, one) for one in lists[name]] if query.get("symbol") != "ETHUSDT" else []
        return bitget({"entrustedList": rows or None, "endId": rows[-1]["orderId"] if rows else None})
    if name == "detail":
        one = desk.named(query.get("orderId") or query.get("clientOid"))
        if one is None or one.trigger:
            raise Refused("gone")
        return bitget(bitget_row(desk, one))
    cash = {"marginCoin": "USDT", "accountEquity": "1000", "available": "1000", "unrealizedPL": "0"}
    set_as = {
        "marginMode": "crossed", "posMode": "hedge_mode" if desk.hedge else "one_way_mode",
        "crossedMarginLeverage": str(desk.leverage), "isolatedLongLever": "20", "isolatedShortLever": "20",
    }  # fmt: skip
    plain_answers = {
        "fills": {
            "fillList": [bitget_fill(desk, one) for one in desk.traded()] or None,
            "endId": None,
        },
        "all-position": bitget_positions(desk),
        "accounts": [cash],
        "account": cash | set_as,
        "bill": {"bills": [], "endId": None},
    }
    return bitget(plain_answers[name]) if name in plain_answers else None


def bitget_answer(desk: Desk, asked: Asked) -> object | None:
    if asked.path == "/api/v2/public/time":
        return bitget({"serverTime": str(desk.ms)})
    if asked.path == "/api/v2/spot/account/info":
        return bitget({"ips": "", "authorities": ["coow", "cpow"]})
    path = asked.path.removeprefix("/api/v2/mix/")
    try:
        if asked.method == "POST":
            return bitget_changed(desk, path, asked.body)
        return bitget_read(desk, path, asked.query) or BITGET.answer(asked)
    except Refused as reason:
        return bitget(None, *BITGET_WORDS[str(reason)])


def bitget_said(desk: Desk, one: Taken) -> list[tuple[str, object]]:
    def message(channel: str, row: object) -> object:
        arg = {"instType": "USDT-FUTURES", "channel": channel, "instId": "default"}
        return {"action": "snapshot", "arg": arg, "data": [row], "ts": desk.ms}

    channel = "orders-algo" if one.trigger else "orders"
    said = [(channel, message(channel, bitget_row(desk, one)))]
    return [("fill", message("fill", bitget_fill(desk, one))), *said] if one.filled else said


def bitget_react(message: Any) -> list[object]:
    if message == "ping":
        return ["pong"]
    if message["op"] == "login":
        return [{"event": "login", "code": 0}]
    return [{"event": "subscribe", "arg": arg} for arg in message["args"]]


# ---------------------------------------------------------------------- KuCoin

KUCOIN_WORDS = {
    "twice": ("300000", "clientOid is taken"),
    "large": ("300003", "Balance insufficient"),
    "nothing": ("300009", "No open positions to close."),
    "gone": ("100001", "error.getOrder.orderNotExist"),
}


def kucoin(data: object) -> dict[str, object]:
    return {"code": "200000", "data": data}


def kucoin_row(desk: Desk, one: Taken) -> dict[str, Any]:
    """Return an order as Get Order By OrderId writes it."""
    return {
        "id": one.number, "clientOid": one.ours, "symbol": "XBTUSDTM", "type": "limit" if one.price else "market",
        "side": "buy" if one.side > 0 else "sell", "price": plain(one.price) if one.price else None,
        "size": int(one.size), "stop": ("up" if one.side > 0 else "down") if one.trigger else "",
        "stopPrice": plain(one.trigger) if one.trigger else None, "stopPriceType": "TP" if one.trigger else "",
        "stopTriggered": False, "filledSize": int(one.filled), "filledValue": plain(one.filled * PRICE * 0.001),
        "avgDealPrice": plain(PRICE) if one.filled else "0", "status": "done" if one.ended else "open",
        "cancelExist": one.ended == "cancelled", "isActive": not one.ended, "reduceOnly": one.reduce,
        "positionSide": {"net": "BOTH", "long": "LONG", "short": "SHORT"}[one.holds], "marginMode": "CROSS",
        "createdAt": one.changed_ms, "updatedAt": one.changed_ms, "settleCurrency": "USDT", "timeInForce": "GTC",
    }  # fmt: skip


def kucoin_comes(desk: Desk, stop: Taken) -> None:
    """Let a stop keep its number and our id, and leave the list of stops."""
    if stop.ended:
        return
    stop.ended = "triggered"
    desk.say(stop)
    stop.trigger = 0.0
    desk.fill(stop, closes=True)
    desk.say(stop)


def kucoin_take(desk: Desk, body: dict[str, Any]) -> dict[str, str]:
    assert isinstance(body["size"], int)
    assert ("positionSide" in body) is desk.hedge
    style = "post" if body.get("postOnly") else {"IOC": "now"}.get(body.get("timeInForce", ""), "rest")
    one = Taken(
        "", body["clientOid"], 1 if body["side"] == "buy" else -1, body.get("positionSide", "net").lower(),
        float(body["size"]), float(body.get("price", 0)), float(body.get("stopPrice", 0)),
        bool(body.get("reduceOnly")),
    )  # fmt: skip
    desk.take(one, style)
    return {"orderId": one.number, "clientOid": one.ours}


def kucoin_each(desk: Desk, bodies: list[dict[str, Any]]) -> object:
    told = []
    for body in bodies:
        try:
            told.append(kucoin_take(desk, body) | {"symbol": "XBTUSDTM", "code": "200000", "msg": "success"})
        except Refused as reason:
            code, text = KUCOIN_WORDS[str(reason)]
            told.append({"orderId": None, "clientOid": body["clientOid"], "code": code, "msg": text})
    return kucoin(told)


def kucoin_changed(desk: Desk, asked: Asked, path: str) -> object | None:
    if asked.method == "DELETE" and path in ("orders", "stopOrders"):
        found = [desk.cancel(one).number for one in desk.listed(stops=path == "stopOrders")]
        return kucoin({"cancelledOrderIds": found})
    if asked.method == "DELETE":
        one = desk.cancel(desk.named(path.rpartition("/")[2]))
        return kucoin({"cancelledOrderIds": [one.number], "clientOid": one.ours})
    if path == "orders/multi":
        return kucoin_each(desk, asked.body)
    if path == "orders":
        return kucoin(kucoin_take(desk, asked.body))
    if path == "changeCrossUserLeverage":
        desk.leverage = int(asked.body["leverage"])
        return kucoin(True)
    servers = [
        {
            "endpoint": "wss://ws-api-futures.kucoin.com/", "encrypt": True, "protocol": "websocket",
            "pingInterval": 18000, "pingTimeout": 10000,
        }
    ]  # fmt: skip
    return kucoin({"token": "t", "instanceServers": servers}) if path == "bullet-private" else None


def kucoin_items(rows: list[dict[str, Any]]) -> object:
    return kucoin({"currentPage": 1, "pageSize": 1000, "totalNum": len(rows), "items": rows})


def kucoin_fill(one: Taken) -> dict[str, Any]:
    return {
        "symbol": "XBTUSDTM", "tradeId": f"5{one.number}", "orderId": one.number,
        "side": "buy" if one.side > 0 else "sell", "liquidity": "taker", "price": plain(PRICE),
        "size": int(one.size), "value": plain(one.size * PRICE * 0.001), "fee": "0.01", "feeCurrency": "USDT",
        "tradeType": "trade", "tradeTime": one.changed_ms * 1_000_000, "settleCurrency": "USDT",
        "positionSide": {"net": "BOTH", "long": "LONG", "short": "SHORT"}[one.holds],
    }  # fmt: skip


def kucoin_positions(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "symbol": "XBTUSDTM", "currentQty": int(-held if side == "short" else held), "isOpen": True,
            "avgEntryPrice": PRICE, "markPrice": PRICE, "currentTimestamp": desk.ms,
            "positionSide": {"net": "BOTH", "long": "LONG", "short": "SHORT"}[side],
        }
        for side, held in desk.held.items()
        if held
    ]  # fmt: skip


def kucoin_read(desk: Desk, asked: Asked, path: str) -> object | None:
    query = asked.query
    if path == "orders/byClientOid" or path.startswith("orders/"):
        one = desk.named(query.get("clientOid") or path.rpartition("/")[2])
        if one is None:
            raise Refused("gone")
        return kucoin(kucoin_row(desk, one))
    if path in ("orders", "stopOrders"):
        done = query.get("status") == "done"
        found = desk.listed(stops=path == "stopOrders", ended=done)
        found += desk.listed(stops=True, ended=True) if done else []
        return kucoin_items([kucoin_row(desk, one) for one in found if query.get("symbol") != "ETHUSDTM"])
    if path == "fills":
        return kucoin_items([kucoin_fill(one) for one in desk.traded()])
    plain_answers: dict[str, object] = {
        "timestamp": desk.ms,
        "user/api-key": {"permission": "General,Futures", "ipWhitelist": ""},
        "positions": kucoin_positions(desk),
        "account-overview": {"currency": "USDT", "marginBalance": 1000.0, "unrealisedPNL": 0.0},
        "funding-history": {"dataList": [], "hasMore": False},
        "transaction-history": {"dataList": [], "hasMore": False},
        "position/getPositionMode": {"positionMode": int(desk.hedge)},
        "position/getMarginMode": {"symbol": query.get("symbol"), "marginMode": "CROSS"},
        "getCrossUserLeverage": {"symbol": query.get("symbol"), "leverage": str(desk.leverage)},
    }
    return kucoin(plain_answers[path]) if path in plain_answers else None


def kucoin_answer(desk: Desk, asked: Asked) -> object | None:
    path = asked.path.removeprefix("/api/v1/").removeprefix("/api/v2/")
    try:
        if asked.method != "GET":
            return kucoin_changed(desk, asked, path)
        return kucoin_read(desk, asked, path) or KUCOIN.answer(asked)
    except Refused as reason:
        code, text = KUCOIN_WORDS[str(reason)]
        return {"code": code, "msg": text}


def kucoin_said(desk: Desk, one: Taken) -> list[tuple[str, object]]:
    row = kucoin_row(desk, one)
    now = {"orderId": one.number, "ts": desk.ms * 1_000_000}
    kept = {name: row[name] for name in ("symbol", "side", "size", "positionSide", "marginMode")}

    def message(topic: str, subject: str, **own: object) -> tuple[str, object]:
        data = kept | now | own
        return topic, {
            "topic": f"/contractMarket/{topic}",
            "type": "message",
            "subject": subject,
            "data": data,
        }

    if one.trigger:
        kind = {"": "open", "cancelled": "cancel", "triggered": "triggered"}[one.ended]
        own = {"type": kind, "orderType": "stop", "stop": row["stop"], "stopPrice": row["stopPrice"]}
        return [message("advancedOrders", "stopOrder", **own)]
    told = {"clientOid": one.ours, "price": row["price"] or "0", "filledSize": plain(one.filled)}
    kind = {"": "open", "filled": "filled", "cancelled": "canceled"}[one.ended]
    said = [message("tradeOrders", "symbolOrderChange", type=kind, **told)]
    if one.filled:
        match = {"matchPrice": plain(PRICE), "matchSize": plain(one.size), "tradeId": f"5{one.number}"}
        said.insert(0, message("tradeOrders", "symbolOrderChange", type="match", **told, **match))
    return said


def kucoin_react(message: Any) -> list[object]:
    return [{"id": message["id"], "type": {"subscribe": "ack", "ping": "pong"}[message["type"]]}]


# ---------------------------------------------------------------------- the trial

VENUES = {
    "bitget_swap": (bitget_answer, bitget_said, bitget_react, AccountMode.DEMO, bitget_comes),
    "kucoin": (kucoin_answer, kucoin_said, kucoin_react, AccountMode.LIVE, kucoin_comes),
}


def certified(name: str, *, hedge: bool, lies: str = "") -> tuple[dict[str, str], Desk, list[Any]]:
    """Play the trial; return what came of each step, the desk, and what it did not know."""
    answer, said, react, mode, comes = VENUES[name]
    desk, unknown = Desk(hedge, lies, comes=comes), []

    async def work(venue: ScriptedVenue) -> tuple[Step, ...]:
        waiting = set[asyncio.Task[None]]()

        async def say_all(messages: list[tuple[str, object]]) -> None:
            for word, message in messages:
                await venue.say(word, message)

        def say(one: Taken) -> None:
            task = asyncio.ensure_future(say_all(said(desk, one)))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

        desk.now_ns, desk.say = venue.loop.now_ns, say
        gateway = venue.gateway(mode)
        await gateway.open()
        steps = await certify_venue(
            gateway, Listing(0, traded(name)[0]), PRICE + 7.3, 1 << 20, venue.loop.now_ns,
            traits=VenueTraits.of(dialect_of(name)),
        )  # fmt: skip
        await asyncio.gather(*waiting)
        unknown.extend(venue.unanswered)
        return steps

    steps = run_scripted(name, lambda asked: answer(desk, asked), work, react)
    words = {step.name: step.word if step.passed else f"FAILED: {step.text}" for step in steps}
    return words, desk, unknown


@pytest.mark.parametrize("hedge", [False, True], ids=["one way", "hedge"])
@pytest.mark.parametrize("name", VENUES)
def test_the_trial_can_be_played_and_leaves_nothing(name: str, hedge: bool) -> None:
    words, desk, unknown = certified(name, hedge=hedge)
    assert [f"{step}: {word}" for step, word in words.items() if word.startswith("FAILED")] == []
    assert {step for step, word in words.items() if word == "left out"} == (
        set() if hedge else {"both sides are held and closed"}
    )
    assert "not seen" not in words.values()
    assert unknown == []
    assert set(desk.held.values()) == {0.0}
    assert [one for one in desk.orders if not one.ended] == []
    assert desk.leverage == 5
    assert len(desk.traded()) == (8 if hedge else 4)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("lies", "step"), [("keeps", "it is cancelled"), ("takes", "a post-only order does not take")]
)
def test_a_venue_that_does_otherwise_is_not_certified(name: str, lies: str, step: str) -> None:
    words, _, _ = certified(name, hedge=False, lies=lies)
    assert words[step].startswith("FAILED")
    assert "its trades are listed with our ids and fees" not in words
