"""Files that appear whole or not at all, and the lock that keeps two writers apart."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from typing import TYPE_CHECKING, Self

from tradewind.errors import Busy, DataUnfit, PathError, TradewindError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["Lock", "file_hash", "replace_file", "sync_file", "sync_folder", "write_atomically"]

_CHUNK_BYTES = 1 << 20


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file lie on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder lie on the disk."""
    sync_file(path)


def replace_file(temporary: Path, target: Path) -> None:
    """Give a finished, synced file its name; whoever looks sees the old file or the new one."""
    sync_file(temporary)
    temporary.replace(target)
    sync_folder(target.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that it appears whole; the folder exists already. Raises DISK_FULL, PATH_DENIED."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        replace_file(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> TradewindError:
    """Return the coded error for a failed write."""
    if isinstance(error, PermissionError):
        return PathError("PATH_DENIED", f"cannot be written: {error.strerror}", where=str(path))
    return DataUnfit("DISK_FULL", f"cannot be written: {error.strerror or error}", where=str(path))


class Lock:
    """One writer at a time; the system releases it when its holder dies.

    Raises LOCKED at entry, naming the process that holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise disk_error(error, self.path) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._handle, 200).decode("utf-8", "replace").strip()
            os.close(self._handle)
            raise Busy(
                "LOCKED", f"another process writes here: {holder or 'unknown'}", where=str(self.path)
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._handle, 0)
        os.close(self._handle)
