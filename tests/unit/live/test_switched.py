"""A second venue's feed that begins to stand in, or ends to: a person is told, on paper and live, once for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from tradewind.live.listening import ListenedMarket, ListeningRules
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.ops.alerts import Alert
from tradewind.testing.sessions import START_NS, small_world
from tradewind.units.enums import StreamCode
from tradewind.venues.gateway import MarketFeed, StreamKind, StreamSeen

S = 1_000_000_000
NOW_NS = START_NS + 3 * S
TEXT = "okx_swap speaks for binance_usdm"


class Switching:
    """A feed whose other half has taken over."""

    def __init__(self) -> None:
        self.said = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def next_events(self) -> list[StreamSeen]:
        if self.said:
            await asyncio.sleep(3_600)
        self.said = True
        kinds = (StreamKind.BARS, StreamKind.MARK)
        return [StreamSeen(kind, 0, StreamCode.UP, TEXT, NOW_NS) for kind in kinds]

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


def test_a_switch_is_told_on_paper() -> None:
    async def work() -> list[Alert]:
        async def ask(tell: Callable[[Alert], None]) -> None:
            feeds: dict[int, MarketFeed] = {0: Switching()}  # type: ignore[dict-item]
            market = ListenedMarket(world_of_today(), feeds, ListeningRules(), lambda: NOW_NS, notify=tell)
            try:
                await market.next_step()
            finally:
                await market.close()

        return await told_while(ask)

    assert texts(asyncio.run(work())) == [("FEED_SWITCHED", TEXT)]


def test_a_switch_is_told_live() -> None:
    async def work() -> list[Alert]:
        async def ask(tell: Callable[[Alert], None]) -> None:
            feeds: dict[int, MarketFeed] = {0: Switching()}  # type: ignore[dict-item]
            venue = LiveVenue(world_of_today(), [], feeds, LiveRules(), lambda: NOW_NS, notify=tell)
            try:
                await venue.next_batch(0, 0)
            finally:
                await venue.close()

        return await told_while(ask)

    assert texts(asyncio.run(work())) == [("FEED_SWITCHED", TEXT)]
