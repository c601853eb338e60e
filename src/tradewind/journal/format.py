"""The bytes of a journal: segment headers, frames and the chain of digests.

::

    segment  = prefix | header | frame | frame | …
    prefix   = magic (8) | u32 version | u32 length | u32 crc32 | u32 guard        of the header
    frame    = u32 length | u32 crc32 | u32 guard | link (8) | payload
    payload  = msgpack [schema, seq, body, kind]

All integers are little-endian. ``guard`` is the complement of the other words' exclusive or: a damaged
length is recognised before it is used, which is what tells a torn tail from a flipped bit. ``kind`` is a
letter and the last byte of a payload, so a complete frame never ends in zero and a tail of zeros that a
file system left behind is never mistaken for one.

The chain covers digests, not payloads: ``chain = sha256(chain + sha256(payload))``, begun by the identity and
continued through each segment's header. ``link`` is its first eight bytes. A market payload may therefore
expire and leave its digest, and every later link still verifies.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from zlib import crc32

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT_VERSION: Final = 1
BODY_SCHEMA: Final = 1
"""What `Record.schema` is while bodies have the form that `tradewind.journal.bodies` knows."""
MAX_PAYLOAD_BYTES: Final = 1 << 20
DIGEST_BYTES: Final = 32

_MAGIC: Final = b"TWJRNL\r\n"
_PREFIX: Final = struct.Struct("<8sIIII")
_HEAD: Final = struct.Struct("<III8s")
_ONES: Final = 0xFFFFFFFF

PREFIX_BYTES: Final = _PREFIX.size
HEAD_BYTES: Final = _HEAD.size


class RecordKind(IntEnum):
    """What a record holds; each a letter, readable in a hex dump."""

    BOOT = ord("B")
    """A process began: epoch, hashes of code, configuration and data."""
    MARKET = ord("M")
    """Facts about the market, packed; the only kind that a retention rule may expire."""
    FACTS = ord("F")
    """Facts about the account, the operator and the clock, packed."""
    DECISION = ord("D")
    """What was wanted, the named values behind it, and what the gate refused."""
    REQUESTS = ord("R")
    """Requests, packed; durable before any of them leaves."""
    STATE = ord("Z")
    """Hashes of decisions and state at a place where a replay must agree."""
    SNAPSHOT = ord("S")
    """Reference to a file with the state after a sequence."""
    CLOSE = ord("C")
    """A process ended in order."""
    AUDIT = ord("A")
    """Who asked for what, and why a state changed: told to people, never to the core."""
    EXPIRED = ord("X")
    """Digests of consecutive market records whose payloads were given up."""


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One entry of the journal, in the order in which it is written.

    Parameters
    ----------
    schema
        Version of the body's encoding.
    seq
        Its number, from 1, without holes. An expired record stands for `count` of them from here.
    body
        What its kind says; for `RecordKind.EXPIRED` the digests, one after the other.
    kind
        A `RecordKind`.
    """

    schema: int
    seq: int
    body: bytes
    kind: int

    @property
    def count(self) -> int:
        """Return how many sequence numbers the record stands for."""
        return len(self.body) // DIGEST_BYTES if self.kind == RecordKind.EXPIRED else 1


class Identity(msgspec.Struct, array_like=True, frozen=True):
    """Whose journal it is.

    Parameters
    ----------
    session
        Name of the session.
    accounts
        Names of the accounts it trades, in the order of their numbers; never a key.
    """

    session: str
    accounts: tuple[str, ...]


class SegmentHeader(msgspec.Struct, array_like=True, frozen=True):
    """What the first bytes of a segment say.

    Parameters
    ----------
    identity
        Whose journal it is.
    number
        Number of the segment, from 1.
    first_seq
        Sequence of its first record.
    chain
        The chain at the end of the segment before.
    created_ns
        When it was begun, by the clock of the writer; may lie before its predecessor's.
    writer
        Version of tradewind that began it.
    layouts
        For each packed row its fields as (name, NumPy format), so that a later version with wider rows still
        reads it.
    """

    identity: Identity
    number: int
    first_seq: int
    chain: bytes
    created_ns: int
    writer: str
    layouts: dict[str, tuple[tuple[str, str], ...]]


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(SegmentHeader).decode
_decode_record = msgspec.msgpack.Decoder(Record).decode


def chain_start(identity: Identity) -> bytes:
    """Return the chain before the first segment; it binds every record to its owner."""
    return sha256(_encode(identity)).digest()


def chain_after_header(header: SegmentHeader) -> bytes:
    """Return the chain before the first record of a segment, which covers the header too."""
    return sha256(header.chain + sha256(_encode(header)).digest()).digest()


def chain_after(chain: bytes, record: Record, payload: bytes) -> bytes:
    """Return the chain after one record, expired or not."""
    if record.kind != RecordKind.EXPIRED:
        return sha256(chain + sha256(payload).digest()).digest()
    for start in range(0, len(record.body), DIGEST_BYTES):
        chain = sha256(chain + record.body[start : start + DIGEST_BYTES]).digest()
    return chain


encode_record: Final = _encode
"""Returns the payload of one record, from (schema, seq, body, kind); three of them lie on the way of an order."""


def encode_payload(kind: int, seq: int, body: bytes, schema: int) -> bytes:
    """Return the payload of one record."""
    return encode_record((schema, seq, body, kind))


def encode_frames(payloads: Sequence[bytes], chain: bytes) -> tuple[bytes, bytes]:
    """Return the frames of `payloads` as one piece of bytes, and the chain after them.

    None of the payloads may be an expired record; those are framed by `encode_expired`.
    """
    pieces: list[bytes] = []
    put, pack, hash_of = pieces.append, _HEAD.pack, sha256
    for payload in payloads:
        chain = hash_of(chain + hash_of(payload).digest()).digest()
        crc, length = crc32(payload), len(payload)
        put(pack(length, crc, length ^ crc ^ _ONES, chain[:8]))
        put(payload)
    return b"".join(pieces), chain


def encode_expired(first_seq: int, digests: Sequence[bytes], chain: bytes) -> tuple[bytes, bytes]:
    """Return the frame that stands for expired records, and the chain after them."""
    payload = _encode((BODY_SCHEMA, first_seq, b"".join(digests), int(RecordKind.EXPIRED)))
    chain = chain_after(chain, _decode_record(payload), payload)
    crc, length = crc32(payload), len(payload)
    return _HEAD.pack(length, crc, length ^ crc ^ _ONES, chain[:8]) + payload, chain


def encode_header(header: SegmentHeader) -> bytes:
    """Return the first bytes of a segment."""
    payload = _encode(header)
    crc, length = crc32(payload), len(payload)
    guard = FORMAT_VERSION ^ length ^ crc ^ _ONES
    return _PREFIX.pack(_MAGIC, FORMAT_VERSION, length, crc, guard) + payload


class TornTailError(Exception):
    """The bytes end inside a frame or header; what came before them is whole."""


class DamageError(Exception):
    """The bytes were whole once and are not what was written."""


class FutureVersionError(Exception):
    """The segment was written by a later version of the format; the argument is its number."""


def decode_header(data: bytes) -> tuple[SegmentHeader, int]:
    """Return the header of a segment and the offset of its first frame.

    Raises
    ------
    TornTailError
        The segment ends within its header.
    DamageError
        The header is not what was written.
    FutureVersionError
        The format is newer than this code.
    """
    content_end = len(data.rstrip(b"\0"))
    if content_end <= PREFIX_BYTES:
        raise TornTailError
    magic, version, length, crc, guard = _PREFIX.unpack_from(data)
    if magic != _MAGIC or guard != version ^ length ^ crc ^ _ONES:
        raise DamageError("its first bytes are not those of a journal segment")
    if version > FORMAT_VERSION:
        raise FutureVersionError(version)
    end = PREFIX_BYTES + length
    if end > content_end:
        raise TornTailError  # A header ends in a letter or in the sign of an empty map, never in zero.
    payload = data[PREFIX_BYTES:end]
    if crc32(payload) != crc:
        raise DamageError("the checksum of the header is wrong")
    try:
        return _decode_header(payload), end
    except msgspec.MsgspecError as error:
        raise DamageError(f"the header cannot be decoded: {error}") from error


def skim_frame(data: bytes, offset: int, content_end: int) -> tuple[int, int]:
    """Return end and kind of the frame at `offset` by its head and its last byte alone; nothing else is looked at.

    Raises TornTailError, and DamageError where the head is not one.
    """
    if content_end <= offset + HEAD_BYTES:
        raise TornTailError
    length, crc, guard, _ = _HEAD.unpack_from(data, offset)
    if guard != length ^ crc ^ _ONES or not 0 < length <= MAX_PAYLOAD_BYTES:
        raise DamageError("the guard of its length is wrong")
    end = offset + HEAD_BYTES + length
    if content_end < end:
        raise TornTailError
    return end, data[end - 1]  # The kind is the last field, and below 128.


def offsets_of_kind(data: bytes, offset: int, content_end: int, kind: int) -> tuple[list[int], int]:
    """Return where the frames of one kind begin, from `offset` on, and the place that `skim_frame` refuses."""
    unpack, before_end = _HEAD.unpack_from, content_end - HEAD_BYTES
    found: list[int] = []
    while offset < before_end:
        length, crc, guard, _ = unpack(data, offset)
        end = offset + HEAD_BYTES + length
        if guard != length ^ crc ^ _ONES or not 0 < length <= MAX_PAYLOAD_BYTES or content_end < end:
            break
        if data[end - 1] == kind:
            found.append(offset)
        offset = end
    return found, offset


def decode_frames(
    data: bytes, offset: int, content_end: int, place: tuple[int, bytes], most: int
) -> tuple[list[Record], bytes, int]:
    """Return the records of up to `most` frames, the chain after the last, and the offset behind it.

    It ends before the first frame that is not whole, not what was written, or expired: what is to be said of that one
    `decode_frame` knows.

    Parameters
    ----------
    data, offset, content_end
        As for `decode_frame`.
    place
        Sequence of the first record, and the chain before it.
    most
        Most records to return.
    """
    seq, chain = place
    records: list[Record] = []
    put, unpack, decode, hash_of = records.append, _HEAD.unpack_from, _decode_record, sha256
    before_end = content_end - HEAD_BYTES
    for expected in range(seq, seq + most):
        if offset >= before_end:
            break
        length, crc, guard, link = unpack(data, offset)
        end = offset + HEAD_BYTES + length
        payload = data[offset + HEAD_BYTES : end]
        if guard != length ^ crc ^ _ONES or end > content_end or crc32(payload) != crc:
            break
        after = hash_of(chain + hash_of(payload).digest()).digest()
        if after[:8] != link or not 0 < length <= MAX_PAYLOAD_BYTES:
            break
        try:
            record = decode(payload)
        except msgspec.MsgspecError:
            break
        if record.seq != expected or record.kind == RecordKind.EXPIRED:
            break
        put(record)
        chain, offset = after, end
    return records, chain, offset


def decode_frame(data: bytes, offset: int, content_end: int) -> tuple[Record, bytes, bytes, int]:
    """Return record, payload, link and end of the frame at `offset`.

    Parameters
    ----------
    data
        The segment.
    offset
        Where the frame begins.
    content_end
        Length of the segment without the zeros at its end.

    Raises
    ------
    TornTailError
        The segment ends, or turns to zeros, within the frame.
    DamageError
        The frame is complete and is not what was written.
    """
    if content_end <= offset + HEAD_BYTES:
        raise TornTailError
    length, crc, guard, link = _HEAD.unpack_from(data, offset)
    if guard != length ^ crc ^ _ONES:
        raise DamageError("the guard of its length is wrong")
    if not 0 < length <= MAX_PAYLOAD_BYTES:
        raise DamageError(f"its length of {length} bytes is impossible")
    end = offset + HEAD_BYTES + length
    if content_end < end:
        raise TornTailError
    payload = data[offset + HEAD_BYTES : end]
    if crc32(payload) != crc:
        raise DamageError("its checksum is wrong")
    try:
        return _decode_record(payload), payload, link, end
    except msgspec.MsgspecError as error:
        raise DamageError(f"it cannot be decoded: {error}") from error
