"""Quotes on a tape are taken many at once, and lead to what taking them one by one has led to."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tradewind.engine.world import World
from tradewind.journal import Authorship, Identity, JournalReader, Record, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, LOCAL, NO_WAKE, BatchPart, encode_facts
from tradewind.live.facts import Told, numbered
from tradewind.live.market_runs import take_market_run
from tradewind.live.replay import replay_journal
from tradewind.live.sequencer import Sequencer, Standing
from tradewind.live.tape import Recorded, ReplayTape
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.units.enums import FactKind, WakeCode
from tradewind.venues.port import Batch

FOLDER = Path("/journal")
ANY = 1 << 62
SECOND_NS = 1_000_000_000


def quotes(second: int, noise: int) -> list[Told]:
    """Return what a market may say within a second: between one and four facts of different kinds."""
    now_ns = START_NS + second * SECOND_NS
    tick = 5_000 + noise % 13
    said = [
        Told(FactKind.MARK, now_ns, now_ns, value=float(tick)),
        Told(FactKind.TRADE, now_ns, now_ns, side=1, price_tick=tick, qty_lot=1 + noise % 7),
        Told(
            FactKind.BOOK_TOP, now_ns, now_ns, low_tick=tick - 1, high_tick=tick + 1, open_tick=3, qty_lot=4
        ),
        Told(FactKind.FUNDING_RATE, now_ns, now_ns, value=1e-5 * (noise % 5)),
    ]
    return said[: 1 + noise % 4]


def bar(second: int, tick: int) -> Told:
    now_ns = START_NS + second * SECOND_NS
    prices = dict.fromkeys(("price_tick", "open_tick", "high_tick", "low_tick"), tick)
    return Told(FactKind.BAR, now_ns - MINUTE_NS, now_ns, qty_lot=5, **prices)


def batches(seconds: int, seed: int = 1) -> Iterator[Batch]:
    """Yield a batch of quotes each second, a bar each minute, now and then an operator's timer of another kind."""
    noise = np.random.default_rng(seed).integers(0, 1 << 20, seconds + 1).tolist()
    for second in range(1, seconds + 1):
        told, wake = quotes(second, noise[second]), None
        if second % 60 == 0:
            told, wake = [*told, bar(second, 5_000 + noise[second] % 40)], WakeCode.BATCH
        elif second % 47 == 0:
            told = [Told(FactKind.TIMER, told[0].recv_ts_ns, told[0].recv_ts_ns)]
        now_ns = START_NS + second * SECOND_NS
        yield Batch(second, numbered(second, told), wake, again=noise[second] % 2 == 0, now_ns=now_ns)


def lived(seconds: int, segment_bytes: int = 1 << 20) -> tuple[SimulatedDisk, World, Standing]:
    """Write the journal of a session that has heard so many seconds."""
    disk, world = SimulatedDisk(), small_world()
    author = Authorship(Identity("test", ("paper",)), lambda: START_NS, "test", LAYOUTS)
    writer = open_journal(disk, FOLDER, author, segment_bytes)
    sequencer = Sequencer(world, writer)  # type: ignore[arg-type]
    for batch in batches(seconds):
        sequencer.take(batch)
        if batch.number % 5 == 0:
            writer.flush()
    sequencer.tell_state()
    writer.close()
    return disk, world, sequencer.standing


@pytest.mark.parametrize("segment_bytes", [1 << 20, 9_000])
def test_a_tape_of_quotes_leads_to_the_same_state_and_counts_all_of_them(segment_bytes: int) -> None:
    disk, world, _ = lived(700, segment_bytes)
    replayed = replay_journal(FOLDER, small_world(), disk)
    assert (replayed.decisions_hash, replayed.state_hash) == (world.decisions_hash(), world.state_hash())
    assert replayed.batches == 700
    written = [r for r in JournalReader(disk, FOLDER).records() if r.kind != RecordKind.AUDIT]
    assert replayed.records == len(written)


def test_most_quotes_are_taken_in_runs_and_where_it_stands_is_told() -> None:
    disk, world, standing = lived(700)
    reader = JournalReader(disk, FOLDER)
    recorded, again = Recorded(reader.records(), reader.headers), small_world()
    sequencer, runs = Sequencer(again, ReplayTape(recorded)), []
    while recorded.next_kind not in (0, RecordKind.STATE):
        run = take_market_run(sequencer, recorded, ANY)
        if run is None:
            batch = recorded.next_batch()
            assert batch is not None
            sequencer.take(batch)
        else:
            runs.append(len(run.numbers))
            last = int(run.numbers[-1])
            assert (sequencer.standing.batch, sequencer.standing.now_ns) == (
                last,
                START_NS + last * SECOND_NS,
            )
    assert sum(runs) > 600
    assert sequencer.standing == standing
    assert again.state_hash() == world.state_hash()


def plain(seq: int, number: int = 0, rows: object = None, **head: int) -> Record:
    """Return a record of quotes as a session writes them, or otherwise in some field."""
    fields = {"part": 1, "parts": 1, "wake": NO_WAKE, "again": 1} | head
    facts = numbered(seq, quotes(seq, seq)) if rows is None else rows
    part = BatchPart(number or seq, START_NS + seq, **fields)  # type: ignore[arg-type]
    return Record(1, seq, encode_facts(part, facts.tobytes()), RecordKind.MARKET)  # type: ignore[arg-type]


def recorded_of(records: list[Record], layouts: dict[str, object] | None = None) -> Recorded:
    disk = SimulatedDisk()
    author = Authorship(Identity("test", ("paper",)), lambda: START_NS, "test", layouts or LAYOUTS)  # type: ignore[arg-type]
    open_journal(disk, FOLDER, author).close()
    return Recorded(iter(records), JournalReader(disk, FOLDER).headers)


def test_the_last_batch_before_something_else_is_left_to_be_taken_alone() -> None:
    order = Record(1, 21, plain(21).body, RecordKind.FACTS)
    recorded = recorded_of([*map(plain, range(1, 21)), order])
    run = recorded.market_run(ANY)
    assert run is not None
    assert run.numbers.tolist() == list(range(1, 20))
    assert run.now_ns.tolist() == [START_NS + at for at in range(1, 20)]
    assert recorded.market_run(ANY) is None
    left = recorded.expect()
    assert left is not None
    assert left.seq == 20


def test_at_the_end_of_the_tape_the_last_batch_is_left() -> None:
    recorded = recorded_of([plain(at) for at in range(1, 601)])
    taken = 0
    while (run := recorded.market_run(ANY)) is not None:
        taken += len(run.numbers)
    assert taken == 599
    assert not recorded.ended


@pytest.mark.parametrize(
    "other",
    [
        {"wake": WakeCode.BATCH}, {"part": 2, "parts": 2}, {"parts": 2}, {"part": 0, "parts": 0}, {"again": 2},
    ],
)  # fmt: skip
def test_what_is_not_a_whole_batch_of_quotes_ends_a_run(other: dict[str, int]) -> None:
    recorded = recorded_of([plain(at, **(other if at == 11 else {})) for at in range(1, 21)])
    run = recorded.market_run(ANY)
    assert run is not None
    assert run.numbers.tolist() == list(range(1, 11))
    assert recorded.market_run(ANY) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ANY + 1},
        {"number": LOCAL - 1},
        {"rows": numbered(1, [Told(FactKind.ACK, START_NS, START_NS)])},
        {"rows": numbered(1, [])},
        {"rows": np.zeros(7, np.uint8)},
    ],
)
def test_a_record_that_would_be_written_otherwise_today_is_compared_alone(wrong: dict[str, object]) -> None:
    recorded = recorded_of([plain(at, **(wrong if at == 11 else {})) for at in range(1, 21)])  # type: ignore[arg-type]
    assert recorded.market_run(ANY) is None
    assert not recorded.may_run
    for _ in range(20):
        assert recorded.expect() is not None
    assert recorded.ended


def test_batches_that_the_venue_tells_itself_are_left_to_it() -> None:
    recorded = recorded_of([plain(at) for at in range(1, 21)])
    assert recorded.market_run(15) is None


def test_rows_of_an_older_layout_are_taken_one_by_one() -> None:
    older = {**LAYOUTS, "FACT": LAYOUTS["FACT"][:-1]}
    assert recorded_of([plain(at) for at in range(1, 21)], older).market_run(ANY) is None  # type: ignore[arg-type]


def test_nothing_is_taken_at_once_while_somebody_waits_to_decide_again() -> None:
    world = small_world()
    recorded = recorded_of([plain(at) for at in range(1, 21)])
    sequencer = Sequencer(world, ReplayTape(recorded))
    world.contexts["dirty"] = 1
    assert take_market_run(sequencer, recorded, ANY) is None
    world.contexts["dirty"] = 0
    assert take_market_run(sequencer, recorded, ANY) is not None


def test_a_run_ends_with_its_segment_whose_layout_need_not_be_that_of_the_next() -> None:
    (first,) = recorded_of([])._headers
    older = {**LAYOUTS, "FACT": LAYOUTS["FACT"][:-1]}
    second = msgspec.structs.replace(first, number=2, first_seq=11, layouts=older)
    recorded = Recorded(iter([plain(at) for at in range(1, 31)]), [first, second])
    run = recorded.market_run(ANY)
    assert run is not None
    assert run.numbers.tolist() == list(range(1, 11))
    assert recorded.market_run(ANY) is None
