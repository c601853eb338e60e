"""What the sequencer writes down can be read back as the batches it took, however much the market says at once."""

from pathlib import Path

import numpy as np
import pytest

from tradewind.journal import Authorship, Identity, JournalReader, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, Audit, decode_audit
from tradewind.live.facts import Told, halt_fact, numbered
from tradewind.live.sequencer import Sequencer
from tradewind.live.tape import Recorded
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import MINUTE_NS, START_NS, small_world
from tradewind.units.enums import FactKind, Halt, WakeCode
from tradewind.units.time import HOUR_NS
from tradewind.venues.port import Batch

FOLDER = Path("/journal")


def prints(count: int) -> list[Told]:
    return [
        Told(FactKind.TRADE, START_NS, START_NS, side=1, price_tick=1_000 + at, qty_lot=1)
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "wake", "records"),
    [
        (1, WakeCode.BATCH, "M"),
        (7_000, None, "M"),
        (7_001, None, "MM"),
        (10_050, WakeCode.MARK, "MM"),
    ],
)
def test_a_market_that_says_a_lot_at_once_is_written_down_whole(
    count: int, wake: int | None, records: str
) -> None:
    batch = Batch(1, numbered(1, prints(count)), wake, again=False, now_ns=START_NS)
    kinds, found = written_and_read(batch)
    assert kinds == records
    assert found == batch_values(batch)


def test_facts_that_may_not_expire_stand_apart_from_those_of_the_market() -> None:
    halt = halt_fact(Halt.ERRORS, 0, START_NS, on=True)
    facts = [*prints(2), halt, *prints(1)]
    batch = Batch(1, numbered(1, facts), WakeCode.MARK, again=False, now_ns=START_NS)
    kinds, found = written_and_read(batch)
    assert kinds == "MFM"
    assert found == batch_values(batch)


def written_and_read(batch: Batch) -> tuple[str, tuple[object, ...]]:
    """Return the kinds of the records that hold the facts of a batch, and the batch as it is read again."""
    disk = SimulatedDisk()
    author = Authorship(Identity("test", ("paper",)), lambda: START_NS, "test", LAYOUTS)
    writer = open_journal(disk, FOLDER, author)
    Sequencer(small_world(), writer).take(batch)  # type: ignore[arg-type]
    writer.close()
    reader = JournalReader(disk, FOLDER)
    names: dict[int, str] = {RecordKind.MARKET: "M", RecordKind.FACTS: "F"}
    kinds = "".join(names[record.kind] for record in reader.records() if record.kind in names)
    found = Recorded(reader.records(), reader.headers).next_batch()
    assert found is not None
    return kinds, batch_values(found)


def test_money_that_was_booked_is_written_down_at_once_where_nothing_is_held_and_at_an_end() -> None:
    disk, world = SimulatedDisk(), small_world()
    author = Authorship(Identity("test", ("paper",)), lambda: START_NS, "test", LAYOUTS)
    sequencer = Sequencer(world, open_journal(disk, FOLDER, author))  # type: ignore[arg-type]
    began = int(world.accounts["balance"][0])
    sequencer.take(Batch(1, numbered(1, prints(1)), WakeCode.MARK, again=False, now_ns=START_NS))
    moved = Told(FactKind.TRANSFER, START_NS + 1, START_NS + 1, amount=700, trade_id=5)
    sequencer.take(Batch(2, numbered(2, [moved]), None, again=False, now_ns=START_NS + 1))
    assert marks_in(sequencer, disk) == [began, began + 700]
    world.contexts["working"]["holding"]["pos_lot"][0, 0] = 3
    world.accounts["unrealised"][0] = -50
    moved = moved._replace(trade_id=6)
    sequencer.take(Batch(3, numbered(3, [moved]), None, again=False, now_ns=START_NS + 2))
    assert len(marks_in(sequencer, disk)) == 2
    sequencer.tell_wallets()
    sequencer.tell_wallets()
    assert marks_in(sequencer, disk) == [began, began + 700, began + 1_350]


def test_what_is_said_once_an_hour_is_written_down_each_hour_and_at_an_end() -> None:
    disk = SimulatedDisk()
    author = Authorship(Identity("test", ("paper",)), lambda: START_NS, "test", LAYOUTS)
    sequencer = Sequencer(small_world(), open_journal(disk, FOLDER, author))  # type: ignore[arg-type]
    sequencer.hourly = lambda now_ns: (Audit(now_ns, "", "conflated", {}),)
    for number, minute in enumerate((0, 10, 70, 80), 1):
        now_ns = START_NS // HOUR_NS * HOUR_NS + minute * MINUTE_NS
        facts = numbered(number, [Told(FactKind.TRADE, now_ns, now_ns, side=1, price_tick=1_000, qty_lot=1)])
        sequencer.take(Batch(number, facts, WakeCode.MARK, again=False, now_ns=now_ns))
    sequencer.tell_wallets()
    sequencer.sync()
    audits = [decode_audit(r) for r in JournalReader(disk, FOLDER).records() if r.kind == RecordKind.AUDIT]
    minutes = [audit.at_ns // MINUTE_NS % 1440 for audit in audits if audit.what == "conflated"]
    assert [minute - minutes[0] for minute in minutes] == [0, 70, 80]


def marks_in(sequencer: Sequencer, disk: SimulatedDisk) -> list[int]:
    """Return the equity of the first wallet each time that it was written down."""
    sequencer.sync()
    audits = [
        decode_audit(record)
        for record in JournalReader(disk, FOLDER).records()
        if record.kind == RecordKind.AUDIT
    ]
    return [audit.detail["wallets"][0]["equity"] for audit in audits if audit.what == "wallets"]


def batch_values(batch: Batch) -> tuple[object, ...]:
    return batch.number, batch.wake, batch.again, batch.now_ns, np.asarray(batch.facts).tolist()
