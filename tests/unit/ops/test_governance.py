"""The audit of a session: a chain of its own, with actors, that costs trading nothing when it cannot be written."""

from __future__ import annotations

import errno
import os

from tradewind.journal import FileDisk, Identity, JournalReader, verify_journal
from tradewind.journal.bodies import decode_audit
from tradewind.ops.alerts import Alert
from tradewind.ops.governance import GovernanceLog, governance_of
from tradewind.testing.disk import SimulatedDisk
from tradewind.venues.keys import Secret

WHO = Identity("alpha", ("sim",))


def log_of(folder, disk=None):
    return GovernanceLog(disk or FileDisk(), folder, WHO, lambda: 5, "test")


def entries(folder, disk=None):
    reader = JournalReader(disk or FileDisk(), governance_of(folder))
    return [decode_audit(record) for record in reader.records()]


def test_an_operator_and_a_reconciliation_stand_in_the_chain_without_secrets(tmp_path):
    secret = "h7Rk2pXw90QmLs4Tz8Vb"
    _kept = Secret(secret)
    log = log_of(tmp_path)
    log.tell(Alert("OPERATOR", "pause by ada", 1, "alpha", {"actor": "ada@pts/1", "reason": f"see {secret}"}))
    log.tell(Alert("RECONCILED", "main: 2 lots more at the venue", 2, "alpha"))
    log.tell(Alert("STREAM_DOWN", "not of the audit", 3, "alpha"))
    log.close()
    again = log_of(tmp_path)
    again.tell(Alert("RESUMED", "", 4, "alpha"))
    again.close()
    told = entries(tmp_path)
    assert [(e.at_ns, e.actor, e.what) for e in told] == [
        (1, "ada@pts/1", "OPERATOR"),
        (2, "", "RECONCILED"),
        (4, "", "RESUMED"),
    ]
    assert secret not in str(told)
    assert verify_journal(FileDisk(), governance_of(tmp_path)).first_bad is None


def test_an_edited_entry_is_found_at_its_place(tmp_path):
    log = log_of(tmp_path)
    for number in range(5):
        log.tell(Alert("OPERATOR", f"number {number}", number, "alpha", {"actor": "ada"}))
    log.close()
    (segment,) = governance_of(tmp_path).glob("*.twj")
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b"number 2", b"number 9"))
    damage = verify_journal(FileDisk(), governance_of(tmp_path)).first_bad
    assert damage is not None
    assert damage.seq == 3


def test_a_damaged_log_is_set_aside_as_evidence_and_a_new_one_begins(tmp_path):
    log = log_of(tmp_path)
    log.tell(Alert("OPERATOR", "pause", 1, "alpha", {"actor": "ada"}))
    log.close()
    (segment,) = governance_of(tmp_path).glob("*.twj")
    data = bytearray(segment.read_bytes())
    data[20] ^= 0xFF
    segment.write_bytes(bytes(data))
    again = log_of(tmp_path)
    again.tell(Alert("RESUMED", "", 2, "alpha"))
    again.close()
    assert again.set_aside is not None
    assert (again.set_aside / segment.name).read_bytes() == bytes(data)
    assert [e.what for e in entries(tmp_path)] == ["RESUMED"]


def test_a_full_disk_costs_entries_and_raises_nothing(tmp_path):
    disk = SimulatedDisk()
    log = log_of(tmp_path, disk)
    log.tell(Alert("OPERATOR", "before", 1, "alpha", {"actor": "ada"}))
    disk.capacity_bytes = 0
    log.tell(Alert("OPERATOR", "while it is full", 2, "alpha", {"actor": "ada"}))
    assert log.lost == 1
    disk.capacity_bytes = None
    log.tell(Alert("OPERATOR", "after", 3, "alpha", {"actor": "ada"}))
    log.close()
    assert [e.detail["text"] for e in entries(tmp_path, disk)] == ["before", "while it is full", "after"]


def test_a_disk_that_takes_nothing_when_it_is_opened_damages_no_log(tmp_path, monkeypatch):
    """It stays where it is: evidence is not set aside because there was no room to write its holder's name."""
    log = log_of(tmp_path)
    log.tell(Alert("OPERATOR", "before", 1, "alpha", {"actor": "ada"}))
    log.close()
    for code in (errno.ENOSPC, errno.EROFS, errno.EIO):
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", refusing(code))
            unable = log_of(tmp_path)
        unable.tell(Alert("OPERATOR", "while it cannot be", 2, "alpha", {"actor": "ada"}))
        unable.close()
        assert (unable.lost, unable.set_aside) == (1, None)
    assert [e.detail["text"] for e in entries(tmp_path)] == ["before"]


def refusing(code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    return refuse


def test_a_log_that_another_process_holds_costs_entries_only(tmp_path):
    first, second = log_of(tmp_path), log_of(tmp_path)
    second.tell(Alert("RESUMED", "", 2, "alpha"))
    assert (first.lost, second.lost) == (0, 1)
    second.close()
    first.close()
