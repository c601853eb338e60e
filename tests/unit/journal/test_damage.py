"""Damage: every truncation leaves the longest whole prefix, every flipped bit is found and refused."""

from __future__ import annotations

import random
import struct
from zlib import crc32

import pytest

from tradewind.errors import JournalError
from tradewind.journal import CorruptJournalError, JournalReader, RecordKind, open_journal, verify_journal
from tradewind.journal import format as twj
from tradewind.journal.reader import SegmentScan, segment_name
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.journals import (
    FOLDER,
    authorship,
    numbered_bodies,
    open_for_test,
    read_records,
    write_records,
)

FIRST = FOLDER / segment_name(1)


def written(count=40, segment_bytes=1 << 20):
    disk = SimulatedDisk()
    write_records(disk, numbered_bodies(count), segment_bytes=segment_bytes)
    return disk


def ends_of_records(data):
    scan = SegmentScan(data, "segment", is_last=True)
    ends = [scan.offset]
    for _ in scan.with_payloads():
        ends.append(scan.offset)
    return ends


def disk_with(data):
    disk = SimulatedDisk()
    disk.replace_bytes(FIRST, data)
    return disk


def test_truncation_at_every_byte_recovers_the_complete_records():
    """F82."""
    data = written().read(FIRST)
    records = read_records(disk_with(data))
    ends = ends_of_records(data)
    for size in range(len(data)):
        disk = disk_with(data[:size])
        whole = sum(end <= size for end in ends) - 1
        start = max((end for end in ends if end <= size), default=0)
        report = verify_journal(disk, FOLDER)
        assert report.first_bad is None, size
        assert report.records == max(whole, 0)
        assert report.bytes_dropped == size - start
        writer = open_for_test(disk)
        assert (writer.recovered.last_seq, writer.recovered.dropped_bytes) == (max(whole, 0), size - start)
        writer.append(RecordKind.FACTS, b"after the crash")
        writer.close()
        assert read_records(disk)[:-1] == records[: max(whole, 0)]


@pytest.mark.parametrize("zeros", [1, 7, 19, 20, 21, 4096])
def test_tail_of_zeros_is_dropped_at_every_byte(zeros):
    """F82."""
    data = written(12).read(FIRST)
    ends = ends_of_records(data)
    for size in range(ends[0], len(data) + 1):
        report = verify_journal(disk_with(data[:size] + bytes(zeros)), FOLDER)
        start = max(end for end in ends if end <= size)
        assert report.verdict == "torn", size
        assert report.records == ends.index(start)
        assert report.bytes_dropped == size + zeros - start


def test_every_single_bit_flip_is_found_and_refused():
    """F83."""
    data = written(25).read(FIRST)
    for bit in range(len(data) * 8):
        disk = disk_with(data)
        disk.flip_bit(FIRST, bit)
        assert verify_journal(disk, FOLDER).verdict == "corrupt", (bit // 8, bit % 8)
    with pytest.raises(JournalError):
        open_for_test(disk)


def test_bit_flip_before_a_tail_of_zeros_is_still_found():
    """F83."""
    data = written(25).read(FIRST)
    for bit in random.Random(1).sample(range(len(data) * 8), 2_000):
        disk = disk_with(data + bytes(500))
        disk.flip_bit(FIRST, bit)
        assert verify_journal(disk, FOLDER).verdict == "corrupt", (bit // 8, bit % 8)


def test_bit_flip_in_any_segment_is_found_by_verify():
    whole = written(120, segment_bytes=500)
    names = [name for name in whole.names(FOLDER) if name.endswith(".twj")]
    rng = random.Random(2)
    for _ in range(3_000):
        name = rng.choice(names)
        bit = rng.randrange(len(whole.read(FOLDER / name)) * 8)
        whole.flip_bit(FOLDER / name, bit)
        report = verify_journal(whole, FOLDER)
        assert report.verdict == "corrupt"
        assert report.first_bad.segment == name
        whole.flip_bit(FOLDER / name, bit)
    assert verify_journal(whole, FOLDER).verdict == "whole"


def test_damage_names_segment_offset_and_sequence():
    disk = written(10)
    ends = ends_of_records(disk.read(FIRST))
    disk.flip_bit(FIRST, (ends[6] + 25) * 8)
    with pytest.raises(CorruptJournalError) as caught:
        read_records(disk)
    damage = caught.value.damage
    assert (damage.segment, damage.offset, damage.seq) == (segment_name(1), ends[6], 7)
    assert caught.value.code == "JOURNAL_CORRUPT"
    assert caught.value.where == f"{segment_name(1)}:{ends[6]}"


def test_record_rewritten_with_a_valid_checksum_breaks_the_chain_there():
    disk = written(10)
    data = disk.read(FIRST)
    ends = ends_of_records(data)
    frame = data[ends[4] : ends[5]]
    payload = frame[twj.HEAD_BYTES :].replace(frame[-3:-2], bytes([frame[-3] ^ 1]))
    length, crc = len(payload), crc32(payload)
    head = struct.pack("<III", length, crc, length ^ crc ^ 0xFFFFFFFF) + frame[12 : twj.HEAD_BYTES]
    report = verify_journal(disk_with(data[: ends[4]] + head + payload + data[ends[5] :]), FOLDER)
    assert report.first_bad.seq == 5
    assert "chain" in report.first_bad.why


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_missing_segment_is_damage(gone):
    """F84."""
    disk = written(60, segment_bytes=500)
    names = [name for name in disk.names(FOLDER) if name.endswith(".twj")]
    disk.remove(FOLDER / names[gone])
    assert verify_journal(disk, FOLDER).verdict == "corrupt"
    with pytest.raises(CorruptJournalError):
        open_for_test(disk)


def test_segment_of_another_journal_is_damage():
    """F84."""
    disk, other = written(60, segment_bytes=500), SimulatedDisk()
    writer = open_journal(other, FOLDER, authorship(twj.Identity("other", ())), 500)
    for kind, body in numbered_bodies(60):
        writer.append(kind, body)
        writer.sync()
    disk.replace_bytes(FOLDER / segment_name(2), other.read(FOLDER / segment_name(2)))
    assert verify_journal(disk, FOLDER).verdict == "corrupt"


def test_truncated_segment_before_another_is_damage_not_a_tail():
    disk = written(60, segment_bytes=500)
    data = disk.read(FIRST)
    disk.replace_bytes(FIRST, data[:-5])
    report = verify_journal(disk, FOLDER)
    assert report.verdict == "corrupt"
    assert report.first_bad.segment == segment_name(1)


def test_journal_shorter_than_its_snapshot_is_refused():
    disk = SimulatedDisk()
    writer = open_for_test(disk)
    for kind, body in numbered_bodies(10):
        writer.append(kind, body)
    writer.snapshot(b"state")
    writer.close()
    data = disk.read(FIRST)
    disk.replace_bytes(FIRST, data[: ends_of_records(data)[8]])
    assert verify_journal(disk, FOLDER).verdict == "corrupt"
    with pytest.raises(CorruptJournalError, match="snapshot taken after record 10"):
        open_for_test(disk)
    disk.remove(FIRST)
    with pytest.raises(CorruptJournalError):
        open_for_test(disk)


def test_future_format_version_is_refused_by_its_own_code():
    disk = written(3)
    data = bytearray(disk.read(FIRST))
    magic, version, length, crc, _ = struct.unpack_from("<8sIIII", data)
    struct.pack_into(
        "<8sIIII", data, 0, magic, version + 1, length, crc, (version + 1) ^ length ^ crc ^ 0xFFFFFFFF
    )
    disk.replace_bytes(FIRST, bytes(data))
    for act in (lambda: JournalReader(disk, FOLDER), lambda: open_for_test(disk)):
        with pytest.raises(JournalError) as caught:
            act()
        assert caught.value.code == "JOURNAL_VERSION"
        assert "format 2" in caught.value.message


def test_file_that_is_no_journal_is_refused():
    with pytest.raises(CorruptJournalError, match="not those of a journal"):
        open_for_test(disk_with(b"PK\x03\x04" * 100))


def test_every_kind_of_record_ends_in_a_byte_that_no_flip_makes_zero():
    assert all(kind.bit_count() >= 2 for kind in RecordKind)


def test_sealed_segment_cut_between_two_records_breaks_the_chain():
    disk = written(60, segment_bytes=500)
    data = disk.read(FIRST)
    disk.replace_bytes(FIRST, data[: ends_of_records(data)[-2]])
    report = verify_journal(disk, FOLDER)
    assert report.first_bad.segment == segment_name(2)
    assert "between two segments" in report.first_bad.why


def test_record_with_a_wrong_number_is_damage_even_if_the_chain_fits():
    disk = written(3)
    data = disk.read(FIRST)
    scan = SegmentScan(data, "segment", is_last=True)
    list(scan)
    frames, _ = twj.encode_frames([twj.encode_payload(RecordKind.FACTS, 9, b"", 1)], scan.chain)
    report = verify_journal(disk_with(data + frames), FOLDER)
    assert (report.verdict, report.first_bad.seq) == ("corrupt", 4)
