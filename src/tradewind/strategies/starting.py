"""A new strategy's first file: it runs as it stands, and its comments say what each part is for."""

import tempfile
from pathlib import Path

from tradewind.errors import StrategyError
from tradewind.strategies.registry import strategy_files

__all__ = ["new_strategy"]

_TEXT = '''\
"""{title}: say in one line what idea this file follows."""

from tradewind.signals import ema
from tradewind.strategies import LONG, SET, Number, Whole, lots_for, record, target

SIGNALS = ("fast", "slow")  # names of the values that record() writes down
TAGS = ("entry",)           # names of what tag=1, tag=2, … mean in orders and fills


class Params:               # default, lowest, highest, what it is
    fast_period = Whole(20, 2, 500, "bars of the fast average")
    slow_period = Whole(100, 5, 2000, "bars of the slow average")
    size_pct = Number(10.0, 0.1, 100.0, "worth of the position, percent of equity")


class Memory:               # what is kept from bar to bar; everything begins at 0
    bars: int
    fast: float
    slow: float
    wanted_lot: int


def warmup(params):         # bars to see before the first order: by then the slower average has forgotten its beginning
    return 4 * params.slow_period


def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:                    # asked again about the same bar: fold it in once
        memory.bars = view.bars
        price = view.close * view.tick
        was_above = memory.fast > memory.slow
        memory.fast = ema(memory.fast, price, params.fast_period, view.bars)
        memory.slow = ema(memory.slow, price, params.slow_period, view.bars)
        if memory.fast <= memory.slow:
            memory.wanted_lot = 0
        elif not was_above:                         # the size is fixed at the cross
            memory.wanted_lot = lots_for(view, account, params.size_pct)
    record(intents, 0, memory.fast)
    record(intents, 1, memory.slow)
    target(intents, LONG, memory.wanted_lot, tag=1)  # the position wanted, however it is reached
    return SET                                      # that is all that is wanted
'''


def new_strategy(folder: Path, name: str) -> Path:
    """Write `folder`/`name`.py, a strategy that runs, and return its path.

    Raises StrategyError (ID_INVALID) for a name that cannot be one or is taken; nothing is overwritten.
    """
    if not (name.isidentifier() and name.isascii() and name == name.lower() and not name.startswith("_")):
        raise StrategyError(
            "ID_INVALID", f"'{name}' cannot name a strategy", hint="use a-z, 0-9 and _, a letter first"
        )
    if name in strategy_files():
        raise StrategyError("ID_INVALID", f"'{name}' is a shipped strategy", hint="choose another name")
    path = folder / f"{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".", encoding="utf-8") as part:
        part.write(_TEXT.format(title=name))
        part.flush()
        try:
            path.hardlink_to(part.name)  # fails, as a rename would not, where the file exists
        except FileExistsError:
            raise StrategyError(
                "ID_INVALID", "the file exists", where=str(path), hint="choose another name"
            ) from None
    path.chmod(0o644)
    return path
