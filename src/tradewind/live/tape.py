"""The journal as a tape: what was recorded is compared while it lasts, then the recording goes on.

A restart and a replay are the same thing: the session runs again and says what it would write down. As long
as the tape has records they must be those; the first that differs is where the replay differs. When the tape
has ended a restart records on, and a replay is done. So recovery has no code of its own to be wrong in.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tradewind.errors import JournalError
from tradewind.journal import RecordKind
from tradewind.journal.bodies import LOCAL, NO_WAKE, decode_facts, layouts_at
from tradewind.journal.snapshots import decode_reference
from tradewind.venues.port import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.journal import JournalWriter, Record, SegmentHeader

INPUT = (RecordKind.MARKET, RecordKind.FACTS)
"""Kinds of records that hold facts."""
_NOT_COMPARED = (RecordKind.BOOT, RecordKind.CLOSE, RecordKind.AUDIT)


class Tape(Protocol):
    """Where a session writes down what it does."""

    def append(self, kind: int, body: bytes) -> int:
        """Take a record; return its sequence."""

    def flush(self) -> None:
        """Hand what was taken to the system, where others can read it."""

    def sync(self) -> None:
        """Return once everything taken is durable."""

    def snapshot(self, state: bytes) -> None:
        """Keep a state from which a replay may start."""


class Recorded:
    """The records of a journal from some point on, as the batches they came from and as what to compare with.

    Attributes
    ----------
    told
        At the end of the tape, what was told to people after the last record that is compared.
    """

    def __init__(self, records: Iterator[Record], headers: list[SegmentHeader]) -> None:
        self.told: list[bytes] = []
        self._records = self._compared(records)
        self._headers = headers
        self._ahead: deque[Record] = deque()

    def next_batch(self) -> Batch | None:
        """Return the next batch that was recorded whole, or None; it stays until its records are taken by `expect`."""
        parts = []
        for record in self._look_ahead():
            if record.kind not in INPUT:
                return None
            head, rows = decode_facts(record, layouts_at(self._headers, record.seq))
            if head.part == 0:
                return None
            parts.append(rows)
            if head.part == head.parts:
                facts = parts[0] if len(parts) == 1 else np.concatenate(parts)
                if head.wake != NO_WAKE:
                    return Batch(head.number, facts[:-1], head.wake, head.again, head.now_ns)
                return Batch(head.number, facts, None, head.again, head.now_ns)
        return None

    def expect(self) -> Record | None:
        """Take the next record, None at the end of the tape."""
        return self._ahead.popleft() if self._ahead else next(self._records, None)

    @property
    def ended(self) -> bool:
        """Say whether nothing is left."""
        if not self._ahead:
            record = next(self._records, None)
            if record is None:
                return True
            self._ahead.append(record)
        return False

    @property
    def next_kind(self) -> int:
        """Return the kind of the record that comes next, 0 at the end."""
        return 0 if self.ended else self._ahead[0].kind

    def _compared(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            if record.kind == RecordKind.AUDIT:
                self.told.append(record.body)
            elif record.kind not in _NOT_COMPARED:
                self.told.clear()
                yield record

    def _look_ahead(self) -> Iterator[Record]:
        yield from tuple(self._ahead)
        for record in self._records:
            self._ahead.append(record)
            yield record


class ReplayTape:
    """Compares what a session says with what was recorded; beyond the end it keeps nothing."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.compared = 0

    def append(self, kind: int, body: bytes) -> int:
        """Compare a record; return its sequence, 0 beyond the end of the tape and for what is told to people only."""
        if kind in _NOT_COMPARED:
            return 0
        record = self.recorded.expect()
        if record is None:
            return 0
        if (record.kind, record.body) != (kind, body):
            raise differs(record, kind)
        self.compared += 1
        return record.seq

    def flush(self) -> None:
        """Do nothing: what was recorded can be read."""

    def sync(self) -> None:
        """Do nothing: what was recorded is durable."""

    def snapshot(self, state: bytes) -> None:
        """Compare the state's hash with that of the snapshot recorded here."""
        record = self.recorded.expect()
        if record is None:
            return
        state_hash = sha256(state).digest()
        if record.kind != RecordKind.SNAPSHOT or decode_reference(record).state_hash != state_hash:
            raise differs(record, RecordKind.SNAPSHOT)
        self.compared += 1


class ResumedTape:
    """Compares while the tape lasts, then records on."""

    def __init__(self, recorded: Recorded, writer: JournalWriter) -> None:
        self._replay = ReplayTape(recorded)
        self._recorded = recorded
        self._writer = writer

    def append(self, kind: int, body: bytes) -> int:
        """Take a record; return its sequence."""
        if not self._recorded.ended:
            return self._replay.append(kind, body)
        if kind == RecordKind.AUDIT and body in self._recorded.told:
            self._recorded.told.remove(body)
            return 0  # The last batch of the tape says again what it had said.
        return self._writer.append(kind, body)

    def flush(self) -> None:
        """Hand what was taken to the system."""
        if self._recorded.ended:
            self._writer.flush()

    def sync(self) -> None:
        """Return once everything taken is durable; what was recorded before is."""
        if self._recorded.ended:
            self._writer.sync()

    def snapshot(self, state: bytes) -> None:
        """Keep a state, or compare it with the one kept here before."""
        if not self._recorded.ended:
            self._replay.snapshot(state)
        else:
            self._writer.snapshot(state)


def differs(record: Record, kind: int) -> JournalError:
    """Return the error for the first record that comes out otherwise."""
    return JournalError(
        "REPLAY_DIFFERS",
        f"record {record.seq} ({chr(record.kind)}) came out otherwise ({chr(kind)}): "
        "not the same code, data or settings",
    )


def is_local(batch: Batch) -> bool:
    """Say whether a batch is ours and not the venue's."""
    return batch.number == LOCAL
