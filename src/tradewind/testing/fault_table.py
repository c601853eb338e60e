"""The table of faults, read from the tests themselves: what befalls, what is promised, the tests that hold it.

A scenario is a test function called ``test_F17_…`` in tests/simulation/faults. Its docstring says what is promised, in
words for whoever trades; so the page of the documentation cannot promise what no test holds. A test that proves a part
of it elsewhere says so by its name, or by a docstring that begins with the faults: ``F22: what is promised``.

``python -m tradewind.testing.fault_table ROOT`` runs them all and writes what came out beside them, as a table, into
ROOT/build.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from tradewind.testing.commands import Arguments, end_with
from tradewind.venues.fake.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["RESULTS", "Scenario", "outcomes_in", "proofs", "rows", "scenarios"]

RESULTS: Final = Path("build", "faults.xml")
"""Where a run keeps what came out, below the root."""
_SCENARIOS: Final = Path("tests", "simulation", "faults")
_OF_THE_FAKES: Final = ("tests/unit/venues/fake/",)
"""Tests that a fake exchange plays a fault as the venue would: they prove nothing of what survives it."""
_NAME = re.compile(r"test_[Ff](\d\d)_(\w+)")
_SAID = re.compile(r"(F\d\d(?:(?:, | and )F\d\d)*)(?:[:;.] ?|$)(.*)")
_OK: Final = "passed"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test of one fault.

    Parameters
    ----------
    fault
        Its name in `FAULTS`.
    promise
        What is promised: the test's docstring on one line.
    test
        File and function, as pytest is told.
    """

    fault: str
    promise: str
    test: str

    @property
    def title(self) -> str:
        """Return what happens, from the catalogue."""
        return FAULTS[self.fault].title


def scenarios(folder: Path, root: Path) -> list[Scenario]:
    """Return every scenario of a folder by its fault. Raises ValueError for one that promises nothing.

    root: what the tests' paths are relative to.
    """
    found = []
    for path in sorted(folder.glob("test_*.py")):
        for node, promise in _tests_in(path):
            named = _NAME.fullmatch(node.name)
            test = f"{path.relative_to(root).as_posix()}::{node.name}"
            if named is not None and not promise:
                raise ValueError(f"{test} does not say what it promises")
            if named is not None:
                found.append(Scenario(f"F{named[1]}", promise, test))
    return sorted(found, key=lambda scenario: (scenario.fault, scenario.test))


def proofs(root: Path) -> list[Scenario]:
    """Return the scenarios, and behind those of each fault the tests elsewhere that prove a part of it."""
    found = scenarios(root / _SCENARIOS, root)
    for path in sorted((root / "tests").rglob("test_*.py")):
        place = path.relative_to(root).as_posix()
        if path.parent != root / _SCENARIOS and not place.startswith(_OF_THE_FAKES):
            found += [each for node, said in _tests_in(path) for each in _proofs_of(node.name, said, place)]
    first = f"{_SCENARIOS.as_posix()}/"
    return sorted(found, key=lambda each: (each.fault, not each.test.startswith(first), each.test))


def outcomes_in(results: Path) -> dict[str, str]:
    """Return what came of each test of a run, all its parameters together: ``4 passed``, ``1 of 4 failed``.

    results: the report of a run in the XML of JUnit, as pytest writes it.
    """
    counts: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(results).iter("testcase"):  # noqa: S314 - our own run wrote it
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').partition('[')[0]}"
        ends = {"failure": "failed", "error": "failed", "skipped": "skipped"}
        word = next((ends[child.tag] for child in case if child.tag in ends), _OK)
        counts.setdefault(test, Counter())[word] += 1
    return {test: _outcome(count) for test, count in counts.items()}


def rows(found: Sequence[Scenario], outcomes: Mapping[str, str] | None = None) -> list[tuple[str, ...]]:
    """Return the table's rows: fault, what happens, what is promised, the test, and its result where a run is given."""
    told: list[tuple[str, ...]] = [
        (each.fault, each.title, each.promise, f"`{each.test.removeprefix('tests/')}`") for each in found
    ]
    if outcomes is None:
        return told
    return [(*row, outcomes.get(each.test, "not run")) for row, each in zip(told, found, strict=True)]


def _proofs_of(name: str, said: str, place: str) -> Iterator[Scenario]:
    named, begun = _NAME.fullmatch(name), _SAID.fullmatch(said)
    words = name.removeprefix("test_").replace("_", " ")
    if named is not None:
        yield Scenario(f"F{named[1]}", said or named[2].replace("_", " "), f"{place}::{name}")
    elif begun is not None:
        for fault in re.findall(r"F\d\d", begun[1]):
            yield Scenario(fault, begun[2] or words, f"{place}::{name}")


def _tests_in(path: Path) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Yield each test function of a file and its docstring on one line."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node, " ".join((ast.get_docstring(node) or "").split())


def _outcome(count: Counter[str]) -> str:
    if count["failed"]:
        return f"{count['failed']} of {count.total()} failed"
    passed = f"{count[_OK]} {_OK}" if count[_OK] > 1 else _OK
    skipped = f"{count['skipped']} skipped"
    return ", ".join(word for word in (passed * bool(count[_OK]), skipped * bool(count["skipped"])) if word)


def main(arguments: list[str]) -> int:
    """Run every test of the table, write ROOT/build/faults.md, and return the status of the tests."""
    parser = Arguments("tradewind.testing.fault_table", __doc__)
    parser.add_argument(
        "root", metavar="ROOT", type=Path, help="a checkout; build/faults.md is written there"
    )
    asked, options = parser.parse_known_args(arguments)
    root = asked.root.resolve()
    found, results = proofs(root), root / RESULTS
    results.parent.mkdir(exist_ok=True)
    results.unlink(missing_ok=True)  # What came of an earlier run is not what comes of this one.
    tests = list(dict.fromkeys(each.test for each in found))
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={results}", *options, *tests]
    status = subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603 - our own interpreter
    head = ("", "what happens", "what we promise", "test", "result")
    outcomes = outcomes_in(results) if results.is_file() else {}
    lines = [head, ("---",) * len(head), *rows(found, outcomes)]
    page = results.with_suffix(".md")
    page.write_text(
        "".join(f"| {' | '.join(each.replace('|', '&#124;') for each in line)} |\n" for line in lines)
    )
    kinds = Counter(row[-1] == "not run" for row in lines[2:])
    sys.stdout.write(
        f"{len({each.fault for each in found})} faults, {len(found)} proofs, {kinds[True]} of them not run: "
        f"{page.relative_to(root)}\n"
    )
    return status


if __name__ == "__main__":
    end_with(main)
