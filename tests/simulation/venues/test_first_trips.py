"""Unmodified ccxt.pro trades at the fake BloFin, OKX and Bybit, in virtual time: the whole way round, once each."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.testing.virtual_venues import run_world

SYMBOL = "BTC/USDT:USDT"
VENUES = ("blofin_swap", "okx_swap", "bybit_linear")
POST_ONLY = {"blofin_swap": ("post_only", {}), "okx_swap": ("limit", {"postOnly": True})}


async def gather_events(watch, into):
    while True:
        into.extend(dict(row) for row in await watch())


async def until(condition, seconds=30.0):
    for _ in range(int(seconds * 20)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def first_trip(world):
    (venue,) = world.exchanges
    client = world.client(venue)
    markets = await client.load_markets()
    assert markets[SYMBOL]["active"]
    lot = markets[SYMBOL]["limits"]["amount"]["min"]
    trades, orders = [], []
    tasks = [
        asyncio.ensure_future(gather_events(lambda: client.watch_trades(SYMBOL), trades)),
        asyncio.ensure_future(gather_events(lambda: client.watch_orders(SYMBOL), orders)),
    ]
    await until(
        lambda: trades and any("rivate" in url and c.isConnected for url, c in client.clients.items())
    )
    await asyncio.sleep(1.0)
    last = (await client.fetch_ticker(SYMBOL))["last"]
    kind, params = POST_ONLY.get(venue, ("limit", {"postOnly": True}))
    resting = await client.create_order(
        SYMBOL, kind, "buy", lot, round(last * 0.98, 1), {**params, "clientOrderId": "rest1"}
    )
    assert resting["id"]
    await asyncio.sleep(0.01)
    await client.create_order(SYMBOL, "market", "buy", 3 * lot, None, {"clientOrderId": "take1"})
    await until(lambda: {"open", "closed"} <= {order["status"] for order in orders})
    assert [order["clientOrderId"] for order in await client.fetch_open_orders(SYMBOL)] == ["rest1"]
    await asyncio.sleep(0.01)
    await client.cancel_order(resting["id"], SYMBOL)
    await until(lambda: "canceled" in {order["status"] for order in orders})
    positions = await client.fetch_positions([SYMBOL])
    await asyncio.sleep(0.01)
    fills = await client.fetch_my_trades(SYMBOL)
    await asyncio.sleep(0.01)
    balance = await client.fetch_balance()
    for task in tasks:
        task.cancel()
    seen = [(o["clientOrderId"], o["status"], o["filled"]) for o in orders]
    return lot, positions, fills, balance, seen, world.trace.digest


@pytest.mark.parametrize("venue", VENUES)
def test_an_unmodified_client_trades_there(venue):
    lot, positions, fills, balance, seen, _ = run_world(first_trip, seed=1, venues=(venue,))
    assert [(p["side"], p["contracts"]) for p in positions] == [("long", pytest.approx(3 * lot))]
    assert sum(fill["amount"] for fill in fills) == pytest.approx(3 * lot)
    assert all(fill["fee"]["cost"] > 0 for fill in fills)
    assert 99_000 < balance["USDT"]["total"] < 100_000
    assert ("rest1", "open", 0.0) in seen
    assert ("rest1", "canceled", 0.0) in seen
    assert ("take1", "closed", pytest.approx(3 * lot)) in seen


@pytest.mark.parametrize("venue", VENUES)
def test_the_same_seed_gives_the_same_conversation(venue):
    first, again = (run_world(first_trip, seed=3, venues=(venue,))[-1] for _ in range(2))
    assert first == again
