"""Adopting an account where two strategies net, whose stops are not reduce-only, in virtual time."""

from __future__ import annotations

import numpy as np
import pytest
from tests.simulation.live.test_adopting import (
    FIRST,
    SECOND,
    Scene,
    ids_placed,
    is_sound,
    played,
    stops,
    watch_bare,
)

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.live.venue import LiveRules
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.steady import steady
from tradewind.testing.venue_live import VenueLife
from tradewind.units.enums import Halt, Protection
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.client_ids import tag_in


def netted_world(instrument, seed, *, amends):
    """Return a world in which two strategies trade one instrument of one account."""
    unit = max(int(instrument.min_qty / instrument.lot_size), 1)
    strategies = []
    for lots in (40.0, 25.0):
        params = np.zeros(PARAMS)
        params[0] = lots * unit
        exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.02)
        strategies.append(StrategySetup(steady, [0], params, exits=exits))
    setup = InstrumentSetup(instrument, leverage=5.0, amends=amends, highest_price=1e7)
    return World([WalletSetup("USDT", 10_000.0)], [setup], strategies)


class Netted(Scene):
    """An account of two strategies that trade the same."""

    def life(self, tag, minutes, disk, **more):
        terms = {"earlier": frozenset({FIRST, SECOND} - {tag})} if tag != FIRST else {}
        return VenueLife(
            self.venue, minutes, make_world=netted_world, tag=tag, disk=disk, terms=terms, **more
        )

    def new_world(self):
        return netted_world(self.rules, 1, amends=True)


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear"])
def test_stops_of_strategies_that_net_stay_until_those_of_the_new_epoch_cover_what_is_held(venue):
    """Bare at no moment, and within a second the old ones go: triggered as well they would open the other side."""
    seen = {"bare": []}

    async def play(scene, world):
        working = world.account(venue).open_orders()
        seen["before"] = scene.orders(world)
        seen["plain"] = [
            not order.placement.reduce_only for order in working if order.placement.kind != "limit"
        ]
        watching = world.loop.create_task(watch_bare(scene, world, SECOND, seen["bare"]))
        disk = SimulatedDisk()
        await scene.adopt(world, SECOND, disk, given={0: 0})
        seen["adopted"] = scene.orders(world)
        scene.second = scene.life(SECOND, 5.2, disk, rules=LiveRules(warm_bars=2))
        await scene.second.live(world)
        seen["beside_s"] = watching.result()
        seen["after"], seen["ids"] = scene.orders(world), ids_placed(world, venue)

    scene = played(venue, play, scene=Netted)
    assert seen["plain"] == [True, True]
    assert stops(seen["before"]) == stops(seen["adopted"]) == [FIRST, FIRST]
    assert len(seen["adopted"]) == 2
    assert seen["bare"] == []
    assert seen["beside_s"] < 1.0
    assert FIRST not in {tag for _, tag in seen["after"]}
    assert len(seen["ids"]) == len(set(seen["ids"]))
    assert tag_in(seen["ids"][-1]) == SECOND
    told = {alert.code for alert in (*scene.alerts, *scene.second.alerts)}
    assert not told & {"UNEXPLAINED", "HALTED", "ORDER_UNKNOWN", "PROTECTOR_MISSING"}
    assert not int(scene.second.world.accounts["halts"][0]) & Halt.EXTERNAL
    assert is_sound(scene, scene.second.disk)
