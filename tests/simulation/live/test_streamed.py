"""A market that still happens: bars told as they come trade as their replay, trades fill one by one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tradewind.engine.setup import VenueSetup
from tradewind.engine.venue_records import FillRule
from tradewind.journal import Identity, JournalReader, newest_start
from tradewind.journal.bodies import begins_batch
from tradewind.journal.reader import SegmentScan, segment_name
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.streaming import PaperVenue, recorded_steps
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world, walk
from tradewind.units.enums import FactKind, IntentKind, RequestKind, WakeCode
from tradewind.venues.port import FACT, REQUEST
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue
from tradewind.venues.simulated.streamed import MarketStep, StreamedExchange, market_steps_of

S = 1_000_000_000
FOLDER = Path("/journal/streamed")
SLOW = VenueSetup(lagged=True, request_ns=20 * S, answer_ns=5 * S)


def steps_of(feed):
    """Return the steps in which a live feed would have told a replay."""
    steps, told = [], 0
    for bars, open_ns in zip(feed.bars, feed.ts.tolist(), strict=True):
        close_ns = open_ns + feed.interval_ns
        rows = np.zeros(len(bars), FACT)
        rows["kind"], rows["instrument"] = FactKind.BAR, np.arange(len(bars))
        for column, name in enumerate(("open_tick", "high_tick", "low_tick", "price_tick", "qty_lot")):
            rows[name] = bars[:, column]
        rows["venue_ts_ns"], rows["recv_ts_ns"] = open_ns, close_ns
        known = int(np.searchsorted(feed.events["recv_ts_ns"], close_ns, "right"))
        facts = np.concatenate((rows, feed.events[told:known]))
        told = known
        steps.append(MarketStep(facts, WakeCode.BATCH, close_ns))
    return steps


class Listened:
    """A market whose steps come one after the other; the first of them may have been heard in an earlier life."""

    def __init__(self, steps, heard=0):
        self._steps = iter(steps[heard:])
        self.told = heard

    async def open(self):
        pass

    async def next_step(self):
        step = next(self._steps, None)
        self.told += step is not None
        return step

    async def close(self):
        pass


def streamed(symbols, venue, steps):
    exchange = StreamedExchange(small_world(symbols, venue=venue), MINUTE_NS)
    for step in steps:
        exchange.push(step)
    return exchange


def live(symbols, venue, reach, disk, *, inside, stop_after=None):
    """Run a session; stop it after so many steps; return its world."""
    world = small_world(symbols, venue=venue)
    place = Place(disk, FOLDER, Identity("streamed", ()), lambda: 0, "test", snapshot_every=40)
    opened = open_session(place, world, reach, inside=inside)
    session = opened.session

    def progress(batch):
        if stop_after is not None and session.sequencer.standing.steps >= stop_after:
            session.stop()

    session.progress = progress
    finished = asyncio.run(session.run())
    opened.close(finished=finished)
    return world


def paper(symbols, venue, steps, disk, *, heard=0, stop_after=None):
    """Run a session over a market that is listened to; return its world and how many steps were heard so far."""
    exchange = StreamedExchange(small_world(symbols, venue=venue), MINUTE_NS)
    reader = JournalReader(disk, FOLDER)
    recorded = recorded_steps(reader, newest_start(reader)) if reader.headers else ()
    source = Listened(steps, heard)
    reach = PaperVenue(exchange, source, recorded)
    world = live(symbols, venue, reach, disk, inside=exchange, stop_after=stop_after)
    return world, source.told


@pytest.mark.parametrize("symbols", [1, 3])
def test_bars_told_as_they_come_trade_as_their_replay(symbols):
    feed, prompt = walk(150, symbols), VenueSetup()
    exchange = SimulatedExchange(small_world(symbols), feed)
    replayed = live(symbols, prompt, LocalVenue(exchange), SimulatedDisk(), inside=exchange)
    told, _ = paper(symbols, prompt, steps_of(feed), SimulatedDisk())
    assert int(told.core["fills"][0]) > 10
    assert told.decisions_hash() == replayed.decisions_hash()
    assert told.state_hash() == replayed.state_hash()


def test_a_batch_that_was_half_written_when_the_machine_died_is_forgotten():
    """Nobody can tell it again: its market is over. What it had begun to say has led to nothing."""
    minutes, disk = steps_of(walk(150, 2)), SimulatedDisk()
    # Told two minutes at a time, what the exchange answers lies between the bars of one batch.
    steps = [
        MarketStep(np.concatenate((a.facts, b.facts)), b.wake, b.now_ns)
        for a, b in zip(minutes[::2], minutes[1::2], strict=True)
    ]
    _, heard = paper(2, SLOW, steps, disk, stop_after=38)
    path = FOLDER / segment_name(1)
    scan, cut_at = SegmentScan(disk.read(path), path.name, is_last=True), 0
    for record, _ in scan.with_payloads():
        cut_at = scan.offset if begins_batch(record) else cut_at
    disk.replace_bytes(path, disk.read(path)[:cut_at])
    world, _ = paper(2, SLOW, steps, disk, heard=heard)
    assert len(disk.read(path)) > cut_at > 0
    assert int(world.core["fills"][0]) > 10
    assert replay_journal(FOLDER, small_world(2, venue=SLOW), disk).state_hash == world.state_hash()


@pytest.mark.parametrize("venue", [VenueSetup(), SLOW])
def test_a_session_that_stopped_is_told_its_steps_again_and_ends_the_same(venue):
    steps, disk, heard = steps_of(walk(150, 2)), SimulatedDisk(), 0
    whole, _ = paper(2, venue, steps, SimulatedDisk())
    for stop in (13, 55, 101, None):
        world, heard = paper(2, venue, steps, disk, heard=heard, stop_after=stop)
    assert heard == len(steps)
    assert int(whole.core["fills"][0]) > 10
    assert world.decisions_hash() == whole.decisions_hash()
    assert world.state_hash() == whole.state_hash()


def request(cid_slot, side, price_tick, qty_lot, kind=IntentKind.REST):
    rows = np.zeros(1, REQUEST)
    rows["kind"], rows["order_kind"], rows["slot"], rows["cid"] = (
        RequestKind.NEW,
        kind,
        cid_slot,
        1 << 20 | cid_slot,
    )
    rows["side"], rows["price_tick"], rows["qty_lot"] = side, price_tick, qty_lot
    return rows


def fact(kind, at_ns, **fields):
    row = np.zeros(1, FACT)
    row["kind"], row["venue_ts_ns"], row["recv_ts_ns"] = kind, at_ns, at_ns
    for name, value in fields.items():
        row[name] = value
    return row


def bar(close_ns, low, high, close, volume=1_000):
    row = fact(
        FactKind.BAR,
        close_ns,
        open_tick=close,
        high_tick=high,
        low_tick=low,
        price_tick=close,
        qty_lot=volume,
    )
    row["venue_ts_ns"] = close_ns - MINUTE_NS
    return row


def fills(batch):
    return batch.facts[batch.facts["kind"] == FactKind.FILL]


def test_where_trades_are_told_a_bar_fills_nothing_a_second_time():
    exchange = StreamedExchange(small_world(), MINUTE_NS)
    now = START_NS + MINUTE_NS
    exchange.push(MarketStep(bar(now, 4_990, 5_010, 5_000), WakeCode.BATCH, now))
    assert exchange.next_batch(0, 0).wake == WakeCode.BATCH
    trade = fact(FactKind.TRADE, now + S, price_tick=4_995, qty_lot=600)
    exchange.push(MarketStep(trade, None, now + S))
    exchange.next_batch(1, 1)
    exchange.submit(1, request(0, 1, 4_990, 20))
    assert exchange.next_batch(2, 2).facts["kind"].tolist() == [FactKind.ACK]
    # The minute's bar reaches below the order, but all of that was traded before the order came.
    later = now + MINUTE_NS
    exchange.push(MarketStep(bar(later, 4_980, 5_000, 4_996), WakeCode.BATCH, later))
    assert len(fills(exchange.next_batch(3, 3))) == 0
    exchange.push(MarketStep(fact(FactKind.TRADE, later + S, price_tick=4_989, qty_lot=1), None, later + S))
    filled = fills(exchange.next_batch(4, 4))
    assert filled["price_tick"].tolist() == [4_990]
    assert filled["qty_lot"].tolist() == [20]


@pytest.mark.parametrize("heard_lots", [0, 400])
def test_a_bar_fills_whose_trades_nobody_heard(heard_lots):
    """A session was away, or its trades broke off: what rested then has filled, though trades were told before."""
    exchange = StreamedExchange(small_world(), MINUTE_NS)
    now = START_NS + MINUTE_NS
    exchange.push(MarketStep(bar(now, 4_990, 5_010, 5_000), WakeCode.BATCH, now))
    exchange.next_batch(0, 0)
    exchange.push(MarketStep(fact(FactKind.TRADE, now + S, price_tick=4_995, qty_lot=900), None, now + S))
    exchange.next_batch(1, 1)
    exchange.submit(1, request(0, 1, 4_985, 20))
    exchange.next_batch(2, 2)
    absent = now + 2 * MINUTE_NS
    heard = fact(FactKind.TRADE, absent - S, price_tick=4_999, qty_lot=heard_lots)
    after = fact(FactKind.TRADE, absent + S, price_tick=4_999, qty_lot=5)
    facts = [heard, after] if heard_lots else [after]
    # The first trade of the next minute is told before the bar, which comes two seconds late.
    facts.append(bar(absent, 4_980, 5_000, 4_996))
    exchange.push(MarketStep(np.concatenate(facts), WakeCode.MARK, absent + 2 * S))
    filled = fills(exchange.next_batch(3, 3))
    assert (filled["price_tick"].tolist(), filled["qty_lot"].tolist()) == ([4_985], [20])


def of(instrument, row):
    row["instrument"] = instrument
    return row


def test_a_late_bar_of_one_instrument_fills_nothing_of_another():
    """Its bar of the same minute was told before; what was decided on it has not traded in it."""
    exchange = StreamedExchange(small_world(2), MINUTE_NS)
    now = START_NS + MINUTE_NS
    both = [of(j, bar(now, 4_990, 5_010, 5_000)) for j in range(2)]
    exchange.push(MarketStep(np.concatenate(both), WakeCode.BATCH, now))
    exchange.next_batch(0, 0)
    later = now + MINUTE_NS
    exchange.push(MarketStep(of(1, bar(later, 4_980, 5_010, 5_000)), WakeCode.BATCH, later + 2 * S))
    exchange.next_batch(1, 1)
    rests = of(1, request(0, 1, 4_985, 20))
    rests["context"], rests["cid"] = 1, 1 << 20 | 1 << 8
    exchange.submit(1, rests)
    assert exchange.next_batch(2, 2).facts["kind"].tolist() == [FactKind.ACK]
    exchange.push(MarketStep(of(0, bar(later, 4_980, 5_010, 5_000)), None, later + 3 * S))
    assert exchange.next_batch(3, 3).facts["kind"].tolist() == [FactKind.BAR]
    exchange.push(MarketStep(of(1, bar(later + MINUTE_NS, 4_980, 5_010, 5_000)), None, later + MINUTE_NS))
    assert len(fills(exchange.next_batch(4, 4))) == 1


def test_a_request_on_its_way_misses_the_trades_before_it_arrives():
    exchange = StreamedExchange(
        small_world(venue=VenueSetup(lagged=True, request_ns=2 * S, answer_ns=S)), MINUTE_NS
    )
    now = START_NS + MINUTE_NS
    exchange.push(MarketStep(bar(now, 4_990, 5_010, 5_000), WakeCode.BATCH, now))
    exchange.next_batch(0, 0)
    exchange.submit(1, request(0, 1, 4_990, 20))
    early = fact(FactKind.TRADE, now + S, price_tick=4_980, qty_lot=1)
    late = fact(FactKind.TRADE, now + 3 * S, price_tick=4_985, qty_lot=1)
    exchange.push(MarketStep(np.concatenate((early, late)), None, now + 10 * S))
    first = exchange.next_batch(1, 1)
    told = [first, *(exchange.next_batch(n, n) for n in range(2, 7))]
    kinds = [int(kind) for batch in told if batch is not None for kind in batch.facts["kind"]]
    assert kinds.count(FactKind.FILL) == 1
    filled = [row for batch in told if batch is not None for row in fills(batch)]
    assert int(filled[0]["venue_ts_ns"]) == now + 3 * S


def test_steps_come_back_from_what_was_said():
    feed = walk(5, 2)
    exchange = streamed(2, VenueSetup(), steps_of(feed))
    for number, step in enumerate(steps_of(feed)):
        back = market_steps_of(exchange.next_batch(number, number))
        assert back.wake == step.wake
        assert back.now_ns == step.now_ns
        for name in ("kind", "instrument", "price_tick", "qty_lot", "value"):
            assert back.facts[name].tolist() == step.facts[name].tolist()


def test_its_state_remembers_which_instruments_are_filled_from_trades():
    exchange = StreamedExchange(small_world(2), MINUTE_NS)
    exchange.push(MarketStep(fact(FactKind.TRADE, START_NS, price_tick=5_000, qty_lot=1), None, START_NS))
    exchange.next_batch(0, 0)
    other = StreamedExchange(small_world(2), MINUTE_NS)
    assert other.save(1) != exchange.save(1)
    other.restore(exchange.save(1))
    assert other.save(1) == exchange.save(1)


def top(at_ns, bid, ask, lots=1_000):
    return fact(FactKind.BOOK_TOP, at_ns, low_tick=bid, high_tick=ask, open_tick=lots, qty_lot=lots)


def topped(*requests, slippage=0.0, fill_rule=None):
    """Return an exchange that took requests after a bar at 5,000, and the time and the number that follow."""
    world = small_world()
    if fill_rule is not None:
        world.venue_instruments["fill_rule"], world.venue_instruments["share"] = fill_rule, 0.5
    exchange = StreamedExchange(world, MINUTE_NS, slippage)
    now = START_NS + MINUTE_NS
    exchange.push(MarketStep(bar(now, 4_990, 5_010, 5_000), WakeCode.BATCH, now))
    exchange.next_batch(0, 0)
    for number, rows in enumerate(requests, 1):
        exchange.submit(number, rows)
        exchange.next_batch(number, number)
    return exchange, now + S, len(requests) + 1


def told_at(exchange, now, number, *facts):
    exchange.push(MarketStep(np.concatenate(facts), None, now))
    return exchange.next_batch(number, number)


TARGET, REST, STOP = IntentKind.TARGET, IntentKind.REST, IntentKind.STOP


@pytest.mark.parametrize(("side", "at_tick"), [(1, 5_004), (-1, 4_996)])
def test_what_takes_fills_at_the_best_price_of_the_other_side_when_it_is_told(side, at_tick):
    exchange, now, number = topped(request(0, side, 0, 20, TARGET))
    batch = told_at(exchange, now, number, top(now, 4_996, 5_004))
    assert batch.facts["kind"].tolist() == [FactKind.BOOK_TOP, FactKind.FILL, FactKind.FEE]
    filled = fills(batch)
    assert (filled["price_tick"].tolist(), filled["qty_lot"].tolist()) == ([at_tick], [20])
    assert (filled["code"].tolist(), filled["venue_ts_ns"].tolist()) == ([0], [now])


def test_slippage_is_added_to_the_best_price_and_half_the_spread_is_not():
    exchange, now, number = topped(request(0, 1, 0, 20, TARGET), slippage=0.001)
    assert fills(told_at(exchange, now, number, top(now, 4_996, 5_004)))["price_tick"].tolist() == [5_010]
    # Where nobody said what slippage alone is, the instrument's own stands, the worse of both: 2 bp here.
    exchange, now, number = topped(request(0, 1, 0, 20, TARGET), slippage=None)
    assert fills(told_at(exchange, now, number, top(now, 4_996, 5_004)))["price_tick"].tolist() == [5_006]


def test_a_worst_price_bounds_what_takes_and_beyond_it_the_order_expires():
    exchange, now, number = topped(request(0, 1, 5_007, 20, TARGET), slippage=0.001)
    assert fills(told_at(exchange, now, number, top(now, 4_996, 5_004)))["price_tick"].tolist() == [5_007]
    exchange, now, number = topped(request(0, 1, 5_003, 20, TARGET))
    batch = told_at(exchange, now, number, top(now, 4_996, 5_004))
    assert batch.facts["kind"].tolist() == [FactKind.BOOK_TOP, FactKind.EXPIRED]


def test_a_limit_that_crosses_takes_at_the_best_price_or_rests_and_is_then_left_to_trades():
    exchange, now, number = topped(request(0, 1, 5_002, 20))
    assert fills(told_at(exchange, now, number, top(now, 4_990, 5_001)))["price_tick"].tolist() == [5_001]
    exchange, now, number = topped(request(0, 1, 5_002, 20))
    tops = [top(now, 4_996, 5_004), top(now, 4_980, 4_981)]
    assert len(fills(told_at(exchange, now, number, *tops))) == 0
    trade = fact(FactKind.TRADE, now + S, price_tick=5_001, qty_lot=5)
    filled = fills(told_at(exchange, now + S, number + 1, trade))
    assert (filled["price_tick"].tolist(), filled["code"].tolist()) == ([5_002], [1])


def test_what_rests_is_not_touched_by_best_prices():
    exchange, now, number = topped(request(0, 1, 4_990, 20), request(1, 1, 5_020, 20, STOP))
    batch = told_at(exchange, now, number, top(now, 4_900, 4_901), top(now, 5_100, 5_101))
    assert batch.facts["kind"].tolist() == [FactKind.BOOK_TOP] * 2


def test_each_side_takes_from_its_own_price_and_one_without_a_price_waits():
    sells = request(1, -1, 0, 30, TARGET)
    sells["position_side"] = 1
    exchange, now, number = topped(request(0, 1, 0, 20, TARGET), sells)
    first = fills(told_at(exchange, now, number, top(now, 4_996, 0)))
    assert (first["side"].tolist(), first["price_tick"].tolist()) == ([-1], [4_996])
    second = fills(told_at(exchange, now + S, number + 1, top(now + S, 4_996, 5_004)))
    assert (second["side"].tolist(), second["price_tick"].tolist()) == ([1], [5_004])


def test_where_volume_bounds_fills_a_share_of_what_is_shown_is_taken():
    exchange, now, number = topped(request(0, 1, 0, 20, TARGET), fill_rule=FillRule.VOLUME)
    batch = told_at(exchange, now, number, top(now, 4_996, 5_004, lots=30))
    assert fills(batch)["qty_lot"].tolist() == [15]
    assert int(batch.facts["kind"][-1]) == FactKind.EXPIRED


def test_best_prices_that_were_recorded_fill_the_same_again():
    steps = steps_of(walk(60, 2))
    for at in range(0, len(steps), 3):
        step = steps[at]
        close = int(step.facts["price_tick"][0])
        best = top(step.now_ns, close - 2, close + 2)
        steps[at] = MarketStep(np.concatenate((step.facts, best)), step.wake, step.now_ns)
    whole, _ = paper(2, VenueSetup(), steps, SimulatedDisk())
    disk, heard = SimulatedDisk(), 0
    for stop in (20, 41, None):
        world, heard = paper(2, VenueSetup(), steps, disk, heard=heard, stop_after=stop)
    assert int(whole.core["fills"][0]) > 5
    assert world.state_hash() == whole.state_hash()
