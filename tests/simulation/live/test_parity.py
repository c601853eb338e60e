"""The loop alive decides as the backtest does on the same facts, whatever the latency, and its journal replays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.setup import VenueSetup
from tradewind.journal import Identity
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import FactKind
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue
from tradewind.venues.simulated.wire import RemoteVenue, serve

S = 1_000_000_000
FOLDER = Path("/journal/parity")
PROMPT = VenueSetup()
IN_THE_GRACE = VenueSetup(lagged=True, request_ns=S, answer_ns=2 * S, grace_ns=5 * S)
SLOW = VenueSetup(lagged=True, request_ns=20 * S, answer_ns=55 * S, feed_ns=3 * S, grace_ns=S)
CASES = [
    (1, PROMPT, True),
    (3, PROMPT, True),
    (2, PROMPT, False),
    (1, IN_THE_GRACE, True),
    (2, IN_THE_GRACE, False),
    (2, SLOW, True),
]


@pytest.mark.parametrize(("symbols", "venue", "amends"), CASES)
def test_session_ends_in_the_state_of_the_backtest(symbols, venue, amends):
    feed, steps = walk(150, symbols), 150

    def world():
        return small_world(symbols, venue=venue, amends=amends)

    tested, equity = world(), np.zeros((steps, 1, 3), np.int64)
    assert tested.advance(feed.bars, feed.ts, feed.events, equity, 0, steps) == steps
    alive, exchange, disk = world(), SimulatedExchange(world(), feed), SimulatedDisk()
    place = Place(disk, FOLDER, Identity("parity", ()), lambda: 0, "test", snapshot_every=40)
    opened = open_session(place, alive, LocalVenue(exchange), inside=exchange)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    assert int(alive.core["fills"][0]) > 10
    assert alive.decisions_hash() == tested.decisions_hash()
    assert alive.state_hash() == tested.state_hash()
    assert replay_journal(FOLDER, world(), disk).state_hash == tested.state_hash()


def eventful(steps, symbols):
    """Return a market with made bars, a hole in the first instrument and a delisting and a relisting around it."""
    feed = walk(steps, symbols)
    bars, leaves, returns = feed.bars.copy(), steps // 3, steps // 2
    bars[5::7, 0, 4] = -1
    bars[leaves + 1 : returns, 0] = 0
    ends = allocate(Fact, 2)
    ends["kind"] = (FactKind.DELISTED, FactKind.LISTED)
    ends["venue_ts_ns"] = ends["recv_ts_ns"] = feed.ts[[leaves, returns]] + feed.interval_ns
    events = np.concatenate((feed.events, ends))
    return replace(feed, bars=bars, events=events[np.argsort(events["recv_ts_ns"], kind="stable")])


def backtest(world, feed, equity):
    """Run as `research.drive` does: the part to warm up on by itself, with `core.warming`; return the warm steps."""
    for start, stop in ((0, feed.warm_steps), (feed.warm_steps, len(feed))):
        world.core["warming"] = int(stop <= feed.warm_steps)
        world.venues["event_at"] = world.venues["next_event_ns"] = 0
        known = feed.events["recv_ts_ns"] <= feed.ts[max(stop - 1, 0)] + feed.interval_ns
        told = feed.events["recv_ts_ns"] <= (feed.ts[start - 1] + feed.interval_ns if start else 0)
        events = allocate(Fact, int((known & ~told).sum()))
        events[:] = feed.events[known & ~told]
        at = start
        while at < stop:
            at = world.advance(feed.bars, feed.ts, events, equity, at, stop)
    return feed.warm_steps


@pytest.mark.parametrize("venue", [PROMPT, IN_THE_GRACE], ids=["prompt", "late"])
@pytest.mark.parametrize("warm_steps", [0, 1, 37, 60])
def test_session_ends_as_the_backtest_through_warmth_made_bars_and_a_relisting(venue, warm_steps):
    feed = replace(eventful(150, 2), warm_steps=warm_steps)

    def world():
        return small_world(2, venue=venue)

    tested, equity = world(), np.zeros((150, 1, 3), np.int64)
    backtest(tested, feed, equity)
    alive, exchange, disk = world(), SimulatedExchange(world(), feed), SimulatedDisk()
    place = Place(disk, FOLDER, Identity("parity", ()), lambda: 0, "test", snapshot_every=40)
    opened = open_session(place, alive, LocalVenue(exchange), inside=exchange)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    fills = tested.box["log"]["fill_row"][0, : int(tested.box["log"]["fills"][0])]
    here = fills[fills["instrument"] == 0]
    assert (here["ts_ns"] > feed.ts[75]).any(), "it trades again after it is listed again"
    assert not np.isin(here["ts_ns"], feed.ts[feed.bars[:, 0, 4] < 0]).any()
    assert alive.decisions_hash() == tested.decisions_hash()
    assert alive.state_hash() == tested.state_hash()
    assert replay_journal(FOLDER, world(), disk).state_hash == tested.state_hash()


def test_exchange_on_a_socket_says_what_the_one_in_the_process_says(tmp_path):
    feed = walk(60)
    disk, alive = SimulatedDisk(), small_world()

    async def trade():
        server = await serve(SimulatedExchange(small_world(), feed), tmp_path / "venue")
        venue = RemoteVenue(tmp_path / "venue")
        place = Place(disk, FOLDER, Identity("parity", ()), lambda: 0, "test")
        opened = open_session(place, alive, venue)
        assert await opened.session.run()
        assert len(await venue.query([1 << 20])) >= 1
        opened.close(finished=True)
        await venue.close()
        server.close()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    asyncio.run(trade())
    tested, equity = small_world(), np.zeros((60, 1, 3), np.int64)
    tested.advance(feed.bars, feed.ts, feed.events, equity, 0, 60)
    assert alive.state_hash() == tested.state_hash()
