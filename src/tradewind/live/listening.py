"""Paper's market: feeds of exchanges become steps, with the same waiting for bars as a live session.

At the first start bars of before are told as history to learn from. A session that comes back is told the bars of
its absence first: they pass through matching and value what is held, nobody decides on them, and openers that
would have filled while nobody watched have filled. Funding that was settled meanwhile is paid.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradewind.errors import TradewindError
from tradewind.live.clock_watch import ClockWatch
from tradewind.live.facts import rows_of
from tradewind.live.figures import figures_of
from tradewind.live.gathering import GRACE_NS, Gathered, Gathering
from tradewind.live.hearing import market_fact
from tradewind.live.history import catch_up
from tradewind.live.inbox import Failed, Heard, Inbox
from tradewind.live.staleness import Staleness
from tradewind.live.streaming import tick
from tradewind.live.unprotected import UnprotectedPositions
from tradewind.ops.alerts import Alert
from tradewind.units.enums import StreamCode, WakeCode
from tradewind.venues.gateway import Settling, StatusSeen, StreamKind, StreamSeen
from tradewind.venues.simulated.streamed import MarketStep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.engine.world import World
    from tradewind.journal.bodies import Audit
    from tradewind.live.facts import Told
    from tradewind.ops.observing import VenueFigures
    from tradewind.venues.gateway import MarketFeed

__all__ = ["ListenedMarket", "ListeningRules"]

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ListeningRules:
    """Times of a paper session, nanoseconds.

    Parameters
    ----------
    warm_bars
        Bars of history that strategies learn from before they may act.
    grace_ns
        So long after its end the bars of an interval are waited for.
    wake_age_ns
        Later than this after the grace nobody decides on an interval any more.
    watch_ns
        What the market says between bars is told together this often; it is also how often time passes for
        requests and answers on their way.
    """

    warm_bars: int = 0
    grace_ns: int = GRACE_NS
    wake_age_ns: int = 10 * _S
    watch_ns: int = _S


class ListenedMarket:
    """A `MarketSource` over market feeds.

    Parameters
    ----------
    world
        The core of the session: what it knows already is not told again. Only read.
    feeds
        Who tells the market of each instrument.
    rules
        Times.
    clock
        Our time, nanoseconds UTC.
    notify
        Is told of what a person should know.
    """

    def __init__(
        self,
        world: World,
        feeds: Mapping[int, MarketFeed],
        rules: ListeningRules,
        clock: Callable[[], int],
        *,
        notify: Callable[[Alert], None],
    ) -> None:
        self._world, self._feeds, self._rules, self._clock = world, dict(feeds), rules, clock
        self._notify = notify
        self._clock_watch = ClockWatch(clock, notify)
        self._unprotected = UnprotectedPositions(world)
        self._inbox = Inbox()
        self._gathering = Gathering(frozenset(feeds), int(world.views["interval_ns"][0]), rules.grace_ns)
        self._stale = Staleness()
        self._steps: deque[MarketStep] = deque()
        self._open = False
        self._told_ns = 0

    async def open(self) -> None:
        """Do nothing yet: what was missed is known only when the journal has been run."""

    async def next_step(self) -> MarketStep | None:
        """Return what became known next; there is always more. Raises VenueDown, DataMissing at the first call."""
        if not self._open:
            await self._inbox.once(self._begin)
        while True:
            step = self._known()
            if step is not None:
                self._told_ns = step.now_ns
                return step
            await self._inbox.wait(self._wait_s())

    def tell_conflated(self, now_ns: int) -> tuple[Audit, ...]:
        """Return how much of the market gave way to newer of its kind since this was asked last."""
        return self._inbox.tell_conflated(now_ns)

    def figures(self) -> VenueFigures:
        """Return how the streams and what is asked of the venues stand; how long answers took is told once."""
        return figures_of((), self._inbox, self._all_feeds())

    async def close(self) -> None:
        """Stop listening."""
        await self._inbox.close()
        for feed in self._all_feeds():
            await feed.close()

    def _all_feeds(self) -> list[MarketFeed]:
        return list({id(feed): feed for feed in self._feeds.values()}.values())

    async def _begin(self) -> None:
        """Listen, and take up the bars that are missing."""
        opened_ns = self._clock()
        for feed in self._all_feeds():
            await feed.open()
            self._inbox.listen(-1, feed)
        self._told_ns = int(self._world.core["now_ns"][0])
        caught = await catch_up(
            self._feeds, self._world.views, self._clock(), self._rules.warm_bars, self._warn_of_gap
        )
        code = WakeCode.MARK if caught.knew else WakeCode.WARM
        settled = await self._settlements(opened_ns) if caught.knew else []
        for step in caught.steps:
            facts = [*step.facts, *(fact for fact in settled if fact.venue_ts_ns <= step.close_ns)]
            settled = [fact for fact in settled if fact.venue_ts_ns > step.close_ns]
            self._steps.append(MarketStep(rows_of(facts), code, step.close_ns))
        if settled:
            self._steps.append(MarketStep(rows_of(settled), None, settled[-1].venue_ts_ns))
        self._gathering.begin(caught.next_ns, caught.last.items())
        self._open = True

    async def _settlements(self, until_ns: int) -> list[Told]:
        """Return the settlements of funding that went by unheard, the oldest first: what was held has paid them."""
        facts: list[Told] = []
        for instrument, feed in self._feeds.items():
            if not isinstance(feed, Settling):
                continue
            try:
                found = await feed.settlements(instrument, self._told_ns, until_ns)
            except TradewindError as error:
                self._warn_of_gap(f"settlements that were missed cannot be had: {error.message}")
                continue
            facts += [market_fact(replace(seen, recv_ns=seen.ts_ns)) for seen in found]
        return sorted(facts, key=lambda fact: (fact.venue_ts_ns, fact.instrument))

    def _warn_of_gap(self, text: str) -> None:
        self._notify(Alert("DATA_STALE", text, self._clock()))

    def _known(self) -> MarketStep | None:
        """Return the next step, oldest knowledge first: history, bars, and what there was between them."""
        if self._steps:
            return self._steps.popleft()
        now_ns = max(self._told_ns, self._clock())
        states = self._states(now_ns)
        while self._inbox.bars:
            self._gathering.take(self._inbox.bars.popleft())
        gathered = self._gathering.ready(now_ns)
        if gathered is not None:
            return self._tell_bars(gathered, states, now_ns)
        if not states and now_ns < self._told_ns + self._rules.watch_ns:
            return None
        self._told_ns = now_ns
        self._clock_watch.look(now_ns)
        for alert in self._unprotected.alerts(now_ns, lambda _: "paper"):
            self._notify(alert)
        heard = self._inbox.take_market()
        self._clock_watch.hear(heard)
        facts = [*states, *map(market_fact, heard)]
        if facts:
            watched = bool(self._world.core["watches"][0])
            return MarketStep(rows_of(facts), WakeCode.MARK if watched else None, now_ns)
        return tick(now_ns) if self._world.venues["lagged"][0] else None

    def _states(self, now_ns: int) -> list[Told]:
        """Return what the streams said of themselves. Raises what ended one of them."""
        facts: list[Told] = []
        while self._inbox.items:
            item = self._inbox.items.popleft()
            if isinstance(item, Failed):
                raise item.error
            if isinstance(item, Heard) and isinstance(item.event, StreamSeen):
                facts += self._state(item.event, now_ns)
            elif isinstance(item, Heard) and isinstance(item.event, StatusSeen):
                self._notify(Alert("FEED_SWITCHED", item.event.text, now_ns))
        return facts

    def _state(self, seen: StreamSeen, now_ns: int) -> list[Told]:
        if seen.lost:
            return self._stale.note_loss(seen, now_ns)
        if seen.stream not in (StreamKind.BARS, StreamKind.MARK):
            return []
        if seen.code != StreamCode.UP:
            self._notify(Alert("STREAM_DOWN", seen.text or f"{seen.stream.value} of a feed", now_ns))
        elif seen.text and seen.stream is StreamKind.BARS:
            self._notify(Alert("FEED_SWITCHED", seen.text, now_ns))
        places = sorted(self._feeds) if seen.instrument < 0 else [seen.instrument]
        return self._stale.note(places, seen.stream.value, seen.code, now_ns)

    def _tell_bars(self, gathered: Gathered, states: list[Told], now_ns: int) -> MarketStep:
        """Tell what came between the bars, who is late, and the bars; everybody decides where an interval is over."""
        facts = [*states, *map(market_fact, self._inbox.take_market())]
        for instrument, code in gathered.streams:
            facts += self._stale.note([instrument], "late", code, now_ns)
        facts += map(market_fact, gathered.bars)
        return MarketStep(rows_of(facts), self._wake_after(gathered, now_ns), now_ns)

    def _wake_after(self, gathered: Gathered, now_ns: int) -> int | None:
        if gathered.close_ns is None:
            return None
        age_ns = now_ns - gathered.close_ns - self._rules.grace_ns
        if age_ns > self._rules.wake_age_ns:
            text = f"decisions {age_ns / _S:.1f} s too late are skipped"
            self._notify(Alert("LOOP_STALLED", text, now_ns))
            return WakeCode.MARK
        venue = self._world.venues[0]
        every_ns = int(venue["wake_every_ns"])
        between = bool(every_ns) and (gathered.close_ns - int(venue["wake_from_ns"])) % every_ns != 0
        return WakeCode.MARK if between else WakeCode.BATCH

    def _wait_s(self) -> float:
        """Return how long nothing is to be done unless something arrives."""
        due_ns = min(self._gathering.due_ns, self._told_ns + self._rules.watch_ns)
        return max(0, due_ns - self._clock()) / _S
