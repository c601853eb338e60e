"""The disk fails under a live session at any sync and any append, at four venues: nothing is sent twice or lost."""

from __future__ import annotations

import pytest

from tradewind.testing.swarm import VENUES
from tradewind.testing.venue_live import FOLDER
from tradewind.testing.voyage import Voyage, sail

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HEALTHY_S = range(30, 340, 10)


class BadDisk:
    """Lets the disk fail at the n-th operation of a kind; somebody mends it some seconds after a process died of it.

    `spare_bytes`: how much of the record still fits on a full disk; None: the sync fails instead.
    """

    def __init__(self, operation, nth, spare_bytes=None):
        self.operation, self.left, self.spare_bytes, self.tripped = operation, nth, spare_bytes, False

    def watch(self, life, world):
        life.disk.on_operation = lambda name: self.pass_by(name, life.disk)

    def pass_by(self, name, disk):
        self.left -= name == self.operation and not self.tripped
        if self.left > 0 or self.tripped:
            return
        self.tripped = True
        if self.spare_bytes is None:
            disk.syncs_until_failure = 0
        else:
            used = sum(len(disk.read(FOLDER / each)) for each in disk.names(FOLDER))
            disk.capacity_bytes = used + self.spare_bytes

    def mend(self, deck):
        if self.tripped and deck.life.ends:
            deck.disk.syncs_until_failure = deck.disk.capacity_bytes = None

    def voyage(self, venue):
        acts = [(second, self.mend) for second in HEALTHY_S]
        return Voyage(
            venue, minutes=3.0, calm_minutes=3.0, settle_s=90.0, acts=acts, life={"on_open": self.watch}
        )


def check(bad, venue, code):
    landfall = sail(bad.voyage(venue))
    assert bad.tripped
    assert set(landfall.life.ends) == {f"JournalError {code}"}
    assert landfall.alerts("UNEXPLAINED") == []
    assert len(landfall.of("fill")) >= 2


@pytest.mark.parametrize("venue", VENUES)
def test_a_sync_fails(venue):
    """F80: whichever sync of a life it is."""
    at = VENUES.index(venue)
    for nth in (1 + at, 6 + at):
        check(BadDisk("sync", nth), venue, "JOURNAL_WRITE")


@pytest.mark.parametrize("venue", VENUES)
def test_the_disk_is_full(venue):
    """F79: at any byte: what fits of a record is cut off again, and its request was never sent."""
    at = VENUES.index(venue)
    check(BadDisk("append", 30 + 17 * at, spare_bytes=at), venue, "DISK_FULL")
    check(BadDisk("sync", 3 + at, spare_bytes=11 * at), venue, "DISK_FULL")


@pytest.mark.parametrize("venue", VENUES)
def test_power_is_lost_and_the_tail_is_torn_or_full_of_zeros(venue):
    """F82: of what was not synced a random part stays; the file system may add zeros."""

    def lose_power(deck):
        deck.process.kill()

        def spoil():
            segment = FOLDER / [n for n in deck.disk.names(FOLDER) if n.startswith("segment")][-1]
            deck.disk.replace_bytes(segment, deck.disk.read(segment) + bytes(997))

        deck.world.loop.call_later(0.1, spoil)

    landfall = sail(
        Voyage(
            venue,
            minutes=3.0,
            calm_minutes=3.0,
            settle_s=90.0,
            acts=[(121.5, lose_power), (150.0, lose_power)],
        )
    )
    assert landfall.life.ends == ["killed", "killed"]
    assert landfall.life.opened.writer.recovered.dropped_bytes >= 997
    assert landfall.alerts("UNEXPLAINED") == []
