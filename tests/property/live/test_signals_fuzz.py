"""Whatever comes through the door: a value within its bounds, or a refusal with its code; never another error (C37)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.errors import SafetyRefusal
from tradewind.live.intake import STATUS, FeatureBounds, Intake, IntakeTerms
from tradewind.live.nonces import Nonces
from tradewind.live.signing import path_of, read_envelope, sign
from tradewind.testing.disk import SimulatedDisk
from tradewind.venues.keys import Secret
from tradewind.venues.keys.secret import forgetting

FOLDER, PATH, NOW = Path("/journal/alpha"), path_of("alpha"), 1_767_225_600_000
TERMS = {"exposure": FeatureBounds(-1.0, 1.0, ("BTCUSDT", "ETHUSDT"))}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from(["values", "name", "value", "symbol", "exposure", "BTCUSDT", "x", ""])
TREES = st.recursive(
    SCALARS | NAMES,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), below, max_size=4)
    ),
    max_leaves=12,
)
VALUES = st.fixed_dictionaries(
    {"name": st.just("exposure") | NAMES, "value": st.floats(-1, 1) | SCALARS},
    optional={"symbol": st.sampled_from(["BTCUSDT", "ETHUSDT"]) | SCALARS},
)
BODIES = (
    st.binary(max_size=200)
    | TREES.map(lambda tree: json.dumps(tree).encode())
    | st.lists(VALUES, max_size=4).map(lambda values: json.dumps({"values": values}).encode())
)


@pytest.fixture(autouse=True)
def _no_memory_of_keys():
    with forgetting():
        yield


def fresh():
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    key = Secret("the key of a test, longer than a guess")
    nonces = Nonces(disk, FOLDER, 30_000, NOW)
    return Intake(IntakeTerms("alpha", key, TERMS), nonces), nonces, key


def judged(intake, *request):
    """Return what a request says, or why it is refused; anything else is a failure of the test."""
    try:
        return intake.judge(*request)
    except SafetyRefusal as error:
        return error


@settings(max_examples=300)
@given(BODIES)
def test_a_signed_body_of_any_kind_is_values_in_bounds_or_a_coded_refusal(body):
    intake, nonces, key = fresh()
    told = judged(intake, PATH, sign(key, PATH, body, NOW).headers(), body, NOW)
    if isinstance(told, SafetyRefusal):
        assert told.code in {"SIGNAL_FORM", "SIGNAL_RANGE", "SIGNAL_UNKNOWN"}
        assert len(told.render().splitlines()) == 3
        json.dumps(told.to_json())
        return
    assert told.values
    for value in told.values:
        assert -1.0 <= value.value <= 1.0
        assert value.symbol in ("BTCUSDT", "ETHUSDT")
    nonces.keep(told.line)


HEADERS = st.dictionaries(
    st.sampled_from(["Tradewind-Time", "Tradewind-Nonce", "Tradewind-Signature", "Other"]),
    st.text(max_size=80) | st.from_regex(r"[0-9a-f]{13,64}", fullmatch=True),
)


@settings(max_examples=300)
@given(HEADERS, BODIES, st.text(max_size=30), st.integers(0, 2**62))
def test_whatever_is_not_signed_is_denied(headers, body, path, now_ms):
    intake, _, _ = fresh()
    with pytest.raises(SafetyRefusal) as caught:
        intake.judge(path, headers, body, now_ms)
    assert caught.value.code == "SIGNAL_DENIED"
    assert caught.value.code in STATUS
    envelope = read_envelope(headers)
    assert envelope is None or envelope.headers() == {name: headers[name] for name in envelope.headers()}


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(-40, 40), st.booleans()), max_size=40)


@settings(max_examples=200)
@given(STEPS)
def test_no_nonce_is_ever_taken_twice_whatever_clock_and_restarts_do(steps):
    """Each step: which of a few signals, how the clock moves, whether the process begins anew."""
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    key = Secret("the key of a test, longer than a guess")
    now_ms, taken, newest = NOW, [], {}
    intake = Intake(IntakeTerms("alpha", key, TERMS, per_minute=6_000), Nonces(disk, FOLDER, 30_000, now_ms))
    body = b'{"values": [{"name": "exposure", "value": 0.5}]}'
    for number, moves_s, restarts in steps:
        now_ms += moves_s * 1_000
        if restarts:
            nonces = Nonces(disk, FOLDER, 30_000, now_ms)
            intake = Intake(IntakeTerms("alpha", key, TERMS, per_minute=6_000), nonces)
        stamp_ms = NOW + number * 7_000
        headers = sign(key, PATH, body, stamp_ms, f"nonce-of-number-{number}").headers()
        one = judged(intake, PATH, headers, body, now_ms)
        if isinstance(one, SafetyRefusal):
            continue
        intake._nonces.keep(one.line)
        taken.append(number)
        assert abs(stamp_ms - now_ms) <= 30_000
        assert stamp_ms >= newest.get("exposure", 0)
        newest["exposure"] = stamp_ms
    assert len(taken) == len(set(taken))
