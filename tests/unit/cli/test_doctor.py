"""The doctor finds what is broken and says what to do about it."""

import json
import os

import pytest

from tradewind.cli import doctor
from tradewind.cli.entry import run_command
from tradewind.config import PARTIAL_PREFIX, Workspace, lock


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    return workspace


def examine(capsys, status: int = 0) -> dict[str, list[dict]]:
    """Return the findings by name."""
    capsys.readouterr()
    assert run_command(["doctor", "--json"]) == status
    found: dict[str, list[dict]] = {}
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        found.setdefault(finding["name"], []).append(finding)
    return found


def test_a_new_workspace_is_healthy(desk, capsys):
    found = examine(capsys)
    assert {finding["state"] for findings in found.values() for finding in findings} == {"ok"}
    assert {
        "python",
        "packages",
        "clock",
        "compiler",
        "workspace",
        "folders",
        "disk",
        "backtests",
        "history",
    } <= set(found)


def test_outside_a_workspace_the_rest_is_examined_all_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = examine(capsys)
    assert found["workspace"][0]["state"] == "warning"
    assert "tradewind new" in found["workspace"][0]["remedy"]
    assert found["compiler"][0]["state"] == "ok"


def test_a_broken_backtest_file_is_named(desk, capsys):
    (desk.backtests / "bad.toml").write_text("strategy = 3\n")
    wrong = [finding for finding in examine(capsys, 2)["backtests"] if finding["state"] == "wrong"]
    assert "bad.toml:1" in wrong[0]["detail"]
    assert wrong[0]["remedy"]


def test_a_changed_file_of_the_history_is_found(desk, capsys):
    arguments = ["--symbols", "BTCUSDT", "--start", "2024-01-01", "--end", "2024-01-03"]
    assert run_command(["data", "generate", *arguments]) == 0
    (stored,) = (desk.data / "generated" / "bars_1m").rglob("*.parquet")
    stored.write_bytes(stored.read_bytes() + b"x")
    wrong = [finding for finding in examine(capsys, 2)["history"] if finding["state"] == "wrong"]
    assert "DATA_HASH" in wrong[0]["detail"]


def test_a_damaged_run_is_found(desk, capsys):
    (desk.runs / "20240101-000000000-x-aaaa").mkdir()
    wrong = [finding for finding in examine(capsys, 2)["runs"] if finding["state"] == "wrong"]
    assert "RUN_DAMAGED" in wrong[0]["detail"]


def test_leftovers_are_removed_and_locks_are_told(desk, capsys):
    old = desk.runs / f"{PARTIAL_PREFIX}old"
    old.mkdir()
    os.utime(old, (0, 0))
    with lock(desk.account_lock("paper"), "paper session"):
        found = examine(capsys)
    assert not old.exists()
    assert "1 half-written" in found["leftovers"][0]["detail"]
    assert "paper session" in found["locks"][0]["detail"]


def test_a_clock_that_was_never_set_is_wrong(desk, monkeypatch):
    class Clock(doctor.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(1970, 1, 1, tzinfo=tz)

    monkeypatch.setattr(doctor, "datetime", Clock)
    assert doctor._clock().state == "wrong"


def test_a_cache_that_cannot_be_written_is_wrong(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tradewind.units.jit.cache_dir", lambda: tmp_path / "file")
    finding = doctor._compiler()
    assert finding.state == "wrong"
    assert "TRADEWIND_CACHE" in finding.remedy
