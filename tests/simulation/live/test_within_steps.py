"""What becomes known within a step of the market: it is told at its own moment, and its strategy decides again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.setup import VenueSetup
from tradewind.journal import Identity, JournalReader, RecordKind, newest_start
from tradewind.journal.reader import SegmentScan, segment_name
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.streaming import PaperVenue, recorded_steps
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.units.enums import FactKind, IntentKind, RequestKind, WakeCode
from tradewind.venues.port import FACT, REQUEST
from tradewind.venues.simulated.streamed import MarketStep, StreamedExchange

S = 1_000_000_000
FOLDER = Path("/journal/within")
LATE = VenueSetup(lagged=True, request_ns=S // 5, answer_ns=S // 10)
TRADE, ACK, BAR, WARM, BATCH, MARK = (
    FactKind.TRADE, FactKind.ACK, FactKind.BAR, WakeCode.WARM, WakeCode.BATCH, WakeCode.MARK
)  # fmt: skip


def trade(at_ns, price_tick=5_000, instrument=0):
    row = np.zeros(1, FACT)
    row["kind"], row["venue_ts_ns"], row["recv_ts_ns"] = TRADE, at_ns, at_ns
    row["price_tick"], row["qty_lot"], row["instrument"] = price_tick, 100, instrument
    return row


def bar(close_ns, ticks, instrument=0):
    row = np.zeros(1, FACT)
    row["kind"], row["venue_ts_ns"], row["recv_ts_ns"] = BAR, close_ns - MINUTE_NS, close_ns
    row["open_tick"], row["high_tick"], row["low_tick"], row["price_tick"] = ticks
    row["qty_lot"], row["instrument"] = 1_000, instrument
    return row


def order():
    row = np.zeros(1, REQUEST)
    row["kind"], row["order_kind"], row["cid"] = RequestKind.NEW, IntentKind.REST, 1 << 20
    row["side"], row["price_tick"], row["qty_lot"] = 1, 4_900, 20
    return row


def told(step, *, now):
    """Return (kinds of facts, wake, again, seconds) of what an exchange says that took an order at `now`."""
    exchange = StreamedExchange(small_world(venue=LATE), MINUTE_NS)
    exchange.push(MarketStep(bar(now, (5_000, 5_010, 4_990, 5_000)), BATCH, now))
    exchange.next_batch(0, 0)
    exchange.submit(1, order())
    exchange.push(step)
    batches = iter(lambda: exchange.next_batch(exchange.last_batch, exchange.last_batch), None)
    return [(b.facts["kind"].tolist(), b.wake, b.again, (b.now_ns - now) / S) for b in batches]


NOW = START_NS + MINUTE_NS
STEP = MarketStep(np.concatenate([trade(NOW + S // 4), trade(NOW + S // 2)]), MARK, NOW + S)


@pytest.mark.parametrize("wake", [None, MARK])
def test_an_answer_between_two_facts_of_a_step_is_told_by_itself_at_its_own_moment(wake):
    assert told(replace(STEP, wake=wake), now=NOW) == [
        ([TRADE], None, False, 0.25),
        ([ACK], None, True, 0.3),
        ([TRADE], wake, False, 1.0),
    ]


@pytest.mark.parametrize(("wake", "end"), [(None, []), (MARK, [([], MARK, False, 1.0)])])
def test_an_answer_after_the_last_fact_of_a_step_is_told_before_the_step_ends(wake, end):
    step = MarketStep(trade(NOW + S // 4), wake, NOW + S)
    assert told(step, now=NOW) == [([TRADE], None, False, 0.25), ([ACK], None, True, 0.3), *end]


@pytest.mark.parametrize(
    "step", [replace(STEP, wake=BATCH), replace(STEP, wake=WARM), replace(STEP, whole=True)]
)
def test_where_everybody_decides_next_it_is_told_among_the_facts(step):
    """So it is on history, and in a step that a version recorded which told all steps so."""
    assert told(step, now=NOW) == [([TRADE, ACK, TRADE], step.wake, False, 1.0)]


def market(minutes, symbols=2, seed=1):
    """Return the steps of a market that trades four times a second and tells so once a second."""
    rng, steps = np.random.default_rng(seed), []
    price = 5_000 + np.cumsum(rng.integers(-2, 3, (minutes, 60, 4, symbols)).reshape(-1, symbols), axis=0)
    price = price.reshape(minutes, 60, 4, symbols)
    for minute in range(minutes):
        for second in range(60):
            end_ns = START_NS + minute * MINUTE_NS + (second + 1) * S
            facts = [
                trade(end_ns - S + quarter * S // 4 + S // 8, int(price[minute, second, quarter, j]), j)
                for quarter in range(4)
                for j in range(symbols)
            ]
            steps.append(MarketStep(np.concatenate(facts), MARK, end_ns))
        bars = [bar(end_ns, _ohlc(price[minute, :, :, j].ravel()), j) for j in range(symbols)]
        steps[-1] = MarketStep(np.concatenate([*facts, *bars]), BATCH, end_ns)
    return steps


def _ohlc(prices):
    return int(prices[0]), int(prices.max()), int(prices.min()), int(prices[-1])


class Listened:
    """A market whose steps come one after the other."""

    def __init__(self, steps):
        self._steps = iter(steps)
        self.told = 0

    async def open(self):
        pass

    async def next_step(self):
        step = next(self._steps, None)
        self.told += step is not None
        return step

    async def close(self):
        pass


def paper(steps, disk, *, stop_after=None, progress=None, snapshot_every=100):
    """Run a session over steps that nobody heard yet; return its world and how many it heard."""
    world, exchange = small_world(2, venue=LATE), StreamedExchange(small_world(2, venue=LATE), MINUTE_NS)
    reader, source = JournalReader(disk, FOLDER), Listened(steps)
    recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
    place = Place(disk, FOLDER, Identity("within", ()), lambda: 0, "test", snapshot_every=snapshot_every)
    opened = open_session(place, world, PaperVenue(exchange, source, recorded), inside=exchange)

    def note(batch):
        if progress is not None:
            progress(world, batch)
        if stop_after is not None and batch.wake is not None and source.told >= stop_after:
            opened.session.stop()

    opened.session.progress = note
    finished = asyncio.run(opened.session.run())
    opened.close(finished=finished)
    return world, source.told


def test_nobody_waits_for_the_next_bar_to_decide_again():
    waiting, batches = [], []

    def note(world, batch):
        batches.append(batch)
        waiting.append(bool(world.contexts["dirty"].any()))

    disk = SimulatedDisk()
    world, _ = paper(market(12), disk, progress=note)
    assert int(world.core["fills"][0]) > 20
    assert sum(batch.again for batch in batches) > 50
    assert not any(waiting)
    assert replay_journal(FOLDER, small_world(2, venue=LATE), disk).state_hash == world.state_hash()


def test_a_session_that_stopped_is_told_its_parted_steps_again_and_ends_the_same():
    steps, disk, heard = market(10), SimulatedDisk(), 0
    whole, _ = paper(steps, SimulatedDisk())
    for stop in (70, 151, 320, None):
        world, more = paper(steps[heard:], disk, stop_after=None if stop is None else stop - heard)
        heard += more
    assert heard == len(steps)
    assert int(whole.core["fills"][0]) > 20
    assert world.decisions_hash() == whole.decisions_hash()
    assert world.state_hash() == whole.state_hash()


def test_a_journal_of_before_steps_were_parted_is_gone_on_with_and_replays():
    """Its batches tell by themselves that they were told whole: in each the answers stand among the facts."""
    steps, disk = market(10), SimulatedDisk()
    paper([replace(step, whole=True) for step in steps[:250]], disk, stop_after=250)
    world, more = paper(steps[250:], disk)
    assert more == len(steps) - 250
    assert int(world.core["fills"][0]) > 20
    assert replay_journal(FOLDER, small_world(2, venue=LATE), disk).state_hash == world.state_hash()


def test_a_session_that_died_between_two_parts_of_a_step_goes_on():
    steps, disk = market(4), SimulatedDisk()
    _, heard = paper(steps, disk, stop_after=150, snapshot_every=10_000)
    path = FOLDER / segment_name(1)
    whole = disk.read(path)
    for cut_at in _ends_of_parts(whole, path.name)[3::5]:
        disk = SimulatedDisk()
        paper(steps[:1], disk, stop_after=1, snapshot_every=10_000)
        disk.replace_bytes(path, whole[:cut_at])
        world, _ = paper(steps[heard:], disk)
        assert replay_journal(FOLDER, small_world(2, venue=LATE), disk).state_hash == world.state_hash()


def _ends_of_parts(journal, name):
    """Return where batches of the market end that are followed by an answer."""
    scan, ends, before = SegmentScan(journal, name, is_last=True), [], None
    for record, _ in scan.with_payloads():
        if before is not None and before[0] == RecordKind.MARKET and record.kind == RecordKind.FACTS:
            ends.append(before[1])
        before = record.kind, scan.offset
    return ends
