"""Fake venues on real sockets of loopback: TLS under a CA of their own, and no way to anywhere else."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from pathlib import Path

import aiohttp
import ccxt.pro
import pytest

from tradewind.errors import PathError, UsageError
from tradewind.venues.ccxt.exchange import open_session
from tradewind.venues.fake.exchange import FakeExchange
from tradewind.venues.fake.listings import FAKE_VENUES, listed
from tradewind.venues.fake.practice import Practice, serve_practice
from tradewind.venues.fake.server import FakeServer
from tradewind.venues.fake.sockets import FAKE_VARIABLE, FakeVenueAddress, SocketService
from tradewind.venues.fake.spoken import protocol_of

SYMBOL = "BTC/USDT:USDT"


def server_of(venue="binance_usdm"):
    exchange = FakeExchange(listed(venue), seed=3, clock=time.time_ns)
    exchange.open_account(
        "main", api_key="k", secret="s", passphrase="p", balances={"USDT": Decimal(100_000)}
    )
    return exchange, FakeServer([protocol_of(venue, exchange)])


def session_of(address):
    return open_session(address.hosts, addresses=address.addresses(), ssl_context=address.ssl_context())


def test_an_unmodified_client_trades_over_tls(tmp_path):
    async def work():
        exchange, server = server_of()
        async with SocketService(server, tmp_path) as address, session_of(address) as session:
            client = ccxt.pro.binanceusdm(
                {
                    "apiKey": "k",
                    "secret": "s",
                    "session": session,
                    "options": {"fetchCurrencies": False, "fetchMargins": False},
                }
            )
            try:
                await client.load_markets()
                told = asyncio.ensure_future(client.watch_orders(SYMBOL))
                for _ in range(10_000):
                    if any("listenKey" in url and c.isConnected for url, c in client.clients.items()):
                        break
                    await asyncio.sleep(0.001)
                await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "one"})
                orders = await told
            finally:
                await client.close()
        return orders[0]["clientOrderId"], exchange.accounts[0].positions()[0].qty

    assert asyncio.run(work()) == ("one", Decimal("0.010"))


def test_every_venue_answers_at_its_own_hosts(tmp_path):
    async def work():
        exchanges = {venue: FakeExchange(listed(venue), seed=3, clock=time.time_ns) for venue in FAKE_VENUES}
        server = FakeServer([protocol_of(venue, exchange) for venue, exchange in exchanges.items()])
        urls = {
            "https://fapi.binance.com/fapi/v1/time": "serverTime",
            "https://api.bybit.com/v5/market/time": "result",
            "https://www.okx.com/api/v5/public/time": "data",
            "https://openapi.blofin.com/api/v1/market/instruments": "data",
        }
        async with SocketService(server, tmp_path) as address, session_of(address) as session:
            for url, key in urls.items():
                async with session.get(url) as response:
                    assert key in json.loads(await response.text()), url

    asyncio.run(work())


def test_nothing_else_is_reached_or_trusted(tmp_path):
    async def work():
        _, server = server_of()
        async with SocketService(server, tmp_path) as address:
            async with session_of(address) as session:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get("https://example.com/")
            untrusting = open_session(address.hosts, addresses=address.addresses())
            async with untrusting as session:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get("https://fapi.binance.com/fapi/v1/time")

    asyncio.run(work())


def test_no_key_stays_on_the_disk_and_where_to_find_it_is_written(tmp_path):
    async def work():
        _, server = server_of()
        async with SocketService(server, tmp_path) as address:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["authority.pem", "fake.json"]
            assert "PRIVATE" not in (tmp_path / "authority.pem").read_text()
            found = FakeVenueAddress.from_environment({FAKE_VARIABLE: str(tmp_path / "fake.json")})
            assert found == address
        assert FakeVenueAddress.from_environment({}) is None

    asyncio.run(work())


def test_a_port_in_use_and_a_file_that_says_nothing_are_named(tmp_path):
    async def work():
        async with SocketService(server_of()[1], tmp_path / "a") as address:
            with pytest.raises(UsageError) as caught:
                await SocketService(server_of()[1], tmp_path / "b", address.port).open()
            return caught.value.code

    assert asyncio.run(work()) == "PORT_BUSY"
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UsageError) as caught:
        FakeVenueAddress.load(tmp_path / "bad.json")
    assert caught.value.code == "FAKE_VENUE_UNREADABLE"


@pytest.mark.parametrize("place", ["folder", "/proc/x", "fake.json", "record"])
def test_a_place_that_cannot_be_written_is_told_with_its_code(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "fake.json").mkdir()
    within = tmp_path / "file" / "x"
    folder, record = {
        "folder": (within, None),
        "/proc/x": (Path("/proc/x"), None),
        "fake.json": (tmp_path, None),
        "record": (tmp_path / "unused", within),
    }[place]
    practice = Practice("blofin_swap", folder, record=record, history_hours=0)
    with pytest.raises(PathError) as refused:
        asyncio.run(serve_practice(practice, lambda *_: pytest.fail("it opened")))
    assert refused.value.code in ("PATH_INVALID", "PATH_DENIED")
    assert refused.value.where == str(
        {"record": within, "fake.json": tmp_path / "fake.json"}.get(place, folder)
    )
