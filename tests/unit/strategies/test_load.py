"""From a file to machine code: what is declared, what is compiled, and that an edit is seen."""

import ast
import hashlib
import os
import subprocess
import sys

import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.load import declare_strategy, load_strategy
from tradewind.strategies.registry import shipped_folder
from tradewind.strategies.source import read_source
from tradewind.units.jit import cache_dir
from tradewind.units.layout import dtype_of

HEAD = "def decide(view, account, working, params, memory, intents):\n"
WHOLE = '''\
"""Hold so many lots.

More text.
"""
from typing import Annotated
from tradewind.signals import Window, sma
from tradewind.strategies import LONG, SET, Choice, Flag, Number, Rows, Whole, record, target

SIGNALS = ("mean",)
TAGS = ("hold",)
FRAMES = ("1h", "1d")
NEEDS = ("funding", "feature:mood", "feature:heat")
EXTRA = 2

class Params:
    lots = Whole(3, 1, 50, "lots held")
    factor = Number(1.5, 0.0, 4.0)
    mode = Choice("calm", ("wild", "calm"))
    doubled = Flag(False)

class Spot:
    level: float
    hits: int

class Memory:
    bars: int
    window: Annotated[Window, 300]
    spot: Spot
    spots: Annotated[Rows[Spot], 3]

def warmup(params):
    return add(params.lots, EXTRA)

def add(a, b):
    return a + b

def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:
        memory.bars = view.bars
        record(intents, 0, sma(memory.window, view.close, 2))
        memory.spot.level = params.factor
        memory.spots[2].hits += 1 + params.mode
    target(intents, LONG, add(params.lots, EXTRA) * (1 + params.doubled), tag=1)
    return SET
'''


def test_what_a_file_declares(write):
    declared = declare_strategy(write(WHOLE))
    assert (declared.name, declared.summary) == ("mine", "Hold so many lots.")
    assert declared.signals == ("mean",)
    assert declared.tags == ("hold",)
    assert declared.frames == ("1h", "1d")
    assert declared.needs == ("funding", "feature:mood", "feature:heat")
    assert declared.features == ("mood", "heat")
    assert declared.kind == "market"
    assert {name: param.range_text() for name, param in declared.params.items()} == {
        "lots": "1..50",
        "factor": "0..4",
        "mode": "wild|calm",
        "doubled": "true|false",
    }
    assert declared.params["lots"].summary == "lots held"


def test_memory_holds_numbers_states_records_and_rows_of_them(write):
    declared = declare_strategy(write(WHOLE))
    memory = dtype_of(declared.memory)
    assert memory["window"]["row"].shape == (300,)
    assert memory["spot"].names == ("level", "hits")
    assert memory["spots"].shape == (3,)


def test_warmup_is_plain_python_over_the_checked_parameters(write):
    strategy = load_strategy(write(WHOLE))
    assert strategy.warmup_bars({}) == 5
    assert strategy.warmup_bars({"lots": 10}) == 12


@pytest.mark.parametrize("returned", ["-1", "1.5", "None", "True"])
def test_a_warmup_that_is_no_number_of_bars_is_refused(write, returned):
    text = f"def warmup(params):\n    return {returned}\n{HEAD}    return 0\n"
    with pytest.raises(StrategyError, match="it returns a number of bars"):
        declare_strategy(write(text)).warmup_bars({})


def test_decide_reads_its_parameters_and_keeps_its_memory(write, desk):
    strategy = load_strategy(write(WHOLE))
    desk.params["v"] = strategy.params_vector({"lots": 4, "factor": 2.5, "mode": "calm", "doubled": True})
    assert desk.ask(strategy) == 0
    assert desk.rows() == [{"kind": 1, "qty_lot": 12, "tag": 1}]
    desk.close_at(1002)
    desk.ask(strategy)
    assert desk.intents["signal"][0] == 1001.0
    layout = dtype_of(strategy.memory)
    laid = desk.memory["v"][: layout.itemsize // 8].view(layout)[0]
    assert (laid["bars"], laid["spot"]["level"], laid["spots"]["hits"].tolist()) == (2, 2.5, [0, 0, 4])


def test_a_strategy_without_parameters_and_memory_runs(write, desk):
    text = HEAD + "    return -1\n"
    strategy = load_strategy(write(text))
    assert desk.ask(strategy) == -1
    assert not strategy.params_vector({}).any()


def test_an_edited_constant_is_seen(write, desk):
    assert held_by(write(WHOLE), desk) == 5
    assert held_by(write(WHOLE.replace("EXTRA = 2", "EXTRA = 7")), desk) == 10


def test_an_edited_constant_of_a_local_import_is_seen(write, desk):
    text = "from levels import lots\nfrom tradewind.strategies import LONG, SET, target\n" + (
        HEAD + "    target(intents, LONG, lots(1))\n    return SET\n"
    )
    write("import deeper\ndef lots(n):\n    return n + deeper.MORE\n", "levels.py")
    write("MORE = 1\n", "deeper.py")
    assert held_by(write(text), desk) == 2
    # The author's own file is the same: Numba's cache alone would run the old machine code.
    write("MORE = 5\n", "deeper.py")
    assert held_by(write(text), desk) == 6


def held_by(path, desk):
    strategy = load_strategy(path)
    desk.params["v"] = strategy.params_vector({})
    desk.ask(strategy)
    return desk.rows()[0]["qty_lot"]


def test_the_hash_covers_local_imports_and_nothing_else(write):
    main = write("import levels\nimport os\n" + WHOLE)
    write("A = 1\n", "levels.py")
    write("B = 1\n", "unused.py")
    before = read_source(main).hash
    write("B = 2\n", "unused.py")
    assert read_source(main).hash == before
    write("A = 2\n", "levels.py")
    assert read_source(main).hash != before


def test_a_package_beside_the_file_can_be_imported(write, desk):
    write("from tools.sizes import lots\n", "tools/__init__.py")
    write("def lots():\n    return 9\n", "tools/sizes.py")
    text = "import tools\nfrom tradewind.strategies import LONG, SET, target\n" + (
        HEAD + "    target(intents, LONG, tools.lots())\n    return SET\n"
    )
    path = write(text)
    assert held_by(path, desk) == 9
    assert {file.path.name for file in read_source(path).files} == {"mine.py", "__init__.py", "sizes.py"}


def test_a_local_module_hides_nothing_outside(write):
    import statistics

    write("def mean(n):\n    return 1\n", "statistics.py")
    load_strategy(write("import statistics\n" + WHOLE))
    assert sys.modules["statistics"] is statistics


def test_a_mistake_in_a_local_import_has_that_file_and_line(write):
    write("def lots():\n    return [1]\n", "levels.py")
    text = "from levels import lots\ndef decide(view, account, working, params, memory, intents):\n    return lots()\n"
    with pytest.raises(StrategyError) as caught:
        load_strategy(write(text))
    assert caught.value.where.endswith("levels.py:2")


def test_the_same_text_is_compiled_once_and_read_back_by_the_next_process(write):
    path = write(WHOLE.replace("EXTRA = 2", "EXTRA = 3"))
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom numba.core.event import install_recorder\n"
        "from tradewind.strategies.load import load_strategy\n"
        "with install_recorder('numba:compile') as seen:\n    load_strategy(Path(sys.argv[1]))\n"
        "print(len(seen.buffer))\n"
    )
    counts = [
        int(
            subprocess.run(
                [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    assert counts[0] > 0
    assert counts[1] == 0


def test_only_the_newest_versions_of_a_file_stay_in_the_cache(write):
    for version in range(7):
        path = write(
            f"A = {version}\ndef decide(view, account, working, params, memory, intents):\n    return A\n"
        )
        load_strategy(path)
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    assert len(list((cache_dir() / "strategies").glob(f"mine_{place}_*.py"))) == 4


def test_plain_python_runs_the_same_file_under_a_debugger(write):
    path = write(WHOLE)
    script = (
        "import sys\nfrom pathlib import Path\nfrom tradewind.strategies.load import load_strategy\n"
        "code = load_strategy(Path(sys.argv[1])).decide\n"
        "print(code.__code__.co_name, code.__globals__['decide'].__code__.co_filename)\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, path], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["decide_entry", str(path)]


def test_bounds_are_checked_in_an_authors_code(write, desk):
    text = "from typing import Annotated\nfrom tradewind.strategies import Rows\n" + (
        "class Memory:\n    row: Annotated[Rows[float], 4]\n"
        + HEAD
        + "    memory.row[view.bars] = 1.0\n    return 0\n"
    )
    strategy = load_strategy(write(text))
    desk.view["bars"] = 3
    desk.ask(strategy)
    desk.view["bars"] = 4
    with pytest.raises(IndexError):
        desk.ask(strategy)


def test_every_shipped_file_is_its_own_documentation():
    for path in sorted(shipped_folder().glob("[a-z]*.py")):
        declared = declare_strategy(path)
        assert declared.summary.endswith((".", ":")), path.name
        assert declared.tags, path.name
        assert all(param.summary for param in declared.params.values()), path.name
        assert ast.get_docstring(declared.source.main.tree).count("\n") >= 2, path.name
