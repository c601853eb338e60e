"""What a world is made of, in the user's units: wallets, instruments as traded, strategies, limits, venue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tradewind.engine.venue_records import FillRule
from tradewind.market import Instrument
from tradewind.units.enums import LiquidationRule, Protection, TriggerKind

__all__ = [
    "AccountLimits",
    "CoolDowns",
    "ExitSetup",
    "InstrumentSetup",
    "LegGroup",
    "SectorLimit",
    "StrategySetup",
    "VenueSetup",
    "WalletSetup",
]

Kernel = Callable[..., int]


@dataclass(frozen=True, slots=True)
class CoolDowns:
    """How long each breaker of an account stays tripped, in ns; 0: until an operator resumes."""

    day_ns: int = 0
    session_ns: int = 0
    drawdown_ns: int = 0
    streak_ns: int = 0
    emergency_ns: int = 0


@dataclass(frozen=True, slots=True)
class WalletSetup:
    """One currency at one venue: its starting balance in whole units, the breakers of its losses as ratios (0: off).

    account: number of the account that it belongs to; wallets of one account halt together.
    emergency: fall from the peak at which everything is closed. position_loss: loss of one holding over equity at
    which that is closed. loss_streak: round trips lost in a row that halt openers.
    """

    currency: str
    balance: float
    scale: int = 100_000_000
    haircut: float = 1.0
    loss_day: float = 0.0
    loss_session: float = 0.0
    drawdown: float = 0.0
    emergency: float = 0.0
    position_loss: float = 0.0
    loss_streak: int = 0
    cool_downs: CoolDowns = CoolDowns()
    account: int = 0


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
    sector: int = 0
    highest_price: float = 1e9


@dataclass(frozen=True, slots=True)
class ExitSetup:
    """How the core protects what a strategy holds (see `engine.exits`): ratios of the entry price, ns; 0: off.

    reopen_ns: how long nothing opens on a side after an exit; 0: until the strategy has wanted nothing there.
    """

    protection: int = Protection.NONE
    stop_loss: float = 0.0
    take_profit: float = 0.0
    trailing: float = 0.0
    lock_from: float = 0.0
    lock_back: float = 0.0
    max_age_ns: int = 0
    trigger: int = TriggerKind.LAST
    reopen_ns: int = 0


@dataclass(frozen=True, slots=True)
class StrategySetup:
    """Compiled code of one strategy, its parameters, and the instruments (by index) that it trades.

    streak: round trips lost in a row that hold it, for cool_ns or until an operator resumes. bad_limit: sets that are
    nonsense until it is held.
    """

    decide: Kernel
    instruments: Sequence[int]
    params: npt.NDArray[np.float64]
    plan: Kernel | None = None
    scan: Kernel | None = None
    plan_params: npt.NDArray[np.float64] | None = None
    holding_limit_qty: float | None = None
    leg_groups: Sequence[int] = ()
    every_ns: int = 0
    exits: ExitSetup = ExitSetup()
    streak: int = 0
    cool_ns: int = 0
    bad_limit: int = 1


@dataclass(frozen=True, slots=True)
class LegGroup:
    """How far, and for how long, the legs of a hedge may differ: notional in currency, nanoseconds."""

    unhedged_notional: float
    unhedged_ns: int


@dataclass(frozen=True, slots=True)
class SectorLimit:
    """How much of an account one sector may take: notional over equity, instruments held or opening at once."""

    exposure: float = 0.0
    positions: int = 0


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Limits of the whole account; 0 means none.

    Exposures are notional over equity; long and short are `side` unless given. positions: instruments held or
    opening at once, in each account; sectors likewise.
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
    positions: int = 0
    sectors: dict[int, SectorLimit] = field(default_factory=dict)
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
