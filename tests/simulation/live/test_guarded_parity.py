"""Exits and recovering breakers are the same alive as in the backtest, also at bars at which nobody decides."""

import asyncio
from dataclasses import replace
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

FOLDER = Path("/journal/guarded")
NAMES = ["watched, netted", "resting, hedged, planned", "resting, netted, every third bar"]


@pytest.mark.parametrize("name", NAMES)
def test_what_guards_a_backtest_guards_a_session_bit_for_bit(name: str) -> None:
    scenario = replace(SCENARIOS[name], payoffs=("linear", "linear"))
    market = make_market(scenario, 120)
    tested = make_world(scenario)
    played = play(tested, market)
    assert played.bars == 120
    exchange = SimulatedExchange(
        make_world(scenario), ReplayFeed(market.bars, market.ts, market.events, MINUTE_NS)
    )
    alive, disk = make_world(scenario), SimulatedDisk()
    place = Place(disk, FOLDER, Identity("guarded", ()), lambda: 0, "test", snapshot_every=40)
    opened = open_session(place, alive, LocalVenue(exchange), inside=exchange)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    assert alive.decisions_hash() == tested.decisions_hash()
    assert alive.state_hash() == tested.state_hash()
    assert replay_journal(FOLDER, make_world(scenario), disk).state_hash == tested.state_hash()
