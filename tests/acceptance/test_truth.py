"""No rule beats a martingale: every shipped strategy on seeded markets without expectation, costs off.

The result is marked to market, open positions included. A strategy that fills at prices it could not have had, sees the
future or counts money twice earns here; none may, beyond what chance explains.
"""

import math
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest

from tradewind.market import Bars, Funding, Grid, Instrument, align, generate_market, martingale
from tradewind.research.drive import drive
from tradewind.research.facts import gather_facts
from tradewind.research.history import Episode, Histories, History
from tradewind.research.resolve import Part, Resolved
from tradewind.research.worlds import build_world
from tradewind.strategies.exposures import exposures_from_table
from tradewind.strategies.registry import list_strategies, load_named
from tradewind.testing.desks import backtest_of
from tradewind.units.time import HOUR_NS

SEEDS = 200
BARS = 500
T_MAX = 3.0
FREE = {
    **{"funding": "none", "slippage_bps": 0.0, "spread_bps": 0.0},
    **{"maker_rate": 0.0, "taker_rate": 0.0, "liquidation_fee_rate": 0.0},
}


@dataclass(frozen=True)
class Rule:
    """A shipped strategy with parameters that make it trade in a short market."""

    coins: int = 1
    params: dict | None = None
    leverage: float = 1.0


RULES = {
    "buy_and_hold": Rule(),
    "ema_cross": Rule(params={"fast_period": 3, "slow_period": 12, "size_pct": 90.0, "shorts": True}),
    "donchian_breakout": Rule(leverage=3.0),
    "mean_reversion": Rule(params={"period": 24, "size_pct": 90.0, "entry_width": 1.0, "shorts": True}),
    "dca_grid": Rule(leverage=3.0),
    "xs_momentum": Rule(coins=4, params={"lookback": 12, "every_hours": 6, "holdings": 1, "shorts": True}),
    "funding_carry": Rule(coins=1, params={"settlements": 2, "enter_pct": 5.0}, leverage=2.0),
    "target_table": Rule(),
}


def test_every_shipped_strategy_is_held_to_the_truth():
    assert sorted(each.name for each in list_strategies()[0]) == sorted(RULES)


@pytest.mark.parametrize("name", RULES)
def test_no_shipped_strategy_beats_a_martingale(name):
    results, traded = _results(name)
    assert traded > SEEDS * 0.9, "a strategy that does not trade proves nothing"
    t = float(np.mean(results) / np.std(results, ddof=1) * math.sqrt(SEEDS))
    is_limit = load_named(name).kind == "limit"
    assert t < T_MAX, (
        f"{name} earns {np.mean(results):+.4%} a market where nothing can be earned, t = {t:.2f}"
    )
    # A resting order is filled when the price goes through it, which is when it is worth least: limits may lose.
    assert is_limit or t > -T_MAX, f"{name} loses {np.mean(results):+.4%} where nothing is lost, t = {t:.2f}"


def _results(name: str) -> tuple[np.ndarray, int]:
    """Return the result of each market as a ratio of the capital, and in how many of them anything was traded."""
    rule, code = RULES[name], load_named(name)
    results, traded = [], 0
    for seed in range(SEEDS):
        resolved, histories = _market(name, rule, code, seed)
        features = {"exposure": _table(resolved, seed)} if name == "target_table" else None
        world = build_world(resolved, histories)
        driven = drive(world, histories, gather_facts(resolved, histories, features), keep=False)
        assert driven.bars_run == BARS or driven.bankrupt
        results.append(driven.equity[driven.bars_run - 1, 0, 1] / world.accounts["start"][0] - 1.0)
        traded += int(world.core["fills"][0] > 0)
    return np.array(results), traded


def _market(name: str, rule: Rule, code: object, seed: int) -> tuple[Resolved, Histories]:
    spec = martingale(10_000 + seed, BARS, interval_ns=HOUR_NS, coins=rule.coins, start_ns=400_000 * HOUR_NS)
    market = generate_market(spec)
    symbols = [coin.symbol for coin in spec.coins]
    params = rule.params or {}
    config = backtest_of(spec, name, costs=FREE, params=params, account={"leverage": rule.leverage})
    histories = [_history(market.instruments[s], market.bars[s], symbol=s) for s in symbols]
    if name == "funding_carry":
        spot = replace(market.instruments[symbols[0]], payoff="spot", tiers=(), funding_interval_ns=0)
        histories = [_history(spot, market.bars[symbols[0]], symbol="spot"), _paying(histories[0], seed)]
    labels = tuple(history.label for history in histories)
    part = Part(name, code, params, tuple(range(len(histories))), 0)
    resolved = Resolved(config, (part,), labels, tuple(history.instrument for history in histories))
    aligned = align([history.bars for history in histories])
    return resolved, Histories(tuple(histories), aligned, 0, (), ())


def _history(instrument: Instrument, bars: Bars, symbol: str) -> History:
    free = replace(
        instrument,
        maker_rate=Decimal(0),
        taker_rate=Decimal(0),
        liquidation_fee_rate=Decimal(0),
        listed_ns=None,
    )
    life = (Episode(int(bars.ts_ns[0]), int(bars.end_ns[-1]), False),)
    none = np.zeros(len(bars), bool)
    grid = Grid(instrument.tick_size, 1, 0)
    return History(symbol, free, grid, bars, none, life, Funding.empty(), np.empty(0), None, None)


def _paying(history: History, seed: int) -> History:
    """Return a perpetual whose funding cannot be foreseen: settlements without memory and without mean."""
    bars = history.bars
    due = bars.end_ns[bars.end_ns % (8 * HOUR_NS) == 0]
    rates = np.random.default_rng(seed).normal(0.0, 2e-4, len(due))
    price = bars.close[np.searchsorted(bars.end_ns, due)]
    return replace(history, funding=Funding(due, rates, price), settled_price=price)


def _table(resolved: Resolved, seed: int):
    """Return exposures that know nothing."""
    times = np.arange(0, BARS, 7) * HOUR_NS + 400_000 * HOUR_NS
    exposure = np.random.default_rng(seed).uniform(-0.9, 0.9, len(times))
    return exposures_from_table(
        {"known_ns": times, "symbol": np.array(resolved.labels * len(times)), "exposure": exposure}
    )
