"""How many instruments an account may hold at once, and how much of a sector."""

import numpy as np

from tradewind.engine.setup import (
    AccountLimits,
    InstrumentSetup,
    SectorLimit,
    StrategySetup,
    WalletSetup,
)
from tradewind.engine.world import World
from tradewind.testing.puppets import Desk, puppet
from tradewind.testing.scenarios import instrument
from tradewind.units.enums import FactKind, Rule
from tradewind.units.records import PARAMS

BID = {"slot": 0, "price_tick": 4_900, "qty_lot": 10}
ASK = {"slot": 1, "position_side": 1, "price_tick": 5_100, "qty_lot": 10}


def desk_of(sectors: tuple[int, ...], limits: AccountLimits, accounts: tuple[int, ...] = ()) -> Desk:
    """Return a desk with an instrument in each of these sectors, on the wallet of these accounts."""
    desk = Desk()
    owners = accounts or (0,) * len(sectors)
    wallets = [WalletSetup("USDT", 1_000.0, account=number) for number in sorted(set(owners))]
    setups = [
        InstrumentSetup(
            instrument("linear", f"S{j}"), sector=sector, wallet=owners[j], leverage=5.0, highest_price=1e6
        )
        for j, sector in enumerate(sectors)
    ]
    strategy = StrategySetup(puppet, range(len(sectors)), np.zeros(PARAMS))
    desk.world = World(wallets, setups, [strategy], limits=limits)
    for j in range(len(sectors)):
        desk.bar(5_000, j=j)
    return desk


def asked(desk: Desk) -> list[int]:
    return sorted({int(request["context"]) for request in desk.settle()})


def test_no_more_instruments_are_opened_than_may_be_held_at_once() -> None:
    desk = desk_of((0, 0, 0), AccountLimits(positions=2))
    for k in range(3):
        desk.want(BID, ASK, context=k)
    assert asked(desk) == [0, 1]
    assert desk.refusals() == [(Rule.POSITIONS, 2.0, 3.0)] * 2
    assert desk.world.contexts["working"]["live_count"].tolist() == [2, 2, 0]
    desk.want(context=0)
    desk.settle()
    assert asked(desk) == [2]
    assert desk.world.contexts["working"]["live_count"].tolist() == [0, 2, 2]


def test_a_position_from_outside_counts() -> None:
    desk = desk_of((0, 0), AccountLimits(positions=1))
    desk.tell(FactKind.EXTERNAL_POSITION, instrument=1, qty_lot=3)
    for k in range(2):
        desk.want(BID, context=k)
    assert asked(desk) == [1]


def test_each_account_counts_its_own() -> None:
    desk = desk_of((0, 0, 0, 0), AccountLimits(positions=1), accounts=(0, 1, 0, 1))
    for k in range(4):
        desk.want(BID, context=k)
    assert asked(desk) == [0, 1]


def test_a_sector_has_counts_and_an_exposure_of_its_own() -> None:
    desk = desk_of((1, 1, 2, 2, 0), AccountLimits(sectors={1: SectorLimit(0.0, 1), 2: SectorLimit(0.06)}))
    for k in range(5):
        desk.want(BID, context=k)
    assert asked(desk) == [0, 2, 4]
    assert [rule for rule, _, _ in desk.refusals()] == [Rule.POSITIONS, Rule.EXPOSURE_SECTOR]


def test_a_sector_above_its_exposure_loses_its_openers_when_the_mark_moves() -> None:
    desk = desk_of((1, 2), AccountLimits(sectors={1: SectorLimit(0.06)}))
    for k in range(2):
        desk.want(BID, context=k)
    assert asked(desk) == [0, 1]
    for j in range(2):
        desk.bar(6_500, j=j)
    desk.settle()
    assert desk.world.contexts["working"]["live_count"].tolist() == [0, 1]
