"""What goes wrong while a strategy runs is said with its author's line."""

import pytest

from tradewind.strategies.faults import strategy_fault
from tradewind.strategies.load import load_strategy
from tradewind.units.jit import allocate
from tradewind.units.records import Account, Context, Strategy, View

HEAD = """\
import math
from typing import Annotated
from tradewind.strategies import LONG, SET, Number, Rows, order_tick, target

class Params:
    divisor = Number(0.0, 0.0, 9.0)

class Memory:
    row: Annotated[Rows[float], 4]
    place: int

def decide(view, account, working, params, memory, intents):
"""


@pytest.mark.parametrize(
    ("body", "line", "sentence"),
    [
        ("    x = 1.0\n    y = view.close / params.divisor\n    return SET", 2, "a division by zero"),
        ("    y = view.close // memory.place\n    return SET", 1, "a division by zero"),
        ("    y = memory.row[0] / memory.row[1]\n    return SET", 1, "a division by zero"),
        (
            "    y = half(memory.place)\n    return SET\n\ndef half(n):\n    return 1 // n",
            5,
            "a division by zero",
        ),
        (
            "    memory.place = 4\n    memory.row[memory.place] = 1.0\n    return SET",
            2,
            "an index lies outside its rows",
        ),
        ('    if view.close > 0:\n        raise ValueError("not today")\n    return SET', 2, "not today"),
        (
            "    for i in range(100):\n        target(intents, LONG, 1)\n    return SET",
            2,
            "a strategy wants more than its slots hold",
        ),
        (
            "    if memory.place != view.bars:\n        memory.place = view.bars\n"
            "        y = 1 // view.trades\n    return SET",
            3,
            "a division by zero",
        ),
        (
            "    if memory.place != view.bars:\n        memory.place = view.bars\n"
            "        y = order_tick(view, 1e300, 1)\n    return SET",
            3,
            "a price that is not a number: a signal may not know its value yet",
        ),
        (
            "    y = math.sqrt(-1.0 * view.close)\n    z = view.close % memory.place\n    return SET",
            2,
            "a division by zero",
        ),
        ("    memory.row[memory.place - 5] = 1.0\n    return SET", 1, "an index lies outside its rows"),
    ],
    ids=[
        "float",
        "whole",
        "memory",
        "helper",
        "index",
        "raise",
        "rows",
        "folded",
        "folded signal",
        "square root",
        "below",
    ],
)
def test_a_failure_at_run_time_has_its_line(write, desk, body, line, sentence):
    path = write(HEAD + body + "\n")
    strategy = load_strategy(path)
    for _ in range(2):  # The second time its machine code comes from the disk.
        error = _fault(strategy, desk)
        assert error.code == "STRATEGY_OUTPUT"
        assert error.where == f"{path}:{HEAD.count(chr(10)) + line}"
        assert error.message == sentence
        strategy = load_strategy(path)


def _fault(strategy, desk):
    desk.params["v"] = strategy.params_vector({})
    desk.memory["v"] = 0
    with pytest.raises(Exception) as raised:
        desk.ask(strategy)
    return strategy_fault(raised.value, [(strategy, [desk.records])])


def test_a_plan_that_fails_has_its_line(write):
    path = write(
        HEAD
        + "    return SET\n\ndef plan(account, instruments, contexts, strategy):\n    return 1 // strategy.held\n"
    )
    strategy = load_strategy(path)
    with pytest.raises(ZeroDivisionError) as raised:
        strategy.plan(allocate(Account)[0], allocate(View), allocate(Context), allocate(Strategy)[0])
    error = strategy_fault(raised.value, [(strategy, [])])
    assert error.where == f"{path}:{HEAD.count(chr(10)) + 4}"


def test_the_records_are_not_touched_by_the_search(write, desk):
    path = write(HEAD + "    memory.place += 1\n    y = order_tick(view, 1e300, 1)\n    return SET\n")
    strategy = load_strategy(path)
    desk.params["v"] = strategy.params_vector({})
    with pytest.raises(ValueError, match="a price that is not a number") as raised:
        desk.ask(strategy)
    before = [record.tobytes() for record in desk.records]
    error = strategy_fault(raised.value, [(strategy, [desk.records])])
    assert error.where == f"{path}:{HEAD.count(chr(10)) + 2}"
    assert [record.tobytes() for record in desk.records] == before


def test_a_failure_in_a_kernel_of_ours_that_cannot_be_found_again_names_decide_and_the_kernel(write, desk):
    path = write(HEAD + "    y = order_tick(view, 1e300, 1)\n    return SET\n")
    strategy = load_strategy(path)
    with pytest.raises(ValueError, match="a price that is not a number") as raised:
        desk.ask(strategy)
    error = strategy_fault(raised.value, [(strategy, [])])
    assert error.where == f"{path}:{HEAD.count(chr(10))}"
    assert error.message.endswith("(in order_tick())")


def test_a_failure_of_ours_is_no_fault_of_a_strategy(write, desk):
    strategy = load_strategy(write(HEAD + "    return SET\n"))
    with pytest.raises(AssertionError) as raised:
        raise AssertionError("a rule of the core")
    assert strategy_fault(raised.value, [(strategy, [desk.records])]) is None
