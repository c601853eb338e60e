"""The heartbeat: called with GET, follows nobody elsewhere, waits for nobody, shows nothing."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tradewind.cli.alerting import GuardAlerts
from tradewind.cli.live_trade import _heartbeat
from tradewind.ops.heartbeat import Heartbeat
from tradewind.ops.outward import Outward, read_outward


class Listener(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(self.path)
        if self.path == "/hangs":
            self.server.hold.wait(10)
        self.send_response({"/elsewhere": 302, "/broken": 500}.get(self.path, 200))
        if self.path == "/elsewhere":
            self.send_header("Location", "/well")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.seen, server.hold = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


def beating(listener, path, **settings):
    return Heartbeat(f"http://127.0.0.1:{listener.server_port}{path}", **settings)


@pytest.mark.parametrize(("path", "sent"), [("/well", 1), ("/broken", 0), ("/elsewhere", 0)])
def test_only_a_success_at_the_very_address_counts(listener, path, sent):
    beat = beating(listener, path)
    beat()
    beat.wait()
    assert (beat.sent, beat.failed) == (sent, 1 - sent)
    assert listener.seen == [path]


def test_a_call_that_hangs_is_not_joined_by_another(listener):
    beat = beating(listener, "/hangs")
    beat()
    beat()
    beat()
    assert (beat.skipped, beat.failed) == (2, 0)
    listener.hold.set()
    beat.wait()
    assert listener.seen == ["/hangs"]
    beat()
    beat.wait()
    assert beat.sent == 2


def test_nobody_there_is_a_failure_and_nothing_more():
    beat = Heartbeat("http://127.0.0.1:9/token", timeout_s=1)
    beat()
    beat.wait()
    assert (beat.sent, beat.failed) == (0, 1)


def test_a_heartbeat_that_nobody_takes_is_told_once_until_one_was_taken(listener):
    told = []
    beat = beating(listener, "/broken", tell=told.append, patience_s=0.0)
    for _ in range(3):
        beat()
        beat.wait()
    assert len(told) == 1
    assert "not taken for" in told[0]
    assert str(listener.server_port) not in told[0]
    beat._url = beat._url.replace("/broken", "/well")
    for _ in range(2):
        beat()
        beat.wait()
    assert len(told) == 2


def test_a_heartbeat_that_is_taken_is_no_news(listener):
    beat = beating(listener, "/well", tell=pytest.fail)
    for _ in range(3):
        beat()
        beat.wait()
    patient = beating(listener, "/broken", tell=pytest.fail, patience_s=600.0)
    patient()
    patient.wait()
    patient()
    patient.wait()
    assert patient.failed == 2


@pytest.mark.parametrize(("path", "taken"), [("/well", True), ("/broken", False)])
def test_what_became_of_each_call_stands_in_the_sessions_folder(listener, path, taken, tmp_path):
    outward = Outward(tmp_path, guard=True, clock=lambda: 5)
    beat = beating(listener, path, heard=outward.note_heartbeat)
    for _ in range(2):
        beat()
        beat.wait()
    told = read_outward(tmp_path).heartbeat
    assert (told.sent, told.failed, told.well_ns, told.at_ns) == ((2, 0, 5, 5) if taken else (0, 2, 0, 5))


def test_the_guard_tells_a_heartbeat_that_nobody_takes_as_an_alert(tmp_path):
    alerts = []
    guard = GuardAlerts(pytest.fail, alerts.append, Outward(tmp_path, guard=True))
    beat = _heartbeat("http://127.0.0.1:9/token", guard, "alpha")
    beat._patience_s = 0.0
    for _ in range(2):
        beat()
        beat.wait()
    (alert,) = alerts
    assert (alert.code, alert.session) == ("HEARTBEAT_FAILED", "alpha")
    assert "token" not in alert.text
    assert read_outward(tmp_path).heartbeat.failed == 2
