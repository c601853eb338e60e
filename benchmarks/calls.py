"""What one call costs: a step of the core from Python, a record appended to a journal."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tradewind_side as side
import works
from table import Row

from tradewind import __version__
from tradewind.engine.contract import CODES
from tradewind.engine.step import STATE, step
from tradewind.engine.world import ROWS, World
from tradewind.journal import Authorship, FileDisk, Identity, RecordKind, open_journal
from tradewind.strategies.load import load_strategy
from tradewind.units.enums import FactKind
from tradewind.units.jit import allocate, array_of, kernel, signature
from tradewind.units.wire import Fact

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS, BODY = 20_000, bytes(range(256))
STEPS = 20_000


def each_ns(call: Callable[[], object], count: int, rounds: int = 7) -> float:
    """Return wall nanoseconds of one of `count` calls, the best of several rounds."""
    spent = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(count):
            call()
        spent.append((time.perf_counter_ns() - began) / count)
    return min(spent)


@kernel(sig=signature(CODES, *STATE, array_of(Fact), "i8"))
def nothing(codes, cores, accounts, views, contexts, strategies, boxes, facts, at):
    """Take what `step` takes and do nothing."""
    return 0


def step_row(data: Path) -> Row:
    """Compare one bar fact through `step` with a compiled call that does nothing with the same arguments."""
    strategy = load_strategy(side.STRATEGIES / "cross.py")
    _, _, ticks = side.columns(data, [0], 10)
    vector = strategy.params_vector({**side.LENGTHS, "quantity": works.QUANTITY})
    setups = [side.StrategySetup(strategy.decide, [0], vector)]
    world = World([side.WalletSetup("USDT", works.CASH)], [side.instrument(0, ticks[0])], setups, side.LIMITS)
    facts = allocate(ROWS["events"], 1)
    facts["kind"], facts["price_tick"], facts["open_tick"] = FactKind.BAR, 420_000, 420_000
    facts["high_tick"], facts["low_tick"] = 420_010, 419_990
    arguments = (world.codes, *world.state, facts, 0)
    ours, theirs = each_ns(lambda: step(*arguments), STEPS), each_ns(lambda: nothing(*arguments), STEPS)
    return Row.of(
        "one step from Python (a bar)",
        "bare Numba call, same arguments",
        ours,
        theirs,
        "ns, wall",
        "goal 0.25",
    )


def append_all(writer) -> None:
    for _ in range(RECORDS):
        writer.append(RecordKind.MARKET, BODY)
    writer.flush()


def journal_row() -> Row:
    """Compare appending records, unsynced, with writing the same bytes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        author = Authorship(Identity("bench", ("paper",)), time.time_ns, __version__, {})
        ours, theirs = [], []
        for number in range(7):
            writer = open_journal(FileDisk(), Path(folder) / f"j{number}", author)
            began = time.perf_counter_ns()
            append_all(writer)
            ours.append((time.perf_counter_ns() - began) / RECORDS)
            writer.close()
            size = sum(p.stat().st_size for p in (Path(folder) / f"j{number}").iterdir()) // RECORDS
            descriptor = os.open(Path(folder) / f"raw{number}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            body = bytes(size)
            began = time.perf_counter_ns()
            for _ in range(RECORDS):
                os.write(descriptor, body)
            theirs.append((time.perf_counter_ns() - began) / RECORDS)
            os.close(descriptor)
    note = f"{size} bytes a record with frame, checksum and chain; goal 0.2"
    return Row.of(
        "journal append, unsynced", "os.write of the same bytes", min(ours), min(theirs),
        "ns a record, wall", note,
    )  # fmt: skip


def rows(data: Path) -> list[Row]:
    """Measure both."""
    return [step_row(data), journal_row()]
