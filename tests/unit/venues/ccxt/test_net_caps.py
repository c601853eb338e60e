"""Caps and what an account holds net: what takes away always leaves, what adds counts whatever it is called."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, Rule
from tradewind.venues.ccxt.caps import CapGuard, Caps
from tradewind.venues.fake.listings import listed
from tradewind.venues.gateway import (
    FillSeen,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    Outcome,
    OutcomeKind,
    PositionSeen,
    Snapshot,
)

S = 1_000_000_000
NOW_NS = 1_800_000_000 * S
INSTRUMENT = listed("binance_usdm")[0]
NEAR = int(Decimal(3_000) / INSTRUMENT.tick_size)
LARGE = 1_000_000
SMALL_CAP = Caps(order_notional_max=Decimal(1) / 10**6, orders_per_minute_max=1)


@pytest.fixture
def guard():
    return CapGuard(SMALL_CAP, lambda: NOW_NS)


def order(cid, side, lots, *, reduce=False, position_side=LONG):
    return NewOrder(0, cid, IntentKind.TARGET, side, position_side, reduce, False, 0, lots, near_tick=NEAR)


def held(lots, side=LONG, at_ns=NOW_NS):
    return PositionSeen(0, side, lots, 0.0, 0.0, at_ns, at_ns)


def state(cid, status, filled):
    return OrderSeen(
        0, cid, "", "7", status, SELL, LONG, 0, 0, 10, filled, 0, Rule.OK, NOW_NS, NOW_NS
    )  # fmt: skip


def trade(side, lots, at_ns):
    return FillSeen(0, 1, "", "7", "t", 5, side, LONG, NEAR, lots, 0, 0, "USDT", 0, at_ns, at_ns)


def rule_of(guard, wanted):
    return guard.refuse(wanted, INSTRUMENT)[0]


@pytest.mark.parametrize(("side", "held_side"), [(SELL, LONG), (BUY, SHORT)])
def test_what_takes_no_more_away_than_is_held_is_never_refused(guard, side, held_side):
    """Whatever it is worth, however many there were; one lot more would turn the position, and counts."""
    guard.hear(held(LARGE, held_side))
    assert [rule_of(guard, order(n, side, LARGE // 10)) for n in range(1, 11)] == [Rule.OK] * 10
    assert rule_of(guard, order(11, side, 1)) == Rule.ORDER_NOTIONAL


def test_what_adds_counts_though_it_closes_for_its_strategy(guard):
    """The account is short net: the strategy that sells its long makes that larger."""
    guard.hear(held(LARGE, SHORT))
    closing = order(1, SELL, LARGE)
    assert closing.closes
    assert rule_of(guard, closing) == Rule.ORDER_NOTIONAL
    assert rule_of(guard, order(2, SELL, LARGE, reduce=True)) == Rule.OK


def test_longs_and_shorts_are_taken_net(guard):
    guard.hear(held(LARGE))
    guard.hear(held(LARGE - 5, SHORT))
    assert rule_of(guard, order(1, SELL, 6)) == Rule.ORDER_NOTIONAL
    assert rule_of(guard, order(2, SELL, 5)) == Rule.OK


def test_in_hedge_mode_a_close_can_open_nothing():
    guard = CapGuard(SMALL_CAP, lambda: NOW_NS, hedge=True)
    assert rule_of(guard, order(1, SELL, LARGE)) == Rule.OK
    assert rule_of(guard, order(2, SELL, LARGE, position_side=SHORT)) == Rule.ORDER_NOTIONAL


def test_nothing_is_known_to_be_held_before_the_venue_says_so(guard):
    assert rule_of(guard, order(1, SELL, LARGE)) == Rule.ORDER_NOTIONAL


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED])
def test_an_order_that_ended_takes_nothing_away_any_more(guard, status):
    guard.hear(held(LARGE))
    assert rule_of(guard, order(1, SELL, LARGE)) == Rule.OK
    assert rule_of(guard, order(2, SELL, LARGE)) == Rule.ORDER_NOTIONAL
    guard.hear(state(1, status, 0))
    assert rule_of(guard, order(3, SELL, LARGE)) == Rule.OK


def test_a_trade_makes_less_and_never_more(guard):
    """A trade that the last word on the position does not hold yet counts against it; one that adds waits for it."""
    guard.hear(held(100))
    guard.hear(trade(SELL, 40, NOW_NS + S))
    guard.hear(trade(BUY, 500, NOW_NS + 2 * S))
    assert rule_of(guard, order(1, SELL, 61)) == Rule.ORDER_NOTIONAL
    assert rule_of(guard, order(2, SELL, 60)) == Rule.OK


def test_a_trade_that_the_position_holds_already_counts_once(guard):
    guard.hear(held(60))
    guard.hear(trade(SELL, 40, NOW_NS))
    assert rule_of(guard, order(1, SELL, 60)) == Rule.OK


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_what_came_of_an_order_decides_whether_it_may_still_take(guard, kind):
    guard.hear(held(LARGE))
    first = order(1, SELL, LARGE)
    assert rule_of(guard, first) == Rule.OK
    guard.note([first], [Outcome(kind)])
    gone = kind in (OutcomeKind.REJECTED, OutcomeKind.NOT_SENT)
    assert rule_of(guard, order(2, SELL, LARGE)) == (Rule.OK if gone else Rule.ORDER_NOTIONAL)


@pytest.mark.parametrize(("after_s", "fine"), [(60, True), (5, False)])
def test_a_snapshot_says_what_is_held_and_what_works_no_more(guard, after_s, fine):
    guard.hear(held(5))
    guard.hear(held(LARGE, SHORT))
    asked_ns = NOW_NS + after_s * S
    assert rule_of(guard, order(1, BUY, LARGE - 5)) == Rule.OK
    guard.know(Snapshot((), (), (held(LARGE, SHORT),), (), (), (), (), (), asked_ns, asked_ns))
    assert (rule_of(guard, order(2, BUY, LARGE)) == Rule.OK) is fine


def test_a_change_is_judged_by_what_it_would_take_then(guard):
    guard.hear(held(100))
    assert rule_of(guard, order(1, SELL, 40)) == Rule.OK
    for lots, rule in ((100, Rule.OK), (101, Rule.ORDER_NOTIONAL)):
        assert guard.refuse_change(OrderRef(0, 1), INSTRUMENT, SELL, (NEAR, lots), reduces=False)[0] == rule
    assert rule_of(guard, order(2, SELL, 1)) == Rule.ORDER_NOTIONAL
    guard.hear(state(1, OrderStatus.WORKING, 30))
    guard.hear(trade(SELL, 30, NOW_NS + S))
    assert rule_of(guard, order(3, SELL, 1)) == Rule.ORDER_NOTIONAL
    assert guard.refuse_change(OrderRef(0, 1), INSTRUMENT, SELL, (NEAR, 50), reduces=False)[0] == Rule.OK
    assert rule_of(guard, order(4, SELL, 50)) == Rule.OK
