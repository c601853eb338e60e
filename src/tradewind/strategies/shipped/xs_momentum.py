"""Hold what has risen most of a universe, and short (if allowed) what has risen least.

Shows the account-wide stage: `decide` only scores its own instrument, `plan` sees all of them, ranks them now
and then, and states a target for each. An instrument that is not listed, or not yet long enough, is not
ranked.
"""

from typing import Annotated

from tradewind.strategies import (
    HOLD,
    HOUR_NS,
    SET,
    Account,
    Context,
    Flag,
    Intents,
    Number,
    Rows,
    Strategy,
    View,
    Whole,
    Working,
    edit,
    lots_worth,
    record,
    target_net,
)

SIGNALS = ("momentum",)
TAGS = ("rank",)
MOST = 256


class Params:
    """A look back, a rhythm and a book."""

    lookback = Whole(168, 2, 2000, "bars over which the rise is measured")
    every_hours = Whole(24, 1, 720, "hours between two rankings")
    holdings = Whole(3, 1, 100, "instruments held on a side")
    gross_pct = Number(90.0, 1.0, 300.0, "worth of all positions together at a ranking, percent of equity")
    band_pct = Number(10.0, 0.0, 100.0, "change of a position that is not worth a trade, percent of it")
    shorts = Flag(False, "short the weakest as well")


class Memory:
    """The closes of the last `lookback` bars, and what they say."""

    bars: int
    next: int
    score: float
    close: Annotated[Rows[float], 2000]


class PlanMemory:
    """What each instrument should hold since the last ranking."""

    turn: int
    wanted_lot: Annotated[Rows[int], 256]
    rank: Annotated[Rows[int], 256]


def warmup(params: Params) -> int:
    """Return the bars of the look back, and one to compare with."""
    return params.lookback + 1


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Score the instrument; what is wanted is the plan's to say."""
    if memory.bars != view.bars:
        memory.bars = view.bars
        before = memory.close[memory.next]
        memory.score = view.close / before - 1.0 if before > 0.0 else 0.0
        memory.close[memory.next] = view.close
        memory.next = memory.next + 1 if memory.next + 1 < params.lookback else 0
    record(intents, 0, memory.score)
    return HOLD


def plan(account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy) -> int:
    """Rank at the end of each period, and state the same targets until the next."""
    params = Params(strategy.params)
    memory = PlanMemory(strategy.memory)
    period_ns = params.every_hours * HOUR_NS
    turn = account.ts_ns // period_ns
    if memory.turn != turn:
        memory.turn = turn
        choose(account, instruments, contexts, strategy)
    for k in range(min(len(contexts), MOST)):
        wants = edit(contexts[k])
        wants.n = 0
        target_net(wants, memory.wanted_lot[k], tag=1)
    strategy.sleep = 1
    strategy.wake_ns = (turn + 1) * period_ns
    return SET


def choose(account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy) -> None:
    """Set the lots wanted of each instrument from its rank."""
    params = Params(strategy.params)
    memory = PlanMemory(strategy.memory)
    count = min(len(contexts), MOST)
    ranked = 0
    for k in range(count):
        memory.rank[k] = 0
        ranked += is_ranked(instruments[contexts[k].instrument], contexts[k], params.lookback)
    sides = 1 + params.shorts
    chosen = min(params.holdings, ranked // sides)
    for place in range(chosen * sides):
        way = 1 if place < chosen else -1
        best = best_left(instruments, contexts, strategy, way)
        if best >= 0:
            memory.rank[best] = way
    money = account.equity * params.gross_pct / 100.0 / max(chosen * sides, 1)
    for k in range(count):
        view = instruments[contexts[k].instrument]
        wanted_lot = memory.rank[k] * lots_worth(view, money)
        change_lot = abs(wanted_lot - memory.wanted_lot[k])
        if wanted_lot == 0 or change_lot * 100.0 > params.band_pct * abs(wanted_lot):
            memory.wanted_lot[k] = wanted_lot


def best_left(instruments: Rows[View], contexts: Rows[Context], strategy: Strategy, way: int) -> int:
    """Return the strongest (way 1) or weakest (way -1) instrument that has no rank yet, -1 if there is none."""
    params = Params(strategy.params)
    memory = PlanMemory(strategy.memory)
    best = -1
    best_score = 0.0
    for k in range(min(len(contexts), MOST)):
        score = way * Memory(contexts[k].memory).score
        free = memory.rank[k] == 0
        ranked = is_ranked(instruments[contexts[k].instrument], contexts[k], params.lookback)
        if free and ranked and (best < 0 or score > best_score):
            best = k
            best_score = score
    return best


def is_ranked(view: View, context: Context, lookback: int) -> int:
    """Return 1 for an instrument that trades and has been seen long enough, else 0."""
    return 1 if view.closed == 0 and Memory(context.memory).bars > lookback else 0
