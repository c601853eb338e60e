"""A key is held by one process of this user, whatever workspace it comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tradewind.cli.claiming import claim_paths, claimed, session_of
from tradewind.cli.takeover import _leases
from tradewind.config import AccountEntry, Workspace, lock_holder
from tradewind.errors import Busy
from tradewind.live.guard import Guard
from tradewind.live.kept_locks import KeptLocks, LocksOfGuard
from tradewind.live.takeover import end_processes, hold_leases
from tradewind.venues.keys import AccountKeys, Secret
from tradewind.venues.keys.secret import forgetting

KEY = "cAnArYaPiKeY0123456789"
ENTRY = AccountEntry(venue="blofin_swap", kind="demo")
HOLDS = """
import fcntl, json, os, pathlib, signal, socket, sys
path = pathlib.Path(sys.argv[1])
handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX)
os.write(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "purpose": sys.argv[2]}).encode())
pathlib.Path(f"{path}.ready").touch()
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with forgetting():
        yield tmp_path / "state"


@pytest.fixture
def two(tmp_path):
    return [Workspace(tmp_path / name) for name in ("desk", "copy")]


def keys(api_key=KEY):
    return {"main": AccountKeys("main", "blofin_swap", True, Secret(api_key), Secret("s" * 20), Secret(""))}


def paths(desk, entry=ENTRY, api_key=KEY):
    return claim_paths(desk, {"main": entry}, keys(api_key), pytest.fail)


def claim(desk, warn=pytest.fail, api_key=KEY, entry=ENTRY):
    told = session_of(desk, "calm")
    return claimed(desk, {"main": entry}, keys(api_key), lambda name: f"trades {name} in {told}", warn)


def test_a_copy_of_a_workspace_does_not_trade_the_account_again(two):
    desk, copy = two
    with claim(desk):
        with pytest.raises(Busy) as caught, claim(copy):
            pytest.fail("two trade one account")
        assert caught.value.code == "LOCKED"
        for part in (f"process {os.getpid()}", "session calm", str(desk.root)):
            assert part in caught.value.message
    with claim(copy):
        pass


def test_other_keys_venues_and_worlds_are_other_accounts(two, monkeypatch, tmp_path):
    desk, _ = two
    real = ENTRY.model_copy(update={"kind": "live"})
    elsewhere = ENTRY.model_copy(update={"venue": "okx_swap"})
    found = {path for entry in (ENTRY, real, elsewhere) for path in paths(desk, entry).values()}
    assert len(found | set(paths(desk, api_key=KEY + "0").values())) == 4
    assert paths(desk, api_key=f" {KEY.upper()}") == paths(desk)
    with claim(desk), claim(desk, api_key=KEY + "0"), claim(desk, entry=real):
        pass


def test_its_name_tells_nothing_of_the_key_to_who_has_not_the_folder(two, state, monkeypatch):
    here = paths(two[0])["main"]
    assert KEY not in str(here)
    assert here.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in here.parent.iterdir()} == {0o600}
    assert all(KEY.encode() not in path.read_bytes() for path in here.parent.iterdir())
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "other"))
    assert paths(two[0])["main"].name != here.name


def test_without_a_state_folder_the_workspace_alone_is_held_and_that_is_said(two, state):
    state.write_text("no folder")
    told = []
    with claim(two[0], told.append), claim(two[1], told.append):
        pass
    assert len(told) == 2
    assert all("another workspace with the same key would not be noticed" in line for line in told)
    assert KEY not in "".join(told)


def test_a_lock_file_that_cannot_be_opened_is_said_and_is_no_obstacle(two):
    paths(two[0])["main"].mkdir()
    told = []
    with claim(two[0], told.append):
        pass
    assert len(told) == 1


class Say:
    note = staticmethod(pytest.fail)


def stopped_holder(desk, path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path), f"trades main in {session_of(desk, 'calm')}"]
    )
    while not Path(f"{path}.ready").exists():
        threading.Event().wait(0.02)
    return process


def test_a_takeover_ends_a_hung_holder_of_its_own_and_leaves_another_workspaces_alone(two):
    desk, copy = two
    path = paths(desk)["main"]
    hung = stopped_holder(desk, path)
    try:
        with pytest.raises(Busy) as caught:
            end_processes(_leases(copy, "calm", {"main": ENTRY}, keys(), Say), lambda _: None, 0.3)
        assert str(desk.root) in caught.value.message
        assert hung.poll() is None
        leases = _leases(desk, "calm", {"main": ENTRY}, keys(), Say)
        assert end_processes(leases, lambda _: None, 0.3) == (hung.pid,)
        with hold_leases(leases, f"takes over in {session_of(desk, 'calm')}"):
            assert lock_holder(path)["purpose"].endswith("session calm")
            with pytest.raises(Busy), claim(copy):
                pass
    finally:
        hung.kill()
        hung.wait()


CHILD = """
import json, os, signal, sys
from pathlib import Path
from tradewind.cli.claiming import claimed, session_of
from tradewind.config import AccountEntry, Workspace, lock_holder
from tradewind.live.pulse import PULSE, RUNNING, Pulse
from tradewind.venues.keys import AccountKeys, Secret

desk, lock, lives = Workspace(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
before = lock_holder(lock)
told = json.loads(lives.read_text()) if lives.exists() else []
pulse = Pulse(desk.root / PULSE)
pulse.state = RUNNING
keys = {"main": AccountKeys("main", "blofin_swap", True, Secret(sys.argv[4]), Secret("s" * 20), Secret(""))}
entries = {"main": AccountEntry(venue="blofin_swap", kind="demo")}
named = session_of(desk, "calm")
with claimed(desk, entries, keys, lambda name: f"trades {name} in {named}", sys.exit):
    lives.write_text(json.dumps([*told, (before, lock_holder(lock), os.getpid())]))
    if len(told) < 2:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_guard_keeps_the_lock_of_a_key_between_two_lives_of_its_child(two, tmp_path):
    """Nobody can step in while the next process starts, and the lock says all the time who has it."""
    desk, copy = two
    desk.root.mkdir()
    (lock,) = paths(desk).values()
    lives = tmp_path / "lives.json"
    kept, refused = KeptLocks(), []

    def try_to_step_in(_):
        with pytest.raises(Busy) as caught, claim(copy):
            pytest.fail("somebody stepped in")
        refused.append(caught.value.message)

    command = [sys.executable, "-c", CHILD, str(desk.root), str(lock), str(lives), KEY]
    with closing(kept):
        assert Guard(command, desk.root, tell=try_to_step_in, locks=kept).run() == 0
        assert lock_holder(lock)["pid"] == os.getpid()
    assert lock_holder(lock) is None
    befores, holders, pids = zip(*json.loads(lives.read_text()), strict=True)
    assert befores[0] is None
    assert [before["pid"] for before in befores[1:]] == [os.getpid()] * 2
    assert [holder["pid"] for holder in holders] == list(pids)
    assert all(each["purpose"].endswith(session_of(desk, "calm")) for each in (*befores[1:], *holders))
    assert len(refused) == 2
    assert all(f"process {os.getpid()}" in message for message in refused)


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path):
    path, other = tmp_path / "one", tmp_path / "other"
    with other.open("w") as file:
        path.touch()
        guarded = LocksOfGuard({str(path): os.dup(file.fileno())})
        assert guarded.take(path, "trades") is None
        assert not guarded.held


def test_a_process_without_a_guard_tells_nobody(tmp_path):
    guarded = LocksOfGuard.of({})
    assert guarded.take(tmp_path / "one", "trades") is None
    guarded.give(tmp_path / "one", 0)
