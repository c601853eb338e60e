"""Functions that stand where a strategy has none: drivers take tuples of one size."""

from tradewind.engine.contract import DECIDE, PLAN, SCAN
from tradewind.units.enums import Verdict
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Intents, Memory, Params, Strategy, View, Working

__all__ = ["hold_decide", "keep_plan", "next_scan"]


@kernel(sig=DECIDE)
def hold_decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want no change."""
    return Verdict.HOLD


@kernel(sig=PLAN)
def keep_plan(account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy) -> int:
    """Let what was decided stand."""
    return Verdict.SET


@kernel(sig=SCAN)
def next_scan(
    view: View, params: Params, memory: Memory, bars: Rows[int], column: int, start: int, stop: int
) -> int:
    """Ask at the very next bar."""
    return start
