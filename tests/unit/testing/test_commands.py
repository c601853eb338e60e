"""What can be run in the testing room says what it takes, and tells a mistake as a coded error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import tradewind.testing
from tradewind.errors import UsageError
from tradewind.testing import fault_table, fingerprints, swarm, week, wire_contracts
from tradewind.testing.commands import end_with

FOLDER = Path(tradewind.testing.__path__[0])
MODULES = {
    "fault_table": fault_table,
    "fingerprints": fingerprints,
    "swarm": swarm,
    "week": week,
    "wire_contracts": wire_contracts,
}


def test_every_module_that_can_be_run_is_looked_at():
    runnable = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert runnable == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_help_is_what_the_module_says_of_itself(name, capsys):
    with pytest.raises(SystemExit) as left:
        MODULES[name].main(["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert told.startswith(f"usage: python -m tradewind.testing.{name} ")
    assert str(MODULES[name].__doc__).strip() in told


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("swarm", [], "the following arguments are required: SEED"),
        ("swarm", ["x"], "argument SEED: 'x' is no seed and no row of them, such as 7 or 7-9"),
        ("swarm", ["9-7"], "argument SEED: '9-7' is no seed and no row of them, such as 7 or 7-9"),
        ("swarm", ["--fleets", "1"], "unrecognized arguments: --fleets"),
        ("week", [], "the following arguments are required: FOLDER"),
        ("week", ["new", "-1"], "argument DAYS: '-1' is no number of days up to 366"),
        ("week", ["new", "nan"], "argument DAYS: 'nan' is no number of days up to 366"),
        ("week", ["new", "two"], "argument DAYS: 'two' is no number of days up to 366"),
        ("week", ["new", "1", "one"], "argument SEED: invalid int value: 'one'"),
        ("week", [str(FOLDER)], f"argument FOLDER: {FOLDER} is there already; name a new folder"),
        ("fault_table", [], "the following arguments are required: ROOT"),
        ("fingerprints", ["more"], "unrecognized arguments: more"),
        ("wire_contracts", [], "the following arguments are required: FOLDER"),
    ],
)
def test_a_mistake_is_said_with_its_code(name, arguments, said):
    with pytest.raises(UsageError) as caught:
        MODULES[name].main(arguments)
    assert (caught.value.code, caught.value.message) == ("USAGE", f"{said}.")
    assert caught.value.where == f"python -m tradewind.testing.{name}"


def test_a_folder_of_contracts_that_is_not_there_is_refused_before_anything_is_sent(tmp_path):
    with pytest.raises(Exception, match="there is no such folder") as caught:
        wire_contracts.main([str(tmp_path / "none")])
    assert caught.value.code == "PATH_INVALID"


def test_a_module_that_is_run_leaves_with_the_status_of_its_error_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["swarm", "x"])
    with pytest.raises(SystemExit) as left:
        end_with(swarm.main)
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert told.startswith("USAGE  python -m tradewind.testing.swarm")
    assert "Traceback" not in told
