"""Enter below the market, add at each step against the position, and take profit on the whole at its average price.

Shows resting orders: the slot is the level and the epoch the trade's number, so a level that has filled does
not come back until the next trade. While a position is held nothing but its own fills can change what is
wanted, so the strategy sleeps.
"""

from typing import Annotated

from tradewind.strategies import (
    LONG,
    NEVER,
    SET,
    SHORT,
    Account,
    Choice,
    Intents,
    Number,
    Rows,
    View,
    Whole,
    Working,
    average_tick,
    lots_for,
    order_tick,
    pow_,
    rest,
    sleep_until,
    take_profit,
)

TAGS = ("entry", "re-entry", "profit")
KIND = "limit"
PROFIT_SLOT = 59


class Params:
    """A ladder: distance, profit, size and depth."""

    side = Choice("long", ("long", "short"), "which way the ladder trades")
    step_pct = Number(0.5, 0.05, 20.0, "distance of an entry from the one before, percent of price")
    profit_pct = Number(0.5, 0.05, 50.0, "distance of the exit from the average entry, percent of price")
    re_entries = Whole(10, 0, 50, "entries after the first")
    size_pct = Number(2.0, 0.01, 100.0, "worth of the first entry, percent of equity")
    size_growth = Number(1.0, 0.5, 3.0, "size of an entry over the one before")
    requote_pct = Number(
        0.0, 0.0, 5.0, "move of the market that the first entry does not follow, percent of price"
    )


class Memory:
    """The price of each level of the trade in progress."""

    levels: int
    first_lot: int
    tick: Annotated[Rows[int], 64]


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want the next entry and, once in position, the exit."""
    side = SHORT if params.side else LONG
    way = -1 if params.side else 1
    step = params.step_pct / 100.0
    holding = working.holding[side]
    if holding.pos_lot == 0:
        memory.levels = 0
        memory.first_lot = lots_for(view, account, params.size_pct)
        memory.tick[0] = order_tick(view, view.close * (1.0 - way * step), way)
        entry = rest(intents, 0, side, memory.tick[0], memory.first_lot, tag=1)
        entry.epoch = holding.trips
        entry.tolerance_tick = int(view.close * params.requote_pct / 100.0)
        return SET
    while memory.levels < min(holding.entries, params.re_entries):
        memory.levels += 1
        memory.tick[memory.levels] = order_tick(view, holding.last_tick * (1.0 - way * step), way)
    for level in range(memory.levels + 1):
        qty_lot = round_size(view, memory.first_lot * pow_(params.size_growth, level))
        entry = rest(intents, level, side, memory.tick[level], qty_lot, tag=2 if level else 1)
        entry.epoch = holding.trips
    average = average_tick(view, holding)
    take_profit(
        intents,
        PROFIT_SLOT,
        side,
        order_tick(view, average * (1.0 + way * params.profit_pct / 100.0), -way),
        tag=3,
    )
    sleep_until(intents, NEVER)
    return SET


def round_size(view: View, lots: float) -> int:
    """Return a size in whole exchange lots."""
    step = max(view.lot_step, 1)
    return int(lots / step) * step
