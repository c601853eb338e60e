"""Enter below the market, re-enter below each fill, take profit on the whole at its average price."""

from tradewind.strategies import (
    LONG,
    NEVER,
    SET,
    Number,
    Whole,
    average_tick,
    order_tick,
    rest,
    sleep_until,
    take_profit,
)


class Params:
    step = Number(0.005, 0.0001, 0.5)
    profit = Number(0.005, 0.0001, 0.5)
    re_entries = Whole(10, 0, 50)
    quantity = Number(1.0, 0.0, 1e6)
    sleeps = Whole(0, 0, 1)


def decide(view, account, working, params, memory, intents):
    holding = working.holding[LONG]
    lots = int(params.quantity / view.lot + 0.5)
    if holding.pos_lot == 0:
        entry = rest(intents, 0, LONG, order_tick(view, view.close * (1.0 - params.step), 1), lots)
        entry.epoch = holding.trips * 64
        return SET
    if holding.entries <= params.re_entries:
        entry = rest(intents, 0, LONG, order_tick(view, holding.last_tick * (1.0 - params.step), 1), lots)
        entry.epoch = holding.trips * 64 + holding.entries
    average = average_tick(view, holding)
    take_profit(intents, 1, LONG, order_tick(view, average * (1.0 + params.profit), -1))
    if params.sleeps:
        sleep_until(intents, NEVER)
    return SET
