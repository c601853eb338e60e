"""The port behind which every venue stands: knowledge comes in numbered batches, requests leave by number.

A venue tells what happened in batches. Facts carry a number of their own, so that a session that died can ask
for what it has not written down. Requests carry numbers too: a venue ignores one that it has already taken,
so sending again is harmless.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np

from tradewind.journal.bodies import Audit
from tradewind.units.layout import dtype_of
from tradewind.units.wire import Fact, Request

__all__ = ["FACT", "REQUEST", "Batch", "Taken", "VenuePort"]

Records = np.ndarray

FACT = dtype_of(Fact)
REQUEST = dtype_of(Request)


class Batch(msgspec.Struct, frozen=True):
    """What became known together.

    Parameters
    ----------
    number
        From 1, without holes.
    facts
        Rows of `FACT` in order of (due time, number); `seq` is the number of each fact, rising over all
        batches.
    wake
        The `WakeCode` with which everybody decides after it, None: this is an answer only.
    again
        An answer to a cancel in it lets its strategy decide once more.
    now_ns
        The venue's time after it.
    notes
        What is written down before it, for people.
    """

    number: int
    facts: Records
    wake: int | None
    again: bool
    now_ns: int
    notes: tuple[Audit, ...] = ()


class Taken(msgspec.Struct, frozen=True):
    """What a venue remembers of a session when it connects.

    Parameters
    ----------
    requests
        Number of the last request it took.
    batch
        Number of the oldest batch that it can still tell.
    """

    requests: int
    batch: int


class VenuePort(Protocol):
    """A venue, simulated or real."""

    async def connect(self) -> Taken:
        """Return how far the venue came with this session's requests."""

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch that follows number `after`, once it is known; None when the feed has ended.

        Up to `durable` the session never asks again. Asking says that every request decided on so far was
        sent.
        """

    async def submit(self, first: int, requests: Records) -> None:
        """Send requests numbered from `first`; those that the venue has already taken are ignored.

        Returns once the venue has them; a session that dies before sends them again. What became of them is
        told by facts.
        """

    async def query(self, cids: Sequence[int]) -> Records:
        """Return facts that say what the venue knows of these orders: open or ended with totals, or never seen."""

    async def close(self) -> None:
        """Let go of the venue; orders stay as they are."""
