"""Every fault of the catalogue has a scenario that says what is promised and holds it."""

from pathlib import Path

import pytest

from tradewind.testing.fault_table import scenarios
from tradewind.venues.fake.faults import FAULTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

MISSING_TO_F45: set[str] = set()
MISSING_FROM_F46: set[str] = set()
MISSING = MISSING_TO_F45 | MISSING_FROM_F46
"""Faults without a scenario. These sets may only shrink."""


def test_every_fault_has_a_scenario_or_is_known_to_have_none():
    assert {scenario.fault for scenario in scenarios(HERE, ROOT)} == FAULTS.keys() - MISSING


def test_a_scenario_without_a_promise_is_refused(tmp_path):
    (tmp_path / "test_x.py").write_text("def test_F01_refused():\n    assert True\n")
    with pytest.raises(ValueError, match="promises"):
        scenarios(tmp_path, tmp_path)
