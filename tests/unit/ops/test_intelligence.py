"""The read model: what it says of a session, made at once or while the session grows, thrown away and made again."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from tradewind.engine.setup import AccountLimits
from tradewind.errors import Busy
from tradewind.journal import Authorship, Identity, JournalReader, RecordKind, RetentionRule, open_journal
from tradewind.journal.bodies import (
    LAYOUTS,
    NO_WAKE,
    Audit,
    BatchPart,
    Boot,
    Instrument,
    decode_requests,
    encode,
    encode_facts,
    layouts_at,
)
from tradewind.live.facts import Told, rows_of
from tradewind.live.opening import Place, open_session
from tradewind.ops.alerts import Alert
from tradewind.ops.governance import GovernanceLog
from tradewind.ops.intelligence.database import Intelligence
from tradewind.ops.intelligence.schema import BY_NAME, TABLES, metadata
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import FactKind, OperatorCode, Rule
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/told")
BOOT = Boot(
    1, "test", "c0de", "c0f1", "da7a", "", [Instrument("S0USDT", "0.1", "0.001", "USDT", 100_000_000)],
    [("restless", ("noise", "phase"), ("first", "second", "third"))], [(0, 0)], 20,
)  # fmt: skip


def recording(disk, steps, *, stop_after=None, limits=None):
    """Run a session over so many bars, or go on with it."""
    place = Place(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test", 60_000, snapshot_every=20)
    exchange = SimulatedExchange(small_world(limits=limits), walk(steps))
    opened = open_session(place, small_world(limits=limits), LocalVenue(exchange), inside=exchange, boot=BOOT)
    if stop_after is not None:

        def stop(batch):
            if opened.session.sequencer.standing.steps >= stop_after:
                opened.session.stop()

        opened.session.progress = stop
    finished = asyncio.run(opened.session.run())
    action = Audit(7, "ada@console", "pause", {"reason": "tea"})
    opened.writer.append(RecordKind.AUDIT, encode(action))
    opened.close(finished=finished)
    return opened, place


@pytest.fixture(scope="module")
def told():
    disk = SimulatedDisk()
    recording(disk, 150)
    return disk


def built(disk, path):
    model = Intelligence(path, disk)
    model.follow("told", FOLDER)
    lines = list(model.dump())
    model.close()
    return lines


def test_every_table_of_a_session_is_filled_from_its_journal(told, tmp_path):
    model = Intelligence(tmp_path / "i.sqlite", told)
    followed = model.follow("told", FOLDER)
    reader = JournalReader(told, FOLDER)
    records = list(reader.records())
    assert (followed.records, followed.afresh) == (len(records), True)
    asked = [
        row
        for r in records
        if r.kind == RecordKind.REQUESTS
        for row in decode_requests(r, layouts_at(reader.headers, r.seq))[1]
    ]
    assert [row["cid"] for row in model.rows("requests")] == [int(row["cid"]) for row in asked]
    decisions = model.rows("decisions", "told")
    executed = [row for row in decisions if row["verdict"] == "executed"]
    assert len(executed) == len(asked)
    assert set(json.loads(executed[0]["signals"])) == {"noise", "phase"}
    assert executed[0]["tag"] == "" or executed[0]["tag"] in BOOT.strategies[0][2]
    assert all(row["ts_ns"] > 0 for row in decisions)
    (boot,) = model.rows("boots")
    assert (boot["process"], boot["code_hash"]) == (1, "c0de")
    assert model.rows("instruments")[0]["symbol"] == "S0USDT"
    (action,) = model.rows("operator_actions")
    assert (action["actor"], action["action"], json.loads(action["detail"])) == (
        "ada@console", "pause", {"reason": "tea"},
    )  # fmt: skip
    (whose,) = {(row["account"], row["currency"]) for row in model.rows("equity")}
    assert whose == (json.loads(model.rows("sessions")[0]["accounts"])[0], "USDT")
    hours = [row["ts_ns"] // 3_600_000_000_000 for row in model.rows("equity")]
    assert len(set(hours)) >= 2
    assert hours == sorted(hours)
    assert set(range(hours[0], hours[-1])) <= set(hours)
    booked = [row for row in model.rows("cash") if row["kind"] in ("FEE", "FUNDING_PAID")]
    newest = model.rows("equity")[-1]
    assert newest["seq"] > booked[-1]["seq"]
    model.close()


def test_fills_orders_and_cash_add_up(told, tmp_path):
    model = Intelligence(tmp_path / "i.sqlite", told)
    model.follow("told", FOLDER)
    orders = {row["cid"]: row for row in model.rows("orders")}
    fills = model.rows("fills")
    assert fills
    for cid in {row["cid"] for row in fills}:
        mine = [row for row in fills if row["cid"] == cid]
        assert sum(row["lots"] for row in mine) == orders[cid]["filled_lots"] <= orders[cid]["lots"]
        assert sum(row["notional"] for row in mine) == orders[cid]["notional"]
        assert all(row["side"] == orders[cid]["side"] for row in mine)
    fees = [row for row in model.rows("cash") if row["kind"] == "FEE"]
    assert {row["trade_id"] for row in fees} == {row["trade_id"] for row in fills}
    assert any(row["kind"] == "FUNDING_PAID" and row["rate"] for row in model.rows("cash"))
    for row in model.rows("order_states"):
        assert row["cid"] in orders
    ended = [row for row in orders.values() if row["ended_ns"] is not None]
    assert {"filled", "cancelled"} <= {row["state"] for row in ended}
    last = {row["cid"]: row["state"] for row in model.rows("order_states")}
    assert all(orders[cid]["state"] == state for cid, state in last.items())
    model.close()


def test_an_order_ends_once_however_often_it_is_told(tmp_path):
    """A restarted core is told the end of an order by the venue's history and by the search for it."""
    disk = SimulatedDisk()
    ends = [
        Told(FactKind.ACK, 1, 1, cid=7, qty_lot=5),
        Told(FactKind.CANCELLED, 2, 2, cid=7, code=Rule.UNWANTED),
        Told(FactKind.EXPIRED, 2, 2, cid=7, code=Rule.VENUE_OTHER),
    ]
    author = Authorship(Identity("told", ("sim",)), lambda: 9, "test", LAYOUTS)
    writer = open_journal(disk, FOLDER, author)
    for number, end in enumerate(ends, 1):
        writer.append(
            RecordKind.FACTS,
            encode_facts(BatchPart(number, number, 1, 1, NO_WAKE, again=False), rows_of([end]).tobytes()),
        )
    writer.close()
    model = Intelligence(tmp_path / "i.sqlite", disk)
    model.follow("told", FOLDER)
    assert [row["state"] for row in model.rows("order_states")] == ["live", "cancelled"]
    (order,) = model.rows("orders")
    assert (order["state"], order["ended_ns"], order["reason"]) == ("cancelled", 2, "UNWANTED")
    model.close()


def test_built_while_the_session_grows_it_is_what_it_is_when_built_at_once(tmp_path):
    disk = SimulatedDisk()
    model = Intelligence(tmp_path / "grown.sqlite", disk)
    for stop_after in (20, 47, 90, None):
        recording(disk, 130, stop_after=stop_after)
        followed = model.follow("told", FOLDER)
        assert followed.records > 0
        assert followed.afresh == (stop_after == 20)
    assert model.follow("told", FOLDER).records == 0
    grown = list(model.dump())
    model.close()
    assert grown == built(disk, tmp_path / "at-once.sqlite")


def test_any_place_to_stop_reading_gives_the_same_model(told, tmp_path, monkeypatch):
    from tradewind.ops.intelligence import database

    whole = built(told, tmp_path / "whole.sqlite")
    monkeypatch.setattr(database, "_BATCH_RECORDS", 7)
    assert built(told, tmp_path / "sevens.sqlite") == whole


def test_thrown_away_it_is_rebuilt_to_an_identical_dump_also_when_the_market_expired(tmp_path):
    disk = SimulatedDisk()
    opened, place = recording(disk, 150)
    path = tmp_path / "i.sqlite"
    before = built(disk, path)
    opened.expire(place, RetentionRule(1))
    assert any(r.kind == RecordKind.EXPIRED for r in JournalReader(disk, FOLDER).records())
    model = Intelligence(path, disk)
    assert model.follow("told", FOLDER).records == 0
    assert list(model.dump()) == before
    model.close()
    path.unlink()
    assert built(disk, path) == before


def test_a_damaged_file_is_made_again_and_the_journal_is_not_touched(told, tmp_path):
    """F85."""
    path = tmp_path / "i.sqlite"
    before = built(told, path)
    for damage in (b"no database at all", path.read_bytes()[:5000] + b"\0" * 40_000):
        path.write_bytes(damage)
        model = Intelligence(path, told)
        model.follow("told", FOLDER)
        assert model.rebuilt
        assert list(model.dump()) == before
        model.close()


def test_a_file_of_another_version_is_made_again(told, tmp_path):
    path = tmp_path / "i.sqlite"
    before = built(told, path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 999")
    db.close()
    model = Intelligence(path, told)
    assert "version 999" in model.rebuilt
    model.follow("told", FOLDER)
    assert list(model.dump()) == before
    model.close()


def test_a_file_that_another_process_holds_is_waited_for_and_then_refused(told, tmp_path):
    """F85: trading does not notice; who asks is told that the tables are locked."""
    path = tmp_path / "i.sqlite"
    before = built(told, path)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    model = Intelligence(path, told, busy_s=0.05)
    disk = SimulatedDisk()
    recording(disk, 30)
    with pytest.raises(Busy) as caught:
        Intelligence(path, disk, busy_s=0.05).follow("told", FOLDER)
    assert caught.value.code == "LOCKED"
    other.rollback()
    other.close()
    assert list(model.dump()) == before
    model.close()


def test_a_journal_that_was_replaced_is_read_from_its_beginning(told, tmp_path):
    path = tmp_path / "i.sqlite"
    built(told, path)
    other = SimulatedDisk()
    recording(other, 60)
    model = Intelligence(path, other)
    assert model.follow("told", FOLDER).afresh
    assert list(model.dump()) == built(other, tmp_path / "other.sqlite")
    model.close()


def test_the_file_is_strict_private_and_keeps_its_keys(told, tmp_path):
    path = tmp_path / "i.sqlite"
    built(told, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    db = sqlite3.connect(path)
    tables = db.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    assert {name for name, strict in tables if strict} == set(BY_NAME)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO equity VALUES ('nobody', 1, 1, 1, 'a', 'USDT', 1, 1, 1, 1)")
    db.close()


def test_the_same_tables_are_those_of_postgresql():
    for table in TABLES:
        told = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "STRICT" not in told
        assert "BIGINT" in told or table.name in ("sessions",)
        assert told.count("REFERENCES sessions") == (table.name != "sessions")


def programs():
    """Return where the programs of a PostgreSQL server lie, and the user who may run them."""
    found = shutil.which("initdb")
    config = shutil.which("pg_config")
    if found is None and config is not None:
        told = subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True)
        found = shutil.which("initdb", path=told.stdout.strip())
    names = {entry.pw_name for entry in pwd.getpwall()}
    if found is None or (os.geteuid() == 0 and "postgres" not in names):
        pytest.skip("PostgreSQL is not installed here")
    return Path(found).parent, "postgres" if os.geteuid() == 0 else None


@pytest.fixture
def server():
    """Run a server of our own behind a socket in a folder; it is gone afterwards."""
    folder, user = programs()
    root = Path(tempfile.mkdtemp(prefix="tw-"))
    if user is not None:
        shutil.chown(root, user)

    def run(program, *args):
        subprocess.run(
            [folder / program, "-D", root / "data", *args],
            check=True, user=user, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    try:
        run("initdb", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "tester", "--no-sync")
        said = f"-k {root} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "-w", "-l", root / "log", "-o", said, "start")
        try:
            yield create_engine(
                URL.create(
                    "postgresql+pg8000",
                    username="tester",
                    database="postgres",
                    query={"unix_sock": str(root / ".s.PGSQL.5432")},
                )
            )
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root)


class OnServer(Intelligence):
    """The read model of a server: all that differs is how it is opened."""

    def __init__(self, engine, disk):
        self._made = engine
        super().__init__(Path("of a server"), disk)

    def _open(self):
        metadata.create_all(self._made)
        return self._made


def test_a_journal_leads_to_the_same_dump_in_postgresql(server, tmp_path):
    disk = SimulatedDisk()
    models = [OnServer(server, disk), Intelligence(tmp_path / "i.sqlite", disk)]
    for stop_after in (20, None):
        recording(disk, 60, stop_after=stop_after)
        followed = [model.follow("told", FOLDER) for model in models]
        assert followed[0] == followed[1]
        dumps = [list(model.dump()) for model in models]
        assert dumps[0] == dumps[1]
        assert {json.loads(line)[0] for line in dumps[0]} >= {"orders", "fills", "cash", "equity", "boots"}
    for model in models:
        model.close()


def test_reports_of_reconciliation_come_from_the_audit(tmp_path):
    disk = SimulatedDisk()
    recording(disk, 30)
    log = GovernanceLog(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test")
    for code, at_ns in (("SESSION_STARTED", 1), ("RECONCILED", 2), ("UNEXPLAINED", 3)):
        log.tell(Alert(code, f"text of {code}", at_ns, "told"))
    log.close()
    model = Intelligence(tmp_path / "i.sqlite", disk)
    model.follow("told", FOLDER, FOLDER / "governance")
    rows = [row for row in model.rows("reconciliations") if row["layer"] == "governance"]
    assert [(row["ts_ns"], row["code"]) for row in rows] == [(2, "RECONCILED"), (3, "UNEXPLAINED")]
    assert json.loads(rows[0]["detail"]) == {"text": "text of RECONCILED"}
    assert {row["layer"] for row in model.rows("sources")} == {"execution", "governance"}
    model.close()


def test_what_was_halted_stands_once_however_often_the_process_was_killed(tmp_path):
    disk = SimulatedDisk()
    for _ in range(3):
        killed_while_paused(disk)
    model = Intelligence(tmp_path / "i.sqlite", disk)
    model.follow("told", FOLDER)
    halts = [row for row in model.rows("halts") if row["scope"] == "core"]
    assert [json.loads(row["begun"]) for row in halts] == [["OPERATOR"]]
    assert len(model.rows("boots")) == 3
    model.close()


def killed_while_paused(disk):
    """Go on with a session, pause it after 20 steps and end its process at once, with everything synced."""
    place = Place(disk, FOLDER, Identity("told", ("sim",)), lambda: 0, "test", 60_000, snapshot_every=200)
    exchange = SimulatedExchange(small_world(), walk(150))
    opened = open_session(place, small_world(), LocalVenue(exchange), inside=exchange, boot=BOOT)
    session = opened.session

    async def run():
        reached = asyncio.Event()
        session.progress = lambda _: reached.set() if session.sequencer.standing.steps >= 20 else None
        running = asyncio.ensure_future(session.run())
        await reached.wait()
        now_ns = session.sequencer.standing.now_ns
        if not session.sequencer.world.core["halts"][0]:
            await session.post(rows_of([Told(FactKind.OPERATOR, now_ns, now_ns, code=OperatorCode.PAUSE)]))
        session.stop()
        await running

    asyncio.run(run())
    opened.writer.abandon()


@pytest.fixture(scope="module")
def refused():
    """Return the disk of a session that may have two orders at once and wants four and more."""
    disk = SimulatedDisk()
    recording(disk, 60, limits=AccountLimits(open_orders=2))
    return disk


def test_a_want_that_was_refused_is_told_with_all_that_stood_behind_it(refused, tmp_path):
    model = Intelligence(tmp_path / "i.sqlite", refused)
    model.follow("told", FOLDER)
    rows = [row for row in model.rows("decisions") if row["verdict"] == "blocked"]
    assert len(rows) > 5
    assert {row["rule"] for row in rows} == {"OPEN_ORDERS"}
    assert {(row["limit_value"], row["intent"]) for row in rows} >= {(2.0, "REST")}
    tags = ("first", "second", "third", *map(str, range(4, 13)))
    assert all(row["tag"] == tags[row["slot"]] for row in rows)
    executed = {
        row["ts_ns"]: row["signals"] for row in model.rows("decisions") if row["verdict"] == "executed"
    }
    beside = [row for row in rows if row["ts_ns"] in executed]
    assert beside
    assert all(row["signals"] == executed[row["ts_ns"]] for row in beside)
    assert all(set(json.loads(row["signals"])) == {"noise", "phase"} for row in rows)
    model.close()


def test_what_stood_behind_a_refusal_is_kept_until_its_decision_is_there(refused, tmp_path):
    """A live journal is followed at any record, also between the two that tell of a refusal."""
    records = list(JournalReader(refused, FOLDER).records())[:60]
    grown = SimulatedDisk()
    writer = open_journal(grown, FOLDER, Authorship(Identity("told", ("sim",)), lambda: 0, "test", LAYOUTS))
    model = Intelligence(tmp_path / "grown.sqlite", grown)
    for record in records:
        if record.kind != RecordKind.SNAPSHOT:
            writer.append(record.kind, record.body)
            writer.sync()
            if record.kind in (RecordKind.AUDIT, RecordKind.DECISION):
                model.follow("told", FOLDER)
    model.follow("told", FOLDER)
    lines = list(model.dump())
    model.close()
    writer.close()
    assert any('"blocked", "OPEN_ORDERS"' in line and "noise" in line for line in lines)
    assert lines == built(grown, tmp_path / "at-once.sqlite")


def test_an_order_that_is_given_up_is_no_word_of_an_operator(tmp_path):
    disk = SimulatedDisk()
    writer = open_journal(disk, FOLDER, Authorship(Identity("told", ("sim",)), lambda: 0, "test", LAYOUTS))
    writer.append(RecordKind.AUDIT, encode(Audit(5, "", "ABANDONED", {"cid": 7, "looks": 2})))
    writer.append(RecordKind.AUDIT, encode(Audit(6, "", "of a later version", {})))
    writer.close()
    model = Intelligence(tmp_path / "i.sqlite", disk)
    model.follow("told", FOLDER)
    assert model.rows("operator_actions") == []
    (row,) = model.rows("reconciliations")
    assert (row["layer"], row["ts_ns"], row["code"]) == ("execution", 5, "ABANDONED")
    assert json.loads(row["detail"]) == {"cid": 7, "looks": 2}
    model.close()
