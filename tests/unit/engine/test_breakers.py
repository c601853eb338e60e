"""Breakers trip for a written reason, cool down by the time of facts, begin anew, and survive in the state."""

import pytest

from tradewind.engine.setup import CoolDowns
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import Breaker, FactKind, Halt, IntentKind, OperatorCode, Rule

TARGET = IntentKind.TARGET
HOUR_NS = 60 * MINUTE_NS


def buy(desk: Desk, lots: int, price: int = 5_000) -> None:
    desk.want({"kind": TARGET, "slot": 1, "qty_lot": lots})
    desk.bar(price)
    asked = desk.wake()
    desk.acknowledge(asked)
    desk.fill(1, abs(int(asked[0]["qty_lot"])), price)


def round_trip(desk: Desk, out: int, lots: int = 2) -> None:
    """Enter at 5,000 and leave at `out`."""
    buy(desk, lots)
    buy(desk, 0, out)


@pytest.mark.parametrize(
    ("setup", "breaker", "bit"),
    [
        ({"loss_day": 0.1}, "day_ns", Halt.LOSS_DAY),
        ({"loss_session": 0.1}, "session_ns", Halt.LOSS_SESSION),
        ({"drawdown": 0.1}, "drawdown_ns", Halt.DRAWDOWN),
    ],
)
def test_a_breaker_says_why_cools_down_and_begins_anew(setup: dict, breaker: str, bit: int) -> None:
    desk = Desk(balance=100.0, cool_downs=CoolDowns(**{breaker: HOUR_NS}), **setup)
    buy(desk, 20)
    desk.bar(4_400)
    desk.wake()
    account = desk.account
    assert (account["tripped"], account["cause"], account["cause_limit"]) == (bit, bit, 0.1)
    assert account["cause_value"] == pytest.approx(0.12)
    assert account["cause_ns"] == desk.now_ns
    desk.now_ns += HOUR_NS - 2 * MINUTE_NS
    desk.bar(4_400)
    desk.wake()
    assert desk.core["halts"] == bit
    desk.bar(4_400)
    desk.wake()
    assert desk.core["halts"] == 0, "an hour has passed, and what was lost is lost"
    desk.bar(4_000)
    desk.wake()
    assert desk.core["halts"] == 0, "nine percent of what is left"
    desk.bar(3_900)
    desk.wake()
    assert desk.core["halts"] == bit


def test_without_a_cool_down_it_waits_for_the_operator_and_does_not_trip_again_for_the_same_loss() -> None:
    desk = Desk(balance=100.0, drawdown=0.1)
    buy(desk, 20)
    for _ in range(3):
        desk.now_ns += 24 * HOUR_NS
        desk.bar(4_400)
        desk.wake()
    assert desk.core["halts"] == Halt.DRAWDOWN
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    desk.bar(4_400)
    desk.wake()
    assert desk.core["halts"] == 0
    assert desk.account["peak"] > desk.account["fall_from"] == desk.account["equity"]


def test_losses_in_a_row_halt_the_account_and_a_trip_without_loss_breaks_the_row() -> None:
    desk = Desk(loss_streak=3, cool_downs=CoolDowns(streak_ns=HOUR_NS))
    for out, streak in ((4_990, 1), (4_990, 2), (5_000, 0), (4_990, 1), (4_990, 2)):
        round_trip(desk, out)
        assert desk.account["streak"] == streak
    assert desk.core["halts"] == 0
    round_trip(desk, 4_990)
    assert desk.core["halts"] == desk.account["cause"] == Halt.LOSS_STREAK
    assert (desk.account["cause_limit"], desk.account["cause_value"]) == (3.0, 3.0)
    desk.now_ns += HOUR_NS
    desk.bar(5_000)
    desk.wake()
    assert (desk.core["halts"], desk.account["streak"]) == (0, 0)


def test_a_trip_that_is_left_in_parts_counts_once_by_its_sum() -> None:
    desk = Desk(loss_streak=9)
    buy(desk, 10)
    buy(desk, 6, 4_990)
    buy(desk, 2, 4_990)
    assert desk.account["streak"] == 0
    buy(desk, 0, 5_100)
    assert desk.account["streak"] == 0
    buy(desk, 10)
    buy(desk, 2, 4_900)
    buy(desk, 0, 5_010)
    assert desk.account["streak"] == 1


def test_losses_in_a_row_hold_a_strategy_alone() -> None:
    desk = Desk(strategies=2, streak=2, cool_ns=HOUR_NS)
    round_trip(desk, 4_990)
    round_trip(desk, 4_990)
    assert desk.world.strategies["held"].tolist() == [Rule.LOSS_STREAK, 0]
    assert desk.world.strategies["held_limit"][0] == desk.world.strategies["held_value"][0] == 2.0
    assert desk.core["halts"] == 0
    desk.want({"slot": 4, "price_tick": 4_900, "qty_lot": 5})
    desk.want({"slot": 4, "price_tick": 4_900, "qty_lot": 5}, context=1)
    desk.bar(5_000)
    assert [int(request["context"]) for request in desk.wake()] == [1]
    desk.now_ns += HOUR_NS
    desk.bar(5_000)
    assert [int(request["context"]) for request in desk.wake()] == [0]
    assert desk.world.strategies["streak"][0] == 0


def test_past_the_emergency_limit_everything_is_closed_and_stays_so_until_resumed() -> None:
    desk = Desk(balance=100.0, drawdown=0.05, emergency=0.1)
    desk.want({"kind": TARGET, "slot": 1, "qty_lot": 20})
    flat = (5_000, 5_000, 5_000, 5_000)
    desk.play(flat, flat)
    desk.play((4_700, 4_700, 4_700, 4_700))
    assert (desk.core["halts"], desk.holding()["pos_lot"]) == (Halt.DRAWDOWN, 20)
    low = (4_400, 4_400, 4_400, 4_400)
    desk.play(low, low, low)
    assert desk.core["halts"] == Halt.DRAWDOWN | Halt.EMERGENCY
    assert desk.holding()["pos_lot"] == desk.world.venue_instruments["pos_lot"].sum() == 0
    assert desk.account["cause"] == Halt.EMERGENCY
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    desk.play(low, low)
    assert desk.holding()["pos_lot"] == 20


def test_what_breakers_count_survives_in_the_state() -> None:
    desk = Desk(balance=100.0, drawdown=0.3, loss_streak=3, cool_downs=CoolDowns(streak_ns=HOUR_NS))
    round_trip(desk, 4_900)
    round_trip(desk, 4_900)
    desk.wake()
    kept = desk.world.snapshot()
    other = Desk(balance=100.0, drawdown=0.3, loss_streak=3, cool_downs=CoolDowns(streak_ns=HOUR_NS))
    other.world.restore(kept)
    other.now_ns, other._trades = desk.now_ns, desk._trades
    round_trip(other, 4_900)
    assert other.core["halts"] == Halt.LOSS_STREAK
    assert other.account["until_ns"][Breaker.STREAK] == other.now_ns + HOUR_NS
    assert other.account["peak"] == desk.account["peak"]


@pytest.mark.parametrize("amount", [-50 * 10**8, 50 * 10**8])
def test_a_transfer_is_no_loss_and_no_gain(amount: int) -> None:
    desk = Desk(balance=100.0, drawdown=0.1, loss_day=0.1, loss_session=0.1, emergency=0.1)
    desk.bar(5_000)
    desk.wake()
    desk.tell(FactKind.TRANSFER, amount=amount)
    desk.bar(5_000)
    desk.wake()
    assert desk.core["halts"] == 0
    bases = ("peak", "fall_from", "day_start", "session_start")
    assert {int(desk.account[name]) for name in bases} == {int(desk.account["equity"])} == {10**10 + amount}
