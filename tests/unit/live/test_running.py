"""A session as a process: what it says of itself when its journal takes nothing any more."""

from __future__ import annotations

import errno
import os

import pytest

from tradewind.config import Workspace
from tradewind.errors import JournalError
from tradewind.journal.bodies import Boot, Instrument
from tradewind.live.running import Reached, RunningSetup, run_session
from tradewind.live.standing import STANDING, read_standing
from tradewind.testing.sessions import START_NS, small_world, walk
from tradewind.units.enums import DAY_NS
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001")],
    [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
)  # fmt: skip


async def reach(world, folder, notify):
    """Return a market of some minutes, all of which is known at once."""
    exchange = SimulatedExchange(small_world(), walk(40))
    return Reached(LocalVenue(exchange), exchange)


def run(folder, told, began_ns=START_NS):
    """Run a session to its end; `told` grows by the code of each alert."""
    setup = RunningSetup(small_world, BOOT, (), reach, (("S0USDT",), ("restless",)), lambda: began_ns)
    desk = folder / "desk"
    run_session(
        setup, Workspace.open(desk) if desk.exists() else Workspace.create(desk), "alpha", version="test",
        notify=lambda alert: told.append(alert.code),
    )  # fmt: skip


def test_a_session_says_that_it_began_and_that_it_ended(tmp_path):
    told = []
    run(tmp_path, told)
    assert [code for code in told if code.startswith("SESSION")] == ["SESSION_STARTED", "SESSION_STOPPED"]


def test_what_a_session_believed_last_is_known_when_it_is_gone(tmp_path):
    folder = tmp_path / "desk" / "journal" / "alpha"
    run(tmp_path, [])
    last = read_standing(folder)
    assert last is not None
    assert last.written_ns == START_NS
    assert last.standing["now_ns"] >= START_NS
    assert last.standing["wallets"]
    assert (last.standing["starting"], last.standing["ending"]) == (False, False)
    assert (folder / STANDING).stat().st_mode & 0o077 == 0


def test_what_is_older_than_a_process_that_goes_on_is_said_to_be(tmp_path):
    folder, told = tmp_path / "desk" / "journal" / "alpha", []
    for began_ns, starting in ((START_NS, False), (START_NS + DAY_NS, True)):
        run(tmp_path, [], began_ns)
        told.append(read_standing(folder).standing["starting"] is starting)
    assert told == [True, True]


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_disk_that_fails_is_told_to_a_person_before_the_process_ends_by_it(tmp_path, monkeypatch, code):
    """F79, F80: nobody need look at the terminal: what is held is left to its stops from here on."""
    told, syncs, sync = [], [], os.fdatasync

    def fail(descriptor):
        syncs.append(descriptor)
        if len(syncs) > 6:
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalError) as caught:
        run(tmp_path, told)
    assert caught.value.code == "JOURNAL_WRITE"
    assert told[-1] == "DISK_FAILED"
    assert "SESSION_STOPPED" not in told
