"""Every kind of session, alive: the loop over the exchange ends where the backtest's driver ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tradewind.journal import Identity
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.scenarios import MINUTE_NS, SCENARIOS, make_market, make_world, play
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.feed import ReplayFeed
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/kinds")
STEPS, WARM_STEPS = 60, 7


@pytest.mark.parametrize("name", SCENARIOS)
def test_session_of_every_kind_ends_in_the_state_of_the_backtest(name):
    scenario = SCENARIOS[name]
    market, tested, alive = make_market(scenario, STEPS), make_world(scenario), make_world(scenario)
    played = play(tested, market, warm_steps=WARM_STEPS)
    tested.core["warming"] = 0
    feed = ReplayFeed(market.bars, market.ts, market.events, MINUTE_NS, WARM_STEPS)
    exchange, disk = SimulatedExchange(make_world(scenario), feed), SimulatedDisk()
    place = Place(disk, FOLDER, Identity("kinds", ()), lambda: 0, "test", snapshot_every=40)
    opened = open_session(place, alive, LocalVenue(exchange), inside=exchange)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    assert len(played.fills) > 0
    assert opened.session.sequencer.standing.steps == played.bars
    assert alive.decisions_hash() == tested.decisions_hash()
    assert alive.state_hash() == tested.state_hash()
    assert replay_journal(FOLDER, make_world(scenario), disk).state_hash == tested.state_hash()
