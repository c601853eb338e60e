"""A live session is killed wherever it hurts, at each of four venues: no order twice, no fill lost, done in the end."""

from __future__ import annotations

import datetime
import os

import pytest

from tradewind.testing.crashes import POINTS, killed_at, killed_at_end, killed_at_steps, steps_of
from tradewind.testing.swarm import VENUES
from tradewind.testing.voyage import sail

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OFTEN, NOW_AND_THEN, SELDOM = (41, 72, 103), (9, 24, 48), (1, 4, 7)
PASSINGS = {
    "append": OFTEN, "apply": OFTEN, "receive": NOW_AND_THEN, "sync": SELDOM, "send": SELDOM, "venue": SELDOM,
}  # fmt: skip
"""At which passing of a point a process is killed: there are so many of each in these minutes."""
SHARDS = 1_500
PARTS = 90
"""Of a sweep of all steps: each is told when it is done."""
SHARD = (
    int(os.environ.get("TRADEWIND_SHARD", datetime.datetime.now(tz=datetime.UTC).date().toordinal())) % SHARDS
)


def lives(voyage, deaths=1):
    """Sail, which asks all eight oracles, and see that it was killed indeed and explained every order."""
    landfall = sail(voyage)
    assert landfall.life.ends.count("killed") == deaths, landfall.life.ends
    assert landfall.alerts("UNEXPLAINED") == []
    assert len(landfall.of("fill")) >= 3
    return landfall


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("venue", VENUES)
def test_killed_at_a_named_point(venue, point):
    """F75: killed before and after a record, a sync, a request, an answer and its fact, the next process goes on."""
    passings = PASSINGS[point.rpartition(" ")[2]]
    at = VENUES.index(venue) + POINTS.index(point)
    twice = passings is SELDOM
    for nth in {passings[at % 3], passings[(at + twice) % 3]}:
        lives(killed_at(venue, point, nth))


@pytest.mark.parametrize("venue", VENUES)
def test_killed_while_it_starts(venue):
    """F76: a start that is killed is begun again."""
    for step in (3, 60, 180):
        lives(killed_at_steps(venue, step))


@pytest.mark.parametrize("venue", VENUES)
def test_killed_while_it_recovers_from_having_been_killed(venue):
    """F76: nested: each next process dies on its way back, at another step."""
    lives(killed_at_steps(venue, 4_000, 4, 60, 130), deaths=4)
    lives(killed_at_steps(venue, 5_200, 200, 330, 90, 500), deaths=5)


@pytest.mark.parametrize("venue", VENUES)
def test_killed_while_it_ends_in_order(venue):
    """F78: killed on the way out, it loses nothing."""
    for steps in (2, 7, 13):
        landfall = sail(killed_at_end(venue, steps))
        assert landfall.life.lives == 1
        assert landfall.alerts("UNEXPLAINED") == []


@pytest.mark.parametrize("venue", VENUES)
def test_killed_at_a_shard_of_all_steps(venue):
    """F75: another shard of all steps each day; TRADEWIND_SHARD chooses one."""
    for step in range(2 + (SHARD + 37 * VENUES.index(venue)) % SHARDS, steps_of(venue), SHARDS):
        lives(killed_at_steps(venue, step))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("venue", VENUES)
def test_killed_at_every_step(venue, part):
    """F75: at every step of a life; `make soak` runs it."""
    for step in range(2 + part, steps_of(venue), PARTS):
        lives(killed_at_steps(venue, step))
