"""A session is killed at every boundary of a scenario, and always ends where the one that lived ended.

The scenario: `restless` trades a random walk with funding; ladders are placed, moved and cancelled, a stop and a profit
work, orders fill.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tradewind.journal import Identity, JournalReader, RecordKind, RetentionRule, verify_journal
from tradewind.journal.bodies import decode_facts, decode_requests, layouts_at
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.resolver import Resolver
from tradewind.testing.clock import Process, VirtualLoop, run_virtual
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.links import WiredVenue
from tradewind.testing.misfortunes import ForgetfulVenue
from tradewind.testing.sessions import MINUTE_NS, small_world, walk
from tradewind.units.enums import FactKind, RequestKind
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/sweep")
STEPS = 18
FEED = walk(STEPS, funding_every=10)
RESTART_S = 0.2


class Killed(BaseException):
    """The process is gone."""


class Life:
    """One scenario with everything that outlives a process: the disk, and the venue if it is elsewhere."""

    def __init__(self, *, inside, seed=0, die_at=(), retention=False, lossy=False, sync_each=False):
        self.disk = SimulatedDisk()
        self.random = random.Random(seed)
        self.inside = inside
        self.elsewhere = None if inside else SimulatedExchange(small_world(), FEED)
        self.die_at = set(die_at)
        self.boundaries = 0
        self.deaths = 0
        self.retention = retention
        self.lossy, self.sync_each = lossy, sync_each
        self.disk.on_operation = self.cross
        self.world = None

    def cross(self, name):
        """Pass a boundary, or die there: what was not synced is gone as far as the dice say."""
        self.boundaries += 1
        if self.boundaries in self.die_at:
            self.deaths += 1
            self.disk.crash(self.random)
            raise Killed(name)

    def open(self):
        place = Place(
            self.disk, FOLDER, Identity("sweep", ("sim",)), lambda: 0, "test", 15_000, snapshot_every=7
        )
        self.world = small_world()
        exchange = self.exchange = self.elsewhere or SimulatedExchange(small_world(), FEED)
        if self.lossy:
            venue = ForgetfulVenue(exchange, lambda row: row["kind"] != FactKind.FILL and row["seq"] % 4 == 0)
        elif self.inside:
            venue = LocalVenue(exchange)
        else:
            delay = lambda: self.random.choice((0.001, 0.001, 0.001, 2.8))  # noqa: E731
            venue = WiredVenue(exchange, delay, self.cross)
        opened = open_session(place, self.world, venue, inside=exchange if self.inside else None)
        opened.session.sync_each = self.sync_each
        if self.lossy:
            opened.session.resolver = Resolver(self.world, MINUTE_NS // 2)
        return place, opened

    async def live(self):
        """Run until the feed has ended, restarting as a supervisor would."""
        while True:
            try:
                place, opened = self.open()
                await opened.session.run()
                opened.close(finished=True)
            except Killed:
                await asyncio.sleep(RESTART_S)
                continue
            if self.retention:
                opened.expire(place, RetentionRule(1))
            return


def final(life):
    """Return what must not depend on deaths."""
    world = life.world
    return world.state_hash(), world.decisions_hash(), int(world.core["fills"][0])


def run_life(**settings):
    life = Life(**settings)
    run_virtual(life.live())
    return life


def check_journal(life):
    """No order twice, no fill twice, nothing lost: told from the journal alone."""
    assert verify_journal(life.disk, FOLDER).verdict == "whole"
    reader = JournalReader(life.disk, FOLDER)
    news, fills, numbers = Counter(), Counter(), []
    for record in reader.records():
        layouts = layouts_at(reader.headers, record.seq)
        if record.kind == RecordKind.REQUESTS:
            first, rows = decode_requests(record, layouts)
            numbers += range(first, first + len(rows))
            news.update(rows["cid"][rows["kind"] == RequestKind.NEW].tolist())
        elif record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            _, rows = decode_facts(record, layouts)
            # What a query found has no number of a trade: it states totals.
            trades = rows["trade_id"][rows["kind"] == FactKind.FILL]
            fills.update(trades[trades > 0].tolist())
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(news.values()) == {1}
    assert set(fills.values()) == {1}
    if life.elsewhere is not None:
        assert life.elsewhere.taken.requests == len(numbers)
        assert len(fills) == int(life.world.core["fills"][0])


@pytest.fixture(scope="module", params=[True, False], ids=["venue inside", "venue elsewhere"])
def undisturbed(request):
    life = run_life(inside=request.param)
    assert life.deaths == 0
    check_journal(life)
    return life


def test_undisturbed_session_really_trades(undisturbed):
    world = undisturbed.world
    assert int(world.core["fills"][0]) >= 5
    assert int(world.core["requests"][0]) >= 40
    kinds = {r.kind for r in JournalReader(undisturbed.disk, FOLDER).records()}
    assert RecordKind.SNAPSHOT in kinds
    assert len(JournalReader(undisturbed.disk, FOLDER).headers) > 2


def test_killed_at_every_boundary_ends_in_the_same_state(undisturbed):
    expected = final(undisturbed)
    for at in range(1, undisturbed.boundaries + 1):
        life = run_life(inside=undisturbed.inside, seed=at, die_at=[at])
        assert life.deaths == 1, at
        assert final(life) == expected, at
        check_journal(life)


def test_killed_again_and_again_during_recovery_ends_in_the_same_state(undisturbed):
    expected = final(undisturbed)
    for seed in range(12):
        rng = random.Random(seed)
        deaths = np.cumsum([rng.choice((1, 2, 5, 17)) for _ in range(16)]).tolist()
        life = run_life(inside=undisturbed.inside, seed=seed, die_at=deaths)
        assert life.deaths >= 10
        assert final(life) == expected, seed
        check_journal(life)


def test_killed_at_every_boundary_with_each_wake_synced_ends_in_the_same_state(undisturbed):
    expected = final(undisturbed)
    life = run_life(inside=undisturbed.inside, sync_each=True)
    assert final(life) == expected
    for at in range(1, life.boundaries + 1, 5):
        killed = run_life(inside=undisturbed.inside, seed=at, die_at=[at], sync_each=True)
        assert final(killed) == expected, at
        check_journal(killed)


@pytest.mark.parametrize("inside", [True, False])
def test_killed_while_it_asks_about_lost_answers_still_agrees_with_the_venue(inside):
    """What is asked when depends on when it died; that both sides agree, and that the journal says why, does not."""
    calm = run_life(inside=inside, lossy=True)
    assert doubts(calm) > 5
    for at in range(1, calm.boundaries + 1, 4):
        life = run_life(inside=inside, seed=at, die_at=[at], lossy=True)
        assert life.deaths == 1, at
        assert doubts(life) > 2, at
        check_journal(life)
        theirs = life.exchange._world
        held = life.world.contexts["working"]["holding"]["pos_lot"][0] + life.world.views["external_lot"][0]
        at_venue = theirs.venue_instruments["pos_lot"][0]
        assert int(held[0] - held[1]) == int(at_venue[0] - at_venue[1]), at
        replayed = replay_journal(FOLDER, small_world(), life.disk)
        assert replayed.state_hash == life.world.state_hash(), at


def doubts(life):
    """Return how many orders were doubted, told from the journal."""
    reader = JournalReader(life.disk, FOLDER)
    return sum(
        int((decode_facts(r, layouts_at(reader.headers, r.seq))[1]["kind"] == FactKind.UNKNOWN).sum())
        for r in reader.records()
        if r.kind == RecordKind.FACTS
    )


def test_killed_after_retention_still_recovers():
    life = run_life(inside=True, retention=True)
    expected = final(life)
    run_virtual(life.live())
    assert final(life) == expected


@pytest.mark.parametrize("inside", [True, False])
def test_killed_at_steps_of_the_event_loop_ends_in_the_same_state(inside):
    expected = final(run_life(inside=inside))
    # At its first step a process has done nothing yet.
    for step in range(2, 400, 3 if inside else 13):
        life = Life(inside=inside, seed=step)
        steps_taken = supervise(life, step)
        assert final(life) == expected, step
        if steps_taken < step:
            return
    pytest.fail("the session never ended")


def supervise(life, dies_at):
    """Run the session as a process that is killed at a step of the loop, then as one that lives."""
    loop = VirtualLoop()
    second = Process("second")

    died = asyncio.Event()

    def die():
        life.disk.crash(life.random)
        died.set()

    first = Process("first", dies_at, on_death=die)

    async def until_the_end():
        await loop.start(first, life.live())
        died.set()

    async def world():
        watched = asyncio.ensure_future(until_the_end())
        await died.wait()
        watched.cancel()
        if not first.alive:
            await asyncio.sleep(RESTART_S)
            await loop.start(second, life.live())

    loop.set_exception_handler(lambda loop, context: None)
    try:
        loop.run_until_complete(world())
    finally:
        loop.close()
    return first.steps


def test_facts_of_both_ways_to_host_the_venue_are_the_same():
    inside, elsewhere = run_life(inside=True), run_life(inside=False)
    assert final(inside) == final(elsewhere)
    records = [
        [
            (r.kind, r.body)
            for r in JournalReader(life.disk, FOLDER).records()
            if r.kind != RecordKind.SNAPSHOT
        ]
        for life in (inside, elsewhere)
    ]
    assert records[0] == records[1]


def test_session_equals_the_backtest_on_the_same_facts():
    life = run_life(inside=True)
    world = small_world()
    equity = np.zeros((STEPS, 1, 3), np.int64)
    assert world.advance(FEED.bars, FEED.ts, FEED.events, equity, 0, STEPS) == STEPS
    assert (world.state_hash(), world.decisions_hash()) == final(life)[:2]
