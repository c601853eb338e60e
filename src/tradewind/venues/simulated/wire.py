"""The simulated exchange in a process of its own: frames over a local socket, one question and one answer at a time.

::

    frame = u32 length | msgpack        little-endian
"""

import asyncio
import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from tradewind.errors import VenueDown
from tradewind.venues.port import FACT, REQUEST, Batch, Taken
from tradewind.venues.simulated.exchange import SimulatedExchange

__all__ = ["RemoteVenue", "serve"]

Records = np.ndarray

_HEAD = struct.Struct("<I")


class _Connect(msgspec.Struct, tag="connect", frozen=True):
    pass


class _Next(msgspec.Struct, tag="next", frozen=True):
    after: int
    durable: int


class _Submit(msgspec.Struct, tag="submit", frozen=True):
    first: int
    requests: bytes


class _Query(msgspec.Struct, tag="query", frozen=True):
    cids: list[int]


_Question = _Connect | _Next | _Submit | _Query


class _Told(msgspec.Struct, array_like=True, frozen=True):
    number: int
    facts: bytes
    wake: int | None
    again: bool
    now_ns: int


async def serve(exchange: SimulatedExchange, path: Path) -> asyncio.Server:
    """Let sessions trade on `exchange` over a socket at `path`; one after the other, however each of them ended."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                question = msgspec.msgpack.decode(await _read(reader), type=_Question)
                _write(writer, _answer(exchange, question))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # The session hung up or died; whoever comes next goes on.
        finally:
            writer.close()

    return await asyncio.start_unix_server(attend, path)


def _answer(exchange: SimulatedExchange, question: _Question) -> object:
    match question:
        case _Connect():
            return (exchange.taken.requests, exchange.taken.batch)
        case _Next(after, durable):
            batch = exchange.next_batch(after, durable)
            return batch and _Told(batch.number, batch.facts.tobytes(), batch.wake, batch.again, batch.now_ns)
        case _Submit(first, requests):
            exchange.submit(first, np.frombuffer(requests, REQUEST))
            return None
        case _Query(cids):
            return exchange.query(cids).tobytes()


class RemoteVenue:
    """A `VenuePort` to an exchange that `serve` offers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> Taken:
        """Return how far the exchange came. Raises VenueDown where nobody listens."""
        try:
            self._streams = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise VenueDown("VENUE_DOWN", f"no exchange answers at {self._path}: {error.strerror}") from error
        return Taken(*msgspec.msgpack.decode(await self._ask(_Connect()), type=tuple[int, int]))

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch after number `after`, None at the end of the feed."""
        told = msgspec.msgpack.decode(await self._ask(_Next(after, durable)), type=_Told | None)
        if told is None:
            return None
        facts = np.frombuffer(told.facts, FACT).copy()
        return Batch(told.number, facts, told.wake, told.again, told.now_ns)

    async def submit(self, first: int, requests: Records) -> None:
        """Send requests; return when the exchange has them."""
        await self._ask(_Submit(first, requests.tobytes()))

    async def query(self, cids: Sequence[int]) -> Records:
        """Return what the exchange knows of these orders."""
        rows = msgspec.msgpack.decode(await self._ask(_Query(list(cids))), type=bytes)
        return np.frombuffer(rows, FACT).copy()

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            await writer.wait_closed()

    async def _ask(self, question: _Question) -> bytes:
        assert self._streams is not None, "connect first"
        reader, writer = self._streams
        try:
            _write(writer, question)
            await writer.drain()
            return await _read(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise VenueDown("VENUE_DOWN", "the exchange hung up") from error


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    return await reader.readexactly(length)


def _write(writer: asyncio.StreamWriter, message: object) -> None:
    body = msgspec.msgpack.encode(message)
    writer.write(_HEAD.pack(len(body)) + body)
