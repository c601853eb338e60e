"""The words in which a strategy says what it wants: each appends a row to `intents` and returns it.

The core empties the set before it calls `decide`. Rows are zeroed here as they are taken, so what a strategy
does not say is zero.
"""

from tradewind.units.enums import ALL, IntentKind
from tradewind.units.jit import SLOTS, kernel
from tradewind.units.records import SIGNALS, Account, Holding, Intent, Intents, View
from tradewind.units.rounding import ceil_steps, floor_steps

__all__ = [
    "average_tick",
    "bracket",
    "lots_for",
    "lots_worth",
    "order_tick",
    "record",
    "rest",
    "sleep_until",
    "stop",
    "take_profit",
    "target",
    "target_net",
    "trail",
]

_REST, _TARGET, _STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
_EXACT = float(1 << 52)
"""Beyond this a double no longer counts in ones."""


@kernel(hot=True)
def target(intents: Intents, position_side: int, qty_lot: int, tag: int = 0) -> Intent:
    """Want a position of qty_lot (>= 0) on one side, reached by market orders. Its slot is the side: 0 long, 1 short.

    Further fields: tolerance_lot, price_tick (worst price, 0: any), deadline_ns.
    """
    row = _take(intents, _TARGET, position_side, position_side, qty_lot)
    row.tag = tag
    return row


@kernel(hot=True)
def target_net(intents: Intents, qty_lot: int, tag: int = 0) -> None:
    """Want a net position: qty_lot > 0 long, < 0 short, 0 none; the other side is closed."""
    target(intents, 0, max(qty_lot, 0), tag)
    target(intents, 1, max(-qty_lot, 0), tag)


@kernel(hot=True)
def rest(
    intents: Intents, slot: int, position_side: int, price_tick: int, qty_lot: int, tag: int = 0
) -> Intent:
    """Want a limit order that opens, working in a slot; qty_lot is the total for (slot, epoch).

    Further fields: epoch (a new one counts from nothing), post_only, reduce, show_lot, tolerance_tick,
    tolerance_lot.
    """
    row = _take(intents, _REST, slot, position_side, qty_lot)
    row.price_tick = price_tick
    row.tag = tag
    return row


@kernel(hot=True)
def take_profit(intents: Intents, slot: int, position_side: int, price_tick: int, tag: int = 0) -> Intent:
    """Want a limit order that closes whatever is held on a side, now and after later fills. Set qty_lot for less."""
    row = _take(intents, _REST, slot, position_side, ALL)
    row.reduce = 1
    row.price_tick = price_tick
    row.tag = tag
    return row


@kernel(hot=True)
def stop(intents: Intents, slot: int, position_side: int, price_tick: int, tag: int = 0) -> Intent:
    """Want whatever is held on a side closed at market once the price reaches price_tick.

    Further fields: trigger (LAST, or MARK in a strategy that NEEDS "mark"), qty_lot; reduce = 0 makes a stop
    that opens, and then wants a qty_lot.
    """
    row = _take(intents, _STOP, slot, position_side, ALL)
    row.reduce = 1
    row.price_tick = price_tick
    row.tag = tag
    return row


@kernel(hot=True)
def trail(intents: Intents, slot: int, position_side: int, trail_tick: int, tag: int = 0) -> Intent:
    """Want a stop that follows the best price since it was set, trail_tick (> 0) behind it; otherwise as `stop`."""
    row = _take(intents, _STOP, slot, position_side, ALL)
    row.reduce = 1
    row.trail_tick = trail_tick
    row.tag = tag
    return row


@kernel
def bracket(
    intents: Intents, position_side: int, qty_lot: int, entry_tick: int, stop_tick: int, profit_tick: int
) -> Intent:
    """Want a limit entry with its stop and its take-profit, one group; slots 0 to 2 for long, 3 to 5 for short.

    Returns the entry's row: set its epoch (`working.holding[side].trips`) to enter again once the last trade
    has ended.
    """
    slot = 3 * position_side
    entry = rest(intents, slot, position_side, entry_tick, qty_lot)
    stopping = stop(intents, slot + 1, position_side, stop_tick)
    taking = take_profit(intents, slot + 2, position_side, profit_tick)
    entry.group = slot + 1
    stopping.group = slot + 1
    taking.group = slot + 1
    return entry


@kernel(hot=True)
def record(intents: Intents, place: int, value: float) -> None:
    """Write down the value of the signal SIGNALS[place], for `journal explain` and the report."""
    if place < 0 or place >= SIGNALS:
        raise IndexError("a strategy records at most 8 signals, places 0 to 7")
    intents.signal[place] = value


@kernel(hot=True)
def sleep_until(intents: Intents, wake_ns: int) -> None:
    """Promise that what is wanted cannot change before wake_ns or before one's own order speaks."""
    intents.sleep = 1
    intents.wake_ns = wake_ns


@kernel
def lots_for(view: View, account: Account, size_pct: float) -> int:
    """Return the lots worth size_pct percent of equity at the last close, in whole exchange lots."""
    return lots_worth(view, account.equity * (size_pct / 100.0))


@kernel
def lots_worth(view: View, money: float) -> int:
    """Return the lots worth at most `money` (whole units of the wallet) at the last close, in exchange lots."""
    if not money > 0.0 or view.close <= 0 or view.unit <= 0.0:
        return 0
    lots = money / (view.close * view.unit) if view.sense > 0 else money * view.close / view.unit
    step = max(view.lot_step, 1)
    return floor_steps(min(lots, _EXACT), float(step)) * step


@kernel
def order_tick(view: View, ticks: float, side: int) -> int:
    """Return the order price next to `ticks`, away from the market: a buyer's below, a seller's above."""
    if not abs(ticks) < _EXACT:
        raise ValueError("a price that is not a number: a signal may not know its value yet")
    step = max(view.tick_step, 1)
    steps = floor_steps(ticks, float(step)) if side > 0 else ceil_steps(ticks, float(step))
    return steps * step


@kernel
def average_tick(view: View, holding: Holding) -> float:
    """Return the average entry price of a holding in ticks, 0 if it holds nothing."""
    if holding.pos_lot == 0 or holding.cost == 0:
        return 0.0
    per_lot = holding.cost / holding.pos_lot
    return per_lot / view.unit if view.sense > 0 else view.unit / per_lot


@kernel(hot=True)
def _take(intents: Intents, kind: int, slot: int, position_side: int, qty_lot: int) -> Intent:
    """Return the next row, zeroed but for what is given."""
    place = intents.n
    if place < 0 or place >= SLOTS:
        raise IndexError("a strategy wants more than its slots hold")
    intents.n = place + 1
    row = intents.row[place]
    row.kind = kind
    row.slot = slot
    row.position_side = position_side
    row.qty_lot = qty_lot
    row.reduce = 0
    row.price_tick = 0
    row.tolerance_lot = 0
    row.tolerance_tick = 0
    row.post_only = 0
    row.deadline_ns = 0
    row.epoch = 0
    row.trail_tick = 0
    row.trigger = 0
    row.show_lot = 0
    row.group = 0
    row.tag = 0
    row.exact_price = 0.0
    row.exact_qty = 0.0
    return row
