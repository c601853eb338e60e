"""What became of requests: each answer counts once, under what it proves."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import ccxt
import pytest

from tradewind.errors import TradewindError
from tradewind.venues.ccxt.budget import Budget
from tradewind.venues.ccxt.dialect import Meaning
from tradewind.venues.ccxt.history import RestReader
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.ccxt.traffic import OUTCOMES, Traffic
from tradewind.venues.ccxt.wire import Answer


@pytest.mark.parametrize(
    ("answer", "meaning", "outcome"),
    [
        (Answer(200, body={"id": 1}), None, "answered"),
        (Answer(200, body=[]), None, "answered"),
        (Answer(400, body={"code": -2019}, error=ccxt.InsufficientFunds("margin")), None, "refused"),
        (Answer(200, body={"code": "51008"}, error=ccxt.InsufficientFunds("margin")), None, "refused"),
        (Answer(429, body={"code": -1003}, error=ccxt.RateLimitExceeded("many")), None, "rate limited"),
        (Answer(418, error=ccxt.DDoSProtection("banned")), None, "rate limited"),
        (Answer(200, body={"code": "50011"}, error=ccxt.ExchangeError("many")), Meaning.RATE, "rate limited"),
        (Answer(error=ccxt.RequestTimeout("silence")), None, "unknown"),
        (Answer(502, body={"code": 0}, error=ccxt.ExchangeNotAvailable("gateway")), None, "unknown"),
        (Answer(200, body=None), None, "unknown"),
        (Answer(refused="the venue's limits leave no room"), None, "not sent"),
    ],
)
def test_a_request_counts_under_what_its_answer_proves(answer, meaning, outcome):
    traffic = Traffic(Budget((), lambda: 0))
    traffic.note(answer, meaning)
    assert dict(traffic.counts) == {outcome: 1}
    assert outcome in OUTCOMES


def test_how_long_answers_took_is_told_once_and_of_the_newest_only():
    traffic = Traffic(Budget((), lambda: 0))
    for took in range(1_200):
        traffic.note(Answer(200, body={}, signed_ns=1, heard_ns=1 + took), None)
    traffic.note(Answer(refused="no room", signed_ns=0, heard_ns=9), None)
    assert traffic.take_waits_ns() == list(range(200, 1_200))
    assert traffic.take_waits_ns() == []
    assert (traffic.budget_share, traffic.banned_until_ns) == (0.0, 0)


class Venue:
    """What ccxt makes of one answer, or of none."""

    id, last_response_headers = "a venue", None

    def __init__(self, told):
        self.told = told

    async def fetch_time(self):
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def refused_connection():
    error = ccxt.ExchangeNotAvailable("cannot connect")
    error.__cause__ = aiohttp.ClientConnectorError(None, OSError(111, "refused"))
    return error


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (1_700_000_000_000, "answered"),
        (ccxt.BadSymbol("no such thing"), "refused"),
        (ccxt.RateLimitExceeded("many"), "rate limited"),
        (ccxt.RequestTimeout("silence"), "unknown"),
        (KeyError("an answer without its field"), "unknown"),
        (refused_connection(), "not sent"),
        (ccxt.NotSupported("ccxt has no way to ask"), None),
    ],
)
def test_a_request_of_market_data_counts_under_what_came_of_it(told, outcome):
    times = iter(range(10**9, 10**12, 10**9))
    reader = RestReader(Venue(told), STREAMS["binance_usdm"].rest, times.__next__, attempts=1)

    async def ask():
        with suppress(TradewindError):
            await reader.call("fetch_time")

    asyncio.run(ask())
    assert dict(reader.traffic.counts) == ({} if outcome is None else {outcome: 1})
    waited = reader.traffic.take_waits_ns()
    assert len(waited) == (outcome in ("answered", "refused"))
    assert all(wait_ns == 10**9 for wait_ns in waited)
    assert (reader.traffic.banned_until_ns > 0) is (outcome == "rate limited")
