"""A session on a market that is still happening, as a process: leases, operator's line, pulse, an end in order.

The same for paper and for real accounts; what differs is the venue that `reach` makes. It is crash-only: a start is
a recovery, and `kill -9` at any moment costs time only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from tradewind.engine.world import CORE_BYTES
from tradewind.errors import JournalError, TradewindError
from tradewind.journal import FileDisk, Identity
from tradewind.live.control import ControlServer
from tradewind.live.evidence import known_end
from tradewind.live.guard import GUARDED, guard_is_gone
from tradewind.live.opening import Place, open_session
from tradewind.live.operator import Operator
from tradewind.live.paper import WriterThread, next_boot
from tradewind.live.proving import verify_before
from tradewind.live.pulse import ENDED, PULSE, RENEWING, RUNNING, UNGUARDED, Pulse
from tradewind.live.renewal import Renewal
from tradewind.live.session import SNAPSHOT_EVERY
from tradewind.live.standing import keep_standing, read_standing, write_standing
from tradewind.live.state_alerts import state_alert
from tradewind.live.takeover import TAKEN_OVER
from tradewind.live.watch import Watch, WatchLimits, gauges_of, memory_share
from tradewind.ops.alerts import Alert
from tradewind.ops.observing import VenueFigures
from tradewind.units.enums import Halt, OperatorCode, Rule
from tradewind.units.layout import dtype_of
from tradewind.units.records import Core
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from tradewind.config import Workspace
    from tradewind.engine.world import World
    from tradewind.journal.bodies import Audit, Boot
    from tradewind.live.opening import OpenSession
    from tradewind.live.operator import OnStop
    from tradewind.live.outside import Feature
    from tradewind.live.session import Keeper, Memory, Session
    from tradewind.venues.gateway import OrderSeen
    from tradewind.venues.port import Batch, VenuePort

__all__ = [
    "Beside",
    "Reached",
    "RunResult",
    "Running",
    "RunningSetup",
    "mark_unguarded",
    "run_session",
    "tell_unguarded",
]

_STOPPED = "stopped"
"""A file that says that an operator ended the session, and its pause with it."""
_UNWRITABLE = frozenset(("DISK_FULL", "JOURNAL_WRITE"))
_BEAT_S = 0.5
_MEMORY_SHARE = 0.5
"""Of the machine's memory, that a trading process may use unless the session file says how much."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A venue that a session trades on.

    Parameters
    ----------
    venue
        Its port.
    inside
        What of it lives in this process, and in the session's snapshots.
    memory
        What must remember each batch; None for venues that need none.
    closing
        What is to be closed after the venue.
    clock_ns
        Offset of our clock from the venue's that differs most, 0 where nobody knows.
    stand_down
        Takes back what a venue would do when we fall silent; called where an operator ended the session.
    hourly
        Returns what is written down once an hour, for people; None for nothing.
    figures
        Returns how accounts and streams stand, for whoever watches.
    others
        Returns orders of others in the session's instruments, each with when that was asked.
    """

    venue: VenuePort
    inside: Keeper
    memory: Memory | None = None
    closing: tuple[Callable[[], Awaitable[Any]], ...] = ()
    clock_ns: Callable[[], int] = lambda: 0
    stand_down: Callable[[], Awaitable[None]] | None = None
    hourly: Callable[[int], Sequence[Audit]] | None = None
    figures: Callable[[], VenueFigures] = VenueFigures
    others: Callable[[], Sequence[tuple[OrderSeen, int]]] = lambda: ()


class Beside(Protocol):
    """Something that runs in the loop of a session as long as it does."""

    async def __call__(self, running: Running) -> None:
        """Run until cancelled."""


class Reach(Protocol):
    """Makes the venue of a session inside the running loop."""

    async def __call__(self, world: World, folder: Path, notify: Callable[[Alert], None]) -> Reached:
        """Return the venue for a core and the folder of its journal."""


@dataclass(frozen=True, slots=True)
class RunningSetup:
    """What a session trades and how it is run.

    Parameters
    ----------
    make_world
        Returns a fresh world of the set-up.
    boot
        What goes into the journal about this process.
    accounts
        Names under which the accounts are leased.
    reach
        Makes the venue.
    labels
        Names of the instruments and of the strategies.
    clock
        Our time, nanoseconds UTC.
    on_stop
        What `session stop` does with positions.
    memory_bytes
        Most that the process may use; 0: half of what the machine has.
    features
        The values from outside that the session takes.
    """

    make_world: Callable[[], World]
    boot: Boot
    accounts: tuple[str, ...]
    reach: Reach
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    clock: Callable[[], int]
    on_stop: OnStop = "keep"
    memory_bytes: int = 0
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """What runs beside a session sees of it.

    Parameters
    ----------
    session
        The loop; its `disk` and `progress` may be wrapped.
    status
        Returns what `session status` says.
    boot, folder
        How the process began, and where its journal lies.
    clock, clock_ns
        Our time, nanoseconds UTC, and how far the venue's clock is ahead of it.
    figures
        Returns how accounts and streams stand; how long answers took it tells once.
    """

    session: Session
    status: Callable[[], dict[str, Any]]
    boot: Boot
    folder: Path
    clock: Callable[[], int]
    clock_ns: Callable[[], int]
    figures: Callable[[], VenueFigures] = VenueFigures


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where a session stands when its process ends; `stopped`: an operator ended it."""

    session: str
    process: int
    resumed_at: int
    dropped_bytes: int
    stopped: bool
    status: dict[str, Any] = field(default_factory=dict)


def run_session(
    setup: RunningSetup,
    workspace: Workspace,
    name: str,
    *,
    version: str,
    notify: Callable[[Alert], None],
    progress: Callable[[Batch], None] | None = None,
    snapshot_every: int = SNAPSHOT_EVERY,
    beside: Sequence[Beside] = (),
) -> RunResult:
    """Run a session until SIGINT, SIGTERM or its operator ends it; start it again to go on.

    beside: what runs in the same loop as long as the session does, and may fail without it.

    Raises
    ------
    Busy
        LOCKED: another process runs the session or trades one of its accounts.
    VenueError, DataUnavailable
        Where the market or an account cannot be heard or read at the start.
    SafetyRefusal, JournalError
        As `tradewind.live.paper.run_paper`.
    """
    disk, folder = FileDisk(), workspace.session_dir(name)
    with ExitStack() as held:
        if GUARDED not in os.environ:
            accounts = setup.accounts if setup.boot.account_venues else ()
            for account, path in workspace.session_locks(name, accounts).items():
                disk.make_folder(path.parent)
                lease = disk.lock(path, f"trades {account} in session {name}")
                held.callback(lease.release)
        place = Place(
            disk, folder, Identity(name, setup.accounts), setup.clock, version, snapshot_every=snapshot_every,
            known_end=known_end(folder),
        )  # fmt: skip
        boot = next_boot(folder, setup.boot, snapshot_every)
        run = _Run(setup, place, boot, notify, progress, beside)
        return asyncio.run(run.live())


class _Run:
    """One life of a session."""

    def __init__(
        self,
        setup: RunningSetup,
        place: Place,
        boot: Boot,
        notify: Callable[[Alert], None],
        progress: Callable[[Batch], None] | None,
        beside: Sequence[Beside],
    ) -> None:
        self._beside = beside
        self._setup, self._place, self._boot = setup, place, boot
        self._notify, self._progress = notify, progress
        self._folder = place.folder

    async def live(self) -> RunResult:
        """Open, run, close; whatever happens the journal is left whole."""
        world = self._setup.make_world()
        self._place.disk.make_folder(self._folder)
        self._pulse = Pulse(self._folder / PULSE)
        if self._pulse.state == RUNNING:
            self._pulse.begin()  # That of a process that died, and that no guard watched.
        if GUARDED not in os.environ:
            self._pulse.waits_ns = 0  # Of a guard that is gone.
        deciding_at = dtype_of(Core).fields["deciding"][1]  # type: ignore[index]
        registers = self._pulse.registers(CORE_BYTES, deciding_at)
        world.move_core(registers)
        reached = await self._setup.reach(world, self._folder, self._notify)
        async with AsyncExitStack() as closing:
            closing.callback(self._pulse.close)
            for close in reached.closing:
                closing.push_async_callback(close)
            closing.push_async_callback(reached.venue.close)
            opened = open_session(self._place, world, reached.venue, inside=reached.inside, boot=self._boot)
            try:
                return await self._run(opened, reached, world, closing)
            except BaseException:
                opened.writer.abandon()
                raise

    async def _run(
        self, opened: OpenSession, reached: Reached, world: World, closing: AsyncExitStack
    ) -> RunResult:
        session, thread = opened.session, WriterThread()
        closing.callback(thread.close)
        session.disk, session.memory = thread, reached.memory
        session.waits = session.sync_each = True
        session.progress, session.sequencer.hourly = self._progress, reached.hourly
        operator = Operator(
            session, world, self._setup.labels, self._setup.clock, notify=self._notify,
            accounts=self._setup.accounts, on_stop=self._setup.on_stop, features=self._setup.features,
            resumed_ns=self._setup.clock() if self._boot.process > 1 else 0, others=reached.others,
        )  # fmt: skip
        session.sequencer.changed = partial(self._tell_change, world, operator)
        control = ControlServer(self._folder, operator.answer)
        await control.open()
        closing.push_async_callback(control.close)
        self._hear_signals(session)
        if guard_is_gone():
            session.stop()  # Before anything is traded.
        self._renewal = Renewal(session, world, lambda: self._pulse.may_renew, time.monotonic_ns)
        limits = WatchLimits(memory_bytes=self._setup.memory_bytes or memory_share(_MEMORY_SHARE))
        watch = Watch(
            limits, gauges_of(self._folder, reached.clock_ns), self._setup.clock, time.monotonic_ns,
            self._notify, session.post, lambda: int(world.core["own_halts"][0]), self._renewal.ask,
        )  # fmt: skip
        running = Running(
            session, operator.status, self._boot, self._folder, self._setup.clock, reached.clock_ns,
            reached.figures,
        )  # fmt: skip
        others = [self._accompany(each, running) for each in self._beside]
        others.append(self._verify(opened.resumed_at))
        others.append(
            keep_standing(self._folder, operator.status, self._setup.clock, lambda: opened.writer.durable_seq)
        )
        for work in (self._beat(session, operator, world), watch.run(), *others):
            closing.callback(asyncio.ensure_future(work).cancel)
        self._tell("SESSION_STARTED", f"process {self._boot.process}", record=opened.writer.durable_seq)
        holding = asyncio.ensure_future(self._begin_held(operator, world))
        closing.callback(holding.cancel)
        await self._trade(session)
        if operator.stopped and reached.stand_down is not None:
            await reached.stand_down()
        durable = opened.writer.durable_seq
        write_standing(self._folder, operator.status(), self._setup.clock(), durable)
        opened.close(finished=False)
        self._note_end(operator, durable)
        return RunResult(
            self._folder.name,
            self._boot.process,
            opened.resumed_at,
            opened.writer.recovered.dropped_bytes,
            operator.stopped,
            operator.status(),
        )

    def _tell_change(self, world: World, operator: Operator, change: Audit) -> None:
        """Tell a person what the core has halted or held by itself."""
        operator.note_change(change)
        instruments, strategies = self._setup.labels
        alert = state_alert(change, world.wallet_setups, strategies, instruments)
        if alert is not None:
            self._notify(alert)

    async def _trade(self, session: Session) -> None:
        """Live through the session; a journal that takes nothing any more is told before the process ends by it."""
        try:
            await session.run()
        except JournalError as error:
            if error.code in _UNWRITABLE:
                self._tell("DISK_FAILED", error.message)
            raise

    async def _accompany(self, beside: Beside, running: Running) -> None:
        """Run something beside the session; what it raises is told and costs nothing else."""
        try:
            await beside(running)
        except Exception as error:  # noqa: BLE001 - whatever it is, trading goes on
            self._tell("BESIDE_FAILED", f"{type(error).__name__}: {error}")

    def _hear_signals(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, session.stop)

    async def _verify(self, seq: int) -> None:
        """Look at what the start has passed over. Damage there changes nothing that is known, so trading goes on."""
        try:
            await verify_before(self._place.disk, self._folder, seq)
        except (TradewindError, OSError) as error:
            text = error.message if isinstance(error, TradewindError) else str(error.strerror)
            self._tell("DISK_FAILED", f"the journal before this start: {text}")

    async def _beat(self, session: Session, operator: Operator, world: World) -> None:
        """Beat as long as the loop comes round; lift the pause with which an operator ended the last process."""
        while session.recorded is not None and not session.recorded.ended:
            self._pulse.beat()
            await asyncio.sleep(_BEAT_S)
        self._pulse.state = RUNNING
        if (self._folder / _STOPPED).exists():
            (self._folder / _STOPPED).unlink()
            if int(world.core["halts"][0]) & Halt.OPERATOR:
                await operator.say(OperatorCode.RESUME)
        while True:
            self._pulse.beat()
            await asyncio.sleep(_BEAT_S)

    async def _begin_held(self, operator: Operator, world: World) -> None:
        """Pause after a takeover, and hold strategies that a guard saw hang, before anybody decides.

        From then on the journal knows it.
        """
        marked = self._folder / TAKEN_OVER
        if marked.exists():
            self._tell(
                "OPERATOR", "the session was taken over and begins paused; resume it when you are ready"
            )
            await operator.say(OperatorCode.PAUSE)
            marked.unlink()
        for strategy in self._pulse.held:
            if strategy < len(world.strategies):
                name = self._setup.labels[1][strategy]
                self._tell("STRATEGY_HELD", f"{name} did not return and is held until an operator resumes")
                await operator.hold(strategy, Rule.HUNG)
        self._pulse.release()

    def _note_end(self, operator: Operator, durable: int) -> None:
        """Keep for the next start, and tell, how and why the process ends."""
        if operator.stopped:
            (self._folder / _STOPPED).touch(0o600)
            state, code, why = ENDED, "SESSION_STOPPED", "by its operator"
        elif guard_is_gone():
            state, code, why = UNGUARDED, "GUARD_DIED", _left_alone(operator.status())
        elif self._renewal.granted:
            state, code, why = RENEWING, "SESSION_STOPPED", "to be started again with less memory"
        else:
            state, code, why = ENDED, "SESSION_STOPPED", "by a signal"
        self._pulse.state = state
        self._tell(code, why, record=durable)

    def _tell(self, code: str, text: str, **fields: object) -> None:
        self._notify(Alert(code, text, self._setup.clock(), self._folder.name, fields))


def mark_unguarded(folder: Path) -> None:
    """Write down that a session ended because its guard died while it started."""
    pulse = Pulse(folder / PULSE)
    pulse.state = UNGUARDED
    pulse.close()


def tell_unguarded(folder: Path, notify: Callable[[Alert], None], clock: Callable[[], int]) -> None:
    """Say of a session whose guard died while it started that it ended so, and what it held when it last ran."""
    last = read_standing(folder)
    held = "nothing is written down of what it holds"
    if last is not None:
        held = f"as of {format_utc(last.written_ns)} {_held(last.standing)}"
    text = f"its guard died while it started, so it did not begin to trade and is not started again; {held}"
    notify(Alert("GUARD_DIED", text, clock(), folder.name))


def _left_alone(status: dict[str, Any]) -> str:
    """Say what nobody looks after from now on, of a session whose guard died."""
    return f"its guard died, so it ended in order and is not started again; {_held(status)}"


def _held(status: dict[str, Any]) -> str:
    places = [*status["positions"], *status["external"]]
    amounts = [f" contracts ({each['amount']})" if "amount" in each else "" for each in places]
    held = ", ".join(
        f"{each['quantity']}{amount} {each['instrument']} {each['side']}"
        for each, amount in zip(places, amounts, strict=True)
    )
    resting = len(status["orders"])
    orders = f"{resting} order{'s' * (resting != 1)} of its own"
    return f"held and not looked after any more: {held or 'nothing'}; {orders} may rest"
