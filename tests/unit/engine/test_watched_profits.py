"""Where closers compete the stop wins: a take-profit takes its place for one answer, once a bar, and never rests."""

from typing import Any

import pytest

from tradewind.engine.setup import ExitSetup
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import (
    ALL,
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
NEW, CANCEL = RequestKind.NEW, RequestKind.CANCEL
FLAT = (5_000, 5_000, 5_000, 5_000)
HOLD = {"kind": TARGET, "slot": 0, "qty_lot": 10}
TAKE = {"kind": REST, "slot": 2, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}
GUARD = {"kind": STOP, "slot": 3, "reduce": 1, "price_tick": 4_900, "qty_lot": ALL}
CORES, OWN = 62, 3


def protected(stop: int, *takes: dict[str, int], **setup: Any) -> Desk:
    """Return a desk of two strategies that net; the first holds ten lots, with a stop of the core or its own."""
    loss = 0.02 if stop == CORES else 0.0
    desk = Desk(strategies=2, exits=ExitSetup(Protection.RESTING, stop_loss=loss), **setup)
    rows = [*takes] if stop == CORES else [*takes, GUARD]
    desk.want(HOLD, *rows)
    desk.play(FLAT, FLAT, FLAT)
    desk.want(*rows)
    assert asked(desk.settle()) == []
    order = desk.order(stop)
    assert (order["state"], order["held_lot"], order["plain"]) == (OrderState.LIVE, 10, 1)
    assert not any(desk.order(take["slot"])["state"] for take in takes)
    return desk


def asked(requests: list[Any]) -> list[tuple[int, int, int]]:
    return [(int(r["kind"]), int(r["slot"]), int(r["qty_lot"])) for r in requests]


def reach(desk: Desk, stop: int, price: int = 5_110) -> list[Any]:
    """Let a bar close beyond the take-profit; return what is asked for once the stop is out of the way."""
    desk.bar(price)
    first = desk.wake()
    assert asked(first) == [(CANCEL, stop, 10)]
    desk.acknowledge(first)
    return desk.wake(WakeCode.AGAIN)


@pytest.mark.parametrize("stop", [CORES, OWN])
@pytest.mark.parametrize("holds", [False, True])
def test_unfilled_it_gives_the_place_back_at_once_and_is_tried_once_a_bar(stop: int, holds: bool) -> None:
    """So too where the strategy has said HOLD since."""
    desk = protected(stop, TAKE)
    if holds:
        desk.want(verdict=Verdict.HOLD)
    for _ in range(2):
        [take] = reach(desk, stop)
        assert (take["kind"], take["slot"], take["qty_lot"]) == (NEW, 2, 10)
        assert (take["order_kind"], take["price_tick"]) == (TARGET, 5_100), (
            "at its price or better, or not at all"
        )
        desk.acknowledge([take])
        assert desk.wake(WakeCode.MARK) == []
        desk.tell(FactKind.EXPIRED, cid=int(take["cid"]), code=Rule.UNFILLED)
        again = desk.wake(WakeCode.AGAIN)
        assert asked(again) == [(NEW, stop, 10)]
        desk.acknowledge(again)
        desk.now_ns += 1_000_000_000
        assert asked(desk.wake(WakeCode.MARK)) == asked(desk.wake()) == []


@pytest.mark.parametrize("stop", [CORES, OWN])
@pytest.mark.parametrize("hedge", [False, True])
def test_filled_it_is_all(stop: int, hedge: bool) -> None:
    desk = protected(stop, TAKE, hedge=hedge)
    [take] = reach(desk, stop)
    desk.acknowledge([take])
    desk.fill(2, 10, 5_105)
    assert desk.holding()["pos_lot"] == 0
    assert asked(desk.settle()) == []


@pytest.mark.parametrize("stop", [CORES, OWN])
@pytest.mark.parametrize("hedge", [False, True])
def test_the_stop_rests_meanwhile_for_what_is_not_taken(stop: int, hedge: bool) -> None:
    takes = {**TAKE, "qty_lot": 4}, {**TAKE, "slot": 4, "price_tick": 5_300, "qty_lot": 6}
    desk = protected(stop, *takes, hedge=hedge)
    again = reach(desk, stop)
    assert asked(again) == [(NEW, 2, 4), (NEW, stop, 6)]
    desk.acknowledge(again)
    desk.fill(2, 4, 5_105)
    assert asked(desk.settle()) == []
    desk.bar(5_110)
    assert asked(desk.settle()) == [], "it has filled all that it wanted"
    assert desk.order(stop)["held_lot"] == desk.holding()["pos_lot"] == 6


@pytest.mark.parametrize("stop", [CORES, OWN])
def test_refused_it_waits_as_long_as_whatever_was_refused(stop: int) -> None:
    desk = protected(stop, TAKE)
    [take] = reach(desk, stop)
    desk.tell(FactKind.REJECT, cid=int(take["cid"]), side=NEW, code=Rule.VENUE_OTHER)
    assert asked(desk.settle()) == [(NEW, stop, 10)]
    desk.now_ns += MINUTE_NS // 2
    desk.bar(5_110)
    desk.now_ns -= MINUTE_NS // 2
    assert asked(desk.settle()) != []


@pytest.mark.parametrize("stop", [CORES, OWN])
def test_one_that_the_gate_keeps_back_leaves_nothing_without_a_stop(stop: int) -> None:
    desk = protected(stop, {**TAKE, "qty_lot": 4})
    desk.view()["min_lot"] = 5
    desk.bar(5_110)
    desk.settle()
    assert (desk.order(stop)["state"], desk.order(stop)["held_lot"]) == (OrderState.LIVE, 10)


def test_it_takes_where_it_was_to_be_post_only() -> None:
    desk = protected(CORES, {**TAKE, "post_only": 1})
    [take] = reach(desk, CORES)
    assert (take["slot"], take["post_only"]) == (2, 0)


def test_what_is_wanted_at_once_goes_first() -> None:
    desk = protected(CORES, TAKE)
    desk.want(TAKE, {**HOLD, "qty_lot": 0})
    again = reach(desk, CORES)
    assert asked(again) == [(NEW, 0, 10)]


@pytest.mark.parametrize("stop", [CORES, OWN])
def test_what_is_to_be_closed_at_the_next_decision_has_its_stop_until_then(stop: int) -> None:
    """An opener fills between bars while the strategy wants nothing: its stop gave way to a close nobody asked for."""
    loss = 0.02 if stop == CORES else 0.0
    desk = Desk(strategies=2, exits=ExitSetup(Protection.RESTING, stop_loss=loss))
    opener = {"kind": REST, "slot": 1, "price_tick": 4_990, "qty_lot": 10}
    desk.want({**HOLD, "qty_lot": 0}, opener, *([] if stop == CORES else [GUARD]))
    desk.bar(5_000)
    assert asked(desk.settle()) == [(NEW, 1, 10)]
    desk.fill(1, 10, 4_990)
    placed = desk.wake(WakeCode.MARK)
    assert asked(placed) == [(NEW, stop, 10)]
    desk.acknowledge(placed)
    assert desk.wake(WakeCode.MARK) == [], "it stays until its strategy decides"
    desk.bar(4_995)
    back = desk.wake()
    assert asked(back) == [(CANCEL, stop, 10)]
    assert desk.wake(WakeCode.MARK) == [], "it is on its way out"
    desk.acknowledge(back)
    assert asked(desk.wake(WakeCode.AGAIN)) == [(NEW, 0, 10)]


def test_a_strategy_that_pulled_moves_no_stop() -> None:
    desk = protected(CORES, TAKE)
    desk.want(verdict=Verdict.PULL)
    desk.bar(5_110)
    assert asked(desk.settle()) == []


def test_without_protection_the_take_profit_rests() -> None:
    desk = Desk(strategies=2)
    desk.want(HOLD, TAKE)
    desk.play(FLAT, FLAT, FLAT)
    assert (desk.order(2)["state"], desk.order(2)["kind"]) == (OrderState.LIVE, REST)
