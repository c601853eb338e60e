"""Defects that an import keeps and a backtest refuses, B50 and B54 of the list, as a user meets them.

The file is imported whole: what is wrong in it is a fact about the venue. `data check` places it, a backtest stops with
its code, and what the file accepts instead stands in the report.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace

START_MS = 1_704_067_200_000
BARS = 24 * 60
FILE = """\
strategy = "buy_and_hold"
period   = { start = "2024-01-01", end = "2024-01-02" }
capital  = { amount = 100_000, currency = "USDT" }
[market]
venue = "binance_usdm"
symbols = ["BTCUSDT"]
bars = "1m"
[costs]
funding = "none"
[checks]
lookahead_cuts = 1
costs_doubled = false
[report]
bootstrap_samples = 0
"""
IMPORT = ["--venue", "binance_usdm", "--symbol", "BTCUSDT", "--bars", "1m"]


def candles() -> np.ndarray:
    """Return a day of sound minutes, shape (bars, 5)."""
    close = 40_000.0 + np.cumsum(np.random.default_rng(5).integers(-90, 91, BARS)) / 10
    opened = np.concatenate([[40_000.0], close[:-1]])
    volume = np.full(BARS, 20.0)
    return np.column_stack(
        [opened, np.maximum(opened, close) + 1, np.minimum(opened, close) - 1, close, volume]
    )


def hole(rows: np.ndarray) -> np.ndarray:
    rows[600:630] = np.nan
    return rows


def two_holes(rows: np.ndarray) -> np.ndarray:
    rows[300] = np.nan
    return hole(rows)


def jump(rows: np.ndarray) -> np.ndarray:
    """One bar at ten times the price."""
    rows[600, :4] *= 10.0
    return rows


def shift(rows: np.ndarray) -> np.ndarray:
    """From one bar on the decimal point stands one place to the left."""
    rows[600:640, :4] = np.round(rows[600:640, :4] / 10.0, 1)
    return rows


def flat(rows: np.ndarray) -> np.ndarray:
    """For five hours nothing moves at all."""
    rows[600:900, :4] = rows[600, 0]
    return rows


DEFECTS = [
    ("B50 a hole", hole, "DATA_GAP", "gaps", "accept", "2024-01-01T10:00:00Z"),
    ("B50 two holes", two_holes, "DATA_GAP", "gaps", "split", "2024-01-01T05:00:00Z"),
    ("B50 a hole to be filled", hole, "DATA_GAP", "gaps", "fill", "2024-01-01T10:00:00Z"),
    ("B54 ten times", jump, "DATA_SUSPECT", "outliers", "accept", "2024-01-01T10:00:00Z"),
    ("B54 decimal shift", shift, "DATA_SUSPECT", "outliers", "accept", "2024-01-01T10:00:00Z"),
    ("B54 flat for hours", flat, "DATA_SUSPECT", "flat", "accept", "2024-01-01T10:0"),
]


@pytest.fixture
def stock(desk: Workspace, capsys):
    """Return a function that imports the day with something wrong in it."""

    def run(spoil) -> None:
        rows = spoil(candles())
        lines = [
            ",".join([str(START_MS + n * 60_000), *(f"{cell:.1f}" for cell in row)])
            for n, row in enumerate(rows)
            if np.isfinite(row[0])
        ]
        path = desk.root.parent / "BTCUSDT-1m.csv"
        path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]) + "\n")
        assert run_command(["data", "import", str(path), *IMPORT]) == 0
        (desk.backtests / "day.toml").write_text(FILE)
        capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("spoil", "code", "name", "policy", "place"),
    [row[1:] for row in DEFECTS],
    ids=[row[0] for row in DEFECTS],
)
def test_a_defect_is_placed_refused_and_accepted_only_in_writing(
    desk, stock, refuse, capsys, spoil, code, name, policy, place
):
    stock(spoil)
    assert run_command(["data", "check"]) in {0, 3}
    assert place[:16] in capsys.readouterr().out.replace(" ", "T")
    error = refuse(desk.root, ["backtest", "backtests/day.toml"], code, 3)
    assert error["key"] == f"data.{name}"
    assert place in error["message"] + error["where"]
    assert policy in error["hint"] + " ".join(error["known"])
    accept = ["--set", f"data.{name}={policy}"]
    assert run_command(["backtest", "backtests/day.toml", *accept, "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert {check["name"]: check["verdict"] for check in run["checks"]}["data"] == "warn"
    assert any(
        name in line for line in json.loads((Path(run["run_dir"]) / "checks.json").read_text())["assumptions"]
    )
