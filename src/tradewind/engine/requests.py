"""Requests: what leaves for a venue.

Each passes the gate, occupies exposure from the moment it is written, and is hashed.
"""

from tradewind.engine.accounting import hold_lots, is_shared, reserve_for
from tradewind.engine.gate import gate, is_too_small, reference_tick
from tradewind.engine.halts import sets_on
from tradewind.engine.masks import set_bit
from tradewind.engine.registers import log_order, log_refusal, mix_decision, refuse
from tradewind.units.enums import BUY, HOLD_BITS, LONG, SELL, OrderState, RequestKind, Rule
from tradewind.units.jit import kernel
from tradewind.units.records import Account, Context, Core, Intent, Order, View
from tradewind.units.wire import REQUEST_CAPACITY, Mailbox

__all__ = ["send_amend", "send_cancel", "send_new"]


@kernel
def send_new(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent, lots: int
) -> None:
    """Ask for a new order of at most `lots` in a free slot."""
    slot = intent.slot
    order = context.working.order[slot]
    if core.now_ns < order.retry_ns:
        return
    if box.requests >= REQUEST_CAPACITY:
        refuse(core, Rule.MAILBOX, float(REQUEST_CAPACITY), float(box.requests))
        log_refusal(core, context, box, order, slot)
        return
    _describe(core, order, view, intent)
    order.wanted_lot = lots
    lots = gate(core, account, view, context, order, lots)
    if lots == 0:
        log_refusal(core, context, box, order, slot)
        return
    shared = order.reduce and is_shared(view, context.working, order.position_side)
    order.plain = 1 if shared and not is_too_small(core, view, order, lots) else 0
    core.counter += 1
    order.cid = core.counter << 20 | context.index << 8 | slot
    order.qty_lot = lots
    order.filled_lot = 0
    order.asked_lot = 0
    order.notional = 0
    order.state = OrderState.PENDING
    order.sent_ns = core.now_ns
    order.reason = Rule.OK
    reserve = reserve_for(view, lots, reference_tick(view, order.price_tick)) if order.reduce == 0 else 0
    hold_lots(account, view, context.working, order, lots, reserve)
    set_bit(context.working.live, slot)
    context.working.live_count += 1
    core.open_orders += 1
    view.open_orders += 1
    _write(core, view, context, box, slot, RequestKind.NEW)
    box.request[box.requests - 1].show_lot = intent.show_lot
    log_order(core, context, box, slot, Rule.OK)


@kernel
def _describe(core: Core, order: Order, view: View, intent: Intent) -> None:
    """Copy what is wanted into a free slot. A new (slot, epoch) counts from zero."""
    if order.epoch != intent.epoch:
        order.epoch = intent.epoch
        order.done_lot = 0
        order.first_cid = (core.counter + 1) << 20
    order.kind = intent.kind
    order.position_side = intent.position_side
    order.reduce = intent.reduce
    order.side = BUY if (intent.position_side == LONG) == (intent.reduce == 0) else SELL
    order.price_tick = on_step(view, order.side, intent)
    order.wanted_tick = order.price_tick
    order.trail_tick = intent.trail_tick
    order.trigger = intent.trigger
    order.tag = intent.tag
    order.post_only = intent.post_only
    order.exact_price = intent.exact_price
    order.exact_qty = intent.exact_qty


@kernel
def on_step(view: View, side: int, intent: Intent) -> int:
    """Return the intent's price on the venue's present grid, moved away from the market by less than a step."""
    price_tick = intent.price_tick
    if view.tick_step > 1 and price_tick > 0:
        over = price_tick % view.tick_step
        if over:
            price_tick -= over
            if side == SELL:
                price_tick += view.tick_step
    return price_tick


@kernel
def send_cancel(core: Core, context: Context, view: View, box: Mailbox, slot: int, reason: int) -> None:
    """Ask to cancel a working order. One in flight or unknown waits for evidence."""
    order = context.working.order[slot]
    if order.state != OrderState.LIVE or box.requests >= REQUEST_CAPACITY:
        return
    order.state = OrderState.CANCELLING
    _write(core, view, context, box, slot, RequestKind.CANCEL)
    log_order(core, context, box, slot, reason)


@kernel
def send_amend(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent, leaves: int
) -> None:
    """Ask to change price and total of a working order; until answered both the old and the new may exist.

    What the gate would let out is worked out first, so that a venue without amend sees no cancel that changes
    nothing.
    """
    slot = intent.slot
    order = context.working.order[slot]
    if core.now_ns < order.retry_ns or box.requests >= REQUEST_CAPACITY:
        return
    order.wanted_tick = on_step(view, order.side, intent)
    order.wanted_lot = leaves
    leaves = gate(core, account, view, context, order, leaves)
    if leaves == 0:
        log_refusal(core, context, box, order, slot)
        if order.reduce == 0 and core.rule == Rule.HALTED and sets_on(core, account, view) & ~HOLD_BITS == 0:
            order.wanted_tick = order.price_tick
        else:
            send_cancel(core, context, view, box, slot, order.reason)
        return
    if leaves == order.qty_lot - order.filled_lot and order.wanted_tick == order.price_tick:
        return
    if view.amends == 0 or (order.plain and is_too_small(core, view, order, leaves)):
        order.wanted_tick = order.price_tick
        send_cancel(core, context, view, box, slot, Rule.REPLACED)
        return
    order.state = OrderState.AMENDING
    order.asked_lot = order.filled_lot + leaves
    order.tag = intent.tag
    reserve = reserve_for(view, leaves, reference_tick(view, order.wanted_tick)) if order.reduce == 0 else 0
    hold_lots(account, view, context.working, order, max(leaves, order.held_lot), max(reserve, order.reserve))
    _write(core, view, context, box, slot, RequestKind.AMEND)
    request = box.request[box.requests - 1]
    request.price_tick = order.wanted_tick
    request.qty_lot = order.asked_lot
    log_order(core, context, box, slot, Rule.OK)


@kernel
def _write(core: Core, view: View, context: Context, box: Mailbox, slot: int, kind: int) -> None:
    """Append one request and count it: traffic, hash of decisions."""
    order = context.working.order[slot]
    request = box.request[box.requests]
    box.requests += 1
    request.kind = kind
    request.order_kind = order.kind
    request.context = context.index
    request.slot = slot
    request.instrument = context.instrument
    request.side = order.side
    request.position_side = order.position_side
    request.reduce = order.reduce - order.plain
    request.post_only = order.post_only
    request.cid = order.cid
    request.price_tick = order.wanted_tick if kind == RequestKind.AMEND else order.price_tick
    request.qty_lot = order.qty_lot
    request.trail_tick = order.trail_tick
    request.trigger = order.trigger
    request.show_lot = 0
    request.tag = order.tag
    order.asked_ns = core.now_ns
    core.requests += 1
    if core.now_ns - core.rate_start_ns >= core.rate_window_ns:
        core.rate_start_ns = core.now_ns
        core.rate_count = 0
    core.rate_count += 1
    mix_decision(core, order.cid)
    mix_decision(core, kind << 8 | order.kind << 4 | request.reduce)
    mix_decision(core, order.wanted_tick)
    mix_decision(core, order.wanted_lot)
