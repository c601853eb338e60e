"""History to learn from: at every step paper and the backtest agree on whether a decision counts, also after a gap."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradewind.cli.paper import bind
from tradewind.config import Workspace
from tradewind.journal import Identity
from tradewind.live.opening import Place, open_session
from tradewind.market import COINS, MarketSpec, generate_market
from tradewind.research.drive import drive
from tradewind.research.facts import gather_facts
from tradewind.testing.desks import backtest_of, stock
from tradewind.testing.disk import SimulatedDisk
from tradewind.units.enums import FactKind, WakeCode
from tradewind.units.time import HOUR_NS, format_utc, parse_utc
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

SPEC = MarketSpec(
    seed=6, start_ns=parse_utc("2024-01-01"), bars=24 * 20, interval_ns=HOUR_NS, coins=COINS[:2]
)
FOLDER = Path("/journal/warmth")
HOLE = range(180, 230)
PARAMS = {"fast_period": 3, "slow_period": 6, "shorts": True}
WARMUP_BARS = 24


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A workspace in which the first coin has no bars for two days."""
    desk = Workspace.create(tmp_path_factory.mktemp("warmth") / "desk")
    market = generate_market(SPEC)
    holed, *_ = market.bars
    kept = np.setdiff1d(np.arange(SPEC.bars), HOLE)
    stock(desk, replace(market, bars=market.bars | {holed: market.bars[holed].take(kept)}))
    return desk


def config(**tables):
    return backtest_of(SPEC, "ema_cross", params=PARAMS, data={"gaps": "split"}, **tables)


def backtested(bound):
    """Run the backtest place by place; return of each place whether it was warm-up, and all decisions up to it."""
    world, warming = bound.make_world(), []
    stops = range(bound.histories.bars)
    facts = gather_facts(bound.resolved, bound.histories)
    driven = drive(
        world,
        bound.histories,
        facts,
        stops=stops,
        progress=lambda _: warming.append(bool(world.core["warming"][0])),
    )
    return warming, [driven.hashes[stop + 1] for stop in stops], world


def lived(bound, feed):
    """Run the session; return of each step the same, and at which steps an instrument was opened or closed."""
    world, warming, hashes, listings = bound.make_world(), [], [], {}
    exchange = SimulatedExchange(bound.make_world(), feed)
    place = Place(SimulatedDisk(), FOLDER, Identity("warmth", ()), lambda: 0, "test")
    opened = open_session(place, world, LocalVenue(exchange), inside=exchange)

    def note(batch):
        if batch.wake is not None:
            warming.append(batch.wake == WakeCode.WARM)
            hashes.append("")
            kinds = batch.facts["kind"]
            if np.isin(kinds, (FactKind.LISTED, FactKind.DELISTED)).any():
                listings[len(warming) - 1] = sorted(
                    set(kinds.tolist()) & {FactKind.LISTED, FactKind.DELISTED}
                )
        hashes[-1] = world.decisions_hash()

    opened.session.progress = note
    assert asyncio.run(opened.session.run())
    return warming, hashes, listings, world


@pytest.mark.parametrize(("taken_from", "starts_at"), [("period", 0), ("history", 24), ("history", 100)])
def test_paper_warms_up_at_the_steps_of_the_backtest(desk, taken_from, starts_at):
    period = {"start": format_utc(SPEC.start_ns + starts_at * HOUR_NS)}
    bound = bind(config(warmup={"taken_from": taken_from}, period=period), desk)
    feed = bound.setup("test").feed
    warming, hashes, world = backtested(bound)
    lived_warming, lived_hashes, listings, alive = lived(bound, feed)
    assert lived_warming == warming == [step < WARMUP_BARS - 1 for step in range(len(feed))]
    assert lived_hashes == hashes
    assert alive.state_hash() == world.state_hash()
    assert int(world.core["fills"][0]) > 10
    first = starts_at - WARMUP_BARS if taken_from == "history" else 0
    assert listings == {
        HOLE.start - 1 - first: [FactKind.DELISTED],
        HOLE.stop + WARMUP_BARS - 1 - first: [FactKind.LISTED],
    }
