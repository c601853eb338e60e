"""Builders of journals for tests, on any disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.journal import (
    Authorship,
    Identity,
    JournalReader,
    JournalWriter,
    Record,
    RecordKind,
    open_journal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tradewind.journal import Disk

FOLDER = Path("/journal/paper")
IDENTITY = Identity("paper", ("binance_usdm:5f0c",))
LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {"FACT": (("kind", "<i8"), ("price_tick", "<i8"))}


def authorship(
    identity: Identity = IDENTITY,
    now_ns: int = 1_700_000_000_000_000_000,
    layouts: dict[str, tuple[tuple[str, str], ...]] | None = None,
) -> Authorship:
    """Return an author whose clock stands still."""
    return Authorship(identity, lambda: now_ns, "test", LAYOUTS if layouts is None else layouts)


def open_for_test(disk: Disk, folder: Path = FOLDER, segment_bytes: int = 1 << 20) -> JournalWriter:
    """Open the journal of `IDENTITY` for writing."""
    return open_journal(disk, folder, authorship(), segment_bytes)


def numbered_bodies(count: int) -> Iterator[tuple[RecordKind, bytes]]:
    """Hand out distinct bodies of growing length, market and control records by turns, some ending in zeros."""
    for index in range(count):
        kind = (RecordKind.MARKET, RecordKind.FACTS, RecordKind.REQUESTS)[index % 3]
        yield kind, index.to_bytes(2, "little") * (index % 7) + bytes(index % 5)


def write_records(
    disk: Disk, bodies: Iterable[tuple[int, bytes]], folder: Path = FOLDER, segment_bytes: int = 1 << 20
) -> None:
    """Append records and close, syncing after each."""
    writer = open_for_test(disk, folder, segment_bytes)
    for kind, body in bodies:
        writer.append(kind, body)
        writer.sync()
    writer.close()


def read_records(disk: Disk, folder: Path = FOLDER) -> list[Record]:
    """Return all records of a journal."""
    return list(JournalReader(disk, folder).records())
