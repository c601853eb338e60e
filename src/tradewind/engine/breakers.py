"""Breakers: what an account may lose in a day, in a session, from its peak; and how long a hedge may stand on one leg.

They live in the core and work from facts: equity is marked at each WAKE. A tripped breaker sets a bit of
`halts`: openers are cancelled and refused, closers and stops go on. A day's loss clears with the day (UTC);
the others stay until an operator resumes.
"""

from tradewind.units.enums import BIG, DAY_NS, Halt
from tradewind.units.jit import kernel
from tradewind.units.records import GROUPS, Account, Core

__all__ = ["check_breakers", "set_floor", "start_day", "watch_legs"]


@kernel(hot=True)
def check_breakers(core: Core, account: Account) -> None:
    """Compare equity with the one precomputed floor, and raise the peak; everything else is out of line."""
    if account.ts_ns >= account.day_end_ns:
        start_day(core, account)
    if account.equity > account.peak:
        account.peak = account.equity
        if account.drawdown > 0.0:
            set_floor(account)
    if account.equity < account.floor:
        _trip(core, account)


@kernel
def start_day(core: Core, account: Account) -> None:
    """Begin a UTC day: losses of the day count from here."""
    account.day_start = account.equity
    account.day_end_ns = account.ts_ns - account.ts_ns % DAY_NS + DAY_NS
    if core.halts & Halt.LOSS_DAY:
        core.halts -= Halt.LOSS_DAY
    set_floor(account)


@kernel
def set_floor(account: Account) -> None:
    """Precompute the highest equity at which any breaker trips; none set: never."""
    floor = -BIG
    if account.loss_day > 0.0:
        floor = max(floor, int(account.day_start * (1.0 - account.loss_day)))
    if account.loss_session > 0.0:
        floor = max(floor, int(account.start * (1.0 - account.loss_session)))
    if account.drawdown > 0.0:
        floor = max(floor, int(account.peak * (1.0 - account.drawdown)))
    account.floor = floor


@kernel
def _trip(core: Core, account: Account) -> None:
    """Set the bit of each breaker that has tripped."""
    if account.loss_day > 0.0 and account.equity < int(account.day_start * (1.0 - account.loss_day)):
        core.halts = core.halts | Halt.LOSS_DAY
    if account.loss_session > 0.0 and account.equity < int(account.start * (1.0 - account.loss_session)):
        core.halts = core.halts | Halt.LOSS_SESSION
    if account.drawdown > 0.0 and account.equity < int(account.peak * (1.0 - account.drawdown)):
        core.halts = core.halts | Halt.DRAWDOWN


@kernel
def watch_legs(core: Core) -> None:
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
    if breached:
        core.halts = core.halts | Halt.UNHEDGED
    elif core.halts & Halt.UNHEDGED:
        core.halts -= Halt.UNHEDGED
