"""Lots that change hands without an order in a slot: a fill told after the end, a position that is taken over."""

from __future__ import annotations

import pytest

from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.units.enums import (
    BUY,
    LONG,
    SELL,
    SHORT,
    FactKind,
    Halt,
    IntentKind,
    OrderState,
    RequestKind,
    Role,
    Rule,
    WakeCode,
)
from tradewind.units.ids import client_id

REST = {"price_tick": 4_990, "qty_lot": 10}
TARGET = IntentKind.TARGET


def worth(desk: Desk, lots: int, price_tick: int) -> int:
    return int(lots * float(price_tick) * float(desk.view()["unit"]))


def book(desk: Desk, lots: int, price_tick: int, trade_id: int = 77, **fields: float) -> None:
    said = {"cid": int(desk.order(0)["cid"]), "side": BUY, "position_side": LONG, "value": 1.0, **fields}
    desk.tell(
        FactKind.BOOKED, qty_lot=lots, price_tick=price_tick, amount=worth(desk, lots, price_tick),
        trade_id=trade_id, **said,
    )  # fmt: skip


def cancelled(**want: int) -> Desk:
    """Return a desk whose order of ten lots was cancelled before anything filled."""
    desk = Desk()
    desk.bar(5_000)
    desk.want({**REST, **want})
    desk.acknowledge(desk.wake())
    desk.want()
    desk.settle()
    assert desk.order(0)["state"] == OrderState.FREE
    return desk


def state(desk: Desk) -> bytes:
    return b"".join(desk.world.state[at].tobytes() for at in range(1, 4))


def test_a_late_fill_of_a_cancelled_order_is_ours_with_its_money():
    """F32: the core has no order any more, and must not leave the lots to the comparison with the venue."""
    desk = cancelled()
    checks = Invariants(desk.world)
    book(desk, 6, 4_990)
    held = desk.holding()
    assert (held["pos_lot"], held["cost"], held["entries"]) == (6, worth(desk, 6, 4_990), 1)
    assert (held["last_tick"], held["opened_ns"]) == (4_990, desk.now_ns)
    assert int(desk.view()["external_lot"].sum()) == 0
    checks.check_belief()
    row = desk.world.drain().fills[0]
    assert (row["qty_lot"], row["role"], row["trade_id"], row["cid"]) == (
        6,
        Role.OPEN,
        77,
        desk.order(0)["cid"],
    )


def test_a_late_fill_is_booked_once_and_its_fee_is_charged_all_the_same():
    desk = cancelled()
    book(desk, 6, 4_990)
    before = state(desk)
    facts = int(desk.core["facts"])
    book(desk, 6, 4_990)
    assert int(desk.core["facts"]) == facts + 1
    assert state(desk) == before
    assert desk.holding()["pos_lot"] == 6
    balance = int(desk.account["balance"])
    for _ in range(2):
        desk.tell(FactKind.FEE, trade_id=77, amount=500)
    assert int(desk.account["balance"]) == balance - 500
    assert desk.world.drain().fills["fee"].tolist() == [500]


def test_a_late_fill_counts_as_filled_in_its_epoch_so_that_nobody_asks_for_it_again():
    desk = cancelled()
    book(desk, 6, 4_990)
    desk.want(REST)
    assert [int(request["qty_lot"]) for request in desk.wake()] == [4]


def test_a_late_fill_in_a_slot_that_was_used_again_leaves_the_new_order_alone():
    desk = cancelled()
    old = int(desk.order(0)["cid"])
    desk.want({**REST, "price_tick": 4_980, "epoch": 1})
    desk.acknowledge(desk.wake())
    checks = Invariants(desk.world)
    book(desk, 6, 4_990, cid=old)
    order = desk.order(0)
    assert (order["state"], order["filled_lot"], order["held_lot"]) == (OrderState.LIVE, 0, 10)
    assert (desk.holding()["pos_lot"], desk.holding()["open_lot"]) == (6, 10)
    checks.check_belief()


def test_a_late_fill_is_taken_off_a_newer_order_of_the_same_epoch():
    """What was wanted is ten lots in all: six are there, so that four may still fill, with the next answer."""
    desk = cancelled()
    old = int(desk.order(0)["cid"])
    desk.want({**REST, "price_tick": 4_980})
    desk.acknowledge(desk.wake())
    checks = Invariants(desk.world)
    book(desk, 6, 4_990, cid=old)
    requests = desk.wake(WakeCode.AGAIN)
    assert [(int(r["kind"]), int(r["qty_lot"])) for r in requests] == [(RequestKind.AMEND, 4)]
    desk.acknowledge(requests)
    order = desk.order(0)
    assert (order["state"], order["held_lot"], order["done_lot"]) == (OrderState.LIVE, 4, 6)
    desk.fill(0, 4, 4_980)
    assert desk.settle() == []
    assert (desk.holding()["pos_lot"], desk.holding()["open_lot"]) == (10, 0)
    checks.check_belief()


def test_a_late_fill_of_everything_cancels_a_newer_order_of_the_same_epoch():
    desk = cancelled()
    old = int(desk.order(0)["cid"])
    desk.want({**REST, "price_tick": 4_980})
    desk.acknowledge(desk.wake())
    book(desk, 10, 4_990, cid=old)
    assert [int(r["kind"]) for r in desk.settle()] == [RequestKind.CANCEL]
    assert (desk.holding()["pos_lot"], desk.holding()["open_lot"]) == (10, 0)


def test_a_late_fill_of_an_earlier_epoch_counts_in_none_that_follows():
    """Also where the first order of the new epoch was refused, so that the slot still knows the old one."""
    desk = cancelled()
    desk.tell(FactKind.HALT, code=Halt.HOLD, qty_lot=1)
    desk.want({**REST, "epoch": 1})
    assert desk.wake() == []
    book(desk, 6, 4_990)
    desk.tell(FactKind.HALT, code=Halt.HOLD, qty_lot=0)
    assert [int(request["qty_lot"]) for request in desk.wake()] == [10]


def test_lots_of_an_order_that_the_core_still_has_are_a_fill_of_it():
    desk = Desk()
    desk.bar(5_000)
    desk.want(REST)
    desk.acknowledge(desk.wake())
    checks = Invariants(desk.world)
    book(desk, 4, 4_990, 1)
    assert (desk.order(0)["filled_lot"], desk.order(0)["held_lot"], desk.holding()["pos_lot"]) == (4, 6, 4)
    book(desk, 6, 4_990, 2)
    assert (desk.order(0)["state"], desk.order(0)["reason"]) == (OrderState.FREE, Rule.OK)
    assert (desk.holding()["pos_lot"], desk.holding()["open_lot"]) == (10, 0)
    checks.check_belief()


@pytest.mark.parametrize("held_lot", [10, 4])
def test_a_late_fill_that_closes_realises_and_what_we_did_not_hold_is_external(held_lot: int):
    desk = Desk()
    desk.bar(5_000)
    desk.want({"kind": TARGET, "qty_lot": held_lot})
    desk.acknowledge(desk.wake())
    desk.fill(0, held_lot, 5_000)
    checks = Invariants(desk.world)
    balance = int(desk.account["balance"])
    book(desk, 6, 5_100, cid=client_id(9, 0, 5), side=SELL, value=0.0)
    closed = min(6, held_lot)
    assert desk.holding()["pos_lot"] == held_lot - closed
    gain = int(desk.account["balance"]) - balance
    assert gain == pytest.approx(worth(desk, closed, 100), abs=2)
    assert int(desk.view()["external_lot"][SHORT]) == 6 - closed
    assert int(desk.holding()["outcome"]) == 0  # Noted: the round trip that ended counts for the breakers.
    assert int(desk.holding()["trips"]) == int(held_lot == closed)
    checks.check_belief()


def test_a_position_that_is_taken_over_belongs_to_the_context_that_its_id_names():
    desk = Desk(strategies=2)
    desk.bar(5_000)
    book(desk, 8, 4_800, cid=client_id(0, 1, 0), side=SELL, position_side=SHORT)
    assert desk.world.contexts["working"]["holding"]["pos_lot"].tolist() == [[0, 0], [0, 8]]
    assert desk.world.contexts["working"]["order"]["done_lot"].sum() == 0
    Invariants(desk.world).check_belief()


def test_it_lets_a_sleeper_be_asked_again_and_limits_be_judged():
    desk = cancelled()
    desk.want(sleep=1, wake_ns=desk.now_ns + 10**15)
    desk.wake()
    asked = desk.calls()
    desk.bar(5_000)
    desk.wake()
    assert desk.calls() == asked
    desk.world.core["recheck"] = 0
    book(desk, 6, 4_990)
    assert desk.core["recheck"] == 1
    desk.wake()
    assert desk.calls() == asked + 1
