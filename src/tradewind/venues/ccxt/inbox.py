"""Where market data waits for the session: bounded, with a written policy for each kind.

Bars, funding, settings of streams: never dropped. Trades and liquidations: beyond `prints_max` the oldest
half is dropped, since what is old cannot be traded on any more. Tops of book, marks and open interest: beyond
`states_max` only the newest of each instrument stays. Whatever is lost is told, as a GAP of its stream with the
number of events, followed by UP.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

from tradewind.units.enums import StreamCode
from tradewind.venues.gateway import (
    LiquidationSeen,
    MarkSeen,
    OpenInterestSeen,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.gateway import Event

__all__ = ["Inbox"]

_PRINTS = {TradeSeen: StreamKind.TRADES, LiquidationSeen: StreamKind.LIQUIDATIONS}
_STATES = {
    TopSeen: StreamKind.TOP,
    MarkSeen: StreamKind.MARK,
    OpenInterestSeen: StreamKind.OPEN_INTEREST,
}

Numbered = tuple[int, "Event"]


class Inbox:
    """Events in order of receipt.

    Parameters
    ----------
    now_ns
        Our clock, ns UTC.
    prints_max, states_max
        How many trades and liquidations, and how many tops, marks and open interests may wait.
    """

    def __init__(
        self, now_ns: Callable[[], int], *, prints_max: int = 20_000, states_max: int = 5_000
    ) -> None:
        self._now_ns = now_ns
        self._prints_max, self._states_max = prints_max, states_max
        self._number = 0
        self._sure: deque[Numbered] = deque()
        self._prints: deque[Numbered] = deque()
        self._states: deque[Numbered] = deque()
        self._arrived = asyncio.Event()
        self._failure: Exception | None = None
        self._hear: Callable[[Event], None] | None = None
        self.lost: Counter[StreamKind] = Counter()

    def __len__(self) -> int:
        return len(self._sure) + len(self._prints) + len(self._states)

    def put(self, event: Event) -> None:
        """Take an event; what is lost for it is counted and told."""
        if self._hear is not None:
            self._hear(event)
            return
        self._number += 1
        kind = type(event)
        if kind in _PRINTS:
            self._prints.append((self._number, event))
            if len(self._prints) > self._prints_max:
                self._drop_old_prints()
        elif kind in _STATES:
            self._states.append((self._number, event))
            if len(self._states) > self._states_max:
                self._keep_newest_states()
        else:
            self._sure.append((self._number, event))
        self._arrived.set()

    def tell_to(self, hear: Callable[[Event], None]) -> None:
        """Let nothing wait here any more: hand on what does, and every event from now on as it comes."""
        for event in self.take_now():
            hear(event)
        self._hear = hear

    def fail(self, error: Exception) -> None:
        """Let whoever waits have this error, once nothing is left to take."""
        self._failure = error
        self._arrived.set()

    async def take(self) -> list[Event]:
        """Return everything that waits, at least one event, in order of receipt. Raises what `fail` was given."""
        while not len(self):
            if self._failure is not None:
                raise self._failure
            self._arrived.clear()
            await self._arrived.wait()
        return self.take_now()

    def take_now(self) -> list[Event]:
        """Return everything that waits, which may be nothing."""
        parts = [part for part in (self._sure, self._prints, self._states) if part]
        found = [entry for part in parts for entry in part]
        if len(parts) > 1:
            found.sort(key=_number_of)
        for part in parts:
            part.clear()
        return [event for _, event in found]

    def _drop_old_prints(self) -> None:
        lost: Counter[tuple[StreamKind, int]] = Counter()
        for _ in range(len(self._prints) // 2):
            _, event = self._prints.popleft()
            lost[_PRINTS[type(event)], _instrument_of(event)] += 1
        self._tell(lost, "dropped, the oldest first")

    def _keep_newest_states(self) -> None:
        newest: dict[tuple[StreamKind, int], Numbered] = {}
        lost: Counter[tuple[StreamKind, int]] = Counter()
        for entry in self._states:
            key = _STATES[type(entry[1])], _instrument_of(entry[1])
            lost[key] += key in newest
            newest[key] = entry
        self._states = deque(sorted(newest.values(), key=lambda entry: entry[0]))
        self._tell(+lost, "conflated, the newest kept")

    def _tell(self, lost: Counter[tuple[StreamKind, int]], how: str) -> None:
        for (kind, instrument), count in sorted(
            lost.items(), key=lambda item: (item[0][0].value, item[0][1])
        ):
            self.lost[kind] += count
            text = f"{count} messages {how}"
            for code, said in ((StreamCode.GAP, text), (StreamCode.UP, "")):
                self._number += 1
                missed = count if code == StreamCode.GAP else 0
                seen = StreamSeen(kind, instrument, code, said, self._now_ns(), lost=missed)
                self._sure.append((self._number, seen))


def _number_of(entry: Numbered) -> int:
    return entry[0]


def _instrument_of(event: Event) -> int:
    return int(event.instrument)  # type: ignore[union-attr]
