"""Snapshots and retention: every start leads to the same state, and nothing a replay needs is given up."""

from __future__ import annotations

import asyncio
import random
from hashlib import sha256

import pytest

from tradewind.errors import JournalError
from tradewind.journal import (
    FileDisk,
    JournalReader,
    RecordKind,
    RetentionRule,
    expire,
    newest_start,
    oldest_start,
    open_journal,
    records_after,
    verify_journal,
)
from tradewind.journal.snapshots import snapshot_name
from tradewind.live.proving import verify_before
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.journals import FOLDER, authorship, numbered_bodies, open_for_test

EVERY_SO_MANY = 40


class Machine:
    """The smallest thing with a state: a hash of all bodies applied in order."""

    def __init__(self, state=None):
        self.state = state or bytes(32)

    def apply(self, record):
        if record.kind not in (RecordKind.SNAPSHOT, RecordKind.BOOT):
            self.state = sha256(self.state + record.body).digest()


def session(disk, count=200, segment_bytes=900, folder=FOLDER):
    writer = open_for_test(disk, folder, segment_bytes)
    machine = Machine()
    for index, (kind, body) in enumerate(numbered_bodies(count)):
        seq = writer.append(kind, body)
        machine.apply(type("Applied", (), {"kind": kind, "body": body, "seq": seq}))
        writer.sync()
        if index % EVERY_SO_MANY == EVERY_SO_MANY - 1:
            writer.snapshot(machine.state)
    writer.close()
    return machine.state


def replayed(disk, start, folder=FOLDER):
    reader = JournalReader(disk, folder)
    machine = Machine(start(reader).state)
    for record in records_after(reader, start(reader)):
        machine.apply(record)
    return machine.state


def test_full_replay_and_every_snapshot_start_give_the_same_state():
    disk = SimulatedDisk()
    final = session(disk)
    assert replayed(disk, newest_start) == final
    assert replayed(disk, oldest_start) == final
    newest = newest_start(JournalReader(disk, FOLDER))
    assert newest.state is not None
    assert oldest_start(JournalReader(disk, FOLDER)).state is None
    for name in [name for name in disk.names(FOLDER) if name.endswith(".tws")][::-1]:
        disk.remove(FOLDER / name)
        assert replayed(disk, newest_start) == final


def test_damaged_snapshot_is_passed_over():
    disk = SimulatedDisk()
    final = session(disk)
    newest = newest_start(JournalReader(disk, FOLDER)).next_seq - 1
    size = len(disk.read(FOLDER / snapshot_name(newest)))
    for bit in random.Random(3).sample(range(size * 8), 100):
        disk.flip_bit(FOLDER / snapshot_name(newest), bit)
        assert newest_start(JournalReader(disk, FOLDER)).next_seq - 1 < newest
        assert replayed(disk, newest_start) == final
        assert verify_journal(disk, FOLDER).snapshots_bad == 1
        disk.flip_bit(FOLDER / snapshot_name(newest), bit)


def test_snapshot_that_no_record_refers_to_does_not_count():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    writer.append(RecordKind.FACTS, b"a")
    writer.snapshot(b"state")
    writer.abandon()
    assert snapshot_name(1) in disk.names(FOLDER)
    assert newest_start(JournalReader(disk, FOLDER)).state is None
    open_for_test(disk).close()


def test_snapshot_of_an_earlier_life_is_written_anew():
    disk = SimulatedDisk()
    for state in (b"first life", b"second life"):
        writer = open_for_test(disk)
        if writer.next_seq == 1:
            writer.append(RecordKind.FACTS, b"a")
        writer.snapshot(state)
        if state == b"second life":
            writer.sync()
        writer.abandon()
    assert newest_start(JournalReader(disk, FOLDER)).state == b"second life"


@pytest.mark.parametrize("where", ["simulated", "real"])
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_expire_chain_verifies_and_replay_starts_at_the_oldest_kept_snapshot(keep, where, tmp_path):
    disk, folder = (SimulatedDisk(), FOLDER) if where == "simulated" else (FileDisk(), tmp_path / "j")
    final = session(disk, folder=folder)
    chain = verify_journal(disk, folder).chain
    result = expire(disk, folder, RetentionRule(keep), now_ns=2**62)
    report = verify_journal(disk, folder)
    assert result.records > 0
    assert result.bytes_freed != 0
    assert (report.verdict, report.chain, report.expired) == ("whole", chain, result.records)
    assert report.snapshots == keep
    reader = JournalReader(disk, folder)
    assert oldest_start(reader).next_seq == result.replay_from_seq
    assert sum(r.kind == RecordKind.SNAPSHOT for r in reader.records()) == 200 // EVERY_SO_MANY
    assert replayed(disk, oldest_start, folder) == final
    assert replayed(disk, newest_start, folder) == final


def test_expire_gives_up_market_payloads_only():
    disk = SimulatedDisk()
    session(disk)
    before = {r.seq: r for r in JournalReader(disk, FOLDER).records()}
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    after = list(JournalReader(disk, FOLDER).records())
    assert sum(r.count for r in after) == len(before)
    for record in after:
        if record.kind == RecordKind.EXPIRED:
            covered = range(record.seq, record.seq + record.count)
            assert {before[seq].kind for seq in covered} == {RecordKind.MARKET}
        else:
            assert before[record.seq] == record


def test_expire_twice_changes_nothing_more():
    disk = SimulatedDisk()
    session(disk)
    expire(disk, FOLDER, RetentionRule(2), now_ns=2**62)
    files = {name: disk.read(FOLDER / name) for name in disk.names(FOLDER)}
    assert expire(disk, FOLDER, RetentionRule(2), now_ns=2**62).records == 0
    assert files == {name: disk.read(FOLDER / name) for name in disk.names(FOLDER)}
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    assert verify_journal(disk, FOLDER).verdict == "whole"


def test_expire_merges_neighbouring_runs_of_market_records():
    disk = SimulatedDisk()
    writer = open_for_test(disk, segment_bytes=3_000)
    for _ in range(100):
        writer.append(RecordKind.MARKET, bytes(150))
        writer.sync()
    writer.snapshot(b"s")
    writer.close()
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    runs = [r for r in JournalReader(disk, FOLDER).records() if r.kind == RecordKind.EXPIRED]
    assert len(runs) == len(JournalReader(disk, FOLDER).headers) - 1
    assert all(
        next(JournalReader(disk, FOLDER).records(run.seq + 1)).seq == run.seq for run in runs if run.count > 1
    )


def test_expire_without_a_valid_snapshot_gives_up_nothing():
    disk = SimulatedDisk()
    session(disk, count=EVERY_SO_MANY - 1)
    assert expire(disk, FOLDER, RetentionRule(1), now_ns=2**62).records == 0


def test_expire_leaves_what_is_younger_than_the_rule():
    disk = SimulatedDisk()
    for now_ns in (100, 200, 300, 400):
        writer = open_journal(disk, FOLDER, authorship(now_ns=now_ns), segment_bytes=1)
        writer.append(RecordKind.MARKET, b"m" * 50)
        writer.snapshot(b"s")
        writer.close()
    old = expire(disk, FOLDER, RetentionRule(1, market_age_ns=250), now_ns=400)
    # The segments with market payloads ended at 100, 200, 300 and 400; one of them is 250 ns old by now.
    assert old.records == 1


def test_start_with_expired_facts_and_no_whole_snapshot_is_refused():
    disk = SimulatedDisk()
    session(disk)
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    for name in [name for name in disk.names(FOLDER) if name.endswith(".tws")]:
        disk.remove(FOLDER / name)
    for start in (newest_start, oldest_start):
        with pytest.raises(JournalError, match="have expired"):
            start(JournalReader(disk, FOLDER))


def test_expire_full_disk_leaves_the_journal_as_it_was():
    disk = SimulatedDisk()
    final = session(disk)
    disk.capacity_bytes = sum(len(disk.read(FOLDER / name)) for name in disk.names(FOLDER)) - 2_000
    with pytest.raises(JournalError, match="DISK_FULL"):
        expire(disk, FOLDER, RetentionRule(5), now_ns=2**62)
    disk.capacity_bytes = None
    assert not [name for name in disk.names(FOLDER) if name.endswith(".part")]
    assert verify_journal(disk, FOLDER).verdict == "whole"
    assert replayed(disk, newest_start) == final


def test_older_snapshot_that_comes_back_is_no_start_once_its_facts_expired():
    disk = SimulatedDisk()
    final = session(disk)
    snapshots = {name: disk.read(FOLDER / name) for name in disk.names(FOLDER) if name.endswith(".tws")}
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    for name, data in snapshots.items():
        disk.replace_bytes(FOLDER / name, data)
    assert replayed(disk, oldest_start) == final


def test_snapshot_survives_a_crash_once_its_record_is_durable():
    for seed in range(20):
        disk = SimulatedDisk()
        writer = open_for_test(disk)
        writer.append(RecordKind.FACTS, b"a")
        writer.snapshot(b"state")
        writer.sync()
        disk.crash(random.Random(seed))
        assert newest_start(JournalReader(disk, FOLDER)).state == b"state"


def test_a_start_from_a_snapshot_reads_nothing_before_it_and_what_is_wrong_there_is_found_by_verifying():
    disk = SimulatedDisk()
    final = session(disk, segment_bytes=1 << 20)
    segment = FOLDER / "segment-000001.twj"
    start = newest_start(JournalReader(disk, FOLDER))
    assert 0 < start.offset < len(disk.read(segment))
    disk.flip_bit(segment, 8 * (start.offset // 2))
    assert replayed(disk, newest_start) == final
    open_for_test(disk).close()
    assert verify_journal(disk, FOLDER).verdict == "corrupt"
    with pytest.raises(JournalError, match="JOURNAL_CORRUPT"):
        asyncio.run(verify_before(disk, FOLDER, start.next_seq))


@pytest.mark.parametrize("offset", [0, 1, 500, 1 << 30])
def test_a_snapshot_that_names_a_wrong_place_is_found_by_its_sequence(offset):
    disk = SimulatedDisk()
    session(disk, segment_bytes=1 << 20)
    reader = JournalReader(disk, FOLDER)
    start = newest_start(reader)
    found = [record.seq for record in reader.records(start.next_seq, start.chain, offset)]
    assert found == [record.seq for record in reader.records(start.next_seq)]
    assert found[0] == start.next_seq


def test_another_chain_than_the_snapshots_is_refused():
    disk = SimulatedDisk()
    session(disk, segment_bytes=1 << 20)
    reader = JournalReader(disk, FOLDER)
    start = newest_start(reader)
    with pytest.raises(JournalError, match="the chain breaks here"):
        next(reader.records(start.next_seq, bytes(32), start.offset))


def test_records_of_a_kind_are_those_that_a_whole_reading_finds():
    disk = SimulatedDisk()
    session(disk)
    expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
    reader = JournalReader(disk, FOLDER)
    records = list(reader.records())
    for kind in (RecordKind.FACTS, RecordKind.SNAPSHOT, RecordKind.EXPIRED, RecordKind.BOOT):
        assert list(reader.of_kind(kind)) == [record for record in records if record.kind == kind]
    assert any(record.kind == RecordKind.EXPIRED for record in records)


def test_everything_before_a_start_is_verified_and_nothing_after():
    disk = SimulatedDisk()
    session(disk)
    reader = JournalReader(disk, FOLDER)
    for seq in (1, 2, 100, newest_start(reader).next_seq):
        assert asyncio.run(verify_before(disk, FOLDER, seq)) == seq - 1
