"""The signatures through which the core calls a strategy, and the drivers are called.

decide(view, account, working, params, memory, intents) -> Verdict
    What one strategy wants of one instrument. Rows of `intents` up to `intents.n` are the set; the core empties it before the call.
plan(account, instruments, contexts, strategy) -> Verdict
    Optional: sees all instruments of its strategy at once and edits a set of its own (`engine.planning.edit`).
scan(view, params, memory, bars, column, start, stop) -> int
    Optional, backtest only: the first bar in start..stop at whose close `decide` must be asked, memory advanced to the bar before it.
    Conservative: asking too early is allowed, too late is not. `bars` is (n, instruments, 5) in ticks and lots: open, high, low,
    close, volume; `column` is the instrument's.
"""

from tradewind.units.jit import array_of, function_type, record_of, signature
from tradewind.units.records import Account, Context, Intents, Memory, Params, Strategy, View, Working

__all__ = ["CODES", "DECIDE", "DECIDES", "PLAN", "PLANS", "SCAN", "SCANS"]

CODES = 4
"""Different strategy codes in one world; shorter lists are padded with their first."""

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
DECIDES, PLANS, SCANS = (function_type(sig, CODES) for sig in (DECIDE, PLAN, SCAN))
