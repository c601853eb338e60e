"""What counts as held where looks at an account do not agree."""

from __future__ import annotations

from tradewind.live.agreeing import AgreeingLooks
from tradewind.units.enums import LONG, SHORT
from tradewind.venues.gateway import PositionSeen


def held(instrument, lots=5, side=LONG):
    return PositionSeen(instrument, side, lots, 0.0, 0.0, 1, 1)


def test_what_is_shown_is_held_at_once():
    looks = AgreeingLooks(2.0)
    assert looks.take([held(0), held(1, 0)], [], 10.0)
    assert [*looks.held] == [*looks.shown] == [(0, LONG)]


def test_what_is_gone_is_held_until_a_later_look_says_so_too():
    looks = AgreeingLooks(2.0)
    looks.take([held(0), held(1)], [], 10.0)
    assert not looks.take([held(1)], [], 11.0)
    assert ({*looks.held}, {*looks.shown}) == ({(0, LONG), (1, LONG)}, {(1, LONG)})
    assert not looks.take([held(1)], [], 12.9)
    assert looks.take([held(1)], [], 13.0)
    assert [*looks.held] == [(1, LONG)]


def test_one_look_that_shows_it_again_begins_anew():
    looks = AgreeingLooks(2.0)
    looks.take([held(0)], [], 10.0)
    looks.take([], [], 11.0)
    looks.take([held(0, 3)], [], 12.0)
    assert not looks.take([], [], 13.5)
    assert looks.held[0, LONG].qty_lot == 3
    assert looks.take([], [], 15.5)
    assert not looks.held


def test_nothing_at_all_is_believed_only_twice_also_at_the_first_look():
    looks = AgreeingLooks(2.0)
    assert not looks.take([], [], 10.0)
    assert looks.take([], [], 12.0)


def test_a_place_with_a_stop_is_missed_where_nothing_is_shown():
    looks = AgreeingLooks(2.0)
    assert not looks.take([held(0)], [(1, SHORT)], 10.0)
    assert looks.take([held(0)], [(1, SHORT)], 12.0)
