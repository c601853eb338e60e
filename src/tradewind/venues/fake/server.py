"""Serve fake venues: HTTP requests and WebSockets in, calls and frames to the protocols, replies and frames out.

One `FakeServer` serves any number of protocols, told apart by the host that a request names, over whatever
connections it is given: sockets (`sockets.py`) or pairs in memory (`memory.py`). It advances the exchange
before each request and once a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import msgspec
from aiohttp import WSMsgType, web
from multidict import CIMultiDict

from tradewind.venues.fake.protocol import Call, Reply
from tradewind.venues.fake.troubles import CallTroubles, FrameTroubles, dial_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Session, VenueProtocol

__all__ = ["FakeServer", "Frames"]

_QUEUE_MAX = 20_000
_TICK_S = 1.0
_CLOSING_S = 10.0
_JSON = "application/json;charset=UTF-8"
_ENCODE = msgspec.json.Encoder().encode


class Frames:
    """The server's end of one WebSocket: what it sends waits in a queue with a bound.

    A client that does not read is cut off when the queue is full, as venues do.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.BaseRequest,
        observe: Callable[[str], None] | None = None,
    ) -> None:
        self._observe = observe
        self._socket = socket
        self._request = request
        self._queue: deque[tuple[WSMsgType, bytes]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closing: tuple[int, str] | None = None
        self.pongs = True
        self.troubles: FrameTroubles | None = None

    def send(self, message: object) -> None:
        """Queue a frame: text as it is, anything else as JSON; or what the plan of misfortune makes of it."""
        if self.troubles is None:
            data = message.encode() if isinstance(message, str) else _ENCODE(message)
            self._put(WSMsgType.TEXT, data)
            return
        for data in self.troubles.lead(message):
            self._put(WSMsgType.TEXT, data)
        if self.troubles.close_code:
            self.close(self.troubles.close_code)

    def ping(self) -> None:
        """Queue a ping frame."""
        self._put(WSMsgType.PING, b"")

    def pong(self, data: bytes) -> None:
        """Answer a ping, unless pongs have stopped."""
        if self.pongs:
            self._put(WSMsgType.PONG, data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close after what is queued."""
        self._closing = self._closing or (code, reason)
        self._rouse()

    def abort(self) -> None:
        """Cut the connection without a word, also while what was sent before still waits to be read."""
        self._queue.clear()
        self._closing = (0, "")
        cut(self._request)

    def _put(self, kind: WSMsgType, data: bytes) -> None:
        if self._closing is not None:
            return
        if len(self._queue) >= _QUEUE_MAX:
            self.abort()
            return
        self._queue.append((kind, data))
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def pump(self) -> None:
        """Write what is queued until the socket is closed from either side."""
        loop = asyncio.get_running_loop()
        while True:
            while self._queue:
                kind, data = self._queue.popleft()
                if self._observe is not None:
                    self._observe(f"frame {self._request.path} {data!r}")
                await self._socket.send_frame(data, kind)
            if self._closing is not None:
                break
            self._wake = loop.create_future()
            await self._wake
        await self._finish(*self._closing)

    async def _finish(self, code: int, reason: str) -> None:
        if code:
            # The client has its say before the connection goes, else it may never read why.
            await self._socket.send_frame(code.to_bytes(2, "big") + reason.encode(), WSMsgType.CLOSE)
            await asyncio.sleep(_CLOSING_S)
        cut(self._request)


class FakeServer:
    """Serves protocols over one exchange each.

    Parameters
    ----------
    protocols
        Each answers at hosts of its own. A host that none has gets the status 421.
    observe
        Is told a line for each call, reply and frame.
    """

    def __init__(
        self, protocols: Sequence[VenueProtocol], observe: Callable[[str], None] | None = None
    ) -> None:
        self._observe = observe
        self._by_host = {host: protocol for protocol in protocols for host in protocol.hosts()}
        self._exchanges: list[FakeExchange] = list(
            {id(protocol.exchange): protocol.exchange for protocol in protocols}.values()
        )
        self._sessions: dict[Session, VenueProtocol] = {}
        self._frames: dict[Session, Frames] = {}
        self._broken: BaseException | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._web: web.Server | None = None
        self._unlisten: list[Callable[[], None]] = []

    @property
    def hosts(self) -> frozenset[str]:
        """Return every host that is served."""
        return frozenset(self._by_host)

    @property
    def sockets(self) -> int:
        """Return how many WebSockets are open."""
        return len(self._sessions)

    def stop_pongs(self) -> None:
        """Answer no ping any more on the sockets that are open now, as a dead path behind a live one does."""
        for frames in self._frames.values():
            frames.pongs = False

    def start(self) -> web.Server:
        """Begin to serve in the running loop; return what makes one handler for each new connection."""
        self._web = web.Server(self._handle, access_log=None, keepalive_timeout=75.0)
        for exchange in self._exchanges:
            self._unlisten.append(exchange.listen(self._teller_of(exchange)))
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return self._web

    def dial_failure(self, host: str, method: str, path: str, *, stream: bool) -> str:
        """Return how a connection that is wanted fails by misfortune, "" where it does not; `MemoryNetwork.on_dial`."""
        protocol = self._by_host.get(host)
        if protocol is None:
            return ""
        now_ns = protocol.exchange.now_ns()
        return dial_failure(protocol, Call(method, host, path, {}, "", b"", {}, "", now_ns), stream=stream)

    async def stop(self) -> None:
        """Close every connection and stop the clock. Raises what broke while it served: a fault of ours."""
        for unlisten in self._unlisten:
            unlisten()
        if self._ticking is not None:
            self._ticking.cancel()
            (ended,) = await asyncio.gather(self._ticking, return_exceptions=True)
            self._note(ended)
        if self._web is not None:
            await self._web.shutdown(timeout=0.1)
        if self._broken is not None:
            raise self._broken

    def _note(self, ended: object) -> None:
        """Keep the first error that is neither an end nor a lost connection."""
        expected = (asyncio.CancelledError, ConnectionError)
        if isinstance(ended, BaseException) and not isinstance(ended, expected):
            self._broken = self._broken or ended

    def _teller_of(self, exchange: FakeExchange) -> Callable[[object], None]:
        def tell(event: object) -> None:
            for session, protocol in tuple(self._sessions.items()):
                if protocol.exchange is exchange:
                    session.happen(event)

        return tell

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            for exchange in self._exchanges:
                exchange.advance()
            for session, protocol in tuple(self._sessions.items()):
                session.tick(protocol.exchange.now_ns())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._serve(request)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            self._note(error)
            raise

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        protocol = self._by_host.get(request.host.split(":")[0].lower())
        if protocol is None:
            return web.Response(status=421, text=f"no venue here is called {request.host}")
        protocol.exchange.advance()
        call = await _read_call(request, protocol)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_socket(request, protocol, call)
        course = CallTroubles(protocol, call).lead()
        if course.delay_s > 0:
            await asyncio.sleep(course.delay_s)
        if self._observe is not None:
            body = call.body.decode(errors="replace")
            told = "nothing" if course.reply is None else _body(course.reply).decode(errors="replace")
            self._observe(f"{call.method} {call.host}{call.path}?{call.raw_query} {body} -> {told}")
        if course.reply is None:
            cut(request)
            return web.Response(status=500)
        response = _written(course.reply)
        if course.close:
            response.force_close()
        return response

    async def _serve_socket(
        self, request: web.BaseRequest, protocol: VenueProtocol, call: Call
    ) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        frames = Frames(socket, request, self._observe)
        if dial_failure(protocol, call, stream=True):
            return web.Response(status=503)
        session = protocol.connect(call, frames)
        if session is None:
            return _written(protocol.unknown(call))
        await socket.prepare(request)
        self._sessions[session], self._frames[session] = protocol, frames
        if protocol.exchange.misfortunes is not None:
            frames.troubles = FrameTroubles(protocol, session)
        pump = asyncio.get_running_loop().create_task(frames.pump())
        try:
            await _listen(socket, frames, session)
        finally:
            del self._sessions[session], self._frames[session]
            session.end()
            pump.cancel()
            (ended,) = await asyncio.gather(pump, return_exceptions=True)
            self._note(ended)
        return socket


def cut(request: web.BaseRequest) -> None:
    """Reset the connection that a request came by."""
    if request.transport is not None:
        request.transport.abort()


async def _listen(socket: web.WebSocketResponse, frames: Frames, session: Session) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            session.hear(message.data)
        elif message.type is WSMsgType.PING:
            frames.pong(message.data)


async def _read_call(request: web.BaseRequest, protocol: VenueProtocol) -> Call:
    body = await request.read() if request.can_read_body else b""
    return Call(
        method=request.method,
        host=request.host.split(":")[0].lower(),
        path=request.path,
        query=dict(request.query),
        raw_query=request.raw_path.partition("?")[2],
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
        peer=request.remote or "",
        now_ns=protocol.exchange.told_ns(),
    )


def _written(reply: Reply) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict(reply.headers)
    headers.setdefault("Content-Type", _JSON)
    return web.Response(status=reply.status, body=_body(reply), headers=headers)


def _body(reply: Reply) -> bytes:
    if isinstance(reply.data, bytes):
        return reply.data
    return reply.data.encode() if isinstance(reply.data, str) else _ENCODE(reply.data)
