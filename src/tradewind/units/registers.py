"""The core's own registers: states of trading, limits over everything, counters (see `units.records` for the units)."""

from typing import Annotated

from tradewind.units.layout import Layout, Rows

__all__ = ["ATTEMPTS", "GROUPS", "OWNERS", "RULES", "Attempt", "Core", "Group", "Sector"]

GROUPS = 16
"""Exposure groups, leg groups, and sectors."""
OWNERS = 16
"""Accounts that may share a core."""
ATTEMPTS = 16
"""On-chain attempts in flight."""
RULES = 64
"""Counters of refusals, one per rule."""


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
    halts: int
    """Every bit of `Halt` that is set anywhere: nothing is halted while it is 0."""
    breached: int
    """1: something stands above a limit, so working openers are judged again."""
    recheck: int
    """1: limits, or what counts against them, may have changed from outside."""
    watches: int
    """1 where the core protects anything."""
    watched: int
    """1: at this bar exits have something to do or to keep. Zero between runs."""
    leg_groups: int
    wide: int
    """1 where strategies decide on longer bars than those on which orders fill."""
    deciding_context: int
    """1 + the context that it decides for, 0: its plan."""
    warming: int
    exposure_limits: int
    """1 where any limit needs the sum over instruments."""
    epoch: int
    counter: int
    """Of client order ids."""
    own_halts: int
    """Those of the whole core: the operator's and the process's."""
    cause: int
    """Bit that a fact set last, with the limit and the value that it told, and when."""
    cause_limit: float
    cause_value: float
    cause_ns: int
    deciding: int
    """1 + the strategy that is thinking, 0: none. What raises or never returns leaves it."""
    swapped: int
    """1 while longer bars stand in the place of bars."""
    batch: int
    """1 + code of the WAKE whose strategies are thinking, 0: none. What raises leaves it, and the next goes on."""
    thought: int
    """Strategies that have thought in that batch."""
    judged: int
    """Facts and requests so far when exposure was last judged."""
    summed_ns: int
    """When exposure was last summed."""
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
