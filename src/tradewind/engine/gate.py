"""The risk gate: how many lots of what is asked may leave, or the rule that lets nothing out.

The invariant (DESIGN section 1, rule 4): no request leaves that raises known position + unfilled quantity of
every order not known to be finished above its limit, at three sums: the holding of the strategy, the venue's
position per side (never netted), the wallet. What the order being replaced already occupies is credited.
Reductions pass every rule but LOCK and the holding itself.
"""

from tradewind.engine.accounting import closing_lots, covered_lots, is_shared, money, worth
from tradewind.engine.halts import sets_on
from tradewind.engine.registers import forbid, refuse
from tradewind.units.enums import Halt, IntentKind, OrderState, Payoff, Rule
from tradewind.units.jit import kernel
from tradewind.units.records import GROUPS, Account, Context, Core, Order, View

__all__ = ["breach_of", "gate", "is_too_small", "reference_tick"]

_STOP = IntentKind.STOP
_TARGET = IntentKind.TARGET
_SPOT = Payoff.SPOT
_LOCK = Halt.LOCK
_FREE = OrderState.FREE
_DOUBT_NS = 60_000_000_000
"""For so long nothing as small as what a venue refused for its value is asked for again."""


@kernel
def reference_tick(view: View, price_tick: int) -> int:
    """Return the price at which an order is valued: its own, or the last close for one without a price."""
    return price_tick if price_tick > 0 else view.close


@kernel
def gate(core: Core, account: Account, view: View, context: Context, order: Order, lots: int) -> int:
    """Return the lots that may be asked for at the order's `wanted_tick`; 0 with the rule left in `core`.

    What rests at a price and has none is nobody's wish: a venue would refuse it, or take it for one at market.
    """
    halts = sets_on(core, account, view)
    if halts & _LOCK:
        return refuse(core, Rule.HALTED, 0.0, float(halts))
    if order.wanted_tick <= 0 and order.kind != _TARGET and order.trail_tick == 0:
        return refuse(core, Rule.PRICE, 1.0, float(order.wanted_tick))
    if order.reduce:
        return _closing_lots(core, view, context, order, lots)
    if halts:
        return refuse(core, Rule.HALTED, 0.0, float(halts))
    if order.kind == _STOP and _would_wake(view, order):
        return refuse(core, Rule.PRICE, float(view.close), float(order.wanted_tick))
    lots = _opening_lots(core, view, context, order, lots)
    if lots == 0:
        return 0
    price_tick = reference_tick(view, order.wanted_tick)
    notional = money(worth(view, lots, price_tick))
    if not _money_allows(core, account, view, order, notional):
        return 0
    if not _exposure_allows(core, account, view, context, order, notional):
        return 0
    return lots


@kernel
def _would_wake(view: View, order: Order) -> bool:
    """Tell whether a stop that opens would be triggered at once; one that closes may be: it wants out now."""
    if (
        order.trail_tick
        or view.close <= 0
        or (order.wanted_tick == order.price_tick and order.state != _FREE)
    ):
        return False
    now = view.mark if order.trigger and view.mark > 0.0 else float(view.close)
    return (order.wanted_tick - now) * order.side <= 0.0


@kernel
def _closing_lots(core: Core, view: View, context: Context, order: Order, lots: int) -> int:
    """Bound closers by what is held, per class, or together where they compete; and by the largest order."""
    holding = context.working.holding[order.position_side]
    taken = closing_lots(view, context.working, order.position_side, order.kind)
    room = holding.pos_lot - taken + order.held_lot
    lots = min(lots, room, view.max_lot)
    shared = lots > 0 and is_shared(view, context.working, order.position_side)
    if shared and is_too_small(core, view, order, lots):
        lots = min(lots, covered_lots(view, context.working, order.position_side))
        if lots < 1:
            return _refuse_small(core, view, order)
    whole = lots == holding.pos_lot
    lots -= lots % view.lot_step
    if lots < 1:
        return refuse(core, Rule.NOT_REDUCING, float(room), float(lots))
    if lots < view.min_lot and not whole:
        return refuse(core, Rule.MIN_QTY, float(view.min_lot), float(lots))
    if view.payoff == _SPOT and view.min_notional > 0:
        notional = worth(view, lots, reference_tick(view, order.wanted_tick))
        if notional < view.min_notional:
            return refuse(core, Rule.MIN_NOTIONAL, float(view.min_notional), notional)
    return lots


@kernel
def is_too_small(core: Core, view: View, order: Order, lots: int) -> bool:
    """Tell whether a venue refuses so few lots for their value unless they are reduce-only: by its rules, or it did."""
    if view.payoff == _SPOT:
        return False
    if worth(view, lots, reference_tick(view, order.wanted_tick)) < view.min_notional:
        return True
    if order.reason != Rule.VENUE_MIN_NOTIONAL or core.now_ns - order.asked_ns >= _DOUBT_NS:
        return False
    return lots <= order.qty_lot if order.state == _FREE else lots < order.qty_lot


@kernel
def _refuse_small(core: Core, view: View, order: Order) -> int:
    """Keep back a closer that would be refused as it is for its value, and reduce-only for want of a position."""
    notional = worth(view, order.wanted_lot, reference_tick(view, order.wanted_tick))
    known = notional < view.min_notional
    return refuse(
        core, Rule.MIN_NOTIONAL if known else Rule.VENUE_MIN_NOTIONAL, float(view.min_notional), notional
    )


@kernel
def _opening_lots(core: Core, view: View, context: Context, order: Order, lots: int) -> int:
    """Bound openers by the state of the instrument, by sides, then by the limits of holding and venue side in lots."""
    side = order.position_side
    if view.closed:
        return refuse(core, Rule.CLOSED, 0.0, 1.0)
    if context.working.holding[side].exit:
        return refuse(core, Rule.EXITED, 0.0, float(context.working.holding[side].exit))
    if view.stale or view.venue_down:
        return refuse(core, Rule.STALE, 0.0, 1.0)
    if side == 1 and view.payoff == _SPOT:
        return refuse(core, Rule.NO_SHORT, 0.0, float(lots))
    holding = context.working.holding[side]
    room = holding.limit_lot - holding.pos_lot - holding.open_lot + order.held_lot
    wanted = lots
    lots = min(lots, room, view.max_lot)
    outside = view.external_lot[side] + view.external_open_lot[side]
    side_room = view.side_limit_lot[side] - view.side_lot[side] - outside + order.held_lot
    lots = min(lots, side_room)
    lots -= lots % view.lot_step
    if lots < view.min_lot or lots < 1:
        if room < view.min_lot and room < wanted:
            return refuse(core, Rule.HOLDING_LIMIT, float(holding.limit_lot), float(wanted))
        if side_room < view.min_lot and side_room < wanted:
            return refuse(core, Rule.SIDE_LIMIT, float(view.side_limit_lot[side]), float(wanted))
        return refuse(core, Rule.MIN_QTY, float(view.min_lot), float(wanted))
    return lots


@kernel
def _money_allows(core: Core, account: Account, view: View, order: Order, notional: int) -> bool:
    """Check the price band, the notional of the order, the margin of the wallet."""
    price_tick = reference_tick(view, order.wanted_tick)
    if view.price_band > 0.0:
        mark = view.mark if view.mark > 0.0 else float(view.close)
        away = abs(price_tick - mark) / mark
        if away > view.price_band:
            return forbid(core, Rule.PRICE_BAND, view.price_band, away)
    if notional < view.min_notional:
        return forbid(core, Rule.MIN_NOTIONAL, float(view.min_notional), float(notional))
    if notional > view.order_limit_notional:
        return forbid(core, Rule.ORDER_NOTIONAL, float(view.order_limit_notional), float(notional))
    need = money(notional * (1.0 / view.leverage + max(view.taker, 0.0)))
    free = account.balance + min(0, account.margined) - account.used + order.reserve
    if need > free:
        return forbid(core, Rule.MARGIN, float(free), float(need))
    return True


@kernel
def _exposure_allows(
    core: Core, account: Account, view: View, context: Context, order: Order, notional: int
) -> bool:
    """Check position, symbol and sums against equity, the unhedged part of a leg group, traffic, and counts."""
    side = order.position_side
    price_tick = reference_tick(view, order.wanted_tick)
    lots = view.side_lot[side] - order.held_lot
    position = money(worth(view, lots, price_tick)) + notional
    if position > view.position_limit_notional:
        return forbid(core, Rule.POSITION_NOTIONAL, float(view.position_limit_notional), float(position))
    if core.exposure_limits == 0:
        return _traffic_allows(core, view, order)
    equity = float(max(account.equity, 1))
    if view.symbol_limit > 0.0 and position > view.symbol_limit * equity:
        return forbid(core, Rule.POSITION_NOTIONAL, view.symbol_limit, position / equity)
    added = notional - money(worth(view, order.held_lot, price_tick))
    if not _sums_allow(core, account, view, side, added):
        return False
    if context.leg_group and not _legs_allow(core, context, view, side, notional):
        return False
    if not _traffic_allows(core, view, order) or not _counts_allow(core, account, view, order):
        return False
    account.gross[side] += max(added, 0)
    if core.group_limits:
        account.group_gross[view.group] += max(added, 0)
    if core.sector_limits:
        account.sector_gross[view.sector] += max(added, 0)
    return True


@kernel
def _counts_allow(core: Core, account: Account, view: View, order: Order) -> bool:
    """Let no instrument be opened beyond the number that an account, or a sector of it, may hold; count it."""
    if core.positions_limit == 0 and core.sector_limits == 0:
        return True
    outside = view.external_lot[0] + view.external_lot[1]
    if view.side_lot[0] + view.side_lot[1] + outside - order.held_lot > 0:
        return True
    count = core.positions[account.owner] + 1
    if core.positions_limit and count > core.positions_limit:
        return forbid(core, Rule.POSITIONS, float(core.positions_limit), float(count))
    at = account.owner * GROUPS + view.sector
    limit = core.sector[view.sector].positions_limit
    if limit and core.sector_positions[at] + 1 > limit:
        return forbid(core, Rule.POSITIONS, float(limit), float(core.sector_positions[at] + 1))
    core.positions[account.owner] = count
    core.sector_positions[at] += 1
    return True


@kernel
def _sums_allow(core: Core, account: Account, view: View, side: int, added: int) -> bool:
    """Check group, sector, side, total and leverage, each as notional over equity."""
    equity = float(max(account.equity, 1))
    if core.sector_limits:
        sector = (account.sector_gross[view.sector] + added) / equity
        limit = core.sector[view.sector].exposure_limit
        if limit > 0.0 and sector > limit:
            return forbid(core, Rule.EXPOSURE_SECTOR, limit, sector)
    if core.group_limits:
        group = (account.group_gross[view.group] + added) / equity
        limit = core.group[view.group].exposure_limit
        if limit > 0.0 and group > limit:
            return forbid(core, Rule.EXPOSURE_GROUP, limit, group)
    on_side = (account.gross[side] + added) / equity
    limit = core.side_limit[side]
    if limit > 0.0 and on_side > limit:
        return forbid(core, Rule.EXPOSURE_SIDE, limit, on_side)
    total = (account.gross[0] + account.gross[1] + added) / equity
    if core.total_limit > 0.0 and total > core.total_limit:
        return forbid(core, Rule.EXPOSURE_TOTAL, core.total_limit, total)
    if core.leverage_limit > 0.0 and total > core.leverage_limit:
        return forbid(core, Rule.LEVERAGE, core.leverage_limit, total)
    return True


@kernel
def _legs_allow(core: Core, context: Context, view: View, side: int, notional: int) -> bool:
    """Let a leg lead the others by no more than the group's limit.

    What other legs have in flight does not count.
    """
    group = core.group[context.leg_group]
    if group.unhedged_limit <= 0:
        return True
    sign = 1 - 2 * side
    opening = money(worth(view, context.working.holding[side].open_lot, view.close))
    after = group.unhedged + sign * (opening + notional)
    if after * sign > group.unhedged_limit:
        return forbid(core, Rule.UNHEDGED, float(group.unhedged_limit), float(after))
    return True


@kernel
def _traffic_allows(core: Core, view: View, order: Order) -> bool:
    """Open orders and orders per window; neither ever stops a reduction."""
    if order.held_lot == 0 and view.open_orders >= view.open_orders_limit:
        return forbid(core, Rule.OPEN_ORDERS, float(view.open_orders_limit), float(view.open_orders))
    if order.held_lot == 0 and core.open_orders >= core.open_orders_limit:
        return forbid(core, Rule.OPEN_ORDERS, float(core.open_orders_limit), float(core.open_orders))
    if core.now_ns - core.rate_start_ns < core.rate_window_ns and core.rate_count >= core.rate_limit:
        return forbid(core, Rule.ORDER_RATE, float(core.rate_limit), float(core.rate_count))
    return True


@kernel(hot=True)
def breach_of(core: Core, account: Account, view: View, context: Context, side: int) -> int:
    """Return the rule that one side of a context breaks as it stands, 0 for none: its openers must go."""
    holding = context.working.holding[side]
    if holding.pos_lot + holding.open_lot > holding.limit_lot:
        return Rule.HOLDING_LIMIT
    outside = view.external_lot[side] + view.external_open_lot[side]
    if view.side_lot[side] + outside > view.side_limit_lot[side]:
        return Rule.SIDE_LIMIT
    if core.exposure_limits == 0 or view.close <= 0 or holding.open_lot == 0:
        return Rule.OK
    position = money(worth(view, view.side_lot[side], view.close))
    equity = float(max(account.equity, 1))
    if position > view.position_limit_notional:
        return Rule.POSITION_NOTIONAL
    if view.symbol_limit > 0.0 and position > view.symbol_limit * equity:
        return Rule.POSITION_NOTIONAL
    return Rule.OK if _sums_allow(core, account, view, side, 0) else core.rule
