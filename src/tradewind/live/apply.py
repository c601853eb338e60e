"""Facts into the core, many in one call; a WAKE behind them, which alone needs the strategies' code, in the same."""

from collections.abc import Callable

from tradewind.engine.contract import CODES, Codes
from tradewind.engine.step import STATE, apply_fact, step
from tradewind.units.enums import FactKind
from tradewind.units.jit import array_of, kernel, signature
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["APPLY_FACTS", "APPLY_STEP"]


@kernel(sig=signature(*STATE, array_of(Fact), "i8"))
def _apply_facts(
    cores: Rows[Core],
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    boxes: Rows[Mailbox],
    facts: Rows[Fact],
    count: int,
) -> int:
    """Apply the first `count` facts as `engine.step` would; return how many of them were a WAKE and were left out."""
    core, box = cores[0], boxes[0]
    box.requests = 0
    left_out = 0
    for at in range(count):
        fact = facts[at]
        core.now_ns = max(core.now_ns, fact.recv_ts_ns)
        if fact.kind == FactKind.WAKE:
            left_out += 1
        elif fact.kind != FactKind.TIMER:
            apply_fact(core, accounts, views, contexts, strategies, box, fact)
    return left_out


@kernel(sig=signature(CODES, *STATE, array_of(Fact), "i8"))
def _apply_step(
    codes: Codes,
    cores: Rows[Core],
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    boxes: Rows[Mailbox],
    facts: Rows[Fact],
    count: int,
) -> int:
    """Apply the first `count` facts and the WAKE in the row behind them; return how many requests wait."""
    _apply_facts(cores, accounts, views, contexts, strategies, boxes, facts, count)
    return step(codes, cores, accounts, views, contexts, strategies, boxes, facts, count)


APPLY_FACTS: Callable[..., int] = _apply_facts
"""What Python calls: (*world.state, facts, count)."""
APPLY_STEP: Callable[..., int] = _apply_step
"""The same with a WAKE behind them: (codes, *world.state, facts, count). Entering the core costs as much as a step."""
