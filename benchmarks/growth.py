"""Measure whether a bar costs the same from 10,000 bars to 10 million, and from one symbol to a hundred."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import numpy as np
import works
from market import SYMBOLS
from table import Row
from tradewind_side import LENGTHS, STRATEGIES, Run, columns

from tradewind.strategies.load import load_strategy

if TYPE_CHECKING:
    from pathlib import Path

BAR_COUNTS = (10_000, 100_000, 1_000_000, 10_000_000)
SYMBOL_COUNTS = (1, 5, 20, 100)
BARS_OF_MANY = 50_000


def longer(bars: np.ndarray, count: int) -> np.ndarray:
    """Return `count` bars: the market forwards, then backwards, and so on, so that no price jumps."""
    back = bars[::-1, :, [3, 1, 2, 0, 4]]
    whole = np.concatenate([bars, back])
    return np.ascontiguousarray(np.tile(whole, (-(-count // len(whole)), 1, 1))[:count])


def cost(run: Run, rounds: int) -> float:
    """Return CPU seconds of all bars, the best of several runs; making the world is a fixed few milliseconds."""
    run()
    spent = []
    for _ in range(rounds):
        world = run.world()
        began = time.process_time()
        run.play(world)
        spent.append(time.process_time() - began)
    return min(spent)


def rows(data: Path) -> list[Row]:
    """Measure growth in bars and in symbols; the peer is ourselves at the smallest size."""
    strategy = load_strategy(STRATEGIES / "cross.py")
    params = {**LENGTHS, "quantity": works.QUANTITY}
    found: list[Row] = []
    bars, _, ticks = columns(data, [0])
    first = 0.0
    for count in BAR_COUNTS:
        ts = 1_704_067_200_000_000_000 + 60_000_000_000 * np.arange(count, dtype=np.int64)
        run = Run(strategy, params, works.CASH, (longer(bars, count), ts, ticks))
        each = cost(run, 9 if count < 1_000_000 else 3) / count * 1e9
        first = first or each
        memory = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most so far"
        note = f"64 bytes a bar are data and equity curve; {memory}"
        found.append(
            Row.of(f"{count:,} bars, 1 symbol", "ourselves, 10,000 bars", each, first, "ns a bar, CPU", note)
        )
        print(f"{count:,} bars: {each:.1f} ns", flush=True)
    first = 0.0
    for count in SYMBOL_COUNTS:
        market = columns(data, [symbol % SYMBOLS for symbol in range(count)], BARS_OF_MANY)
        run = Run(strategy, {**LENGTHS, "stake": works.STAKE * 1e8}, 10 * works.SHARED_CASH, market)
        each = cost(run, 5) / (count * BARS_OF_MANY) * 1e9
        first = first or each
        note = f"{BARS_OF_MANY:,} bars of each"
        found.append(
            Row.of(f"{count} symbols", "ourselves, 1 symbol", each, first, "ns a symbol-bar, CPU", note)
        )
        print(f"{count} symbols: {each:.1f} ns", flush=True)
    return found
