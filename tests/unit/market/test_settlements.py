"""Settlements: holes, extras, percentages, and intervals that a venue changes."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.market import Funding, check_funding
from tradewind.units.time import HOUR_NS, parse_utc

START_NS = parse_utc("2024-01-01")


def at(hours, rate=1e-4, jitter_ns=0):
    ts_ns = START_NS + (np.asarray(hours, dtype=float) * HOUR_NS).astype(np.int64) + jitter_ns
    return Funding(ts_ns, np.full(len(ts_ns), rate), np.full(len(ts_ns), np.nan))


def told(funding, **how):
    return [(d.kind, d.count, (d.ts_ns - START_NS) // HOUR_NS) for d in check_funding(funding, **how)]


CHANGES = {
    "8 h": list(range(0, 240, 8)),
    "1 h": list(range(50)),
    "8 h, then 4 h": [*range(0, 80, 8), *range(80, 160, 4)],
    "4 h, then 8 h": [*range(0, 80, 4), *range(80, 240, 8)],
    "8 h, then 1 h": [*range(0, 80, 8), *range(80, 100)],
    "04/12/20": list(range(4, 240, 8)),
    "one": [0],
    "two": [0, 8],
    "some hours late": [0, 8, 16, 26, 32, 40, 48, 56],
}


@pytest.mark.parametrize("case", CHANGES)
def test_sound_settlements_have_no_defect(case):
    assert told(at(CHANGES[case])) == []
    assert told(at(CHANGES[case], jitter_ns=700_000_000)) == []


def test_a_hole_is_found_with_its_count():
    assert told(at([0, 8, 16, 24, 64, 72, 80, 88])) == [("funding_missing", 4, 32)]


def test_a_hole_in_hourly_settlements_is_found():
    assert told(at([*range(20), *range(21, 40)])) == [("funding_missing", 1, 20)]


def test_ends_of_the_period_are_held():
    whole = at(range(0, 48, 8))
    assert told(whole, start_ns=START_NS, end_ns=START_NS + 48 * HOUR_NS) == []
    assert told(whole, start_ns=START_NS - 16 * HOUR_NS) == [("funding_missing", 2, -16)]
    assert told(whole, end_ns=START_NS + 65 * HOUR_NS) == [("funding_missing", 3, 48)]
    assert told(whole, end_ns=START_NS + 48 * HOUR_NS) == [], "the end is not part of the period"


def test_a_settlement_between_is_extra():
    assert told(at([0, 8, 16, 17, 24, 32, 40, 48]))[0][:2] == ("funding_extra", 1)


def test_a_settlement_twice_is_extra():
    assert ("funding_extra", 1, 16) in told(at([0, 8, 16, 16, 24, 32, 40]))


def test_percentages_and_absurd_rates_are_said():
    assert told(at(range(0, 80, 8), rate=0.3)) == [("funding_range", 10, 0)]
    wild = at(range(0, 80, 8))
    wild.rate[3] = -1.5
    assert told(wild) == [("funding_range", 1, 24)]
    wild.rate[3] = np.inf
    assert ("not_finite", 1, 24) in told(wild)


def test_nothing_in_a_period_is_one_hole():
    found = told(Funding.empty(), start_ns=START_NS, end_ns=START_NS + 24 * HOUR_NS)
    assert found == [("funding_missing", 3, 0)]
    assert told(Funding.empty()) == []
