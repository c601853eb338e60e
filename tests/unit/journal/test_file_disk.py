"""What this machine's disk refuses is told in our words, with the place, and leaves nothing held."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from tradewind.config import Workspace
from tradewind.errors import JournalError, PathError, TradewindError
from tradewind.journal import FileDisk
from tradewind.journal.bodies import Boot, Instrument
from tradewind.live.paper import PaperSetup, run_paper
from tradewind.testing.journals import open_for_test
from tradewind.testing.sessions import small_world, walk

BOOT = Boot(
    1, "test", "c", "c", "d", "", [Instrument("S0USDT", "0.1", "0.001")], [("r", (), ())], [(0, 0)], 20
)


@pytest.fixture
def room():
    """Return a function after which no file grows beyond so many bytes: to a program that is a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda count: resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_without_room_for_a_lock_is_full(tmp_path, room):
    room(0)
    with pytest.raises(JournalError) as caught:
        FileDisk().lock(tmp_path / "lock", "writes")
    room(1_000)
    assert caught.value.code == "DISK_FULL"
    assert str(tmp_path) in caught.value.where
    FileDisk().lock(tmp_path / "lock", "writes").release()


def test_a_session_that_fills_the_disk_goes_on_where_there_is_room_again(tmp_path, room):
    desk = Workspace.create(tmp_path / "desk")
    setup = PaperSetup(small_world, walk(120), BOOT)
    for count in (0, 1_000, 3_000, 50_000):
        room(count)
        with pytest.raises(JournalError) as caught:
            run_paper(setup, desk, "full")
        room(10_000_000)
        assert caught.value.code == "DISK_FULL", count
        assert "goes on from there" in caught.value.render()
    ended = run_paper(setup, desk, "full")
    whole = run_paper(setup, desk, "whole")
    assert (ended.finished, ended.state_hash) == (True, whole.state_hash)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_used_is_denied(tmp_path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PathError) as caught:
        FileDisk().lock(tmp_path / "lock", "writes")
    assert caught.value.code == "PATH_DENIED"


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "journal").write_text("not a folder")
    with pytest.raises(TradewindError) as caught:
        open_for_test(FileDisk(), tmp_path / "journal" / "paper")
    assert caught.value.code == "PATH_INVALID"
    assert str(tmp_path) in caught.value.where
