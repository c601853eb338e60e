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
    high: int
    low: int
    close: int
    volume_lot: int
    ts_ns: int
    bars: int
    interval_ns: int
    next_open: int
    next_high: int
    next_low: int
    next_close: int
    next_volume_lot: int
    next_ts_ns: int
    pieces: int


class View(Layout):
    """What is known of one instrument: its last complete bar, its streams, its rules; nothing of the future."""

    open: int
    high: int
    low: int
    close: int
    volume_lot: int
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
    wallet: int
    leverage: float
    maker: float
    taker: float
    interval_ns: int
    tick_step: int
    """Order prices are multiples of this many ticks."""
    lot_step: int
    min_lot: int
    max_lot: int
    min_notional: int
    """Money."""
    hedge: int
    """1: the venue keeps long and short apart."""
    shared: int
    """1: the venue's position is not exactly one holding, so nothing is reduce-only on the wire."""
    amends: int
    closed: int
    """1: delisted or not listed yet."""
    stale: int
    venue_down: int
    group: int
    open_orders: int
    open_orders_limit: int
    last_tick: int
    last_lot: int
    bid_tick: int
    bid_lot: int
    ask_tick: int
    ask_lot: int
    mark: float
    """Mark price in ticks, 0 where none is known."""
    funding_rate: float
    funding_ns: int
    funding_paid_ns: Annotated[Rows[int], 2]
    """Last settlement booked, per side."""
    open_interest: float
    liquidated_buy: float
    liquidated_sell: float
    trades: int
    side_lot: Annotated[Rows[int], 2]
    """Held plus everything that may still open, over all strategies, per side."""
    side_limit_lot: Annotated[Rows[int], 2]
    external_lot: Annotated[Rows[int], 2]
    external_open_lot: Annotated[Rows[int], 2]
    order_limit_notional: int
    position_limit_notional: int
    symbol_limit: float
    """Largest notional of this instrument over equity, 0: none."""
    price_band: float
    """Largest distance of an order's price from the mark, as a ratio; 0: none."""
    frames: int
    frame: Annotated[Rows[Frame], FRAMES]
    folds: int
    """1: coarser bars are built."""
    wide: Frame
    """The longer bar, shown to strategies in place of the bar where they decide on longer ones than fill."""
    feature: Annotated[Rows[float], FEATURES]
    feature_ns: Annotated[Rows[int], FEATURES]
    fee_id: Annotated[Rows[int], FEE_MEMORY]
    fee_next: int


class Account(Layout):
    """A wallet: one currency at one venue. Money in whole units, `scale` of them to one."""

    ts_ns: int
    balance: int
    """Cash: start + realised - fees - funding + transfers + adjustments."""
    equity: int
    unrealised: int
    used: int
    """Initial margin of what is held plus reserves of what may open."""
    realised: int
    fees: int
    funding: int
    transferred: int
    adjusted: int
    start: int
    peak: int
    day_start: int
    day_end_ns: int
    floor: int
    """Equity below which a breaker trips."""
    loss_day: float
    loss_session: float
    drawdown: float
    scale: float
    haircut: float
    margined: int
    """Unrealised value of margined instruments only; a loss here is not free."""
    gross: Annotated[Rows[int], 2]
    """Money held or opening per side, over all instruments; kept only where a limit asks for it."""
    group_gross: Annotated[Rows[int], GROUPS]


class Holding(Layout):
    """What a strategy has of an instrument on one side."""

    pos_lot: int
    cost: int
    open_lot: int
    close_lot: int
    stop_lot: int
    plain_lot: int
    """Closing lots at the venue that are not reduce-only there."""
    limit_lot: int
    last_tick: int
    """Price of the last opening fill."""
    entries: int
    """Opening orders that filled, wholly or in part, since flat."""
    trips: int
    """How often this holding has returned to nothing: a natural epoch."""
    realised: int
    opened_ns: int


class Order(Layout):
    """What the core believes of the order in one slot."""

    price_tick: int
    qty_lot: int
    """Total quantity: filled plus leaves."""
    filled_lot: int
    held_lot: int
    """Lots that count against limits; while amending the larger of old and new."""
    state: int
    kind: int
    side: int
    position_side: int
    reduce: int
    cid: int
    reserve: int
    notional: int
    """Money filled, cumulative."""
    epoch: int
    done_lot: int
    """Filled in this (slot, epoch) by earlier orders."""
    asked_lot: int
    """Total quantity asked for by an amend that is not answered yet, 0: none."""
    sent_ns: int
    asked_ns: int
    """When the last request about it was made: new, amend or cancel."""
    retry_ns: int
    reason: int
    trail_tick: int
    trigger: int
    tag: int
    post_only: int
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

    live: Annotated[Rows[Mask], WORDS]
    live_count: int
    holding: Annotated[Rows[Holding], 2]
    order: Annotated[Rows[Order], SLOTS]


class Params(Layout):
    """A strategy's parameters, read through its own named record."""

    v: Annotated[Rows[float], PARAMS]


class Memory(Layout):
    """A strategy's memory, read through its own named record."""

    v: Annotated[Rows[float], MEMORY]


class Intent(Layout):
    """Something wanted. Unset fields are zero."""

    kind: int
    slot: int
    position_side: int
    reduce: int
    """0 opens, 1 closes."""
    price_tick: int
    """REST, STOP: the price. TARGET: the worst acceptable price, 0 for none."""
    qty_lot: int
    """REST, STOP: total for (slot, epoch), or ALL. TARGET: the position wanted."""
    tolerance_lot: int
    tolerance_tick: int
    post_only: int
    deadline_ns: int
    epoch: int
    trail_tick: int
    trigger: int
    show_lot: int
    group: int
    tag: int
    exact_price: float
    exact_qty: float


class Intents(Layout):
    """The set that `decide` states: count, sleep, recorded signal values, rows."""

    n: int
    sleep: int
    wake_ns: int
    signal: Annotated[Rows[float], SIGNALS]
    row: Annotated[Rows[Intent], SLOTS]


class Context(Layout):
    """One strategy in one instrument."""

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
    value: int
    leg_group: int
    ask_ns: int
    """Where a scan looked ahead: nothing to decide before this time."""
    want: Annotated[Rows[Mask], WORDS]
    working: Working
    params: Params
    memory: Memory
    intents: Intents
    planned: Intents


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
