"""The pulse of a trading process: a page of shared memory that a guard can read while the process hangs.

The process says that it lives each time its loop comes round. Which strategy is deciding the compiled core says
itself: its registers lie in the same page. A hung loop says nothing, but what it said last can still be read.

::

    offset  cell (int64)
    0       magic
    8       beats                 rises each time the loop comes round
    16      deciding              place of the core's register `deciding` among the cells, 0: no core yet
    24      held                  bit mask of strategies that begin held after a restart
    32      state                 0 starting, 1 running, 2 ended in order, 3 ended in order to be started again,
                                  4 ended in order because its guard had died
    40      may renew             1: whoever watches would start the process again if it asked for that
    48      beaten at             nanoseconds of the machine's monotonic clock at the last beat, 0: none of this process
    56      waits                 nanoseconds UTC since when the guard waits before a start, positive for its venue,
                                  negative for room on its disk; 0: it does not
    64      registers             of the core, as it keeps them
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from tradewind.errors import InvariantBroken

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ENDED",
    "PULSE",
    "RENEWING",
    "RUNNING",
    "STARTING",
    "UNGUARDED",
    "Pulse",
    "ended_in_order",
    "silent_s",
    "state_of",
    "waits_since",
]

PULSE = "pulse"
"""Its file in the session's folder."""
STARTING, RUNNING, ENDED, RENEWING, UNGUARDED = 0, 1, 2, 3, 4

_MAGIC = 0x7477_7075_6C73_6532
_HEAD_CELLS = 8
_CELLS = 1024
_MAGIC_AT, _BEATS, _DECIDING, _HELD, _STATE, _MAY_RENEW, _BEATEN_AT, _WAITS = range(8)
_HEAD = struct.Struct(f"={_HEAD_CELLS}q")
_NS_PER_S = 1_000_000_000


class Pulse:
    """The shared page, mapped.

    Parameters
    ----------
    path
        Its file; made where it is absent or of another form.
    """

    def __init__(self, path: Path) -> None:
        size = _CELLS * 8
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size != size:
                os.ftruncate(descriptor, size)
                os.posix_fallocate(
                    descriptor, 0, size
                )  # A page without room on the disk would end the process.
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self.cells = np.frombuffer(self._map, np.int64)
        if self.cells[_MAGIC_AT] != _MAGIC:
            self.cells[:] = 0
            self.cells[_MAGIC_AT] = _MAGIC

    def beat(self) -> None:
        """Say that the loop came round."""
        self.cells[_BEATS] += 1
        self.cells[_BEATEN_AT] = time.monotonic_ns()

    @property
    def beats(self) -> int:
        """Return how often the loop came round."""
        return int(self.cells[_BEATS])

    @property
    def deciding(self) -> int:
        """Return the strategy that decides now, -1 for none."""
        place = int(self.cells[_DECIDING])
        return int(self.cells[place]) - 1 if 0 < place < _CELLS else -1

    def registers(self, size: int, deciding_at: int) -> memoryview:
        """Return the bytes in which a core is to keep its registers.

        Parameters
        ----------
        size
            How many bytes they take.
        deciding_at
            Offset of the register that says 1 + who is deciding, 0 for nobody.
        """
        end = 8 * _HEAD_CELLS + size
        if end > 8 * _CELLS or deciding_at % 8:
            raise InvariantBroken("INVARIANT_BROKEN", f"registers of {size} bytes do not fit into a pulse")
        self.cells[_DECIDING] = _HEAD_CELLS + deciding_at // 8
        return memoryview(self._map)[8 * _HEAD_CELLS : end]

    def begin(self) -> None:
        """Say that a process is about to start: nobody decides yet."""
        self.state = STARTING
        self.may_renew = False
        self.cells[_DECIDING] = self.cells[_BEATEN_AT] = 0

    @property
    def held(self) -> list[int]:
        """Return the strategies that begin held."""
        mask = int(self.cells[_HELD])
        return [g for g in range(63) if mask >> g & 1]

    def hold(self, strategy: int) -> None:
        """Let a strategy begin held from the next start on."""
        self.cells[_HELD] |= 1 << strategy

    def release(self) -> None:
        """Let every strategy begin free again: an operator has resumed them."""
        self.cells[_HELD] = 0

    @property
    def state(self) -> int:
        """Return STARTING, RUNNING, ENDED, RENEWING or UNGUARDED."""
        return int(self.cells[_STATE])

    @state.setter
    def state(self, state: int) -> None:
        self.cells[_STATE] = state
        if state == RUNNING:
            self.waits_ns = 0

    @property
    def waits_ns(self) -> int:
        """Return since when its guard waits for the venue, nanoseconds UTC; negative: for room on the disk; 0: not."""
        return int(self.cells[_WAITS])

    @waits_ns.setter
    def waits_ns(self, since_ns: int) -> None:
        self.cells[_WAITS] = since_ns

    @property
    def may_renew(self) -> bool:
        """Say whether a process that asks for another in its place gets one."""
        return bool(self.cells[_MAY_RENEW])

    @may_renew.setter
    def may_renew(self, may: bool) -> None:
        self.cells[_MAY_RENEW] = may

    def close(self) -> None:
        """Unmap the page; the file stays."""
        self.cells = np.zeros(_CELLS, np.int64)
        with suppress(BufferError):
            self._map.close()


def silent_s(path: Path) -> float | None:
    """Return for how many seconds a pulse has not beaten, None where none is there or none has beaten yet."""
    cells = _read_head(path)
    if cells is None or not cells[_BEATEN_AT]:
        return None
    return max(time.monotonic_ns() - cells[_BEATEN_AT], 0) / _NS_PER_S


def ended_in_order(path: Path) -> bool | None:
    """Say whether the last process of a session, which is gone, said that it ends; None where no pulse is there."""
    state = state_of(path)
    return None if state is None else state in (ENDED, RENEWING, UNGUARDED)


def state_of(path: Path) -> int | None:
    """Return what a process said last of itself, as `Pulse.state`; None where no pulse is there."""
    cells = _read_head(path)
    return None if cells is None else cells[_STATE]


def waits_since(path: Path) -> int:
    """Return what `Pulse.waits_ns` says, 0 where no pulse is there."""
    cells = _read_head(path)
    return 0 if cells is None else cells[_WAITS]


def _read_head(path: Path) -> tuple[int, ...] | None:
    """Return the cells of a pulse, None where none is there: read and not mapped, so that a look changes nothing."""
    try:
        cells: tuple[int, ...] = _HEAD.unpack(path.read_bytes()[: _HEAD.size])
    except (OSError, struct.error):
        return None
    return cells if cells[_MAGIC_AT] == _MAGIC else None
