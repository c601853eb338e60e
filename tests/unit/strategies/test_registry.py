"""Which strategies there are, and a new one."""

import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.load import load_strategy
from tradewind.strategies.registry import (
    declare_named,
    find_strategy,
    list_strategies,
    load_named,
    strategy_files,
)
from tradewind.strategies.starting import new_strategy

DECIDE = "def decide(view, account, working, params, memory, intents):\n    return 0\n"
SHIPPED = {
    "buy_and_hold",
    "dca_grid",
    "donchian_breakout",
    "ema_cross",
    "funding_carry",
    "mean_reversion",
    "target_table",
    "xs_momentum",
}


def test_the_shipped_strategies_are_there_without_a_workspace():
    assert set(strategy_files()) == SHIPPED
    declared, errors = list_strategies()
    assert {each.name for each in declared} == SHIPPED
    assert errors == []


def test_a_folder_adds_its_strategies_and_not_their_helpers(write, tmp_path):
    write(DECIDE, "mine.py")
    write("A = 1\n", "levels.py")
    write(DECIDE, "_draft.py")
    assert set(strategy_files(tmp_path)) == SHIPPED | {"mine"}
    assert declare_named("mine", tmp_path).path == tmp_path / "mine.py"


def test_one_broken_file_does_not_hide_the_others(write, tmp_path):
    write("def decide(:\n", "broken.py")
    write(DECIDE, "mine.py")
    declared, errors = list_strategies(tmp_path)
    assert {each.name for each in declared} == SHIPPED | {"mine"}
    assert [each.where for each in errors] == [f"{tmp_path / 'broken.py'}:1"]


def test_two_strategies_of_one_name_are_refused(write, tmp_path):
    write(DECIDE, "ema_cross.py")
    with pytest.raises(StrategyError) as caught:
        find_strategy("ema_cross", tmp_path)
    assert caught.value.code == "ID_INVALID"
    assert caught.value.message == "two strategies are called 'ema_cross': this one and a shipped one"
    assert caught.value.where == str(tmp_path / "ema_cross.py")


def test_an_unknown_name_is_answered_with_a_guess_and_the_known_ones():
    with pytest.raises(StrategyError) as caught:
        find_strategy("ema_cros")
    assert caught.value.code == "STRATEGY_UNKNOWN"
    assert caught.value.message == "no strategy is called 'ema_cros'. Did you mean 'ema_cross'?"
    assert set(caught.value.known) == SHIPPED


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (DECIDE.replace("decide", "decid"), "nothing reads 'decid' (did you mean 'decide'?)"),
        ("x = 1 / 0\n", "division by zero"),
        ("import sys\nsys.exit(3)\n", "the file ends the program"),
        ("A = 1\n", "the file has no decide()"),
    ],
)
def test_a_file_that_is_there_says_itself_what_it_lacks(write, tmp_path, text, sentence):
    path = write(text, "mine.py")
    with pytest.raises(StrategyError) as caught:
        declare_named("mine", tmp_path)
    assert (caught.value.code, caught.value.message) == ("STRATEGY_LOAD", sentence)
    assert caught.value.where.startswith(f"{path}:")


def test_a_path_counts_from_the_workspace(write, tmp_path):
    path = write(DECIDE, "strategies/mine.py")
    assert find_strategy("strategies/mine.py", tmp_path / "strategies") == path
    assert find_strategy(str(path)) == path
    with pytest.raises(StrategyError, match="there is no file"):
        find_strategy("strategies/other.py", tmp_path / "strategies")


def test_a_new_strategy_runs_as_it_stands(tmp_path, desk):
    path = new_strategy(tmp_path / "strategies", "first")
    strategy = load_strategy(path)
    assert strategy.warmup_bars({}) == 400
    desk.params["v"] = strategy.params_vector({"fast_period": 2, "slow_period": 5})
    for close in (1000, 990, 1010, 1030):
        desk.close_at(close)
        assert desk.ask(strategy) == 0
    assert desk.rows()[0]["qty_lot"] > 0
    assert load_named("first", tmp_path / "strategies").source_hash == strategy.source_hash


def test_a_new_strategy_overwrites_nothing(tmp_path):
    path = new_strategy(tmp_path, "first")
    path.write_text("mine")
    with pytest.raises(StrategyError, match="the file exists"):
        new_strategy(tmp_path, "first")
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["first.py"]


@pytest.mark.parametrize("name", ["Two", "a-b", "", "9", "_x", "ema_cross", "../up", "a b"])
def test_a_name_that_cannot_be_one_writes_nothing(tmp_path, name):
    with pytest.raises(StrategyError) as caught:
        new_strategy(tmp_path, name)
    assert caught.value.code == "ID_INVALID"
    assert list(tmp_path.iterdir()) == []
