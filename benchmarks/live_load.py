"""What a busy market costs: 50 symbols with 20 messages a second each, one strategy, ours beside ccxt's own.

Both get the same text frames from the place where ccxt takes them from aiohttp: it decodes them and hands them on, in
ours to our feed, whose session journals what it says, in its own to `watch_trades_for_symbols`,
`watch_order_book_for_symbols` and `watch_mark_prices`, somebody waiting for each. Decoding alone is measured too and
taken out of ours. A second of the market is a second of a clock that is set forward.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import tempfile
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import WSMessage, WSMsgType
from ccxt.async_support.base.ws.client import Client
from live_path import LOGINS
from live_session import VENUE, Terms, UnsyncedDisk, session_at

from tradewind.live.session import at_once
from tradewind.testing import virtual_venues
from tradewind.testing.virtual_venues import VirtualWorld, run_world
from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.listings import listed
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SYMBOLS, TRADES, BOOKS = 50, 9, 10
"""Of 20 messages a second of a symbol: prints, changes of a book at five prices of each side; the last is a mark."""
LEVELS = 5
BURST = 25
_TURNS = 6
MIDDLE = 100.0
KINDS = frozenset({StreamKind.TRADES, StreamKind.TOP, StreamKind.MARK})


def fifty(venue: str) -> tuple[Any, ...]:
    """Return as many instruments as the market has, alike but for their names."""
    first = listed(venue)[0]
    return tuple(
        replace(first, symbol=f"C{place:02d}USDT", base=f"C{place:02d}", tick_size=Decimal("0.1"))
        for place in range(SYMBOLS)
    )


class _Side:
    """One ccxt object that listens: where its frames go in, and how far the venue's books are."""

    def __init__(self, exchange: Any) -> None:
        self.trades, self.books, self.marks = exchange.clients.values()
        self.last: dict[str, int] = {}
        self._own = self.books.on_message_callback
        self.books.on_message_callback = self._noted

    def _noted(self, client: object, message: Any) -> None:
        if message.get("e") == "depthUpdate":
            self.last[message["s"]] = message["u"]
        self._own(client, message)

    def begin(self) -> None:
        """Let nothing be noted any more."""
        self.books.on_message_callback = self._own

    def frames(self, now_ns: int, dice: random.Random) -> list[tuple[Any, WSMessage]]:
        """Return a second of the market as (connection, frame), shuffled."""
        now_ms, made = now_ns // 1_000_000, []
        for symbol in list(self.last):
            head = {"E": now_ms, "T": now_ms, "s": symbol}
            told = [(self.trades, {"e": "trade", **head, **_trade(dice)}) for _ in range(TRADES)]
            told += [(self.books, {"e": "depthUpdate", **head, **_depth(dice)}) for _ in range(BOOKS)]
            made += [*told, (self.marks, {"e": "markPriceUpdate", **head, **_mark(dice)})]
        dice.shuffle(made)
        return [(client, WSMessage(WSMsgType.TEXT, self._text(row), None)) for client, row in made]

    def _text(self, row: dict[str, Any]) -> str:
        if row["e"] == "depthUpdate":
            last = self.last[row["s"]]
            self.last[row["s"]] = last + 10
            row |= {"U": last + 1, "u": last + 10, "pu": last}
        return json.dumps(row, separators=(",", ":"))


_keys = itertools.count(1_000_000_000)


def _trade(dice: random.Random) -> dict[str, Any]:
    price = f"{MIDDLE + dice.randrange(-50, 50) / 10:.1f}"
    return {
        "t": next(_keys),
        "p": price,
        "q": f"{dice.randrange(1, 900) / 1000:.3f}",
        "m": dice.random() < 0.5,
    }


def _mark(dice: random.Random) -> dict[str, Any]:
    price = f"{MIDDLE + dice.randrange(-50, 50) / 10:.8f}"
    return {"p": price, "i": price, "P": price, "r": "0.00010000"}


def _depth(dice: random.Random) -> dict[str, Any]:
    def side(way: int) -> list[list[str]]:
        prices = dice.sample(range(10, 60), LEVELS)
        return [[f"{MIDDLE + way * at / 10:.1f}", f"{dice.randrange(0, 5) / 10:.3f}"] for at in prices]

    return {"b": side(-1), "a": side(1)}


async def _lived(frames: list[tuple[Any, WSMessage]]) -> int:
    """Hand frames over in bursts and let everybody deal with them; return thread CPU nanoseconds."""
    began = time.thread_time_ns()
    for at in range(0, len(frames), BURST):
        for client, frame in frames[at : at + BURST]:
            client.handle_message(frame)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    return time.thread_time_ns() - began


def _decoded(frames: list[tuple[Any, WSMessage]]) -> int:
    """Return what ccxt's decoding of frames takes alone."""
    idle = Client("", lambda *said: None, None, None, None, {"asyncio_loop": None})
    began = time.thread_time_ns()
    for _, frame in frames:
        idle.handle_message(frame)
    return time.thread_time_ns() - began


@dataclass(slots=True)
class Load:
    """Thread CPU nanoseconds of each second of the market, and how many messages it had."""

    ours: list[int] = field(default_factory=list)
    theirs: list[int] = field(default_factory=list)
    decoding: list[int] = field(default_factory=list)
    messages: int = 0


async def _wait_for_each(watch: Callable[[list[str]], Awaitable[object]], symbols: list[str]) -> None:
    while True:
        await watch(symbols)


async def _bear(world: VirtualWorld, seconds: int) -> Load:
    ahead_ns, load, dice = 0, Load(), random.Random(1)
    peer = world.client(VENUE, "peer")
    await peer.load_markets()
    watches = (peer.watch_trades_for_symbols, peer.watch_order_book_for_symbols, peer.watch_mark_prices)
    listening = [asyncio.ensure_future(_wait_for_each(watch, list(peer.symbols))) for watch in watches]
    await asyncio.sleep(1)
    theirs = _Side(peer)
    with tempfile.TemporaryDirectory() as folder:
        terms = Terms(UnsyncedDisk(), at_once, lambda: world.loop.now_ns() + ahead_ns, KINDS, SYMBOLS)
        async with session_at(world, Path(folder) / "journal", terms) as (session, _, hearer):
            running = asyncio.ensure_future(session.run())
            await asyncio.sleep(5)
            ours = _Side(hearer)
            while not session.sequencer.standing.batch:  # noqa: ASYNC110 - in virtual time, which costs nothing
                await asyncio.sleep(1)
            ours.begin()
            theirs.begin()
            for _ in range(seconds):
                ahead_ns += SECOND_NS
                frames = ours.frames(terms.clock(), dice)
                load.messages = len(frames)
                load.decoding.append(_decoded(frames))
                load.ours.append(await _lived(frames))
                load.theirs.append(await _lived(theirs.frames(terms.clock(), dice)))
            session.stop()
            await running
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    return load


def measured(seconds: int) -> Load:
    """Let both bear so many seconds of the market."""
    own, virtual_venues.listed = virtual_venues.listed, fifty
    try:
        return run_world(lambda world: _bear(world, seconds), seed=1, venues=(VENUE,), logins=LOGINS)
    finally:
        virtual_venues.listed = own
