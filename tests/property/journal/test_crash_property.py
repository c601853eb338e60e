"""Whatever happens between syncs, a crash leaves a prefix that holds everything synced."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.journal import JournalReader, RecordKind, RetentionRule, expire, verify_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.journals import FOLDER, open_for_test, read_records

KINDS = st.sampled_from([RecordKind.MARKET, RecordKind.FACTS, RecordKind.REQUESTS])
ACTS = st.one_of(
    st.tuples(st.just("append"), KINDS, st.binary(max_size=120)),
    st.tuples(st.sampled_from(["sync", "sync", "flush", "snapshot", "crash", "close", "expire"])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, max_size=60), st.integers(0, 2**32), st.sampled_from([1, 300, 2_000]))
def test_crash_at_any_time_keeps_what_was_synced_and_invents_nothing(acts, seed, segment_bytes):
    disk, rng = SimulatedDisk(), random.Random(seed)
    writer = open_for_test(disk, segment_bytes=segment_bytes)
    appended, durable = [], 0
    for act, *rest in acts:
        if act == "append":
            appended.append(rest[1])
            writer.append(*rest)
        elif act == "flush":
            writer.flush()
        elif act == "sync":
            writer.sync()
            durable = len(appended)
        elif act == "snapshot":
            durable = len(appended)
            writer.snapshot(b"s" * 40)
            appended.append(None)
        elif act == "expire":
            expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
        else:
            if act == "crash":
                disk.crash(rng)
            else:
                writer.close()
                durable = len(appended)
            assert verify_journal(disk, FOLDER).verdict in ("whole", "torn")
            writer = open_for_test(disk, segment_bytes=segment_bytes)
            last = writer.recovered.last_seq
            assert durable <= last <= len(appended)
            del appended[last:]
            durable = last
            check_bodies(disk, appended)
    writer.close()
    check_bodies(disk, appended)
    assert verify_journal(disk, FOLDER).verdict == "whole"


def check_bodies(disk, appended):
    seq = 1
    for record in read_records(disk):
        assert record.seq == seq
        seq += record.count
        expected = appended[record.seq - 1]
        if record.kind not in (RecordKind.EXPIRED, RecordKind.SNAPSHOT):
            assert record.body == expected
    assert seq == len(appended) + 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.integers(0, 2**32))
def test_crash_at_every_operation_of_the_disk_is_recovered(stop_at, seed):
    disk, rng = SimulatedDisk(), random.Random(seed)
    durable = 0

    class Killed(BaseException):
        """The process is gone."""

    def count(_operation):
        if disk.operations == stop_at:
            raise Killed

    disk.on_operation = count
    try:
        writer = open_for_test(disk, segment_bytes=300)
        for index in range(40):
            writer.append(RecordKind.MARKET, bytes([index]) * 20)
            writer.sync()
            durable = writer.next_seq - 1
            if index % 10 == 9:
                writer.snapshot(bytes(100))
                expire(disk, FOLDER, RetentionRule(1), now_ns=2**62)
        writer.close()
    except Killed:
        pass
    disk.on_operation = None
    disk.crash(rng)
    again = open_for_test(disk, segment_bytes=300)
    assert again.recovered.last_seq >= durable
    again.append(RecordKind.MARKET, b"and on")
    again.close()
    assert verify_journal(disk, FOLDER).verdict == "whole"
    assert sum(r.count for r in JournalReader(disk, FOLDER).records()) == again.next_seq - 1
