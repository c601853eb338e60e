"""What a workspace says of its accounts, their caps, whom to tell, and which addresses may be called."""

from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.errors import ConfigError

ACCOUNTS = """\
heartbeat_url = "https://watch.example/ping/3f2a"

[accounts.main]
venue = "blofin_swap"
kind = "live"

[accounts.main.caps]
symbols = ["BTC-USDT"]
max_notional_per_order = 500.0
max_orders_per_minute = 30

[venues.blofin_swap]
fake = "https://127.0.0.1:8443"
fake_ca = ".fake/ca.pem"

[alerts.phone]
level = "critical"
quiet = "22:00..07:30"
"""


CAPS = '[accounts.m]\nvenue = "okx_swap"\n[accounts.m.caps]\n'


def read(folder: Path, text: str):
    path = folder / "tradewind.toml"
    path.write_text(text)
    return load_settings(path).config


def refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return caught.value


def test_accounts_caps_fakes_and_alerts_are_read(tmp_path):
    settings = read(tmp_path, ACCOUNTS)
    caps = settings.accounts["main"].caps
    assert caps.symbols == ("BTC-USDT",)
    assert caps.max_notional_per_order == 500.0
    assert caps.max_orders_per_minute == 30
    assert settings.venues["blofin_swap"].fake_place == ("127.0.0.1", 8443)
    assert settings.heartbeat_url == "https://watch.example/ping/3f2a"
    assert settings.alerts["phone"].level == "critical"


def test_without_a_word_nothing_is_capped_called_or_told(tmp_path):
    settings = read(tmp_path, '[accounts.main]\nvenue = "okx_swap"\n[venues.okx_swap]\n')
    assert settings.accounts["main"].caps.model_dump() == {
        "symbols": None,
        "max_notional_per_order": None,
        "max_orders_per_minute": None,
    }
    assert settings.venues["okx_swap"].fake_place is None
    assert settings.heartbeat_url is None
    assert settings.alerts == {}


@pytest.mark.parametrize(
    ("text", "code", "key"),
    [
        ('[accounts.main]\nvenue = "bybitt"\n', "EXCHANGE_UNKNOWN", "accounts.main.venue"),
        ('[accounts.main]\nvenue = "okx_swap"\nkind = "real"\n', "CONFIG_CHOICE", "accounts.main.kind"),
        ('[accounts.Main]\nvenue = "okx_swap"\n', "ID_INVALID", "accounts.Main"),
        (CAPS + 'symbols = []\n', "CONFIG_EMPTY_LIST", "accounts.m.caps.symbols"),
        (CAPS + 'symbols = ["A", "A"]\n', "CONFIG_CONFLICT", "accounts.m.caps.symbols"),
        (CAPS + 'max_orders_per_minute = 0\n', "CONFIG_RANGE", "accounts.m.caps.max_orders_per_minute"),
        (CAPS + 'max_notional_per_order = "500"\n', "CONFIG_TYPE", "accounts.m.caps.max_notional_per_order"),
        ('[accounts.m]\nvenue = "okx_swap"\napi_key = "abcdefgh"\n', "SECRET_IN_CONFIG", "accounts.m.api_key"),
        ('[alerts.phone]\nquiet = "22:00"\n', "CONFIG_CHOICE", "alerts.phone.quiet"),
        ('[alerts.phone]\nquiet = "25:00..26:00"\n', "CONFIG_CHOICE", "alerts.phone.quiet"),
        ('[venues.okx_swap]\nfake_ca = "ca.pem"\n', "CONFIG_CONFLICT", "venues.okx_swap.fake_ca"),
        ('[venues.okx_swap]\nfake = "https://example.com"\n', "URL_REFUSED", "venues.okx_swap.fake"),
        ('[venues.okx_swap]\nfake = "https://localhost:x"\n', "URL_REFUSED", "venues.okx_swap.fake"),
        ('[venues.okx_swap]\nfake = "https://localhost:1"\nfake_ca = ""\n', "PATH_INVALID", "venues.okx_swap.fake_ca"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(tmp_path, text, code, key):
    error = refused(tmp_path, text)
    assert (error.code, error.key) == (code, key)
    assert error.where.startswith(str(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "gopher://example.com",
        "http://example.com/plain",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest",
        "https://2852039166/latest",
        "https://0xa9fea9fe/latest",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "http://127.0.0.1:9/ping",
        "https://127.0.0.1:9/ping",
        "https://127.1/ping",
        "https://2130706433/ping",
        "https://localhost:9/ping",
        "https://LOCALHOST./ping",
        "https://watch.localhost/ping",
        "https://[::1]/ping",
        "https://[::ffff:127.0.0.1]/ping",
        "https://metadata.google.internal/",
        "https://name@example.com/",
        "https://user:hunter2@example.com/",
        "https://",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://exämple.com/",
        "//example.com",
        "",
        "https://example.com/" + "x" * 3000,
    ],
)
def test_an_address_that_must_not_be_called_is_refused(tmp_path, url):
    error = refused(tmp_path, f"heartbeat_url = {url!r}\n")
    assert error.code in ("URL_REFUSED", "SECRET_IN_CONFIG")
    assert error.key == "heartbeat_url"
    assert "hunter2" not in error.render()


@pytest.mark.parametrize(
    "url",
    [
        "https://watch.example/ping",
        "https://10.0.0.7/ping",
        "https://[2606::1]/",
    ],
)
def test_a_plain_address_may_be_called(tmp_path, url):
    assert read(tmp_path, f"heartbeat_url = {url!r}\n").heartbeat_url == url
