"""The records that the core and the strategies share: what is known, what is held, what is wanted.

Prices are whole ticks, quantities whole lots (spot: whole atoms of the asset), money whole units of the
wallet's currency (1e-8 unless its scale says otherwise), times nanoseconds UTC. Sources:
docs/concepts/engine.md; DESIGN section 3.
"""

from typing import Annotated

from tradewind.units.jit import SLOTS
from tradewind.units.layout import Layout, Mask, Rows
from tradewind.units.registers import ATTEMPTS, GROUPS, OWNERS, RULES, Attempt, Core, Group, Sector
from tradewind.units.views import FEATURES, FEE_MEMORY, FRAMES, Frame, View

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
SIGNALS = 8
"""Named values that a strategy may record with each decision."""
BREAKERS = 5
"""Breakers of an account (`units.enums.Breaker`)."""


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
    margined: int
    """Unrealised value of margined instruments only; a loss here is not free."""
    fall_from: int
    """Highest equity since then."""
    floor: int
    """Equity below which a breaker trips."""
    turn_ns: int
    """When the day ends or a cool-down is over, whichever comes first."""
    follows: int
    """1: the floor rises with it."""
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
    """Highest equity before the breaker of drawdowns was let go; together with `fall_from` the highest there was."""
    session_start: int
    """Equity from which losses of the session count: the start, or when that breaker was let go."""
    day_start: int
    """Equity when the UTC day began, or when its breaker was let go."""
    day_end_ns: int
    """When it ends."""
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
    """Where closers compete for the venue's position, bits: 1 limits that close give way, 2 stops do; 4: the venue's
    position is at least this holding."""


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
    first_cid: int
    """Orders of this slot with lower ids were of an earlier epoch."""
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
