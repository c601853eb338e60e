"""Collect funding: hold the coin and short its perpetual for as long as the longs pay enough.

Shows funding as a fact and two legs as one position. Spot and perpetual of a coin are a pair when they are in
the same leg group; the group's limits (unhedged worth and time) are the risk gate's, not this file's. The
price of the coin drops out: both legs have the same quantity.
"""

from typing import Annotated

from tradewind.signals import ema
from tradewind.strategies import (
    HOLD,
    LONG,
    SET,
    SHORT,
    SPOT,
    Account,
    Context,
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
    target,
)

NEEDS = ("funding",)
SIGNALS = ("funding_pct",)
TAGS = ("carry",)
MOST = 256
SETTLEMENTS_A_DAY = 3.0


class Params:
    """When the carry is worth holding, and how much of it."""

    settlements = Whole(9, 1, 300, "settlements that the average rate forgets over")
    enter_pct = Number(10.0, 0.0, 500.0, "average rate a year from which the pair is held, percent")
    leave_pct = Number(
        2.0, -100.0, 500.0, "average rate a year below which it is closed, percent, at most enter_pct"
    )
    size_pct = Number(40.0, 1.0, 100.0, "worth of each leg, percent of equity, shared by all pairs")


class Memory:
    """The average funding rate of the instrument, per settlement."""

    settled_ns: int
    count: int
    rate: float


class PlanMemory:
    """How many pairs there are, which are held, and the lots of their legs."""

    pairs: int
    held: Annotated[Rows[int], 256]
    wanted_lot: Annotated[Rows[int], 256]


def warmup(params: Params) -> int:
    """Return no bars: the average begins with the first settlement, and nothing is held before it is high enough."""
    return 0


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Average the funding rate; what is wanted is the plan's to say."""
    if view.funding_ns > memory.settled_ns:
        memory.settled_ns = view.funding_ns
        memory.count += 1
        memory.rate = ema(memory.rate, view.funding_rate, params.settlements, memory.count)
    record(intents, 0, yearly_pct(memory.rate))
    return HOLD


def yearly_pct(rate: float) -> float:
    """Return a rate per settlement as percent a year."""
    return rate * SETTLEMENTS_A_DAY * 365.0 * 100.0


def plan(account: Account, instruments: Rows[View], contexts: Rows[Context], strategy: Strategy) -> int:
    """Hold or close each pair as a whole."""
    memory = PlanMemory(strategy.memory)
    memory.pairs = 0
    for k in range(min(len(contexts), MOST)):
        if partner(instruments, contexts, k) >= 0:
            memory.pairs += 1
    for k in range(min(len(contexts), MOST)):
        other = partner(instruments, contexts, k)
        if other >= 0:
            choose(account, instruments, contexts, strategy, k, other)
    return SET


def choose(
    account: Account,
    instruments: Rows[View],
    contexts: Rows[Context],
    strategy: Strategy,
    spot: int,
    perpetual: int,
) -> None:
    """Say what both legs of one pair should be."""
    params = Params(strategy.params)
    memory = PlanMemory(strategy.memory)
    rate = yearly_pct(Memory(contexts[perpetual].memory).rate)
    long_view = instruments[contexts[spot].instrument]
    short_view = instruments[contexts[perpetual].instrument]
    closed = long_view.closed + short_view.closed
    if memory.held[spot] == 0 and rate >= params.enter_pct and closed == 0:
        memory.held[spot] = 1
        money = account.equity * params.size_pct / 100.0 / memory.pairs
        memory.wanted_lot[perpetual] = lots_worth(short_view, money)
        memory.wanted_lot[spot] = same_quantity(long_view, short_view, memory.wanted_lot[perpetual])
    elif memory.held[spot] and (rate < min(params.leave_pct, params.enter_pct) or closed):
        memory.held[spot] = 0
        memory.wanted_lot[spot] = 0
        memory.wanted_lot[perpetual] = 0
    say(contexts[spot], LONG, memory.wanted_lot[spot])
    say(contexts[perpetual], SHORT, memory.wanted_lot[perpetual])


def say(context: Context, position_side: int, wanted_lot: int) -> None:
    """State one leg's target."""
    wants = edit(context)
    wants.n = 0
    target(wants, position_side, wanted_lot, tag=1)


def same_quantity(view: View, other: View, lots: int) -> int:
    """Return the lots of one instrument that hold as much of the coin as `lots` of the other."""
    step = max(view.lot_step, 1)
    return int(lots * other.lot / view.lot / step + 0.5) * step


def partner(instruments: Rows[View], contexts: Rows[Context], spot: int) -> int:
    """Return the perpetual in the leg group of a spot instrument, -1 if this is not spot or has none."""
    group = contexts[spot].leg_group
    if group == 0 or instruments[contexts[spot].instrument].payoff != SPOT:
        return -1
    for k in range(min(len(contexts), MOST)):
        same = contexts[k].leg_group == group
        if same and instruments[contexts[k].instrument].payoff != SPOT:
            return k
    return -1
