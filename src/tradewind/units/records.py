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
    "BREAKERS",
    "FEATURES",
    "FEE_MEMORY",
    "FRAMES",
    "GROUPS",
    "MEMORY",
    "OWNERS",
    "PARAMS",
    "RULES",
    "SIGNALS",
    "WORDS",
    "Account",
    "Attempt",
    "Context",
    "Core",
    "Exits",
    "Frame",
    "Group",
    "Holding",
    "Intent",
    "Intents",
    "Memory",
    "Order",
    "Params",
    "Sector",
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
"""Exposure groups, leg groups, and sectors."""
OWNERS = 16
"""Accounts that may share a core."""
BREAKERS = 5
"""Breakers of an account (`units.enums.Breaker`)."""
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
    hedge_wanted: int
    """What the configuration says of it."""
    isolated_wanted: int
    """1: the configuration says that each position has a margin of its own."""
    modes_wrong: int
    """Bits of settings at the venue that contradict the configuration: 1 position mode, 2 margin mode."""
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
    """Not 0: the venue says that it does not trade, or takes reductions only (`VenueCode`)."""
    halts: int
    """Bits of `Halt` of this instrument alone."""
    group: int
    """Exposure group, 0: none."""
    sector: int
    """Sector, 0: none."""
    open_orders: int
    """Orders of ours, over all strategies."""
    open_orders_limit: int
    """The most there may be."""
    last_tick: int
    """Price of the last trade seen."""
    last_lot: int
    """Its size."""
    last_ns: int
    """When it happened."""
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
    owner: int
    """Number of the account that it belongs to; wallets of one account halt together."""
    halts: int
    """Bits of `Halt` of its account."""
    told: int
    """Those of them that facts set."""
    tripped: int
    """Those of them that breakers of this wallet set."""
    peak: int
    """Highest equity, since an emergency exit was let go."""
    fall_from: int
    """Highest equity since the breaker of drawdowns was let go."""
    session_start: int
    """Equity from which losses of the session count: the start, or when that breaker was let go."""
    day_start: int
    """Equity when the UTC day began, or when its breaker was let go."""
    day_end_ns: int
    """When it ends."""
    turn_ns: int
    """When the day ends or a cool-down is over, whichever comes first."""
    floor: int
    """Equity below which a breaker trips."""
    loss_day: float
    """Ratio lost in a day at which openers stop, 0: none."""
    loss_session: float
    """The same since the start."""
    drawdown: float
    """The same from the highest equity."""
    emergency: float
    """The same at which everything is closed."""
    position_loss: float
    """Loss of one holding over equity at which it is closed, 0: none."""
    streak: int
    """Round trips lost in a row."""
    streak_limit: int
    """So many halt openers, 0: none."""
    cool_ns: Annotated[Rows[int], BREAKERS]
    """How long each breaker stays tripped, 0: until an operator resumes."""
    until_ns: Annotated[Rows[int], BREAKERS]
    """When each clears by itself, 0: not."""
    cause: int
    """Bit of the breaker that tripped last, with its limit, what it saw, and when."""
    cause_limit: float
    cause_value: float
    cause_ns: int
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
    sector_gross: Annotated[Rows[int], GROUPS]
    """The same per sector."""


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
    opened_realised: int
    """What `realised` was then."""
    outcome: int
    """How the round trip that has just ended went: 1 no loss, -1 a loss, 0 none has ended or it was noted."""
    best_tick: int
    """Best price since it was opened, 0: none seen yet."""
    stop_tick: int
    """Price at which the core protects it, 0: none."""
    exit: int
    """Rule for which the core closes it, or closed it and lets nothing open yet; 0: none."""
    exit_ns: int
    """When that began."""
    yields: int
    """Where closers compete for the venue's position: 1 closers that rest give way to the core's stop, 2 it to them."""


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


class Exits(Layout):
    """How the core protects what a strategy holds; ratios of the entry price, 0: off."""

    protection: int
    """`Protection`."""
    stop_loss: float
    """Loss at which a holding is closed."""
    take_profit: float
    """Gain at which it is closed."""
    trailing: float
    """Fall from the best price at which it is closed."""
    lock_from: float
    """Gain from which a profit is locked in,"""
    lock_back: float
    """and how much of it may be given back."""
    max_age_ns: int
    """Longest time that it is held."""
    trigger: int
    """`TriggerKind`: the price that is watched."""
    reopen_ns: int
    """How long nothing opens after an exit; 0: until the strategy has wanted nothing on that side."""


class Context(Layout):
    """One strategy in one instrument.

    What every bar needs lies together, between the orders and the rows of intents, on as few pages as can be.
    """

    planned: Intents
    guards: Annotated[Rows[Intent], 4]
    """What the core itself wants in its slots."""
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
    guarded: int
    """1: the core protects what it holds."""
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
    index: int
    """Its place among all strategies."""
    held: int
    """Rule for which the core holds this strategy: its openers are pulled, its protectors stay."""
    leaving: int
    """1: held, and what it holds is closed."""
    held_limit: float
    """What the rule allowed."""
    held_value: float
    """What it saw."""
    held_ns: int
    """Since when it is held."""
    until_ns: int
    """When it is let go by itself, 0: by an operator."""
    cool_ns: int
    """How long losses in a row hold it, 0: until an operator resumes."""
    streak: int
    """Round trips lost in a row."""
    streak_limit: int
    """So many hold it, 0: none."""
    bad: int
    """Sets that were nonsense, since it was last let go."""
    bad_limit: int
    """So many hold it; 0 counts as one."""
    every_ns: int
    exits: Exits
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


class Sector(Layout):
    """Limits of one sector, in each account."""

    exposure_limit: float
    """Largest gross notional over equity, 0: none."""
    positions_limit: int
    """Most instruments held or opening at once, 0: none."""


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
    """Every bit of `Halt` that is set anywhere: nothing is halted while it is 0."""
    own_halts: int
    """Those of the whole core: the operator's and the process's."""
    cause: int
    """Bit that a fact set last, with the limit and the value that it told, and when."""
    cause_limit: float
    cause_value: float
    cause_ns: int
    deciding: int
    """1 + the strategy that is thinking, 0: none. What raises or never returns leaves it."""
    deciding_context: int
    """1 + the context that it decides for, 0: its plan."""
    swapped: int
    """1 while longer bars stand in the place of bars."""
    batch: int
    """1 + code of the WAKE whose strategies are thinking, 0: none. What raises leaves it, and the next goes on."""
    thought: int
    """Strategies that have thought in that batch."""
    watches: int
    """1 where the core protects anything."""
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
    sector_limits: int
    """1 where any sector has a limit."""
    positions_limit: int
    """Most instruments that an account may hold or open at once, 0: none."""
    positions: Annotated[Rows[int], OWNERS]
    """How many it does, per account."""
    sector_positions: Annotated[Rows[int], OWNERS * GROUPS]
    """The same per account and sector."""
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
    sector: Annotated[Rows[Sector], GROUPS]
    attempt: Annotated[Rows[Attempt], ATTEMPTS]
