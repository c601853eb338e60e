"""Health of streams: who was heard when, what is told of it, and how often the venue may be dialled.

A dead connection is one that was silent although it was pinged; a stale stream is one whose instrument was
silent for longer than its venue ever is. Both are judged by our clock, once a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.units.enums import StreamCode
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.gateway import StreamKind, StreamSeen

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

__all__ = ["Dialler", "Health", "StreamState"]

SILENCE_MAX_S = 12.0
"""A connection that is pinged every 10 s and was silent for longer is dead: found within 15 s of its death."""

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
_DIALS_A_MINUTE = 20
_STEADY_NS = MINUTE_NS


class Dialler:
    """Says when a connection may be tried again: waits that double up to a minute, with jitter, and a rate limit.

    Parameters
    ----------
    now_ns
        Our clock.
    rng
        Where the jitter comes from, so that a simulation repeats.
    """

    def __init__(self, now_ns: Callable[[], int], rng: random.Random) -> None:
        self._now_ns = now_ns
        self._rng = rng
        self._failures = 0
        self._next_ns = 0
        self._tried: deque[int] = deque()

    @property
    def failures(self) -> int:
        """Return how many failures followed one another."""
        return self._failures

    @property
    def is_waiting(self) -> bool:
        """Return whether nothing may be tried yet."""
        return self._now_ns() < self._next_ns

    def failed(self) -> None:
        """Note a failure; several at once, of streams that share a connection, count as one."""
        now_ns = self._now_ns()
        if now_ns < self._next_ns:
            return
        if self._failures and now_ns - self._next_ns > _STEADY_NS:
            self._failures = 0
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._next_ns = now_ns + int(wait_s * (0.5 + 0.5 * self._rng.random()) * SECOND_NS)
        self._tried.append(self._next_ns)
        while self._tried and self._tried[0] <= self._next_ns - MINUTE_NS:
            self._tried.popleft()
        if len(self._tried) > _DIALS_A_MINUTE:
            self._next_ns = max(self._next_ns, self._tried[0] + MINUTE_NS)

    async def turn(self) -> None:
        """Wait until a connection may be tried."""
        left_ns = self._next_ns - self._now_ns()
        if left_ns > 0:
            await asyncio.sleep(left_ns / SECOND_NS)


@dataclass(slots=True)
class StreamState:
    """What is known of one stream of one instrument.

    stale_ns: silence after which it is not trusted; 0: it may be silent.
    heard_ns: when it was heard last; code: what was told last, -1 for nothing.
    """

    stale_ns: int
    heard_ns: int = 0
    code: int = -1


class Health:
    """The states of all streams, each change of which is told once.

    Parameters
    ----------
    now_ns
        Our clock.
    tell
        Given each change.
    """

    def __init__(self, now_ns: Callable[[], int], tell: Callable[[StreamSeen], None]) -> None:
        self._now_ns = now_ns
        self._tell = tell
        self._states: dict[tuple[StreamKind, int], StreamState] = {}

    def expect(self, kind: StreamKind, instrument: int, stale_s: float) -> None:
        """Watch over a stream; nothing is told of it before it was heard or failed."""
        self._states[kind, instrument] = StreamState(int(stale_s * SECOND_NS))

    def heard(self, kind: StreamKind, instrument: int, now_ns: int) -> None:
        """Note that data came: the stream is up."""
        state = self._states.get((kind, instrument))
        if state is not None:
            state.heard_ns = now_ns
            if state.code != StreamCode.UP:
                self.change(kind, instrument, StreamCode.UP, "")

    def change(self, kind: StreamKind, instrument: int, code: int, text: str) -> None:
        """Tell a state that differs from the one told before."""
        state = self._states.get((kind, instrument))
        if state is None or state.code == code:
            return
        state.code = code
        self._tell(StreamSeen(kind, instrument, code, text, self._now_ns()))

    def change_all(self, kinds: Iterable[tuple[StreamKind, int]], code: int, text: str) -> None:
        """Tell the same of several streams."""
        for kind, instrument in kinds:
            self.change(kind, instrument, code, text)

    def connected(self, kind: StreamKind, instrument: int) -> None:
        """Note that the connection of a stream speaks: one that may be silent is up by that alone."""
        state = self._states.get((kind, instrument))
        if state is not None and not state.stale_ns and state.code in (-1, StreamCode.DOWN):
            self.change(kind, instrument, StreamCode.UP, "")

    def judge(self) -> list[tuple[StreamKind, int]]:
        """Tell what has become stale, and return it."""
        now_ns = self._now_ns()
        stale = [
            key
            for key, state in self._states.items()
            if state.stale_ns and state.code == StreamCode.UP and now_ns - state.heard_ns > state.stale_ns
        ]
        for kind, instrument in stale:
            silent_s = (now_ns - self._states[kind, instrument].heard_ns) // SECOND_NS
            self.change(kind, instrument, StreamCode.STALE, f"nothing for {silent_s} s")
        return stale

    def code(self, kind: StreamKind, instrument: int) -> int:
        """Return what was told last of a stream, -1 for nothing."""
        return self._states[kind, instrument].code

    def not_up(self) -> list[tuple[StreamKind, int]]:
        """Return the streams that are not up."""
        return [key for key, state in self._states.items() if state.code != StreamCode.UP]
