"""Retention: sealed market payloads give way to their digests, and replay starts at the oldest kept snapshot.

What the account did is kept for ever; what the market did is the bulk of a journal and can be had elsewhere.
A segment is rewritten beside itself and renamed over, so a crash leaves the old one or the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from tradewind.journal import format as twj
from tradewind.journal.format import Record, RecordKind, SegmentHeader
from tradewind.journal.reader import JournalReader, SegmentScan, segment_name
from tradewind.journal.replay import oldest_start, valid_snapshots
from tradewind.journal.snapshots import snapshot_name, snapshot_sequences, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.journal.disk import Disk

# A run of digests must fit one record; longer runs take several.
_DIGESTS_MAX = 30_000


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What is kept.

    Parameters
    ----------
    keep_snapshots
        How many of the newest snapshots stay, at least 1. Market payloads behind the oldest of them may
        expire.
    market_age_ns
        Payloads of a segment stay at least this long after its successor was begun.
    """

    keep_snapshots: int = 2
    market_age_ns: int = 0

    def __post_init__(self) -> None:
        assert self.keep_snapshots >= 1
        assert self.market_age_ns >= 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What one pass gave up.

    Parameters
    ----------
    records
        How many market payloads became digests.
    bytes_freed
        By how much the segments shrank.
    snapshots_removed
        How many older snapshots went.
    replay_from_seq
        The record at which a replay now starts, 1 while nothing is missing.
    """

    records: int
    bytes_freed: int
    snapshots_removed: int
    replay_from_seq: int


def expire(disk: Disk, folder: Path, rule: RetentionRule, now_ns: int) -> Expired:
    """Apply a retention rule to the sealed segments of a journal; a writer may be at work on the last one.

    Without a valid snapshot nothing expires: what a replay needs is never given up.

    Raises
    ------
    JournalError
        JOURNAL_CORRUPT: the journal is damaged; nothing of the damaged segment is touched. DISK_FULL.
    """
    reader = JournalReader(disk, folder)
    kept = [start.next_seq - 1 for start in valid_snapshots(reader)][: rule.keep_snapshots]
    if not kept:
        return Expired(0, 0, 0, 1)
    oldest = kept[-1]
    # Snapshots go first: one that stayed while its facts expired would be a start that leads nowhere.
    removed = _remove_snapshots_before(disk, folder, oldest)
    records = freed = 0
    sealed_until = [header.created_ns for header in reader.headers[1:]]
    for header, end_ns in zip(reader.headers, sealed_until, strict=False):
        if header.first_seq <= oldest and end_ns + rule.market_age_ns <= now_ns:
            more_records, more_bytes = _expire_segment(disk, folder, header, oldest)
            records, freed = records + more_records, freed + more_bytes
    return Expired(records, freed, removed, oldest_start(JournalReader(disk, folder)).next_seq)


def _remove_snapshots_before(disk: Disk, folder: Path, oldest: int) -> int:
    old = [seq for seq in snapshot_sequences(disk, folder) if seq < oldest]
    for seq in old:
        disk.remove(folder / snapshot_name(seq))
    if old:
        disk.sync_folder(folder)
    return len(old)


def _expire_segment(disk: Disk, folder: Path, header: SegmentHeader, last_seq: int) -> tuple[int, int]:
    """Rewrite one sealed segment; return how many payloads expired and how many bytes that freed."""
    name = segment_name(header.number)
    data = disk.read(folder / name)
    rewrite = _Rewrite(header)
    for record, payload in SegmentScan(data, name, is_last=False).with_payloads():
        rewrite.take(record, payload, expires=record.kind == RecordKind.MARKET and record.seq <= last_seq)
    if rewrite.expired == 0:
        return 0, 0
    slimmer = rewrite.finish()
    write_atomically(disk, folder, name, slimmer)
    return rewrite.expired, len(data) - len(slimmer)


class _Rewrite:
    """A segment in which some records are replaced by their digests."""

    def __init__(self, header: SegmentHeader) -> None:
        self._pieces = [twj.encode_header(header)]
        self._chain = twj.chain_after_header(header)
        self._first_seq = 0
        self._digests: list[bytes] = []
        self.expired = 0

    def take(self, record: Record, payload: bytes, *, expires: bool) -> None:
        if expires:
            self._add_digests(record.seq, [sha256(payload).digest()])
            self.expired += 1
        elif record.kind == RecordKind.EXPIRED:
            width = twj.DIGEST_BYTES
            digests = [record.body[at : at + width] for at in range(0, len(record.body), width)]
            self._add_digests(record.seq, digests)
        else:
            self._write_digests()
            frame, self._chain = twj.encode_frames([payload], self._chain)
            self._pieces.append(frame)

    def finish(self) -> bytes:
        self._write_digests()
        return b"".join(self._pieces)

    def _add_digests(self, first_seq: int, digests: list[bytes]) -> None:
        if len(self._digests) + len(digests) > _DIGESTS_MAX:
            self._write_digests()
        if not self._digests:
            self._first_seq = first_seq
        self._digests += digests

    def _write_digests(self) -> None:
        if self._digests:
            frame, self._chain = twj.encode_expired(self._first_seq, self._digests, self._chain)
            self._pieces.append(frame)
            self._digests = []
