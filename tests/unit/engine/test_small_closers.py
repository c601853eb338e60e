"""Where several strategies net, a closer worth less than the venue takes goes reduce-only, or it does not go."""

from typing import Any

import pytest

from tradewind.engine.setup import ExitSetup
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
    SettingCode,
    WakeCode,
)

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
S = 1_000_000_000
USD = 100_000_000
STOP_SLOT = 62
TAKER_FREE = (5_000, 5_000, 5_000, 5_000)


def held(side: int, lots: int, slot: int = 0) -> dict[str, int]:
    return {"kind": TARGET, "slot": slot, "position_side": side, "qty_lot": lots}


def netted(side: int, own: int, other: int, dollars: float, **setup: Any) -> Desk:
    """Return a desk at which two strategies hold lots of 5 dollars on one account; then the least value changes.

    other: of the second strategy, negative on the other side. The stop of the first was never placed.
    """
    exits = ExitSetup(Protection.RESTING, stop_loss=0.02)
    desk = Desk(strategies=2, exits=exits, **setup)
    desk.tell(FactKind.SETTING, code=SettingCode.MIN_NOTIONAL, amount=0)
    desk.want(held(side, own))
    desk.want(held(side if other > 0 else 1 - side, abs(other)), context=1)
    desk.bar(5_000)
    for request in desk.wake():
        desk.acknowledge([request])
        desk.fill(int(request["slot"]), int(request["qty_lot"]), 5_000, context=int(request["context"]))
    desk.tell(FactKind.SETTING, code=SettingCode.MIN_NOTIONAL, amount=int(dollars * USD))
    return desk


def stops(requests: list[Any], context: int = 0) -> list[tuple[int, int]]:
    """Return (lots, reduce-only) of the stops that are asked for in a context."""
    return [
        (int(r["qty_lot"]), int(r["reduce"]))
        for r in requests
        if r["order_kind"] == STOP and r["kind"] == RequestKind.NEW and r["context"] == context
    ]


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize(
    ("other", "dollars", "expected"),
    [
        (6, 40.0, [(10, 0)]),
        (6, 60.0, [(10, 1)]),
        (-4, 40.0, [(10, 0)]),
        (-4, 60.0, [(6, 1)]),
        (-10, 60.0, []),
        (-12, 60.0, []),
    ],
)
def test_a_stop_is_reduce_only_where_it_is_too_small_to_be_anything_else(
    side: int, other: int, dollars: float, expected: list[tuple[int, int]]
) -> None:
    """Ten lots are worth 50 dollars."""
    desk = netted(side, 10, other, dollars)
    assert stops(desk.settle()) == expected
    order = desk.order(STOP_SLOT + side)
    if not expected:
        assert (order["state"], order["reason"]) == (OrderState.FREE, Rule.MIN_NOTIONAL)
    for _ in range(3):
        desk.now_ns += S
        assert stops(desk.wake(WakeCode.MARK)) == [], (
            "what rests stays, what cannot go is not asked for again"
        )


def test_what_others_hold_by_hand_counts_too() -> None:
    desk = netted(LONG, 10, 6, 60.0)
    desk.tell(FactKind.EXTERNAL_POSITION, position_side=SHORT, qty_lot=16)
    assert stops(desk.settle()) == []
    desk.tell(FactKind.EXTERNAL_POSITION, position_side=SHORT, qty_lot=2)
    assert stops(desk.settle()) == [(10, 1)]


def test_openers_of_the_other_side_are_no_reason_to_stand_without_a_stop() -> None:
    desk = netted(LONG, 10, 6, 40.0)
    offer = {"slot": 3, "position_side": SHORT, "price_tick": 5_400, "qty_lot": 20}
    desk.want(held(LONG, 6), offer, context=1)
    desk.settle()
    desk.tell(FactKind.CANCELLED, cid=int(desk.order(STOP_SLOT)["cid"]), code=Rule.VENUE_OTHER)
    desk.tell(FactKind.SETTING, code=SettingCode.MIN_NOTIONAL, amount=60 * USD)
    assert stops(desk.settle()) == [(10, 1)]


@pytest.mark.parametrize(("other", "expected"), [(6, [(10, 1)]), (-12, [])])
def test_a_venue_that_refuses_for_the_value_is_believed_before_its_rules_are_known(
    other: int, expected: list[tuple[int, int]]
) -> None:
    """The same is asked for again after a minute at the earliest; what may be reduce-only a second later."""
    desk = netted(LONG, 10, other, 0.0)
    asked = [r for r in desk.wake() if r["order_kind"] == STOP and r["context"] == 0]
    assert stops(asked) == [(10, 0)]
    refusal = {"side": RequestKind.NEW, "code": Rule.VENUE_MIN_NOTIONAL}
    desk.tell(FactKind.REJECT, cid=int(asked[0]["cid"]), **refusal)
    desk.now_ns += S
    again = desk.wake(WakeCode.MARK)
    assert stops(again) == expected
    desk.acknowledge(again)
    for _ in range(57):
        desk.now_ns += S
        assert stops(desk.wake(WakeCode.MARK)) == []
    desk.now_ns += 3 * S
    assert stops(desk.wake(WakeCode.MARK)) == ([] if expected else [(10, 0)])


@pytest.mark.parametrize("amends", [True, False])
def test_a_stop_that_becomes_too_small_is_placed_again_reduce_only(amends: bool) -> None:
    desk = netted(LONG, 10, 6, 40.0, amends=amends)
    desk.settle()
    assert desk.order(STOP_SLOT)["plain"] == 1
    desk.tell(FactKind.BOOKED, cid=1 << 20 | 50, price_tick=5_000, qty_lot=5, amount=0, side=-1, trade_id=99)
    requests = desk.settle()
    assert desk.holding()["pos_lot"] == 5
    assert [int(r["kind"]) for r in requests if r["slot"] == STOP_SLOT and r["context"] == 0] == [
        RequestKind.CANCEL,
        RequestKind.NEW,
    ]
    assert stops(requests) == [(5, 1)]
    assert desk.order(STOP_SLOT)["plain"] == 0


def test_whoever_wants_out_of_little_gets_out() -> None:
    """Without protection too: the order at the market is reduce-only."""
    desk = Desk(strategies=2)
    desk.want(held(LONG, 10))
    desk.want(held(LONG, 6), context=1)
    desk.play(TAKER_FREE, TAKER_FREE)
    desk.tell(FactKind.SETTING, code=SettingCode.MIN_NOTIONAL, amount=60 * USD)
    desk.want(held(LONG, 0))
    [out] = desk.wake()
    assert (int(out["qty_lot"]), int(out["reduce"])) == (10, 1)


def test_a_netted_stop_that_is_large_enough_stays_as_it_was() -> None:
    desk = netted(LONG, 10, -4, 5.0)
    desk.settle()
    desk.want(
        held(LONG, 10), {"kind": REST, "slot": 2, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}, context=0
    )
    desk.bar(5_000)
    assert desk.settle() == []
    desk.now_ns += MINUTE_NS
    assert desk.order(STOP_SLOT)["plain"] == 1
