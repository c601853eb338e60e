"""The live loop: from a bar to its order, a busy market, a restart, the gate, and how fast a simulated hour passes.

Needs the extra `live`. Everything runs against the fake exchange in virtual time, with unmodified ccxt.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import live_load
import live_path
import numpy as np
import tradewind_side as side
import works
from calls import each_ns
from live_session import VENUE
from table import Row

from tradewind.engine.gate import gate
from tradewind.engine.world import World
from tradewind.journal import FileDisk
from tradewind.live.paper import WriterThread
from tradewind.strategies.load import load_strategy
from tradewind.testing.virtual_venues import run_world
from tradewind.units.jit import array_of, kernel, signature
from tradewind.units.records import Account, Context, Core, View

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.testing.virtual_venues import VirtualWorld

ORDERS, ROUNDS = 300, 3
SECONDS = 12
HOUR_S, CYCLES = 3600, 120
CALLS = 20_000
RECORDS = 1_000_000


def percentile_us(nanoseconds: list[int], share: int) -> float:
    """Return a percentile in microseconds."""
    return float(np.percentile(nanoseconds, share)) / 1e3


def path_rows() -> list[Row]:
    """Compare our way from a bar to its order with ccxt's own; the best of several rounds of each percentile."""
    rows = []
    for close, where in ((False, "far apart"), (True, "close together")):
        rounds = [live_path.measured(ORDERS, close=close) for _ in range(ROUNDS)]
        for share, goal in ((50, 30), (99, 150)):
            ours, within, theirs = (
                min(percentile_us(getattr(one, name), share) for one in rounds)
                for name in ("ours", "within", "theirs")
            )
            note = f"{ORDERS} orders, {ROUNDS} rounds; goal {goal}, ratio 3.3; ccxt's {within:.0f} of it taken out"
            work = f"bar heard to order handed over, {where}, p{share}"
            rows.append(Row.of(work, "ccxt: the same bar, `create_order`", ours, theirs, "us, CPU", note))
    return [*rows, synced_row()]


def synced_row() -> Row:
    """Say what waiting for the disk adds, by the wall."""
    port = WriterThread()
    try:
        synced = live_path.measured(ORDERS, FileDisk(), port, time.perf_counter_ns)
    finally:
        port.close()
    plain = live_path.measured(ORDERS, clock=time.perf_counter_ns)
    p99 = percentile_us(synced.ours, 99)
    note = f"synced by its thread before it leaves, on this machine's disk; p99 {p99:.0f}; peer: the same, unsynced"
    work = "the same synced, p50"
    return Row.of(
        work,
        "ourselves, unsynced",
        percentile_us(synced.ours, 50),
        percentile_us(plain.ours, 50),
        "us, wall",
        note,
    )


def load_row() -> Row:
    """Compare what a busy market costs us with what it costs ccxt."""
    load = live_load.measured(SECONDS)
    ours, theirs = min(load.ours) - min(load.decoding), min(load.theirs)
    share, decoding = ours / 1e9, min(load.decoding) / 1e9
    note = (
        f"{load.messages} messages a second; ours is {share:.1%} of a core (goal 10 %), ccxt's decoding, "
        f"{decoding:.2%}, taken out; journal on"
    )
    return Row.of(
        "50 symbols, 20 messages a second each", "ccxt: decodes, keeps, wakes who watches",
        ours / 1e6, theirs / 1e6, "ms a second, CPU", note,
    )  # fmt: skip


@kernel(sig=signature(array_of(Core), array_of(Account), array_of(View), array_of(Context), "i8", "i8"))
def gated(cores, accounts, views, contexts, slot, lots):
    """Ask the gate about the order in a slot of the first context."""
    context = contexts[0]
    return gate(cores[0], accounts[0], views[0], context, context.working.order[slot], lots)


@kernel(sig=signature(array_of(Core), array_of(Account), array_of(View), array_of(Context), "i8", "i8"))
def passed(cores, accounts, views, contexts, slot, lots):
    """Take the same and do nothing."""
    return lots


def gate_row(data: Path) -> Row:
    """Compare the gate, called from Python, with a compiled call that does nothing with the same arguments."""
    strategy = load_strategy(side.STRATEGIES / "cross.py")
    _, _, ticks = side.columns(data, [0], 10)
    vector = strategy.params_vector({**side.LENGTHS, "quantity": works.QUANTITY})
    setups = [side.StrategySetup(strategy.decide, [0], vector)]
    world = World([side.WalletSetup("USDT", works.CASH)], [side.instrument(0, ticks[0])], setups, side.LIMITS)
    world.views["close"] = 420_000
    order = world.contexts["working"]["order"][0, 0]
    order["wanted_tick"], order["side"], order["wanted_lot"] = 420_000, 1, 5
    arguments = (*world.state[:4], 0, 5)
    assert gated(*arguments) == 5, "the gate refuses what it should let pass"
    ours, theirs = each_ns(lambda: gated(*arguments), CALLS), each_ns(lambda: passed(*arguments), CALLS)
    return Row.of(
        "the gate from Python", "bare Numba call, same arguments", ours, theirs, "ns, wall", "goal 10,000"
    )


async def _watch(watch: Callable[[], Awaitable[object]]) -> None:
    while True:
        await watch()


async def _hour(world: VirtualWorld) -> None:
    client: Any = world.client(VENUE)
    await client.load_markets()
    symbol, other = live_path.SYMBOL, "ETH/USDT:USDT"
    watches = (
        lambda: client.watch_mark_price(symbol),
        lambda: client.watch_mark_price(other),
        lambda: client.watch_ohlcv(symbol, "1m"),
        lambda: client.watch_bids_asks([symbol]),
        client.watch_orders,
    )
    tasks = [asyncio.ensure_future(_watch(watch)) for watch in watches]
    for cycle in range(CYCLES):
        if cycle % 2:
            price = round(float(world.exchanges[VENUE].last("BTCUSDT")) * 0.99, 1)
            order = await client.create_order(symbol, "limit", "buy", 0.01, price, {"timeInForce": "GTX"})
            await asyncio.sleep(1)
            await client.cancel_order(order["id"], symbol)
        else:
            await client.create_order(symbol, "market", "buy" if cycle % 4 else "sell", 0.01)
        await asyncio.sleep(HOUR_S / CYCLES - cycle % 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def hour_row() -> Row:
    """Compare a virtual hour at a fake exchange with an hour."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run_world(_hour, seed=1, venues=(VENUE,))
        spent.append(time.process_time() - began)
    note = (
        f"goal 1,000 times; unmodified ccxt.pro, four streams at 1 Hz, {CYCLES} order cycles, server and client; "
        "no disconnects; prints and books of two symbols instead of marks take about twice as long"
    )
    return Row.of("one virtual hour", "an hour", min(spent), HOUR_S, "s, CPU", note)


def _told(verb: str, folder: Path, *more: object) -> float:
    """Return what a process of its own says."""
    command = [sys.executable, str(Path(__file__).parent / "restart.py"), verb, str(folder), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout or 0)


def restart_rows() -> list[Row]:
    """Compare a start after so many records with decoding them and no more."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        _told("make", journal, RECORDS)
        read = min(_told("read", journal) for _ in range(ROUNDS))
        kept = min(_told("start", journal) for _ in range(ROUNDS))
        for snapshot in journal.glob("*.tws"):
            snapshot.unlink()
        whole = _told("start", journal)
    peer, unit = "reading and decoding them all", "s, CPU"
    return [
        Row.of(
            f"start after {RECORDS:,} records, from a snapshot", peer, kept, read, unit,
            "goal 1; what lies before it is verified beside the running session",
        ),
        Row.of(
            f"start after {RECORDS:,} records, without one", peer, whole, read, unit,
            "goal 12; all decided and compared again, without the venue's answers; one round",
        ),
    ]  # fmt: skip


def rows(data: Path) -> list[Row]:
    """Measure everything."""
    return [*path_rows(), load_row(), *restart_rows(), gate_row(data), hour_row()]
