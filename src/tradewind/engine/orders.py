"""Life of an order as the core believes it: monotone, fed by facts only.

Only evidence frees a slot: a terminal answer with the current id, or the last lot filled. A report with an
older id changes nothing but money (a late fee). Quantities in reports are cumulative, so a repeated or
reordered report changes nothing either. Lots that an order filled after its end come as BOOKED, which needs no slot.
"""

from tradewind.engine.accounting import hold_lots, money, release, reserve_for
from tradewind.engine.booking import book_lots, close_lots, is_booked_first, open_lots
from tradewind.engine.diff import CORE_SLOTS
from tradewind.engine.gate import reference_tick
from tradewind.engine.registers import log_order, next_fill_row
from tradewind.units.enums import FactKind, IntentKind, OrderState, RequestKind, Role, Rule
from tradewind.units.jit import SLOTS, kernel
from tradewind.units.records import FEE_MEMORY, Account, Context, Core, Order, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["apply_fee", "apply_order_fact"]

_FREE = OrderState.FREE
_PENDING = OrderState.PENDING
_LIVE = OrderState.LIVE
_CANCELLING = OrderState.CANCELLING
_UNKNOWN = OrderState.UNKNOWN
_TRIGGERED = OrderState.TRIGGERED
_OWN_RETRY_NS = 1_000_000_000
"""How long the core's exits and stops wait after a venue's reject: others wait as long as the limits say."""


@kernel
def apply_order_fact(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact
) -> None:
    """Apply one answer about one order."""
    slot = fact.cid & 0xFF
    order = context.working.order[slot]
    core.facts += 1
    kind = fact.kind
    if kind != FactKind.ACK:
        context.intents.sleep = 0
        context.spoke = 1
    if kind == FactKind.BOOKED:
        _booked(core, account, view, context, box, fact)
        return
    if order.cid != fact.cid or order.state == _FREE:
        return
    if kind == FactKind.ACK:
        _acknowledge(core, context, box, order, slot)
    elif kind == FactKind.AMENDED:
        _amended(core, account, view, context, box, fact)
    elif kind == FactKind.FILL:
        _fill(core, account, view, context, box, fact)
        _finish_filled(core, account, view, context, box, slot)
    elif kind == FactKind.TRIGGERED:
        order.state = _TRIGGERED
        log_order(core, context, box, slot, Rule.OK)
    elif kind == FactKind.UNKNOWN:
        order.state = _UNKNOWN
        log_order(core, context, box, slot, fact.code)
    elif kind == FactKind.REJECT or kind == FactKind.NOT_SENT:
        _rejected(core, account, view, context, box, fact)
    else:
        _ended(core, account, view, context, box, fact)


@kernel
def _acknowledge(core: Core, context: Context, box: Mailbox, order: Order, slot: int) -> None:
    """Note that the venue has it.

    An order being amended or cancelled keeps its state, also where that became unknown.
    """
    if order.state == _PENDING or (order.state == _UNKNOWN and order.asked_lot == 0):
        order.state = _LIVE
        log_order(core, context, box, slot, Rule.OK)


@kernel
def _is_answer(order: Order, fact: Fact) -> bool:
    """Tell whether a report about an amend means the one waited for: an older one states other terms."""
    if order.asked_lot == 0:
        return False
    return fact.qty_lot == 0 or (fact.qty_lot == order.asked_lot and fact.price_tick == order.wanted_tick)


@kernel
def _amended(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """Take the totals that the answer states: what filled meanwhile is part of them.

    What a query found counts where nothing is known.
    """
    slot = fact.cid & 0xFF
    order = context.working.order[slot]
    found = fact.code == 1 and order.state == _UNKNOWN
    if not found and not _is_answer(order, fact):
        return
    order.qty_lot = fact.qty_lot
    order.price_tick = fact.price_tick
    order.wanted_tick = fact.price_tick
    _settle_amend(core, account, view, context, box, slot, Rule.REPLACED)


@kernel
def _settle_amend(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, slot: int, reason: int
) -> None:
    """Settle what was in question: the order holds what it may still fill, or it is finished."""
    order = context.working.order[slot]
    order.asked_lot = 0
    left = order.qty_lot - order.filled_lot
    if left <= 0:
        _finish(core, account, view, context, box, slot, reason)
        return
    if order.state != _TRIGGERED:
        order.state = _LIVE
    price_tick = reference_tick(view, order.price_tick)
    hold_lots(account, view, context.working, order, left, reserve_for(view, left, price_tick))
    log_order(core, context, box, slot, reason)


@kernel
def _rejected(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """Take back what was refused.

    A new order is gone and its slot waits; an amend leaves the old order; a cancel becomes a question.
    """
    slot = fact.cid & 0xFF
    order = context.working.order[slot]
    if fact.side == RequestKind.AMEND and not _is_answer(order, fact):
        return
    core.refusals[fact.code] += 1
    order.reason = fact.code
    own = slot >= SLOTS - CORE_SLOTS
    order.retry_ns = fact.venue_ts_ns + (min(core.retry_ns, _OWN_RETRY_NS) if own else core.retry_ns)
    if fact.side == RequestKind.NEW:
        _finish(core, account, view, context, box, slot, fact.code)
    elif fact.side == RequestKind.AMEND:
        order.wanted_tick = order.price_tick
        _settle_amend(core, account, view, context, box, slot, fact.code)
    elif order.state == _CANCELLING:
        order.state = _LIVE if fact.kind == FactKind.NOT_SENT else _UNKNOWN
        log_order(core, context, box, slot, fact.code)


@kernel
def _ended(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """End an order; fills that were missed are booked first, from the cumulative quantity and notional."""
    slot = fact.cid & 0xFF
    order = context.working.order[slot]
    if fact.qty_lot > order.filled_lot:
        _fill(core, account, view, context, box, fact)
    context.dirty = 1
    if fact.code == Rule.UNFILLED:
        order.retry_ns = 0
    _finish(core, account, view, context, box, slot, fact.code)


@kernel
def _finish(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, slot: int, reason: int
) -> None:
    """Free the slot and say so."""
    core.open_orders -= 1
    view.open_orders -= 1
    release(account, view, context.working, slot)
    log_order(core, context, box, slot, reason)


@kernel
def _booked(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """Book lots of an order that has ended, once; where the core still has it in its slot they are a fill of it."""
    if not is_booked_first(view, fact.trade_id):
        return
    slot = fact.cid & 0xFF
    order = context.working.order[slot]
    if order.cid != fact.cid or order.state == _FREE:
        book_lots(core, account, view, context, box, fact)
        return
    _trade(core, account, view, context, box, fact, fact.qty_lot, fact.amount)
    _finish_filled(core, account, view, context, box, slot)


@kernel
def _finish_filled(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, slot: int
) -> None:
    """Free the slot of an order that has filled all that was asked for."""
    order = context.working.order[slot]
    if order.filled_lot >= max(order.qty_lot, order.asked_lot):
        _finish(core, account, view, context, box, slot, Rule.FILLED)


@kernel
def _fill(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """Book what is new in a cumulative report."""
    order = context.working.order[fact.cid & 0xFF]
    lots = fact.qty_lot - order.filled_lot
    if lots > 0:
        _trade(core, account, view, context, box, fact, lots, fact.amount - order.notional)


@kernel
def _trade(
    core: Core,
    account: Account,
    view: View,
    context: Context,
    box: Mailbox,
    fact: Fact,
    lots: int,
    notional: int,
) -> None:
    """Book lots of an order in its slot: holding, margin, money, one row of the log."""
    order = context.working.order[fact.cid & 0xFF]
    holding = context.working.holding[order.position_side]
    realised = 0
    if order.reduce == 0:
        left = order.held_lot - lots
        reserve = 0 if left <= 0 else money(order.reserve * (left / order.held_lot))
        if order.filled_lot == 0:
            holding.entries += 1
        hold_lots(account, view, context.working, order, max(left, 0), reserve)
        open_lots(core, account, view, holding, fact, order.position_side, lots, notional)
    else:
        hold_lots(account, view, context.working, order, max(order.held_lot - lots, 0), 0)
        realised = close_lots(core, account, view, holding, order.position_side, lots, notional)
    order.filled_lot += lots
    order.notional += notional
    _log_fill(core, context, box, fact, lots, notional, realised)


@kernel
def _log_fill(
    core: Core, context: Context, box: Mailbox, fact: Fact, lots: int, notional: int, realised: int
) -> None:
    """Write one fill; its fee arrives as a fact of its own and is added to the row while that is still in the log."""
    order = context.working.order[fact.cid & 0xFF]
    row = next_fill_row(core, box)
    row.ts_ns = fact.venue_ts_ns
    row.instrument = context.instrument
    row.context = context.index
    row.side = order.side
    row.position_side = order.position_side
    row.price_tick = fact.price_tick
    row.qty_lot = lots
    row.notional = notional
    row.realised = realised
    row.fee = 0
    row.maker = fact.code if fact.kind == FactKind.FILL or fact.kind == FactKind.BOOKED else 0
    row.role = (
        Role.OPEN if order.reduce == 0 else (Role.STOP if order.kind == IntentKind.STOP else Role.CLOSE)
    )
    row.cid = order.cid
    row.tag = order.tag
    row.trade_id = fact.trade_id
    if order.filled_lot < order.qty_lot:
        log_order(core, context, box, fact.cid & 0xFF, Rule.OK)


@kernel
def apply_fee(core: Core, account: Account, view: View, box: Mailbox, fact: Fact) -> None:
    """Charge a fee once per trade id, however late or often it is told.

    Remembers the last FEE_MEMORY trades of an instrument; a shell that may see older duplicates filters them
    first.
    """
    core.facts += 1
    seen = view.fee_id
    for i in range(FEE_MEMORY):
        if seen[i] == fact.trade_id:
            return
    seen[view.fee_next] = fact.trade_id
    view.fee_next = (view.fee_next + 1) % FEE_MEMORY
    account.balance -= fact.amount
    account.fees += fact.amount
    at = box.log.fills - 1
    while at >= 0:
        row = box.log.fill_row[at]
        if row.trade_id == fact.trade_id and row.instrument == fact.instrument:
            row.fee += fact.amount
            return
        at -= 1
