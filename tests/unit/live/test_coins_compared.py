"""Coins compared with a spot market's word: cash is the balance less what they cost, and dust proves nothing."""

from __future__ import annotations

import pytest

from tradewind.live.apply import APPLY_FACTS
from tradewind.live.belief import belief_of, coins_in, worth_in
from tradewind.live.facts import rows_of
from tradewind.live.reconcile import Policy, compare
from tradewind.testing.sessions import small_world
from tradewind.testing.small_coins import PARTS, coin_world
from tradewind.units.enums import BUY, LONG, MONEY, SELL
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact
from tradewind.venues.gateway import BalanceSeen, FillSeen, PositionSeen, Snapshot

S = 1_000_000_000
NOW = 100 * S
HELD = 5 * PARTS


def holding(lots=HELD):
    """Return a world that has paid for so many lots at 500.0, out of 10,000.0."""
    world = coin_world()
    world.views["close"], world.views["bars"] = 5_000, 1
    world.contexts["working"]["holding"]["pos_lot"][0, LONG] = lots
    world.contexts["working"]["holding"]["cost"][0, LONG] = worth_in(world)(0, lots, 5_000)
    world.views["side_lot"][0, LONG] = lots
    return world


def cash(world):
    return int(world.accounts["balance"][0]) - int(world.contexts["working"]["holding"]["cost"][0, LONG])


def told(lots, money):
    positions = (PositionSeen(0, LONG, lots, 0.0, 0.0, NOW, NOW),) if lots else ()
    balances = (BalanceSeen("USDT", money, NOW, NOW),)
    return Snapshot((), (), positions, balances, (), (), (), (), NOW, NOW)


def compared(world, lots, money, external="halt"):
    belief = belief_of(world, (0,), (0,), {})
    return compare(belief, told(lots, money), Policy(external=external), {"USDT": 0}, worth_in(world))


def apply(world, facts):
    rows = rows_of(facts)
    mine = allocate(Fact, max(1, len(rows)))
    mine[: len(rows)] = rows
    APPLY_FACTS(*world.state, mine, len(rows))


def test_what_coins_cost_is_not_missing_from_the_cash():
    world = holding()
    assert cash(world) < int(world.accounts["balance"][0])
    assert compared(world, HELD, cash(world)).differences == ()
    (off,) = compared(world, HELD, cash(world) - 100 * MONEY).differences
    assert (off.what, off.halts) == ("balance", True)


@pytest.mark.parametrize("dust", [-PARTS + 1, -1, 0, 1, PARTS // 2 - 1])
def test_less_than_an_order_proves_nothing(dust):
    world = holding()
    found = compared(world, HELD + dust, cash(world))
    assert (found.facts, found.differences, found.agreed) == ((), (), frozenset({0}))


def test_dust_is_counted_once_it_is_half_an_order_and_costs_nothing():
    world = holding()
    money = cash(world)
    found = compared(world, HELD + PARTS // 2, money)
    assert [(one.what, one.halts) for one in found.differences] == [("dust", False)]
    apply(world, found.facts)
    assert int(world.contexts["working"]["holding"]["pos_lot"][0, LONG]) == HELD + PARTS // 2
    assert cash(world) == money
    assert compared(world, HELD + PARTS // 2, money).differences == ()


def test_dust_begins_no_holding():
    world = holding(0)
    assert compared(world, PARTS - 1, cash(world)).facts == ()


@pytest.mark.parametrize(("found", "what"), [(HELD + PARTS, "position"), (HELD - PARTS, "taken")])
def test_as_much_as_an_order_is_somebodys(found, what):
    world = holding()
    assert what in [one.what for one in compared(world, found, cash(world)).differences]


def test_coins_that_are_taken_over_are_brought_in_and_not_bought():
    world = holding()
    money = cash(world)
    found = compared(world, HELD + 3 * PARTS, money, "adopt")
    apply(world, found.facts)
    assert int(world.contexts["working"]["holding"]["pos_lot"][0, LONG]) == HELD + 3 * PARTS
    assert cash(world) == money
    assert int(world.accounts["transferred"][0]) == worth_in(world)(0, 3 * PARTS, 5_000)
    assert compared(world, HELD + 3 * PARTS, money, "adopt").differences == ()


def trade(side, fee, currency):
    return FillSeen(
        0, 7 << 20, "", "v1", "t1", 1, side, LONG, 5_000, HELD, 2 * MONEY, fee, currency, 0, NOW, NOW
    )


@pytest.mark.parametrize(
    ("side", "fee", "currency", "lots"),
    [
        (BUY, 500, "BTC", 5),  # 0.000005 of a coin in atoms of a millionth
        (BUY, 501, "BTC", 6),
        (BUY, 1, "BTC", 1),
        (BUY, 500, "USDT", 0),
        (BUY, -500, "BTC", 0),
        (SELL, 500, "BTC", 0),
    ],
)
def test_a_fee_in_the_coin_takes_lots_and_never_too_few(side, fee, currency, lots):
    assert coins_in(coin_world())(trade(side, fee, currency)) == lots


def test_no_fee_of_a_contract_takes_lots():
    assert coins_in(small_world())(trade(BUY, 500, "BTC")) == 0
