"""Hold something after every odd bar and nothing after every even one: a request for each bar."""

from tradewind.strategies import LONG, SET, Number, target


class Params:
    quantity = Number(0.01, 0.0, 1e6)


def decide(view, account, working, params, memory, intents):
    target(intents, LONG, int(params.quantity / view.lot + 0.5) if view.bars % 2 else 0)
    return SET
