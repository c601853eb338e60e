"""How ccxt's objects are built: their own hosts, nobody else's, no repeats, and handlers that cannot die silently."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from ccxt.base.errors import NetworkError

from tradewind.errors import UsageError
from tradewind.testing.wire_recorder import keys_for
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.classification import is_never_sent
from tradewind.venues.ccxt.exchange import (
    CLIENTS,
    EgressResolver,
    build_exchange,
    guard_streams,
    open_session,
    redact,
    tap_messages,
)
from tradewind.venues.ccxt.unreached import why_unreached
from tradewind.venues.ccxt.wire import Wire
from tradewind.venues.gateway import AccountMode

VENUES = sorted(DIALECTS)


def built(venue, check, **settings):
    """Return `check(exchange)` of a fresh object."""

    async def work():
        session = open_session(CLIENTS[venue].hosts)
        exchange = build_exchange(CLIENTS[venue], session, keys=keys_for(venue), **settings)
        try:
            found = check(exchange)
            return await found if asyncio.iscoroutine(found) else found
        finally:
            await exchange.close()
            await session.close()

    return asyncio.run(work())


@pytest.mark.parametrize("venue", VENUES)
def test_it_neither_paces_nor_repeats_and_pings_often(venue):
    told = built(
        venue, lambda e: (e.enableRateLimit, e.options["maxRetriesOnFailure"], e.streaming["keepAlive"])
    )
    assert told == (False, 0, 10_000)


def hosts_in(urls, hostname):
    from urllib.parse import urlsplit

    if isinstance(urls, dict):
        return {host for below in urls.values() for host in hosts_in(below, hostname)}
    return {urlsplit(urls.replace("{hostname}", hostname or "")).hostname}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("mode", list(AccountMode))
def test_its_addresses_are_the_venues_own_and_on_the_list(venue, mode):
    spec = CLIENTS[venue]
    if mode is AccountMode.DEMO and not spec.demo:
        with pytest.raises(UsageError, match="real money stays refused") as refused:
            spec.hosts_for(mode)
        assert refused.value.code == "KEY_MODE_MISMATCH"
        return
    allowed = spec.hosts_for(mode)
    hosts = built(venue, lambda e: hosts_in(e.urls["api"], e.hostname), mode=mode)
    assert allowed & hosts
    # Where KuCoin's streams are is told when a token is asked for.
    assert allowed <= hosts | {"stream.bybit.com", "ws-api-futures.kucoin.com", "ws-api-spot.kucoin.com"}


def test_practice_money_has_other_hosts_than_real_money():
    for venue in VENUES:
        assert CLIENTS[venue].hosts != CLIENTS[venue].demo_hosts


def test_okx_says_in_a_header_that_the_money_is_practice():
    assert built("okx_swap", lambda e: dict(e.headers), mode=AccountMode.DEMO) == {"x-simulated-trading": "1"}


def test_a_host_that_is_not_the_venues_is_never_looked_up():
    async def work():
        resolver = EgressResolver({"api.bybit.com"}, {"api.bybit.com": ("127.0.0.1", 5)})
        (found,) = await resolver.resolve("api.bybit.com", 443)
        with pytest.raises(OSError, match="nothing is sent"):
            await resolver.resolve("example.org", 443)
        await resolver.close()
        return found["host"], found["port"]

    assert asyncio.run(work()) == ("127.0.0.1", 5)


class Hanging(AbstractResolver):
    """A resolver of a machine whose name server does not answer."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        await asyncio.sleep(3_600)

    async def close(self):
        pass


def test_a_name_server_that_hangs_is_told_as_such_and_nothing_was_sent():
    """Told as a time-out, an order would be in doubt until its fence has passed, and the reason be nobody's."""

    async def work():
        resolver = EgressResolver({"api.bybit.com"}, system=Hanging(), patience_s=0.01)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
            exchange = build_exchange(CLIENTS["bybit_linear"], session)
            try:
                with pytest.raises(NetworkError) as caught:
                    await exchange.fetch("https://api.bybit.com/v5/market/time")
            finally:
                await exchange.close()
        return caught.value

    error = asyncio.run(work())
    told = why_unreached(error)
    assert told is not None
    assert told[0] == "the name api.bybit.com cannot be looked up"
    assert is_never_sent(error)


def test_a_request_to_another_host_fails_before_a_connection():
    async def work():
        async with open_session({"api.bybit.com"}) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get("https://example.org/")

    asyncio.run(work())


class Socket:
    """Stands for a connection of ccxt's client: it notes how it ended."""

    def __init__(self, exchange):
        exchange.asyncio_loop = asyncio.get_running_loop()
        self.client = exchange.client("wss://fstream.binance.com/private/ws?listenKey=abc")
        self.errors = []
        self.client.on_error_callback = lambda _, error: self.errors.append(error)


def test_an_error_in_a_handler_is_told_and_the_loop_goes_on():
    async def check(exchange):
        heard, failed = [], []
        exchange.handle_message = lambda *_: 1 / 0
        tap_messages(
            exchange, lambda _, message: heard.append(message), lambda _, error: failed.append(type(error))
        )
        socket = Socket(exchange)
        socket.client.on_message_callback(socket.client, {"e": "x"})
        socket.client.on_message_callback(socket.client, {"e": "y"})
        return heard, failed

    assert built("binance_usdm", check) == ([{"e": "x"}, {"e": "y"}], [ZeroDivisionError] * 2)


def test_what_dies_inside_a_receive_loop_closes_its_connection():
    """Cut JSON never reaches a handler: only the event loop hears of it."""

    async def check(exchange):
        loop = asyncio.get_running_loop()
        guard, again = guard_streams(loop), guard_streams(loop)
        socket = Socket(exchange)
        message = aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, '{"e": "cut', None)
        loop.call_soon(socket.client.handle_message, message)
        await asyncio.sleep(0.01)
        return guard is again, guard.caught, [type(error) for error in socket.errors]

    assert built("binance_usdm", check) == (True, 1, [NetworkError])


def test_other_errors_of_the_loop_go_where_they_went():
    async def work():
        loop, heard = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, context: heard.append(context["message"]))
        guard = guard_streams(loop)
        loop.call_exception_handler({"message": "something else", "exception": ValueError()})
        return heard, guard.caught

    assert asyncio.run(work()) == (["something else"], 0)


def test_what_is_said_of_a_request_shows_no_secret_and_stays_short():
    keys = keys_for("okx_swap")
    text = f"GET /x?signature=abcdef&apiKey={keys.api_key.reveal()}\n" + "x" * 1_000
    said = redact(text)
    assert keys.api_key.reveal() not in said
    assert "abcdef" not in said
    assert len(said) <= 400
    assert "\n" not in said


def test_no_key_stands_in_what_an_object_shows_of_itself():
    shown = built("okx_swap", lambda e: f"{e!r} {e}")
    assert "key-of-main" not in shown
    assert "secret-of-main" not in shown


def test_no_two_requests_of_one_millisecond_share_a_nonce_where_the_venue_takes_it_once():
    """ccxt asks for the currencies by itself while it loads the markets, beside what we ask."""

    def nonces(exchange):
        exchange.milliseconds = lambda: 1_767_225_600_000
        wire = Wire(exchange, DIALECTS["blofin_swap"], lambda: 1_767_225_600 * 10**9)
        signed = [wire.exchange.sign("asset/currencies", ["private"], "GET", {}) for _ in range(50)]
        return {request["headers"]["ACCESS-NONCE"] for request in signed}

    assert len(built("blofin_swap", nonces)) == 50
