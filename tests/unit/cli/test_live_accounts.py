"""What a session file says of accounts reaches the live loop as it is written."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import aiohttp
import certifi
import pytest

from tradewind.cli.live_accounts import _refuse_shared_coins, live_rules, open_gateway, settings_of
from tradewind.config import AccountEntry, Workspace, session_from
from tradewind.errors import ConfigError
from tradewind.live.amounts import listing_of
from tradewind.testing.traded_rules import traded
from tradewind.testing.wire_recorder import keys_for
from tradewind.venues.ccxt.exchange import CLIENTS
from tradewind.venues.ccxt.orders import AccountModes
from tradewind.venues.ccxt.trading import TradingSettings
from tradewind.venues.fake.sockets import FAKE_VARIABLE, FakeVenueAddress
from tradewind.venues.gateway import AccountMode


@pytest.mark.parametrize("external", ["adopt", "ignore", "halt"])
def test_the_policy_for_what_is_not_ours_is_that_of_the_file(external):
    market = {"venue": "blofin_swap", "symbols": ["BTC-USDT"], "bars": "1m"}
    terms = {"strategy": "ema_cross", "accounts": ["main"], "external": external, "reconcile_every_s": 12.5}
    rules = live_rules(session_from(terms | {"market": market}).config, warm_bars=3)
    assert rules.policy.external == external
    assert (rules.reconcile_ns, rules.warm_bars) == (12_500_000_000, 3)


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize(
    ("venue", "mode"),
    [
        (venue, mode)
        for venue in CLIENTS
        for mode in AccountMode
        if CLIENTS[venue].demo or mode.value == "live"
    ],
)
def test_a_key_is_never_shown_to_a_host_of_the_other_money(venue, mode, tmp_path, monkeypatch):
    """C39: every host of a venue, of real and of practice money, is asked for through the way of an account."""
    spec = CLIENTS[venue]
    place = tmp_path / "fake.json"
    FakeVenueAddress(closed_port(), Path(certifi.where()), spec.hosts | spec.demo_hosts).save(place)
    monkeypatch.setenv(FAKE_VARIABLE, str(place))
    desk = Workspace.create(tmp_path / "desk")

    async def work() -> set[str]:
        gateway, session = open_gateway(desk, TradingSettings(venue, "abc123", mode), [], keys_for(venue))
        looked_up = set()
        for host in spec.hosts | spec.demo_hosts:
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await session.get(f"https://{host}/")
            if "nothing is sent there" not in str(refused.value):
                looked_up.add(host)
        await gateway.close()
        await session.close()
        return looked_up

    assert asyncio.run(work()) == (spec.hosts if mode is AccountMode.LIVE else spec.demo_hosts)


@pytest.mark.parametrize(
    ("venue", "modes"), [("bybit_spot", AccountModes()), ("bybit_linear", AccountModes(True, True))]
)
def test_an_account_of_coins_has_no_modes_whatever_the_file_says(venue, modes):
    account = {"position_mode": "hedge", "margin_mode": "isolated"}
    market = {"venue": "bybit_linear", "symbols": ["BTCUSDT"], "bars": "1m"}
    session = session_from(
        {"strategy": "ema_cross", "accounts": ["main"], "market": market, "account": account}
    )
    entry = AccountEntry(venue=venue, kind="demo")
    assert settings_of(session.config, entry, "abc123").modes == modes


def test_a_coin_that_could_not_be_told_apart_is_refused():
    bitcoin, ether = traded("bybit_spot")
    fine = [listing_of(0, bitcoin), listing_of(1, ether)]
    _refuse_shared_coins("main", fine)
    twice = replace(bitcoin, symbol="BTCUSDC", quote="USDC", settle="USDC")
    money = replace(ether, symbol="ETHBTC", quote="BTC", settle="BTC")
    for other in (twice, money):
        with pytest.raises(ConfigError) as refused:
            _refuse_shared_coins("main", [*fine[:1], listing_of(1, other)])
        assert (refused.value.code, refused.value.where) == ("CONFIG_CONFLICT", "main")
    perpetuals = [listing_of(n, rules) for n, rules in enumerate(traded("bybit_linear"))]
    _refuse_shared_coins("main", [*perpetuals, *perpetuals])
