"""Who is told of an alert, by which terms, and what is kept of it; every code that is sent can be looked up."""

from __future__ import annotations

import ast
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import tradewind
from tradewind.config.settings import AlertEntry
from tradewind.ops.alerting import ALERTS_FILE, AlertLog, Switchboard, last_alerts, recipients
from tradewind.ops.alerts import ALERTS, Alert
from tradewind.ops.dispatch import Dispatcher
from tradewind.ops.outward import HeartbeatTold, Outward, Reach, RecipientTold, read_outward
from tradewind.units.enums import DAY_NS
from tradewind.venues.keys import Secret

MINUTE_NS = 60_000_000_000
MIDNIGHT_NS = 20_000 * DAY_NS
_SENDERS = {"Alert", "_alert", "_tell"}


def sent_codes(tree):
    """Yield (line, code) of every alert that a module sends by a code that its source states."""
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
        assigned = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (n for n in ast.walk(function) if isinstance(n, ast.Call) and n.args):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            first = call.args[0]
            stated = assigned.get(first.id, first) if isinstance(first, ast.Name) else first
            if name in _SENDERS:
                for part in ast.walk(stated):
                    if (
                        isinstance(part, ast.Constant)
                        and isinstance(part.value, str)
                        and part.value.isupper()
                    ):
                        yield call.lineno, part.value


def test_every_code_that_is_sent_stands_in_the_table():
    sent = set()
    for path in sorted(Path(tradewind.__file__).parent.rglob("*.py")):
        for line, code in sent_codes(ast.parse(path.read_text())):
            assert code in ALERTS, f"{path.name}:{line} sends {code}, which nobody can look up"
            sent.add(code)
    assert {"RECONCILED", "UNEXPLAINED", "SESSION_STARTED", "STREAM_DOWN", "OPERATOR"} <= sent


def test_each_recipient_is_told_by_his_own_terms():
    heard = {"phone": [], "chat": []}
    entries = {
        "phone": AlertEntry(level="error", quiet="22:00..07:00"),
        "chat": AlertEntry(level="info"),
    }

    services = {name: lambda title, body, name=name: heard[name].append(title.split()[2]) for name in entries}
    board = Switchboard(None, recipients(entries, services))
    noon, night = MIDNIGHT_NS + 12 * 60 * MINUTE_NS, MIDNIGHT_NS + 23 * 60 * MINUTE_NS
    for code, at_ns in (("RESUMED", noon), ("HALTED", noon), ("LOOP_STALLED", night), ("LOCKED", night)):
        board.tell(Alert(code, "", at_ns))
    board.close()
    assert heard == {"phone": ["HALTED", "LOCKED"], "chat": ["RESUMED", "HALTED", "LOOP_STALLED", "LOCKED"]}


@pytest.mark.parametrize(
    ("quiet", "hour", "minute", "told"),
    [
        ("22:00..07:30", 23, 0, False),
        ("22:00..07:30", 7, 29, False),
        ("22:00..07:30", 7, 30, True),
        ("22:00..07:30", 21, 59, True),
        ("09:00..17:00", 12, 0, False),
        ("09:00..17:00", 17, 0, True),
        (None, 3, 0, True),
    ],
)
def test_quiet_hours_of_the_settings_may_pass_midnight(quiet, hour, minute, told):
    heard = []
    notify = recipients(
        {"phone": AlertEntry(quiet=quiet)}, {"phone": lambda title, body: heard.append(title)}
    )
    board = Switchboard(None, notify)
    board.tell(Alert("HALTED", "", MIDNIGHT_NS + (60 * hour + minute) * MINUTE_NS))
    board.close()
    assert bool(heard) is told


class Deaf:
    """Takes nothing until it hears again."""

    def __init__(self):
        self.hears, self.heard = False, []

    def __call__(self, title, body):
        if not self.hears:
            raise ConnectionError("it answered with status 403")
        self.heard.append(title)


def test_somebody_who_cannot_be_told_is_told_to_the_others_once_and_stands_in_the_file(tmp_path):
    deaf, chat, seen, told = Deaf(), [], [], threading.Event()
    outward = Outward(tmp_path, clock=lambda: MIDNIGHT_NS)
    told_to = [
        Dispatcher([deaf], name="phone", retries_s=(0.0, 0.0, 0.0)),
        Dispatcher([lambda title, body: chat.append(title.split()[2])], name="chat"),
    ]
    board = Switchboard(AlertLog(tmp_path), told_to, [seen.append], outward)
    attempted, heard = [], told_to[0].heard

    def heard_and_told():
        heard()
        attempted.append(read_outward(tmp_path).alerts["phone"])
        if len(attempted) == 4:
            told.set()

    told_to[0].heard = heard_and_told
    board.tell(Alert("HALTED", "daily loss", 1, tmp_path.name))
    assert told.wait(10)
    board.close()
    # Here nobody waits between two attempts, so the word of the deaf one may come before the first alert.
    assert sorted(chat) == ["ALERT_UNDELIVERED", "HALTED"]
    assert [alert.code for alert in seen] == ["HALTED", "ALERT_UNDELIVERED"]
    assert "phone cannot be told: it answered with status 403" in seen[1].text
    assert [each["code"] for each in last_alerts(tmp_path, 9)] == ["HALTED", "ALERT_UNDELIVERED"]
    assert [each.in_row for each in attempted] == [1, 2, 3, 4]
    last = read_outward(tmp_path).alerts
    assert last["phone"] == RecipientTold(0, 4, 1, 0, 0, 4, deaf_said(), MIDNIGHT_NS, MIDNIGHT_NS)
    assert (last["chat"].sent, last["chat"].in_row) == (2, 0)
    assert stat.S_IMODE((tmp_path / "outward.json").stat().st_mode) == 0o600


def deaf_said():
    return "it answered with status 403"


def test_guard_and_process_count_together_and_the_newer_word_counts(tmp_path):
    times = iter((10, 20, 30))
    process, guard = (
        Outward(tmp_path, clock=times.__next__),
        Outward(tmp_path, guard=True, clock=times.__next__),
    )
    for outward, in_row in ((process, 2), (guard, 0)):
        dispatcher = Dispatcher([], name="phone")
        dispatcher.sent, dispatcher.failed, dispatcher.in_row = 3, in_row, in_row
        outward.note_alerts(dispatcher)
    told = read_outward(tmp_path).alerts["phone"]
    assert (told.sent, told.failed, told.in_row, told.at_ns, told.since_ns) == (6, 2, 0, 20, 0)
    guard.note_heartbeat(SimpleNamespace(sent=1, failed=2, skipped=3), True)
    assert read_outward(tmp_path).heartbeat == HeartbeatTold(1, 2, 3, 30, 30)
    again = Outward(tmp_path, clock=lambda: 40)
    again.note_alerts(Dispatcher([], name="chat"))
    told = read_outward(tmp_path).alerts["phone"]
    assert (told.sent, told.in_row, told.since_ns) == (3, 0, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"alerts": 3}', '{"alerts": {"a": {"x": 1}}}'])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path, text):
    (tmp_path / "outward.json").write_text(text)
    assert read_outward(tmp_path) == Reach()
    Outward(tmp_path)


def test_the_last_alerts_are_kept_for_the_owner_alone_without_secrets(tmp_path):
    secret = "wq81LmmT0vXr6Yb2Nc4Zs"
    _kept = Secret(secret)
    log = AlertLog(tmp_path)
    board = Switchboard(log)
    board.tell(Alert("LOCKED", f"denied: {secret}", MIDNIGHT_NS, "alpha", {"account": "main"}))
    board.tell(Alert("RESUMED", "well again", MIDNIGHT_NS + 1, "alpha"))
    text = (tmp_path / ALERTS_FILE).read_text()
    assert secret not in text
    assert stat.S_IMODE((tmp_path / ALERTS_FILE).stat().st_mode) == 0o600
    told = last_alerts(tmp_path, 10)
    assert [each["code"] for each in told] == ["LOCKED", "RESUMED"]
    assert told[0]["fields"] == {"account": "main"}
    assert [each["code"] for each in last_alerts(tmp_path, 1)] == ["RESUMED"]


def test_the_file_is_changed_for_a_new_one_and_a_torn_line_is_no_alert(tmp_path):
    log = AlertLog(tmp_path)
    path = tmp_path / ALERTS_FILE
    path.write_text("x" * 999_990 + "\n")
    log.write(Alert("RESUMED", "a", 1))
    with path.open("a") as file:
        file.write('{"code": "HAL')
    assert path.with_name(ALERTS_FILE + ".1").exists()
    assert [each["code"] for each in last_alerts(tmp_path, 10)] == ["RESUMED"]


def test_a_folder_that_is_gone_costs_the_alert_only(tmp_path):
    log = AlertLog(tmp_path / "nowhere")
    log.write(Alert("RESUMED", "a", 1))
    assert log.lost == 1


def test_the_page_of_alerts_has_every_one_of_them_with_its_remedy(monkeypatch):
    docs = Path(tradewind.__file__).parents[2] / "docs"
    monkeypatch.syspath_prepend(str(docs))
    from generate import PAGES

    page = PAGES["alerts.md"]()
    for code, kind in ALERTS.items():
        assert f"| `{code}` | {kind.meaning} | {kind.remedy} |" in page, code
