"""What the records of a session hold: batches of facts, requests, decisions, and how a process began."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from tradewind.errors import JournalError
from tradewind.journal.format import BODY_SCHEMA, RecordKind
from tradewind.journal.rows import layout_of, unpack_rows
from tradewind.units.enums import FactKind
from tradewind.units.layout import dtype_of
from tradewind.units.records import Intent
from tradewind.units.wire import Fact, RefusalRow, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tradewind.journal.format import Record, SegmentHeader

FACT = dtype_of(Fact)
REQUEST = dtype_of(Request)
INTENT = dtype_of(Intent)
REFUSAL = dtype_of(RefusalRow)
LAYOUTS = {
    "FACT": layout_of(FACT),
    "REQUEST": layout_of(REQUEST),
    "INTENT": layout_of(INTENT),
    "REFUSAL": layout_of(REFUSAL),
}

LOCAL = 0
"""Number of a batch that is ours: an operator's command, or what a query found out."""
NO_WAKE = -1

OTHER_VERSION = (
    "let that version go on, or end the session flat with it; on accounts 'tradewind session adopt FILE' begins anew "
    "with what they hold"
)
"""What to do about a journal that only another version can go on with."""

_BATCH = struct.Struct("<qqHHbBH")
_NUMBERS = struct.Struct("<qq")
_REQUESTS = struct.Struct("<q")
_WAKE = struct.Struct(f"<10q{FACT.itemsize - 80}x")
_PLAIN = frozenset(_BATCH.pack(0, 0, 1, 1, NO_WAKE, again, 0)[_NUMBERS.size :] for again in (False, True))


_Body = TypeVar("_Body", "Decision", "Boot", "Closing", "Audit")


class BatchPart(msgspec.Struct, frozen=True, gc=False):
    """Which batch the facts of a record belong to.

    Parameters
    ----------
    number
        The venue's number of the batch, or LOCAL.
    now_ns
        The time after it.
    part, parts
        This is part `part` (from 1) of `parts`; 0 of 0 is a WAKE that the session itself added to the batch.
    wake
        The `WakeCode` that ends it (its row is the last), or NO_WAKE.
    again
        Whether an answered cancel in it may wake its strategy.
    """

    number: int
    now_ns: int
    part: int
    parts: int
    wake: int
    again: bool


def encode_facts(head: BatchPart, facts: bytes) -> bytes:
    """Return the body of a record of facts, rows of `FACT` as bytes."""
    return _BATCH.pack(*msgspec.structs.astuple(head), 0) + facts


def decode_facts(
    record: Record, layouts: dict[str, tuple[tuple[str, str], ...]]
) -> tuple[BatchPart, NDArray[Any]]:
    """Return what `encode_facts` was given, as rows in today's layout.

    Raises
    ------
    JournalError
        JOURNAL_VERSION: another version wrote the body in a form of its own; of every decoding here.
    """
    _refuse_form(record)
    number, now_ns, part, parts, wake, again, _ = _BATCH.unpack_from(record.body)
    head = BatchPart(number, now_ns, part, parts, wake, bool(again))
    return head, unpack_rows(record.body[_BATCH.size :], layouts["FACT"], FACT)


def begin_of_rows(record: Record) -> int:
    """Return where the packed rows begin in the body of a record of facts or of requests."""
    return _REQUESTS.size if record.kind == RecordKind.REQUESTS else _BATCH.size


def begins_batch(record: Record) -> bool:
    """Say whether a record holds facts of a batch of which more must follow."""
    if record.kind not in (RecordKind.MARKET, RecordKind.FACTS) or record.schema != BODY_SCHEMA:
        return False
    _, _, part, parts, _, _, _ = _BATCH.unpack_from(record.body)
    return 0 < int(part) < int(parts)


@dataclass(frozen=True, slots=True)
class MarketRun:
    """Whole batches of the market, one after the other, after none of which anybody decides.

    Parameters
    ----------
    numbers, now_ns
        Of each batch: its number, and the time after it; shape (batches,).
    facts
        Their rows of `FACT`, one batch after the other.
    """

    numbers: NDArray[np.int64]
    now_ns: NDArray[np.int64]
    facts: NDArray[Any]


def count_plain(records: Iterable[Record], most_bytes: int) -> int:
    """Return how many of the first records are what `decode_market_run` takes, by their heads, up to so many bytes."""
    count = size = 0
    for record in records:
        body = record.body
        size += len(body)
        plain = record.kind == RecordKind.MARKET and body[_NUMBERS.size : _BATCH.size] in _PLAIN
        if size > most_bytes or not plain or record.schema != BODY_SCHEMA:
            break
        count += 1
    return count


def decode_market_run(
    records: Sequence[Record], layouts: dict[str, tuple[tuple[str, str], ...]]
) -> MarketRun | None:
    """Return the batches of records that `count_plain` counts, all of one segment.

    None where one of them is not, to the bit, what would be written of its batch today.
    """
    sizes = {len(record.body) - _BATCH.size for record in records}
    if layouts["FACT"] != LAYOUTS["FACT"] or any(size <= 0 or size % FACT.itemsize for size in sizes):
        return None
    facts = np.frombuffer(b"".join([record.body[_BATCH.size :] for record in records]), FACT)
    if (facts["kind"] >= FactKind.TIMER).any():
        return None
    heads = np.frombuffer(b"".join([record.body[: _NUMBERS.size] for record in records]), "<i8")
    return MarketRun(heads[0::2], heads[1::2], facts)


def encode_requests(first: int, requests: bytes) -> bytes:
    """Return the body of a record of requests numbered from `first`, the rows as bytes."""
    return _REQUESTS.pack(first) + requests


def decode_requests(
    record: Record, layouts: dict[str, tuple[tuple[str, str], ...]]
) -> tuple[int, NDArray[Any]]:
    """Return the number of the first request and the rows."""
    _refuse_form(record)
    (first,) = _REQUESTS.unpack_from(record.body)
    return first, unpack_rows(record.body[_REQUESTS.size :], layouts["REQUEST"], REQUEST)


class Reason(msgspec.Struct, array_like=True, frozen=True):
    """Why one request was made: the intent behind it and the values its strategy recorded beside it."""

    cid: int
    kind: int
    context: int
    slot: int
    intent: bytes
    signals: tuple[float, ...]


class Wanted(msgspec.Struct, array_like=True, frozen=True):
    """What stood behind one refusal of the gate.

    Parameters
    ----------
    context, slot
        Whose, and which of its places.
    kind
        An `IntentKind`; -1 where the slot stated nothing any more.
    position_side, reduce, tag
        Of the intent, as they were stated.
    signals
        The values that its strategy recorded beside it.
    """

    context: int
    slot: int
    kind: int
    position_side: int
    reduce: int
    tag: int
    signals: tuple[float, ...]


class Decision(msgspec.Struct, array_like=True, frozen=True):
    """What one WAKE led to: the reasons of its requests in their order, and the gate's refusals as rows.

    at_ns: when; 0 in an older journal. It stands here because the facts before it may expire.
    """

    reasons: list[Reason]
    refusals: bytes
    at_ns: int = 0


class Instrument(msgspec.Struct, array_like=True, frozen=True):
    """How an instrument of the session is written: names and steps at the edge, integers inside.

    Parameters
    ----------
    symbol, tick, lot
        Its label, and the steps of price and quantity as decimals.
    currency, scale
        What its fees and results are paid in, and how many units of money are one of it; an older journal does
        not say.
    """

    symbol: str
    tick: str
    lot: str
    currency: str = ""
    scale: int = 0


class Boot(msgspec.Struct, array_like=True, frozen=True):
    """How a process began.

    Parameters
    ----------
    process
        How many processes this journal has seen, this one included.
    version, code_hash, config_hash, data_hash
        What it ran.
    config
        The resolved configuration as text.
    instruments
        In the order of their index.
    strategies
        Label of each strategy, and for each the names of its signals and tags.
    contexts
        (strategy, instrument) of each context.
    snapshot_every
        Batches between two snapshots.
    rules, prices
        The whole rules of each instrument as plain values, and a price of its first day, where the session was
        bound to a venue and not to a history: a later process binds to the same.
    account_venues
        The venue of each account that is traded, in their order; none on paper.
    """

    process: int
    version: str
    code_hash: str
    config_hash: str
    data_hash: str
    config: str
    instruments: list[Instrument]
    strategies: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
    contexts: list[tuple[int, int]]
    snapshot_every: int
    rules: list[dict[str, Any]] = []
    prices: list[float] = []
    account_venues: list[str] = []


class Closing(msgspec.Struct, array_like=True, frozen=True):
    """Where a session stands: at its end, and at each place where a replay must agree."""

    batches: int
    decisions: str
    state: str


class Audit(msgspec.Struct, array_like=True, frozen=True):
    """One thing that somebody did, or that changed by itself, with its reason.

    Parameters
    ----------
    at_ns
        When.
    actor
        Who, by the system's word; "" for the platform itself.
    what
        The command, or what changed.
    detail
        Arguments and reasons, plain values.
    """

    at_ns: int
    actor: str
    what: str
    detail: dict[str, Any]


def encode(body: Decision | Boot | Closing | Audit) -> bytes:
    """Return the body of a record that is not rows."""
    return msgspec.msgpack.encode(body)


def decode_decision(record: Record) -> Decision:
    """Return the body of a DECISION record."""
    return _decoded(record, Decision)


def decode_boot(record: Record) -> Boot:
    """Return the body of a BOOT record."""
    return _decoded(record, Boot)


def decode_closing(record: Record) -> Closing:
    """Return the body of a CLOSE record."""
    return _decoded(record, Closing)


def decode_audit(record: Record) -> Audit:
    """Return the body of an AUDIT record."""
    return _decoded(record, Audit)


def _decoded(record: Record, form: type[_Body]) -> _Body:
    _refuse_form(record)
    try:
        return msgspec.msgpack.decode(record.body, type=form)
    except msgspec.MsgspecError as error:
        raise unknown_form(record) from error


def _refuse_form(record: Record) -> None:
    if record.schema != BODY_SCHEMA:
        raise unknown_form(record)


def unknown_form(record: Record, writer: str = "") -> JournalError:
    """Return the error for a record that another version of tradewind wrote in a form which this one cannot read.

    writer: that version, where it is known.
    """
    return JournalError(
        "JOURNAL_VERSION",
        f"record {record.seq} ({chr(record.kind)}) has a form of another version of tradewind"
        + (f": {writer} wrote it" if writer else ""),
        hint=OTHER_VERSION,
    )


REFUSED = "refused"
"""What an AUDIT record says that stands before a decision with refusals: what was behind each, in their order.

It is for people: a replay compares the refusals, and a journal that was written before this record existed replays as
it did.
"""


def wanted_of(audit: Audit) -> list[Wanted]:
    """Return what stood behind each refusal of the next decision; nothing of an entry that says something else."""
    if audit.what != REFUSED or audit.actor:
        return []
    try:
        return msgspec.convert(audit.detail.get("wanted"), list[Wanted])
    except msgspec.ValidationError:
        return []


def layouts_at(headers: list[SegmentHeader], seq: int) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the layouts of the segment that holds a sequence."""
    return header_at(headers, seq).layouts


def header_at(headers: list[SegmentHeader], seq: int) -> SegmentHeader:
    """Return what the segment that holds a sequence says of itself."""
    return next(header for header in reversed(headers) if header.first_seq <= seq)


def pack_wake(code: int, now_ns: int) -> bytes:
    """Return the fact that ends a batch, a row of `FACT` as bytes."""
    return _WAKE.pack(0, FactKind.WAKE, now_ns, now_ns, 0, 0, 0, 0, 0, code)
