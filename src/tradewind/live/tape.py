"""The journal as a tape: what was recorded is compared while it lasts, then the recording goes on.

A restart and a replay are the same thing: the session runs again and says what it would write down. As long
as the tape has records they must be those; the first that differs is where the replay differs. When the tape
has ended a restart records on, and a replay is done. So recovery has no code of its own to be wrong in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tradewind.errors import JournalError
from tradewind.journal import RecordKind
from tradewind.journal.bodies import (
    LAYOUTS,
    LOCAL,
    NO_WAKE,
    OTHER_VERSION,
    count_plain,
    decode_facts,
    decode_market_run,
    unknown_form,
)
from tradewind.journal.format import BODY_SCHEMA
from tradewind.journal.forms import body_of_today
from tradewind.journal.snapshots import decode_reference
from tradewind.venues.port import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.journal import JournalWriter, Record, SegmentHeader
    from tradewind.journal.bodies import MarketRun

INPUT = (RecordKind.MARKET, RecordKind.FACTS)
"""Kinds of records that hold facts."""
_AHEAD = 256
_RUN_MIN = 8
_RUN_BYTES = 1 << 20
_KINDS = frozenset(RecordKind)
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
        self._records = records
        self._headers = headers
        self._first_seqs = [header.first_seq for header in headers]
        self._ahead: deque[Record] = deque()
        self._alone_until = 0

    def next_batch(self) -> Batch | None:
        """Return the next batch that was recorded whole, or None; it stays until its records are taken by `expect`."""
        parts = []
        for record in self._look_ahead():
            if record.kind not in INPUT:
                return None
            head, rows = decode_facts(record, self._layouts(record.seq))
            if head.part == 0:
                return None
            parts.append(rows)
            if head.part == head.parts:
                facts = parts[0] if len(parts) == 1 else np.concatenate(parts)
                if head.wake != NO_WAKE:
                    return Batch(head.number, facts[:-1], head.wake, head.again, head.now_ns)
                return Batch(head.number, facts, None, head.again, head.now_ns)
        return None

    def market_run(self, before: int) -> MarketRun | None:
        """Take batches of the market numbered below `before`, many at once; None where the next is to be taken alone.

        Each record of them is what a session writes of its batch that has nothing else to say, and the record behind
        it shows that it had nothing else to say. The last one before anything else is left.
        """
        if not self.may_run:
            return None
        if len(self._ahead) < _AHEAD // 2:
            self._read()
        count = count_plain(self._ahead, _RUN_BYTES)
        if count == len(self._ahead) or self._ahead[count].kind != RecordKind.MARKET:
            count -= 1
        records = self._of_one_segment(list(islice(self._ahead, max(count, 0))))
        run = None
        if len(records) >= _RUN_MIN:
            run = decode_market_run(records, self._layouts(records[0].seq))
        if run is None or run.numbers.min() <= LOCAL or run.numbers.max() >= before:
            self._alone_until = records[-1].seq if records else self._ahead[0].seq
            return None
        for _ in records:
            self._ahead.popleft()
        return run

    @property
    def may_run(self) -> bool:
        """Say whether `market_run` is worth asking: it has not refused the next record yet."""
        return self.next_kind == RecordKind.MARKET and self._ahead[0].seq > self._alone_until

    def expect(self) -> Record | None:
        """Take the next record, None at the end of the tape."""
        return None if self.ended else self._ahead.popleft()

    @property
    def ended(self) -> bool:
        """Say whether nothing is left."""
        return not self._ahead and not self._read()

    @property
    def next_kind(self) -> int:
        """Return the kind of the record that comes next, 0 at the end."""
        return 0 if self.ended else self._ahead[0].kind

    @property
    def is_torn(self) -> bool:
        """Say whether nothing is left but a batch that a crash left half recorded: facts, and nothing behind them."""
        return all(record.kind in INPUT for record in self._look_ahead())

    def refuse_other(self, record: Record, kind: int, body: bytes) -> None:
        """Refuse what comes out otherwise than a record says, also in rows of today (REPLAY_DIFFERS)."""
        header = self._header(record.seq)
        is_older = header.layouts != LAYOUTS
        if record.kind != kind or not is_older or body_of_today(record, header.layouts) != body:
            raise differs(record, kind, header.writer if is_older else "")

    def _layouts(self, seq: int) -> dict[str, tuple[tuple[str, str], ...]]:
        return self._header(seq).layouts

    def _header(self, seq: int) -> SegmentHeader:
        return self._headers[bisect_right(self._first_seqs, seq) - 1]

    def _of_one_segment(self, records: list[Record]) -> list[Record]:
        """Return the first of these records, up to the end of the segment of the very first."""
        at = bisect_right(self._first_seqs, records[0].seq) if records else 0
        if at == len(self._first_seqs) or not records or records[-1].seq < self._first_seqs[at]:
            return records
        return [record for record in records if record.seq < self._first_seqs[at]]

    def _read(self) -> bool:
        """Read on until there is something to compare; say whether there is."""
        before = len(self._ahead)
        while len(self._ahead) == before:
            records = list(islice(self._records, _AHEAD))
            if not records:
                return False
            for record in records:
                if record.kind == RecordKind.AUDIT:
                    self.told.append(record.body)
                elif record.kind not in _NOT_COMPARED:
                    if record.kind not in _KINDS or record.schema != BODY_SCHEMA:
                        raise unknown_form(record)
                    self.told.clear()
                    self._ahead.append(record)
        return True

    def _look_ahead(self) -> Iterator[Record]:
        at = 0
        while at < len(self._ahead) or self._read():
            yield self._ahead[at]
            at += 1


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
            self.recorded.refuse_other(record, kind, body)
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
        self._is_recording = False

    def append(self, kind: int, body: bytes) -> int:
        """Take a record; return its sequence."""
        if not (self._is_recording or self._begins()):
            return self._replay.append(kind, body)
        if kind == RecordKind.AUDIT and body in self._recorded.told:
            self._recorded.told.remove(body)
            return 0  # The last batch of the tape says again what it had said.
        return self._writer.append(kind, body)

    def flush(self) -> None:
        """Hand what was taken to the system."""
        if self._is_recording or self._begins():
            self._writer.flush()

    def sync(self) -> None:
        """Return once everything taken is durable; what was recorded before is."""
        if self._is_recording or self._begins():
            self._writer.sync()

    def snapshot(self, state: bytes) -> None:
        """Keep a state, or compare it with the one kept here before."""
        if not (self._is_recording or self._begins()):
            self._replay.snapshot(state)
        else:
            self._writer.snapshot(state)

    def _begins(self) -> bool:
        """Say whether the tape has ended, which it does once: from then on it is written to."""
        self._is_recording = self._recorded.ended
        return self._is_recording


def differs(record: Record, kind: int = 0, writer: str = "") -> JournalError:
    """Return the error for the first record that comes out otherwise, or not at all.

    writer: the version that wrote it, where its rows had other fields than those of today.
    """
    said = f"came out otherwise ({chr(kind)})" if kind else "did not come out"
    if writer:
        return JournalError(
            "REPLAY_DIFFERS",
            f"record {record.seq} ({chr(record.kind)}) {said}: tradewind {writer} wrote it, in records of another form",
            hint=OTHER_VERSION,
        )
    return JournalError(
        "REPLAY_DIFFERS",
        f"record {record.seq} ({chr(record.kind)}) {said}: not the same code, data or settings",
    )


def is_local(batch: Batch) -> bool:
    """Say whether a batch is ours and not the venue's."""
    return batch.number == LOCAL
