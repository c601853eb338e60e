"""A network in memory: unmodified HTTP clients reach fake venues without sockets, in virtual time.

A connection is a pair of asyncio transports. Bytes travel with a latency drawn from a seeded generator, in
order within a connection and in any order between connections, cut into pieces as networks cut them. Directions
can be held, connections reset, dials refused. Each end runs in the context of its owner: the server's in that
of the world, the client's in that of the process that dialled, so that the death of a process silences its
ends only.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.tracing import Trace

__all__ = ["Dial", "MemoryConnector", "MemoryNetwork", "NetworkTrouble", "Owner"]

_HIGH_WATER = 1 << 20
_LOW_WATER = 1 << 18
_DIAL_FAILURES = ("refused", "name", "certificate")


class Owner(Protocol):
    """Who dialled; what is written after its death goes nowhere."""

    alive: bool


@dataclass(frozen=True, slots=True)
class Dial:
    """A connection that is wanted, and for which request; `stream`: for a WebSocket."""

    host: str
    method: str
    path: str
    stream: bool


@dataclass(slots=True)
class NetworkTrouble:
    """What ails the way to some hosts, until a time.

    Parameters
    ----------
    kind
        "refused", "name" or "certificate" (a dial fails so), "unreachable" (a dial hangs), "to_venue" or
        "from_venue" (bytes of that direction wait until it is over), "slow" (`seconds` are added to each
        way).
    hosts
        Which hosts; empty: all.
    until_ns
        The loop's time at which it is over.
    """

    kind: str
    hosts: frozenset[str]
    until_ns: int
    seconds: float = 0.0

    def concerns(self, host: str, now_ns: int) -> bool:
        """Return whether the way to `host` suffers from it now."""
        return now_ns < self.until_ns and (not self.hosts or host in self.hosts)


class MemoryNetwork:
    """Connects clients with servers in one event loop.

    Parameters
    ----------
    seed
        Latencies and pieces are drawn from it.
    latency_s
        Least and most seconds of one way.
    piece
        Longest run of bytes that arrives at once.
    current_owner
        Names who is dialling; its `alive` is asked before each write.

    Attributes
    ----------
    on_dial
        Is asked before each connection how it fails: "refused", "name", "certificate"; "": not at all.
    """

    def __init__(
        self,
        seed: int,
        latency_s: tuple[float, float] = (0.002, 0.020),
        piece: int = 1 << 16,
        current_owner: Callable[[], Owner | None] = lambda: None,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - latencies are no secrets
        self._latency_s = latency_s
        self.piece = piece
        self._current_owner = current_owner
        self._servers: dict[str, Callable[[], asyncio.Protocol]] = {}
        self._links: dict[int, _Link] = {}
        self._troubles: list[NetworkTrouble] = []
        self._dialled = 0
        self.context = copy_context()
        self.on_dial: Callable[[Dial], str] = lambda _dial: ""

    def serve(self, hosts: Iterable[str], make: Callable[[], asyncio.Protocol]) -> None:
        """Let `make` give the server's protocol of each connection to these hosts."""
        self._servers.update(dict.fromkeys(hosts, make))

    def ail(self, kind: str, seconds: float, hosts: Iterable[str] = (), added_s: float = 0.0) -> None:
        """Let the way to `hosts` (none named: to all) suffer for some time. `kind` as in `NetworkTrouble`."""
        until_ns = int((asyncio.get_running_loop().time() + seconds) * 1e9)
        self._troubles.append(NetworkTrouble(kind, frozenset(hosts), until_ns, added_s))

    def heal(self) -> None:
        """Let every trouble be over, for what is written from now on."""
        self._troubles.clear()

    def reset(self, hosts: Iterable[str] = ()) -> None:
        """Reset every open connection to `hosts` (none named: to all), at both ends."""
        chosen = frozenset(hosts)
        for link in list(self._links.values()):
            if not chosen or link.host in chosen:
                link.client.break_off()
                link.server.break_off()

    def bury(self, owner: Owner) -> None:
        """Close the connections of one who died, as its operating system would."""
        for link in list(self._links.values()):
            if link.owner is owner:
                link.client.vanish()

    def ailment(self, host: str, *kinds: str) -> NetworkTrouble | None:
        """Return what ails the way to a host now, of some kinds."""
        now_ns = int(asyncio.get_running_loop().time() * 1e9)
        self._troubles = [trouble for trouble in self._troubles if now_ns < trouble.until_ns]
        for trouble in self._troubles:
            if trouble.kind in kinds and trouble.concerns(host, now_ns):
                return trouble
        return None

    def latency(self, host: str) -> float:
        """Return the seconds that one way to or from `host` takes, this time."""
        slow = self.ailment(host, "slow") if self._troubles else None
        return self._random.uniform(*self._latency_s) + (slow.seconds if slow else 0.0)

    async def dial(self, key: ConnectionKey, dial: Dial, client: asyncio.Protocol) -> None:
        """Connect `client` with the server of a host. Raises what a failed dial raises."""
        host = key.host
        await asyncio.sleep(self.latency(host))
        _fail(key, self.context.run(self.on_dial, dial))
        trouble = self.ailment(host, *_DIAL_FAILURES, "unreachable")
        if trouble is not None:
            _fail(key, trouble.kind)
            await asyncio.sleep(max(trouble.until_ns / 1e9 - asyncio.get_running_loop().time(), 0.0))
        make = self._servers.get(host)
        if make is None:
            raise aiohttp.ClientConnectorDNSError(key, OSError(-2, f"no venue is called {host}"))
        self._dialled += 1
        link = _Link(self, host, self._dialled, self._current_owner())
        self._links[link.number] = link
        server = self.context.run(make)
        link.join(client, server, self.context)

    def forget(self, number: int) -> None:
        """Drop a connection that is closed at both ends."""
        self._links.pop(number, None)


class MemoryConnector(aiohttp.BaseConnector):
    """What an `aiohttp.ClientSession` connects with, to reach the servers of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork) -> None:
        super().__init__(limit=0)
        self._network = network

    def abandon(self) -> None:
        """Forget every connection without a word, as a process does that died."""
        self._close()

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> ResponseHandler:
        client = self._factory()
        dial = Dial(req.connection_key.host, req.method, req.url.path, stream="Upgrade" in req.headers)
        await self._network.dial(req.connection_key, dial, client)
        return client


def _fail(key: ConnectionKey, kind: str) -> None:
    """Raise what a dial that fails in some way raises; nothing for any other word."""
    if kind == "name":
        raise aiohttp.ClientConnectorDNSError(key, OSError(-3, "temporary failure in name resolution"))
    if kind == "certificate":
        raise aiohttp.ClientConnectorCertificateError(key, ValueError("certificate has expired"))
    if kind == "refused":
        raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "connection refused"))


class _Link:
    """One connection."""

    def __init__(self, network: MemoryNetwork, host: str, number: int, owner: Owner | None) -> None:
        self.network = network
        self.host = host
        self.number = number
        self.owner = owner
        self.client: _End
        self.server: _End

    def join(self, client: asyncio.Protocol, server: asyncio.Protocol, world: Context) -> None:
        self.client = _End(self, client, copy_context(), "to_venue")
        self.server = _End(self, server, world, "from_venue")
        self.client.peer, self.server.peer = self.server, self.client
        # The server's handlers belong to the world: their tasks copy the context in which they are made.
        world.copy().run(server.connection_made, self.server)
        client.connection_made(self.client)

    def part(self) -> None:
        if self.client.gone and self.server.gone:
            self.network.forget(self.number)


class _End(asyncio.Transport):
    """One end of a connection: what is written here arrives at the peer."""

    def __init__(self, link: _Link, protocol: asyncio.Protocol, context: Context, direction: str) -> None:
        port = 10_000 + link.number
        super().__init__({"peername": ("10.0.0.1", port), "sockname": ("10.0.0.2", 443)})
        self._link = link
        self._protocol = protocol
        self._context = context
        self._direction = direction
        self._loop = asyncio.get_running_loop()
        self._travelling: deque[bytes | None] = deque()
        self._unread: deque[bytes | None] = deque()
        self._arrives_at = 0.0
        self._sent_at = -1.0
        self._weight = 0
        self._paused_reading = False
        self._paused_writing = False
        self._closing = False
        self.gone = False
        self.peer: _End

    # ------------------------------------------------------------------ what the protocol does with it

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes; they arrive later."""
        if self._closing or not data or not self._alive():
            return
        piece = self._link.network.piece
        whole = bytes(data)
        for start in range(0, len(whole), piece):
            self._send(whole[start : start + piece])

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send several runs of bytes at once."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Close in order: the peer reads what was sent and then the end."""
        if not self._closing and self._alive():
            self._send(None)
            self._closing = True
            self._loop.call_soon(self._lose, None, context=self._context)

    def abort(self) -> None:
        """Reset: the peer loses the connection, and what it had not read."""
        if not self.gone and self._alive():
            self.break_off()
            delay = self._link.network.latency(self._link.host)
            self._loop.call_later(delay, self.peer.break_off, context=self.peer._context)

    def is_closing(self) -> bool:
        """Return whether nothing more can be sent."""
        return self._closing

    def pause_reading(self) -> None:
        """Let what arrives wait."""
        self._paused_reading = True

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused_reading:
            self._paused_reading = False
            self._loop.call_soon(self._read, context=self._context)

    def is_reading(self) -> bool:
        """Return whether what arrives is read."""
        return not (self._paused_reading or self._closing)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that reads here."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the peer has not read."""
        return self._weight

    def can_write_eof(self) -> bool:
        """Return that an end cannot be half closed."""
        return False

    # ------------------------------------------------------------------ what the network does with it

    def break_off(self) -> None:
        """Lose the connection here, as by a reset."""
        self._travelling.clear()
        self._unread.clear()
        if not self.gone:
            self._closing = True
            self._loop.call_soon(
                self._lose, ConnectionResetError(104, "connection reset by peer"), context=self._context
            )

    def vanish(self) -> None:
        """Be closed by the system of an owner who died: nothing of its code runs."""
        if not self.gone:
            self._closing = self.gone = True
            self._send(None)
            self._link.part()

    def _alive(self) -> bool:
        owner = self._link.owner
        return self._direction == "from_venue" or owner is None or owner.alive

    def _send(self, data: bytes | None) -> None:
        network, now = self._link.network, self._loop.time()
        self._weigh(len(data or b""))
        last = self._travelling[-1] if self._travelling else None
        if data and last and now == self._sent_at and len(last) + len(data) <= network.piece:
            # What leaves at the same moment travels in one packet.
            self._travelling[-1] = last + data
            return
        self._sent_at = now
        arrival = now + network.latency(self._link.host)
        held = network.ailment(self._link.host, self._direction)
        if held is not None:
            arrival += max(held.until_ns / 1e9 - now, 0.0)
        self._arrives_at = max(self._arrives_at, arrival)
        self._travelling.append(data)
        self._loop.call_at(self._arrives_at, self._arrive, context=self.peer._context)

    def _arrive(self) -> None:
        if self._travelling:
            self.peer._unread.append(self._travelling.popleft())
            self.peer._read()

    def _read(self) -> None:
        while self._unread and not self._paused_reading and not self.gone:
            data = self._unread.popleft()
            if data is None:
                self._protocol.eof_received()
                self.close()
                return
            self._protocol.data_received(data)
            self.peer._weigh(-len(data))

    def _weigh(self, change: int) -> None:
        self._weight += change
        if self._weight > _HIGH_WATER and not self._paused_writing:
            self._paused_writing = True
            self._protocol.pause_writing()
        elif self._weight < _LOW_WATER and self._paused_writing and not self.gone:
            self._paused_writing = False
            self._loop.call_soon(self._protocol.resume_writing, context=self._context)

    def _lose(self, error: Exception | None) -> None:
        if not self.gone:
            self.gone = True
            self._protocol.connection_lost(error)
            self._link.part()
