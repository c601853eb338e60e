"""What forbids a session to take signals is said before anything is asked of a venue, sent or written (B38, B39)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tradewind.config import load_session

pytest.importorskip("aiohttp")

SESSION = """
strategy = "target_table"
capital = { amount = 10_000, currency = "USDT" }
protection = "none"
[market]
venue = "blofin_swap"
symbols = ["BTC-USDT", "ETH-USDT"]
bars = "1m"
[signals.webhook]
port = 47613
key_file = ".keys/sender"
[signals.features.exposure]
min = -1.0
max = 1.0
valid_s = 3600
"""


@pytest.fixture
def paper(desk, refuse):
    """Return a function that tries to trade a changed session file on paper, which must be refused."""
    keys = desk.root / ".keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    sender = keys / "sender"
    sender.write_text("thirty-two signs of no use to anybody\n")
    sender.chmod(0o600)

    def run(code, old="", new="", *, status=2):
        assert old in SESSION
        (desk.root / "sessions" / "outside.toml").write_text(SESSION.replace(old, new))
        return refuse(desk.root, ["trade", "--paper", "sessions/outside.toml", "--no-guard"], code, status)

    return run


PORT, KEY = "port = 47613", 'key_file = ".keys/sender"'
TABLE = [
    (PORT, "port = 0", "PORT_INVALID", "signals.webhook.port"),
    (PORT, "port = -1", "PORT_INVALID", "signals.webhook.port"),
    (PORT, "port = 70000", "PORT_INVALID", "signals.webhook.port"),
    (PORT, 'port = "80"', "CONFIG_TYPE", "signals.webhook.port"),
    (PORT, "port = true", "CONFIG_TYPE", "signals.webhook.port"),
    (PORT, "port = 80.0", "CONFIG_TYPE", "signals.webhook.port"),
    (PORT, "", "CONFIG_MISSING", "signals.webhook.port"),
    (PORT, f'{PORT}\nhost = "192.0.2.1"\ntls_cert = "c"\ntls_key = "k"', "PATH_INVALID", "signals.webhook"),
    (PORT, f'{PORT}\nhost = "0.0.0.0"', "BIND_INSECURE", "signals.webhook.host"),
    (PORT, f'{PORT}\nhost = "::"', "BIND_INSECURE", "signals.webhook.host"),
    (PORT, f'{PORT}\nhost = "10.0.0.7"', "BIND_INSECURE", "signals.webhook.host"),
    (PORT, f'{PORT}\nhost = "example.org"', "CONFIG_CHOICE", "signals.webhook.host"),
    (PORT, f'{PORT}\nhost = "0.0.0.0"\ntls_cert = "c"', "CONFIG_CONFLICT", "signals.webhook.tls_key"),
    (PORT, f'{PORT}\ntls_key = "c"', "CONFIG_CONFLICT", "signals.webhook.tls_cert"),
    (KEY, "", "CONFIG_CONFLICT", "signals.webhook.key"),
    (KEY, f'{KEY}\nkey = "sender"', "CONFIG_CONFLICT", "signals.webhook.key"),
    (KEY, 'key_file = ".keys/other"', "PATH_INVALID", "signals.webhook"),
    (KEY, 'key_file = "sessions/outside.toml"', "KEYSTORE_DENIED", "signals.webhook"),
    (KEY, 'key = "a b"', "ID_INVALID", "signals.webhook.key"),
    (KEY, 'key = "tHiRtYsIxSiGnS0123456789aBcDeFgHiJkLmNoPqR"', "SECRET_IN_CONFIG", "signals.webhook.key"),
    ("min = -1.0", "min = 1.5", "CONFIG_CONFLICT", "signals.features.exposure.min"),
    ("max = 1.0", "max = inf", "CONFIG_NOT_FINITE", "signals.features.exposure.max"),
    ("valid_s = 3600", "", "CONFIG_MISSING", "signals.features.exposure.valid_s"),
    ("valid_s = 3600", "valid_s = 0", "CONFIG_RANGE", "signals.features.exposure.valid_s"),
    ("valid_s = 3600", 'valid_s = 60\nsymbols = ["XRP-USDT"]', "SYMBOL_UNKNOWN", "signals.features.exposure.symbols.0"),
    (".exposure]", ".mood]", "CONFIG_MISSING", "signals.features.exposure"),
    ('"target_table"', '"ema_cross"', "CONFIG_CONFLICT", "signals.features.exposure"),
    (SESSION[SESSION.index("[signals.webhook]") :], "", "CONFIG_MISSING", "signals.features.exposure"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "key"), TABLE, ids=range(len(TABLE)))
def test_signals_that_cannot_be_taken_are_refused_by_name(paper, old, new, code, key):
    told = paper(code, old, new)
    assert told["key"] == key
    assert "signs of no use" not in str(told)


def test_a_port_that_is_taken(paper):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = paper("PORT_BUSY", PORT, f"port = {port}")
    assert str(port) in told["message"]
    assert told["where"].endswith("outside.toml:10")


def test_a_port_that_needs_a_right_that_is_missing(paper):
    """Where this process has the right, it is given up in one of its own."""
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first <= 81:
        with pytest.raises(AssertionError):
            paper("PORT_INVALID", PORT, "port = 81")
        return
    if os.geteuid():
        assert "right" in paper("PORT_INVALID", PORT, "port = 81")["hint"]


def test_a_key_that_can_be_guessed(paper, desk):
    (desk.root / ".keys" / "sender").write_text("too short to be one\n")
    told = paper("KEY_FORMAT")
    assert "19 signs" in told["message"]
    assert "too short to be one" not in str(told)


def test_a_key_that_others_can_read(paper, desk):
    (desk.root / ".keys" / "sender").chmod(0o644)
    assert "chmod 600" in paper("KEYSTORE_DENIED")["hint"]


def test_with_a_certificate_any_address_may_be_listened_at(desk):
    text = SESSION.replace(PORT, f'{PORT}\nhost = "0.0.0.0"\ntls_cert = "c.pem"\ntls_key = "k.pem"')
    path = desk.root / "sessions" / "outside.toml"
    path.write_text(text)
    signals = load_session([path]).config.signals
    assert (signals.webhook.host, signals.webhook.window_s) == ("0.0.0.0", 30.0)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::"])
def test_figures_with_balances_are_offered_to_this_machine_alone(desk, refuse, host):
    settings = desk.root / "tradewind.toml"
    settings.write_text(settings.read_text() + f'\n[metrics]\nport = 9177\nhost = "{host}"\n')
    told = refuse(desk.root, ["session", "list"], "BIND_INSECURE")
    assert told["key"] == "metrics.host"


@pytest.mark.parametrize(
    "text", ["exposure", "=1", "exposure=", "exposure=x", "exposure=nan", "exposure=inf"]
)
def test_a_signal_without_a_value_is_none(desk, refuse, text):
    refuse(desk.root, ["session", "signal", "outside", text], "USAGE")


def test_a_signal_for_no_session(desk, refuse):
    refuse(desk.root, ["session", "signal", "outside", "exposure=1"], "SESSION_UNKNOWN", 6)
