"""What the venue says about the account: money and position that moved without an order of ours.

Position taken from us by the venue (liquidation, auto-deleveraging, settlement at delisting) is distributed
over the holdings of that side by one rule: pro rata in whole lots, the remainder to the largest holding, the
first of equals.
"""

from tradewind.engine.accounting import book_close, money, worth
from tradewind.engine.breakers import set_floor
from tradewind.engine.registers import log_cash, next_fill_row
from tradewind.units.enums import (
    BUY,
    LONG,
    SELL,
    SHORT,
    FactKind,
    Halt,
    LogKind,
    Role,
)
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["apply_account_fact", "apply_taken"]


@kernel
def apply_account_fact(core: Core, account: Account, view: View, box: Mailbox, fact: Fact) -> None:
    """Apply money and position that moved without an order of ours."""
    kind = fact.kind
    core.facts += 1
    if kind == FactKind.FUNDING_PAID:
        _apply_funding(core, account, view, box, fact)
    elif kind == FactKind.TRANSFER:
        account.balance += fact.amount
        account.transferred += fact.amount
        account.start += fact.amount
        account.session_start += fact.amount
        account.peak += fact.amount
        account.fall_from += fact.amount
        account.day_start += fact.amount
        set_floor(account)
        log_cash(core, box, LogKind.TRANSFER, fact.instrument, fact.wallet, fact.amount)
    elif kind == FactKind.ACCOUNT:
        change = fact.amount if fact.code == 1 else fact.amount - account.balance
        account.adjusted += change
        account.balance += change
        log_cash(core, box, LogKind.INSURANCE, fact.instrument, fact.wallet, change)
    elif kind == FactKind.EXTERNAL_POSITION:
        view.external_lot[fact.position_side] = fact.qty_lot
        core.recheck = 1
    elif kind == FactKind.EXTERNAL_ORDER:
        view.external_open_lot[fact.position_side] = fact.qty_lot
        core.recheck = 1


@kernel
def _apply_funding(core: Core, account: Account, view: View, box: Mailbox, fact: Fact) -> None:
    """Pay or receive funding once per settlement: an older or repeated one changes nothing."""
    side = fact.position_side
    if fact.venue_ts_ns <= view.funding_paid_ns[side]:
        return
    view.funding_paid_ns[side] = fact.venue_ts_ns
    account.balance -= fact.amount
    account.funding += fact.amount
    row = log_cash(core, box, LogKind.FUNDING, fact.instrument, fact.wallet, -fact.amount)
    row.ts_ns = fact.venue_ts_ns
    row.qty_lot = fact.qty_lot
    row.rate = fact.value
    row.price = float(fact.price_tick)
    row.position_side = side


@kernel
def apply_taken(
    core: Core, account: Account, view: View, contexts: Rows[Context], box: Mailbox, fact: Fact
) -> None:
    """Book position that the venue closed: `qty_lot` lots of one side at `price_tick`, worth `amount`.

    A delisting ends with a fact of no lots: what the venue had netted away settles at its price.
    """
    core.facts += 1
    for k in range(len(contexts)):
        if contexts[k].instrument == fact.instrument:
            contexts[k].intents.sleep = 0
            contexts[k].spoke = 1
    if fact.kind != FactKind.DELISTED:
        account.told = account.told | Halt.LIQUIDATED
    if fact.qty_lot > 0:
        _share_out(core, account, view, contexts, box, fact)
    elif fact.kind == FactKind.DELISTED and fact.price_tick > 0:
        _settle_rest(core, account, view, contexts, box, fact)


@kernel
def _share_out(
    core: Core, account: Account, view: View, contexts: Rows[Context], box: Mailbox, fact: Fact
) -> None:
    """Distribute what was taken; the largest holding gets the remainder of lots and of money, so nothing is lost."""
    side = fact.position_side
    total = 0
    largest = -1
    for k in range(len(contexts)):
        if contexts[k].instrument == fact.instrument:
            held = contexts[k].working.holding[side].pos_lot
            total += held
            if held and (largest < 0 or held > contexts[largest].working.holding[side].pos_lot):
                largest = k
    if total == 0:
        return
    lots = min(fact.qty_lot, total)
    taken = lots
    amount = fact.amount if taken == fact.qty_lot else money(fact.amount * (taken / fact.qty_lot))
    for k in range(len(contexts)):
        if contexts[k].instrument == fact.instrument and k != largest:
            share = contexts[k].working.holding[side].pos_lot * taken // total
            part = money(fact.amount * (share / fact.qty_lot))
            lots -= share
            amount -= part
            _take(core, account, view, contexts[k], box, fact, side, share, part)
    _take(core, account, view, contexts[largest], box, fact, side, lots, amount)


@kernel
def _settle_rest(
    core: Core, account: Account, view: View, contexts: Rows[Context], box: Mailbox, fact: Fact
) -> None:
    """Close every holding that is left. Where long and short are equal they are worth the same, to the last unit."""
    balance = 0
    amount = 0
    for side in range(2):
        for k in range(len(contexts)):
            context = contexts[k]
            lots = context.working.holding[side].pos_lot
            if context.instrument == fact.instrument and lots:
                balance += lots if side == LONG else -lots
                part = money(worth(view, lots, fact.price_tick))
                if side == SHORT and balance == 0:
                    part = amount
                amount += part if side == LONG else -part
                _take(core, account, view, context, box, fact, side, lots, part)


@kernel
def _take(
    core: Core,
    account: Account,
    view: View,
    context: Context,
    box: Mailbox,
    fact: Fact,
    side: int,
    lots: int,
    notional: int,
) -> None:
    """Close some lots of one holding at the venue's terms, as one fill of its own role."""
    if lots <= 0:
        return
    row = next_fill_row(core, box)
    row.realised = book_close(account, view, context.working.holding[side], side, lots, notional)
    row.ts_ns = fact.venue_ts_ns
    row.instrument = context.instrument
    row.context = context.index
    row.side = SELL if side == LONG else BUY
    row.position_side = side
    row.price_tick = fact.price_tick
    row.qty_lot = lots
    row.notional = notional
    row.fee = 0
    row.maker = 0
    row.role = Role.SETTLEMENT
    if fact.kind == FactKind.ACCOUNT_LIQUIDATED:
        row.role = Role.LIQUIDATION
    elif fact.kind == FactKind.ADL:
        row.role = Role.ADL
    row.cid = 0
    row.tag = 0
    row.trade_id = fact.trade_id
