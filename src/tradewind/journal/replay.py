"""Where a replay or a restart begins: the newest valid snapshot, the oldest kept one, or the very start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import JournalError
from tradewind.journal.format import RecordKind
from tradewind.journal.snapshots import SnapshotRef, decode_reference, read_snapshot, snapshot_sequences

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
    """

    next_seq: int
    state: bytes | None


def valid_snapshots(reader: JournalReader) -> Iterator[tuple[SnapshotRef, bytes]]:
    """Hand out the snapshots that count with their states, newest first.

    One counts if the record after its sequence refers to it and its file holds what that record says.
    """
    identity = reader.identity
    if identity is None:
        return
    for seq in reversed(list(snapshot_sequences(reader.disk, reader.folder))):
        record = next(reader.records(seq + 1), None)
        if record is None or record.kind != RecordKind.SNAPSHOT:
            continue
        reference = decode_reference(record)
        state = (
            read_snapshot(reader.disk, reader.folder, identity, reference) if reference.seq == seq else None
        )
        if state is not None:
            yield reference, state


def newest_start(reader: JournalReader) -> Start:
    """Return the state from which the fewest records are left to apply.

    Raises
    ------
    JournalError
        JOURNAL_CORRUPT: facts have expired and no snapshot after them is whole.
    """
    for reference, state in valid_snapshots(reader):
        return Start(reference.seq + 1, state)
    return _very_start(reader)


def oldest_start(reader: JournalReader) -> Start:
    """Return the state from which the most of the journal can be replayed (errors as `newest_start`)."""
    expired_until = _expired_until(reader)
    if expired_until == 1:
        return Start(1, None)
    oldest: Start | None = None
    for reference, state in valid_snapshots(reader):
        if reference.seq + 1 < expired_until:
            break
        oldest = Start(reference.seq + 1, state)
    return oldest or _very_start(reader)


def records_after(reader: JournalReader, start: Start) -> Iterator[Record]:
    """Hand out the records to apply to `start`, in order."""
    for record in reader.records(start.next_seq):
        if record.kind == RecordKind.EXPIRED:
            raise _lost(reader, record.seq)
        yield record


def _very_start(reader: JournalReader) -> Start:
    if _expired_until(reader) > 1:
        raise _lost(reader, 1)
    return Start(1, None)


def _expired_until(reader: JournalReader) -> int:
    """Return the sequence after the last expired record, 1 while none expired."""
    expired = [r.seq + r.count for r in reader.records() if r.kind == RecordKind.EXPIRED]
    return max(expired, default=1)


def _lost(reader: JournalReader, seq: int) -> JournalError:
    return JournalError(
        "JOURNAL_CORRUPT",
        f"market facts from record {seq} on have expired and no snapshot after them is whole",
        where=str(reader.folder),
        hint="restore the snapshot files from a copy",
    )
