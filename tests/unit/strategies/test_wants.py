"""The words of a strategy: what each writes into its row, and sizes and prices."""

import numpy as np
import pytest

from tradewind.strategies import (
    ALL,
    BUY,
    LONG,
    REST,
    SELL,
    SHORT,
    STOP,
    TARGET,
    average_tick,
    bracket,
    lots_for,
    lots_worth,
    order_tick,
    record,
    rest,
    sleep_until,
    stop,
    take_profit,
    target,
    target_net,
    trail,
)
from tradewind.units.jit import SLOTS


def test_a_row_is_zeroed_before_it_is_filled(desk):
    desk.intents["row"] = np.frombuffer(b"\x07" * desk.intents["row"].nbytes, desk.intents["row"].dtype)
    target(desk.intents, LONG, 5)
    assert desk.rows() == [{"kind": TARGET, "qty_lot": 5}]


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (
            lambda i: target(i, SHORT, 5, 2),
            {"kind": TARGET, "slot": 1, "position_side": SHORT, "qty_lot": 5, "tag": 2},
        ),
        (
            lambda i: rest(i, 3, SHORT, 990, 7, 1),
            {"kind": REST, "slot": 3, "position_side": SHORT, "price_tick": 990, "qty_lot": 7, "tag": 1},
        ),
        (
            lambda i: take_profit(i, 4, LONG, 1100),
            {"kind": REST, "slot": 4, "reduce": 1, "price_tick": 1100, "qty_lot": ALL},
        ),
        (
            lambda i: stop(i, 5, LONG, 900),
            {"kind": STOP, "slot": 5, "reduce": 1, "price_tick": 900, "qty_lot": ALL},
        ),
        (
            lambda i: trail(i, 6, SHORT, 40, 3),
            {
                "kind": STOP,
                "slot": 6,
                "position_side": SHORT,
                "reduce": 1,
                "trail_tick": 40,
                "qty_lot": ALL,
                "tag": 3,
            },
        ),
    ],
    ids=["target", "rest", "take_profit", "stop", "trail"],
)
def test_each_word_says_what_it_says(desk, say, expected):
    say(desk.intents)
    assert desk.rows() == [{name: value for name, value in expected.items() if value}]


@pytest.mark.parametrize(("lots", "long", "short"), [(5, 5, 0), (-5, 0, 5), (0, 0, 0)])
def test_a_net_target_states_both_sides(desk, lots, long, short):
    target_net(desk.intents, lots)
    found = desk.intents["row"][:2]
    assert desk.intents["n"] == 2
    assert found["position_side"].tolist() == [LONG, SHORT]
    assert found["slot"].tolist() == [0, 1]
    assert found["qty_lot"].tolist() == [long, short]


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_bracket_is_one_group_with_a_stop_and_a_profit_for_all(desk, side):
    bracket(desk.intents, side, 10, 1000, 950, 1100)
    found = desk.intents["row"][:3]
    assert found["slot"].tolist() == [3 * side, 3 * side + 1, 3 * side + 2]
    assert found["kind"].tolist() == [REST, STOP, REST]
    assert found["qty_lot"].tolist() == [10, ALL, ALL]
    assert found["reduce"].tolist() == [0, 1, 1]
    assert found["price_tick"].tolist() == [1000, 950, 1100]
    assert set(found["group"].tolist()) == {3 * side + 1}


def test_one_row_too_many_is_refused_before_it_is_written(desk):
    for slot in range(SLOTS):
        rest(desk.intents, slot, LONG, 1, 1)
    with pytest.raises(IndexError, match="more than its slots hold"):
        rest(desk.intents, 0, LONG, 1, 1)
    desk.intents["n"] = -1
    with pytest.raises(IndexError, match="more than its slots hold"):
        target(desk.intents, LONG, 1)


def test_signals_have_eight_places(desk):
    record(desk.intents, 7, 1.5)
    assert desk.intents["signal"].tolist() == [0.0] * 7 + [1.5]
    for place in (-1, 8):
        with pytest.raises(IndexError, match="at most 8 signals"):
            record(desk.intents, place, 1.0)


def test_sleep_says_until_when(desk):
    sleep_until(desk.intents, 77)
    assert (desk.intents["sleep"], desk.intents["wake_ns"]) == (1, 77)


def test_lots_are_worth_a_percentage_of_equity_at_the_last_close(desk):
    # 10 % of 10,000 buys 10 coins at 100; a lot is a thousandth of a coin.
    assert lots_for(desk.view, desk.account, 10.0) == 10_000
    desk.view["close"] = 3000
    assert lots_for(desk.view, desk.account, 10.0) == 3333


@pytest.mark.parametrize(("step", "expected"), [(1, 3333), (10, 3330), (1000, 3000), (5000, 0)])
def test_lots_come_in_steps_of_the_exchange(desk, step, expected):
    desk.view["close"], desk.view["lot_step"] = 3000, step
    assert lots_for(desk.view, desk.account, 10.0) == expected


def test_lots_of_an_inverse_contract_cost_less_the_higher_the_price(desk):
    # A contract of 100 USD on a coin at 50,000.0 (ticks of 0.1) is worth 0.002 coins.
    desk.view["sense"], desk.view["close"], desk.view["unit"] = -1, 500_000, 100.0 / 0.1 * 1e8
    assert lots_worth(desk.view, 1.0 * 1e8) == 500


@pytest.mark.parametrize(("field", "value"), [("close", 0), ("unit", 0.0)])
def test_nothing_known_is_worth_no_lots(desk, field, value):
    desk.view[field] = value
    assert lots_for(desk.view, desk.account, 10.0) == 0


@pytest.mark.parametrize("equity", [0, -5])
def test_nothing_owned_buys_no_lots(desk, equity):
    desk.account["equity"] = equity
    assert lots_for(desk.view, desk.account, 10.0) == 0


def test_lots_beyond_what_a_double_counts_are_cut_there(desk):
    assert lots_worth(desk.view, 1e300) == 1 << 52


@pytest.mark.parametrize(
    ("ticks", "side", "step", "expected"),
    [
        (1000.4, BUY, 1, 1000),
        (1000.4, SELL, 1, 1001),
        (1000.0, BUY, 1, 1000),
        (1000.0, SELL, 1, 1000),
        (1003.0, BUY, 5, 1000),
        (1003.0, SELL, 5, 1005),
        (0.1 * 3 * 10, SELL, 1, 3),
    ],
)
def test_an_order_rests_on_the_grid_away_from_the_market(desk, ticks, side, step, expected):
    desk.view["tick_step"] = step
    assert order_tick(desk.view, ticks, side) == expected


def test_the_average_entry_of_a_holding(desk):
    holding = desk.working["holding"][LONG]
    assert average_tick(desk.view, holding) == 0.0
    holding["pos_lot"] = 20
    holding["cost"] = int(20 * 1001.5 * desk.view["unit"])
    assert average_tick(desk.view, holding) == pytest.approx(1001.5, rel=1e-12)
    desk.view["sense"], desk.view["unit"] = -1, 1e11
    holding["cost"] = int(20 * 1e11 / 500_000)
    assert average_tick(desk.view, holding) == pytest.approx(500_000, rel=1e-12)
