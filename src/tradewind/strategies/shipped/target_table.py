"""Trade a table of target exposures that was made elsewhere: a data frame, a model, a spreadsheet.

Shows a value from outside as a fact: each exposure arrives when it was known, per instrument, and counts from
then on until the next. `tradewind.strategies.exposures` makes the facts from Polars, pandas or NumPy columns.
"""

from tradewind.strategies import (
    HOLD,
    SET,
    Account,
    Flag,
    Intents,
    Number,
    View,
    Whole,
    Working,
    lots_worth,
    record,
    target_net,
)

NEEDS = ("feature:exposure",)
SIGNALS = ("exposure",)
TAGS = ("table",)


class Params:
    """How a table becomes positions."""

    scale_pct = Number(100.0, 0.1, 1000.0, "worth of an exposure of 1, percent of equity")
    band_pct = Number(0.0, 0.0, 100.0, "change of a position that is not worth a trade, percent of it")
    expire_bars = Whole(
        0, 0, 1_000_000, "bars after which an exposure no longer counts, 0: it counts for ever"
    )
    shorts = Flag(True, "follow negative exposures; otherwise they are zero")


class Memory:
    """The exposure last acted on, and the position it asked for."""

    known_ns: int
    wanted_lot: int


def decide(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want the position that the newest exposure asks for."""
    if view.feature_ns[0] == 0:
        return HOLD
    exposure = view.feature[0] if params.shorts else max(view.feature[0], 0.0)
    record(intents, 0, exposure)
    close_ns = view.ts_ns + view.interval_ns
    old = params.expire_bars > 0 and close_ns - view.feature_ns[0] > params.expire_bars * view.interval_ns
    if old:
        memory.wanted_lot = 0
    elif memory.known_ns != view.feature_ns[0]:
        memory.known_ns = view.feature_ns[0]
        way = 1 if exposure > 0.0 else -1
        wanted_lot = way * lots_worth(view, account.equity * abs(exposure) * params.scale_pct / 100.0)
        if wanted_lot == 0 or abs(wanted_lot - memory.wanted_lot) * 100.0 > params.band_pct * abs(wanted_lot):
            memory.wanted_lot = wanted_lot
    target_net(intents, memory.wanted_lot, tag=1)
    return SET
