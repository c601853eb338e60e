"""A venue that only listens: it keeps every request as it came over the wire and answers what it is told to.

For asserting what is sent, and for giving the adapter answers that no working exchange gives. It runs in virtual
time over memory, below an unmodified ccxt object that believes it speaks to the venue's own hosts.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from tradewind.testing.clock import VirtualLoop
from tradewind.testing.traded_rules import traded
from tradewind.testing.virtual_venues import START_NS, virtual_time
from tradewind.venues.ccxt.exchange import CLIENTS
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.memory import MemoryConnector, MemoryNetwork
from tradewind.venues.gateway import Listing
from tradewind.venues.keys.entries import AccountKeys
from tradewind.venues.keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["ListeningPost", "Reply", "Request", "keys_for", "run_at_post"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: JSON, or text as it stands; `cut`: the connection is reset instead."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived: parameters of the address and of the body apart from the headers."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    body: object
    headers: dict[str, str]


class ListeningPost:
    """Keeps requests; answers the venue's time, and everything else by `answer`."""

    def __init__(self, venue: str, loop: VirtualLoop) -> None:
        self.venue = venue
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply()
        self.network = MemoryNetwork(seed=1)
        self._loop = loop
        self._server = web.Server(self._handle, access_log=None)
        self.network.serve(CLIENTS[venue].hosts | CLIENTS[venue].demo_hosts, self._server)
        self._session = aiohttp.ClientSession(connector=MemoryConnector(self.network))
        self._gateways: list[CcxtTradingGateway] = []

    def gateway(self, settings: TradingSettings | None = None) -> CcxtTradingGateway:
        """Return a gateway that speaks to this post; it is not opened."""
        made = CcxtTradingGateway(
            settings or TradingSettings(self.venue, "tag001"),
            [Listing(n, instrument) for n, instrument in enumerate(traded(self.venue))],
            self._session,
            keys_for(self.venue),
            now_ns=self._loop.now_ns,
            chance=random.Random(1),  # noqa: S311 - a spread of waits, no secret
        )
        if CLIENTS[self.venue].wallet:
            # Orders go by the numbers that the venue's list of markets tells.
            coins = [instrument.symbol for instrument in traded(self.venue)]
            made._exchange.markets = {
                coin: {"id": str(n), "baseId": str(n), "baseName": coin} for n, coin in enumerate(coins)
            }
        self._gateways.append(made)
        return made

    async def close(self) -> None:
        """Close everything that was made here."""
        for gateway in self._gateways:
            await gateway.close()
        await self._session.close()
        await self._server.shutdown(timeout=0.1)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        heard = Request(
            request.method,
            request.host,
            request.path,
            dict(request.query),
            _body(text, request.content_type),
            dict(request.headers),
        )
        told = self._time(heard)
        if told is not None:
            return web.json_response(told)
        self.requests.append(heard)
        reply = self.answer(heard)
        if reply.cut and request.transport is not None:
            request.transport.abort()
        if isinstance(reply.body, str):
            return web.Response(text=reply.body, status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    def _time(self, request: Request) -> object:
        ms = self._loop.now_ns() // 1_000_000
        answers: dict[str, object] = {
            "/fapi/v1/time": {"serverTime": ms},
            "/api/v3/time": {"serverTime": ms},
            "/api/v4/spot/time": {"server_time": ms},
            "/api/v2/public/time": {"code": "00000", "msg": "success", "data": {"serverTime": str(ms)}},
            "/api/v1/timestamp": {"code": "200000", "data": ms},
            "/v5/market/time": {"retCode": 0, "retMsg": "OK", "result": {}, "time": ms},
            "/api/v5/public/time": {"code": "0", "msg": "", "data": [{"ts": str(ms)}]},
            "/api/v1/market/mark-price": {"code": "0", "msg": "success", "data": []},
        }
        if isinstance(request.body, dict) and request.body.get("type") == "exchangeStatus":
            return {"time": ms, "specialStatuses": None}
        return answers.get(request.path)


def keys_for(venue: str) -> AccountKeys:
    """Return keys that no venue knows."""
    if CLIENTS[venue].wallet:
        return AccountKeys(
            "main", venue, False, Secret(f"0x{'2a' * 20}"), Secret(f"0x{'11' * 32}"), Secret("")
        )
    return AccountKeys(
        "main", venue, False, Secret("key-of-main"), Secret("secret-of-main"), Secret("phrase-of-main")
    )


def run_at_post(venue: str, work: Callable[[ListeningPost], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
    """Run `work(post)` in virtual time and return what it returns."""
    loop = VirtualLoop(START_NS)
    with virtual_time(loop):
        try:
            return loop.run_until_complete(_lived(venue, loop, work))
        finally:
            loop.close()


async def _lived(
    venue: str, loop: VirtualLoop, work: Callable[[ListeningPost], Coroutine[Any, Any, Any]]
) -> Any:  # noqa: ANN401
    post = ListeningPost(venue, loop)
    try:
        return await work(post)
    finally:
        await post.close()
        await asyncio.sleep(1)


def _body(text: str, content_type: str) -> object:
    if not text:
        return None
    if content_type == "application/json":
        return json.loads(text)
    return dict(parse_qsl(text, keep_blank_values=True))
