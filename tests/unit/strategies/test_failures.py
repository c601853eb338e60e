"""What goes wrong while a strategy runs is said with its author's line."""

import pytest

from tradewind.strategies.load import load_strategy
from tradewind.strategies.translate import locate_failure

HEAD = """\
from typing import Annotated
from tradewind.strategies import LONG, SET, Number, Rows, target

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
    ],
    ids=["float", "whole", "memory", "helper", "index", "raise", "rows"],
)
def test_a_failure_at_run_time_has_its_line(write, desk, body, line, sentence):
    path = write(HEAD + body + "\n")
    strategy = load_strategy(path)
    desk.params["v"] = strategy.params_vector({})
    with pytest.raises(Exception) as raised:
        desk.ask(strategy)
    error = locate_failure(strategy, raised.value, [desk.records])
    assert error.code == "STRATEGY_OUTPUT"
    assert error.where == f"{path}:{HEAD.count(chr(10)) + line}"
    assert error.message == sentence


def test_the_records_are_not_touched_by_the_search(write, desk):
    path = write(HEAD + "    memory.place += 1\n    y = 1 // view.trades\n    return SET\n")
    strategy = load_strategy(path)
    desk.params["v"] = strategy.params_vector({})
    before = [record.tobytes() for record in desk.records]
    error = locate_failure(strategy, ZeroDivisionError("division by zero"), [desk.records])
    assert error.where.endswith(f":{HEAD.count(chr(10)) + 2}")
    assert [record.tobytes() for record in desk.records] == before


def test_a_failure_that_cannot_be_found_again_names_decide(write, desk):
    path = write(HEAD + "    return SET\n")
    error = locate_failure(load_strategy(path), ZeroDivisionError("division by zero"), [desk.records])
    assert error.where == f"{path}:{HEAD.count(chr(10))}"
