"""What the market says: bars, streams and prints, written into the view of their instrument."""

from tradewind.units.enums import BUY, FactKind, Halt, StreamCode, VenueCode
from tradewind.units.jit import kernel
from tradewind.units.layout import Rows
from tradewind.units.records import FEATURES, Frame, View
from tradewind.units.time import MONDAY_NS, WEEK_NS
from tradewind.units.wire import Fact

__all__ = ["apply_bar", "apply_market_fact", "build_frames", "swap_wide"]


@kernel(hot=True)
def apply_bar(
    view: View, open_tick: int, high_tick: int, low_tick: int, close_tick: int, volume_lot: int, ts_ns: int
) -> None:
    """Take a complete bar; `ts_ns` is its open time. Coarser bars are built where any are wanted."""
    view.open = open_tick
    view.high = high_tick
    view.low = low_tick
    view.close = close_tick
    view.volume_lot = volume_lot
    view.ts_ns = ts_ns
    view.bars += 1
    if view.folds:
        build_frames(view)


@kernel
def build_frames(view: View) -> None:
    """Fold the present bar into each coarser one; a coarse bar is known at its end, never before."""
    frames = view.frame
    for i in range(view.frames):
        _fold(view, frames[i])
    if view.wide.interval_ns:
        _fold(view, view.wide)


@kernel
def _fold(view: View, frame: Frame) -> None:
    """Fold the present bar into one coarser one."""
    start_ns = view.ts_ns - (view.ts_ns - _anchor(frame.interval_ns)) % frame.interval_ns
    if frame.pieces and start_ns != frame.next_ts_ns:
        _complete(frame)
    if frame.pieces == 0:
        frame.next_ts_ns = start_ns
        frame.next_open = view.open
        frame.next_high = view.high
        frame.next_low = view.low
        frame.next_volume_lot = 0
    frame.next_high = max(frame.next_high, view.high)
    frame.next_low = min(frame.next_low, view.low)
    frame.next_close = view.close
    frame.next_volume_lot += view.volume_lot
    frame.pieces += 1
    if view.ts_ns + view.interval_ns >= frame.next_ts_ns + frame.interval_ns:
        _complete(frame)


@kernel
def swap_wide(views: Rows[View]) -> None:
    """Show strategies the longer bar in place of the bar, or, the second time, the bar again."""
    for j in range(len(views)):
        view = views[j]
        frame = view.wide
        view.open, frame.open = frame.open, view.open
        view.high, frame.high = frame.high, view.high
        view.low, frame.low = frame.low, view.low
        view.close, frame.close = frame.close, view.close
        view.volume_lot, frame.volume_lot = frame.volume_lot, view.volume_lot
        view.ts_ns, frame.ts_ns = frame.ts_ns, view.ts_ns
        view.bars, frame.bars = frame.bars, view.bars
        view.interval_ns, frame.interval_ns = frame.interval_ns, view.interval_ns


@kernel
def _anchor(interval_ns: int) -> int:
    """Return a start of some bar, as `market.grid.grid_offset_ns` does where nothing is compiled."""
    return MONDAY_NS if interval_ns % WEEK_NS == 0 else 0


@kernel
def _complete(frame: Frame) -> None:
    """Make what was being built the last complete coarse bar."""
    frame.open = frame.next_open
    frame.high = frame.next_high
    frame.low = frame.next_low
    frame.close = frame.next_close
    frame.volume_lot = frame.next_volume_lot
    frame.ts_ns = frame.next_ts_ns
    frame.bars += 1
    frame.pieces = 0


@kernel
def apply_market_fact(view: View, fact: Fact) -> None:
    """Apply one market fact other than a bar's fast path."""
    kind = fact.kind
    if kind == FactKind.BAR:
        apply_bar(
            view,
            fact.open_tick,
            fact.high_tick,
            fact.low_tick,
            fact.price_tick,
            fact.qty_lot,
            fact.venue_ts_ns,
        )
    elif kind == FactKind.MARK:
        view.mark = fact.value
    elif kind == FactKind.FUNDING_RATE:
        view.funding_rate = fact.value
        view.funding_ns = fact.venue_ts_ns
    elif kind == FactKind.FEATURE:
        if 0 <= fact.code < FEATURES:
            view.feature[fact.code] = fact.value
            view.feature_ns[fact.code] = fact.recv_ts_ns
    elif kind == FactKind.OPEN_INTEREST:
        view.open_interest = fact.value
    else:
        _apply_print(view, fact)


@kernel
def _apply_print(view: View, fact: Fact) -> None:
    """Trades, best prices, liquidation prints, states of streams and listings."""
    kind = fact.kind
    if kind == FactKind.TRADE:
        view.last_tick = fact.price_tick
        view.last_lot = fact.qty_lot
        view.last_ns = fact.venue_ts_ns
        view.trades += 1
    elif kind == FactKind.BOOK_TOP:
        view.bid_tick = fact.low_tick
        view.ask_tick = fact.high_tick
        view.bid_lot = fact.open_tick
        view.ask_lot = fact.qty_lot
    elif kind == FactKind.LIQUIDATION:
        if fact.side == BUY:
            view.liquidated_buy += fact.value
        else:
            view.liquidated_sell += fact.value
    elif kind == FactKind.STREAM:
        view.stale = 0 if fact.code == StreamCode.UP else 1
    elif kind == FactKind.VENUE_STATUS:
        view.venue_down = fact.code
        view.halts = view.halts & ~Halt.VENUE
        if fact.code == VenueCode.REDUCE_ONLY:
            view.halts = view.halts | Halt.VENUE
    elif kind == FactKind.LISTED:
        view.closed = 0
    elif kind == FactKind.DELISTED:
        view.closed = 1
