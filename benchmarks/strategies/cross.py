"""Hold a fixed quantity, or a fixed stake, while the fast average is above the slow one."""

from tradewind.signals import ema
from tradewind.strategies import HOLD, LONG, SET, Number, Whole, lots_worth, target


class Params:
    fast_period = Whole(20, 2, 500)
    slow_period = Whole(100, 5, 2000)
    quantity = Number(1.0, 0.0, 1e6)
    stake = Number(0.0, 0.0, 1e15)


class Memory:
    bars: int
    fast: float
    slow: float


def decide(view, account, working, params, memory, intents):
    if memory.bars != view.bars:
        memory.bars = view.bars
        price = view.close * view.tick
        memory.fast = ema(memory.fast, price, params.fast_period, view.bars)
        memory.slow = ema(memory.slow, price, params.slow_period, view.bars)
    if view.bars <= params.slow_period or memory.fast == memory.slow:
        return HOLD
    above = memory.fast > memory.slow
    if above == (working.holding[LONG].pos_lot > 0):
        return HOLD
    lots = lots_worth(view, params.stake) if params.stake > 0.0 else int(params.quantity / view.lot + 0.5)
    target(intents, LONG, lots if above else 0)
    return SET
