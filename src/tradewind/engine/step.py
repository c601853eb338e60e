"""One fact in, requests out: what paper and live trading call.

The backtest's driver is compared with it bit for bit.
"""

from tradewind.engine.account_facts import apply_account_fact, apply_taken
from tradewind.engine.attempts import apply_attempt
from tradewind.engine.breakers import note_outcomes
from tradewind.engine.contract import CODES, Codes
from tradewind.engine.control_facts import apply_control_fact
from tradewind.engine.halts import note_halts
from tradewind.engine.market_facts import apply_market_fact
from tradewind.engine.orders import apply_fee, apply_order_fact
from tradewind.engine.wake import wake
from tradewind.units.enums import FactKind
from tradewind.units.jit import array_of, kernel, signature
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["STATE", "apply_fact", "next_wake_ns", "step"]

STATE = (
    array_of(Core),
    array_of(Account),
    array_of(View),
    array_of(Context),
    array_of(Strategy),
    array_of(Mailbox),
)
"""The arrays that are a world, in the order in which every driver takes them."""


@kernel
def apply_fact(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    fact: Fact,
) -> None:
    """Apply any fact but WAKE: state changes, nothing is decided."""
    kind = fact.kind
    if kind < FactKind.TIMER or FactKind.STREAM <= kind <= FactKind.LISTED:
        apply_market_fact(views[fact.instrument], fact)
        if kind == FactKind.VENUE_STATUS:
            note_halts(core, accounts, views)
    elif kind < FactKind.FEE:
        context = contexts[(fact.cid >> 8) & 0xFFF]
        apply_order_fact(core, accounts[context.wallet], views[context.instrument], context, box, fact)
        note_outcomes(core, accounts, views, context, strategies[context.strategy])
    elif kind == FactKind.FEE:
        apply_fee(core, accounts[fact.wallet], views[fact.instrument], box, fact)
    elif kind == FactKind.ACCOUNT_LIQUIDATED or kind == FactKind.ADL or kind == FactKind.DELISTED:
        if kind == FactKind.DELISTED:
            apply_market_fact(views[fact.instrument], fact)
        apply_taken(core, accounts[fact.wallet], views[fact.instrument], contexts, box, fact)
        for k in range(len(contexts)):
            note_outcomes(core, accounts, views, contexts[k], strategies[contexts[k].strategy])
        note_halts(core, accounts, views)
    elif kind == FactKind.ATTEMPT:
        apply_attempt(core, accounts[fact.wallet], fact)
    elif kind < FactKind.SETTING:
        apply_account_fact(core, accounts[fact.wallet], views[fact.instrument], box, fact)
    else:
        apply_control_fact(core, accounts, views, contexts, strategies, fact)


@kernel(sig=signature(CODES, *STATE, array_of(Fact), "i8"))
def step(
    codes: Codes,
    cores: Rows[Core],
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    boxes: Rows[Mailbox],
    facts: Rows[Fact],
    at: int,
) -> int:
    """Apply the fact in row `at`; return how many requests wait in the mailbox."""
    core = cores[0]
    box = boxes[0]
    fact = facts[at]
    box.requests = 0
    core.now_ns = max(core.now_ns, fact.recv_ts_ns)
    if fact.kind == FactKind.WAKE:
        wake(codes, core, accounts, views, contexts, strategies, box, fact.code)
    elif fact.kind != FactKind.TIMER:
        apply_fact(core, accounts, views, contexts, strategies, box, fact)
    return box.requests


@kernel
def next_wake_ns(contexts: Rows[Context], strategies: Rows[Strategy]) -> int:
    """Return the earliest time at which a sleeper asked to be woken; 0 if none sleeps.

    The sequencer sees to it that some WAKE comes at or after it.
    """
    earliest = 0
    for k in range(len(contexts)):
        intents = contexts[k].intents
        if intents.sleep and (earliest == 0 or intents.wake_ns < earliest):
            earliest = intents.wake_ns
    for g in range(len(strategies)):
        strategy = strategies[g]
        if strategy.sleep and (earliest == 0 or strategy.wake_ns < earliest):
            earliest = strategy.wake_ns
    return earliest
