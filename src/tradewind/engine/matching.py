"""What a bar does to the orders of one context.

The order inside a bar is documented and pessimistic:

1. what takes, at the open, with slippage and half the spread against us;
2. stops, at their trigger or, after a gap, at the open; a trailing stop is assumed to have seen the bar's best
   price first;
3. limits that open;
4. judgement of margin at the bar's extremes (engine.margin);
5. limits that close: a take-profit never saves a position that the same bar could have stopped out or liquidated.

A resting limit is a maker and fills at its limit (or, by a setting, at an open beyond it); one that crossed
when it arrived takes.
"""

import math

import numpy as np

from tradewind.engine.accounting import money, worth
from tradewind.engine.margin import settle
from tradewind.engine.masks import drop_bit, low_bit, set_bit
from tradewind.engine.venue import remove, rewake
from tradewind.engine.venue_facts import say, say_ended, say_fee
from tradewind.engine.venue_records import (
    FillRule,
    Venue,
    VenueContext,
    VenueInstrument,
    VenueOrder,
    VenueWallet,
)
from tradewind.units.enums import BUY, FactKind, IntentKind, Rule, TriggerKind
from tradewind.units.jit import kernel
from tradewind.units.layout import Mask
from tradewind.units.records import WORDS, View
from tradewind.units.wire import Mailbox

__all__ = ["match", "match_closers", "match_top", "trigger_on_mark"]

_REST = IntentKind.REST
_TARGET = IntentKind.TARGET
_STOP = IntentKind.STOP
_ONE = np.uint64(1)


@kernel
def match(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    ts_ns: int,
) -> None:
    """Do steps 1 to 3 for one context with the view's bar; note whether closing limits wait for step 5."""
    if context.at_open:
        context.at_open = 0
        for word in range(WORDS):
            taking = context.market[word]
            context.market[word] = np.uint64(0)
            _take_all(
                venue, view, instrument, wallet, context, box, word, taking, view.open, instrument.slip, ts_ns
            )
        rewake(context)
    if view.low <= context.low_wake or view.high >= context.high_wake:
        _match_resting(venue, view, instrument, wallet, context, box, ts_ns, True)
        _match_resting(venue, view, instrument, wallet, context, box, ts_ns, False)
        if context.later:
            venue.later = 1
        rewake(context)


@kernel
def match_closers(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    ts_ns: int,
) -> None:
    """Do step 5 for one context."""
    context.later = 0
    for word in range(WORDS):
        left = context.live[word] & ~context.market[word]
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = context.order[slot]
            if order.kind == _REST and _closes(order) and _touched(view, instrument, order):
                price_tick = _limit_price(view, instrument, order)
                execute(venue, view, instrument, wallet, context, box, slot, price_tick, 1, ts_ns)
    rewake(context)


@kernel
def _closes(order: VenueOrder) -> bool:
    """Tell whether an order reduces its position side, whether or not it says so on the wire."""
    return (order.side == BUY) != (order.position_side == 0)


@kernel
def match_top(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    side: int,
    slip: float,
    ts_ns: int,
) -> None:
    """Let what takes on one side meet the best price of the other; what rests is not touched.

    `slip` is the slippage alone: half the spread is in the prices. Where volume bounds fills, a share of what is
    shown may be filled.
    """
    touch_tick = view.ask_tick if side == BUY else view.bid_tick
    if context.at_open == 0 or touch_tick <= 0:
        return
    instrument.left_bar = view.bars
    instrument.left_lot = int((view.ask_lot if side == BUY else view.bid_lot) * instrument.share)
    for word in range(WORDS):
        taking = _on_side(context, word, side)
        left = taking
        while left:
            drop_bit(context.market, (word << 6) + low_bit(left))
            context.at_open -= 1
            left = left & (left - _ONE)
        _take_all(venue, view, instrument, wallet, context, box, word, taking, touch_tick, slip, ts_ns)
    rewake(context)


@kernel
def _on_side(context: VenueContext, word: int, side: int) -> Mask:
    """Return which orders of a word of slots take on one side."""
    found = np.uint64(0)
    left = context.market[word]
    while left:
        lowest = left & ~(left - _ONE)
        if context.order[(word << 6) + low_bit(left)].side == side:
            found = found | lowest
        left = left & (left - _ONE)
    return found


@kernel
def _take_all(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    word: int,
    taking: Mask,
    touch_tick: int,
    slip: float,
    ts_ns: int,
) -> None:
    """Do step 1 for a word of slots: what takes, first what closes, as it was asked for."""
    for opens in range(2):
        left = taking
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            if _closes(context.order[slot]) != (opens == 1):
                _take(venue, view, instrument, wallet, context, box, slot, touch_tick, slip, ts_ns)


@kernel
def _take(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    slot: int,
    touch_tick: int,
    slip: float,
    ts_ns: int,
) -> None:
    """Fill at what is met. A limit that it does not reach rests; an immediate order expires."""
    order = context.order[slot]
    price_tick = max(1, touch_tick + order.side * int(math.ceil(touch_tick * slip)))
    limited = order.price_tick > 0 and not order.triggered
    if limited and (touch_tick - order.price_tick) * order.side > 0:
        if order.kind == _TARGET:
            remove(context, slot)
            say_ended(box, FactKind.EXPIRED, context.instrument, order, Rule.UNFILLED, ts_ns)
        return
    if limited and (price_tick - order.price_tick) * order.side > 0:
        price_tick = order.price_tick
    execute(venue, view, instrument, wallet, context, box, slot, price_tick, 0, ts_ns)


@kernel
def _match_resting(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    ts_ns: int,
    stops: bool,
) -> None:
    """Do step 2, stops, or step 3, limits that open; closing limits are only noted."""
    for word in range(WORDS):
        left = context.live[word] & ~context.market[word]
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = context.order[slot]
            if stops and order.kind == _STOP and order.trigger == TriggerKind.LAST:
                _match_stop(venue, view, instrument, wallet, context, box, slot, ts_ns)
            elif not stops and order.kind == _REST and _touched(view, instrument, order):
                if _closes(order):
                    context.later = 1
                else:
                    price_tick = _limit_price(view, instrument, order)
                    execute(venue, view, instrument, wallet, context, box, slot, price_tick, 1, ts_ns)


@kernel
def _touched(view: View, instrument: VenueInstrument, order: VenueOrder) -> bool:
    """Tell whether the bar reached a limit, by the fill rule."""
    through = order.price_tick - view.low if order.side == BUY else view.high - order.price_tick
    return through > 0 or (through == 0 and instrument.fill_rule == FillRule.TOUCH)


@kernel
def _limit_price(view: View, instrument: VenueInstrument, order: VenueOrder) -> int:
    """Return the price at which a resting limit fills."""
    if instrument.gap_open and (order.price_tick - view.open) * order.side > 0:
        return view.open
    return order.price_tick


@kernel
def _match_stop(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    slot: int,
    ts_ns: int,
) -> None:
    """Do step 2 for one stop: at the level it opened with, then at the level that the bar's best price gives it."""
    order = context.order[slot]
    worst = view.high if order.side == BUY else view.low
    best = view.low if order.side == BUY else view.high
    hit = (worst - order.price_tick) * order.side >= 0
    gapped = (view.open - order.price_tick) * order.side > 0
    price_tick = view.open if gapped else order.price_tick
    if not hit and order.trail_tick > 0 and (order.peak_tick - best) * order.side > 0:
        order.peak_tick = best
        order.price_tick = best + order.side * order.trail_tick
        hit = (worst - order.price_tick) * order.side >= 0
        price_tick = order.price_tick
    if hit:
        order.triggered = 1
        say(box, FactKind.TRIGGERED, context.instrument, order.cid, ts_ns)
        price_tick = max(1, price_tick + order.side * int(math.ceil(price_tick * instrument.slip)))
        execute(venue, view, instrument, wallet, context, box, slot, price_tick, 0, ts_ns)


@kernel
def execute(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    slot: int,
    price_tick: int,
    maker: int,
    ts_ns: int,
) -> None:
    """Fill what may be filled of one order: what reduces, what the bar's volume allows; then end it or let it rest."""
    order = context.order[slot]
    lots = order.qty_lot - order.filled_lot
    reduced_away = False
    if order.reduce:
        held = instrument.pos_lot[order.position_side]
        reduced_away = lots > held
        lots = min(lots, held)
    lots = _take_volume(view, instrument, lots)
    if lots > 0:
        _fill(venue, view, instrument, wallet, context, box, slot, price_tick, lots, maker, ts_ns)
    if order.filled_lot >= order.qty_lot:
        remove(context, slot)
    elif reduced_away and instrument.pos_lot[order.position_side] == 0:
        remove(context, slot)
        say_ended(box, FactKind.EXPIRED, context.instrument, order, Rule.VENUE_REDUCE_ONLY, ts_ns)
    elif order.kind == _TARGET:
        remove(context, slot)
        say_ended(box, FactKind.EXPIRED, context.instrument, order, Rule.UNFILLED, ts_ns)
    elif order.kind == _STOP:
        set_bit(context.market, slot)
        context.at_open += 1


@kernel
def _take_volume(view: View, instrument: VenueInstrument, lots: int) -> int:
    """Return how many lots the bar still has for us, and use them up."""
    if instrument.fill_rule != FillRule.VOLUME:
        return lots
    if instrument.left_bar != view.bars:
        instrument.left_bar = view.bars
        instrument.left_lot = int(view.volume_lot * instrument.share)
    taken = min(lots, instrument.left_lot)
    taken -= taken % view.lot_step
    instrument.left_lot -= taken
    return taken


@kernel
def _fill(
    venue: Venue,
    view: View,
    instrument: VenueInstrument,
    wallet: VenueWallet,
    context: VenueContext,
    box: Mailbox,
    slot: int,
    price_tick: int,
    lots: int,
    maker: int,
    ts_ns: int,
) -> None:
    """Trade: the venue's position and money move, and two facts say so, the fill and its fee."""
    order = context.order[slot]
    notional = money(worth(view, lots, price_tick))
    order.filled_lot += lots
    order.notional += notional
    venue.trade_id += 1
    fee = money(notional * (instrument.maker if maker else instrument.taker))
    settle(venue, view, instrument, wallet, order.side, order.position_side, lots, notional)
    wallet.balance -= fee
    fact = say(box, FactKind.FILL, context.instrument, order.cid, ts_ns)
    fact.price_tick = price_tick
    fact.qty_lot = order.filled_lot
    fact.amount = order.notional
    fact.code = maker
    fact.trade_id = venue.trade_id
    fact.side = order.side
    fact.position_side = order.position_side
    say_fee(box, view, context.instrument, fee, venue.trade_id, ts_ns)


@kernel
def trigger_on_mark(view: View, context: VenueContext, box: Mailbox, ts_ns: int) -> None:
    """Let stops that watch the mark, and see their level, become market orders of the next open."""
    for word in range(WORDS):
        left = context.live[word] & ~context.market[word]
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = context.order[slot]
            if order.kind == _STOP and order.trigger == TriggerKind.MARK:
                if order.trail_tick > 0 and (order.peak_tick - view.mark) * order.side > 0:
                    order.peak_tick = int(view.mark)
                    order.price_tick = order.peak_tick + order.side * order.trail_tick
                if (view.mark - order.price_tick) * order.side >= 0:
                    order.triggered = 1
                    say(box, FactKind.TRIGGERED, context.instrument, order.cid, ts_ns)
                    set_bit(context.market, slot)
                    context.at_open += 1
