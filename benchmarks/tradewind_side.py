"""Our side: the engine as every backtest runs it, with the risk gate, fees, margin and the equity curve on.

A run includes making the world, all bars, and taking the fills out; loading the data and compiling do not count, as
for the peer.
"""

from __future__ import annotations

import multiprocessing
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import works
from market import SYMBOLS, load
from worker import serve

from tradewind.engine.setup import AccountLimits, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import ROWS, World
from tradewind.market import Instrument
from tradewind.strategies.load import load_strategy
from tradewind.units.jit import allocate
from tradewind.units.layout import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.strategies.load import CompiledStrategy

STRATEGIES = Path(__file__).parent / "strategies"
LIMITS = AccountLimits(open_orders=500, order_rate=100_000, leverage=5.0, total=5.0)
"""The gate is on: each request is measured against all of them."""


def columns(
    data: Path, symbols: Sequence[int], bars: int | None = None
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return bars (n, symbols, 5) in ticks and lots, open times in ns, and the ticks."""
    found = [load(data, symbol) for symbol in symbols]
    ticks = [float(one["tick"]) for one in found]
    table = np.empty((len(found[0]["ts"][:bars]), len(found), 5), np.int64)
    for column, (one, tick) in enumerate(zip(found, ticks, strict=True)):
        for field, name in enumerate(("open", "high", "low", "close")):
            table[:, column, field] = np.rint(one[name][:bars] / tick)
        table[:, column, 4] = np.rint(one["volume"][:bars] / works.LOT)
    return table, found[0]["ts"][:bars] * 1_000_000, ticks


def instrument(symbol: int, tick: float) -> InstrumentSetup:
    """Return a linear perpetual with the terms that both sides share."""
    lot, fee = Decimal(str(works.LOT)), Decimal(str(works.FEE))
    rules = Instrument(
        venue="generated", symbol=f"S{symbol:02d}USDT", payoff="linear", base=f"S{symbol:02d}", quote="USDT",
        settle="USDT", tick_size=Decimal(f"{tick:.10g}"), lot_size=lot, min_qty=lot, maker_rate=fee, taker_rate=fee,
        leverage_max=Decimal(10),
    )  # fmt: skip
    # A bound for overflow only: a thousand times the largest price that six digits of this tick can write.
    return InstrumentSetup(rules, fill_rule=FillRule.TOUCH, gap_open=True, highest_price=tick * 1e9)


class Run:
    """One strategy on some symbols, ready to be run again and again."""

    def __init__(self, strategy: CompiledStrategy, params: dict[str, object], cash: float, market) -> None:
        self.bars, self.ts, ticks = market
        self.instruments = [instrument(symbol, tick) for symbol, tick in enumerate(ticks)]
        self.wallets = [WalletSetup("USDT", cash)]
        vector = strategy.params_vector(params)
        self.setups = [
            StrategySetup(strategy.decide, range(len(ticks)), vector, strategy.plan, strategy.scan)
        ]
        self.events = allocate(ROWS["events"], 0)

    def __call__(self) -> dict[str, np.ndarray]:
        """Make a world and run all bars in it."""
        return self.play(self.world())

    def world(self) -> World:
        """Return a world at its first bar."""
        return World(self.wallets, self.instruments, self.setups, LIMITS)

    def play(self, world: World) -> dict[str, np.ndarray]:
        """Run all bars; return the fills and the final equity."""
        equity = np.empty((len(self.ts), 1, 3), np.int64)
        fills, at = [], 0
        while at < len(self.ts):
            at = world.advance(self.bars, self.ts, self.events, equity, at, len(self.ts))
            fills.append(world.drain().fills)
        return self.result(world, joined(fills), equity)

    def result(self, world: World, rows: np.ndarray, equity: np.ndarray) -> dict[str, np.ndarray]:
        """Return the fills in the units of the market, ordered by bar and symbol."""
        ticks = world.views["tick"][rows["instrument"]]
        return {
            "bar": (rows["ts_ns"] - self.ts[0]) // 60_000_000_000,
            "symbol": rows["instrument"],
            "quantity": rows["side"] * rows["qty_lot"] * works.LOT,
            "price": rows["price_tick"] * ticks,
            "final": equity[-1:, 0, 1] / self.wallets[0].scale,
        }


def cross(data: Path, params: dict[str, object], cash: float, symbols: Sequence[int]) -> Run:
    return Run(load_strategy(STRATEGIES / "cross.py"), params, cash, columns(data, symbols))


LENGTHS = {"fast_period": works.FAST, "slow_period": works.SLOW}
LADDER = {
    "step": works.STEP,
    "profit": works.TAKE_PROFIT,
    "re_entries": works.RE_ENTRIES,
    "quantity": works.QUANTITY,
}


def w1(data: Path) -> Run:
    return cross(data, {**LENGTHS, "quantity": works.QUANTITY}, works.CASH, [0])


def w2(data: Path) -> Run:
    return cross(data, {**LENGTHS, "stake": works.STAKE * 1e8}, works.SHARED_CASH, range(SYMBOLS))


def w3(data: Path, sleeps: int = 0) -> Run:
    strategy = load_strategy(STRATEGIES / "ladder.py")
    return Run(strategy, {**LADDER, "sleeps": sleeps}, works.CASH, columns(data, [0]))


_RUNS: list[Run] = []


def _sweep_part(first: int) -> np.ndarray:
    return np.concatenate([_RUNS[at]()["final"] for at in range(first, min(first + 25, len(_RUNS)))])


def w4(data: Path) -> Callable[[], dict[str, np.ndarray]]:
    strategy, market = load_strategy(STRATEGIES / "cross.py"), columns(data, [0])
    for fast, slow in zip(works.FAST_SET.tolist(), works.SLOW_SET.tolist(), strict=True):
        params = {"fast_period": fast, "slow_period": slow, "quantity": works.QUANTITY}
        _RUNS.append(Run(strategy, params, works.CASH, market))
    _RUNS[0]()
    pool = multiprocessing.get_context("fork").Pool(2)
    return lambda: {"final": np.concatenate(pool.map(_sweep_part, range(0, len(_RUNS), 25), chunksize=1))}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    serve({
        "W1": lambda: w1(folder), "W2": lambda: w2(folder), "W3": lambda: w3(folder), "W4": lambda: w4(folder),
        "W3 asleep": lambda: w3(folder, sleeps=1),
    })  # fmt: skip
