"""What cannot be wanted is named by the very rules by which the core holds its strategy."""

from __future__ import annotations

import random

import pytest

from tradewind.report.impossible import NO_VERDICT, find_impossible, impossible_of
from tradewind.testing.puppets import Desk
from tradewind.units.enums import ALL, FactKind, IntentKind, OperatorCode, Rule

BID = {"kind": IntentKind.REST, "qty_lot": 5, "price_tick": 4_990}
ODD = {
    "slot": (-1, 0, 1, 59, 60, 63, 64),
    "kind": (-1, IntentKind.REST, IntentKind.TARGET, IntentKind.STOP, 3),
    "position_side": (-1, 0, 1, 2),
    "reduce": (-1, 0, 1, 2),
    "qty_lot": (-2, ALL, 0, 5),
    "price_tick": (-1, 0, 4_990),
    "trail_tick": (-1, 0, 9),
    "trigger": (-1, 0, 1, 2),
    "post_only": (-1, 0, 1, 2),
}


def found(desk):
    return [told for _, told in impossible_of(desk.world, 0)]


def test_the_core_holds_for_exactly_what_is_named():
    desk, draw, held = Desk(), random.Random(4), 0
    desk.bar(5_000)
    for i in range(300):
        # Another price each time: where everything works already nobody judges it again.
        rows = [{**BID, "price_tick": 4_900 + i % 50, "slot": slot} for slot in range(3)]
        for name in draw.sample(sorted(ODD), draw.randint(0, 2)):
            rows[draw.randrange(3)][name] = draw.choice(ODD[name])
        desk.bar(5_000)
        desk.want(*rows)
        desk.settle()
        is_held = int(desk.world.strategies[0]["held"])
        assert bool(found(desk)) is (is_held == Rule.BAD_OUTPUT), rows
        held += is_held == Rule.BAD_OUTPUT
        desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    assert 50 < held < 250, "both happen"


def test_a_slot_that_a_target_has_taken_is_told_with_what_to_do():
    desk = Desk()
    desk.bar(5_000)
    short = {"kind": IntentKind.TARGET, "slot": 1, "position_side": 1, "qty_lot": 7}
    stop = {"kind": IntentKind.STOP, "slot": 1, "position_side": 1, "reduce": 1, "qty_lot": ALL}
    desk.want(short, stop | {"price_tick": 5_100})
    desk.settle()
    (told,) = found(desk)
    assert (told.row, told.rows, told.slot, told.kind) == (2, 2, 1, "stop")
    assert (told.side, told.does, told.price_tick, told.qty_lot) == ("short", "closes", 5_100, ALL)
    assert told.rule == "slot 1 is that of row 1 already, a target of the short side"
    assert "slots from 2 on" in told.hint


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"slot": 62}, "its slot is none of 0 to 59"),
        ({"kind": 3}, "its kind is none of REST, TARGET and STOP"),
        ({"position_side": -1}, "its position_side is neither 0, long, nor 1, short"),
        ({"reduce": 2}, "its reduce is neither 0 nor 1"),
        ({"qty_lot": ALL}, "its qty_lot is negative"),
        ({"kind": IntentKind.TARGET, "reduce": 1}, "a target cannot be reduce-only"),
        ({"trail_tick": 9}, "only a stop can trail"),
        ({"trigger": 2}, "its trigger is neither LAST nor MARK"),
        ({"kind": IntentKind.TARGET, "post_only": 1}, "only a limit order can be post-only"),
        ({"price_tick": -1}, "its price or its distance is negative"),
    ],
)
def test_each_rule_is_told_by_its_own_name(row, rule):
    desk = Desk()
    desk.bar(5_000)
    desk.want({**BID, "slot": 3}, {**BID, **row})
    desk.settle()
    assert [told.rule for told in found(desk)] == [rule]


def test_an_answer_without_rows_at_fault_names_none():
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID, verdict=7)
    desk.settle()
    assert int(desk.world.strategies[0]["held"]) == Rule.BAD_OUTPUT
    assert found(desk) == []
    assert find_impossible([]) is None
    assert "SET, HOLD and PULL" in NO_VERDICT
