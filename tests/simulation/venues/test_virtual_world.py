"""The virtual world itself: the same seed is the same trace, processes die alone, the network does what it is told."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import ccxt
import pytest

from tradewind.testing.virtual_venues import START_NS, run_world
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.misfortunes import Misfortunes

VENUE = "binance_usdm"
SYMBOL, OTHER, ID = "BTC/USDT:USDT", "ETH/USDT:USDT", "BTCUSDT"
TIME = "https://fapi.binance.com/fapi/v1/time"


async def busy(world, *, cycles, every_s, streams=("mark", "mark2", "bars", "top")):
    """Watch four streams and the user's own, and send order cycles; return what there is to compare."""
    client = world.client(VENUE)
    await client.load_markets()
    heard = dict.fromkeys((*streams, "orders"), 0)
    watches = {
        "mark": lambda: client.watch_mark_price(SYMBOL),
        "mark2": lambda: client.watch_mark_price(OTHER),
        "bars": lambda: client.watch_ohlcv(SYMBOL, "1m"),
        "top": lambda: client.watch_bids_asks([SYMBOL]),
        "trades": lambda: client.watch_trades(SYMBOL),
        "book": lambda: client.watch_order_book(SYMBOL),
        "orders": client.watch_orders,
    }

    async def listen(name):
        while True:
            await watches[name]()
            heard[name] += 1

    tasks = [asyncio.ensure_future(listen(name)) for name in heard]
    await asyncio.sleep(5)
    for number in range(cycles):
        if number % 2:
            price = round(float(world.exchanges[VENUE].last(ID)) * 0.99, 1)
            order = await client.create_order(SYMBOL, "limit", "buy", 0.01, price, {"timeInForce": "GTX"})
            await asyncio.sleep(1)
            await client.cancel_order(order["id"], SYMBOL)
        else:
            await client.create_order(SYMBOL, "market", "buy" if number % 4 else "sell", 0.01)
        await asyncio.sleep(every_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard, world.trace.digest, world.trace.count, world.loop.time()


async def minute(world):
    return await busy(world, cycles=6, every_s=9, streams=("mark", "bars", "trades", "book"))


async def hour(world):
    return await busy(world, cycles=120, every_s=29)


def test_the_same_seed_is_the_same_trace_and_another_seed_another():
    first, again, other = (run_world(minute, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first[1] != other[1]
    assert first[0]["orders"] >= 9
    assert min(first[0].values()) > 8


_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from test_virtual_world import minute
from tradewind.testing.virtual_venues import run_world
print(run_world(minute, seed=7)[1])
"""


def test_the_trace_does_not_depend_on_the_order_of_hashes():
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(Path(__file__).parent)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == run_world(minute, seed=7)[1]


@pytest.mark.soak
def test_an_hour_is_the_same_twice(capsys):
    begun = time.process_time()
    first = run_world(hour, seed=1)
    spent = time.process_time() - begun
    with capsys.disabled():
        print(f"\n{first[3]:.0f} virtual s in {spent:.2f} s of CPU: {first[3] / spent:.0f} times real time")
    assert run_world(hour, seed=1) == first


def test_clocks_and_chance_are_put_back():
    throttler = sys.modules["ccxt.async_support.base.throttler"]
    state = random.getstate()

    async def look(world):
        await asyncio.sleep(100)
        return time.time(), throttler.time(), time.monotonic(), time.time_ns()

    virtual, bound, monotonic, ns = run_world(look, seed=1)
    assert virtual == bound == ns / 1e9
    assert abs(virtual - (START_NS / 1e9 + 100)) < 1e-3
    assert abs(monotonic - 100) < 1e-3
    assert time.time() > START_NS / 1e9
    assert throttler.time is time.time
    assert random.getstate() == state


def test_a_process_dies_alone_and_its_sockets_with_it():
    async def victim(world):
        client = world.client(VENUE)
        await client.load_markets()
        await client.create_order(SYMBOL, "limit", "buy", 0.01, low(world), {"clientOrderId": "v"})
        while True:
            await client.watch_orders()

    def low(world):
        return round(float(world.exchanges[VENUE].last(ID)) * 0.98, 1)

    async def work(world):
        process, _ = world.start_process("victim", victim(world))
        await asyncio.sleep(10)
        assert world.account(VENUE).open_orders()
        streams = world.server.sockets
        process.kill()
        steps = process.steps
        await asyncio.sleep(5)
        survivor = world.client(VENUE)
        await survivor.load_markets()
        open_ids = [order["clientOrderId"] for order in await survivor.fetch_open_orders(SYMBOL)]
        return streams, world.server.sockets, process.steps - steps, open_ids

    assert run_world(work, seed=1) == (1, 0, 0, ["v"])


def test_death_at_any_step_leaves_none_or_one_order():
    async def place(world):
        client = world.client(VENUE)
        client.set_markets(world.markets)
        price = round(float(world.exchanges[VENUE].last(ID)) * 0.98, 1)
        await client.create_order(SYMBOL, "limit", "buy", 0.01, price, {"clientOrderId": "v"})

    async def work(world):
        client = world.client(VENUE)
        world.markets = await client.load_markets()
        process, task = world.start_process("victim", place(world), work.step)
        await asyncio.wait([task], timeout=5)
        return len(world.account(VENUE).open_orders()), process.alive

    found = []
    for step in range(1, 40):
        work.step = step
        found.append(run_world(work, seed=1))
        if found[-1][1]:
            break
    counts = [count for count, _ in found]
    assert counts[0] == 0
    assert counts[-1] == 1
    assert counts == sorted(counts)
    assert found[-2] == (1, False)


# ---------------------------------------------------------------------- the network


async def ask(world, session, wait_s=60.0):
    async with session.get(TIME, timeout=aiohttp.ClientTimeout(total=wait_s)) as response:
        return json.loads(await response.text())["serverTime"]


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("refused", aiohttp.ClientConnectorError),
        ("name", aiohttp.ClientConnectorDNSError),
        ("certificate", aiohttp.ClientConnectorCertificateError),
        ("unreachable", TimeoutError),
    ],
)
def test_dials_fail_until_the_network_heals(kind, raised):
    async def work(world):
        session = world.session()
        world.network.ail(kind, 20.0, hosts=["fapi.binance.com"])
        with pytest.raises(raised):
            await ask(world, session, wait_s=5.0)
        await asyncio.sleep(20)
        return await ask(world, session)

    assert run_world(work, seed=1) > START_NS // 1_000_000


def test_a_host_that_no_venue_has_is_not_found():
    async def work(world):
        session = world.session()
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("https://example.com/")

    run_world(work, seed=1)


@pytest.mark.parametrize(("direction", "taken_late"), [("to_venue", True), ("from_venue", False)])
def test_a_partition_holds_one_direction(direction, taken_late):
    async def work(world):
        session = world.session()
        await ask(world, session)
        world.network.ail(direction, 10.0)
        begun = world.loop.time()
        said = await ask(world, session)
        arrived = (said - START_NS // 1_000_000) / 1000 - begun
        return world.loop.time() - begun, arrived

    passed, arrived = run_world(work, seed=1)
    assert passed >= 10
    assert (arrived >= 10) is taken_late


def test_a_reset_breaks_what_is_open():
    async def work(world):
        client = world.client(VENUE)
        await client.load_markets()
        await client.watch_mark_price(SYMBOL)
        world.network.reset(["fstream.binance.com"])
        with pytest.raises(ccxt.NetworkError):
            await client.watch_mark_price(SYMBOL)
        return await client.watch_mark_price(SYMBOL)

    assert run_world(work, seed=1)["symbol"] == SYMBOL


def test_who_does_not_read_is_cut_off():
    async def work(world):
        session = world.session()
        kinds = ["trade", "aggTrade", "depth", "bookTicker", "markPrice", "kline_1m", "kline_5m", "kline_1h"]
        streams = [f"{symbol}usdt@{kind}" for symbol in ("btc", "eth", "sol") for kind in kinds]
        async with session.ws_connect("wss://fstream.binance.com/public/ws/1") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": streams, "id": 1})
            await socket.receive()
            socket._response.connection.transport.pause_reading()
            await asyncio.sleep(60)
            before = world.server.sockets
            await asyncio.sleep(1_000)
            return before, world.server.sockets

    assert run_world(work, seed=1) == (1, 0)


@pytest.mark.parametrize("venue", FAKE_VENUES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_venue_beset_by_misfortune_never_breaks_itself(venue, seed):
    # What a client meets is asserted in test_wire_faults; here only that no error is one of ours (the world raises it).
    async def work(world):
        client = world.client(venue, timeout=5_000)
        failures = 0
        watches = [
            lambda: client.watch_trades(SYMBOL),
            lambda: client.watch_order_book(SYMBOL),
            client.watch_orders,
        ]

        async def listen(watch):
            nonlocal failures
            while True:
                try:
                    await asyncio.wait_for(watch(), 20)
                except (ccxt.BaseError, TimeoutError, ValueError, ArithmeticError, TypeError):
                    failures += 1
                    await asyncio.sleep(1)

        tasks = [asyncio.ensure_future(listen(watch)) for watch in watches]
        while world.loop.time() < 300:
            try:
                await client.load_markets()
                await client.create_order(SYMBOL, "market", random.choice(["buy", "sell"]), 0.1)
                await client.fetch_positions([SYMBOL])
                await client.fetch_open_orders(SYMBOL)
            except (ccxt.BaseError, ValueError, ArithmeticError, TypeError, KeyError):
                failures += 1
            await asyncio.sleep(3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return failures, world.trace.digest

    plan = Misfortunes.swarm(seed, 5.0, start_ns=START_NS)
    failures, digest = run_world(work, seed=seed, venues=(venue,), misfortunes={venue: plan})
    assert sum(strike.struck for strike in plan.plan) > 0
    assert (failures, digest) != (0, "")
