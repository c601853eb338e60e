"""A virtual day, and in the long run a week: memory is flat, nothing drifts, days roll once, sockets come back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tradewind.live import accounts, orders
from tradewind.testing.days import HourlyLook, days_at
from tradewind.testing.voyage import sail, strike
from tradewind.units.enums import FactKind, StreamCode, WakeCode
from tradewind.venues.ccxt import fill_watch, parsing, trading

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MINUTE_NS = 60_000_000_000


@pytest.fixture(autouse=True)
def _short_memories(monkeypatch):
    """Let what is remembered of orders that ended fill up within hours, not within weeks."""
    monkeypatch.setattr(accounts, "_PLACES_KEPT", 300)
    monkeypatch.setattr(orders, "_ENDED_KEPT", 300)
    monkeypatch.setattr(trading, "_SIDES_REMEMBERED", 300)
    monkeypatch.setattr(parsing, "_REMEMBERED", 300)
    monkeypatch.setattr(fill_watch, "_REMEMBERED", 300)


def check_memory(look):
    """What hangs on the session does not grow once its memories are full."""
    for found in (look.objects, look.size_bytes):
        middle, end = np.mean(found[19:22]), np.mean(found[-3:])
        assert end < 1.02 * middle, found


def check(landfall, look, days):
    check_memory(look)
    wakes = landfall.facts(FactKind.WAKE)
    at_ns = wakes["recv_ts_ns"][wakes["code"] == WakeCode.BATCH]
    minutes = 60 * 24 * days
    assert minutes - 10 * days <= len(np.unique(at_ns // MINUTE_NS)) <= minutes + 70
    late_ns = at_ns % MINUTE_NS
    assert np.median(late_ns[-600:]) < np.median(late_ns[:600]) + 20_000_000
    assert late_ns.max() < 12_000_000_000
    assert sum(a != b for a, b in itertools.pairwise(look.day_starts)) == days
    assert landfall.life.ends == []
    assert len(landfall.of("fill")) > 500 * days


@pytest.mark.timeout(1_800)
def test_a_day_at_binance():
    """It renews its listen key and comes back when the venue ends its sockets after 24 hours."""
    look = HourlyLook()
    landfall = sail(days_at("binance_usdm", 25, look))
    check(landfall, look, 1)
    streams = landfall.facts(FactKind.STREAM)
    assert 0 < (streams["code"] == StreamCode.DOWN).sum() <= 2


def test_a_stop_that_triggers_beside_another_order_is_not_taken_for_a_silent_stream():
    """It goes on under another number: the first is gone from what works although nobody told its end."""
    landfall = sail(replace(days_at("binance_usdm", 1, HourlyLook()), minutes=20.0))
    assert any(entry["parent_id"] for entry in landfall.of("order"))
    assert not (landfall.facts(FactKind.STREAM)["code"] == StreamCode.DOWN).any()


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap", "blofin_swap"])
def test_a_week(venue):
    look = HourlyLook()
    plan = [
        strike(fault, hour * 3600.0) for hour, fault in enumerate(("F11", "F13", "F14", "F02", "F09") * 30, 5)
    ]
    check(sail(days_at(venue, 24 * 7 + 1, look, plan=plan)), look, 7)
