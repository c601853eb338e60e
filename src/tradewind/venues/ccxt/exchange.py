"""How an unmodified ccxt object is built: its own addresses, our session below them, our ears beside its own.

ccxt signs, maps errors to classes and keeps sockets. It does not pace requests (`enableRateLimit` is off: the
budget is ours), does not repeat them (`maxRetriesOnFailure` 0) and does not own the session, so that the same
object runs over real sockets, over a loopback with a private CA, or over memory in virtual time. The addresses
stay the venue's own, because ccxt picks Binance's table of errors by the prefix of the address.
"""

from __future__ import annotations

import asyncio
import functools
import math
import socket
import ssl
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver, ResolveResult
from ccxt.async_support.base.ws.client import Client
from ccxt.base.errors import NetworkError

from tradewind.errors import UsageError
from tradewind.venues.gateway import AccountMode
from tradewind.venues.keys.redact import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tradewind.venues.keys.entries import AccountKeys

__all__ = [
    "CLIENTS",
    "ClientSpec",
    "EgressResolver",
    "StreamGuard",
    "build_exchange",
    "guard_streams",
    "open_session",
    "redact",
    "tap_messages",
]

REQUEST_TIMEOUT_MS = 10_000
LOOKUP_S = 5.0
"""A name is waited for that long, which leaves a request half of its time."""
KEEP_ALIVE_MS = 10_000
"""A ping this often: the watchdog sees a dead connection by the silence that follows."""
_SHORT_CACHES = {"ordersLimit": 32, "tradesLimit": 32}
"""What ccxt keeps of an account is read by nobody: a thousand rows of each kind, as it would, are megabytes for each
account that fill for days, and all of them are searched, copied and sorted again at each change of an order."""


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """What ccxt is told about one venue.

    Parameters
    ----------
    ccxt_id
        Name of the class in `ccxt.pro`.
    hosts, demo_hosts
        Every host that may be spoken to; any other is refused before a connection is made.
    options
        `options` of the ccxt object: what `load_markets` fetches, which market a call without a symbol means.
    demo
        How ccxt is pointed at practice money: "sandbox" (`set_sandbox_mode`), "demo" (`enable_demo_trading`),
        "" where the venue has none.
    unsent
        Headers of ccxt's own that are not sent: the mark of a broker.
    market_params
        What `load_markets` is told: what it need not ask with a key.
    wallet
        A key is the address of an account and the private key of a wallet that may trade for it.
    """

    ccxt_id: str
    hosts: frozenset[str]
    demo_hosts: frozenset[str]
    options: Mapping[str, object]
    demo: str
    unsent: frozenset[str] = frozenset()
    market_params: Mapping[str, object] = field(default_factory=dict)
    wallet: bool = False

    def hosts_for(self, mode: AccountMode) -> frozenset[str]:
        """Return the hosts that a key of real or of practice money may be shown to.

        Raises UsageError (KEY_MODE_MISMATCH) where there is no practice money.
        """
        if mode is not AccountMode.DEMO:
            return self.hosts
        if not self.demo:
            raise self.no_practice()
        return self.demo_hosts

    def no_practice(self) -> UsageError:
        """Return that there is no practice money, and what follows."""
        text = f"{self.ccxt_id} has no practice money that a key could reach: it cannot be tried there,"
        return UsageError(
            "KEY_MODE_MISMATCH",
            f"{text} so that real money stays refused as well.",
            hint="trade it on paper, or at a venue that has practice money",
        )


_QUIET: dict[str, object] = {
    "fetchCurrencies": False,
    "fetchMargins": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
    "watchBalance": {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False},
}
"""Nothing is fetched that was not asked for: snapshots are ours, at the time we choose."""


def _options(**own: object) -> dict[str, object]:
    return {**_QUIET, **own}


CLIENTS: dict[str, ClientSpec] = {
    "binance_usdm": ClientSpec(
        "binanceusdm",
        frozenset({"fapi.binance.com", "fstream.binance.com", "api.binance.com"}),
        frozenset({"demo-fapi.binance.com", "fstream.binancefuture.com"}),
        _options(defaultType="swap", defaultSubType="linear"),
        "demo",
    ),
    "bybit_linear": ClientSpec(
        "bybit",
        frozenset({"api.bybit.com", "stream.bybit.com"}),
        frozenset({"api-demo.bybit.com", "stream-demo.bybit.com", "stream.bybit.com"}),
        _options(
            defaultType="swap",
            defaultSubType="linear",
            fetchMarkets={"types": ["linear"], "usePrivateInstrumentsInfo": False},
            enableUnifiedMargin=False,
            enableUnifiedAccount=True,
            unifiedMarginStatus=5,
            brokerId="",
        ),
        "demo",
    ),
    "okx_swap": ClientSpec(
        "okx",
        frozenset({"www.okx.com", "ws.okx.com"}),
        frozenset({"www.okx.com", "wspap.okx.com"}),
        _options(defaultType="swap", fetchMarkets={"types": ["swap"]}, brokerId="", checksum=True),
        "sandbox",
    ),
    "blofin_swap": ClientSpec(
        "blofin",
        frozenset({"openapi.blofin.com"}),
        frozenset({"demo-trading-openapi.blofin.com"}),
        _options(defaultType="swap", brokerId=""),
        "sandbox",
    ),
    "binance_spot": ClientSpec(
        "binance",
        frozenset({"api.binance.com", "stream.binance.com", "ws-api.binance.com"}),
        frozenset({"demo-api.binance.com", "demo-stream.binance.com", "demo-ws-api.binance.com"}),
        _options(defaultType="spot", fetchMarkets={"types": ["spot"]}),
        "demo",
    ),
    "bybit_spot": ClientSpec(
        "bybit",
        frozenset({"api.bybit.com", "stream.bybit.com"}),
        frozenset({"api-demo.bybit.com", "stream-demo.bybit.com", "stream.bybit.com"}),
        _options(
            defaultType="spot",
            fetchMarkets={"types": ["spot"], "usePrivateInstrumentsInfo": False},
            enableUnifiedMargin=False,
            enableUnifiedAccount=True,
            unifiedMarginStatus=5,
            brokerId="",
        ),
        "demo",
    ),
    "okx_spot": ClientSpec(
        "okx",
        frozenset({"www.okx.com", "ws.okx.com"}),
        frozenset({"www.okx.com", "wspap.okx.com"}),
        _options(defaultType="spot", fetchMarkets={"types": ["spot"]}, brokerId="", checksum=True),
        "sandbox",
    ),
    "bitget_swap": ClientSpec(
        "bitget",
        frozenset({"api.bitget.com", "ws.bitget.com"}),
        frozenset({"api.bitget.com", "wspap.bitget.com"}),
        _options(
            defaultType="swap",
            defaultSubType="linear",
            fetchMarkets={"types": ["swap"], "uta": False},
            uta=False,
            broker="",
            timeDifference=0,
        ),
        "sandbox",
    ),
    "kucoin": ClientSpec(
        "kucoinfutures",
        frozenset(
            {
                "api-futures.kucoin.com",
                "api.kucoin.com",
                "ws-api-futures.kucoin.com",
                "ws-api-spot.kucoin.com",
            }
        ),
        frozenset(),
        _options(defaultType="swap", uta=False, hf=False, partner=None),
        "",
        market_params={"marginables": False},
    ),
    "gate_swap": ClientSpec(
        "gate",
        frozenset({"api.gateio.ws", "fx-ws.gateio.ws"}),
        frozenset({"api-testnet.gateapi.io", "ws-testnet.gate.com"}),
        _options(defaultType="swap", fetchMarkets={"types": ["swap"]}, unifiedAccount=False),
        "sandbox",
        frozenset({"X-Gate-Channel-Id"}),
    ),
    "hyperliquid": ClientSpec(
        "hyperliquid",
        frozenset({"api.hyperliquid.xyz"}),
        frozenset({"api.hyperliquid-testnet.xyz"}),
        _options(defaultType="swap", fetchMarkets={"types": ["swap"]}, builderFee=False),
        "sandbox",
        wallet=True,
    ),
}
"""The venues that can be traded, by our names for them. Hosts and switches as ccxt 4.5.90 writes them."""


# ---------------------------------------------------------------------- the way out


class EgressResolver(AbstractResolver):
    """Looks up allowed hosts only, so that nothing can be sent anywhere else.

    Parameters
    ----------
    allowed
        Hosts of the venue.
    addresses
        Where a host is really found, by name: a fake exchange on loopback as (address, port). A host that is not
        in it is looked up as usual.
    system
        Looks the others up; None: the machine's own resolver.
    patience_s
        So long it is waited for. A name that is not found by then counts as one that cannot be found: without it a
        resolver that hangs would look like a venue that is silent, though nothing has been sent.
    """

    def __init__(
        self,
        allowed: Iterable[str],
        addresses: Mapping[str, tuple[str, int]] | None = None,
        *,
        system: AbstractResolver | None = None,
        patience_s: float = LOOKUP_S,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._addresses = dict(addresses or {})
        self._system = system
        self._patience_s = patience_s

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a host is. Raises OSError for a host that is not the venue's."""
        if host not in self._allowed:
            raise OSError(None, f"{host} is not a host of this venue: nothing is sent there")
        if host not in self._addresses:
            if self._system is None:
                self._system = aiohttp.ThreadedResolver()
            return await self._looked_up(self._system, host, port, family)
        address, real_port = self._addresses[host]
        return [
            ResolveResult(
                hostname=host, host=address, port=real_port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def _looked_up(
        self, system: AbstractResolver, host: str, port: int, family: socket.AddressFamily
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._patience_s):
                return await system.resolve(host, port, family)
        except TimeoutError:
            text = f"{host} was not looked up in {self._patience_s:g} s"
            raise OSError(socket.EAI_AGAIN, text) from None

    async def close(self) -> None:
        """Let go of the system's resolver."""
        if self._system is not None:
            await self._system.close()


def open_session(
    hosts: Iterable[str],
    *,
    addresses: Mapping[str, tuple[str, int]] | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> aiohttp.ClientSession:
    """Return a session that reaches these hosts and no others; whoever opens it closes it.

    No proxy is taken from the environment, since it would see the address of every request. `addresses` and
    `ssl_context` point at a fake exchange on loopback with a CA of its own.
    """
    connector = aiohttp.TCPConnector(
        resolver=EgressResolver(hosts, addresses), ssl=True if ssl_context is None else ssl_context
    )
    return aiohttp.ClientSession(connector=connector, trust_env=False)


# ---------------------------------------------------------------------- the object


def build_exchange(
    spec: ClientSpec,
    session: aiohttp.ClientSession,
    *,
    keys: AccountKeys | None = None,
    mode: AccountMode = AccountMode.LIVE,
    options: Mapping[str, object] | None = None,
) -> Any:  # noqa: ANN401 - ccxt ships no types
    """Return a ccxt.pro object that speaks through `session`; close it, then the session.

    Without keys it cannot sign. Raises UsageError (KEY_MODE_MISMATCH) where practice money is asked of a
    venue that has none.
    """
    settings: dict[str, object] = {
        "session": session,
        "asyncio_loop": asyncio.get_running_loop(),
        "enableRateLimit": False,
        "timeout": REQUEST_TIMEOUT_MS,
        "has": {"fetchCurrencies": False},
        "ssl_context": _trusted(),
        "options": {**spec.options, **_SHORT_CACHES, **(options or {}), "maxRetriesOnFailure": 0},
    }
    if keys is not None:
        settings |= {
            "walletAddress" if spec.wallet else "apiKey": keys.api_key.reveal(),
            "privateKey" if spec.wallet else "secret": keys.secret.reveal(),
            "password": keys.passphrase.reveal(),
        }
    exchange = getattr(ccxt.pro, spec.ccxt_id)(settings)
    # Whether a connection is dead is seen by its silence (`quiet`): ccxt would compare clocks of the day.
    exchange.streaming = {**exchange.streaming, "keepAlive": KEEP_ALIVE_MS, "maxPingPongMisses": math.inf}
    if spec.market_params:
        exchange.load_markets = functools.partial(exchange.load_markets, params=dict(spec.market_params))
    if spec.unsent:
        exchange.headers = {name: word for name, word in exchange.headers.items() if name not in spec.unsent}
    if mode is AccountMode.DEMO:
        _use_practice_money(exchange, spec)
    return exchange


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return whom to trust, read once: ccxt reads it for each object, 30 ms each time, and leaves it to the session."""
    return ssl.create_default_context()


def _use_practice_money(exchange: Any, spec: ClientSpec) -> None:  # noqa: ANN401
    if spec.demo == "sandbox":
        exchange.set_sandbox_mode(True)
    elif spec.demo == "demo":
        exchange.enable_demo_trading(True)
    else:
        raise spec.no_practice()


# ---------------------------------------------------------------------- our ears


def tap_messages(
    exchange: Any,  # noqa: ANN401
    hear: Callable[[Client, object], None],
    failed: Callable[[Client, Exception], None],
) -> None:
    """Let `hear(client, message)` see every WebSocket message, decoded, in order, before ccxt does.

    What ccxt then makes of it is its own affair: its caches are not used. An error in either is handed to
    `failed` and does not end the receive loop, which it otherwise would, silently. Call it before the first
    `watch_…`: ccxt binds its handler when a connection is made.
    """
    own: Callable[[Client, object], None] = exchange.handle_message

    def handle(client: Client, message: object) -> None:
        try:
            hear(client, message)
            own(client, message)
        except Exception as error:  # noqa: BLE001 - whatever a message did, the loop must go on receiving
            failed(client, error)

    exchange.handle_message = handle


class StreamGuard:
    """Handler of exceptions that reach the event loop: one that killed a receive loop closes its connection.

    ccxt.pro handles a message inside a callback. An exception there ends the loop that receives, while the
    socket stays open and every later watch hangs; nobody is told but the event loop.
    """

    def __init__(
        self, previous: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> None:
        self.caught = 0
        self._previous = previous

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Close the connection whose handler failed; hand everything else on."""
        error = context.get("exception")
        client = _client_of(error) if isinstance(error, Exception) else None
        if client is not None:
            self.caught += 1
            client.on_error(NetworkError(f"a message could not be handled: {type(error).__name__}"))
        elif self._previous is not None:
            self._previous(loop, context)
        else:
            loop.default_exception_handler(context)


def guard_streams(loop: asyncio.AbstractEventLoop) -> StreamGuard:
    """Install a `StreamGuard` before what handles the loop's exceptions now; the same one if called again."""
    current = loop.get_exception_handler()
    if isinstance(current, StreamGuard):
        return current
    guard = StreamGuard(current)
    loop.set_exception_handler(guard)
    return guard


def _client_of(error: Exception) -> Client | None:
    """Return the connection in whose handler an exception arose."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        if isinstance(owner, Client) and frame.f_code.co_name in ("handle_message", "receive_loop"):
            return owner
    return None


_TEXT_MAX = 400


def redact(said: object) -> str:
    """Return what an exception says on one line, without secrets, cut at 400 signs."""
    text = " ".join(clean(str(said)).split())
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
