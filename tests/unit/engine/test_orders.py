"""Life of an order: every state meets every fact; late, doubled and swapped ones change nothing."""

import numpy as np
import pytest

from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.units.enums import (
    ALL,
    FactKind,
    IntentKind,
    OrderState,
    RequestKind,
    Rule,
    Verdict,
    WakeCode,
    names_of,
)

BID = {"price_tick": 4_990, "qty_lot": 10}
BUY_STOP = {**BID, "kind": IntentKind.STOP, "price_tick": 5_010}
FREE, PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN, TRIGGERED = OrderState
NEW, CANCEL, AMEND = RequestKind


def desk_in(state: int) -> Desk:
    """Return a desk whose slot 0 is in a state: ten lots at 4,990, under amend to twelve at 4,995."""
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID if state != TRIGGERED else {**BID, "kind": IntentKind.STOP, "price_tick": 5_050})
    asked = desk.wake()
    if state == PENDING:
        return desk
    desk.acknowledge(asked)
    if state == TRIGGERED:
        desk.tell(FactKind.TRIGGERED, cid=int(desk.order(0)["cid"]))
    elif state == AMENDING:
        desk.want({"price_tick": 4_995, "qty_lot": 12})
        desk.wake()
    elif state == CANCELLING:
        desk.want()
        desk.wake()
    elif state == UNKNOWN:
        desk.tell(FactKind.UNKNOWN, cid=int(desk.order(0)["cid"]))
    elif state == FREE:
        desk.want()
        desk.settle()
    assert desk.order(0)["state"] == state
    return desk


def answer(desk: Desk, kind: int, **fields: int) -> None:
    desk.tell(kind, cid=int(desk.order(0)["cid"]), **fields)


ACK, AMENDED, FILL, CANCELLED = FactKind.ACK, FactKind.AMENDED, FactKind.FILL, FactKind.CANCELLED
PART = (FILL, {"qty_lot": 4, "amount": 40, "price_tick": 4_990})
WHOLE = (FILL, {"qty_lot": 10, "amount": 100, "price_tick": 4_990})
THE_AMEND = (AMENDED, {"qty_lot": 12, "price_tick": 4_995})
NO_AMEND = (FactKind.REJECT, {"side": AMEND, "qty_lot": 12, "price_tick": 4_995})
OTHER_AMEND = (AMENDED, {"qty_lot": 7, "price_tick": 4_995})
FOUND = (AMENDED, {"qty_lot": 7, "price_tick": 4_995, "code": 1})
NO_NEW = (FactKind.REJECT, {"side": NEW, "code": Rule.VENUE_POST_ONLY})
NOT_SENT = (FactKind.NOT_SENT, {"side": NEW, "code": Rule.NOT_SENT})
NO_CANCEL = (FactKind.REJECT, {"side": CANCEL, "code": Rule.VENUE_OTHER})
CANCEL_NOT_SENT = (FactKind.NOT_SENT, {"side": CANCEL, "code": Rule.NOT_SENT})
ENDED = (CANCELLED, {"code": Rule.UNWANTED})
EXPIRED = (FactKind.EXPIRED, {"code": Rule.UNFILLED})
DOUBT = (FactKind.UNKNOWN, {})
TRIGGER = (FactKind.TRIGGERED, {})

# fact: state before → state after; a state that is not named stays as it is.
MOVES = {
    "ack": ((ACK, {}), {PENDING: LIVE, UNKNOWN: LIVE}),
    "the amend answered": (THE_AMEND, {AMENDING: LIVE}),
    "another amend answered": (OTHER_AMEND, {}),
    "a query's terms": (FOUND, {UNKNOWN: LIVE}),
    "part filled": (PART, {}),
    "filled": (WHOLE, {PENDING: FREE, LIVE: FREE, CANCELLING: FREE, UNKNOWN: FREE, TRIGGERED: FREE}),
    "new refused": (NO_NEW, dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN, TRIGGERED), FREE)),
    "new not sent": (
        NOT_SENT,
        dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN, TRIGGERED), FREE),
    ),
    "amend refused": (NO_AMEND, {AMENDING: LIVE}),
    "cancel refused": (NO_CANCEL, {CANCELLING: UNKNOWN}),
    "cancel not sent": (CANCEL_NOT_SENT, {CANCELLING: LIVE}),
    "cancelled": (ENDED, dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN, TRIGGERED), FREE)),
    "expired": (EXPIRED, dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN, TRIGGERED), FREE)),
    "unknown": (DOUBT, dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, TRIGGERED), UNKNOWN)),
    "triggered": (TRIGGER, dict.fromkeys((PENDING, LIVE, AMENDING, CANCELLING, UNKNOWN), TRIGGERED)),
}


@pytest.mark.parametrize("state", OrderState, ids=names_of(OrderState).values())
@pytest.mark.parametrize(("fact", "moves"), MOVES.values(), ids=MOVES.keys())
def test_every_state_meets_every_fact(state: int, fact: tuple, moves: dict):
    desk = desk_in(state)
    kind, fields = fact
    answer(desk, kind, **fields)
    assert desk.order(0)["state"] == moves.get(state, state)
    before = desk.world.contexts.tobytes(), desk.world.accounts.tobytes()
    answer(desk, kind, **fields)
    if (kind, state) != (FactKind.REJECT, UNKNOWN):
        assert (desk.world.contexts.tobytes(), desk.world.accounts.tobytes()) == before, "told twice"
    invariants = Invariants(desk.world)
    invariants._check_slots()
    invariants._check_limits()


def test_a_report_with_another_id_changes_nothing_but_that_somebody_spoke():
    desk = desk_in(LIVE)
    before = desk.world.contexts["working"].tobytes(), desk.world.accounts.tobytes()
    for kind, fields in (fact for fact, _ in MOVES.values()):
        desk.tell(kind, cid=int(desk.order(0)["cid"]) + (1 << 20), **fields)
    assert (desk.world.contexts["working"].tobytes(), desk.world.accounts.tobytes()) == before


def test_fills_swapped_on_the_way_count_once():
    straight, swapped = desk_in(LIVE), desk_in(LIVE)
    for lots in (3, 5, 9):
        answer(straight, FILL, qty_lot=lots, amount=lots * 7, price_tick=4_990)
    for lots in (5, 3, 9, 5, 9):
        answer(swapped, FILL, qty_lot=lots, amount=lots * 7, price_tick=4_990)
    assert straight.world.contexts.tobytes() == swapped.world.contexts.tobytes()
    assert straight.holding()["pos_lot"] == 9


def test_an_end_books_the_fills_that_were_missed():
    desk = desk_in(CANCELLING)
    answer(desk, CANCELLED, qty_lot=4, amount=19_960 * 100_000, price_tick=4_990)
    assert (desk.holding()["pos_lot"], desk.order(0)["state"]) == (4, FREE)
    answer(desk, FILL, qty_lot=4, amount=19_960 * 100_000, price_tick=4_990)
    assert desk.holding()["pos_lot"] == 4


def test_an_amend_holds_the_larger_of_old_and_new_until_it_is_answered():
    desk = desk_in(AMENDING)
    assert (desk.order(0)["qty_lot"], desk.order(0)["held_lot"], desk.holding()["open_lot"]) == (10, 12, 12)
    answer(desk, *WHOLE[:1], **WHOLE[1])
    assert desk.order(0)["state"] == AMENDING, "the old total is filled, two more lots may come"
    answer(desk, THE_AMEND[0], **THE_AMEND[1])
    assert (desk.order(0)["state"], desk.order(0)["held_lot"]) == (LIVE, 2)
    answer(desk, FILL, qty_lot=12, amount=120, price_tick=4_995)
    assert desk.order(0)["state"] == FREE


def test_an_amend_down_holds_the_old_total_until_it_is_answered():
    desk = desk_in(LIVE)
    desk.want({**BID, "qty_lot": 6})
    desk.wake()
    assert desk.order(0)["held_lot"] == 10
    answer(desk, FILL, qty_lot=7, amount=70, price_tick=4_990)
    answer(desk, AMENDED, qty_lot=6, price_tick=4_990)
    assert desk.order(0)["state"] == FREE
    assert desk.holding()["open_lot"] == 0


def test_a_refused_amend_is_asked_for_again_after_the_wait():
    desk = desk_in(AMENDING)
    answer(desk, NO_AMEND[0], **NO_AMEND[1])
    assert desk.wake() == []
    for _ in range(2):
        desk.bar(5_000)
    (request,) = desk.wake()
    assert (request["kind"], request["price_tick"], request["qty_lot"]) == (AMEND, 4_995, 12)


def test_a_triggered_stop_takes_the_answer_to_its_amend():
    desk = Desk()
    desk.bar(5_000)
    stop = {"kind": IntentKind.STOP, "price_tick": 5_050, "qty_lot": 8}
    desk.want(stop)
    desk.settle()
    desk.want({**stop, "qty_lot": 5})
    desk.wake()
    answer(desk, FactKind.TRIGGERED)
    answer(desk, AMENDED, qty_lot=5, price_tick=5_050)
    assert (desk.order(0)["state"], desk.order(0)["held_lot"]) == (TRIGGERED, 5)
    answer(desk, FILL, qty_lot=5, amount=50, price_tick=5_060)
    assert desk.order(0)["state"] == FREE


def test_unknown_occupies_exposure_and_margin_until_evidence():
    desk = desk_in(UNKNOWN)
    used = int(desk.account["used"])
    for _ in range(50):
        desk.bar(5_000)
        assert desk.wake() == []
    assert desk.holding()["open_lot"] == 10
    assert desk.account["used"] == used > 0
    answer(desk, CANCELLED)
    assert desk.account["used"] == desk.holding()["open_lot"] == 0


def test_a_refused_slot_waits_and_its_intent_is_no_storm():
    desk = desk_in(PENDING)
    answer(desk, NO_NEW[0], **NO_NEW[1])
    asked = []
    for _ in range(10):
        asked.append(len(desk.wake()))
    assert sum(asked) == 0
    desk.bar(5_000)
    desk.bar(5_000)
    assert len(desk.wake()) == 1


@pytest.mark.parametrize(
    ("bid", "change"),
    [
        *((BID, change) for change in ({"position_side": 1}, {"post_only": 1}, {"epoch": 3})),
        *((BUY_STOP, change) for change in ({"trail_tick": 9}, {"trigger": 1}, {"epoch": 3})),
        (BUY_STOP, {"position_side": 1, "price_tick": 4_990}),
    ],
    ids=lambda said: next(iter(said)),
)
def test_other_terms_replace_a_working_order(bid: dict, change: dict):
    desk = Desk(hedge=True)
    desk.bar(5_000)
    desk.want(bid)
    desk.settle()
    desk.want({**bid, **change})
    first, second = desk.settle()
    assert (first["kind"], second["kind"]) == (CANCEL, NEW)


def test_a_deadline_cancels_what_still_works():
    desk = Desk()
    desk.bar(5_000)
    desk.want({**BID, "deadline_ns": desk.now_ns + 1})
    desk.settle()
    desk.bar(5_000)
    assert [int(r["kind"]) for r in desk.settle()] == [CANCEL]
    desk.bar(5_000)
    assert desk.settle() == []


@pytest.mark.parametrize(
    ("away", "lots", "moves"), [(0, 0, 0), (3, 0, 0), (4, 0, 1), (0, 2, 0), (0, 3, 1), (3, 2, 0)]
)
def test_changes_below_the_thresholds_move_no_order(away: int, lots: int, moves: int):
    desk = Desk()
    desk.bar(5_000)
    desk.want({**BID, "tolerance_tick": 3, "tolerance_lot": 2})
    desk.settle()
    wanted = {"price_tick": 4_990 - away, "qty_lot": 10 + lots, "tolerance_tick": 3, "tolerance_lot": 2}
    desk.want(wanted)
    assert len(desk.settle()) == moves


def test_without_amend_a_cut_quantity_is_not_cancelled_again_and_again():
    desk = Desk(amends=False, position_limit_qty=0.07)
    desk.bar(5_000)
    desk.want(BID)
    assert len(desk.settle()) == 1
    for _ in range(5):
        desk.bar(5_000)
        assert desk.settle() == []


def test_amend_and_cancel_with_new_lead_to_the_same_orders():
    for amends, kinds in ((True, [AMEND]), (False, [CANCEL, NEW])):
        desk = Desk(amends=amends)
        desk.bar(5_000)
        desk.want(BID)
        desk.settle()
        desk.want({"price_tick": 4_980, "qty_lot": 8})
        assert [int(r["kind"]) for r in desk.settle()] == kinds
        order = desk.order(0)
        assert (order["state"], order["price_tick"], order["qty_lot"], order["held_lot"]) == (
            LIVE,
            4_980,
            8,
            8,
        )


def test_a_total_counts_per_slot_and_epoch():
    desk = desk_in(LIVE)
    desk.fill(0, 10, 4_990)
    assert desk.settle() == [], "all that this epoch wanted is filled"
    desk.want({**BID, "qty_lot": 13})
    (request,) = desk.settle()
    assert request["qty_lot"] == 3
    desk.want({**BID, "epoch": 1})
    first, second = desk.settle()
    assert (first["kind"], second["qty_lot"]) == (CANCEL, 10)


def test_all_follows_the_holding():
    desk = desk_in(LIVE)
    desk.fill(0, 4, 4_990)
    profit = {"slot": 1, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}
    desk.want(BID, profit)
    assert [int(r["qty_lot"]) for r in desk.settle()] == [4]
    desk.fill(0, 6, 4_990)
    (request,) = desk.settle()
    assert (request["kind"], request["qty_lot"]) == (AMEND, 10)
    desk.fill(1, 10, 5_100)
    assert desk.settle() == []


def test_a_target_is_a_state_with_a_tolerance():
    desk = Desk()
    desk.bar(5_000)
    target = {"kind": IntentKind.TARGET, "qty_lot": 10, "tolerance_lot": 2}
    desk.want(target)
    (request,) = desk.wake()
    desk.acknowledge([request])
    desk.fill(0, 8, 5_000)
    answer(desk, FactKind.EXPIRED, code=Rule.UNFILLED, qty_lot=8, amount=int(desk.order(0)["notional"]))
    assert desk.wake(WakeCode.AGAIN) == [], "within the tolerance"
    desk.want({**target, "qty_lot": 5})
    (request,) = desk.wake()
    assert (request["side"], request["qty_lot"], desk.order(0)["reduce"]) == (-1, 3, 1)


@pytest.mark.parametrize(
    "row",
    [
        {"slot": 62},
        {"slot": -1},
        {"slot": 200},
        {"kind": 3},
        {"kind": -1},
        {"position_side": 2},
        {"reduce": 2},
        {"qty_lot": -2},
        {"qty_lot": ALL},
        {"price_tick": -1},
        {"trail_tick": -1},
        {"kind": IntentKind.TARGET, "reduce": 1},
        {"kind": IntentKind.TARGET, "post_only": 1},
        {"kind": IntentKind.STOP, "post_only": 1, "price_tick": 5_050},
        {"post_only": 2},
        {"trail_tick": 9},
        {"trigger": 2},
        {"trigger": -1},
    ],
)
def test_nonsense_holds_the_strategy_until_an_operator_resumes(row: dict):
    desk = desk_in(LIVE)
    desk.want(BID, {**BID, "slot": 1, **row})
    assert [int(r["kind"]) for r in desk.settle()] == [CANCEL], "openers go"
    assert desk.world.strategies[0]["held"] == Rule.BAD_OUTPUT
    desk.want(BID)
    assert desk.settle() == []
    desk.tell(FactKind.OPERATOR, code=2)
    assert len(desk.settle()) == 1


@pytest.mark.parametrize(
    "says", [{"verdict": Verdict.HOLD, "n": 1}, {"verdict": 7}, {"n": -1}, {"n": 65}], ids=str
)
def test_a_verdict_without_meaning_holds_the_strategy(says: dict):
    desk = desk_in(LIVE)
    desk.want(BID, **says)
    desk.settle()
    assert desk.world.strategies[0]["held"] == Rule.BAD_OUTPUT
    assert desk.order(0)["state"] == FREE


def test_one_slot_twice_is_nonsense():
    desk = desk_in(LIVE)
    desk.want(BID, {**BID, "price_tick": 4_980})
    desk.settle()
    assert desk.world.strategies[0]["held"] == Rule.BAD_OUTPUT


def test_warming_up_decides_and_sends_nothing():
    desk = Desk()
    desk.want(BID, sleep=1, wake_ns=2**62)
    for bars in range(1, 4):
        desk.bar(5_000)
        assert desk.wake(WakeCode.WARM) == []
        assert desk.calls() == bars, "asked at each bar, though it said that it sleeps"
    assert np.all(desk.world.contexts["working"]["order"]["state"] == FREE)
    assert len(desk.wake()) == 1


def test_a_sleeper_is_woken_by_time_or_by_its_orders():
    desk = Desk()
    desk.bar(5_000)
    desk.want(BID, sleep=1, wake_ns=desk.now_ns + 150 * 10**9)
    desk.acknowledge(desk.wake())
    for expected in (1, 1, 2):
        desk.bar(5_000)
        desk.wake()
        assert desk.calls() == expected
    desk.fill(0, 1, 4_990)
    desk.want(BID, sleep=1, wake_ns=2**62)
    desk.wake()
    assert desk.calls() == 3


def test_a_fee_is_charged_once_however_often_it_is_told():
    desk = desk_in(LIVE)
    trade = desk.fill(0, 4, 4_990)
    for _ in range(3):
        desk.tell(FactKind.FEE, amount=777, trade_id=trade)
    assert desk.account["fees"] == 777
    assert desk.world.drain().fills["fee"].tolist() == [777]


def test_funding_is_paid_once_per_settlement_and_side():
    desk = Desk()
    for at, side, amount in ((100, 0, 5), (100, 0, 5), (100, 1, -2), (50, 0, 9), (200, 0, 3)):
        desk.tell(FactKind.FUNDING_PAID, position_side=side, amount=amount, venue_ts_ns=at)
    assert desk.account["funding"] == 5 - 2 + 3
