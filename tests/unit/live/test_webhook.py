"""The door over real sockets: what comes in, what is answered, what is counted, and where it may stand (B38, B39)."""

from __future__ import annotations

import asyncio
import datetime
import errno
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.errors import TradewindError
from tradewind.live import taking
from tradewind.live.door import Door, bound_socket, tls_of
from tradewind.live.intake import FeatureBounds, Intake, IntakeTerms
from tradewind.live.nonces import Nonces
from tradewind.live.outside import Feature
from tradewind.live.signing import path_of, sign
from tradewind.live.taking import Refusals, by_place
from tradewind.live.webhook import SignalDesk, WebhookServer
from tradewind.ops.metrics import Metrics
from tradewind.ops.observing import Observer
from tradewind.testing.canary import leaks
from tradewind.testing.disk import SimulatedDisk
from tradewind.units.enums import FactKind
from tradewind.venues.keys import Secret
from tradewind.venues.keys.secret import forgetting

pytest.importorskip("aiohttp")
generate_latest = pytest.importorskip("prometheus_client").generate_latest

NOW_NS = 1_767_225_600_000_000_000
NOW_MS = NOW_NS // 1_000_000
FOLDER = Path("/journal/alpha")
PATH = path_of("alpha")
KEY = "cAnArYsEcReT9876543210zYxWvUcAnArYsEcReT9876543210zYxWvUcAnArYsZw"
BODY = json.dumps({"values": [{"name": "exposure", "value": 0.5}]}).encode()


class Session:
    """A session's side of the door, and what reached it."""

    def __init__(self, **terms):
        self.key = Secret(KEY)
        self.disk = SimulatedDisk()
        self.disk.make_folder(FOLDER)
        self.nonces = Nonces(self.disk, FOLDER, 30_000, NOW_MS)
        self.posted, self.notes, self.outcomes, self.refused, self.broken = [], [], Counter(), [], False
        features = (Feature("exposure", "BTCUSDT", 0, 0, 1), Feature("exposure", "BTCUSDT", 0, 3, 1))
        bounds = {"exposure": FeatureBounds(-1.0, 1.0, ("BTCUSDT",))}
        self.terms = IntakeTerms("alpha", self.key, bounds, **terms)
        self.desk = SignalDesk(
            Intake(self.terms, self.nonces), self.nonces, by_place(features), post=self._post, keep=self._keep,
            clock=lambda: NOW_NS, counted=lambda outcome: self.outcomes.update([outcome]),
            refused=lambda code, who: self.refused.append((code, who)),
        )  # fmt: skip

    async def _post(self, facts, note):
        self.posted.append(facts)
        self.notes.append(note)

    async def _keep(self, work):
        if self.broken:
            raise OSError(errno.ENOSPC, "full")
        work()


def played(session, client, *, tls=None, host="127.0.0.1"):
    """Serve, and run `client(port)` in a thread meanwhile; return what it returned."""

    async def serve():
        server = WebhookServer(session.desk, session.terms.max_body_bytes, session.terms.per_minute)
        listening = bound_socket(Door(host, free_port()))
        await server.open(listening, tls)
        try:
            return await asyncio.to_thread(client, listening.getsockname()[1])
        finally:
            await server.close()

    with forgetting():
        return asyncio.run(serve())


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(port, body=BODY, headers=None, *, method="POST", path=PATH, connection=None):
    """Send one request as it is; return the status and what was told."""
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def signed(body=BODY, at=NOW_MS, nonce="", key=KEY):
    return sign(Secret(key), PATH, body, at, nonce).headers()


def refusal(port, code, *arguments, **named):
    status, told = ask(port, *arguments, **named)
    assert told["error"]["code"] == code
    return status


def test_a_signal_is_answered_once_it_is_known():
    session = Session()

    def client(port):
        return ask(port, headers=signed(at=NOW_MS - 1_000))

    status, told = played(session, client)
    assert (status, told) == (200, {"ok": {"values": 1, "known_ns": NOW_NS}})
    (facts,) = session.posted
    assert facts["kind"].tolist() == [FactKind.FEATURE] * 2
    assert facts["code"].tolist() == [0, 3]
    assert facts["value"].tolist() == [0.5, 0.5]
    assert facts["recv_ts_ns"].tolist() == [NOW_NS] * 2
    assert facts["venue_ts_ns"].tolist() == [NOW_NS - 1_000_000_000] * 2
    (note,) = session.notes
    values = [["exposure", "BTCUSDT", 0.5]]
    assert note.detail == {"from": "webhook 127.0.0.1", "signed_ms": NOW_MS - 1_000, "values": values}
    assert session.outcomes == {"taken": 1}
    assert session.refused == []


def test_each_refusal_has_its_status_and_is_counted():
    session = Session(per_minute=4)
    wrong = json.dumps({"values": [{"name": "exposure", "value": 7}]}).encode()

    def client(port):
        return [
            ask(port, headers=signed(nonce="n" * 16))[0],
            refusal(port, "SIGNAL_REPLAYED", headers=signed(nonce="n" * 16)),
            refusal(port, "SIGNAL_LATE", headers=signed(at=NOW_MS - 40_000)),
            refusal(port, "SIGNAL_DENIED", BODY + b" ", headers=signed()),
            refusal(port, "SIGNAL_DENIED", headers=signed(key="another key, as long as the right one")),
            refusal(port, "SIGNAL_DENIED"),
            refusal(port, "SIGNAL_TOO_LARGE", b"x" * 20_000, headers=signed()),
            refusal(port, "SIGNAL_FORM", b"[]", headers=signed(b"[]")),
            refusal(port, "SIGNAL_RANGE", wrong, headers=signed(wrong)),
            refusal(port, "SIGNAL_FORM", headers=signed() | {"Content-Type": "text/plain"}),
            refusal(port, "SIGNAL_FORM", headers=signed(), method="PUT"),
            refusal(port, "SIGNAL_DENIED", headers=signed(), path="/signals/beta"),
            ask(port, headers=signed())[0],
            refusal(port, "SIGNAL_RATE", headers=signed()),
        ]

    statuses = played(session, client)
    assert statuses == [200, 409, 403, 401, 401, 401, 413, 400, 422, 400, 400, 401, 200, 429]
    assert len(session.posted) == session.outcomes["taken"] == 2
    assert len(session.refused) == len(statuses) - 2
    assert {who for _, who in session.refused} == {"webhook 127.0.0.1"}


def test_a_flood_is_turned_away_unread():
    session = Session(per_minute=1)

    def client(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        codes = Counter()
        for _ in range(620):
            connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
            codes[json.loads(connection.getresponse().read())["error"]["code"]] += 1
        connection.close()
        return codes

    assert played(session, client) == {"SIGNAL_DENIED": 600, "SIGNAL_RATE": 20}


def test_a_body_that_lies_about_its_length_is_cut_off():
    session = Session(max_body_bytes=1_000)

    def client(port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(20):
                raw.sendall(b"64\r\n" + b"x" * 100 + b"\r\n")
            return raw.recv(100)

    assert b" 413 " in played(session, client)
    assert session.posted == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"GARBAGE-CANARY\r\n\r\n",
        b"POST /x HTTP/1.1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nCANARY\r\n\r\n",
        b"GET /" + b"CANARY" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_counted_and_leaves_nothing(garbage, caplog, capfd):
    caplog.set_level("INFO")
    session = Session()

    def client(port):
        answers = []
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                raw.sendall(garbage)
                answers.append(b"".join(iter(lambda: raw.recv(1_000), b"")))
        return answers

    for answer in played(session, client):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 400 " in head.splitlines()[0]
        assert json.loads(body)["error"]["code"] == "SIGNAL_FORM"
        assert b"server:" not in head.lower()
        assert b"CANARY" not in answer
        assert len(answer) < 600
    assert session.refused == [("SIGNAL_FORM", "webhook 127.0.0.1")] * 3
    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_ours_is_written_once_a_minute_and_shown_to_nobody(caplog):
    session = Session()

    def fails(*_):
        raise ZeroDivisionError("CANARY")

    session.desk.answer = fails

    def client(port):
        answers = []
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answers.append((answer.status, answer.read()))
            connection.close()
        return answers

    assert played(session, client) == [(500, b"not answered\n")] * 3
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


def test_who_waits_to_be_asked_for_the_body_is_asked():
    session = Session()

    def client(port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            raw.sendall(head.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode())
            asked = raw.recv(100)
            raw.sendall(BODY)
            return asked, raw.recv(1_000)

    asked, answer = played(session, client)
    assert asked.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_disk_that_takes_nothing_takes_no_signal():
    session = Session()
    session.broken = True
    assert played(session, lambda port: refusal(port, "SIGNAL_CLOSED", headers=signed())) == 503
    assert session.posted == []


def test_what_is_told_and_logged_shows_no_key(caplog):
    caplog.set_level("DEBUG")
    session = Session()

    def client(port):
        said = [ask(port, body, headers=signed()) for body in (BODY, BODY + b" ", b"[]")]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(b"\x16\x03\x01 no http at all\r\n\r\n")
            said.append(raw.recv(1_000))
        return said

    said = played(session, client)
    everything = repr((said, session.refused, session.terms, session.notes)) + caplog.text
    assert leaks(everything.encode()) == []
    assert leaks(session.disk.read(FOLDER / "signals.taken")) == []


def test_refusals_are_told_at_once_and_then_once_a_minute():
    told, now = [], [NOW_NS]
    refusals = Refusals(told.append, lambda code: None, lambda: now[0])
    for _ in range(500):
        refusals.take("SIGNAL_DENIED", "webhook 127.0.0.1")
    refusals.take("SIGNAL_LATE", "webhook 127.0.0.1")
    assert [alert.fields["count"] for alert in told] == [1, 1]
    refusals.tell()
    assert len(told) == 2
    now[0] += 60_000_000_000
    refusals.tell()
    assert (told[-1].fields["count"], told[-1].fields["code"]) == (499, "SIGNAL_DENIED")
    now[0] += 60_000_000_000
    refusals.tell()
    assert len(told) == 3


# ---------------------------------------------------------------------- beside a session


class Beside:
    """A session as what runs beside it sees it."""

    def __init__(self, folder):
        self.sequencer = SimpleNamespace(standing=SimpleNamespace(now_ns=0))
        self.posted, self.folder = [], folder

    async def post(self, facts, *notes):
        self.posted.append((facts["kind"].tolist(), notes))

    async def disk(self, work):
        work()


def test_a_session_takes_signals_as_soon_as_its_port_can_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "_RETRY_S", 0.01)
    alerts, outcomes, closed = [], Counter(), asyncio.Event()

    def notify(alert):
        alerts.append(alert)
        closed.set()

    session, port = Beside(tmp_path), free_port()
    features = (Feature("exposure", "BTCUSDT", 0, 0, 1),)
    terms = IntakeTerms("alpha", Secret(KEY), {"exposure": FeatureBounds(-1.0, 1.0, ("BTCUSDT",))})
    setup = taking.SignalSetup(
        terms, features, Door("127.0.0.1", port), notify, lambda outcome: outcomes.update([outcome])
    )
    running = SimpleNamespace(session=session, folder=tmp_path, clock=lambda: NOW_NS)

    async def live():
        with bound_socket(Door("127.0.0.1", port)):
            task = asyncio.create_task(taking.take_signals(setup, running))
            await closed.wait()
        told = None
        while told is None:
            try:
                told = await asyncio.to_thread(ask, port, headers=signed())
            except OSError:
                await asyncio.sleep(0.01)
        again = await asyncio.to_thread(
            ask, port, headers=signed(key="another key, as long as the right one")
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return told, again

    told, again = asyncio.run(live())
    assert (told[0], again[0]) == (200, 401)
    assert [alert.code for alert in alerts] == ["SIGNALS_CLOSED", "SIGNAL_REFUSED"]
    assert [alert.level.name for alert in alerts] == ["ERROR", "WARNING"]
    assert outcomes == {"taken": 1, "SIGNAL_DENIED": 1}
    # The first fact waits for the venue, so that nothing is taken before anybody could act on it.
    assert [kinds for kinds, _ in session.posted] == [[FactKind.TIMER], [FactKind.FEATURE]]
    assert (tmp_path / "signals.taken").stat().st_mode & 0o777 == 0o600
    bound_socket(Door("127.0.0.1", port)).close()


def test_outcomes_of_signals_are_figures():
    metrics = Metrics()
    observer = Observer(metrics, "alpha", FOLDER)
    for outcome in ("taken", "taken", "SIGNAL_LATE"):
        observer.count_signal(outcome)
    lines = generate_latest(metrics.registry).decode()
    assert 'tradewind_signals_total{outcome="taken",session="alpha"} 2.0' in lines
    assert 'tradewind_signals_total{outcome="SIGNAL_LATE",session="alpha"} 1.0' in lines


# ---------------------------------------------------------------------- the door


def test_a_port_that_is_taken_is_refused():
    door = Door("127.0.0.1", free_port())
    with bound_socket(door), pytest.raises(TradewindError) as caught:
        bound_socket(door)
    assert (caught.value.code, caught.value.exit_code) == ("PORT_BUSY", 2)
    bound_socket(door).close()


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(TradewindError) as caught:
        bound_socket(Door("192.0.2.1", free_port()))
    assert (caught.value.code, caught.value.key) == ("PORT_INVALID", "signals.webhook.host")


def test_a_port_that_needs_a_right_is_refused_without_it():
    """The right is given up in a process of its own; where the system asks for none, nothing is refused."""
    script = (
        "import os\n"
        "from tradewind.errors import TradewindError\n"
        "from tradewind.live.door import Door, bound_socket\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    bound_socket(Door('127.0.0.1', 81)).close(); print('opened')\n"
        "except TradewindError as error:\n"
        "    print(error.code, 'right' in error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert done.stdout.strip() == ("PORT_INVALID True" if first > 81 else "opened")


def certificate(folder, *, password=b""):
    """Write a certificate of this machine and its key; return their paths."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    seal = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, seal)
    )
    key_path.chmod(0o600)
    return cert_path, key_path


def test_a_door_with_a_certificate_speaks_tls_alone(tmp_path):
    cert, key = certificate(tmp_path)
    session = Session()

    def client(port):
        trusted = ssl.create_default_context(cafile=str(cert))
        sure = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusted)
        taken = ask(port, headers=signed(), connection=sure)
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(port, headers=signed())
        return taken

    status, _ = played(session, client, tls=tls_of(Door("127.0.0.1", 1, cert, key)))
    assert status == 200


@pytest.mark.parametrize("fault", ["missing", "readable", "no pair", "locked", "no text"])
def test_a_certificate_that_cannot_be_used_is_refused(tmp_path, fault):
    cert, key = certificate(tmp_path, password=b"locked" if fault == "locked" else b"")
    if fault == "missing":
        key.unlink()
    if fault == "readable":
        key.chmod(0o640)
    if fault == "no pair":
        (tmp_path / "other").mkdir()
        cert, _ = certificate(tmp_path / "other")
    if fault == "no text":
        cert.write_bytes(b"\0" * 100)
    with pytest.raises(TradewindError) as caught:
        tls_of(Door("127.0.0.1", 1, cert, key))
    assert caught.value.code == ("PATH_DENIED" if fault == "readable" else "PATH_INVALID")
    assert Path(caught.value.where).parent in (tmp_path, tmp_path / "other")


def test_a_plain_door_has_no_tls():
    assert tls_of(Door("127.0.0.1", 1)) is None
    assert os.environ.get("SSLKEYLOGFILE") is None
