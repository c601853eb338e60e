"""Alerts that nobody took when a process ended: kept for its owner alone, told by the next one, once and in order."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from tradewind.cli.doctor_machine import _untold
from tradewind.cli.session_state import reach_lines, told_outside
from tradewind.config import Workspace, lock
from tradewind.ops.alerting import AlertLog, Switchboard, last_alerts
from tradewind.ops.alerts import Alert, Level, QuietHours
from tradewind.ops.dispatch import Dispatcher
from tradewind.ops.outward import Outward, read_outward
from tradewind.ops.undelivered import KEPT_MAX, KEPT_NS, KeptAlert, Undelivered, Waits, waits_in
from tradewind.units.enums import DAY_NS
from tradewind.units.time import format_utc

NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
SECOND_NS = 1_000_000_000


def deaf(title, body):
    raise ConnectionError("it could not be reached")


def board(folder, *recipients, now_ns=NOON_NS, **terms):
    """Return a switchboard of one process, with a recipient for each (name, notifier)."""
    dispatchers = [
        Dispatcher([notify], name=name, repeat_ns=0, clock=lambda: now_ns, **terms)
        for name, notify in recipients
    ]
    made = Switchboard(
        AlertLog(folder), dispatchers, [], Outward(folder), Undelivered(folder, clock=lambda: now_ns)
    )
    made.go_on()
    return made


def files_in(folder):
    return sorted(path.name for path in folder.iterdir() if "undelivered" in path.name)


def left_behind(folder, *alerts, name="phone"):
    """Let a process end that could tell nobody of these alerts."""
    first = board(folder, (name, deaf))
    for alert in alerts:
        first.tell(alert)
    first.close()


def heard_by_next(folder, name="phone", **terms):
    """Return what a recipient who hears again is told by the next process."""
    heard = []
    following = board(folder, (name, lambda title, body: heard.append((title, body))), **terms)
    following.close()
    return heard


def test_what_nobody_took_is_told_by_the_next_process_once_and_says_of_when_it_is(tmp_path):
    left_behind(
        tmp_path,
        Alert("HALTED", "second", NOON_NS - SECOND_NS, "alpha"),
        Alert("LIQUIDATED", "third, of the same moment", NOON_NS - SECOND_NS, "alpha"),
        Alert("LOCKED", "first", NOON_NS - 9 * SECOND_NS, "alpha"),
    )
    (name,) = files_in(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert read_outward(tmp_path, NOON_NS).kept == {"phone": Waits(3, NOON_NS - 9 * SECOND_NS)}
    heard = heard_by_next(tmp_path)
    assert [(title.split()[2], body.splitlines()[0]) for title, body in heard] == [
        ("LOCKED", "first"),
        ("HALTED", "second"),
        ("LIQUIDATED", "third, of the same moment"),
    ]
    assert "This is of 2024-10-04T11:59:51Z and could not be told before." in heard[0][1]
    assert files_in(tmp_path) == []
    assert heard_by_next(tmp_path) == []


def test_who_has_got_an_alert_does_not_get_it_again(tmp_path):
    heard = []
    first = board(tmp_path, ("phone", deaf), ("chat", lambda title, body: heard.append(title)))
    first.tell(Alert("HALTED", "", NOON_NS))
    first.close()
    assert sum("HALTED" in title for title in heard) == 1
    again = []
    following = board(tmp_path, ("chat", lambda title, body: again.append(title)), ("phone", deaf))
    following.close()
    assert not any("HALTED" in title for title in again)
    late = [title for title, _ in heard_by_next(tmp_path) if "HALTED" in title]
    assert len(late) == 1, "one that could not be told a second time either"


def test_what_a_living_process_holds_is_left_to_it(tmp_path):
    living = board(tmp_path, ("phone", deaf))
    living.tell(Alert("HALTED", "", NOON_NS))
    for dispatcher in living.dispatchers:
        dispatcher.close()
    living.undelivered.keep(living.dispatchers[0].undelivered())
    beside = board(tmp_path, ("phone", pytest.fail))
    beside.close()
    assert len(files_in(tmp_path)) == 1
    living.close()
    assert len(heard_by_next(tmp_path)) == 1


def test_a_killed_process_leaves_what_waited(tmp_path):
    """Its recipient takes nothing and hangs: neither an answer nor an end in order ever comes."""
    folder = tmp_path / "alpha"
    folder.mkdir()
    code = f"""
import os, threading, time
from pathlib import Path
from tradewind.ops.alerting import Switchboard
from tradewind.ops.alerts import Alert
from tradewind.ops.dispatch import Dispatcher
from tradewind.ops.undelivered import Undelivered
folder = Path({str(folder)!r})
hanging = Dispatcher([lambda title, body: threading.Event().wait()], name="phone", repeat_ns=0)
board = Switchboard(None, [hanging], [], None, Undelivered(folder))
board.tell(Alert("HALTED", "in hand", time.time_ns()))
board.tell(Alert("LOCKED", "in the queue", time.time_ns()))
written = 0
while written < 2:
    written = sum(path.read_bytes().count(b'"code"') for path in folder.glob("undelivered-*.json"))
print("written", flush=True)
threading.Event().wait()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"written\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    (folder / ".undelivered-1-1.json").write_text("{")
    heard = []
    following = Switchboard(
        None,
        [Dispatcher([lambda title, body: heard.append(body.splitlines()[0])], name="phone")],
        [],
        Outward(folder),
        Undelivered(folder),
    )
    following.go_on()
    following.close()
    assert heard == ["in hand", "in the queue"]
    assert files_in(folder) == []


def test_of_too_many_the_newest_are_kept_and_what_is_dropped_is_said_whatever_his_level(tmp_path):
    alerts = [Alert("LOCKED", str(i), NOON_NS - SECOND_NS + i) for i in range(KEPT_MAX + 30)]
    left_behind(tmp_path, *alerts)
    heard = heard_by_next(tmp_path, threshold=Level.CRITICAL)
    assert "30 alerts for phone that an earlier process could not tell are dropped" in heard[0][1]
    assert [body.splitlines()[0] for _, body in heard[1:]] == [str(i) for i in range(30, KEPT_MAX + 30)]
    assert last_alerts(tmp_path, 1)[0]["code"] == "ALERT_UNDELIVERED"


def test_what_is_a_day_old_is_dropped_and_said(tmp_path):
    left_behind(tmp_path, Alert("LOCKED", "old", NOON_NS - KEPT_NS + 5), Alert("LOCKED", "new", NOON_NS))
    assert waits_in(tmp_path, NOON_NS + 10) == {"phone": Waits(1, NOON_NS)}
    heard = heard_by_next(tmp_path, now_ns=NOON_NS + 10)
    assert [body.splitlines()[0][:20] for _, body in heard] == ["1 alerts for phone t", "new"]


def test_what_waits_for_somebody_who_is_not_told_any_more_is_dropped_and_said(tmp_path):
    left_behind(tmp_path, Alert("LOCKED", "", NOON_NS), name="old-phone")
    heard = heard_by_next(tmp_path)
    assert [title.split()[2] for title, _ in heard] == ["ALERT_UNDELIVERED"]
    assert "1 alerts for old-phone" in heard[0][1]
    assert files_in(tmp_path) == []


def page(**fields):
    alert = {"to": "phone", "code": "LOCKED", "title": "t", "body": "b", "at_ns": NOON_NS}
    return json.dumps({"form": 1, "session": "alpha", "alerts": [alert], "dropped": {}} | fields)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        page()[:-5].encode(),
        page(session="beta").encode(),
        page(form=2).encode(),
        page(alerts=[{"to": 3}]).encode(),
        page(dropped={"phone": "many"}).encode(),
        page(address="tgram://token").encode(),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_file_that_is_damaged_or_not_ours_is_told_and_put_aside(tmp_path, content):
    folder = tmp_path / "alpha"
    folder.mkdir()
    (folder / "undelivered-1-1.json").write_bytes(content)
    assert waits_in(folder, NOON_NS) == {}
    heard = heard_by_next(folder)
    assert [title.split()[2] for title, _ in heard] == ["ALERT_UNDELIVERED"]
    assert "it is kept as undelivered-1-1.json.damaged" in heard[0][1]
    assert (folder / "undelivered-1-1.json.damaged").read_bytes() == content
    assert heard_by_next(folder) == []


def test_what_is_no_file_is_not_followed_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "undelivered-1-1.json")
    (tmp_path / "undelivered-2-2.json").symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "elsewhere.json").write_text(page(session=tmp_path.name))
    heard = heard_by_next(tmp_path)
    assert [title.split()[2] for title, _ in heard] == ["ALERT_UNDELIVERED"]
    assert (tmp_path / "elsewhere.json").exists()


def test_a_disk_that_refuses_costs_alerts_and_tells_nothing_twice(tmp_path):
    one, two = (KeptAlert("phone", "LOCKED", "t", body, NOON_NS) for body in ("one", "two"))
    kept = Undelivered(tmp_path, clock=lambda: NOON_NS)
    kept.keep([one])
    (name,) = files_in(tmp_path)
    (
        tmp_path / f".{name}"
    ).mkdir()  # The place of what is written beside it is taken, as if there were no room.
    kept.keep([one, two])
    assert waits_in(tmp_path, NOON_NS) == {"phone": Waits(1, NOON_NS)}, "the older file still says what waits"
    kept.keep([two])
    assert name not in files_in(tmp_path), "somebody has got what stood there"
    (tmp_path / f".{name}").rmdir()
    kept.keep([two])
    kept.close()
    kept.keep([])
    assert [body.splitlines()[0] for _, body in heard_by_next(tmp_path)] == ["two"]


def test_in_quiet_hours_only_what_is_critical_is_told_late():
    heard = []
    quiet = QuietHours(11 * 60, 13 * 60)
    assert quiet.rest_ns(NOON_NS) == DAY_NS // 24
    assert quiet.rest_ns(NOON_NS + DAY_NS // 24) == 0
    phone = Dispatcher(
        [lambda title, body: heard.append(title)], name="phone", quiet=quiet, clock=lambda: NOON_NS
    )
    phone.go_on(
        [KeptAlert("phone", code, code, "", NOON_NS) for code in ("HALTED", "LOCKED", "OF_ANOTHER_VERSION")]
    )
    phone.close()
    assert heard == ["LOCKED", "OF_ANOTHER_VERSION"]
    assert [kept.code for kept in phone.undelivered()] == ["HALTED"]


def test_a_folder_that_is_gone_costs_the_alerts_only(tmp_path):
    kept = Undelivered(tmp_path / "nowhere")
    assert kept.take().alerts == []
    kept.keep([KeptAlert("phone", "LOCKED", "", "", 1)])
    kept.close()


class Slow:
    """Takes its first alert only when it is let, and remembers the order."""

    def __init__(self):
        self.begun, self.let, self.heard = threading.Event(), threading.Event(), []

    def __call__(self, title, body):
        self.heard.append(title)
        self.begun.set()
        assert self.let.wait(60)


def old(*titles):
    return [KeptAlert("phone", "LOCKED", title, "", NOON_NS) for title in titles]


def test_what_is_new_goes_before_what_is_late():
    slow = Slow()
    phone = Dispatcher([slow], name="phone")
    phone.tell(Alert("LOCKED", "", NOON_NS, "a"))
    assert slow.begun.wait(60)
    phone.go_on(old("one", "two"))
    phone.tell(Alert("LOCKED", "", NOON_NS, "b"))
    slow.let.set()
    phone.close(60.0)
    assert [title.split()[-1] for title in slow.heard] == ["(a)", "(b)", "one", "two"]


def test_nothing_more_is_handed_over_once_nobody_waits_for_it():
    """What is left is kept by then: it would be told twice."""
    slow = Slow()
    phone = Dispatcher([slow], name="phone")
    phone.go_on(old("one", "two"))
    assert slow.begun.wait(60)
    phone.close(0.01)
    slow.let.set()
    phone._thread.join(60)
    assert slow.heard == ["one"]
    assert [kept.title for kept in phone.undelivered()] == ["two"]


def test_status_and_doctor_say_what_waits_for_the_next_process(tmp_path):
    desk = Workspace.create(tmp_path / "desk")
    folder = desk.session_dir("alpha")
    folder.mkdir(parents=True)
    now_ns = time.time_ns()
    left = Undelivered(folder)
    left.keep([KeptAlert("phone", "LOCKED", "", "", now_ns - ago_ns) for ago_ns in (0, SECOND_NS)])
    left.close()
    oldest = format_utc((now_ns - SECOND_NS) // SECOND_NS * SECOND_NS)
    ((head, line),) = reach_lines(told_outside(folder))
    assert (head, line) == (
        "alerts", f"2 wait for phone, the oldest of {oldest}; the session's next process tells what is left"
    )  # fmt: skip
    (finding,) = _untold(desk)
    assert (finding.state, finding.detail) == (
        "warning",
        f"2 of alpha wait for phone, the oldest of {oldest}",
    )
    with lock(folder / "lock", "trades"):
        assert list(_untold(desk)) == []
