"""A live session on the small exchange in virtual time, that may be killed at any step and comes back."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.errors import VenueDown
from tradewind.journal import Identity
from tradewind.live.accounts import AccountTerms
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing.clock import Process, VirtualLoop
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.testing.small_exchange import SmallExchange, SmallFeed, SmallGateway, Wire
from tradewind.venues.gateway import BarSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.engine.world import World
    from tradewind.live.opening import OpenSession
    from tradewind.ops.alerts import Alert
    from tradewind.venues.gateway import Event

__all__ = ["FOLDER", "SmallLive", "dropping_the_dead"]

FOLDER = Path("/journal/live")
_RESTART_S = 0.2
_MINUTE_S = MINUTE_NS / 1e9
_LIVES_MAX = 40
_JUST_AFTER_S = 1e-6


@contextmanager
def dropping_the_dead() -> Iterator[None]:
    """Let what a killed process leaves behind be dropped in silence: its coroutines never get to their ends."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was never awaited", RuntimeWarning)
        try:
            yield
        finally:
            gc.collect()
            sys.unraisablehook = before


class SmallLive:
    """A world in which one session trades `restless` for some bars, and everything that outlives its process.

    Parameters
    ----------
    bars
        How many bars the session decides on before it is asked to stop.
    seed
        Of the market and of what goes wrong.
    rules
        Times and policies.
    fence_ns
        The venue's fence, 0 for none.
    dies_at
        Steps of the loop, one for each life, at which it is killed.
    wire
        What goes wrong on the way.

    Attributes
    ----------
    alerts
        Everything a person was told, over all lives.
    steps, refused
        How many steps the last process took, and how many would not start because the account could not be read.
    """

    def __init__(
        self, bars: int = 12, seed: int = 1, rules: LiveRules | None = None, fence_ns: int = 6_000_000_000,
        dies_at: tuple[int, ...] = (), wire: Wire | None = None,
    ) -> None:  # fmt: skip
        self.loop = VirtualLoop(START_NS)
        self.disk = SimulatedDisk()
        self.random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self.wire = wire or Wire(self.random)
        self.bars = bars
        self.rules = rules or LiveRules(warm_bars=2, reconcile_ns=60_000_000_000)
        self.world: World = self.make_world()
        unit = float(self.world.views["unit"][0])
        dice = random.Random(seed)  # noqa: S311 - as above
        self.exchange = self.make_exchange(unit, MINUTE_NS, dice)
        self.alerts: list[Alert] = []
        self.steps = self.refused = 0
        self.lives = 0
        self.session: OpenSession | None = None
        self.venue: LiveVenue | None = None
        self.gateway: SmallGateway | None = None
        self._fence_ns = fence_ns
        self._dies_at = list(dies_at)

    def make_world(self) -> World:
        """Return what the session trades, as it is before anything happened."""
        return small_world()

    def make_exchange(self, unit: float, interval_ns: int, dice: random.Random) -> SmallExchange:
        """Return where it trades."""
        return SmallExchange(self.loop.now_ns, unit, interval_ns, dice)

    def run(self) -> None:
        """Live until the bars are over, coming back after each death."""
        self.loop.set_exception_handler(lambda loop, context: None)
        with dropping_the_dead():
            try:
                self.loop.run_until_complete(self._happen())
            finally:
                self.loop.close()

    async def _happen(self) -> None:
        market = asyncio.ensure_future(self._market())
        while await self._live_once():
            self.lives += 1
            assert self.lives < _LIVES_MAX, "the session never ends"
            await asyncio.sleep(_RESTART_S)
        market.cancel()

    async def _market(self) -> None:
        """Let a bar end at each full minute; the first were over before anybody came."""
        while True:
            self.exchange.live_bar()
            await asyncio.sleep((MINUTE_NS - self.loop.now_ns() % MINUTE_NS) / 1e9 + _JUST_AFTER_S)

    async def _live_once(self) -> bool:
        """Let one process live; say whether it was killed."""
        died = asyncio.Event()

        def die() -> None:
            self.disk.crash(self.random)
            died.set()

        process = Process("session", self._dies_at.pop(0) if self._dies_at else None, on_death=die)
        if self.lives == 0:
            await asyncio.sleep(3 * _MINUTE_S + 1.0)
        task = self.loop.start(process, self._session())
        ended = asyncio.ensure_future(died.wait())
        await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        self.steps = process.steps
        if process.alive and isinstance(task.exception(), VenueDown):
            self.refused += 1
            self.disk.crash(self.random)
            return True
        if process.alive:
            task.result()
        return not process.alive

    def open(self) -> OpenSession:
        """Open the journal, a fresh world and the venue."""
        self.world = self.make_world()
        gateway, feed = SmallGateway(self.exchange, self.wire, self.loop.now_ns), SmallFeed(self.exchange)

        def route(event: Event) -> None:
            (feed if isinstance(event, BarSeen) else gateway).hear(event)

        self.exchange.listen(route)
        self.gateway = gateway
        terms = AccountTerms("small", frozenset({0}), {"USDT": 0}, fence_ns=self._fence_ns)
        venue = LiveVenue(
            self.world, [(terms, gateway)], {0: feed}, self.rules, self.loop.now_ns, notify=self.alerts.append
        )
        place = Place(
            self.disk,
            FOLDER,
            Identity("live", ("small",)),
            self.loop.now_ns,
            "test",
            15_000,
            snapshot_every=5,
            known_end=0 if self.session is None else self.session.writer.durable_seq,
        )
        opened = open_session(place, self.world, venue, inside=venue.books)
        session = opened.session
        session.memory, session.waits = venue.books, True
        self.session, self.venue = opened, venue
        return opened

    async def _session(self) -> None:
        opened = self.open()
        assert self.venue is not None
        running = asyncio.ensure_future(opened.session.run())
        left_s = (self._end_ns - self.loop.now_ns()) / 1e9
        await asyncio.wait((running,), timeout=max(left_s, 1.0))
        if not running.done():
            await self.before_end()
            opened.session.stop()
        try:
            await running
        finally:
            await self.venue.close()
        opened.close(finished=False)

    async def before_end(self) -> None:
        """Do nothing: a place for what a test wants to do while everything still runs."""

    @property
    def _end_ns(self) -> int:
        """Well after the last bar, and before the next."""
        return START_NS + (self.bars + 3) * MINUTE_NS + 50_000_000_000

    def final(self) -> tuple[Any, ...]:
        """Return what both sides say of position and money at the end."""
        held = self.world.contexts["working"]["holding"]["pos_lot"][0] + self.world.views["external_lot"][0]
        theirs = self.exchange.positions[0]
        return int(held[0] - held[1]), int(theirs[0] - theirs[1])
