"""What became of the requests of one account, counted for whoever watches: nothing here is asked by what trades."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from tradewind.venues.ccxt.classification import is_never_sent
from tradewind.venues.ccxt.dialect import Meaning

if TYPE_CHECKING:
    from tradewind.venues.ccxt.budget import Budget
    from tradewind.venues.ccxt.wire import Answer

__all__ = ["OUTCOMES", "Traffic"]

OUTCOMES: Final = ("answered", "refused", "rate limited", "unknown", "not sent")
"""What can become of a request: the venue did it, would not, wanted to be asked less, said nothing that can be
understood, or was never asked."""
_TOO_MANY: Final = frozenset((418, 429))
_WAITS_KEPT: Final = 1_000


class Traffic:
    """Counts of one account.

    Parameters
    ----------
    budget
        What may be asked of the venue.

    Attributes
    ----------
    counts
        Requests by outcome, as in `OUTCOMES`.
    """

    def __init__(self, budget: Budget) -> None:
        self.counts: Counter[str] = Counter()
        self._budget = budget
        self._waits_ns: deque[int] = deque(maxlen=_WAITS_KEPT)

    def note(self, answer: Answer, meaning: Meaning | None) -> None:
        """Count a request by its answer, and what that means by the venue's own table."""
        outcome = _outcome_of(answer, meaning)
        self.counts[outcome] += 1
        if outcome in ("answered", "refused"):
            self._waits_ns.append(answer.heard_ns - answer.signed_ns)

    def take_waits_ns(self) -> list[int]:
        """Return how long the answers since the last call took from the signature on, the newest thousand of them."""
        waits_ns = list(self._waits_ns)
        self._waits_ns.clear()
        return waits_ns

    @property
    def budget_share(self) -> float:
        """Return how much of its fullest window is spent."""
        return self._budget.share()

    @property
    def banned_until_ns(self) -> int:
        """Return until when the venue wants no request at all; in the past or 0 for none."""
        return self._budget.banned_until_ns


def _outcome_of(answer: Answer, meaning: Meaning | None) -> str:
    if answer.refused or (answer.error is not None and is_never_sent(answer.error)):
        return "not sent"
    if answer.status in _TOO_MANY or meaning is Meaning.RATE:
        return "rate limited"
    if answer.fine:
        return "answered"
    understood = isinstance(answer.body, dict | list) and answer.status and answer.status < 500
    return "refused" if understood else "unknown"
