"""States of trading: what is set on the whole core, on an account and on an instrument, and what bears on an order.

Every bit names its reason (`units.enums.Halt`). Breakers set theirs on the wallet that lost; facts set the others.
"""

from tradewind.units.enums import BIG, HaltScope, Rule, Verdict
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact

__all__ = ["apply_halt", "apply_held", "hold_strategy", "note_halts", "release_strategy", "sets_on"]


@kernel(hot=True)
def sets_on(core: Core, account: Account, view: View) -> int:
    """Return the bits that bear on an instrument of an account."""
    return core.own_halts | account.halts | view.halts


@kernel
def note_halts(core: Core, accounts: Rows[Account], views: Rows[View]) -> None:
    """Sum up after any bit changed: per account over its wallets, and everything in `core.halts`."""
    every = core.own_halts
    for w in range(len(accounts)):
        bits = 0
        for other in range(len(accounts)):
            if accounts[other].owner == accounts[w].owner:
                bits = bits | accounts[other].told | accounts[other].tripped
        accounts[w].halts = bits
        every = every | bits
    for j in range(len(views)):
        every = every | views[j].halts
    core.halts = every


@kernel
def apply_halt(core: Core, accounts: Rows[Account], views: Rows[View], fact: Fact) -> None:
    """Set or clear the bits in `code`: of the core, of the account of `wallet`, or of `instrument`, as `side` says."""
    bits = fact.code
    if fact.side == HaltScope.CORE:
        core.own_halts = core.own_halts | bits if fact.qty_lot else core.own_halts & ~bits
    elif fact.side == HaltScope.ACCOUNT:
        owner = accounts[fact.wallet].owner
        for w in range(len(accounts)):
            account = accounts[w]
            if account.owner == owner:
                account.told = account.told | bits if fact.qty_lot else account.told & ~bits
    else:
        view = views[fact.instrument]
        view.halts = view.halts | bits if fact.qty_lot else view.halts & ~bits
    if fact.qty_lot:
        core.cause = bits
        core.cause_limit = float(fact.amount)
        core.cause_value = fact.value
        core.cause_ns = core.now_ns
    note_halts(core, accounts, views)


@kernel
def hold_strategy(core: Core, strategy: Strategy, rule: int, limit: float, value: float) -> None:
    """Hold one strategy alone: its openers are pulled, its protectors stay."""
    if strategy.held == 0:
        strategy.held_ns = core.now_ns
    strategy.held = rule
    strategy.held_limit = limit
    strategy.held_value = value
    strategy.until_ns = 0


@kernel
def release_strategy(contexts: Rows[Context], strategy: Strategy) -> None:
    """Let a strategy go; what was counted against it begins anew, and it is asked whatever it wished to sleep."""
    strategy.held = 0
    strategy.leaving = 0
    strategy.until_ns = 0
    strategy.bad = 0
    strategy.streak = 0
    strategy.sleep = 0
    for k in range(strategy.lo, strategy.hi):
        contexts[k].ask_ns = 0
        contexts[k].intents.sleep = 0


@kernel
def apply_held(core: Core, contexts: Rows[Context], strategies: Rows[Strategy], fact: Fact) -> None:
    """Hold the strategy in `qty_lot` for the rule in `code`, or let it go with 0; `side` 1 also closes what it holds.

    One that was let go decides at the next WAKE whatever it wished to sleep.
    """
    if not 0 <= fact.qty_lot < len(strategies):
        return
    strategy = strategies[fact.qty_lot]
    if fact.code:
        hold_strategy(core, strategy, fact.code, float(fact.amount), fact.value)
        strategy.leaving = 1 if fact.side else 0
        if fact.code == Rule.RAISED or fact.code == Rule.HUNG:
            _ask_no_more(contexts, strategy)
    else:
        release_strategy(contexts, strategy)


@kernel
def _ask_no_more(contexts: Rows[Context], strategy: Strategy) -> None:
    """Never again ask a strategy that raised or does not return: it is as if it had pulled its openers."""
    for k in range(strategy.lo, strategy.hi):
        context = contexts[k]
        context.ask_ns = BIG
        context.intents.n = 0
        context.intents.sleep = 0
        context.said = Verdict.PULL
