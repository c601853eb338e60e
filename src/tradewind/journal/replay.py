"""Where a replay or a restart begins: the newest valid snapshot, the oldest kept one, or the very start."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from tradewind.errors import JournalError
from tradewind.journal.format import RecordKind
from tradewind.journal.reader import CorruptJournalError
from tradewind.journal.snapshots import decode_reference, open_snapshot, snapshot_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.journal.format import Record
    from tradewind.journal.reader import JournalReader


@dataclass(frozen=True, slots=True)
class Start:
    """A state to start from.

    Parameters
    ----------
    next_seq
        The first record that the state does not contain.
    state
        The state's bytes; None is the state before the first record.
    chain, offset
        The chain before `next_seq`, None where it is that of a segment's header; and where in its segment it probably
        begins, 0 where nobody says.
    """

    next_seq: int
    state: bytes | None
    chain: bytes | None = None
    offset: int = 0


def valid_snapshots(reader: JournalReader) -> Iterator[Start]:
    """Hand out the snapshots that count, newest first, as what starts from them.

    One counts if the record after its sequence refers to it, carries on its chain, and its file holds what that
    record says. What lies before it in its segment is not verified for that.
    """
    identity = reader.identity
    if identity is None:
        return
    for seq in reversed(list(snapshot_sequences(reader.disk, reader.folder))):
        kept = open_snapshot(reader.disk, reader.folder, identity, seq)
        if kept is None:
            continue
        start = Start(seq + 1, kept.state, kept.chain, kept.offset)
        try:
            record = next(reader.records(start.next_seq, start.chain, start.offset), None)
        except CorruptJournalError:
            continue  # Whoever reads on from an older one comes upon the damage, and says so.
        if record is None or record.kind != RecordKind.SNAPSHOT:
            continue
        reference = decode_reference(record)
        if reference.seq == seq and sha256(kept.state).digest() == reference.state_hash:
            yield start


def newest_start(reader: JournalReader) -> Start:
    """Return the state from which the fewest records are left to apply.

    Raises
    ------
    JournalError
        JOURNAL_CORRUPT: facts have expired and no snapshot after them is whole.
    """
    return next(valid_snapshots(reader), None) or _very_start(reader)


def oldest_start(reader: JournalReader) -> Start:
    """Return the state from which the most of the journal can be replayed (errors as `newest_start`)."""
    expired_until = _expired_until(reader)
    if expired_until == 1:
        return Start(1, None)
    oldest: Start | None = None
    for start in valid_snapshots(reader):
        if start.next_seq < expired_until:
            break
        oldest = start
    return oldest or _very_start(reader)


def records_after(reader: JournalReader, start: Start) -> Iterator[Record]:
    """Hand out the records to apply to `start`, in order."""
    for record in reader.records(start.next_seq, start.chain, start.offset):
        if record.kind == RecordKind.EXPIRED:
            raise _lost(reader, record.seq)
        yield record


def _very_start(reader: JournalReader) -> Start:
    if _expired_until(reader) > 1:
        raise _lost(reader, 1)
    return Start(1, None)


def _expired_until(reader: JournalReader) -> int:
    """Return the sequence after the last expired record, 1 while none expired."""
    return max([1, *(record.seq + record.count for record in reader.of_kind(RecordKind.EXPIRED))])


def _lost(reader: JournalReader, seq: int) -> JournalError:
    return JournalError(
        "JOURNAL_CORRUPT",
        f"market facts from record {seq} on have expired and no snapshot after them is whole",
        where=str(reader.folder),
        hint="restore the snapshot files from a copy",
    )
