"""The alerts of a session from the settings to whoever is told: terminal, service, file, audit."""

from __future__ import annotations

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from tradewind.cli.alerting import alerting, guard_alerts, incident_alert, session_alerts
from tradewind.cli.entry import run_command
from tradewind.cli.listening import paper_setup
from tradewind.cli.output import Output
from tradewind.config import Workspace
from tradewind.errors import ConfigError
from tradewind.journal import FileDisk, Identity, JournalReader
from tradewind.journal.bodies import decode_audit
from tradewind.live.guard import Incident
from tradewind.ops.alerting import last_alerts
from tradewind.ops.alerts import Alert
from tradewind.ops.governance import governance_of
from tradewind.venues.keys import Secret, Vault


class Service(BaseHTTPRequestHandler):
    """Takes what is posted."""

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.heard.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def desk_with(tmp_path, monkeypatch, address):
    """Return a workspace whose phone is told from warnings on, its address in the key store."""
    workspace = Workspace.create(tmp_path / "desk")
    text = workspace.settings_file.read_text()
    workspace.settings_file.write_text('[alerts.phone]\nlevel = "warning"\n' + text)
    secret = tmp_path / "passphrase"
    secret.write_text("a long enough passphrase 1")
    secret.chmod(0o600)
    monkeypatch.setenv("TRADEWIND_KEYS_PASSPHRASE_FILE", str(secret))
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"text": address})))
    assert run_command(["keys", "add", "phone", "--text", "--stdin"]) == 0
    return Workspace.open(workspace.root)


def test_an_alert_reaches_terminal_service_file_and_audit(tmp_path, monkeypatch, service, capsys):
    desk = desk_with(tmp_path, monkeypatch, f"json://127.0.0.1:{service.server_port}/told")
    with session_alerts(Output(False), desk, Identity("alpha", ("sim",)), "test") as notify:
        notify(Alert("RESUMED", "below the level of the phone", 1))
        notify(Alert("OPERATOR", "pause by ada", 2, fields={"actor": "ada"}))
        notify(Alert("HALTED", "daily loss", 3))
    (heard,) = service.heard
    assert heard["title"] == "tradewind ERROR: HALTED (alpha)"
    folder = desk.session_dir("alpha")
    assert [(each["code"], each["session"]) for each in last_alerts(folder, 9)] == [
        ("RESUMED", "alpha"),
        ("OPERATOR", "alpha"),
        ("HALTED", "alpha"),
    ]
    entries = [decode_audit(r) for r in JournalReader(FileDisk(), governance_of(folder)).records()]
    assert [(entry.what, entry.actor) for entry in entries] == [
        ("RESUMED", ""),
        ("OPERATOR", "ada"),
        ("HALTED", ""),
    ]
    assert "error: HALTED: daily loss" in capsys.readouterr().err


def test_an_address_of_no_service_is_refused_before_anything_is_traded(tmp_path, monkeypatch):
    desk = desk_with(tmp_path, monkeypatch, "json://localhost/told")
    monkeypatch.setattr(Vault, "text", lambda vault, name: Secret("carrier-pigeon://loft-of-my-aunt"))
    with pytest.raises(ConfigError) as caught, alerting(Output(False), desk, "alpha"):
        pass
    assert caught.value.code == "ALERT_ADDRESS"
    assert "loft" not in str(caught.value.to_json())
    assert not desk.session_dir("alpha").exists()


@pytest.mark.parametrize(
    ("kind", "strategy", "code"),
    [
        ("hung", -1, "LOOP_STALLED"),
        ("hung", 2, "STRATEGY_HELD"),
        ("died", -1, "PROCESS_DIED"),
        ("stopped", -1, "PROCESS_DIED"),
        ("crash loop", -1, "CRASH_LOOP"),
        ("renewed", -1, "PROCESS_RENEWED"),
        ("waits", -1, "STREAM_DOWN"),
        ("silent", -1, "VENUE_SILENT"),
        ("no room", -1, "DISK_FAILED"),
        ("refused", -1, "SESSION_REFUSED"),
    ],
)
def test_whatever_the_guard_does_is_told_by_a_code_of_its_own(kind, strategy, code):
    alert = incident_alert(Incident(kind, "its words", strategy), "alpha")
    assert (alert.code, alert.session) == (code, "alpha")
    assert "its words" in alert.text


def audit_of(desk):
    return [
        decode_audit(record)
        for record in JournalReader(FileDisk(), governance_of(desk.session_dir("alpha"))).records()
    ]


@pytest.mark.parametrize("kind", ["died", "hung", "crash loop", "renewed", "refused", "no room"])
def test_what_a_guard_does_between_two_lives_of_its_process_is_in_the_audit(tmp_path, kind):
    desk, whose = Workspace.create(tmp_path / "desk"), Identity("alpha", ("main",))
    with session_alerts(Output(False), desk, whose, "test") as notify:
        notify(Alert("SESSION_STARTED", "process 1", 1))
    with guard_alerts(Output(False), desk, whose, "test") as guard:
        guard.tell(incident_alert(Incident(kind, "its words"), "alpha"))
        with session_alerts(Output(False), desk, whose, "test") as notify:
            notify(Alert("SESSION_STARTED", "process 2", 3))
    first, kept, second = audit_of(desk)
    assert (first.what, second.what) == ("SESSION_STARTED", "SESSION_STARTED")
    assert kept.what == incident_alert(Incident(kind, ""), "alpha").code
    assert "its words" in kept.detail["text"]


def test_on_paper_guard_and_process_name_the_same_account(tmp_path):
    """Else each takes the audit of the other for one of another session, and moves it aside."""
    terms = SimpleNamespace(on_stop="keep", memory_max_mb=None)
    bound = SimpleNamespace(
        make_world=None, boot=lambda version: None, labels=((), ()), session=terms, clock=None
    )
    desk = Workspace.create(tmp_path / "desk")
    assert paper_setup(bound, desk, "test").accounts == tuple(desk.session_locks("alpha", ()))


def test_an_audit_that_somebody_holds_costs_the_guard_an_entry_and_says_so(tmp_path, capsys):
    desk, whose = Workspace.create(tmp_path / "desk"), Identity("alpha", ("main",))
    with (
        session_alerts(Output(False), desk, whose, "test"),
        guard_alerts(Output(False), desk, whose, "test") as guard,
    ):
        guard.tell(incident_alert(Incident("died", "its words"), "alpha"))
    assert audit_of(desk) == []
    said = capsys.readouterr().err
    assert "the audit does not take what the guard did" in said
    assert "PROCESS_DIED" in said
