"""The backtest's driver for any number of strategies, instruments and wallets."""

from tradewind.engine.contract import Codes
from tradewind.engine.loop import RUN, Ints, run_bars
from tradewind.engine.venue_records import Venue, VenueContext, VenueInstrument, VenueWallet
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import Account, Context, Core, Strategy, View
from tradewind.units.wire import Fact, Mailbox

__all__ = ["run"]


@kernel(sig=RUN)
def run(
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
    """Run any world (see `engine.loop.run_bars`)."""
    return run_bars(
        codes, cores, accounts, views, contexts, strategies, boxes, venues, instruments, wallets, tables,
        bars, ts, events, equity, start, stop, interval_ns,
    )  # fmt: skip
