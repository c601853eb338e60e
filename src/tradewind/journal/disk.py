"""The disk as the journal needs it, and the real one.

The port is narrow on purpose: what a journal may ask of a disk is what a crash may take away, and the
simulated disk of `tradewind.testing.disk` takes it away.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from tradewind.errors import Busy, JournalError, PathError, TradewindError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk says that may take more once somebody has made room."""
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


class OpenFile(Protocol):
    """A file open for appending."""

    def append(self, data: bytes | memoryview) -> int:
        """Write at the end; return how many bytes were taken, which may be fewer."""

    def sync(self) -> None:
        """Return once everything appended is durable; an OSError here means that it may never be."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def close(self) -> None:
        """Close the file."""


class Lock(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Give the lock back."""


class Disk(Protocol):
    """Folders and files with the promises of a local file system."""

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its parents where absent, readable by the owner only."""

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in `folder`, none where it is absent."""

    def read(self, path: Path, limit: int | None = None) -> bytes:
        """Return the content of a file, or its first `limit` bytes."""

    def create(self, path: Path) -> OpenFile:
        """Make an empty file, replacing one of that name, readable by the owner only."""

    def open(self, path: Path) -> OpenFile:
        """Open an existing file for appending."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename `source` to `target`, atomically."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in `folder` are durable."""

    def lock(self, path: Path, purpose: str) -> Lock:
        """Hold `path` alone until released or the process ends.

        Raises
        ------
        Busy
            LOCKED: another holds it; its message says who and for what purpose.
        """


def disk_full(error: OSError, path: Path) -> JournalError:
    """Return the error for a journal that finds no room."""
    return JournalError(
        "DISK_FULL",
        f"the journal has no room: {error.strerror}",
        where=str(path),
        hint="free space and run the same command again: what is recorded is whole, and the session goes on from there",
    )


def append_all(file: OpenFile, data: bytes) -> None:
    """Append every byte, however few the disk takes at a time; one that takes none is full."""
    taken = file.append(data)
    while taken < len(data):
        more = file.append(memoryview(data)[taken:])
        if more == 0:
            raise OSError(errno.ENOSPC, "the disk takes no more bytes")
        taken += more


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say in our words what the system refuses; a file that is not there is the caller's to judge."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _in_our_words(error, path) from error


def _in_our_words(error: OSError, path: Path) -> TradewindError:
    if error.errno in FULL:
        return disk_full(error, path)
    if error.errno in _DENIED:
        return PathError(
            "PATH_DENIED", f"the journal may not be used here: {error.strerror}", where=str(path)
        )
    return PathError("PATH_INVALID", f"the journal cannot be used: {error.strerror}", where=str(path))


class FileDisk:
    """The disk of this machine.

    What happens before anything is written is told in our words: DISK_FULL, PATH_DENIED, PATH_INVALID. Failures of
    appends and syncs reach the writer as they are.
    """

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its parents, each with mode 0700 whatever the umask."""
        with told(folder):
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                path.chmod(_FOLDER_MODE)
                self.sync_folder(path.parent)

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in `folder`, none where it is absent."""
        with told(folder):
            return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def read(self, path: Path, limit: int | None = None) -> bytes:
        """Return the content of a file, or its first `limit` bytes."""
        with told(path), path.open("rb") as file:
            return file.read(-1 if limit is None else limit)

    def create(self, path: Path) -> OpenFile:
        """Make an empty file with mode 0600 whatever the umask."""
        return _AppendedFile(path, os.O_CREAT | os.O_TRUNC)

    def open(self, path: Path) -> OpenFile:
        """Open an existing file for appending."""
        with told(path):
            return _AppendedFile(path, 0)

    def replace(self, source: Path, target: Path) -> None:
        """Rename `source` to `target`, atomically."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in `folder` are durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path, purpose: str) -> FileLock:
        """Hold `path` by an advisory lock that ends with the process, kill -9 included."""
        with told(path):
            return FileLock(path, purpose)


class _AppendedFile:
    """A descriptor opened for appending."""

    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | flags, _FILE_MODE)
        os.fchmod(self._descriptor, _FILE_MODE)

    def append(self, data: bytes | memoryview) -> int:
        return os.write(self._descriptor, data)

    def sync(self) -> None:
        # The size changes with each append, so fdatasync writes the metadata that matters too.
        os.fdatasync(self._descriptor)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        os.close(self._descriptor)


class FileLock:
    """An advisory lock whose file names the holder.

    Attributes
    ----------
    descriptor
        Of the open file: whoever has a copy of it holds the lock, too.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        os.fchmod(self.descriptor, _FILE_MODE)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = os.read(self.descriptor, 1000)
            os.close(self.descriptor)
            raise Busy("LOCKED", f"held by {_named(told)}", where=str(path)) from None
        since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose, "since": since}
        try:
            os.ftruncate(self.descriptor, 0)
            os.write(self.descriptor, json.dumps(holder).encode())
        except OSError:
            os.close(self.descriptor)
            raise

    def release(self) -> None:
        """Give the lock back, unless somebody else has a copy of it."""
        os.close(self.descriptor)


def _named(told: bytes) -> str:
    """Return the holder as a person reads it; the form is that of `tradewind.config.lock`."""
    try:
        holder = json.loads(told)
        return f"process {holder['pid']} on {holder['host']} ({holder['purpose']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "a process that is just starting"
