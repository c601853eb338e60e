"""The week on paper as it is shown: strategies on two accounts at two fake venues, and what the product says of it."""

from __future__ import annotations

import pytest

from tradewind.journal import FileDisk, verify_journal
from tradewind.testing.week import NAME, Week

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def shown(folder, days):
    week = Week(folder, days)
    landfall = week.sail()
    report = week.report()
    assert verify_journal(FileDisk(), week.desk.session_dir(NAME)).verdict == "whole"
    assert (week.desk.root / "report.txt").read_text(encoding="utf-8") == report
    for line in (
        "batches came out as written",
        "tradewind session summary week",
        "gate      verdict let through",
    ):
        assert line in report, report
    for number in range(2):
        assert [e for e in landfall.entries_of(number) if e["what"] == "fill"]
    return landfall


def test_half_an_hour_of_it(tmp_path):
    shown(tmp_path / "desk", 1 / 48)


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_the_whole_week(tmp_path):
    landfall = shown(tmp_path / "desk", 7.0)
    assert len(landfall.life.ends) >= 5
    assert sum(strike.struck > 0 for plan in landfall.misfortunes.values() for strike in plan.plan) > 100
