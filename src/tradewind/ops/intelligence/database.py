"""The file of the read model: made from journals, brought up to date, thrown away and made again.

Nothing that trades opens it. It follows the journals when somebody asks for it (`follow`); what it holds of a session
is then what a model built at once would hold. A file that is damaged, of another version, or of a journal that was
replaced is removed and made anew; one that another process holds for longer than we wait is a coded error, and
trading does not notice (F85).
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import URL, create_engine, delete, event, insert, select, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from tradewind.errors import Busy, JournalError
from tradewind.journal import FileDisk, JournalReader, RecordKind
from tradewind.journal.bodies import Boot, Instrument, Wanted, layouts_at
from tradewind.journal.format import DIGEST_BYTES, encode_payload
from tradewind.ops.intelligence import remove_model
from tradewind.ops.intelligence.rows import REPLACED, ExecutionRows, GovernanceRows, Row
from tradewind.ops.intelligence.schema import BY_NAME, SCHEMA_VERSION, TABLES, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from tradewind.journal import Disk, Record

__all__ = ["Followed", "Intelligence"]

_BATCH_RECORDS = 20_000
_BUSY_S = 5.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What following a session brought.

    Parameters
    ----------
    records
        How many records of its journals were read.
    afresh
        Whether it was read from its first record.
    undecoded
        How many records another version wrote in a way that this one does not understand.
    """

    records: int
    afresh: bool
    undecoded: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """How far a journal has been read, and the digest of the last record, by which a replaced one is known.

    wanted: what stood behind the refusals of a decision that is not read yet, packed and in hexadecimal digits: a value
    may be no number, which JSON does not know.
    """

    last_seq: int = 0
    digest: str = ""
    now_ns: int = 0
    wanted: str = ""


class Intelligence:
    """The read model in one file of SQLite; close it after use.

    Parameters
    ----------
    path
        The file; made where it is missing.
    disk
        Where the journals lie.
    busy_s
        So long another process is waited for.

    Attributes
    ----------
    rebuilt
        Why the file was thrown away, "" where it was not.
    """

    def __init__(self, path: Path, disk: Disk | None = None, *, busy_s: float = _BUSY_S) -> None:
        self.path = path
        self.rebuilt = ""
        self._disk = disk or FileDisk()
        self._busy_s = busy_s
        self._engine = self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def follow(self, session: str, folder: Path, governance: Path | None = None) -> Followed:
        """Read what the journals of a session say since the last time.

        Raises
        ------
        JournalError
            JOURNAL_CORRUPT, JOURNAL_VERSION; what lies before the damage is in the model.
        Busy
            LOCKED: another process holds the file.
        """
        try:
            return self._follow(session, folder, governance)
        except DatabaseError as error:
            self._refuse_wait(error)
            self._start_over(f"it was damaged: {error.orig}")
        return self._follow(session, folder, governance)

    def rows(self, table: str, session: str | None = None) -> list[Row]:
        """Return the rows of a table, of one session or of all, in the order of their keys."""
        known = BY_NAME[table]
        query = select(known).order_by(*known.primary_key.columns)
        if session is not None:
            query = query.where(known.c.session == session)
        with self._engine.connect() as db:
            return [dict(row._mapping) for row in db.execute(query)]

    def dump(self) -> Iterator[str]:
        """Yield every row of every table as a line of JSON, in the order of tables and keys."""
        for table in TABLES:
            for row in self.rows(table.name):
                yield json.dumps([table.name, *row.values()], ensure_ascii=False)

    # ------------------------------------------------------------------ the file

    def _open(self) -> Engine:
        """Return an engine on a file that has today's tables; one that has not is begun anew."""
        if not self.path.exists():
            self._disk_file()
        engine = self._engine_of()
        try:
            with engine.begin() as db:
                version = db.execute(text("PRAGMA user_version")).scalar_one()
                if version == SCHEMA_VERSION:
                    return engine
                if version == 0 and not db.execute(text("SELECT count(*) FROM sqlite_schema")).scalar_one():
                    metadata.create_all(db)
                    db.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION:d}"))
                    return engine
            why = f"its tables are of version {version}, those of now of {SCHEMA_VERSION}"
        except DatabaseError as error:
            self._refuse_wait(error)
            why = f"it was damaged: {error.orig}"
        engine.dispose()
        remove_model(self.path)
        self.rebuilt = why
        return self._open()

    def _disk_file(self) -> None:
        """Make the file for its owner alone; what SQLite puts beside it takes the same permissions."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(0o600)

    def _engine_of(self) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            poolclass=NullPool,
            connect_args={"timeout": self._busy_s},
        )
        event.listen(engine, "connect", _set_up)
        return engine

    def _start_over(self, why: str) -> None:
        self._engine.dispose()
        remove_model(self.path)
        self.rebuilt = why
        self._engine = self._open()

    def _refuse_wait(self, error: DatabaseError) -> None:
        """Raise Busy where the file is sound and another process holds it."""
        if isinstance(error, OperationalError) and "locked" in str(error.orig):
            raise Busy(
                "LOCKED",
                f"another process has held the read model for more than {self._busy_s:g} s.",
                where=str(self.path),
                hint="wait for it; nothing that trades needs this file",
            ) from error

    # ------------------------------------------------------------------ following journals

    def _follow(self, session: str, folder: Path, governance: Path | None) -> Followed:
        execution = _Journal(JournalReader(self._disk, folder), "execution")
        told = None
        if governance is not None and self._disk.names(governance):
            told = _Journal(JournalReader(self._disk, governance), "governance")
        with self._engine.begin() as db:
            sources = _sources(db, session)
            afresh = any(
                each.layer in sources and not each.goes_on_from(sources[each.layer])
                for each in (execution, told)
                if each is not None
            )
            if afresh or not sources:
                _forget(db, session)
                _begin(db, session, execution)
                sources = {}
        count, undecoded = self._read_execution(session, execution, sources.get("execution", _Source()))
        if told is not None:
            count += self._read_governance(session, told, sources.get("governance", _Source()))
        return Followed(count, not sources, undecoded)

    def _read_execution(self, session: str, journal: _Journal, source: _Source) -> tuple[int, int]:
        with self._engine.connect() as db:
            reading = ExecutionRows(
                session,
                journal.accounts,
                _orders(db, session),
                _boot(db, session),
                source.now_ns,
                msgspec.msgpack.decode(bytes.fromhex(source.wanted), type=list[Wanted])
                if source.wanted
                else (),
            )
        count = undecoded = 0
        for records in _chunks(journal.after(source.last_seq)):
            for record in records:
                undecoded += not _understood(reading, record, journal)
            count += sum(record.count for record in records)
            with self._engine.begin() as db:
                _write(db, session, reading.take())
                _write_orders(db, session, reading)
                wanted = msgspec.msgpack.encode(reading.wanted).hex() if reading.wanted else ""
                read = _Source(*journal.mark(records[-1]), reading.now_ns, wanted)
                _note(db, session, journal.layer, read)
        return count, undecoded

    def _read_governance(self, session: str, journal: _Journal, source: _Source) -> int:
        reading, count = GovernanceRows(session), 0
        for records in _chunks(journal.after(source.last_seq)):
            for record in records:
                reading.read(record)
            count += len(records)
            with self._engine.begin() as db:
                _write(db, session, reading.take())
                _note(db, session, journal.layer, _Source(*journal.mark(records[-1])))
        return count


@dataclass(frozen=True, slots=True)
class _Journal:
    """A journal that is followed."""

    reader: JournalReader
    layer: str

    def layouts(self, seq: int) -> dict[str, tuple[tuple[str, str], ...]]:
        return layouts_at(self.reader.headers, seq)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the names of the accounts whose journal it is."""
        return self.reader.headers[0].identity.accounts if self.reader.headers else ()

    def after(self, seq: int) -> Iterator[Record]:
        """Hand out the records behind a sequence."""
        if self.reader.headers:
            yield from self.reader.records(seq + 1)

    def goes_on_from(self, source: _Source) -> bool:
        """Say whether the last record that was read still is what it was, expired or not."""
        if source.last_seq == 0:
            return True
        if not self.reader.headers:
            return False
        for record in self.reader.records(source.last_seq):
            return _digest(record, source.last_seq) == source.digest
        return False

    @staticmethod
    def mark(record: Record) -> tuple[int, str]:
        """Return sequence and digest of the last one that a record stands for."""
        last_seq = record.seq + record.count - 1
        return last_seq, _digest(record, last_seq)


def _digest(record: Record, seq: int) -> str:
    """Return the digest of a payload as the journal's chain has it."""
    if record.kind == RecordKind.EXPIRED:
        at = (seq - record.seq) * DIGEST_BYTES
        return record.body[at : at + DIGEST_BYTES].hex()
    return sha256(encode_payload(record.kind, record.seq, record.body, record.schema)).hexdigest()


def _understood(reading: ExecutionRows, record: Record, journal: _Journal) -> bool:
    """Read a record; say whether its body is one of today's form."""
    try:
        reading.read(record, journal.layouts(record.seq))
    except (JournalError, struct.error, LookupError, TypeError, ValueError):
        return False
    return True


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _BATCH_RECORDS)):
        yield chunk


def _set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - a connection of the driver
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sources(db: Connection, session: str) -> dict[str, _Source]:
    known = BY_NAME["sources"]
    rows = db.execute(select(known).where(known.c.session == session))
    return {row.layer: _Source(row.last_seq, row.digest, row.now_ns, row.wanted) for row in rows}


def _forget(db: Connection, session: str) -> None:
    for table in reversed(TABLES):
        db.execute(delete(table).where(table.c.session == session))


def _begin(db: Connection, session: str, journal: _Journal) -> None:
    headers = journal.reader.headers
    row = {
        "session": session,
        "accounts": json.dumps(journal.accounts),
        "began_ns": headers[0].created_ns if headers else 0,
        "writer": headers[0].writer if headers else "",
    }
    db.execute(insert(BY_NAME["sessions"]), row)


def _write(db: Connection, session: str, made: Mapping[str, list[Row]]) -> None:
    for name, rows in made.items():
        table = BY_NAME[name]
        if name in REPLACED:
            db.execute(delete(table).where(table.c.session == session))
        db.execute(insert(table), rows)


def _write_orders(db: Connection, session: str, reading: ExecutionRows) -> None:
    orders = BY_NAME["orders"]
    changed, reading.touched = sorted(reading.touched), set()
    for cid in changed:
        db.execute(delete(orders).where(orders.c.session == session, orders.c.cid == cid))
    if changed:
        db.execute(insert(orders), [reading.orders[cid] for cid in changed])


def _note(db: Connection, session: str, layer: str, source: _Source) -> None:
    sources = BY_NAME["sources"]
    db.execute(delete(sources).where(sources.c.session == session, sources.c.layer == layer))
    db.execute(insert(sources), {"session": session, "layer": layer, **asdict(source)})


def _orders(db: Connection, session: str) -> dict[int, Row]:
    orders = BY_NAME["orders"]
    return {
        row.cid: dict(row._mapping) for row in db.execute(select(orders).where(orders.c.session == session))
    }


def _boot(db: Connection, session: str) -> Boot | None:
    """Return of the newest start what later records are read with, None before the first."""

    def rows(name: str) -> list[Any]:
        table = BY_NAME[name]
        ordered = select(table).where(table.c.session == session).order_by(*table.primary_key.columns)
        return list(db.execute(ordered))

    boots = rows("boots")
    if not boots:
        return None
    last = boots[-1]
    return Boot(
        last.process, last.version, last.code_hash, last.config_hash, last.data_hash, last.config,
        [Instrument(row.symbol, row.tick, row.lot, row.currency, row.scale) for row in rows("instruments")],
        [
            (row.label, tuple(json.loads(row.signals)), tuple(json.loads(row.tags)))
            for row in rows("strategies")
        ],
        [(row.strategy, row.instrument) for row in rows("contexts")],
        0,
    )  # fmt: skip
