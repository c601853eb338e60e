"""Snapshots: the state after a sequence, kept beside the journal that leads to it.

A snapshot is a cache with a proof. It names the session and the chain at its sequence, carries the hash of
its state, and counts only if a record of the journal refers to it with the same hash. Damaged ones are passed
over: an older one with a longer tail gives the same state.
"""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tradewind.journal.disk import append_all, disk_full
from tradewind.journal.format import Identity, Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tradewind.journal.disk import Disk

_MAGIC: Final = b"TWSNAP\r\n"
_HASH_BYTES: Final = 32
# The state is mostly zeros, so the fastest level already shrinks it twentyfold.
_ZLIB_LEVEL: Final = 1


class SnapshotRef(msgspec.Struct, array_like=True, frozen=True):
    """What the journal says of a snapshot.

    Parameters
    ----------
    seq
        The last record that the state contains.
    state_hash
        SHA-256 of the state's bytes.
    """

    seq: int
    state_hash: bytes


class _Content(msgspec.Struct, array_like=True, frozen=True):
    identity: Identity
    seq: int
    chain: bytes
    state: bytes
    offset: int = 0


class Kept(NamedTuple):
    """What a snapshot's file says: the chain before it, the state, and where in its segment the record after it began.

    The place is a hint: 0 in older files, and wrong once what lies before it in the segment has expired.
    """

    chain: bytes
    state: bytes
    offset: int


_encode = msgspec.msgpack.Encoder().encode
_decode_content = msgspec.msgpack.Decoder(_Content).decode
_decode_reference = msgspec.msgpack.Decoder(SnapshotRef).decode


def snapshot_name(seq: int) -> str:
    """Return the file name of the snapshot after `seq`."""
    return f"snapshot-{seq:012d}.tws"


def encode_reference(reference: SnapshotRef) -> bytes:
    """Return the body of the record that refers to a snapshot."""
    return _encode(reference)


def decode_reference(record: Record) -> SnapshotRef:
    """Return what a record of kind SNAPSHOT refers to."""
    assert record.kind == RecordKind.SNAPSHOT
    return _decode_reference(record.body)


def write_snapshot(
    disk: Disk, folder: Path, identity: Identity, seq: int, chain: bytes, state: bytes, *, offset: int = 0
) -> SnapshotRef:
    """Write a snapshot durably under its final name, or leave nothing that counts.

    Raises
    ------
    JournalError
        DISK_FULL or JOURNAL_WRITE: there is no new snapshot; the journal itself is untouched.
    """
    content = _encode(_Content(identity, seq, chain, zlib.compress(state, _ZLIB_LEVEL), offset))
    write_atomically(disk, folder, snapshot_name(seq), _MAGIC + sha256(content).digest() + content)
    return SnapshotRef(seq, sha256(state).digest())


def write_atomically(disk: Disk, folder: Path, name: str, data: bytes) -> None:
    """Write a file under a temporary name, make it durable, rename it, make the name durable."""
    path = folder / f"{name}.part"
    try:
        file = disk.create(path)
        try:
            append_all(file, data)
            file.sync()
        finally:
            file.close()
        disk.replace(path, folder / name)
        disk.sync_folder(folder)
    except OSError as error:
        if path.name in disk.names(folder):
            disk.remove(path)
        raise disk_full(error, path) from error


def read_snapshot(disk: Disk, folder: Path, identity: Identity, reference: SnapshotRef) -> bytes | None:
    """Return the state that `reference` names, None where the file is absent or not what was written."""
    found = open_snapshot(disk, folder, identity, reference.seq)
    if found is None:
        return None
    return found.state if sha256(found.state).digest() == reference.state_hash else None


def open_snapshot(disk: Disk, folder: Path, identity: Identity, seq: int) -> Kept | None:
    """Return the snapshot after `seq` by its own word, None where its file is absent or not what was written.

    It counts only where the journal refers to it.
    """
    try:
        data = disk.read(folder / snapshot_name(seq))
    except FileNotFoundError:
        return None
    start = len(_MAGIC) + _HASH_BYTES
    content = data[start:]
    if not data.startswith(_MAGIC) or sha256(content).digest() != data[len(_MAGIC) : start]:
        return None
    found = _decode_content(content)
    if (found.identity, found.seq) != (identity, seq):
        return None
    return Kept(found.chain, zlib.decompress(found.state), found.offset)


def snapshot_sequences(disk: Disk, folder: Path) -> Iterator[int]:
    """Hand out the sequences of the snapshot files in `folder`, oldest first, damaged ones included."""
    for name in disk.names(folder):
        digits = name.removeprefix("snapshot-").removesuffix(".tws")
        if digits.isascii() and digits.isdigit() and name == snapshot_name(int(digits)):
            yield int(digits)


def newest_sequence(disk: Disk, folder: Path) -> int:
    """Return the sequence of the newest snapshot file, 0 where there is none."""
    return max(snapshot_sequences(disk, folder), default=0)
