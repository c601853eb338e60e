"""What an account of a fake exchange may do, and what it is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.testing.fake_desks import FakeDesk, made_up_rules
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.fake.entry import Habits
from tradewind.venues.fake.events import (
    BalanceChanged,
    FundingSettled,
    OrderChanged,
    PositionChanged,
    SettingChanged,
)
from tradewind.venues.fake.orders import Placement, Reason, Refused

BTC = "BTCUSDT"
ONE = Decimal("0.1")


def market(side="buy", qty=ONE, **more) -> Placement:
    return Placement(BTC, side, "market", qty, **more)


def limit(price, side="buy", qty=ONE, tif="GTC", **more) -> Placement:
    return Placement(BTC, side, "limit", qty, price, tif, **more)


def stop(trigger, side="sell", qty=ONE, kind="stop_market", **more) -> Placement:
    return Placement(BTC, side, kind, qty, trigger=trigger, **more)


def refusal(desk: FakeDesk, placement: Placement) -> Reason:
    with pytest.raises(Refused) as refused:
        desk.account.place(placement)
    return refused.value.reason


def test_an_order_at_market_fills_at_once_from_the_book_outwards() -> None:
    desk = FakeDesk(cash=1_000_000)
    asks = desk.exchange.book(BTC).asks
    wanted = asks[0][1] + asks[1][1] / 2 // Decimal("0.001") * Decimal("0.001")
    order = desk.account.place(market(qty=wanted))
    trades = desk.account.trades(BTC)
    assert order.state == "filled"
    assert order.filled == wanted
    assert [t.price for t in trades] == [asks[0][0], asks[1][0]]
    assert trades[0].qty == asks[0][1]
    assert not trades[0].maker
    assert desk.exchange.book(BTC).asks[0][0] == asks[1][0]
    assert order.fee == order.quote * Decimal("0.0005")


def test_what_is_told_of_a_fill_comes_in_order_order_position_balance() -> None:
    desk = FakeDesk()
    desk.account.place(market())
    kinds = [type(event) for event in desk.events]
    assert kinds == [OrderChanged, OrderChanged, PositionChanged, BalanceChanged]
    states = [event.order.state for event in desk.events if isinstance(event, OrderChanged)]
    assert states == ["new", "filled"]


def test_a_limit_rests_and_fills_as_maker_when_the_price_comes_through() -> None:
    desk = FakeDesk()
    price = desk.price(-0.01)
    order = desk.account.place(limit(price))
    assert order.state == "new"
    assert desk.account.open_orders(BTC)
    desk.wait(1800)
    done = desk.account.order(BTC, order.order_id)
    assert done.state == "filled"
    assert done.average == price
    assert all(trade.maker for trade in desk.account.trades())


def test_what_rests_is_a_maker_at_its_price_even_if_the_next_second_opens_beyond_it() -> None:
    desk = FakeDesk()
    order = desk.account.place(limit(desk.exchange.book(BTC).asks[0][0] - Decimal("0.1"), tif="GTX"))
    desk.exchange.move_price(BTC, 0.99)
    desk.wait(1)
    trades = desk.account.trades()
    assert trades
    assert {(t.maker, t.price) for t in trades} == {(True, order.placement.price)}


def test_ioc_takes_what_is_there_and_the_rest_expires() -> None:
    desk = FakeDesk(cash=10_000_000)
    price, size = desk.exchange.book(BTC).asks[0]
    order = desk.account.place(limit(price, qty=size + ONE, tif="IOC"))
    assert (order.state, order.filled, order.reason) == ("expired", size, "IOC")
    nothing = desk.account.place(limit(desk.price(-0.5), tif="IOC"))
    assert (nothing.state, nothing.filled) == ("expired", 0)


def test_fok_fills_whole_or_not_at_all() -> None:
    desk = FakeDesk(cash=10_000_000)
    price, size = desk.exchange.book(BTC).asks[0]
    assert desk.account.place(limit(price, qty=size + ONE, tif="FOK")).filled == 0
    assert desk.account.place(limit(price, qty=size, tif="FOK")).state == "filled"


def test_post_only_is_refused_or_cancelled_by_the_exchanges_habit() -> None:
    assert refusal(FakeDesk(), limit(FakeDesk().price(1), tif="GTX")) is Reason.POST_ONLY
    desk = FakeDesk(habits=Habits(post_only="cancel"))
    order = desk.account.place(limit(desk.price(1), tif="GTX"))
    assert (order.state, order.reason) == ("canceled", "POST_ONLY")
    assert desk.account.place(limit(desk.price(-1), tif="GTX")).state == "new"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda d: market(qty=Decimal("0.0001")), Reason.LOT),
        (lambda d: market(qty=Decimal(0)), Reason.MIN_QTY),
        (lambda d: limit(d.price(-1) + Decimal("0.01")), Reason.TICK),
        (lambda d: limit(Decimal(3000), qty=Decimal("0.001")), Reason.MIN_NOTIONAL),
        (lambda d: limit(d.price(20)), Reason.PRICE_BAND),
        (lambda d: market(qty=Decimal(1000)), Reason.MARGIN),
        (lambda d: market("sell", reduce_only=True), Reason.REDUCE_ONLY),
        (lambda d: market(position_side="long"), Reason.MODE_MISMATCH),
        (lambda d: Placement("NOSUCH", "buy", "market", ONE), Reason.SYMBOL_UNKNOWN),
        (lambda d: Placement(BTC, "buy", "limit", ONE), Reason.SHAPE),
        (lambda d: Placement(BTC, "buy", "market", ONE, Decimal(40_000)), Reason.SHAPE),
        (lambda d: stop(d.price(1)), Reason.WOULD_TRIGGER),
        (lambda d: stop(d.price(-1), kind="take_profit_market"), Reason.WOULD_TRIGGER),
        (lambda d: stop(None), Reason.SHAPE),
    ],
)
def test_orders_against_the_rules_are_refused_and_recorded(make, reason) -> None:
    desk = FakeDesk()
    assert refusal(desk, make(desk)) is reason
    assert not desk.account.open_orders()
    assert not desk.account.trades()
    if reason is not Reason.SYMBOL_UNKNOWN:
        assert desk.exchange.record.of("order")[-1]["reason"] == reason.name


def test_client_ids_are_unique_while_orders_work_or_for_ever() -> None:
    desk = FakeDesk()
    desk.account.place(limit(desk.price(-1), client_id="a"))
    assert refusal(desk, limit(desk.price(-1), client_id="a")) is Reason.DUPLICATE_ID
    desk.account.cancel(BTC, client_id="a")
    assert desk.account.place(limit(desk.price(-1), client_id="a")).state == "new"
    strict = FakeDesk(habits=Habits(unique_ids="ever"))
    strict.account.place(market(client_id="a"))
    assert refusal(strict, market(client_id="a")) is Reason.DUPLICATE_ID


def test_working_orders_are_limited_and_places_are_given_back() -> None:
    desk = FakeDesk(cash=10_000_000)
    placed = [desk.account.place(limit(desk.price(-5), qty=Decimal("0.01"))) for _ in range(128)]
    assert refusal(desk, limit(desk.price(-5))) is Reason.ORDER_LIMIT
    desk.account.cancel(BTC, placed[0].order_id)
    assert desk.account.place(limit(desk.price(-5))).state == "new"


def test_margin_of_working_orders_is_not_available() -> None:
    desk = FakeDesk(cash=1_000)
    before = desk.account.balance("USDT").available
    desk.account.place(limit(desk.price(-2)))
    held = before - desk.account.balance("USDT").available
    assert held == pytest.approx(
        desk.price(-2) * ONE * (Decimal("0.05") + Decimal("0.0005")), rel=Decimal("1e-6")
    )


def test_cancel_and_amend_know_what_works_and_what_ended() -> None:
    desk = FakeDesk()
    order = desk.account.place(limit(desk.price(-1), client_id="c"))
    with pytest.raises(Refused) as same:
        desk.account.amend(BTC, order.order_id, qty=ONE)
    assert same.value.reason is Reason.NO_CHANGE
    moved = desk.account.amend(BTC, client_id="c", price=desk.price(-2), qty=2 * ONE)
    assert (moved.order_id, moved.placement.qty, moved.placement.price) == (
        order.order_id,
        2 * ONE,
        desk.price(-2),
    )
    taken = desk.account.amend(BTC, client_id="c", price=desk.price(1))
    assert taken.state == "filled"
    with pytest.raises(Refused) as ended:
        desk.account.cancel(BTC, order.order_id)
    assert ended.value.reason is Reason.ENDED_ORDER
    with pytest.raises(Refused) as unknown:
        desk.account.cancel(BTC, 5)
    assert unknown.value.reason is Reason.UNKNOWN_ORDER
    with pytest.raises(Refused) as elsewhere:
        desk.account.order("ETHUSDT", order.order_id)
    assert elsewhere.value.reason is Reason.UNKNOWN_ORDER


@pytest.mark.parametrize(("kind", "percent"), [("stop_market", -0.2), ("take_profit_market", 0.2)])
def test_a_stop_waits_for_its_price_then_closes_what_is_held(kind, percent) -> None:
    desk = FakeDesk()
    desk.account.place(market())
    waiting = desk.account.place(stop(desk.price(percent), kind=kind, qty=Decimal(0), close_position=True))
    assert waiting.algo
    assert desk.account.open_orders(algo=True)
    desk.exchange.move_price(BTC, 1 + 2 * percent / 100)
    desk.wait(2)
    parent = desk.account.order(BTC, waiting.order_id)
    child = desk.account.order(BTC, parent.child_id)
    assert (parent.state, child.state, child.filled) == ("triggered", "filled", ONE)
    assert child.parent_id == parent.order_id
    assert not desk.account.positions()


def test_a_trailing_stop_follows_the_best_price_and_never_falls_back() -> None:
    desk = FakeDesk()
    desk.account.place(market())
    order = desk.account.place(
        Placement(BTC, "sell", "trailing_stop", ONE, reduce_only=True, callback_ratio=Decimal("0.02"))
    )
    first = order.stop_price
    desk.exchange.move_price(BTC, 1.03)
    desk.wait(2)
    risen = desk.account.order(BTC, order.order_id).stop_price
    assert first is not None
    assert risen is not None
    assert risen > first * Decimal("1.02")
    desk.exchange.move_price(BTC, 0.995)
    desk.wait(2)
    assert desk.account.order(BTC, order.order_id).stop_price >= risen
    desk.exchange.move_price(BTC, 0.97)
    desk.wait(2)
    assert desk.account.order(BTC, order.order_id).state == "triggered"
    assert not desk.account.positions()


def test_a_stop_on_the_mark_does_not_look_at_the_last_price() -> None:
    desk = FakeDesk()
    j, tick = 0, Decimal("0.1")
    desk.account.place(market())
    away = stop(desk.exchange.mark(BTC) * 99 / 100 // tick * tick, trigger_by="mark")
    waiting = desk.account.place(away)
    desk.exchange.market.mark_ratio[j] = -0.02
    desk.wait(1)
    assert desk.account.order(BTC, waiting.order_id).state == "triggered"


def test_reduce_only_shrinks_to_what_is_held_and_never_turns_a_position() -> None:
    desk = FakeDesk()
    desk.account.place(market())
    order = desk.account.place(market("sell", 3 * ONE, reduce_only=True))
    assert (order.filled, order.state, order.reason) == (ONE, "expired", "REDUCE_ONLY")
    assert not desk.account.positions()


def test_one_way_turns_through_flat_and_hedge_keeps_sides_apart() -> None:
    desk = FakeDesk()
    desk.account.place(market())
    desk.events.clear()
    desk.account.place(market("sell", 3 * ONE))
    assert [e.position.qty for e in desk.events if isinstance(e, PositionChanged)] == [-2 * ONE]
    assert [(p.position_side, p.qty) for p in desk.account.positions()] == [("both", -2 * ONE)]
    hedge = FakeDesk()
    hedge.account.set_hedge(True)
    hedge.account.place(market(position_side="long"))
    hedge.account.place(market("sell", 2 * ONE, position_side="short"))
    assert [(p.position_side, p.qty) for p in hedge.account.positions()] == [
        ("long", ONE),
        ("short", -2 * ONE),
    ]
    assert refusal(hedge, market("sell", 2 * ONE, position_side="long")) is Reason.REDUCE_ONLY
    hedge.account.place(market("sell", position_side="long"))
    assert [p.position_side for p in hedge.account.positions()] == ["short"]


def test_modes_are_locked_while_anything_is_open_and_told_when_they_change() -> None:
    desk = FakeDesk()
    order = desk.account.place(limit(desk.price(-1)))
    for change in (lambda: desk.account.set_hedge(True), lambda: desk.account.set_isolated(BTC, True)):
        with pytest.raises(Refused) as locked:
            change()
        assert locked.value.reason is Reason.MODE_LOCKED
    desk.account.cancel(BTC, order.order_id)
    desk.account.set_isolated(BTC, True)
    desk.account.set_leverage(BTC, Decimal(7))
    told = [(e.setting, e.value) for e in desk.events if isinstance(e, SettingChanged)]
    assert told == [("isolated", 1), ("leverage", 7)]
    with pytest.raises(Refused) as beyond:
        desk.account.set_leverage(BTC, Decimal(1000))
    assert beyond.value.reason is Reason.LEVERAGE
    desk.account.place(market())
    (position,) = desk.account.positions()
    assert position.leverage == 7
    assert position.isolated_margin == pytest.approx(position.entry * ONE / 7)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_position_is_liquidated_near_the_price_that_is_shown(isolated) -> None:
    desk = FakeDesk(cash=500 if not isolated else 10_000)
    if isolated:
        desk.account.set_isolated(BTC, True)
    desk.account.place(market())
    (position,) = desk.account.positions()
    away = float(position.liquidation_price / desk.exchange.last(BTC))
    desk.exchange.move_price(BTC, away * 1.004)
    desk.wait(1)
    assert desk.account.positions()
    desk.exchange.move_price(BTC, 0.99)
    desk.wait(1)
    assert not desk.account.positions()
    (trade,) = [t for t in desk.account.trades() if t.kind == "liquidation"]
    assert trade.client_id.startswith("autoclose-")
    assert trade.fee == trade.quote * Decimal("0.0125")
    assert desk.account.balance("USDT").wallet >= 0


def test_funding_is_settled_by_the_interval_at_the_mark() -> None:
    desk = FakeDesk(rules=made_up_rules(funding_interval_ns=5 * MINUTE_NS))
    desk.account.place(market())
    desk.wait(301)
    (income,) = desk.account.income("funding")
    rate, at_ns = desk.exchange.funding(BTC).rate, desk.exchange.funding(BTC).settled_ns
    assert income.rate == rate
    assert income.ts_ns == at_ns
    assert at_ns % (5 * MINUTE_NS) == 0
    assert abs(income.amount + desk.exchange.mark(BTC) * ONE * rate) < Decimal("0.01")
    assert [e.income for e in desk.events if isinstance(e, FundingSettled)] == [income]


def test_orders_expire_and_a_dead_mans_timer_cancels_all_but_stops() -> None:
    desk = FakeDesk()
    short = desk.account.place(limit(desk.price(-2), expires_ns=desk.now_ns + 5 * SECOND_NS))
    long = desk.account.place(limit(desk.price(-2)))
    protector = desk.account.place(stop(desk.price(-5)))
    desk.account.arm_dead_man(10 * SECOND_NS)
    desk.wait(6)
    assert desk.account.order(BTC, short.order_id).state == "expired"
    desk.account.arm_dead_man(10 * SECOND_NS)
    desk.wait(6)
    assert desk.account.order(BTC, long.order_id).working
    desk.wait(5)
    assert desk.account.order(BTC, long.order_id).state == "canceled"
    assert desk.account.order(BTC, protector.order_id).working


def test_an_account_does_not_trade_with_itself() -> None:
    """Orders of ours that the new one would reach end first; those behind what it takes stay."""
    desk = FakeDesk()
    inside = desk.exchange.book(BTC).asks[0][0] - Decimal("0.1")
    resting = desk.account.place(limit(inside, tif="GTX"))
    behind = desk.account.place(limit(desk.price(-1)))
    order = desk.account.place(market("sell"))
    assert desk.account.order(BTC, resting.order_id).reason == "SELF_TRADE"
    assert desk.account.order(BTC, behind.order_id).working
    assert order.state == "filled"
    strict = FakeDesk(habits=Habits(self_trade="expire_taker"))
    first = strict.account.place(limit(inside, tif="GTX"))
    assert strict.account.place(market("sell")).reason == "SELF_TRADE"
    assert strict.account.order(BTC, first.order_id).working


def test_transfers_move_cash_and_nothing_else() -> None:
    desk = FakeDesk(cash=100)
    income = desk.account.transfer("USDT", Decimal(-40))
    assert desk.account.balance("USDT").wallet == 60
    assert income.amount == -40
    with pytest.raises(Refused):
        desk.account.transfer("USDT", Decimal(-61))


def test_a_key_is_checked_for_validity_address_and_permission() -> None:
    desk = FakeDesk()
    desk.account.ips = ("10.0.0.1",)
    desk.exchange.check(desk.account, "trade", "10.0.0.1")
    for change, reason in (
        ({"permission": "withdraw", "peer": "10.0.0.1"}, Reason.PERMISSION),
        ({"permission": "read", "peer": "10.0.0.2"}, Reason.ADDRESS),
    ):
        with pytest.raises(Refused) as refused:
            desk.exchange.check(desk.account, **change)
        assert refused.value.reason is reason
    desk.account.key_valid = False
    with pytest.raises(Refused) as invalid:
        desk.exchange.check(desk.account)
    assert invalid.value.reason is Reason.KEY_INVALID


@pytest.mark.parametrize(
    ("payoff", "settle", "size"),
    [("linear", "USDT", "0.01"), ("inverse", "BTC", "100"), ("linear", "USDT", "1")],
)
def test_contracts_of_any_size_and_payoff_keep_their_books(payoff, settle, size) -> None:
    """What is entered and left at known prices gains exactly what the payoff says, in the settling coin."""
    rules = made_up_rules(
        1, payoff=payoff, settle=settle, contract_size=Decimal(size), lot_size=Decimal(1), min_qty=1
    )
    desk = FakeDesk(rules=rules, cash=0)
    desk.account.transfer(settle, Decimal(1_000_000))
    bought = desk.account.place(market(qty=Decimal(10)))
    (position,) = desk.account.positions()
    assert position.entry == pytest.approx(bought.average, rel=Decimal("1e-6"))
    desk.exchange.move_price(BTC, 1.05)
    desk.wait(1)
    (risen,) = desk.account.positions()
    sold = desk.account.place(market("sell", Decimal(10), reduce_only=True))
    base = Decimal(size) * 10
    gain = base * (sold.average - bought.average)
    if payoff == "inverse":
        gain = base / bought.average - base / sold.average
    trades = desk.account.trades()
    assert gain > 0
    assert risen.unrealized == pytest.approx(gain, rel=Decimal("0.05"))
    assert abs(sum(t.realized_pnl for t in trades) - gain) <= Decimal("3e-8")
    fees = sum(t.fee for t in trades)
    assert desk.account.balance(settle).wallet == 1_000_000 + sum(t.realized_pnl for t in trades) - fees
    assert {t.fee_asset for t in trades} == {settle}
