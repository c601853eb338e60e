"""Fake venues whose clock goes only when told: asked directly, without sockets, by requests signed as clients do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from tradewind.venues.fake.envelopes import base64_hmac, base64_of_hex, hex_hmac
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.listings import habits_of, listed
from tradewind.venues.fake.protocol import Call
from tradewind.venues.fake.spoken import protocol_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.misfortunes import Misfortunes
    from tradewind.venues.fake.protocol import Reply, Session

__all__ = ["KEY", "PASSPHRASE", "SECRET", "StillSocket", "StillVenue"]

KEY, SECRET, PASSPHRASE = "key-of-main", "secret-of-main", "phrase-of-main"

Headers = dict[str, str]


@dataclass
class StillSocket:
    """The server's end of a socket that keeps what is sent."""

    frames: list[Any] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    session: Session | None = None

    def send(self, message: object) -> None:
        """Keep a frame, as a client would decode it."""
        text = isinstance(message, str)
        self.frames.append(message if text else msgspec.json.decode(msgspec.json.encode(message)))

    def ping(self) -> None:
        """Keep nothing: pings are the server's affair."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Keep why it was closed."""
        self.closed = (code, reason)

    def say(self, message: object) -> None:
        """Let the client send a frame."""
        assert self.session is not None
        self.session.hear(message if isinstance(message, str) else msgspec.json.encode(message).decode())


class StillVenue:
    """One fake venue with one account, and the means to ask it.

    Parameters
    ----------
    venue
        As in `FAKE_VENUES`, without Binance.
    start_ns
        Its first time, ns UTC.
    """

    def __init__(
        self,
        venue: str,
        *,
        seed: int = 5,
        start_ns: int = 1_767_225_600_000_000_000,
        misfortunes: Misfortunes | None = None,
        **protocol: Any,  # noqa: ANN401 - the protocol's own options
    ) -> None:
        self.venue = venue
        self.now_ns = start_ns
        self.wire = _WIRES[venue]
        self.exchange = FakeExchange(
            listed(venue),
            seed=seed,
            clock=lambda: self.now_ns,
            misfortunes=misfortunes,
            habits=habits_of(venue),
        )
        self.account = self.exchange.open_account(
            "main", api_key=KEY, secret=SECRET, passphrase=PASSPHRASE, balances={"USDT": Decimal(100_000)}
        )
        made = protocol_of(venue, self.exchange)
        self.protocol = type(made)(self.exchange, **protocol) if protocol else made
        self.symbol = next(iter(self.exchange.instruments))
        self._sockets: list[StillSocket] = []
        self.exchange.listen(self._tell)
        self.live(120.0)

    def live(self, seconds: float) -> None:
        """Let time pass, second by second where there are sockets."""
        end_ns = self.now_ns + int(seconds * 1e9)
        while self.now_ns < end_ns:
            step = min(10**9, end_ns - self.now_ns) if self._sockets else end_ns - self.now_ns
            self.now_ns += step
            self.exchange.advance()
            for socket in self._sockets:
                if socket.session is not None:
                    socket.session.tick(self.now_ns)

    def get(self, path: str, *, signed: bool = True, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask by GET; return the decoded answer."""
        return _decoded(self.ask("GET", path, query, signed=signed))

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Ask by POST, signed; return the decoded answer."""
        return _decoded(self.ask("POST", path, body))

    def ask(
        self,
        method: str,
        path: str,
        said: Any,  # noqa: ANN401 - a query or a JSON body
        *,
        signed: bool = True,
        headers: Headers | None = None,
        peer: str = "10.0.0.1",
    ) -> Reply:
        """Ask and return the reply. `headers` overrule those of the signature; a millisecond passes."""
        call = self.signed(method, path, said) if signed else self._call(method, path, said, {})
        return self.protocol.answer(replace(call, headers={**call.headers, **(headers or {})}, peer=peer))

    def signed(self, method: str, path: str, said: Any) -> Call:  # noqa: ANN401 - a query or a JSON body
        """Return a signed request that is not asked yet; a millisecond passes before."""
        self.live(0.001)
        call = self._call(method, path, said, {})
        target = path + (f"?{call.raw_query}" if call.raw_query else "")
        headers = self.wire.sign(self.now_ns, method, target, call.raw_query, call.body.decode())
        return replace(call, headers=headers)

    def unsigned(self, path: str) -> Call:
        """Return a request by GET that nobody signed."""
        return self._call("GET", path, {}, {})

    def now(self, call: Call) -> Call:
        """Return a request as it arrives now."""
        return replace(call, now_ns=self.now_ns)

    def _call(self, method: str, path: str, said: Any, headers: Headers) -> Call:  # noqa: ANN401
        query = {name: str(value) for name, value in said.items()} if method == "GET" else {}
        return Call(
            method=method,
            host=self.wire.host,
            path=path,
            query=query,
            raw_query=urlencode(query),
            body=b"" if method == "GET" else msgspec.json.encode(said),
            headers=headers,
            peer="10.0.0.1",
            now_ns=self.now_ns,
        )

    def socket(self, path: str, *, logged_in: bool = False) -> StillSocket:
        """Open a WebSocket, logged in where asked; what was said until then is forgotten."""
        self.live(0.001)
        socket = StillSocket()
        call = Call("GET", self.wire.stream_host, path, {}, "", b"", {}, "10.0.0.1", self.now_ns)
        socket.session = self.protocol.connect(call, socket)
        assert socket.session is not None, f"no socket at {path}"
        self._sockets.append(socket)
        if logged_in:
            socket.say(self.wire.login(self.now_ns))
            socket.frames.clear()
        return socket

    def leave(self, socket: StillSocket) -> None:
        """Close a socket from the client's side."""
        if socket.session is not None:
            socket.session.end()
        self._sockets.remove(socket)

    def _tell(self, event: object) -> None:
        for socket in self._sockets:
            if socket.session is not None:
                socket.session.happen(event)


def _decoded(reply: Reply) -> Any:  # noqa: ANN401 - JSON
    return msgspec.json.decode(msgspec.json.encode(reply.data))


@dataclass(frozen=True, slots=True)
class _Wire:
    """How a client of a venue signs: `sign(now_ns, method, target, query, body)` and `login(now_ns)`."""

    host: str
    stream_host: str
    sign: Callable[[int, str, str, str, str], Headers]
    login: Callable[[int], Mapping[str, object]]


def _sign_blofin(now_ns: int, method: str, target: str, _query: str, body: str) -> Headers:
    at = str(now_ns // 1_000_000)
    return {
        "access-key": KEY,
        "access-passphrase": PASSPHRASE,
        "access-timestamp": at,
        "access-nonce": at,
        "access-sign": base64_of_hex(SECRET, target + method + at + at + body),
    }


def _log_in_blofin(now_ns: int) -> Mapping[str, object]:
    at = str(now_ns // 1_000_000)
    sign = base64_of_hex(SECRET, f"/users/self/verifyGET{at}n{at}")
    login = {"apiKey": KEY, "passphrase": PASSPHRASE, "timestamp": at, "nonce": f"n{at}", "sign": sign}
    return {"op": "login", "args": [login]}


def _sign_okx(now_ns: int, method: str, target: str, _query: str, body: str) -> Headers:
    at = datetime.fromtimestamp(now_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    return {
        "ok-access-key": KEY,
        "ok-access-passphrase": PASSPHRASE,
        "ok-access-timestamp": at,
        "ok-access-sign": base64_hmac(SECRET, at + method + target + body),
    }


def _log_in_okx(now_ns: int) -> Mapping[str, object]:
    at = str(now_ns // 1_000_000_000)
    sign = base64_hmac(SECRET, f"{at}GET/users/self/verify")
    return {
        "op": "login",
        "args": [{"apiKey": KEY, "passphrase": PASSPHRASE, "timestamp": at, "sign": sign}],
    }


def _sign_bybit(now_ns: int, _method: str, _target: str, query: str, body: str) -> Headers:
    at = str(now_ns // 1_000_000)
    return {
        "x-bapi-api-key": KEY,
        "x-bapi-timestamp": at,
        "x-bapi-recv-window": "5000",
        "x-bapi-sign": hex_hmac(SECRET, f"{at}{KEY}5000{query or body}"),
    }


def _log_in_bybit(now_ns: int) -> Mapping[str, object]:
    expires = now_ns // 1_000_000 + 10_000
    return {
        "req_id": "1",
        "op": "auth",
        "args": [KEY, str(expires), hex_hmac(SECRET, f"GET/realtime{expires}")],
    }


_WIRES = {
    "blofin_swap": _Wire("openapi.blofin.com", "openapi.blofin.com", _sign_blofin, _log_in_blofin),
    "okx_swap": _Wire("www.okx.com", "ws.okx.com", _sign_okx, _log_in_okx),
    "bybit_linear": _Wire("api.bybit.com", "stream.bybit.com", _sign_bybit, _log_in_bybit),
}
