"""What watches the process itself: a loop that stands still, memory that grows, a disk that fills, a clock that is off.

Each is looked at every second, told to a person once when it begins and once when it has passed, and told to the
core as a state of trading for as long as it lasts: with too little memory or too wrong a clock no new risk is taken,
with too little disk openers are cancelled as well. None of them needs an operator to pass.

Memory that does not come back is a leak, whoever's it is. Over its limit for a minute, the process is ended in order
and started again by its guard, which does that once in an hour at most; without a guard, and until then, it holds.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.live.facts import Told, rows_of
from tradewind.ops.alerts import Alert
from tradewind.units.enums import FactKind, Halt, HaltScope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from numpy.typing import NDArray

__all__ = ["Gauges", "Watch", "WatchLimits", "gauges_of", "memory_share"]

_S = 1_000_000_000
_STATM = Path("/proc/self/statm")
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

_WORDS = {
    Halt.MEMORY: "the process uses {:,.1f} MB of memory; {:,.1f} MB are allowed",
    Halt.DISK: "{:,.1f} MB of the disk are free; {:,.1f} MB are needed",
    Halt.CLOCK: "our clock is {:,.0f} ms from the venue's; {:,.0f} ms are allowed",
}
"""What is said of each state, from millionths: bytes as megabytes, nanoseconds as milliseconds."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """What is too much.

    Parameters
    ----------
    look_s
        Seconds between two looks; what begins is told within that time.
    stall_ns
        A loop that comes round this much too late stood still.
    memory_bytes
        Most that the process may use, 0: no limit.
    renew_after_ns
        Over that for so long, it asks to be started again.
    disk_bytes
        Least that must be free where the journal lies.
    clock_ns
        Most that our clock may differ from a venue's.
    """

    look_s: float = 1.0
    stall_ns: int = 2 * _S
    memory_bytes: int = 0
    renew_after_ns: int = 60 * _S
    disk_bytes: int = 256 << 20
    clock_ns: int = _S // 2


@dataclass(frozen=True, slots=True)
class Gauges:
    """How the process is measured: memory in use, free disk, bytes; offset of the clock in ns, 0 where nobody knows."""

    memory_bytes: Callable[[], int]
    disk_bytes: Callable[[], int]
    clock_ns: Callable[[], int] = lambda: 0


def gauges_of(folder: Path, clock_ns: Callable[[], int] = lambda: 0) -> Gauges:
    """Return gauges of this process and of the disk that holds `folder`."""
    return Gauges(_memory_bytes, lambda: shutil.disk_usage(folder).free, clock_ns)


def memory_share(share: float, limits: Iterable[Path] = _CGROUP_LIMITS) -> int:
    """Return a share of the machine's memory, or of what the system lets this service have where that is less."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in limits:
        with suppress(OSError, ValueError):  # No such file, or the word for no limit.
            found.append(int(path.read_text()))
    return int(share * min(found))


def _memory_bytes() -> int:
    """Return the memory that the process has in use now: its peak would never fall, and no halt by it would pass."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Watch:
    """Watches a process.

    Parameters
    ----------
    limits, gauges
        What is too much, and how it is measured.
    clock, monotonic
        Our time, nanoseconds UTC, and one that never jumps.
    notify
        Is told of what a person should know.
    post
        Brings facts into the session.
    known
        Bits of `Halt` that the core has set for everything: after a restart also those of an earlier life.
    renew
        Is asked for a new process in place of this one while memory stays over its limit; each time it looks, until it
        is granted.
    """

    limits: WatchLimits
    gauges: Gauges
    clock: Callable[[], int]
    monotonic: Callable[[], int]
    notify: Callable[[Alert], None]
    post: Callable[[NDArray[Any]], Awaitable[None]]
    known: Callable[[], int]
    renew: Callable[[], None] = lambda: None
    _over_ns: int = 0

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            began_ns = self.monotonic()
            await asyncio.sleep(self.limits.look_s)
            self.note_round(self.monotonic() - began_ns)
            facts = self.look()
            if facts:
                await self.post(rows_of(facts))

    def note_round(self, took_ns: int) -> None:
        """Note how long the loop took to come round once."""
        late_ns = took_ns - int(self.limits.look_s * _S)
        if late_ns > self.limits.stall_ns:
            self.notify(Alert("LOOP_STALLED", f"the loop stood still for {late_ns / _S:.1f} s", self.clock()))

    def look(self) -> list[Told]:
        """Measure everything; return a fact for each state that began or has passed."""
        limits, gauges = self.limits, self.gauges
        memory, disk, offset = gauges.memory_bytes(), gauges.disk_bytes(), abs(gauges.clock_ns())
        too_much = bool(limits.memory_bytes) and memory > limits.memory_bytes
        facts = self._state(Halt.MEMORY, "MEMORY_HIGH", limits.memory_bytes, memory, wrong=too_much)
        self._renew_where_due(too_much=too_much)
        facts += self._state(Halt.DISK, "DISK_LOW", limits.disk_bytes, disk, wrong=disk < limits.disk_bytes)
        facts += self._state(
            Halt.CLOCK, "CLOCK_OFFSET", limits.clock_ns, offset, wrong=offset > limits.clock_ns
        )
        return facts

    def _renew_where_due(self, *, too_much: bool) -> None:
        now_ns = self.monotonic()
        if not too_much:
            self._over_ns = 0
        elif not self._over_ns:
            self._over_ns = now_ns
        elif now_ns - self._over_ns >= self.limits.renew_after_ns:
            self.renew()

    def _state(self, bit: int, code: str, limit: int, value: int, *, wrong: bool) -> list[Told]:
        if wrong == bool(self.known() & bit):
            return []
        now_ns = self.clock()
        word = code if wrong else "RESUMED"
        self.notify(Alert(word, _WORDS[bit].format(value / 1e6, limit / 1e6), now_ns))
        return [
            Told(
                FactKind.HALT, now_ns, now_ns, side=HaltScope.CORE, code=bit, qty_lot=int(wrong), amount=limit,
                value=float(value),
            )
        ]  # fmt: skip
