"""A judgement of exposure stands until something could change it: inside the calm bands no verdict can."""

from dataclasses import replace

import numpy as np
import pytest

from tradewind.engine.exposure import judge_exposure
from tradewind.engine.wake import mark
from tradewind.engine.world import World
from tradewind.testing.scenarios import SCENARIOS, Played, Scenario, make_market, make_world, play
from tradewind.units.enums import BIG

LIMITED = replace(SCENARIOS["all limits"], strategies=1)
PAYOFFS = {
    "linear": ("linear", "linear", "linear"),
    "inverse": ("inverse", "inverse"),
    "spot": ("spot", "spot"),
    "all": ("linear", "inverse", "spot"),
}


def holding(payoffs: tuple[str, ...], rng: np.random.Generator) -> World:
    """Return a world with random holdings and openers, and equity somewhere around what its limits allow."""
    world = make_world(replace(LIMITED, payoffs=payoffs))
    world.core["now_ns"] = 1
    sides = 1 if "spot" in payoffs else 2
    for k, context in enumerate(world.contexts):
        view = world.views[context["instrument"]]
        view["close"] = rng.integers(500, 50_000)
        for side in range(sides):
            held, opening = rng.integers(0, 1_000, 2) * rng.integers(0, 2, 2) * int(view["lot_step"])
            entry = view["close"] * rng.uniform(0.7, 1.3)
            worth = held * (view["unit"] / entry if view["sense"] < 0 else entry * view["unit"])
            holding = world.contexts["working"]["holding"]
            holding["pos_lot"][k, side], holding["open_lot"][k, side] = held, opening
            holding["cost"][k, side] = int(worth)
            holding["limit_lot"][k, side] = BIG
            view["side_lot"][side] += held + opening
    world.views["side_limit_lot"] = BIG
    world.accounts["balance"] = [int(gross * rng.uniform(0.3, 2.5)) + 1 for gross in worth_of_all(world)]
    return world


def worth_of_all(world: World) -> list[float]:
    """Return the gross notional in each wallet."""
    total = [0.0] * len(world.accounts)
    for view in world.views:
        lots = float(view["side_lot"].sum())
        one = view["unit"] / view["close"] if view["sense"] < 0 else view["unit"] * view["close"]
        total[view["wallet"]] += lots * one
    return total


def judge(world: World) -> bool:
    """Mark the world at its closes and judge it; tell whether anything stands above a limit."""
    mark(world.core[0], world.accounts, world.views, world.contexts)
    judge_exposure(world.core[0], world.accounts, world.views, world.contexts)
    return bool(world.core["breached"][0])


@pytest.mark.parametrize("payoffs", PAYOFFS.values(), ids=PAYOFFS.keys())
def test_no_move_inside_the_bands_lifts_anything_over_a_limit(payoffs: tuple[str, ...]):
    rng = np.random.default_rng(7)
    banded = breached = 0
    for _ in range(1_500):
        world = holding(payoffs, rng)
        if judge(world):
            breached += 1
            continue
        low, high = world.views["calm_low"].copy(), world.views["calm_high"].copy()
        close = world.views["close"].copy()
        low, high = np.maximum(low, 1), np.minimum(high, 100 * close)
        banded += int(np.any(high < 2 * close))
        for corner in range(4):
            ends = rng.integers(0, 2, len(low)) if corner else np.zeros(len(low), int)
            world.views["close"] = np.where(ends == 1, high, low)
            assert not judge(world), f"from {close} to {world.views['close']}"
    assert banded > 200, "too few had anything at the venue that could break a limit"
    assert breached > 100, "limits were too far away"


def test_far_from_every_limit_a_price_may_move_by_a_quarter():
    world = holding(PAYOFFS["linear"], np.random.default_rng(3))
    world.accounts["balance"] = BIG // 4
    assert not judge(world)
    close, low, high = (world.views[name].astype(float) for name in ("close", "calm_low", "calm_high"))
    assert np.all((low < close * 0.76) & (high > close * 1.24))


def played(scenario: Scenario, always: bool) -> tuple[World, Played]:
    """Play one market bar by bar, judging at every batch or only where it may matter."""
    world, market = make_world(scenario), make_market(scenario, 400)

    def judge_again() -> None:
        if always:
            world.core["recheck"] = 1

    return world, play(world, market, chunk=1, after=judge_again)


@pytest.mark.parametrize("plan", [False, True], ids=["decide", "plan"])
def test_judging_at_every_batch_decides_the_same(plan: bool):
    for seed in range(8):
        scenario = replace(
            SCENARIOS["all limits"], plan=plan, balance=20.0, lots=30, limit_lot=100, seed=seed
        )
        (spared, one), (pressed, two) = played(scenario, always=False), played(scenario, always=True)
        assert spared.decisions_hash() == pressed.decisions_hash()
        assert np.array_equal(one.equity, two.equity)
