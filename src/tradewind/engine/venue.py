"""The simulated venue takes requests: new, amend, cancel. It answers in facts and keeps its own table."""

import numpy as np

from tradewind.engine.accounting import worth
from tradewind.engine.masks import drop_bit, has_bit, low_bit, set_bit
from tradewind.engine.venue_facts import say, say_ended, say_rejected
from tradewind.engine.venue_records import VenueContext, VenueInstrument, VenueOrder
from tradewind.units.enums import BUY, NEVER_HIGH, NEVER_LOW, FactKind, IntentKind, RequestKind, Rule
from tradewind.units.jit import kernel
from tradewind.units.records import WORDS, View
from tradewind.units.wire import Mailbox, Request

__all__ = ["accept", "crosses", "remove", "rewake"]

_TARGET = IntentKind.TARGET
_STOP = IntentKind.STOP
_ONE = np.uint64(1)


@kernel
def accept(
    view: View, instrument: VenueInstrument, context: VenueContext, box: Mailbox, request: Request, ts_ns: int
) -> None:
    """Take one request as it arrives."""
    if request.kind == RequestKind.NEW:
        _accept_new(view, instrument, context, box, request, ts_ns)
        return
    order = context.order[request.slot]
    if not has_bit(context.live, request.slot) or order.cid != request.cid:
        _answer_missing(context, box, request, ts_ns)
    elif request.kind == RequestKind.AMEND:
        _accept_amend(view, instrument, context, box, request, ts_ns)
    else:
        remove(context, request.slot)
        say_ended(box, FactKind.CANCELLED, request.instrument, order, Rule.UNWANTED, ts_ns)


@kernel
def _answer_missing(context: VenueContext, box: Mailbox, request: Request, ts_ns: int) -> None:
    """Tell the last totals again of an order that is not there any more."""
    order = context.order[request.slot]
    fact = say(box, FactKind.CANCELLED, request.instrument, request.cid, ts_ns)
    fact.code = Rule.UNWANTED
    if order.cid == request.cid:
        fact.qty_lot = order.filled_lot
        fact.amount = order.notional
        fact.price_tick = order.price_tick
    elif order.done_cid == request.cid:
        fact.qty_lot = order.done_lot
        fact.amount = order.done_notional


@kernel
def refusal(view: View, instrument: VenueInstrument, context: VenueContext, request: Request) -> int:
    """Return the venue's reason to refuse a new order, or OK."""
    if has_bit(context.live, request.slot):
        return Rule.VENUE_DUPLICATE
    if instrument.closed:
        return Rule.VENUE_CLOSED
    if request.price_tick % instrument.tick_step:
        return Rule.VENUE_PRICE
    resting = request.order_kind == IntentKind.REST
    if resting and request.post_only and crosses(view, request.side, request.price_tick):
        return Rule.VENUE_POST_ONLY
    if not resting or request.reduce:
        return Rule.OK
    if worth(view, request.qty_lot, request.price_tick) < instrument.min_notional:
        return Rule.VENUE_MIN_NOTIONAL
    return Rule.OK


@kernel
def crosses(view: View, side: int, price_tick: int) -> bool:
    """Tell whether a limit at this price would trade at once against the last price."""
    return price_tick >= view.close if side == BUY else price_tick <= view.close


@kernel
def _accept_new(
    view: View, instrument: VenueInstrument, context: VenueContext, box: Mailbox, request: Request, ts_ns: int
) -> None:
    """Put a new order on the table."""
    reason = refusal(view, instrument, context, request)
    if reason != Rule.OK:
        say_rejected(box, request, reason, ts_ns)
        return
    slot = request.slot
    order = context.order[slot]
    order.done_cid = order.cid
    order.done_lot = order.filled_lot
    order.done_notional = order.notional
    order.price_tick = request.price_tick
    order.qty_lot = request.qty_lot
    order.filled_lot = 0
    order.notional = 0
    order.cid = request.cid
    order.kind = request.order_kind
    order.side = request.side
    order.position_side = request.position_side
    order.reduce = request.reduce
    order.trail_tick = request.trail_tick
    order.trigger = request.trigger
    order.triggered = 0
    order.show_lot = request.show_lot
    order.peak_tick = view.close
    if order.kind == _STOP and order.trail_tick > 0:
        order.price_tick = (
            view.close - order.trail_tick if order.side != BUY else view.close + order.trail_tick
        )
    set_bit(context.live, slot)
    _place(view, context, order, slot)
    fact = say(box, FactKind.ACK, request.instrument, request.cid, ts_ns)
    fact.price_tick = order.price_tick
    fact.qty_lot = order.qty_lot


@kernel
def _place(view: View, context: VenueContext, order: VenueOrder, slot: int) -> None:
    """Let what takes act at the next open; what rests narrows the band in which a bar cannot matter."""
    takes = order.kind == _TARGET or (order.kind != _STOP and crosses(view, order.side, order.price_tick))
    if takes:
        if not has_bit(context.market, slot):
            set_bit(context.market, slot)
            context.at_open += 1
    else:
        _narrow(context, order)


@kernel
def _accept_amend(
    view: View, instrument: VenueInstrument, context: VenueContext, box: Mailbox, request: Request, ts_ns: int
) -> None:
    """Change price and total; a total already filled ends the order."""
    order = context.order[request.slot]
    if request.qty_lot <= order.filled_lot:
        remove(context, request.slot)
        say_ended(box, FactKind.CANCELLED, request.instrument, order, Rule.REPLACED, ts_ns)
        return
    if request.price_tick % instrument.tick_step:
        say_rejected(box, request, Rule.VENUE_PRICE, ts_ns)
        return
    if request.post_only and order.kind == IntentKind.REST and crosses(view, order.side, request.price_tick):
        say_rejected(box, request, Rule.VENUE_POST_ONLY, ts_ns)
        return
    order.qty_lot = request.qty_lot
    if order.kind != _STOP or order.trail_tick == 0:
        order.price_tick = request.price_tick
    if not order.triggered:
        _place(view, context, order, request.slot)
    fact = say(box, FactKind.AMENDED, request.instrument, request.cid, ts_ns)
    fact.price_tick = request.price_tick
    fact.qty_lot = order.qty_lot


@kernel
def remove(context: VenueContext, slot: int) -> None:
    """Take an order off the table; its totals stay readable until the slot is used again."""
    drop_bit(context.live, slot)
    if has_bit(context.market, slot):
        drop_bit(context.market, slot)
        context.at_open -= 1


@kernel
def _narrow(context: VenueContext, order: VenueOrder) -> None:
    """Narrow the waking band by one resting order. A trailing stop also wakes on a new best price."""
    below = (order.side == BUY) == (order.kind != _STOP)
    if below:
        context.low_wake = max(context.low_wake, order.price_tick)
        if order.trail_tick > 0:
            context.high_wake = min(context.high_wake, order.peak_tick + 1)
    else:
        context.high_wake = min(context.high_wake, order.price_tick)
        if order.trail_tick > 0:
            context.low_wake = max(context.low_wake, order.peak_tick - 1)


@kernel
def rewake(context: VenueContext) -> None:
    """Work out the waking band afresh from everything that rests."""
    context.low_wake = NEVER_LOW
    context.high_wake = NEVER_HIGH
    for word in range(WORDS):
        left = context.live[word] & ~context.market[word]
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = context.order[slot]
            if order.trigger == 0 or order.kind != _STOP:
                _narrow(context, order)
