"""The guard: a small process that owns an account's lease and the heartbeat, and ends a trading process that hangs.

It runs the trading process as its child and looks at its pulse. A child that dies is started again; one whose
pulse stops is killed and started again, and if a strategy was deciding then, that strategy begins held. A child
that dies again and again is left dead. Recovery is the child's own start: there is no other path.

A session that has traded may hold positions. Where its venue is away, or its disk has no room, its start is tried again
until it succeeds; one that refuses to go on for another reason is left ended, and a person is told.

The guard does nothing that can hang: it never imports the compiled core, never talks to an exchange, and waits
for nobody but its child.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.errors import Exit, SafetyRefusal
from tradewind.live.pulse import ENDED, PULSE, RENEWING, RUNNING, STARTING, UNGUARDED, Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tradewind.live.kept_locks import KeptLocks

__all__ = [
    "GUARDED",
    "HEARTBEAT_S",
    "LOOK_S",
    "ROOM_BYTES",
    "ROOM_LOOK_S",
    "Guard",
    "GuardPolicy",
    "Incident",
    "follow_guard",
    "guard_is_gone",
]

GUARDED = "TRADEWIND_GUARDED"
"""Set in the environment of a process whose guard holds the leases."""

LOOK_S = 0.25
"""So often the child is looked at."""
_PR_SET_PDEATHSIG = 1
_PARENTLESS_S = 0.5
_ON_PURPOSE = frozenset(Exit) - {Exit.OUR_FAULT}
"""A child that leaves with one of these has refused or ended; any other end is a fault, and it is started again."""
_LATER = frozenset({Exit.VENUE, Exit.TIMEOUT})
"""What a session that has traded may be told when it comes back: the venue is away, and will be there again."""
_WAITS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
ROOM_LOOK_S = _WAITS_S[0]
"""So often a full disk is looked at."""
HEARTBEAT_S = 30.0
"""So often whoever watches from outside is called."""
ROOM_BYTES = 64 << 20
"""So much must be free before a session that found no room is started again: enough to protect what it holds."""
_NO_STRATEGY = -1
_OWN_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
"""Signals that a process brings upon itself; a kill from outside says nothing about who was deciding."""


def follow_guard() -> None:
    """Let this process end in order when its guard is gone: the leases of its accounts are gone with it.

    A start is interrupted by it as by Ctrl-C (KeyboardInterrupt), until the session's loop hears signals itself. Does
    nothing in a process that no guard started.
    """
    if GUARDED not in os.environ:
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if guard_is_gone():
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, _frame: object) -> None:
    """Interrupt what runs where the guard is gone; a guard that lives sees this process die by the signal.

    The signal of a guard's death may come a moment before the system gives this process another parent.
    """
    until_s = time.monotonic() + _PARENTLESS_S
    while not guard_is_gone() and time.monotonic() < until_s:
        time.sleep(_PARENTLESS_S / 50)
    if guard_is_gone():
        signal.raise_signal(signal.SIGINT)
        return
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def guard_is_gone() -> bool:
    """Say whether a guard started this process and does not live any more."""
    guard = os.environ.get(GUARDED)
    return guard is not None and os.getppid() != int(guard)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """When a trading process is ended, and when it is left dead.

    Parameters
    ----------
    hung_s
        A running loop that says nothing for so long hangs. Compiled code is entered after a first run of
        everything, so no compilation falls into this time.
    starting_s
        A start, compilation and recovery included, may take so long.
    restarts_per_minute
        More than so many within a minute is a crash loop (F77).
    stop_s
        So long a child may take to end in order.
    renew_every_s
        A child that uses too much memory may be started again once in so long, and not more often: where the limit
        is below what the session needs it holds, and does not come and go.
    """

    hung_s: float = 10.0
    starting_s: float = 900.0
    restarts_per_minute: int = 10
    stop_s: float = 30.0
    renew_every_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Incident:
    """What the guard did.

    Parameters
    ----------
    kind
        "hung", "died", "crash loop", "stopped", "waits", "silent", "no room", "refused" or "renewed".
    text
        What happened, for a person.
    strategy
        Who was deciding, -1: none.
    """

    kind: str
    text: str
    strategy: int = _NO_STRATEGY


@dataclass(slots=True)
class Guard:
    """Runs a trading process until it ends in order.

    Parameters
    ----------
    command
        How the trading process is started; it opens the pulse in the session's folder.
    folder
        The session's folder.
    policy
        When to end it.
    tell
        Is told of every incident, once the child that it is about is gone; must return soon.
    heartbeat
        Called every `heartbeat_s` seconds while the pulse beats: who watches from outside misses it when we are silent.
    passed
        Open files that every child is given.
    locks
        Locks of the children that are kept between two of them; None: they have none.
    waits_s
        Seconds before another start of a session that has run, while its venue is away; the last one repeats.
    silent_s
        A session that has run and whose venue is away for so long may hold what nobody looks after: then it is told
        once as "silent".
    free_bytes
        Returns how much is free on the disk of a folder.
    """

    command: Sequence[str]
    folder: Path
    policy: GuardPolicy = field(default_factory=GuardPolicy)
    tell: Callable[[Incident], None] = lambda _: None
    heartbeat: Callable[[], None] | None = None
    heartbeat_s: float = HEARTBEAT_S
    passed: tuple[int, ...] = ()
    locks: KeptLocks | None = None
    waits_s: Sequence[float] = _WAITS_S
    silent_s: float = 60.0
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    _ran: bool = False
    _renewed_s: float = -math.inf
    _untold: list[Incident] = field(default_factory=list)
    _away: int = 0
    _away_since_s: float = 0.0
    _told_silent: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)
    _starts: deque[float] = field(default_factory=deque)

    def stop(self) -> None:
        """Ask the child to end in order, and the guard with it."""
        self._stopping.set()

    def run(self) -> int:
        """Return the exit status of the child that ended in order. Raises SafetyRefusal (CRASH_LOOP)."""
        pulse = Pulse(self.folder / PULSE)
        pulse.waits_ns = 0
        self._ran = any(self.folder.glob("*.twj"))
        try:
            while True:
                status = self._live(pulse)
                if status is not None:
                    return status
                if self._stopping.is_set():
                    return Exit.DONE
                if self._is_crash_loop():
                    times = f"{len(self._starts)} starts within a minute"
                    self.tell(Incident("crash loop", f"the trading process stays dead: {times}"))
                    raise SafetyRefusal("CRASH_LOOP", times, where=str(self.folder))
        finally:
            pulse.waits_ns = 0
            pulse.close()

    def _live(self, pulse: Pulse) -> int | None:
        """Run one child; return its exit status if nothing is left to do, None to start another."""
        before = pulse.state
        pulse.begin()
        self._starts.append(time.monotonic())
        kept, told = ((), {}) if self.locks is None else self.locks.hand_over()
        child = subprocess.Popen(  # noqa: S603
            self.command, pass_fds=(*self.passed, *kept), env={**os.environ, **told}
        )
        try:
            ended = self._watch(child, pulse)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            if self.locks is not None:
                self.locks.sign()
        self._tell_untold()
        if not ended:
            return None
        status = self._left_with(child.returncode, pulse)
        if status in _ON_PURPOSE and before in (ENDED, UNGUARDED) and pulse.state == STARTING:
            # A start that was refused does not undo the order in which the last one ended.
            pulse.state = before
        return status

    def _left_with(self, status: int, pulse: Pulse) -> int | None:
        """Say what follows from the end of a child by itself, as `_live` does."""
        self._ran = self._ran or pulse.state == RUNNING
        if self._stopping.is_set():
            return status
        if pulse.state == RENEWING:
            self._renewed_s = time.monotonic()
            self.tell(Incident("renewed", "it used too much memory, ended in order, and is started again"))
            return None
        if status in _LATER and self._ran:
            self._wait_for_venue(pulse)
            return None
        if status == Exit.DATA and self._ran and self.free_bytes(self.folder) < ROOM_BYTES:
            self._wait_for_room(pulse)
            return None
        if pulse.state == ENDED or status in _ON_PURPOSE:
            if self._ran and pulse.state != ENDED and status not in (Exit.DONE, Exit.INTERRUPTED):
                text = f"it left with status {status} and is not started again; its log says why"
                self.tell(Incident("refused", text))
            return status
        self._note_death(status, pulse)
        return None

    def _note_death(self, status: int, pulse: Pulse) -> None:
        """Tell of a child that died; a strategy that brought it down begins held."""
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        strategy = pulse.deciding
        if -status in _OWN_FAULTS and strategy != _NO_STRATEGY:
            pulse.hold(strategy)
            how += f"; strategy {strategy} was deciding and begins held"
        self.tell(Incident("died", f"the trading process died {how}", strategy))

    def _tell_untold(self) -> None:
        """Tell what happened to a child that is gone: until then it holds its journal and its audit."""
        while self._untold:
            self.tell(self._untold.pop(0))

    def _wait_for_venue(self, pulse: Pulse) -> None:
        """Wait before a session that has run is started again: its positions are still there, its venue is away."""
        wait_s = self.waits_s[min(self._away, len(self.waits_s) - 1)]
        now_s = time.monotonic()
        if not self._away:
            self._away_since_s, self._told_silent = now_s, False
        self._away += 1
        if pulse.waits_ns <= 0:
            pulse.waits_ns = time.time_ns()
        text = f"its venue cannot be reached or read; it is started again in {wait_s:g} s"
        silent = now_s - self._away_since_s >= self.silent_s and not self._told_silent
        if silent:
            self._told_silent = True
            text = f"{text}; it has been away for {now_s - self._away_since_s:.0f} s and may hold positions"
        self.tell(Incident("silent" if silent else "waits", text))
        self._stopping.wait(wait_s)

    def _wait_for_room(self, pulse: Pulse) -> None:
        """Wait until the disk of a session that has run has room again; its positions are still there."""
        if pulse.waits_ns >= 0:
            pulse.waits_ns = -time.time_ns()
        needed = f"{ROOM_BYTES >> 20} MiB are free"
        self.tell(Incident("no room", f"its disk is full; it is started again once {needed}"))
        while self.free_bytes(self.folder) < ROOM_BYTES and not self._stopping.wait(self.waits_s[0]):
            pass

    def _watch(self, child: subprocess.Popen[bytes], pulse: Pulse) -> bool:
        """Return True when the child ended by itself, False when it hung: then it is killed."""
        beats, since, told = pulse.beats, time.monotonic(), 0.0
        while child.poll() is None:
            if self._stopping.wait(LOOK_S):
                self._end(child)
                return True
            now = time.monotonic()
            pulse.may_renew = now - self._renewed_s >= self.policy.renew_every_s
            if pulse.beats != beats:
                beats, since = pulse.beats, now
                told = self._say_alive(now, told)
            if pulse.state == RUNNING:
                self._ran, self._away = True, 0
            limit = self.policy.hung_s if pulse.state == RUNNING else self.policy.starting_s
            if now - since > limit:
                self._put_down(child, pulse, now - since)
                return False
        return True

    def _say_alive(self, now: float, told: float) -> float:
        if self.heartbeat is None or now - told < self.heartbeat_s:
            return told
        self.heartbeat()
        return now

    def _put_down(self, child: subprocess.Popen[bytes], pulse: Pulse, silent_s: float) -> None:
        """Kill a hung child; a strategy that was deciding begins held."""
        strategy = pulse.deciding
        child.send_signal(signal.SIGKILL)
        blamed = "no strategy was deciding"
        if strategy != _NO_STRATEGY:
            pulse.hold(strategy)
            blamed = f"strategy {strategy} was deciding and begins held"
        self._untold.append(
            Incident("hung", f"the loop said nothing for {silent_s:.1f} s; {blamed}", strategy)
        )

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        try:
            child.wait(self.policy.stop_s)
        except subprocess.TimeoutExpired:
            self._untold.append(
                Incident("stopped", f"it did not end within {self.policy.stop_s:g} s and was killed")
            )

    def _is_crash_loop(self) -> bool:
        now = time.monotonic()
        while self._starts and now - self._starts[0] > 60.0:
            self._starts.popleft()
        return len(self._starts) > self.policy.restarts_per_minute
