"""The end of a batch: mark, let everyone think with the same knowledge, then act.

Thinking makes no request, so no strategy sees another's reserve; acting asks. After an answered cancel the
strategies concerned think again in the same batch, with the same clock.
"""

from tradewind.engine.accounting import mark_context
from tradewind.engine.breakers import check_breakers
from tradewind.engine.contract import Codes, call_decide, call_plan
from tradewind.engine.diff import (
    CORE_SLOTS,
    STOP_GIVES_WAY,
    WAITS,
    bring_about,
    is_met,
    is_strained,
    protect,
    pull,
    react,
    trim,
)
from tradewind.engine.exits import guard, note_cover, watch_exits, zero_target
from tradewind.engine.exposure import sum_exposure, watch_exposure
from tradewind.engine.halts import hold_strategy, release_strategy, sets_on
from tradewind.engine.market_facts import swap_wide
from tradewind.engine.masks import pick, place
from tradewind.units.enums import EXIT_BITS, Halt, Payoff, Rule, Verdict, WakeCode
from tradewind.units.jit import SLOTS, kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Mailbox

__all__ = ["act", "act_between", "decide_again", "forget_sleep", "mark", "think", "wake"]

_SET = Verdict.SET
_HOLD = Verdict.HOLD
_PULL = Verdict.PULL
_SPOT = Payoff.SPOT
_LOCK = Halt.LOCK
_RAISED = Rule.RAISED
_HUNG = Rule.HUNG


@kernel(hot=True)
def mark(core: Core, accounts: Rows[Account], views: Rows[View], contexts: Rows[Context]) -> None:
    """Value every holding at its instrument's last close: each wallet's equity, and the breakers that watch it."""
    for w in range(len(accounts)):
        account = accounts[place(w)]
        unrealised = 0
        margined = 0
        for k in range(len(contexts)):
            context = contexts[place(k)]
            if len(accounts) == 1 or context.wallet == w:
                view = views[pick(context.instrument, len(views))]
                value = mark_context(view, context.working)
                unrealised += value
                if view.payoff != _SPOT:
                    margined += value
        account.ts_ns = core.now_ns
        account.unrealised = unrealised
        account.margined = margined
        account.equity = account.balance + unrealised
        check_breakers(core, accounts, views, account)


@kernel(hot=True)
def think(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategy: Strategy,
    again: bool,
) -> bool:
    """Let all contexts of one strategy say what they want, then its plan may edit it. No request is made in here.

    `again`: after an answered cancel only the contexts concerned decide. Returns whether there is anything to act
    on that does not already work; halts and breaches are not looked at.
    """
    if core.wide:
        swap_wide(views)
        core.swapped = 1
    news = False
    wants = False
    for k in range(strategy.lo, strategy.hi):
        context = contexts[pick(k, len(contexts))]
        view = views[pick(context.instrument, len(views))]
        context.asleep = 1 if _is_asleep(core, context, again) else 0
        if strategy.has_plan and context.spoke:
            news = True
            context.spoke = 0
        context.dirty = 0
        ready = context.asleep == 0 and view.bars > 0
        core.deciding_context = k + 1
        if ready and _decide(
            codes, core, accounts[pick(context.wallet, len(accounts))], view, context, strategy
        ):
            news = True
            context.wanting = 1 if _is_wanting(context) else 0
            if context.wanting:
                wants = True
    if strategy.has_plan:
        strategy.ran = 0
        due = news or strategy.sleep == 0 or core.now_ns >= strategy.wake_ns
        if due and strategy.held != _RAISED and strategy.held != _HUNG:
            _plan(codes, core, accounts, views, contexts, strategy)
        wants = strategy.ran != 0
    if core.wide:
        swap_wide(views)
        core.swapped = 0
    return wants


@kernel(hot=True)
def _is_wanting(context: Context) -> bool:
    """Tell whether what a context said differs from what works."""
    if context.said == _SET:
        return not is_met(context.working, context.intents)
    return context.working.live_count != 0


@kernel(hot=True)
def _is_asleep(core: Core, context: Context, again: bool) -> bool:
    """Tell whether a context need not decide now: not concerned, asleep, or known to have nothing to say yet."""
    if again and context.dirty == 0:
        return True
    if context.intents.sleep and core.now_ns < context.intents.wake_ns:
        return True
    return core.now_ns < context.ask_ns


@kernel(hot=True)
def _decide(
    codes: Codes, core: Core, account: Account, view: View, context: Context, strategy: Strategy
) -> bool:
    """Ask one context what it wants; return False if it wants no change.

    HOLD lets a set stand in which something that closes at once still waits for its lots.
    """
    intents = context.intents
    stated = intents.n
    intents.n = 0
    intents.sleep = 0
    verdict = call_decide(
        codes[pick(strategy.fn, len(codes)), 0],
        view,
        account,
        context.working,
        context.params,
        context.memory,
        intents,
    )
    if verdict == _HOLD and intents.n == 0:
        intents.n = stated
        if strategy.has_plan == 0:
            if context.wanting == WAITS:
                return True
            context.said = verdict
        return False
    if verdict == _PULL:
        intents.n = 0
    elif verdict != _SET or intents.n < 0 or intents.n > SLOTS:
        verdict = _PULL
        intents.n = 0
        _note_nonsense(core, strategy)
    context.said = verdict
    return True


@kernel
def _note_nonsense(core: Core, strategy: Strategy) -> None:
    """Count an answer that means nothing; so many hold the strategy."""
    strategy.bad += 1
    limit = max(1, strategy.bad_limit)
    if strategy.bad >= limit:
        hold_strategy(core, strategy, Rule.BAD_OUTPUT, float(limit), float(strategy.bad))


@kernel
def _plan(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategy: Strategy,
) -> None:
    """Let a strategy's plan edit what its contexts want."""
    core.deciding_context = 0
    for k in range(strategy.lo, strategy.hi):
        contexts[k].edited = 0
    strategy.sleep = 0
    strategy.ran = 1
    strategy.calls += 1
    first = contexts[strategy.lo]
    verdict = call_plan(
        codes[strategy.fn, 1], accounts[first.wallet], views, contexts[strategy.lo : strategy.hi], strategy
    )
    if verdict != _SET and verdict != _HOLD and verdict != _PULL:
        verdict = _PULL
        _note_nonsense(core, strategy)
    strategy.verdict = verdict


@kernel
def act(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    box: Mailbox,
    strategy: Strategy,
) -> None:
    """Gate and diff of one strategy: requests."""
    if core.exposure_limits and core.summed_ns != core.now_ns:
        sum_exposure(core, accounts, views)
    if strategy.held and strategy.until_ns and core.now_ns >= strategy.until_ns:
        release_strategy(contexts, strategy)
    if strategy.hi - strategy.lo < len(contexts):
        note_cover(views, contexts, strategy)
    if strategy.has_plan:
        _act_planned(core, accounts, views, contexts, box, strategy)
    else:
        for k in range(strategy.lo, strategy.hi):
            if not _act_on(core, accounts, views, contexts[k], box, strategy):
                _note_nonsense(core, strategy)


@kernel
def act_between(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
) -> None:
    """Do what waits for no decision: exits, protectors, and cancels of openers that a halt forbids."""
    for g in range(len(strategies)):
        note_cover(views, contexts, strategies[g])
    for k in range(len(contexts)):
        context = contexts[k]
        account, view = accounts[context.wallet], views[context.instrument]
        strategy = strategies[context.strategy]
        taken = _takes_over(core, account, view, context, box, strategy, False)
        if not taken and context.guarded and (strategy.has_plan == 0 or strategy.verdict == _SET):
            protect(core, account, view, context, box, context.planned if context.edited else context.intents)
        if not taken and is_strained(core, context):
            trim(core, account, view, context, box)


@kernel
def _takes_over(
    core: Core,
    account: Account,
    view: View,
    context: Context,
    box: Mailbox,
    strategy: Strategy,
    decides: bool,
) -> bool:
    """Act in the strategy's stead: flatten, keep only what protects, or nothing at all; see to the core's own orders.

    `decides`: what the strategy wants is brought about next. Returns whether it has no say in this context now.
    """
    sets = sets_on(core, account, view)
    if sets & _LOCK:
        return True
    if sets & EXIT_BITS or strategy.leaving:
        _flatten(core, account, view, context, box)
        return True
    if context.guarded:
        guard(core, account, view, context, strategy, box, decides)
    if strategy.held:
        if view.closed:
            _flatten(core, account, view, context, box)
        else:
            pull(core, account, view, context, box)
    return strategy.held != 0


@kernel
def _act_on(
    core: Core, accounts: Rows[Account], views: Rows[View], context: Context, box: Mailbox, strategy: Strategy
) -> bool:
    """Bring about what one context said last; False if that is nonsense."""
    account = accounts[context.wallet]
    view = views[context.instrument]
    own = core.halts | strategy.held | context.guarded
    if own and _takes_over(core, account, view, context, box, strategy, True):
        return True
    strained = is_strained(core, context)
    if context.asleep and not strained:
        return True
    if view.closed:
        _flatten(core, account, view, context, box)
    elif context.said == _SET:
        if context.wanting or strained:
            sound = bring_about(core, account, view, context, box, context.intents, SLOTS - CORE_SLOTS, False)
            _guard_what_is_left(core, account, view, context, strategy, box)
            return sound
    elif context.said == _PULL:
        pull(core, account, view, context, box)
    else:
        if context.guarded:
            protect(core, account, view, context, box, context.intents)
        if strained:
            trim(core, account, view, context, box)
    return True


@kernel
def _act_planned(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    box: Mailbox,
    strategy: Strategy,
) -> None:
    """Act on a plan: its edits stand where it made any, else what `decide` last stated."""
    idle = strategy.ran == 0 or strategy.verdict == _HOLD
    for k in range(strategy.lo, strategy.hi):
        context = contexts[k]
        view = views[context.instrument]
        account = accounts[context.wallet]
        own = core.halts | strategy.held | context.guarded
        if own and _takes_over(core, account, view, context, box, strategy, True):
            continue
        if idle and not is_strained(core, context):
            continue
        if view.closed:
            _flatten(core, account, view, context, box)
        elif idle:
            trim(core, account, view, context, box)
        else:
            if not _act_on_plan(core, account, view, context, box, strategy):
                _note_nonsense(core, strategy)
            _guard_what_is_left(core, account, view, context, strategy, box)


@kernel
def _guard_what_is_left(
    core: Core, account: Account, view: View, context: Context, strategy: Strategy, box: Mailbox
) -> None:
    """Where the core's stop gave way: once what closes at once is on its way, let it rest for the other lots."""
    long, short = context.working.holding[0], context.working.holding[1]
    if context.guarded and (long.yields | short.yields) & STOP_GIVES_WAY:
        guard(core, account, view, context, strategy, box, True)


@kernel
def _act_on_plan(
    core: Core, account: Account, view: View, context: Context, box: Mailbox, strategy: Strategy
) -> bool:
    """Bring about what a plan made of one context's wants; False if that is nonsense.

    Where `decide` pulled, what the plan adds is wanted beside the closers and stops that work, which stay.
    """
    if strategy.verdict == _PULL or (context.said == _PULL and context.edited == 0):
        pull(core, account, view, context, box)
        return True
    intents = context.planned if context.edited else context.intents
    if not 0 <= intents.n <= SLOTS:
        return False
    if context.said == _PULL:
        return bring_about(core, account, view, context, box, intents, SLOTS - CORE_SLOTS, True)
    return react(core, account, view, context, box, intents)


@kernel
def _flatten(core: Core, account: Account, view: View, context: Context, box: Mailbox) -> None:
    """Want nothing: a target of zero per side, in the two slots that belong to the core; all else is cancelled."""
    planned = context.planned
    planned.n = 0
    for side in range(2):
        order = context.working.order[SLOTS - CORE_SLOTS + side]
        if context.working.holding[side].pos_lot or order.state:
            intent = planned.row[planned.n]
            planned.n += 1
            zero_target(intent, side)
    bring_about(core, account, view, context, box, planned, SLOTS, False)


@kernel
def forget_sleep(contexts: Rows[Context], strategies: Rows[Strategy]) -> None:
    """After a decision on history nobody sleeps: what was wanted then was thrown away."""
    for k in range(len(contexts)):
        contexts[k].intents.sleep = 0
    for g in range(len(strategies)):
        strategies[g].sleep = 0


@kernel
def wake(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
    code: int,
) -> None:
    """End a batch outside the backtest's driver: same leaves, one fact.

    A strategy that raises leaves the batch open, with its number in `core.deciding`; nothing has been asked for yet.
    Told that it is held, the same WAKE again goes on behind it: nobody thinks twice.
    """
    if core.batch != code + 1:
        _begin_batch(core, accounts, views, contexts, strategies, code)
    if core.swapped:
        swap_wide(views)
        core.swapped = 0
    if code == WakeCode.MARK:
        if core.halts | core.breached | core.watches:
            act_between(core, accounts, views, contexts, strategies, box)
    elif code == WakeCode.AGAIN:
        decide_again(codes, core, accounts, views, contexts, strategies, box)
    else:
        while core.thought < len(strategies):
            core.deciding = core.thought + 1
            think(codes, core, accounts, views, contexts, strategies[core.thought], False)
            core.thought += 1
        if code == WakeCode.WARM:
            forget_sleep(contexts, strategies)
        else:
            for g in range(len(strategies)):
                act(core, accounts, views, contexts, box, strategies[g])
    core.batch = core.thought = core.deciding = core.deciding_context = 0


@kernel
def _begin_batch(
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    code: int,
) -> None:
    """Value everything and watch breakers, exposure and exits; who decides again does so on the same values."""
    core.batch = code + 1
    core.thought = 0
    if code == WakeCode.AGAIN:
        return
    mark(core, accounts, views, contexts)
    watch_exposure(core, accounts, views, contexts)
    if core.watches:
        watch_exits(core, accounts, views, contexts, strategies)
    if code != WakeCode.MARK:
        core.seq += 1


@kernel
def decide_again(
    codes: Codes,
    core: Core,
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    box: Mailbox,
) -> None:
    """Let the strategies whose cancels were answered decide once more, in the same batch."""
    while core.thought < len(strategies):
        strategy = strategies[core.thought]
        for k in range(strategy.lo, strategy.hi):
            strategy.again = strategy.again | contexts[k].dirty
        if strategy.again:
            core.deciding = core.thought + 1
            think(codes, core, accounts, views, contexts, strategy, True)
        core.thought += 1
    core.thought = core.deciding = core.deciding_context = 0
    for g in range(len(strategies)):
        strategy = strategies[g]
        if strategy.again:
            strategy.again = 0
            act(core, accounts, views, contexts, box, strategy)
