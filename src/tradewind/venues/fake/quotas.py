"""How much of a limit is used: requests counted over windows that slide, each payer by itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Quota", "Quotas"]


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` requests in any `window_ms` milliseconds; `name` keeps the counts of several apart."""

    name: str
    limit: int
    window_ms: int


class Quotas:
    """Counts requests by payer (an address, an account) and quota."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], deque[int]] = {}

    def take(self, payer: str, quota: Quota, now_ms: int, cost: int = 1) -> bool:
        """Count a request that costs `cost` where it fits; return whether it did."""
        taken = self._recent(payer, quota, now_ms)
        if len(taken) + cost > quota.limit:
            return False
        taken.extend([now_ms] * cost)
        return True

    def left(self, payer: str, quota: Quota, now_ms: int) -> int:
        """Return how many more requests fit now."""
        return quota.limit - len(self._recent(payer, quota, now_ms))

    def free_at_ms(self, payer: str, quota: Quota, now_ms: int) -> int:
        """Return when the oldest counted request leaves the window; now where none is counted."""
        taken = self._recent(payer, quota, now_ms)
        return taken[0] + quota.window_ms if taken else now_ms

    def _recent(self, payer: str, quota: Quota, now_ms: int) -> deque[int]:
        taken = self._taken.setdefault((payer, quota.name), deque())
        while taken and taken[0] <= now_ms - quota.window_ms:
            taken.popleft()
        return taken
