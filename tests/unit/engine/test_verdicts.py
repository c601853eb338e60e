"""What `decide` and `plan` say together, each of HOLD, SET and PULL: which orders stay, which go, what is added."""

from __future__ import annotations

import pytest

from tradewind.testing.puppets import Desk, plan_says
from tradewind.units.enums import ALL, IntentKind, OrderState, RequestKind, Rule, Verdict

SET, HOLD, PULL = Verdict
OPENER, SECOND, PROFIT, STOP, ADDED = 1, 2, 10, 11, 20
BID = {"slot": OPENER, "price_tick": 4_900, "qty_lot": 10}
OTHER_BID = {"slot": SECOND, "price_tick": 4_890, "qty_lot": 5}
TAKE = {"slot": PROFIT, "price_tick": 5_200, "qty_lot": ALL, "reduce": 1}
PROTECT = {"slot": STOP, "price_tick": 4_700, "qty_lot": ALL, "reduce": 1, "kind": IntentKind.STOP}
ADDS_CLOSER = {"slot": ADDED, "price_tick": 5_100, "qty_lot": 3, "reduce": 1}
ADDS_OPENER = {"slot": ADDED, "price_tick": 4_800, "qty_lot": 3}

ALL_WORK = {OPENER, PROFIT, STOP}
CLOSERS = {PROFIT, STOP}


def desk_at_work(**settings: object) -> Desk:
    """Return a desk that holds ten lots, with an opener, a take-profit and a stop at work."""
    desk = Desk(**settings)
    desk.bar(5_000)
    desk.want({"slot": 0, "price_tick": 5_000, "qty_lot": 10})
    desk.acknowledge(desk.wake())
    desk.fill(0, 10, 5_000)
    desk.bar(5_000)
    desk.want({"slot": 0, "price_tick": 5_000, "qty_lot": 10}, BID, TAKE, PROTECT)
    desk.settle()
    assert works(desk) == ALL_WORK
    return desk


def works(desk: Desk, context: int = 0) -> set[int]:
    states = desk.world.contexts["working"]["order"]["state"][context]
    return {slot for slot in range(len(states)) if states[slot] != OrderState.FREE}


def say(desk: Desk, decide: int, rows: tuple[dict[str, int], ...] = ()) -> set[int]:
    """Let `decide` say this at the next bar and answer whatever it leads to; return the slots at work."""
    desk.want(*rows, verdict=decide)
    desk.bar(5_000)
    desk.settle()
    return works(desk)


DECIDES = {
    "HOLD": (HOLD, ()),
    "SET": (SET, (TAKE, OTHER_BID)),
    "SET of nothing": (SET, ()),
    "PULL": (PULL, ()),
}
PLANS = {
    "HOLD": (HOLD, False, ()),
    "HOLD, edited": (HOLD, True, (ADDS_CLOSER,)),
    "SET": (SET, False, ()),
    "SET, copied": (SET, True, ()),
    "SET, a closer added": (SET, True, (ADDS_CLOSER,)),
    "SET, an opener added": (SET, True, (ADDS_OPENER,)),
    "PULL": (PULL, False, ()),
    "PULL, edited": (PULL, True, (ADDS_OPENER,)),
}
NEW_SET = {SECOND, PROFIT}
EXPECTED = {
    "HOLD": dict.fromkeys(DECIDES, ALL_WORK),
    "HOLD, edited": dict.fromkeys(DECIDES, ALL_WORK),
    "SET": {"HOLD": ALL_WORK, "SET": NEW_SET, "SET of nothing": set(), "PULL": CLOSERS},
    "SET, copied": {"HOLD": ALL_WORK, "SET": NEW_SET, "SET of nothing": set(), "PULL": CLOSERS},
    "SET, a closer added": {
        "HOLD": ALL_WORK,  # All that is held is to be taken at the profit already, so nothing is left to close.
        "SET": NEW_SET,
        "SET of nothing": {ADDED},
        "PULL": CLOSERS,
    },
    "SET, an opener added": {
        "HOLD": ALL_WORK | {ADDED},
        "SET": NEW_SET | {ADDED},
        "SET of nothing": {ADDED},
        "PULL": CLOSERS | {ADDED},
    },
    "PULL": dict.fromkeys(DECIDES, CLOSERS),
    "PULL, edited": dict.fromkeys(DECIDES, CLOSERS),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("decide", DECIDES)
def test_what_decide_and_plan_say_together(decide: str, plan: str):
    desk = desk_at_work(planned=True)
    verdict, edits, rows = PLANS[plan]
    plan_says(desk, *rows, verdict=verdict, edits=edits)
    assert say(desk, *DECIDES[decide]) == EXPECTED[plan][decide]
    assert desk.world.strategies["held"][0] == 0
    assert say(desk, *DECIDES[decide]) == EXPECTED[plan][decide], "said again it changes nothing"


@pytest.mark.parametrize(
    ("decide", "stay"), [("HOLD", ALL_WORK), ("SET", NEW_SET), ("SET of nothing", set()), ("PULL", CLOSERS)]
)
def test_what_decide_says_without_a_plan(decide: str, stay: set[int]):
    assert say(desk_at_work(), *DECIDES[decide]) == stay


def test_what_decide_pulled_stays_pulled_when_it_holds_under_a_plan():
    desk = desk_at_work(planned=True)
    say(desk, PULL)
    assert say(desk, HOLD) == CLOSERS
    assert say(desk, SET, (BID, TAKE, PROTECT)) == ALL_WORK
    assert say(desk, HOLD) == ALL_WORK


def test_a_plan_that_pulls_once_gives_back_what_decide_stated():
    desk = desk_at_work(planned=True)
    plan_says(desk, verdict=PULL)
    assert say(desk, HOLD) == CLOSERS
    plan_says(desk, verdict=SET)
    assert say(desk, HOLD) == ALL_WORK


def test_one_context_pulls_and_another_does_not():
    desk = Desk(("linear", "linear"), planned=True)
    for j in range(2):
        desk.bar(5_000, j=j)
        desk.want({"slot": 0, "price_tick": 5_000, "qty_lot": 10}, context=j)
    desk.acknowledge(desk.wake())
    for j in range(2):
        desk.fill(0, 10, 5_000, context=j)
        desk.want({"slot": 0, "price_tick": 5_000, "qty_lot": 10}, BID, TAKE, PROTECT, context=j)
    desk.settle()
    desk.want(verdict=PULL, context=0)
    plan_says(desk, edits=True)
    requests = desk.settle()
    assert [(int(r["kind"]), int(r["context"]), int(r["slot"])) for r in requests] == [
        (RequestKind.CANCEL, 0, OPENER)
    ]
    assert (works(desk, 0), works(desk, 1)) == (CLOSERS, ALL_WORK)


def test_a_protector_stays_on_the_way_through_a_halt_while_its_context_pulls():
    desk = desk_at_work(planned=True)
    desk.world.core["halts"][0] = 1
    plan_says(desk, edits=True)
    assert say(desk, PULL) == CLOSERS


@pytest.mark.parametrize("verdict", [7, -3, 1])
def test_a_plan_that_returns_no_verdict_is_held_and_keeps_its_protectors(verdict: int):
    desk = desk_at_work(planned=True)
    plan_says(desk, ADDS_OPENER, verdict=verdict)
    assert say(desk, HOLD) == CLOSERS
    assert desk.world.strategies["held"][0] == Rule.BAD_OUTPUT


@pytest.mark.parametrize("decide", [HOLD, PULL])
def test_a_plan_that_names_a_slot_twice_is_held_and_keeps_its_protectors(decide: int):
    desk = desk_at_work(planned=True)
    plan_says(desk, ADDS_OPENER, ADDS_OPENER)
    assert say(desk, decide) == CLOSERS
    assert desk.world.strategies["held"][0] == Rule.BAD_OUTPUT
