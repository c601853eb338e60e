"""A session file on paper: the command that trades a backtest file trades it too."""

from pathlib import Path

import pytest

from tradewind.cli.entry import run_command
from tradewind.cli.paper import load_terms, replayed_period
from tradewind.config import BacktestConfig, SessionConfig, Workspace
from tradewind.errors import UsageError


@pytest.fixture
def desk(tmp_path: Path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    return workspace


def test_both_kinds_of_file_are_told_apart(desk):
    assert isinstance(load_terms(desk, "sessions/first.toml", None).config, SessionConfig)
    assert isinstance(load_terms(desk, "backtests/first.toml", None).config, BacktestConfig)


def test_the_workspace_tightens_a_session(desk):
    loaded = load_terms(desk, "sessions/first.toml", ["limits.max_exposure_total_x=0.5"])
    assert loaded.config.limits.max_orders_per_minute == 600
    assert loaded.config.limits.max_exposure_total_x == 0.5


def test_the_feed_says_when_a_session_trades(desk):
    loaded = load_terms(desk, "sessions/first.toml", None)
    view = replayed_period(loaded.config, "replay:2024-01-02..2024-01-03")
    assert f"{view.period.start:%Y-%m-%d}" == "2024-01-02"
    assert view.market == loaded.config.market
    with pytest.raises(UsageError, match="no period"):
        replayed_period(loaded.config, "replay:all")


def test_the_settings_of_a_session_are_shown_with_their_origin(desk, capsys):
    assert run_command(["config", "show", "sessions/first.toml"]) == 0
    said = capsys.readouterr().out
    assert "sessions/first.toml:" in said
    assert "dead_man.policy" in said
    assert run_command(["config", "schema", "sessions"]) == 0
    assert (desk.root / "sessions" / "tradewind-session.json").is_file()
