"""Disks that are full, fail, stall, tear and lie, journals that are gone or another's, tables that break (F79-F85)."""

import asyncio
import errno

import pytest

from tradewind.journal import Identity, JournalReader
from tradewind.live.opening import Place, open_session
from tradewind.ops.intelligence.database import Intelligence
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.logbook import asked_s, orders_of, placed_s, seconds, told
from tradewind.testing.steady import halts, sail_steady, steady_world
from tradewind.testing.venue_live import FOLDER
from tradewind.testing.virtual_venues import START_NS
from tradewind.units.enums import FactKind, Halt
from tradewind.venues.fake.listings import listed

S = 1_000_000_000
ROOM_BYTES = 300


def fill_up(deck):
    disk = deck.disk
    disk.capacity_bytes = ROOM_BYTES + sum(len(disk.read(FOLDER / name)) for name in disk.names(FOLDER))


def make_room(deck):
    deck.disk.capacity_bytes = None


def newest_segment(disk):
    return FOLDER / [name for name in disk.names(FOLDER) if name.startswith("segment")][-1]


def dead_then(change):
    """Return an act that kills the process and changes its disk before the next one starts."""

    async def act(deck):
        deck.process.kill()
        await asyncio.sleep(0.1)
        change(deck.disk)

    return act


def test_F79_with_a_full_disk_nothing_leaves_that_is_not_written_down():
    """No order is sent without its intent on the disk; a record that fits in part is cut off again, and once there is
    room the session goes on from what is durable."""
    sea = sail_steady("binance_usdm", acts=[(170, fill_up), (290, make_room)], minutes=6.0)
    assert set(sea.life.ends) == {"JournalError DISK_FULL"}
    assert [at for at in placed_s(sea) if 170 < at < 290] == []
    assert any(at > 299 for at in placed_s(sea))
    assert len(list(JournalReader(sea.life.disk, FOLDER).records())) > 10


def test_F80_after_a_sync_that_failed_nothing_is_sent_and_the_process_ends():
    """Whether the journal is on the disk nobody knows then: it is never synced again as if nothing had been, the
    process ends, and the next one goes on from what it finds."""

    def fail(deck):
        deck.disk.syncs_until_failure = 0

    def mend(deck):
        deck.disk.syncs_until_failure = None

    sea = sail_steady("binance_usdm", acts=[(170, fail), (230, mend)], minutes=6.0)
    assert set(sea.life.ends) == {"JournalError JOURNAL_WRITE"}
    assert [at for at in placed_s(sea) if 170 < at < 230] == []
    assert any(at > 239 for at in placed_s(sea))


def test_F80_on_a_disk_that_turns_read_only_nothing_leaves_and_no_process_begins():
    """A system that fears for its disk lets nobody write on it any more: the process ends, none starts, what rests at
    the exchange protects; once it may be written on again the session goes on by itself."""

    def forbid(operation):
        if operation != "make_folder":
            raise OSError(errno.EROFS, "read-only file system")

    def close(deck):
        deck.disk.on_operation = forbid

    def open_again(deck):
        deck.disk.on_operation = None

    sea = sail_steady("binance_usdm", acts=[(190, close), (290, open_again)], minutes=6.0)
    assert sea.life.ends[0] == "JournalError JOURNAL_WRITE"
    assert set(sea.life.ends[1:]) == {"PathError PATH_DENIED"}
    assert [at for at in placed_s(sea) if 190 < at < 290] == []
    stop = next(entry for entry in orders_of(sea, cause="placed") if entry["kind"] == "stop_market")
    assert seconds(stop["ts_ns"]) < 190
    gone = [seconds(entry["ts_ns"]) for entry in orders_of(sea, order_id=stop["order_id"], state="canceled")]
    assert not [at for at in gone if at < 290]
    assert any(at > 299 for at in placed_s(sea))


def stalling(world):
    """Return a disk that stands still for ten seconds from 178 s on, in a thread of its own as it were."""

    async def work_later(work):
        at_s = seconds(world.loop.now_ns())
        if 178 < at_s < 188:
            await asyncio.sleep(188 - at_s)
        work()

    return work_later


def test_F81_while_the_disk_stalls_the_loop_goes_on_and_orders_wait_for_their_journal():
    """What was decided leaves once it is written, or is too old and is not decided on at all; listening goes on."""
    sea = sail_steady("binance_usdm", life={"disk_port": stalling}, minutes=6.0)
    assert [at for at in placed_s(sea) if 178 < at < 188] == []
    assert sea.life.ends == []
    pongs = [
        line for line in sea.trace if START_NS + 179 * S < int(line.split(maxsplit=1)[0]) < START_NS + 187 * S
    ]
    assert pongs
    assert any(at > 188 for at in placed_s(sea))


def test_F82_a_torn_or_zeroed_tail_costs_what_was_not_synced_and_no_more():
    """After a loss of power the longest whole prefix counts, what is cut off is reported, and the venue tells the
    rest."""
    lost = []

    def tear(disk):
        path = newest_segment(disk)
        disk.replace_bytes(path, disk.read(path) + bytes(4_000))

    def note(life, world):
        lost.append(life.opened.writer.recovered.dropped_bytes)

    sea = sail_steady("binance_usdm", acts=[(200, dead_then(tear))], life={"on_open": note}, minutes=6.0)
    assert sea.life.ends == ["killed"]
    assert lost[0] == 0
    assert lost[1] >= 4_000
    assert any(at > 239 for at in placed_s(sea))


def test_F83_a_flipped_bit_is_found_and_the_session_refuses_to_start():
    """A journal that says something else than was written is not traded on: a person decides whether the venue's word
    begins a new one. What rests at the exchange stays."""

    def flip(disk):
        disk.flip_bit(newest_segment(disk), 8 * 3_000)

    sea = sail_steady("binance_usdm", acts=[(200, dead_then(flip))], judges="")
    refused = sea.life.ends[1:]
    assert set(refused) == {"CorruptJournalError JOURNAL_CORRUPT"}
    assert len(refused) > 3
    assert max(placed_s(sea)) < 200
    assert sorted(order.placement.kind for order in sea.account.open_orders()) == ["limit", "stop_market"]


def test_F84_another_sessions_journal_is_refused():
    """A journal says whose it is: another session or another account does not go on from it."""
    disk, started = SimulatedDisk(), []
    place = Place(disk, FOLDER, Identity("live", ("okx_swap",)), lambda: START_NS, "test")
    world = steady_world(listed("binance_usdm")[0], 1, amends=True)
    open_session(place, world, None).close(finished=False)
    life = {"disk": disk, "on_open": lambda life, world: started.append(life)}
    sea = sail_steady("binance_usdm", life=life, minutes=2.0, judges="")
    assert started == []
    (refused,) = set(sea.life.ends)
    assert "JOURNAL" in refused
    assert placed_s(sea) == []


def delete(disk):
    for name in disk.names(FOLDER):
        disk.remove(FOLDER / name)
    disk.sync_folder(FOLDER)


def test_F84_a_folder_that_is_gone_leaves_positions_that_nobody_explains():
    """What is held is nobody's then: it is told, counted against the limits, and nothing is opened or closed until an
    operator adopts it. With the folder its signs are gone, so the orders of the next start bear others."""

    async def lose(deck):
        await dead_then(delete)(deck)
        deck.life.bury()
        deck.life.tag = "Anew01"

    sea = sail_steady("binance_usdm", acts=[(200, lose)], judges="cdgh")
    assert [bits for _, bits, on in halts(sea) if on] == [Halt.EXTERNAL]
    assert max(placed_s(sea)) < 200
    assert asked_s(sea) == []
    (found,) = [row for _, row in told(sea, FactKind.EXTERNAL_POSITION)]
    assert found["qty_lot"] == 40
    assert sea.alerts("UNEXPLAINED")


@pytest.mark.parametrize("knows", [True, False])
def test_F84_a_journal_that_is_gone_while_its_signs_are_not_is_refused(knows):
    """Its orders would get the ids of earlier ones: what lies beside it, or else the venue, knows how far it went."""

    async def lose(deck):
        await dead_then(delete)(deck)
        if not knows:
            deck.life.bury()

    sea = sail_steady("binance_usdm", acts=[(200, lose)], judges="")
    assert set(sea.life.ends) == {"killed", "JournalError JOURNAL_BEHIND"}
    assert max(placed_s(sea)) < 200
    assert bool(sea.life.disk.names(FOLDER)) is not knows


def test_F85_tables_that_are_damaged_are_made_again_from_the_journal(tmp_path):
    """They are for asking, not for trading: thrown away, they come back the same, and no session needs them."""
    sea = sail_steady("binance_usdm", minutes=3.5, calm_minutes=1.0)
    path = tmp_path / "tables.sqlite"
    tables = Intelligence(path, sea.life.disk)
    tables.follow("live", FOLDER)
    before = list(tables.dump())
    tables.close()
    assert len(before) > 10
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
    again = Intelligence(path, sea.life.disk)
    again.follow("live", FOLDER)
    assert again.rebuilt
    assert list(again.dump()) == before
    again.close()
    assert orders_of(sea, cause="placed")
