"""A wire between a session and a venue in virtual time: each crossing takes its time and is a place to die."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from tradewind.venues.port import Batch, Taken
    from tradewind.venues.simulated.exchange import SimulatedExchange

_T = TypeVar("_T")


class WiredVenue:
    """A `VenuePort` whose exchange lives in the world: what was sent travels on when the session dies.

    Parameters
    ----------
    exchange
        The venue; one for all lives of a session.
    delay_s
        Returns how long the next message travels; a message never overtakes one of the same life.
    at_boundary
        Called before and after each message leaves and arrives; may end the session there.
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        delay_s: Callable[[], float] = lambda: 0.001,
        at_boundary: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._exchange = exchange
        self._delay_s = delay_s
        self._at_boundary = at_boundary
        self._free_at = 0.0

    async def connect(self) -> Taken:
        """Return how far the exchange came."""
        return await self._call("connect", lambda: self._exchange.taken)

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch after number `after`, None at the end of the feed."""
        return await self._call("deliver", lambda: self._exchange.next_batch(after, durable))

    async def submit(self, first: int, requests: np.ndarray) -> None:
        """Send requests; return when the exchange has them."""
        rows = requests.copy()
        await self._call("send", lambda: self._exchange.submit(first, rows))

    async def query(self, cids: Sequence[int]) -> np.ndarray:
        """Return what the exchange knows of these orders."""
        return await self._call("query", lambda: self._exchange.query(cids))

    async def close(self) -> None:
        """Do nothing: the exchange lives on."""

    async def _call(self, name: str, ask: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[_T] = loop.create_future()
        self._at_boundary(f"{name} out")
        arrives_at = max(loop.time() + self._delay_s(), self._free_at)
        self._free_at = arrives_at
        # An empty context: the message belongs to the world, not to the process that sent it.
        loop.call_at(arrives_at, _answer, ask, answered, self._delay_s(), context=Context())
        answer = await answered
        self._at_boundary(f"{name} in")
        return answer


def _answer(ask: Callable[[], _T], answered: asyncio.Future[_T], delay_s: float) -> None:
    answer = ask()

    def deliver() -> None:
        if not answered.done():
            answered.set_result(answer)

    asyncio.get_running_loop().call_later(delay_s, deliver, context=Context())
