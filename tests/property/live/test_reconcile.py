"""After what a comparison says was applied, the belief is the venue's word; a second look finds nothing to say."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec.structs import replace

from tradewind.live.apply import APPLY_FACTS
from tradewind.live.belief import belief_of, worth_in
from tradewind.live.facts import rows_of
from tradewind.live.reconcile import Policy, Terms, compare, was_changed
from tradewind.testing.puppets import Desk
from tradewind.testing.sessions import small_world
from tradewind.units.enums import BUY, LONG, SELL, SHORT, FactKind, Halt, SettingCode
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact
from tradewind.venues.gateway import BalanceSeen, OrderSeen, OrderStatus, PositionSeen, SettingSeen, Snapshot

S = 1_000_000_000
NOW = 100 * S
WALLETS = {"USDT": 0}
lots = st.integers(0, 50)


def world_with(held, external, *, hedge):
    """Return a world of two instruments that holds so many lots, and knows of so many that are not its own."""
    world = small_world(symbols=2)
    world.views["hedge"], world.views["close"], world.views["bars"] = int(hedge), 5_000, 1
    world.views["external_lot"] = external
    holding = world.contexts["working"]["holding"]
    holding["pos_lot"] = held
    for k in range(2):
        for side in (LONG, SHORT):
            holding["cost"][k, side] = worth_in(world)(k, held[k][side], 5_000)
            world.views["side_lot"][k, side] = held[k][side]
    return world


def apply(world, facts):
    rows = rows_of(facts)
    mine = allocate(Fact, max(1, len(rows)))
    mine[: len(rows)] = rows
    APPLY_FACTS(*world.state, mine, len(rows))


def belief(world, moved=None):
    return belief_of(world, (0, 1), (0,), moved or {})


@st.composite
def cases(draw):
    hedge = draw(st.booleans())
    pairs = st.tuples(st.tuples(lots, lots), st.tuples(lots, lots))
    world = world_with(draw(pairs), draw(pairs), hedge=hedge)
    found = draw(pairs)
    positions = [
        PositionSeen(j, side, found[j][side], 0.0, 0.0, NOW, NOW)
        for j in (0, 1)
        for side in (LONG, SHORT)
        if found[j][side] and (hedge or side == (found[j][LONG] < found[j][SHORT]))
    ]
    sides = st.sampled_from((BUY, SELL))
    orders = [stranger(draw(st.integers(0, 1)), draw(sides), n) for n in draw(st.lists(lots, max_size=3))]
    leverages = draw(st.tuples(*[st.sampled_from((3.0, 5.0, 20.0))] * 2))
    settings = [SettingSeen(j, SettingCode.LEVERAGE, leverages[j], NOW, NOW) for j in (0, 1)]
    balance = draw(st.integers(1, 10**13))
    snapshot = Snapshot(
        tuple(orders), (), tuple(positions), (BalanceSeen("USDT", balance, NOW, NOW),), tuple(settings), (), (),
        (), NOW, NOW,
    )  # fmt: skip
    return world, snapshot


def stranger(instrument, side, qty):
    return OrderSeen(
        instrument, 0, "", f"x{qty}", OrderStatus.WORKING, side, 0, 0, 4_000, qty, 0, 0, 0, NOW, NOW
    )


def compared(world, snapshot, policy=None, **kind):
    return compare(belief(world), snapshot, policy or Policy(), WALLETS, worth_in(world), **kind)


POLICIES = st.sampled_from(("adopt", "ignore", "halt"))


@given(cases(), st.booleans(), POLICIES)
def test_after_the_facts_the_belief_is_the_snapshot(case, first, external):
    world, snapshot = case
    apply(world, compared(world, snapshot, Policy(external=external), first=first).facts)
    now = belief(world)
    theirs = {(p.instrument, p.position_side): p.qty_lot for p in snapshot.positions}
    for j in (0, 1):
        ours = [now.held[j, side] + now.external[j, side] for side in (LONG, SHORT)]
        there = [theirs.get((j, side), 0) for side in (LONG, SHORT)]
        if j in now.hedged:
            assert ours == there
        assert ours[LONG] - ours[SHORT] == there[LONG] - there[SHORT]
        assert min(*ours, *(now.external[j, side] for side in (LONG, SHORT))) >= 0
        assert now.settings[j, SettingCode.LEVERAGE] == snapshot.settings[j].value
    assert now.balances[0] == snapshot.balances[0].balance


@given(cases(), POLICIES)
def test_a_second_look_finds_nothing(case, external):
    world, snapshot = case
    apply(world, compared(world, snapshot, Policy(external=external)).facts)
    again = compared(world, snapshot, Policy(external=external))
    assert (again.facts, again.differences) == ((), ())
    assert again.agreed == {0, 1}


@given(cases(), POLICIES)
def test_one_look_moves_no_position_and_no_money_and_a_second_moves_what_one_would_if_it_were_believed(
    case, external
):
    world, snapshot = case
    policy = Policy(external=external)
    believed = compared(world, snapshot, policy)
    claimed = frozenset()
    once = compared(world, snapshot, policy, before=claimed)
    known = {
        FactKind.SETTING,
        *((FactKind.BOOKED, FactKind.EXTERNAL_POSITION) if external == "adopt" else ()),
    }
    assert {fact.kind for fact in once.facts} <= known  # What was nobody's already is adopted at once.
    assert bool(once.doubted) == (len(believed.facts) > len(once.facts))
    for _ in range(
        2
    ):  # What is held is a claim of the first look, what money is missing then one of the second.
        claimed |= compared(world, snapshot, policy, before=claimed).claims
    again = compared(world, snapshot, policy, before=claimed)
    assert (again.facts, again.differences, again.doubted) == (
        believed.facts, believed.differences, frozenset(),
    )  # fmt: skip


@given(cases(), cases())
def test_looks_that_do_not_agree_confirm_nothing(case, other):
    """F60: a list that was empty once, or of another moment, is no proof."""
    world, snapshot = case
    _, odd = other
    before = compared(world, odd, before=frozenset()).claims
    result = compared(world, snapshot, before=before)
    assert result.doubted == result.claims - before


ORDER = Terms(5_000, 10, 2, reduce=False, stop=False, asked_ns=NOW - 9 * S)
SEEN = replace(stranger(0, BUY, 10), cid=77, price_tick=5_000, filled_lot=2)


@pytest.mark.parametrize(
    ("terms", "seen", "changed"),
    [
        ({}, {}, False),
        ({}, {"price_tick": 4_999}, True),
        ({}, {"qty_lot": 9}, True),
        ({}, {"qty_lot": 11}, True),
        ({"reduce": True}, {"qty_lot": 9}, False),
        ({"reduce": True}, {"qty_lot": 11}, True),
        ({"reduce": True}, {"qty_lot": 9, "price_tick": 4_999}, True),
        ({"stop": True}, {"stop": True, "price_tick": 4_999}, True),
        ({"stop": True}, {"price_tick": 4_999}, False),
        ({"stop": True, "price_tick": 0}, {"stop": True, "price_tick": 4_999}, False),
        ({}, {"price_tick": 0}, False),
        ({}, {"price_tick": 4_999, "filled_lot": 3}, False),
        ({}, {"price_tick": 4_999, "status": OrderStatus.CANCELLED}, False),
        ({"asked_ns": NOW - S}, {"price_tick": 4_999}, False),
    ],
)
def test_an_order_was_changed_by_somebody_where_neither_we_nor_the_venue_did_it(terms, seen, changed):
    """F49: not by a late answer to us, a trailing stop that moves, or a venue that shrinks what only reduces (F37)."""
    assert was_changed(dataclasses.replace(ORDER, **terms), replace(SEEN, **seen), NOW - 5 * S) is changed


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_lists_does_not_matter(case, random):
    world, snapshot = case
    shuffled = replace(
        snapshot,
        orders=tuple(random.sample(snapshot.orders, len(snapshot.orders))),
        positions=tuple(random.sample(snapshot.positions, len(snapshot.positions))),
        settings=tuple(random.sample(snapshot.settings, len(snapshot.settings))),
    )
    assert compared(world, snapshot) == compared(world, shuffled)


@given(cases())
def test_what_moved_just_now_is_left_alone(case):
    """F60: a venue's positions lag behind its trades, so nothing is put right that traded within the window."""
    world, snapshot = case
    moved = {0: NOW - 4 * S, 1: NOW - 6 * S}
    result = compare(belief(world, moved), snapshot, Policy(), WALLETS, worth_in(world))
    assert result.deferred == {0}
    moves = [f for f in result.facts if f.kind in (FactKind.EXTERNAL_POSITION, FactKind.ADL)]
    assert all(fact.instrument == 1 for fact in moves)
    assert not any(d.what == "balance" for d in result.differences)


@given(cases())
def test_position_taken_from_us_halts_and_what_is_others_does_by_policy(case):
    world, snapshot = case
    before = belief(world)
    ignoring = compared(world, snapshot, Policy(external="ignore", balance_tolerance=1e9))
    halting = compared(world, snapshot, Policy(external="halt", balance_tolerance=1e9))
    taken = [d for d in ignoring.differences if d.what == "taken"]
    assert ignoring.halts == bool(taken)
    grew = [d for d in halting.differences if d.what in ("position", "order") and d.halts]
    assert halting.halts == bool(taken or grew)
    assert ignoring.facts == halting.facts
    apply(world, ignoring.facts)
    assert not world.core["halts"][0] & Halt.LIQUIDATED, "nobody has said that the venue did it"
    held = belief(world).held
    assert all(held[place] <= before.held[place] for place in held)


@given(cases())
def test_a_halt_that_the_venue_itself_has_given_cause_for_stays(case):
    world, snapshot = case
    world.accounts["told"][0] |= Halt.LIQUIDATED
    facts = compared(world, snapshot, Policy(external="ignore", balance_tolerance=1e9)).facts
    assert not [fact for fact in facts if fact.kind == FactKind.HALT]
    apply(world, facts)
    assert world.accounts["told"][0] & Halt.LIQUIDATED


@given(cases())
def test_what_is_adopted_is_held_by_us_and_nothing_stays_external(case):
    world, snapshot = case
    before = belief(world)
    adopting = compared(world, snapshot, Policy(external="adopt", balance_tolerance=1e9))
    ignoring = compared(world, snapshot, Policy(external="ignore", balance_tolerance=1e9))
    assert adopting.halts == ignoring.halts
    apply(world, adopting.facts)
    now = belief(world)
    assert set(now.external.values()) == {0}
    gained = sum(
        now.held[place] - before.held[place] for place in now.held if now.held[place] > before.held[place]
    )
    assert gained == sum(f.qty_lot for f in adopting.facts if f.kind == FactKind.BOOKED)
    orders = [f for f in adopting.facts if f.kind == FactKind.EXTERNAL_ORDER]
    assert orders == [f for f in ignoring.facts if f.kind == FactKind.EXTERNAL_ORDER]


def position(lots, entry, asked_ns=NOW):
    seen = PositionSeen(0, SHORT, lots, entry, 0.0, NOW, NOW)
    return Snapshot((), (), (seen,), (), (), (), (), (), asked_ns, asked_ns)


def test_a_position_is_adopted_at_the_venues_entry_by_the_first_who_trades_it():
    """The money of an exchange stays what it is: only the cost of what is held is new, to the fraction of a tick."""
    world = Desk(("linear", "linear"), strategies=2).world
    world.views["hedge"], world.views["close"], world.views["bars"] = 1, 5_000, 1
    tick = float(world.views["tick"][0])
    balance = int(world.accounts["balance"][0])
    snapshot = position(7, 4_812.5 * tick)
    compared_once = compared(world, snapshot, Policy(external="adopt"))
    for _ in range(2):  # Told again, as after a crash, it is known already.
        apply(world, compared_once.facts)
    first = int((world.contexts["instrument"] == 0).argmax())
    holding = world.contexts["working"]["holding"]
    assert holding["pos_lot"][:, SHORT].tolist() == [7 if k == first else 0 for k in range(len(holding))]
    assert int(holding["cost"][first, SHORT]) == worth_in(world)(0, 7, 4_812.5)
    assert int(world.accounts["balance"][0]) == balance
    assert [(d.what, d.found, d.halts) for d in compared_once.differences] == [("adopted", 7, False)]
    more = compared(world, position(9, 0.0, NOW + 1), Policy(external="adopt"))
    apply(world, more.facts)
    assert int(holding["pos_lot"][first, SHORT]) == 9
    assert more.facts[0].price_tick == 5_000


def test_a_position_of_which_no_price_is_known_stays_external():
    world = small_world(symbols=2)
    world.views["hedge"] = 1
    result = compared(world, position(7, 0.0), Policy(external="adopt"))
    assert [f.kind for f in result.facts] == [FactKind.EXTERNAL_POSITION]


def test_what_was_ignored_is_adopted_when_the_policy_changes():
    world = world_with(((0, 0), (0, 0)), ((0, 5), (0, 0)), hedge=True)
    apply(world, compared(world, position(5, 0.0), Policy(external="adopt")).facts)
    assert belief(world).held[0, SHORT] == 5
    assert belief(world).external[0, SHORT] == 0


def test_strangers_halt_and_transfers_begin_a_session():
    world = world_with(((0, 0), (0, 0)), ((0, 0), (0, 0)), hedge=True)
    balance = BalanceSeen("USDT", 5 * 10**11, NOW, NOW)
    empty = Snapshot((), (), (), (balance,), (), (), (), ("DOGEUSDT",), NOW, NOW)
    first = compared(world, empty, first=True)
    assert [d.what for d in first.differences] == ["stranger"]
    apply(world, first.facts)
    assert int(world.accounts["start"][0]) == int(world.accounts["peak"][0]) == 5 * 10**11
    assert int(world.accounts["adjusted"][0]) == 0
    later = replace(empty, balances=(BalanceSeen("USDT", 4 * 10**11, NOW, NOW),), strangers=())
    assert compared(world, later).halts


def test_a_mode_that_was_changed_by_hand_halts_once_and_is_known_then():
    """F47."""
    world = world_with(((0, 0), (0, 0)), ((0, 0), (0, 0)), hedge=False)
    for code in (SettingCode.POSITION_MODE, SettingCode.MARGIN_MODE):
        setting = SettingSeen(0, code, 1.0, NOW, NOW)
        snapshot = Snapshot((), (), (), (), (setting,), (), (), (), NOW, NOW)
        first = compared(world, snapshot)
        assert first.halts
        apply(world, first.facts)
        assert int(world.views["halts"][0]) == Halt.SETTINGS
        assert compared(world, snapshot).differences == ()


def test_money_that_is_missing_is_told_as_a_person_counts_it():
    world = Desk(("linear", "linear"), strategies=2).world
    missing = int(world.accounts["balance"][WALLETS["USDT"]]) - 213_699_049
    result = compared(world, replace(position(0, 0.0), balances=(BalanceSeen("USDT", missing, NOW, NOW),)))
    (text,) = [d.text for d in result.differences if d.what == "balance"]
    assert text == "the balance is off by -2.13699049 USDT"


@pytest.mark.parametrize(
    ("known", "lots", "said"),
    [
        (0, 30, "0.3 S0 short are none of ours"),
        (120, 30, "0.3 S0 short are none of ours; before it was 1.2 S0 short"),
        (120, 0, "1.2 S0 short, which were none of ours, are held no more"),
    ],
)
def test_what_others_hold_is_told_as_the_venue_counts_it(known, lots, said):
    """Once it was "0 lots on the long side are none of ours, 120 were known"."""
    world = Desk(("linear", "linear"), strategies=2).world
    apply(world, compared(world, position(known, 100.0)).facts)
    (text,) = [d.text for d in compared(world, position(lots, 100.0)).differences if d.what == "position"]
    assert text == said


@pytest.mark.parametrize("first", [True, False])
def test_what_others_hold_at_a_first_look_may_be_that_of_a_lost_journal_and_is_not_naked(first):
    """Whoever starts anew in the place of adopting reads there what rests and what to do."""
    world = Desk(("linear", "linear"), strategies=2).world
    order = OrderSeen(
        0, 0, "theirs", "7", OrderStatus.WORKING, BUY, SHORT, 1, 900, 30, 0, 0, 0, NOW, NOW, stop=True
    )
    others = (order, replace(order, venue_id="8", stop=False), replace(order, instrument=1))
    found = compared(world, replace(position(30, 100.0), orders=others), first=first)
    (text,) = [d.text for d in found.differences if d.what == "position"]
    assert "none of ours; with them rest orders of nobody: stops 1, others 1" in text
    assert ("tradewind session adopt" in text) is first


trades = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-20, 20).filter(bool), st.integers(3_000, 7_000)),
    min_size=1,
    max_size=12,
)


def average(lots, cost, qty, price):
    """Return lots, their cost and what was realised after a trade, all signed and exact, at one average price."""
    if lots * qty >= 0:
        return lots + qty, cost + qty * price, Fraction(0)
    closed = min(abs(lots), abs(qty)) * (1 if lots > 0 else -1)
    gone = cost * Fraction(closed, lots)
    opened = qty + closed
    return lots + qty, cost - gone + opened * price, closed * price - gone


@given(trades, st.integers(-(10**9), 10**9))
def test_what_a_venue_nets_is_no_difference_and_does_not_hide_one(steps, stolen):
    """It realises by one average price, we by that of each strategy; whatever else is missing is told to the unit."""
    world = small_world(symbols=2)
    world.views["bars"], world.views["close"] = 1, 5_000
    world.contexts["instrument"] = 0
    unit = Fraction(float(world.views["unit"][0]))
    ours, theirs = [(0, Fraction(0)), (0, Fraction(0))], (0, Fraction(0))
    balances = [Fraction(10**12), Fraction(10**12)]
    for k, qty, price in steps:
        *ours[k % 2], gain = average(*ours[k % 2], qty, price)
        balances[0] += gain * unit
        *theirs, gain = average(*theirs, qty, price)
        balances[1] += gain * unit
    for k, (lots_held, cost) in enumerate(ours):
        side = LONG if lots_held >= 0 else SHORT
        world.contexts["working"]["holding"]["pos_lot"][k, side] = abs(lots_held)
        world.contexts["working"]["holding"]["cost"][k, side] = round(abs(cost * unit))
    world.accounts["balance"][0] = round(balances[0])
    net, cost = theirs
    entry = float(cost / net) * float(world.views["tick"][0]) if net else 0.0
    side = LONG if net >= 0 else SHORT
    positions = (PositionSeen(0, side, abs(net), entry, 0.0, NOW, NOW),) if net else ()
    settings = tuple(SettingSeen(j, SettingCode.LEVERAGE, 5.0, NOW, NOW) for j in (0, 1))
    found = round(balances[1]) - stolen
    snapshot = Snapshot(
        (), (), positions, (BalanceSeen("USDT", found, NOW, NOW),), settings, (), (), (), NOW, NOW
    )
    believed = belief(world)
    held = sum(abs(float(cost * unit)) for _, cost in (*ours, theirs))
    noted = [one for one in compared(world, snapshot).differences if one.what == "balance"]
    if abs(stolen) > 10 + 2e-6 * held:
        (one,) = noted
        assert abs(one.found - one.believed + stolen) <= 10 + 2e-6 * held
    if not stolen:
        assert noted == []
    assert 0 in believed.netted_cost


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize(
    ("held", "there", "told"),
    [
        ((5, 0), (3, 0), [("taken", 5, 3)]),
        ((0, 5), (0, 3), [("taken", 5, 3)]),
        ((5, 0), (8, 0), [("position", 0, 3)]),
        ((0, 5), (0, 5), []),
    ],
)
def test_what_was_believed_and_found_is_told_of_the_lots_that_differ(hedge, held, there, told):
    """Ours that are gone, or others' that came; once the whole position stood there, of a short one below zero."""
    world = world_with((held, (0, 0)), ((0, 0), (0, 0)), hedge=hedge)
    seen = [PositionSeen(0, side, there[side], 0.0, 0.0, NOW, NOW) for side in (LONG, SHORT) if there[side]]
    snapshot = Snapshot((), (), tuple(seen), (), (), (), (), (), NOW, NOW)
    found = compared(world, snapshot, Policy(external="ignore")).differences
    assert [(each.what, each.believed, each.found) for each in found] == told


@pytest.mark.parametrize(("tick_size", "said"), [(1e-9, "0.000005"), (0.1, "500"), (25.0, "125000")])
def test_a_price_is_told_as_a_person_writes_it(tick_size, said):
    world = world_with(((0, 0), (0, 0)), ((0, 0), (0, 0)), hedge=False)
    known = dataclasses.replace(belief(world), orders={77: ORDER}, tick_size={0: tick_size})
    snapshot = Snapshot((replace(SEEN, qty_lot=9),), (), (), (), (), (), (), (), NOW, NOW)
    (found,) = compare(known, snapshot, Policy(), WALLETS, worth_in(world)).differences
    assert found.text == (
        f"an order of ours was changed by somebody: 0.009 S0USDT at {said}, not 0.01 S0USDT at {said}"
    )
