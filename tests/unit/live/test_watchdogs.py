"""The page of watchdogs: every alert in it is one, no time is made up, and what is promised in words is so."""

from __future__ import annotations

from pathlib import Path

import pytest

import tradewind
from tradewind.live.gathering import GRACE_NS
from tradewind.live.guard import LOOK_S, GuardPolicy
from tradewind.live.silence import SILENT_NS
from tradewind.live.unprotected import UNPROTECTED_NS
from tradewind.live.venue import LiveRules
from tradewind.live.watch import WatchLimits
from tradewind.live.watchdogs import WATCHDOGS, stale_ages
from tradewind.ops.alerts import ALERTS
from tradewind.ops.metrics import Metrics
from tradewind.venues.ccxt import streams, user_stream

S = 1_000_000_000


def row(begins):
    (found,) = [each for each in WATCHDOGS if each.what.startswith(begins)]
    return found


def test_every_alert_of_the_page_is_one_and_every_time_is_some():
    for each in WATCHDOGS:
        assert set(each.alerts) <= set(ALERTS), each.what
        assert each.every_s >= 0.0
        assert each.noticed_s >= (each.every_s if each.alerts else 0.0), each.what
        assert each.what.endswith(".")
        assert each.heals.endswith(".")


@pytest.mark.parametrize(
    ("begins", "noticed_s"),
    [
        ("The loop does not come round", GuardPolicy().hung_s + LOOK_S),
        ("The loop came round late", WatchLimits().look_s + WatchLimits().stall_ns / S),
        ("The bars of an interval", (GRACE_NS + LiveRules().watch_ns) / S),
        ("A position has no stop", (UNPROTECTED_NS + LiveRules().watch_ns) / S),
        ("No reading of an account", (SILENT_NS + LiveRules().watch_ns) / S),
    ],
)
def test_times_are_those_of_the_code(begins, noticed_s):
    assert row(begins).noticed_s == noticed_s


def test_a_dead_connection_is_noticed_within_fifteen_seconds_as_the_page_says():
    assert streams.SILENCE_MAX_S + 1.0 <= row("A connection for market data").noticed_s == 15.0
    assert row("The connection of an account's").noticed_s >= user_stream.SILENCE_MAX_S + user_stream.LOOK_S


def test_each_venue_has_an_age_of_its_best_prices():
    for venue, ages in stale_ages().items():
        assert ages["top"] > 0, venue
        assert all(age > 0 for age in ages.values()), venue


def test_the_pages_hold_every_watchdog_and_every_figure(monkeypatch):
    docs = Path(tradewind.__file__).parents[2] / "docs"
    monkeypatch.syspath_prepend(str(docs))
    from generate import PAGES

    page = PAGES["watchdogs.md"]()
    assert all(f"| {each.what} |" in page for each in WATCHDOGS)
    figures = PAGES["figures.md"]()
    for _, name, kind, _ in Metrics().offered():
        assert f"| `{name}` | {kind} |" in figures
    assert "| `tradewind_venue_calls_total` | counter | session, account, outcome | " in figures
    assert "|  |\n" not in figures
