"""Virtual time: an asyncio loop whose waits are jumps, and processes in it that can be killed at any step.

Nothing sleeps, nothing depends on the machine's speed, and the order of callbacks is the same in every run. A
loop that would wait for ever says so at once: that is the check that nothing hangs.

A `Process` is a tag that asyncio's contexts carry. Every callback of a process counts as a step; at the step
chosen it is killed: its callbacks are dropped from then on, as if by SIGKILL, and the rest of the world goes
on.
"""

from __future__ import annotations

import asyncio
import selectors
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_NS_PER_S = 1_000_000_000


class DeadlockError(Exception):
    """Every task waits and nothing will ever wake one of them."""


class Process:
    """Something that runs in a `VirtualLoop` and may be killed.

    Parameters
    ----------
    name
        Shown when it dies.
    dies_at_step
        Number of the callback, from 1, that is not run any more; None: it lives.
    on_death
        Called by the world, not by the process, at the moment of death.

    Attributes
    ----------
    offset_ns
        How far its clock of the day is ahead of the world's; timers and waits are not touched by it.
    lost_ns
        How much time its counting clock has missed, as on a virtual machine that was halted.
    """

    def __init__(
        self, name: str, dies_at_step: int | None = None, on_death: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        self.offset_ns = self.lost_ns = 0
        self._frozen: list[tuple[Callable[..., object], tuple[Any, ...], Context]] | None = None
        self._dies_at_step = dies_at_step
        self._on_death = on_death
        self._deaths: list[asyncio.Future[None]] = []

    def death(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Return a future that is done once it has died."""
        died = loop.create_future()
        if self.alive:
            self._deaths.append(died)
        else:
            died.set_result(None)
        return died

    def kill(self) -> None:
        """Let it end here: nothing of it runs any more."""
        if self.alive:
            self.alive = False
            if self._on_death is not None:
                Context().run(self._on_death)
            for died in self._deaths:
                died.set_result(None)
            self._deaths = []

    def freeze(self) -> None:
        """Let nothing of it run until `thaw`, as on a machine that sleeps; what is due waits."""
        if self._frozen is None:
            self._frozen = []

    def thaw(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let it run again; what was due meanwhile is run now, in its order."""
        waiting, self._frozen = self._frozen or [], None
        for callback, args, context in waiting:
            loop.call_soon(callback, *args, context=context)

    def holds_back(self, callback: Callable[..., object], args: tuple[Any, ...]) -> bool:
        """Say whether it is frozen; the callback is kept for later then."""
        if self._frozen is None or not self.alive:
            return False
        self._frozen.append((callback, args, copy_context()))
        return True

    def die_in(self, steps: int) -> None:
        """Let it die so many callbacks from now."""
        self._dies_at_step = self.steps + steps

    def spare(self) -> None:
        """Let it die at no step any more."""
        self._dies_at_step = None

    def take_step(self) -> bool:
        """Count a callback; say whether it may run."""
        if not self.alive:
            return False
        self.steps += 1
        if self.steps == self._dies_at_step:
            self.kill()
        return self.alive


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


def current_process() -> Process | None:
    """Return the process that the running code is a part of; None: the world."""
    return _PROCESS.get()


class _JumpingSelector(selectors.SelectSelector):
    """A selector to which waiting is a jump of the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("every task waits and no timer is set")
        if timeout > 0:
            # One more nanosecond, so that rounding never leaves a timer just ahead of the clock.
            self.now_ns += int(timeout * _NS_PER_S) + 1
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at `start_ns`."""

    def __init__(self, start_ns: int = 0) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._start_ns = start_ns

    def time(self) -> float:
        """Return the seconds since the loop began."""
        return self._jumping.now_ns / _NS_PER_S

    def now_ns(self) -> int:
        """Return the time, nanoseconds UTC."""
        return self._start_ns + self._jumping.now_ns

    def local_ns(self) -> int:
        """Return the time as the clock of the running process shows it, which may be wrong."""
        process = _PROCESS.get()
        return self.now_ns() + (0 if process is None else process.offset_ns)

    def counted_ns(self) -> int:
        """Return the time as the running process counts it, which nobody can set."""
        process = _PROCESS.get()
        return self.now_ns() - (0 if process is None else process.lost_ns)

    def block(self, seconds: float) -> None:
        """Let time pass while nothing else runs, as where a callback computes for so long."""
        self._jumping.now_ns += int(seconds * _NS_PER_S)

    def call_soon(self, callback, *args, context=None):  # type: ignore[no-untyped-def,override]  # noqa: ANN001, ANN002, ANN201
        """Schedule a callback that the death of its process drops."""
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            callback = _guarded(callback, process)
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):  # type: ignore[no-untyped-def,override]  # noqa: ANN001, ANN002, ANN201
        """Schedule a callback for later that the death of its process drops."""
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            callback = _guarded(callback, process)
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(self, executor, func, *args):  # type: ignore[no-untyped-def,override]  # noqa: ANN001, ANN002, ANN201
        """Run `func` at once: threads have no place in virtual time."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the awaiting task gets it, as from a thread
            future.set_exception(error)
        return future

    def start(self, process: Process, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Run `work` as a part of `process`."""
        context = copy_context()
        context.run(_PROCESS.set, process)
        return self.create_task(work, context=context)


def _guarded(callback: Callable[..., object], process: Process) -> Callable[..., object]:
    def run(*args: object) -> None:
        if not process.holds_back(callback, args) and process.take_step():
            callback(*args)

    return run


def run_virtual(work: Coroutine[Any, Any, Any], start_ns: int = 0) -> Any:  # noqa: ANN401
    """Run one coroutine in virtual time and return what it returns."""
    loop = VirtualLoop(start_ns)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
