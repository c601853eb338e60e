"""A live session over ccxt at a fake exchange in virtual time: the real gateway and feed, killed where one likes."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import VenueError
from tradewind.journal import Identity
from tradewind.live.accounts import AccountTerms
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, restless
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.gateway import Listing, StreamKind
from tradewind.venues.keys import AccountKeys, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.live.opening import OpenSession
    from tradewind.market import Instrument
    from tradewind.ops.alerts import Alert
    from tradewind.venues.fake.misfortunes import Misfortunes

__all__ = ["FOLDER", "VenueLife", "live_at"]

FOLDER = Path("/journal/venue")
_CLOCK_SKEW_NS = 2_000_000_000
_RESTART_S = 0.2
_LIVES_MAX = 30
_HANGS_NS = 600_000_000_000


@dataclass(slots=True)
class VenueLife:
    """A life at one venue, and what outlives its processes.

    Parameters
    ----------
    venue, minutes, seed, dies_at, rules
        Where, for how long, with which market, at which step of the loop each life ends, and the session's rules.
    at_end
        Called while everything still runs, well after the last bar.

    Attributes
    ----------
    alerts
        What a person was told, over all lives.
    lives, refused, steps
        Deaths, starts that were refused, and the steps of the last process.
    world
        What the last process believed.
    live_venue, opened
        Its venue and its session.
    dropped
        What its gateway dropped, by reason.
    """

    venue: str
    minutes: float
    seed: int = 1
    dies_at: list[int] = field(default_factory=list)
    rules: LiveRules = field(default_factory=lambda: LiveRules(warm_bars=2, reconcile_ns=60_000_000_000))
    at_end: Callable[[VenueLife, VirtualWorld], None] = lambda life, world: None
    disk: SimulatedDisk = field(default_factory=SimulatedDisk)
    alerts: list[Alert] = field(default_factory=list)
    lives: int = 0
    refused: int = 0
    steps: int = 0
    world: World = field(init=False)
    live_venue: LiveVenue = field(init=False)
    opened: OpenSession = field(init=False)
    dropped: dict[str, int] = field(default_factory=dict)

    def fresh_world(self, instrument: Instrument) -> World:
        """Return a world in which `restless` trades an instrument."""
        params = np.zeros(PARAMS)
        params[:2] = _lots_of(instrument), float(self.seed)
        setup = InstrumentSetup(
            instrument,
            leverage=5.0,
            amends=dialect_of(self.venue).amend is not None,
            highest_price=1e7,
        )
        return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(restless, [0], params)])

    async def live(self, world: VirtualWorld) -> None:
        """Live until the minutes are over, coming back after each death."""
        end_ns = START_NS + int(self.minutes * MINUTE_NS) + 50_000_000_000
        world.loop.set_exception_handler(lambda loop, context: None)
        while await self._live_once(world, end_ns):
            self.lives += 1
            assert self.lives < _LIVES_MAX, "the session never ends"
            await asyncio.sleep(_RESTART_S)

    async def _live_once(self, world: VirtualWorld, end_ns: int) -> bool:
        """Let one process live; say whether it died before the end."""
        step = self.dies_at.pop(0) if self.dies_at else None
        process, task = world.start_process("session", self._session(world, end_ns), step)
        while process.alive and not task.done():
            await asyncio.wait((task,), timeout=0.05)
            assert world.loop.now_ns() < end_ns + _HANGS_NS, f"the session hangs: {task.get_stack()}"
        self.steps = process.steps
        if not process.alive:
            self.disk.crash(random.Random(self.seed))  # noqa: S311 - dice, not secrets
            return True
        error = task.exception()
        if isinstance(error, VenueError):
            self.refused += 1
            self.disk.crash(random.Random(self.seed))  # noqa: S311 - dice, not secrets
            return True
        task.result()
        return False

    async def _session(self, world: VirtualWorld, end_ns: int) -> None:
        opened, gateway = self._open(world)
        running = asyncio.ensure_future(opened.session.run())
        await asyncio.wait((running,), timeout=max(1.0, (end_ns - world.loop.now_ns()) / 1e9))
        if not running.done():
            self.at_end(self, world)
            opened.session.stop()
        try:
            await running
        finally:
            self.dropped = dict(gateway.dropped)
            await self.live_venue.close()
        opened.close(finished=False)

    def _open(self, world: VirtualWorld) -> tuple[OpenSession, CcxtTradingGateway]:
        instrument = next(iter(world.exchanges[self.venue].instruments.values()))
        listing, login = Listing(0, instrument), world.logins["main"]
        keys = AccountKeys(
            "main", self.venue, False, Secret(login.api_key), Secret(login.secret), Secret(login.passphrase)
        )
        dice = random.Random(self.seed)  # noqa: S311 - dice, not secrets
        gateway = CcxtTradingGateway(
            TradingSettings(self.venue, "VENLIV"), [listing], world.session(), keys,
            now_ns=world.loop.now_ns, chance=dice,
        )  # fmt: skip
        feed = CcxtMarketFeed(
            self.venue, build_exchange(CLIENTS[self.venue], world.session()), [listing],
            kinds=frozenset({StreamKind.BARS, StreamKind.MARK}), intervals_ns=(MINUTE_NS,),
            now_ns=world.loop.now_ns, rng=dice,
        )  # fmt: skip
        window_ms = dialect_of(self.venue).receive_window_ms
        fence_ns = window_ms * 1_000_000 + _CLOCK_SKEW_NS if window_ms else 0
        terms = AccountTerms("main", frozenset({0}), {"USDT": 0}, fence_ns=fence_ns)
        self.world = self.fresh_world(instrument)
        self.live_venue = LiveVenue(
            self.world,
            [(terms, gateway)],
            {0: feed},
            self.rules,
            world.loop.now_ns,
            notify=self.alerts.append,
        )
        place = Place(self.disk, FOLDER, Identity("live", (self.venue,)), world.loop.now_ns, "test")
        self.opened = open_session(place, self.world, self.live_venue, inside=self.live_venue.books)
        session = self.opened.session
        session.memory, session.waits = self.live_venue.books, True
        return self.opened, gateway


def _lots_of(instrument: Instrument) -> float:
    """Return a quantity that every venue takes: several times its smallest order, some hundred dollars at least."""
    smallest = max(int(instrument.min_qty / instrument.lot_size), 1)
    return float(20 * smallest)


def live_at(life: VenueLife, misfortunes: Misfortunes | None = None) -> Any:  # noqa: ANN401 - what `at_end` left
    """Run a life in a world of its own."""
    plan = {} if misfortunes is None else {life.venue: misfortunes}
    with dropping_the_dead():
        return run_world(life.live, seed=life.seed, venues=(life.venue,), misfortunes=plan)
