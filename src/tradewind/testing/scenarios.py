"""Random worlds and markets for the engine: every payoff, fill rule, latency, limit and mode beside each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tradewind.engine.setup import (
    AccountLimits,
    CoolDowns,
    ExitSetup,
    InstrumentSetup,
    LegGroup,
    SectorLimit,
    StrategySetup,
    VenueSetup,
    WalletSetup,
)
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.market import Instrument
from tradewind.market.instrument import Tier
from tradewind.testing.chaos import ChaosParams, chaos, chaos_plan
from tradewind.units.enums import FactKind, LiquidationRule, OperatorCode, Protection, SettingCode, StreamCode
from tradewind.units.jit import allocate
from tradewind.units.layout import dtype_of
from tradewind.units.records import PARAMS
from tradewind.units.wire import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "MINUTE_NS",
    "START_NS",
    "Market",
    "Scenario",
    "instrument",
    "make_market",
    "make_world",
    "params_of",
]

MINUTE_NS = 60_000_000_000
START_NS = 1_700_000_000_000_000_000 // MINUTE_NS * MINUTE_NS
_TIERS = (
    Tier(Decimal(2_000), Decimal("0.01"), Decimal(0), Decimal(50)),
    Tier(Decimal(10_000), Decimal("0.025"), Decimal(30), Decimal(20)),
    Tier(None, Decimal("0.05"), Decimal(280), Decimal(10)),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One random session: what trades, how the venue fills, what is switched on."""

    seed: int = 1
    payoffs: Sequence[str] = ("linear",)
    strategies: int = 1
    hedge: bool = False
    shorts: bool = True
    plan: bool = False
    amends: bool = True
    fill_rule: int = FillRule.STRICT
    share: float = 0.1
    slip: float = 0.0
    gap_open: bool = False
    isolated: bool = False
    liquidation_rule: int = LiquidationRule.EACH_OWN_EXTREME
    latency: tuple[int, int, int, int] | None = None
    wake_every_ns: int = 0
    leverage: float = 5.0
    balance: float = 100_000.0
    limit_lot: int = 25
    side_limit_lot: int = 40
    limited: bool = False
    calm: bool = False
    lots: int = 9
    reach_tick: int = 40
    swing_tick: int = 12
    holes: bool = False
    facts: bool = False
    delists: bool = False
    """The first instrument ends at two thirds of the market."""
    relists: bool = False
    """The first instrument has no bars in the middle third; it ends before them and begins again after them."""
    made: bool = False
    """Some bars were made by filling: nothing trades in them."""
    resumes: bool = False
    """An operator resumes whatever stopped trading, every few bars."""
    frames: tuple[int, ...] = ()
    protection: int = Protection.NONE
    """Who watches stops, trailing stops, gains and ages of everything that is held."""
    survives: bool = False
    """Breakers that cool down, an emergency exit, counts of positions, sectors."""


LATENCIES = {
    "a fifth of a second": (100_000_000, 100_000_000, 200_000_000, 1_000_000_000),
    "slow facts": (2_000_000_000, 3_000_000_000, 100_000_000, 1_000_000_000),
    "a bar": (MINUTE_NS, MINUTE_NS, 0, 0),
    "two and a half bars": (MINUTE_NS, MINUTE_NS * 3 // 2, 0, 0),
}
"""Delays of request, answer and feed, and the grace after a bar's open, in ns."""

_EXITS = partial(
    ExitSetup,
    stop_loss=0.004,
    take_profit=0.012,
    trailing=0.006,
    lock_from=0.004,
    lock_back=0.002,
    max_age_ns=40 * MINUTE_NS,
    reopen_ns=7 * MINUTE_NS,
)
_TWO, _ALL = ("linear", "linear"), ("linear", "inverse", "spot")
_POOR = Scenario(
    payoffs=_TWO,
    balance=9.0,
    leverage=50.0,
    swing_tick=60,
    limit_lot=100,
    side_limit_lot=150,
    lots=30,
    resumes=True,
)
_LATE = Scenario(
    payoffs=_TWO, strategies=2, fill_rule=FillRule.VOLUME, latency=LATENCIES["a fifth of a second"]
)

SCENARIOS = {
    "plain": Scenario(),
    "hedged, planned": Scenario(payoffs=("linear",) * 3, hedge=True, plan=True, frames=(5 * MINUTE_NS,)),
    "two strategies netted": Scenario(payoffs=_TWO, strategies=2, plan=True),
    "two strategies hedged, by volume": Scenario(
        payoffs=_TWO, strategies=2, hedge=True, plan=True, fill_rule=FillRule.VOLUME
    ),
    "two strategies netted, by volume": Scenario(
        payoffs=_TWO, strategies=2, fill_rule=FillRule.VOLUME, slip=0.0003
    ),
    "all payoffs": Scenario(payoffs=_ALL, hedge=True, fill_rule=FillRule.TOUCH),
    "all payoffs netted, with holes": Scenario(payoffs=_ALL, strategies=2, holes=True, gap_open=True),
    "long only": Scenario(payoffs=_ALL, shorts=False, fill_rule=FillRule.VOLUME),
    "all limits": Scenario(payoffs=_ALL, strategies=2, limited=True, resumes=True),
    "all facts": Scenario(payoffs=("linear", "spot"), strategies=2, facts=True, holes=True),
    "delisting": Scenario(payoffs=_TWO, strategies=2, delists=True),
    "relisting, made bars": Scenario(payoffs=_TWO, strategies=2, relists=True, made=True),
    "relisting, late": replace(_LATE, relists=True, made=True),
    "no amend": Scenario(payoffs=_TWO, amends=False, fill_rule=FillRule.VOLUME),
    "liquidated": _POOR,
    "liquidated, two strategies": replace(_POOR, strategies=2, balance=18.0),
    "liquidated, isolated": replace(_POOR, payoffs=("linear", "inverse"), hedge=True, isolated=True),
    "liquidated together": replace(_POOR, hedge=True, liquidation_rule=LiquidationRule.TOGETHER),
    "liquidated, late": replace(_POOR, strategies=2, balance=18.0, latency=LATENCIES["a bar"]),
    "decisions every third bar": Scenario(payoffs=_TWO, strategies=2, wake_every_ns=3 * MINUTE_NS),
    "every third bar, late": replace(_LATE, wake_every_ns=3 * MINUTE_NS, amends=False),
    "late, hedged, planned": replace(_LATE, hedge=True, plan=True),
    "late, no amend": replace(_LATE, strategies=1, amends=False),
    "slow facts": replace(_LATE, plan=True, latency=LATENCIES["slow facts"]),
    "a bar late": replace(_LATE, plan=True, latency=LATENCIES["a bar"]),
    "two and a half bars late": replace(
        _LATE, strategies=1, hedge=True, latency=LATENCIES["two and a half bars"]
    ),
    "two and a half bars late, no amend": replace(
        _LATE, amends=False, latency=LATENCIES["two and a half bars"]
    ),
    "watched, netted": Scenario(payoffs=_ALL, strategies=2, protection=Protection.WATCHED, survives=True),
    "resting, hedged, planned": Scenario(
        payoffs=_TWO, hedge=True, plan=True, protection=Protection.RESTING, fill_rule=FillRule.VOLUME
    ),
    "resting, netted, every third bar": Scenario(
        payoffs=_TWO,
        strategies=2,
        protection=Protection.RESTING,
        wake_every_ns=3 * MINUTE_NS,
        survives=True,
    ),
    "resting, late": replace(_LATE, protection=Protection.RESTING, survives=True, facts=True, resumes=True),
    "resting, no amend, liquidated": replace(
        _POOR, protection=Protection.RESTING, amends=False, survives=True, strategies=2, balance=18.0
    ),
    "late, everything": replace(
        _LATE, payoffs=("linear", "inverse"), facts=True, holes=True, limited=True, resumes=True, delists=True
    ),
}
"""What the properties of the engine are tried on."""


@dataclass(frozen=True, slots=True)
class Market:
    """Bars (n, instruments, 5) in ticks and lots, their open times, and everything else in order of receipt."""

    bars: NDArray[np.int64]
    ts: NDArray[np.int64]
    events: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)


def instrument(payoff: str, symbol: str = "BTCUSDT") -> Instrument:
    """Return an instrument of a payoff with round steps and three margin tiers."""
    inverse, spot = payoff == "inverse", payoff == "spot"
    return Instrument(
        symbol=symbol,
        venue="binance_usdm",
        payoff=payoff,  # type: ignore[arg-type]
        base="BTC",
        quote="USDT",
        settle="BTC" if inverse else "USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal(1) if inverse else Decimal("0.01"),
        min_qty=Decimal(1) if inverse else Decimal("0.01"),
        min_notional=Decimal(5),
        contract_size=Decimal(100) if inverse else Decimal(1),
        maker_rate=Decimal("-0.0001") if inverse else Decimal("0.0002"),
        taker_rate=Decimal("0.0005"),
        liquidation_fee_rate=Decimal("0.01"),
        leverage_max=Decimal(50),
        tiers=() if spot else _TIERS,
    )


def params_of(layout: type[ChaosParams], **values: int) -> NDArray[np.float64]:
    """Return a strategy's parameter vector with named integer fields."""
    vector = np.zeros(PARAMS)
    row = vector[: dtype_of(layout).itemsize // 8].view(dtype_of(layout))
    for name, value in values.items():
        row[name] = value
    return vector


def make_world(scenario: Scenario) -> World:
    """Return the world of a scenario: inverse contracts settle in a wallet of their own."""
    wallets = [_wallet(scenario, "USDT", scenario.balance)]
    if "inverse" in scenario.payoffs:
        wallets.append(_wallet(scenario, "BTC", scenario.balance / 1_000))
    instruments = [_setup(scenario, payoff, j) for j, payoff in enumerate(scenario.payoffs)]
    strategies = [_strategy(scenario, g) for g in range(scenario.strategies)]
    limits = _limits() if scenario.limited else _counts() if scenario.survives else None
    return World(wallets, instruments, strategies, limits=limits, venue=_venue(scenario))


def _wallet(scenario: Scenario, currency: str, balance: float) -> WalletSetup:
    breakers = {"loss_day": 0.3, "loss_session": 0.6, "drawdown": 0.5} if scenario.limited else {}
    if scenario.survives:
        breakers = {"loss_streak": 3, "emergency": 0.2, "drawdown": 0.1, "position_loss": 0.15}
    cool_downs = CoolDowns(drawdown_ns=25 * MINUTE_NS, streak_ns=10 * MINUTE_NS, emergency_ns=30 * MINUTE_NS)
    return WalletSetup(currency, balance, cool_downs=cool_downs, **breakers)  # type: ignore[arg-type]


def _setup(scenario: Scenario, payoff: str, j: int) -> InstrumentSetup:
    rules = instrument(payoff, f"S{j}USDT")
    lot = float(rules.lot_size)
    spot_or_long = payoff == "spot" or not scenario.shorts
    limits = {"symbol_limit": 3.0, "price_band": 0.005, "group": 1 + j} if scenario.limited else {}
    setup = InstrumentSetup(
        rules,
        wallet=1 if payoff == "inverse" else 0,
        frames=scenario.frames,
        leverage=1.0 if payoff == "spot" else scenario.leverage,
        hedge=scenario.hedge and not spot_or_long,
        isolated=scenario.isolated and payoff != "spot",
        amends=scenario.amends,
        fill_rule=scenario.fill_rule,
        gap_open=scenario.gap_open,
        slip=scenario.slip,
        share=scenario.share,
        position_limit_qty=scenario.side_limit_lot * lot,
        order_limit_notional=None if not scenario.limited or payoff == "inverse" else 400.0,
        highest_price=1e6,
        sector=1 + j % 2 if scenario.survives else 0,
        **limits,  # type: ignore[arg-type]
    )
    return setup


def _strategy(scenario: Scenario, g: int) -> StrategySetup:
    params = params_of(
        ChaosParams,
        seed=scenario.seed * 7919 + 104_729 * g,
        lots=scenario.lots,
        reach_tick=scenario.reach_tick,
        calm=int(scenario.calm),
    )
    legs = [1] * len(scenario.payoffs) if scenario.limited else ()
    lot = 1.0 if set(scenario.payoffs) == {"inverse"} else 0.01
    return StrategySetup(
        chaos,
        range(len(scenario.payoffs)),
        params,
        plan=chaos_plan if scenario.plan else None,
        plan_params=params,
        holding_limit_qty=scenario.limit_lot * lot,
        leg_groups=legs,
        exits=_EXITS(scenario.protection) if scenario.protection else ExitSetup(),
        streak=4 if scenario.survives else 0,
        cool_ns=15 * MINUTE_NS,
    )


def _counts() -> AccountLimits:
    return AccountLimits(positions=2, sectors={1: SectorLimit(1.5, 1), 2: SectorLimit(0.0, 1)})


def _limits() -> AccountLimits:
    return AccountLimits(
        open_orders=14,
        order_rate=30,
        rate_window_ns=3 * MINUTE_NS,
        leverage=2.0,
        side=1.2,
        total=1.8,
        groups={1: 1.0, 2: 0.8},
        leg_groups={1: LegGroup(500.0, 20 * MINUTE_NS)},
        retry_ns=2 * MINUTE_NS,
    )


def _venue(scenario: Scenario) -> VenueSetup:
    request_ns, answer_ns, feed_ns, grace_ns = scenario.latency or (0, 0, 0, 0)
    return VenueSetup(
        request_ns=request_ns,
        answer_ns=answer_ns,
        feed_ns=feed_ns,
        grace_ns=grace_ns,
        lagged=scenario.latency is not None,
        wake_every_ns=scenario.wake_every_ns,
        liquidation_rule=scenario.liquidation_rule,
    )


# ---------------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class Played:
    """What a session left behind: fills in order, equity (bars, wallets, 3), how many bars were played."""

    fills: np.ndarray
    equity: NDArray[np.int64]
    bars: int


def play(
    world: World,
    market: Market,
    *,
    chunk: int = 0,
    warm_steps: int = 0,
    after: Callable[[], None] = lambda: None,
) -> Played:
    """Run a world over a market in chunks of so many bars (0: whole) and call `after` each.

    Ends early where the wallet is gone.
    """
    steps, at, fills = len(market), 0, []
    equity = np.zeros((steps, len(world.accounts), 3), np.int64)
    while at < steps and not world.venues["bankrupt"][0]:
        stop = min(steps, at + (chunk or steps))
        if at < warm_steps:
            stop = min(stop, warm_steps)
        world.core["warming"] = int(at < warm_steps)
        at = world.advance(market.bars, market.ts, market.events, equity, at, stop)
        fills.append(world.drain().fills)
        after()
    return Played(np.concatenate(fills), equity, at)


# ---------------------------------------------------------------------- markets


def make_market(scenario: Scenario, steps: int) -> Market:
    """Return a market that walks at random, with gaps, quiet bars, marks, funding and, if wanted, other facts."""
    rng = np.random.default_rng(scenario.seed)
    count = len(scenario.payoffs)
    moves = rng.integers(-scenario.swing_tick, scenario.swing_tick + 1, (steps, count))
    moves += np.where(rng.random((steps, count)) < 0.01, rng.integers(-90, 91, (steps, count)), 0)
    close = np.abs(5_000 + np.cumsum(moves, axis=0) - 1_500) + 1_500
    before = np.vstack([np.full((1, count), 5_000), close[:-1]])
    opened = before + rng.integers(-2, 3, (steps, count))
    high = np.maximum(opened, close) + rng.integers(0, 6, (steps, count))
    low = np.minimum(opened, close) - rng.integers(0, 6, (steps, count))
    volume = rng.integers(0, 120, (steps, count))
    bars = np.stack([opened, high, low, close, volume], axis=2).astype(np.int64)
    for j, payoff in enumerate(scenario.payoffs):
        bars[:, j, 4] *= 1_000 if payoff == "spot" else 1
    if scenario.holes:
        bars[rng.random((steps, count)) < 0.05] = 0
    if scenario.delists:
        bars[steps * 2 // 3 + 1 :, 0] = 0
    if scenario.relists:
        bars[steps // 3 + 1 : steps * 2 // 3, 0] = 0
    if scenario.made:
        bars[..., 4] = np.where(rng.random((steps, count)) < 0.1, -1, bars[..., 4])
    ts = START_NS + MINUTE_NS * np.arange(steps, dtype=np.int64)
    return Market(bars, ts, _events(scenario, ts, close, rng))


def _events(
    scenario: Scenario, ts: NDArray[np.int64], close: NDArray[np.int64], rng: np.random.Generator
) -> np.ndarray:
    rows: list[dict[str, float]] = []
    listings = _listings(scenario, len(ts))
    for i, at in enumerate(ts.tolist()):
        j = int(rng.integers(len(scenario.payoffs)))
        here = {
            "instrument": j,
            "wallet": int(scenario.payoffs[j] == "inverse"),
            "recv_ts_ns": at + MINUTE_NS - 1,
        }
        if rng.random() < 0.3:
            rows.append({**here, "kind": FactKind.MARK, "value": close[i, j] + float(rng.normal(0, 6))})
        if i % 97 == 96:
            funded = [k for k, payoff in enumerate(scenario.payoffs) if payoff != "spot"]
            for k in funded:
                wallet = int(scenario.payoffs[k] == "inverse")
                rate = {"kind": FactKind.FUNDING_RATE, "value": float(rng.normal(0, 1e-3))}
                rows.append({**here, **rate, "instrument": k, "wallet": wallet})
        if scenario.facts and rng.random() < 0.15:
            rows.append({**here, **_control(rng)})
        if scenario.resumes and i % 7 == 6:
            rows.append({**here, "kind": FactKind.OPERATOR, "code": OperatorCode.RESUME})
        if i in listings:
            rows.append({**here, "instrument": 0, "wallet": 0, "kind": listings[i]})
    facts = allocate(Fact, len(rows))
    for fact, row in zip(facts, rows, strict=True):
        for name, value in row.items():
            fact[name] = value
        fact["venue_ts_ns"] = fact["recv_ts_ns"]
    return facts


def _listings(scenario: Scenario, steps: int) -> dict[int, int]:
    """Return bar → what happens to the first instrument in it."""
    if scenario.relists:
        return {steps // 3: FactKind.DELISTED, steps * 2 // 3: FactKind.LISTED}
    return {steps * 2 // 3: FactKind.DELISTED} if scenario.delists else {}


def _control(rng: np.random.Generator) -> dict[str, float]:
    """Return one fact that changes what the core may do."""
    some: list[dict[str, float]] = [
        {"kind": FactKind.OPERATOR, "code": OperatorCode.PAUSE},
        {"kind": FactKind.OPERATOR, "code": OperatorCode.FLATTEN},
        {"kind": FactKind.OPERATOR, "code": OperatorCode.LOCK},
        {"kind": FactKind.SETTING, "code": SettingCode.LEVERAGE, "value": float(rng.integers(1, 9))},
        {"kind": FactKind.SETTING, "code": SettingCode.AMENDS, "qty_lot": int(rng.integers(2))},
        {"kind": FactKind.STREAM, "code": StreamCode.STALE},
        {"kind": FactKind.VENUE_STATUS, "code": 1},
        {
            "kind": FactKind.LIMITS,
            "code": 0,
            "qty_lot": int(rng.integers(5, 40)),
            "position_side": int(rng.integers(2)),
        },
        {"kind": FactKind.LIMITS, "code": 3, "qty_lot": int(rng.integers(3, 30))},
        {"kind": FactKind.TRANSFER, "amount": int(rng.integers(-5, 50)) * 100_000_000},
        {
            "kind": FactKind.EXTERNAL_ORDER,
            "qty_lot": int(rng.integers(0, 9)),
            "position_side": int(rng.integers(2)),
        },
        {"kind": FactKind.FEATURE, "code": int(rng.integers(16)), "value": float(rng.normal())},
        {"kind": FactKind.OPEN_INTEREST, "value": 1e6},
        {"kind": FactKind.LIQUIDATION, "side": 1, "value": 3.0},
        {"kind": FactKind.TRADE, "price_tick": 5_000, "qty_lot": 3},
        {"kind": FactKind.BOOK_TOP, "low_tick": 4_999, "high_tick": 5_001, "open_tick": 3, "qty_lot": 4},
        {"kind": FactKind.BOOT, "code": 2},
    ]
    clearing: list[dict[str, float]] = [
        {"kind": FactKind.OPERATOR, "code": OperatorCode.RESUME},
        {"kind": FactKind.OPERATOR, "code": OperatorCode.UNLOCK},
        {"kind": FactKind.STREAM, "code": StreamCode.UP},
        {"kind": FactKind.VENUE_STATUS, "code": 0},
        {"kind": FactKind.LISTED},
    ]
    chosen = clearing if rng.random() < 0.5 else some
    return chosen[int(rng.integers(len(chosen)))]
