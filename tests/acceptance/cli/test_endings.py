"""How commands end: interrupted, with the next command to type, or refused for what cannot be meant."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tradewind.cli.entry import run_command
from tradewind.cli.output import typed
from tradewind.cli.tree import NOUNS

DAYS = ["--symbols", "BTCUSDT", "--start", "2024-01-01", "--end", "2024-01-03"]
SETTINGS = """\
strategy = "{strategy}"
period   = {{ start = "2024-01-01", end = "2024-01-03" }}
capital  = {{ amount = 10_000, currency = "USDT" }}
[market]
venue = "generated"
symbols = ["BTCUSDT"]
bars = "1m"
[checks]
lookahead_cuts = 1
costs_doubled = false
[report]
bootstrap_samples = 0
[data]
flat = "accept"
zero_volume = "accept"
outliers = "accept"
"""
SLOW = """\
from tradewind.strategies import SET

class Memory:
    total: int

def decide(view, account, working, params, memory, intents):
    for i in range(100_000_000):
        memory.total = (memory.total * 31 + i) % 1_000_003
    return SET
"""


@pytest.fixture
def stocked(desk, capsys):
    """A workspace with two days of minutes and a file that runs a shipped strategy."""
    assert run_command(["data", "generate", *DAYS]) == 0
    (desk.backtests / "hold.toml").write_text(SETTINGS.format(strategy="buy_and_hold"))
    capsys.readouterr()
    return desk


def interrupted(*arguments, until):
    """Start a command, interrupt it once `until` says so, and return status, what was printed, and how long it took."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewind.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        give_up_s = time.monotonic() + 90
        while process.poll() is None and not until() and time.monotonic() < give_up_s:
            time.sleep(0.1)
        time.sleep(0.5)
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err, time.monotonic() - began_s


PACED = ["trade", "--paper", "backtests/hold.toml", "--feed", "replay:all", "--speed", "1x"]


def has_begun(desk):
    """Return a function that says whether the session has written a segment."""
    return lambda: any(
        path.suffix and path.stat().st_size for path in desk.journal.rglob("*") if path.is_file()
    )


def test_a_session_that_is_stopped_says_so_once_and_has_every_field(stocked, capsys):
    status, out, err, _ = interrupted(*PACED, until=has_begun(stocked))
    assert status == 130
    assert out.count("stopped in order; the same command goes on from here") == 1
    assert "interrupted" not in out + err
    assert run_command(["session", "status", "hold", "--json"]) == 0
    assert {"decisions_hash", "state_hash", "batches", "finished"} <= set(json.loads(capsys.readouterr().out))


def test_a_session_that_is_stopped_is_one_object_for_a_script(stocked):
    status, out, _, _ = interrupted(*PACED, "--json", until=has_begun(stocked))
    assert status == 130
    assert json.loads(out)["finished"] is False


def test_a_strategy_that_takes_for_ever_can_be_interrupted(stocked):
    (stocked.strategies / "slow.py").write_text(SLOW)
    (stocked.backtests / "slow.toml").write_text(SETTINGS.format(strategy="slow"))
    assert run_command(["strategy", "check", "slow"]) == 0
    began_s = time.monotonic()
    status, _, err, took_s = interrupted(
        "backtest", "backtests/slow.toml", until=lambda: time.monotonic() > began_s + 8
    )
    assert status == 130
    assert "interrupted; what was not finished is not there" in err
    assert took_s < 30
    assert not list(stocked.runs.glob("*"))


def test_no_help_speaks_of_what_is_not_built(capsys):
    for words in ([], *([noun] for noun in NOUNS)):
        run_command([*words, "--help"])
        told = capsys.readouterr().out
        assert not re.search(r"\b(ui|search|arb|mcp|serve|optimise)\b", told), words


@pytest.mark.parametrize(
    ("started", "commands", "told"),
    [
        ("tool/tradewind", ["tradewind run open x"], ["tool/tradewind run open x"]),
        (
            "tool/tradewind",
            ["cd desk", "tradewind run open x"],
            ["cd desk", "{here}/tool/tradewind run open x"],
        ),
        ("tool/tradewind", ["tradewind new desk && cd desk"], ["{here}/tool/tradewind new desk && cd desk"]),
        ("pytest", ["tradewind run open tradewind-demo"], ["tradewind run open tradewind-demo"]),
        ("tool/tradewind", ["ls tradewind-demo"], ["ls tradewind-demo"]),
    ],
)
def test_commands_are_told_as_they_can_be_typed(tmp_path, monkeypatch, started, commands, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [started])
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert typed(commands) == [each.format(here=tmp_path.resolve()) for each in told]


def test_a_command_on_the_path_is_told_by_its_name(tmp_path, monkeypatch):
    tool = tmp_path / "tradewind"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tool)])
    assert typed(["tradewind run list"]) == ["tradewind run list"]


def test_one_run_is_not_compared(stocked, refuse):
    refuse(stocked.root, ["run", "compare", "last"], "RUN_UNKNOWN", 6)
    assert run_command(["backtest", "backtests/hold.toml"]) == 0
    for runs in (["last"], ["last", "last"]):
        fields = refuse(stocked.root, ["run", "compare", *runs], "USAGE", 2)
        assert fields["message"].startswith("one run alone cannot be compared: ")


def test_an_export_makes_no_folders(stocked, refuse, tmp_path):
    words = ["trade", "--paper", "backtests/hold.toml", "--feed", "replay:2024-01-01..2024-01-02"]
    assert run_command(words) == 0
    target = tmp_path / "nowhere" / "x"
    refuse(stocked.root, ["journal", "export", "last", "--output", str(target)], "PATH_INVALID", 2)
    assert not Path(target).parent.exists()


def test_a_strategy_without_signals_explains_without_an_empty_line(stocked, capsys):
    words = ["trade", "--paper", "backtests/hold.toml", "--feed", "replay:2024-01-01..2024-01-02"]
    assert run_command(words) == 0
    capsys.readouterr()
    assert run_command(["journal", "explain", "last"]) == 0
    told = capsys.readouterr().out
    assert "request" in told
    assert not re.search(r"signals\s*$", told, re.MULTILINE)
