"""What became of requests: each answer counts once, under what it proves."""

from __future__ import annotations

import ccxt
import pytest

from tradewind.venues.ccxt.budget import Budget
from tradewind.venues.ccxt.dialect import Meaning
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
