"""A disk in memory that takes away what a crash may take away.

What was synced stays. Of what was appended after the last sync a random prefix stays. Names appear, change
and vanish for good only when their folder is synced. It can be full, fail a sync, and flip a bit.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.errors import Busy
from tradewind.journal.disk import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tradewind.journal import Lock, OpenFile


@dataclass(slots=True, eq=False)
class _Content:
    """One file: what a reader sees now, and what is sure to be there after a crash."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


class SimulatedDisk:
    """The `Disk` port over memory.

    Attributes
    ----------
    capacity_bytes
        How much fits on it, None for no limit; an append beyond it is taken in part, then refused.
    syncs_until_failure
        How many more syncs succeed before one fails with EIO; None for never.
    on_operation
        Called with the name of each operation before it is done; may raise to stop a process there.
    on_done
        Called with "append" and "sync" after they are done, likewise.
    operations
        How many operations were asked for.
    """

    def __init__(self) -> None:
        self.capacity_bytes: int | None = None
        self.syncs_until_failure: int | None = None
        self.on_operation: Callable[[str], None] | None = None
        self.on_done: Callable[[str], None] | None = None
        self.operations = 0
        self._files: dict[Path, _Content] = {}
        self._durable_names: dict[Path, _Content] = {}
        self._locked: dict[Path, _SimulatedLock] = {}
        self._life = 0

    def crash(self, random: Random) -> None:
        """Lose what a loss of power may lose; files and locks held by then are dead.

        A name that was not synced into its folder keeps its old meaning or its new one, at random.
        """
        self._life += 1
        self._locked.clear()
        survivors: dict[Path, _Content] = {}
        for path in sorted(self._files.keys() | self._durable_names.keys()):
            old, new = self._durable_names.get(path), self._files.get(path)
            content = new if old is new or random.random() < 0.5 else old
            if content is not None:
                kept = _after_crash(content, random)
                survivors[path] = _Content(bytearray(kept), kept)
        self._files = survivors
        self._durable_names = dict(survivors)

    def flip_bit(self, path: Path, bit: int) -> None:
        """Flip one bit of a file, as a failing disk does."""
        content = self._files[path]
        content.now[bit // 8] ^= 1 << bit % 8
        content.synced = bytes(content.now)

    def replace_bytes(self, path: Path, data: bytes) -> None:
        """Put other bytes into a file, durably."""
        content = self._files.setdefault(path, _Content())
        content.now[:] = data
        content.synced = data
        self._durable_names[path] = content

    def make_folder(self, folder: Path) -> None:
        """Do nothing: folders are where files are."""
        self.begin("make_folder")

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in `folder`."""
        return sorted(path.name for path in self._files if path.parent == folder)

    def read(self, path: Path, limit: int | None = None) -> bytes:
        """Return the content of a file, or its first `limit` bytes."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return bytes(self._files[path].now[:limit])

    def create(self, path: Path) -> OpenFile:
        """Make an empty file."""
        self.begin("create")
        self._files[path] = _Content()
        return SimulatedFile(self, self._files[path], self._life)

    def open(self, path: Path) -> OpenFile:
        """Open an existing file. What refuses it is told in the words of a real disk."""
        with told(path):
            self.begin("open")
        return SimulatedFile(self, self._files[path], self._life)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file; durable only with its folder."""
        self.begin("replace")
        self._files[target] = self._files.pop(source)

    def remove(self, path: Path) -> None:
        """Remove a file; durable only with its folder."""
        self.begin("remove")
        del self._files[path]

    def sync_folder(self, folder: Path) -> None:
        """Make the names in `folder` durable."""
        self.begin("sync_folder")
        self.fail_sync_if_due()
        for path in [path for path in self._durable_names if path.parent == folder]:
            del self._durable_names[path]
        here = {path: content for path, content in self._files.items() if path.parent == folder}
        self._durable_names.update(here)

    def lock(self, path: Path, purpose: str) -> Lock:
        """Hold `path` alone until released or the next crash."""
        if path in self._locked:
            raise Busy("LOCKED", f"held by {self._locked[path].purpose}", where=str(path))
        self._locked[path] = _SimulatedLock(self._locked, path, purpose)
        return self._locked[path]

    def begin(self, operation: str) -> None:
        """Count an operation and let `on_operation` stop it."""
        self.operations += 1
        if self.on_operation is not None:
            self.on_operation(operation)

    def room_bytes(self, wanted: int) -> int:
        """Return how many of `wanted` bytes still fit."""
        if self.capacity_bytes is None:
            return wanted
        used = sum(len(content.now) for content in self._files.values())
        return max(0, min(wanted, self.capacity_bytes - used))

    def fail_sync_if_due(self) -> None:
        """Raise EIO when `syncs_until_failure` has run out; a broken disk stays broken."""
        if self.syncs_until_failure is None:
            return
        if self.syncs_until_failure == 0:
            raise OSError(errno.EIO, "input/output error")
        self.syncs_until_failure -= 1

    def check_alive(self, life: int) -> None:
        """Refuse what a process that is dead asks for."""
        if life != self._life:
            raise OSError(errno.EBADF, "the process that opened this file is dead")


class SimulatedFile:
    """A file of a `SimulatedDisk`, open for appending."""

    def __init__(self, disk: SimulatedDisk, content: _Content, life: int) -> None:
        self._disk = disk
        self._content = content
        self._life = life

    def append(self, data: bytes | memoryview) -> int:
        """Take as many bytes as fit; none is ENOSPC."""
        self._disk.check_alive(self._life)
        self._disk.begin("append")
        room = self._disk.room_bytes(len(data))
        if room == 0 and len(data) > 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        self._content.now += data[:room]
        _tell_done(self._disk, "append")
        return room

    def sync(self) -> None:
        """Make the content durable, or fail for good."""
        self._disk.check_alive(self._life)
        self._disk.begin("sync")
        self._disk.fail_sync_if_due()
        self._content.synced = bytes(self._content.now)
        _tell_done(self._disk, "sync")

    def truncate(self, size: int) -> None:
        """Cut the content; durable only with the next sync."""
        self._disk.check_alive(self._life)
        self._disk.begin("truncate")
        del self._content.now[size:]

    def close(self) -> None:
        """Do nothing: a closed file is not a synced one."""


class _SimulatedLock:
    def __init__(self, locked: dict[Path, _SimulatedLock], path: Path, purpose: str) -> None:
        self._locked = locked
        self._path = path
        self.purpose = purpose

    def release(self) -> None:
        if self._locked.get(self._path) is self:
            del self._locked[self._path]


def _tell_done(disk: SimulatedDisk, operation: str) -> None:
    """Let `on_done` stop a process right after an operation."""
    if disk.on_done is not None:
        disk.on_done(operation)


def _after_crash(content: _Content, random: Random) -> bytes:
    """Return the synced part with a random prefix of what came after it; a cut may come undone."""
    now, synced = bytes(content.now), content.synced
    if now.startswith(synced):
        return now[: random.randint(len(synced), len(now))]
    return random.choice((now, synced))
