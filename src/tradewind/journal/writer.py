"""Writing a journal: one writer, append-only, durable when it says so.

`JournalWriter.append` gathers, `JournalWriter.sync` makes durable. Framing, checksums and the chain are done
for a whole gathering at once, before it is written: a crash loses what was not synced, in either order of
work.

A full disk is survived: what was written in part is cut off again, what was gathered stays, and the same call
may be repeated once there is room. A failed sync is not survived: the kernel may have dropped the pages it
could not write, so nothing is retried and the writer refuses everything from then on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.errors import InvariantBroken, JournalError
from tradewind.journal import format as twj
from tradewind.journal.disk import FULL, append_all, disk_full
from tradewind.journal.format import Identity, Record, RecordKind, SegmentHeader
from tradewind.journal.reader import Damage, JournalReader, SegmentScan, behind, corrupt, segment_name
from tradewind.journal.replay import valid_snapshots
from tradewind.journal.snapshots import (
    SnapshotRef,
    encode_reference,
    newest_sequence,
    write_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradewind.journal.disk import Disk, OpenFile

SEGMENT_BYTES: Final = 64 << 20
_GATHERED_BYTES_MAX: Final = 256 << 10
_BODY_BYTES_MAX: Final = twj.MAX_PAYLOAD_BYTES - 32
_TAIL_RECORDS: Final = 64


@dataclass(frozen=True, slots=True)
class Authorship:
    """What a writer puts into the headers of its segments.

    Parameters
    ----------
    identity
        Whose journal it is.
    now_ns
        The caller's clock, read once for each segment.
    writer
        Version of tradewind.
    layouts
        For each packed row its fields; see `tradewind.journal.rows.layout_of`.
    """

    identity: Identity
    now_ns: Callable[[], int]
    writer: str
    layouts: dict[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found when a journal was opened for writing.

    Parameters
    ----------
    last_seq
        Sequence of the last whole record, 0 in a new journal.
    dropped_bytes
        Length of the torn tail that was cut off.
    """

    last_seq: int
    dropped_bytes: int


class JournalWriter:
    """The only writer of a journal; it holds the lock of the folder until `close`.

    Use `open_journal` to get one. Not for two threads at once: the caller decides which one writes.

    Attributes
    ----------
    recovered
        What was found at the start.
    durable_seq
        Sequence of the last record that a `sync` has made durable, or that was found at the start.
    """

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        authorship: Authorship,
        segment_bytes: int,
        is_begun: Callable[[Record], bool] = lambda record: False,
        *,
        known_end: int = 0,
    ) -> None:
        self._is_begun = is_begun
        self._known_end = known_end
        self._disk = disk
        self._folder = folder
        self._authorship = authorship
        self._segment_bytes = segment_bytes
        self._gathered: list[tuple[int, int, bytes, int]] = []
        self._gathered_bytes = 0
        self._written = 1, 0, b"", 0
        """The last record; where it needs others behind it, they come into the same segment."""
        self._failure: str | None = None
        self._number = 0
        self._next_seq = 1
        self._chain = twj.chain_start(authorship.identity)
        self._size = self._synced_size = 0
        self._full_bytes = max(segment_bytes, 1)
        self._file: OpenFile
        self._lock = disk.lock(folder / "lock", f"writes the journal {authorship.identity.session}")
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    @property
    def next_seq(self) -> int:
        """Return the sequence that the next record gets."""
        return self._next_seq

    @property
    def chain(self) -> bytes:
        """Return the chain after the last record that was written out (`flush`, `sync`)."""
        return self._chain

    def append(self, kind: int, body: bytes, schema: int = twj.BODY_SCHEMA) -> int:
        """Gather a record and return its sequence; it is durable after the next `sync`.

        Parameters
        ----------
        kind
            A `RecordKind`.
        body
            Its content, up to 1 MiB less a few bytes.
        schema
            Version of the body's encoding.

        Raises
        ------
        JournalError
            DISK_FULL: the record was not taken; call again when there is room.
            JOURNAL_WRITE: the disk failed before; nothing is taken any more.
        """
        if self._gathered_bytes >= _GATHERED_BYTES_MAX or self._failure:
            self.flush()
        seq, size = self._next_seq, len(body)
        if size > _BODY_BYTES_MAX:
            raise InvariantBroken("INVARIANT_BROKEN", f"a record of {size} bytes exceeds 1 MiB")
        self._gathered.append((schema, seq, body, kind))
        self._gathered_bytes += size
        self._next_seq = seq + 1
        return seq

    def flush(self) -> None:
        """Hand what was gathered to the system, where a killed process no longer loses it."""
        if self._failure is not None:
            raise self._refusal()
        gathered = self._gathered
        if not gathered:
            return
        if self._size >= self._full_bytes and not self._is_begun(Record(*self._written)):
            self._rotate()
        frames, chain = twj.encode_frames(list(map(twj.encode_record, gathered)), self._chain)
        self._write(frames)
        self._chain, self._written = chain, gathered[-1]
        gathered.clear()
        self._gathered_bytes = 0

    def sync(self) -> None:
        """Return once every appended record is durable.

        Raises
        ------
        JournalError
            DISK_FULL: not durable; call again when there is room. JOURNAL_WRITE: fatal, trading must halt.
        """
        self.flush()
        if self._size == self._synced_size:
            return
        self._sync_file()
        self.durable_seq = self._next_seq - 1

    def snapshot(self, state: bytes) -> SnapshotRef:
        """Keep `state`, which is what the records so far lead to, as a place where a replay may start.

        The journal is synced first: a snapshot must never know more than the journal that it belongs to.
        """
        self.sync()
        seq = self._next_seq - 1
        reference = write_snapshot(
            self._disk, self._folder, self._authorship.identity, seq, self._chain, state, offset=self._size
        )
        self.append(RecordKind.SNAPSHOT, encode_reference(reference))
        return reference

    def close(self) -> None:
        """Sync, close and give the lock back; a writer that failed only closes."""
        try:
            if self._failure is None:
                self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without writing what was gathered, as a crash would."""
        self._failure = self._failure or "the journal is closed"
        self._file.close()
        self._lock.release()

    def _open(self) -> None:
        self._disk.make_folder(self._folder)
        reader = JournalReader(self._disk, self._folder, self._authorship.identity)
        self._number = len(reader.headers)
        if self._number == 0:
            self._refuse_lost_tail(segment_name(1), 0)
            self._remove_torn(reader)
            self._begin_segment()
        else:
            self._resume(reader)
        self.durable_seq = self._next_seq - 1
        self.recovered = Recovered(self.durable_seq, reader.dropped_bytes)

    def _remove_torn(self, reader: JournalReader) -> None:
        """Remove a last segment in which nothing stands yet."""
        if reader.torn_segment is not None:
            self._disk.remove(self._folder / reader.torn_segment)

    def _resume(self, reader: JournalReader) -> None:
        last = reader.headers[-1]
        scan, dropped_bytes = self._whole_part(reader)
        reader.dropped_bytes += dropped_bytes
        self._next_seq, self._chain = scan.next_seq, scan.chain
        name = segment_name(last.number)
        self._refuse_lost_tail(name, scan.offset)
        self._remove_torn(reader)
        self._file = self._disk.open(self._folder / name)
        if dropped_bytes:
            self._file.truncate(scan.offset)
        self._size, self._synced_size = scan.offset, -1
        self._sync_file()  # What a dead process had written may not be on the disk yet.
        if (last.layouts, last.writer) != (self._authorship.layouts, self._authorship.writer):
            self._full_bytes = 0  # Each segment is of one version, and begins with the first record of it.

    def _whole_part(self, reader: JournalReader) -> tuple[SegmentScan, int]:
        """Read the last segment up to the last record with which something was whole; return how much lies behind."""
        scan = self._last_segment(reader)
        tail: deque[Record] = deque(maxlen=_TAIL_RECORDS)
        tail.extend(scan)
        begun = 0
        while tail and self._is_begun(tail.pop()):
            begun += 1
        if not begun:
            return scan, scan.dropped_bytes
        shorter = self._last_segment(reader)
        records = shorter.with_payloads()
        while shorter.next_seq < scan.next_seq - begun:
            next(records)
        return shorter, scan.offset + scan.dropped_bytes - shorter.offset

    def _last_segment(self, reader: JournalReader) -> SegmentScan:
        """Return the last segment to be read from its newest snapshot on."""
        last = reader.headers[-1]
        scan = next(reader.segments(last.first_seq))
        start = next(valid_snapshots(reader), None)
        if start is not None and start.chain is not None and start.next_seq > last.first_seq:
            scan.skip_to(start.next_seq, start.chain, start.offset)
        return scan

    def _refuse_lost_tail(self, name: str, offset: int) -> None:
        """Refuse a journal that ends before a snapshot of it, or before what is known otherwise: a part is gone."""
        newest = newest_sequence(self._disk, self._folder)
        if newest >= self._next_seq:
            why = f"the journal ends before the snapshot taken after record {newest}"
            raise corrupt(Damage(name, offset, self._next_seq, why))
        if self._known_end >= self._next_seq:
            raise behind(self._next_seq - 1, self._known_end, str(self._folder))

    def _rotate(self) -> None:
        self._sync_file()
        old = self._file
        self._begin_segment()
        old.close()

    def _begin_segment(self) -> None:
        """Write the next segment's header durably, then switch to it."""
        author = self._authorship
        header = SegmentHeader(
            author.identity,
            self._number + 1,
            self._next_seq - len(self._gathered),
            self._chain,
            author.now_ns(),
            author.writer,
            author.layouts,
        )
        data = twj.encode_header(header)
        path = self._folder / segment_name(header.number)
        file = self._begin_file(path, data)
        self._file, self._number = file, header.number
        self._chain = twj.chain_after_header(header)
        self._size = self._synced_size = len(data)
        self._full_bytes = max(self._segment_bytes, len(data) + 1)

    def _begin_file(self, path: Path, data: bytes) -> OpenFile:
        try:
            file = self._disk.create(path)
            try:
                append_all(file, data)
                file.sync()
                self._disk.sync_folder(self._folder)
            except OSError:
                file.close()
                self._disk.remove(path)
                raise
        except OSError as error:
            raise self._failed(error) from error
        return file

    def _write(self, data: bytes) -> None:
        try:
            append_all(self._file, data)
        except OSError as error:
            self._cut_back()
            raise self._failed(error) from error
        self._size += len(data)

    def _cut_back(self) -> None:
        try:
            self._file.truncate(self._size)
        except OSError as error:
            raise self._fatal(error) from error

    def _sync_file(self) -> None:
        try:
            self._file.sync()
        except OSError as error:
            raise self._fatal(error) from error
        self._synced_size = self._size

    def _failed(self, error: OSError) -> JournalError:
        """Return the error to raise: a full disk may get room again, anything else may not be repeated."""
        return disk_full(error, self._folder) if error.errno in FULL else self._fatal(error)

    def _fatal(self, error: OSError) -> JournalError:
        self._failure = f"the disk failed: {error.strerror or error}"
        return self._refusal()

    def _refusal(self) -> JournalError:
        return JournalError("JOURNAL_WRITE", str(self._failure), where=str(self._folder))


def open_journal(
    disk: Disk,
    folder: Path,
    authorship: Authorship,
    segment_bytes: int = SEGMENT_BYTES,
    is_begun: Callable[[Record], bool] = lambda record: False,
    *,
    known_end: int = 0,
) -> JournalWriter:
    """Open the journal in `folder` for writing, new or after the last whole record, and hold its lock.

    The last segment is verified from its newest snapshot on, a torn tail is cut off, and the headers of all segments
    must fit together; `tradewind.journal.verify.verify_journal` looks at every byte.

    is_begun: says of a record that it needs others behind it; those at the end are cut off with a torn tail. known_end:
    the last record that is known to have been durable; a journal that ends before it is refused, and left as it is.

    Raises
    ------
    Busy
        LOCKED: another process writes it; the message names it.
    SafetyRefusal
        JOURNAL_IDENTITY: it belongs to another session or account.
    JournalError
        JOURNAL_CORRUPT, JOURNAL_BEHIND, JOURNAL_VERSION, JOURNAL_WRITE, DISK_FULL.
    """
    disk.make_folder(folder)
    return JournalWriter(disk, folder, authorship, segment_bytes, is_begun, known_end=known_end)


__all__ = ["SEGMENT_BYTES", "Authorship", "JournalWriter", "Recovered", "open_journal"]
