"""Who holds what, and what it is worth.

Money is born here, by one truncation each; afterwards it is only added and subtracted.

Linear and spot: worth = lots * ticks * unit. Inverse: worth = lots * unit / ticks, and value falls as worth
rises (`sense`). A holding's cost is the worth at which it was entered; margin is a function of cost alone, so
it returns to zero with it.
"""

from tradewind.engine.masks import drop_bit
from tradewind.units.enums import LONG, SHORT, IntentKind, OrderState
from tradewind.units.jit import kernel
from tradewind.units.records import Account, Holding, Order, View, Working

__all__ = [
    "COVERED",
    "book_close",
    "book_open",
    "closing_lots",
    "competes",
    "covered_lots",
    "hold_lots",
    "is_shared",
    "margin_of",
    "mark_context",
    "money",
    "release",
    "reserve_for",
    "worth",
]

_FREE = OrderState.FREE
_STOP = IntentKind.STOP

COVERED = 4
"""Bit of `Holding.yields`: the venue's position, net of all strategies, is at least this holding."""


@kernel(hot=True)
def money(amount: float) -> int:
    """Return an amount as whole money, cut toward zero."""
    return int(amount)


@kernel(hot=True)
def worth(view: View, lots: int, price_tick: float) -> float:
    """Return the notional of so many lots at a price in ticks, in money, not rounded.

    As doubles from the first product on: below 2^53 lots and ticks it is the same number, and it cannot overflow.
    """
    if view.sense > 0:
        return float(lots) * price_tick * view.unit
    return lots * view.unit / price_tick


@kernel
def margin_of(view: View, cost: int) -> int:
    """Return the initial margin of a cost."""
    return money(cost / view.leverage)


@kernel
def reserve_for(view: View, lots: int, price_tick: int) -> int:
    """Return the margin that an opening order occupies while it may fill."""
    return money(worth(view, lots, price_tick) / view.leverage)


@kernel
def is_shared(view: View, working: Working, side: int) -> bool:
    """Tell whether the venue's position is not exactly this holding: reduce-only would then guard the wrong lots."""
    if view.shared:
        return True
    return view.hedge == 0 and working.holding[1 - side].pos_lot != 0


@kernel
def covered_lots(view: View, working: Working, side: int) -> int:
    """Return how many lots of a holding an order may close that is reduce-only at the venue.

    Where several strategies share the position it is all of them or, at worst, those that nothing on the other side
    can net away; see `wake.note_cover`.
    """
    holding = working.holding[side]
    if view.hedge or holding.yields & COVERED:
        return holding.pos_lot
    against = view.side_lot[1 - side] if view.shared else working.holding[1 - side].pos_lot
    return max(0, holding.pos_lot - against - view.external_lot[1 - side])


@kernel
def competes(view: View, working: Working, side: int) -> bool:
    """Tell whether a stop and another closer share the lots of a holding: reduce-only cannot bound their overlap.

    So it is where it would guard the wrong lots, and where a closer without it is still out.
    """
    return working.holding[side].plain_lot != 0 or is_shared(view, working, side)


@kernel
def closing_lots(view: View, working: Working, side: int, kind: int) -> int:
    """Return the lots with which a closer of this kind competes for its holding.

    Those of its class, so that a take-profit does not forbid a stop; those of all classes where they compete.
    """
    holding = working.holding[side]
    if competes(view, working, side):
        return holding.close_lot + holding.stop_lot
    return holding.stop_lot if kind == _STOP else holding.close_lot


@kernel
def _occupy(view: View, holding: Holding, order: Order, lots: int) -> None:
    """Count `lots` more (or fewer) against the limits that this order is counted in."""
    if order.reduce == 0:
        holding.open_lot += lots
        view.side_lot[order.position_side] += lots
    elif order.kind == _STOP:
        holding.stop_lot += lots
    else:
        holding.close_lot += lots
    if order.plain:
        holding.plain_lot += lots


@kernel
def hold_lots(account: Account, view: View, working: Working, order: Order, lots: int, reserve: int) -> None:
    """Let an order occupy exactly so many lots and, if it opens, so much margin."""
    holding = working.holding[order.position_side]
    _occupy(view, holding, order, lots - order.held_lot)
    order.held_lot = lots
    if order.reduce == 0:
        account.used += reserve - order.reserve
        order.reserve = reserve


@kernel
def release(account: Account, view: View, working: Working, slot: int) -> None:
    """Free a slot whose order is known to be finished: its exposure and its margin."""
    order = working.order[slot]
    hold_lots(account, view, working, order, 0, 0)
    order.state = _FREE
    order.done_lot += order.filled_lot
    drop_bit(working.live, slot)
    working.live_count -= 1


@kernel
def book_open(account: Account, view: View, holding: Holding, side: int, lots: int, notional: int) -> None:
    """Add lots to a holding at their notional; margin moves with cost."""
    before = margin_of(view, holding.cost)
    holding.pos_lot += lots
    holding.cost += notional
    view.side_lot[side] += lots
    account.used += margin_of(view, holding.cost) - before


@kernel
def book_close(account: Account, view: View, holding: Holding, side: int, lots: int, notional: int) -> int:
    """Take lots out of a holding and return the money realised. Long and short are one path with a sign."""
    sign = 1 - 2 * side
    part = holding.cost if lots >= holding.pos_lot else money(holding.cost * (lots / holding.pos_lot))
    before = margin_of(view, holding.cost)
    realised = sign * view.sense * (notional - part)
    holding.pos_lot -= lots
    holding.cost -= part
    holding.realised += realised
    view.side_lot[side] -= lots
    account.used += margin_of(view, holding.cost) - before
    account.balance += realised
    account.realised += realised
    if holding.pos_lot == 0:
        holding.entries = 0
        holding.trips += 1
        holding.opened_ns = 0
        holding.outcome = -1 if holding.realised < holding.opened_realised else 1
    return realised


@kernel(hot=True)
def mark_context(view: View, working: Working) -> int:
    """Return the unrealised value of one context at the last close."""
    long_lot = working.holding[LONG].pos_lot
    short_lot = working.holding[SHORT].pos_lot
    value = 0
    if long_lot:
        value += money(worth(view, long_lot, view.close)) - working.holding[LONG].cost
    if short_lot:
        value -= money(worth(view, short_lot, view.close)) - working.holding[SHORT].cost
    return view.sense * value
