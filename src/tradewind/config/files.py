"""Files that are complete or absent, and locks that name their holder.

A file or a folder is written beside its place under a hidden name, synced, and renamed: whoever looks sees the old
state or the new one. What a killed process leaves behind is a hidden name that `sweep` removes.
"""

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tradewind.errors import Busy, DataUnavailable, PathError, TradewindError

__all__ = [
    "PARTIAL_PREFIX",
    "atomic_folder",
    "lock",
    "lock_holder",
    "sweep",
    "write_atomic",
    "write_unsynced",
    "writing",
]

PARTIAL_PREFIX = ".partial-"
"""Beginning of the name of what is not complete yet."""

_LOOK_S = 0.05
_ENOSPC = 28
_EDQUOT = 122


def write_atomic(path: Path, content: bytes | str, *, private: bool = False) -> None:
    """Write a file so that it appears complete or not at all; the folder is made where it is missing.

    What is ``private`` is readable by its owner alone, whatever the umask says, and so is a folder made for it.
    """
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        _make_folder(path.parent, private=private)
        handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o600 if private else 0o666 & ~_umask())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_unsynced(path: Path, content: bytes) -> None:
    """Put its owner's file in the place of an older one, often and cheaply: what a running process last knew.

    Whoever looks sees the older or the newer one whole. Nothing waits for the disk; one that refuses keeps the older.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        partial.replace(path)
    except OSError:
        return


def _make_folder(folder: Path, *, private: bool) -> None:
    if private and not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def atomic_folder(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; on leaving it is synced and becomes ``path``, on an error it vanishes.

    One that is ``private`` is its owner's alone, whatever the umask says; a folder that was there keeps its mode.
    Raises `PathError` (PATH_INVALID) if something already lies at ``path``.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=path.parent))
        try:
            yield partial
            _sync_tree(partial)
            partial.chmod(0o700 if private else 0o777 & ~_umask())
            _give_name(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync_folder(path.parent)


def _give_name(partial: Path, path: Path) -> None:
    """Rename a folder. An empty folder that is there is filled instead: somebody may stand in it."""
    if not path.is_dir() or any(path.iterdir()):
        partial.replace(path)
        return
    for child in sorted(partial.iterdir()):
        child.replace(path / child.name)
    partial.rmdir()


def sweep(folder: Path) -> list[Path]:
    """Remove what killed processes left half-written in a folder an hour ago or earlier; return what was removed."""
    removed = []
    for partial in sorted(folder.glob(f"{PARTIAL_PREFIX}*")):
        if datetime.now(UTC).timestamp() - partial.stat().st_mtime < 3600:
            continue
        shutil.rmtree(partial, ignore_errors=True) if partial.is_dir() else partial.unlink(missing_ok=True)
        removed.append(partial)
    return removed


@contextmanager
def lock(path: Path, purpose: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a lock file while the block runs; the system frees it if the process dies.

    Another's is waited for so many seconds: long enough where it is held for the time of a write only.
    Raises `Busy` (LOCKED) with the holder's process, machine, purpose and start.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(handle, wait_s):
            raise Busy(
                "LOCKED",
                f"in use by {_describe_holder(path)}",
                where=str(path),
                hint="wait for it or stop it",
            )
        _write_holder(handle, purpose)
        yield
    finally:
        os.close(handle)


def _taken(handle: int, wait_s: float) -> bool:
    """Take a lock as soon as nobody holds it; return whether that was within so many seconds."""
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_S)
        else:
            return True


def lock_holder(path: Path) -> dict[str, object] | None:
    """Return who holds a lock (pid, host, purpose, since), or None where nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(path)
    else:
        return None
    finally:
        os.close(handle)


def _write_holder(handle: int, purpose: str) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "purpose": purpose,
        "since": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def _read_holder(path: Path) -> dict[str, object]:
    try:
        holder = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _describe_holder(path: Path) -> str:
    holder = _read_holder(path)
    if not holder:
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')} ({holder.get('purpose')}, since {holder.get('since')})"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() or path.is_dir():
            _sync_folder(path)
    _sync_folder(folder)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in our words what the system refuses to write.

    Raises `PathError` (PATH_DENIED, PATH_INVALID) and `DataUnavailable` (DISK_FULL).
    """
    try:
        yield
    except TradewindError:
        raise
    except PermissionError as error:
        raise PathError("PATH_DENIED", "you may not write here", where=str(error.filename or path)) from error
    except OSError as error:
        if error.errno in (_ENOSPC, _EDQUOT):
            raise DataUnavailable(
                "DISK_FULL", "the disk is full; nothing was left behind", where=str(path)
            ) from error
        raise PathError(
            "PATH_INVALID",
            f"cannot write: {error.strerror}",
            where=str(path),
            hint="look what lies there, or name another place",
        ) from error
