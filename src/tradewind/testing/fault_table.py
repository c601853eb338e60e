"""The table of faults, read from the scenarios themselves: what befalls, what is promised, the test that holds it.

A scenario is a test function called ``test_F17_…`` in tests/simulation/faults. Its docstring says what is promised, in
words for whoever trades; so the page of the documentation cannot promise what no test holds.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.venues.fake.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Scenario", "scenarios"]

_NAME = re.compile(r"test_(F\d\d)_\w+")


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
    found = [scenario for path in sorted(folder.glob("test_*.py")) for scenario in _in_file(path, root)]
    return sorted(found, key=lambda scenario: (scenario.fault, scenario.test))


def _in_file(path: Path, root: Path) -> Iterator[Scenario]:
    for node in ast.parse(path.read_text()).body:
        named = _NAME.fullmatch(node.name) if isinstance(node, ast.FunctionDef) else None
        if named is None or not isinstance(node, ast.FunctionDef):
            continue
        promise = " ".join((ast.get_docstring(node) or "").split())
        test = f"{path.relative_to(root)}::{node.name}"
        if not promise:
            raise ValueError(f"{test} does not say what it promises")
        yield Scenario(named[1], promise, test)
