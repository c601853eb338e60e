"""Breakers: what an account may lose in a day, in a session, from its peak, in a row; how long a hedge may stand open.

They live in the core and work from facts: equity is marked at each WAKE, a round trip counts when its last lot is
closed, before fees. A tripped breaker sets its bit on its account: openers are cancelled and refused, closers and
stops go on; the emergency exit closes everything. It clears when its cool-down is over, by the time of facts, or when
an operator resumes; a day's loss at midnight UTC at the latest. What it measures from begins anew then, so that
it does not trip again for the same loss.
"""

from tradewind.engine.halts import hold_strategy, note_halts
from tradewind.units.enums import BIG, DAY_NS, Breaker, Halt, Rule
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import BREAKERS, GROUPS, Account, Context, Core, Strategy, View

__all__ = [
    "bit_of",
    "check_breakers",
    "note_outcomes",
    "release_breaker",
    "set_floor",
    "turn",
    "watch_legs",
]

_DAY = Breaker.DAY
_SESSION = Breaker.SESSION
_DRAWDOWN = Breaker.DRAWDOWN
_STREAK = Breaker.STREAK
_EMERGENCY = Breaker.EMERGENCY


@kernel(hot=True)
def check_breakers(core: Core, accounts: Rows[Account], views: Rows[View], account: Account) -> None:
    """Compare equity with the one precomputed floor, and raise the peak; everything else is out of line."""
    if account.ts_ns >= account.turn_ns:
        turn(core, accounts, views, account)
    if account.equity > account.fall_from:
        account.fall_from = account.equity
        if account.follows:
            set_floor(account)
    if account.equity < account.floor:
        _trip(core, accounts, views, account)


@kernel
def bit_of(breaker: int) -> int:
    """Return the bit of a breaker."""
    if breaker == _DAY:
        return Halt.LOSS_DAY
    if breaker == _SESSION:
        return Halt.LOSS_SESSION
    if breaker == _DRAWDOWN:
        return Halt.DRAWDOWN
    return Halt.LOSS_STREAK if breaker == _STREAK else Halt.EMERGENCY


@kernel
def turn(core: Core, accounts: Rows[Account], views: Rows[View], account: Account) -> None:
    """Begin a UTC day, end what has cooled down, and note when to look again."""
    if account.ts_ns >= account.day_end_ns:
        account.day_start = account.equity
        account.day_end_ns = account.ts_ns - account.ts_ns % DAY_NS + DAY_NS
        release_breaker(account, _DAY)
    turn_ns = account.day_end_ns
    for breaker in range(BREAKERS):
        until_ns = account.until_ns[breaker]
        if until_ns and account.ts_ns >= until_ns:
            release_breaker(account, breaker)
        elif until_ns:
            turn_ns = min(turn_ns, until_ns)
    account.turn_ns = turn_ns
    set_floor(account)
    note_halts(core, accounts, views)


@kernel
def release_breaker(account: Account, breaker: int) -> None:
    """Let a breaker go, if it has tripped: what it measures from begins anew at the present equity."""
    bit = bit_of(breaker)
    account.until_ns[breaker] = 0
    if account.tripped & bit == 0:
        return
    account.tripped -= bit
    if breaker == _DAY:
        account.day_start = account.equity
    elif breaker == _SESSION:
        account.session_start = account.equity
    elif breaker == _STREAK:
        account.streak = 0
    else:
        account.peak = account.equity if breaker == _EMERGENCY else max(account.peak, account.fall_from)
        account.fall_from = account.equity


@kernel
def _limit_of(account: Account, breaker: int) -> float:
    """Return the ratio that a breaker of equity allows to be lost, 0 for none."""
    if breaker == _DAY:
        return account.loss_day
    if breaker == _SESSION:
        return account.loss_session
    if breaker == _DRAWDOWN:
        return account.drawdown
    return account.emergency if breaker == _EMERGENCY else 0.0


@kernel
def _base_of(account: Account, breaker: int) -> int:
    """Return the equity from which a breaker counts."""
    if breaker == _DAY:
        return account.day_start
    if breaker == _SESSION:
        return account.session_start
    return account.fall_from if breaker == _DRAWDOWN else max(account.peak, account.fall_from)


@kernel
def _floor_of(account: Account, breaker: int) -> int:
    """Return the equity below which a breaker trips; one that is off, or has tripped, never does."""
    limit = _limit_of(account, breaker)
    if limit <= 0.0 or account.tripped & bit_of(breaker):
        return -BIG
    return int(_base_of(account, breaker) * (1.0 - limit))


@kernel
def set_floor(account: Account) -> None:
    """Precompute the highest equity at which any breaker trips; none set: never."""
    floor = -BIG
    for breaker in range(BREAKERS):
        floor = max(floor, _floor_of(account, breaker))
    account.floor = floor


@kernel
def _trip(core: Core, accounts: Rows[Account], views: Rows[View], account: Account) -> None:
    """Trip each breaker whose floor equity is below."""
    for breaker in range(BREAKERS):
        if account.equity < _floor_of(account, breaker):
            base = _base_of(account, breaker)
            lost = 1.0 - account.equity / base if base > 0 else 1.0
            _set_tripped(core, account, breaker, _limit_of(account, breaker), lost)
    set_floor(account)
    note_halts(core, accounts, views)


@kernel
def _set_tripped(core: Core, account: Account, breaker: int, limit: float, value: float) -> None:
    """Set a breaker's bit, say why, and let its cool-down begin."""
    account.tripped = account.tripped | bit_of(breaker)
    account.cause = bit_of(breaker)
    account.cause_limit = limit
    account.cause_value = value
    account.cause_ns = core.now_ns
    if account.cool_ns[breaker]:
        account.until_ns[breaker] = core.now_ns + account.cool_ns[breaker]
        account.turn_ns = min(account.turn_ns, account.until_ns[breaker])


@kernel(hot=True)
def note_outcomes(
    core: Core, accounts: Rows[Account], views: Rows[View], context: Context, strategy: Strategy
) -> None:
    """Count round trips of a context that have just ended: losses in a row, of the account and of the strategy."""
    if context.working.holding[0].outcome | context.working.holding[1].outcome:
        _note_outcomes(core, accounts, views, context, strategy)


@kernel
def _note_outcomes(
    core: Core, accounts: Rows[Account], views: Rows[View], context: Context, strategy: Strategy
) -> None:
    """Count what has ended on either side."""
    for side in range(2):
        holding = context.working.holding[side]
        if holding.outcome:
            lost = holding.outcome < 0
            holding.outcome = 0
            _count_for_account(core, accounts, accounts[context.wallet].owner, lost)
            _count_for_strategy(core, strategy, lost)
            note_halts(core, accounts, views)


@kernel
def _count_for_account(core: Core, accounts: Rows[Account], owner: int, lost: bool) -> None:
    """Count one trip in every wallet of an account."""
    for w in range(len(accounts)):
        account = accounts[w]
        if account.owner == owner:
            account.streak = account.streak + 1 if lost else 0
            limit = account.streak_limit
            if limit and account.streak >= limit and account.tripped & Halt.LOSS_STREAK == 0:
                _set_tripped(core, account, _STREAK, float(limit), float(account.streak))


@kernel
def _count_for_strategy(core: Core, strategy: Strategy, lost: bool) -> None:
    """Count one trip of a strategy; too many lost in a row hold it."""
    strategy.streak = strategy.streak + 1 if lost else 0
    limit = strategy.streak_limit
    if limit and strategy.streak >= limit and strategy.held == 0:
        hold_strategy(core, strategy, Rule.LOSS_STREAK, float(limit), float(strategy.streak))
        if strategy.cool_ns:
            strategy.until_ns = core.now_ns + strategy.cool_ns


@kernel
def watch_legs(core: Core, accounts: Rows[Account], views: Rows[View]) -> None:
    """Halt openers while a leg group has been unhedged beyond its limit for longer than its time."""
    breached = False
    for g in range(GROUPS):
        group = core.group[g]
        if group.unhedged_limit <= 0 or abs(group.unhedged) <= group.unhedged_limit:
            group.since_ns = 0
        else:
            if group.since_ns == 0:
                group.since_ns = core.now_ns
            if core.now_ns - group.since_ns > group.unhedged_limit_ns:
                breached = True
    before = core.own_halts & Halt.UNHEDGED != 0
    if breached != before:
        core.own_halts = core.own_halts ^ Halt.UNHEDGED
        note_halts(core, accounts, views)
