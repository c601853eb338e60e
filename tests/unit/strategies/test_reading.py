"""A strategy that brings its own data along is refused: it could know the future of any backtest."""

import numpy as np
import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.load import load_strategy

DECIDE = "\ndef decide(view, account, working, params, memory, intents):\n    return 0\n"

# The line that reads, in a file that begins with `import numpy as np`.
READING = [
    "FUT = tuple(int(x) for x in np.load('{folder}/future.npy')[:3])",
    "FUT = tuple(np.fromfile('{folder}/future.npy', np.int8)[:3].tolist())",
    "FUT = len(open('{folder}/future.npy', 'rb').read())",
    "FUT = __import__('pathlib').Path('{folder}/future.npy').read_bytes()[0]",
]


@pytest.mark.parametrize("line", READING)
def test_a_file_that_is_read_while_loading_is_named_with_the_line(write, tmp_path, line):
    np.save(tmp_path / "future.npy", np.arange(5))
    path = write("import numpy as np\n" + line.format(folder=tmp_path) + DECIDE)
    _refused(path, f"{path}:2", "the file reads 'future.npy' while it is loaded; it could know the future")


def test_a_refusal_cannot_be_swallowed(write, tmp_path):
    path = write(
        f"try:\n    X = len(open('{tmp_path}/future.npy').read())\nexcept Exception:\n    X = 1\n{DECIDE}"
    )
    _refused(path, f"{path}:2", "the file reads 'future.npy' while it is loaded; it could know the future")


def test_a_file_beside_it_may_not_read_either(write, tmp_path):
    np.save(tmp_path / "future.npy", np.arange(5))
    beside = write(f"import numpy as np\nFUT = int(np.load('{tmp_path}/future.npy')[1])\n", "levels.py")
    _refused(
        write(f"from levels import FUT\n{DECIDE}"),
        f"{beside}:2",
        "the file reads 'future.npy' while it is loaded; it could know the future",
    )


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import pandas as pd", "pandas"),
        ("from pyarrow import parquet", "pyarrow"),
        ("import urllib.request", "urllib.request"),
        ("import tradewind as tw", "tradewind"),
        ("from tradewind.market import Store", "tradewind.market"),
        ("from tradewind import market", "tradewind.market"),
    ],
)
def test_what_only_reads_is_not_imported(write, line, module):
    path = write(f"\n{line}\n{DECIDE}")
    _refused(
        path,
        f"{path}:2",
        f"a strategy does not import '{module}': it reads no data; it could know the future",
    )


def test_libraries_and_signals_may_read_their_own_files(write):
    text = "import statistics, numpy as np\nfrom tradewind.signals import ema\nSTART = ema(1.0, 2.0, 3, 5)\n"
    load_strategy(write(text + DECIDE))


def test_anybody_else_may_open_files_afterwards(write, tmp_path):
    load_strategy(write(DECIDE))
    assert (tmp_path / "mine.py").read_text() == DECIDE


def _refused(path, where, sentence):
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    assert (caught.value.code, caught.value.where, caught.value.message) == ("STRATEGY_LINT", where, sentence)
