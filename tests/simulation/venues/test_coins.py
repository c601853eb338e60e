"""Spot markets over unmodified ccxt: Bybit's passes the trial of a venue; at all an account is read and traded.

What is answered and said was written by hand after the venues' pages (Binance spot: New order, Query order, Account
information, Account trade list, User data stream by signature; OKX v5: Place multiple orders, Get balance, Order
channel). Nothing was tried at an exchange.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tradewind.live.amounts import listing_of
from tradewind.live.certify import VenueTraits, certify_venue
from tradewind.live.trial_stop import STOP_STEP
from tradewind.testing.bybit_coins import BybitCoins
from tradewind.testing.market_scripts import BINANCE_SPOT, OKX_SPOT
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.small_coins import CoinExchange
from tradewind.testing.traded_rules import traded
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import BUY, LONG, MONEY, IntentKind, StreamCode
from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.exchange import CLIENTS
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    Listing,
    NewOrder,
    OrderRef,
    OrderSeen,
    OutcomeKind,
    StreamSeen,
)

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def certified(before=0, **changes):
    """Run the script at a fresh account with so many coins of before; return its steps and the exchange."""
    rules = traded("bybit_spot")[0]
    listing = listing_of(0, rules)
    unit = float(listing.instrument.lot_size * rules.tick_size) * MONEY
    made = []

    async def work(venue):
        exchange = CoinExchange(
            venue.loop.now_ns, unit, MINUTE_NS, random.Random(1), float(listing.instrument.lot_size)
        )
        exchange.buy_by_hand(before)
        made.append(BybitCoins(exchange, listing, venue.loop.now_ns))
        made[0].venue = venue
        exchange.listen(made[0].hear)
        for name, value in changes.items():
            setattr(exchange, name, value)
        gateway = venue.gateway(AccountMode.DEMO)
        await gateway.open()

        async def market():
            venue.loop.call_later(3.0, exchange.live_bar)
            return float(exchange.last(0) * rules.tick_size)

        steps = await certify_venue(
            gateway, Listing(0, rules), 500.0, 1 << 20, venue.loop.now_ns,
            traits=VenueTraits.of(dialect_of("bybit_spot")), market=market,
        )  # fmt: skip
        return steps, exchange, gateway.dropped, [one.path for one in venue.unanswered]

    return run_scripted(
        "bybit_spot", lambda asked: made[0].answer(asked), work, lambda message: made[0].react(message)
    )


@pytest.mark.parametrize("before", [0, 5_000_123])
def test_bybits_spot_market_passes_the_trial(before):
    steps, exchange, dropped, unanswered = certified(before)
    assert [(step.name, step.text) for step in steps if not step.passed] == []
    assert unanswered == []
    assert {step.name for step in steps if step.left_out} == {
        "leverage is set, and set back",
        "its modes are read and stay as they are",
        "a close of nothing does nothing",
        "both sides are held and closed",
    }
    assert STOP_STEP not in {step.name for step in steps if step.unseen}
    left = int(exchange.positions[0, LONG]) - before
    assert 0 <= left < 1_000
    assert exchange.working() == []
    assert [text for text in dropped if "coin not traded" not in text] == []


# ---------------------------------------------------------------------- Binance and OKX, from the key to the trades


MS = START_NS // 1_000_000
CID = 7 << 20
OURS = ClientIds("tag001").encode(CID)
BID = NewOrder(0, CID, IntentKind.REST, BUY, LONG, False, False, 420_000, 10_000)

BINANCE_ORDER = {
    "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": OURS, "price": "42000.00",
    "origQty": "0.01000000", "executedQty": "0.00400000", "cummulativeQuoteQty": "168.00000000",
    "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "stopPrice": "0.00000000",
    "time": MS, "updateTime": MS + 5, "isWorking": True,
}  # fmt: skip
BINANCE_TRADE = {
    "symbol": "BTCUSDT", "id": 77, "orderId": 28, "price": "42000.00", "qty": "0.00400000", "quoteQty": "168.00000000",
    "commission": "0.00000400", "commissionAsset": "BTC", "time": MS + 5, "isBuyer": True, "isMaker": False,
}  # fmt: skip
BINANCE_ACCOUNT = {
    "canTrade": True, "accountType": "SPOT", "updateTime": MS, "permissions": ["SPOT"],
    "balances": [
        {"asset": "BTC", "free": "0.00399600", "locked": "0.00000000"},
        {"asset": "USDT", "free": "580.00000000", "locked": "252.00000000"},
    ],
}  # fmt: skip
BINANCE = {
    "GET /api/v3/time": lambda _: {"serverTime": MS},
    "GET /api/v3/account": lambda _: BINANCE_ACCOUNT,
    "GET /api/v3/openOrders": lambda _: [BINANCE_ORDER],
    "GET /api/v3/myTrades": lambda _: [BINANCE_TRADE],
    "GET /api/v3/allOrders": lambda _: [BINANCE_ORDER],
    "POST /api/v3/order": lambda _: {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": OURS,
        "transactTime": MS,
    },
    "DELETE /api/v3/order": lambda _: BINANCE_ORDER | {"status": "CANCELED", "origClientOrderId": OURS},
}


def binance_reacts(message):
    """Confirm the subscription to the account's stream, as the WebSocket API does."""
    assert message["method"] == "userDataStream.subscribe.signature"
    assert message["params"]["apiKey"] == "key-of-main"
    return [{"id": message["id"], "status": 200, "result": {"subscriptionId": 0}}]


BINANCE_SAYS = {
    "subscriptionId": 0,
    "event": {
        "e": "executionReport", "E": MS + 6, "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "0.01000000", "p": "42000.00000000", "P": "0.00000000", "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED",
        "r": "NONE", "i": 28, "l": "0.00400000", "z": "0.00400000", "L": "42000.00000000", "n": "0.00000400",
        "N": "BTC", "T": MS + 5, "t": 77, "w": True, "m": False, "Z": "168.00000000", "Y": "168.00000000",
    },
}  # fmt: skip


def okx(*data):
    return {"code": "0", "msg": "", "data": list(data)}


OKX_ORDER = {
    "instType": "SPOT", "instId": "BTC-USDT", "ordId": "312", "clOrdId": OURS, "px": "42000", "sz": "0.01",
    "ordType": "limit", "side": "buy", "posSide": "", "tdMode": "cash", "accFillSz": "0.004", "fillPx": "42000",
    "tradeId": "77", "fillSz": "0.004", "fillTime": str(MS + 5), "avgPx": "42000", "state": "partially_filled",
    "feeCcy": "BTC", "fee": "-0.000004", "fillFee": "-0.000004", "fillFeeCcy": "BTC", "execType": "T",
    "reduceOnly": "false", "algoClOrdId": "", "category": "normal", "uTime": str(MS + 5), "cTime": str(MS),
}  # fmt: skip
OKX_TRADE = {
    "instType": "SPOT", "instId": "BTC-USDT", "tradeId": "77", "ordId": "312", "clOrdId": OURS, "billId": "901",
    "fillPx": "42000", "fillSz": "0.004", "side": "buy", "posSide": "", "execType": "T", "feeCcy": "BTC",
    "fee": "-0.000004", "ts": str(MS + 5), "subType": "1",
}  # fmt: skip
OKX = {
    "GET /api/v5/public/time": lambda _: okx({"ts": str(MS)}),
    "GET /api/v5/system/status": lambda _: okx(),
    "GET /api/v5/account/config": lambda _: okx({"perm": "read_only,trade", "ip": "127.0.0.1", "acctLv": "1"}),
    "GET /api/v5/account/balance": lambda _: okx(
        {"uTime": str(MS), "details": [
            {"ccy": "BTC", "cashBal": "0.003996", "availBal": "0.003996", "uTime": str(MS)},
            {"ccy": "USDT", "cashBal": "832", "availBal": "580", "uTime": str(MS)},
        ]}
    ),
    "GET /api/v5/account/bills": lambda _: okx(),
    "GET /api/v5/trade/orders-pending": lambda _: okx(OKX_ORDER),
    "GET /api/v5/trade/orders-algo-pending": lambda _: okx(),
    "GET /api/v5/trade/fills-history": lambda _: okx(OKX_TRADE),
    "POST /api/v5/trade/batch-orders": lambda _: okx({"ordId": "312", "clOrdId": OURS, "sCode": "0", "sMsg": ""}),
    "POST /api/v5/trade/cancel-order": lambda _: okx({"ordId": "312", "clOrdId": OURS, "sCode": "0", "sMsg": ""}),
}  # fmt: skip


def okx_reacts(message):
    """Let who logs in in, and confirm each subscription."""
    if not isinstance(message, dict):
        return ["pong"]
    if message["op"] == "login":
        return [{"event": "login", "code": "0", "msg": "", "connId": "a4d3ae55"}]
    return [{"event": "subscribe", "arg": arg, "connId": "a4d3ae55"} for arg in message["args"]]


OKX_SAYS = {"arg": {"channel": "orders", "instType": "SPOT", "uid": "1"}, "data": [OKX_ORDER]}
AT = {
    "binance_spot": (BINANCE, BINANCE_SPOT.answer, binance_reacts, "subscribe.signature", BINANCE_SAYS),
    "okx_spot": (OKX, OKX_SPOT.answer, okx_reacts, '"orders"', OKX_SAYS),
}


@pytest.mark.parametrize("venue", sorted(AT))
def test_an_account_of_coins_is_opened_traded_and_read(venue):
    answers, market, react, word, says = AT[venue]

    def answer(asked):
        found = answers.get(f"{asked.method} {asked.path}")
        return found(asked) if found is not None else market(asked)

    async def work(made):
        gateway = made.gateway(AccountMode.DEMO)
        await gateway.open()
        (taken,) = await gateway.create([BID])
        await made.say(word, says)
        events = await gateway.next_events()
        cancelled = await gateway.cancel(OrderRef(0, CID, taken.order.venue_id if taken.order else "312"))
        snapshot = await gateway.snapshot(START_NS - 60_000_000_000)
        await asyncio.sleep(1)
        hosts = {asked.host for asked in made.asked}
        return taken, events, cancelled, snapshot, hosts, [one.path for one in made.unanswered]

    taken, events, cancelled, snapshot, hosts, unanswered = run_scripted(venue, answer, work, react)
    assert (taken.kind, cancelled.kind) == (OutcomeKind.ACCEPTED, OutcomeKind.ACCEPTED)
    assert [event.code for event in events if isinstance(event, StreamSeen)] == [StreamCode.UP]
    (fill,) = [event for event in events if isinstance(event, FillSeen)]
    (order,) = [event for event in events if isinstance(event, OrderSeen) and event.filled_lot]
    assert (fill.cid, fill.qty_lot, fill.fee, fill.fee_currency) == (CID, 4_000, 400, "BTC")
    assert (order.cid, order.filled_lot, order.reduce) == (CID, 4_000, 0)
    assert [(held.instrument, held.qty_lot) for held in snapshot.positions] == [(0, 3_996)]
    assert {cash.currency: cash.balance for cash in snapshot.balances}["USDT"] == 832 * MONEY
    assert [(seen.cid, seen.qty_lot) for seen in snapshot.orders] == [(CID, 10_000)]
    assert {(seen.cid, seen.trade_id) for seen in snapshot.fills} == {(CID, "77")}
    assert hosts <= CLIENTS[venue].demo_hosts
    assert unanswered == []
