"""Every fault of the catalogue has a scenario that says what is promised and holds it."""

from pathlib import Path

import pytest

from tradewind.testing.fault_table import main, outcomes_in, proofs, rows, scenarios
from tradewind.venues.fake.faults import FAULTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def test_every_fault_has_a_scenario():
    assert {scenario.fault for scenario in scenarios(HERE, ROOT)} == FAULTS.keys()


def test_a_scenario_without_a_promise_is_refused(tmp_path):
    (tmp_path / "test_x.py").write_text("def test_F01_refused():\n    assert True\n")
    with pytest.raises(ValueError, match="promises"):
        scenarios(tmp_path, tmp_path)


def test_proofs_elsewhere_stand_behind_the_scenarios_of_their_fault(tmp_path):
    here, there = tmp_path / "tests" / "simulation" / "faults", tmp_path / "tests" / "unit"
    fakes = there / "venues" / "fake"
    for folder in (here, fakes):
        folder.mkdir(parents=True)
    (here / "test_x.py").write_text('def test_F22_kept():\n    """It is kept."""\n')
    (there / "test_a.py").write_text(
        'def test_waits():\n    """F22 and F23: it waits."""\n'
        "def test_f22_is_told():\n    assert True\n"
        'def test_other():\n    """As F22 would."""\n'
        'def test_told_in_words():\n    """F23."""\n'
    )
    (fakes / "test_b.py").write_text('def test_strikes():\n    """F22: the fake is busy."""\n')
    found = proofs(tmp_path)
    assert [(each.fault, each.promise, each.test.rpartition("/")[2]) for each in found] == [
        ("F22", "It is kept.", "test_x.py::test_F22_kept"),
        ("F22", "is told", "test_a.py::test_f22_is_told"),
        ("F22", "it waits.", "test_a.py::test_waits"),
        ("F23", "told in words", "test_a.py::test_told_in_words"),
        ("F23", "it waits.", "test_a.py::test_waits"),
    ]


def test_faults_that_are_proven_by_real_processes_are_listed_with_them():
    by_fault = {}
    for each in proofs(ROOT):
        by_fault.setdefault(each.fault, set()).add(each.test.split("/")[1])
    assert "acceptance" in by_fault["F75"] & by_fault["F88"]
    assert all("unit" in by_fault[fault] for fault in ("F79", "F82", "F83", "F84", "F85"))


def test_what_came_out_is_of_a_run_and_never_of_the_page(tmp_path):
    cases = [
        ("tests.unit.test_a", "test_waits[1]", ""),
        ("tests.unit.test_a", "test_waits[2]", "<failure/>"),
        ("tests.unit.test_a", "test_told[1]", ""),
        ("tests.unit.test_a", "test_told[2]", "<skipped/>"),
        ("tests.unit.test_a", "test_one", ""),
    ]
    told = "".join(
        f'<testcase classname="{place}" name="{name}">{end}</testcase>' for place, name, end in cases
    )
    (tmp_path / "faults.xml").write_text(f"<testsuites><testsuite>{told}</testsuite></testsuites>")
    outcomes = outcomes_in(tmp_path / "faults.xml")
    assert outcomes == {
        "tests/unit/test_a.py::test_waits": "1 of 2 failed",
        "tests/unit/test_a.py::test_told": "passed, 1 skipped",
        "tests/unit/test_a.py::test_one": "passed",
    }
    found = scenarios(HERE, ROOT)[:2]
    assert {len(row) for row in rows(found)} == {4}
    assert {row[-1] for row in rows(found, outcomes)} == {"not run"}
    assert rows(found, {found[0].test: "3 passed"})[0][-1] == "3 passed"


def test_a_run_that_did_not_begin_says_nothing_of_an_earlier_one(tmp_path, capsys):
    here, build = tmp_path / "tests" / "simulation" / "faults", tmp_path / "build"
    for folder in (here, build):
        folder.mkdir(parents=True)
    (here / "test_x.py").write_text('def test_F22_kept():\n    """It is kept | told."""\n')
    old = '<testcase classname="tests.simulation.faults.test_x" name="test_F22_kept"/>'
    (build / "faults.xml").write_text(f"<testsuites><testsuite>{old}</testsuite></testsuites>")
    assert main([str(tmp_path), "--no-such-option"]) == 4
    *_, row = (build / "faults.md").read_text().splitlines()
    assert row.endswith("| not run |")
    assert row.count("|") == 6
    assert "1 proofs, 1 of them not run" in capsys.readouterr().out
