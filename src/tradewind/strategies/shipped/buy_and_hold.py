"""Buy once and keep it: what every other strategy is compared with.

Shows a want that is a state, not an action: the same target is stated for ever, and the core acts only while
it is not reached.
"""

from tradewind.strategies import (
    LONG,
    SET,
    Account,
    Intents,
    Number,
    View,
    Working,
    lots_for,
    target,
)

TAGS = ("hold",)


class Params:
    """A size."""

    size_pct = Number(
        95.0, 0.1, 1000.0, "worth of the position when bought, percent of equity; fees need the rest"
    )


class Memory:
    """How much was wanted when nothing was held yet."""

    wanted_lot: int


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want the same position as ever."""
    holding = working.holding[LONG]
    if holding.pos_lot == 0 and holding.trips == 0:
        memory.wanted_lot = lots_for(view, account, params.size_pct)
    target(intents, LONG, memory.wanted_lot, tag=1)
    return SET
