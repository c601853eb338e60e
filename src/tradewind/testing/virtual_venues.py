"""A world in virtual time: fake exchanges, a network in memory, and unmodified ccxt.pro objects that trade there.

`run_world` makes it, runs a coroutine in it and takes it down again. The clock of the whole process (`time.time`
and its like, also where a library bound them when it was imported) is the loop's for that time, and `random` is
seeded; so the same seed gives the same trace, on any machine.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import inspect
import random
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import ccxt.pro

from tradewind.testing.clock import Process, VirtualLoop, current_process
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.listings import habits_of, listed
from tradewind.venues.fake.memory import MemoryConnector, MemoryNetwork
from tradewind.venues.fake.server import FakeServer
from tradewind.venues.fake.spoken import protocol_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.misfortunes import Misfortunes

__all__ = ["START_NS", "Login", "Trace", "VirtualWorld", "login_of", "run_world", "virtual_time"]

START_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC."""

_MACHINE = "10.0.0.1"
"""The address from which everything in a virtual world asks."""
_LIBRARIES = ("ccxt", "aiohttp", "tradewind")


@dataclass(frozen=True, slots=True)
class Login:
    """An account that exists at every venue of a world, and what signs for it."""

    name: str = "main"
    api_key: str = "key-of-main"
    secret: str = field(default="secret-of-main", repr=False)
    passphrase: str = field(default="phrase-of-main", repr=False)
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000)})
    permissions: frozenset[str] = frozenset({"read", "trade"})
    ips: tuple[str, ...] = ()


def login_of(name: str) -> Login:
    """Return what signs for an account of a name, from the address of the virtual machine alone."""
    return Login(name, f"key-of-{name}", f"secret-of-{name}", f"phrase-of-{name}", ips=(_MACHINE,))


class Trace:
    """What the venues were asked and answered and when, as a hash that grows, and its last lines.

    Parameters
    ----------
    keep
        How many lines are kept to be shown.
    """

    def __init__(self, keep: int = 200) -> None:
        self._hash = hashlib.sha256()
        self._keep = keep
        self.lines: list[str] = []
        self.count = 0

    def note(self, now_ns: int, line: str) -> None:
        """Add a line."""
        text = f"{now_ns} {line}"
        self._hash.update(text.encode())
        self.count += 1
        self.lines.append(text[:400])
        if len(self.lines) > 2 * self._keep:
            del self.lines[: self._keep]

    @property
    def digest(self) -> str:
        """Return the hash of everything noted."""
        return self._hash.hexdigest()


class VirtualWorld:
    """Fake exchanges in one virtual loop.

    Parameters
    ----------
    loop, seed
        Everything that is drawn is drawn from the seed.
    venues
        Their names, as in `FAKE_VENUES`.
    logins
        The accounts, opened at each venue.
    misfortunes
        A plan for each venue by name.
    latency_s
        Least and most seconds of one way through the network.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        venues: tuple[str, ...],
        logins: tuple[Login, ...] = (Login(),),
        misfortunes: Mapping[str, Misfortunes] | None = None,
        latency_s: tuple[float, float] = (0.002, 0.020),
    ) -> None:
        self.loop = loop
        self.seed = seed
        self.trace = Trace()
        self.logins = {login.name: login for login in logins}
        self.exchanges = {
            venue: FakeExchange(
                listed(venue),
                seed=seed,
                clock=loop.now_ns,
                misfortunes=(misfortunes or {}).get(venue),
                habits=habits_of(venue),
            )
            for venue in venues
        }
        for exchange in self.exchanges.values():
            for login in logins:
                _open(exchange, login)
        self.network = MemoryNetwork(seed, latency_s, current_owner=current_process)
        self.server = FakeServer(
            [protocol_of(venue, exchange) for venue, exchange in self.exchanges.items()],
            observe=lambda line: self.trace.note(loop.now_ns(), line),
        )
        self._closing: list[Callable[[], Awaitable[object]]] = []
        self._works: list[tuple[Process, Coroutine[Any, Any, object]]] = []

    async def start(self) -> None:
        """Open the venues."""
        self.network.serve(self.server.hosts, self.server.start())
        self.network.on_dial = lambda dial: self.server.dial_failure(
            dial.host, dial.method, dial.path, stream=dial.stream
        )

    async def stop(self) -> None:
        """Close every client and every venue."""
        for process, _ in self._works:
            process.spare()
        for close in reversed(self._closing):
            await close()
        await self.server.stop()
        for _, work in self._works:
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()

    def forget(self) -> None:
        """Let go of the processes that ran; call it when nothing runs any more."""
        self._works.clear()
        self._closing.clear()

    def account(self, venue: str, name: str = "main") -> FakeAccount:
        """Return an account as its venue keeps it."""
        account = self.exchanges[venue].account(self.logins[name].api_key)
        assert account is not None
        return account

    def session(self) -> aiohttp.ClientSession:
        """Return a session that reaches the venues of this world; the world closes it at its end."""
        connector = MemoryConnector(self.network)
        session = aiohttp.ClientSession(connector=connector)
        owner = current_process()

        async def close() -> None:
            if owner is None or owner.alive:
                await session.close()
            else:
                connector.abandon()
                session.detach()

        self._closing.append(close)
        return session

    def client(self, venue: str, account: str = "main", **config: object) -> Any:  # noqa: ANN401 - ccxt is untyped
        """Return an unmodified ccxt.pro object that trades an account; the world closes it at its end."""
        login, spec = self.logins[account], _CLIENTS[venue]
        options = {"fetchCurrencies": False, "fetchMargins": False, **spec.options}
        made = getattr(ccxt.pro, spec.name)(
            {
                "apiKey": login.api_key,
                "secret": login.secret,
                "password": login.passphrase,
                "session": self.session(),
                "enableRateLimit": False,
                # There is no TLS in memory; to read certificates would cost each client 20 ms.
                "verify": False,
                "asyncio_loop": self.loop,
                **config,
                "options": options | dict(config.get("options") or {}),  # type: ignore[call-overload]
            }
        )
        owner = current_process()

        async def close() -> None:
            if owner is None or owner.alive:
                await made.close()
            else:
                made.session = None

        self._closing.append(close)
        return made

    def start_process(
        self, name: str, work: Coroutine[Any, Any, object], dies_at_step: int | None = None
    ) -> tuple[Process, asyncio.Task[object]]:
        """Run `work` as a process of its own: killed at a step, its connections end with it."""
        process = Process(name, dies_at_step, on_death=lambda: self.network.bury(process))
        self._works.append((process, work))
        return process, self.loop.start(process, work)


@dataclass(frozen=True, slots=True)
class _Client:
    name: str
    options: Mapping[str, object] = field(default_factory=dict)


_CLIENTS = {
    "binance_usdm": _Client("binanceusdm"),
    "bybit_linear": _Client("bybit", {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}}),
    "okx_swap": _Client("okx", {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}}),
    "blofin_swap": _Client("blofin", {"defaultType": "swap"}),
}


def _open(exchange: FakeExchange, login: Login) -> None:
    exchange.open_account(
        login.name,
        api_key=login.api_key,
        secret=login.secret,
        passphrase=login.passphrase,
        balances=dict(login.balances),
        permissions=login.permissions,
        ips=login.ips,
    )


def run_world(
    work: Callable[[VirtualWorld], Coroutine[Any, Any, Any]],
    *,
    seed: int,
    venues: tuple[str, ...] = ("binance_usdm",),
    start_ns: int = START_NS,
    **more: Any,  # noqa: ANN401 - as of VirtualWorld
) -> Any:  # noqa: ANN401 - what the work returns
    """Make a world, run `work(world)` in it, take it down; return what the work returns.

    `more`: logins, misfortunes and latency_s, as in `VirtualWorld`.
    """
    loop = VirtualLoop(start_ns)
    with virtual_time(loop), _seeded(seed), warnings.catch_warnings():
        # A process that dies leaves coroutines that were never begun; they are found when memory is tidied.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        try:
            return loop.run_until_complete(_lived(loop, work, seed, venues, more))
        finally:
            loop.close()
            gc.collect(1)


async def _lived(
    loop: VirtualLoop,
    work: Callable[[VirtualWorld], Coroutine[Any, Any, Any]],
    seed: int,
    venues: tuple[str, ...],
    more: Mapping[str, Any],
) -> Any:  # noqa: ANN401 - what the work returns
    world = VirtualWorld(loop, seed, venues, **more)
    await world.start()
    try:
        return await work(world)
    finally:
        await world.stop()
        await _end_the_rest()


async def _end_the_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    # What a dead process left behind never ends: nothing of it runs any more.
    if rest:
        await asyncio.wait(rest, timeout=60.0)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def virtual_time(loop: VirtualLoop) -> Iterator[None]:
    """Let the process's clock be that of a loop, also where ccxt, aiohttp or we bound it at import."""
    real = {name: getattr(time, name) for name in ("time", "time_ns", "monotonic", "monotonic_ns")}
    virtual: dict[str, Callable[[], float]] = {
        "time": lambda: loop.local_ns() / 1e9,
        "time_ns": loop.local_ns,
        "monotonic": loop.time,
        "monotonic_ns": lambda: int(loop.time() * 1e9),
    }
    _exchange_clocks(real, virtual)
    try:
        yield
    finally:
        # Looked for again: what was imported meanwhile has bound the virtual clock.
        _exchange_clocks(virtual, real)


def _exchange_clocks(old: Mapping[str, Callable[[], float]], new: Mapping[str, Callable[[], float]]) -> None:
    """Put new clocks where the old ones are, under whatever name a module keeps them."""
    by_id = {id(clock): name for name, clock in old.items()}
    places = [vars(time)] + [
        vars(module) for key, module in list(sys.modules.items()) if key.partition(".")[0] in _LIBRARIES
    ]
    for place in places:
        for attribute, value in list(place.items()):
            if id(value) in by_id and callable(value):
                place[attribute] = new[by_id[id(value)]]
