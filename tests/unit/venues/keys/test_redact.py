"""Secrets are shown by nothing: not by their type, not by a log, not by a traceback."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import subprocess
import sys
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.venues.keys import HIDDEN, RedactingFilter, Redactor, Secret, is_secret_key, redact_event
from tradewind.venues.keys.secret import forgetting


@pytest.fixture(autouse=True)
def _forget():
    with forgetting():
        yield


CANARY = "Zq8Canary+Key/93=fLxT&0"


def test_every_form_of_a_secret_is_three_stars():
    secret = Secret(CANARY)

    @dataclass(frozen=True)
    class Holder:
        key: Secret

    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031
        json.dumps({"key": secret}, default=str),
        json.dumps(asdict(Holder(secret))),
        repr(Holder(secret)),
        str(pickle.loads(pickle.dumps(secret))),
        str(copy.copy(secret)),
        str(copy.deepcopy([secret])),
        str(dir(secret)),
    ]
    assert not [text for text in shown if CANARY in text]
    assert pickle.loads(pickle.dumps(secret)) == HIDDEN
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_secret_reveals_itself_and_compares():
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret(CANARY) != CANARY
    assert not Secret("")


@given(st.text(min_size=4), st.text(), st.text())
def test_what_a_secret_was_made_of_is_found_wherever_it_stands(text: str, before: str, after: str):
    with forgetting():
        Secret(text)
        cleaned = Redactor().clean(f"{before}{text}{after}")
    assert text not in cleaned or text in HIDDEN * 8


@pytest.mark.parametrize(
    "spelling",
    [
        lambda t: t,
        lambda t: "Zq8Canary%2BKey%2F93%3DfLxT%260",
        lambda t: t.encode().hex(),
        lambda t: "WnE4Q2FuYXJ5K0tleS85Mz1mTHhUJjA=",
    ],
)
def test_a_secret_is_found_in_every_spelling(spelling):
    Secret(CANARY)
    assert Redactor().clean(f"GET /x?a={spelling(CANARY)}&b=2") == "GET /x?a=***&b=2"


@pytest.mark.parametrize("spelling", ["two%20words%2B1", "two+words%2B1", "two words+1"])
def test_a_passphrase_with_a_blank_is_found_in_every_spelling(spelling):
    Secret("two words+1")
    assert Redactor().clean(f"<{spelling}>") == "<***>"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("POST https://fapi.binance.com/fapi/v1/order?qty=1&timestamp=17&signature=a0b1c2 timed out",
         "POST https://fapi.binance.com/fapi/v1/order?qty=1&timestamp=17&signature=*** timed out"),
        ("{'X-MBX-APIKEY': 'aaaa', 'Content-Type': 'x'}", "{'X-MBX-APIKEY': '***', 'Content-Type': 'x'}"),
        ('{"OK-ACCESS-SIGN": "b=", "OK-ACCESS-PASSPHRASE": "two words"}',
         '{"OK-ACCESS-SIGN": "***", "OK-ACCESS-PASSPHRASE": "***"}'),
        ('{"op":"auth","args":["key", 17, "abc"]}', '{"op":"auth","args":[***]}'),
        ('{"listenKey":"pqia"}', '{"listenKey":"***"}'),
        ("wss://fstream.binance.com/ws/" + "aB3" * 20 + " closed", "wss://fstream.binance.com/ws/*** closed"),
        ("wss://fstream.binance.com/ws/btcusdt@aggTrade ended", "wss://fstream.binance.com/ws/btcusdt@aggTrade ended"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("got eyJhbGciOi.eyJzdWIiOi.c2ln back", "got *** back"),
        ("https://user:hunter2@hooks.example/x", "https://user:***@hooks.example/x"),
        ("mnemonic: apple banana cherry date", "mnemonic: ***"),
        ('{"passphrase": "say \\"friend\\""}', '{"passphrase": "***"}'),
        ("seed=7 and key=lambda stay", "seed=7 and key=lambda stay"),
        ('{"code": "CONFIG_RANGE", "key": "limits.x"}', '{"code": "CONFIG_RANGE", "key": "limits.x"}'),
    ],
)  # fmt: skip
def test_what_has_the_place_of_a_secret_is_hidden(text, cleaned):
    assert Redactor().clean(text) == cleaned
    assert Redactor().clean(cleaned) == cleaned


def test_values_are_cleaned_in_depth():
    Secret(CANARY)
    value = {"apiKey": "x", "deep": [{"text": f"a {CANARY}", "n": 4}, None], "X-BAPI-SIGN": b"raw"}
    assert Redactor().clean_value(value) == {
        "apiKey": HIDDEN,
        "deep": [{"text": "a ***", "n": 4}, None],
        "X-BAPI-SIGN": HIDDEN,
    }
    assert is_secret_key("passphrase")
    assert is_secret_key("OK-ACCESS-SIGN")
    assert not is_secret_key("symbol")


def test_an_error_is_told_with_its_causes_and_without_secrets():
    Secret(CANARY)
    try:
        try:
            raise ValueError(f"signature=ab12 of {CANARY}")
        except ValueError as inner:
            raise RuntimeError(f"outer {CANARY}") from inner
    except RuntimeError as error:
        told = Redactor().clean_traceback(error)
        line = Redactor().clean_error(error)
    assert "ValueError: signature=*** of ***" in told
    assert line == "RuntimeError: outer ***"
    assert CANARY not in told


def test_a_filter_cleans_message_arguments_extras_and_tracebacks():
    Secret(CANARY)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(headers)s"))
    handler.addFilter(RedactingFilter())
    log = logging.Logger("canary")
    log.addHandler(handler)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("sent %s", CANARY, extra={"headers": {"sign": "abcd", "x": CANARY}})
    assert CANARY not in stream.getvalue()
    assert "sent *** {'sign': '***', 'x': '***'}" in stream.getvalue()
    assert "ValueError: ***" in stream.getvalue()


def test_structlog_gets_clean_events():
    Secret(CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        event = redact_event(None, "info", {"event": CANARY, "sign": "abc", "n": 3, "exc_info": error})
    assert event["event"] == HIDDEN
    assert event["sign"] == HIDDEN
    assert event["n"] == 3
    assert "exc_info" not in event
    assert CANARY not in str(event["exception"])


_PROGRAM = f"""
import logging, sys, threading, warnings
from tradewind.venues.keys import Secret, install
Secret({CANARY!r}); install(); install()
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("ccxt.base.exchange").debug("headers %s", {{"X-MBX-APIKEY": {CANARY!r}}})
warnings.warn("unclosed " + {CANARY!r}, ResourceWarning, stacklevel=1)
def fail(): raise ValueError({CANARY!r}.upper().swapcase() and {CANARY!r})
thread = threading.Thread(target=fail); thread.start(); thread.join()
class Late:
    def __del__(self): raise ValueError({CANARY!r})
Late()
raise RuntimeError("last " + {CANARY!r})
"""


def test_a_process_with_the_redactor_installed_shows_no_secret_anywhere(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    ended = subprocess.run(
        [sys.executable, "-W", "always", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert CANARY not in ended.stdout + ended.stderr
    for told in (
        "headers {'X-MBX-APIKEY': '***'}",
        "unclosed ***",
        "ValueError: ***",
        "RuntimeError: last ***",
    ):
        assert told in ended.stderr
