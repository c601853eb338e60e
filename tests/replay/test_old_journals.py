"""Journals of every format version that was ever written open for ever.

A folder `fixtures/journal-vN` is written once, by the version that brought format N, and never again: it holds an
expired run, two referred snapshots of which one is gone, several segments and a torn tail.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tradewind.journal import (
    FORMAT_VERSION,
    FileDisk,
    JournalReader,
    RecordKind,
    newest_start,
    oldest_start,
    open_journal,
    records_after,
    unpack_rows,
    verify_journal,
)
from tradewind.testing.journals import authorship

FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = range(1, FORMAT_VERSION + 1)


@pytest.fixture(params=VERSIONS)
def kept(request):
    root = FIXTURES / f"journal-v{request.param}"
    return root / "paper", json.loads((root / "expected.json").read_text())


def test_old_journal_holds_what_was_written(kept):
    folder, expected = kept
    report = verify_journal(FileDisk(), folder)
    assert (report.verdict, report.bytes_dropped) == ("torn", expected["bytes_dropped"])
    assert report.chain == expected["chain"]
    records = JournalReader(FileDisk(), folder).records()
    assert [[r.seq, chr(r.kind), r.schema, r.body.hex()] for r in records] == expected["records"]


def test_old_journal_rows_read_into_a_wider_layout(kept):
    folder, _ = kept
    reader = JournalReader(FileDisk(), folder)
    wider = np.dtype([("kind", "<i8"), ("new", "<f8"), ("price_tick", "<i8")])
    market = [r for r in reader.records() if r.kind == RecordKind.MARKET]
    rows = np.concatenate([unpack_rows(r.body, reader.headers[-1].layouts["FACT"], wider) for r in market])
    assert rows["price_tick"][-2:].tolist() == [111, -11]
    assert not rows["new"].any()


def test_old_journal_replays_from_its_oldest_kept_snapshot(kept):
    folder, expected = kept
    reader = JournalReader(FileDisk(), folder)
    start = oldest_start(reader)
    assert start == newest_start(reader)
    assert start.next_seq == expected["oldest_start"]
    assert start.state == b"state after 9" * 20
    seqs = [record.seq for record in records_after(reader, start)]
    assert seqs == list(range(start.next_seq, expected["records"][-1][0] + 1))


def test_old_journal_is_continued_by_this_version(kept, tmp_path):
    folder, expected = kept
    shutil.copytree(folder, tmp_path / "paper")
    writer = open_journal(FileDisk(), tmp_path / "paper", authorship())
    assert writer.recovered.dropped_bytes == expected["bytes_dropped"]
    assert writer.append(RecordKind.BOOT, b"epoch 2") == expected["records"][-1][0] + 1
    writer.close()
    assert verify_journal(FileDisk(), tmp_path / "paper").verdict == "whole"
