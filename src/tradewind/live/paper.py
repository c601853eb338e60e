"""A paper session as a process: lock, recover, run at the pace asked for, stop in order when told to."""

from __future__ import annotations

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from tradewind.config import changed_settings, is_unchanged
from tradewind.errors import SafetyRefusal
from tradewind.journal import FileDisk, Identity, JournalReader, RecordKind
from tradewind.journal.bodies import decode_boot
from tradewind.live.evidence import known_end
from tradewind.live.held_words import why_held
from tradewind.live.opening import OpenSession, Place, open_session
from tradewind.live.operator import Operator
from tradewind.live.resolver import PATIENCE_NS, Resolver
from tradewind.live.session import SNAPSHOT_EVERY
from tradewind.live.standing import write_standing
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tradewind.config import Workspace
    from tradewind.engine.world import World
    from tradewind.journal.bodies import Boot
    from tradewind.venues.port import Batch, VenuePort
    from tradewind.venues.simulated.feed import ReplayFeed

_NS_PER_S = 1_000_000_000
_CHANGES_SHOWN = 5

Speed = Literal["max", "1x"]


@dataclass(frozen=True, slots=True)
class PaperSetup:
    """What a paper session trades, bound from its file.

    Parameters
    ----------
    make_world
        Returns a fresh world of the set-up; the session's core is one, its venue another.
    feed
        What happens in the market.
    boot
        What goes into the journal about this process; its number and the time between snapshots are set here.
    reach
        How the exchange is reached: the port to it.
    """

    make_world: Callable[[], World]
    feed: ReplayFeed
    boot: Boot
    reach: Callable[[SimulatedExchange], VenuePort] = LocalVenue


@dataclass(frozen=True, slots=True)
class PaperResult:
    """Where a paper session stands when its process ends.

    Parameters
    ----------
    session, folder
        Its name, and its journal.
    finished, bankrupt
        The feed has ended, or a wallet was gone before it; else it was stopped and goes on when started again.
    process
        How many processes it has taken so far.
    resumed_at, dropped_bytes
        The record at which this process began to run, and the length of the torn tail that it found.
    steps, requests, fills
        How often everybody decided, and what came of it, over all processes.
    now_ns
        The session's time.
    balances, equities, currencies
        Of each wallet, in its currency, and which that is.
    decisions_hash, state_hash
        Equal to those of a backtest on the same facts.
    held
        Each strategy that is held alone at the end, and why.
    """

    session: str
    folder: Path
    finished: bool
    bankrupt: bool
    process: int
    resumed_at: int
    dropped_bytes: int
    steps: int
    requests: int
    fills: int
    now_ns: int
    balances: tuple[float, ...]
    equities: tuple[float, ...]
    currencies: tuple[str, ...]
    decisions_hash: str
    state_hash: str
    held: tuple[str, ...] = ()


class RealPace:
    """Lives through the session's time at the speed of the clock on the wall."""

    def __init__(self) -> None:
        self._behind_ns: int | None = None

    async def wait_until(self, now_ns: int) -> None:
        """Return when the session may live through `now_ns`; the first time sets the clock."""
        if self._behind_ns is None:
            self._behind_ns = time.monotonic_ns() - now_ns
        wait_ns = now_ns + self._behind_ns - time.monotonic_ns()
        await asyncio.sleep(max(0, wait_ns) / _NS_PER_S)


class WriterThread:
    """The one thread in which the journal waits for the disk, while the loop goes on hearing signals and sockets."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "journal")

    async def __call__(self, work: Callable[[], None]) -> None:
        """Return when `work` is done there; raise what it raises."""
        await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what is being written."""
        self._pool.shutdown()


def run_paper(
    setup: PaperSetup,
    workspace: Workspace,
    session: str,
    *,
    account: str = "paper",
    speed: Speed = "max",
    version: str = "",
    snapshot_every: int = SNAPSHOT_EVERY,
    progress: Callable[[int, int], None] | None = None,
) -> PaperResult:
    """Run a paper session to the end of its feed, or until SIGINT or SIGTERM; start it again to go on.

    Parameters
    ----------
    setup
        What is traded.
    workspace
        Owner of the journal and of the account's lock.
    session, account
        Names. Two processes never share a session; the account is its own, whatever its name.
    speed
        ``max``: as fast as it goes; ``1x``: at the pace of the feed's own times.
    version
        Version of tradewind, for the journal.
    progress
        Is told after each step how many are through, and how many there are.

    Raises
    ------
    Busy
        LOCKED: another process runs the session.
    SafetyRefusal
        JOURNAL_IDENTITY: the journal is of another account, or the session ran other settings, code or history.
    JournalError
        JOURNAL_CORRUPT, JOURNAL_BEHIND, JOURNAL_VERSION, JOURNAL_WRITE, DISK_FULL, REPLAY_DIFFERS.
    """
    disk = FileDisk()
    folder = workspace.session_dir(session)
    identity = Identity(session, (f"paper:{account}",))
    with ExitStack() as held:
        for path in workspace.session_locks(session, ()).values():
            disk.make_folder(path.parent)
            lease = disk.lock(path, f"trades on paper in session {session}")
            held.callback(lease.release)
        place = Place(
            disk, folder, identity, time.time_ns, version, snapshot_every=snapshot_every,
            known_end=known_end(folder),
        )  # fmt: skip
        boot = next_boot(folder, setup.boot, snapshot_every)
        world = setup.make_world()
        exchange = SimulatedExchange(setup.make_world(), setup.feed)
        opened = open_session(place, world, setup.reach(exchange), inside=exchange, boot=boot)
        opened.session.resolver = Resolver(world, _patience_ns(world, setup.feed))
        finished = _run(opened, len(setup.feed), speed, progress)
        write_standing(folder, _standing(opened, boot, account), time.time_ns(), opened.writer.durable_seq)
        return _result(opened, folder, boot, finished=finished, bankrupt=exchange.bankrupt)


def _standing(opened: OpenSession, boot: Boot, account: str) -> dict[str, Any]:
    """Return what the core believes, as a session says it that an operator can ask."""
    symbols = tuple(instrument.symbol for instrument in boot.instruments)
    strategies = tuple(label for label, *_ in boot.strategies)
    operator = Operator(
        opened.session, opened.session.sequencer.world, (symbols, strategies), time.time_ns,
        notify=lambda _: None, accounts=(account,),
    )  # fmt: skip
    return operator.status()


def _patience_ns(world: World, feed: ReplayFeed) -> int:
    """Return how long an order may be under way at a venue whose own clocks and bars delay what is heard."""
    venue = world.venues[0]
    on_the_way_ns = int(venue["request_ns"] + venue["answer_ns"] + venue["feed_ns"])
    return PATIENCE_NS + on_the_way_ns + feed.interval_ns


def next_boot(folder: Path, boot: Boot, snapshot_every: int) -> Boot:
    """Return what to write about this process; refuse to go on with other settings, strategies or history."""
    boots = list(_boots(folder))
    if boots:
        _refuse_change(boots[-1], boot, folder)
    return msgspec.structs.replace(boot, process=len(boots) + 1, snapshot_every=snapshot_every)


def _refuse_change(before: Boot, now: Boot, folder: Path) -> None:
    for what, old, new in (
        ("configuration", before.config_hash, now.config_hash),
        ("strategy code", before.code_hash, now.code_hash),
        ("history", before.data_hash, now.data_hash),
    ):
        if old == new or (what == "configuration" and is_unchanged(before.config, new)):
            continue
        changed = changed_settings(before.config, now.config) if what == "configuration" else []
        raise SafetyRefusal(
            "JOURNAL_IDENTITY",
            f"the session runs {what} {old[:12]}, that of now is {new[:12]}"
            + "".join(f"; {each}" for each in changed[:_CHANGES_SHOWN]),
            where=str(folder),
            hint="put back what was changed, or take another name; on accounts 'session adopt' begins anew",
        )


def _boots(folder: Path) -> Iterator[Boot]:
    for record in JournalReader(FileDisk(), folder).of_kind(RecordKind.BOOT):
        yield decode_boot(record)


def _run(opened: OpenSession, steps: int, speed: Speed, progress: Callable[[int, int], None] | None) -> bool:
    """Run until the feed has ended or somebody asks to stop; say which, with everything durable."""
    session, thread = opened.session, WriterThread()
    session.disk = thread
    if speed == "1x":
        session.pace, session.sync_each = RealPace(), True
    if progress is not None:
        session.progress = lambda batch: _report(progress, batch, session.sequencer.standing.steps, steps)
    finished = False
    try:
        finished = asyncio.run(_until_stopped(opened))
    except BaseException:
        thread.close()
        opened.writer.abandon()
        raise
    thread.close()
    opened.close(finished=finished)
    return finished


async def _until_stopped(opened: OpenSession) -> bool:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, opened.session.stop)
    return await opened.session.run()


def _report(progress: Callable[[int, int], None], batch: Batch, done: int, steps: int) -> None:
    if batch.wake is not None:
        progress(done, steps)


def _result(opened: OpenSession, folder: Path, boot: Boot, *, finished: bool, bankrupt: bool) -> PaperResult:
    sequencer = opened.session.sequencer
    world, standing = sequencer.world, sequencer.standing
    accounts = world.accounts
    return PaperResult(
        folder.name,
        folder,
        finished,
        bankrupt,
        boot.process,
        opened.resumed_at,
        opened.writer.recovered.dropped_bytes,
        standing.steps,
        standing.requests,
        int(world.core["fills"][0]),
        standing.now_ns,
        tuple((accounts["balance"] / accounts["scale"]).tolist()),
        tuple((accounts["equity"] / accounts["scale"]).tolist()),
        tuple(wallet.currency for wallet in world.wallet_setups),
        world.decisions_hash(),
        world.state_hash(),
        tuple(_held(world, boot)),
    )


def _held(world: World, boot: Boot) -> Iterator[str]:
    symbols = [instrument.symbol for instrument in boot.instruments]
    for g in np.flatnonzero(world.strategies["held"]).tolist():
        yield f"{boot.strategies[g][0]}: {why_held(world, g, symbols)}"
