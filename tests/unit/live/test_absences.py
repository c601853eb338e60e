"""What proves that an order is nowhere: two looks, the last behind the fence, or a minute apart and all explained."""

from __future__ import annotations

from tradewind.live.resolver import Absences

S = 1_000_000_000
SENT = 100 * S
CID = 7


def looks(absences, at_s, fence_s, explained_s=0):
    return [
        absences.note_absent(CID, SENT, int(s * S), fence_s * S, explained_ns=explained_s * S) for s in at_s
    ]


def test_with_a_fence_two_looks_are_needed_and_the_last_begins_behind_it():
    assert looks(Absences(), (101, 104, 106, 107), 6) == [False, False, False, True]
    assert looks(Absences(), (120,), 6) == [False]


def test_without_a_fence_a_minute_lies_between_and_the_position_is_explained_since():
    assert looks(Absences(), (110, 140, 170), 0, explained_s=150) == [False, False, True]
    assert looks(Absences(), (110, 140, 170), 0, explained_s=105) == [False, False, False]
    assert looks(Absences(), (110, 169), 0, explained_s=150) == [False, False]


def test_a_position_that_nothing_explains_for_three_minutes_was_moved_by_somebody_else():
    assert looks(Absences(), (110, 200, 289), 0) == [False, False, False]
    assert looks(Absences(), (110, 200, 290), 0) == [False, False, True]


def test_what_was_found_once_begins_anew_and_so_does_another_request():
    absences = Absences()
    looks(absences, (110,), 6)
    absences.note_found(CID)
    assert looks(absences, (120,), 6) == [False]
    absences.note_absent(CID, SENT + 15 * S, 121 * S, 6 * S)
    assert not absences.note_absent(CID, SENT + 15 * S, 121 * S, 6 * S)
    assert absences.note_absent(CID, SENT + 15 * S, 122 * S, 6 * S)


def test_two_looks_of_one_moment_are_one():
    """A partly filled order is asked about twice by one snapshot; what blinds the one look blinds the other."""
    assert looks(Absences(), (110, 110, 110.9, 111), 6) == [False, False, False, True]
