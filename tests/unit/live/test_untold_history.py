"""An absence that is longer than a venue remembers is told, and stops nothing by itself."""

from __future__ import annotations

from tradewind.live.belief import belief_of
from tradewind.live.reconcile import Policy, compare
from tradewind.testing.sessions import START_NS, small_world
from tradewind.venues.gateway import Snapshot

DAY_NS = 86_400 * 1_000_000_000


def compared(history_from_ns):
    world = small_world()
    snapshot = Snapshot((), (), (), (), (), (), (), (), START_NS, START_NS, history_from_ns)
    belief = belief_of(world, {0}, {0}, {})
    return compare(belief, snapshot, Policy(external="halt"), {"USDT": 0}, lambda *_: 0)


def test_what_no_venue_tells_any_more_is_told_of():
    (difference,) = compared(START_NS - 90 * DAY_NS).differences
    assert (difference.what, difference.halts) == ("history", False)
    assert "before 2023-08-16" in difference.text


def test_a_short_absence_is_nothing_to_tell():
    assert compared(0).differences == ()
