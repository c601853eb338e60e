"""Whoever wants out gets out: a closer at rest never forbids one that closes at once."""

import pytest

from tradewind.engine.setup import ExitSetup
from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import (
    ALL,
    LONG,
    SHORT,
    FactKind,
    IntentKind,
    OrderState,
    Protection,
    RequestKind,
    Rule,
    Verdict,
    WakeCode,
)

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
EXIT_SLOT, STOP_SLOT = 60, 62
FLAT = (5_000, 5_000, 5_000, 5_000)
HOLD = {"kind": TARGET, "slot": 0, "qty_lot": 10}
OUT = {"kind": TARGET, "slot": 0, "qty_lot": 0}
TAKE = {"kind": REST, "slot": 2, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}
GUARD = {"kind": STOP, "slot": 3, "reduce": 1, "price_tick": 4_900, "qty_lot": ALL}


def guarded(**setup: object) -> Desk:
    """Return a desk of two strategies on one netted instrument; the core's stop rests for ten lots of the first."""
    names = ExitSetup.__dataclass_fields__
    exits = {"stop_loss": 0.02} | {n: setup.pop(n) for n in list(setup) if n in names}
    desk = Desk(strategies=2, exits=ExitSetup(Protection.RESTING, **exits), **setup)
    desk.want(HOLD)
    desk.play(FLAT, FLAT, FLAT)
    assert (desk.order(STOP_SLOT)["state"], desk.order(STOP_SLOT)["plain"]) == (OrderState.LIVE, 1)
    return desk


def asked(requests: list) -> list[tuple[int, int, int]]:
    return [(int(r["kind"]), int(r["slot"]), int(r["qty_lot"])) for r in requests]


def test_the_cores_stop_gives_way_to_a_strategy_that_wants_to_be_flat() -> None:
    desk = guarded()
    desk.want(OUT)
    requests = desk.settle()
    assert asked(requests) == [(RequestKind.CANCEL, STOP_SLOT, 10), (RequestKind.NEW, 0, 10)]
    desk.fill(0, 10, 5_000)
    assert desk.holding()["pos_lot"] == 0
    assert desk.refusals()[1:] == [], "asking once for what has no room yet is all"


def test_while_one_part_is_closed_the_stop_rests_for_the_other() -> None:
    desk = guarded()
    desk.want({**OUT, "qty_lot": 4})
    requests = desk.settle()
    assert asked(requests) == [
        (RequestKind.CANCEL, STOP_SLOT, 10),
        (RequestKind.NEW, 0, 6),
        (RequestKind.NEW, STOP_SLOT, 4),
    ]
    desk.fill(0, 6, 5_000)
    assert desk.settle() == []
    assert (desk.holding()["pos_lot"], desk.order(STOP_SLOT)["held_lot"]) == (4, 4)


def test_a_closer_that_the_venue_refuses_lets_the_stop_come_back_until_it_may_be_asked_again() -> None:
    desk = guarded()
    desk.want(OUT)
    desk.acknowledge(desk.wake())
    refused = desk.wake(WakeCode.AGAIN)
    desk.tell(FactKind.REJECT, cid=int(refused[0]["cid"]), side=RequestKind.NEW, code=Rule.VENUE_OTHER)
    assert asked(desk.settle()) == [(RequestKind.NEW, STOP_SLOT, 10)]
    desk.now_ns += 2 * MINUTE_NS
    assert asked(desk.settle()) == [(RequestKind.CANCEL, STOP_SLOT, 10), (RequestKind.NEW, 0, 10)]


def test_what_is_not_heard_moves_no_stop() -> None:
    desk = guarded()
    for verdict in (Verdict.HOLD, Verdict.PULL):
        desk.want(OUT, verdict=verdict, n=0 if verdict == Verdict.HOLD else 1)
        assert desk.settle() == []
    desk.tell(FactKind.HELD, code=Rule.RAISED)
    desk.want(OUT)
    assert desk.settle() == []
    assert desk.order(STOP_SLOT)["state"] == OrderState.LIVE


@pytest.mark.parametrize("strategies", [1, 2])
@pytest.mark.parametrize("others", [[TAKE], [GUARD], [TAKE, GUARD], [GUARD, TAKE]])
@pytest.mark.parametrize("wanted_still", [False, True])
def test_own_closers_at_rest_give_way_wherever_they_stand_in_the_set(
    strategies: int, others: list[dict], wanted_still: bool
) -> None:
    desk = Desk(strategies=strategies)
    checks = Invariants(desk.world)
    desk.want(HOLD, *others)
    desk.play(FLAT, FLAT, FLAT)
    desk.want(*(others if wanted_still else ()), OUT)
    desk.play(FLAT, FLAT)
    assert desk.holding()["pos_lot"] == desk.world.venue_instruments["pos_lot"].sum() == 0
    checks.check()


@pytest.mark.parametrize("others", [[], [TAKE], [GUARD], [TAKE, GUARD]])
@pytest.mark.parametrize("protected", [False, True])
def test_who_wants_out_once_and_then_holds_is_not_kept_in_by_a_cancel_on_its_way(
    others: list[dict], protected: bool
) -> None:
    """HOLD changes nothing: what waits for its lots still waits; once it has left, nothing more is done."""
    exits = ExitSetup(Protection.RESTING, stop_loss=0.02) if protected else ExitSetup()
    desk = Desk(strategies=2, exits=exits)
    desk.want(HOLD, *others)
    desk.play(FLAT, FLAT, FLAT)
    desk.want(*others, OUT)
    cancels = desk.wake()
    desk.want(verdict=Verdict.HOLD)
    desk.bar(5_000)
    assert asked(desk.wake()) == []
    desk.acknowledge(cancels)
    out = desk.wake(WakeCode.AGAIN) if cancels else []
    left = [r for r in [*cancels, *out] if r["kind"] == RequestKind.NEW]
    assert asked(left) == [(RequestKind.NEW, 0, 10)]
    desk.acknowledge(out)
    desk.tell(FactKind.EXPIRED, cid=int(left[0]["cid"]), code=Rule.UNFILLED)
    assert (RequestKind.NEW, 0, 10) not in asked(desk.settle())


def test_only_as_many_closers_go_as_it_takes() -> None:
    desk = Desk()
    levels = [{**TAKE, "slot": 5 + i, "price_tick": 5_100 + i, "qty_lot": 2} for i in range(5)]
    desk.want(HOLD, *levels)
    desk.play(FLAT, FLAT, FLAT)
    desk.want(*levels, {**OUT, "qty_lot": 7})
    assert asked(desk.wake()) == [(RequestKind.CANCEL, 5, 2), (RequestKind.CANCEL, 6, 2)]


def test_an_order_that_works_in_its_slot_is_no_reason_to_stay() -> None:
    desk = Desk()
    desk.want(HOLD)
    desk.play(FLAT, FLAT)
    desk.want({"slot": 0, "price_tick": 4_000, "qty_lot": 3, "epoch": 1})
    desk.play(FLAT)
    assert desk.order(0)["state"] == OrderState.LIVE
    desk.want(OUT)
    desk.play(FLAT, FLAT)
    assert desk.holding()["pos_lot"] == 0


def test_a_stop_placed_while_both_sides_were_held_is_no_reason_to_stay() -> None:
    """It is not reduce-only for as long as it works, also when it could be by now."""
    desk = Desk(exits=ExitSetup(Protection.RESTING, stop_loss=0.02, max_age_ns=9 * MINUTE_NS))
    short = {"kind": TARGET, "slot": 1, "position_side": SHORT, "qty_lot": 4}
    desk.want(short)
    desk.play(FLAT, FLAT)
    desk.want(short, HOLD)
    desk.play(FLAT, FLAT)
    desk.want(HOLD)
    desk.want({**short, "qty_lot": 0}, HOLD)
    desk.play(FLAT, FLAT)
    assert [int(desk.holding(side)["pos_lot"]) for side in (LONG, SHORT)] == [10, 0]
    assert desk.order(STOP_SLOT)["plain"] == 1
    desk.play(*[FLAT] * 10)
    assert desk.holding()["exit"] == Rule.MAX_AGE
    assert desk.holding()["pos_lot"] == 0


def test_who_has_no_room_yet_does_not_sleep() -> None:
    """A stop on its way cannot be cancelled; the wish to be flat is stated again at the next WAKE."""
    desk = Desk(strategies=2)
    desk.want(HOLD)
    desk.play(FLAT, FLAT)
    desk.want(HOLD, GUARD)
    on_its_way = desk.wake()
    desk.want(OUT, sleep=1, wake_ns=desk.now_ns + 10**15)
    assert desk.wake() == []
    desk.acknowledge(on_its_way)
    desk.bar(5_000)
    assert asked(desk.settle())[-1] == (RequestKind.NEW, 0, 10)


def test_a_holding_larger_than_an_order_may_be_is_closed_in_parts() -> None:
    desk = Desk()
    desk.want(HOLD)
    desk.play(FLAT, FLAT)
    desk.view()["max_lot"] = 4
    desk.want(OUT)
    fills = desk.play(*[FLAT] * 5)
    assert [int(fill["qty_lot"]) for fill in fills] == [4, 4, 2]
