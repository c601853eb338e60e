"""Which bars end a batch, and what is told of those that are late."""

from __future__ import annotations

import pytest

from tradewind.live.gathering import Gathering
from tradewind.units.enums import StreamCode
from tradewind.venues.gateway import BarSeen

S = 1_000_000_000
MINUTE = 60 * S
GRACE = 2 * S


def bar(instrument, minute):
    return BarSeen(instrument, MINUTE, 10, 12, 9, 11, 5, minute * MINUTE, (minute + 1) * MINUTE)


@pytest.fixture
def gathering():
    made = Gathering(frozenset({0, 1}), MINUTE, GRACE)
    made.begin(10 * MINUTE, [(0, 9 * MINUTE), (1, 9 * MINUTE)])
    return made


def told(gathered):
    return [b.instrument for b in gathered.bars], gathered.streams, gathered.close_ns


def test_an_interval_is_over_when_all_of_its_bars_are_in(gathering):
    gathering.take(bar(1, 10))
    assert gathering.ready(11 * MINUTE + S) is None
    gathering.take(bar(0, 10))
    assert told(gathering.ready(11 * MINUTE + S)) == ([0, 1], (), 11 * MINUTE)
    assert gathering.ready(11 * MINUTE + S) is None


def test_or_when_the_grace_is_over_and_who_is_late_is_stale_until_he_is_up_to_date(gathering):
    gathering.take(bar(0, 10))
    assert gathering.ready(11 * MINUTE + GRACE - 1) is None
    assert told(gathering.ready(11 * MINUTE + GRACE)) == ([0], ((1, StreamCode.STALE),), 11 * MINUTE)
    gathering.take(bar(1, 10))
    assert told(gathering.ready(11 * MINUTE + GRACE)) == ([1], ((1, StreamCode.UP),), None)
    assert gathering.stale == frozenset()


def test_two_intervals_never_merge(gathering):
    for minute in (11, 10):
        for instrument in (0, 1):
            gathering.take(bar(instrument, minute))
    closes = [gathering.ready(13 * MINUTE).close_ns for _ in range(2)]
    assert closes == [11 * MINUTE, 12 * MINUTE]


def test_a_gap_is_told_and_lasts_until_a_bar_joins_on(gathering):
    gathering.take(bar(0, 10))
    gathering.ready(11 * MINUTE + GRACE)
    for minute in (11, 12):
        gathering.take(bar(0, minute))
        gathering.take(bar(1, minute))
    assert told(gathering.ready(12 * MINUTE)) == ([0, 1], ((1, StreamCode.GAP),), 12 * MINUTE)
    assert gathering.gaps == 1
    assert told(gathering.ready(13 * MINUTE)) == ([0, 1], ((1, StreamCode.UP),), 13 * MINUTE)


def test_what_is_told_twice_or_revised_or_of_another_grid_counts_once(gathering):
    gathering.take(bar(0, 10))
    gathering.take(bar(0, 10))
    gathering.take(bar(0, 9))
    gathering.take(BarSeen(1, MINUTE, 1, 1, 1, 1, 1, 10 * MINUTE + 7, 0))
    gathering.take(BarSeen(1, 5 * MINUTE, 1, 1, 1, 1, 1, 10 * MINUTE, 0))
    gathering.take(bar(2, 10))
    assert gathering.ready(11 * MINUTE) is None
    assert gathering.repeated == 2


def test_a_silent_interval_still_wakes_everybody(gathering):
    streams = ((0, StreamCode.STALE), (1, StreamCode.STALE))
    assert told(gathering.ready(11 * MINUTE + GRACE)) == ([], streams, 11 * MINUTE)
    assert told(gathering.ready(12 * MINUTE + GRACE)) == ([], (), 12 * MINUTE)
