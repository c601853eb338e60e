"""The daily work: once a day, told, tried by commands of its own; and figures from what a session says."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from tradewind.journal.bodies import FACT
from tradewind.ops.alerts import Alert
from tradewind.ops.metrics import Metrics
from tradewind.ops.observing import AccountFigures, Observer, VenueFigures
from tradewind.ops.outward import HeartbeatTold, Reach, RecipientTold
from tradewind.ops.upkeep import Upkeep
from tradewind.units.enums import DAY_NS, WakeCode
from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.port import Batch

MIDNIGHT_NS = 20_000 * DAY_NS


class Machine:
    """A clock that is set by hand, and commands that are written down."""

    def __init__(self, folder, expires=False):
        self.now_ns = MIDNIGHT_NS - MINUTE_NS
        self.commands, self.told, self.status = [], [], 0
        self.upkeep = Upkeep("alpha", folder, lambda: self.now_ns, self.command, self.told.append, expires)

    async def command(self, words):
        self.commands.append(words)
        return self.status, json.dumps({"lines": ["alpha, a day", "USDT: result +1.00"]})

    def look(self, minutes=0):
        self.now_ns += minutes * MINUTE_NS
        return asyncio.run(self.upkeep.look())


def test_a_day_is_summed_up_once_soon_after_its_end(tmp_path):
    machine = Machine(tmp_path, expires=True)
    assert [machine.look(), machine.look(1), machine.look(1)] == [False, False, False]
    assert machine.commands == []
    assert machine.look(1)
    assert [machine.look(1), machine.look(600)] == [False, False]
    assert machine.commands == [
        ("session", "summary", "alpha", "--day", "2024-10-03", "--json"),
        ("journal", "expire", "alpha", "--json"),
    ]
    (alert,) = machine.told
    assert (alert.code, alert.text) == ("DAILY_SUMMARY", "alpha, a day\nUSDT: result +1.00")


def test_a_process_that_starts_after_midnight_sums_up_what_the_last_one_left(tmp_path):
    first = Machine(tmp_path)
    assert not first.look()
    second = Machine(tmp_path)
    assert second.look(3 * 24 * 60)
    assert [words[4] for words in second.commands] == ["2024-10-05"]
    third = Machine(tmp_path)
    assert not third.look(3 * 24 * 60)


def test_a_summary_that_fails_is_told_and_comes_again_the_next_day(tmp_path):
    machine = Machine(tmp_path)
    machine.look()
    machine.status = 3
    assert machine.look(10)
    assert machine.told[0].text == "the summary of 2024-10-03 could not be made (exit status 3)"
    machine.status = 0
    assert machine.look(24 * 60)
    assert "result" in machine.told[1].text


STATUS = {
    "starting": False, "batches": 10, "requests": 3, "fills": 2, "halts": ["LOSS_DAY"], "held": [], "stale": ["BTC"],
    "orders": [{"state": "LIVE"}, {"state": "LIVE"}, {"state": "UNKNOWN"}],
    "wallets": [
        {"account": "main", "currency": "USDT", "equity": 101.5, "balance": 100.0, "used": 7.0,
         "losses": {"day": {"lost": 0.02, "limit": 0.05}}}
    ],
}  # fmt: skip


@pytest.fixture
def observer(tmp_path):
    (tmp_path / "segment-000001.twj").write_bytes(b"x" * 123)
    return Observer(Metrics(), "alpha", tmp_path)


def figure(observer, name, **labels):
    return observer.metrics.registry.get_sample_value(f"tradewind_{name}", {"session": "alpha"} | labels)


def test_figures_say_what_the_session_says(observer):
    observer.look(STATUS, clock_offset_ns=-250_000_000)
    assert [figure(observer, f"{name}_total") for name in ("requests", "fills")] == [3, 2]
    assert figure(observer, "halted", breaker="LOSS_DAY") == 1
    assert figure(observer, "stale", instrument="BTC") == 1
    assert figure(observer, "orders", state="LIVE") == 2
    assert figure(observer, "orders", state="UNKNOWN") == 1
    assert figure(observer, "equity", wallet="0", currency="USDT") == 101.5
    assert figure(observer, "margin_used", wallet="0", currency="USDT") == 7
    assert figure(observer, "clock_offset_seconds") == -0.25
    wallet = {"wallet": "0", "currency": "USDT", "breaker": "day"}
    assert [figure(observer, name, **wallet) for name in ("lost_ratio", "lost_limit_ratio")] == [0.02, 0.05]
    assert figure(observer, "trading") == 0
    assert figure(observer, "journal_bytes") == 123


def test_figures_say_how_accounts_and_streams_stand(observer):
    main = AccountFigures(
        "main", 10 * SECOND_NS, {"answered": 5, "unknown": 1}, (0.02, 0.2), 0.4, 70 * SECOND_NS
    )
    streams = {("market", "bars"): (3, 1), ("main", "user"): (1, 0)}
    observer.look_at_venues(VenueFigures((main,), streams), 40 * SECOND_NS)
    main_of = {"account": "main"}
    assert figure(observer, "reading_age_seconds", **main_of) == 30
    assert figure(observer, "venue_calls_total", outcome="answered", **main_of) == 5
    assert figure(observer, "venue_calls_total", outcome="unknown", **main_of) == 1
    assert figure(observer, "venue_call_seconds_bucket", le="0.03", **main_of) == 1
    assert figure(observer, "venue_call_seconds_count", **main_of) == 2
    assert figure(observer, "venue_budget_used_ratio", **main_of) == 0.4
    assert figure(observer, "venue_banned_seconds", **main_of) == 30
    bars = {"account": "market", "stream": "bars"}
    assert [figure(observer, "streams", state=each, **bars) for each in ("up", "down")] == [3, 1]
    later = replace(main, calls={"answered": 7}, waits_s=(), banned_until_ns=0)
    observer.look_at_venues(VenueFigures((later,), {("market", "bars"): (4, 0)}), 50 * SECOND_NS)
    assert figure(observer, "venue_calls_total", outcome="answered", **main_of) == 7
    assert figure(observer, "venue_call_seconds_count", **main_of) == 2
    assert figure(observer, "venue_banned_seconds", **main_of) == 0
    assert figure(observer, "streams", state="down", **bars) == 0
    market = AccountFigures("market", 0, {"answered": 3}, (), None, 0)
    observer.look_at_venues(VenueFigures((market,)), 60 * SECOND_NS)
    assert figure(observer, "venue_calls_total", outcome="answered", account="market") == 3
    for absent in ("reading_age_seconds", "venue_budget_used_ratio"):
        assert figure(observer, absent, account="market") is None


def test_figures_say_who_outside_could_be_told(observer):
    deaf = RecipientTold(sent=2, failed=3, given_up=1, lost=4, waiting=5, in_row=3, why="x", at_ns=7)
    observer.look_outside(Reach({"phone": deaf}, HeartbeatTold(1, 2, 3, 4 * SECOND_NS, 9)), 34 * SECOND_NS)

    def told(outcome):
        return figure(observer, "alerts_told_total", recipient="phone", outcome=outcome)

    assert [told(outcome) for outcome in ("taken", "not taken", "given up", "dropped")] == [2, 3, 1, 4]
    assert figure(observer, "alerts_waiting", recipient="phone") == 5
    assert figure(observer, "alerts_failing", recipient="phone") == 1
    calls = [
        figure(observer, "heartbeats_total", outcome=each) for each in ("taken", "not taken", "left out")
    ]
    assert calls == [1, 2, 3]
    assert figure(observer, "heartbeat_age_seconds") == 30
    observer.look_outside(Reach({"phone": replace(deaf, in_row=0, waiting=0)}), 0)
    assert figure(observer, "alerts_failing", recipient="phone") == 0


def test_a_heartbeat_that_nobody_ever_took_grows_old_from_its_first_call_on(observer):
    for at_s in (10, 40):
        observer.look_outside(
            Reach({}, HeartbeatTold(failed=1, at_ns=at_s * SECOND_NS)), (at_s + 5) * SECOND_NS
        )
    assert figure(observer, "heartbeat_age_seconds") == 35


def test_what_has_passed_is_cleared_and_counters_only_rise(observer):
    observer.look(STATUS)
    observer.look(STATUS | {"fills": 4, "halts": [], "stale": [], "orders": []})
    assert figure(observer, "fills_total") == 4
    assert figure(observer, "halted", breaker="LOSS_DAY") == 0
    assert figure(observer, "stale", instrument="BTC") == 0
    assert figure(observer, "orders", state="UNKNOWN") == 0
    assert figure(observer, "trading") == 1
    observer.look(STATUS | {"fills": 1})
    assert figure(observer, "fills_total") == 4


def test_history_is_neither_counted_nor_timed(observer):
    """Once each bar of a warm-up was taken for a batch that had been waited for since the bar's own time."""
    observer.since_ns = MIDNIGHT_NS
    observer.look(STATUS)
    assert (figure(observer, "batches_total"), figure(observer, "batch_seconds_count")) == (0, None)
    for wake, age_s in ((WakeCode.WARM, 1), (WakeCode.MARK, -100), (WakeCode.BATCH, 1), (None, 2)):
        now_ns = MIDNIGHT_NS + age_s * SECOND_NS
        told = Batch(1, np.zeros(0, FACT), wake, again=False, now_ns=now_ns)
        observer.timed_batch(told, MIDNIGHT_NS + 5 * SECOND_NS)
    assert figure(observer, "batches_total") == figure(observer, "batch_seconds_count") == 2
    assert figure(observer, "batch_seconds_sum") == 4 + 3


def test_times_and_alerts_are_counted(observer):
    batch = Batch(1, np.zeros(0, FACT), WakeCode.BATCH, again=False, now_ns=MIDNIGHT_NS)
    observer.timed_batch(batch, MIDNIGHT_NS + 2_000_000)
    observer.timed_sync(0.5)
    observer.count_alert(Alert("HALTED", "", 1))
    assert figure(observer, "batch_seconds_sum") == pytest.approx(0.002)
    assert figure(observer, "batch_seconds_count") == 1
    assert figure(observer, "sync_seconds_count") == 1
    assert observer.metrics.registry.get_sample_value("tradewind_alerts_total", {"code": "HALTED"}) == 1
