"""Lots that change hands in a holding: by an order in its slot, or by none that is left.

A fill that is told after its order ended, and a position that is taken over, have no slot and hold nothing that
could be released. They are told as BOOKED, with what is new instead of a total, and count once per trade id.
"""

from tradewind.engine.accounting import book_close, book_open, money
from tradewind.engine.registers import next_fill_row
from tradewind.units.enums import BUY, LONG, Role
from tradewind.units.jit import kernel
from tradewind.units.records import FEE_MEMORY, Account, Context, Core, Holding, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["book_lots", "close_lots", "is_booked_first", "open_lots"]


@kernel
def is_booked_first(view: View, trade_id: int) -> bool:
    """Note a trade that is booked, and tell whether it is the first time; a trade without a number always is.

    It shares the memory of fees, where its number stands with the other sign.
    """
    if trade_id == 0:
        return True
    seen = view.fee_id
    for i in range(FEE_MEMORY):
        if seen[i] == -trade_id:
            return False
    seen[view.fee_next] = -trade_id
    view.fee_next = (view.fee_next + 1) % FEE_MEMORY
    return True


@kernel
def open_lots(
    core: Core,
    account: Account,
    view: View,
    holding: Holding,
    fact: Fact,
    side: int,
    lots: int,
    notional: int,
) -> None:
    """Add lots to a holding; with the first ones a round trip begins."""
    if holding.pos_lot == 0:
        holding.opened_ns = core.now_ns
        holding.opened_realised = holding.realised
        holding.best_tick = 0
        holding.stop_tick = 0
    holding.last_tick = fact.price_tick
    book_open(account, view, holding, side, lots, notional)


@kernel
def close_lots(
    core: Core, account: Account, view: View, holding: Holding, side: int, lots: int, notional: int
) -> int:
    """Take lots out of a holding and return the money realised; what it does not have is nobody's we know."""
    mine = min(lots, holding.pos_lot)
    if lots > mine:
        view.external_lot[1 - side] += lots - mine
        core.recheck = 1
    if mine == 0:
        return 0
    part = notional if mine == lots else money(notional * (mine / lots))
    return book_close(account, view, holding, side, mine, part)


@kernel
def book_lots(core: Core, account: Account, view: View, context: Context, box: Mailbox, fact: Fact) -> None:
    """Book lots without a slot: holding, money, one row of the log. Limits are judged again.

    While the slot is in the epoch of the order that filled they also count as filled there: nobody asks for them anew,
    and a newer order of that epoch is asked to be as much smaller.
    """
    side = fact.position_side
    holding = context.working.holding[side]
    opens = (fact.side == BUY) == (side == LONG)
    realised = 0
    if opens:
        holding.entries += int(fact.value)
        open_lots(core, account, view, holding, fact, side, fact.qty_lot, fact.amount)
    else:
        realised = close_lots(core, account, view, holding, side, fact.qty_lot, fact.amount)
    core.recheck = 1
    row = next_fill_row(core, box)
    row.ts_ns = fact.venue_ts_ns
    row.instrument = context.instrument
    row.context = context.index
    row.side = fact.side
    row.position_side = side
    row.price_tick = fact.price_tick
    row.qty_lot = fact.qty_lot
    row.notional = fact.amount
    row.realised = realised
    row.fee = 0
    row.maker = fact.code
    row.role = Role.OPEN if opens else Role.CLOSE
    row.cid = fact.cid
    row.tag = 0
    row.trade_id = fact.trade_id
    order = context.working.order[fact.cid & 0xFF]
    if fact.cid >> 20 and fact.cid >= order.first_cid:
        order.done_lot += fact.qty_lot
        context.dirty = 1
        if order.cid == fact.cid:
            row.tag = order.tag
