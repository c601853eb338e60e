"""The trial of a venue that has no fake, at a desk that keeps an account and answers as Gate and Hyperliquid say.

What the desk does with an order is the least that a venue does: what is at market or crosses is filled at once, the
rest rests, stops are kept, one id is taken once. It proves that the trial can be played there, not how they match.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tradewind.live.certify import VenueTraits, certify_venue
from tradewind.testing.market_scripts import GATE, HYPERLIQUID
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
LARGEST = 1_000_000_000
NEAR = 60.0


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


class Refused(Exception):
    """The desk does not take an order; the text is one of the words below."""


@dataclass(slots=True)
class Taken:
    """An order as the desk keeps it: quantities are signed, in lots; a trigger of 0: it is no stop."""

    number: int
    ours: str
    lots: int
    price: float
    trigger: float
    reduce: bool
    left: int
    ended: str = ""
    became: int = 0
    """The number of the order that a stop became."""


@dataclass(slots=True)
class Desk:
    """An account and its orders."""

    loop: Any
    lies: str = ""
    leverage: int = 5
    position: int = 0
    orders: list[Taken] = field(default_factory=list)
    trades: list[tuple[int, Taken, int]] = field(default_factory=list)
    say: Callable[[Taken], None] = lambda _: None
    comes: Callable[[Desk, Taken], None] | None = None
    """What becomes of a stop that the market comes to; it comes to those that lie close to it."""

    @property
    def ms(self) -> int:
        return self.loop.now_ns() // 1_000_000

    def take(
        self, ours: str, lots: int, price: float, style: str, *, reduce: bool, trigger: float = 0.0
    ) -> Taken:
        """Take an order. Raises Refused."""
        if any(one.ours == ours for one in self.orders):
            raise Refused("twice")
        if abs(lots) * PRICE * 0.0001 > LARGEST:
            raise Refused("large")
        if reduce and self.position * lots >= 0:
            raise Refused("reduce")
        crosses = price == 0 or (price - PRICE) * lots >= 0
        if style == "post" and crosses and self.lies != "takes":
            raise Refused("post")
        one = Taken(len(self.orders) + 100, ours, lots, price, trigger, reduce, lots)
        self.orders.append(one)
        if not trigger and crosses:
            one.left, one.ended = 0, "filled"
            self.position += lots
            self.trades.append((len(self.trades) + 500, one, lots))
        elif style == "now" and not trigger:
            one.ended = "ioc"
        self.say(one)
        if trigger and self.comes is not None and abs(trigger - PRICE) < NEAR:
            self.loop.call_later(3.0, self.comes, self, one)
        return one

    def fill(self, one: Taken) -> None:
        """Fill an order whole."""
        one.left, one.ended = 0, "filled"
        self.position += one.lots
        self.trades.append((len(self.trades) + 500, one, one.lots))
        self.say(one)

    def cancel(self, one: Taken | None) -> Taken:
        """End an order. Raises Refused."""
        if one is None or one.ended:
            raise Refused("gone")
        if self.lies != "keeps":
            one.ended = "cancelled"
            self.say(one)
        return one

    def named(self, name: object) -> Taken | None:
        """Return an order by either id."""
        return next((one for one in self.orders if name in (one.number, str(one.number), one.ours)), None)

    def working(self, *, stops: bool) -> list[Taken]:
        return [one for one in self.orders if not one.ended and bool(one.trigger) is stops]


# ---------------------------------------------------------------------- Gate

GATE_WORDS = {
    "twice": "REPEATED_CREATION", "large": "SIZE_TOO_LARGE", "reduce": "POSITION_EMPTY", "post": "ORDER_POC_IMMEDIATE",
    "gone": "ORDER_NOT_FOUND",
}  # fmt: skip


def gate_row(desk: Desk, one: Taken) -> dict[str, Any]:
    if one.trigger:
        initial = {
            "contract": "BTC_USDT", "size": str(one.lots), "price": "0", "tif": "ioc", "text": one.ours,
            "is_reduce_only": one.reduce, "is_close": False,
        }  # fmt: skip
        row = {
            "initial": initial,
            "trigger": {"price": str(one.trigger), "rule": 2, "price_type": 0},
            "trade_id": one.became,
        }
    else:
        row = {
            "contract": "BTC_USDT", "size": str(one.lots), "left": str(one.left), "price": str(one.price),
            "fill_price": str(PRICE) if one.left != one.lots else "0", "text": one.ours, "tif": "gtc",
            "is_reduce_only": one.reduce, "create_time_ms": desk.ms,
        }  # fmt: skip
    state = {"status": "finished", "finish_as": one.ended, "finish_time": desk.ms / 1000} if one.ended else {}
    return {"id": one.number, "user": 1, "create_time": desk.ms / 1000, "status": "open"} | row | state


def gate_comes(desk: Desk, stop: Taken) -> None:
    """Let a stop become an order of another number, which the stop names and whose text names the stop."""
    if stop.ended:
        return
    child = Taken(len(desk.orders) + 100, f"ao-{stop.number}", stop.lots, 0.0, 0.0, stop.reduce, stop.lots)
    desk.orders.append(child)
    stop.ended, stop.became = "succeeded", child.number
    desk.say(stop)
    desk.fill(child)


def gate_taken(desk: Desk, body: dict[str, Any]) -> dict[str, Any]:
    initial = body.get("initial", body)
    style = {"poc": "post", "ioc": "now"}.get(initial["tif"], "rest")
    one = desk.take(
        initial["text"], int(initial["size"]), float(initial["price"]), style,
        reduce=bool(initial.get("reduce_only")), trigger=float(body.get("trigger", {}).get("price", 0)),
    )  # fmt: skip
    return {"id": one.number} if one.trigger else gate_row(desk, one)


def gate_batch(desk: Desk, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = []
    for body in bodies:
        try:
            told.append({"succeeded": True} | gate_taken(desk, body))
        except Refused as reason:
            told.append(
                {"succeeded": False, "label": GATE_WORDS[str(reason)], "detail": "no", "text": body["text"]}
            )
    return told


def gate_answer(desk: Desk, asked: Asked) -> object | None:
    path = asked.path.removeprefix("/api/v4/futures/usdt/")
    kind, _, name = path.partition("/")
    try:
        return (
            gate_changed(desk, asked, kind, name)
            if asked.method != "GET"
            else gate_read(desk, asked, kind, name)
        )
    except Refused as reason:
        return {"label": GATE_WORDS[str(reason)], "message": "no"}


def gate_changed(desk: Desk, asked: Asked, kind: str, name: str) -> object:
    if asked.method == "PUT":
        one = desk.named(name)
        assert one is not None
        assert int(asked.body["size"]) == one.lots
        one.price = float(asked.body["price"])
        desk.say(one)
        return gate_row(desk, one)
    if asked.method == "DELETE" and name:
        return gate_row(desk, desk.cancel(desk.named(name)))
    if asked.method == "DELETE":
        return [gate_row(desk, desk.cancel(one)) for one in desk.working(stops=kind == "price_orders")]
    if kind == "positions":
        desk.leverage = int(asked.query["cross_leverage_limit"])
        return gate_position(desk)
    if kind == "dual_mode":
        return {"label": "NO_CHANGE", "message": "No change is made"}
    return gate_batch(desk, asked.body) if kind == "batch_orders" else gate_taken(desk, asked.body)


def gate_position(desk: Desk) -> dict[str, Any]:
    return {
        "contract": "BTC_USDT", "size": str(desk.position), "entry_price": str(PRICE), "mark_price": str(PRICE),
        "mode": "single", "lever": str(desk.leverage), "pos_margin_mode": "cross", "update_time": desk.ms // 1000,
    }  # fmt: skip


def gate_read(desk: Desk, asked: Asked, kind: str, name: str) -> object | None:
    if asked.path == "/api/v4/spot/time":
        return {"server_time": desk.ms}
    if kind in ("orders", "price_orders") and name:
        one = desk.named(name)
        # A stop is known by its number alone, and to its own list.
        if one is None or bool(one.trigger) != (kind == "price_orders") or (one.trigger and name == one.ours):
            raise Refused("gone")
        return gate_row(desk, one)
    if kind in ("orders", "price_orders", "orders_timerange"):
        stops, done = (
            kind == "price_orders",
            kind == "orders_timerange" or asked.query.get("status") == "finished",
        )
        listed = (
            [one for one in desk.orders if bool(one.trigger) is stops] if done else desk.working(stops=stops)
        )
        return [gate_row(desk, one) for one in listed if not done or one.ended]
    if kind == "my_trades_timerange":
        return [
            {
                "trade_id": str(number), "create_time": desk.ms / 1000, "contract": "BTC_USDT",
                "order_id": str(one.number), "size": str(lots), "price": str(PRICE), "text": one.ours, "fee": "0.01",
                "role": "taker",
            }
            for number, one, lots in desk.trades
        ]  # fmt: skip
    plain = {
        "accounts": {"user": 1, "currency": "USDT", "total": "1000", "position_mode": "single"},
        "account_book": [],
    }
    if kind == "positions":
        return [gate_position(desk)] if desk.position or "holding" not in asked.query else []
    return plain[kind] if kind in plain else GATE.answer(asked)


def gate_said(desk: Desk, one: Taken) -> object:
    channel = "futures.autoorders" if one.trigger else "futures.orders"
    row = gate_row(desk, one) | ({"finish_time_ms": desk.ms} if one.ended else {})
    return {"time": 1, "time_ms": desk.ms, "channel": channel, "event": "update", "result": [row]}


# ---------------------------------------------------------------------- Hyperliquid

LOT = 0.00001
HYPERLIQUID_WORDS = {
    "twice": "Order has an id that is taken", "large": "Insufficient margin to place order.",
    "reduce": "Reduce only order would increase position.",
    "gone": "Order was never placed, already canceled, or filled.",
    "post": "Post only order would have immediately matched, bbo was 59999@60001.",
}  # fmt: skip


def hyperliquid_row(desk: Desk, one: Taken) -> dict[str, Any]:
    return {
        "coin": "BTC", "side": "B" if one.lots > 0 else "A", "limitPx": str(one.price), "oid": one.number,
        "sz": f"{abs(one.left) * LOT:.5f}", "origSz": f"{abs(one.lots) * LOT:.5f}", "timestamp": desk.ms,
        "reduceOnly": one.reduce, "isTrigger": bool(one.trigger), "triggerPx": str(one.trigger), "cloid": one.ours,
    }  # fmt: skip


def hyperliquid_state(desk: Desk, one: Taken) -> dict[str, Any]:
    words = {"": "open", "filled": "filled", "cancelled": "canceled", "ioc": "iocCancelRejected"}
    return {"order": hyperliquid_row(desk, one), "status": words[one.ended], "statusTimestamp": desk.ms}


def acted(desk: Desk, action: dict[str, Any]) -> list[object]:
    told: list[object] = []
    for row in action.get("orders", []) + action.get("cancels", []):
        try:
            told.append(cancelled(desk, row) if "cancels" in action else hyperliquid_taken(desk, row))
        except Refused as reason:
            told.append({"error": f"{HYPERLIQUID_WORDS[str(reason)]} asset=0"})
    return told


def cancelled(desk: Desk, row: dict[str, Any]) -> str:
    desk.cancel(desk.named(row.get("o") or row["cloid"]))
    return "success"


def hyperliquid_taken(desk: Desk, row: dict[str, Any]) -> dict[str, Any]:
    digits = row["p"].replace(".", "").lstrip("0")
    assert "." not in row["p"] or len(digits) <= 5, f"{row['p']} has more than five digits"
    trigger, lots = row["t"].get("trigger", {}), round(float(row["s"]) / LOT)
    style = {"Alo": "post", "Ioc": "now"}.get(row["t"].get("limit", {}).get("tif", ""), "rest")
    one = desk.take(
        row["c"], lots if row["b"] else -lots, float(row["p"]), style, reduce=row["r"],
        trigger=float(trigger.get("triggerPx", 0)),
    )  # fmt: skip
    kind = "filled" if one.ended == "filled" else "resting"
    return {kind: {"oid": one.number, "cloid": one.ours}}


def hyperliquid_comes(desk: Desk, stop: Taken) -> None:
    """Let a stop keep its number and be filled."""
    if not stop.ended:
        desk.fill(stop)


def hyperliquid_answer(desk: Desk, asked: Asked) -> object | None:
    if asked.path == "/exchange":
        action = asked.body["action"]
        if action["type"] == "updateLeverage":
            desk.leverage = action["leverage"]
            return {"status": "ok", "response": {"type": "default"}}
        return {"status": "ok", "response": {"type": "order", "data": {"statuses": acted(desk, action)}}}
    kind = asked.body["type"]
    if kind == "orderStatus":
        one = desk.named(asked.body["oid"])
        return {"status": "order", "order": hyperliquid_state(desk, one)} if one else {"status": "unknownOid"}
    if kind in ("frontendOpenOrders", "historicalOrders"):
        working = [hyperliquid_row(desk, one) for one in desk.orders if not one.ended]
        return working if kind[0] == "f" else [hyperliquid_state(desk, one) for one in desk.orders]
    if kind == "userFillsByTime":
        return [
            {
                "coin": "BTC", "px": str(PRICE), "sz": f"{abs(lots) * LOT:.5f}", "side": "B" if lots > 0 else "A",
                "time": desk.ms, "dir": "Open Long", "oid": one.number, "crossed": True, "fee": "0.01", "tid": number,
                "cloid": one.ours, "feeToken": "USDC",
            }
            for number, one, lots in desk.trades
        ]  # fmt: skip
    leverage = {"type": "cross", "value": desk.leverage}
    held = {
        "coin": "BTC", "szi": f"{desk.position * LOT:.5f}", "entryPx": str(PRICE), "unrealizedPnl": "0",
        "leverage": leverage,
    }  # fmt: skip
    plain = {
        "exchangeStatus": {"time": desk.ms},
        "userRole": {"role": "agent", "data": {"user": f"0x{'2a' * 20}"}},
        "clearinghouseState": {
            "assetPositions": [{"position": held}] if desk.position else [],
            "marginSummary": {"accountValue": "1000"}, "time": desk.ms,
        },
        "activeAssetData": {"coin": asked.body.get("coin"), "leverage": leverage},
        "userFunding": [],
        "userNonFundingLedgerUpdates": [],
    }  # fmt: skip
    return plain[kind] if kind in plain else HYPERLIQUID.answer(asked)


def hyperliquid_said(desk: Desk, one: Taken) -> object:
    return {"channel": "orderUpdates", "data": [hyperliquid_state(desk, one)]}


# ---------------------------------------------------------------------- the trial

VENUES = {
    "gate_swap": (gate_answer, gate_said, GATE.react, "futures", gate_comes),
    "hyperliquid": (hyperliquid_answer, hyperliquid_said, HYPERLIQUID.react, "user", hyperliquid_comes),
}


def certified(name: str, lies: str = "") -> tuple[dict[str, str], Desk, list[Any]]:
    """Play the trial; return what came of each step, the desk, and what it did not know."""
    answer, said, react, word, comes = VENUES[name]
    desk = Desk(None, lies, comes=comes)

    async def work(venue: ScriptedVenue) -> tuple[Step, ...]:
        desk.loop, waiting = venue.loop, set[asyncio.Task[None]]()

        def say(one: Taken) -> None:
            task = asyncio.ensure_future(venue.say(word, said(desk, one)))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

        desk.say = say
        gateway = venue.gateway(AccountMode.DEMO)
        await gateway.open()
        steps = await certify_venue(
            gateway, Listing(0, traded(name)[0]), PRICE + 7.3, 1 << 20, venue.loop.now_ns,
            traits=VenueTraits.of(dialect_of(name)),
        )  # fmt: skip
        await asyncio.gather(*waiting)
        unknown.extend(venue.unanswered)
        return steps

    unknown: list[Any] = []
    desk.loop = type("Begun", (), {"now_ns": staticmethod(lambda: START_NS)})
    steps = run_scripted(name, lambda asked: answer(desk, asked), work, react)
    words = {step.name: step.word if step.passed else f"FAILED: {step.text}" for step in steps}
    return words, desk, unknown


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("gate_swap", {"both sides are held and closed"}),
        ("hyperliquid", {"both sides are held and closed", "its modes are read and stay as they are"}),
    ],
)
def test_the_trial_can_be_played_on_a_practice_account_and_leaves_nothing(
    name: str, left_out: set[str]
) -> None:
    words, desk, unknown = certified(name)
    assert [f"{step}: {word}" for step, word in words.items() if word.startswith("FAILED")] == []
    assert {step for step, word in words.items() if word == "left out"} == left_out
    assert "not seen" not in words.values()
    assert unknown == []
    assert (desk.position, [one for one in desk.orders if not one.ended]) == (0, [])
    assert desk.leverage == 5


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("lies", "step"), [("keeps", "it is cancelled"), ("takes", "a post-only order does not take")]
)
def test_a_venue_that_does_otherwise_is_not_certified(name: str, lies: str, step: str) -> None:
    words, _, _ = certified(name, lies)
    assert words[step].startswith("FAILED")
    assert "its trades are listed with our ids and fees" not in words
