"""The loop of a session: durable before anything leaves, one sync a WAKE, and the disk's time is not the loop's."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tradewind.config import Workspace
from tradewind.errors import JournalError
from tradewind.journal import Identity, JournalReader, RecordKind
from tradewind.journal.bodies import Boot, Instrument, decode_facts, layouts_at
from tradewind.live.opening import Place, open_session
from tradewind.live.paper import PaperSetup, WriterThread, run_paper
from tradewind.live.sequencer import Sequencer
from tradewind.live.tape import Recorded, ReplayTape
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import START_NS, small_world, walk
from tradewind.units.enums import FactKind
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

MS = 1_000_000
BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
)  # fmt: skip
FOLDER = Path("/journal/session")
STEPS = 80


class Watched(LocalVenue):
    """A venue that notes what leaves, among the operations of the disk."""

    def __init__(self, exchange, events):
        super().__init__(exchange)
        self._events = events

    async def submit(self, first, requests):
        self._events.append("send")
        await super().submit(first, requests)


def watched_session(**settings):
    """Run a session; return what the disk did and what left, in their order, and its journal."""
    events, disk = [], SimulatedDisk()
    disk.on_operation = events.append
    exchange = SimulatedExchange(small_world(), walk(STEPS))
    place = Place(disk, FOLDER, Identity("session", ()), lambda: 0, "test", snapshot_every=10_000)
    opened = open_session(place, small_world(), Watched(exchange, events), inside=exchange)
    for name, value in settings.items():
        setattr(opened.session, name, value)
    events.clear()
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    return events, disk


def wakes_of(disk):
    """Return how many WAKEs the journal has."""
    reader = JournalReader(disk, FOLDER)
    count = 0
    for record in reader.records():
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            _, rows = decode_facts(record, layouts_at(reader.headers, record.seq))
            count += int((rows["kind"] == FactKind.WAKE).sum())
    return count


@pytest.mark.parametrize("sync_each", [False, True])
def test_what_led_to_a_request_is_synced_before_it_leaves(sync_each):
    events, _ = watched_session(sync_each=sync_each)
    sends = [at for at, event in enumerate(events) if event == "send"]
    assert len(sends) > 30
    assert all(events[at - 1] == "sync" for at in sends)


def test_each_wake_is_synced_once_where_that_is_asked_for():
    events, disk = watched_session(sync_each=True)
    # One more where the session ends, one where it is closed.
    assert Counter(events)["sync"] <= wakes_of(disk) + 2
    assert Counter(events)["sync"] >= STEPS
    fewer, _ = watched_session()
    assert Counter(fewer)["sync"] <= Counter(fewer)["send"] + 2


def test_the_loop_goes_on_while_the_disk_works():
    thread, heard = WriterThread(), threading.Event()

    async def say():
        heard.set()

    async def both():
        await asyncio.gather(thread(lambda: told.append(heard.wait(30))), say())

    told = []
    asyncio.run(both())
    thread.close()
    assert told == [True]


def test_what_the_disk_raises_ends_the_session():
    thread = WriterThread()

    def fail():
        raise JournalError("DISK_FULL", "no room")

    with pytest.raises(JournalError, match="no room"):
        asyncio.run(thread(fail))
    thread.close()


@pytest.mark.parametrize("speed", ["1x", "max"])
def test_paper_syncs_its_journal_in_a_thread_of_its_own(tmp_path, monkeypatch, speed):
    threads = Counter()
    fdatasync = os.fdatasync

    def noted(descriptor):
        threads[threading.current_thread().name] += 1
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    quick = replace(walk(20, funding_every=0), interval_ns=10 * MS, ts=START_NS + 10 * MS * np.arange(20))
    result = run_paper(
        PaperSetup(small_world, quick, BOOT), Workspace.create(tmp_path / "desk"), "q", speed=speed
    )
    assert result.finished
    written_by_the_loop = threads.pop("MainThread")
    assert written_by_the_loop <= 4, "to begin, and to end"
    assert list(threads) == ["journal_0"]
    assert threads["journal_0"] >= (20 if speed == "1x" else 5)


def test_a_session_that_waits_for_its_time_shows_its_answers_to_others():
    disk, shown = SimulatedDisk(), []
    exchange = SimulatedExchange(small_world(), walk(STEPS))
    place = Place(disk, FOLDER, Identity("session", ()), lambda: 0, "test", snapshot_every=10_000)
    opened = open_session(place, small_world(), LocalVenue(exchange), inside=exchange)

    class Looking:
        async def wait_until(self, now_ns):
            shown.append((opened.session.sequencer.standing.batch, last_batch(disk)))

    opened.session.pace = Looking()
    assert asyncio.run(opened.session.run())
    assert len(shown) > STEPS
    assert all(taken == told for taken, told in shown)


def last_batch(disk):
    reader = JournalReader(disk, FOLDER)
    numbers = [0]
    for record in reader.records():
        if record.kind in (RecordKind.FACTS, RecordKind.MARKET):
            numbers.append(decode_facts(record, layouts_at(reader.headers, record.seq))[0].number)
    return max(numbers)


def test_a_state_of_another_form_is_refused():
    sequencer = Sequencer(small_world(symbols=2), ReplayTape(Recorded(iter(()), [])))
    kept = Sequencer(small_world(), ReplayTape(Recorded(iter(()), []))).save()
    with pytest.raises(JournalError) as caught:
        sequencer.restore(kept)
    assert caught.value.code == "JOURNAL_VERSION"
    sequencer.restore(sequencer.save())


def test_a_tape_is_run_by_its_own_snapshots_whatever_the_session_would_do_now():
    disk = SimulatedDisk()

    def lived(snapshot_every):
        exchange = SimulatedExchange(small_world(), walk(STEPS))
        place = Place(disk, FOLDER, Identity("session", ()), lambda: 0, "test", snapshot_every=snapshot_every)
        opened = open_session(place, small_world(), LocalVenue(exchange), inside=exchange)
        assert asyncio.run(opened.session.run())
        opened.close(finished=False)
        return opened.session.sequencer.world.state_hash()

    first = lived(20)
    for name in [name for name in disk.names(FOLDER) if name.endswith(".tws")]:
        disk.remove(FOLDER / name)
    assert lived(7) == first
    assert lived(7) == first
