"""Each rule of the gate refuses what it forbids, with its limit and the value that broke it, and says so once."""

from dataclasses import dataclass, field

import pytest

from tradewind.engine.setup import AccountLimits, LegGroup
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import (
    ALL,
    BIG,
    LONG,
    SHORT,
    FactKind,
    IntentKind,
    OperatorCode,
    OrderState,
    RequestKind,
    Rule,
    SettingCode,
    StreamCode,
    Verdict,
)

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
USD = 100_000_000
BID = {"price_tick": 4_990, "qty_lot": 10}


@dataclass
class Case:
    """A desk, what was told before, one intent, and the refusal that must come of it."""

    rule: int
    limit: float
    value: float
    want: dict = field(default_factory=lambda: dict(BID))
    desk: dict = field(default_factory=dict)
    facts: tuple = ()
    first: dict | None = None


OPERATOR, STREAM = FactKind.OPERATOR, FactKind.STREAM
CASES = {
    "paused": Case(Rule.HALTED, 0, 1, facts=((OPERATOR, {"code": OperatorCode.PAUSE}),)),
    "stale": Case(Rule.STALE, 0, 1, facts=((STREAM, {"code": StreamCode.STALE}),)),
    "gap": Case(Rule.STALE, 0, 1, facts=((STREAM, {"code": StreamCode.GAP}),)),
    "venue down": Case(Rule.STALE, 0, 1, facts=((FactKind.VENUE_STATUS, {"code": 1}),)),
    "too little": Case(
        Rule.MIN_QTY, 20, 10, facts=((FactKind.SETTING, {"code": SettingCode.MIN_QTY, "qty_lot": 20}),)
    ),
    "below the minimum notional": Case(
        Rule.MIN_NOTIONAL, 5 * USD, 400_000_000, want={"price_tick": 4_000, "qty_lot": 1}
    ),
    "holding": Case(
        Rule.HOLDING_LIMIT,
        4,
        2,
        want={**BID, "slot": 1, "qty_lot": 2},
        first={**BID, "qty_lot": 4},
        desk={"holding_limit_qty": 0.04},
    ),
    "side": Case(
        Rule.SIDE_LIMIT,
        9,
        10,
        desk={"position_limit_qty": 0.09},
        facts=((FactKind.EXTERNAL_POSITION, {"qty_lot": 9}),),
    ),
    "order notional": Case(Rule.ORDER_NOTIONAL, 40 * USD, 49.9 * USD, desk={"order_limit_notional": 40.0}),
    "position notional": Case(
        Rule.POSITION_NOTIONAL,
        90 * USD,
        99.8 * USD,
        first=BID,
        want={**BID, "slot": 1},
        desk={"position_limit_notional": 90.0},
    ),
    "symbol": Case(Rule.POSITION_NOTIONAL, 0.4, 0.499, desk={"symbol_limit": 0.4, "balance": 100.0}),
    "price band": Case(
        Rule.PRICE_BAND, 0.01, 0.02, want={"price_tick": 4_900, "qty_lot": 10}, desk={"price_band": 0.01}
    ),
    "price band from the mark": Case(
        Rule.PRICE_BAND,
        0.01,
        0.02,
        want={"price_tick": 5_100, "qty_lot": 9},
        desk={"price_band": 0.01},
        facts=((FactKind.MARK, {"value": 5_000.0}),),
    ),
    "margin": Case(Rule.MARGIN, 9 * USD, 10.00495 * USD, desk={"balance": 9.0}),
    "leverage": Case(
        Rule.LEVERAGE, 0.4, 0.499, desk={"limits": AccountLimits(leverage=0.4), "balance": 100.0}
    ),
    "total": Case(
        Rule.EXPOSURE_TOTAL, 0.4, 0.499, desk={"limits": AccountLimits(total=0.4), "balance": 100.0}
    ),
    "sides": Case(Rule.EXPOSURE_SIDE, 0.4, 0.499, desk={"limits": AccountLimits(side=0.4), "balance": 100.0}),
    "long": Case(Rule.EXPOSURE_SIDE, 0.4, 0.499, desk={"limits": AccountLimits(long=0.4), "balance": 100.0}),
    "group": Case(
        Rule.EXPOSURE_GROUP,
        0.4,
        0.499,
        desk={"limits": AccountLimits(groups={3: 0.4}), "balance": 100.0, "group": 3},
    ),
    "unhedged": Case(
        Rule.UNHEDGED,
        40 * USD,
        49.9 * USD,
        desk={"limits": AccountLimits(leg_groups={2: LegGroup(40.0, MINUTE_NS)}), "leg_groups": (2,)},
    ),
    "open orders": Case(
        Rule.OPEN_ORDERS,
        1,
        1,
        first=BID,
        want={**BID, "slot": 1},
        desk={"limits": AccountLimits(open_orders=1)},
    ),
    "order rate": Case(
        Rule.ORDER_RATE,
        1,
        1,
        first=BID,
        want={**BID, "slot": 1},
        desk={"limits": AccountLimits(order_rate=1, rate_window_ns=9 * MINUTE_NS)},
    ),
    "short of spot": Case(
        Rule.NO_SHORT,
        0,
        10_000,
        want={**BID, "position_side": SHORT, "qty_lot": 10_000},
        desk={"payoffs": ("spot",)},
    ),
    "at rest without a price": Case(Rule.PRICE, 1, 0, want={"price_tick": 0, "qty_lot": 10}),
    "a stop without a price": Case(
        Rule.PRICE, 1, 0, want={"kind": STOP, "reduce": 1, "price_tick": 0, "qty_lot": 10}
    ),
    "an opening stop that would wake at once": Case(
        Rule.PRICE, 5_000, 4_990, want={"kind": STOP, "price_tick": 4_990, "qty_lot": 10}
    ),
    "closing nothing": Case(Rule.NOT_REDUCING, 0, 0, want={**BID, "reduce": 1, "price_tick": 5_010}),
    "delisted": Case(Rule.CLOSED, 0, 1, facts=((FactKind.DELISTED, {}),)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_rule_refuses_with_its_limit_and_value(case: Case):
    desk = Desk(**case.desk)
    desk.bar(5_000)
    wants = [{"slot": 0, **case.want}] if case.first is None else [case.first, case.want]
    desk.want(*wants[:-1])
    desk.settle()
    for kind, fields in case.facts:
        desk.tell(kind, **fields)
    if case.rule == Rule.CLOSED:
        desk.view()["closed"] = 1
    desk.want(*wants)
    for _ in range(3):
        asked = [r for r in desk.wake() if r["slot"] == wants[-1].get("slot", 0)]
        if case.rule == Rule.CLOSED:
            break
        assert asked == []
    refused = desk.refusals()
    if case.rule == Rule.CLOSED:
        assert refused == []
    else:
        assert [r[0] for r in refused] == [case.rule], "said once, though asked for three times"
        assert refused[0][1:] == pytest.approx((case.limit, case.value), rel=1e-9)
        assert desk.core["refusals"][case.rule] == 1


def test_a_closed_instrument_is_flattened_whatever_is_wanted():
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID)
    desk.settle()
    desk.fill(0, 10, 4_990)
    desk.view()["closed"] = 1
    (request,) = desk.wake()
    assert (request["order_kind"], request["side"], request["qty_lot"]) == (TARGET, -1, 10)


@pytest.mark.parametrize("kind", [REST, STOP])
def test_closers_are_clipped_to_what_is_held_per_class(kind: int):
    desk = Desk(position_limit_qty=1.0)
    desk.view()["shared"] = 0
    desk.bar(5_000)
    desk.want({**BID, "qty_lot": 6})
    desk.settle()
    desk.fill(0, 6, 4_990)
    closer = {"reduce": 1, "kind": kind, "price_tick": 5_100 if kind == REST else 4_800}
    desk.want({"slot": 1, "qty_lot": 4, **closer}, {"slot": 2, "qty_lot": 4, **closer})
    assert [int(r["qty_lot"]) for r in desk.settle()] == [4, 2]
    assert desk.holding()["close_lot" if kind == REST else "stop_lot"] == 6


def test_a_profit_and_a_stop_may_both_be_the_whole_holding_unless_the_position_is_shared():
    for shared, sent in ((0, [6, 6]), (1, [6])):
        desk = Desk()
        desk.view()["shared"] = shared
        desk.bar(5_000)
        desk.want({**BID, "qty_lot": 6})
        desk.settle()
        desk.fill(0, 6, 4_990)
        profit = {"slot": 1, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}
        stop = {"slot": 2, "reduce": 1, "kind": STOP, "price_tick": 4_800, "qty_lot": ALL}
        desk.want(profit, stop)
        asked = desk.settle()
        assert [int(r["qty_lot"]) for r in asked] == sent
        assert all(r["reduce"] == 1 - shared for r in asked), "reduce-only guards a position, not a holding"


def test_reductions_pass_every_rule_but_lock():
    desk = Desk(limits=AccountLimits(open_orders=1, order_rate=1), balance=12.0)
    desk.bar(5_000)
    desk.want({**BID, "qty_lot": 6})
    desk.settle()
    desk.fill(0, 6, 4_990)
    desk.tell(STREAM, code=StreamCode.STALE)
    desk.tell(OPERATOR, code=OperatorCode.PAUSE)
    desk.want(
        {"slot": 1, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL},
        {"kind": STOP, "slot": 2, "reduce": 1, "price_tick": 4_800, "qty_lot": ALL},
    )
    desk.tell(OPERATOR, code=OperatorCode.LOCK)
    assert desk.wake() == []
    desk.tell(OPERATOR, code=OperatorCode.UNLOCK)
    assert len(desk.wake()) == 1 + (desk.view()["shared"] == 0)


def test_quantities_are_cut_to_the_room_and_to_whole_steps():
    desk = Desk(("spot",), holding_limit_qty=0.0255)
    desk.bar(5_000)
    desk.want({"price_tick": 4_990, "qty_lot": 99_000})
    (request,) = desk.wake()
    assert request["qty_lot"] == 2_000, "2,550 atoms fit, a lot is 1,000"


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"code": 0, "qty_lot": 5}, 0),
        ({"code": 1, "amount": 20 * USD}, 0),
        ({"code": 5, "value": 0.001}, 0),
        ({"code": 6, "value": 0.001}, 0),
        ({"code": 0, "qty_lot": 10}, 1),
        ({"code": 0, "qty_lot": 5, "position_side": SHORT}, 1),
    ],
)
@pytest.mark.parametrize("verdict", [Verdict.SET, Verdict.HOLD])
def test_a_lowered_limit_cancels_the_openers_above_it(fields: dict, kept: int, verdict: int):
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID)
    desk.settle()
    if verdict == Verdict.HOLD:
        desk.want(verdict=Verdict.HOLD)
    desk.tell(FactKind.LIMITS, **fields)
    asked = desk.wake()
    assert [int(r["kind"]) for r in asked] == [RequestKind.CANCEL] * (1 - kept)


def test_a_mark_that_breaches_an_exposure_limit_cancels_openers_and_keeps_closers():
    desk = Desk(limits=AccountLimits(total=1.0), balance=100.0)
    desk.bar(5_000)
    desk.want(BID, {**BID, "slot": 1, "qty_lot": 8})
    desk.settle()
    desk.fill(0, 10, 4_990)
    closer = {"slot": 2, "reduce": 1, "price_tick": 7_000, "qty_lot": 10}
    desk.want({**BID, "slot": 1, "qty_lot": 8}, closer)
    desk.settle()
    assert desk.order(1)["state"] == OrderState.LIVE
    desk.bar(6_500)
    asked = desk.wake()
    assert [(int(r["kind"]), int(r["slot"])) for r in asked] == [(RequestKind.CANCEL, 1)]
    assert desk.order(2)["state"] == OrderState.LIVE


def test_priorities_are_cancel_reduce_protect_open():
    desk = Desk(hedge=True)
    desk.bar(5_000)
    desk.want({**BID, "qty_lot": 6}, {**BID, "slot": 9})
    desk.settle()
    desk.fill(0, 6, 4_990)
    opener = {"slot": 1, "position_side": LONG, **BID}
    stop = {"slot": 2, "kind": STOP, "reduce": 1, "price_tick": 4_800, "qty_lot": ALL}
    profit = {"slot": 3, "reduce": 1, "price_tick": 5_200, "qty_lot": ALL}
    desk.want(opener, stop, profit)
    asked = desk.wake()
    assert [(int(r["kind"]), int(r["slot"])) for r in asked] == [
        (RequestKind.CANCEL, 9),
        (0, 3),
        (0, 2),
        (0, 1),
    ]


def test_nothing_is_limited_by_default():
    desk = Desk(balance=1e7)
    desk.bar(5_000)
    desk.want({**BID, "qty_lot": 100_000})
    (request,) = desk.wake()
    assert request["qty_lot"] == 100_000
    assert desk.view()["order_limit_notional"] == BIG
