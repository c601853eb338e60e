"""How much may be asked of a venue, and when: its weights, its windows, its headers, its bans.

What is spent counts in sliding windows, some of them of one account, some of all who ask from one address. A share
of each is kept for what must get through: cancels, reductions, stops.
What has left its window is forgotten where room is wanted, and with every answer: a request that has room counts alone.
The venue's own count, where it tells one, corrects ours upwards, because other programs share the address. After
429 nothing goes out until the time it names, except what must; after a ban nothing at all. A venue counts when
requests arrive: one that was slow and the next that was not come closer together than they left.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.ccxt.dialect import Window

__all__ = ["Address", "Budget", "Sharing", "Urgency"]

_NS = 1_000_000_000
_BANNED_UNTIL = re.compile(r"until (\d{13})")
_TOO_FREQUENT = re.compile(r"too frequent|ip rate limit", re.IGNORECASE)
ARRIVAL_SPREAD_NS = _NS // 4
"""So much closer together may requests arrive than they left; every window is that much longer here."""
PAUSE_UNSAID_NS = 2 * _NS
"""How long 429 lasts where the venue does not say."""
BAN_UNSAID_NS = 120 * _NS
"""The least that a ban of Binance lasts, where it does not say."""
BAN_BY_403_NS = 600 * _NS
"""How long an address stays out that Bybit answers with 403 and these words (documentation: at least 10 minutes)."""


class Urgency(IntEnum):
    """Who may use which share of a window: reading 70 %, new orders 80 %, what protects everything."""

    READ = 70
    OPEN = 80
    PROTECT = 100


Sent = tuple[int, int, int]
"""A request: when, its weight, how many orders it has."""
_WEIGHT, _COUNT = 1, 2


@dataclass(slots=True)
class _Spent:
    """What is spent of one window; `cost`: the place in `Sent` of what a request costs there."""

    window: Window
    cost: int
    length_ns: int
    used: deque[Sent] = field(default_factory=deque)
    total: int = 0

    def forget(self, now_ns: int) -> None:
        """Drop what has left the window."""
        edge_ns = now_ns - self.length_ns
        while self.used and self.used[0][0] <= edge_ns:
            self.total -= self.used.popleft()[self.cost]

    def wait_ns(self, sent: Sent, share: int) -> int:
        """Return how long until there is room for a request within a share of the window."""
        now_ns, cost = sent[0], sent[self.cost]
        self.forget(now_ns)
        limit = self.window.limit
        room = max(limit * share // 100, min(cost, limit)) - cost
        left = self.total
        if left <= room:
            return 0
        for one in self.used:
            left -= one[self.cost]
            if left <= room:
                return one[0] + self.length_ns - now_ns + 1
        return self.length_ns

    def add(self, sent: Sent) -> None:
        self.used.append(sent)
        self.total += sent[self.cost]


def _spent_of(window: Window) -> _Spent:
    cost = _WEIGHT if window.group == "all" else _COUNT
    return _Spent(window, cost, int(window.length_s * _NS) + ARRIVAL_SPREAD_NS)


class Address:
    """What all have in common who ask one venue from one address: its windows by address, and its bans.

    The accounts of one process and its market data are given the same one. Another process has its own: of that one
    only the venue can tell.
    """

    def __init__(self) -> None:
        self._spent: dict[Window, _Spent] = {}
        self._budgets: WeakSet[Budget] = WeakSet()
        self.banned_until_ns = 0

    def spent_of(self, window: Window) -> _Spent:
        """Return what is spent of a window of this address."""
        return self._spent.setdefault(window, _spent_of(window))

    def join(self, budget: Budget) -> None:
        """Let an account know of bans from now on."""
        self._budgets.add(budget)

    def note(self, now_ns: int) -> None:
        """Count a request that nobody asked a budget for."""
        for spent in self._spent.values():
            if spent.window.group == "all":
                spent.forget(now_ns)
                spent.add((now_ns, 1, 1))

    def ban(self, until_ns: int) -> None:
        """Let nobody ask before a time."""
        self.banned_until_ns = max(self.banned_until_ns, until_ns)
        for budget in self._budgets:
            budget.silence(budget.paused_until_ns, self.banned_until_ns)

    def pause(self, until_ns: int) -> None:
        """Let nobody ask before a time but for what protects, where the venue counts by address alone."""
        if any(window.group == "all" for window in self._spent):
            for budget in self._budgets:
                budget.silence(until_ns, budget.banned_until_ns)


@runtime_checkable
class Sharing(Protocol):
    """Who asks venues without an account, and can do so beside those who have one."""

    def share(self, addresses: Mapping[str, Address]) -> None:
        """Count what is asked of each venue for all who ask it from here."""


class Budget:
    """What may still be asked of one venue for one account.

    Parameters
    ----------
    windows
        Its limits. A call counts in the windows of its group and in those of group "all".
    now_ns
        The time; sleeping is asyncio's, so that virtual time holds.
    address
        What it shares with others; None: it is alone.

    Attributes
    ----------
    paused_until_ns, banned_until_ns
        Until when only what protects may go out, and until when nothing.
    silent_until_ns
        The later of the two.
    """

    def __init__(
        self, windows: Sequence[Window], now_ns: Callable[[], int], address: Address | None = None
    ) -> None:
        self._address = address or Address()
        self._spent = [
            self._address.spent_of(window) if window.shared else _spent_of(window) for window in windows
        ]
        self._by_group: dict[str, list[_Spent]] = {}
        self._now_ns = now_ns
        self.paused_until_ns = 0
        self.banned_until_ns = self.silent_until_ns = self._address.banned_until_ns
        self._address.join(self)

    def wait_ns(self, group: str, weight: int, urgency: Urgency, count: int = 1) -> int:
        """Return how long a request of `count` rows would have to wait now, 0 for not at all."""
        return self._longest_ns(self._of(group), (self._now_ns(), weight, count), urgency)

    def share(self) -> float:
        """Return how much of the fullest window is spent now, as a share of its limit."""
        now_ns, fullest = self._now_ns(), 0.0
        for spent in self._spent:
            spent.forget(now_ns)
            fullest = max(fullest, spent.total / spent.window.limit)
        return fullest

    def is_silenced(self, urgency: Urgency) -> bool:
        """Say whether the venue wants to hear nothing of such urgency now."""
        return self._silence_ns(self._now_ns(), urgency) > 0

    def _silence_ns(self, now_ns: int, urgency: Urgency) -> int:
        until_ns = self.banned_until_ns if urgency == Urgency.PROTECT else self.silent_until_ns
        return max(0, until_ns - now_ns)

    def _longest_ns(self, windows: Sequence[_Spent], sent: Sent, urgency: Urgency) -> int:
        wait_ns = self._silence_ns(sent[0], urgency) if self.silent_until_ns else 0
        for spent in windows:
            if 100 * (spent.total + sent[spent.cost]) > spent.window.limit * urgency:
                wait_ns = max(wait_ns, spent.wait_ns(sent, urgency))
        return wait_ns

    async def take(
        self, group: str, weight: int, urgency: Urgency, *, patience_ns: int, count: int = 1
    ) -> int:
        """Wait for room and spend it. Returns 0, or the time before which there is none where patience is too short."""
        windows, sent = self._of(group), (self._now_ns(), weight, count)
        while wait_ns := self._longest_ns(windows, sent, urgency):
            if wait_ns > patience_ns:
                return sent[0] + wait_ns
            patience_ns -= wait_ns
            await asyncio.sleep(wait_ns / _NS)
            sent = self._now_ns(), weight, count
        for spent in windows:
            if sent[spent.cost]:
                spent.add(sent)
        return 0

    def hear(self, status: int, headers: Mapping[str, str], body: str, group: str = "") -> int:
        """Learn from an answer; return the time until which the venue wants silence, 0 for none.

        group: that of the request; a count of what is left is about its own windows, and about those of everything.
        """
        now_ns = self._now_ns()
        self._correct(headers, now_ns, group)
        if status == 403 and _TOO_FREQUENT.search(body):
            return self._ban(now_ns + BAN_BY_403_NS)
        if status == 418:
            named = _BANNED_UNTIL.search(body)
            return self._ban(
                int(named.group(1)) * 1_000_000 if named else _retry_ns(headers, now_ns, BAN_UNSAID_NS)
            )
        if status == 429:
            until_ns = _retry_ns(headers, now_ns, PAUSE_UNSAID_NS)
            self._address.pause(until_ns)
            return self.pause(until_ns)
        return 0

    def pause(self, until_ns: int = 0) -> int:
        """Send only what protects until a time (0: as long as is usual); return that time."""
        self.silence(until_ns or self._now_ns() + PAUSE_UNSAID_NS, self.banned_until_ns)
        return self.paused_until_ns

    def silence(self, paused_until_ns: int, banned_until_ns: int) -> None:
        """Send only what protects until a time, and nothing until another; neither becomes earlier."""
        self.paused_until_ns = max(self.paused_until_ns, paused_until_ns)
        self.banned_until_ns = max(self.banned_until_ns, banned_until_ns)
        self.silent_until_ns = max(self.paused_until_ns, self.banned_until_ns)

    def note(self) -> None:
        """Count a request that nobody asked this for, such as ccxt's own for a listen key."""
        self._address.note(self._now_ns())

    def _ban(self, until_ns: int) -> int:
        self._address.ban(until_ns)
        return self.banned_until_ns

    def _of(self, group: str) -> list[_Spent]:
        found = self._by_group.get(group)
        if found is None:
            found = [spent for spent in self._spent if spent.window.group in (group, "all")]
            self._by_group[group] = found
        return found

    def _correct(self, headers: Mapping[str, str], now_ns: int, group: str) -> None:
        told = {name.lower(): value for name, value in headers.items()}
        for spent in self._of(group):
            spent.forget(now_ns)
            value = told.get(spent.window.header.lower(), "") if spent.window.header else ""
            if not value.isdigit():
                continue
            counted = spent.window.limit - int(value) if spent.window.remaining else int(value)
            if counted > spent.total:
                missed = counted - spent.total
                spent.add((now_ns, missed, missed))


def _retry_ns(headers: Mapping[str, str], now_ns: int, unsaid_ns: int) -> int:
    told = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return now_ns + (int(told) * _NS if told.isdigit() else unsaid_ns)
