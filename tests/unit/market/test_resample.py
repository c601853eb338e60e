"""Longer bars."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import Bars, resample
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS, format_utc


def test_an_hour_is_sixty_minutes(bars):
    found = resample(bars, HOUR_NS)
    rows = slice(0, 60)
    assert found.bars.open[0] == bars.open[0]
    assert found.bars.high[0] == bars.high[rows].max()
    assert found.bars.low[0] == bars.low[rows].min()
    assert found.bars.close[0] == bars.close[59]
    assert found.bars.volume[0] == sum(bars.volume[rows].tolist())
    assert found.known_ns[0] == bars.end_ns[59]


def test_ends_that_are_not_whole_are_flagged(bars):
    found = resample(bars.take(slice(30, 170)), HOUR_NS)
    assert found.count.tolist() == [30, 60, 50]
    assert found.whole.tolist() == [False, True, False]


def test_a_gap_makes_a_bar_that_is_not_whole(bars):
    found = resample(bars.take(np.arange(200) != 70), HOUR_NS)
    assert found.whole.tolist() == [True, False, True, False]


def test_weeks_start_on_monday_and_days_at_midnight(hourly):
    weeks = resample(hourly, WEEK_NS)
    assert [format_utc(int(t)) for t in weeks.bars.ts_ns[:2]] == ["2024-02-05", "2024-02-12"]
    assert all(
        format_utc(int(t)).endswith(("-10", "-11", "-12")) for t in resample(hourly, DAY_NS).bars.ts_ns[:3]
    )


def test_the_same_interval_is_the_same_bars(bars):
    assert resample(bars, MINUTE_NS).bars.same_as(bars)


def test_nothing_gives_nothing():
    assert len(resample(Bars.empty(MINUTE_NS), HOUR_NS).bars) == 0


@pytest.mark.parametrize("interval_ns", [MINUTE_NS // 2, MINUTE_NS + 1, 0])
def test_what_cannot_be_put_together_is_refused(bars, interval_ns):
    with pytest.raises((TradewindError, ValueError)):
        resample(bars, interval_ns)


def test_a_bar_is_visible_from_its_end_on(bars):
    found = resample(bars, HOUR_NS)
    seen = found.visible_rows(bars.end_ns)
    assert seen[58] == 0
    assert seen[59] == 1
    assert seen[119] == 2
