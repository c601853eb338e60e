"""What another version of tradewind wrote: which of it can be read here, and how it would be written today.

Rows get fields, and lose some, from one version to the next. A field that rows did not have is zero, and zero means
that nothing is said. So a record of other rows says the same today where every field that is gone was zero: then a
session can be run against it, and what comes out is compared with the record as it would be written now. Where
something is said that this version has no word for, nobody knows what it was decided on, and the record is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tradewind.errors import JournalError
from tradewind.journal.bodies import (
    FACT,
    INTENT,
    LAYOUTS,
    REFUSAL,
    REQUEST,
    begin_of_rows,
    decode_decision,
    encode,
    header_at,
    unknown_form,
)
from tradewind.journal.format import BODY_SCHEMA, RecordKind
from tradewind.journal.rows import pack_rows, unpack_rows
from tradewind.journal.snapshots import newest_sequence

if TYPE_CHECKING:
    from tradewind.journal.format import Record
    from tradewind.journal.reader import JournalReader
    from tradewind.journal.replay import Start

__all__ = ["Layouts", "body_of_today", "refuse_other_forms", "written_by_others"]

Layouts = dict[str, tuple[tuple[str, str], ...]]
_DTYPES = {"FACT": FACT, "REQUEST": REQUEST, "INTENT": INTENT, "REFUSAL": REFUSAL}
_ROWS: dict[int, str] = {RecordKind.MARKET: "FACT", RecordKind.FACTS: "FACT", RecordKind.REQUESTS: "REQUEST"}
_FOR_PEOPLE = (RecordKind.BOOT, RecordKind.CLOSE, RecordKind.AUDIT)


def body_of_today(record: Record, layouts: Layouts) -> bytes:
    """Return the body of a record as it would be written today.

    Parameters
    ----------
    record
        Any record.
    layouts
        Of the segment that holds it.

    Raises
    ------
    JournalError
        JOURNAL_VERSION: it says something that cannot be said today.
    """
    if record.kind in _FOR_PEOPLE:
        return record.body
    if record.schema != BODY_SCHEMA:
        raise unknown_form(record)
    if record.kind in _ROWS:
        begin = begin_of_rows(record)
        return record.body[:begin] + _rows_of_today(record, record.body[begin:], layouts, _ROWS[record.kind])
    if record.kind != RecordKind.DECISION:
        return record.body
    decision = decode_decision(record)
    reasons = [
        msgspec.structs.replace(reason, intent=_rows_of_today(record, reason.intent, layouts, "INTENT"))
        for reason in decision.reasons
    ]
    refusals = _rows_of_today(record, decision.refusals, layouts, "REFUSAL")
    return encode(msgspec.structs.replace(decision, reasons=reasons, refusals=refusals))


def _rows_of_today(record: Record, packed: bytes, layouts: Layouts, name: str) -> bytes:
    """Return packed rows with today's fields. Raises JournalError where one that is gone or changed said something."""
    dtype, layout = _DTYPES[name], layouts.get(name, ())
    try:
        rows, written = unpack_rows(packed, layout, dtype), np.frombuffer(packed, np.dtype(list(layout)))
    except ValueError as error:
        raise unknown_form(record) from error
    for field, _ in layout:
        kept = rows[field] if field in (dtype.names or ()) else 0
        if (written[field] != kept).any():
            raise unknown_form(record)
    return pack_rows(rows)


def written_by_others(reader: JournalReader, version: str) -> bool:
    """Say whether another version wrote any segment that a start from the newest snapshot would read."""
    newest = newest_sequence(reader.disk, reader.folder)
    last_seqs = [*(header.first_seq - 1 for header in reader.headers[1:]), newest + 1]
    return any(
        header.writer != version
        for header, last_seq in zip(reader.headers, last_seqs, strict=False)
        if last_seq > newest
    )


def refuse_other_forms(reader: JournalReader, start: Start) -> None:
    """Refuse a journal with anything behind a start that this version cannot say; nothing is changed by that.

    Raises
    ------
    JournalError
        JOURNAL_VERSION; JOURNAL_CORRUPT as a reader raises it.
    """
    for record in reader.records(start.next_seq, start.chain, start.offset):
        header = header_at(reader.headers, record.seq)
        if record.kind not in RecordKind.__members__.values():
            raise unknown_form(record, header.writer)
        if header.layouts == LAYOUTS and record.schema == BODY_SCHEMA:
            continue
        try:
            body_of_today(record, header.layouts)
        except JournalError:
            raise unknown_form(record, header.writer) from None
