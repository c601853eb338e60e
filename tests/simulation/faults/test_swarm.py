"""Sixty voyages of thirty virtual minutes at four venues, each with a part of the faults, in another light each."""

from __future__ import annotations

import pytest

from tradewind.testing.swarm import swarm_voyage
from tradewind.testing.voyage import sail

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SEEDS = 60


@pytest.mark.parametrize("first", range(0, SEEDS, 5))
def test_five_voyages_through_a_swarm_of_faults(first):
    for seed in range(first, first + 5):
        sail(swarm_voyage(seed))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 5_000, 20))
def test_thousands_of_voyages(first):
    for seed in range(first, first + 20):
        sail(swarm_voyage(seed))


def test_the_same_voyage_is_the_same_trace():
    first, again = (sail(swarm_voyage(41, minutes=6)) for _ in range(2))
    assert first.trace == again.trace
    assert first.life.world.state_hash() == again.life.world.state_hash()
