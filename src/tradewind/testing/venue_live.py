"""A live session over ccxt at a fake exchange in virtual time: the real gateway and feed, killed where one likes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import TradewindError, VenueError
from tradewind.journal import Identity
from tradewind.live.opening import Place, open_session
from tradewind.live.session import SNAPSHOT_EVERY, at_once
from tradewind.live.venue import LiveRules
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.paper_record import PaperRecord
from tradewind.testing.sessions import MINUTE_NS, drifting, restless
from tradewind.testing.small_live import dropping_the_dead
from tradewind.testing.venue_reach import FOLDER, Berth, Traded, reach_live, reach_paper, traded_at
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.enums import LONG, SHORT, Protection
from tradewind.units.records import PARAMS
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tradewind.journal.bodies import Boot
    from tradewind.live.opening import OpenSession
    from tradewind.live.session import DiskPort
    from tradewind.live.streaming import MarketSource
    from tradewind.market import Instrument
    from tradewind.ops.alerts import Alert
    from tradewind.testing.clock import Process
    from tradewind.testing.paper_record import WatchedExchange
    from tradewind.venues.ccxt.trading import CcxtTradingGateway
    from tradewind.venues.fake.misfortunes import Misfortunes

__all__ = ["FOLDER", "TAG", "VenueLife", "drifting_world", "live_at", "restless_world"]

TAG = "VENLIV"
"""What tells the orders of such a session from any others."""
_S = 1_000_000_000
_RESTART_S = 0.2
_LIVES_MAX = 30
_HANGS_NS = 600_000_000_000
_BACKOFF_MAX_S = 10.0


def restless_world(instrument: Instrument, seed: int, *, amends: bool) -> World:
    """Return a world in which `restless` trades an instrument."""
    params = np.zeros(PARAMS)
    params[:2] = _lots_of(instrument), float(seed)
    setup = InstrumentSetup(instrument, leverage=5.0, amends=amends, highest_price=1e7)
    return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(restless, [0], params)])


def drifting_world(instrument: Instrument, seed: int, *, amends: bool) -> World:
    """Return a world in which `drifting` trades an instrument within a limit, protected by stops that rest."""
    params = np.zeros(PARAMS)
    params[:2] = _lots_of(instrument), float(seed)
    most = float(instrument.lot_size) * 8.0 * params[0]
    setup = InstrumentSetup(
        instrument, leverage=5.0, amends=amends, highest_price=1e7, position_limit_qty=most
    )
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.01, trailing=0.02)
    strategy = StrategySetup(drifting, [0], params, exits=exits)
    return World([WalletSetup("USDT", 10_000.0)], [setup], [strategy])


@dataclass(slots=True)
class VenueLife:
    """A life at one venue, and what outlives its processes.

    Parameters
    ----------
    venue, minutes, seed, dies_at, rules
        Where, for how long, with which market, at which step of the loop each life ends, and the session's rules.
    at_end
        Called while everything still runs, well after the last bar.
    make_world
        Makes the world of one process: (instrument, seed, amends=).
    terms, settings
        Fields of `AccountTerms` and of `TradingSettings` that are other than usual.
    kinds
        What the feed listens for.
    tag
        What tells this session's orders from others'.
    disk_port
        Makes how the journal is synced in one process; None: at once.
    on_open
        Called in each process once its session is open, before it runs.
    supervised
        Whether somebody starts a process again that ended by whatever error, or early; he waits a little longer
        each time. Else only what a venue refused is tried again.
    snapshot_every
        Bars between two snapshots.
    berths
        The accounts, where there are other than one for one instrument of `venue`. `make_world` is then called with
        (what is traded, seed).
    paper
        Whether a simulated exchange fills on what the venues stream, instead of the venues.
    heard_as
        On paper: what is put before the market.
    boot
        Returns what the journal says about the process of a number.

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
    process
        The last process.
    ends
        How each process before the last ended: "killed", "stopped", or the error's type and code.
    errors
        The errors among them.
    traded
        The instruments of the session, with the rules that it began with.
    gateways
        Those of the last process.
    exchange, paper_record
        On paper: the simulated exchange of the last process, and what all of them did.
    closed
        Whether the last process ended in order.
    """

    venue: str
    minutes: float
    seed: int = 1
    dies_at: list[int] = field(default_factory=list)
    rules: LiveRules = field(default_factory=lambda: LiveRules(warm_bars=2, reconcile_ns=60_000_000_000))
    at_end: Callable[[VenueLife, VirtualWorld], None] = lambda life, world: None
    make_world: Callable[..., World] = restless_world
    terms: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    kinds: frozenset[StreamKind] = frozenset({StreamKind.BARS, StreamKind.MARK})
    tag: str = TAG
    disk_port: Callable[[VirtualWorld], DiskPort] = lambda world: at_once
    on_open: Callable[[VenueLife, VirtualWorld], None] = lambda life, world: None
    supervised: bool = False
    snapshot_every: int = SNAPSHOT_EVERY
    berths: tuple[Berth, ...] = ()
    paper: bool = False
    heard_as: Callable[[MarketSource], MarketSource] = lambda market: market
    boot: Callable[[int], Boot | None] = lambda process: None
    disk: SimulatedDisk = field(default_factory=SimulatedDisk)
    alerts: list[Alert] = field(default_factory=list)
    lives: int = 0
    refused: int = 0
    steps: int = 0
    world: World = field(init=False)
    live_venue: Any = field(init=False)
    opened: OpenSession = field(init=False)
    process: Process = field(init=False)
    ends: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    traded: tuple[Traded, ...] = ()
    gateways: list[CcxtTradingGateway] = field(default_factory=list)
    exchange: WatchedExchange = field(init=False, repr=False)
    paper_record: PaperRecord = field(init=False, repr=False)
    closed: bool = False
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def end_ns(self) -> int:
        """Return when the session is asked to end."""
        return START_NS + int(self.minutes * MINUTE_NS) + 50_000_000_000

    @property
    def moored(self) -> tuple[Berth, ...]:
        """Return the accounts of the session."""
        return self.berths or (Berth(self.venue),)

    @property
    def instrument(self) -> Instrument:
        """Return the rules of the first instrument with which the session began."""
        return self.traded[0].instrument

    def fresh_world(self) -> World:
        """Return a world of the same set-up in which nothing has happened."""
        if self.berths:
            return self.make_world(self.traded, self.seed)
        return self.make_world(self.instrument, self.seed, amends=self.traded[0].amends)

    async def live(self, world: VirtualWorld) -> None:
        """Live until the minutes are over, coming back after each death."""
        world.loop.set_exception_handler(lambda loop, context: None)
        wait_s = _RESTART_S
        while await self._live_once(world):
            self.lives += 1
            assert self.supervised or self.lives < _LIVES_MAX, "the session never ends"
            failed = self.ends[-1] not in ("killed", "stopped")
            await asyncio.sleep(wait_s)
            wait_s = min(_BACKOFF_MAX_S, 2 * wait_s) if self.supervised and failed else _RESTART_S

    async def _live_once(self, world: VirtualWorld) -> bool:
        """Let one process live; say whether another is to follow."""
        step = self.dies_at.pop(0) if self.dies_at else None
        self.process, task = world.start_process("session", self._session(world), step)
        most_s = max(0.0, (self.end_ns + _HANGS_NS - world.loop.now_ns()) / 1e9)
        either: set[asyncio.Future[Any]] = {task, self.process.death(world.loop)}
        done, _ = await asyncio.wait(either, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        assert done, f"the session hangs: {task.get_stack()}"
        self.steps = self.process.steps
        if not self.process.alive:
            self.ends.append("killed")
            self.disk.crash(random.Random(self.seed))  # noqa: S311 - dice, not secrets
            return True
        error = task.exception()
        if error is None:
            return self._ended_early(world)
        self._note_error(error)
        self.process.kill()
        self.disk.crash(random.Random(self.seed))  # noqa: S311 - dice, not secrets
        return not self.supervised or world.loop.now_ns() < self.end_ns

    def _ended_early(self, world: VirtualWorld) -> bool:
        if not self.supervised or world.loop.now_ns() >= self.end_ns - _S:
            return False
        self.ends.append("stopped")
        return True

    def bury(self) -> None:
        """Let go of a process that died, with all that it left unfinished."""
        for name in ("live_venue", "opened"):
            if hasattr(self, name):
                delattr(self, name)

    def _note_error(self, error: BaseException) -> None:
        """Note what ended a process. Raises it where nobody stands by."""
        self.refused += isinstance(error, VenueError)
        if not self.supervised and not isinstance(error, VenueError):
            raise error
        code = error.code if isinstance(error, TradewindError) else str(error)
        self.ends.append(f"{type(error).__name__} {code}")
        self.errors.append(error.with_traceback(None))

    async def _session(self, world: VirtualWorld) -> None:
        opened = self._open(world)
        self.on_open(self, world)
        running = asyncio.ensure_future(opened.session.run())
        await asyncio.wait((running,), timeout=max(1.0, (self.end_ns - world.loop.now_ns()) / 1e9))
        if not running.done():
            self.at_end(self, world)
            opened.session.stop()
        try:
            await running
        finally:
            self.dropped = dict(sum((Counter(gateway.dropped) for gateway in self.gateways), Counter()))
            await self.live_venue.close()
        opened.close(finished=False)
        self.closed = True

    def believed_position(self, j: int = 0, *, own: bool = False) -> Decimal:
        """Return what the last process believes to be held net of an instrument, in units of the coin.

        own: without what others hold.
        """
        contexts, instrument = self.world.contexts, self.traded[j].instrument
        held = contexts["working"]["holding"]["pos_lot"][contexts["instrument"] == j].sum(axis=0)
        external = self.world.views["external_lot"][j] * (not own)
        lots = int(held[LONG] - held[SHORT] + external[LONG] - external[SHORT])
        return lots * instrument.lot_size * instrument.contract_size

    def is_shared(self, j: int) -> bool:
        """Say whether several strategies trade an instrument."""
        return int((self.world.contexts["instrument"] == j).sum()) > 1

    @property
    def is_open(self) -> bool:
        """Say whether the last process has read what is there, so that it may trade."""
        if not (hasattr(self, "process") and self.process.alive and hasattr(self, "opened")):
            return False
        recorded = self.opened.session.recorded
        return recorded is None or recorded.ended if self.paper else self.live_venue.is_open

    def _open(self, world: VirtualWorld) -> OpenSession:
        self.closed = False
        if not self.traded:
            self.traded = traded_at(world, self.moored)
            self.paper_record = PaperRecord(self.tag, self.traded)
        self.world = self.fresh_world()
        reached = (reach_paper if self.paper else reach_live)(self, world)
        self.live_venue = reached.venue
        venues = tuple(berth.venue for berth in self.moored)
        place = Place(
            self.disk, FOLDER, Identity("live", venues), world.loop.local_ns, "test",
            snapshot_every=self.snapshot_every, known_end=self._durable(),
        )  # fmt: skip
        boot = self.boot(self.lives + 1)
        self.opened = open_session(place, self.world, reached.venue, inside=reached.inside, boot=boot)
        session = self.opened.session
        session.memory, session.waits = reached.memory, True
        session.sequencer.hourly = reached.hourly
        session.disk = self.disk_port(world)
        return self.opened

    def _durable(self) -> int:
        """Return the last record that the process before this one knew to be durable: more than any mark may say."""
        return self.opened.writer.durable_seq if hasattr(self, "opened") else 0


def _lots_of(instrument: Instrument) -> float:
    """Return a quantity that every venue takes: several times its smallest order, some hundred dollars at least."""
    smallest = max(int(instrument.min_qty / instrument.lot_size), 1)
    return float(20 * smallest)


def live_at(life: VenueLife, misfortunes: Misfortunes | None = None) -> Any:  # noqa: ANN401 - what `at_end` left
    """Run a life in a world of its own."""
    plan = {} if misfortunes is None else {life.venue: misfortunes}
    with dropping_the_dead():
        return run_world(life.live, seed=life.seed, venues=(life.venue,), misfortunes=plan)
