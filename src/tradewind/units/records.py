"""The records that the core and the strategies share: what is known, what is held, what is wanted.

Prices are whole ticks, quantities whole lots (spot: whole atoms of the asset), money whole units of the
wallet's currency (1e-8 unless its scale says otherwise), times nanoseconds UTC. Sources:
docs/concepts/engine.md; DESIGN section 3.
"""

from typing import Annotated

from tradewind.units.jit import SLOTS
from tradewind.units.layout import Layout, Mask, Rows

__all__ = [
    "ATTEMPTS",
    "FEATURES",
    "FEE_MEMORY",
    "FRAMES",
    "GROUPS",
    "MEMORY",
    "PARAMS",
    "RULES",
    "SIGNALS",
    "WORDS",
    "Account",
    "Attempt",
    "Context",
    "Core",
    "Frame",
    "Group",
    "Holding",
    "Intent",
    "Intents",
    "Memory",
    "Order",
    "Params",
    "Strategy",
    "View",
    "Working",
]

WORDS = (SLOTS + 63) // 64
"""Machine words of a slot mask."""
PARAMS = 64
"""Cells of a strategy's parameters."""
MEMORY = 4096
"""Cells of a strategy's memory, per instrument and once per strategy."""
FRAMES = 3
"""Coarser bars that may stand beside the fine ones."""
FEATURES = 16
"""Values from outside that an instrument may carry."""
SIGNALS = 8
"""Named values that a strategy may record with each decision."""
GROUPS = 16
"""Exposure groups and leg groups."""
ATTEMPTS = 16
"""On-chain attempts in flight."""
FEE_MEMORY = 64
"""Trade ids remembered per instrument, so that a fee told twice counts once."""
RULES = 64
"""Counters of refusals, one per rule."""


class Frame(Layout):
    """One coarser bar: the last complete one, and the one being built."""

    open: int
    """Ticks."""
    high: int
    """Ticks."""
    low: int
    """Ticks."""
    close: int
    """Ticks."""
    volume_lot: int
    """Lots traded."""
    ts_ns: int
    """Open time of the last complete one."""
    bars: int
    """Complete ones seen."""
    interval_ns: int
    """Its length."""
    next_open: int
    """Of the one being built, as all that begin with `next`."""
    next_high: int
    next_low: int
    next_close: int
    next_volume_lot: int
    next_ts_ns: int
    pieces: int
    """Fine bars in the one being built."""


class View(Layout):
    """What is known of one instrument: its last complete bar, its streams, its rules; nothing of the future."""

    open: int
    """Ticks; so are high, low and close."""
    high: int
    low: int
    close: int
    volume_lot: int
    """Lots traded in the bar."""
    ts_ns: int
    """Open time of the last complete bar."""
    bars: int
    """Complete bars seen, this one included."""
    tick: float
    """Price of one tick."""
    lot: float
    """Quantity of one lot, in the unit in which the instrument is quoted."""
    unit: float
    """Money per lot and tick (inverse: money times ticks per lot)."""
    sense: int
    """+1 where value rises with the price of a lot in money (linear, spot), -1 for inverse contracts."""
    payoff: int
    """Linear, inverse or spot (`Payoff`)."""
    wallet: int
    """Index of the wallet that holds its margin, or pays for it."""
    leverage: float
    """Notional over initial margin; 1 for spot."""
    maker: float
    """Fee of what rests, as a ratio of notional; a rebate is negative."""
    taker: float
    """Fee of what takes."""
    interval_ns: int
    """Length of a bar."""
    tick_step: int
    """Order prices are multiples of this many ticks."""
    lot_step: int
    """Order quantities are multiples of this many lots."""
    min_lot: int
    """Smallest order."""
    max_lot: int
    """Largest order."""
    min_notional: int
    """Money."""
    hedge: int
    """1: the venue keeps long and short apart."""
    shared: int
    """1: the venue's position is not exactly one holding, so nothing is reduce-only on the wire."""
    amends: int
    """1: the venue can change price and quantity of a working order."""
    closed: int
    """1: delisted or not listed yet."""
    calm_low: int
    """Between these closes nothing that stands can break a limit of exposure (engine.exposure)."""
    calm_high: int
    stale: int
    """1: a stream is down or behind."""
    venue_down: int
    """Not 0: the venue says that it does not trade."""
    group: int
    """Exposure group, 0: none."""
    open_orders: int
    """Orders of ours, over all strategies."""
    open_orders_limit: int
    """The most there may be."""
    last_tick: int
    """Price of the last trade seen."""
    last_lot: int
    """Its size."""
    bid_tick: int
    """Best bid, 0 where none is known; likewise the three below."""
    bid_lot: int
    ask_tick: int
    ask_lot: int
    mark: float
    """Mark price in ticks, 0 where none is known."""
    funding_rate: float
    """Last settled rate."""
    funding_ns: int
    """When it was settled."""
    funding_paid_ns: Annotated[Rows[int], 2]
    """Last settlement booked, per side."""
    open_interest: float
    """Last value told."""
    liquidated_buy: float
    """Liquidation prints seen so far, in the unit told; likewise sells."""
    liquidated_sell: float
    trades: int
    """Trades seen so far."""
    side_lot: Annotated[Rows[int], 2]
    """Held plus everything that may still open, over all strategies, per side."""
    side_limit_lot: Annotated[Rows[int], 2]
    """The most of it."""
    external_lot: Annotated[Rows[int], 2]
    """Position that is none of ours, per side."""
    external_open_lot: Annotated[Rows[int], 2]
    """Orders that are none of ours, per side."""
    order_limit_notional: int
    """Money; the largest order."""
    position_limit_notional: int
    """Money; the largest position."""
    symbol_limit: float
    """Largest notional of this instrument over equity, 0: none."""
    price_band: float
    """Largest distance of an order's price from the mark, as a ratio; 0: none."""
    frames: int
    """Coarser bars that are kept."""
    frame: Annotated[Rows[Frame], FRAMES]
    """They, in the order of the strategy's FRAMES."""
    folds: int
    """1: coarser bars are built."""
    wide: Frame
    """The longer bar, shown to strategies in place of the bar where they decide on longer ones than fill."""
    feature: Annotated[Rows[float], FEATURES]
    """Values from outside, in the order of NEEDS."""
    feature_ns: Annotated[Rows[int], FEATURES]
    """When each became known."""
    fee_id: Annotated[Rows[int], FEE_MEMORY]
    """Trades whose fee was charged."""
    fee_next: int
    """Where the next one is noted."""


class Account(Layout):
    """A wallet: one currency at one venue. Money in whole units, `scale` of them to one."""

    ts_ns: int
    """Time of the last mark."""
    balance: int
    """Cash: start + realised - fees - funding + transfers + adjustments."""
    equity: int
    """Balance plus what is unrealised."""
    unrealised: int
    """Value less cost of everything held."""
    used: int
    """Initial margin of what is held plus reserves of what may open."""
    realised: int
    """Made or lost by closing, before fees."""
    fees: int
    """Paid so far."""
    funding: int
    """Paid so far, received is negative."""
    transferred: int
    """In less out."""
    adjusted: int
    """What the venue corrected."""
    start: int
    """Balance at the start, transfers included."""
    peak: int
    """Highest equity."""
    day_start: int
    """Equity when the UTC day began."""
    day_end_ns: int
    """When it ends."""
    floor: int
    """Equity below which a breaker trips."""
    loss_day: float
    """Ratio lost in a day at which openers stop, 0: none."""
    loss_session: float
    """The same since the start."""
    drawdown: float
    """The same from the peak."""
    scale: float
    """Money units in one of the currency."""
    haircut: float
    """Part of unrealised gain that does not count."""
    margined: int
    """Unrealised value of margined instruments only; a loss here is not free."""
    gross: Annotated[Rows[int], 2]
    """Money held or opening per side, over all instruments; kept only where a limit asks for it."""
    group_gross: Annotated[Rows[int], GROUPS]
    """The same per exposure group."""


class Holding(Layout):
    """What a strategy has of an instrument on one side."""

    pos_lot: int
    """Lots held."""
    cost: int
    """Money for which they were entered."""
    open_lot: int
    """Lots of orders that may still open."""
    close_lot: int
    """Lots of limits and targets that close."""
    stop_lot: int
    """Lots of stops that close."""
    plain_lot: int
    """Closing lots at the venue that are not reduce-only there."""
    limit_lot: int
    """The most that may be held."""
    last_tick: int
    """Price of the last opening fill."""
    entries: int
    """Opening orders that filled, wholly or in part, since flat."""
    trips: int
    """How often this holding has returned to nothing: a natural epoch."""
    realised: int
    """Made or lost on this side, before fees."""
    opened_ns: int
    """When it last left nothing."""


class Order(Layout):
    """What the core believes of the order in one slot."""

    price_tick: int
    """Where it works."""
    qty_lot: int
    """Total quantity: filled plus leaves."""
    filled_lot: int
    """Filled so far."""
    held_lot: int
    """Lots that count against limits; while amending the larger of old and new."""
    state: int
    """`OrderState`."""
    kind: int
    """`IntentKind`."""
    side: int
    """+1 buys, -1 sells."""
    position_side: int
    """0 long, 1 short."""
    reduce: int
    """1: it closes."""
    cid: int
    """Client order id."""
    reserve: int
    """Margin set aside."""
    notional: int
    """Money filled, cumulative."""
    epoch: int
    """Of the intent."""
    done_lot: int
    """Filled in this (slot, epoch) by earlier orders."""
    asked_lot: int
    """Total quantity asked for by an amend that is not answered yet, 0: none."""
    sent_ns: int
    """When it was first asked for."""
    asked_ns: int
    """When the last request about it was made: new, amend or cancel."""
    retry_ns: int
    """Nothing is asked for this slot before."""
    reason: int
    """Last `Rule` said about it."""
    trail_tick: int
    """Distance of a trailing stop, 0: fixed."""
    trigger: int
    """`TriggerKind`."""
    tag: int
    """Of the intent."""
    post_only: int
    """1: it must not take."""
    plain: int
    """1: a closer that is not reduce-only at the venue."""
    wanted_tick: int
    """What the last intent asked for: price as written."""
    wanted_lot: int
    """And total quantity."""
    exact_price: float
    exact_qty: float
    """Unrounded price and size of strategies that keep a float lane."""


class Working(Layout):
    """Holdings and orders of one strategy in one instrument."""

    order: Annotated[Rows[Order], SLOTS]
    """By slot."""
    live: Annotated[Rows[Mask], WORDS]
    """Set of slots with an order."""
    live_count: int
    """How many."""
    holding: Annotated[Rows[Holding], 2]
    """Long and short."""


class Params(Layout):
    """A strategy's parameters, read through its own named record."""

    v: Annotated[Rows[float], PARAMS]


class Memory(Layout):
    """A strategy's memory, read through its own named record."""

    v: Annotated[Rows[float], MEMORY]


class Intent(Layout):
    """Something wanted. Unset fields are zero."""

    kind: int
    """REST, TARGET or STOP."""
    slot: int
    """Which of the context's places."""
    position_side: int
    """0 long, 1 short."""
    reduce: int
    """0 opens, 1 closes."""
    price_tick: int
    """REST, STOP: the price. TARGET: the worst acceptable price, 0 for none."""
    qty_lot: int
    """REST, STOP: total for (slot, epoch), or ALL. TARGET: the position wanted."""
    tolerance_lot: int
    """Difference in quantity that is let be."""
    tolerance_tick: int
    """Difference in price that is let be."""
    post_only: int
    """1: it must not take."""
    deadline_ns: int
    """Not wanted after; 0: none."""
    epoch: int
    """Fills count per slot and epoch."""
    trail_tick: int
    """STOP: distance behind the best price, 0: fixed."""
    trigger: int
    """STOP: by the last price or the mark."""
    show_lot: int
    """Lots shown of an iceberg, 0: all."""
    group: int
    """Joins a bracket."""
    tag: int
    """Follows it to order and fill; 0: none."""
    exact_price: float
    """Unrounded, for strategies with a float lane; likewise exact_qty."""
    exact_qty: float


class Intents(Layout):
    """The set that `decide` states: count, sleep, recorded signal values, rows."""

    n: int
    """Rows that count."""
    sleep: int
    """1: no wish to be asked before wake_ns, unless an order speaks."""
    wake_ns: int
    """When to ask again."""
    signal: Annotated[Rows[float], SIGNALS]
    """Values recorded with the decision."""
    row: Annotated[Rows[Intent], SLOTS]
    """The set."""


class Context(Layout):
    """One strategy in one instrument.

    What every bar needs lies together, between the orders and the rows of intents, on as few pages as can be.
    """

    planned: Intents
    working: Working
    index: int
    """Its place among all contexts, as client order ids carry it."""
    instrument: int
    strategy: int
    wallet: int
    said: int
    asleep: int
    spoke: int
    edited: int
    dirty: int
    wanting: int
    """1: what was said last is not what works."""
    leg_group: int
    ask_ns: int
    """Where a scan looked ahead: nothing to decide before this time."""
    want: Annotated[Rows[Mask], WORDS]
    params: Params
    intents: Intents
    memory: Memory


class Strategy(Layout):
    """One strategy of a session: which code, which contexts, what its plan said."""

    fn: int
    lo: int
    hi: int
    has_plan: int
    has_scan: int
    sleep: int
    wake_ns: int
    ran: int
    again: int
    verdict: int
    calls: int
    held: int
    """Rule for which the core holds this strategy: its openers are pulled, its protectors stay."""
    every_ns: int
    params: Params
    memory: Memory


class Group(Layout):
    """Limits and state of one group of instruments: exposure of a sector, or the legs of a hedge."""

    exposure_limit: float
    """Largest gross notional over equity, 0: none."""
    unhedged_limit: int
    """Money, 0: none."""
    unhedged_limit_ns: int
    unhedged: int
    since_ns: int


class Attempt(Layout):
    """An atomic on-chain bundle in flight: its worst spend is reserved until it ends."""

    id: int
    wallet: int
    reserve: int
    spent: int
    state: int
    deadline_ns: int


class Core(Layout):
    """The core's own registers: sequence, states of trading, limits of the whole account, counters."""

    seq: int
    now_ns: int
    epoch: int
    counter: int
    """Of client order ids."""
    halts: int
    breached: int
    """1: something stands above a limit, so working openers are judged again."""
    recheck: int
    """1: limits, or what counts against them, may have changed from outside."""
    judged: int
    """Facts and requests so far when exposure was last judged."""
    summed_ns: int
    """When exposure was last summed."""
    warming: int
    fills: int
    requests: int
    facts: int
    errors: int
    open_orders: int
    open_orders_limit: int
    rate_limit: int
    rate_window_ns: int
    rate_start_ns: int
    rate_count: int
    leverage_limit: float
    side_limit: Annotated[Rows[float], 2]
    total_limit: float
    wide: int
    """1 where strategies decide on longer bars than those on which orders fill."""
    exposure_limits: int
    """1 where any limit needs the sum over instruments."""
    group_limits: int
    """1 where any group of instruments has a limit."""
    leg_groups: int
    retry_ns: int
    """How long a slot waits after a venue's reject."""
    log_orders: int
    decision_a: int
    decision_b: int
    """Rolling hash of intents and requests, two lanes."""
    boot_code: int
    boot_config: int
    boot_data: int
    rule: int
    """What the gate last refused for: rule, limit and value."""
    rule_limit: float
    rule_value: float
    refusals: Annotated[Rows[int], RULES]
    group: Annotated[Rows[Group], GROUPS]
    attempt: Annotated[Rows[Attempt], ATTEMPTS]
