"""A venue that says what a test lets it say: for venues that have no fake exchange.

It runs in virtual time over memory, below an unmodified ccxt object that believes it speaks to the venue's own hosts.
What it is asked over REST it answers by a table, or not at all, which is counted; what it is told over sockets is kept.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
import msgspec
from aiohttp import WSMsgType, web

from tradewind.live.amounts import listing_of
from tradewind.testing.clock import VirtualLoop
from tradewind.testing.traded_rules import traded
from tradewind.testing.virtual_venues import START_NS, virtual_time
from tradewind.testing.wire_recorder import keys_for
from tradewind.venues.ccxt.exchange import build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.ccxt.market_clients import MARKET_CLIENTS
from tradewind.venues.ccxt.rules import rules_of_markets
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.memory import MemoryConnector, MemoryNetwork
from tradewind.venues.gateway import AccountMode, Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from tradewind.venues.gateway import StreamKind

__all__ = ["Asked", "ScriptedVenue", "run_scripted"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: host, path, parameters of the address, the body as JSON or fields, and method and headers."""

    host: str
    path: str
    query: dict[str, str]
    body: Any
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


class ScriptedVenue:
    """The venue and whoever listens to it.

    Parameters
    ----------
    venue
        Our name of it.
    answer
        Returns what is answered to a request as JSON, None: it is not known.
    react
        Returns what is said at once to a message that came over a socket.

    Attributes
    ----------
    asked, unanswered
        Every request, and those that got no answer.
    told
        Every message over a socket, decoded, in order, with the path of the socket.
    """

    def __init__(
        self,
        venue: str,
        loop: VirtualLoop,
        answer: Callable[[Asked], object | None],
        react: Callable[[Any], list[object]] = lambda _message: [],
    ) -> None:
        self.asked: list[Asked] = []
        self.unanswered: list[Asked] = []
        self.told: list[tuple[str, Any]] = []
        self.loop = loop
        self._venue, self._answer, self._react = venue, answer, react
        self._sockets: dict[web.WebSocketResponse, list[str]] = {}
        self._network = MemoryNetwork(seed=1)
        self._server = web.Server(self._handle, access_log=None)
        spec = MARKET_CLIENTS[venue]
        self._network.serve(spec.hosts | spec.demo_hosts, self._server)
        self._session = aiohttp.ClientSession(connector=MemoryConnector(self._network))
        self._feed: CcxtMarketFeed | None = None
        self._gateway: CcxtTradingGateway | None = None

    def gateway(self, mode: AccountMode = AccountMode.LIVE, **own: Any) -> CcxtTradingGateway:  # noqa: ANN401
        """Return a gateway of an account at this venue, not yet open; `own`: other `TradingSettings`."""
        self._gateway = CcxtTradingGateway(
            TradingSettings(self._venue, "tag001", mode, **own),
            [listing_of(place, rules) for place, rules in enumerate(traded(self._venue))],
            self._session,
            keys_for(self._venue),
            now_ns=self.loop.now_ns,
            chance=random.Random(1),  # noqa: S311 - a spread of waits, no secret
        )
        return self._gateway

    def client(self) -> Any:  # noqa: ANN401 - ccxt ships no types
        """Return an unmodified ccxt object that speaks to this venue."""
        return build_exchange(MARKET_CLIENTS[self._venue], self._session)

    async def feed(
        self, symbols: list[str], kinds: frozenset[StreamKind], interval_ns: int
    ) -> CcxtMarketFeed:
        """Return a feed of some instruments by the venue's own rules, not yet open."""
        client = self.client()
        await client.load_markets()
        rules = rules_of_markets(self._venue, client.markets).instruments
        self._feed = CcxtMarketFeed(
            self._venue,
            client,
            [Listing(place, rules[symbol]) for place, symbol in enumerate(symbols)],
            kinds=kinds,
            intervals_ns=(interval_ns,),
            now_ns=self.loop.now_ns,
            rng=random.Random(1),  # noqa: S311 - a simulation repeats
        )
        return self._feed

    async def say(self, word: str, *messages: object) -> None:
        """Say messages over the sockets on which something with this word was subscribed to, and let them arrive."""
        for socket, subscribed in list(self._sockets.items()):
            if any(word in text for text in subscribed):
                for message in messages:
                    await socket.send_str(_text_of(message))
        await asyncio.sleep(0.2)

    async def hang_up(self) -> None:
        """Close every socket from the venue's side."""
        for socket in list(self._sockets):
            await socket.close(code=1001)

    async def close(self) -> None:
        """Close everything that was made here."""
        if self._feed is not None:
            await self._feed.close()
        if self._gateway is not None:
            await self._gateway.close()
        await self._session.close()
        await self._server.shutdown(timeout=0.1)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve(request)
        text = await request.text()
        asked = Asked(
            request.host,
            request.path,
            dict(request.query),
            _body(text),
            request.method,
            dict(request.headers),
        )
        self.asked.append(asked)
        found = self._answer(asked)
        if found is None:
            self.unanswered.append(asked)
            return web.json_response({}, status=404)
        return web.json_response(found)

    async def _serve(self, request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        texts = self._sockets[socket] = []
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    texts.append(message.data)
                    said = msgspec.json.decode(message.data) if message.data[:1] in "[{" else message.data
                    self.told.append((request.path, said))
                    for reply in self._react(said):
                        await socket.send_str(_text_of(reply))
        finally:
            del self._sockets[socket]
        return socket


def _body(text: str) -> Any:  # noqa: ANN401
    """Return what a request says: JSON, or the fields of a form."""
    if not text or text[0] in "[{":
        return msgspec.json.decode(text) if text else None
    return dict(parse_qsl(text, keep_blank_values=True))


def _text_of(message: object) -> str:
    return message if isinstance(message, str) else msgspec.json.encode(message).decode()


def run_scripted(
    venue: str,
    answer: Callable[[Asked], object | None],
    work: Callable[[ScriptedVenue], Coroutine[Any, Any, Any]],
    react: Callable[[Any], list[object]] = lambda _message: [],
    start_ns: int = START_NS,
) -> Any:  # noqa: ANN401
    """Run `work(venue)` in virtual time and return what it returns."""

    async def lived() -> Any:  # noqa: ANN401
        made = ScriptedVenue(venue, loop, answer, react)
        try:
            return await work(made)
        finally:
            await made.close()
            await asyncio.sleep(1)

    loop = VirtualLoop(start_ns)
    with virtual_time(loop):
        try:
            return loop.run_until_complete(lived())
        finally:
            loop.close()
