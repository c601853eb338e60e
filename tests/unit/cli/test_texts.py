"""Addresses of alerts at the command line: refused when they are kept, tried by a test alert, told by the doctor."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tradewind.cli.doctor_machine import _untold
from tradewind.cli.entry import run_command
from tradewind.cli.seen_keys import known_addresses, note_key
from tradewind.cli.session_state import reach_lines, told_outside
from tradewind.config import Workspace, lock
from tradewind.ops.dispatch import Dispatcher
from tradewind.ops.outward import Outward
from tradewind.venues.keys.report import KeyReport

CANARY = "zk3mQv81pLw0"
NOON_NS = 1_700_000_000_000_000_000


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.heard, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    workspace = Workspace.create(tmp_path / "desk")
    text = workspace.settings_file.read_text()
    workspace.settings_file.write_text(
        '[alerts.phone]\nlevel = "warning"\n[alerts.chat]\nlevel = "info"\n' + text
    )
    secret = tmp_path / "passphrase"
    secret.write_text("a long enough passphrase 1")
    secret.chmod(0o600)
    monkeypatch.setenv("TRADEWIND_KEYS_PASSPHRASE_FILE", str(secret))
    monkeypatch.chdir(workspace.root)
    return Workspace.open(workspace.root)


def keep(monkeypatch, name, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"text": text})))
    return run_command(["keys", "add", name, "--text", "--stdin", "--replace"])


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("phone", f"carrier-pigeon://{CANARY}", "ALERT_ADDRESS"),
        ("other", f"carrier-pigeon://{CANARY}", "ALERT_ADDRESS"),
        ("phone", f"no-address-{CANARY}", "ALERT_ADDRESS"),
        ("phone", f"jsons://169.254.169.254/{CANARY}", "URL_REFUSED"),
        ("other", f"json://service.example/{CANARY}", "URL_REFUSED"),
    ],
)
def test_an_address_is_judged_before_it_is_kept(desk, monkeypatch, capsys, name, text, code):
    assert keep(monkeypatch, name, text) == 2
    out, err = capsys.readouterr()
    assert code in err
    assert CANARY not in out + err
    assert run_command(["keys", "list"]) == 0
    assert "holds nothing" in capsys.readouterr().out


def test_a_text_that_is_no_address_is_kept_and_only_looked_at(desk, monkeypatch, capsys):
    assert keep(monkeypatch, "hook", f"a-key-of-signals-{CANARY}") == 0
    assert run_command(["keys", "test", "hook"]) == 0
    out, err = capsys.readouterr()
    assert "is no address of alerts" in out
    assert CANARY not in out + err


def test_a_test_alert_is_sent_and_what_came_back_is_said(desk, monkeypatch, capsys, service):
    address = f"json://127.0.0.1:{service.server_port}/{CANARY}"
    assert keep(monkeypatch, "phone", address) == 0
    assert run_command(["keys", "test", "phone"]) == 0
    assert "phone (JSON) took a test alert" in capsys.readouterr().out
    assert service.heard[0]["title"] == "tradewind INFO: ALERT_TEST"
    service.status = 403
    assert run_command(["keys", "test", "phone"]) != 0
    out, err = capsys.readouterr()
    assert "did not take a test alert: it answered with status 403" in out
    assert CANARY not in out + err
    assert keep(monkeypatch, "spare", address) == 0
    service.status = 200
    assert run_command(["keys", "test", "spare"]) == 0
    assert "is told of no session's alerts" in capsys.readouterr().out


def test_the_doctor_sends_everybody_a_test_where_asked(desk, monkeypatch, capsys, service):
    assert keep(monkeypatch, "phone", f"json://127.0.0.1:{service.server_port}/x") == 0
    capsys.readouterr()
    run_command(["doctor"])
    assert service.heard == []
    run_command(["doctor", "--alerts", "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    alerts = [each["detail"] for each in told if each["name"] == "alerts"]
    assert any("phone (JSON) took a test alert" in each for each in alerts)
    assert any("no address is kept for chat" in each for each in alerts)
    assert len(service.heard) == 1


def test_status_and_doctor_say_who_could_not_be_told(desk):
    folder = desk.session_dir("alpha")
    folder.mkdir(parents=True)
    assert list(_untold(desk)) == []
    phone = Dispatcher([], name="phone")
    phone.in_row, phone.failed, phone.why, phone.given_up = 2, 3, "it answered with status 403", 1
    Outward(folder, clock=lambda: NOON_NS).note_alerts(phone)
    assert list(_untold(desk)) == [], "of years ago, by a session that runs no more"
    with lock(folder / "lock", "trades"):
        (finding,) = _untold(desk)
    assert (finding.state, finding.remedy) == ("wrong", "tradewind keys test phone")
    assert "alpha since 2023-11-14T22:13:20Z: it answered with status 403" in finding.detail
    ((head, line),) = reach_lines(told_outside(folder))
    assert head == "alerts"
    assert line.startswith("phone CANNOT BE TOLD since 2023-11-14T22:13:20Z: it answered with status 403")
    assert line.endswith("1 never arrived")
    phone.in_row, phone.sent = 0, 4
    Outward(folder, clock=lambda: NOON_NS + 1).note_alerts(phone)
    with lock(folder / "lock", "trades"):
        assert list(_untold(desk)) == []
    assert [line for _, line in reach_lines(told_outside(folder))] == ["phone took 4 alerts, 1 never arrived"]


def test_the_doctor_says_whose_heartbeat_nobody_takes_while_it_runs(desk):
    settings = desk.settings.model_copy(update={"heartbeat_url": "https://watch.example/ping"})
    desk = replace(desk, settings=settings)
    folder = desk.session_dir("alpha")
    folder.mkdir(parents=True)
    guard = Outward(folder, guard=True, clock=lambda: NOON_NS)
    guard.note_heartbeat(SimpleNamespace(sent=1, failed=2, skipped=0), False)
    assert list(_untold(desk)) == []
    with lock(folder / "lock", "trades"):
        (finding,) = _untold(desk)
        assert (finding.name, finding.state) == ("heartbeat", "wrong")
        assert (
            list(_untold(replace(desk, settings=settings.model_copy(update={"heartbeat_url": None})))) == []
        )
        guard.note_heartbeat(SimpleNamespace(sent=2, failed=2, skipped=0), True)
        assert list(_untold(desk)) == []
    ((head, line),) = reach_lines(told_outside(folder))
    assert (head, line) == ("heartbeat", "taken last at 2023-11-14T22:13:20Z; 2 calls taken, 2 not")


@pytest.mark.parametrize(
    ("addresses", "told"),
    [((), "from ANY address"), (("1.2.3.4",), "from listed"), (None, "does not say")],
)
def test_what_a_venue_said_of_a_key_is_known_before_the_next_start(desk, addresses, told):
    assert known_addresses(desk, "main") == ""
    note_key(desk, "main", KeyReport("blofin_swap", demo=False, addresses=addresses))
    assert told in known_addresses(desk, "main")
    assert "1.2.3.4" not in (desk.root / ".keys" / "seen.json").read_text()
    (desk.root / ".keys" / "seen.json").write_text("[]")
    assert known_addresses(desk, "main") == ""
