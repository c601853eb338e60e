"""Looking at the record of a session, whole, torn and damaged."""

import asyncio
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace, lock
from tradewind.engine.setup import AccountLimits
from tradewind.journal import Authorship, FileDisk, Identity, RecordKind, open_journal
from tradewind.journal.bodies import Boot, Instrument
from tradewind.live.opening import Place, open_session
from tradewind.live.standing import write_standing
from tradewind.ops.alerts import Alert
from tradewind.ops.governance import GovernanceLog, governance_of
from tradewind.ops.intelligence import model_file
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.other_versions import OtherVersion, rewrite_as
from tradewind.testing.sessions import small_world, walk
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FIXTURE = Path(__file__).resolve().parents[2] / "replay" / "fixtures" / "journal-v1" / "paper"


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    shutil.copytree(FIXTURE, workspace.session_dir("paper"))
    return workspace


def answer(capsys, *arguments: str, status: int = 0) -> dict:
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_sessions_are_listed_with_their_state(desk, capsys):
    (session,) = answer(capsys, "session", "list")["sessions"]
    assert (session["session"], session["state"], session["segments"]) == ("paper", "stopped", 4)
    with lock(desk.session_dir("paper") / "lock", "paper session"):
        (session,) = answer(capsys, "session", "list")["sessions"]
        assert session["state"] == "running"


def test_a_signal_is_told_whether_the_session_has_not_begun_or_takes_none(desk, capsys):
    author = Authorship(Identity("calm", ()), lambda: 1, "test", {})
    writer = open_journal(FileDisk(), desk.session_dir("calm"), author)
    desk.session_dir("empty").mkdir()
    for session in ("calm", "empty"):
        error = answer(capsys, "session", "signal", session, "exposure=0.5", status=6)
        assert (error["code"], error["where"]) == ("SESSION_NOT_RUNNING", session)
        assert "does not run yet" in error["message"]
    boot = Boot(1, "1", "", "", "", "capital = 1", [], [], [], 1)
    writer.append(RecordKind.BOOT, msgspec.msgpack.encode(boot))
    writer.sync()
    error = answer(capsys, "session", "signal", "calm", "exposure=0.5", status=2)
    assert (error["code"], error["message"]) == ("CONFIG_MISSING", "the session takes no signals.")


def test_a_sound_journal_is_verified(desk, capsys):
    report = answer(capsys, "journal", "verify", "paper")
    expected = json.loads((FIXTURE.parent / "expected.json").read_text())
    assert report["records"] == 40
    assert report["verdict"] in {"whole", "torn"}
    assert report["chain"] in json.dumps(expected)
    assert answer(capsys, "journal", "verify")["chain"] == report["chain"]


@pytest.mark.parametrize("beside", ["standing", "audit"])
@pytest.mark.parametrize(("known", "status"), [(40, 0), (41, 3)])
def test_a_journal_that_ends_before_what_was_durable_once_is_behind(desk, capsys, known, status, beside):
    """`standing.json` and the audit know how far it went."""
    folder = desk.session_dir("paper")
    if beside == "standing":
        write_standing(folder, {}, 1, known)
    else:
        log = GovernanceLog(FileDisk(), folder, Identity("paper", ("sim",)), lambda: 1, "test")
        log.tell(Alert("SESSION_STOPPED", "by a signal", 1, fields={"record": known}))
        log.close()
    told = answer(capsys, "journal", "verify", "paper", status=status)
    assert told.get("code") == ("JOURNAL_BEHIND" if status else None)
    if status:
        assert "ends after 40 records, and 41 were durable once" in told["message"]
        assert told["where"] == "journal/paper"


@pytest.mark.parametrize("empties", [True, False])
def test_an_emptied_segment_is_no_whole_journal(desk, capsys, empties):
    folder = desk.session_dir("paper")
    write_standing(folder, {}, 1, 40)
    for path in [*folder.glob("*.twj"), *folder.glob("*.tws")]:
        path.write_bytes(b"") if empties and path.name == "segment-000001.twj" else path.unlink()
    told = answer(capsys, "journal", "verify", "paper", status=3)
    assert (told["code"], "journal is empty" in told["message"]) == ("JOURNAL_BEHIND", True)


def test_a_flipped_bit_is_damage_with_its_place(desk, capsys):
    segment = desk.session_dir("paper") / "segment-000002.twj"
    content = bytearray(segment.read_bytes())
    content[300] ^= 1
    segment.write_bytes(bytes(content))
    error = answer(capsys, "journal", "verify", "paper", status=3)
    assert error["code"] == "JOURNAL_CORRUPT"
    assert "segment-000002.twj at byte" in error["message"]
    assert segment.read_bytes() == bytes(content)


def test_every_record_is_exported_as_a_line(desk, capsys):
    told = answer(capsys, "journal", "export", "paper", "--output", "out.jsonl")
    lines = (desk.root / "out.jsonl").read_text().splitlines()
    assert told["records"] == len(lines) > 20
    assert [json.loads(line)["seq"] for line in lines] == sorted(json.loads(line)["seq"] for line in lines)
    capsys.readouterr()
    assert run_command(["journal", "export", "paper"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("command", [("journal", "verify"), ("journal", "export"), ("session", "status")])
@pytest.mark.parametrize("name", ["nothing", "../data", "", "a\0b", "x" * 500])
def test_an_unknown_session_is_not_found(desk, capsys, command, name):
    error = answer(capsys, *command, name, status=6)
    assert (error["code"], error["known"]) == ("SESSION_UNKNOWN", ["paper"])


def test_what_is_not_there_yet_is_said_with_how_it_comes_to_be(desk, capsys):
    author = Authorship(Identity("calm", ()), lambda: 1, "test", {})
    writer = open_journal(FileDisk(), desk.session_dir("calm"), author)
    writer.append(RecordKind.MARKET, b"x")
    writer.sync()
    error = answer(capsys, "journal", "explain", "last", "--session", "calm", status=6)
    assert (error["code"], error["message"]) == ("ORDER_UNKNOWN", "the session calm has no orders yet.")
    error = answer(capsys, "session", "compare", "calm", "last", status=6)
    assert (error["code"], error["message"]) == ("RUN_UNKNOWN", "there is no run yet.")
    assert error["hint"].startswith("tradewind backtest")
    for folder in ("calm", "paper"):
        shutil.rmtree(desk.session_dir(folder))
    error = answer(capsys, "journal", "bars", status=6)
    assert (error["code"], error["message"]) == ("SESSION_UNKNOWN", "no session has run yet.")
    assert error["hint"].startswith("tradewind trade --paper")


def test_a_status_counts_what_is_recorded(desk, capsys):
    fields = answer(capsys, "session", "status", "last")
    assert fields["records"] == 40


def test_a_damaged_snapshot_is_told_apart_from_a_damaged_journal(desk, capsys):
    snapshot = next(desk.session_dir("paper").glob("*.tws"))
    content = bytearray(snapshot.read_bytes())
    content[-5] ^= 1
    snapshot.write_bytes(bytes(content))
    error = answer(capsys, "journal", "verify", "paper", status=3)
    assert error["code"] == "JOURNAL_CORRUPT"
    assert "all 40 records are sound" in error["message"]
    assert "nothing is lost" in error["hint"]


def test_the_read_model_is_made_brought_up_to_date_and_made_again(desk, capsys):
    first = answer(capsys, "journal", "rebuild")
    assert first["sessions"]["paper"]["records"] == 40
    assert first["sessions"]["paper"]["afresh"]
    assert answer(capsys, "journal", "rebuild", "paper")["sessions"]["paper"]["records"] == 0
    assert answer(capsys, "journal", "rebuild", "--afresh")["sessions"] == first["sessions"]
    model_file(desk.root).write_bytes(b"no database")
    again = answer(capsys, "journal", "rebuild")
    assert "damaged" in again["rebuilt"]
    assert again["sessions"] == first["sessions"]
    assert answer(capsys, "journal", "rebuild", "nothing", status=6)["code"] == "SESSION_UNKNOWN"


def test_market_data_expires_by_the_rule_of_the_settings_and_the_chain_holds(desk, capsys):
    author = Authorship(Identity("old", ()), lambda: 1, "test", {})
    writer = open_journal(FileDisk(), desk.session_dir("old"), author, segment_bytes=2_000)
    for number in range(40):
        writer.append(RecordKind.FACTS if number % 4 == 0 else RecordKind.MARKET, b"x" * 200)
        writer.sync()
    writer.snapshot(b"state")
    writer.close()
    chain = answer(capsys, "journal", "verify", "old")["chain"]
    error = answer(capsys, "journal", "expire", status=2)
    assert (error["code"], error["key"]) == ("CONFIG_MISSING", "retention.market_days")
    with desk.settings_file.open("a") as file:
        file.write("\n[retention]\nmarket_days = 1\nkeep_snapshots = 1\n")
    told = answer(capsys, "journal", "expire")
    assert told["days"] == 1
    assert told["sessions"]["old"]["records"] > 20
    report = answer(capsys, "journal", "verify", "old")
    assert (report["chain"], report["by_kind"]["facts"]) == (chain, 10)
    assert answer(capsys, "journal", "expire", "old", "--days", "3")["sessions"]["old"]["records"] == 0


def test_the_audit_is_verified_with_the_record_it_belongs_to(desk, capsys):
    folder = desk.session_dir("paper")
    log = GovernanceLog(FileDisk(), folder, Identity("paper", ()), lambda: 1, "test")
    log.tell(Alert("OPERATOR", "pause by ada", 1, "paper", {"actor": "ada"}))
    log.close()
    assert answer(capsys, "journal", "verify", "paper")["audit"]["records"] == 1
    (segment,) = governance_of(folder).glob("*.twj")
    segment.write_bytes(segment.read_bytes().replace(b"by ada", b"by bob"))
    error = answer(capsys, "journal", "verify", "paper", status=3)
    assert (error["code"], "governance" in error["where"]) == ("JOURNAL_CORRUPT", True)


@pytest.fixture(scope="module")
def limited() -> SimulatedDisk:
    """The disk of a session to which the gate refused much."""
    disk, limits = SimulatedDisk(), AccountLimits(open_orders=2)
    boot = Boot(
        1, "1", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001", "USDT", 100_000_000)],
        [("restless", ("noise", "phase"), ())], [(0, 0)], 20,
    )  # fmt: skip
    exchange = SimulatedExchange(small_world(limits=limits), walk(20))
    place = Place(disk, Path("/limited"), Identity("limited", ("sim",)), lambda: 0, "1", snapshot_every=8)
    opened = open_session(place, small_world(limits=limits), LocalVenue(exchange), inside=exchange, boot=boot)
    assert asyncio.run(opened.session.run())
    opened.close(finished=True)
    return disk


def keep(desk, disk, name):
    """Put the files of a simulated disk where the journal of a session lies."""
    folder = desk.session_dir(name)
    folder.mkdir()
    for file in disk.names(Path("/limited")):
        (folder / file).write_bytes(disk.read(Path("/limited") / file))
    return folder


def test_what_was_refused_is_listed_by_number_time_strategy_and_symbol(desk, capsys, limited):
    keep(desk, limited, "limited")
    ask = ("journal", "explain", "refused", "--session", "limited")
    newest = answer(capsys, *ask)
    every = answer(capsys, *ask, "--strategy", "restless", "--symbol", "S0USDT")["refused"]
    assert len(every) > 3
    assert {key: newest[key] for key in every[-1]} == every[-1]
    assert answer(capsys, *ask, "--last", "2")["refused"] == every[-2:]
    assert answer(capsys, *ask, "--since", "2030-01-01", status=6)["code"] == "ORDER_UNKNOWN"
    assert answer(capsys, *ask, "--since", "2001-01-01")["refused"] == every
    assert answer(capsys, *ask, "--symbol", "S1USDT", status=6)["known"] == ["S0USDT"]
    assert answer(capsys, *ask, "--since", "soon", status=2)["where"] == "--since"
    assert answer(capsys, "journal", "explain", "last", "--last", "2", status=2)["code"] == "USAGE"
    assert run_command([*ask, "--last", "2"]) == 0
    told = capsys.readouterr().out
    assert told.count("refused, a want of restless in S0USDT, session limited\n") == 2
    assert told.count("gate      refused open orders, limit 2, value ") == 2


def test_a_journal_of_another_version_is_verified_and_exported_as_far_as_it_is_understood(
    desk, capsys, limited
):
    older = rewrite_as(limited, Path("/limited"), OtherVersion("0.0.9", lacks={"REQUEST": ("show_lot",)}))
    newer = rewrite_as(limited, Path("/limited"), OtherVersion("9.0.0", schemas={RecordKind.DECISION: 2}))
    lines = {}
    for name, disk in (("limited", limited), ("older", older), ("newer", newer)):
        keep(desk, disk, name)
        assert answer(capsys, "journal", "verify", name)["verdict"] == "whole"
        answer(capsys, "journal", "export", name, "--output", f"{name}.jsonl")
        lines[name] = [json.loads(line) for line in (desk.root / f"{name}.jsonl").read_text().splitlines()]
        for line in lines[name]:
            line.pop("bytes")
    assert lines["older"] == lines["limited"]
    undecoded = [line["kind"] for line in lines["newer"] if "undecoded" in line]
    assert undecoded
    assert set(undecoded) == {"decision"}
    error = answer(capsys, "journal", "explain", "last", "--session", "newer", status=3)
    assert (error["code"], "that version" in error["hint"]) == ("JOURNAL_VERSION", True)
    assert answer(capsys, "journal", "rebuild", "newer")
