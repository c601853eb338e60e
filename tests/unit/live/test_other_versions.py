"""A session goes on with what another version wrote, to the bit, or refuses it and changes nothing."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import JournalError
from tradewind.journal import (
    Authorship,
    Identity,
    JournalReader,
    RecordKind,
    newest_start,
    open_journal,
    verify_journal,
)
from tradewind.journal.bodies import (
    LAYOUTS,
    Audit,
    BatchPart,
    Boot,
    Instrument,
    decode_requests,
    encode_facts,
    layouts_at,
)
from tradewind.journal.forms import body_of_today
from tradewind.live.explain import explain_order
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.live.takeover import write_down
from tradewind.ops.record import read_session
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.other_versions import OtherVersion, rewrite_as
from tradewind.testing.sessions import small_world, walk
from tradewind.testing.small_exchange import SmallExchange
from tradewind.testing.small_live import FOLDER as LIVE
from tradewind.testing.small_live import SmallLive
from tradewind.units.layout import dtype_of
from tradewind.units.wire import Fact
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/aged")
STEPS = 50
BOOT = Boot(
    1, "today", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001", "USDT", 100_000_000)],
    [("restless", ("noise", "phase"), ("first", "second", "third"))], [(0, 0)], 20,
)  # fmt: skip
NARROW = {"REQUEST": ("show_lot",), "INTENT": ("show_lot",), "FACT": ("wallet",)}
"""Fields that stay zero in this session, so that their rows say the same without them."""


class Sent(LocalVenue):
    """Notes the ids of what is sent."""

    def __init__(self, exchange):
        super().__init__(exchange)
        self.numbers = []

    async def submit(self, first, requests):
        self.numbers += range(first, first + len(requests))
        await super().submit(first, requests)


def opened_on(disk, steps=STEPS, symbols=1):
    exchange = SimulatedExchange(small_world(symbols), walk(steps, symbols))
    venue = Sent(exchange)
    place = Place(disk, FOLDER, Identity("aged", ("sim",)), lambda: 0, "today", snapshot_every=20)
    return open_session(place, small_world(symbols), venue, inside=exchange, boot=BOOT), venue


def lived(disk, steps=STEPS):
    opened, venue = opened_on(disk, steps)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    return opened, venue


@pytest.fixture(scope="module")
def told():
    """A session lived through by today's version: its disk, and the hash at its end."""
    disk = SimulatedDisk()
    opened, _ = lived(disk)
    return disk, opened.session.sequencer.world.state_hash()


def records(disk):
    return list(JournalReader(disk, FOLDER).records())


def last_of(disk, kind, before):
    return max(record.seq for record in records(disk) if record.kind == kind and record.seq < before)


def snapshots(disk):
    return [record.seq for record in records(disk) if record.kind == RecordKind.SNAPSHOT]


def files(disk):
    return {name: disk.read(FOLDER / name) for name in disk.names(FOLDER)}


def requests(disk):
    reader = JournalReader(disk, FOLDER)
    asked = [r for r in reader.records() if r.kind == RecordKind.REQUESTS]
    return np.concatenate([decode_requests(r, layouts_at(reader.headers, r.seq))[1] for r in asked])


def refused(disk):
    before = files(disk)
    with pytest.raises(JournalError) as caught:
        opened_on(disk)
    assert files(disk) == before, "not a byte is changed"
    assert "that version" in caught.value.hint
    return caught.value


@pytest.mark.parametrize("behind", ["nothing", "requests"])
def test_a_session_goes_on_with_rows_that_lacked_fields(told, behind):
    """What is behind the snapshot is run again and comes out as it was written, in the rows of today."""
    disk, at_end = told
    until = (
        snapshots(disk)[1]
        if behind == "nothing"
        else last_of(disk, RecordKind.REQUESTS, len(records(disk)) - 9)
    )
    old = rewrite_as(disk, FOLDER, OtherVersion("0.0.9", lacks=NARROW), until)
    before = files(old)
    opened, venue = lived(old)
    assert opened.resumed_at == snapshots(disk)[1 if behind == "nothing" else -1]
    assert opened.session.sequencer.world.state_hash() == at_end
    numbers = [number for number in venue.numbers if number > 0]
    assert len(numbers) == len(set(numbers))
    assert (requests(old) == requests(disk)).all()
    assert {name: files(old)[name] for name in before if name != "lock"} == before, "what was written stays"
    headers = JournalReader(old, FOLDER).headers
    assert [header.writer for header in headers] == ["0.0.9", "today"]
    assert headers[1].layouts == LAYOUTS
    assert verify_journal(old, FOLDER).verdict == "whole"
    assert replay_journal(FOLDER, small_world(), old).state_hash == at_end


def test_what_a_newer_version_says_in_zeros_is_what_is_said_here(told):
    disk, at_end = told
    version = OtherVersion("9.0.0", knows={"FACT": {"mood": 0}, "REQUEST": {"hurry": 0}})
    newer = rewrite_as(disk, FOLDER, version, len(records(disk)) - 9)
    opened, _ = lived(newer)
    assert opened.session.sequencer.world.state_hash() == at_end
    assert verify_journal(newer, FOLDER).verdict == "whole"


NEWER = {
    "a fact says more": OtherVersion("9.0.0", knows={"FACT": {"mood": 7}}),
    "a request says more": OtherVersion("9.0.0", knows={"REQUEST": {"hurry": 1}}),
    "an intent says more": OtherVersion("9.0.0", knows={"INTENT": {"hurry": 1}}),
    "facts are packed otherwise": OtherVersion("9.0.0", schemas={RecordKind.FACTS: 2, RecordKind.MARKET: 2}),
    "decisions are packed otherwise": OtherVersion("9.0.0", schemas={RecordKind.DECISION: 2}),
    "records of another kind": OtherVersion("9.0.0", added=((ord("Q"), b"?"),)),
}


@pytest.mark.parametrize("version", NEWER.values(), ids=NEWER)
def test_what_a_newer_version_says_beyond_is_refused_and_left_as_it_is(told, version):
    disk, _ = told
    newer = rewrite_as(disk, FOLDER, version, len(records(disk)) - 9)
    error = refused(newer)
    assert error.code == "JOURNAL_VERSION"
    assert error.message.endswith("another version of tradewind: 9.0.0 wrote it")
    with pytest.raises(JournalError) as caught:
        replay_journal(FOLDER, small_world(), newer)
    assert caught.value.code == "JOURNAL_VERSION"
    assert verify_journal(newer, FOLDER).verdict == "whole"


def test_a_snapshot_with_nothing_behind_it_hides_what_a_newer_version_said_before(told):
    """What the state was made of is not looked at again: it has come to its end in the state."""
    disk, at_end = told
    newer = rewrite_as(disk, FOLDER, NEWER["a request says more"], snapshots(disk)[-1])
    opened, _ = lived(newer)
    assert opened.session.sequencer.world.state_hash() == at_end


def test_a_torn_tail_of_a_newer_version_is_left_where_it_is(told):
    disk, _ = told
    newer = rewrite_as(disk, FOLDER, NEWER["a fact says more"], len(records(disk)) - 9)
    (name,) = [name for name in newer.names(FOLDER) if name.endswith(".twj")]
    newer.replace_bytes(FOLDER / name, newer.read(FOLDER / name) + b"torn")
    assert refused(newer).code == "JOURNAL_VERSION"


def test_a_file_of_a_newer_format_is_refused_and_left_as_it_is(told):
    disk, _ = told
    newer = rewrite_as(disk, FOLDER, OtherVersion("9.0.0"), len(records(disk)) - 9)
    (name,) = [name for name in newer.names(FOLDER) if name.endswith(".twj")]
    data = bytearray(newer.read(FOLDER / name))
    prefix = struct.Struct("<8sIIII")
    magic, _, length, crc, _ = prefix.unpack_from(data)
    prefix.pack_into(data, 0, magic, 2, length, crc, 2 ^ length ^ crc ^ 0xFFFFFFFF)
    newer.replace_bytes(FOLDER / name, bytes(data))
    error = refused(newer)
    assert (error.code, error.where) == ("JOURNAL_VERSION", name)
    assert "format 2" in error.message


def test_a_state_of_another_form_is_refused_before_anything_is_written(told):
    disk, _ = told
    old = rewrite_as(disk, FOLDER, OtherVersion("0.0.9"), snapshots(disk)[-1])
    before = files(old)
    with pytest.raises(JournalError, match="another form") as caught:
        opened_on(old, symbols=2)
    assert caught.value.code == "JOURNAL_VERSION"
    assert files(old) == before


def test_an_older_fact_without_what_was_decided_on_comes_out_otherwise(told):
    """The exchange says the bar again, and says more of it: nobody knows what was decided on. Nothing is lost."""
    disk, _ = told
    old = rewrite_as(
        disk, FOLDER, OtherVersion("0.0.9", lacks={"FACT": ("high_tick",)}), len(records(disk)) - 9
    )
    before = files(old)
    opened, venue = opened_on(old)
    with pytest.raises(JournalError, match=r"tradewind 0\.0\.9 wrote it") as caught:
        asyncio.run(opened.session.run())
    opened.writer.abandon()
    assert caught.value.code == "REPLAY_DIFFERS"
    assert venue.numbers == []
    assert {name: files(old)[name] for name in before} == before
    kinds = [
        chr(record.kind)
        for record in records(old)[
            len(records(rewrite_as(disk, FOLDER, OtherVersion("x"), len(records(disk)) - 9))) :
        ]
    ]
    assert kinds == ["B"], "only that a process began"


def test_older_rows_are_verified_explained_and_told_in_figures_as_todays(told):
    disk, _ = told
    old = rewrite_as(disk, FOLDER, OtherVersion("0.0.9", lacks=NARROW))
    for order in ("last", str(int(requests(disk)["cid"][0]))):
        assert explain_order(FOLDER, order, old).steps == explain_order(FOLDER, order, disk).steps
    assert verify_journal(old, FOLDER).verdict == "whole"
    now, then = (read_session(FOLDER, each) for each in (disk, old))
    assert now.tables == then.tables
    assert now.fills()


def test_a_record_that_cannot_be_read_is_told_where_an_order_is_explained(told):
    disk, _ = told
    newer = rewrite_as(disk, FOLDER, NEWER["decisions are packed otherwise"])
    with pytest.raises(JournalError) as caught:
        explain_order(FOLDER, "last", newer)
    assert caught.value.code == "JOURNAL_VERSION"
    assert read_session(FOLDER, newer).fills(), "the rest is told"


def test_every_row_says_whether_it_says_the_same_today(told):
    disk, _ = told
    lacks = OtherVersion("0.0.9", lacks=NARROW)
    old = rewrite_as(disk, FOLDER, lacks)
    reader = JournalReader(old, FOLDER)
    today = {record.seq: record for record in records(disk)}
    changed = 0
    for record in reader.records():
        if record.kind == RecordKind.SNAPSHOT:
            continue
        changed += record.body != today[record.seq].body
        assert body_of_today(record, lacks.layouts) == today[record.seq].body
    assert changed > STEPS


def test_a_takeover_cuts_off_the_half_of_a_batch_that_a_crash_left(tmp_path):
    """Its own entry stands behind the last batch: once a half one before it was compared with what never came."""
    folder = tmp_path / "aged"
    identity = Identity("aged", ("main",))
    author = Authorship(identity, lambda: 0, "today", LAYOUTS)
    from tradewind.journal import FileDisk

    writer = open_journal(FileDisk(), folder, author)
    half = encode_facts(BatchPart(1, 0, 1, 2, -1, again=False), np.zeros(1, dtype_of(Fact)).tobytes())
    writer.append(RecordKind.FACTS, half)
    writer.close()
    assert write_down(folder, identity, "today", Audit(1, "me", "takeover", {})) == ""
    kinds = [chr(record.kind) for record in JournalReader(FileDisk(), folder).records()]
    assert kinds == ["A"]


class Counting(SmallExchange):
    """An exchange that notes the id of every order that reaches it."""

    def __init__(self, *terms):
        super().__init__(*terms)
        self.placed = []

    def place(self, new):
        self.placed.append(new.cid)
        return super().place(new)


class Upgraded(SmallLive):
    """A session on an account whose next process is of a newer version."""

    def make_exchange(self, unit, interval_ns, dice):
        return Counting(self.loop.now_ns, unit, interval_ns, dice)

    async def _session(self):
        if self.lives == 1:
            self.disk = rewrite_as(self.disk, LIVE, OtherVersion("0.0.9", lacks=NARROW))
            self.behind = [chr(r.kind) for r in records_behind_snapshot(self.disk)]
        await super()._session()


def records_behind_snapshot(disk):
    reader = JournalReader(disk, LIVE)
    return list(reader.records(newest_start(reader).next_seq))


@pytest.mark.parametrize("step", [900, 1_000, 1_100])
def test_an_account_goes_on_under_a_newer_version_with_nothing_sent_twice(step):
    life = Upgraded(dies_at=(step,), bars=12)
    life.run()
    assert life.lives == 1
    assert "R" in life.behind, "nothing was asked for behind the snapshot"
    ours, theirs = life.final()
    assert ours == theirs
    assert int(life.world.accounts["balance"][0]) == life.exchange.balance
    assert len(life.exchange.placed) == len(set(life.exchange.placed)) > 5
    assert life.exchange.fills
    reader = JournalReader(life.disk, LIVE)
    assert reader.headers[0].writer == "0.0.9"
    assert reader.headers[-1].writer == "test"
    assert [alert.text for alert in life.alerts if alert.code in ("UNEXPLAINED", "ORDER_ABANDONED")] == []
    assert replay_journal(LIVE, small_world(), life.disk).state_hash == life.world.state_hash()
