"""Be long while the fast average is above the slow one, short (if allowed) while it is below.

Shows the smallest whole strategy: fold each bar into memory once, say which position is wanted, and let the
core get there. The size is fixed when the averages cross, so that a moving price does not trade by itself.
"""

from tradewind.signals import ema
from tradewind.strategies import (
    SET,
    Account,
    Flag,
    Intents,
    Number,
    View,
    Whole,
    Working,
    lots_for,
    record,
    target_net,
)

SIGNALS = ("fast", "slow")
TAGS = ("cross",)


class Params:
    """Two averages and a size."""

    fast_period = Whole(20, 2, 500, "bars of the fast average")
    slow_period = Whole(100, 5, 2000, "bars of the slow average")
    size_pct = Number(10.0, 0.1, 100.0, "worth of the position at the cross, percent of equity")
    shorts = Flag(False, "sell short while the fast average is below")


class Memory:
    """The averages, the side they stand on, and the position wanted since the last cross."""

    bars: int
    fast: float
    slow: float
    side: int
    wanted_lot: int


def warmup(params: Params) -> int:
    """Return four times the bars of the slower average: 0.03 % of its first value is left by then."""
    return 4 * max(params.fast_period, params.slow_period)


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a position on the side of the cross."""
    if memory.bars != view.bars:
        memory.bars = view.bars
        price = view.close * view.tick
        memory.fast = ema(memory.fast, price, params.fast_period, view.bars)
        memory.slow = ema(memory.slow, price, params.slow_period, view.bars)
        gap = memory.fast - memory.slow
        side = 1 if gap > 0.0 else -params.shorts if gap < 0.0 else 0
        if side != memory.side:
            memory.side = side
            memory.wanted_lot = side * lots_for(view, account, params.size_pct)
    record(intents, 0, memory.fast)
    record(intents, 1, memory.slow)
    target_net(intents, memory.wanted_lot, tag=1)
    return SET
