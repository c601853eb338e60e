"""Whatever strategies wish for, what the core promises holds after every batch, and `run` equals `step` bit for bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewind.engine.world import World
from tradewind.testing.invariants import Invariants
from tradewind.testing.scenarios import SCENARIOS, Market, Scenario, make_market, make_world, play
from tradewind.testing.stepping import SteppedSession
from tradewind.units.enums import OrderState, RequestKind

REQUESTS = 210_000 // len(SCENARIOS)
"""Asked for in each scenario, so that all of them together pass 200,000."""
PARTS = (
    "core",
    "accounts",
    "views",
    "contexts",
    "strategies",
    "venue_instruments",
    "venue_wallets",
    "venue_contexts",
)

named = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())


def wish_until(scenario: Scenario, requests: int, steps: int) -> int:
    """Play sessions with new seeds, every batch checked, until so many requests; return the liquidations."""
    made, liquidations, seed = 0, 0, scenario.seed
    while made < requests:
        world = make_world(replace(scenario, seed=seed))
        market = make_market(replace(scenario, seed=seed), steps)
        try:
            play(world, market, chunk=1, after=Invariants(world).check)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}, bar {world.views['bars'].max()}: {broken}") from broken
        made += int(world.core["requests"][0])
        liquidations += int(world.venue_wallets["liquidations"].sum())
        seed += 1
    return liquidations


@named
def test_wishes_at_random_break_no_promise(scenario: Scenario):
    liquidations = wish_until(scenario, REQUESTS, steps=400)
    assert liquidations > 2 or scenario.balance > 1_000, "a poor account must have met its end"


@pytest.mark.soak
@named
def test_millions_of_wishes_break_no_promise(scenario: Scenario):
    wish_until(replace(scenario, seed=1_000), 3_000_000 // len(SCENARIOS), steps=2_000)


def differences(here: np.ndarray, there: np.ndarray, path: str) -> list[str]:
    """Name the fields in which two arrays of records differ."""
    if here.dtype.names:
        return [
            line
            for name in here.dtype.names
            for line in differences(here[name], there[name], f"{path}.{name}")
        ]
    at = np.argwhere(here != there)
    return [f"{path}{at[0].tolist()}: {here[tuple(at[0])]} != {there[tuple(at[0])]}"] if len(at) else []


def assert_step_equals_run(scenario: Scenario, steps: int, warm_steps: int) -> None:
    market = make_market(scenario, steps)
    ran, stepped = make_world(scenario), make_world(scenario)
    played = play(ran, market, warm_steps=warm_steps)
    session = SteppedSession(stepped, market, warm_steps)
    session.play(0, played.bars)
    ran.core["warming"] = 0
    unlike = [
        line for part in PARTS for line in differences(getattr(ran, part), getattr(stepped, part), part)
    ]
    assert not unlike, unlike[:9]
    assert all(getattr(ran, part).tobytes() == getattr(stepped, part).tobytes() for part in PARTS)
    assert len(played.fills) > 0
    assert played.fills.tobytes() == session.all_fills.tobytes()
    assert ran.decisions_hash() == stepped.decisions_hash()


class _Stamped(SteppedSession):
    """Notes when the last request about each order was made."""

    def __init__(self, world: World, market: Market) -> None:
        super().__init__(world, market)
        self.asked_ns: dict[int, int] = {}
        self.seen = set()

    def _wake(self, code: int, now_ns: int) -> list[Any]:
        asked = super()._wake(code, now_ns)
        for request in asked:
            self.asked_ns[int(request["cid"])] = now_ns
            self.seen.add(int(request["kind"]))
        return asked


@pytest.mark.parametrize("name", ["plain", "no amend", "late, hedged, planned", "two and a half bars late"])
def test_every_request_stamps_its_order_with_its_time(name: str):
    scenario = SCENARIOS[name]
    world = make_world(scenario)
    session = _Stamped(world, make_market(scenario, 120))
    in_flight = 0
    for i in range(120):
        session.play(i, i + 1)
        orders = world.contexts["working"]["order"]
        for order in orders[orders["state"] != OrderState.FREE]:
            assert order["asked_ns"] == session.asked_ns[int(order["cid"])]
            in_flight += int(order["asked_ns"] > order["sent_ns"])
    assert session.seen >= {RequestKind.NEW, RequestKind.CANCEL}
    assert in_flight > 20 or not scenario.amends or scenario.latency is None


@named
def test_step_equals_run_bit_for_bit(scenario: Scenario):
    assert_step_equals_run(replace(scenario, seed=5), steps=250, warm_steps=7)


@pytest.mark.soak
@named
@pytest.mark.parametrize("seed", range(100, 104))
def test_step_equals_run_bit_for_bit_for_long(scenario: Scenario, seed: int):
    assert_step_equals_run(replace(scenario, seed=seed), steps=3_000, warm_steps=11)
