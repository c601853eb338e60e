"""The time of a session: what is followed, what is not believed, and when the other clock is taken."""

from __future__ import annotations

import pytest

from tradewind.venues.ccxt.quiet import Quiet
from tradewind.venues.ccxt.venue_clock import VenueClock
from tradewind.venues.steady_clock import FOLLOWED_NS, SteadyClock

S = 1_000_000_000
HOURS_NS = 3 * 3600 * S


class Machine:
    """A machine's clock of the day, and the one that only counts."""

    def __init__(self):
        self.wall_ns, self.steady_ns = 1_767_225_600 * S, 77 * S

    def run(self, seconds, *, set_ns=0, halted=False):
        """Let time pass; set the clock of the day, or halt what counts."""
        self.wall_ns += int(seconds * S) + set_ns
        self.steady_ns += 0 if halted else int(seconds * S)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def clock(machine):
    return SteadyClock(lambda: machine.wall_ns, lambda: machine.steady_ns)


def test_small_corrections_are_followed_both_ways(machine, clock):
    for set_ns in (FOLLOWED_NS, -FOLLOWED_NS):
        machine.run(2, set_ns=set_ns)
        assert clock() == machine.wall_ns
    assert (clock.steps, clock.ahead_ns) == (0, 0)


@pytest.mark.parametrize("set_ns", [HOURS_NS, -HOURS_NS, FOLLOWED_NS + 1])
def test_a_step_is_not_believed(machine, clock, set_ns):
    before_ns = clock()
    machine.run(2, set_ns=set_ns)
    assert clock() == before_ns + 2 * S
    assert (clock.steps, clock.ahead_ns) == (1, set_ns)
    machine.run(2)
    assert (clock(), clock.steps) == (before_ns + 4 * S, 1)
    machine.run(2, set_ns=-set_ns)
    assert clock() == machine.wall_ns
    assert clock.ahead_ns == 0


def measured(clock, machine, venue_ns):
    """Return what a venue clock says of a session's after one measurement of 20 ms."""
    found = VenueClock(clock, lambda: machine.steady_ns / S)
    sent_ns = clock()
    found.add(sent_ns, venue_ns + 10_000_000, sent_ns + 20_000_000)
    return found


def test_the_exchange_confirms_a_session_whose_machine_was_set(machine, clock):
    machine.run(2, set_ns=HOURS_NS)
    right_ns = clock()
    assert measured(clock, machine, right_ns).trusted
    assert clock() == right_ns


@pytest.mark.parametrize("halted_s", [30, 7_200])
def test_the_exchange_gives_right_to_the_clock_of_a_machine_that_was_halted(machine, clock, halted_s):
    machine.run(halted_s, halted=True)
    machine.run(2)
    assert clock() < machine.wall_ns - 20 * S
    found = measured(clock, machine, machine.wall_ns)
    assert clock() == machine.wall_ns
    assert found.trusted
    assert abs(found.offset_ns) < 20_000_000


def test_neither_is_taken_where_the_exchange_says_a_third_time(machine, clock):
    machine.run(2, set_ns=HOURS_NS)
    right_ns = clock()
    assert not measured(clock, machine, right_ns + 600 * S).trusted
    assert clock() == right_ns


@pytest.mark.parametrize(("said_s", "taken"), [(7_201, True), (0, False), (3_600, False)])
def test_what_the_market_says_decides_where_nobody_measures(machine, clock, said_s, taken):
    machine.run(7_200, halted=True)
    machine.run(2)
    own_ns = clock()
    clock.hear(own_ns + said_s * S)
    assert (clock() == machine.wall_ns) is taken


class Client:
    last_message_at = None
    connectionEstablished = None


@pytest.mark.parametrize("set_s", [0, 3 * 3_600, -3 * 3_600])
def test_silence_is_counted_by_no_clock_that_can_be_set(machine, monkeypatch, set_s):
    monkeypatch.setattr("time.time", lambda: machine.wall_ns / S)
    quiet, client = Quiet(lambda: machine.steady_ns / S), Client()
    assert quiet.silent_s(client) == 0.0
    client.connectionEstablished = machine.wall_ns // 1_000_000
    machine.run(0.5)
    assert quiet.silent_s(client) == pytest.approx(0.5)
    machine.run(1, set_ns=set_s * S)
    client.last_message_at = machine.wall_ns // 1_000_000
    machine.run(0.25)
    assert quiet.silent_s(client) == pytest.approx(0.25, abs=0.25)
    for _ in range(5):
        machine.run(1)
        quiet.silent_s(client)
    assert quiet.silent_s(client) == pytest.approx(5.25, abs=0.25)
    assert quiet.open_s(client) <= 1.0  # It was never looked at before.
