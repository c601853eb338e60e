"""What the sequencer writes down can be read back as the batches it took, however much the market says at once."""

from pathlib import Path

import numpy as np
import pytest

from tradewind.journal import Authorship, Identity, JournalReader, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS
from tradewind.live.facts import Told, halt_fact, numbered
from tradewind.live.sequencer import Sequencer
from tradewind.live.tape import Recorded
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import START_NS, small_world
from tradewind.units.enums import FactKind, Halt, WakeCode
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


def batch_values(batch: Batch) -> tuple[object, ...]:
    return batch.number, batch.wake, batch.again, batch.now_ns, np.asarray(batch.facts).tolist()
