"""Opening a session: lock, recover, and stand where the journal ends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tradewind.journal import (
    Authorship,
    JournalReader,
    JournalWriter,
    RecordKind,
    RetentionRule,
    expire,
    newest_start,
    open_journal,
)
from tradewind.journal.bodies import LAYOUTS, Boot, Closing, begins_batch, encode
from tradewind.journal.forms import refuse_other_forms, written_by_others
from tradewind.journal.snapshots import decode_reference
from tradewind.journal.writer import SEGMENT_BYTES
from tradewind.live.sequencer import Sequencer, refuse_other_state
from tradewind.live.session import SNAPSHOT_EVERY, Keeper, Session
from tradewind.live.tape import Recorded, ResumedTape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tradewind.engine.world import World
    from tradewind.journal import Disk, Identity, Record
    from tradewind.journal.replay import Start
    from tradewind.venues.port import VenuePort


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is recorded.

    Parameters
    ----------
    disk, folder
        The folder of its journal.
    identity
        Its name and accounts.
    now_ns
        The clock, for headers only.
    version
        Version of tradewind.
    segment_bytes, snapshot_every
        When segments and snapshots are begun.
    known_end
        Last record that is known to have been durable, by what lies beside the journal.
    """

    disk: Disk
    folder: Path
    identity: Identity
    now_ns: Callable[[], int]
    version: str
    segment_bytes: int = SEGMENT_BYTES
    snapshot_every: int = SNAPSHOT_EVERY
    known_end: int = 0


@dataclass(slots=True)
class OpenSession:
    """A session that holds its lock.

    Parameters
    ----------
    session
        Ready to run; recovery happens as it runs.
    writer
        The journal.
    resumed_at
        First record that it runs against, 1 for the very start.
    """

    session: Session
    writer: JournalWriter
    resumed_at: int

    def close(self, *, finished: bool) -> None:
        """Write how it ended, and let go."""
        sequencer = self.session.sequencer
        if finished:
            world = sequencer.world
            closing = Closing(sequencer.standing.batch, world.decisions_hash(), world.state_hash())
            self.writer.append(RecordKind.CLOSE, encode(closing))
        self.writer.close()

    def expire(self, place: Place, rule: RetentionRule) -> None:
        """Apply a retention rule to what is sealed."""
        expire(place.disk, place.folder, rule, place.now_ns())


def open_session(
    place: Place, world: World, venue: VenuePort, inside: Keeper | None = None, boot: Boot | None = None
) -> OpenSession:
    """Open the journal at `place` and return a session that goes on where it ends.

    The state of the newest snapshot is put into `world` and `inside`; what was recorded after it is run again
    against the tape, and the recording goes on from there. A batch that a crash left half recorded has led to nothing
    and is cut off: a venue that lives in this process has no other way to tell it again than to live on.

    Raises
    ------
    TradewindError
        As `tradewind.journal.open_journal`: JOURNAL_BEHIND where the journal ends before `Place.known_end`.
        JOURNAL_VERSION too where another version wrote what this one cannot go on from: then nothing is changed.
        REPLAY_DIFFERS comes later, while running.
    """
    _refuse_other_version(place, world)
    author = Authorship(place.identity, place.now_ns, place.version, LAYOUTS)
    writer = open_journal(
        place.disk, place.folder, author, place.segment_bytes, begins_batch, known_end=place.known_end
    )
    try:
        reader = JournalReader(place.disk, place.folder)
        start = newest_start(reader)
        recorded = Recorded(records_to_run(reader, start), reader.headers)
        tape = ResumedTape(recorded, writer)
        session = Session(
            Sequencer(world, tape), tape, recorded, venue, inside=inside, snapshot_every=place.snapshot_every
        )
        if start.state is not None:
            session.restore(start.state)
        if boot is not None:
            writer.append(RecordKind.BOOT, encode(boot))
            writer.sync()
    except BaseException:
        writer.abandon()
        raise
    return OpenSession(session, writer, start.next_seq)


def _refuse_other_version(place: Place, world: World) -> None:
    """Refuse what another version wrote and this one cannot go on from, before anything is changed."""
    reader = JournalReader(place.disk, place.folder, place.identity)
    if written_by_others(reader, place.version):
        start = newest_start(reader)
        refuse_other_forms(reader, start)
        if start.state is not None:
            refuse_other_state(world, start.state)


def records_to_run(reader: JournalReader, start: Start) -> Iterator[Record]:
    """Hand out the records after a start, without the one that refers to the very snapshot."""
    records = reader.records(start.next_seq, start.chain, start.offset)
    for first in islice(records, 1):
        own = first.kind == RecordKind.SNAPSHOT and decode_reference(first).seq < start.next_seq
        if not own:
            yield first
    yield from records
