"""The verdict on a journal: every byte of every segment and snapshot is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tradewind.journal.format import Record, RecordKind
from tradewind.journal.reader import CorruptJournalError, Damage, JournalReader, corrupt, segment_name
from tradewind.journal.snapshots import (
    SnapshotRef,
    decode_reference,
    newest_sequence,
    read_snapshot,
    snapshot_sequences,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.journal.disk import Disk
    from tradewind.journal.format import Identity

Verdict = Literal["whole", "torn", "corrupt"]


@dataclass(slots=True)
class VerifyReport:
    """What was found.

    Parameters
    ----------
    verdict
        ``whole``; ``torn``: a crash left a tail that the next start cuts off; ``corrupt``: `first_bad` has
        the place.
    session, accounts
        Whose journal it is.
    segments, records, expired
        How many were verified; `expired` of the records are digests only.
    by_kind
        Records of each kind.
    snapshots, snapshots_bad
        Snapshot files that count, and those referred to and present that are not what was written.
    bytes_dropped
        Length of the torn tail.
    chain
        The chain after the last record, in hex: what to note elsewhere to notice a shortened journal.
    first_bad
        The first damaged place.
    """

    verdict: Verdict = "whole"
    session: str = ""
    accounts: tuple[str, ...] = ()
    segments: int = 0
    records: int = 0
    expired: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    snapshots: int = 0
    snapshots_bad: int = 0
    bytes_dropped: int = 0
    chain: str = ""
    first_bad: Damage | None = None


def verify_journal(disk: Disk, folder: Path) -> VerifyReport:
    """Return the verdict on the journal in `folder`; nothing is changed.

    Raises
    ------
    JournalError
        JOURNAL_VERSION: a later version wrote it. Damage is not raised but reported.
    """
    report = VerifyReport()
    try:
        _verify(disk, folder, report)
    except CorruptJournalError as error:
        report.verdict, report.first_bad = "corrupt", error.damage
    return report


def _verify(disk: Disk, folder: Path, report: VerifyReport) -> None:
    reader = JournalReader(disk, folder)
    identity = reader.identity
    references: list[SnapshotRef] = []
    next_seq, end = 1, 0
    if identity is not None:
        report.session, report.accounts = identity.session, identity.accounts
    for scan in reader.segments():
        report.segments += 1
        for record in scan:
            _count(report, record)
            if record.kind == RecordKind.SNAPSHOT:
                references.append(decode_reference(record))
        report.chain = scan.chain.hex()
        next_seq, end = scan.next_seq, scan.offset
    report.bytes_dropped = reader.dropped_bytes
    report.verdict = "torn" if reader.dropped_bytes else "whole"
    _judge_snapshots(reader, identity, references, report)
    newest = newest_sequence(disk, folder)
    if newest >= next_seq:
        why = f"the journal ends before the snapshot taken after record {newest}"
        raise corrupt(Damage(segment_name(max(report.segments, 1)), end, next_seq, why))


def _count(report: VerifyReport, record: Record) -> None:
    report.records += record.count
    if record.kind == RecordKind.EXPIRED:
        report.expired += record.count
    known = record.kind in RecordKind.__members__.values()
    name = RecordKind(record.kind).name.lower() if known else chr(record.kind)
    report.by_kind[name] = report.by_kind.get(name, 0) + record.count


def _judge_snapshots(
    reader: JournalReader, identity: Identity | None, references: list[SnapshotRef], report: VerifyReport
) -> None:
    if identity is None:
        return
    present = set(snapshot_sequences(reader.disk, reader.folder))
    for reference in references:
        if reference.seq not in present:
            continue
        whole = read_snapshot(reader.disk, reader.folder, identity, reference) is not None
        report.snapshots += whole
        report.snapshots_bad += not whole
