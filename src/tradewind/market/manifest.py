"""The store's manifest, and the memory of which files have passed their hash check."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from tradewind.config.files import write_atomic
from tradewind.errors import DataUnfit, TradewindError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileEntry", "Manifest", "SeriesEntry", "SourceEntry", "Verified", "file_hash"]

VERSION = 1


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file: a month (UTC) of one series."""

    name: str
    month: str
    rows: int
    first_ns: int
    last_ns: int
    size: int
    sha256: str


class SourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where records came from: the imported file, its hash, when, and what was done to it."""

    name: str
    sha256: str
    imported_ns: int
    rows_read: int = 0
    rows_added: int = 0
    notes: tuple[str, ...] = ()


class SeriesEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One series: its key in the names of the world outside, its files and its sources."""

    venue: str
    kind: str
    symbol: str
    interval_ns: int = 0
    files: tuple[FileEntry, ...] = ()
    sources: tuple[SourceEntry, ...] = ()


class Manifest(msgspec.Struct, kw_only=True):
    """Everything in a store, by folder of the series."""

    version: int = VERSION
    series: dict[str, SeriesEntry] = {}

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Return the manifest, empty where there is none. Raises DATA_CORRUPT, CONFIG_VERSION."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return cls(series={})
        try:
            found = msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataUnfit(
                "DATA_CORRUPT", f"the manifest cannot be read: {error}", where=str(path)
            ) from error
        if found.version > VERSION:
            message = f"the store has version {found.version}, this tradewind reads up to {VERSION}"
            raise DataUnfit("CONFIG_VERSION", message, where=str(path))
        return found

    def save(self, path: Path) -> None:
        """Write it so that readers see the old one or the new one, series in order of their names."""
        self.series = dict(sorted(self.series.items()))
        write_atomic(path, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


class _Seen(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int
    inode: int
    sha256: str


class Verified:
    """Which file versions passed their hash check: size, change time and inode stand for the version.

    Why: hashing five years of minutes takes longer than running a strategy over them.
    """

    def __init__(self, path: Path, seen: dict[str, _Seen]) -> None:
        self._path = path
        self._seen = seen
        self._grown = False

    @classmethod
    def load(cls, path: Path) -> Verified:
        """Return what earlier processes noted; an unreadable note only costs time."""
        try:
            return cls(path, msgspec.json.decode(path.read_bytes(), type=dict[str, _Seen]))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return cls(path, {})

    def check(self, file: Path, sha256: str, name: str) -> None:
        """Raise DATA_HASH unless the file has this hash now, or had it when this version was last read."""
        try:
            stat = file.stat()
        except OSError as error:
            raise _changed(file, "it is missing") from error
        version = _Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)
        if self._seen.get(name) == version:
            return
        if file_hash(file) != sha256:
            raise _changed(file, "its content is not what was imported")
        self._seen[name] = version
        self._grown = True

    def save(self) -> None:
        """Remember for the next process; a store that cannot be written stays readable."""
        if not self._grown:
            return
        try:
            write_atomic(self._path, msgspec.json.encode(self._seen))
        except TradewindError:
            self._grown = False  # only a note that saves time


def _changed(file: Path, reason: str) -> DataUnfit:
    hint = "remove the series with its folder and import its sources again"
    return DataUnfit(
        "DATA_HASH", f"a file of the store cannot be trusted: {reason}", where=str(file), hint=hint
    )
