"""Exits that protect: the core watches what a strategy holds, and closes it or keeps a stop at the venue.

At each WAKE every guarded holding is looked at: has its stop been touched, its gain been reached, its time run out,
has it lost too much of the account? What is to be closed is closed at the market from the core's own slots, by
WAKEs of any kind. With `Protection.RESTING` the stop also rests at the venue, is moved with its level, and is placed
again by the next WAKE after it vanished; where it does not work when its level is touched, or the venue says that it
would trigger at once, the core closes.

A level counts from the next whole bar after the entry by its high and low, and by closes and trades at once. What was
touched is judged by the level as it stood before the bar: highs and lows of one bar have no order.
"""

from tradewind.engine.accounting import COVERED, closing_lots, competes, worth
from tradewind.engine.diff import (
    CORE_SLOTS,
    GIVE_WAY,
    REST_GIVES_WAY,
    STOP_GIVES_WAY,
    call_back,
    diff_one,
    fill_at_once,
    lots_at_once,
    lots_at_rest,
)
from tradewind.engine.requests import send_cancel
from tradewind.units.enums import (
    ALL,
    EXIT_BITS,
    IntentKind,
    OrderState,
    Protection,
    Rule,
    TriggerKind,
    Verdict,
)
from tradewind.units.jit import SLOTS, kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Exits, Holding, Intent, Strategy, View
from tradewind.units.wire import Mailbox

__all__ = ["guard", "note_cover", "watch_exits", "zero_target"]

_EXIT = SLOTS - CORE_SLOTS
_GUARD = _EXIT + 2
_FREE = OrderState.FREE
_LIVE = OrderState.LIVE
_TRIGGERED = OrderState.TRIGGERED
_RESTING = Protection.RESTING
_STEADY = 16
"""A stop that rests is moved when its level has moved by more than this part of its distance from the price."""


@kernel
def watch_exits(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
) -> bool:
    """Judge every guarded holding; return whether the core has anything to do or to keep."""
    busy = core.halts & EXIT_BITS != 0
    for k in range(len(contexts)):
        context = contexts[k]
        if context.guarded == 0:
            continue
        exits = strategies[context.strategy].exits
        view = views[context.instrument]
        for side in range(2):
            holding = context.working.holding[side]
            if holding.pos_lot:
                _watch(core, accounts[context.wallet], view, context, exits, side)
                busy = True
            elif holding.exit:
                _reopen(core, context, holding, exits, side)
                busy = True
            if context.working.order[_GUARD + side].state or context.working.order[_EXIT + side].state:
                busy = True
    return busy


@kernel
def _watch(core: Core, account: Account, view: View, context: Context, exits: Exits, side: int) -> None:
    """Judge one holding: what was touched, then where its stop stands from here on."""
    holding = context.working.holding[side]
    if holding.exit or view.close <= 0:
        return
    sign = 1 - 2 * side
    entry = _entry_tick(view, holding)
    if holding.best_tick == 0:
        holding.best_tick = int(entry)
    price = _price_now(view, exits)
    worst, best = _range_seen(view, holding, exits, side, price)
    rule = _touched(holding, exits, entry, worst, best, sign)
    holding.best_tick = max(holding.best_tick, best) if side == 0 else min(holding.best_tick, best)
    _set_stop(holding, exits, entry, sign)
    if rule == Rule.OK:
        rule = _overdue(core, account, view, context, exits, side, price)
    if rule == Rule.OK and _is_passed(context, exits, side):
        rule = _rule_of_stop(holding, exits, entry, sign)
    if rule == Rule.OK or (_is_stop(rule) and _rests(context, exits, side)):
        return
    holding.exit = rule
    holding.exit_ns = core.now_ns


@kernel
def _entry_tick(view: View, holding: Holding) -> float:
    """Return the average price at which a holding was entered, in ticks."""
    if view.sense > 0:
        return holding.cost / (holding.pos_lot * view.unit)
    return holding.pos_lot * view.unit / max(1.0, float(holding.cost))


@kernel
def _price_now(view: View, exits: Exits) -> int:
    """Return the price that is watched: the mark, or the last trade where one is newer than the bar, or the close."""
    if exits.trigger == TriggerKind.MARK and view.mark > 0.0:
        return int(view.mark)
    if view.trades and view.last_ns >= view.ts_ns + view.interval_ns:
        return view.last_tick
    return view.close


@kernel
def _range_seen(view: View, holding: Holding, exits: Exits, side: int, price: int) -> tuple[int, int]:
    """Return the worst and the best price since the holding was last looked at, for its side."""
    low, high = price, price
    by_last = exits.trigger != TriggerKind.MARK or view.mark <= 0.0
    if by_last and view.ts_ns >= holding.opened_ns:
        low = min(low, view.low)
        high = max(high, view.high)
    return (low, high) if side == 0 else (high, low)


@kernel
def _touched(holding: Holding, exits: Exits, entry: float, worst: int, best: int, sign: int) -> int:
    """Return the rule of the exit that a price has reached; the worse one where both were."""
    if holding.stop_tick and sign * (worst - holding.stop_tick) <= 0:
        return _rule_of_stop(holding, exits, entry, sign)
    if exits.take_profit > 0.0 and sign * (best - entry) >= exits.take_profit * entry:
        return Rule.TAKE_PROFIT
    return Rule.OK


@kernel
def _fixed_level(exits: Exits, entry: float, sign: int) -> float:
    """Return the price of the stop at a fixed loss, 0 without one."""
    return entry * (1.0 - sign * exits.stop_loss) if exits.stop_loss > 0.0 else 0.0


@kernel
def _trailing_level(exits: Exits, best: float, sign: int) -> float:
    """Return the price of the stop behind the best price, 0 without one."""
    return best * (1.0 - sign * exits.trailing) if exits.trailing > 0.0 else 0.0


@kernel
def _locked_level(exits: Exits, entry: float, best: float, sign: int) -> float:
    """Return the price below which a locked profit may not fall, 0 while there is none."""
    if exits.lock_from <= 0.0 or sign * (best - entry) < exits.lock_from * entry:
        return 0.0
    return best - sign * exits.lock_back * entry


@kernel
def _set_stop(holding: Holding, exits: Exits, entry: float, sign: int) -> None:
    """Note the tightest of the levels that are set, as a whole tick away from the market."""
    best = float(holding.best_tick)
    level = _fixed_level(exits, entry, sign)
    level = _tighter(level, _trailing_level(exits, best, sign), sign)
    level = _tighter(level, _locked_level(exits, entry, best, sign), sign)
    tick = int(level)
    if sign < 0 and tick < level:
        tick += 1
    holding.stop_tick = max(1, tick) if level > 0.0 else 0


@kernel
def _tighter(level: float, other: float, sign: int) -> float:
    """Return the level that is reached first; 0 is none."""
    if other <= 0.0:
        return level
    return other if level <= 0.0 or sign * (other - level) > 0.0 else level


@kernel
def _rule_of_stop(holding: Holding, exits: Exits, entry: float, sign: int) -> int:
    """Return which of the levels is the stop."""
    best = float(holding.best_tick)
    fixed = _fixed_level(exits, entry, sign)
    trailing = _trailing_level(exits, best, sign)
    locked = _locked_level(exits, entry, best, sign)
    if locked > 0.0 and _tighter(_tighter(fixed, trailing, sign), locked, sign) == locked:
        return Rule.PROFIT_LOCK
    if trailing > 0.0 and _tighter(fixed, trailing, sign) == trailing:
        return Rule.TRAILING
    return Rule.STOP_LOSS


@kernel
def _is_stop(rule: int) -> bool:
    """Tell whether a rule is one for which a stop may rest at the venue."""
    return rule == Rule.STOP_LOSS or rule == Rule.TRAILING or rule == Rule.PROFIT_LOCK


@kernel
def _rests(context: Context, exits: Exits, side: int) -> bool:
    """Tell whether the core's stop works at the venue, which then closes."""
    state = context.working.order[_GUARD + side].state
    return exits.protection == _RESTING and state in (_LIVE, _TRIGGERED)


@kernel
def _is_passed(context: Context, exits: Exits, side: int) -> bool:
    """Tell whether the venue refused this holding's stop for its price: the market is beyond it, bars say so later."""
    order = context.working.order[_GUARD + side]
    refused = order.state == _FREE and order.reason == Rule.VENUE_PRICE
    return (
        exits.protection == _RESTING and refused and order.sent_ns >= context.working.holding[side].opened_ns
    )


@kernel
def _overdue(
    core: Core, account: Account, view: View, context: Context, exits: Exits, side: int, price: int
) -> int:
    """Return the rule of an exit that no intrabar price decides: its stop is passed, too old, too great a loss."""
    holding = context.working.holding[side]
    sign = 1 - 2 * side
    if holding.stop_tick and sign * (price - holding.stop_tick) <= 0:
        return _rule_of_stop(holding, exits, _entry_tick(view, holding), sign)
    if exits.max_age_ns and core.now_ns - holding.opened_ns >= exits.max_age_ns:
        return Rule.MAX_AGE
    if account.position_loss > 0.0:
        gain = sign * view.sense * (worth(view, holding.pos_lot, view.close) - holding.cost)
        if gain < -account.position_loss * float(max(account.equity, 1)):
            return Rule.POSITION_LOSS
    return Rule.OK


@kernel
def _reopen(core: Core, context: Context, holding: Holding, exits: Exits, side: int) -> None:
    """Let a side open again: after its time, or once the strategy wants nothing there."""
    if exits.reopen_ns:
        if core.now_ns - holding.exit_ns >= exits.reopen_ns:
            holding.exit = 0
        return
    intents = context.planned if context.edited else context.intents
    if context.said != Verdict.PULL:
        for i in range(min(max(intents.n, 0), SLOTS)):
            intent = intents.row[i]
            if intent.position_side == side and intent.reduce == 0 and intent.qty_lot != 0:
                return
    holding.exit = 0


@kernel
def note_cover(views: Rows[View], contexts: Rows[Context], strategy: Strategy) -> None:
    """Note which holdings of a strategy the venue's position, net of everybody's, is large enough to close."""
    for k in range(strategy.lo, strategy.hi):
        context = contexts[k]
        view = views[context.instrument]
        if view.shared == 0 or view.hedge:
            continue
        net = view.external_lot[0] - view.external_lot[1]
        for other in range(len(contexts)):
            if contexts[other].instrument == context.instrument:
                held = contexts[other].working.holding
                net += held[0].pos_lot - held[1].pos_lot
        for side in range(2):
            holding = context.working.holding[side]
            gives_way = holding.yields & GIVE_WAY
            bears = holding.pos_lot != 0 and (1 - 2 * side) * net >= holding.pos_lot
            holding.yields = gives_way | COVERED if bears else gives_way


@kernel
def guard(
    core: Core,
    account: Account,
    view: View,
    context: Context,
    strategy: Strategy,
    box: Mailbox,
    decides: bool,
) -> None:
    """Bring about what the core itself wants of a context: exits, and the stops that rest.

    `decides`: what its strategy wants is brought about in the same act.
    """
    exits = strategy.exits
    for side in range(2):
        holding = context.working.holding[side]
        _weigh_closers(core, view, context, strategy, side, decides)
        if holding.yields & GIVE_WAY == STOP_GIVES_WAY and holding.exit == 0:
            _take_profits(core, account, view, context, strategy, box, side)
            _weigh_closers(core, view, context, strategy, side, decides)
        stands = holding.pos_lot != 0 and holding.stop_tick != 0 and exits.protection == _RESTING
        if holding.yields & STOP_GIVES_WAY or (holding.exit and competes(view, context.working, side)):
            stands = False
        if not stands:
            send_cancel(core, context, view, box, _GUARD + side, Rule.UNWANTED)
        if holding.exit and holding.pos_lot:
            intent = context.guards[side]
            zero_target(intent, side)
            diff_one(core, account, view, context, box, intent)
        else:
            send_cancel(core, context, view, box, _EXIT + side, Rule.UNWANTED)
        if stands and holding.exit == 0 and _has_room(view, context, side):
            intent = context.guards[2 + side]
            _describe_stop(view, holding, exits, intent, side)
            diff_one(core, account, view, context, box, intent)


@kernel
def _has_room(view: View, context: Context, side: int) -> bool:
    """Tell whether a stop has any lots to rest for, or rests already."""
    if context.working.order[_GUARD + side].state != _FREE:
        return True
    taken = closing_lots(view, context.working, side, IntentKind.STOP)
    return taken < context.working.holding[side].pos_lot


@kernel
def _weigh_closers(
    core: Core, view: View, context: Context, strategy: Strategy, side: int, decides: bool
) -> None:
    """Where closers compete for the venue's position, let stops rest and watch the strategy's limits that close.

    A limit that is reached goes out once a bar, to fill at once or not at all; the stop waits for that answer only.
    What the strategy wants to close at once goes before both, but not before it is asked for: what came to be held
    since has its stop until then.
    """
    holding, exits = context.working.holding[side], strategy.exits
    holding.yields = holding.yields & COVERED
    if holding.pos_lot == 0 or not competes(view, context.working, side):
        return
    stands = _stands(context, strategy)
    rests = holding.stop_tick != 0 and exits.protection == _RESTING
    if not rests and not (stands and _states_stop(context, side)):
        return
    holding.yields = holding.yields | REST_GIVES_WAY
    if not stands:
        return
    heard = decides and _is_heard(context, strategy)
    price = _price_now(view, exits)
    intents = context.planned if context.edited else context.intents
    for i in range(min(max(intents.n, 0), SLOTS)):
        intent = intents.row[i]
        if intent.position_side != side or not 0 <= intent.slot < _EXIT:
            continue
        if heard and lots_at_once(core, context, intent):
            holding.yields = holding.yields | STOP_GIVES_WAY | REST_GIVES_WAY
            return
        if _is_due(core, view, context, intent, price):
            holding.yields = (holding.yields & COVERED) | STOP_GIVES_WAY


@kernel
def _states_stop(context: Context, side: int) -> bool:
    """Tell whether the strategy itself wants a stop for a holding."""
    intents = context.planned if context.edited else context.intents
    for i in range(min(max(intents.n, 0), SLOTS)):
        intent = intents.row[i]
        if intent.kind == IntentKind.STOP and intent.reduce == 1 and intent.position_side == side:
            return True
    return False


@kernel
def _is_due(core: Core, view: View, context: Context, intent: Intent, price: int) -> bool:
    """Tell whether a watched limit is reached and has not been tried yet since the last bar closed."""
    if intent.kind != IntentKind.REST or intent.reduce != 1:
        return False
    if (1 - 2 * intent.position_side) * (price - intent.price_tick) < 0:
        return False
    order = context.working.order[intent.slot]
    if order.state != _FREE or core.now_ns < order.retry_ns or lots_at_rest(context, intent) <= 0:
        return False
    if intent.deadline_ns and core.now_ns > intent.deadline_ns:
        return False
    return order.kind != IntentKind.TARGET or order.sent_ns < view.ts_ns + view.interval_ns


@kernel
def _take_profits(
    core: Core, account: Account, view: View, context: Context, strategy: Strategy, box: Mailbox, side: int
) -> None:
    """Send the watched limits that are reached as soon as the stops in their way have given their lots back.

    One that the gate keeps back counts as tried, so that the stop comes back.
    """
    holding, price = context.working.holding[side], _price_now(view, strategy.exits)
    intents = context.planned if context.edited else context.intents
    for i in range(min(max(intents.n, 0), SLOTS)):
        intent = intents.row[i]
        if intent.position_side != side or not 0 <= intent.slot < _EXIT:
            continue
        if not _is_due(core, view, context, intent, price):
            continue
        lots = min(lots_at_rest(context, intent), holding.pos_lot)
        lacking = lots - holding.pos_lot + closing_lots(view, context.working, side, IntentKind.REST)
        if lacking > 0:
            context.intents.sleep = 0
            context.spoke = 1
            call_back(core, view, context, box, side, IntentKind.STOP, lacking)
        else:
            fill_at_once(core, account, view, context, box, intent)
            context.working.order[intent.slot].sent_ns = core.now_ns


@kernel
def _stands(context: Context, strategy: Strategy) -> bool:
    """Tell whether what was wanted last in a context is still wanted: also where its strategy holds since."""
    if strategy.held or (strategy.has_plan and strategy.verdict == Verdict.PULL):
        return False
    return context.said != Verdict.PULL or context.edited != 0


@kernel
def _is_heard(context: Context, strategy: Strategy) -> bool:
    """Tell whether what is wanted in a context is brought about: not while its strategy is held, holds or pulls."""
    if strategy.held:
        return False
    if strategy.has_plan and (strategy.ran == 0 or strategy.verdict != Verdict.SET):
        return False
    return context.said == Verdict.SET or context.edited != 0


@kernel
def _describe_stop(view: View, holding: Holding, exits: Exits, intent: Intent, side: int) -> None:
    """Fill an intent with the stop of a holding."""
    zero_target(intent, side)
    intent.kind = IntentKind.STOP
    intent.slot = _GUARD + side
    intent.reduce = 1
    intent.price_tick = holding.stop_tick
    intent.qty_lot = ALL
    intent.tolerance_tick = abs(view.close - holding.stop_tick) // _STEADY
    intent.trigger = exits.trigger


@kernel
def zero_target(intent: Intent, side: int) -> None:
    """Fill an intent with "hold nothing on this side"."""
    intent.kind = IntentKind.TARGET
    intent.slot = _EXIT + side
    intent.position_side = side
    intent.reduce = 0
    intent.price_tick = 0
    intent.qty_lot = 0
    intent.tolerance_lot = 0
    intent.tolerance_tick = 0
    intent.post_only = 0
    intent.deadline_ns = 0
    intent.epoch = 0
    intent.trail_tick = 0
    intent.trigger = 0
    intent.show_lot = 0
    intent.group = 0
    intent.tag = 0
