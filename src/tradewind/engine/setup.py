"""What a world is made of, in the user's units: wallets, instruments as traded, strategies, limits, venue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tradewind.engine.venue_records import FillRule
from tradewind.market import Instrument
from tradewind.units.enums import LiquidationRule

__all__ = ["AccountLimits", "InstrumentSetup", "LegGroup", "StrategySetup", "VenueSetup", "WalletSetup"]

Kernel = Callable[..., int]


@dataclass(frozen=True, slots=True)
class WalletSetup:
    """One currency at one venue: its starting balance in whole units, the breakers of its losses as ratios (0: off)."""

    currency: str
    balance: float
    scale: int = 100_000_000
    haircut: float = 1.0
    loss_day: float = 0.0
    loss_session: float = 0.0
    drawdown: float = 0.0


@dataclass(frozen=True, slots=True)
class InstrumentSetup:
    """An instrument as this account trades it, and how the simulated venue fills it.

    tick_step: order prices are multiples of so many ticks (history may be finer than the tick of today).
    wide_ns: length of the bars that strategies decide on, where it is not that of the bars on which orders
    fill.
    slip: slippage plus half the spread, ratio of price. share: part of a bar's volume that may be filled
    (VOLUME).
    limits: quantities in the instrument's units, notionals in currency, ratios of equity; None or 0: none.
    highest_price: bound for overflow checks, well above anything that may trade.
    """

    instrument: Instrument
    wallet: int = 0
    tick_step: int = 1
    interval_ns: int = 60_000_000_000
    frames: tuple[int, ...] = ()
    wide_ns: int = 0
    leverage: float = 1.0
    hedge: bool = False
    isolated: bool = False
    amends: bool = True
    fill_rule: int = FillRule.STRICT
    gap_open: bool = False
    slip: float = 0.0
    share: float = 0.1
    maker_rate: float | None = None
    taker_rate: float | None = None
    position_limit_qty: float | None = None
    order_limit_notional: float | None = None
    position_limit_notional: float | None = None
    symbol_limit: float = 0.0
    open_orders: int = 0
    price_band: float = 0.0
    group: int = 0
    highest_price: float = 1e9


@dataclass(frozen=True, slots=True)
class StrategySetup:
    """Compiled code of one strategy, its parameters, and the instruments (by index) that it trades."""

    decide: Kernel
    instruments: Sequence[int]
    params: npt.NDArray[np.float64]
    plan: Kernel | None = None
    scan: Kernel | None = None
    plan_params: npt.NDArray[np.float64] | None = None
    holding_limit_qty: float | None = None
    leg_groups: Sequence[int] = ()
    every_ns: int = 0


@dataclass(frozen=True, slots=True)
class LegGroup:
    """How far, and for how long, the legs of a hedge may differ: notional in currency, nanoseconds."""

    unhedged_notional: float
    unhedged_ns: int


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Limits of the whole account; 0 means none.

    Exposures are notional over equity; long and short are `side` unless given.
    """

    open_orders: int = 0
    order_rate: int = 0
    rate_window_ns: int = 60_000_000_000
    leverage: float = 0.0
    side: float = 0.0
    long: float = 0.0
    short: float = 0.0
    total: float = 0.0
    groups: dict[int, float] = field(default_factory=dict)
    leg_groups: dict[int, LegGroup] = field(default_factory=dict)
    retry_ns: int = 60_000_000_000


@dataclass(frozen=True, slots=True)
class VenueSetup:
    """Clocks of the simulated venue, in ns, and when it judges margin."""

    request_ns: int = 0
    answer_ns: int = 0
    feed_ns: int = 0
    grace_ns: int = 0
    lagged: bool = False
    wake_every_ns: int = 0
    liquidation_rule: int = LiquidationRule.EACH_OWN_EXTREME
