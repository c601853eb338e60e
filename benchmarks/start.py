"""Measure how long it takes until something happens: help, a first backtest, the one cold compilation."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from table import Row

BIN = Path(sys.executable).parent
ROUNDS = 9
BACKTEST = """\
strategy = "ema_cross"
period = { start = "2024-01-01", end = "2024-02-01" }
capital = { amount = 10_000, currency = "USDT" }
[market]
venue = "generated"
symbols = ["BTCUSDT"]
bars = "1m"
"""


def cpu_of(command: list[object], cwd: Path, **variables: str) -> float:
    """Return CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turns(
    ours: list[object], theirs: list[object], cwd: Path, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Return the best of two commands that take turns."""
    pairs = [(cpu_of(ours, cwd), cpu_of(theirs, cwd)) for _ in range(rounds)]
    own, other = (min(column) for column in zip(*pairs, strict=True))
    return own, other


def rows(_data: Path) -> list[Row]:
    """Measure help, a warm first backtest, and the demo with an empty cache."""
    python, tradewind = BIN / "python", BIN / "tradewind"
    found = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ours, theirs = in_turns([tradewind, "--help"], [python, "-c", "pass"], home)
        found.append(Row.of("tradewind --help", "python -c pass", ours, theirs, "s, CPU", "goal 0.125"))
        cpu_of([tradewind, "new", "desk"], home)
        desk = home / "desk"
        (desk / "backtests" / "month.toml").write_text(BACKTEST)
        cpu_of([tradewind, "data", "generate", "--symbols", "BTCUSDT", "--end", "2024-02-01"], desk)
        backtest = [tradewind, "backtest", "backtests/month.toml"]
        cpu_of(backtest, desk)
        ours, theirs = in_turns(backtest, [python, "-c", "import numba"], desk, 5)
        note = "a whole process: a month of minutes read, run, checked, reported; goal 0.25"
        found.append(Row.of("warm first backtest", "import numba", ours, theirs, "s, CPU", note))
        spent = cpu_of([tradewind, "demo", "--no-open"], home, TRADEWIND_CACHE=str(home / "cold"))
        warm = cpu_of([tradewind, "demo", "--no-open"], home, TRADEWIND_CACHE=str(home / "cold"))
        note = "once per machine and version: the second figure is the same demo compiled"
        found.append(Row.of("demo, machine code cold", "demo, warm", spent, warm, "s, CPU", note))
    return found
