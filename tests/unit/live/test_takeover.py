"""Taking a session over: its processes are ended, nobody else's are, and a full disk is no obstacle."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tradewind.config import lock_holder
from tradewind.errors import Busy, JournalError
from tradewind.journal import Authorship, FileDisk, Identity, JournalReader, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, Audit
from tradewind.live.takeover import TAKEN_OVER, Lease, end_processes, hold_leases, write_down

HOLDER = """
import signal, sys, threading
from pathlib import Path
from tradewind.journal import FileDisk

lock = FileDisk().lock(Path(sys.argv[1]), sys.argv[2])
if len(sys.argv) > 3:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1] + ".ready").touch()
threading.Event().wait(60)
"""
AUDIT = Audit(7, "anne (process 1)", "takeover", {"reason": "drill", "flat": True})


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a lease; return the lease and the process."""
    started = []

    def start(purpose="guards main in session calm", *more: str):
        lease = Lease(tmp_path / f"lock-{len(started)}", "session calm")
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(lease.path), purpose, *more])
        started.append(process)
        while not Path(f"{lease.path}.ready").exists():
            threading.Event().wait(0.02)
        return lease, process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_whoever_holds_the_leases_is_asked_to_end(holder):
    (guard, first), (child, second) = holder(), holder("writes the journal of session calm")
    told = []
    assert set(end_processes([guard, child], told.append)) == {first.pid, second.pid}
    assert (first.wait(5), second.wait(5)) == (-signal.SIGTERM, -signal.SIGTERM)
    assert told == [f"ending process {first.pid}", f"ending process {second.pid}"]


@pytest.mark.parametrize("hung", ["deaf", "stopped"])
def test_who_does_not_end_is_killed(holder, hung):
    lease, process = holder("guards main in session calm", *(["deaf"] if hung == "deaf" else []))
    if hung == "stopped":
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    told = []
    end_processes([lease], told.append, patience_s=0.2)
    assert process.wait(5) == -signal.SIGKILL
    assert told[-1] == f"killing process {process.pid}"


def test_nobody_is_ended_where_nobody_holds_a_lease(tmp_path):
    (tmp_path / "stale").write_text(
        json.dumps({"pid": 1, "host": socket.gethostname(), "purpose": "session calm"})
    )
    leases = [Lease(tmp_path / "stale", "session calm"), Lease(tmp_path / "none", "session calm")]
    assert end_processes(leases, lambda _: None) == ()


@pytest.mark.parametrize("purpose", ["guards main in session other", "downloads data"])
def test_a_process_of_somebody_else_is_left_alone(holder, purpose):
    lease, process = holder(purpose)
    with pytest.raises(Busy) as caught:
        end_processes([lease], lambda _: None)
    assert caught.value.code == "LOCKED"
    assert purpose in caught.value.message
    assert process.poll() is None


def test_a_process_on_another_machine_is_left_alone(holder):
    lease, process = holder()
    told = json.loads(lease.path.read_text()) | {"host": "elsewhere"}
    lease.path.write_text(json.dumps(told))
    with pytest.raises(Busy, match="elsewhere"):
        end_processes([lease], lambda _: None)
    assert process.poll() is None


def test_leases_are_held_while_it_lasts_and_not_longer(tmp_path):
    lease = Lease(tmp_path / "accounts" / "main.lock", "session calm")
    with hold_leases([lease], "takes over session calm"):
        assert lock_holder(lease.path)["purpose"] == "takes over session calm"
        with pytest.raises(Busy):
            FileDisk().lock(lease.path, "trades main")
        with pytest.raises(Busy), hold_leases([lease], "again"):
            pass
    assert lock_holder(lease.path) is None


def test_a_lease_is_held_also_where_it_cannot_be_written(tmp_path, monkeypatch):
    lease = Lease(tmp_path / "lock", "session calm")
    lease.path.touch()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with hold_leases([lease], "takes over session calm"), pytest.raises(Busy):
        FileDisk().lock(lease.path, "trades main")


def journal(folder):
    author = Authorship(Identity("calm", ("main",)), lambda: 0, "test", LAYOUTS)
    return open_journal(FileDisk(), folder, author)


def test_what_was_done_is_in_the_journal_and_the_session_is_marked(tmp_path):
    journal(tmp_path).close()
    assert write_down(tmp_path, Identity("calm", ("main",)), "test", AUDIT) == ""
    (record,) = JournalReader(FileDisk(), tmp_path).records()
    assert record.kind == RecordKind.AUDIT
    assert (tmp_path / TAKEN_OVER).stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_written_is_said_and_is_no_obstacle(tmp_path):
    writer = journal(tmp_path)
    assert "held by process" in write_down(tmp_path, Identity("calm", ("main",)), "test", AUDIT)
    writer.close()
    assert "the journal is of session" in write_down(tmp_path, Identity("calm", ("other",)), "test", AUDIT)
    (tmp_path / "segment-000001.twj").write_bytes(b"nonsense" * 100)
    with pytest.raises(JournalError):
        journal(tmp_path)
    assert write_down(tmp_path, Identity("calm", ("main",)), "test", AUDIT) != ""
    assert (
        write_down(tmp_path / "gone", Identity("calm", ("main",)), "test", AUDIT)
        == "No such file or directory"
    )
