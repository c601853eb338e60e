"""A strategy that fails while it runs: the same code, file and line from a backtest, a check and paper."""

import json

import pytest

from tradewind.cli.entry import run_command

SETTINGS = """\
strategy = "bad"
period   = { start = "2024-01-01", end = "2024-01-02" }
capital  = { amount = 10_000, currency = "USDT" }
[market]
venue = "generated"
symbols = ["BTCUSDT"]
bars = "1m"
[checks]
lookahead_cuts = 1
costs_doubled = false
[data]
flat = "accept"
zero_volume = "accept"
outliers = "accept"
"""
STRATEGY = """\
from typing import Annotated
from tradewind.strategies import LONG, SET, Rows, order_tick, target

class Memory:
    bars: int
    row: Annotated[Rows[float], 4]

def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:
        memory.bars = view.bars
        {line}
    return SET
"""
FAILING = [
    ("memory.row[0] = 1.0 / (view.bars - 300)", "a division by zero"),
    ("memory.row[view.bars // 100] = 1.0", "an index lies outside its rows"),
    ("target(intents, LONG, order_tick(view, 1e300, 1))", "a price that is not a number"),
]
DOORS = [
    ["backtest", "backtests/bad.toml"],
    ["strategy", "check", "bad", "--for", "backtests/bad.toml"],
    ["trade", "--paper", "backtests/bad.toml", "--feed", "replay:all"],
]


@pytest.mark.parametrize(("line", "sentence"), FAILING, ids=[row[1] for row in FAILING])
def test_a_failing_strategy_is_told_alike_by_every_command(desk, capsys, line, sentence):
    (desk.strategies / "bad.py").write_text(STRATEGY.format(line=line))
    (desk.backtests / "bad.toml").write_text(SETTINGS)
    days = ["--symbols", "BTCUSDT", "--start", "2024-01-01", "--end", "2024-01-02"]
    assert run_command(["data", "generate", *days]) == 0
    assert run_command(["strategy", "check", "bad"]) == 0
    for door in DOORS:
        capsys.readouterr()
        assert run_command([*door, "--json"]) == 2, door
        error = json.loads(capsys.readouterr().out)
        assert error["code"] == "STRATEGY_OUTPUT"
        assert error["where"].endswith("strategies/bad.py:11")
        assert error["message"].startswith(sentence)
    assert not list(desk.runs.glob("*"))
