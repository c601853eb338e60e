"""Reading a journal: every byte that is handed out was verified on the way.

A torn tail is normal after a crash: the longest whole prefix counts and the bytes behind it are reported.
Anything else that is not what was written is damage, and damage is refused, with its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import JournalError, SafetyRefusal
from tradewind.journal import format as twj

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tradewind.journal.disk import Disk
    from tradewind.journal.format import Identity, Record, SegmentHeader

_HEADER_READ_BYTES = 1 << 16
_FIRST_PIECE, _LONGEST_PIECE = 16, 256
"""Records that are verified at once: few at first, since many a reader wants no more than one."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a journal is not what was written, and how it shows."""

    segment: str
    offset: int
    seq: int
    why: str


class CorruptJournalError(JournalError):
    """A journal is damaged; `damage` has the place."""

    damage: Damage


def corrupt(damage: Damage) -> CorruptJournalError:
    """Return the error for a damaged place."""
    error = CorruptJournalError(
        "JOURNAL_CORRUPT",
        f"record {damage.seq} is damaged: {damage.why}",
        where=f"{damage.segment}:{damage.offset}",
        hint="restore the file from a copy; on accounts 'tradewind session adopt FILE' begins anew with what they hold",
    )
    error.damage = damage
    return error


def behind(last: int, known: int, where: str) -> JournalError:
    """Return the error for a journal that ends with record `last` although `known` records were durable once."""
    ends = f"ends after {last:,} records" if last else "is empty"
    return JournalError(
        "JOURNAL_BEHIND",
        f"the journal {ends}, and {known:,} were durable once: an older copy stands here, or a part of it is gone.",
        where=where,
    )


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"segment-{number:06d}.twj"


def segment_number(name: str) -> int | None:
    """Return the number of a segment's file name, None for any other file."""
    digits = name.removeprefix("segment-").removesuffix(".twj")
    return int(digits) if name == f"segment-{digits}.twj" and digits.isascii() and digits.isdigit() else None


class SegmentScan:
    """The records of one segment, verified in turn.

    Attributes
    ----------
    header
        What the segment says of itself.
    chain, next_seq
        Chain after the last record verified, and the sequence that would follow it.
    offset
        Where the frame after it begins; at the end the length of the whole prefix.
    dropped_bytes
        Bytes of a torn tail, known when the scan is through.
    """

    def __init__(self, data: bytes, name: str, *, is_last: bool) -> None:
        self._data = data
        self._name = name
        self._is_last = is_last
        self._content_end = len(data.rstrip(b"\0"))
        self.header, self.offset = _header_of(data, name)
        self.chain = twj.chain_after_header(self.header)
        self.next_seq = self.header.first_seq
        self.dropped_bytes = 0

    def __iter__(self) -> Iterator[Record]:
        for piece in self.pieces():
            yield from piece

    def pieces(self) -> Iterator[list[Record]]:
        """Hand out the records as they are verified, some at a time, never none."""
        most = _FIRST_PIECE
        while True:
            place = self.next_seq, self.chain
            records, chain, offset = twj.decode_frames(
                self._data, self.offset, self._content_end, place, most
            )
            if records:
                self.chain, self.offset = chain, offset
                self.next_seq += len(records)
                most = min(2 * most, _LONGEST_PIECE)
                yield records
                continue
            found = self._advance()
            if found is None:
                return
            yield [found[0]]

    def skip_to(self, seq: int, chain: bytes, offset: int = 0) -> None:
        """Pass over the records before `seq` without verifying them; `chain` is what they lead to by another proof.

        It is looked for at `offset` first.
        """
        if self._begins_at(offset, seq, chain):
            self.offset, self.next_seq = offset, seq
        while self.next_seq < seq:
            try:
                end, kind = twj.skim_frame(self._data, self.offset, self._content_end)
                count = 1
                if kind == twj.RecordKind.EXPIRED:
                    count = twj.decode_frame(self._data, self.offset, self._content_end)[0].count
            except twj.TornTailError:
                raise self._damaged("the journal ends before the snapshot that was taken of it") from None
            except twj.DamageError as error:
                raise self._damaged(str(error)) from error
            self.offset, self.next_seq = end, self.next_seq + count
        self.chain = chain

    def _begins_at(self, offset: int, seq: int, chain: bytes) -> bool:
        if offset <= self.offset:
            return False
        try:
            record, payload, link, _ = twj.decode_frame(self._data, offset, self._content_end)
        except (twj.TornTailError, twj.DamageError):
            return False
        return record.seq == seq and link == twj.chain_after(chain, record, payload)[:8]

    def of_kind(self, kind: int) -> Iterator[Record]:
        """Hand out the records of one kind, found by the heads of all: each is whole, the chain is not looked at."""
        offsets, end = twj.offsets_of_kind(self._data, self.offset, self._content_end, kind)
        offset = end
        try:
            for offset in offsets:
                yield twj.decode_frame(self._data, offset, self._content_end)[0]
            offset = end
            twj.skim_frame(self._data, offset, self._content_end)
        except twj.TornTailError:
            return
        except twj.DamageError as error:
            raise corrupt(Damage(self._name, offset, self.next_seq, str(error))) from error

    def with_payloads(self) -> Iterator[tuple[Record, bytes]]:
        """Hand out each record with the payload it was decoded from."""
        while (found := self._advance()) is not None:
            yield found

    def _advance(self) -> tuple[Record, bytes] | None:
        if self.offset == len(self._data):
            return None
        try:
            record, payload, link, end = twj.decode_frame(self._data, self.offset, self._content_end)
        except twj.TornTailError:
            if not self._is_last:
                raise self._damaged("the segment ends early and another follows it") from None
            self.dropped_bytes = len(self._data) - self.offset
            return None
        except twj.DamageError as error:
            raise self._damaged(str(error)) from error
        if record.seq != self.next_seq:
            raise self._damaged(f"it carries the number {record.seq}")
        chain = twj.chain_after(self.chain, record, payload)
        if link != chain[:8]:
            raise self._damaged("the chain breaks here: something was rewritten")
        self.chain = chain
        self.offset = end
        self.next_seq += record.count
        return record, payload

    def _damaged(self, why: str) -> CorruptJournalError:
        return corrupt(Damage(self._name, self.offset, self.next_seq, why))


def _header_of(data: bytes, name: str) -> tuple[SegmentHeader, int]:
    try:
        return twj.decode_header(data)
    except twj.TornTailError:
        raise corrupt(Damage(name, 0, 0, "the segment ends within its header")) from None
    except twj.DamageError as error:
        raise corrupt(Damage(name, 0, 0, str(error))) from error
    except twj.FutureVersionError as error:
        raise JournalError(
            "JOURNAL_VERSION",
            f"the journal has format {error}, this version reads up to {twj.FORMAT_VERSION}",
            where=name,
            hint="a newer tradewind wrote it: let that version go on, or end the session flat with it",
        ) from error


class JournalReader:
    """A journal on a disk, read only; a running writer is not disturbed.

    Parameters
    ----------
    disk
        Where it lies.
    folder
        The folder of the session.
    identity
        Whose journal is expected; None accepts any.

    Raises
    ------
    SafetyRefusal
        JOURNAL_IDENTITY: it belongs to another session or account.
    JournalError
        JOURNAL_CORRUPT, JOURNAL_VERSION.

    Attributes
    ----------
    headers
        Of the segments, in order.
    torn_segment
        Name of a last segment that ends within its header, as an interrupted rotation leaves it.
    dropped_bytes
        Length of the torn tail, known once the last segment was read.
    """

    def __init__(self, disk: Disk, folder: Path, identity: Identity | None = None) -> None:
        self.disk = disk
        self.folder = folder
        self.torn_segment: str | None = None
        self.dropped_bytes = 0
        self.headers = self._read_headers()
        if identity is not None and self.headers:
            check_identity(self.headers[0].identity, identity, folder)

    @property
    def identity(self) -> Identity | None:
        """Return whose journal it is, None for an empty one."""
        return self.headers[0].identity if self.headers else None

    def records(self, from_seq: int = 1, chain: bytes | None = None, offset: int = 0) -> Iterator[Record]:
        """Hand out the records from a sequence on, each verified against the chain.

        Verification begins with the segment that holds `from_seq`, at the chain of its header; or at `from_seq`
        itself, where a snapshot gives the chain before it, and `offset`, the place where it probably is. An expired
        run that reaches over `from_seq` is handed out whole. Afterwards `dropped_bytes` has the length of a torn tail.
        """
        for scan in self.segments(from_seq):
            if chain is not None and scan.header.first_seq < from_seq:
                scan.skip_to(from_seq, chain, offset)
            for piece in scan.pieces():
                if piece[0].seq < from_seq:
                    yield from (record for record in piece if record.seq + record.count > from_seq)
                else:
                    yield from piece

    def of_kind(self, kind: int) -> Iterator[Record]:
        """Hand out the records of one kind without verifying what lies between them, many times as fast."""
        for header in self.headers:
            yield from next(self.segments(header.first_seq)).of_kind(kind)

    def segments(self, from_seq: int = 1) -> Iterator[SegmentScan]:
        """Hand out the segments from that of `from_seq` on; read each through before the next."""
        before: SegmentScan | None = None
        last = len(self.headers) - 1
        for index, header in enumerate(self.headers):
            if index < last and self.headers[index + 1].first_seq <= from_seq:
                continue
            name = segment_name(header.number)
            scan = SegmentScan(self.disk.read(self.folder / name), name, is_last=index == last)
            if before is not None:
                _check_follows(before, scan.header, name)
            yield scan
            before = scan
            self.dropped_bytes += scan.dropped_bytes

    def _read_headers(self) -> list[SegmentHeader]:
        names = [name for name in self.disk.names(self.folder) if segment_number(name) is not None]
        headers: list[SegmentHeader] = []
        for name in names:
            data = self.disk.read(self.folder / name, _HEADER_READ_BYTES)
            if name == names[-1] and _is_torn_header(data):
                # A crash interrupted a rotation, or the very start; nothing was appended here yet.
                self.torn_segment, self.dropped_bytes = name, len(data)
                break
            header, _ = _header_of(data, name)
            _check_place(headers, header, name)
            headers.append(header)
        return headers


def _is_torn_header(data: bytes) -> bool:
    try:
        twj.decode_header(data)
    except twj.TornTailError:
        return True
    except (twj.DamageError, twj.FutureVersionError):
        return False
    return False


def check_identity(found: Identity, expected: Identity, folder: Path) -> None:
    """Refuse a journal of another session or other accounts (JOURNAL_IDENTITY)."""
    if found == expected:
        return
    raise SafetyRefusal(
        "JOURNAL_IDENTITY",
        f"the journal is of session {found.session!r} with accounts {', '.join(found.accounts) or 'none'}; "
        f"expected {expected.session!r} with {', '.join(expected.accounts) or 'none'}",
        where=str(folder),
    )


def _check_place(before: list[SegmentHeader], header: SegmentHeader, name: str) -> None:
    """Refuse a segment that is not the next one of the same journal."""
    if header.number != len(before) + 1 or segment_name(header.number) != name:
        raise corrupt(Damage(name, 0, header.first_seq, f"segment {len(before) + 1} is missing"))
    if before and header.identity != before[0].identity:
        raise corrupt(Damage(name, 0, header.first_seq, "the segment belongs to another journal"))
    if not before and (header.chain != twj.chain_start(header.identity) or header.first_seq != 1):
        raise corrupt(Damage(name, 0, header.first_seq, "the chain does not begin with the identity"))


def _check_follows(before: SegmentScan, header: SegmentHeader, name: str) -> None:
    if header.first_seq != before.next_seq or header.chain != before.chain:
        raise corrupt(Damage(name, 0, header.first_seq, "the chain breaks between two segments"))


__all__ = [
    "CorruptJournalError",
    "Damage",
    "JournalReader",
    "SegmentScan",
    "behind",
    "check_identity",
    "corrupt",
    "segment_name",
    "segment_number",
]
