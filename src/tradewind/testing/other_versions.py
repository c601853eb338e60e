"""Journals as another version of tradewind would have written them, made of one that today's code wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tradewind.journal import Authorship, JournalReader, RecordKind, open_journal
from tradewind.journal.bodies import (
    FACT,
    INTENT,
    REFUSAL,
    REQUEST,
    begin_of_rows,
    decode_decision,
    encode,
)
from tradewind.journal.snapshots import decode_reference, open_snapshot
from tradewind.testing.disk import SimulatedDisk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradewind.journal import Disk, Record

__all__ = ["OtherVersion", "rewrite_as"]

_TODAY = {"FACT": FACT, "REQUEST": REQUEST, "INTENT": INTENT, "REFUSAL": REFUSAL}


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """How another version differs from today's.

    Parameters
    ----------
    writer
        Its number.
    lacks
        Fields that its rows do not have, by the name of the row.
    knows
        Fields that its rows have beside today's, and the value in each row: integers.
    schemas
        Versions of the bodies of some kinds of records.
    added
        Records that it writes behind the last one, as kind and body.
    """

    writer: str
    lacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    knows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    schemas: Mapping[int, int] = field(default_factory=dict)
    added: tuple[tuple[int, bytes], ...] = ()

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the rows of one name as this version has them."""
        kept = [
            (each, _TODAY[name][each].str)
            for each in _TODAY[name].names or ()
            if each not in self.lacks.get(name, ())
        ]
        return np.dtype([*kept, *((each, "<i8") for each in self.knows.get(name, ()))])

    @property
    def layouts(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return what the headers of its segments say."""
        return {
            name: tuple((each, self.dtype(name)[each].str) for each in self.dtype(name).names or ())
            for name in _TODAY
        }

    def rows(self, packed: bytes, name: str) -> bytes:
        """Return packed rows of today as this version writes them."""
        today = np.frombuffer(packed, _TODAY[name])
        rows = np.zeros(len(today), self.dtype(name))
        for each in rows.dtype.names or ():
            rows[each] = today[each] if each in (today.dtype.names or ()) else self.knows[name][each]
        return rows.tobytes()

    def body(self, record: Record) -> bytes:
        """Return the body of a record of today as this version writes it."""
        if record.kind in (RecordKind.MARKET, RecordKind.FACTS, RecordKind.REQUESTS):
            name = "REQUEST" if record.kind == RecordKind.REQUESTS else "FACT"
            begin = begin_of_rows(record)
            return record.body[:begin] + self.rows(record.body[begin:], name)
        if record.kind != RecordKind.DECISION:
            return record.body
        decision = decode_decision(record)
        reasons = [
            msgspec.structs.replace(reason, intent=self.rows(reason.intent, "INTENT"))
            for reason in decision.reasons
        ]
        refusals = self.rows(decision.refusals, "REFUSAL")
        return encode(msgspec.structs.replace(decision, reasons=reasons, refusals=refusals))


def rewrite_as(disk: Disk, folder: Path, version: OtherVersion, until: int | None = None) -> SimulatedDisk:
    """Return a disk with the journal in `folder`, up to a sequence, as another version would have written it.

    Its snapshots come with it: what is compared of them, the state's hash, does not depend on the rows.
    """
    reader, other = JournalReader(disk, folder), SimulatedDisk()
    identity = reader.headers[0].identity
    writer = open_journal(other, folder, Authorship(identity, lambda: 0, version.writer, version.layouts))
    for record in reader.records():
        if until is not None and record.seq > until:
            break
        if record.kind == RecordKind.SNAPSHOT:
            kept = open_snapshot(disk, folder, identity, decode_reference(record).seq)
            if kept is not None:
                writer.snapshot(kept.state)
                continue
        writer.append(record.kind, version.body(record), version.schemas.get(record.kind, record.schema))
    for kind, body in version.added:
        writer.append(kind, body)
    writer.close()
    return other
