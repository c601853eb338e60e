"""Everything else that ccxt asks of Binance USD-M, asked of the fake by an unmodified client."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from tradewind.testing.virtual_venues import START_NS, Login, run_world

VENUE = "binance_usdm"
SYMBOL, ID = "BTC/USDT:USDT", "BTCUSDT"
MINUTE_MS = 60_000


def price_at(world, ratio):
    return float((world.exchanges[VENUE].last(ID) * Decimal(ratio)).quantize(Decimal("0.1")))


def in_world(work, **more):
    async def run(world):
        client = world.client(VENUE)
        await client.load_markets()
        return await work(world, client)

    return run_world(run, seed=4, **more)


def test_orders_are_amended_and_sent_and_cancelled_together():
    async def work(world, client):
        low, lower = price_at(world, "0.98"), price_at(world, "0.97")
        order = await client.create_order(SYMBOL, "limit", "buy", 0.01, low)
        changed = await client.edit_order(order["id"], SYMBOL, "limit", "buy", 0.02, lower)
        assert (changed["amount"], changed["price"]) == (0.02, lower)
        rows = [
            {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": amount, "price": low}
            for amount in (0.01, 5_000.0)
        ]
        taken, refused = sorted(await client.create_orders(rows), key=lambda row: row["status"])
        assert (taken["status"], refused["status"], refused["info"]["code"]) == ("open", "rejected", -4005)
        assert len(await client.fetch_open_orders(SYMBOL)) == 2
        await client.cancel_orders([order["id"], taken["id"]], SYMBOL)
        assert await client.fetch_open_orders(SYMBOL) == []
        kept = await client.create_order(SYMBOL, "limit", "buy", 0.01, low, {"timeInForce": "GTX"})
        await client.cancel_all_orders(SYMBOL)
        history = await client.fetch_orders(SYMBOL)
        assert [row["status"] for row in history] == ["canceled"] * 3
        assert (await client.fetch_order(kept["id"], SYMBOL))["timeInForce"] == "PO"

    in_world(work)


@pytest.mark.parametrize(
    ("asked", "raised", "code"),
    [
        (("limit", "buy", 0.01, "1.02", {"timeInForce": "GTX"}), ccxt.OrderNotFillable, -5022),
        (("limit", "buy", 0.01, "0.98", {"timeInForce": "FOK"}), ccxt.OrderNotFillable, -5021),
        (("limit", "buy", 0.01, "1.2", {}), ccxt.BadRequest, -4016),
        (("market", "sell", 0.01, None, {"reduceOnly": True}), ccxt.InvalidOrder, -2022),
        (("market", "buy", 100.0, None, {}), ccxt.InsufficientFunds, -2019),
        (("market", "buy", 0.01, None, {"positionSide": "LONG"}), ccxt.OperationRejected, -4061),
        (("market", "sell", 0.01, None, {"stopLossPrice": "1.02"}), ccxt.OrderImmediatelyFillable, -2021),
        (("limit", "buy", 0.01, "0.98", {"clientOrderId": "a b"}), ccxt.BadRequest, -4015),
    ],
)
def test_refusals_have_their_code_and_class(asked, raised, code):
    kind, side, amount, ratio, params = asked

    async def work(world, client):
        price = price_at(world, ratio) if ratio else None
        if "stopLossPrice" in params:
            params["stopLossPrice"] = price_at(world, "1.02")
        with pytest.raises(raised) as caught:
            await client.create_order(SYMBOL, kind, side, amount, price, dict(params))
        assert f'"code":{code}' in str(caught.value)
        assert await client.fetch_open_orders(SYMBOL) == []

    in_world(work)


def test_a_client_id_is_unique_while_it_works():
    async def work(world, client):
        asked = (SYMBOL, "limit", "buy", 0.01, price_at(world, "0.98"), {"clientOrderId": "same"})
        order = await client.create_order(*asked)
        with pytest.raises(ccxt.InvalidOrder, match="-4116"):
            await client.create_order(*asked)
        await client.cancel_order(order["id"], SYMBOL)
        again = await client.create_order(*asked)
        found = await client.fetch_order(None, SYMBOL, {"clientOrderId": "same"})
        assert found["id"] == again["id"] != order["id"]
        await client.cancel_order(None, SYMBOL, {"clientOrderId": "same"})
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(again["id"], SYMBOL)

    in_world(work)


def test_a_stop_waits_in_the_list_of_conditional_orders_and_becomes_an_order():
    async def work(world, client):
        told = []

        async def listen():
            while True:
                told.extend(
                    (o["clientOrderId"], o["type"], o["status"]) for o in await client.watch_orders(SYMBOL)
                )

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(5)
        await client.create_order(SYMBOL, "market", "buy", 0.02)
        stop = await client.create_order(
            SYMBOL,
            "market",
            "sell",
            0.02,
            None,
            {"stopLossPrice": price_at(world, "0.97"), "reduceOnly": True, "clientOrderId": "stop1"},
        )
        trail = await client.create_order(
            SYMBOL, "market", "sell", 0.01, None, {"trailingPercent": 5, "clientOrderId": "trail1"}
        )
        waiting = await client.fetch_open_orders(SYMBOL, params={"trigger": True})
        assert {row["clientOrderId"] for row in waiting} == {"stop1", "trail1"}
        assert await client.fetch_open_orders(SYMBOL) == []
        await client.cancel_order(trail["id"], SYMBOL, {"trigger": True})
        world.exchanges[VENUE].move_price(ID, 0.95)
        await asyncio.sleep(10)
        found = await client.fetch_order(stop["id"], SYMBOL, {"trigger": True})
        assert (found["status"], found["info"]["algoStatus"]) == ("closed", "FINISHED")
        assert await client.fetch_positions([SYMBOL]) == []
        fills = await client.fetch_my_trades(SYMBOL)
        assert str(fills[-1]["order"]) == found["info"]["actualOrderId"]
        listening.cancel()
        return told

    told = in_world(work)
    assert ("stop1", "market", "open") in told or any(row[0] == "stop1" for row in told)
    assert any(row[0] == "trail1" and row[2] == "canceled" for row in told)


def test_settings_are_changed_and_told():
    async def work(world, client):
        await client.set_leverage(7, SYMBOL)
        await client.set_margin_mode("isolated", SYMBOL)
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await client.set_margin_mode("isolated", SYMBOL)
        told = await client.fetch_leverage(SYMBOL)
        assert (told["longLeverage"], told["marginMode"]) == (7, "isolated")
        assert (await client.fetch_position_mode(SYMBOL))["hedged"] is False
        await client.set_position_mode(True)
        assert (await client.fetch_position_mode(SYMBOL))["hedged"] is True
        await client.create_order(SYMBOL, "market", "buy", 0.02, None, {"positionSide": "LONG"})
        await client.create_order(SYMBOL, "market", "sell", 0.01, None, {"positionSide": "SHORT"})
        held = {row["side"]: row["contracts"] for row in await client.fetch_positions([SYMBOL])}
        assert held == {"long": 0.02, "short": 0.01}
        await client.create_order(SYMBOL, "market", "sell", 0.02, None, {"positionSide": "LONG"})
        held = {row["side"]: row["contracts"] for row in await client.fetch_positions([SYMBOL])}
        assert held == {"short": 0.01}
        with pytest.raises(ccxt.OperationRejected):
            await client.set_position_mode(False)
        with pytest.raises(ccxt.BadRequest, match="-4028"):
            await client.set_leverage(125, "SOL/USDT:USDT")

    in_world(work)


def test_market_data_is_told_over_rest():
    async def work(world, client):
        await asyncio.sleep(125)
        now_ms = world.loop.now_ns() // 1_000_000
        assert abs(await client.fetch_time() - now_ms) < 100
        candles = await client.fetch_ohlcv(SYMBOL, "1m", since=START_NS // 1_000_000, limit=2)
        assert [row[0] for row in candles] == [START_NS // 1_000_000, START_NS // 1_000_000 + MINUTE_MS]
        history = await client.fetch_ohlcv(SYMBOL, "5m", limit=20)
        assert len(history) == 20
        assert all(row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] for row in history)
        book = await client.fetch_order_book(SYMBOL, 5)
        assert book["bids"][0][0] < book["asks"][0][0]
        trades = await client.fetch_trades(SYMBOL, limit=10)
        assert len(trades) == 10
        rate = await client.fetch_funding_rate(SYMBOL)
        assert rate["fundingTimestamp"] % 3_600_000 == 0
        past = await client.fetch_funding_rate_history(SYMBOL, limit=3)
        assert [b["timestamp"] - a["timestamp"] for a, b in pairwise(past)] == [8 * 3_600_000] * 2
        assert (await client.fetch_open_interest(SYMBOL))["openInterestAmount"] > 0
        interest = await client.fetch_open_interest_history(SYMBOL, "5m", limit=3)
        assert len(interest) == 3
        tiers = await client.fetch_leverage_tiers([SYMBOL])
        assert tiers[SYMBOL][0]["maxLeverage"] == 125
        ticker = await client.fetch_ticker(SYMBOL)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]

    in_world(work)


def test_funding_and_transfers_are_income_and_are_told():
    async def work(world, client):
        told = []

        async def listen():
            while True:
                told.append((await client.watch_balance())["USDT"]["total"])

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(5)
        await client.create_order(SYMBOL, "market", "buy", 0.1)
        world.account(VENUE).transfer("USDT", Decimal(500))
        await asyncio.sleep(9 * 3600)
        paid = await client.fetch_funding_history(SYMBOL)
        rows = await client.fapiPrivateGetIncome({"incomeType": "TRANSFER"})
        listening.cancel()
        wallet = float((await client.fetch_balance())["USDT"]["total"])
        return len(paid), rows[0]["income"], told[-1], wallet

    paid, moved, told, wallet = in_world(work)
    assert (paid, Decimal(moved)) == (1, 500)
    assert told > 100_400
    assert abs(told - wallet) < 1e-6 or wallet > 0


def test_the_dead_man_timer_cancels_what_rests():
    async def work(world, client):
        await client.create_order(SYMBOL, "limit", "buy", 0.01, price_at(world, "0.98"))
        await client.fapiPrivatePostCountdownCancelAll({"symbol": ID, "countdownTime": 10_000})
        await asyncio.sleep(8)
        before = len(await client.fetch_open_orders(SYMBOL))
        await asyncio.sleep(4)
        return before, len(await client.fetch_open_orders(SYMBOL))

    assert in_world(work) == (1, 0)


def test_the_dead_man_timer_counts_for_its_symbol_alone():
    """Whoever trades two symbols sets two timers."""

    async def work(world, client):
        other = next(symbol for symbol in world.exchanges[VENUE].instruments if symbol != ID)
        price = (world.exchanges[VENUE].last(other) * Decimal("0.98")).quantize(Decimal("0.01"))
        await client.create_order(SYMBOL, "limit", "buy", 0.01, price_at(world, "0.98"))
        await client.create_order(client.safe_symbol(other), "limit", "buy", 1, float(price))
        await client.fapiPrivatePostCountdownCancelAll({"symbol": ID, "countdownTime": 10_000})
        await asyncio.sleep(12)
        return [row["symbol"] == ID for row in await client.fapiPrivateGetOpenOrders()]

    assert in_world(work) == [False]


LIMIT = {"symbol": ID, "side": "BUY", "type": "LIMIT", "quantity": "0.01"}
TRAIL = {
    "algoType": "CONDITIONAL", "symbol": ID, "side": "SELL", "quantity": "0.01", "type": "TRAILING_STOP_MARKET",
}  # fmt: skip
NOT_TAKEN = {
    "a limit without an end": ("Order", LIMIT, -1102),
    "an order at market with one": (
        "Order", {**LIMIT, "type": "MARKET", "timeInForce": "IOC", "price": None}, -1106,
    ),
    "an end within ten minutes": ("Order", {**LIMIT, "timeInForce": "GTD", "life_ms": 599_000}, -5040),
    "an end that is not said": ("Order", {**LIMIT, "timeInForce": "GTD"}, -1102),
    "a flag that is none": ("Order", {**LIMIT, "timeInForce": "GTC", "reduceOnly": "1"}, -1130),
    "a price that nobody watches": ("AlgoOrder", {**TRAIL, "callbackRate": "1", "workingType": "LAST"}, -1130),
    "a distance below a tenth": ("AlgoOrder", {**TRAIL, "callbackRate": "0.05"}, -2007),
    "a distance between tenths": ("AlgoOrder", {**TRAIL, "callbackRate": "0.25"}, -2007),
    "a distance beyond ten": ("AlgoOrder", {**TRAIL, "callbackRate": "11"}, -2007),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_TAKEN)
def test_what_the_venue_does_not_take_is_not_taken(what):
    kind, asked, code = NOT_TAKEN[what]

    async def work(world, client):
        fields = {"price": str(price_at(world, "0.98"))} if kind == "Order" else {}
        fields = {name: value for name, value in {**fields, **asked}.items() if value is not None}
        life_ms = fields.pop("life_ms", 0)
        if life_ms:
            fields["goodTillDate"] = client.milliseconds() + life_ms
        with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
            await getattr(client, f"fapiPrivatePost{kind}")(fields)
        assert world.account(VENUE).open_orders() == []

    in_world(work)


def test_hedged_the_position_side_says_what_reduces():
    async def work(world, client):
        await client.set_position_mode(True)
        fields = {**LIMIT, "price": price_at(world, "0.98"), "timeInForce": "GTC", "positionSide": "LONG"}
        with pytest.raises(ccxt.BaseError, match='"code":-1106,'):
            await client.fapiPrivatePostOrder({**fields, "reduceOnly": "false"})
        await client.fapiPrivatePostOrder(fields)

    in_world(work)


def test_an_amendment_says_everything_and_a_post_only_order_that_would_take_ends_by_it():
    async def work(world, client):
        low, high = (str(price_at(world, ratio)) for ratio in ("0.98", "1.01"))
        order = await client.fapiPrivatePostOrder({**LIMIT, "price": low, "timeInForce": "GTX"})
        whole = {"symbol": ID, "orderId": order["orderId"], "side": "BUY", "quantity": "0.02", "price": low}
        for name in ("side", "quantity", "price"):
            with pytest.raises(ccxt.BadRequest, match=f"-1102.*{name}"):
                await client.fapiPrivatePutOrder({key: whole[key] for key in whole if key != name})
        assert (await client.fapiPrivatePutOrder(whole))["origQty"] == "0.020"
        assert (await client.fapiPrivatePutOrder({**whole, "price": high}))["status"] == "CANCELED"
        assert await client.fetch_open_orders(SYMBOL) == []
        assert world.account(VENUE).positions() == []

    in_world(work)


def test_a_margin_mode_does_not_change_under_an_order():
    async def work(world, client):
        asked = {"symbol": ID, "marginType": "ISOLATED"}
        order = await client.create_order(SYMBOL, "limit", "buy", 0.01, price_at(world, "0.98"))
        with pytest.raises(ccxt.OperationRejected, match="-4047"):
            await client.fapiPrivatePostMarginType(asked)
        await client.cancel_order(order["id"], SYMBOL)
        await client.create_order(SYMBOL, "market", "buy", 0.01)
        with pytest.raises(ccxt.OperationRejected, match="-4048"):
            await client.fapiPrivatePostMarginType(asked)

    in_world(work)


def test_a_key_says_what_it_may():
    async def work(world, client):
        return await client.sapiGetAccountApiRestrictions()

    told = in_world(work, logins=(Login(permissions=frozenset({"read", "withdraw"}), ips=("10.0.0.1",)),))
    assert {
        name: told[name] for name in ("enableWithdrawals", "enableFutures", "enableReading", "ipRestrict")
    } == {
        "enableWithdrawals": True,
        "enableFutures": False,
        "enableReading": True,
        "ipRestrict": True,
    }


def test_a_key_that_may_only_read_places_nothing():
    async def work(world, client):
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await client.create_order(SYMBOL, "market", "buy", 0.01)
        return world.account(VENUE).positions()

    assert in_world(work, logins=(Login(permissions=frozenset({"read"})),)) == []


def test_a_book_is_kept_in_step_by_the_client():
    async def work(world, client):
        for _ in range(40):
            book = await client.watch_order_book(SYMBOL)
        truth = world.exchanges[VENUE].book(ID)
        return (
            book["nonce"],
            [float(p) for p, _ in truth.bids[:3]],
            [p for p, _ in book["bids"][:3]],
            truth.update_id,
        )

    nonce, truth, seen, update_id = in_world(work)
    assert (nonce, seen) == (update_id, truth)


def test_under_maintenance_nobody_is_served():
    async def work(world, client):
        world.exchanges[VENUE].set_status(ID, "maintenance")
        for asked in (client.fetch_time, client.fetch_balance):
            with pytest.raises(ccxt.BaseError, match="-1016"):
                await asked()
        assert (await client.fetch_status())["status"] == "maintenance"
        world.exchanges[VENUE].set_status(ID, "trading")
        assert (await client.fetch_status())["status"] == "ok"
        return (await client.fetch_balance())["USDT"]["total"]

    assert in_world(work) == 100_000
