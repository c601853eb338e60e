"""What operators, the platform and the venue's settings say to the core."""

from tradewind.engine.accounting import margin_of
from tradewind.engine.breakers import release_breaker, set_floor
from tradewind.engine.halts import apply_halt, apply_held, note_halts, release_strategy
from tradewind.units.enums import CONDITION_BITS, FactKind, Halt, OperatorCode, SettingCode
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import BREAKERS, Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact

__all__ = ["apply_control_fact"]

_POSITION_MODE, _MARGIN_MODE = 1, 2


@kernel
def apply_control_fact(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    fact: Fact,
) -> None:
    """Apply settings, limits, the start of an epoch, states of trading and an operator's word."""
    kind = fact.kind
    core.facts += 1
    if kind == FactKind.OPERATOR:
        _apply_operator(core, accounts, views, contexts, strategies, fact.code)
    elif kind == FactKind.HALT:
        apply_halt(core, accounts, views, fact)
    elif kind == FactKind.HELD:
        apply_held(core, contexts, strategies, fact)
    elif kind == FactKind.SETTING and fact.code == SettingCode.LEVERAGE:
        view = views[fact.instrument]
        _set_leverage(accounts[view.wallet], view, contexts, fact)
    elif kind == FactKind.SETTING:
        _apply_setting(views[fact.instrument], fact)
        note_halts(core, accounts, views)
    elif kind == FactKind.LIMITS:
        _apply_limits(core, views[fact.instrument], fact)
    elif kind == FactKind.BOOT:
        core.epoch = fact.code
        core.boot_code = fact.price_tick
        core.boot_config = fact.qty_lot
        core.boot_data = fact.trade_id


@kernel
def _apply_operator(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    code: int,
) -> None:
    """Do what an operator asks.

    PAUSE cancels openers; STOP and FLATTEN also exit everything; RESUME clears every latch but LOCK and what lasts
    as long as its cause, UNLOCK the lock.
    """
    if code == OperatorCode.PAUSE:
        core.own_halts = core.own_halts | Halt.OPERATOR
    elif code == OperatorCode.FLATTEN or code == OperatorCode.STOP:
        core.own_halts = core.own_halts | Halt.OPERATOR | Halt.FLATTEN
    elif code == OperatorCode.LOCK:
        core.own_halts = core.own_halts | Halt.LOCK
    elif code == OperatorCode.UNLOCK:
        core.own_halts = core.own_halts & ~Halt.LOCK
    elif code == OperatorCode.RESUME:
        _resume(core, accounts, views, contexts, strategies)
    note_halts(core, accounts, views)


@kernel
def _resume(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
) -> None:
    """Let go everything that waits for an operator."""
    core.own_halts = core.own_halts & CONDITION_BITS
    for w in range(len(accounts)):
        account = accounts[w]
        account.told = account.told & CONDITION_BITS
        for breaker in range(BREAKERS):
            release_breaker(account, breaker)
        set_floor(account)
    for j in range(len(views)):
        views[j].halts = views[j].halts & CONDITION_BITS
    for g in range(len(strategies)):
        if strategies[g].held:
            release_strategy(contexts, strategies[g])
    for k in range(len(contexts)):
        for side in range(2):
            contexts[k].working.holding[side].exit = 0


@kernel
def _set_leverage(account: Account, view: View, contexts: Rows[Context], fact: Fact) -> None:
    """Take another leverage: what is held occupies its margin anew; what rests keeps the reserve it was sent with."""
    before = view.leverage
    for k in range(len(contexts)):
        if contexts[k].instrument == fact.instrument:
            for side in range(2):
                cost = contexts[k].working.holding[side].cost
                view.leverage = before
                account.used -= margin_of(view, cost)
                view.leverage = fact.value
                account.used += margin_of(view, cost)
    view.leverage = fact.value


@kernel
def _apply_setting(view: View, fact: Fact) -> None:
    """Take a setting of the venue as it is: rules and modes of one instrument."""
    code = fact.code
    if code == SettingCode.TICK_STEP:
        view.tick_step = fact.qty_lot
    elif code == SettingCode.LOT_STEP:
        view.lot_step = fact.qty_lot
    elif code == SettingCode.MIN_QTY:
        view.min_lot = fact.qty_lot
    elif code == SettingCode.MIN_NOTIONAL:
        view.min_notional = fact.amount
    elif code == SettingCode.POSITION_MODE:
        view.hedge = fact.qty_lot
        _judge_mode(view, _POSITION_MODE, fact.qty_lot != view.hedge_wanted)
    elif code == SettingCode.MARGIN_MODE:
        _judge_mode(view, _MARGIN_MODE, fact.qty_lot != view.isolated_wanted)
    elif code == SettingCode.AMENDS:
        view.amends = fact.qty_lot


@kernel
def _judge_mode(view: View, mode: int, wrong: bool) -> None:
    """Halt an instrument while a mode at the venue contradicts the configuration."""
    view.modes_wrong = view.modes_wrong | mode if wrong else view.modes_wrong & ~mode
    view.halts = view.halts | Halt.SETTINGS if view.modes_wrong else view.halts & ~Halt.SETTINGS


@kernel
def _apply_limits(core: Core, view: View, fact: Fact) -> None:
    """Change one limit while running; a lowered one blocks and cancels openers at the next wake, it never closes."""
    core.recheck = 1
    code = fact.code
    if code == 0:
        view.side_limit_lot[fact.position_side] = fact.qty_lot
    elif code == 1:
        view.position_limit_notional = fact.amount
        core.exposure_limits = 1
    elif code == 2:
        view.order_limit_notional = fact.amount
    elif code == 3:
        core.open_orders_limit = fact.qty_lot
    elif code == 4:
        core.rate_limit = fact.qty_lot
    elif code == 5:
        core.total_limit = fact.value
        core.exposure_limits = 1
    elif code == 6:
        core.leverage_limit = fact.value
        core.exposure_limits = 1
