"""The writer: what is appended is read back, in segments, by one writer, from a disk that may refuse."""

from __future__ import annotations

import errno
import os
import random
import stat
from dataclasses import replace

import pytest

from tradewind.errors import Busy, InvariantBroken, JournalError, SafetyRefusal
from tradewind.journal import (
    FileDisk,
    Identity,
    JournalReader,
    RecordKind,
    open_journal,
    verify_journal,
)
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.journals import (
    FOLDER,
    IDENTITY,
    authorship,
    numbered_bodies,
    open_for_test,
    read_records,
    write_records,
)


@pytest.fixture(params=["simulated", "real"])
def place(request, tmp_path):
    if request.param == "real":
        return FileDisk(), tmp_path / "journal" / "paper"
    return SimulatedDisk(), FOLDER


def test_append_read_back_same_records_in_order(place):
    disk, folder = place
    bodies = list(numbered_bodies(50))
    write_records(disk, bodies, folder)
    records = read_records(disk, folder)
    assert [(r.kind, r.body) for r in records] == bodies
    assert [r.seq for r in records] == list(range(1, 51))


def test_append_returns_the_sequence_of_the_record(place):
    disk, folder = place
    writer = open_for_test(disk, folder)
    assert [writer.append(RecordKind.FACTS, b"x") for _ in range(3)] == [1, 2, 3]
    writer.close()
    again = open_for_test(disk, folder)
    assert again.recovered.last_seq == 3
    assert again.append(RecordKind.FACTS, b"y") == 4
    again.close()


@pytest.mark.parametrize("crash_after", range(1, 7))
def test_what_needs_others_behind_it_shares_their_segment_and_is_cut_off_whole(crash_after):
    """Recovery looks at the last segment alone: a batch in two of them could not be taken back."""
    disk = SimulatedDisk()

    def opened():
        return open_journal(disk, FOLDER, authorship(), segment_bytes=1, is_begun=lambda r: r.body[0] < 3)

    writer = opened()
    for number in range(crash_after):
        writer.append(RecordKind.FACTS, bytes((number % 3 + 1,)) * 9)
        writer.flush()
    writer.abandon()
    whole = crash_after // 3 * 3
    opened().close()
    assert [record.body[0] for record in read_records(disk)] == [1, 2, 3] * (whole // 3)
    begins = [header.first_seq for header in JournalReader(disk, FOLDER).headers]
    assert [seq % 3 for seq in begins] == [1] * len(begins)
    assert len(begins) == max(1, -(-crash_after // 3))


def test_append_without_sync_is_not_yet_on_the_disk():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    writer.append(RecordKind.FACTS, b"x")
    assert read_records(disk) == []
    writer.flush()
    assert len(read_records(disk)) == 1


def test_append_record_beyond_the_limit_is_refused():
    writer = open_for_test(SimulatedDisk())
    with pytest.raises(InvariantBroken):
        writer.append(RecordKind.FACTS, bytes(1 << 20))
    assert writer.append(RecordKind.FACTS, bytes((1 << 20) - 100)) == 1


def test_rotation_begins_new_segments_that_continue_the_chain(place):
    disk, folder = place
    bodies = list(numbered_bodies(200))
    write_records(disk, bodies, folder, segment_bytes=600)
    reader = JournalReader(disk, folder)
    assert len(reader.headers) > 5
    assert [(r.kind, r.body) for r in reader.records()] == bodies
    assert verify_journal(disk, folder).verdict == "whole"


@pytest.mark.parametrize("from_seq", [1, 2, 57, 113, 199, 200, 201])
def test_records_from_a_sequence_begin_there(from_seq):
    disk = SimulatedDisk()
    write_records(disk, numbered_bodies(200), segment_bytes=700)
    seqs = [r.seq for r in JournalReader(disk, FOLDER).records(from_seq)]
    assert seqs == list(range(from_seq, 201))


def test_rotation_clock_that_goes_backwards_changes_nothing():
    disk = SimulatedDisk()
    for now_ns in (2_000, 1_000, 500):
        writer = open_journal(disk, FOLDER, authorship(now_ns=now_ns), segment_bytes=1)
        writer.append(RecordKind.FACTS, b"t")
        writer.sync()
        writer.close()
    reader = JournalReader(disk, FOLDER)
    assert [header.created_ns for header in reader.headers] == [2_000, 1_000, 500]
    assert [r.seq for r in reader.records()] == [1, 2, 3]


WIDER = {"FACT": (("kind", "<i8"), ("price_tick", "<i8"), ("qty_lot", "<i8"))}


@pytest.mark.parametrize("author", [authorship(layouts=WIDER), replace(authorship(), writer="9.0.0")])
def test_another_layout_or_version_begins_a_segment_that_says_so_with_its_first_record(author):
    disk = SimulatedDisk()
    write_records(disk, numbered_bodies(3))
    before = {name: disk.read(FOLDER / name) for name in disk.names(FOLDER)}
    open_journal(disk, FOLDER, author).close()
    assert {name: disk.read(FOLDER / name) for name in disk.names(FOLDER)} == before, "it said nothing"
    writer = open_journal(disk, FOLDER, author)
    for kind, body in numbered_bodies(2):
        writer.append(kind, body)
        writer.sync()
    writer.close()
    headers = JournalReader(disk, FOLDER).headers
    assert [header.first_seq for header in headers] == [1, 4]
    assert (headers[1].layouts, headers[1].writer) == (author.layouts, author.writer)
    assert len(read_records(disk)) == 5


@pytest.mark.parametrize("other", [Identity("paper", ("bybit:77",)), Identity("other", IDENTITY.accounts)])
def test_open_journal_of_another_account_or_session_refuses(place, other):
    disk, folder = place
    write_records(disk, numbered_bodies(3), folder)
    with pytest.raises(SafetyRefusal) as caught:
        open_journal(disk, folder, authorship(other))
    assert caught.value.code == "JOURNAL_IDENTITY"
    assert len(read_records(disk, folder)) == 3


def test_open_second_writer_is_refused_with_the_holder_shown(place):
    disk, folder = place
    first = open_for_test(disk, folder)
    with pytest.raises(Busy) as caught:
        open_for_test(disk, folder)
    assert caught.value.code == "LOCKED"
    assert "writes the journal paper" in str(caught.value)
    first.close()
    open_for_test(disk, folder).close()


def test_open_refused_for_identity_gives_the_lock_back(place):
    disk, folder = place
    write_records(disk, numbered_bodies(1), folder)
    with pytest.raises(SafetyRefusal):
        open_journal(disk, folder, authorship(Identity("x", ())))
    open_for_test(disk, folder).close()


def test_lock_names_the_process_that_holds_it(tmp_path):
    lock = FileDisk().lock(tmp_path / "lock", "trades paper")
    with pytest.raises(Busy, match=f"process {os.getpid()} on .*trades paper"):
        FileDisk().lock(tmp_path / "lock", "trades paper")
    lock.release()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_files_and_folders_are_the_owners_only_whatever_the_umask(tmp_path, umask):
    folder = tmp_path / "journal" / "paper"
    old = os.umask(umask)
    try:
        writer = open_for_test(FileDisk(), folder, segment_bytes=1)
        for _ in range(3):
            writer.append(RecordKind.MARKET, b"x")
            writer.sync()
        writer.snapshot(b"state")
        writer.close()
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) >= 5
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_full_disk_at_every_byte_loses_nothing_that_was_synced():
    bodies = list(numbered_bodies(30))
    whole = SimulatedDisk()
    write_records(whole, bodies, segment_bytes=400)
    total = sum(len(whole.read(FOLDER / name)) for name in whole.names(FOLDER))
    for capacity in range(300, total, 7):
        disk = SimulatedDisk()
        disk.capacity_bytes = capacity
        _write_through_a_full_disk(disk, bodies)
        assert [(r.kind, r.body) for r in read_records(disk)] == bodies, capacity
        assert verify_journal(disk, FOLDER).verdict == "whole"


def _write_through_a_full_disk(disk, bodies):
    writer = open_for_test(disk, segment_bytes=400)
    for kind, body in bodies:
        writer.append(kind, body)
        code = _code_of(writer.sync)
        if code is not None:
            assert code == "DISK_FULL"
            report = verify_journal(disk, FOLDER)
            assert (report.verdict, report.bytes_dropped) == ("whole", 0)
            disk.capacity_bytes = None
            writer.sync()
    writer.close()


def _code_of(act):
    try:
        act()
    except JournalError as error:
        return error.code
    return None


def test_append_on_a_full_disk_does_not_take_the_record():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    disk.capacity_bytes = 2_000
    taken = 0
    while (code := _code_of(lambda: writer.append(RecordKind.MARKET, bytes(100)))) is None:
        taken += 1
    assert code == "DISK_FULL"
    assert writer.next_seq == taken + 1
    disk.capacity_bytes = None
    assert writer.append(RecordKind.MARKET, bytes(100)) == taken + 1
    writer.close()
    assert len(read_records(disk)) == taken + 1


def test_short_writes_are_continued(monkeypatch):
    disk = SimulatedDisk()
    monkeypatch.setattr(SimulatedDisk, "room_bytes", lambda self, wanted: min(wanted, 5))
    bodies = list(numbered_bodies(20))
    write_records(disk, bodies)
    assert [(r.kind, r.body) for r in read_records(disk)] == bodies


def test_failed_sync_is_fatal_and_never_retried():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    writer.append(RecordKind.REQUESTS, b"buy")
    disk.syncs_until_failure = 0
    with pytest.raises(JournalError) as caught:
        writer.sync()
    assert caught.value.code == "JOURNAL_WRITE"
    disk.syncs_until_failure = None
    operations = disk.operations
    for act in (
        writer.sync,
        writer.flush,
        lambda: writer.append(RecordKind.FACTS, b""),
        lambda: writer.snapshot(b""),
    ):
        with pytest.raises(JournalError, match="JOURNAL_WRITE"):
            act()
    writer.close()
    assert disk.operations == operations


def test_failed_sync_while_rotating_is_fatal():
    disk = SimulatedDisk()
    writer = open_for_test(disk, segment_bytes=1)
    writer.append(RecordKind.FACTS, b"a")
    writer.sync()
    writer.append(RecordKind.FACTS, b"b")
    disk.syncs_until_failure = 1
    with pytest.raises(JournalError, match="JOURNAL_WRITE"):
        writer.sync()


def test_write_error_other_than_full_is_fatal():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    writer.append(RecordKind.FACTS, b"a")

    def fail(operation):
        if operation == "append":
            raise OSError(errno.EIO, "input/output error")

    disk.on_operation = fail
    with pytest.raises(JournalError, match="JOURNAL_WRITE"):
        writer.sync()
    disk.on_operation = None
    with pytest.raises(JournalError, match="JOURNAL_WRITE"):
        writer.sync()


def test_close_syncs_and_abandon_does_not():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    writer.append(RecordKind.FACTS, b"kept")
    writer.close()
    writer = open_for_test(disk)
    writer.append(RecordKind.FACTS, b"lost")
    writer.abandon()
    assert [r.body for r in read_records(disk)] == [b"kept"]


def test_reader_of_an_absent_journal_has_no_records(place):
    disk, folder = place
    assert list(JournalReader(disk, folder / "none").records()) == []
    assert verify_journal(disk, folder / "none").records == 0


def test_rotation_makes_the_old_segment_durable_first():
    for seed in range(20):
        disk = SimulatedDisk()
        writer = open_for_test(disk, segment_bytes=1)
        for body in (b"a" * 50, b"b" * 50):
            writer.append(RecordKind.FACTS, body)
            writer.flush()
        disk.crash(random.Random(seed))
        assert verify_journal(disk, FOLDER).verdict in ("whole", "torn")
        assert read_records(disk)[0].body == b"a" * 50


def test_open_makes_durable_what_it_says_it_found():
    for seed in range(20):
        disk = SimulatedDisk()
        writer = open_for_test(disk)
        writer.append(RecordKind.FACTS, b"a" * 50)
        writer.flush()
        writer.abandon()
        assert open_for_test(disk).recovered.last_seq == 1
        disk.crash(random.Random(seed))
        assert len(read_records(disk)) == 1
