"""Rules through unmodified ccxt are those that the fake venue lists, to the digit."""

import pytest

from tradewind.errors import ConfigError
from tradewind.testing.virtual_venues import run_world
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.rules import rules_of_markets
from tradewind.venues.fake.listings import FAKE_VENUES


@pytest.mark.parametrize("venue", FAKE_VENUES)
def test_rules_come_back_as_they_are_listed(venue):
    async def work(world):
        exchange = build_exchange(CLIENTS[venue], world.session())
        markets = await exchange.load_markets()
        await exchange.close()
        return rules_of_markets(venue, markets), world.exchanges[venue].instruments

    rules, listed = run_world(work, seed=1, venues=(venue,))
    assert rules.skipped == []
    assert set(rules.instruments) == set(listed)
    for symbol, mine in rules.instruments.items():
        for name in ("tick_size", "lot_size", "min_qty", "contract_size", "payoff", "settle", "active"):
            assert getattr(mine, name) == getattr(listed[symbol], name), (symbol, name)


def test_a_venue_that_we_do_not_read_ourselves_is_read_by_unified_fields():
    market = {
        "id": "BTCUSDT", "swap": True, "linear": True, "base": "BTC", "quote": "USDT", "settle": "USDT", "info": {},
        "precision": {"price": 0.1, "amount": 0.001}, "contractSize": 1.0, "active": True, "created": 1_600_000_000_000,
        "limits": {"amount": {"min": 0.001, "max": 100.0}, "cost": {"min": 5.0}, "leverage": {"max": 125.0}},
    }  # fmt: skip
    broken = market | {"id": "BADUSDT", "precision": {"price": 0, "amount": 0.001}}
    spot = market | {"id": "SPOT", "swap": False, "spot": True}
    rules = rules_of_markets("bitget_swap", {"a": market, "b": broken, "c": spot})
    assert list(rules.instruments) == ["BTCUSDT"]
    found = rules.instruments["BTCUSDT"]
    assert (str(found.tick_size), str(found.lot_size)) == ("0.1", "0.001")
    assert (found.min_notional, found.max_qty, found.leverage_max) == (5, 100, 125)
    assert [skipped.symbol for skipped in rules.skipped] == ["BADUSDT"]

    for name in ("maxMarketOrderQty", "market_order_size_max", "marketMaxOrderQty"):
        for told, largest in (("40", 40), ("500", 100), ("0", 100), ("", 100)):
            rules = rules_of_markets("bitget_swap", {"a": market | {"info": {name: told}}})
            assert rules.instruments["BTCUSDT"].max_qty == largest
    unbounded = market | {"limits": market["limits"] | {"amount": {"min": 0.001, "max": 0.0}}}
    assert rules_of_markets("bitget_swap", {"a": unbounded}).instruments["BTCUSDT"].max_qty is None


def test_a_venue_that_nobody_knows_is_told():
    with pytest.raises(ConfigError) as caught:
        rules_of_markets("nowhere", {})
    assert caught.value.code == "EXCHANGE_UNKNOWN"
