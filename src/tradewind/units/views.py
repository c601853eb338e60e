"""What is known of an instrument: its bars, its streams, its rules at the venue (see `units.records` for the units)."""

from typing import Annotated

from tradewind.units.layout import Layout, Rows

__all__ = ["FEATURES", "FEE_MEMORY", "FRAMES", "Frame", "View"]

FRAMES = 3
"""Coarser bars that may stand beside the fine ones."""
FEATURES = 16
"""Values from outside that an instrument may carry."""
FEE_MEMORY = 64
"""Trade ids remembered per instrument, so that a fee told twice counts once."""


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
