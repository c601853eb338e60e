"""Signals taken beside a session: the door is opened once the session acts, and closed with it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.errors import UsageError
from tradewind.journal import FileDisk
from tradewind.live.door import Door, bound_socket, tls_of
from tradewind.live.facts import Told, rows_of
from tradewind.live.intake import Intake, IntakeTerms, Value
from tradewind.live.nonces import Nonces
from tradewind.live.webhook import SignalDesk, WebhookServer
from tradewind.ops.alerts import Alert
from tradewind.units.enums import FactKind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tradewind.live.outside import Feature
    from tradewind.live.running import Running

__all__ = ["Refusals", "SignalSetup", "by_place", "take_signals"]

_MINUTE_NS = 60_000_000_000
_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class SignalSetup:
    """What a session takes from outside.

    Parameters
    ----------
    terms
        What is taken, and from whom.
    features
        Where each value stands in the core.
    door
        Where the session listens.
    notify
        Is told of what a person should know.
    count
        Is told each outcome: "taken", or the code of a refusal.
    """

    terms: IntakeTerms
    features: tuple[Feature, ...]
    door: Door
    notify: Callable[[Alert], None]
    count: Callable[[str], None] = lambda outcome: None


async def take_signals(setup: SignalSetup, running: Running) -> None:
    """Take signals until cancelled. What goes wrong here costs signals, never the session."""
    session = running.session

    def clock() -> int:
        return max(running.clock(), session.sequencer.standing.now_ns)

    async def keep(work: Callable[[], None]) -> None:
        await session.disk(work)

    # This is taken once the venue is open; before that a value would wait, and its sender with it.
    await session.post(rows_of([Told(FactKind.TIMER, clock(), clock())]))
    nonces = Nonces(FileDisk(), running.folder, setup.terms.window_ms, clock() // 1_000_000)
    refusals = Refusals(setup.notify, setup.count, running.clock)
    desk = SignalDesk(
        Intake(setup.terms, nonces), nonces, by_place(setup.features), post=session.post, keep=keep, clock=clock,
        counted=setup.count, refused=refusals.take,
    )  # fmt: skip
    server = WebhookServer(desk, setup.terms.max_body_bytes, setup.terms.per_minute)
    try:
        tls = tls_of(setup.door)
        await server.open(await _bound(setup, running.clock), tls)
        while True:
            await asyncio.sleep(_RETRY_S)
            refusals.tell()
    finally:
        await server.close()
        nonces.close()


async def _bound(setup: SignalSetup, clock: Callable[[], int]) -> socket.socket:
    """Return the socket of the door as soon as it can be had; until then the session trades without it."""
    told = False
    while True:
        try:
            return bound_socket(setup.door)
        except UsageError as error:
            if not told:
                setup.notify(Alert("SIGNALS_CLOSED", error.message, clock()))
            told = True
        await asyncio.sleep(_RETRY_S)


def by_place(features: tuple[Feature, ...]) -> dict[str, tuple[Feature, ...]]:
    """Return where each value stands, by what `Value.place` says of it."""
    found: dict[str, tuple[Feature, ...]] = defaultdict(tuple)
    for feature in features:
        found[Value(feature.name, feature.symbol, 0.0).place] += (feature,)
    return dict(found)


@dataclass(slots=True)
class Refusals:
    """Tells of refusals: each code at once, then once a minute with how many there were.

    Whoever knocks without a key must not be able to fill the disk or a person's telephone.

    Parameters
    ----------
    notify, count
        Is told of them, and of each one's code.
    clock
        Our time, nanoseconds UTC.
    """

    notify: Callable[[Alert], None]
    count: Callable[[str], None]
    clock: Callable[[], int]
    _told_ns: dict[str, int] = field(default_factory=dict)
    _untold: Counter[str] = field(default_factory=Counter)
    _who: dict[str, str] = field(default_factory=dict)

    def take(self, code: str, who: str) -> None:
        """Count a refusal."""
        self.count(code)
        self._untold[code] += 1
        self._who[code] = who
        self.tell()

    def tell(self) -> None:
        """Tell of codes that were not told within the last minute."""
        now_ns = self.clock()
        for code in [c for c in self._untold if now_ns - self._told_ns.get(c, 0) >= _MINUTE_NS]:
            many, who = self._untold.pop(code), self._who[code]
            self._told_ns[code] = now_ns
            fields = {"actor": who, "code": code, "count": many}
            self.notify(Alert("SIGNAL_REFUSED", f"{code}: {many} from {who}", now_ns, fields=fields))
