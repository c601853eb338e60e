"""Bars that were before, or went by unheard: asked of a feed, checked, and told step by step as history."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import DataMissing
from tradewind.live.facts import Told
from tradewind.units.enums import FactKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tradewind.venues.gateway import MarketFeed

__all__ = ["HistoryStep", "reaches", "steps_of"]


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """Bars of one interval that is long over: `close_ns` ends it."""

    close_ns: int
    facts: tuple[Told, ...]


async def steps_of(
    feeds: Mapping[int, MarketFeed], interval_ns: int, since_ns: Mapping[int, int], end_ns: int
) -> list[HistoryStep]:
    """Fetch the bars of each instrument from `since_ns` up to those that close at `end_ns`; return them by interval.

    Parameters
    ----------
    feeds
        Who knows the bars of each instrument.
    interval_ns
        Their length.
    since_ns
        Open time of the first one, by instrument.
    end_ns
        Where the interval begins that is not over yet.

    Raises
    ------
    DataMissing
        DATA_GAP: the feed has none of the bars that were asked for.
    TradewindError
        As the feed raises.
    """
    wanted = {instrument: first for instrument, first in sorted(since_ns.items()) if first < end_ns}
    asked = [
        feeds[instrument].bars(instrument, interval_ns, first, end_ns) for instrument, first in wanted.items()
    ]
    told = await asyncio.gather(*asked)
    steps: dict[int, list[Told]] = defaultdict(list)
    for instrument, rows in zip(wanted, told, strict=True):
        if len(rows) == 0:
            raise DataMissing("DATA_GAP", f"no bar of instrument {instrument} is known since the last one")
        for close_ns, fact in _facts(instrument, rows, interval_ns):
            steps[close_ns].append(fact)
    return [HistoryStep(close_ns, tuple(facts)) for close_ns, facts in sorted(steps.items())]


def reaches(steps: Sequence[HistoryStep], end_ns: int, instruments: int) -> bool:
    """Say whether steps go up to `end_ns` for so many instruments: a venue publishes a bar seconds after its end."""
    return bool(steps) and steps[-1].close_ns == end_ns and len(steps[-1].facts) == instruments


def _facts(instrument: int, rows: NDArray, interval_ns: int) -> Sequence[tuple[int, Told]]:  # type: ignore[type-arg]
    """Return each bar as a fact that was known when it closed."""
    return [
        (
            opened + interval_ns,
            Told(
                FactKind.BAR, opened, opened + interval_ns, instrument, price_tick=close, qty_lot=volume,
                open_tick=first, high_tick=high, low_tick=low,
            ),
        )
        for opened, first, high, low, close, volume in rows.tolist()
    ]  # fmt: skip
