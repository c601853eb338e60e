"""States of keys, accounts and venues: what follows, when it is tried again, what a new process clears."""

from types import SimpleNamespace

import numpy as np
import pytest

from tradewind.live.statuses import FIRST_TRIAL_NS, LONGEST_TRIAL_NS, Statuses
from tradewind.units.enums import FactKind, Halt, VenueCode
from tradewind.venues.gateway import StatusSeen

S = 1_000_000_000
DEAD_KEY = StatusSeen(-1, True, False, True, "the key is refused", 0, "key")
REDUCE_ONLY = StatusSeen(-1, False, True, False, "a pause", 0)
DOWN = StatusSeen(-1, True, False, False, "maintenance", 0)


@pytest.fixture
def desk():
    told = []
    account = SimpleNamespace(
        number=0, terms=SimpleNamespace(instruments=frozenset({0, 1}), wallets={"USDT": 0})
    )
    world = SimpleNamespace(
        accounts={"told": np.zeros(1, np.int64)}, views={"venue_down": np.zeros(2, np.int64)}
    )
    statuses = Statuses(world, told.append)
    statuses.note_read(account, 0)
    return SimpleNamespace(statuses=statuses, account=account, world=world, told=told)


def codes(facts):
    return [(fact.kind, fact.code, fact.qty_lot) for fact in facts]


def test_a_refused_key_locks_and_is_tried_later_and_later(desk):
    now_ns, waits = 0, []
    for _ in range(6):
        facts = desk.statuses.tell(desk.account, DEAD_KEY, now_ns)
        assert codes(facts) == [(FactKind.HALT, Halt.LOCK, 1)]
        began_ns = now_ns
        while not (facts := desk.statuses.note_read(desk.account, now_ns)):
            now_ns += S
        assert codes(facts) == [(FactKind.HALT, Halt.LOCK, 0)]
        waits.append(now_ns - began_ns)
    assert waits == [min(FIRST_TRIAL_NS << n, LONGEST_TRIAL_NS) for n in range(6)]
    assert [alert.code for alert in desk.told] == ["LOCKED"]


def test_what_is_taken_again_is_over(desk):
    desk.statuses.tell(desk.account, DEAD_KEY, 0)
    assert desk.statuses.note_read(desk.account, FIRST_TRIAL_NS)
    desk.statuses.note_accepted(0, FIRST_TRIAL_NS, opens=False)
    assert [alert.code for alert in desk.told] == ["LOCKED", "RESUMED"]
    assert desk.statuses.note_read(desk.account, 10 * LONGEST_TRIAL_NS) == []


def test_only_an_opener_proves_that_an_account_may_open_again(desk):
    desk.statuses.tell(desk.account, REDUCE_ONLY, 0)
    ups = desk.statuses.note_read(desk.account, FIRST_TRIAL_NS)
    assert codes(ups) == [(FactKind.VENUE_STATUS, VenueCode.UP, 0)] * 2
    desk.statuses.note_accepted(0, FIRST_TRIAL_NS, opens=False)
    assert [alert.code for alert in desk.told] == ["HALTED"]
    desk.statuses.note_accepted(0, FIRST_TRIAL_NS, opens=True)
    assert [alert.code for alert in desk.told] == ["HALTED", "RESUMED"]


def test_a_new_process_clears_what_the_last_one_knew_and_it_has_not_heard_itself(desk):
    desk.world.accounts["told"][0] = Halt.LOCK | Halt.VENUE | Halt.EXTERNAL
    desk.world.views["venue_down"][:] = VenueCode.DOWN
    fresh = Statuses(desk.world, desk.told.append)
    fresh.tell(desk.account, StatusSeen(1, True, False, False, "it does not trade", 0), 0)
    facts = fresh.note_read(desk.account, S)
    assert codes(facts[:2]) == [(FactKind.HALT, Halt.LOCK, 0), (FactKind.HALT, Halt.VENUE, 0)]
    assert [(fact.instrument, fact.code) for fact in facts[2:]] == [(0, VenueCode.UP)]


def test_a_state_is_said_once_and_its_end_once(desk):
    for event in (DOWN, DOWN, StatusSeen(-1, False, False, False, "it answers again", 0)):
        desk.statuses.tell(desk.account, event, 0)
    assert [alert.code for alert in desk.told] == ["HALTED", "RESUMED"]


NEAR = StatusSeen(-1, False, True, False, "maintenance from 02:00", 0, "maintenance")
OVER = StatusSeen(-1, False, False, False, "the maintenance is over", 0, "maintenance")


def test_announced_maintenance_halts_the_account_until_it_is_over_and_the_account_was_read(desk):
    assert codes(desk.statuses.tell(desk.account, NEAR, 0)) == [(FactKind.HALT, Halt.VENUE, 1)]
    assert desk.statuses.note_read(desk.account, S) == []
    assert desk.statuses.tell(desk.account, OVER, 2 * S) == []
    assert codes(desk.statuses.note_read(desk.account, 3 * S)) == [(FactKind.HALT, Halt.VENUE, 0)]
    assert desk.statuses.note_read(desk.account, 4 * S) == []
    assert [alert.code for alert in desk.told] == ["HALTED", "RESUMED"]


@pytest.mark.parametrize(("announced", "cleared"), [(True, []), (False, [(FactKind.HALT, Halt.VENUE, 0)])])
def test_a_new_process_clears_a_halt_only_where_no_maintenance_is_announced(desk, announced, cleared):
    desk.world.accounts["told"][0] = Halt.VENUE
    later = Statuses(desk.world, desk.told.append)
    if announced:
        later.tell(desk.account, NEAR, 0)
    assert codes(later.note_read(desk.account, S)) == cleared
