"""Rows that the core writes about itself: orders, fills, refusals, money; the rolling hash of its decisions."""

from tradewind.units.jit import kernel
from tradewind.units.records import Context, Core, Order
from tradewind.units.wire import CASH_ROWS, FILL_ROWS, ORDER_ROWS, REFUSAL_ROWS, CashRow, FillRow, Mailbox

__all__ = [
    "LOG_FULL",
    "forbid",
    "log_cash",
    "log_order",
    "log_refusal",
    "mix_decision",
    "next_fill_row",
    "refuse",
]

LOG_FULL = 1
"""Counted in `core.errors` for each row that found its log full; drivers drain long before."""


@kernel
def mix_decision(core: Core, number: int) -> None:
    """Fold a number into the hash of decisions: two 31-bit congruential lanes that never overflow 63 bits."""
    folded = (number ^ (number >> 31)) & 0x7FFFFFFF
    core.decision_a = (core.decision_a * 1103515245 + folded + 12345) & 0x7FFFFFFF
    core.decision_b = (core.decision_b * 69069 + (folded ^ 0x2545F491) + 1) & 0x7FFFFFFF


@kernel
def log_order(core: Core, context: Context, box: Mailbox, slot: int, reason: int) -> None:
    """Write the present state of an order as one row."""
    if core.log_orders == 0:
        return
    if box.log.orders >= ORDER_ROWS:
        core.errors += LOG_FULL
        return
    order = context.working.order[slot]
    row = box.log.order_row[box.log.orders]
    box.log.orders += 1
    row.ts_ns = core.now_ns
    row.instrument = context.instrument
    row.context = context.index
    row.slot = slot
    row.cid = order.cid
    row.state = order.state
    row.reason = reason
    row.kind = order.kind
    row.side = order.side
    row.position_side = order.position_side
    row.reduce = order.reduce
    row.price_tick = order.price_tick
    row.qty_lot = order.qty_lot
    row.filled_lot = order.filled_lot
    row.tag = order.tag


@kernel
def next_fill_row(core: Core, box: Mailbox) -> FillRow:
    """Return a fresh fill row; the last one again, with an error counted, when the log is full."""
    core.fills += 1
    at = box.log.fills
    if at >= FILL_ROWS:
        core.errors += LOG_FULL
        at = FILL_ROWS - 1
    box.log.fills = at + 1
    return box.log.fill_row[at]


@kernel
def refuse(core: Core, rule: int, limit: float, value: float) -> int:
    """Say why the gate lets nothing out; return the lots it does let out: none."""
    core.rule = rule
    core.rule_limit = limit
    core.rule_value = value
    return 0


@kernel
def forbid(core: Core, rule: int, limit: float, value: float) -> bool:
    """Say why the gate lets nothing out; return False, for checks that answer yes or no."""
    refuse(core, rule, limit, value)
    return False


@kernel
def log_refusal(core: Core, context: Context, box: Mailbox, order: Order, slot: int) -> None:
    """Write the gate's last refusal, once per change of reason: a declared intent must not become a storm of rows."""
    if order.reason == core.rule:
        return
    order.reason = core.rule
    core.refusals[core.rule] += 1
    at = box.log.refusals
    if at >= REFUSAL_ROWS:
        core.errors += LOG_FULL
        return
    box.log.refusals = at + 1
    row = box.log.refusal_row[at]
    row.ts_ns = core.now_ns
    row.instrument = context.instrument
    row.context = context.index
    row.slot = slot
    row.rule = core.rule
    row.limit = core.rule_limit
    row.value = core.rule_value
    row.side = order.side
    row.price_tick = order.wanted_tick
    row.qty_lot = order.wanted_lot


@kernel
def log_cash(core: Core, box: Mailbox, kind: int, instrument: int, wallet: int, amount: int) -> CashRow:
    """Write money that moved without a fill of ours; the caller adds what only its kind has."""
    at = min(box.log.cash, CASH_ROWS - 1)
    row = box.log.cash_row[at]
    box.log.cash = at + 1
    row.ts_ns = core.now_ns
    row.kind = kind
    row.instrument = instrument
    row.wallet = wallet
    row.amount = amount
    row.position_side = 0
    row.qty_lot = 0
    row.rate = 0.0
    row.price = 0.0
    return row
