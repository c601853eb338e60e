"""Commands to a running session, whatever the settings beside it have become."""

import asyncio
import json
import socket
import time

import pytest

from tradewind.cli import session, session_state
from tradewind.cli.entry import run_command
from tradewind.cli.live_trade import _leave_nothing
from tradewind.config import Workspace, lock
from tradewind.errors import Exit
from tradewind.journal import Authorship, FileDisk, Identity, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, Audit, Boot, encode
from tradewind.live.control import SECRET, SOCKET, ControlServer
from tradewind.live.pulse import ENDED, PULSE, RUNNING, STARTING, UNGUARDED, Pulse
from tradewind.live.standing import write_standing
from tradewind.live.takeover import TAKEN_OVER

HELD = {"instrument": "BTC-USDT", "side": "long", "lots": 120, "quantity": "12.0"}
STANDING = {
    "now_ns": 1_704_067_200_000_000_000, "halts": ["OPERATOR"], "held": [], "positions": [], "orders": [],
    "wallets": [], "outside": [], "external": [], "flat": True,
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


def told_to(desk, standing, *words):
    """Run a command against a session that answers like this; return its exit status and what was asked of it."""
    asked = []

    async def answer(command):
        asked.append(command.name)
        return standing

    async def serve():
        server = ControlServer(desk.session_dir("alpha"), answer)
        await server.open()
        try:
            return await asyncio.to_thread(run_command, ["session", *words])
        finally:
            await server.close()

    return asyncio.run(serve()), asked


def test_a_mistake_in_the_settings_keeps_nobody_from_flattening(broken, capsys):
    assert told_to(broken, STANDING, "flatten", "alpha") == (0, ["flatten"])
    told = capsys.readouterr()
    assert "CONFIG_SYNTAX" in told.err
    assert "halted by       OPERATOR" in told.out
    assert "not closed" not in told.out


def test_what_is_nobodys_is_said_not_to_be_closed_and_how_it_is(broken, capsys):
    broken.settings_file.write_text("")
    left = STANDING | {"external": [HELD], "done": True}
    line = (
        "not closed      12.0 BTC-USDT long, nobody's; tradewind session flatten alpha --takeover closes it"
    )
    for command, standing, told in (
        ("flatten", left, True),
        ("stop", left | {"closes": True}, True),
        ("stop", left | {"closes": False}, False),
        ("pause", left, False),
    ):
        assert told_to(broken, standing, command, "alpha")[0] == 0
        lines = capsys.readouterr().out.splitlines()
        assert "position        12.0 BTC-USDT long, nobody's" in lines
        assert (line in lines) is told
    assert told_to(broken, left, "flatten", "alpha", "--json")[0] == 0
    assert json.loads(capsys.readouterr().out)["standing"]["external"] == [HELD]


@pytest.mark.parametrize(
    ("words", "answered", "status", "told"),
    [
        (["flatten"], {"flat": False}, 4, "not closed yet: 12.0 BTC-USDT long; it is tried on."),
        (
            ["stop"],
            {"done": False, "closes": True},
            4,
            "not closed: 12.0 BTC-USDT long; the session has ended.",
        ),
        (["stop"], {"done": True, "closes": False}, 0, ""),
        (["stop"], {"done": False, "closes": False}, 0, ""),
    ],
)
def test_who_asked_to_close_and_still_holds_something_is_not_told_that_it_is_done(
    broken, capsys, words, answered, status, told
):
    broken.settings_file.write_text("")
    standing = STANDING | {"positions": [HELD | {"strategy": "steady"}]} | answered
    assert told_to(broken, standing, *words, "alpha")[0] == status
    shown = capsys.readouterr()
    assert "position        12.0 BTC-USDT long by steady" in shown.out
    assert told in shown.err
    assert ("FLATTEN_INCOMPLETE" in shown.err) is bool(status)
    assert ("session flatten alpha --takeover" in shown.err) is bool(status)


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


@pytest.mark.parametrize(
    ("account", "following"),
    [
        ("main", ["next: tradewind trade --live {}", "      tradewind session flatten alpha --takeover"]),
        ("paper", ["next: tradewind trade --paper {}"]),
    ],
)
def test_a_session_whose_processes_died_says_so_and_how_it_goes_on(broken, capsys, account, following):
    broken.settings_file.write_text("")
    folder, clock = broken.session_dir("alpha"), lambda: 1_704_067_200_000_000_000
    (folder / "segment-000001.twj").unlink()
    open_journal(FileDisk(), folder, Authorship(Identity("alpha", (account,)), clock, "1", LAYOUTS)).close()
    pulse = Pulse(folder / PULSE)

    def shown():
        assert run_command(["session", "status", "alpha"]) == 0
        lines = capsys.readouterr().out.splitlines()
        return lines[1], lines[-len(following) :]

    pulse.state = RUNNING
    assert shown() == ("state           ended without a stop", [line.format("FILE") for line in following])
    (broken.root / "sessions").mkdir(exist_ok=True)
    (broken.root / "sessions" / "alpha.toml").touch()
    assert shown()[1] == [line.format("sessions/alpha.toml") for line in following]
    pulse.state = UNGUARDED
    assert shown()[0] == "state           ended because its guard died"
    assert shown()[1] == [line.format("sessions/alpha.toml") for line in following]
    (folder / TAKEN_OVER).touch()
    assert shown()[0] == "state           stopped"
    (folder / TAKEN_OVER).unlink()
    pulse.state = ENDED
    assert shown()[0] == "state           stopped"
    assert shown()[1][-1].endswith("tradewind journal verify alpha")
    pulse.close()


@pytest.fixture
def gone(broken):
    """Return the folder of a session on an account that wrote down what it held, and of which no process is left."""
    broken.settings_file.write_text("")
    folder = broken.session_dir("alpha")
    (folder / "segment-000001.twj").unlink()
    journal_of(folder).close()
    order = {
        "cid": 7, "instrument": "BTC-USDT", "state": "LIVE", "kind": "STOP", "side": "sell", "reduce": True,
        "price": "37397.3", "quantity": "12.0",
    }  # fmt: skip
    held = STANDING | {"positions": [HELD | {"strategy": "steady"}], "orders": [order]}
    write_standing(folder, held, STANDING["now_ns"] + 5_000_000_000)
    return folder


def journal_of(folder):
    author = Authorship(Identity("alpha", ("main",)), lambda: STANDING["now_ns"], "1", LAYOUTS)
    return open_journal(FileDisk(), folder, author)


def status_of(capsys, status=0):
    """Return what `session status` says in words, and in JSON."""
    assert run_command(["session", "status", "alpha"]) == status
    words = capsys.readouterr().out.splitlines()
    assert run_command(["session", "status", "alpha", "--json"]) == status
    return words, json.loads(capsys.readouterr().out)


def test_a_session_that_is_gone_says_what_it_held_and_as_of_when(gone, capsys):
    words, told = status_of(capsys)
    assert (
        "as of           2024-01-01T00:00:05Z, when it was last written down; the venue may differ" in words
    )
    assert "position        12.0 BTC-USDT long by steady" in words
    assert "order           sell 12.0 BTC-USDT at 37397.3, stop, live, id 7" in words
    assert "halted by       OPERATOR" in words
    assert told["standing"] is None
    assert told["last_known"]["standing"]["positions"] == [HELD | {"strategy": "steady"}]
    assert told["last_known"]["taken_over"] is None


def test_a_session_that_was_taken_over_says_so_until_it_begins_again(gone, capsys):
    accounts = {"main": {"flat": True}, "side": {"flat": False}}
    audit = Audit(STANDING["now_ns"] + 60_000_000_000, "ada (process 7)", "takeover", {"accounts": accounts})
    writer = journal_of(gone)
    writer.append(RecordKind.AUDIT, encode(audit))
    writer.close()
    words, told = status_of(capsys)
    assert any(line.endswith(", before it was taken over; the venue may differ") for line in words)
    place = words.index("taken over      2024-01-01T00:01:00Z by ada (process 7)")
    assert [line.strip() for line in words[place + 1 : place + 3]] == [
        "main: nothing was left, as the venue said then",
        "side: NOT FLAT, as the venue said then",
    ]
    assert told["last_known"]["taken_over"]["accounts"] == accounts
    boot = Boot(2, "t", "c0de", "c0f1", "da7a", "", [], [], [], 20)
    writer = journal_of(gone)
    writer.append(RecordKind.BOOT, encode(boot))
    writer.close()
    assert status_of(capsys)[1]["last_known"]["taken_over"] is None


def test_a_loop_that_does_not_come_round_is_not_said_to_run(gone, capsys, monkeypatch):
    pulse = Pulse(gone / PULSE)
    pulse.state = RUNNING
    pulse.beat()
    monkeypatch.setattr(session_state, "SILENT_S", 0.0)
    monkeypatch.setattr(session, "_SHORT_PATIENCE_S", 0.1)
    monkeypatch.chdir(gone)
    (gone / SECRET).write_text("00")
    with lock(gone / "lock", "writes the journal"), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(SOCKET)
        listening.listen()
        monkeypatch.chdir(gone.parent.parent)
        words, told = status_of(capsys, Exit.TIMEOUT)
        assert run_command(["session", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sessions"][0]["state"]
    assert words[1].startswith("state           not answering since 20")
    assert "position        12.0 BTC-USDT long by steady" in words
    assert words[-1] == "next: tradewind session flatten alpha --takeover"
    assert told["state"].startswith("not answering since 20")
    assert listed.startswith("not answering since 20")
    pulse.close()


@pytest.mark.parametrize(
    ("answered", "state"), [({"starting": True}, "starting"), ({"ending": True}, "ending"), ({}, "running")]
)
def test_a_state_from_before_the_process_is_not_shown_as_running(gone, capsys, answered, state):
    broken = Workspace.open(gone.parent.parent)
    with lock(gone / "lock", "writes the journal"):
        assert told_to(broken, STANDING | answered, "status", "alpha", "--json")[0] == 0
        assert json.loads(capsys.readouterr().out)["state"] == state
        assert told_to(broken, STANDING | answered, "status", "alpha")[0] == 0
    older = "time            2024-01-01, before this start; the venue may differ"
    assert (older in capsys.readouterr().out.splitlines()) is (state == "starting")


def test_a_session_whose_guard_outlives_its_process_for_a_moment_is_ending(gone, capsys):
    desk = Workspace.open(gone.parent.parent)
    pulse = Pulse(gone / PULSE)
    states = []
    with lock(desk.account_lock("main"), "guards main in session alpha"):
        for state in (ENDED, STARTING):
            pulse.state = state
            pulse.cells[6] = time.monotonic_ns() + 2_000_000_000
            states.append(status_of(capsys)[1]["state"])
        pulse.state = ENDED
        pulse.cells[6] = time.monotonic_ns() - 60_000_000_000
        states.append(status_of(capsys)[1]["state"])
    pulse.close()
    assert states == ["ending", "starting", "starting"]


@pytest.mark.parametrize(
    ("sign", "what", "do"),
    [(1, "its venue", "it is started again until its venue answers"), (-1, "room on its disk", "make room")],
)
def test_a_session_whose_guard_waits_says_for_what_and_what_can_be_done(gone, capsys, sign, what, do):
    """Nobody looks after what it holds meanwhile, and no word of the last process is one of now."""
    broken = Workspace.open(gone.parent.parent)
    write_standing(gone, STANDING | {"halts": []}, STANDING["now_ns"])
    pulse = Pulse(gone / PULSE)
    pulse.state, pulse.waits_ns = STARTING, sign * (STANDING["now_ns"] + 7)
    with lock(broken.account_lock("main"), "guards main in session alpha"):
        words, told = status_of(capsys)
        refusals = []
        for command in ("flatten", "pause"):
            assert run_command(["session", command, "alpha"]) == 6
            refusals.append(capsys.readouterr().err)
    state = f"waiting for {what} since 2024-01-01"
    assert (told["state"], told["waits"].startswith(do)) == (state, True)
    assert f"state           {state}" in words
    assert any(line.startswith(f"waits           {do}") for line in words)
    assert "halted by       nothing then, and it does not trade now" in words
    assert words[-1] == "next: tradewind session flatten alpha --takeover"
    for refusal in refusals:
        assert refusal.startswith("SESSION_NOT_RUNNING")
        assert state in refusal
        assert do in refusal
        assert "flatten alpha --takeover" in refusal
    assert status_of(capsys)[1]["state"] == "ended without a stop"
    pulse.close()


def test_a_session_whose_first_start_was_refused_is_none(broken, capsys):
    broken.settings_file.write_text("")
    broken.session_dir("beta").mkdir()
    Pulse(broken.session_dir("beta") / PULSE).close()
    assert run_command(["session", "list", "--json"]) == 0
    assert [row["session"] for row in json.loads(capsys.readouterr().out)["sessions"]] == ["alpha"]
    _leave_nothing(broken.session_dir("beta"))
    _leave_nothing(broken.session_dir("alpha"))
    assert [path.name for path in broken.journal.iterdir()] == ["alpha"]


def test_where_no_session_can_lie_the_mistake_is_the_answer(broken, capsys):
    for path in broken.session_dir("alpha").iterdir():
        path.unlink()
    broken.session_dir("alpha").rmdir()
    broken.journal.rmdir()
    assert run_command(["session", "flatten", "alpha"]) == 2
    assert capsys.readouterr().err.startswith("CONFIG_SYNTAX")
