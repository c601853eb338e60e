"""The simulated exchange in this very process, behind the venue port."""

from collections.abc import Sequence

import numpy as np

from tradewind.venues.port import Batch, Taken
from tradewind.venues.simulated.exchange import SimulatedExchange

__all__ = ["LocalVenue"]

Records = np.ndarray


class LocalVenue:
    """A `VenuePort` that answers at once; order is the exchange's, never that of arrival."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    async def connect(self) -> Taken:
        """Return how far the exchange came."""
        return self._exchange.taken

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch after number `after`, None at the end of the feed."""
        return self._exchange.next_batch(after, durable)

    async def submit(self, first: int, requests: Records) -> None:
        """Send requests numbered from `first`."""
        self._exchange.submit(first, requests)

    async def query(self, cids: Sequence[int]) -> Records:
        """Return what the exchange knows of these orders."""
        return self._exchange.query(cids)

    async def close(self) -> None:
        """Do nothing: the exchange ends with the process."""
