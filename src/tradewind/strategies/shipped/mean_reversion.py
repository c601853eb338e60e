"""Buy what has fallen far below its average and sell it back at the average; the mirror of it short.

Shows limit entries that follow the market without churning: an order moves only when the wanted price has
moved by more than its tolerance. A stop, fixed when the trade began, ends what does not return.
"""

from typing import Annotated

from tradewind.signals import Bollinger, bollinger
from tradewind.strategies import (
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
    order_tick,
    record,
    rest,
    stop,
    take_profit,
)

SIGNALS = ("lower", "middle", "upper")
TAGS = ("entry", "mean", "stop")
KIND = "limit"


class Params:
    """A band, a stop and a size."""

    period = Whole(96, 5, 1000, "bars of the average")
    entry_width = Number(2.0, 0.5, 10.0, "distance of the entry from the average, in deviations")
    stop_width = Number(3.0, 0.5, 20.0, "distance of the stop from the entry, in deviations")
    requote_width = Number(
        0.1, 0.0, 5.0, "move of the wanted price that an order does not follow, in deviations"
    )
    size_pct = Number(10.0, 0.1, 100.0, "worth of the position, percent of equity")
    shorts = Flag(False, "sell short above the average")


class Memory:
    """The bands, and the terms of the trade to come on each side."""

    bars: int
    bands: Annotated[Bollinger, 1000]
    stop_tick: Annotated[Rows[int], 2]
    entry_lot: Annotated[Rows[int], 2]


def warmup(params: Params) -> int:
    """Return the bars of the average."""
    return params.period


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want an entry at the band on each side that holds nothing, the exit and the stop on one that does."""
    bands = memory.bands
    if memory.bars != view.bars:
        memory.bars = view.bars
        bollinger(bands, view.close, params.period, params.entry_width)
    record(intents, 0, bands.lower * view.tick)
    record(intents, 1, bands.middle * view.tick)
    record(intents, 2, bands.upper * view.tick)
    spread = (bands.upper - bands.middle) / params.entry_width
    if not spread > 0.0:
        spread = 0.0
    still_tick = int(spread * params.requote_width)
    for side in range(1 + params.shorts):
        way = -1 if side == SHORT else 1
        holding = working.holding[side]
        edge = bands.upper if side == SHORT else bands.lower
        if holding.pos_lot == 0 and spread > 0.0 and edge >= 1.0:
            memory.entry_lot[side] = lots_for(view, account, params.size_pct)
            memory.stop_tick[side] = order_tick(view, max(edge - way * spread * params.stop_width, 1.0), -way)
            entry = rest(intents, side, side, order_tick(view, edge, way), memory.entry_lot[side], tag=1)
            entry.epoch = holding.trips
            entry.tolerance_tick = still_tick
        if holding.pos_lot > 0 and spread > 0.0:
            leave = take_profit(intents, 2 + side, side, order_tick(view, bands.middle, -way), tag=2)
            leave.tolerance_tick = still_tick
        if holding.pos_lot > 0 and memory.stop_tick[side] > 0:
            stop(intents, 4 + side, side, memory.stop_tick[side], tag=3)
    return SET
