"""Follow a break out of the price channel, and leave when the price falls back by a multiple of its range.

Shows stops: an entry that waits at the edge of the channel, and a trailing stop that the venue moves by
itself where it can. The distance of the trail is fixed while nothing is held, because a stop whose terms
change is another stop and forgets how far the price had come.
"""

from typing import Annotated

from tradewind.signals import Atr, Donchian, atr, donchian
from tradewind.strategies import (
    LONG,
    SET,
    SHORT,
    Account,
    Flag,
    Intents,
    Number,
    Rows,
    View,
    Whole,
    Working,
    lots_for,
    record,
    stop,
    trail,
)

SIGNALS = ("upper", "lower", "atr")
TAGS = ("breakout", "trail")


class Params:
    """A channel, a trail and a size."""

    channel_period = Whole(55, 2, 1000, "bars of the channel")
    atr_period = Whole(20, 2, 500, "bars of the average true range")
    trail_atr = Number(3.0, 0.5, 20.0, "distance of the trailing stop, in average true ranges")
    size_pct = Number(10.0, 0.1, 100.0, "worth of the position, percent of equity")
    shorts = Flag(False, "sell short below the channel")


class Memory:
    """The channel, the range, and the terms of the trade to come on each side."""

    bars: int
    channel: Annotated[Donchian, 1000]
    range: Atr
    trail_tick: Annotated[Rows[int], 2]
    entry_lot: Annotated[Rows[int], 2]


def warmup(params: Params) -> int:
    """Return the longer of the two periods."""
    return max(params.channel_period, params.atr_period + 1)


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want an entry at each edge while nothing is held, then the trailing stop alone."""
    if memory.bars != view.bars:
        memory.bars = view.bars
        donchian(memory.channel, view.high, view.low, params.channel_period)
        atr(memory.range, view.high, view.low, view.close, params.atr_period)
    record(intents, 0, memory.channel.upper * view.tick)
    record(intents, 1, memory.channel.lower * view.tick)
    record(intents, 2, memory.range.value * view.tick)
    known = memory.channel.upper > 0.0 and memory.range.value > 0.0
    held = working.holding[LONG].pos_lot + working.holding[SHORT].pos_lot
    for side in range(1 + params.shorts):
        holding = working.holding[side]
        if holding.pos_lot == 0 and known:
            memory.trail_tick[side] = max(int(memory.range.value * params.trail_atr), 1)
            memory.entry_lot[side] = lots_for(view, account, params.size_pct)
        if holding.pos_lot > 0:
            trail(intents, 2 + side, side, memory.trail_tick[side], tag=2)
        elif held == 0 and known:
            edge = int(memory.channel.upper) + 1 if side == LONG else int(memory.channel.lower) - 1
            entry = stop(intents, side, side, max(edge, 1), tag=1)
            entry.reduce = 0
            entry.qty_lot = memory.entry_lot[side]
            entry.epoch = holding.trips
    return SET
