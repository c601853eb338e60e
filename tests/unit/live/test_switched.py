"""A second venue's feed that begins to stand in, ends to, or lends its history: a person is told, on paper and live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.ops.alerts import Alert
from tradewind.testing.sessions import START_NS, small_world
from tradewind.units.enums import StreamCode
from tradewind.venues.gateway import Event, MarketFeed, StatusSeen, StreamKind, StreamSeen

S = 1_000_000_000
NOW_NS = START_NS + 3 * S
TEXT = "okx_swap speaks for binance_usdm"
SWITCHED = [StreamSeen(kind, 0, StreamCode.UP, TEXT, NOW_NS) for kind in (StreamKind.BARS, StreamKind.MARK)]
LENT = [StatusSeen(-1, False, False, False, TEXT, NOW_NS)]
each_way = pytest.mark.parametrize("said", [SWITCHED, LENT], ids=["switched", "history"])


class Switching:
    """A feed whose other half has taken over, or lends its history, and which says so once."""

    def __init__(self, said: list[Event]) -> None:
        self.said = said

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def next_events(self) -> list[Event]:
        if not self.said:
            await asyncio.sleep(3_600)
        said, self.said = self.said, []
        return said

    async def bars(self, instrument, interval_ns, start_ns, end_ns):  # type: ignore[no-untyped-def]
        raise AssertionError("nothing is missing")


def world_of_today():
    world = small_world()
    world.views["bars"], world.views["ts_ns"] = 1, START_NS - 60 * S
    return world


async def told_while(ask: Callable[[Callable[[Alert], None]], Coroutine[None, None, object]]) -> list[Alert]:
    """Return what was told until something was."""
    told: list[Alert] = []
    heard = asyncio.Event()

    def tell(alert: Alert) -> None:
        told.append(alert)
        heard.set()

    asking = asyncio.create_task(ask(tell))
    await asyncio.wait_for(heard.wait(), 30)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return told


def texts(told: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.code, alert.text) for alert in told]


@each_way
def test_a_switch_is_told_on_paper(said: list[Event]) -> None:
    async def work() -> list[Alert]:
        async def ask(tell: Callable[[Alert], None]) -> None:
            feeds: dict[int, MarketFeed] = {0: Switching(said)}  # type: ignore[dict-item]
            market = ListenedMarket(world_of_today(), feeds, ListeningRules(), lambda: NOW_NS, notify=tell)
            try:
                await market.next_step()
            finally:
                await market.close()

        return await told_while(ask)

    assert texts(asyncio.run(work())) == [("FEED_SWITCHED", TEXT)]


@each_way
def test_a_switch_is_told_live(said: list[Event]) -> None:
    async def work() -> list[Alert]:
        async def ask(tell: Callable[[Alert], None]) -> None:
            feeds: dict[int, MarketFeed] = {0: Switching(said)}  # type: ignore[dict-item]
            venue = LiveVenue(world_of_today(), [], feeds, LiveRules(), lambda: NOW_NS, notify=tell)
            try:
                await venue.next_batch(0, 0)
            finally:
                await venue.close()

        return await told_while(ask)

    assert texts(asyncio.run(work())) == [("FEED_SWITCHED", TEXT)]
