"""A journal that lost its end reads like a whole one; what lies beside it and the venue know better."""

from __future__ import annotations

import random
import shutil

import pytest

from tradewind.config import Workspace
from tradewind.errors import JournalError
from tradewind.journal import FileDisk, Identity, RecordKind, open_journal, verify_journal
from tradewind.journal.bodies import Audit, BatchPart, Boot, Instrument, begins_batch, encode_facts
from tradewind.live.evidence import known_end, refuse_unissued
from tradewind.live.paper import PaperSetup, run_paper
from tradewind.live.running import Reached, RunningSetup, run_session
from tradewind.live.standing import STANDING, read_standing, write_standing
from tradewind.live.takeover import first_cid
from tradewind.ops.governance import GovernanceLog, governance_of
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.journals import FOLDER, authorship
from tradewind.testing.sessions import START_NS, small_world, walk
from tradewind.testing.small_live import SmallLive
from tradewind.units.enums import Rule
from tradewind.units.ids import client_id
from tradewind.venues.gateway import FillSeen, OrderSeen, OrderStatus, Snapshot
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
)  # fmt: skip
SEGMENT = "segment-000001.twj"


async def reach(world, folder, notify):
    """Return a market of some minutes, all of which is known at once."""
    exchange = SimulatedExchange(small_world(), walk(40))
    return Reached(LocalVenue(exchange), exchange)


def live(desk):
    """Run a session to its end, with its audit."""
    log = GovernanceLog(FileDisk(), desk.session_dir("alpha"), Identity("alpha", ()), lambda: 1, "test")
    setup = RunningSetup(small_world, BOOT, (), reach, (("S0USDT",), ("restless",)), lambda: START_NS)
    try:
        return run_session(setup, desk, "alpha", version="test", notify=log.tell)
    finally:
        log.close()


def replayed(desk):
    """Run a replay to its end."""
    return run_paper(PaperSetup(small_world, walk(40), BOOT), desk, "alpha")


def to_a_quarter(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])


def to_nothing(path):
    path.write_bytes(b"")


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.twj")}


@pytest.mark.parametrize("beside", [STANDING, "governance"])
@pytest.mark.parametrize("shorten", [to_a_quarter, to_nothing, lambda path: path.unlink()])
def test_a_journal_that_lost_its_end_is_refused_and_left_as_it_is(tmp_path, shorten, beside):
    desk = Workspace.create(tmp_path / "desk")
    live(desk)
    folder = desk.session_dir("alpha")
    written = verify_journal(FileDisk(), folder).records
    assert known_end(folder) == written
    if beside == STANDING:
        shutil.rmtree(governance_of(folder))
    else:
        (folder / STANDING).unlink()
    shorten(folder / SEGMENT)
    left = content_of(folder)
    for _ in range(2):
        with pytest.raises(JournalError, match=f"{written} were durable once") as refused:
            live(desk)
        assert refused.value.code == "JOURNAL_BEHIND"
        assert content_of(folder) == left


def test_a_replay_on_an_older_copy_is_refused_too(tmp_path):
    desk = Workspace.create(tmp_path / "desk")
    replayed(desk)
    to_a_quarter(desk.session_dir("alpha") / SEGMENT)
    with pytest.raises(JournalError) as refused:
        replayed(desk)
    assert refused.value.code == "JOURNAL_BEHIND"


@pytest.mark.parametrize("run", [live, replayed])
def test_a_torn_tail_of_what_was_not_durable_is_no_loss(tmp_path, run):
    desk = Workspace.create(tmp_path / "desk")
    run(desk)
    folder = desk.session_dir("alpha")
    segment = folder / SEGMENT
    segment.write_bytes(segment.read_bytes() + b"half a record")
    run(desk)
    assert verify_journal(FileDisk(), folder).records == known_end(folder) == read_standing(folder).durable


def test_evidence_that_cannot_be_read_says_nothing(tmp_path):
    assert known_end(tmp_path) == 0
    log = GovernanceLog(FileDisk(), tmp_path, Identity("alpha", ()), lambda: 1, "test")
    for place, (code, detail) in enumerate(
        [("SESSION_STARTED", {"record": "7"}), ("SESSION_STOPPED", {}), ("OPERATOR", {"record": "99"})], 1
    ):
        log.note(Audit(place, "", code, detail))
    log.close()
    assert known_end(tmp_path) == 7
    write_standing(tmp_path, {}, 1)
    assert known_end(tmp_path) == 7
    (governance_of(tmp_path) / SEGMENT).write_bytes(b"garbage, and more of it")
    (tmp_path / STANDING).write_bytes(b"{")
    assert known_end(tmp_path) == 0


def test_only_what_was_synced_is_known_and_a_half_recorded_batch_never_is():
    """What a crash leaves of a batch is cut off; a mark that counted it would refuse an ordinary start."""
    disk = SimulatedDisk()
    writer = open_journal(disk, FOLDER, authorship(), is_begun=begins_batch)
    writer.append(RecordKind.BOOT, b"begun")
    writer.sync()
    writer.append(RecordKind.FACTS, encode_facts(BatchPart(1, 1, 1, 2, 0, again=False), b""))
    writer.flush()
    known = writer.durable_seq
    disk.crash(random.Random(3))
    again = open_journal(disk, FOLDER, authorship(), is_begun=begins_batch, known_end=known)
    assert (known, again.durable_seq) == (1, 1)
    again.close()
    with pytest.raises(JournalError, match="ends after 1 records, and 2 were"):
        open_journal(disk, FOLDER, authorship(), is_begun=begins_batch, known_end=2)


# ---------------------------------------------------------------------- what the venue shows


def order(cid):
    return OrderSeen(0, cid, "", "1", OrderStatus.WORKING, 0, 0, 0, 100, 1, 0, 0, Rule.OK, 1, 1)


def fill(cid):
    return FillSeen(0, cid, "", "1", "1", 1, 0, 0, 100, 1, 100, 0, "USDT", 0, 1, 1)


@pytest.mark.parametrize(
    ("cid", "refused"),
    [(0, False), (client_id(4, 9, 255), False), (client_id(5, 0, 0), True), (first_cid(START_NS), False)],
)
@pytest.mark.parametrize("kind", ["orders", "fills"])
def test_ids_that_the_journal_has_not_issued_are_refused(cid, refused, kind):
    orders, fills = ((order(cid),), ()) if kind == "orders" else ((), (fill(cid),))
    snapshot = Snapshot(orders, fills, (), (), (), (), (), (), 1, 1)
    if not refused:
        refuse_unissued(snapshot, 4, "main")
        return
    with pytest.raises(JournalError, match="up to the 5th, the journal knows 4") as told:
        refuse_unissued(snapshot, 4, "main")
    assert (told.value.code, told.value.where) == ("JOURNAL_BEHIND", "main")


class Forgetful(SmallLive):
    """Its journal is gone with its first process, and so is all that lay beside it."""

    def open(self):
        if self.lives == 1:
            self.disk, self.sent, self.session = SimulatedDisk(), len(self.exchange.created), None
        return super().open()


def test_a_session_whose_journal_is_gone_whole_sends_nothing_under_ids_that_are_taken():
    life = Forgetful(dies_at=(900,))
    with pytest.raises(JournalError, match="shows orders of this session") as told:
        life.run()
    assert told.value.code == "JOURNAL_BEHIND"
    assert life.lives == 1
    assert len(life.exchange.created) == life.sent > 0
