"""A position without its stop is told in time, and later with how long that has lasted."""

from __future__ import annotations

from tradewind.live.unprotected import UNPROTECTED_NS, UnprotectedPositions
from tradewind.testing.sessions import small_world
from tradewind.units.enums import Protection

S = 1_000_000_000


def test_what_stays_without_its_stop_is_told_again_with_the_whole_time():
    world = small_world()
    world.strategies["exits"]["protection"] = Protection.RESTING
    holding = world.contexts["working"]["holding"]
    holding["pos_lot"][0, 0], holding["stop_tick"][0, 0] = 40, 4_900
    watch = UnprotectedPositions(world)

    def told(at_s):
        return [alert.text for alert in watch.alerts(at_s * S, lambda _: "main")]

    assert told(100) == []
    assert told(100 + UNPROTECTED_NS // S) == ["main: 0.04 of 0.04 S0USDT, long, have had no stop for 30 s"]
    assert told(500) == []
    assert told(800) == ["main: 0.04 of 0.04 S0USDT, long, have had no stop for 700 s"]
    holding["pos_lot"][0, 0] = 0
    assert told(900) == []
    holding["pos_lot"][0, 0] = 40
    assert told(901) == []
    assert told(931) == ["main: 0.04 of 0.04 S0USDT, long, have had no stop for 30 s"]
