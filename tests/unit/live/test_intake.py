"""A signal is taken once, soon, whole and unchanged, or refused with its code; also across a restart (C40)."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from tradewind.errors import JournalError, SafetyRefusal
from tradewind.live.intake import STATUS, FeatureBounds, Intake, IntakeTerms, Value
from tradewind.live.nonces import NONCES, Nonces
from tradewind.live.signing import path_of, sign
from tradewind.testing.disk import SimulatedDisk
from tradewind.venues.keys import Secret
from tradewind.venues.keys.secret import forgetting

FOLDER = Path("/journal/alpha")
NOW = 1_767_225_600_000
WINDOW = 30_000
PATH = path_of("alpha")
BOTH = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(autouse=True)
def _no_memory_of_keys():
    with forgetting():
        yield


class Desk:
    """A session's intake, and a sender who has its key."""

    def __init__(self, **terms):
        self.key = Secret("the key of a test, longer than a guess")
        self.disk = SimulatedDisk()
        self.disk.make_folder(FOLDER)
        features = {
            "exposure": FeatureBounds(-1.0, 1.0, BOTH),
            "mood": FeatureBounds(0.0, 10.0, ("BTCUSDT",)),
        }
        self.terms = IntakeTerms("alpha", self.key, features, WINDOW, **terms)
        self.start(NOW)

    def start(self, now_ms):
        """Begin a process of the session."""
        self.nonces = Nonces(self.disk, FOLDER, WINDOW, now_ms)
        self.intake = Intake(self.terms, self.nonces)

    def send(self, body, *, at=NOW, now=None, path=PATH, key=None, nonce="", keep=True, **headers):
        """Sign a signal at `at` and hand it in at `now`."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = sign(key or self.key, path, text, at, nonce).headers() | headers
        return self.hand_in(text, given, at if now is None else now, keep=keep)

    def hand_in(self, text, headers, now, *, path=PATH, keep=True):
        taken = self.intake.judge(path, headers, text, now)
        if keep:
            self.nonces.keep(taken.line)
        return taken


def one(value=0.5, name="exposure", **more):
    return {"values": [{"name": name, "value": value, **more}]}


def code_of(work, *arguments, **named):
    with pytest.raises(SafetyRefusal) as caught:
        work(*arguments, **named)
    assert caught.value.code in STATUS
    return caught.value.code


def test_a_signal_is_taken_for_the_symbols_it_names_or_for_all():
    desk = Desk()
    assert desk.send(one(symbol="ETHUSDT")).values == (Value("exposure", "ETHUSDT", 0.5),)
    assert [each.symbol for each in desk.send(one(-1)).values] == ["BTCUSDT", "ETHUSDT"]
    both = {"values": [{"name": "exposure", "value": 1, "symbol": s} for s in BOTH]}
    taken = desk.send(both, at=NOW + 5, now=NOW + 9)
    assert [each.value for each in taken.values] == [1.0, 1.0]
    assert taken.stamp_ms == NOW + 5


def test_a_replayed_signal_is_refused():
    desk = Desk()
    desk.send(one(), nonce="n" * 16)
    assert code_of(desk.send, one(), nonce="n" * 16) == "SIGNAL_REPLAYED"
    assert code_of(desk.send, one(), nonce="n" * 16, now=NOW + WINDOW) == "SIGNAL_REPLAYED"


def test_a_replayed_signal_is_refused_after_a_restart_too():
    desk = Desk()
    desk.send(one(), at=NOW + 20_000, now=NOW, nonce="n" * 16)
    for again in range(3):
        desk.start(NOW + again)
        assert (
            code_of(desk.send, one(), at=NOW + 20_000, now=NOW + again, nonce="n" * 16) == "SIGNAL_REPLAYED"
        )


def test_what_a_crash_tore_off_was_never_taken():
    desk = Desk()
    desk.send(one(), nonce="a" * 16)
    taken = desk.send(one(), nonce="b" * 16, keep=False)
    file = desk.disk.open(FOLDER / NONCES)
    file.append(taken.line[:-5])
    file.sync()
    desk.start(NOW)
    assert code_of(desk.send, one(), nonce="a" * 16) == "SIGNAL_REPLAYED"
    desk.send(one(), nonce="b" * 16)


@pytest.mark.parametrize("off", [-WINDOW - 1, WINDOW + 1, -10 * WINDOW])
def test_a_signal_outside_the_window_is_refused(off):
    desk = Desk()
    assert code_of(desk.send, one(), at=NOW + off, now=NOW) == "SIGNAL_LATE"


@pytest.mark.parametrize("off", [-WINDOW, 0, WINDOW])
def test_a_signal_inside_the_window_is_taken(off):
    assert Desk().send(one(), at=NOW + off, now=NOW).values


def test_a_clock_that_is_set_back_makes_no_old_signal_new():
    desk = Desk()
    first = one(symbol="BTCUSDT")
    desk.send(first, nonce="n" * 16)
    desk.send(one(symbol="ETHUSDT"), at=NOW + 2 * WINDOW)  # The first is forgotten with this.
    assert code_of(desk.send, first, at=NOW, nonce="n" * 16) == "SIGNAL_LATE"
    desk.start(NOW + 2 * WINDOW)
    desk.start(NOW)
    assert code_of(desk.send, first, at=NOW, nonce="n" * 16) == "SIGNAL_LATE"


def test_what_was_taken_survives_a_machine_that_loses_its_power():
    desk = Desk()
    desk.send(one(), nonce="n" * 16)
    desk.disk.crash(random.Random(1))
    desk.start(NOW)
    assert code_of(desk.send, one(), nonce="n" * 16) == "SIGNAL_REPLAYED"


def test_a_signal_that_was_overtaken_is_refused_also_after_a_restart():
    desk = Desk()
    desk.send(one(0.1, symbol="BTCUSDT"), at=NOW + 10)
    assert code_of(desk.send, one(0.2), at=NOW + 9) == "SIGNAL_LATE"
    desk.send(one(0.3, symbol="ETHUSDT"), at=NOW + 9)
    desk.start(NOW + 11)
    assert code_of(desk.send, one(0.2, symbol="BTCUSDT"), at=NOW + 9) == "SIGNAL_LATE"
    desk.send(one(0.2, symbol="BTCUSDT"), at=NOW + 10)


def test_a_tampered_signal_is_refused():
    desk = Desk()
    text = json.dumps(one(0.5)).encode()
    envelope = sign(desk.key, PATH, text, NOW, "n" * 16)
    good = envelope.headers()
    for changed in (text.replace(b"0.5", b"0.6"), text + b" ", b""):
        assert code_of(desk.hand_in, changed, good, NOW) == "SIGNAL_DENIED"
    for name, value in good.items():
        for other in (
            value[:-1] + ("0" if value[-1] != "0" else "1"),
            value + "0",
            "",
            value.upper() + "Z",
            "x",
        ):
            headers = good | {name: other}
            assert code_of(desk.hand_in, text, headers, NOW) == "SIGNAL_DENIED", (name, other)
        missing = {each: good[each] for each in good if each != name}
        assert code_of(desk.hand_in, text, missing, NOW) == "SIGNAL_DENIED"
    assert desk.hand_in(text, good, NOW).values


def test_a_signal_of_another_session_or_key_is_refused():
    desk = Desk()
    text = json.dumps(one()).encode()
    other = sign(desk.key, path_of("beta"), text, NOW).headers()
    assert code_of(desk.hand_in, text, other, NOW) == "SIGNAL_DENIED"
    assert code_of(desk.hand_in, text, other, NOW, path=path_of("beta")) == "SIGNAL_DENIED"
    assert code_of(desk.send, one(), path=PATH + "?x=1") == "SIGNAL_DENIED"
    assert code_of(desk.send, one(), key=Secret("another key, as long as the right one")) == "SIGNAL_DENIED"


def test_an_oversized_signal_is_refused_before_it_is_looked_at():
    desk = Desk(max_body_bytes=200)
    assert code_of(desk.hand_in, b"x" * 201, {}, NOW) == "SIGNAL_TOO_LARGE"
    assert code_of(desk.hand_in, b"x" * 200, {}, NOW) == "SIGNAL_DENIED"


FORMS = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"values": []}',
    b'{"values": {}}',
    b'{"values": [{}]}',
    b'{"values": [{"name": "exposure"}]}',
    b'{"values": [{"value": 1}]}',
    b'{"values": [{"name": "exposure", "value": "0.5"}]}',
    b'{"values": [{"name": "exposure", "value": true}]}',
    b'{"values": [{"name": "exposure", "value": null}]}',
    b'{"values": [{"name": "exposure", "value": NaN}]}',
    b'{"values": [{"name": "exposure", "value": Infinity}]}',
    b'{"values": [{"name": "exposure", "value": -Infinity}]}',
    b'{"values": [{"name": "exposure", "value": 1e999}]}',
    b'{"values": [{"name": "exposure", "value": 1' + b"0" * 5_000 + b"}]}",
    b'{"values": [{"name": "exposure", "value": 1' + b"0" * 400 + b"}]}",
    b'{"values": [{"name": "exposure", "value": 0.5, "extra": 1}]}',
    b'{"values": [{"name": "exposure", "value": 0.5}], "extra": 1}',
    b'{"values": [{"name": "exposure", "value": 0.5, "value": 0.6}]}',
    b'{"values": [{"name": "exposure", "value": 0.5, "symbol": 7}]}',
    b'{"values": [{"name": 7, "value": 0.5}]}',
    b'{"values": [{"name": "exposure", "value": 0.5}, {"name": "exposure", "value": 0.6}]}',
    b'{"values": [{"name": "exposure", "value": 0.5}]} x',
    b'{"values": ' + b"[" * 6_000,
]


@pytest.mark.parametrize("body", FORMS, ids=range(len(FORMS)))
def test_a_signal_of_another_form_is_refused(body):
    desk = Desk()
    assert code_of(desk.send, body) == "SIGNAL_FORM"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (one(1.0000001), "SIGNAL_RANGE"),
        (one(-1.5), "SIGNAL_RANGE"),
        (one(name="other"), "SIGNAL_UNKNOWN"),
        (one(symbol="XRPUSDT"), "SIGNAL_UNKNOWN"),
        (one(1.0, "mood", symbol="ETHUSDT"), "SIGNAL_UNKNOWN"),
    ],
)
def test_a_value_out_of_bounds_or_of_no_known_name_is_refused(body, code):
    desk = Desk()
    assert code_of(desk.send, body) == code


def test_one_wrong_value_refuses_the_whole_signal_and_its_nonce_stays_free():
    desk = Desk()
    body = {"values": [{"name": "exposure", "value": 0.5}, {"name": "mood", "value": math.pi * 10}]}
    assert code_of(desk.send, body, nonce="n" * 16) == "SIGNAL_RANGE"
    body["values"][1]["value"] = 3
    assert len(desk.send(body, nonce="n" * 16).values) == 3


def test_signals_come_no_faster_than_the_rate():
    desk = Desk(per_minute=3)
    for number in range(3):
        desk.send(one(), at=NOW + number)
    assert code_of(desk.send, one(), at=NOW + 3) == "SIGNAL_RATE"
    assert code_of(desk.send, one(), at=NOW + 19_000) == "SIGNAL_RATE"
    desk.send(one(), at=NOW + 21_000)
    assert code_of(desk.send, one(), at=NOW + 21_001) == "SIGNAL_RATE"


def test_whoever_has_no_key_uses_up_nobodys_rate():
    desk = Desk(per_minute=1)
    for _ in range(50):
        assert code_of(desk.send, one(), key=Secret("no key of this session at all")) == "SIGNAL_DENIED"
    desk.send(one())


def test_the_memory_of_signals_does_not_grow_for_ever():
    desk = Desk(per_minute=100_000)
    for number in range(300):
        desk.send(one(), at=NOW + number * 1_000)
    assert len(desk.nonces._taken) <= 2 * WINDOW / 1_000 + 2
    desk.start(NOW + 300_000)
    assert desk.disk.read(FOLDER / NONCES).count(b"\n") < 80


def test_a_damaged_memory_is_not_taken_for_an_empty_one():
    desk = Desk()
    file = desk.disk.create(FOLDER / NONCES)
    file.append(b"no line of ours\n")
    file.sync()
    with pytest.raises(JournalError) as caught:
        desk.start(NOW)
    assert caught.value.code == "JOURNAL_CORRUPT"


def test_a_disk_that_failed_once_leaves_no_torn_line():
    desk = Desk()
    taken = desk.send(one(), nonce="a" * 16, keep=False)
    whole = desk.nonces._file.append
    room = [7]
    desk.nonces._file.append = lambda data: whole(data[: room.pop()]) if room else 0
    with pytest.raises(OSError, match="no more bytes"):
        desk.nonces.keep(taken.line)
    desk.nonces._file.append = whole
    desk.send(one(), nonce="b" * 16)
    desk.start(NOW)
    assert code_of(desk.send, one(), nonce="b" * 16) == "SIGNAL_REPLAYED"
