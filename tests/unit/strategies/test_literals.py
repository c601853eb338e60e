"""Numbers, names and indexes written out in a strategy's text that cannot be right are refused before anything runs."""

import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.load import load_strategy

HEAD = """\
from typing import Annotated
from tradewind.signals import Rsi, Window
from tradewind.strategies import LONG, SET, SHORT, Rows, record, rest, stop, target, target_net, trail

SIGNALS = ("fast", "slow")
ZERO = 0

class Memory:
    rsi: Rsi
    row: Annotated[Rows[float], 10]
    count: int

def decide(view, account, working, params, memory, intents):
"""
OLDER = "keep older values in Memory: Annotated[Rows[float], 100], or a signal's Window"
COUNTED = 'write  SIGNALS = ("first", "second"), counted from 0'

# The line below `def decide`, what is said, the hint.
WRONG = [
    ("x = view.close / 0", "a division by zero", "divide by something else"),
    ("x = view.close // ZERO", "a division by zero", "divide by something else"),
    ("memory.count %= 0", "a division by zero", "divide by something else"),
    ("x = working.holding[5].pos_lot", "'working.holding' has 2 rows, no row 5", "rows are 0 to 1"),
    ("x = memory.row[-11]", "'memory.row' has 10 rows, no row -11", "rows are 0 to 9"),
    ("memory.row[10] = 1.0", "'memory.row' has 10 rows, no row 10", "rows are 0 to 9"),
    ("x = view.close[-1]", "'view.close' is one number, that of the last bar", OLDER),
    ("x = memory.count[0]", "'memory.count' is one number", OLDER),
    ("x = working[0]", "'working' is a record, not rows", "take one of its fields"),
    (
        "memory.rsi = 3.0",
        "'memory.rsi' is a Rsi, not a number",
        "set its fields, or give it to the signal that keeps it",
    ),
    ("memory.row = 3.0", "'memory.row' is rows of values, not a number", "set one of them: [i]"),
    ("rest(intents, 99, LONG, 1, 1)", "there is no slot 99", "slots are 0 to 59"),
    ("stop(intents, slot=-1, position_side=LONG, price_tick=1)", "there is no slot -1", "slots are 0 to 59"),
    ("target(intents, 2, 1)", "there is no side 2", "write LONG or SHORT"),
    (
        "target(intents, LONG, -5)",
        "a quantity of -5 lots cannot be wanted",
        "quantities count from 0; the side is LONG or SHORT",
    ),
    ("trail(intents, 0, LONG, -3)", "a stop cannot trail -3 ticks behind", "write how far behind, above 0"),
    ("target(intents, LONG, 1).slot = 60", "there is no slot 60", "slots are 0 to 59"),
    ("record(intents, 7, 1.0)", "signal 7 has no name: SIGNALS names 2", COUNTED),
    (
        "target(intents, LONG, 1, tga=1)",
        "target() has no argument 'tga' (did you mean 'tag'?)",
        "it takes intents, position_side, qty_lot, tag",
    ),
]


@pytest.mark.parametrize(("line", "sentence", "hint"), WRONG, ids=[row[0] for row in WRONG])
def test_what_cannot_be_right_is_refused_in_its_line(write, line, sentence, hint):
    path = write(f"{HEAD}    x = 1.0\n    {line}\n    return SET\n")
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    error = caught.value
    assert (error.code, error.message, error.hint) == ("STRATEGY_LINT", sentence, hint)
    assert error.where == f"{path}:{HEAD.count(chr(10)) + 2}"
    assert error.also == ()


RIGHT = [
    "x = view.close / 2",
    "x = working.holding[1].pos_lot + memory.row[-10] + memory.row[9]",
    "ZERO = 4\n    x = view.close / ZERO",
    "target_net(intents, -5)",
    "target(intents, LONG, 1).qty_lot = -1",
    "record(intents, 1, 1.0)",
    "rest(intents, 59, SHORT, 1, 1, tag=1)",
]


@pytest.mark.parametrize("line", RIGHT)
def test_what_may_be_meant_passes(write, line):
    load_strategy(write(f"{HEAD}    {line}\n    return SET\n"))


def test_a_signal_without_any_names_is_refused(write):
    path = write(
        HEAD.replace('SIGNALS = ("fast", "slow")', "") + "    record(intents, 0, 1.0)\n    return SET\n"
    )
    with pytest.raises(StrategyError, match="signal 0 has no name: no SIGNALS are named"):
        load_strategy(path)


DECIDE = "def decide(view, account, working, params, memory, intents):\n"

# The file, the line, what is said.
MISSPELT = [
    (
        f"class Memry:\n    bars: int\n\n{DECIDE}    memory.bars = 1\n    return 0\n",
        1,
        "nothing reads 'Memry' (did you mean 'Memory'?)",
    ),
    (
        f"x = 1\nclass memory:\n    bars: int\n\n{DECIDE}    return 0\n",
        2,
        "nothing reads 'memory' (did you mean 'Memory'?)",
    ),
    (
        f"def warm_up(params):\n    return 3\n\n{DECIDE}    return 0\n",
        1,
        "nothing reads 'warm_up' (did you mean 'warmup'?)",
    ),
    (f"\nSIGNAL = ('a',)\n{DECIDE}    return 0\n", 2, "nothing reads 'SIGNAL' (did you mean 'SIGNALS'?)"),
    (
        f"\n{DECIDE.replace('decide', 'decid')}    return 0\n",
        2,
        "nothing reads 'decid' (did you mean 'decide'?)",
    ),
    ("x = 1\n", 1, "the file has no decide()"),
    (f"{DECIDE}    memory.bars = 1\n    return 0\n", 2, "memory has no field 'bars'"),
    (f"{DECIDE}    x = params.size\n    return 0\n", 2, "params has no field 'size'"),
    (f"{DECIDE}    raise ValueError('x')\n", 1, "decide() never returns a verdict"),
    (f"{DECIDE}    return 0.5\n", 1, "decide() returns a fraction"),
]


@pytest.mark.parametrize(("text", "line", "sentence"), MISSPELT, ids=[row[2] for row in MISSPELT])
def test_what_is_missing_or_misspelt_is_named(write, text, line, sentence):
    path = write(text)
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    assert (caught.value.message, caught.value.where) == (sentence, f"{path}:{line}")


def test_a_name_like_one_that_is_read_may_be_used_by_the_file_itself(write):
    load_strategy(
        write(f"SIGNAL = 3.0\n\ndef plans(x):\n    return x\n\n{DECIDE}    return int(plans(SIGNAL)) - 3\n")
    )
