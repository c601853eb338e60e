"""Every error has a code, an exit status, three lines and the same fields as JSON."""

import ast
import json
import pickle
from pathlib import Path

import pytest

import tradewind
from tradewind import errors
from tradewind.errors import ERROR_CODES, ConfigError, DataUnfit, Exit, TradewindError

SOURCES = sorted(Path(tradewind.__file__).parent.rglob("*.py"))
KINDS = {name for name in errors.__all__ if name not in {"ERROR_CODES", "ErrorCode", "Exit"}}


def _codes_made() -> list[tuple[str, str]]:
    """Return (code, file) of each call of an error class whose code is written out."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            first = node.args[0]
            if (
                name in KINDS | {"refusal"}
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                found.append((first.value, path.name))
    return found


def test_every_code_that_is_raised_is_registered():
    unknown = {(code, file) for code, file in _codes_made() if code not in ERROR_CODES}
    assert not unknown


def test_the_search_for_codes_finds_those_of_the_configuration():
    assert ("SYMBOL_UNKNOWN", "fields.py") in _codes_made()


def test_every_registered_code_is_one_that_somebody_can_meet():
    texts = [path.read_text() for path in SOURCES if path.name != "errors.py"]
    unused = {code for code in ERROR_CODES if not any(f'"{code}"' in text for text in texts)}
    # No venue that could let a deadline pass is built yet; its exit status is promised all the same.
    assert unused <= {"TIMEOUT"}


def test_exit_statuses_are_those_that_scripts_rely_on():
    assert {status.name: int(status) for status in Exit} == {
        "DONE": 0,
        "OUR_FAULT": 1,
        "USAGE": 2,
        "DATA": 3,
        "VENUE": 4,
        "REFUSED": 5,
        "NOT_FOUND": 6,
        "TIMEOUT": 7,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_says_what_it_means_and_what_to_do(code):
    spec = ERROR_CODES[code]
    assert code == code.upper()
    assert spec.meaning.endswith(".")
    assert spec.remedy
    assert "\n" not in spec.meaning + spec.remedy
    lines = TradewindError(code, "it is so").render().split("\n")
    assert lines == [code, "  it is so", f"  {spec.remedy}"]


def test_an_error_is_shown_in_three_lines():
    error = ConfigError(
        "CONFIG_UNKNOWN_KEY",
        "unknown parameter 'fast_perod' of ema_cross.",
        where="backtests/first.toml:14",
        key="strategy.params.fast_perod",
        hint="Did you mean 'fast_period'?",
        known=["fast_period (2..500)", "slow_period (5..2000)", "size_pct (0.1..100)"],
    )
    assert error.render() == (
        "CONFIG_UNKNOWN_KEY  backtests/first.toml:14  strategy.params.fast_perod\n"
        "  unknown parameter 'fast_perod' of ema_cross. Did you mean 'fast_period'?\n"
        "  known: fast_period (2..500), slow_period (5..2000), size_pct (0.1..100)"
    )


def test_an_error_has_the_same_fields_as_json():
    error = DataUnfit("DATA_OHLC", "the high is below the low", where="BTCUSDT 1m", key="row 7")
    fields = json.loads(json.dumps(error.to_json()))
    assert fields == {
        "code": "DATA_OHLC",
        "where": "BTCUSDT 1m",
        "key": "row 7",
        "message": "the high is below the low",
        "hint": ERROR_CODES["DATA_OHLC"].remedy,
        "known": [],
        "exit_code": 3,
    }


def test_a_sentence_with_line_breaks_keeps_the_form():
    error = ConfigError("CONFIG_SYNTAX", "first\nsecond", hint="third\r\nfourth")
    assert error.render().split("\n") == ["CONFIG_SYNTAX", "  first second", "  third fourth"]


def test_several_errors_are_shown_one_after_the_other():
    second = ConfigError("CONFIG_MISSING", "'period' is missing.")
    first = ConfigError("CONFIG_TYPE", "wrong", also=[second])
    assert first.render().count("\n") == 5
    assert [fields["code"] for fields in first.to_json()["also"]] == ["CONFIG_MISSING"]


def test_an_error_survives_the_way_from_another_process():
    first = ConfigError(
        "CONFIG_TYPE", "wrong", where="a:1", key="b", known=["c"], also=[ConfigError("USAGE", "x")]
    )
    copy = pickle.loads(pickle.dumps(first))
    assert type(copy) is ConfigError
    assert copy.to_json() == first.to_json()


def test_a_code_decides_the_exit_status_and_an_unknown_one_falls_back_to_its_class():
    assert ConfigError("RUN_UNKNOWN", "x").exit_code == Exit.NOT_FOUND
    assert DataUnfit("NOT_A_CODE", "x").exit_code == Exit.DATA
