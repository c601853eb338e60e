"""What a session file says of accounts reaches the live loop as it is written."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import certifi
import pytest

from tradewind.cli.live_accounts import live_rules, open_gateway
from tradewind.config import Workspace, session_from
from tradewind.testing.wire_recorder import keys_for
from tradewind.venues.ccxt.exchange import CLIENTS
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
