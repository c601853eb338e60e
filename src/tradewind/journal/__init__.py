"""The journal: every input is written down before it is acted on, so any session replays the same."""

from tradewind.journal.disk import Disk, FileDisk, Lock, OpenFile
from tradewind.journal.format import FORMAT_VERSION, Identity, Record, RecordKind, SegmentHeader
from tradewind.journal.reader import CorruptJournalError, Damage, JournalReader, behind
from tradewind.journal.replay import Start, newest_start, oldest_start, records_after
from tradewind.journal.retention import Expired, RetentionRule, expire
from tradewind.journal.rows import layout_of, pack_rows, unpack_rows
from tradewind.journal.snapshots import SnapshotRef
from tradewind.journal.verify import VerifyReport, verify_journal
from tradewind.journal.writer import Authorship, JournalWriter, Recovered, open_journal

__all__ = [
    "FORMAT_VERSION",
    "Authorship",
    "CorruptJournalError",
    "Damage",
    "Disk",
    "Expired",
    "FileDisk",
    "Identity",
    "JournalReader",
    "JournalWriter",
    "Lock",
    "OpenFile",
    "Record",
    "RecordKind",
    "Recovered",
    "RetentionRule",
    "SegmentHeader",
    "SnapshotRef",
    "Start",
    "VerifyReport",
    "behind",
    "expire",
    "layout_of",
    "newest_start",
    "oldest_start",
    "open_journal",
    "pack_rows",
    "records_after",
    "unpack_rows",
    "verify_journal",
]
