"""What the core skips to be fast changes no bit: the band of safe margin, looking ahead, and amends."""

from dataclasses import replace

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE, SCAN
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.testing.chaos import blank
from tradewind.testing.scenarios import SCENARIOS, Market, Scenario, instrument, make_market, make_world, play
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import LiquidationRule, Verdict
from tradewind.units.jit import kernel, overlay
from tradewind.units.layout import Layout
from tradewind.units.records import MEMORY, PARAMS, Account, Intents, Memory, Params, View, Working

POOR = SCENARIOS["liquidated"]
POORLY = {
    "one-way": POOR,
    "hedged": replace(POOR, hedge=True),
    "together": replace(POOR, hedge=True, liquidation_rule=LiquidationRule.TOGETHER),
    "with holes": replace(POOR, payoffs=("linear",) * 3, holes=True, balance=14.0),
    "beside spot": replace(POOR, payoffs=("linear", "spot", "linear"), balance=18.0),
    "inverse": replace(POOR, payoffs=("inverse", "linear")),
    "with facts": replace(POOR, facts=True, balance=15.0),
}


@pytest.mark.parametrize("scenario", POORLY.values(), ids=POORLY.keys())
def test_the_band_of_safe_margin_changes_no_bit(scenario: Scenario):
    liquidations = 0
    for seed in range(12):
        market = make_market(replace(scenario, seed=seed), 150)
        banded, judged = (make_world(replace(scenario, seed=seed)) for _ in range(2))
        first = play(banded, market, chunk=1)
        judged.venues["judge"] = 1

        def judge_next(world: World = judged) -> None:
            world.venues["judge"] = 1

        second = play(judged, market, chunk=1, after=judge_next)
        assert first.fills.tobytes() == second.fills.tobytes(), seed
        assert first.equity.tobytes() == second.equity.tobytes(), seed
        assert banded.state_hash() == judged.state_hash(), seed
        liquidations += int(banded.venue_wallets["liquidations"].sum())
    assert liquidations > 0


# ---------------------------------------------------------------------- looking ahead


class _Seen(Layout):
    held: int
    asked: int


_seen = overlay(_Seen, MEMORY)


@kernel(sig=DECIDE, checked=True)
def sparse(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Buy at closes that 37 divides, sell at those that 11 divides."""
    seen = _seen(memory)
    seen.held = working.holding[0].pos_lot
    seen.asked += 1
    wanted = seen.held
    if seen.held == 0 and view.close % 37 == 0:
        wanted = 5
    if seen.held and view.close % 11 == 0:
        wanted = 0
    row = blank(intents, 0)
    row.kind = 1
    row.qty_lot = wanted
    return Verdict.SET


@kernel(sig=SCAN)
def sparse_scan(
    view: View, params: Params, memory: Memory, bars: np.ndarray, column: int, start: int, stop: int
) -> int:
    """Return the next bar at whose close something may be wanted."""
    if _seen(memory).held:
        return start
    at = start
    while at < stop and bars[at, column, 3] % 37:
        at += 1
    return at


@pytest.mark.parametrize("chunk", [0, 53])
def test_looking_ahead_changes_no_bit_and_asks_less(chunk: int):
    market = make_market(Scenario(payoffs=("linear", "linear"), holes=True), 3_000)
    found = []
    for scan in (None, sparse_scan):
        setups = [
            InstrumentSetup(instrument("linear", f"S{j}"), fill_rule=FillRule.TOUCH, highest_price=1e6)
            for j in (0, 1)
        ]
        strategy = StrategySetup(sparse, (0, 1), np.zeros(PARAMS), scan=scan)
        world = World([WalletSetup("USDT", 10_000.0)], setups, [strategy])
        played = play(world, market, chunk=chunk)
        asked = world.contexts["memory"]["v"][:, 1].view(np.int64).sum()
        found.append(
            (
                played.fills.tobytes(),
                played.equity.tobytes(),
                world.decisions_hash(),
                int(asked),
                len(played.fills),
            )
        )
    assert found[0][:3] == found[1][:3]
    assert found[0][4] > 30
    assert found[1][3] < found[0][3] * 0.7


# ---------------------------------------------------------------------- amend and cancel + new


@pytest.mark.parametrize("seed", range(5))
def test_amend_and_cancel_with_new_trade_the_same(seed: int):
    """A ladder with a profit and a stop for all that is held: a venue without amend gives the same fills and money."""
    results = []
    for amends in (True, False):
        world, feed = small_world(seed=seed, amends=amends), walk(1_500, seed=seed)
        market = Market(feed.bars, feed.ts, feed.events)
        fills = play(world, market).fills
        columns = (
            "ts_ns",
            "price_tick",
            "qty_lot",
            "side",
            "position_side",
            "fee",
            "realised",
            "role",
            "tag",
        )
        rows = [tuple(int(fill[name]) for name in columns) for fill in fills]
        results.append((rows, world.accounts.tobytes(), int(world.core["requests"][0])))
    assert len(results[0][0]) > 50
    assert results[0][:2] == results[1][:2]
    assert results[0][2] < results[1][2]
