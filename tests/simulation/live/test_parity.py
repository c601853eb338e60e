"""The loop alive decides as the backtest does on the same facts, whatever the latency, and its journal replays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.setup import VenueSetup
from tradewind.journal import Identity
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import small_world, walk
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
