"""Commands to a running session, whatever the settings beside it have become."""

import asyncio
import json

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace, lock
from tradewind.journal import Authorship, FileDisk, Identity, open_journal
from tradewind.journal.bodies import LAYOUTS
from tradewind.live.control import ControlServer

STANDING = {
    "now_ns": 1_704_067_200_000_000_000, "halts": ["OPERATOR"], "held": [], "positions": [], "orders": [],
    "wallets": [], "outside": [],
}  # fmt: skip


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Return a workspace with a session and a mistake in its settings."""
    desk = Workspace.create(tmp_path / "desk")
    (desk.session_dir("alpha")).mkdir()
    (desk.session_dir("alpha") / "segment-000001.twj").touch()
    desk.settings_file.write_text("x = [\n")
    monkeypatch.chdir(desk.root)
    return desk


def test_a_mistake_in_the_settings_keeps_nobody_from_flattening(broken, capsys):
    asked = []

    async def answer(command):
        asked.append(command.name)
        return STANDING

    async def serve():
        server = ControlServer(broken.session_dir("alpha"), answer)
        await server.open()
        try:
            return await asyncio.to_thread(run_command, ["session", "flatten", "alpha"])
        finally:
            await server.close()

    assert asyncio.run(serve()) == 0
    assert asked == ["flatten"]
    told = capsys.readouterr()
    assert "CONFIG_SYNTAX" in told.err
    assert "halted by       OPERATOR" in told.out


def test_with_several_sessions_nobody_guesses_which_is_flattened(broken, capsys):
    broken.settings_file.write_text("")
    for name in ("alpha", "beta"):
        broken.session_dir(name).mkdir(exist_ok=True)
    for words in (["flatten"], ["stop", "last"], ["flatten", "--takeover"]):
        assert run_command(["session", *words]) == 2
        told = capsys.readouterr().err
        assert "2 sessions have a journal and none runs; say which is meant." in told
        assert "alpha, beta" in told or "beta, alpha" in told
    with lock(broken.session_dir("alpha") / "lock", "writes the journal"):
        assert run_command(["session", "flatten"]) == 6
        told = capsys.readouterr().err
        assert told.startswith("SESSION_NOT_RUNNING")
        assert "/alpha" in told
        with lock(broken.session_dir("beta") / "lock", "writes the journal"):
            assert run_command(["session", "flatten"]) == 2
            assert "2 sessions run" in capsys.readouterr().err


def test_a_session_whose_guard_waits_for_its_process_is_starting(broken, capsys):
    broken.settings_file.write_text("")
    folder, clock = broken.session_dir("alpha"), lambda: 1_704_067_200_000_000_000
    (folder / "segment-000001.twj").unlink()
    accounts = ("paper:paper", "main")
    open_journal(FileDisk(), folder, Authorship(Identity("alpha", accounts), clock, "1", LAYOUTS)).close()
    states = []
    for purpose in ("guards main in session beta", "guards main in session alpha"):
        with lock(broken.account_lock("main"), purpose):
            assert run_command(["session", "list", "--json"]) == 0
            states.append(json.loads(capsys.readouterr().out)["sessions"][0]["state"])
    with lock(broken.session_locks("alpha", ())["paper"], "guards paper in session alpha"):
        assert run_command(["session", "status", "alpha", "--json"]) == 0
        states.append(json.loads(capsys.readouterr().out)["state"])
    assert states == ["stopped", "starting", "starting"]


def test_where_no_session_can_lie_the_mistake_is_the_answer(broken, capsys):
    for path in broken.session_dir("alpha").iterdir():
        path.unlink()
    broken.session_dir("alpha").rmdir()
    broken.journal.rmdir()
    assert run_command(["session", "flatten", "alpha"]) == 2
    assert capsys.readouterr().err.startswith("CONFIG_SYNTAX")
