"""A venue that cannot be reached is said to be so within seconds, with the reason; one in trouble is waited for."""

from __future__ import annotations

import pytest

pytest.importorskip("ccxt")

from tradewind.errors import VenueDown
from tradewind.testing.virtual_venues import START_NS, VirtualWorld, run_world
from tradewind.units.time import SECOND_NS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.history import RestReader
from tradewind.venues.ccxt.key_probe import probe_key
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.keys import AccountKeys, Secret

HOST = "fapi.binance.com"
WORDS = [
    ("name", f"the name {HOST} cannot be looked up", "resolver"),
    ("refused", f"{HOST} cannot be connected to: connection refused", "online"),
    ("certificate", f"the certificate of {HOST} is not trusted (certificate has expired)", "clock"),
    ("unreachable", "it timed out", "online"),
]


def asked(*ailments: tuple[str, float], answered_first: bool = False, venue: str = "binance_usdm"):
    """Ask for the markets on a network that suffers; return what came, and after how many seconds."""

    async def work(world: VirtualWorld):
        exchange = build_exchange(CLIENTS[venue], world.session())
        reader = RestReader(exchange, STREAMS[venue].rest, world.loop.now_ns)
        if answered_first:
            await reader.call("load_markets")
        world.network.reset()
        for kind, seconds in ailments:
            world.network.ail(kind, seconds)
        began_ns = world.loop.now_ns()
        try:
            found = await reader.call("fetch_time")
        except VenueDown as error:
            found = error
        await exchange.close()
        return found, (world.loop.now_ns() - began_ns) / SECOND_NS

    return run_world(work, seed=3)


@pytest.mark.parametrize(("kind", "words", "hint"), WORDS)
def test_why_it_cannot_be_reached_is_said_within_twenty_seconds(kind, words, hint):
    error, waited_s = asked((kind, 3_600.0))
    assert isinstance(error, VenueDown)
    assert error.message.startswith("fetch_time was not answered in ")
    assert error.message.endswith(f": {words}.")
    assert hint in error.hint
    assert waited_s <= (1.0 if kind == "certificate" else 22.0)


def test_a_network_that_comes_back_at_once_is_waited_for():
    found, waited_s = asked(("name", 5.0))
    assert found > START_NS // 1_000_000
    assert 5.0 < waited_s < 10.0


def test_a_venue_that_was_reached_is_waited_for_longer():
    found, waited_s = asked(("refused", 90.0), answered_first=True)
    assert found > START_NS // 1_000_000
    assert 90.0 < waited_s < 180.0


@pytest.mark.parametrize(("kind", "words", "hint"), WORDS[:3])
def test_a_key_that_cannot_be_tried_says_why(kind, words, hint):
    async def work(world: VirtualWorld):
        world.network.ail(kind, 3_600.0)
        keys = AccountKeys("main", "binance_usdm", False, Secret("k" * 64), Secret("s" * 64), Secret(""))
        with pytest.raises(VenueDown) as caught:
            await probe_key(keys, session=world.session())
        return caught.value

    error = run_world(work, seed=4)
    assert words in error.message
    assert hint in error.hint
