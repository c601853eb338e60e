"""What became of the requests of an account, or of market data, counted for whoever watches and for nobody else."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from tradewind.venues.ccxt.classification import is_never_sent
from tradewind.venues.ccxt.dialect import Meaning

if TYPE_CHECKING:
    from tradewind.venues.ccxt.budget import Budget
    from tradewind.venues.ccxt.wire import Answer

__all__ = ["OUTCOMES", "MarketTraffic", "Traffic"]

OUTCOMES: Final = ("answered", "refused", "rate limited", "unknown", "not sent")
"""What can become of a request: the venue did it, would not, wanted to be asked less, said nothing that can be
understood, or was never asked."""
_TOO_MANY: Final = frozenset((418, 429))
_WAITS_KEPT: Final = 1_000


class MarketTraffic:
    """Counts of what is asked without an account, one for each call of ccxt.

    Attributes
    ----------
    counts
        Requests by outcome, as in `OUTCOMES`.
    budget_share
        None: it keeps a pace of its own and has no window.
    banned_until_ns
        Until when the venue wants no request; in the past or 0 for none.
    """

    budget_share: float | None = None

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.banned_until_ns = 0
        self._waits_ns: deque[int] = deque(maxlen=_WAITS_KEPT)

    def count(self, outcome: str, wait_ns: int) -> None:
        """Count a request, and how long its answer took where there was one."""
        self.counts[outcome] += 1
        if outcome in ("answered", "refused"):
            self._waits_ns.append(wait_ns)

    def take_waits_ns(self) -> list[int]:
        """Return how long the answers since the last call took, the newest thousand of them."""
        waits_ns = list(self._waits_ns)
        self._waits_ns.clear()
        return waits_ns


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
        self._counted = MarketTraffic()
        self.counts = self._counted.counts
        self._budget = budget

    def note(self, answer: Answer, meaning: Meaning | None) -> None:
        """Count a request by its answer, and what that means by the venue's own table."""
        self._counted.count(_outcome_of(answer, meaning), answer.heard_ns - answer.signed_ns)

    def take_waits_ns(self) -> list[int]:
        """Return how long the answers since the last call took from the signature on, the newest thousand of them."""
        return self._counted.take_waits_ns()

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
