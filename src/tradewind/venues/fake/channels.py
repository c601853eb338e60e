"""Streams of the venues that speak of channels: log in, subscribe to (channel, instrument), get frames of rows.

OKX and BloFin share this form; what differs is how a login is checked, which channels there are and how rows
are written. A session keeps what it listens to and nothing of accounts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.venues.fake.envelopes import Objection, Row
from tradewind.venues.fake.protocol import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.exchange import FakeExchange
    from tradewind.venues.fake.protocol import Socket

__all__ = ["ChannelSession", "Topic", "levels"]

_IDLE_NS = 30_000_000_000

Topic = tuple[str, str]
"""A channel and the instrument that it is about, "" for all of them."""


def levels(side: list[tuple[Any, Any]]) -> list[list[str]]:
    """Return price levels as pairs of text."""
    return [[plain(price), plain(qty)] for price, qty in side]


class ChannelSession(ABC):
    """One socket of a venue of channels.

    Parameters
    ----------
    exchange, socket
        The domain and the way out.
    access
        Which of the venue's sockets it is: "public", "private" or "business".
    """

    def __init__(self, exchange: FakeExchange, socket: Socket, access: str) -> None:
        self.exchange = exchange
        self.socket = socket
        self.access = access
        self.account: FakeAccount | None = None
        self.topics: dict[Topic, Row] = {}
        self._alive_ns = exchange.now_ns()
        self._unwatch: dict[Topic, Callable[[], None]] = {}
        self._tellers = self.tellers()

    @abstractmethod
    def tellers(self) -> dict[type, Callable[[Any], None]]:
        """Return what tells the client of each kind of event."""

    @abstractmethod
    def log_in(self, args: Row) -> None:
        """Check a login and set `account`. Raises Objection."""

    @abstractmethod
    def listen(self, arg: Row) -> Callable[[], None] | None:
        """Begin a subscription, or raise Objection; return what ends the watching of the market, if anything."""

    @abstractmethod
    def begin(self, arg: Row) -> None:
        """Send what a new subscription begins with, after its acknowledgement."""

    def greeting(self) -> Row:
        """Return what every event frame carries besides."""
        return {}

    # ------------------------------------------------------------------ the Session of the server

    def hear(self, text: str) -> None:
        """Take a frame: a ping, a login, a subscription, or an operation of the venue's own."""
        self._alive_ns = self.exchange.now_ns()
        if text == "ping":
            self.socket.send("pong")
            return
        try:
            message = msgspec.json.decode(text)
            self._operate(message)
        except Objection as error:
            self.object_to(error)
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError):
            self.object_to(Objection("60012", f"Illegal request: {text}"))

    def object_to(self, error: Objection) -> None:
        """Send an error frame."""
        self.socket.send({"event": "error", "code": error.code, "msg": error.text, **self.greeting()})

    def happen(self, event: object) -> None:
        """Tell the client of an event where it listens to it."""
        teller = self._tellers.get(type(event))
        if teller is not None and self.topics:
            teller(event)

    def tick(self, now_ns: int) -> None:
        """Close a socket over which nothing has gone for thirty seconds."""
        if now_ns - self._alive_ns > _IDLE_NS:
            self.socket.close(4004, "No data received in 30s.")

    def end(self) -> None:
        """Forget every subscription."""
        for unwatch in self._unwatch.values():
            unwatch()
        self._unwatch.clear()
        self.topics.clear()

    # ------------------------------------------------------------------ what the venues use

    def push(self, arg: Row, data: object, **fields: object) -> None:
        """Send a frame of a channel."""
        self._alive_ns = self.exchange.now_ns()
        self.socket.send({"arg": arg, **fields, "data": data})

    def subscribed(self, channel: str, symbol: str) -> list[Row]:
        """Return the subscriptions that an event of an instrument belongs to."""
        found = (self.topics.get((channel, symbol)), self.topics.get((channel, "")))
        return [arg for arg in found if arg is not None]

    def operate(self, message: Row) -> None:
        """Take an operation other than login and subscriptions. Raises Objection where there is none."""
        raise Objection("60012", f"Illegal request: {msgspec.json.encode(message).decode()}")

    def _operate(self, message: Row) -> None:
        operation = message.get("op")
        if operation == "login":
            self.log_in(message["args"][0])
            self.socket.send({"event": "login", "code": "0", "msg": "", **self.greeting()})
        elif operation == "subscribe":
            for arg in message["args"]:
                self._subscribe(arg)
        elif operation == "unsubscribe":
            for arg in message["args"]:
                self._unsubscribe(arg)
        else:
            self.operate(message)

    def _subscribe(self, arg: Row) -> None:
        topic = (str(arg["channel"]), str(arg.get("instId", "")))
        unwatch = None if topic in self.topics else self.listen(arg)
        if unwatch is not None:
            self._unwatch[topic] = unwatch
        self.topics[topic] = arg
        self.socket.send({"event": "subscribe", "arg": arg, **self.greeting()})
        self.begin(arg)

    def _unsubscribe(self, arg: Row) -> None:
        topic = (str(arg["channel"]), str(arg.get("instId", "")))
        self.topics.pop(topic, None)
        unwatch = self._unwatch.pop(topic, None)
        if unwatch is not None:
            unwatch()
        self.socket.send({"event": "unsubscribe", "arg": arg, **self.greeting()})
