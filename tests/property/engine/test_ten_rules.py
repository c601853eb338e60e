"""The ten rules of the design, one property each, by number."""

import os
import random
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.engine.attempts import propose_attempt
from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import SCENARIOS, Market, Scenario, make_market, make_world, play
from tradewind.testing.stepping import SteppedSession
from tradewind.units.enums import (
    ALL,
    AttemptState,
    FactKind,
    IntentKind,
    OrderState,
    RequestKind,
    Rule,
    Verdict,
    WakeCode,
)
from tradewind.units.records import ATTEMPTS, View

MIXED = replace(SCENARIOS["all payoffs netted, with holes"], calm=True)
LATE = SCENARIOS["late, hedged, planned"]
FEW = settings(max_examples=25)


# ---------------------------------------------------------------------- what a puppet may want


def intents_of(draw: st.DrawFn) -> list[dict]:
    """Draw a set of intents: any kinds, each slot at most once."""
    slots = draw(st.lists(st.integers(0, 9), unique=True, max_size=6))
    rows = []
    for slot in slots:
        reduce = draw(st.integers(0, 1))
        kind = draw(st.sampled_from(IntentKind)) if not reduce else draw(st.sampled_from([0, 2]))
        qty = draw(st.integers(0, 9)) if not reduce else draw(st.sampled_from([ALL, 1, 4]))
        price = draw(st.integers(4_900, 5_100)) if kind != IntentKind.TARGET else 0
        side = draw(st.integers(0, 1))
        rows.append(
            {
                "slot": slot,
                "kind": kind,
                "reduce": reduce,
                "qty_lot": qty,
                "price_tick": price,
                "position_side": side,
            }
        )
    return rows


wishes = st.composite(intents_of)()


def busy_desk(first: list[dict]) -> Desk:
    """Return a desk with a holding on each side and these intents working."""
    desk = Desk(hedge=True)
    desk.bar(5_000)
    desk.want(
        {"slot": 20, "price_tick": 4_990, "qty_lot": 9},
        {"slot": 21, "price_tick": 5_010, "qty_lot": 9, "position_side": 1},
    )
    desk.settle()
    desk.fill(20, 9, 4_990)
    desk.fill(21, 9, 5_010)
    desk.want(*first)
    desk.settle()
    return desk


def working(desk: Desk) -> np.ndarray:
    orders = desk.world.contexts["working"]["order"][0]
    return orders[orders["state"] == OrderState.LIVE]


# ---------------------------------------------------------------------- the rules


class _Watched(SteppedSession):
    """Plays the bars of a batch in another order, and holds that nothing but a WAKE asks for anything."""

    turn = 0

    def _tell_bars(self, i: int, open_ns: int, close_ns: int) -> None:
        order = np.roll(np.arange(len(self.world.views)), self.turn).tolist()
        kept = self.market.bars[i].copy()
        for j in order:
            alone = np.zeros_like(kept)
            alone[j] = kept[j]
            self.market.bars[i] = alone
            super()._tell_bars(i, open_ns, close_ns)
        self.market.bars[i] = kept

    def _step(self) -> None:
        super()._step()
        assert self._fact["kind"][0] == FactKind.WAKE or self.world.box["requests"][0] == 0


@FEW
@given(seed=st.integers(1, 10**6), turn=st.integers(1, 2))
def test_rule_1_everyone_decides_with_the_same_knowledge_at_the_end_of_a_batch(seed: int, turn: int):
    scenario = replace(MIXED, seed=seed)
    market = make_market(scenario, 12)
    one, other = SteppedSession(make_world(scenario), market), _Watched(make_world(scenario), market)
    other.turn = turn
    one.play(0, 12)
    other.play(0, 12)
    assert one.world.state_hash() == other.world.state_hash()


@FEW
@given(first=wishes, second=wishes)
def test_rule_2_hold_changes_nothing_pull_cancels_openers_set_is_the_whole_set(first: list, second: list):
    desk = busy_desk(first)
    live = working(desk).copy()
    desk.want(*second, verdict=Verdict.HOLD)
    desk.want(verdict=Verdict.HOLD)
    assert desk.wake() == []
    desk.want(verdict=Verdict.PULL)
    pulled = desk.wake()
    openers = set(live["cid"][live["reduce"] == 0].tolist())
    assert {int(r["cid"]) for r in pulled} == openers
    assert all(r["kind"] == RequestKind.CANCEL for r in pulled)

    desk = busy_desk(first)
    live = working(desk).copy()
    desk.want(*second)
    asked = desk.wake()
    cancelled = {int(r["slot"]) for r in asked if r["kind"] == RequestKind.CANCEL}
    mentioned = {row["slot"] for row in second}
    assert {int(order["cid"]) & 0xFF for order in live} - mentioned <= cancelled
    assert desk.wake() == [], "asked again with the same knowledge, nothing is asked of what is under way"


@FEW
@given(seed=st.integers(1, 10**6))
def test_rule_2_decide_and_plan_may_be_called_twice(seed: int):
    """A second call at the same time leaves the same memory and intents, and `plan` never writes what `decide` said."""
    scenario = replace(SCENARIOS["hedged, planned"], calm=True, seed=seed)
    session = SteppedSession(make_world(scenario), make_market(scenario, 9))
    session.play(0, 9)
    world = session.world
    said = world.contexts["intents"].copy(), world.contexts["memory"].copy()
    session._wake(WakeCode.BATCH, int(world.core["now_ns"][0]))
    slept = (said[0]["sleep"] > 0) | (world.contexts["intents"]["sleep"] > 0)
    for now, before in zip((world.contexts["intents"], world.contexts["memory"]), said, strict=True):
        assert now[~slept].tobytes() == before[~slept].tobytes()


@FEW
@given(
    parts=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    total=st.integers(1, 12),
    moves=st.lists(st.integers(-20, 20), min_size=6, max_size=6),
)
def test_rule_3_rest_is_a_total_per_slot_and_epoch(parts: list, total: int, moves: list):
    desk = Desk()
    desk.bar(5_200)
    filled = 0
    for epoch in (0, 1):
        filled = 0
        for part, move in zip(parts, moves, strict=False):
            desk.want({"price_tick": 5_150 + move, "qty_lot": total, "epoch": epoch})
            desk.settle()
            if desk.order(0)["state"] == OrderState.FREE:
                break
            lots = min(part, int(desk.order(0)["qty_lot"] - desk.order(0)["filled_lot"]))
            desk.fill(0, lots, 5_150 + move)
            filled += lots
        desk.settle()
        left = int(desk.order(0)["held_lot"])
        assert filled + left == total, "what filled and what works are the total, never more"


@FEW
@given(held=st.integers(0, 20), target=st.integers(0, 20), tolerance=st.integers(0, 5))
def test_rule_3_target_is_a_state(held: int, target: int, tolerance: int):
    desk = Desk()
    desk.bar(5_000)
    if held:
        desk.want({"slot": 9, "price_tick": 4_990, "qty_lot": held + 1})
        desk.settle()
        desk.fill(9, held, 4_990)
    desk.want({"kind": IntentKind.TARGET, "qty_lot": target, "tolerance_lot": tolerance})
    asked = [r for r in desk.settle() if r["kind"] == RequestKind.NEW]
    missing = target - held
    if abs(missing) <= tolerance and (target or not held):
        assert asked == []
    else:
        assert [(int(r["qty_lot"]), int(r["side"])) for r in asked] == [
            (abs(missing), 1 if missing > 0 else -1)
        ]
        desk.fill(0, abs(missing), 5_000)
        assert desk.settle() == []


@pytest.mark.parametrize(
    "name", ["two strategies netted, by volume", "all limits", "slow facts", "all facts"]
)
def test_rule_4_no_request_raises_what_is_known_or_may_still_fill_above_its_limit(name: str):
    """At three sums, in the core's belief and in the venue's truth (`Invariants` says how); and in money."""
    scenario = replace(SCENARIOS[name], seed=77)
    world = make_world(scenario)
    invariants = Invariants(world)
    play(world, make_market(scenario, 300), chunk=1, after=invariants.check)
    assert world.core["requests"][0] > 1_000


@FEW
@given(limit=st.integers(0, 30), opened=st.integers(1, 20), filled=st.integers(0, 20))
def test_rule_4_a_breach_from_outside_blocks_and_cancels_openers(limit: int, opened: int, filled: int):
    desk = Desk()
    desk.bar(5_100)
    desk.want({"price_tick": 5_090, "qty_lot": opened})
    desk.settle()
    filled = min(filled, opened - 1)
    if filled:
        desk.fill(0, filled, 5_090)
    desk.tell(FactKind.LIMITS, qty_lot=limit)
    asked = desk.settle()
    if opened > limit:
        assert asked[0]["kind"] == RequestKind.CANCEL
    assert desk.view()["side_lot"][0] <= max(limit, filled)
    assert desk.holding()["pos_lot"] == filled, "nothing is closed"


@FEW
@given(
    facts=st.lists(st.sampled_from([FactKind.UNKNOWN, FactKind.ACK, FactKind.TRIGGERED]), max_size=5),
    wakes=st.integers(1, 30),
)
def test_rule_5_what_is_unknown_occupies_until_evidence_and_nothing_storms(facts: list, wakes: int):
    desk = Desk()
    desk.bar(5_000)
    desk.want({"price_tick": 4_990, "qty_lot": 10})
    asked = len(desk.wake())
    for kind in facts:
        desk.tell(kind, cid=int(desk.order(0)["cid"]))
    desk.tell(FactKind.UNKNOWN, cid=int(desk.order(0)["cid"]))
    for _ in range(wakes):
        desk.bar(5_000)
        asked += len(desk.wake())
        assert desk.holding()["open_lot"] == 10
    assert asked == 1
    desk.tell(FactKind.REJECT, cid=int(desk.order(0)["cid"]), code=Rule.VENUE_OTHER, venue_ts_ns=desk.now_ns)
    for _ in range(wakes):
        asked += len(desk.wake())
    assert asked == 1, "a refused slot waits"
    assert desk.core["refusals"][Rule.VENUE_OTHER] == 1


@FEW
@given(lots=st.integers(1, 20), fee=st.integers(-(10**6), 10**6), funding=st.integers(-(10**6), 10**6))
def test_rule_6_money_moves_by_facts_of_the_venue_only(lots: int, fee: int, funding: int):
    desk = Desk()
    desk.bar(5_000)
    desk.want({"price_tick": 4_990, "qty_lot": 20})
    desk.settle()
    before = int(desk.account["balance"])
    trade = desk.fill(0, lots, 4_990)
    desk.bar(5_300)
    desk.settle()
    assert desk.account["balance"] == before, "a fill alone costs nothing, a bar settles nothing"
    desk.tell(FactKind.FEE, amount=fee, trade_id=trade)
    desk.tell(FactKind.FUNDING_PAID, amount=funding, venue_ts_ns=desk.now_ns)
    assert desk.account["balance"] == before - fee - funding


def propose(desk: Desk, number: int, worst: int) -> int:
    return propose_attempt(desk.world.core[0], desk.world.accounts[0], 0, number, worst, desk.now_ns)


@FEW
@given(
    moves=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from(AttemptState), st.integers(0, 3 * 10**8)), max_size=40
    )
)
def test_rule_7_an_attempt_reserves_its_worst_spend_until_it_ends(moves: list):
    desk = Desk(balance=10.0)
    desk.bar(5_000)
    start = int(desk.account["balance"])
    worst = 3 * 10**8
    for number, state, cost in moves:
        if state == AttemptState.NONE:
            free = int(desk.account["balance"] - desk.account["used"])
            known = number in desk.core["attempt"]["id"]
            assert propose(desk, number, worst) == int(free >= worst and not known)
        else:
            desk.tell(FactKind.ATTEMPT, cid=number, code=state, amount=cost)
        rows = desk.core["attempt"]
        alive = (rows["state"] > AttemptState.NONE) & (rows["state"] < AttemptState.INCLUDED)
        assert desk.account["used"] == rows["reserve"][alive].sum()
        assert desk.account["balance"] == start - rows["spent"].sum()
        assert desk.account["balance"] >= 0


def test_rule_7_attempts_meet_the_same_states_of_trading_and_capacity():
    desk = Desk()
    assert [propose(desk, n, 1) for n in range(1, ATTEMPTS + 2)] == [1] * ATTEMPTS + [0]
    assert desk.core["rule"] == Rule.MAILBOX
    desk.tell(FactKind.OPERATOR, code=1)
    assert propose(desk, 99, 1) == 0
    assert desk.core["rule"] == Rule.HALTED
    desk = Desk(balance=10.0)
    desk.bar(5_000)
    desk.want({"price_tick": 4_990, "qty_lot": 8})
    desk.settle()
    assert propose(desk, 1, int(desk.account["balance"] - desk.account["used"]) + 1) == 0
    assert desk.core["rule"] == Rule.ATTEMPT_SPEND


def hash_of(scenario: Scenario, market: Market) -> tuple[str, str, bytes]:
    world = make_world(scenario)
    played = play(world, market)
    return world.state_hash(), world.decisions_hash(), played.fills.tobytes()


def test_rule_8_neither_clock_nor_chance_nor_surroundings_reach_the_core(monkeypatch: pytest.MonkeyPatch):
    market = make_market(MIXED, 200)
    first = hash_of(MIXED, market)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(os, "urandom", lambda n: b"\0" * n)
    assert hash_of(MIXED, market) == first


class _Recorded(SteppedSession):
    """Keeps every fact that it told, and what each WAKE asked for."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.told: list[np.ndarray] = []
        self.asked: list[bytes] = []

    def _step(self) -> None:
        self.told.append(self._fact.copy())
        super()._step()
        box = self.world.box
        self.asked.append(box["request"][0, : int(box["requests"][0])].tobytes())


@pytest.mark.parametrize("scenario", [MIXED, LATE], ids=["batches", "late"])
def test_rule_9_the_same_facts_give_the_same_requests_and_state(scenario: Scenario):
    market = make_market(scenario, 120)
    lived = _Recorded(make_world(scenario), market)
    lived.play(0, 120)
    again = _Recorded(make_world(scenario), market)
    for fact, asked in zip(lived.told, lived.asked, strict=True):
        again._tell_row(fact[0])
        assert again.asked[-1] == asked
    assert again.world.state_hash() == lived.world.state_hash()
    assert again.world.decisions_hash() == lived.world.decisions_hash()


@pytest.mark.parametrize("name", ["all payoffs", "hedged, planned", "late, hedged, planned", "all facts"])
@settings(max_examples=8)
@given(cut=st.integers(1, 149), seed=st.integers(1, 99))
def test_rule_10_cutting_the_future_off_changes_no_past(name: str, cut: int, seed: int):
    scenario = replace(SCENARIOS[name], seed=seed)
    whole = make_market(scenario, 150)
    other = make_market(replace(scenario, seed=seed + 1_000), 150)
    bars, events = whole.bars.copy(), whole.events.copy()
    bars[cut:] = np.where(bars[cut:] > 0, other.bars[cut:], 0)
    late = events["recv_ts_ns"] >= whole.ts[cut]
    events["value"][late] = events["value"][late] * 0.5 + 1.0
    known, changed = make_world(scenario), make_world(scenario)
    until = Market(whole.bars[:cut], whole.ts[:cut], whole.events[~late])
    assert play(known, until).fills.tobytes() == _first(changed, Market(bars, whole.ts, events), cut)
    assert known.state_hash() == changed.state_hash()
    assert known.decisions_hash() == changed.decisions_hash()


def _first(world: object, market: Market, cut: int) -> bytes:
    """Play the first bars of a market of which the rest is there to be seen."""
    equity = np.zeros((len(market), len(world.accounts), 3), np.int64)  # type: ignore[attr-defined]
    at = 0
    fills = []
    while at < cut:
        at = world.advance(market.bars, market.ts, market.events, equity, at, cut)  # type: ignore[attr-defined]
        fills.append(world.drain().fills)  # type: ignore[attr-defined]
    return np.concatenate(fills).tobytes()


def test_rule_10_a_view_has_no_field_of_the_bar_being_built():
    fields = set(View.__annotations__)
    assert not {name for name in fields if name.startswith(("next", "future"))}
