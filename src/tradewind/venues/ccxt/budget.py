"""How much may be asked of a venue, and when: its weights, its windows, its headers, its bans.

What is spent counts in sliding windows. A share of each is kept for what must get through: cancels, reductions, stops.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.ccxt.dialect import Window

__all__ = ["Budget", "Urgency"]

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


@dataclass(slots=True)
class _Spent:
    """What is spent of one window; `weighs`: a request costs its weight there, else one for each of its orders."""

    window: Window
    weighs: bool
    length_ns: int
    used: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0

    def forget(self, now_ns: int) -> None:
        """Drop what has left the window."""
        edge_ns = now_ns - self.length_ns
        while self.used and self.used[0][0] <= edge_ns:
            self.total -= self.used.popleft()[1]

    def wait_ns(self, now_ns: int, cost: int, share: int) -> int:
        """Return how long until there is room for a cost within a share of the window."""
        if self.used and self.used[0][0] <= now_ns - self.length_ns:
            self.forget(now_ns)
        limit = self.window.limit
        room = max(limit * share // 100, min(cost, limit)) - cost
        left = self.total
        if left <= room:
            return 0
        for at_ns, spent in self.used:
            left -= spent
            if left <= room:
                return at_ns + self.length_ns - now_ns + 1
        return self.length_ns

    def add(self, now_ns: int, cost: int) -> None:
        self.used.append((now_ns, cost))
        self.total += cost


class Budget:
    """What may still be asked of one venue from this address.

    Parameters
    ----------
    windows
        Its limits. A call counts in the windows of its group and in those of group "all".
    now_ns
        The time; sleeping is asyncio's, so that virtual time holds.
    """

    def __init__(self, windows: Sequence[Window], now_ns: Callable[[], int]) -> None:
        self._spent = [
            _Spent(window, window.group == "all", int(window.length_s * _NS) + ARRIVAL_SPREAD_NS)
            for window in windows
        ]
        self._by_group: dict[str, list[_Spent]] = {}
        self._now_ns = now_ns
        self.paused_until_ns = 0
        self.banned_until_ns = 0

    def wait_ns(self, group: str, weight: int, urgency: Urgency, count: int = 1) -> int:
        """Return how long a request of `count` rows would have to wait now, 0 for not at all."""
        return self._longest_ns(self._of(group), self._now_ns(), (weight, count), urgency)

    def _longest_ns(
        self, windows: Sequence[_Spent], now_ns: int, costs: tuple[int, int], urgency: Urgency
    ) -> int:
        weight, count = costs
        wait_ns = max(0, self.banned_until_ns - now_ns)
        if urgency < Urgency.PROTECT:
            wait_ns = max(wait_ns, self.paused_until_ns - now_ns)
        for spent in windows:
            room_ns = spent.wait_ns(now_ns, weight if spent.weighs else count, urgency)
            if room_ns > wait_ns:
                wait_ns = room_ns
        return wait_ns

    async def take(
        self, group: str, weight: int, urgency: Urgency, *, patience_ns: int, count: int = 1
    ) -> int:
        """Wait for room and spend it. Returns 0, or the time before which there is none where patience is too short."""
        windows, costs, now_ns = self._of(group), (weight, count), self._now_ns()
        while (wait_ns := self._longest_ns(windows, now_ns, costs, urgency)) > 0:
            if wait_ns > patience_ns:
                return now_ns + wait_ns
            patience_ns -= wait_ns
            await asyncio.sleep(wait_ns / _NS)
            now_ns = self._now_ns()
        for spent in windows:
            spent.add(now_ns, weight if spent.weighs else count)
        return 0

    def hear(self, status: int, headers: Mapping[str, str], body: str, group: str = "") -> int:
        """Learn from an answer; return the time until which the venue wants silence, 0 for none.

        group: that of the request; a count of what is left is about its own windows, and about those of everything.
        """
        now_ns = self._now_ns()
        self._correct(headers, now_ns, group)
        if status == 403 and _TOO_FREQUENT.search(body):
            self.banned_until_ns = max(self.banned_until_ns, now_ns + BAN_BY_403_NS)
            return self.banned_until_ns
        if status == 418:
            named = _BANNED_UNTIL.search(body)
            until_ns = int(named.group(1)) * 1_000_000 if named else _retry_ns(headers, now_ns, BAN_UNSAID_NS)
            self.banned_until_ns = max(self.banned_until_ns, until_ns)
            return self.banned_until_ns
        if status == 429:
            return self.pause(_retry_ns(headers, now_ns, PAUSE_UNSAID_NS))
        return 0

    def pause(self, until_ns: int = 0) -> int:
        """Send only what protects until a time (0: as long as is usual); return that time."""
        self.paused_until_ns = max(self.paused_until_ns, until_ns or self._now_ns() + PAUSE_UNSAID_NS)
        return self.paused_until_ns

    def _of(self, group: str) -> list[_Spent]:
        found = self._by_group.get(group)
        if found is None:
            found = [spent for spent in self._spent if spent.window.group in (group, "all")]
            self._by_group[group] = found
        return found

    def _correct(self, headers: Mapping[str, str], now_ns: int, group: str) -> None:
        told = {name.lower(): value for name, value in headers.items()}
        for spent in self._of(group):
            value = told.get(spent.window.header.lower(), "") if spent.window.header else ""
            if not value.isdigit():
                continue
            counted = spent.window.limit - int(value) if spent.window.remaining else int(value)
            spent.forget(now_ns)
            if counted > spent.total:
                spent.add(now_ns, counted - spent.total)


def _retry_ns(headers: Mapping[str, str], now_ns: int, unsaid_ns: int) -> int:
    told = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return now_ns + (int(told) * _NS if told.isdigit() else unsaid_ns)
