"""The signatures through which the core calls a strategy, and the drivers are called.

decide(view, account, working, params, memory, intents) -> Verdict
    What one strategy wants of one instrument. Rows of `intents` up to `intents.n` are the set; the core empties it
    before the call.
plan(account, instruments, contexts, strategy) -> Verdict
    Optional: sees all instruments of its strategy at once and edits a set of its own (`engine.planning.edit`).
scan(view, params, memory, bars, column, start, stop) -> int
    Optional, backtest only: the first bar in start..stop at whose close `decide` must be asked, memory advanced to
    the bar before it. Conservative: asking too early is allowed, too late is not. `bars` is (n, instruments, 5) in
    ticks and lots: open, high, low, close, volume; `column` is the instrument's.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tradewind.units.jit import address_of, array_of, caller, record_of, signature
from tradewind.units.records import Account, Context, Intents, Memory, Params, Strategy, View, Working

__all__ = ["CODES", "DECIDE", "PLAN", "SCAN", "Codes", "call_decide", "call_plan", "call_scan", "codes_of"]

Kernel = Callable[..., int]
Codes = npt.NDArray[np.int64]
"""The table that `codes_of` makes, shape (codes, 3)."""

DECIDE = signature(
    record_of(View),
    record_of(Account),
    record_of(Working),
    record_of(Params),
    record_of(Memory),
    record_of(Intents),
)
PLAN = signature(record_of(Account), array_of(View), array_of(Context), record_of(Strategy))
SCAN = signature(record_of(View), record_of(Params), record_of(Memory), array_of("i8", 3), "i8", "i8", "i8")
CODES = array_of("i8", 2)
"""A table with a row per strategy code: the addresses of its decide, plan and scan; 0 where it has none."""

call_decide, call_plan, call_scan = (caller(sig) for sig in (DECIDE, PLAN, SCAN))


def codes_of(functions: Sequence[tuple[Kernel, Kernel | None, Kernel | None]]) -> Codes:
    """Return the table of addresses of (decide, plan, scan), which the drivers take. The kernels must outlive it."""
    rows = [[address_of(function) for function in stages] for stages in functions]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)
