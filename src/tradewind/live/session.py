"""The loop of a session: batches in, requests out, snapshots on the way; the same loop recovers and replays.

As long as the tape has records the session runs against it: batches come from it where the venue cannot tell
them any more, requests go to a venue that ignores what it has already taken. Beyond the end of the tape it is
simply running.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tradewind.errors import JournalError
from tradewind.journal import RecordKind
from tradewind.journal.bodies import LOCAL
from tradewind.live.market_runs import take_market_run
from tradewind.live.sequencer import other_state
from tradewind.live.tape import is_local
from tradewind.venues.port import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tradewind.journal.bodies import Audit
    from tradewind.live.resolver import Resolver
    from tradewind.live.sequencer import Sequencer
    from tradewind.live.tape import Recorded, Tape
    from tradewind.venues.port import Taken, VenuePort

SNAPSHOT_EVERY = 4096
_SNAPSHOT_BATCHES = 16_384
"""A snapshot comes after so many batches even where few of them were steps of the market, so that a start is short."""
_TAPE_TURNS = 32
"""Batches of the tape between two turns for whoever else runs."""


class _WaitEnded(Exception):
    """The wait for the venue was ended by the session itself."""


class Pace(Protocol):
    """When what is known may be acted on."""

    async def wait_until(self, now_ns: int) -> None:
        """Return when the session may live through `now_ns`."""


class DiskPort(Protocol):
    """Where work that waits for the disk is done."""

    async def __call__(self, work: Callable[[], None]) -> None:
        """Return when `work` is done; raise what it raises."""


async def at_once(work: Callable[[], None]) -> None:
    """Do the work here and now: in a simulation the disk takes no time, and order is everything."""
    work()


class Keeper(Protocol):
    """A venue that lives in this process, and in its snapshots."""

    def save(self, after: int) -> bytes:
        """Return its state, for a session that has taken the batches up to `after`."""

    def restore(self, saved: bytes) -> None:
        """Go on from a saved state."""


class Memory(Protocol):
    """What must remember each batch that was taken and the requests it led to, on the tape as beyond it."""

    def note(self, facts: NDArray[Any], requests: NDArray[Any] | None) -> None:
        """Take rows of `FACT` and of `REQUEST`; the same ones twice change nothing."""


@dataclass(slots=True)
class _Posted:
    """Facts of ours that wait for their turn."""

    batch: Batch
    taken: asyncio.Future[None]


@dataclass(slots=True)
class Session:
    """A sequencer between a tape and a venue.

    Parameters
    ----------
    sequencer
        The world and its standing.
    tape
        What the sequencer writes to; also takes snapshots.
    recorded
        What is left of an earlier life; None for none.
    venue
        Where requests go and batches come from.
    inside
        The venue's state where it lives in this process, else None.
    resolver
        Asks about orders of which nothing is heard; None where answers never get lost.
    snapshot_every
        Batches between two snapshots.
    pace, progress
        Waits until it is time; is told after each batch, but not of those of the market that a tape tells many at
        once. None for neither.
    disk
        Where the journal is synced: here, or in a thread that lets the loop go on meanwhile. Nothing else is
        appended until it is done.
    memory
        Is told of every batch taken; None for venues that need none.
    waits
        The venue may take its time to tell the next batch: an end that is asked for, and facts of ours, do not
        wait for it. Such a venue's `next_batch` may be cancelled while it waits, and loses nothing by that. Such a
        session is not ended by a strategy that raises.
    sync_each
        Whether every WAKE is synced, also one that leads to no request. Else those without are durable with the
        next that has one, or after some hundred: a venue tells them again.
    """

    sequencer: Sequencer
    tape: Tape
    recorded: Recorded | None
    venue: VenuePort
    inside: Keeper | None = None
    resolver: Resolver | None = None
    snapshot_every: int = SNAPSHOT_EVERY
    pace: Pace | None = None
    progress: Callable[[Batch], None] | None = None
    disk: DiskPort = at_once
    sync_each: bool = False
    memory: Memory | None = None
    waits: bool = False
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _posted: deque[_Posted] = field(default_factory=deque)
    _waiting: asyncio.Task[Any] | None = None
    _gave_up: bool = False
    _is_heard: bool = False
    _keeps: bool = False
    _kept: int = 0
    _is_past_tape: bool = False

    async def run(self) -> bool:
        """Live until the venue has no more to tell, or until `stop`; say whether it was the former."""
        self.sequencer.holds_raising = self.waits
        taken = await self.venue.connect()
        ended = False
        while not self._stopping.is_set():
            if self._run_market(taken):
                await asyncio.sleep(0)
                continue
            batch = await self._next_batch(taken)
            if batch is None:
                ended = not self._stopping.is_set()
                break
            await self._live_through(batch)
            await self._take_posted()
        self.sequencer.tell_wallets()
        await self.disk(self.sequencer.sync)
        return ended

    def stop(self) -> None:
        """Ask for an end after the batch in work, or before one that is still waited for; orders stay as they are."""
        self._stopping.set()
        self._end_wait()

    def keep_soon(self) -> None:
        """Have a snapshot kept when somebody has decided next, for a start that is to be short."""
        self._keeps = True

    @property
    def is_kept(self) -> bool:
        """Say whether the snapshot that `keep_soon` asked for is there."""
        return not self._keeps

    async def post(self, facts: NDArray[Any], *notes: Audit) -> None:
        """Bring in facts of ours, such as an operator's word, rows of `FACT`; return once they are durable.

        notes: what is written down before them, for people. Only here may anybody beside the session have something
        written down: while the disk works nothing may be appended.
        """
        now_ns = int(facts["recv_ts_ns"].max())
        batch = Batch(LOCAL, facts, None, again=True, now_ns=now_ns, notes=notes)
        posted = _Posted(batch, asyncio.Future())
        self._posted.append(posted)
        if self._is_heard:
            self._end_wait()
        await posted.taken

    def _run_market(self, taken: Taken) -> bool:
        """Live through what the tape says of the market alone, many batches at once; say whether there was any."""
        run = None
        if self.recorded is not None and self._on_tape:
            run = take_market_run(self.sequencer, self.recorded, taken.batch)
        if run is None:
            return False
        if self.memory is not None:
            self.memory.note(run.facts, None)
        self.sequencer.sync()
        return True

    async def _next_batch(self, taken: Taken) -> Batch | None:
        """Return what the tape says next, or else the venue."""
        standing = self.sequencer.standing
        recorded = self.recorded.next_batch() if self.recorded is not None and self._on_tape else None
        if recorded is not None and (is_local(recorded) or recorded.number < taken.batch):
            return recorded
        if not self.waits:
            return await self.venue.next_batch(standing.batch, self.sequencer.durable)
        return await self._wait_for_venue()

    async def _wait_for_venue(self) -> Batch | None:
        """Return the venue's next batch, or None when an end is asked for; facts of ours are taken meanwhile."""
        await asyncio.sleep(0)  # Whoever else runs has a turn between two batches.
        while not self._stopping.is_set():
            await self._take_posted()
            self._write_while_idle()
            try:
                batch = await self._ask_venue()
            except _WaitEnded:
                continue
            if not self._is_heard:
                self._is_heard = True
                await self._take_posted()
            return batch
        return None

    async def _ask_venue(self) -> Batch | None:
        """Wait for the venue in this very task, so that a batch is acted on in the turn of the loop that told it."""
        standing, task = self.sequencer.standing, asyncio.current_task()
        assert task is not None
        self._waiting, self._gave_up = task, False
        try:
            return await self.venue.next_batch(standing.batch, self.sequencer.durable)
        except asyncio.CancelledError:
            if not self._gave_up or task.uncancel():
                raise  # Somebody ends the session as a whole.
            raise _WaitEnded from None
        finally:
            self._waiting = None

    def _end_wait(self) -> None:
        """End the wait for the venue, where the session is there: something else is to be done first."""
        task, self._waiting = self._waiting, None
        if task is not None:
            self._gave_up = True
            task.cancel()

    def _write_while_idle(self) -> None:
        """Hand to the system what was gathered, so that the next request does not wait for a minute's quotes.

        Nothing depends on it yet: a disk that has no room is the next sync's to tell.
        """
        with suppress(JournalError):
            self.tape.flush()

    async def _take_posted(self) -> None:
        """Take what we ourselves have to say, and tell whoever said it.

        On a tape it waits, and until a venue is open: what it leads to would not be sent.
        """
        if self.waits and not self._is_heard:
            return
        while self._posted and not self._on_tape:
            posted = self._posted.popleft()
            await self._take(posted.batch)
            await self.disk(self.sequencer.sync)
            if not posted.taken.done():
                posted.taken.set_result(None)

    async def _live_through(self, batch: Batch) -> None:
        if self._on_tape or not self.waits:
            await self._wait_for(batch)
        if self._stopping.is_set():
            return
        await self._take(batch)
        if self._is_due(batch):
            self.sequencer.tell_state()
            await self.disk(self._keep_state)
        if self.resolver is not None and not is_local(batch):
            await self._resolve(self.resolver)
        if self.progress is not None:
            self.progress(batch)

    async def _wait_for(self, batch: Batch) -> None:
        """Return when it is time for a batch, or when somebody wants an end.

        A venue that is waited for needs no such wait: everybody had a turn before it was asked.
        """
        on_tape = self._on_tape
        if on_tape and self.sequencer.standing.batch % _TAPE_TURNS:
            return
        if self.pace is None or on_tape:
            await asyncio.sleep(0)  # A venue that answers at once must not starve whoever wants to stop us.
            return
        self.tape.flush()  # Whoever reads the journal while we wait sees the answers too.
        in_time = asyncio.ensure_future(self.pace.wait_until(batch.now_ns))
        stopped = asyncio.ensure_future(self._stopping.wait())
        _, pending = await asyncio.wait((in_time, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _take(self, batch: Batch) -> None:
        """Live through a batch: what led to requests is durable before any of them leaves."""
        sent = self.sequencer.take(batch)
        if sent is not None or self.sequencer.sync_due or (self.sync_each and batch.wake is not None):
            await self.disk(self.sequencer.sync)
        if sent is not None:
            await self.venue.submit(*sent)
        if self.memory is not None:
            self.memory.note(batch.facts, None if sent is None else sent[1])

    def _keep_state(self) -> None:
        self._keeps = False
        self._kept = self.sequencer.standing.batch
        self.tape.snapshot(self.save())
        self.sequencer.sync()

    async def _resolve(self, resolver: Resolver) -> None:
        """Ask about orders of which nothing was heard for too long; on a tape the answers are recorded."""
        if self._on_tape:
            return
        cids = resolver.overdue(self.sequencer.standing.now_ns)
        if cids:
            await self._take(resolver.doubt(cids))
            await self._take(resolver.evidence(await self.venue.query(cids)))

    @property
    def _on_tape(self) -> bool:
        if not self._is_past_tape:
            self._is_past_tape = self.recorded is None or self.recorded.ended
        return not self._is_past_tape

    def _is_due(self, batch: Batch) -> bool:
        """Say whether a snapshot is due: at the end of so many steps of the market, or of so many batches.

        On a tape it is where the tape has one.
        """
        if self.recorded is not None and self._on_tape:
            return self.recorded.next_kind == RecordKind.STATE
        standing = self.sequencer.standing
        due = standing.steps % self.snapshot_every == 0 or standing.batch - self._kept >= _SNAPSHOT_BATCHES
        return batch.wake is not None and (due or self._keeps)

    def save(self) -> bytes:
        """Return the state of the session, with the venue's where it lives here."""
        inside = self.inside.save(self.sequencer.standing.batch) if self.inside is not None else b""
        return msgspec.msgpack.encode((self.sequencer.save(), inside))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved state. Raises JournalError (JOURNAL_VERSION) for one of another form."""
        own, inside = msgspec.msgpack.decode(saved, type=tuple[bytes, bytes])
        self.sequencer.restore(own)
        self._kept = self.sequencer.standing.batch
        if self.inside is None:
            return
        try:
            self.inside.restore(inside)
        except (msgspec.MsgspecError, ValueError) as error:
            raise other_state() from error
