"""Values from outside in a session: as facts where they are taken, and as forgotten where they are too old.

A value is journaled, applied and durable before its sender is answered, so a replay knows it at the same place. One
that has outlived its validity is taken back before anything else is told: its time is 0, as before the first value,
and it is no number. That is a fact of the journal too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.journal.bodies import LOCAL
from tradewind.live.facts import Told, rows_of
from tradewind.units.enums import FactKind
from tradewind.venues.port import Batch, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.venues.port import VenuePort

__all__ = ["Feature", "ForgettingVenue", "feature_facts", "forgotten"]


@dataclass(frozen=True, slots=True)
class Feature:
    """A value from outside in one place of the core.

    Parameters
    ----------
    name, symbol
        What it is called, and the label of its instrument.
    instrument, code
        Its place: `view.feature[code]` of the instrument.
    valid_ns
        How long it counts after it was known.
    """

    name: str
    symbol: str
    instrument: int
    code: int
    valid_ns: int


def feature_facts(values: Iterable[tuple[Feature, float]], stamp_ns: int, now_ns: int) -> NDArray[Any]:
    """Return values that became known now as rows of `FACT`; stamp_ns: when they were signed."""
    return rows_of(
        Told(FactKind.FEATURE, stamp_ns, now_ns, feature.instrument, code=feature.code, value=value)
        for feature, value in values
    )


def forgotten(features: Sequence[Feature], now_ns: int) -> NDArray[Any]:
    """Return that features are not known any more, as rows of `FACT`."""
    return rows_of(
        Told(FactKind.FEATURE, now_ns, 0, feature.instrument, code=feature.code, value=float("nan"))
        for feature in features
    )


class ForgettingVenue:
    """A `VenuePort` that tells, before anything else, which values from outside are too old by then.

    Parameters
    ----------
    venue
        Whose batches are told.
    world
        The core, which knows when each value was known; only read.
    features
        The values.
    notify
        Is told of values that were taken back.
    """

    def __init__(
        self,
        venue: VenuePort,
        world: World,
        features: Sequence[Feature],
        notify: Callable[[Sequence[Feature], int], None] = lambda old, now_ns: None,
    ) -> None:
        self._venue, self._world, self._features, self._notify = venue, world, tuple(features), notify
        self._places = tuple(np.array([(each.instrument, each.code) for each in features], np.intp).T)
        self._valid_ns = np.array([each.valid_ns for each in features], np.int64)
        self._next: Batch | None = None

    async def connect(self) -> Taken:
        """Return how far the venue came."""
        return await self._venue.connect()

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the venue's next batch, and before it what is forgotten by then."""
        batch, self._next = self._next, None
        if batch is None:
            batch = await self._venue.next_batch(after, durable)
        if batch is None:
            return None
        old = self._too_old(batch.now_ns)
        if not old:
            return batch
        self._next = batch
        self._notify(old, batch.now_ns)
        return Batch(LOCAL, forgotten(old, batch.now_ns), None, again=False, now_ns=batch.now_ns)

    async def submit(self, first: int, requests: NDArray[Any]) -> None:
        """Send requests."""
        await self._venue.submit(first, requests)

    async def query(self, cids: Sequence[int]) -> NDArray[Any]:
        """Return what the venue knows of these orders."""
        return await self._venue.query(cids)

    async def close(self) -> None:
        """Let go of the venue."""
        await self._venue.close()

    def _too_old(self, now_ns: int) -> list[Feature]:
        known_ns = self._world.views["feature_ns"][self._places]
        old = (known_ns > 0) & (now_ns - known_ns > self._valid_ns)
        return [self._features[at] for at in np.flatnonzero(old)] if old.any() else []
