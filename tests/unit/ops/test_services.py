"""Addresses of alerts: what leads nowhere, or where none may go, is refused, and nothing of an address is shown."""

from __future__ import annotations

import io
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tradewind.errors import ConfigError
from tradewind.ops.services import AlertService, is_address
from tradewind.venues.keys import Secret

CANARY = "zk3mQv81pLw0"


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(int(self.path.strip("/").split("/")[0]))
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


@pytest.fixture
def heard():
    """What a program hears that listens to every log: pytest's own ear is also put to loggers that tell nobody."""
    text = io.StringIO()
    ear = logging.StreamHandler(text)
    root = logging.getLogger()
    root.addHandler(ear)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(ear)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"nonsense-{CANARY}", "ALERT_ADDRESS"),
        (f"carrier-pigeon://{CANARY}", "ALERT_ADDRESS"),
        (f"file:///etc/{CANARY}", "ALERT_ADDRESS"),
        (f"slack://{CANARY}", "ALERT_ADDRESS"),
        ("json://", "ALERT_ADDRESS"),
        ("", "ALERT_ADDRESS"),
        (f"jsons://one.example/{CANARY}, jsons://two.example/{CANARY}", "ALERT_ADDRESS"),
        (f"jsons://{CANARY}.example/" + "x" * 3_000, "ALERT_ADDRESS"),
        (f"json://169.254.169.254/{CANARY}", "URL_REFUSED"),
        (f"jsons://169.254.169.254/{CANARY}", "URL_REFUSED"),
        (f"jsons://2852039166/{CANARY}", "URL_REFUSED"),
        (f"jsons://0xa9fea9fe/{CANARY}", "URL_REFUSED"),
        (f"forms://metadata.google.internal/{CANARY}", "URL_REFUSED"),
        (f"ntfys://169.254.169.254/{CANARY}", "URL_REFUSED"),
        (f"json://service.example/{CANARY}", "URL_REFUSED"),
        (f"xml://10.0.0.3/{CANARY}", "URL_REFUSED"),
        (f"ntfy://ntfy.example/{CANARY}", "URL_REFUSED"),
        (f"gotify://push.example/{CANARY}", "URL_REFUSED"),
        (f"gotifys://2852039166/{CANARY}", "URL_REFUSED"),
        (f"mailto://user:{CANARY}@own.example", "URL_REFUSED"),
        (f"mailto://user:{CANARY}@localhost?smtp=mail.example", "URL_REFUSED"),
        (f"mailtos://user:{CANARY}@own.example?smtp=169.254.169.254", "URL_REFUSED"),
        (f"mailtos://user:{CANARY}@own.example?mode=insecure", "URL_REFUSED"),
        (f"pushdeer://{CANARY}{'a' * 90}", "URL_REFUSED"),
        (f"kodi://{CANARY}@media.example", "URL_REFUSED"),
        (f"rsyslog://{CANARY}.example", "URL_REFUSED"),
    ],
)
def test_an_address_that_no_alert_could_or_may_go_to_is_refused(address, code, heard, capfd):
    with pytest.raises(ConfigError) as caught:
        AlertService("phone", Secret(address))
    assert caught.value.code == code
    assert caught.value.key == "alerts.phone"
    out, err = capfd.readouterr()
    assert CANARY not in str(caught.value.to_json()) + heard.getvalue() + out + err


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("json://127.0.0.1:9/told", "JSON"),
        ("json://localhost/told", "JSON"),
        ("jsons://service.example/told", "JSON"),
        ("tgram://4026531840:abcdefghijklmnopqrstuvwxyz0123456789/12345", "Telegram"),
        ("ntfys://ntfy.example/topic", "ntfy"),
        ("mailto://user:pass@gmail.com", "E-Mail"),
        ("mailtos://user:pass@own.example", "E-Mail"),
        ("mailto://user:pass@localhost", "E-Mail"),
        ("ntfy://localhost/topic", "ntfy"),
        ("ntfy://topic-at-the-service-itself", "ntfy"),
        ("gotifys://push.example/tokentoken", "Gotify"),
        ("noticas://abcdef", "Notica"),
        ("discord://1234567/abcdefghij", "Discord"),
        ("pushme://abcdef", "PushMe"),
        ("syslog://", "Syslog"),
        ("syslog://local5", "Syslog"),
        ("rsyslog://127.0.0.1", "Remote Syslog"),
    ],
)
def test_addresses_of_services_are_taken(address, kind):
    assert AlertService("phone", Secret(address)).kind == kind


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("ntfy://ntfy.example/topic", "ntfys://"),
        ("kodi://media.example", "kodis://"),
        ("xbmc://media.example", "kodis://"),
    ],
)
def test_a_plain_address_is_refused_with_the_beginning_that_encrypts(address, other):
    with pytest.raises(ConfigError, match=f"; {other} has it"):
        AlertService("phone", Secret(address))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("jsons://a/b", True), ("tgram://x", True), ("just-a-key-of-signals", False), ("a b://c", False)],
)
def test_an_address_is_told_from_other_texts_by_its_form(text, is_one):
    assert is_address(text) is is_one


def test_a_service_that_takes_an_alert_has_it(service):
    AlertService("phone", Secret(f"json://127.0.0.1:{service.server_port}/200"))("a title", "a body")
    (heard,) = service.heard
    assert b'"a title"' in heard


@pytest.mark.parametrize("status", [403, 500])
def test_a_service_that_does_not_take_one_says_why_and_nothing_of_the_address(service, status, heard, capfd):
    told = AlertService("phone", Secret(f"json://127.0.0.1:{service.server_port}/{status}/{CANARY}"))
    with pytest.raises(ConnectionError, match=f"^it answered with status {status}$"):
        told("a title", "a body")
    out, err = capfd.readouterr()
    assert CANARY not in heard.getvalue() + out + err


def test_a_service_that_is_not_there_could_not_be_reached():
    with pytest.raises(ConnectionError, match=r"^it could not be reached$"):
        AlertService("phone", Secret("json://127.0.0.1:1/x"))("a title", "a body")
