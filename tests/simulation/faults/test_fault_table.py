"""Every fault of the catalogue has a scenario that says what is promised and holds it."""

from pathlib import Path

import pytest

from tradewind.testing.fault_table import scenarios
from tradewind.venues.fake.faults import FAULTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def test_every_fault_has_a_scenario():
    assert {scenario.fault for scenario in scenarios(HERE, ROOT)} == FAULTS.keys()


def test_a_scenario_without_a_promise_is_refused(tmp_path):
    (tmp_path / "test_x.py").write_text("def test_F01_refused():\n    assert True\n")
    with pytest.raises(ValueError, match="promises"):
        scenarios(tmp_path, tmp_path)
