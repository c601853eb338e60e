"""The exact sentence shown for each common mistake, with the author's line: Numba's own words never reach them."""

from typing import get_type_hints

import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.load import declare_strategy, load_strategy
from tradewind.units.records import Holding, Intent

HEAD = """\
import math
from typing import Annotated
from tradewind.signals import Window, ema, sma
from tradewind.strategies import BUY, HOLD, LONG, SET, Number, Rows, Whole, lots_for, order_tick, rest, target

class Params:
    period = Whole(20, 2, 500)
    size_pct = Number(10.0, 0.1, 100.0)

class Memory:
    bars: int
    fast: float
    trend: int
    window: Annotated[Window, 500]
    row: Annotated[Rows[float], 10]

def decide(view, account, working, params, memory, intents):
"""
FIELDS = "fields: {}"
DECIDE_LINE = HEAD.count("\n")
DECIDE = "\ndef decide(view, account, working, params, memory, intents):\n    return 0\n"
IMPORTS = (
    "from typing import Annotated\nfrom tradewind.strategies import *\nfrom tradewind.signals import *\n"
)

# What it is, the body of decide, the line counted from `def decide` (0), code, sentence, hint.
MISTAKES = [
    (
        "misspelt memory field",
        "    memory.fats = 1.0\n    return SET",
        1,
        "STRATEGY_LINT",
        "memory has no field 'fats' (did you mean 'fast'?)",
        "fields: bars, fast, trend, window, row",
    ),
    (
        "misspelt parameter",
        "    x = params.perid\n    return SET",
        1,
        "STRATEGY_LINT",
        "params has no field 'perid' (did you mean 'period'?)",
        "fields: period, size_pct",
    ),
    (
        "misspelt field of a holding",
        "    x = working.holding[LONG].pos_lots\n    return SET",
        1,
        "STRATEGY_LINT",
        "working.holding[LONG] has no field 'pos_lots' (did you mean 'pos_lot'?)",
        FIELDS.format(", ".join(get_type_hints(Holding))),
    ),
    (
        "misspelt field of a want",
        "    row = target(intents, LONG, 1)\n    row.post_ony = 1\n    return SET",
        2,
        "STRATEGY_LINT",
        "row has no field 'post_ony' (did you mean 'post_only'?)",
        FIELDS.format(", ".join(get_type_hints(Intent))),
    ),
    (
        "text into a number",
        "    memory.fast = 'hello'\n    return SET",
        1,
        "STRATEGY_LINT",
        "text 'hello' where a number is wanted",
        "name the cases with whole numbers",
    ),
    (
        "comparison with None",
        "    if memory.fast is None:\n        return HOLD\n    return SET",
        1,
        "STRATEGY_LINT",
        "nothing is None here: every field is a number and begins at 0",
        "compare with 0",
    ),
    (
        "list",
        "    x = [1, 2]\n    return SET",
        1,
        "STRATEGY_LINT",
        "a list cannot be made here",
        "keep rows in Memory: Annotated[Rows[float], 100]",
    ),
    (
        "dict",
        "    x = {}\n    return SET",
        1,
        "STRATEGY_LINT",
        "a dict cannot be made here",
        "name the values as fields of Memory",
    ),
    (
        "set",
        "    x = {1}\n    return SET",
        1,
        "STRATEGY_LINT",
        "a set cannot be made here",
        "keep rows in Memory: Annotated[Rows[int], 100]",
    ),
    (
        "f-string",
        "    x = f'{view.close}'\n    return SET",
        1,
        "STRATEGY_LINT",
        "an f-string cannot be made here",
        "record(intents, i, value) writes numbers down",
    ),
    (
        "import inside",
        "    import numpy as np\n    x = np.zeros(3)\n    return SET",
        1,
        "STRATEGY_LINT",
        "an import belongs at the top of the file",
        "move it there",
    ),
    (
        "print",
        "    print(view.close)\n    return SET",
        1,
        "STRATEGY_LINT",
        "print() cannot be called here",
        "record(intents, i, value) writes numbers down",
    ),
    (
        "try",
        "    try:\n        x = 1\n    except ValueError:\n        x = 2\n    return SET",
        1,
        "STRATEGY_LINT",
        "try cannot be used here",
        "test the value before you use it",
    ),
    (
        "exp of the system",
        "    x = math.exp(1.0)\n    return SET",
        1,
        "STRATEGY_LINT",
        "'math.exp' gives other bits on other machines",
        "from tradewind.strategies import exp",
    ),
    (
        "sine of the system",
        "    x = math.sin(1.0)\n    return SET",
        1,
        "STRATEGY_LINT",
        "'math.sin' gives other bits on other machines",
        "use + - * /, math.sqrt or a signal",
    ),
    (
        "misspelt name",
        "    return HOLDD",
        1,
        "STRATEGY_LINT",
        "unknown name 'HOLDD' (did you mean 'HOLD'?)",
        "define it, or correct the name",
    ),
    (
        "forgotten import",
        "    stop(intents, 0, LONG, 5)\n    return SET",
        1,
        "STRATEGY_LINT",
        "'stop' is not imported",
        "from tradewind.strategies import stop",
    ),
    (
        "wrong number of arguments",
        "    x = ema(1.0, 2.0)\n    return SET",
        1,
        "STRATEGY_LINT",
        "ema(previous, value, period, count) is called with 2 arguments",
        "give the arguments it takes",
    ),
    (
        "missing return",
        "    if view.close > 5:\n        return SET",
        1,
        "STRATEGY_LINT",
        "decide() can end without a return",
        "return a verdict: SET, HOLD or PULL",
    ),
    (
        "return None",
        "    return None",
        1,
        "STRATEGY_LINT",
        "decide() returns nothing here",
        "return a verdict: SET, HOLD or PULL",
    ),
    (
        "empty return",
        "    return",
        1,
        "STRATEGY_LINT",
        "decide() returns nothing here",
        "return a verdict: SET, HOLD or PULL",
    ),
    (
        "fraction returned",
        "    return 1.5",
        0,
        "STRATEGY_LINT",
        "decide() returns a fraction",
        "return a verdict: SET, HOLD or PULL",
    ),
    (
        "fraction into ticks",
        "    row = target(intents, LONG, 1)\n    row.price_tick = view.close * 0.99\n    return SET",
        2,
        "STRATEGY_LINT",
        "'price_tick' is a whole number; a fraction would be cut off in silence",
        "use order_tick(view, price, BUY or SELL), or int()",
    ),
    (
        "fraction given as ticks",
        "    rest(intents, 0, LONG, view.close * 0.99, 5)\n    return SET",
        1,
        "STRATEGY_LINT",
        "'price_tick' is a whole number; a fraction would be cut off in silence",
        "use order_tick(view, price, BUY or SELL), or int()",
    ),
    (
        "fraction given as lots",
        "    target(intents, LONG, account.equity * 0.1 / view.close)\n    return SET",
        1,
        "STRATEGY_LINT",
        "'qty_lot' is a whole number; a fraction would be cut off in silence",
        "use lots_for(), lots_worth() or int()",
    ),
    (
        "fraction into a whole field",
        "    memory.trend = memory.fast - 1.5\n    return SET",
        1,
        "STRATEGY_LINT",
        "'trend' is a whole number; a fraction would be cut off in silence",
        "use int(), or declare the field as float",
    ),
    (
        "write to view",
        "    view.close = 5\n    return SET",
        1,
        "STRATEGY_LINT",
        "a strategy may not write to view",
        "keep what must last in memory, say what is wanted in intents",
    ),
    (
        "write to account",
        "    account.balance += 5\n    return SET",
        1,
        "STRATEGY_LINT",
        "a strategy may not write to account",
        "keep what must last in memory, say what is wanted in intents",
    ),
    (
        "write to params",
        "    params.period = 5\n    return SET",
        1,
        "STRATEGY_LINT",
        "a strategy may not write to params",
        "keep what must last in memory, say what is wanted in intents",
    ),
    (
        "write to a holding",
        "    h = working.holding[0]\n    h.pos_lot = 5\n    return SET",
        2,
        "STRATEGY_LINT",
        "a strategy may not write to working",
        "keep what must last in memory, say what is wanted in intents",
    ),
    (
        "write to a row of view",
        "    view.feature[0] = 5.0\n    return SET",
        1,
        "STRATEGY_LINT",
        "a strategy may not write to view",
        "keep what must last in memory, say what is wanted in intents",
    ),
    (
        "power",
        "    x = view.close ** 0.5\n    return SET",
        1,
        "STRATEGY_LINT",
        "'**' gives other bits on other machines",
        "write x * x, math.sqrt(x) or pow_(x, n)",
    ),
    (
        "recursion",
        "    return step(5)\n\ndef step(n):\n    return step(n - 1) if n else 0",
        4,
        "STRATEGY_LINT",
        "'step' calls itself",
        "write a loop",
    ),
    (
        "lambda",
        "    f = lambda x: x\n    return SET",
        1,
        "STRATEGY_LINT",
        "a lambda cannot be used here",
        "write a function of its own, beside decide()",
    ),
    (
        "name without a value",
        "    if view.close > 3:\n        x = 1\n    return x",
        3,
        "STRATEGY_LINT",
        "'x' may have no value yet",
        "give it one on every path that leads here",
    ),
    (
        "record in a sum",
        "    x = view + 1\n    return SET",
        1,
        "STRATEGY_LINT",
        "'view' is a record, not a number",
        "take one of its fields",
    ),
    (
        "field called",
        "    x = view.close(3)\n    return SET",
        1,
        "STRATEGY_LINT",
        "view.close is a field, not a function",
        "remove the brackets",
    ),
    (
        "misspelt field in a helper",
        "    return go(memory)\n\ndef go(m):\n    m.fats = 1\n    return SET",
        4,
        "STRATEGY_LINT",
        "m has no field 'fats' (did you mean 'fast'?)",
        "fields: bars, fast, trend, window, row",
    ),
    (
        "fraction in a helper",
        "    return go(memory)\n\ndef go(m):\n    m.trend = 1.5\n    return SET",
        4,
        "STRATEGY_LINT",
        "'trend' is a whole number; a fraction would be cut off in silence",
        "use int(), or declare the field as float",
    ),
    (
        "sum",
        "    x = sum(memory.row)\n    return SET",
        1,
        "STRATEGY_LINT",
        "sum() cannot be called here",
        "write a loop: the order of a sum decides its last bit",
    ),
    (
        "record as a condition",
        "    if view:\n        return SET\n    return HOLD",
        1,
        "STRATEGY_LINT",
        "'view' is a record, not a number",
        "take one of its fields",
    ),
    (
        "slice",
        "    x = memory.row[0:2]\n    return SET",
        1,
        "STRATEGY_LINT",
        "a slice cannot be taken here",
        "write a loop over the index",
    ),
    (
        "endless loop",
        "    while True:\n        pass",
        1,
        "STRATEGY_LINT",
        "this loop never ends",
        "give it an end: break, return or a condition",
    ),
    (
        "rows in a sum",
        "    x = memory.row + 1.0\n    return SET",
        1,
        "STRATEGY_LINT",
        "'memory.row' is rows of values, not a number",
        "take one of them: [i]",
    ),
    (
        "number unpacked",
        "    a, b = view.close\n    return SET",
        1,
        "STRATEGY_COMPILE",
        "one number cannot be unpacked into several",
        "take each field by its name",
    ),
    (
        "rows for a window",
        "    x = sma(memory.row, 1.0, 5)\n    return SET",
        1,
        "STRATEGY_LINT",
        "sma() takes a Window as 'window'",
        "name one in Memory: window: Window",
    ),
]


def mistake(path):
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    return caught.value


def shown(error, path):
    """Return (code, line, sentence, remedy) as a person reads them; nothing else may be in there."""
    first = error.render().splitlines()[:3]
    code, _, place = first[0].partition("  ")
    assert place.startswith(f"{path}:"), first[0]
    assert "numba" not in error.render().lower()
    assert "Traceback" not in error.render()
    return code, int(place.rpartition(":")[2]), first[1].strip(), first[2].strip()


@pytest.mark.parametrize(
    ("body", "line", "code", "sentence", "hint"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_mistake_is_said_in_one_sentence_with_its_line(write, body, line, code, sentence, hint):
    path = write(HEAD + body + "\n")
    assert shown(mistake(path), path) == (code, DECIDE_LINE + line, sentence, hint)


FILES = [
    ("missing decide", "x = 1\n", 1, "the file has no decide()"),
    (
        "decide with two arguments",
        "def decide(view, intents):\n    return 0\n",
        1,
        "decide() takes 6 arguments",
    ),
    ("asynchronous decide", DECIDE.replace("def", "async def"), 2, "decide() is no ordinary function"),
    ("warmup without params", "def warmup():\n    return 5\n" + DECIDE, 1, "warmup() takes 1 argument"),
    ("bracket left open", "def decide(view:\n    return 0\n", 1, "this is not Python: '(' was never closed"),
    ("missing module", "import numppy\n" + DECIDE, 1, "there is no module 'numppy'"),
    (
        "misspelt import",
        "from tradewind.signals import emma\n" + DECIDE,
        1,
        "'tradewind.signals' has no 'emma' (did you mean 'ema'?)",
    ),
    ("not UTF-8", b"\n# caf\xe9\n" + DECIDE.encode(), 2, "this line is not UTF-8 text"),
    (
        "name missing at the top",
        IMPORTS + "X = Whle\n" + DECIDE,
        4,
        "unknown name 'Whle' (did you mean 'Whole'?)",
    ),
    ("division at the top", "X = 1 / 0\n" + DECIDE, 1, "division by zero"),
    ("exit at the top", "raise SystemExit\n" + DECIDE, 1, "the file ends the program"),
    (
        "Params is no class",
        IMPORTS + "Params = 5\n" + DECIDE,
        4,
        "Params is a class that lists the parameters",
    ),
    (
        "parameter without a range",
        IMPORTS + "class Params:\n    p = 5\n" + DECIDE,
        5,
        "parameter 'p' has no range",
    ),
    (
        "annotated parameter",
        IMPORTS + "class Params:\n    p: int\n" + DECIDE,
        5,
        "parameter 'p' has no range",
    ),
    (
        "default outside its range",
        IMPORTS + "class Params:\n    p = Whole(50, 1, 20)\n" + DECIDE,
        5,
        "the default 50 lies outside its range 1..20",
    ),
    (
        "empty range",
        IMPORTS + "class Params:\n    p = Whole(5, 20, 1)\n" + DECIDE,
        5,
        "the range 20..1 is empty",
    ),
    (
        "fraction as a whole number",
        IMPORTS + "class Params:\n    p = Whole(2.5, 1, 20)\n" + DECIDE,
        5,
        "Whole() takes whole numbers, not 2.5; Number() takes fractions",
    ),
    (
        "range left out",
        IMPORTS + "class Params:\n    p = Whole(5)\n" + DECIDE,
        5,
        "Whole() missing 2 required positional arguments: 'low' and 'high'",
    ),
    (
        "word that is no choice",
        IMPORTS + "class Params:\n    p = Choice('x', ('a', 'b'))\n" + DECIDE,
        5,
        "the default 'x' is none of a, b",
    ),
    (
        "reserved parameter",
        IMPORTS + "class Params:\n    size = Whole(5, 1, 10)\n" + DECIDE,
        5,
        "a parameter cannot be called 'size'; choose another name",
    ),
    (
        "too many parameters",
        IMPORTS + "class Params:\n" + "".join(f"    p{i} = Flag(True)\n" for i in range(65)) + DECIDE,
        4,
        "65 parameters are declared; there is room for 64",
    ),
    (
        "memory that does not begin at zero",
        IMPORTS + "class Memory:\n    a: int = 5\n" + DECIDE,
        5,
        "memory field 'a' begins at zero; set it in decide() at the first bar",
    ),
    (
        "memory field without a type",
        IMPORTS + "class Memory:\n    a = 0\n" + DECIDE,
        5,
        "memory field 'a' has no type; write a: int",
    ),
    (
        "text in memory",
        IMPORTS + "class Memory:\n    b: int\n    a: str\n" + DECIDE,
        6,
        "memory field 'a' is int, float, a signal's state or Annotated[Rows[float], n]",
    ),
    (
        "unknown type in memory",
        IMPORTS + "class Memory:\n    a: Wndow\n" + DECIDE,
        5,
        "unknown name 'Wndow' (did you mean 'Window'?)",
    ),
    (
        "memory too large",
        IMPORTS + "class Memory:\n    a: Annotated[Rows[float], 5000]\n" + DECIDE,
        4,
        "the memory needs 5000 cells; there are 4096",
    ),
    (
        "rows without a length",
        IMPORTS + "class Memory:\n    a: Annotated[Rows[float], 0]\n" + DECIDE,
        5,
        "memory field 'a' has no length; write Annotated[Rows[float], 100]",
    ),
    ("signals that are no tuple", "SIGNALS = 'fast'\n" + DECIDE, 1, "SIGNALS is a tuple of words"),
    (
        "too many signals",
        "SIGNALS = tuple('abcdefghi')\n" + DECIDE,
        1,
        "SIGNALS names 9, there is room for 8",
    ),
    (
        "misspelt feed",
        "NEEDS = ('fundng',)\n" + DECIDE,
        1,
        "no feed is called 'fundng' (did you mean 'funding'?)",
    ),
    ("nameless feature", "NEEDS = ('feature:',)\n" + DECIDE, 1, "no feed is called 'feature:'"),
    ("unknown kind", "KIND = 'fast'\n" + DECIDE, 1, "KIND is 'fast'"),
    (
        "too many frames",
        "FRAMES = ('1h', '2h', '4h', '1d')\n" + DECIDE,
        1,
        "FRAMES names 4, there is room for 3",
    ),
]


@pytest.mark.parametrize(("text", "line", "sentence"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_a_file_that_cannot_be_read_says_why_with_its_line(write, text, line, sentence):
    path = write(text)
    assert shown(mistake(path), path)[:3] == ("STRATEGY_LOAD", line, sentence)


USES = [
    (
        "random.random()",
        "import random",
        "'random.random' asks chance: the same facts must give the same decision",
    ),
    ("time.time()", "import time", "'time.time' asks the clock: view.ts_ns is the time that is known"),
    (
        "np.zeros(3)[0]",
        "import numpy as np",
        "'np.zeros' cannot be used here: it makes arrays or has other bits",
    ),
    ("np.exp(1.0)", "import numpy as np", "'np.exp' cannot be used here: it makes arrays or has other bits"),
    ("exp(1.0)", "from math import exp", "'exp' gives other bits on other machines"),
    ("statistics.mean(1)", "import statistics", "'statistics.mean' cannot be compiled"),
    ("math.sqr(2.0)", "import math", "math.sqr does not exist (did you mean 'sqrt'?)"),
    ("A[0]", "A = [1, 2]", "'A' is a list, which cannot be read here"),
    ("A", "A = 'text'", "'A' is text where a number is wanted"),
    ("math", "import math", "'math' is a module, not a number"),
]


@pytest.mark.parametrize(("use", "top", "sentence"), USES, ids=[u[0] for u in USES])
def test_what_stands_outside_may_be_numbers_and_kernels_only(write, use, top, sentence):
    path = write(
        f"{top}\ndef decide(view, account, working, params, memory, intents):\n    x = {use}\n    return 0\n"
    )
    assert shown(mistake(path), path)[:3] == ("STRATEGY_LINT", 3, sentence)


@pytest.mark.parametrize(
    "use", ["math.sqrt(2.0)", "A[1] + B", "max(1, 2)", "float(len(memory.row))", "C.LONG"]
)
def test_what_is_allowed_compiles(write, use):
    top = "import math\nimport tradewind.strategies as C\nfrom typing import Annotated\nA = (1, 2.5)\nB = 3\n"
    memory = "class Memory:\n    row: Annotated[C.Rows[float], 4]\n"
    head = "def decide(view, account, working, params, memory, intents):\n"
    body = f"{head}    x = {use}\n    return 0 if x > 0 else -1\n"
    assert load_strategy(write(top + memory + body)).decide is not None


STOPS = """{needs}
from tradewind.strategies import LAST, LONG, MARK, SET, Choice, stop

class Params:
    watched = Choice("mark", ("last", "mark"))

class Memory:
    trigger: int

def protect(intents):
    return stop(intents, 1, LONG, 100)

def decide(view, account, working, params, memory, intents):
    {body}
    return SET
"""


@pytest.mark.parametrize(
    "body",
    [
        "protect(intents).trigger = MARK",
        "row = stop(intents, 1, LONG, 100); row.trigger = 1",
        "row = stop(intents, 1, LONG, 100); row.trigger = params.watched",
        "intents.row[0].trigger = MARK",
    ],
)
def test_a_stop_on_the_mark_needs_the_mark(write, body):
    path = write(STOPS.format(needs="", body=body))
    said = "a stop that watches the mark price is never told one"
    hint = 'write NEEDS = ("mark",) at the top of the file'
    assert shown(mistake(path), path) == ("STRATEGY_LINT", 14, said, hint)
    assert load_strategy(write(STOPS.format(needs='NEEDS = ("mark",)', body=body))).needs == ("mark",)


@pytest.mark.parametrize(
    "body",
    ["protect(intents).trigger = LAST", "intents.row[0].trigger = 0", "memory.trigger = MARK"],
)
def test_a_stop_on_the_last_price_needs_no_mark(write, body):
    assert load_strategy(write(STOPS.format(needs="", body=body))).decide is not None


def test_every_mistake_of_a_file_is_found_at_once(write):
    path = write(HEAD + "    x = params.perid\n    print(x)\n    y = [1]\n    return HOLDD\n")
    error = mistake(path)
    places = [int(each.where.rpartition(":")[2]) - DECIDE_LINE for each in (error, *error.also)]
    assert places == [1, 2, 3, 4]


def test_a_function_that_decide_does_not_reach_may_do_anything(write):
    path = write(HEAD + "    return SET\n\ndef study(frame):\n    print([x for x in frame], f'{frame}')\n")
    assert load_strategy(path).name == "mine"


@pytest.mark.parametrize("name", ["Mine.py", "9x.py", "x-y.py", "ünique.py"])
def test_a_file_name_that_cannot_name_a_strategy_is_refused(write, name):
    with pytest.raises(StrategyError) as caught:
        declare_strategy(write(DECIDE, name))
    assert caught.value.code == "ID_INVALID"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StrategyError) as caught:
        declare_strategy(tmp_path / "absent.py")
    assert caught.value.message == "the file cannot be read: No such file or directory"
