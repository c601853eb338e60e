"""Locks that outlive a trading process: its guard keeps them between two of its lives.

The lock of a key has a name that only who knows the key can tell, and the guard knows none. So the trading process
takes the lock and hands its open file to the guard: the system frees a lock when its last holder is gone, and nobody
can step in while the next process starts. That one is given the open file and goes on with it.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["KEPT_LOCKS", "KeptLocks", "LocksOfGuard"]

KEPT_LOCKS = "TRADEWIND_KEPT_LOCKS"
"""Tells a process in its environment which open files its guard has given it."""
_LONGEST = 4096


class KeptLocks:
    """What a guard keeps for its children; close it once the last one is gone."""

    def __init__(self) -> None:
        self._ours, self._childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._kept: dict[str, int] = {}

    def hand_over(self) -> tuple[tuple[int, ...], dict[str, str]]:
        """Return the open files that the next child is to be given, and what tells it in its environment of them."""
        self._take()
        told = json.dumps({"guard": self._childs.fileno(), "held": self._kept})
        return (self._childs.fileno(), *self._kept.values()), {KEPT_LOCKS: told}

    def sign(self) -> None:
        """Say in each lock that this process holds it now: the child that had signed it is gone."""
        self._take()
        for descriptor in self._kept.values():
            with suppress(OSError, ValueError):
                _sign(descriptor, json.loads(os.pread(descriptor, _LONGEST, 0)))

    def close(self) -> None:
        """Let go of everything."""
        for descriptor in self._kept.values():
            os.close(descriptor)
        self._kept.clear()
        self._ours.close()
        self._childs.close()

    def _take(self) -> None:
        """Take the locks that a child has handed over; until then they wait in the socket, and are held."""
        with suppress(BlockingIOError):
            while True:
                path, (descriptor, *_), _, _ = socket.recv_fds(self._ours, _LONGEST, 1)
                self._drop(path.decode())
                self._kept[path.decode()] = descriptor

    def _drop(self, path: str) -> None:
        before = self._kept.pop(path, None)
        if before is not None:
            os.close(before)


@dataclass(slots=True)
class LocksOfGuard:
    """The same as its child sees it; of a process without a guard it holds nothing and tells nobody.

    Parameters
    ----------
    held
        Open files of the locks that a child of before had, by their path.
    guard
        Number of the socket that leads to the guard, -1: there is none.
    """

    held: dict[str, int] = field(default_factory=dict)
    guard: int = -1

    @classmethod
    def of(cls, env: Mapping[str, str]) -> LocksOfGuard:
        """Return what the environment tells."""
        told = json.loads(env.get(KEPT_LOCKS, "{}"))
        return cls(told.get("held", {}), told.get("guard", -1))

    def take(self, path: Path, purpose: str) -> Callable[[], None] | None:
        """Go on with the lock of a path, if the guard keeps it, and say so in it; return what lets go of it."""
        descriptor = self.held.pop(str(path), None)
        if descriptor is None:
            return None
        with suppress(OSError):
            there, ours = path.stat(), os.fstat(descriptor)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                _sign(descriptor, {"host": socket.gethostname(), "purpose": purpose, "since": since})
                return lambda: os.close(descriptor)
        os.close(descriptor)  # Somebody has removed the file: another one of its name is another lock.
        return None

    def give(self, path: Path, descriptor: int) -> None:
        """Let the guard keep a lock, too."""
        if self.guard >= 0:
            with socket.socket(fileno=os.dup(self.guard)) as way:
                socket.send_fds(way, [str(path).encode()], [descriptor])


def _sign(descriptor: int, holder: dict[str, object]) -> None:
    told = json.dumps({**holder, "pid": os.getpid()}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, told, 0)
