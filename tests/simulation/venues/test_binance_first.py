"""Unmodified ccxt.pro trades at the fake Binance USD-M, in virtual time: the whole way round, once."""

from __future__ import annotations

import asyncio

from tradewind.testing.virtual_venues import run_world

SYMBOL = "BTC/USDT:USDT"
VENUE = "binance_usdm"


async def gather_events(watch, into, limit=10_000):
    """Collect what a watch returns, as copies, until it is cancelled."""
    for _ in range(limit):
        into.extend(dict(row) for row in await watch())


async def until(condition, seconds=30.0):
    for _ in range(int(seconds * 20)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def first_trip(world):
    client = world.client(VENUE)
    markets = await client.load_markets()
    assert markets[SYMBOL]["precision"] == {**markets[SYMBOL]["precision"], "price": 0.1, "amount": 0.001}
    trades, orders = [], []
    tasks = [
        asyncio.ensure_future(gather_events(lambda: client.watch_trades(SYMBOL), trades)),
        asyncio.ensure_future(gather_events(lambda: client.watch_orders(SYMBOL), orders)),
    ]
    await until(
        lambda: trades and any("listenKey" in url and c.isConnected for url, c in client.clients.items())
    )
    last = (await client.fetch_ticker(SYMBOL))["last"]
    resting = await client.create_order(
        SYMBOL, "limit", "buy", 0.01, round(last * 0.98, 1), {"timeInForce": "GTX", "clientOrderId": "rest1"}
    )
    assert (resting["status"], resting["clientOrderId"]) == ("open", "rest1")
    bought = await client.create_order(SYMBOL, "market", "buy", 0.02, None, {"clientOrderId": "take1"})
    assert (bought["status"], bought["filled"]) == ("closed", 0.02)
    await client.cancel_order(resting["id"], SYMBOL)
    await until(lambda: {"canceled", "closed"} <= {order["status"] for order in orders})
    positions = await client.fetch_positions([SYMBOL])
    assert [(p["side"], p["contracts"]) for p in positions] == [("long", 0.02)]
    fills = await client.fetch_my_trades(SYMBOL)
    assert sum(fill["amount"] for fill in fills) == 0.02
    balance = await client.fetch_balance()
    assert balance["USDT"]["total"] < 100_000
    for task in tasks:
        task.cancel()
    return [(o["clientOrderId"], o["status"], o["filled"]) for o in orders], world.trace.digest


def test_an_unmodified_client_trades_at_the_fake_binance():
    orders, _ = run_world(first_trip, seed=1)
    assert ("rest1", "open", 0.0) in orders
    assert ("rest1", "canceled", 0.0) in orders
    assert orders[-1][1] in ("canceled", "closed")
    assert ("take1", "closed", 0.02) in orders
