"""From a message of the market to the request on its way: our part of it beside ccxt's own.

Both trade at one fake exchange in one virtual loop and take turns, minute by minute of a clock that is set forward.
What is timed is the thread's CPU time between two moments: the decoded message of a closed bar is handed over, and
the HTTP request is handed to aiohttp. Ours passes hearing, gathering, the core with its gate, the journal, the ledger
and the adapter; ccxt's is the handling of the same message by `watch_ohlcv` until its caller goes on, and
`create_order`. What ccxt does within ours (signing, preparing the request) is taken out of ours and told apart.

Twice: with the whole exchange between two orders, whose work empties the processor's caches, as where an order comes
once in a while; and with an answer of memory, so that one order follows another, as where many instruments' bars end
together.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from live_session import MINUTE_NS, VENUE, Terms, UnsyncedDisk, session_at

from tradewind.live.session import at_once
from tradewind.testing.virtual_venues import Login, VirtualWorld, run_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.journal import FileDisk
    from tradewind.live.session import DiskPort

SYMBOL = "BTC/USDT:USDT"
LOGINS = (Login(), Login("peer", "key-of-peer", "secret-of-peer"))
WARM = 20
_TURN_S = 0.2
_TURNS = 20
"""Of the loop, in which an answer of memory is dealt with."""
_order_ids = itertools.count(1_000_000)


@dataclass(slots=True)
class Paths:
    """Nanoseconds of each order's way: ours without what ccxt does within it, that, and ccxt's own."""

    ours: list[int] = field(default_factory=list)
    within: list[int] = field(default_factory=list)
    theirs: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Watch:
    """Moments of one ccxt object's way out."""

    signing: int = 0
    fetching: int = 0
    sent: int = 0
    gone: asyncio.Future[None] | None = None

    def await_next(self) -> asyncio.Future[None]:
        """Return what ends when the next order has left, or after `_TURN_S` where none does."""
        loop = asyncio.get_running_loop()
        self.sent, self.gone = 0, loop.create_future()
        loop.call_later(_TURN_S, self.end)
        return self.gone

    def end(self) -> None:
        """Let whoever waits for an order go on."""
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)


def watched(exchange: Any, clock: Callable[[], int]) -> Watch:
    """Return where the moments of `exchange` are noted from now on."""
    watch = Watch()
    sign, fetch, post = exchange.sign, exchange.fetch, exchange.session.post

    def signed(*arguments: Any, **named: Any) -> Any:
        began = clock()
        request = sign(*arguments, **named)
        if not watch.sent:
            watch.signing = clock() - began
        return request

    async def fetched(*arguments: Any, **named: Any) -> Any:
        if not watch.sent:
            watch.fetching = clock()
        return await fetch(*arguments, **named)

    def posted(url: object, **named: Any) -> Any:
        if "/order" in str(url):
            watch.sent = watch.sent or clock()
            watch.end()
        return post(url, **named)

    exchange.sign, exchange.fetch, exchange.session.post = signed, fetched, posted
    return watch


class _Filled:
    """An answer of Binance, out of memory: the order is filled whole."""

    status, reason = 200, "OK"

    def __init__(self, asked: dict[str, list[str]], price: float) -> None:
        self.headers = {"content-type": "application/json"}
        qty = asked["quantity"][0]
        row = {
            "orderId": next(_order_ids), "symbol": "BTCUSDT", "status": "FILLED", "price": "0.00", "type": "MARKET",
            "clientOrderId": asked["newClientOrderId"][0], "side": asked["side"][0], "positionSide": "BOTH",
            "avgPrice": f"{price:.1f}", "origQty": qty, "executedQty": qty, "cumQty": qty, "reduceOnly": False,
            "cumQuote": f"{float(qty) * price:.5f}", "timeInForce": "GTC", "stopPrice": "0.00", "origType": "MARKET",
            "closePosition": False, "workingType": "CONTRACT_PRICE", "updateTime": time.time_ns() // 1_000_000,
        }  # fmt: skip
        self._text = json.dumps(row)

    async def __aenter__(self) -> _Filled:
        return self

    async def __aexit__(self, *ended: object) -> None:
        pass

    async def text(self, **_: object) -> str:
        return self._text


def answer_from_memory(exchange: Any, price: float) -> None:
    """Let every request that `exchange` posts be answered at once as an order that was filled."""
    exchange.session.post = lambda url, *, data, **_: _Filled(parse_qs(data.decode()), price)


def bar_message(open_ns: int, price: float) -> dict[str, Any]:
    """Return the message that says that a bar is over, decoded."""
    open_ms, text = open_ns // 1_000_000, f"{price:.1f}"
    end_ms = open_ms + 59_999
    candle = {
        "t": open_ms, "T": end_ms, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 9, "o": text, "c": text, "h": text,
        "l": text, "v": "12.345", "n": 9, "x": True, "q": "1.0", "V": "1.0", "Q": "1.0", "B": "0",
    }  # fmt: skip
    return {"e": "kline", "E": end_ms + 1, "s": "BTCUSDT", "k": candle}


def hand_over(exchange: Any, message: object, clock: Callable[[], int]) -> int:
    """Give a message to whoever reads the connection of the candles; return when."""
    (client,) = exchange.clients.values()
    began = clock()
    client.on_message_callback(client, message)
    return began


class _Market:
    """A clock that is set forward by a minute for each bar."""

    def __init__(self, world: VirtualWorld) -> None:
        self._passed = world.loop._jumping
        self._ahead_ns = world.loop.now_ns() - self._passed.now_ns

    def now_ns(self) -> int:
        """Return the time in one step, since a session asks for it eight times on the way and a real clock is C."""
        return self._passed.now_ns + self._ahead_ns

    def next_bar(self) -> int:
        """Go to just after the end of the bar that is open; return when it opened."""
        open_ns = self.now_ns() // MINUTE_NS * MINUTE_NS
        self._ahead_ns = open_ns + MINUTE_NS + 20_000_000 - self._passed.now_ns
        return open_ns


async def _peer_turn(client: Any, message: object, clock: Callable[[], int], buys: bool) -> int:
    """Hear a bar and send an order through unmodified ccxt; return what both took."""
    heard = asyncio.ensure_future(client.watch_ohlcv(SYMBOL, "1m"))
    await asyncio.sleep(0)
    began = hand_over(client, message, clock)
    await heard
    handled = clock() - began
    client.bench.sent = 0
    began = clock()
    await client.create_order(SYMBOL, "market", "buy" if buys else "sell", 0.01)
    return handled + client.bench.sent - began


async def _pass(close: bool) -> None:
    """Let everybody deal with an order: in turns of the loop alone, or in time."""
    if not close:
        await asyncio.sleep(_TURN_S)
    else:
        for _ in range(_TURNS):
            await asyncio.sleep(0)


async def _trade(
    world: VirtualWorld, count: int, disk: FileDisk, port: DiskPort, clock: Callable[[], int], close: bool
) -> Paths:
    paths, market = Paths(), _Market(world)
    peer = world.client(VENUE, "peer")
    await peer.load_markets()
    await peer.watch_ohlcv(SYMBOL, "1m")
    price = float(world.exchanges[VENUE].last("BTCUSDT"))
    if close:
        answer_from_memory(peer, price)
    peer.bench = watched(peer, clock)
    with tempfile.TemporaryDirectory() as folder:
        terms = Terms(disk, port, market.now_ns, alone=close)
        async with session_at(world, Path(folder) / "journal", terms) as (session, sender, hearer):
            running = asyncio.ensure_future(session.run())
            await asyncio.sleep(70)
            if close:
                answer_from_memory(sender, price)
            watch = watched(sender, clock)
            for turn in range(WARM + count):
                message = bar_message(market.next_bar(), price)
                gone = watch.await_next()
                began = hand_over(hearer, message, clock)
                await gone  # No turn of ours lies between the message and the order.
                await _pass(close)
                theirs = await _peer_turn(peer, message, clock, turn % 2 == 0)
                within = watch.sent - watch.fetching + watch.signing
                if turn >= WARM:
                    assert watch.sent, "a bar led to no order"
                    paths.ours.append(watch.sent - began - within)
                    paths.within.append(within)
                    paths.theirs.append(theirs)
                await _pass(close)
            session.stop()
            await running
    return paths


def measured(
    count: int,
    disk: FileDisk | None = None,
    port: DiskPort = at_once,
    clock: Callable[[], int] = time.thread_time_ns,
    *,
    close: bool = False,
) -> Paths:
    """Trade so many orders on each side, far apart or close together; return what each took."""
    disk = disk or UnsyncedDisk()
    return run_world(
        lambda world: _trade(world, count, disk, port, clock, close), seed=1, venues=(VENUE,), logins=LOGINS
    )
