"""What the doctor says of the machine, the clocks and what watches over a session, each with its remedy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.cli import doctor_machine
from tradewind.cli.entry import run_command
from tradewind.config import Workspace
from tradewind.market import Store
from tradewind.market.rules.book import RuleBook, RuleSet
from tradewind.testing.sessions import linear

ACCOUNT = '\n[accounts.main]\nvenue = "binance_usdm"\nkind = "live"\n'


@pytest.fixture
def desk(tmp_path):
    return Workspace.create(tmp_path / "desk")


def with_settings(desk, text):
    desk.settings_file.write_text(text + desk.settings_file.read_text())
    return Workspace.open(desk.root)


def found(findings, name):
    return [finding for finding in findings if finding.name == name]


def test_a_slow_disk_is_named_with_what_waits_for_it(desk, monkeypatch):
    assert doctor_machine._sync_speed(desk.root).state == "ok"
    monkeypatch.setattr(doctor_machine, "_SYNC_SLOW_S", 0.0)
    slow = doctor_machine._sync_speed(desk.root)
    assert (slow.state, "order" in slow.remedy) == ("warning", True)
    assert doctor_machine._sync_speed(desk.root / "nowhere").state == "wrong"
    assert list(desk.root.glob(".doctor*")) == []


def test_little_memory_is_a_warning(tmp_path):
    source = tmp_path / "meminfo"
    for kilobytes, state in ((100_000, "warning"), (8_000_000, "ok")):
        source.write_text(f"MemTotal: 9 kB\nMemAvailable:   {kilobytes} kB\n")
        (finding,) = doctor_machine._memory(source)
        assert finding.state == state
    assert list(doctor_machine._memory(tmp_path / "missing")) == []


def test_swap_on_a_plain_disk_is_a_warning_where_there_are_keys(desk, tmp_path, monkeypatch):
    source = tmp_path / "swaps"
    source.write_text(
        "Filename Type Size Used Priority\n/dev/sda2 partition 9 0 -2\n/dev/zram0 partition 9 0 5\n"
    )
    (finding,) = doctor_machine._swap(desk, source)
    assert finding.state == "ok"
    (desk.root / ".keys").mkdir(mode=0o700)
    (desk.root / ".keys" / "keys.json").write_text("{}")
    (finding,) = doctor_machine._swap(desk, source)
    assert (finding.state, finding.detail) == ("warning", "memory with keys may be written to /dev/sda2")
    source.write_text(
        "Filename Type Size Used Priority\n/dev/zram0 partition 9 0 5\n/dev/dm-1 partition 9 0 5\n"
    )
    (finding,) = doctor_machine._swap(desk, source)
    assert finding.state == "ok"


@pytest.mark.parametrize(("age_days", "state"), [(2, "ok"), (45, "warning")])
def test_old_rules_of_a_venue_are_a_warning(desk, age_days, state):
    desk = with_settings(desk, ACCOUNT)
    (finding,) = doctor_machine._rules(desk)
    assert finding.detail == "binance_usdm: asked for when a session starts"
    asked = datetime.now(UTC) - timedelta(days=age_days)
    rules = RuleSet("binance_usdm", {"BTCUSDT": replace(linear(), provenance="exchangeInfo")})
    with RuleBook.changing(Store(desk.data).root) as book:
        book.add(rules, int(asked.timestamp() * 1e9))
    (finding,) = doctor_machine._rules(desk)
    assert (finding.state, f"{age_days} days old" in finding.detail) == (state, True)
    assert bool(finding.remedy) == (state == "warning")


def test_an_account_with_real_money_should_have_somebody_who_is_told(desk):
    live = with_settings(desk, ACCOUNT)
    (finding,) = found(doctor_machine._alerts(live), "alerts")
    assert (finding.state, "keys add" in finding.remedy) == ("warning", True)
    told = with_settings(desk, '[alerts.phone]\nlevel = "error"\n')
    missing, _ = found(doctor_machine._alerts(told), "alerts")
    assert (missing.state, missing.remedy) == ("wrong", "tradewind keys add phone --text")
    assert found(doctor_machine._alerts(told), "heartbeat")[0].state == "warning"
    whole = with_settings(desk, 'heartbeat_url = "https://watch.example.org/x"\n')
    assert found(doctor_machine._alerts(whole), "heartbeat") == []


@pytest.mark.parametrize(
    ("offset_s", "trip_s", "state"),
    [(0.1, 0.05, "ok"), (0.5, 0.1, "warning"), (0.5, 0.9, "ok"), (-3.0, 0.2, "wrong")],
)
def test_a_clock_is_wrong_only_by_what_the_way_there_cannot_explain(offset_s, trip_s, state):
    finding = doctor_machine._clock_finding("binance_usdm", offset_s, trip_s)
    assert (finding.state, bool(finding.remedy)) == (state, state != "ok")


def test_journals_that_grow_for_ever_are_named(desk, monkeypatch):
    folder = desk.session_dir("long")
    folder.mkdir(parents=True)
    (folder / "segment-000001.twj").write_bytes(b"x" * 1_000)
    assert [finding.state for finding in doctor_machine._journals(desk)] == ["ok"]
    monkeypatch.setattr(doctor_machine, "_JOURNAL_BIG_BYTES", 999)
    (finding,) = doctor_machine._journals(desk)
    assert (finding.state, "market_days" in finding.remedy) == ("warning", True)


def test_the_doctor_tells_all_of_it(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk.root)
    assert run_command(["doctor", "--json"]) == 0
    names = {finding["name"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"sync", "memory", "open files", "core dumps", "swap", "journals"} <= names


def test_the_time_in_the_head_of_an_answer_is_read_where_there_is_one():
    assert doctor_machine._date_of({"date": "Thu, 01 Jan 1970 00:01:40 GMT"}) == 100.0
    assert doctor_machine._date_of({"Date": "yesterday"}) is None
    assert doctor_machine._date_of(None) is None
