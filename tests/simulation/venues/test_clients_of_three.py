"""What unmodified ccxt.pro asks of BloFin, OKX and Bybit, asked of the fakes: every call is answered as it parses."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import ccxt
import pytest

from tradewind.testing.virtual_venues import run_world
from tradewind.venues.fake.orders import Placement

SYMBOL = "BTC/USDT:USDT"
VENUES = ("blofin_swap", "okx_swap", "bybit_linear")
OTHERS = ("okx_swap", "bybit_linear")
# BloFin takes the type of an order, ccxt's flags for it do not reach the wire.
POST_ONLY = {
    "blofin_swap": ("post_only", {}),
    "okx_swap": ("limit", {"postOnly": True}),
    "bybit_linear": ("limit", {"postOnly": True}),
}
IOC = {
    "blofin_swap": ("ioc", {}),
    "okx_swap": ("limit", {"timeInForce": "IOC"}),
    "bybit_linear": ("limit", {"timeInForce": "IOC"}),
}
FOK = {
    "blofin_swap": ("fok", {}),
    "okx_swap": ("limit", {"timeInForce": "FOK"}),
    "bybit_linear": ("limit", {"timeInForce": "FOK"}),
}


def at(venue, work, seed=2, **world_of):
    """Run work(desk) at a venue, where desk has client, account, lot, last, and `ask` that spaces its calls."""

    async def lived(world):
        client = world.client(venue)
        await client.load_markets()
        desk = SimpleNamespace(world=world, client=client, account=world.account(venue), venue=venue)
        desk.lot = client.markets[SYMBOL]["limits"]["amount"]["min"]
        desk.symbol = client.market_id(SYMBOL)
        desk.last = float(world.exchanges[venue].last(desk.symbol))

        async def ask(method, *args, **kwargs):
            await asyncio.sleep(0.2)
            return await getattr(client, method)(*args, **kwargs)

        desk.ask = ask
        return await work(desk)

    return run_world(lived, seed=seed, venues=(venue,), **world_of)


def near(desk, share):
    return round(desk.last * (1 + share), 1)


@pytest.mark.parametrize("venue", VENUES)
def test_the_market_can_be_read(venue):
    async def work(desk):
        ask, exchange = desk.ask, desk.world.exchanges[venue]
        now_ms = desk.world.loop.now_ns() // 60_000_000_000 * 60_000
        bars = await ask("fetch_ohlcv", SYMBOL, "1m", now_ms - 30 * 60_000, 20)
        assert len(bars) == 20
        assert [b[0] - a[0] for a, b in pairwise(bars)] == [60_000] * 19
        assert bars[0][0] == now_ms - 30 * 60_000
        assert all(low <= min(o, c) <= max(o, c) <= high for _, o, high, low, c, _ in bars)
        book = await ask("fetch_order_book", SYMBOL, 20)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert len(book["bids"]) == 20
        trades = await ask("fetch_trades", SYMBOL, None, 50)
        assert len(trades) == 50
        ticker = await ask("fetch_ticker", SYMBOL)
        assert ticker["bid"] < ticker["ask"]
        mark = await ask("fetch_mark_price", SYMBOL) if venue != "bybit_linear" else ticker
        assert mark["markPrice"] == pytest.approx(float(exchange.mark(desk.symbol)), rel=1e-3)
        rate = await ask("fetch_funding_rate", SYMBOL)
        assert rate["fundingTimestamp"] == exchange.funding(desk.symbol).next_ns // 1_000_000
        history = await ask("fetch_funding_rate_history", SYMBOL, None, 10)
        assert len(history) == 10
        assert [b["timestamp"] - a["timestamp"] for a, b in pairwise(history)] == [28_800_000] * 9
        if venue == "blofin_swap":
            return
        assert abs(await ask("fetch_time") - desk.world.loop.now_ns() // 1_000_000) < 1_000
        assert (await ask("fetch_open_interest", SYMBOL))["openInterestAmount"] > 0
        interest = await ask("fetch_open_interest_history", SYMBOL, "5m", now_ms - 3_600_000, 10)
        assert len(interest) == 10

    at(venue, work)


async def orders_in_every_form(desk):
    """Place each form that a client has; return what became of each by client id."""
    venue, ask, lot = desk.venue, desk.ask, desk.lot
    kind, more = POST_ONLY[venue]
    await ask("create_order", SYMBOL, kind, "buy", lot, near(desk, -0.02), {**more, "clientOrderId": "rests"})
    await ask(
        "create_order", SYMBOL, kind, "buy", lot, near(desk, 0.01), {**more, "clientOrderId": "crosses"}
    )
    kind, more = IOC[venue]
    await ask(
        "create_order", SYMBOL, kind, "buy", 2 * lot, near(desk, 0.01), {**more, "clientOrderId": "takes"}
    )
    await ask(
        "create_order", SYMBOL, kind, "buy", lot, near(desk, -0.02), {**more, "clientOrderId": "misses"}
    )
    kind, more = FOK[venue]
    await ask("set_leverage", 20, SYMBOL)
    await ask(
        "create_order", SYMBOL, kind, "sell", lot, near(desk, -0.01), {**more, "clientOrderId": "whole"}
    )
    await ask("create_order", SYMBOL, "market", "buy", lot, None, {"clientOrderId": "market"})
    await ask(
        "create_order", SYMBOL, "market", "sell", lot, None, {"clientOrderId": "reduces", "reduceOnly": True}
    )
    await asyncio.sleep(1)
    rows = desk.account.open_orders() + desk.account.ended_orders()
    return {order.placement.client_id: (order.state, order.placement) for order in rows}


@pytest.mark.parametrize("venue", VENUES)
def test_orders_of_every_form_arrive_as_meant(venue):
    async def work(desk):
        seen = await orders_in_every_form(desk)
        states = {name: state for name, (state, _) in seen.items()}
        assert states == {
            "rests": "new", "crosses": "canceled", "takes": "filled", "misses": states["misses"],
            "whole": "filled", "market": "filled", "reduces": "filled",
        }  # fmt: skip
        assert states["misses"] in ("canceled", "expired")
        forms = {name: placement.tif for name, (_, placement) in seen.items()}
        assert (forms["rests"], forms["takes"], forms["whole"]) == ("GTX", "IOC", "FOK")
        assert seen["reduces"][1].reduce_only
        ended = {order["clientOrderId"]: order for order in await desk.ask("fetch_closed_orders", SYMBOL)}
        assert ended["takes"]["filled"] == pytest.approx(2 * desk.lot)
        assert ended["takes"]["average"] == pytest.approx(desk.last, rel=0.02)
        (waits,) = await desk.ask("fetch_open_orders", SYMBOL)
        assert (waits["clientOrderId"], waits["status"], waits["side"]) == ("rests", "open", "buy")

    at(venue, work)


@pytest.mark.parametrize("venue", VENUES)
def test_orders_are_cancelled_by_either_id_and_in_batches(venue):
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        orders = [
            {
                "symbol": SYMBOL, "type": "limit", "side": "buy", "amount": lot, "price": near(desk, -0.02),
                "params": {"clientOrderId": f"batch{n}"},
            }
            for n in range(3)
        ]  # fmt: skip
        placed = await ask("create_orders", orders)
        assert len({order["id"] for order in placed}) == 3
        by_client = {"orderLinkId": "batch0"} if venue == "bybit_linear" else {"clientOrderId": "batch0"}
        await ask("cancel_order", None, SYMBOL, by_client)
        await ask("cancel_orders", [order["id"] for order in placed[1:]], SYMBOL)
        assert await ask("fetch_open_orders", SYMBOL) == []
        codes = ("OrderNotFound", "BadRequest", "ExchangeError")
        with pytest.raises(ccxt.ExchangeError) as caught:
            await ask("cancel_order", placed[1]["id"], SYMBOL)
        assert type(caught.value).__name__ in codes

    at(venue, work)


@pytest.mark.parametrize("venue", OTHERS)
def test_orders_are_amended_and_queried(venue):
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        placed = await ask(
            "create_order", SYMBOL, "limit", "buy", lot, near(desk, -0.02), {"clientOrderId": "a1"}
        )
        price = near(desk, -0.03)
        await ask("edit_order", placed["id"], SYMBOL, "limit", "buy", 2 * lot, price)
        query = "fetch_order" if venue == "okx_swap" else "fetch_open_order"
        found = await ask(query, placed["id"], SYMBOL)
        assert (found["amount"], found["price"]) == (pytest.approx(2 * lot), price)
        if venue == "bybit_linear":
            await ask("cancel_all_orders", SYMBOL)
            found = await ask("fetch_order", placed["id"], SYMBOL, {"acknowledged": True})
            assert found["status"] == "canceled"
            return
        with pytest.raises(ccxt.OrderNotFound):
            await ask("fetch_order", "12345", SYMBOL)
        found = await ask("fetch_order", None, SYMBOL, {"clientOrderId": "a1"})
        assert found["id"] == placed["id"]

    at(venue, work)


def test_a_waiting_stop_of_okx_is_moved():
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        await ask("create_order", SYMBOL, "market", "buy", lot)
        placed = await ask(
            "create_order", SYMBOL, "market", "sell", lot, None, {"triggerPrice": near(desk, -0.05)}
        )
        trigger = near(desk, -0.03)
        await ask(
            "edit_order", placed["id"], SYMBOL, "trigger", "sell", None, None, {"triggerPrice": trigger}
        )
        (waiting,) = await ask("fetch_open_orders", SYMBOL, None, None, {"trigger": True})
        assert (waiting["id"], waiting["triggerPrice"]) == (placed["id"], trigger)
        (order,) = desk.account.open_orders(algo=True)
        assert float(order.placement.trigger) == trigger

    at("okx_swap", work)


async def told_status(desk, venue):
    """Return what a venue says of its maintenance, in its own words."""
    if venue == "okx_swap":
        return (await desk.ask("public_get_system_status"))["data"]
    if venue == "bybit_linear":
        return (await desk.ask("public_get_v5_system_status"))["result"]["list"]
    return []


@pytest.mark.parametrize("venue", OTHERS)
def test_maintenance_is_told_to_who_asks(venue):
    async def work(desk):
        assert (await desk.ask("fetch_status"))["status"] == "ok"
        exchange = desk.world.exchanges[venue]
        exchange.set_status("", "maintenance")
        if venue != "blofin_swap":
            (row,) = await told_status(desk, venue)
            assert (row["state"], row["end"]) == ("ongoing", "")
        if venue == "okx_swap":
            assert (await desk.ask("fetch_status"))["status"] == "maintenance"
        with pytest.raises(ccxt.ExchangeError if venue == "bybit_linear" else ccxt.OnMaintenance):
            await desk.ask("fetch_positions", [SYMBOL])
        exchange.set_status("", "trading")
        assert isinstance(await desk.ask("fetch_positions", [SYMBOL]), list)
        assert not await told_status(desk, venue)

    at(venue, work)


STOPS = {
    "blofin_swap": [({"triggerPrice": -0.03}, {"trigger": True}, {"trigger": True})],
    "okx_swap": [
        ({"stopLossPrice": -0.03}, {"trigger": True, "ordType": "conditional"}, {"trigger": True}),
        ({"triggerPrice": -0.03}, {"trigger": True}, {"trigger": True}),
        ({"trailingPercent": "1"}, {"trailing": True}, {"trailing": True}),
    ],
    "bybit_linear": [({"stopLossPrice": -0.03}, {"trigger": True}, {})],
}


@pytest.mark.parametrize("venue", VENUES)
def test_stops_wait_in_lists_of_their_own_and_protect(venue):
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        await ask("create_order", SYMBOL, "market", "buy", lot)
        for said, listing, ending in STOPS[venue]:
            params = {
                name: near(desk, value) if isinstance(value, float) else value for name, value in said.items()
            }
            placed = await ask(
                "create_order", SYMBOL, "market", "sell", lot, None, {**params, "reduceOnly": True}
            )
            assert placed["id"]
            (waiting,) = await ask("fetch_open_orders", SYMBOL, None, None, listing)
            assert waiting["id"] == placed["id"]
            plain = await ask("fetch_open_orders", SYMBOL)
            assert [order["id"] for order in plain] == ([placed["id"]] if venue == "bybit_linear" else [])
            await ask("cancel_order", placed["id"], SYMBOL, ending)
            assert await ask("fetch_open_orders", SYMBOL, None, None, listing) == []
        said, listing, _ = STOPS[venue][0]
        (name, value) = next(iter(said.items()))
        placed = await ask(
            "create_order", SYMBOL, "market", "sell", lot, None, {name: near(desk, value), "reduceOnly": True}
        )
        desk.world.exchanges[venue].move_price(desk.symbol, 0.95)
        await asyncio.sleep(3)
        assert (
            await ask("fetch_positions", [SYMBOL]) == []
            or (await ask("fetch_positions", [SYMBOL]))[0]["contracts"] == 0
        )
        assert await ask("fetch_open_orders", SYMBOL, None, None, listing) == []
        fills = await ask("fetch_my_trades", SYMBOL)
        assert [fill["side"] for fill in sorted(fills, key=lambda fill: fill["timestamp"])] == ["buy", "sell"]
        if venue == "bybit_linear":
            assert fills[-1]["order"] == placed["id"]

    at(venue, work)


@pytest.mark.parametrize("venue", VENUES)
def test_settings_and_hedge_mode(venue):
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        await ask("set_leverage", 7, SYMBOL)
        if venue == "bybit_linear":
            with pytest.raises(ccxt.BadRequest, match="110043"):
                await ask("set_leverage", 7, SYMBOL)
            assert (await ask("fetch_leverage", SYMBOL))["longLeverage"] == 7
        else:
            assert (await ask("fetch_leverage", SYMBOL))["longLeverage"] == 7
        await ask("set_position_mode", True, SYMBOL)
        if venue != "bybit_linear":
            assert (await ask("fetch_position_mode"))["hedged"]
        sides = {
            "blofin_swap": lambda side: {"positionSide": side},
            "okx_swap": lambda side: {"posSide": side},
            "bybit_linear": lambda side: {"positionIdx": 1 if side == "long" else 2},
        }[venue]
        await ask("create_order", SYMBOL, "market", "buy", 3 * lot, None, sides("long"))
        await ask("create_order", SYMBOL, "market", "sell", 2 * lot, None, sides("short"))
        held = {p["side"]: p["contracts"] for p in await ask("fetch_positions", [SYMBOL])}
        assert held == {"long": pytest.approx(3 * lot), "short": pytest.approx(2 * lot)}
        await ask("create_order", SYMBOL, "market", "sell", 3 * lot, None, sides("long"))
        held = {p["side"]: p["contracts"] for p in await ask("fetch_positions", [SYMBOL]) if p["contracts"]}
        assert held == {"short": pytest.approx(2 * lot)}
        with pytest.raises(ccxt.ExchangeError):
            await ask("create_order", SYMBOL, "market", "buy", lot)
        with pytest.raises(ccxt.ExchangeError):
            await ask("set_position_mode", False, SYMBOL)
        await ask("create_order", SYMBOL, "market", "buy", 2 * lot, None, sides("short"))
        await ask("set_position_mode", False, SYMBOL)
        await ask("set_margin_mode", "isolated", SYMBOL, {"lever": 5} if venue == "okx_swap" else {})
        await ask(
            "create_order", SYMBOL, "market", "buy", lot, None,
            {} if venue == "bybit_linear" else {"marginMode": "isolated"},
        )  # fmt: skip
        (held,) = await ask("fetch_positions", [SYMBOL])
        assert held["contracts"] == pytest.approx(lot)
        assert desk.account.positions()[0].isolated

    at(venue, work)


@pytest.mark.parametrize("venue", VENUES)
def test_every_fill_is_found_page_by_page(venue):
    async def work(desk):
        for n in range(130):
            desk.account.place(market(desk, "buy" if n % 2 else "sell"))
        rows = desk.account.trades(limit=10_000)
        pages, seen, cursor = 0, [], None
        while True:
            page = await fills_page(desk, cursor)
            pages += 1
            seen += [row_id(desk, row) for row in page["rows"]]
            cursor = page["next"]
            if not cursor:
                break
        assert pages >= 2
        assert len(seen) == len(set(seen)) == len(rows)

    at(venue, work)


def market(desk, side):
    lot = Decimal(str(desk.lot))
    return Placement(symbol=desk.symbol, side=side, kind="market", qty=lot, tif="IOC")


async def fills_page(desk, cursor):
    """Return one page of raw fills and how the next is asked for, in the venue's own way."""
    await asyncio.sleep(0.5)
    client = desk.client
    if desk.venue == "bybit_linear":
        said = {
            "category": "linear",
            "symbol": desk.symbol,
            "limit": 100,
            **({"cursor": cursor} if cursor else {}),
        }
        result = (await client.private_get_v5_execution_list(said))["result"]
        return {"rows": result["list"], "next": result["nextPageCursor"]}
    said = {"instId": desk.symbol, **({"after": cursor} if cursor else {})}
    if desk.venue == "okx_swap":
        rows = (await client.private_get_trade_fills_history({**said, "instType": "SWAP"}))["data"]
        return {"rows": rows, "next": rows[-1]["billId"] if len(rows) == 100 else ""}
    rows = (await client.private_get_trade_fills_history(said))["data"]
    return {"rows": rows, "next": rows[-1]["tradeId"] if len(rows) == 100 else ""}


def row_id(desk, row):
    return row["execId"] if desk.venue == "bybit_linear" else row["tradeId"]


@pytest.mark.parametrize("venue", VENUES)
def test_funding_that_was_paid_can_be_read(venue):
    async def work(desk):
        desk.account.place(market(desk, "buy"))
        await asyncio.sleep(8 * 3600)
        (income,) = desk.account.income("funding")
        if venue == "blofin_swap":
            (row,) = (await desk.client.private_get_account_funding_fees({}))["data"]
            assert (row["instId"], float(row["fundingFee"])) == (desk.symbol, float(income.amount))
            return
        (row,) = await desk.ask("fetch_funding_history", SYMBOL)
        assert row["amount"] == pytest.approx(float(income.amount), abs=1e-8) or row[
            "amount"
        ] == pytest.approx(-float(income.amount), abs=1e-8)

    at(venue, work)


def test_the_timer_of_okx_cancels_what_works_and_leaves_stops():
    async def work(desk):
        ask, lot = desk.ask, desk.lot
        await ask("create_order", SYMBOL, "market", "buy", lot)
        await ask("create_order", SYMBOL, "limit", "buy", lot, near(desk, -0.02))
        await ask("create_order", SYMBOL, "market", "sell", lot, None, {"stopLossPrice": near(desk, -0.1)})
        await ask("cancel_all_orders_after", 10_000)
        await asyncio.sleep(5)
        await ask("cancel_all_orders_after", 10_000)
        await asyncio.sleep(8)
        assert len(await ask("fetch_open_orders", SYMBOL)) == 1
        await asyncio.sleep(4)
        assert await ask("fetch_open_orders", SYMBOL) == []
        assert len(desk.account.open_orders(algo=True)) == 1
        (ended,) = await ask("fetch_canceled_orders", SYMBOL)
        assert (ended["filled"], ended["info"]["cancelSource"]) == (0, "20")

    at("okx_swap", work)


def test_the_loss_of_the_guarding_socket_sets_off_the_switch_of_bybit():
    async def work(desk):
        ask, lot, client = desk.ask, desk.lot, desk.client
        await ask("create_order", SYMBOL, "limit", "buy", lot, near(desk, -0.02))
        await ask("cancel_all_orders_after", 10_000)
        url = await client.get_url_by_market_type(SYMBOL, True, "watchOrders")
        await client.authenticate(url)
        guarding = asyncio.ensure_future(
            client.watch_multiple(url, ["dcp"], {"op": "subscribe", "args": ["dcp.future"]}, ["dcp"])
        )
        await asyncio.sleep(30)
        assert len(desk.account.open_orders()) == 1
        guarding.cancel()
        await client.close()
        await asyncio.sleep(9)
        assert len(desk.account.open_orders()) == 1
        await asyncio.sleep(3)
        assert desk.account.open_orders() == []

    at("bybit_linear", work)


async def collect(watch, into):
    while True:
        into.append(await watch())


@pytest.mark.parametrize("venue", VENUES)
def test_the_streams_tell_what_the_venue_holds(venue):
    async def work(desk):
        client, lot, exchange = desk.client, desk.lot, desk.world.exchanges[venue]
        seen = {name: [] for name in ("bars", "positions", "balance", "fills", "book")}
        watches = {
            "bars": lambda: client.watch_ohlcv(SYMBOL, "1m"),
            "positions": lambda: client.watch_positions([SYMBOL]),
            "balance": lambda: client.watch_balance({"type": "swap"}),
            "book": lambda: client.watch_order_book(SYMBOL),
        }
        if venue != "blofin_swap":
            watches["fills"] = lambda: client.watch_my_trades(SYMBOL)
        tasks = [asyncio.ensure_future(collect(watch, seen[name])) for name, watch in watches.items()]
        await asyncio.sleep(5)
        await client.create_order(SYMBOL, "market", "buy", 2 * lot)
        await asyncio.sleep(70)
        ours = exchange.book(desk.symbol, 20)
        book = client.orderbooks[SYMBOL]
        assert [tuple(level[:2]) for level in book["bids"][:20]] == [
            (float(p), float(q)) for p, q in ours.bids
        ]
        assert [tuple(level[:2]) for level in book["asks"][:20]] == [
            (float(p), float(q)) for p, q in ours.asks
        ]
        now_ns = desk.world.loop.now_ns()
        minute = 60_000_000_000
        told = {bar[0]: bar for bars in seen["bars"] for bar in bars}
        for candle in exchange.candles(desk.symbol, minute, now_ns - 2 * minute, now_ns, 2):
            if candle.closed and candle.open_ns // 1_000_000 in told:
                bar = told[candle.open_ns // 1_000_000]
                assert bar[1:5] == [float(x) for x in (candle.open, candle.high, candle.low, candle.close)]
        assert len(told) >= 2
        held = [p for rows in seen["positions"] for p in (rows if isinstance(rows, list) else [rows])]
        assert any(p["contracts"] == pytest.approx(2 * lot) for p in held)
        assert seen["balance"][-1]["USDT"]["total"] == pytest.approx(
            float(desk.account.balance("USDT").wallet), abs=50
        )
        if venue != "blofin_swap":
            fills = {fill["id"]: fill["amount"] for rows in seen["fills"] for fill in rows}
            assert sum(fills.values()) == pytest.approx(2 * lot)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    at(venue, work)
