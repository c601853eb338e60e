"""Every misfortune that strikes at a fake exchange itself, switched on by a script, and what it does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.testing.fake_desks import FakeDesk
from tradewind.units.time import HOUR_NS, MINUTE_NS, SECOND_NS
from tradewind.venues.fake.events import CandleChanged, OrderChanged, PositionChanged, StatusChanged
from tradewind.venues.fake.faults import FAULTS
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.fake.orders import Placement, Reason, Refused

BTC = "BTCUSDT"
ONE = Decimal("0.1")
FOREVER_NS = HOUR_NS


def struck(fault: str, *, count: int = 1, **args: float) -> FakeDesk:
    """Return a desk on which one fault strikes BTCUSDT."""
    return FakeDesk(plan=[Strike(0, fault, BTC, duration_ns=FOREVER_NS, count=count, args=args)])


def unarmed(fault: str, **args: float) -> tuple[FakeDesk, Strike]:
    """Return a desk and a strike that is to be added once everything is in place."""
    desk = FakeDesk(plan=[Strike(10 * FOREVER_NS, "F12")])
    return desk, Strike(desk.now_ns, fault, BTC, duration_ns=FOREVER_NS, count=1, args=args)


def arm(desk: FakeDesk, strike: Strike) -> None:
    assert desk.exchange.misfortunes is not None
    desk.exchange.misfortunes.add(replace(strike, at_ns=desk.now_ns))


def buy(desk: FakeDesk, qty: Decimal = ONE):
    return desk.account.place(Placement(BTC, "buy", "market", qty))


def rest(desk: FakeDesk, percent: float = -3.0, qty: Decimal = ONE, **more):
    return desk.account.place(Placement(BTC, "buy", "limit", qty, desk.price(percent), **more))


def close(desk: FakeDesk, qty: Decimal = ONE):
    return desk.account.place(Placement(BTC, "sell", "market", qty, reduce_only=True))


def states(desk: FakeDesk, order_id: int) -> list[str]:
    """Return the states of an order as listeners heard them."""
    changes = [e for e in desk.events if isinstance(e, OrderChanged)]
    return [e.order.state for e in changes if e.order.order_id == order_id]


def strikes(desk: FakeDesk) -> list[object]:
    return [entry["fault"] for entry in desk.exchange.record.of("strike")]


def refused(call, *args) -> Reason:
    with pytest.raises(Refused) as found:
        call(*args)
    return found.value.reason


def test_f15_updates_come_out_of_order() -> None:
    desk = struck("F15")
    order = buy(desk)
    assert states(desk, order.order_id) == ["filled", "new"]
    assert strikes(desk) == ["F15"]


def test_f16_the_message_of_a_fill_is_missing_but_the_fill_is_not() -> None:
    desk = struck("F16")
    order = buy(desk)
    assert states(desk, order.order_id) == ["new"]
    assert desk.account.order(BTC, order.order_id).state == "filled"
    assert len(desk.account.trades()) == 1


def test_f25_maintenance_refuses_everything_until_it_is_over() -> None:
    desk = struck("F25", duration_s=30)
    desk.wait(1)
    assert refused(desk.exchange.check, desk.account) is Reason.MAINTENANCE
    assert refused(buy, desk) is Reason.MAINTENANCE
    desk.wait(40)
    desk.exchange.check(desk.account)
    assert buy(desk).state == "filled"
    assert [e.status for e in desk.events if isinstance(e, StatusChanged)] == [
        "maintenance",
        "trading",
        "trading",
    ]


def test_f27_closing_is_refused_by_overload_opening_is_not() -> None:
    desk = struck("F27")
    buy(desk)
    assert refused(close, desk) is Reason.OVERLOAD
    assert close(desk).state == "filled"


def test_f28_acknowledged_then_rejected() -> None:
    desk = struck("F28")
    order = rest(desk)
    assert order.state == "new"
    desk.wait(1)
    assert states(desk, order.order_id) == ["new", "rejected"]
    assert not desk.account.trades()


def test_f30_a_cancel_races_with_a_fill_of_a_part() -> None:
    desk = struck("F30")
    order = rest(desk)
    ended = desk.account.cancel(BTC, order.order_id)
    assert (ended.state, ended.filled) == ("canceled", ONE / 2)
    assert states(desk, order.order_id) == ["new", "partially_filled", "canceled"]


def test_f31_the_cancel_is_accepted_but_the_order_filled() -> None:
    desk = struck("F31")
    order = rest(desk)
    assert desk.account.cancel(BTC, order.order_id).state == "canceled"
    assert desk.account.order(BTC, order.order_id).state == "filled"
    assert states(desk, order.order_id) == ["new", "filled"]


def test_f32_the_fill_is_told_after_the_cancel() -> None:
    desk = struck("F32")
    order = rest(desk)
    assert desk.account.cancel(BTC, order.order_id).filled == ONE / 2
    assert states(desk, order.order_id) == ["new", "canceled", "partially_filled"]


def test_f33_an_amendment_leaves_the_old_order() -> None:
    desk = struck("F33")
    order = rest(desk)
    new = desk.account.amend(BTC, order.order_id, price=desk.price(-4))
    assert new.order_id != order.order_id
    assert {o.order_id for o in desk.account.open_orders()} == {order.order_id, new.order_id}


def test_f34_called_a_duplicate_although_it_was_taken() -> None:
    desk = struck("F34")
    assert refused(rest, desk) is Reason.DUPLICATE_ID
    assert len(desk.account.open_orders()) == 1


@pytest.mark.parametrize(
    ("fault", "reason", "call"),
    [
        ("F35", Reason.POST_ONLY, lambda d: rest(d, tif="GTX")),
        ("F36", Reason.REDUCE_ONLY, close),
        (
            "F38",
            Reason.WOULD_TRIGGER,
            lambda d: d.account.place(Placement(BTC, "sell", "stop_market", ONE, trigger=d.price(-5))),
        ),
        ("F64", Reason.REDUCE_ONLY_REGIME, buy),
    ],
)
def test_refusals_without_a_cause(fault, reason, call) -> None:
    desk, strike = unarmed(fault)
    buy(desk)
    arm(desk, strike)
    assert refused(call, desk) is reason
    assert call(desk).order_id
    assert strikes(desk) == [fault]


def test_f37_what_reduces_is_made_smaller() -> None:
    desk, strike = unarmed("F37")
    buy(desk)
    arm(desk, strike)
    order = close(desk)
    assert (order.placement.qty, order.state) == (ONE / 2, "filled")
    assert desk.account.positions()[0].qty == ONE / 2


def test_f39_a_waiting_stop_vanishes() -> None:
    desk, strike = unarmed("F39")
    order = desk.account.place(Placement(BTC, "sell", "stop_market", ONE, trigger=desk.price(-5)))
    arm(desk, strike)
    desk.wait(1)
    ended = desk.account.order(BTC, order.order_id)
    assert (ended.state, ended.reason) == ("expired", "VANISHED")


def test_f40_the_stop_triggers_and_its_order_is_rejected() -> None:
    desk, strike = unarmed("F40")
    buy(desk)
    stop = desk.account.place(
        Placement(BTC, "sell", "stop_market", ONE, trigger=desk.price(-1), reduce_only=True)
    )
    arm(desk, strike)
    desk.exchange.move_price(BTC, 0.98)
    desk.wait(1)
    parent = desk.account.order(BTC, stop.order_id)
    assert (parent.state, desk.account.order(BTC, parent.child_id).state) == ("triggered", "rejected")
    assert desk.account.positions()[0].qty == ONE


def test_f41_a_resting_order_expires() -> None:
    desk, strike = unarmed("F41")
    order = rest(desk)
    arm(desk, strike)
    desk.wait(1)
    assert desk.account.order(BTC, order.order_id).reason == "EXPIRED_IN_MATCH"


def test_f42_self_trade_prevention_ends_the_new_order() -> None:
    desk = struck("F42")
    order = buy(desk)
    assert (order.state, order.reason, order.filled) == ("expired", "SELF_TRADE", 0)


def test_f43_f44_f45_steps_and_minimums_change() -> None:
    desk = FakeDesk(plan=[Strike(0, fault, BTC, duration_ns=FOREVER_NS) for fault in ("F43", "F44", "F45")])
    old = desk.exchange.instruments[BTC]
    desk.wait(1)
    new = desk.exchange.instruments[BTC]
    assert (new.tick_size, new.lot_size, new.min_notional) == (
        old.tick_size * 10,
        old.lot_size * 10,
        old.min_notional * 20,
    )
    price = desk.price(-1) // 1
    off_tick = Placement(BTC, "buy", "limit", ONE, price + Decimal("0.1"))
    assert refused(desk.account.place, off_tick) is Reason.TICK
    assert refused(buy, desk, Decimal("0.001")) is Reason.LOT
    assert desk.account.place(replace(off_tick, price=price)).state == "new"


@pytest.mark.parametrize("fault", ["F43", "F44", "F45", "F56"])
def test_rules_that_change_again_and_again_stay_rules(fault: str) -> None:
    """Nobody trades by a tick above the price, by a lot above the largest order or by a contract of nothing."""
    desk = FakeDesk(plan=[Strike(k, fault, BTC, duration_ns=FOREVER_NS) for k in range(40)])
    desk.exchange.set_rules(BTC, max_qty=Decimal(100))
    desk.wait(40)
    assert strikes(desk).count(fault) > 1
    rules = desk.exchange.instruments[BTC]
    assert rules.tick_size * 100 <= desk.exchange.last(BTC)
    assert max(rules.lot_size, rules.min_qty) <= 100


def test_f46_f47_leverage_and_modes_are_changed_by_hand() -> None:
    desk = FakeDesk(
        plan=[Strike(0, "F46", BTC, duration_ns=FOREVER_NS), Strike(0, "F47", BTC, duration_ns=FOREVER_NS)]
    )
    desk.wait(1)
    assert desk.account.leverages[0] == 3
    assert desk.account.hedge
    held, strike = unarmed("F47")
    buy(held)
    arm(held, strike)
    held.wait(1)
    assert (held.account.hedge, held.account.isolated[0]) == (False, True)


def test_f48_f49_hands_trade_and_place_and_cancel() -> None:
    desk = struck("F48")
    desk.wait(1)
    (position,) = desk.account.positions()
    assert position.symbol == BTC
    desk, strike = unarmed("F49")
    arm(desk, strike)
    desk.wait(1)
    assert [o.placement.client_id for o in desk.account.open_orders()] == [""]
    mine, strike = unarmed("F49")
    order = rest(mine)
    arm(mine, strike)
    mine.wait(1)
    assert mine.account.order(BTC, order.order_id).state == "canceled"


def test_f50_money_is_moved_out() -> None:
    desk = struck("F50")
    desk.wait(1)
    assert desk.account.balance("USDT").wallet == 9_000
    assert desk.account.income("transfer")[0].amount == -1_000


@pytest.mark.parametrize(("adl", "kind"), [(0.0, "liquidation"), (1.0, "adl")])
def test_f51_the_position_is_taken(adl, kind) -> None:
    desk, strike = unarmed("F51", adl=adl)
    buy(desk)
    order = rest(desk)
    arm(desk, strike)
    desk.wait(1)
    assert not desk.account.positions()
    assert desk.account.trades()[-1].kind == kind
    assert desk.account.order(BTC, order.order_id).working == (kind == "adl")
    causes = [e.cause for e in desk.events if isinstance(e, PositionChanged)]
    assert causes == ["trade", kind]


def test_f52_a_fill_far_from_the_mark() -> None:
    desk = struck("F52")
    mark = desk.exchange.mark(BTC)
    assert buy(desk).average > mark * Decimal("1.04")


def test_f53_funding_jumps_and_settles_each_hour() -> None:
    desk = struck("F53")
    buy(desk)
    desk.wait(3700)
    (income,) = desk.account.income("funding")
    assert income.rate == Decimal("0.01")
    assert desk.exchange.funding(BTC).interval_ns == HOUR_NS


def test_f54_the_symbol_settles_and_is_closed() -> None:
    desk, strike = unarmed("F54", after_s=60)
    buy(desk)
    arm(desk, strike)
    desk.wait(1)
    assert refused(buy, desk) is Reason.SYMBOL_CLOSED
    assert close(desk, ONE / 2).state == "filled"
    desk.wait(61)
    assert desk.exchange.status(BTC) == "closed"
    assert desk.account.trades()[-1].kind == "settlement"
    assert not desk.account.positions()
    assert refused(close, desk) is Reason.SYMBOL_CLOSED


def test_f55_the_symbol_is_renamed() -> None:
    desk = struck("F55")
    before = desk.exchange.last(BTC)
    desk.wait(2)
    assert refused(buy, desk) is Reason.SYMBOL_UNKNOWN
    assert desk.exchange.last("1000BTCUSDT") == pytest.approx(before * 1000, rel=Decimal("0.01"))
    assert desk.account.place(
        Placement("1000BTCUSDT", "buy", "limit", Decimal("0.001"), before * 990)
    ).order_id


def test_f56_the_contract_size_changes_and_positions_keep_their_worth() -> None:
    desk, strike = unarmed("F56")
    buy(desk)
    entry = desk.account.positions()[0].entry
    arm(desk, strike)
    desk.wait(1)
    (position,) = desk.account.positions()
    assert desk.exchange.instruments[BTC].contract_size == Decimal("0.1")
    assert (position.qty, position.entry) == (ONE * 10, entry)
    desk.account.place(Placement(BTC, "sell", "market", ONE * 10, reduce_only=True))
    assert not desk.account.positions()


def test_f57_mark_and_last_price_diverge_while_it_lasts() -> None:
    desk = FakeDesk(plan=[Strike(0, "F57", BTC, duration_ns=MINUTE_NS)])
    desk.wait(5)
    assert desk.exchange.mark(BTC) > desk.exchange.last(BTC) * Decimal("1.04")
    desk.wait(60)
    assert desk.exchange.mark(BTC) < desk.exchange.last(BTC) * Decimal("1.01")


@pytest.mark.parametrize(("form", "told"), [(0, 0), (1, 2), (2, 2), (3, 2)])
def test_f59_closed_candles_are_missing_twice_revised_or_old(form, told) -> None:
    desk = struck("F59", form=form)
    desk.exchange.watch("candles", BTC, MINUTE_NS)
    desk.wait(60)
    closed = [e.row for e in desk.events if isinstance(e, CandleChanged) and e.row.closed]
    assert len(closed) == told
    if form == 3:
        assert closed[1].open_ns < closed[0].open_ns


@pytest.mark.parametrize("form", [0, 1, 3])
def test_f59_pages_of_candles_are_bent_once(form) -> None:
    desk = struck("F59", form=form)
    asked = (BTC, MINUTE_NS, desk.now_ns - HOUR_NS, desk.now_ns, 50)
    bent, true = desk.exchange.candles(*asked), desk.exchange.candles(*asked)
    times = [row.open_ns for row in bent]
    assert bent != true
    assert len(bent) - len(true) == {0: -1, 1: 1}.get(form, 0)
    assert (times == sorted(times)) == (form != 3)
    assert (set(bent) < set(true)) == (form == 0)


def test_f60_snapshots_lag_behind_the_fills() -> None:
    desk, strike = unarmed("F60")
    buy(desk)
    desk.wait(5)
    buy(desk)
    arm(desk, strike)
    assert [p.qty for p in desk.account.positions()] == [ONE]
    assert [p.qty for p in desk.account.positions()] == [2 * ONE]


def test_f61_f62_lists_are_cut_short() -> None:
    desk = FakeDesk(plan=[Strike(0, f, BTC, duration_ns=FOREVER_NS) for f in ("F61", "F62")])
    for _ in range(4):
        rest(desk)
        buy(desk, Decimal("0.01"))
    assert (len(desk.account.open_orders(BTC)), len(desk.account.open_orders(BTC))) == (1, 4)
    assert (len(desk.account.trades(BTC)), len(desk.account.trades(BTC))) == (1, 4)


@pytest.mark.parametrize(
    ("fault", "permission", "reason"),
    [
        ("F63", "read", Reason.REGION),
        ("F65", "read", Reason.KEY_INVALID),
        ("F66", "trade", Reason.PERMISSION),
    ],
)
def test_keys_and_regions_are_refused_while_it_lasts(fault, permission, reason) -> None:
    desk = FakeDesk(plan=[Strike(0, fault, duration_ns=MINUTE_NS, count=0)])
    assert refused(desk.exchange.check, desk.account, permission) is reason
    desk.wait(61)
    desk.exchange.check(desk.account, permission)


def test_what_lasts_is_told_once() -> None:
    desk = FakeDesk(plan=[Strike(0, "F71", duration_ns=MINUTE_NS)])
    assert {desk.exchange.told_ns() for _ in range(5)} == {desk.now_ns - 30 * SECOND_NS}
    assert strikes(desk) == ["F71"]


def test_f67_f71_the_key_may_withdraw_and_the_clock_jumps_back() -> None:
    desk = FakeDesk(plan=[Strike(0, "F67", count=1), Strike(0, "F71", count=1, args={"back_s": 12})])
    assert "withdraw" in desk.account.permissions
    assert "withdraw" not in desk.account.permissions
    assert desk.exchange.told_ns() == desk.now_ns - 12 * SECOND_NS
    assert desk.exchange.told_ns() == desk.now_ns


def test_the_catalogue_is_whole_and_every_fault_of_the_exchange_has_a_test_here() -> None:
    assert list(FAULTS) == [f"F{n:02d}" for n in range(1, 94)]
    ours = {n for n, f in FAULTS.items() if f.place in ("venue", "account", "market", "clock")}
    text = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in ours if f'"{name}"' not in text} == set()


def test_a_swarm_is_drawn_from_its_seed_alone_and_ends_in_time() -> None:
    one, again, other = (Misfortunes.swarm(seed, 30, start_ns=5) for seed in (3, 3, 4))
    assert one.told() == again.told()
    assert one.told() != other.told()
    for seed in range(50):
        plan = Misfortunes.swarm(seed, 30, start_ns=5).plan
        assert plan
        assert all(s.at_ns >= 5 and s.end_ns <= 5 + 30 * MINUTE_NS for s in plan)
    lasting = [s for seed in range(300) for s in Misfortunes.swarm(seed, 30).plan if FAULTS[s.fault].lasting]
    assert {s.count for s in lasting} == {0}
    chosen = {s.fault for seed in range(300) for s in Misfortunes.swarm(seed, 30).plan}
    assert chosen == {name for name, fault in FAULTS.items() if fault.points}


def test_a_strike_is_used_up_by_its_count_and_its_window() -> None:
    fates = Misfortunes([Strike(10, "F02", "POST *", duration_ns=10, count=2)])
    asked = [fates.strikes("submit.answer", now_ns=t, detail="POST /order") for t in (9, 10, 12, 14)]
    assert [strike is not None for strike in asked] == [False, True, True, False]
    late = Misfortunes([Strike(10, "F02", duration_ns=10)])
    assert late.strikes("submit.answer", now_ns=20) is None
    assert late.strikes("read", now_ns=15) is None
    assert late.strikes("submit.answer", now_ns=15, fault="F03") is None
