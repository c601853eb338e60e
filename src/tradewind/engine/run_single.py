"""The backtest's driver for one strategy on one instrument in one wallet, which is what most runs are.

The same loop as `engine.run` uses; only that every count is known to be one, so that the compiler drops the
loops around it.
"""

from tradewind.engine.contract import Codes
from tradewind.engine.loop import RUN, Ints, run_bars
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["run_single"]


@kernel(sig=RUN)
def run_single(
    codes: Codes,
    cores: Rows[Core],
    accounts: Rows[Account],
    views: Rows[View],
    contexts: Rows[Context],
    strategies: Rows[Strategy],
    boxes: Rows[Mailbox],
    venues: Rows[Venue],
    instruments: Rows[VenueInstrument],
    wallets: Rows[VenueWallet],
    tables: Rows[VenueContext],
    bars: Ints,
    ts: Ints,
    events: Rows[Fact],
    equity: Ints,
    start: int,
    stop: int,
    interval_ns: int,
) -> int:
    """Run a world of one context (see `engine.loop.run_bars`); -1 for any other."""
    if (
        len(views) != 1
        or len(contexts) != 1
        or len(accounts) != 1
        or len(strategies) != 1
        or len(tables) != 1
        or len(codes) != 1
    ):
        return -1
    return run_bars(
        codes, cores, accounts, views, contexts, strategies, boxes, venues, instruments, wallets, tables,
        bars, ts, events, equity, start, stop, interval_ns,
    )  # fmt: skip
