"""Looking at the record of a session, whole, torn and damaged."""

import json
import shutil
from pathlib import Path

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace, lock

FIXTURE = Path(__file__).resolve().parents[2] / "replay" / "fixtures" / "journal-v1" / "paper"


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    shutil.copytree(FIXTURE, workspace.session_dir("paper"))
    return workspace


def answer(capsys, *arguments: str, status: int = 0) -> dict:
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_sessions_are_listed_with_their_state(desk, capsys):
    (session,) = answer(capsys, "session", "list")["sessions"]
    assert (session["session"], session["state"], session["segments"]) == ("paper", "stopped", 4)
    with lock(desk.session_dir("paper") / "lock", "paper session"):
        (session,) = answer(capsys, "session", "list")["sessions"]
        assert session["state"] == "running"


def test_a_sound_journal_is_verified(desk, capsys):
    report = answer(capsys, "journal", "verify", "paper")
    expected = json.loads((FIXTURE.parent / "expected.json").read_text())
    assert report["records"] == 40
    assert report["verdict"] in {"whole", "torn"}
    assert report["chain"] in json.dumps(expected)
    assert answer(capsys, "journal", "verify")["chain"] == report["chain"]


def test_a_flipped_bit_is_damage_with_its_place(desk, capsys):
    segment = desk.session_dir("paper") / "segment-000002.twj"
    content = bytearray(segment.read_bytes())
    content[300] ^= 1
    segment.write_bytes(bytes(content))
    error = answer(capsys, "journal", "verify", "paper", status=3)
    assert error["code"] == "JOURNAL_CORRUPT"
    assert "segment-000002.twj at byte" in error["message"]
    assert segment.read_bytes() == bytes(content)


def test_every_record_is_exported_as_a_line(desk, capsys):
    told = answer(capsys, "journal", "export", "paper", "--output", "out.jsonl")
    lines = (desk.root / "out.jsonl").read_text().splitlines()
    assert told["records"] == len(lines) > 20
    assert [json.loads(line)["seq"] for line in lines] == sorted(json.loads(line)["seq"] for line in lines)
    capsys.readouterr()
    assert run_command(["journal", "export", "paper"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("command", [("journal", "verify"), ("journal", "export"), ("session", "status")])
@pytest.mark.parametrize("name", ["nothing", "../data", "", "a\0b", "x" * 500])
def test_an_unknown_session_is_not_found(desk, capsys, command, name):
    error = answer(capsys, *command, name, status=6)
    assert (error["code"], error["known"]) == ("SESSION_UNKNOWN", ["paper"])


def test_a_status_counts_what_is_recorded(desk, capsys):
    fields = answer(capsys, "session", "status", "last")
    assert fields["records"] == 40


def test_a_damaged_snapshot_is_told_apart_from_a_damaged_journal(desk, capsys):
    snapshot = next(desk.session_dir("paper").glob("*.tws"))
    content = bytearray(snapshot.read_bytes())
    content[-5] ^= 1
    snapshot.write_bytes(bytes(content))
    error = answer(capsys, "journal", "verify", "paper", status=3)
    assert error["code"] == "JOURNAL_CORRUPT"
    assert "all 40 records are sound" in error["message"]
    assert "nothing is lost" in error["hint"]
