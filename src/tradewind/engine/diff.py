"""From what is wanted to what is asked: the difference between a set of intents and the slots, most urgent first.

Nothing is asked of a slot in flight. Order of requests: cancels, then reductions, those that fill at once first,
then protectors, then openers. A reduction at once never waits for a closer at rest: that one goes.
"""

import numpy as np

from tradewind.engine.accounting import closing_lots, competes
from tradewind.engine.gate import breach_of
from tradewind.engine.halts import sets_on
from tradewind.engine.masks import clear_all, has_bit, low_bit, set_bit
from tradewind.engine.registers import mix_decision, refuse
from tradewind.engine.requests import on_step, send_amend, send_cancel, send_new
from tradewind.units.enums import ALL, HOLD_BITS, Halt, IntentKind, OrderState, Rule
from tradewind.units.jit import SLOTS, kernel
from tradewind.units.records import WORDS, Account, Context, Core, Intent, Intents, Order, View, Working
from tradewind.units.wire import Mailbox

__all__ = [
    "CORE_SLOTS",
    "GIVE_WAY",
    "REST_GIVES_WAY",
    "STOP_GIVES_WAY",
    "WAITS",
    "bring_about",
    "call_back",
    "diff_one",
    "fill_at_once",
    "is_met",
    "is_strained",
    "lots_at_once",
    "lots_at_rest",
    "pull",
    "react",
    "trim",
]

_REST = IntentKind.REST
_TARGET = IntentKind.TARGET
_STOP = IntentKind.STOP
_FREE = OrderState.FREE
_LIVE = OrderState.LIVE
_CANCELLING = OrderState.CANCELLING
_LOCK = Halt.LOCK
_ONE = np.uint64(1)
WAITS = 2
"""Value of `Context.wanting`: what closes at once waits for lots that closers at rest have to give back first."""

CORE_SLOTS = 4
"""The last slots of a context are the core's: two from which it closes long and short, two for their stops."""
REST_GIVES_WAY, STOP_GIVES_WAY, GIVE_WAY = 1, 2, 3
"""Bits of `Holding.yields` where closers compete. The first alone: a stop rests, limits that close are watched; the
second alone: such a limit is reached; both: the strategy wants out at once."""
_AT_ONCE, _RESTS, _PROTECTS, _OPENS = 0, 1, 2, 3


@kernel(hot=True)
def react(core: Core, account: Account, view: View, context: Context, box: Mailbox, intents: Intents) -> bool:
    """After SET: nothing to do in most bars; the slow half is out of line. False if the set is nonsense."""
    if not is_strained(core, context) and is_met(context.working, intents):
        return True
    return bring_about(core, account, view, context, box, intents, SLOTS - CORE_SLOTS, False)


@kernel(hot=True)
def _terms_differ(order: Order, intent: Intent) -> bool:
    """Tell whether an order differs from an intent in more than price and quantity."""
    place = (
        (order.kind ^ intent.kind)
        | (order.position_side ^ intent.position_side)
        | (order.reduce ^ intent.reduce)
    )
    way = (
        (order.trail_tick ^ intent.trail_tick)
        | (order.trigger ^ intent.trigger)
        | (order.post_only ^ intent.post_only)
    )
    return place | way != 0


@kernel(hot=True)
def is_met(working: Working, intents: Intents) -> bool:
    """Tell whether every intent already works exactly and nothing else does: the answer of nearly every bar."""
    matched = 0
    for i in range(intents.n):
        intent = intents.row[i]
        slot = intent.slot
        if slot < 0 or slot >= SLOTS:
            return False
        order = working.order[slot]
        held = working.holding[intent.position_side & 1].pos_lot
        if intent.kind == _TARGET:
            if held != intent.qty_lot or order.state != _FREE:
                return False
        else:
            have = (
                order.qty_lot - order.filled_lot if intent.qty_lot == ALL else order.done_lot + order.qty_lot
            )
            want = held if intent.qty_lot == ALL else intent.qty_lot
            if have != want or order.wanted_tick != intent.price_tick or order.epoch != intent.epoch:
                return False
            if order.state != _LIVE or _terms_differ(order, intent) or intent.deadline_ns:
                return False
            matched += 1
    return matched == working.live_count


@kernel(hot=True)
def is_strained(core: Core, context: Context) -> bool:
    """Tell whether anything that works may have to go although its strategy wants it."""
    if core.halts | core.breached:
        return True
    return core.watches != 0 and _is_leaving(context)


@kernel
def _is_leaving(context: Context) -> bool:
    """Tell whether the core closes either side of a context, keeps it shut, or needs the lots of its closers."""
    long, short = context.working.holding[0], context.working.holding[1]
    return long.exit | short.exit | ((long.yields | short.yields) & GIVE_WAY) != 0


@kernel
def pull(core: Core, account: Account, view: View, context: Context, box: Mailbox) -> None:
    """Cancel every opener; closers and stops stay."""
    if sets_on(core, account, view) & _LOCK == 0 and context.working.live_count:
        clear_all(context.want)
        _cancel_unwanted(core, account, view, context, box, True)


@kernel
def trim(core: Core, account: Account, view: View, context: Context, box: Mailbox) -> None:
    """Where the strategy has nothing new to say: cancel the openers that a halt or a breach forbids."""
    if sets_on(core, account, view) & _LOCK == 0 and context.working.live_count:
        for word in range(WORDS):
            context.want[word] = context.working.live[word]
        _cancel_unwanted(core, account, view, context, box, True)


@kernel
def bring_about(
    core: Core,
    account: Account,
    view: View,
    context: Context,
    box: Mailbox,
    intents: Intents,
    slots: int,
    keep_closers: bool,
) -> bool:
    """Turn the wanted set into requests; a set that is nonsense pulls the openers instead and returns False.

    slots: how many of the first slots the set may use; the last ones are the core's own.
    keep_closers: closers and stops that are not in the set stay.
    """
    if sets_on(core, account, view) & _LOCK:
        return True
    if not _mark_wanted(core, context, intents, slots):
        pull(core, account, view, context, box)
        return False
    if slots < SLOTS and context.guarded:
        for slot in range(SLOTS - CORE_SLOTS, SLOTS):
            set_bit(context.want, slot)
    _cancel_unwanted(core, account, view, context, box, keep_closers)
    for urgency in range(4):
        for i in range(intents.n):
            intent = intents.row[i]
            if _urgency(context, intent) == urgency and not (context.guarded and _gives_way(context, intent)):
                if urgency == _AT_ONCE:
                    _make_room(core, view, context, box, intent)
                diff_one(core, account, view, context, box, intent)
    return True


@kernel
def protect(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intents: Intents
) -> None:
    """Between decisions: let the stops that were stated last cover what has come to be held since."""
    for i in range(min(max(intents.n, 0), SLOTS)):
        intent = intents.row[i]
        if intent.kind == _STOP and intent.reduce and _is_sound(intent, SLOTS - CORE_SLOTS):
            holding = context.working.holding[intent.position_side]
            if holding.pos_lot and holding.exit | (holding.yields & STOP_GIVES_WAY) == 0:
                diff_one(core, account, view, context, box, intent)


@kernel
def _urgency(context: Context, intent: Intent) -> int:
    """Return how urgent it is: what reduces at once, what reduces at rest, what protects, what opens."""
    if intent.kind == _TARGET:
        held = context.working.holding[intent.position_side].pos_lot
        return _AT_ONCE if intent.qty_lot < held else _OPENS
    if intent.reduce == 0:
        return _OPENS
    return _PROTECTS if intent.kind == _STOP else _RESTS


@kernel
def _gives_way(context: Context, intent: Intent) -> bool:
    """Tell whether a closer leaves its lots to the core, or, at rest, to what closes at once or to a stop."""
    holding = context.working.holding[intent.position_side]
    if intent.kind == _STOP or holding.pos_lot == 0 or _urgency(context, intent) == _OPENS:
        return False
    return holding.exit != 0 or (holding.yields & GIVE_WAY != 0 and intent.kind == _REST)


@kernel
def lots_at_once(core: Core, context: Context, intent: Intent) -> int:
    """Return how many lots a target has too many and may ask to close now; 0 for every other intent."""
    if intent.kind != _TARGET or (intent.deadline_ns and core.now_ns > intent.deadline_ns):
        return 0
    order = context.working.order[intent.slot]
    if order.state != _FREE or core.now_ns < order.retry_ns:
        return 0
    excess = context.working.holding[intent.position_side].pos_lot - intent.qty_lot
    return 0 if excess <= intent.tolerance_lot and intent.qty_lot != 0 else max(excess, 0)


@kernel
def lots_at_rest(context: Context, intent: Intent) -> int:
    """Return how many lots of what is wanted at rest, or as a stop, have not filled yet."""
    if intent.qty_lot == ALL:
        return context.working.holding[intent.position_side].pos_lot
    order = context.working.order[intent.slot]
    if order.epoch != intent.epoch:
        return intent.qty_lot
    return intent.qty_lot - order.done_lot - (order.filled_lot if order.state != _FREE else 0)


@kernel
def fill_at_once(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent
) -> None:
    """Ask for a closer at rest as one that fills at its price or better at once, or not at all: nothing rests."""
    post_only = intent.post_only
    intent.kind, intent.post_only = _TARGET, 0
    send_new(core, account, view, context, box, intent, lots_at_rest(context, intent))
    intent.kind, intent.post_only = _REST, post_only


@kernel
def _make_room(core: Core, view: View, context: Context, box: Mailbox, intent: Intent) -> None:
    """Where a reduction at once lacks lots that closers at rest hold, cancel as many of those as it takes.

    Stops go last. Until it is served the context does not sleep.
    """
    lots, side = lots_at_once(core, context, intent), intent.position_side
    holding = context.working.holding[side]
    lacking = lots - (holding.pos_lot - closing_lots(view, context.working, side, _TARGET))
    if lots == 0 or lacking <= 0:
        return
    context.intents.sleep = 0
    context.spoke = 1
    context.wanting = WAITS
    lacking = call_back(core, view, context, box, side, _REST, lacking)
    if competes(view, context.working, side):
        call_back(core, view, context, box, side, _STOP, lacking)


@kernel
def call_back(
    core: Core, view: View, context: Context, box: Mailbox, side: int, kind: int, lacking: int
) -> int:
    """Cancel closers of one kind until so many lots come free; return how many are lacking then."""
    for word in range(WORDS):
        left = context.working.live[word]
        while left and lacking > 0:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = context.working.order[slot]
            if order.reduce and order.kind == kind and order.position_side == side:
                send_cancel(core, context, view, box, slot, Rule.REPLACED)
                if order.state == _CANCELLING:
                    lacking -= order.held_lot
    return lacking


@kernel
def _mark_wanted(core: Core, context: Context, intents: Intents, slots: int) -> bool:
    """Note the slots that are wanted and hash the set.

    Returns False if the set is nonsense: bad or double slot, kind, side, quantity.
    """
    clear_all(context.want)
    mix_decision(core, intents.n)
    for i in range(intents.n):
        intent = intents.row[i]
        slot = intent.slot
        if not _is_sound(intent, slots) or has_bit(context.want, slot):
            refuse(core, Rule.BAD_OUTPUT, float(i), float(slot))
            return False
        set_bit(context.want, slot)
        mix_decision(core, slot << 8 | intent.kind << 4 | intent.position_side << 2 | intent.reduce)
        mix_decision(core, intent.price_tick)
        mix_decision(core, intent.qty_lot)
    return True


@kernel
def _is_sound(intent: Intent, slots: int) -> bool:
    """Tell whether an intent can mean anything at all."""
    if not 0 <= intent.slot < slots or not 0 <= intent.kind <= _STOP:
        return False
    if not 0 <= intent.position_side <= 1 or not 0 <= intent.reduce <= 1:
        return False
    if intent.qty_lot < 0 and not (intent.qty_lot == ALL and intent.reduce):
        return False
    if (intent.kind == _TARGET and intent.reduce) or (intent.kind != _STOP and intent.trail_tick):
        return False
    if not 0 <= intent.trigger <= 1 or not 0 <= intent.post_only <= int(intent.kind == _REST):
        return False
    return intent.price_tick >= 0 and intent.trail_tick >= 0


@kernel
def _cancel_unwanted(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, openers_only: bool
) -> None:
    """Cancel what works and is not wanted, all of it or only openers; and, wanted or not, what must not stay."""
    working = context.working
    strained = is_strained(core, context)
    for word in range(WORDS):
        left = working.live[word]
        if not strained:
            left = left & ~context.want[word]
        while left:
            slot = (word << 6) + low_bit(left)
            left = left & (left - _ONE)
            order = working.order[slot]
            rule = _must_go(core, account, view, context, order, slot) if strained else Rule.OK
            if rule:
                send_cancel(core, context, view, box, slot, rule)
            elif (order.reduce == 0 or not openers_only) and not has_bit(context.want, slot):
                send_cancel(core, context, view, box, slot, Rule.UNWANTED)


@kernel
def _must_go(core: Core, account: Account, view: View, context: Context, order: Order, slot: int) -> int:
    """Return why an order may not stay, 0 if it may.

    Openers end in a halt, after an exit, and where their side stands above a limit; closers where the core needs
    their lots, and in a halt where there are more of them than is held, which a liquidation may have left behind.
    """
    side = order.position_side
    holding = context.working.holding[side]
    halts = sets_on(core, account, view)
    if order.reduce == 0:
        if halts & ~HOLD_BITS:
            return Rule.HALTED
        return Rule.EXITED if holding.exit else breach_of(core, account, view, context, side)
    if slot < SLOTS - CORE_SLOTS and holding.pos_lot:
        if holding.exit and (order.kind != _STOP or competes(view, context.working, side)):
            return Rule.EXITED
        if holding.yields & GIVE_WAY and order.kind == _REST:
            return Rule.EXITED
    closing = closing_lots(view, context.working, side, order.kind)
    return Rule.NOT_REDUCING if halts and closing > holding.pos_lot else Rule.OK


@kernel
def diff_one(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent
) -> None:
    """Bring one slot closer to one intent."""
    if intent.deadline_ns and core.now_ns > intent.deadline_ns:
        send_cancel(core, context, view, box, intent.slot, Rule.UNWANTED)
        return
    if intent.kind == _TARGET:
        _diff_target(core, account, view, context, box, intent)
    else:
        _diff_resting(core, account, view, context, box, intent)


@kernel
def _diff_target(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent
) -> None:
    """Order what a position lacks or has too much, beyond the tolerance, to fill at once or not at all.

    An order of another kind that works in its slot is not wanted any more.
    """
    held = context.working.holding[intent.position_side].pos_lot
    missing = intent.qty_lot - held
    order = context.working.order[intent.slot]
    if order.state != _FREE and order.kind != _TARGET:
        send_cancel(core, context, view, box, intent.slot, Rule.REPLACED)
    if order.state != _FREE or missing == 0:
        return
    if abs(missing) <= intent.tolerance_lot and intent.qty_lot != 0:
        return
    intent.reduce = 1 if missing < 0 else 0
    send_new(core, account, view, context, box, intent, abs(missing))
    intent.reduce = 0


@kernel
def _diff_resting(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, intent: Intent
) -> None:
    """Place or amend a resting order.

    Where the venue cannot amend, or the terms are others, it is cancelled to be placed again.
    """
    slot = intent.slot
    order = context.working.order[slot]
    same_epoch = order.epoch == intent.epoch
    leaves = lots_at_rest(context, intent)
    if leaves <= 0:
        send_cancel(core, context, view, box, slot, Rule.UNWANTED)
        return
    if order.state == _FREE:
        send_new(core, account, view, context, box, intent, leaves)
        return
    if order.state != _LIVE:
        return
    if not same_epoch or _terms_differ(order, intent):
        send_cancel(core, context, view, box, slot, Rule.REPLACED)
        return
    away = abs(on_step(view, order.side, intent) - order.price_tick)
    change = abs(leaves - (order.qty_lot - order.filled_lot))
    if away <= intent.tolerance_tick and change <= intent.tolerance_lot:
        return
    send_amend(core, account, view, context, box, intent, leaves)
