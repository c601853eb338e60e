"""Paper on a market that is still happening: steps of the market in, batches of the simulated exchange out.

The exchange lives in this process, so a session that comes back tells it the steps of its journal again; then
the market goes on. Nothing here can sign: there is no key and no account, only a source of steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from tradewind.journal.bodies import LOCAL, NO_WAKE, decode_facts, layouts_at
from tradewind.live.opening import records_to_run
from tradewind.live.tape import INPUT
from tradewind.units.enums import FactKind
from tradewind.venues.port import FACT, Batch, Taken
from tradewind.venues.simulated.streamed import MarketStep, StreamedExchange, market_steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tradewind.journal import JournalReader
    from tradewind.journal.replay import Start

__all__ = ["MarketSource", "PaperVenue", "recorded_steps", "tick"]


class MarketSource(Protocol):
    """Where the steps of a market come from."""

    async def open(self) -> None:
        """Begin to listen. Raises VenueDown."""

    async def next_step(self) -> MarketStep | None:
        """Return what became known next, once it is known; None when the market has ended."""

    async def close(self) -> None:
        """Stop listening."""


def tick(now_ns: int) -> MarketStep:
    """Return a step in which only time passes, so that what is on its way arrives in a silent market too."""
    row = np.zeros(1, FACT)
    row["kind"], row["venue_ts_ns"], row["recv_ts_ns"] = FactKind.TIMER, now_ns, now_ns
    return MarketStep(row, None, now_ns)


def recorded_steps(reader: JournalReader, start: Start) -> Iterator[MarketStep]:
    """Yield the steps of the market that a journal holds after a start, those of whole batches only."""
    parts: list[np.ndarray] = []
    for record in records_to_run(reader, start):
        if record.kind not in INPUT:
            continue
        head, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
        if head.part == 0 or head.number == LOCAL:
            continue
        parts = [rows] if head.part == 1 else [*parts, rows]
        if head.part == head.parts:
            facts = np.concatenate(parts)
            told = facts if head.wake == NO_WAKE else facts[:-1]
            wake = None if head.wake == NO_WAKE else head.wake
            step = market_steps_of(Batch(head.number, told, wake, head.again, head.now_ns))
            if step is not None:
                yield step


class PaperVenue:
    """A `VenuePort` over a simulated exchange and a source of steps.

    Parameters
    ----------
    exchange
        What fills.
    source
        What happens in the market.
    recorded
        Steps of an earlier life that the exchange has not lived through.
    """

    def __init__(
        self, exchange: StreamedExchange, source: MarketSource, recorded: Iterable[MarketStep] = ()
    ) -> None:
        self._exchange = exchange
        self._source = source
        self._recorded = iter(recorded)

    async def connect(self) -> Taken:
        """Return how far the exchange came; listen to the market from now on."""
        await self._source.open()
        return self._exchange.taken

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch after number `after`, once the market has led to one; None when it has ended."""
        while True:
            batch = self._exchange.next_batch(after, durable)
            if batch is not None:
                return batch
            step = next(self._recorded, None) or await self._source.next_step()
            if step is None or self._exchange.bankrupt:
                return None
            self._exchange.push(step)

    async def submit(self, first: int, requests: np.ndarray) -> None:
        """Send requests numbered from `first`."""
        self._exchange.submit(first, requests)

    async def query(self, cids: Sequence[int]) -> np.ndarray:
        """Return what the exchange knows of these orders."""
        return self._exchange.query(cids)

    async def close(self) -> None:
        """Stop listening to the market."""
        await self._source.close()
