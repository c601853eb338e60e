"""The simulated venue's own tables. The core never sees them; it sees facts."""

from typing import Annotated, NamedTuple

from tradewind.units.jit import SLOTS
from tradewind.units.layout import Layout, Mask, Rows
from tradewind.units.records import WORDS
from tradewind.units.wire import Fact, Request

__all__ = [
    "RING",
    "TIERS",
    "FillRule",
    "Venue",
    "VenueContext",
    "VenueInstrument",
    "VenueOrder",
    "VenueWallet",
]

TIERS = 16
"""Margin brackets of one instrument."""
RING = 8192
"""Requests, and facts, on their way at once; a power of two."""


class _FillRule(NamedTuple):
    """When a bar fills a resting order."""

    STRICT: int = 0
    """The price must be traded through."""
    TOUCH: int = 1
    VOLUME: int = 2
    """As STRICT, and no more than a share of the bar's volume."""


FillRule = _FillRule()


class VenueOrder(Layout):
    """One order as the venue holds it."""

    price_tick: int
    qty_lot: int
    filled_lot: int
    notional: int
    cid: int
    kind: int
    side: int
    position_side: int
    reduce: int
    trail_tick: int
    trigger: int
    peak_tick: int
    """Best price since a trailing stop was accepted."""
    triggered: int
    show_lot: int
    done_cid: int
    """Id and totals of the slot's previous order, for queries about it."""
    done_lot: int
    done_notional: int


class VenueContext(Layout):
    """Orders of one context and the band of prices in which none of them can act."""

    instrument: int
    low_wake: int
    high_wake: int
    at_open: int
    """Orders that act at the next open, whatever the price."""
    later: int
    """1: closing limits of this bar wait until margin was judged."""
    live: Annotated[Rows[Mask], WORDS]
    market: Annotated[Rows[Mask], WORDS]
    order: Annotated[Rows[VenueOrder], SLOTS]


class VenueInstrument(Layout):
    """Positions, fees, fill rules and margin tiers of one instrument, as the venue knows them."""

    quiet_low: int
    """The driver's note: a bar strictly between these can fill nothing and calls for no judgement."""
    quiet_high: int
    safe_low: int
    """Between these prices no judgement of margin is needed."""
    safe_high: int
    pos_lot: Annotated[Rows[int], 2]
    cost: Annotated[Rows[int], 2]
    fill_rule: int
    gap_open: int
    """1: a resting limit that the bar opens beyond fills at the open; 0: at its limit."""
    slip: float
    """Slippage plus half the spread of what takes, as a ratio of price."""
    share: float
    """Part of a bar's volume that we may fill (VOLUME)."""
    left_lot: int
    left_bar: int
    maker: float
    taker: float
    liquidation_fee: float
    isolated: int
    tick_step: int
    min_notional: int
    funding_rate: float
    closed: int
    tiers: int
    upto: Annotated[Rows[int], TIERS]
    rate: Annotated[Rows[float], TIERS]
    deduct: Annotated[Rows[int], TIERS]


class VenueWallet(Layout):
    """One wallet as the venue knows it."""

    balance: int
    liquidations: int
    bankrupt: int
    insured: int
    """Loss beyond the wallet that the venue bore."""


class Venue(Layout):
    """Clocks, latency, the rings of what is on its way, and the driver's place in its inputs."""

    trade_id: int
    liquidation_rule: int
    judge: int
    """1: positions or balances changed, the safe bands are void."""
    later: int
    lagged: int
    request_ns: int
    answer_ns: int
    feed_ns: int
    grace_ns: int
    wake_every_ns: int
    wake_from_ns: int
    """A time at which strategies are asked: those that decide on weeks count from a Monday."""
    event_at: int
    next_event_ns: int
    bankrupt: int
    overflow: int
    request_head: int
    request_tail: int
    fact_head: int
    fact_tail: int
    request_due_ns: Annotated[Rows[int], RING]
    request: Annotated[Rows[Request], RING]
    fact_due_ns: Annotated[Rows[int], RING]
    fact: Annotated[Rows[Fact], RING]
