"""Where everything arrives that a live session did not ask its tape for: in order of receipt.

What concerns an account is kept whatever happens. Of the market, marks, best prices and open interest
are conflated to the last of each, and counted (`tell_conflated`); prints are kept up to a bound, beyond it the older
half is dropped, counted and told as a GAP. Settlements of funding are never dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tradewind.journal.bodies import Audit
from tradewind.live.hearing import is_market
from tradewind.units.enums import StreamCode
from tradewind.venues.gateway import (
    BarSeen,
    Found,
    LiquidationSeen,
    MarkSeen,
    OpenInterestSeen,
    Outcome,
    Prompt,
    Snapshot,
    StreamKind,
    StreamSeen,
    TopSeen,
    TradeSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tradewind.venues.gateway import Event

__all__ = ["Answered", "Failed", "Heard", "Inbox", "Item", "Looked", "Seen"]

_LAST_ONLY: dict[type, StreamKind] = {
    MarkSeen: StreamKind.MARK,
    TopSeen: StreamKind.TOP,
    OpenInterestSeen: StreamKind.OPEN_INTEREST,
}
_PRINTS_MAX = 10_000
_PRINTS: dict[type, StreamKind] = {
    TradeSeen: StreamKind.TRADES,
    LiquidationSeen: StreamKind.LIQUIDATIONS,
}


class _Source(Protocol):
    async def next_events(self) -> list[Event]: ...


class Heard(msgspec.Struct, frozen=True):
    """An event of account number `account`; of a feed it is -1."""

    account: int
    event: Event


class Answered(msgspec.Struct, frozen=True):
    """What became of a request: `kind` is a `RequestKind`, the terms are those that were asked for."""

    account: int
    kind: int
    instrument: int
    cid: int
    price_tick: int
    qty_lot: int
    outcome: Outcome


class Looked(msgspec.Struct, frozen=True):
    """What a search for an order, begun at `asked_ns`, found."""

    account: int
    cid: int
    asked_ns: int
    found: Found


class Seen(msgspec.Struct, frozen=True):
    """An account by the venue's word, or None where it could not be read, and why."""

    account: int
    snapshot: Snapshot | None
    text: str = ""


class Failed(msgspec.Struct, frozen=True):
    """A part of the session died of an error that nobody expected; the session goes down with it and starts again."""

    error: BaseException


Item = Heard | Answered | Looked | Seen | Failed


@dataclass(slots=True)
class Inbox:
    """What has arrived and is not told yet.

    Attributes
    ----------
    items
        Of the accounts, in order.
    bars, prints
        Of the market, in order.
    last
        The last mark, best price and open interest, by instrument and kind.
    dropped
        Prints that were not kept.
    streams
        What each stream said of itself last (`StreamCode`), by account, kind and instrument.
    conflated
        By instrument and kind, how many gave way to a newer one before anybody took them, since that was told last.
    """

    items: deque[Item] = field(default_factory=deque)
    bars: deque[BarSeen] = field(default_factory=deque)
    prints: deque[Event] = field(default_factory=deque)
    last: dict[tuple[int, type], Event] = field(default_factory=dict)
    dropped: int = 0
    streams: dict[tuple[int, StreamKind, int], int] = field(default_factory=dict)
    conflated: Counter[tuple[int, type]] = field(default_factory=Counter)
    _told_ns: int = 0
    _has_news: bool = False
    _waiter: asyncio.Future[None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _beginning: asyncio.Task[None] | None = None
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def put(self, item: Item) -> None:
        """Take an item and wake whoever waits."""
        self.items.append(item)
        self._wake()

    def hear(self, account: int, event: Event) -> None:
        """Take an event of an account (a feed's: -1) and wake whoever waits."""
        if isinstance(event, BarSeen):
            self.bars.append(event)
        elif isinstance(event, MarkSeen | TopSeen | OpenInterestSeen):
            place = event.instrument, type(event)
            if place in self.last:
                self.conflated[place] += 1
            self.last[place] = event
        elif is_market(event):
            self.prints.append(event)
            if len(self.prints) > _PRINTS_MAX:
                self._drop_old_prints(account)
        else:
            if isinstance(event, StreamSeen) and event.code != StreamCode.GAP:
                self.streams[account, event.stream, event.instrument] = event.code
            self.items.append(Heard(account, event))
        self._wake()

    def _drop_old_prints(self, account: int) -> None:
        """Drop the older half and say of each stream how many of its messages are lost."""
        lost: Counter[tuple[StreamKind, int]] = Counter()
        kept: list[Event] = []
        for event in (self.prints.popleft() for _ in range(len(self.prints) // 2)):
            if isinstance(event, TradeSeen | LiquidationSeen):
                lost[_PRINTS[type(event)], event.instrument] += 1
            else:
                kept.append(event)
        self.prints.extendleft(reversed(kept))
        self.dropped += lost.total()
        recv_ns = self.prints[-1].recv_ns
        for (kind, instrument), count in sorted(
            lost.items(), key=lambda item: (item[0][0].value, item[0][1])
        ):
            text = f"{count} messages dropped, the oldest first"
            self.items.append(
                Heard(account, StreamSeen(kind, instrument, StreamCode.GAP, text, recv_ns, lost=count))
            )

    def _wake(self) -> None:
        self._has_news = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take_market(self) -> list[Event]:
        """Return what the market said beside bars since it was taken last, in order of receipt."""
        if not self.prints and not self.last:
            return []
        events: list[Any] = [*self.prints, *self.last.values()]
        self.prints.clear()
        self.last.clear()
        events.sort(key=lambda event: event.recv_ns)
        return events

    def tell_conflated(self, now_ns: int) -> tuple[Audit, ...]:
        """Return how much gave way to newer of its kind since this was asked last, as rows of the audit.

        detail: since when (0: the beginning), and (stream, instrument, how many) of each stream that had any.
        """
        since_ns, self._told_ns = self._told_ns, now_ns
        if not self.conflated:
            return ()
        counts = sorted((_LAST_ONLY[kind].value, j, count) for (j, kind), count in self.conflated.items())
        self.conflated.clear()
        return (Audit(now_ns, "", "conflated", {"since_ns": since_ns, "streams": counts}),)

    async def wait(self, timeout_s: float) -> None:
        """Return when something has arrived, or after the time; may be cancelled, what arrived stays."""
        if not self._has_news:
            loop = asyncio.get_running_loop()
            if self._timer is not None:
                self._timer.cancel()  # Only now: whoever was woken by news is in a hurry.
            self._waiter = loop.create_future()
            self._timer = loop.call_later(timeout_s, _end, self._waiter)
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._has_news = False

    def listen(self, account: int, source: _Source) -> None:
        """Take everything that a gateway or a feed says from now on: at once where it can tell at once."""
        if isinstance(source, Prompt):
            source.tell_to(partial(self.hear, account))
        self.start(self._pump(account, source))

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let something go on beside the session; what it raises unexpectedly ends the session."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    async def once(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Return when something is done that is done once; whoever waits for it may give up and wait again."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(work())
        await asyncio.shield(self._beginning)

    async def close(self) -> None:
        """End everything that was started."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._tasks, *([self._beginning] if self._beginning is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, account: int, source: _Source) -> None:
        while True:
            for event in await source.next_events():
                self.hear(account, event)

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.items.appendleft(Failed(error))
            self._wake()


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
