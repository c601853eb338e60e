"""What would trade with another strategy of ours is found before it is sent; what closes never waits for it (F42)."""

import numpy as np
import pytest

from tradewind.journal.bodies import REQUEST
from tradewind.live.crossing import crosses_own, shares_instruments
from tradewind.live.facts import asked_of
from tradewind.testing.sessions import linear
from tradewind.testing.tidal import tidal_world
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, OrderState, RequestKind


@pytest.fixture
def world():
    world = tidal_world(linear(), 1, amends=True, disputed=True)
    world.views["close"] = 1_010
    order = world.contexts["working"]["order"][0, 1]
    order["state"], order["kind"], order["side"] = OrderState.LIVE, IntentKind.REST, BUY
    order["price_tick"], order["cid"] = 1_000, 1 << 20 | 1
    return world


def request(**fields):
    rows = np.zeros(1, REQUEST)
    usual = {
        "context": 1,
        "side": SELL,
        "position_side": SHORT,
        "price_tick": 1_000,
        "order_kind": IntentKind.REST,
        "cid": 2 << 20 | 256,
    }
    for name, value in (usual | fields).items():
        rows[name] = value
    return rows


@pytest.mark.parametrize(
    ("fields", "crosses"),
    [
        ({}, True),
        ({"price_tick": 999}, True),
        ({"price_tick": 1_001}, False),
        ({"side": BUY}, False),
        ({"reduce": 1, "position_side": LONG}, False),
        ({"position_side": LONG}, False),
        ({"context": 0}, False),
        ({"cid": 256}, False),
        ({"cid": 256, "kind": RequestKind.AMEND}, True),
        ({"kind": RequestKind.CANCEL}, False),
        ({"order_kind": IntentKind.STOP}, False),
        ({"order_kind": IntentKind.TARGET, "price_tick": 0}, False),
    ],
)
def test_only_what_opens_against_another_strategy_is_held_back(world, fields, crosses):
    assert crosses_own(world, *asked_of(request(**fields))) is crosses


def test_a_market_order_reaches_as_far_as_the_last_price(world):
    world.views["close"] = 1_000
    assert crosses_own(world, *asked_of(request(order_kind=IntentKind.TARGET, price_tick=0)))


def test_worlds_in_which_nobody_shares_are_not_looked_at(world):
    assert shares_instruments(world)
    assert not shares_instruments(tidal_world(linear(), 1, amends=True))
