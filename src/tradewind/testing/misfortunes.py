"""A venue on a bad day: answers are late, lost, told twice or out of order, and requests never arrive.

Only what venues really do: what happened stays true, and whoever asks about an order is told the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from tradewind.units.enums import FactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tradewind.venues.port import Batch, Taken
    from tradewind.venues.simulated.exchange import SimulatedExchange

_ANSWERS = (
    FactKind.ACK,
    FactKind.AMENDED,
    FactKind.FILL,
    FactKind.CANCELLED,
    FactKind.EXPIRED,
    FactKind.REJECT,
)


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each misfortune is, per answer or request."""

    lost: float = 0.05
    late: float = 0.1
    twice: float = 0.05
    swapped: float = 0.1
    request_lost: float = 0.03


class ForgetfulVenue:
    """A `VenuePort` over an exchange that never tells some answers, the same whenever it is asked again.

    Parameters
    ----------
    exchange
        What happens there is true.
    forgets
        Says of each answer, one row of `FACT`, whether nobody ever hears it; must depend on the row alone.

    Attributes
    ----------
    forgotten
        The numbers of the facts that were not told.
    asked
        The orders that were asked about, in turn.
    """

    def __init__(self, exchange: SimulatedExchange, forgets: Callable[[np.void], bool]) -> None:
        self._exchange = exchange
        self._forgets = forgets
        self.forgotten: set[int] = set()
        self.asked: list[int] = []

    async def connect(self) -> Taken:
        """Return how far the exchange came."""
        return self._exchange.taken

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the next batch without what is forgotten."""
        batch = self._exchange.next_batch(after, durable)
        if batch is None:
            return None
        kept = [
            at for at, row in enumerate(batch.facts) if row["kind"] not in _ANSWERS or not self._forgets(row)
        ]
        self.forgotten |= set(batch.facts["seq"].tolist()) - set(batch.facts["seq"][kept].tolist())
        return replace(batch, facts=batch.facts[kept])

    async def submit(self, first: int, requests: np.ndarray) -> None:
        """Send requests."""
        self._exchange.submit(first, requests)

    async def query(self, cids: Sequence[int]) -> np.ndarray:
        """Return the truth."""
        self.asked += cids
        return self._exchange.query(cids)

    async def close(self) -> None:
        """Do nothing."""


class UnluckyVenue:
    """A `VenuePort` over an exchange; misfortunes stop for good at `calm_after` batches.

    Attributes
    ----------
    happened
        How many misfortunes there were, by name.
    """

    def __init__(self, exchange: SimulatedExchange, random: Random, odds: Odds, calm_after: int) -> None:
        self._exchange = exchange
        self._random = random
        self._odds = odds
        self._calm_after = calm_after
        self._late: list[np.ndarray] = []
        self._lost_fees: list[np.ndarray] = []
        self._sent = 0
        self.happened: dict[str, int] = {}

    async def connect(self) -> Taken:
        """Return how far the exchange came."""
        return self._exchange.taken

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the next batch, as this day lets it through."""
        batch = self._exchange.next_batch(after, durable)
        if batch is None:
            return None
        late, self._late = self._late, []
        rows = [row for at in range(len(batch.facts)) for row in self._let_through(batch.facts[at : at + 1])]
        rows = self._shuffled(rows) + late
        facts = np.concatenate(rows) if rows else batch.facts[:0]
        return replace(batch, facts=facts, again=batch.again or bool(late))

    async def submit(self, first: int, requests: np.ndarray) -> None:
        """Send what is not lost on the way."""
        for at in range(len(requests)):
            if not self._strikes("request_lost"):
                self._sent += 1
                self._exchange.submit(self._sent, requests[at : at + 1])

    async def query(self, cids: Sequence[int]) -> np.ndarray:
        """Return the truth, with the fees that were never told."""
        fees, self._lost_fees = self._lost_fees, []
        return np.concatenate([self._exchange.query(cids), *fees])

    async def close(self) -> None:
        """Do nothing."""

    def _strikes(self, name: str) -> bool:
        if self._exchange.last_batch > self._calm_after or self._random.random() >= getattr(self._odds, name):
            return False
        self.happened[name] = self.happened.get(name, 0) + 1
        return True

    def _let_through(self, row: np.ndarray) -> list[np.ndarray]:
        kind = int(row["kind"][0])
        if kind not in (*_ANSWERS, FactKind.FEE):
            return [row]
        if self._strikes("lost"):
            if kind == FactKind.FEE:
                self._lost_fees.append(row)
            return []
        if self._strikes("late"):
            self._late.append(row)
            return []
        return [row, row] if self._strikes("twice") else [row]

    def _shuffled(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """Swap neighbours that are answers; the market is told in order."""
        for at in range(len(rows) - 1):
            answers = all(int(row["kind"][0]) in (*_ANSWERS, FactKind.FEE) for row in rows[at : at + 2])
            if answers and self._strikes("swapped"):
                rows[at], rows[at + 1] = rows[at + 1], rows[at]
        return rows
