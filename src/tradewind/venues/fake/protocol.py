"""What a fake venue's protocol is to the server: calls in, replies and frames out, nothing of sockets or HTTP.

A protocol translates between one venue's wire and the domain (`FakeExchange`); it keeps no state of accounts,
only that of sessions: who logged in, who listens to what, how much of a limit is used. It computes, it never
waits: what takes time, is lost or garbled on the way is the server's part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

from tradewind.venues.fake.orders import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from tradewind.venues.fake.exchange import FakeExchange

__all__ = ["Call", "Failure", "Purpose", "Reply", "Session", "Socket", "VenueProtocol", "plain"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived.

    Parameters
    ----------
    method, host, path
        In capitals; without port, in lower case; without the query.
    query, raw_query
        Decoded pairs (the last of a name wins), and the text that may have been signed.
    body
        Bytes as sent: JSON or, at Binance, a form.
    headers
        Names in lower case.
    peer
        The address it came from, as a venue's list of allowed addresses sees it.
    now_ns
        The venue's time of arrival, nanoseconds UTC.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    raw_query: str
    body: bytes
    headers: Mapping[str, str]
    peer: str
    now_ns: int

    @property
    def now_ms(self) -> int:
        """Return the time of arrival in milliseconds."""
        return self.now_ns // 1_000_000


@dataclass(slots=True)
class Reply:
    """One answer. `data` is encoded as JSON; text and bytes go out as they are."""

    data: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Purpose = Literal["read", "submit", "cancel", "amend", "other"]

_KEY_HEADERS = ("x-mbx-apikey", "x-bapi-api-key", "ok-access-key", "access-key")


class Failure(Enum):
    """What a venue may answer without looking at the request, by misfortune; each protocol has its own words."""

    RATE_LIMIT = "rate_limit"
    BAN = "ban"
    ORDER_LIMIT = "order_limit"
    MAINTENANCE = "maintenance"
    UNKNOWN_STATUS = "unknown_status"
    OVERLOAD = "overload"
    ADDRESS_DENIED = "address_denied"
    KEY_REVOKED = "key_revoked"
    REGION = "region"
    CLOCK = "clock"


class Socket(Protocol):
    """The server's end of a WebSocket. Nothing blocks: frames queue up to a bound, then the socket is closed."""

    def send(self, message: object) -> None:
        """Queue a frame: text as it is, anything else as JSON."""

    def ping(self) -> None:
        """Queue a ping frame."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close after what is queued."""


class Session(Protocol):
    """What a protocol knows of one open socket."""

    def hear(self, text: str) -> None:
        """Take a text frame of the client."""

    def happen(self, event: object) -> None:
        """Take an event of the exchange (see `FakeExchange.listen`), in order, and send what is subscribed."""

    def tick(self, now_ns: int) -> None:
        """Let time pass; called about once a second."""

    def end(self) -> None:
        """Forget: the socket is closed."""


class VenueProtocol(ABC):
    """One venue's REST and WebSocket protocol over a `FakeExchange`.

    Parameters
    ----------
    exchange
        The domain that it translates to.
    """

    name: str = ""

    def __init__(self, exchange: FakeExchange) -> None:
        self.exchange = exchange
        self._routes = self.routes()

    @abstractmethod
    def hosts(self) -> frozenset[str]:
        """Return every host name that this venue answers at."""

    @abstractmethod
    def routes(self) -> Mapping[tuple[str, str], Callable[[Call], Reply]]:
        """Return what answers each (method, path)."""

    @abstractmethod
    def connect(self, call: Call, socket: Socket) -> Session | None:
        """Return the session of a new WebSocket, or None where there is none at this host and path."""

    @abstractmethod
    def refused(self, call: Call, error: Refused) -> Reply:
        """Return a refusal of the domain in this venue's code, text and status."""

    @abstractmethod
    def failed(self, call: Call, failure: Failure, seconds: float) -> Reply:
        """Return a failure by misfortune in this venue's words; `seconds`: how long it will last."""

    @abstractmethod
    def unknown(self, call: Call) -> Reply:
        """Return what this venue says of a path that it does not have."""

    def purpose(self, call: Call) -> Purpose:
        """Return what a call is for, as plans of misfortune tell calls apart."""
        if call.method == "GET":
            return "read"
        path = call.path.lower()
        if call.method == "DELETE" or "cancel" in path:
            return "cancel"
        if call.method == "PUT" or "amend" in path:
            return "amend"
        return "submit" if "order" in path else "other"

    def holder_name(self, call: Call) -> str:
        """Return the name of the account whose key a call shows, "" for none."""
        key = next((call.headers[name] for name in _KEY_HEADERS if name in call.headers), "")
        account = self.exchange.account(key) if key else None
        return account.name if account is not None else ""

    def aged(self, call: Call, reply: Reply, age_s: float) -> Reply:
        """Return a reply as it would have been some seconds ago, where a venue has that fault (F18)."""
        return reply

    def admit(self, call: Call) -> Reply | None:
        """Return a reply that ends the call before it is handled (limits, bans), or None."""
        return None

    def seal(self, call: Call, reply: Reply) -> Reply:
        """Return the reply with what every reply carries, such as headers of limits."""
        return reply

    def answer(self, call: Call) -> Reply:
        """Process a call, once. What the domain refuses is answered in the venue's words."""
        handler = self._routes.get((call.method, call.path))
        if handler is None:
            return self.seal(call, self.unknown(call))
        reply = self.admit(call)
        if reply is None:
            try:
                reply = handler(call)
            except Refused as error:
                reply = self.refused(call, error)
        return self.seal(call, reply)


def plain(number: Decimal) -> str:
    """Return a decimal as venues write it: no exponent."""
    return format(number, "f")
