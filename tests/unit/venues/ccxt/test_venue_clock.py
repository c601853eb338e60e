"""How far two clocks are apart, by what the times of sending and hearing prove."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.venues.ccxt.venue_clock import OFFSET_LIMIT_NS, VenueClock

S_NS = 1_000_000_000
MS_NS = 1_000_000


class Times:
    """A clock of the wall that can be set, and one that cannot."""

    def __init__(self):
        self.wall_ns, self.steady_s = 1_767_225_600 * S_NS, 5.0

    def pass_(self, seconds, step_ns=0):
        self.wall_ns += int(seconds * S_NS) + step_ns
        self.steady_s += seconds


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def clock(times):
    return VenueClock(lambda: times.wall_ns, lambda: times.steady_s)


def test_nothing_is_signed_before_the_first_measurement(clock):
    assert (clock.known, clock.trusted, clock.offset_ns) == (False, False, 0)


@given(
    st.integers(-3 * S_NS, 3 * S_NS),
    st.lists(st.tuples(st.integers(0, 200 * MS_NS), st.integers(0, 200 * MS_NS)), min_size=1, max_size=8),
)
def test_the_true_offset_is_never_further_away_than_half_the_quickest_way(offset_ns, ways):
    clock = VenueClock(lambda: 0, lambda: 0.0)
    for number, (there_ns, back_ns) in enumerate(ways):
        sent_ns = number * S_NS
        clock.add(sent_ns, sent_ns + there_ns + offset_ns, sent_ns + there_ns + back_ns)
    quickest_ns = min(there + back for there, back in ways)
    assert abs(clock.offset_ns - offset_ns) <= quickest_ns // 2 + 1


@given(st.integers(0, S_NS - 1), st.integers(0, 100 * MS_NS))
def test_whole_seconds_prove_no_more_than_they_do(fraction_ns, way_ns):
    """A Date header tells the second only: a clock that is right is not called wrong for it."""
    clock = VenueClock(lambda: 0, lambda: 0.0)
    sent_ns = 1_767_225_600 * S_NS + fraction_ns
    told_ns = (sent_ns + way_ns) // S_NS * S_NS
    clock.add(sent_ns, told_ns, sent_ns + 2 * way_ns, S_NS)
    assert clock.offset_ns == 0
    assert clock.trusted


def test_whole_seconds_do_prove_a_clock_that_is_far_off():
    clock = VenueClock(lambda: 0, lambda: 0.0)
    clock.add(0, 30 * S_NS, 50 * MS_NS, S_NS)
    assert clock.offset_ns == 30 * S_NS - 50 * MS_NS
    assert not clock.trusted


def test_an_offset_beyond_the_limit_is_not_signed_by(clock):
    clock.add(0, OFFSET_LIMIT_NS - MS_NS, 0)
    assert (clock.trusted, clock.alarming) == (True, True)
    clock.forget()
    clock.add(0, OFFSET_LIMIT_NS + MS_NS, 0)
    assert (clock.known, clock.trusted) == (True, False)


def test_drift_is_followed(clock):
    for number in range(20):
        offset_ns = number * 20 * MS_NS
        clock.add(number * S_NS, number * S_NS + offset_ns + MS_NS, number * S_NS + 2 * MS_NS)
    assert abs(clock.offset_ns - 19 * 20 * MS_NS) <= 20 * MS_NS


@pytest.mark.parametrize("step_s", [-30, 30, 7_200])
def test_a_clock_that_somebody_set_is_measured_anew(clock, times, step_s):
    clock.add(0, 0, 0)
    times.pass_(10)
    assert not clock.was_set()
    times.pass_(1, step_s * S_NS)
    assert clock.was_set()
    assert not clock.known
    times.pass_(1)
    assert not clock.was_set()
