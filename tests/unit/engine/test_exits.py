"""What a strategy holds is protected as written: stops, trailing, gains, age, by the core or by a stop at the venue."""

import pytest

from tradewind.engine.setup import AccountLimits, ExitSetup
from tradewind.testing.puppets import Desk, plan_says
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import (
    ALL,
    LONG,
    SHORT,
    FactKind,
    Halt,
    HaltScope,
    IntentKind,
    OperatorCode,
    OrderState,
    Protection,
    RequestKind,
    Role,
    Rule,
    TriggerKind,
    Verdict,
    WakeCode,
)

TARGET, STOP = IntentKind.TARGET, IntentKind.STOP
WATCHED, RESTING = Protection.WATCHED, Protection.RESTING
EXIT_SLOT, STOP_SLOT = 60, 62
FLAT = (5_000, 5_000, 5_000, 5_000)


def bar(price: int) -> tuple[int, int, int, int]:
    return (price, price, price, price)


def holding(side: int = LONG, protection: int = WATCHED, **setup: object) -> Desk:
    """Return a desk that holds ten lots, entered at 5,000, with these exits."""
    names = ExitSetup.__dataclass_fields__
    exits = ExitSetup(protection, **{n: setup.pop(n) for n in list(setup) if n in names})
    desk = Desk(exits=exits, **setup)
    desk.want({"kind": TARGET, "slot": side, "position_side": side, "qty_lot": 10})
    desk.play(FLAT, FLAT)
    assert desk.holding(side)["pos_lot"] == 10
    return desk


def towards(side: int, gain: int) -> int:
    """Return the price at which a holding of that side has gained so many ticks."""
    return 5_000 + gain * (1 - 2 * side)


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize(
    ("exits", "path", "rule"),
    [
        ({"stop_loss": 0.02}, [-99, -100], Rule.STOP_LOSS),
        ({"trailing": 0.02}, [100, 300, 210, 190], Rule.TRAILING),
        ({"take_profit": 0.03}, [149, 150], Rule.TAKE_PROFIT),
        ({"lock_from": 0.04, "lock_back": 0.01}, [-900, 190, 100, 210, 170, 160], Rule.PROFIT_LOCK),
        ({"stop_loss": 0.02, "trailing": 0.05}, [-50, -100], Rule.STOP_LOSS),
        ({"max_age_ns": 4 * MINUTE_NS}, [1, 2, 3, 4], Rule.MAX_AGE),
    ],
)
def test_each_exit_closes_at_the_bar_that_reaches_it_and_not_before(
    side: int, exits: dict, path: list[int], rule: int
) -> None:
    desk = holding(side, **exits)
    for gain in path[:-1]:
        desk.play(bar(towards(side, gain)))
        assert (desk.holding(side)["exit"], desk.holding(side)["pos_lot"]) == (0, 10), gain
    last = towards(side, path[-1])
    desk.play(bar(last))
    assert desk.holding(side)["exit"] == rule
    fills = desk.play(bar(last))
    assert [(int(f["qty_lot"]), int(f["role"])) for f in fills] == [(10, Role.CLOSE)]
    assert desk.holding(side)["pos_lot"] == desk.world.venue_instruments["pos_lot"].sum() == 0


def test_a_wick_touches_a_watched_stop() -> None:
    desk = holding(stop_loss=0.02)
    desk.play((5_000, 5_050, 4_900, 5_020))
    assert desk.holding()["exit"] == Rule.STOP_LOSS


def test_the_high_of_a_bar_does_not_tighten_the_stop_that_its_low_is_held_against() -> None:
    desk = holding(trailing=0.02)
    desk.play((5_000, 5_090, 4_950, 5_060))
    assert desk.holding()["exit"] == 0
    assert desk.holding()["stop_tick"] == int(5_090 * 0.98)


def test_a_bar_in_which_it_was_entered_does_not_count_with_its_low() -> None:
    desk = Desk(exits=ExitSetup(WATCHED, stop_loss=0.02))
    desk.want({"slot": 0, "price_tick": 4_950, "qty_lot": 10})
    desk.play(FLAT, (5_000, 5_000, 4_800, 4_960))
    assert desk.holding()["pos_lot"] == 10
    assert desk.holding()["exit"] == 0


def test_the_mark_is_watched_where_it_is_the_trigger() -> None:
    desk = holding(stop_loss=0.02, trigger=TriggerKind.MARK)
    desk.tell(FactKind.MARK, value=5_000.0)
    desk.bar(4_800)
    desk.wake()
    assert desk.holding()["exit"] == 0
    desk.tell(FactKind.MARK, value=4_899.0)
    desk.wake(WakeCode.MARK)
    assert desk.holding()["exit"] == Rule.STOP_LOSS


def test_a_trade_between_bars_is_heard_by_a_wake_at_which_nobody_decides() -> None:
    desk = holding(stop_loss=0.02)
    calls = desk.calls()
    desk.tell(FactKind.TRADE, price_tick=4_899, qty_lot=1, venue_ts_ns=desk.now_ns)
    asked = desk.wake(WakeCode.MARK)
    assert [(int(r["order_kind"]), int(r["slot"]), int(r["reduce"]), int(r["qty_lot"])) for r in asked] == [
        (TARGET, EXIT_SLOT, 1, 10)
    ]
    assert desk.calls() == calls


def test_after_an_exit_nothing_opens_until_the_strategy_has_wanted_nothing() -> None:
    desk = holding(stop_loss=0.02)
    desk.play(bar(4_890), bar(4_890))
    assert desk.holding()["pos_lot"] == 0
    desk.refusals()
    desk.play(bar(4_890), bar(4_890), bar(4_890))
    assert desk.holding()["pos_lot"] == 0
    desk.want()
    desk.play(bar(4_890), bar(4_890))
    desk.want({"kind": TARGET, "slot": 0, "qty_lot": 10})
    desk.play(bar(4_890), bar(4_890))
    assert desk.holding()["pos_lot"] == 10


def test_or_until_its_time_has_passed() -> None:
    desk = holding(stop_loss=0.02, reopen_ns=5 * MINUTE_NS)
    desk.play(*[bar(4_890)] * 5)
    assert desk.holding()["pos_lot"] == 0
    desk.play(bar(4_890), bar(4_890))
    assert desk.holding()["pos_lot"] == 10


def test_an_exit_takes_the_other_closers_out_of_its_way_and_the_openers_too() -> None:
    desk = holding(stop_loss=0.02)
    desk.want(
        {"kind": TARGET, "slot": 0, "qty_lot": 10},
        {"slot": 5, "reduce": 1, "price_tick": 5_500, "qty_lot": 10},
        {"slot": 6, "price_tick": 4_000, "qty_lot": 5},
        {"kind": STOP, "slot": 7, "reduce": 1, "price_tick": 3_000, "qty_lot": 10},
    )
    desk.play(FLAT)
    desk.play(bar(4_890))
    desk.play(bar(4_890))
    assert desk.holding()["pos_lot"] == 0
    assert [desk.order(slot)["state"] for slot in (5, 6)] == [OrderState.FREE] * 2


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_stop_rests_at_the_venue_and_fills_there(side: int) -> None:
    desk = holding(side, RESTING, stop_loss=0.02)
    order = desk.order(STOP_SLOT + side)
    level = towards(side, -100)
    assert (order["state"], order["kind"], order["reduce"], order["price_tick"], order["qty_lot"]) == (
        OrderState.LIVE,
        STOP,
        1,
        level,
        10,
    )
    wick = (5_000, max(5_000, level), min(5_000, level), 5_000)
    fills = desk.play(wick)
    assert [(int(f["price_tick"]), int(f["role"])) for f in fills] == [(level, Role.STOP)]


def test_a_trailing_stop_is_moved_behind_the_price_and_never_back() -> None:
    desk = holding(LONG, RESTING, trailing=0.1)
    levels = []
    for price in (5_500, 6_000, 5_600, 5_500):
        desk.play(bar(price))
        levels.append(int(desk.order(STOP_SLOT)["price_tick"]))
    assert levels == [4_950, 5_400, 5_400, 5_400]
    desk.play(bar(5_390))
    assert desk.holding()["pos_lot"] == 0


def test_a_stop_that_vanished_is_placed_again_at_the_answer_and_at_the_next_wake() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02)
    for code in (WakeCode.AGAIN, WakeCode.BATCH, WakeCode.MARK):
        cid = int(desk.order(STOP_SLOT)["cid"])
        desk.tell(FactKind.CANCELLED, cid=cid, code=Rule.VENUE_OTHER)
        asked = desk.wake(code)
        assert [(int(r["kind"]), int(r["slot"]), int(r["price_tick"])) for r in asked] == [
            (RequestKind.NEW, STOP_SLOT, 4_900)
        ]
        desk.acknowledge(asked)


def test_a_stop_that_the_venue_refuses_is_asked_for_again_after_a_second() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02)
    desk.tell(FactKind.CANCELLED, cid=int(desk.order(STOP_SLOT)["cid"]), code=Rule.VENUE_OTHER)
    asked = desk.wake(WakeCode.AGAIN)
    desk.tell(FactKind.REJECT, cid=int(asked[0]["cid"]), side=RequestKind.NEW, code=Rule.VENUE_OTHER)
    assert desk.wake(WakeCode.MARK) == []
    desk.now_ns += 1_000_000_000
    assert [int(request["slot"]) for request in desk.wake(WakeCode.MARK)] == [STOP_SLOT]


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_stop_that_would_trigger_at_once_closes_at_the_market(side: int) -> None:
    desk = holding(side, RESTING, stop_loss=0.02)
    desk.tell(FactKind.CANCELLED, cid=int(desk.order(STOP_SLOT + side)["cid"]), code=Rule.VENUE_OTHER)
    asked = desk.wake(WakeCode.AGAIN)
    desk.tell(FactKind.REJECT, cid=int(asked[0]["cid"]), side=RequestKind.NEW, code=Rule.VENUE_PRICE)
    assert [int(request["slot"]) for request in desk.wake(WakeCode.MARK)] == [EXIT_SLOT + side]
    assert desk.holding(side)["exit"] == Rule.STOP_LOSS


def test_a_level_that_is_passed_while_no_stop_works_is_closed_at_the_market() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02)
    desk.tell(FactKind.CANCELLED, cid=int(desk.order(STOP_SLOT)["cid"]), code=Rule.VENUE_OTHER)
    desk.bar(4_890)
    asked = desk.wake()
    assert [(int(r["order_kind"]), int(r["slot"])) for r in asked] == [(TARGET, EXIT_SLOT)]


def test_a_stop_goes_with_its_holding() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02)
    desk.want()
    desk.want({"kind": TARGET, "slot": 0, "qty_lot": 0})
    desk.play(FLAT, FLAT, FLAT)
    assert desk.holding()["pos_lot"] == 0
    assert desk.order(STOP_SLOT)["state"] == OrderState.FREE


def test_where_closers_compete_the_stop_rests_and_the_take_profit_is_watched() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02, strategies=2)
    take = {"slot": 5, "reduce": 1, "price_tick": 5_100, "qty_lot": 10}
    desk.want({"kind": TARGET, "slot": 0, "qty_lot": 10}, take)
    desk.play(FLAT, FLAT)
    assert desk.order(STOP_SLOT)["state"] == OrderState.LIVE
    assert desk.order(STOP_SLOT)["plain"] == 1
    assert desk.order(5)["state"] == OrderState.FREE
    desk.want(take)
    fills = desk.play((5_050, 5_120, 5_050, 5_110), bar(5_110))
    assert [(int(f["qty_lot"]), int(f["role"])) for f in fills] == [(10, Role.CLOSE)]
    desk.play(bar(5_110))
    assert desk.world.venue_instruments["pos_lot"].sum() == 0
    assert desk.order(STOP_SLOT)["state"] == OrderState.FREE


def test_halts_leave_protection_alone_and_a_lock_stops_it() -> None:
    desk = holding(LONG, RESTING, trailing=0.1)
    desk.tell(FactKind.HALT, code=Halt.DISK, qty_lot=1)
    desk.play(bar(5_500))
    assert desk.order(STOP_SLOT)["price_tick"] == 4_950
    desk.tell(FactKind.HELD, qty_lot=0, code=Rule.RAISED)
    desk.play(bar(6_000))
    assert desk.order(STOP_SLOT)["price_tick"] == 5_400
    desk.tell(FactKind.HALT, code=Halt.LOCK, qty_lot=1, side=HaltScope.ACCOUNT)
    desk.play(bar(7_000))
    assert desk.order(STOP_SLOT)["price_tick"] == 5_400


def test_flatten_closes_what_a_stop_protects() -> None:
    desk = holding(LONG, RESTING, stop_loss=0.02)
    desk.tell(FactKind.OPERATOR, code=OperatorCode.FLATTEN)
    desk.play(FLAT, FLAT, FLAT)
    assert desk.holding()["pos_lot"] == desk.world.venue_instruments["pos_lot"].sum() == 0
    assert desk.world.contexts["working"]["live_count"][0] == 0


def test_a_holding_that_loses_too_much_of_the_account_is_closed_whatever_protects_it() -> None:
    desk = holding(LONG, Protection.NONE, balance=100.0, position_loss=0.05)
    desk.play(bar(4_530))
    assert desk.holding()["exit"] == 0
    desk.play(bar(4_520))
    assert desk.holding()["exit"] == Rule.POSITION_LOSS
    desk.play(bar(4_490))
    assert desk.holding()["pos_lot"] == 0


@pytest.mark.parametrize("protection", [WATCHED, RESTING])
def test_neither_price_band_nor_order_rate_nor_open_orders_block_a_reduction(protection: int) -> None:
    limits = AccountLimits(order_rate=1, open_orders=1)
    desk = holding(LONG, protection, stop_loss=0.3, limits=limits, price_band=0.01)
    if protection == RESTING:
        assert desk.order(STOP_SLOT)["price_tick"] == 3_500, "far outside the band, beyond the rate"
    desk.want(
        {"kind": TARGET, "slot": 0, "qty_lot": 10},
        {"slot": 5, "reduce": 1, "price_tick": 6_000, "qty_lot": 10},
    )
    desk.play(FLAT)
    assert desk.order(5)["state"] == OrderState.LIVE
    desk.play(bar(3_400), bar(3_400))
    assert desk.holding()["pos_lot"] == 0


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize("holds", [False, True])
@pytest.mark.parametrize("by_plan", [None, "as decided", "edited"])
def test_a_stop_of_the_strategys_own_covers_what_fills_before_it_decides_again(
    side: int, holds: bool, by_plan: str | None
) -> None:
    desk = Desk(exits=ExitSetup(RESTING), planned=by_plan is not None)
    level = towards(side, -100)
    opener = {"slot": 0, "position_side": side, "price_tick": 5_000, "qty_lot": 10}
    guard = {"kind": STOP, "slot": 7, "position_side": side, "reduce": 1, "price_tick": level, "qty_lot": ALL}
    if by_plan == "edited":
        desk.want(opener)
        plan_says(desk, guard)
    else:
        desk.want(opener, guard)
    desk.bar(5_000)
    desk.settle()
    if holds:
        desk.want(verdict=Verdict.HOLD)
        desk.bar(5_000)
        desk.settle()
    calls = desk.calls()
    desk.fill(0, 4, 5_000)
    asked = desk.wake(WakeCode.MARK)
    assert [(int(r["kind"]), int(r["slot"]), int(r["qty_lot"])) for r in asked] == [(RequestKind.NEW, 7, 4)]
    desk.acknowledge(asked)
    assert len(desk.wake(WakeCode.MARK)) == 0
    desk.fill(0, 6, 5_000)
    asked = desk.wake(WakeCode.MARK)
    assert [(int(r["kind"]), int(r["slot"]), int(r["qty_lot"])) for r in asked] == [
        (RequestKind.AMEND, 7, 10)
    ]
    assert desk.calls() == calls


def test_it_does_not_where_nothing_is_said_to_be_protected_or_the_strategy_took_its_word_back() -> None:
    stop = {"kind": STOP, "slot": 7, "reduce": 1, "price_tick": 4_900, "qty_lot": ALL}
    for protection, taken_back, planned in (
        (Protection.NONE, False, False),
        (RESTING, True, False),
        (RESTING, True, True),
    ):
        desk = Desk(exits=ExitSetup(protection), planned=planned)
        desk.want({"slot": 0, "price_tick": 5_000, "qty_lot": 10}, stop)
        desk.bar(5_000)
        desk.settle()
        if taken_back and planned:
            plan_says(desk, verdict=Verdict.PULL)
        elif taken_back:
            desk.want(verdict=Verdict.PULL)
        if taken_back:
            desk.bar(5_000)
            desk.wake()
        desk.fill(0, 4, 5_000)
        assert len(desk.wake(WakeCode.MARK)) == 0
