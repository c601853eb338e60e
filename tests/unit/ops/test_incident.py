"""The bundle of an incident: whole, the same each time, and without a secret however one came near it."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha256
from io import BytesIO

import msgspec
import pytest

from tradewind.journal import Authorship, FileDisk, Identity, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, LOCAL, NO_WAKE, Audit, BatchPart, Boot, encode, encode_facts
from tradewind.live.facts import Told, rows_of
from tradewind.ops.alerting import AlertLog
from tradewind.ops.alerts import Alert
from tradewind.ops.governance import GovernanceLog
from tradewind.ops.incident import bundle
from tradewind.units.enums import FactKind
from tradewind.venues.keys import Secret

SECRET = "Jw5tQz81mXb7Yc3Lk0Rv"
WHO = Identity("alpha", ("sim",))
BOOT = Boot(1, "1.2.3", "c0de", "c0f1", "da7a", 'strategy = "calm"\n', [], [], [], 0)


@pytest.fixture
def folder(tmp_path):
    """A session with a secret in every place where a text can stand."""
    _kept = Secret(SECRET)
    folder = tmp_path / "alpha"
    writer = open_journal(FileDisk(), folder, Authorship(WHO, lambda: 1, "1.2.3", LAYOUTS))
    writer.append(RecordKind.BOOT, encode(msgspec.structs.replace(BOOT, config=f'note = "{SECRET}"\n')))
    head = BatchPart(LOCAL, 5, 1, 1, NO_WAKE, again=False)
    writer.append(RecordKind.FACTS, encode_facts(head, rows_of([Told(FactKind.ACK, 5, 5, cid=77)]).tobytes()))
    writer.append(RecordKind.AUDIT, encode(Audit(5, "", "halts", {"scope": "core", "set": ["VENUE"]})))
    writer.append(RecordKind.AUDIT, encode(Audit(6, "ada", "pause", {"reason": SECRET})))
    writer.append(RecordKind.DECISION, b"no such form")
    writer.close()
    AlertLog(folder).write(Alert("LOCKED", f"key {SECRET} is dead", 7, "alpha"))
    log = GovernanceLog(FileDisk(), folder, WHO, lambda: 1, "1.2.3")
    log.tell(Alert("OPERATOR", f"resume after {SECRET}", 8, "alpha", {"actor": "ada"}))
    log.close()
    return folder


def parts_of(data):
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_is_in_any_part(folder):
    parts = parts_of(bundle(folder, f'heartbeat_url = "https://x.test/{SECRET}"\n', now_ns=9))
    assert SECRET not in str(parts)
    for name in ("journal.jsonl", "audit.jsonl", "alerts.jsonl", "session.toml", "tradewind.toml"):
        assert "***" in parts[name], name


def test_it_says_what_happened_and_with_which_versions(folder):
    parts = parts_of(bundle(folder, "[limits]\n", now_ns=9))
    records = [json.loads(line) for line in parts["journal.jsonl"].splitlines()]
    assert [record["kind"] for record in records] == ["boot", "facts", "audit", "audit", "decision"]
    assert records[1]["facts"] == [{"kind": "ACK", "venue_ts_ns": 5, "recv_ts_ns": 5, "cid": 77}]
    assert records[4]["undecoded_bytes"] == 12
    halts = json.loads(parts["halts.json"])
    assert [halt["what"] for halt in halts] == ["halts", "pause"]
    assert json.loads(parts["session.json"])["code_hash"] == "c0de"
    assert json.loads(parts["versions.json"])["tradewind"]
    assert json.loads(parts["alerts.jsonl"])["code"] == "LOCKED"


def test_the_manifest_names_every_part_with_its_hash_and_the_bytes_are_the_same_again(folder):
    data = bundle(folder, "[limits]\n", now_ns=9)
    assert data == bundle(folder, "[limits]\n", now_ns=9)
    parts = parts_of(data)
    manifest = json.loads(parts.pop("manifest.json"))
    assert set(manifest["parts"]) == set(parts)
    for name, told in manifest["parts"].items():
        raw = parts[name].encode()
        assert (told["bytes"], told["sha256"]) == (len(raw), sha256(raw).hexdigest())
    assert (manifest["session"], manifest["journal_damage"]) == ("alpha", "")


def test_only_the_newest_records_are_taken_and_a_damaged_journal_is_told_up_to_its_damage(folder):
    parts = parts_of(bundle(folder, "", now_ns=9, records=2))
    assert [json.loads(line)["seq"] for line in parts["journal.jsonl"].splitlines()] == [4, 5]
    segment = folder / "segment-000001.twj"
    data = bytearray(segment.read_bytes())
    data[-30] ^= 1
    segment.write_bytes(bytes(data))
    parts = parts_of(bundle(folder, "", now_ns=9))
    assert "JOURNAL_CORRUPT" in json.loads(parts["manifest.json"])["journal_damage"]
    assert len(parts["journal.jsonl"].splitlines()) >= 3
    assert parts_of(bundle(folder.parent / "nobody", "", now_ns=9))["journal.jsonl"] == ""
