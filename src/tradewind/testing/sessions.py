"""Small worlds, markets and a restless strategy, to try sessions and venues on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import AccountLimits, InstrumentSetup, StrategySetup, VenueSetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.market import Instrument
from tradewind.units.enums import ALL, FactKind, IntentKind, Verdict
from tradewind.units.jit import allocate, kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working
from tradewind.units.wire import Fact
from tradewind.venues.simulated.feed import ReplayFeed

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE_NS = 60_000_000_000
START_NS = 1_700_000_000_000_000_000 // MINUTE_NS * MINUTE_NS


@kernel
def want(intents: Intents, kind: int, slot: int, reduce: int, price_tick: int, qty_lot: int) -> None:
    """Append one row with every field that is not given zero."""
    row = intents.row[intents.n]
    intents.n += 1
    row.kind = kind
    row.slot = slot
    row.position_side = 0
    row.reduce = reduce
    row.price_tick = price_tick
    row.qty_lot = qty_lot
    row.tolerance_lot = 0
    row.tolerance_tick = 0
    row.post_only = 0
    row.deadline_ns = 0
    row.epoch = 0
    row.trail_tick = 0
    row.trigger = 0
    row.show_lot = 0
    row.group = 0
    row.tag = slot + 1
    row.exact_price = 0.0
    row.exact_qty = 0.0


@kernel(sig=DECIDE, checked=True)
def restless(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a ladder that moves every few bars, and for what is held a profit and a stop."""
    phase = view.bars // 3
    noise = (phase * 1103515245 + 12345 + int(params.v[1]) * 7919) & 0x7FFFFFFF
    epoch = working.holding[0].trips + phase // 2
    for level in range(3):
        price_tick = view.close - 2 - level * 4 - (noise >> (4 + level)) % 5
        qty_lot = int(params.v[0]) * (1 + (noise >> level) % 3)
        want(intents, IntentKind.REST, level, 0, price_tick, qty_lot)
        intents.row[level].epoch = epoch
    if working.holding[0].pos_lot:
        entry_tick = working.holding[0].last_tick + noise % 3
        want(intents, IntentKind.REST, 10, 1, entry_tick + 9, ALL)
        want(intents, IntentKind.STOP, 11, 1, entry_tick - 25, ALL)
    intents.signal[0] = float(noise)
    intents.signal[1] = float(phase)
    return Verdict.SET


@kernel(sig=DECIDE, checked=True)
def drifting(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a ladder that moves every few bars, and for what is held a profit; its stops are the core's."""
    phase = view.bars // 3
    noise = (phase * 1103515245 + 12345 + int(params.v[1]) * 7919) & 0x7FFFFFFF
    for level in range(3):
        price_tick = view.close - 2 - level * 40 - (noise >> (4 + level)) % 5
        qty_lot = int(params.v[0]) * (1 + (noise >> level) % 3)
        want(intents, IntentKind.REST, level, 0, price_tick, qty_lot)
        intents.row[level].epoch = phase
    if working.holding[0].pos_lot:
        want(intents, IntentKind.REST, 10, 1, working.holding[0].last_tick + 60 + noise % 90, ALL)
    intents.signal[0] = float(noise)
    return Verdict.SET


def linear(symbol: str = "BTCUSDT") -> Instrument:
    """Return a linear perpetual with round steps."""
    return Instrument(
        symbol=symbol,
        venue="binance_usdm",
        payoff="linear",
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        min_notional=Decimal(5),
        maker_rate=Decimal("0.0002"),
        taker_rate=Decimal("0.0005"),
    )


def small_world(
    symbols: int = 1,
    seed: int = 1,
    venue: VenueSetup | None = None,
    *,
    amends: bool = True,
    limits: AccountLimits | None = None,
) -> World:
    """Return a world in which `restless` trades each symbol."""
    params = np.zeros(PARAMS)
    params[:2] = 40.0, float(seed)
    setups = [_setup(f"S{j}USDT", amends=amends) for j in range(symbols)]
    strategy = StrategySetup(restless, range(symbols), params)
    return World([WalletSetup("USDT", 10_000.0)], setups, [strategy], limits=limits, venue=venue)


def _setup(symbol: str, *, amends: bool) -> InstrumentSetup:
    return InstrumentSetup(
        linear(symbol), leverage=5.0, amends=amends, fill_rule=FillRule.TOUCH, slip=0.0002, highest_price=1e6
    )


def walk(steps: int, symbols: int = 1, seed: int = 1, *, funding_every: int = 60) -> ReplayFeed:
    """Return a market that walks at random, with settlements of funding."""
    rng = np.random.default_rng(seed)
    close = 5_000 + np.cumsum(rng.integers(-6, 7, (steps, symbols)), axis=0)
    opened = np.vstack([np.full((1, symbols), 5_000), close[:-1]])
    high = np.maximum(opened, close) + rng.integers(0, 5, (steps, symbols))
    low = np.minimum(opened, close) - rng.integers(0, 5, (steps, symbols))
    volume = rng.integers(1_000, 9_000, (steps, symbols))
    bars = np.stack([opened, high, low, close, volume], axis=2).astype(np.int64)
    ts = START_NS + MINUTE_NS * np.arange(steps, dtype=np.int64)
    return ReplayFeed(bars, ts, _funding(ts, symbols, funding_every, rng), MINUTE_NS)


def _funding(ts: NDArray[np.int64], symbols: int, every: int, rng: np.random.Generator) -> np.ndarray:
    at = ts[every::every] if every else ts[:0]
    rows = allocate(Fact, len(at) * symbols)
    rows["kind"] = FactKind.FUNDING_RATE
    rows["venue_ts_ns"] = rows["recv_ts_ns"] = np.repeat(at, symbols)
    rows["instrument"] = np.tile(np.arange(symbols), len(at))
    rows["value"] = rng.normal(0, 1e-4, len(rows))
    return rows
