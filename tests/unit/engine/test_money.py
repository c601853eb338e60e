"""Margin tiers, liquidation, funding, bankruptcy, delisting: money at the venue and in the core, by hand."""

import numpy as np
import pytest

from tradewind.engine.margin import maintenance
from tradewind.testing.invariants import Invariants
from tradewind.testing.puppets import Desk
from tradewind.units.enums import (
    SHORT,
    FactKind,
    Halt,
    IntentKind,
    LiquidationRule,
    OperatorCode,
    Role,
)
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact

USD = 100_000_000
FLAT = (5_000, 5_000, 5_000, 5_000)
TARGET = IntentKind.TARGET


def holding(desk: Desk, lots: int, side: int = 0) -> None:
    desk.want({"kind": TARGET, "qty_lot": lots, "position_side": side, "slot": side})
    desk.play(FLAT, FLAT)
    assert desk.holding(side)["pos_lot"] == lots


@pytest.mark.parametrize(
    ("notional", "margin"),
    [(0, 0), (1_000, 10), (2_000, 20), (2_001, 20.025), (10_000, 220), (10_001, 220.05), (1_000_000, 49_720)],
)
def test_maintenance_margin_is_continuous_over_its_brackets(notional: float, margin: float):
    desk = Desk()
    assert maintenance(desk.world.venue_instruments[0], notional * USD) == pytest.approx(margin * USD, abs=2)


def close_price(desk: Desk, lots: int, side: int, balance: int) -> int:
    """Return the first tick at which a single position has lost its margin: worked out in whole money, tick by tick."""
    sign = 1 - 2 * side
    unit = float(desk.view()["unit"])
    cost = int(desk.world.venue_instruments["cost"][0, side])
    for ticks in range(5_000, 0, -1) if side == 0 else range(5_000, 20_000):
        notional = int(lots * float(ticks) * unit)
        if balance + sign * (notional - cost) - int(notional * 0.01) < 0:
            return ticks
    raise AssertionError("never")


@pytest.mark.parametrize("side", [0, 1])
def test_liquidation_comes_at_the_first_tick_that_does_not_cover_maintenance(side: int):
    for beyond, liquidated in ((0, True), (1, False)):
        desk = Desk(balance=20.0, leverage=20.0)
        holding(desk, 30, side)
        desk.want(verdict=-1)
        at = close_price(desk, 30, side, int(desk.world.venue_wallets["balance"][0]))
        at += beyond * (1 - 2 * side)
        fills = desk.play((5_000, max(at, 5_000), min(at, 5_000), 5_000))
        assert bool(len(fills)) == liquidated
        if liquidated:
            assert [(int(f["role"]), int(f["price_tick"])) for f in fills] == [(Role.LIQUIDATION, at)]
            assert fills["fee"][0] == int(int(fills["notional"][0]) * 0.01)
            assert desk.core["halts"] & Halt.LIQUIDATED


@pytest.mark.parametrize(
    ("rule", "liquidated"), [(LiquidationRule.EACH_OWN_EXTREME, True), (LiquidationRule.TOGETHER, False)]
)
def test_a_hedged_pair_is_judged_at_each_ones_own_extreme_or_together(rule: int, liquidated: bool):
    desk = Desk(("linear", "linear"), balance=40.0, leverage=20.0)
    desk.world.venues["liquidation_rule"] = rule
    desk.want({"kind": TARGET, "qty_lot": 40})
    desk.want({"kind": TARGET, "qty_lot": 40, "position_side": SHORT}, context=1)
    desk.play(FLAT, FLAT)
    desk.play((5_000, 5_600, 4_400, 5_000))
    assert bool(desk.world.venue_wallets["liquidations"][0]) == liquidated


def test_an_isolated_loss_ends_at_its_margin():
    desk = Desk(balance=100.0, leverage=10.0, isolated=True)
    holding(desk, 30)
    before = int(desk.account["balance"])
    margin = int(desk.world.venue_instruments["cost"][0, 0] / 10)
    desk.want(verdict=-1)
    desk.play((5_000, 5_000, 2_000, 2_000))
    assert desk.holding()["pos_lot"] == 0
    assert desk.account["balance"] == before - margin
    assert desk.account["adjusted"] == desk.world.venue_wallets["insured"][0] > 0
    assert desk.world.venue_wallets["bankrupt"][0] == 0


def test_a_loss_beyond_the_wallet_stops_the_run_at_zero():
    desk = Desk(balance=10.0, leverage=20.0)
    holding(desk, 30)
    desk.want(verdict=-1)
    desk.play((5_000, 5_000, 2_000, 2_000), FLAT, FLAT)
    assert desk.account["balance"] == desk.world.venue_wallets["balance"][0] == 0
    assert desk.world.venue_wallets["bankrupt"][0] == desk.world.venues["bankrupt"][0] == 1
    assert desk.view()["bars"] == 3, "nothing happens after the end"


@pytest.mark.parametrize("payoff", ["linear", "inverse"])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("rate", [0.001, -0.001])
def test_longs_pay_a_positive_rate_on_the_mark_of_what_the_venue_holds(payoff: str, side: int, rate: float):
    desk = Desk((payoff,), balance=100_000.0)
    holding(desk, 7, side)
    facts = allocate(Fact, 2)
    facts["kind"] = [FactKind.MARK, FactKind.FUNDING_RATE]
    facts["value"] = [5_200.0, rate]
    facts["recv_ts_ns"] = facts["venue_ts_ns"] = desk.now_ns + 1
    before = int(desk.account["balance"])
    desk.play(FLAT, events=facts)
    unit = float(desk.view()["unit"])
    worth = 7 * 5_200.0 * unit if payoff == "linear" else 7 * unit / 5_200.0
    paid = int(worth * rate) * (1 - 2 * side)
    assert desk.account["funding"] == paid != 0
    assert desk.account["balance"] == before - paid == desk.world.venue_wallets["balance"][0]


def test_spot_pays_no_funding_and_is_not_liquidated():
    desk = Desk(("spot",), balance=100.0)
    desk.want({"kind": TARGET, "qty_lot": 10_000})
    facts = allocate(Fact, 1)
    facts["kind"], facts["value"] = FactKind.FUNDING_RATE, 0.001
    facts["recv_ts_ns"] = facts["venue_ts_ns"] = desk.now_ns + 3 * 60 * 10**9
    desk.play(FLAT, FLAT, FLAT, FLAT, (5_000, 5_000, 10, 10))
    assert desk.world.venue_wallets["liquidations"][0] == 0
    assert desk.holding()["pos_lot"] == 10_000


def test_cash_spent_on_spot_is_no_collateral():
    desk = Desk(("linear", "spot"), balance=100.0, leverage=20.0)
    desk.want({"kind": TARGET, "qty_lot": 40, "position_side": SHORT})
    desk.want({"kind": TARGET, "qty_lot": 16_000}, context=1)
    desk.play(FLAT, FLAT)
    assert (desk.holding(SHORT)["pos_lot"], desk.holding(0, 1)["pos_lot"]) == (40, 16_000)
    desk.play((5_000, 5_500, 5_000, 5_500))
    assert desk.world.venue_wallets["liquidations"][0] == 1


def test_a_delisting_settles_every_holding_also_what_was_netted():
    desk = Desk(strategies=2)
    invariants = Invariants(desk.world)
    desk.want({"kind": TARGET, "qty_lot": 9})
    desk.want({"kind": TARGET, "qty_lot": 4, "position_side": SHORT}, context=1)
    desk.play(FLAT, FLAT)
    assert desk.world.venue_instruments["pos_lot"][0].tolist() == [5, 0]
    facts = allocate(Fact, 1)
    facts["kind"] = FactKind.DELISTED
    facts["recv_ts_ns"] = facts["venue_ts_ns"] = desk.now_ns + 1
    fills = desk.play((5_000, 5_100, 5_000, 5_100), events=facts)
    assert np.all(desk.world.contexts["working"]["holding"]["pos_lot"] == 0)
    assert set(fills["role"].tolist()) == {Role.SETTLEMENT}
    assert fills["qty_lot"].sum() == 13
    assert desk.account["used"] == 0
    assert desk.account["balance"] == desk.world.venue_wallets["balance"][0]
    invariants._check_money()
    desk.play(FLAT)
    assert desk.core["requests"] == 2, "nothing is asked of a venue that is closed"


@pytest.mark.parametrize(
    ("held", "taken", "left"),
    [((6, 3), 3, (4, 2)), ((5, 5), 3, (3, 4)), ((7, 0), 7, (0, 0)), ((2, 9), 4, (2, 5)), ((2, 2), 9, (0, 0))],
)
@pytest.mark.parametrize("kind", [FactKind.ADL, FactKind.ACCOUNT_LIQUIDATED])
def test_what_the_venue_takes_is_shared_out_pro_rata_and_the_rest_to_the_largest(
    held, taken, left, kind: int
):
    desk = Desk(strategies=2)
    desk.bar(5_000)
    for k, lots in enumerate(held):
        if lots:
            desk.want({"price_tick": 4_990, "qty_lot": lots}, context=k)
    desk.settle()
    for k, lots in enumerate(held):
        if lots:
            desk.fill(0, lots, 4_990, context=k)
    desk.tell(kind, qty_lot=taken, price_tick=4_000, amount=1_000_003, trade_id=77)
    assert tuple(int(desk.holding(0, k)["pos_lot"]) for k in (0, 1)) == left
    rows = desk.world.drain().fills
    rows = rows[rows["trade_id"] == 77]
    assert rows["qty_lot"].sum() == min(taken, sum(held))
    if taken <= sum(held):
        assert rows["notional"].sum() == 1_000_003, "no unit is lost"
    assert desk.core["halts"] & Halt.LIQUIDATED
    assert set(rows["role"].tolist()) == {Role.ADL if kind == FactKind.ADL else Role.LIQUIDATION}


def test_closers_of_more_than_is_left_go_after_an_adl():
    desk = Desk()
    desk.bar(5_000)
    desk.want({"price_tick": 4_990, "qty_lot": 6})
    desk.settle()
    desk.fill(0, 6, 4_990)
    desk.want({"slot": 1, "reduce": 1, "price_tick": 5_100, "qty_lot": 6})
    desk.settle()
    desk.tell(FactKind.ADL, qty_lot=4, price_tick=5_000, amount=20 * USD)
    asked = desk.settle()
    assert [(int(r["kind"]), int(r["qty_lot"])) for r in asked] == [(1, 6), (0, 2)]


def test_flatten_closes_both_sides_and_cancels_all_even_on_stale_inputs():
    desk = Desk(hedge=True)
    desk.want(
        {"kind": TARGET, "qty_lot": 9}, {"kind": TARGET, "slot": 1, "qty_lot": 5, "position_side": SHORT}
    )
    desk.play(FLAT, FLAT)
    desk.want(
        {"slot": 4, "price_tick": 4_900, "qty_lot": 3},
        {"slot": 5, "reduce": 1, "price_tick": 5_900, "qty_lot": 9},
    )
    desk.play(FLAT)
    desk.tell(FactKind.STREAM, code=2)
    desk.tell(FactKind.OPERATOR, code=OperatorCode.FLATTEN)
    desk.play(FLAT, FLAT, FLAT)
    assert desk.holding()["pos_lot"] == desk.holding(SHORT)["pos_lot"] == 0
    assert desk.world.contexts["working"]["live_count"][0] == 0
    assert desk.world.venue_instruments["pos_lot"][0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("breaker", "bit"),
    [("loss_day", Halt.LOSS_DAY), ("loss_session", Halt.LOSS_SESSION), ("drawdown", Halt.DRAWDOWN)],
)
def test_a_breaker_trips_on_the_first_bar_below_its_floor_and_clears_as_it_should(breaker: str, bit: int):
    desk = Desk(balance=100.0, **{breaker: 0.1})
    holding(desk, 20)
    desk.want({"kind": TARGET, "qty_lot": 20}, {"slot": 3, "price_tick": 3_000, "qty_lot": 5})
    desk.play(FLAT)
    # Twenty lots lose 2 cents a tick; the fee of the entry is 5 cents.
    desk.play((4_503, 4_503, 4_503, 4_503))
    assert desk.core["halts"] == 0
    desk.play((4_502, 4_502, 4_502, 4_502))
    assert desk.core["halts"] == bit
    assert desk.order(3)["state"] == 0, "openers are cancelled"
    assert desk.holding()["pos_lot"] == 20, "nothing is closed"
    desk.now_ns += 86_400 * 10**9
    desk.play((4_502, 4_502, 4_502, 4_502))
    assert desk.core["halts"] == (0 if breaker == "loss_day" else bit)
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    assert desk.core["halts"] == 0


def test_another_leverage_moves_margin_and_it_still_returns_to_zero():
    desk = Desk(leverage=3.0)
    holding(desk, 17)
    desk.want(verdict=-1)
    cost = int(desk.holding()["cost"])
    assert desk.account["used"] == int(cost / 3.0)
    desk.tell(FactKind.SETTING, code=0, value=7.0)
    assert desk.account["used"] == int(cost / 7.0)
    desk.want()
    desk.tell(FactKind.OPERATOR, code=OperatorCode.FLATTEN)
    desk.play(FLAT, FLAT)
    assert desk.account["used"] == 0


def test_a_transfer_is_no_profit_and_a_snapshot_of_the_balance_is_an_adjustment():
    desk = Desk(balance=100.0, loss_session=0.5)
    desk.tell(FactKind.TRANSFER, amount=50 * USD)
    assert (desk.account["balance"], desk.account["start"], desk.account["transferred"]) == (
        150 * USD,
        150 * USD,
        50 * USD,
    )
    assert desk.account["floor"] == 75 * USD
    desk.tell(FactKind.ACCOUNT, amount=140 * USD)
    desk.tell(FactKind.ACCOUNT, amount=3 * USD, code=1)
    assert (desk.account["balance"], desk.account["adjusted"]) == (143 * USD, -7 * USD)
