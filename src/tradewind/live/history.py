"""Bars that were before, or went by unheard: asked of a feed, checked, and told step by step as history."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.errors import DataMissing, DataUnavailable
from tradewind.live.facts import Told
from tradewind.units.enums import FactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tradewind.venues.gateway import MarketFeed

__all__ = ["CaughtUp", "HistoryStep", "catch_up", "steps_of"]

_TRIES = 3


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """Bars of one interval that is long over: `close_ns` ends it."""

    close_ns: int
    facts: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Bars up to the interval in work.

    Parameters
    ----------
    steps
        Those that went by, or that are learned from.
    next_ns
        Where the interval in work began.
    last
        Open time of the last bar that is known of each instrument, with these.
    knew
        Whether any bar was known before: then they went by, and are not learned from.
    """

    steps: list[HistoryStep]
    next_ns: int
    last: dict[int, int]
    knew: bool


async def catch_up(
    feeds: Mapping[int, MarketFeed],
    views: NDArray,  # type: ignore[type-arg]
    now_ns: int,
    warm_bars: int,
    warn: Callable[[str], None],
) -> CaughtUp:
    """Fetch the bars that are missing before the interval in work.

    Parameters
    ----------
    feeds
        Who knows the bars of each instrument.
    views
        What the core knows, rows of `View`.
    now_ns
        The time.
    warm_bars
        How many are learned from where nothing is known.
    warn
        Is told that bars which went by cannot be had: they are a gap then, told as one. Those of the other instruments
        are told all the same.

    Raises
    ------
    TradewindError
        As the feeds raise, where there is no history to learn from.
    """
    interval_ns = int(views["interval_ns"][0])
    next_ns = now_ns // interval_ns * interval_ns
    first_ns = next_ns - warm_bars * interval_ns
    known = {j: int(views["ts_ns"][j]) for j in feeds if views["bars"][j]}
    since = {j: known[j] + interval_ns if j in known else first_ns for j in feeds}
    steps = await _patient_steps_of(feeds, interval_ns, since, next_ns, warn if known else None)
    last = {j: ts_ns for j, ts_ns in known.items() if ts_ns < next_ns}
    for step in steps:
        last.update((fact.instrument, fact.venue_ts_ns) for fact in step.facts)
    return CaughtUp(steps, next_ns, last, bool(known))


async def _patient_steps_of(
    feeds: Mapping[int, MarketFeed],
    interval_ns: int,
    since: dict[int, int],
    end_ns: int,
    warn: Callable[[str], None] | None,
) -> list[HistoryStep]:
    """Ask some times over where the last bar is not there: a venue publishes it seconds after its end."""
    wanted = sum(first_ns < end_ns for first_ns in since.values())
    for attempt in range(_TRIES - 1):
        try:
            steps = await steps_of(feeds, interval_ns, since, end_ns)
        except DataUnavailable:
            steps = []
        if not wanted or _reaches(steps, end_ns, wanted):
            return steps
        await asyncio.sleep(2.0**attempt)
    return await steps_of(feeds, interval_ns, since, end_ns, warn)


async def steps_of(
    feeds: Mapping[int, MarketFeed],
    interval_ns: int,
    since_ns: Mapping[int, int],
    end_ns: int,
    warn: Callable[[str], None] | None = None,
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
    warn
        Is told of an instrument whose bars cannot be had, and it is left out; None: that is raised.

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
    told = await asyncio.gather(*asked, return_exceptions=True)
    steps: dict[int, list[Told]] = defaultdict(list)
    for instrument, found in zip(wanted, told, strict=True):
        rows = found
        if not isinstance(rows, BaseException) and len(rows) == 0:
            rows = DataMissing("DATA_GAP", f"no bar of instrument {instrument} is known since the last one")
        if isinstance(rows, DataUnavailable) and warn is not None:
            warn(f"bars that were missed cannot be had: {rows.message}")
            continue
        if isinstance(rows, BaseException):
            raise rows
        for close_ns, fact in _facts(instrument, rows, interval_ns):
            steps[close_ns].append(fact)
    return [HistoryStep(close_ns, tuple(facts)) for close_ns, facts in sorted(steps.items())]


def _reaches(steps: Sequence[HistoryStep], end_ns: int, instruments: int) -> bool:
    """Say whether steps go up to `end_ns` for so many instruments."""
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
