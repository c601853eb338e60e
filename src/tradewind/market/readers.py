"""Files of others as columns of numbers: Parquet, CSV (also gz, zip), feather, npy.

Every reader ends in the same DuckDB relation, so that a number, a time or a hole means the same in each format.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from tradewind.errors import ConfigError, DataUnfit, PathError
from tradewind.market.columns import FIELDS_OF_KIND, HEADERLESS, kind_of, map_columns
from tradewind.market.delimited import describe_text
from tradewind.market.tables import Columns, fetch_columns, literal_path, quote_name, quote_text, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

__all__ = ["FORMATS", "RawTable", "read_table"]

FORMATS = (".parquet", ".csv", ".csv.gz", ".txt", ".zip", ".feather", ".npy")
"""Endings of the files that can be imported."""

_MEMBER_BYTES_MAX = 4 << 30


@dataclass(frozen=True, slots=True)
class _Source:
    """SQL that reads a file, its columns with their SQL types, and what was noted about it."""

    relation: str
    types: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawTable:
    """The needed columns of one file, as they stand in it: times not yet scaled, rows not yet sorted.

    ts is int64 (a number, or ns where the file has dates), the fields float64, labels text.
    """

    kind: str
    columns: Columns
    labels: Columns
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.columns["ts"])


def read_table(paths: Sequence[Path], claimed_kind: str | None) -> RawTable:
    """Return the content of one file, or of several day files that belong together.

    Raises PATH_INVALID, PATH_DENIED, DATA_EMPTY, DATA_SCHEMA, DATA_CORRUPT, EXTRA_MISSING (feather).
    """
    where = str(paths[0])
    for path in paths:
        _require_file(path)
    with session(where) as connection, _relation(connection, paths) as source:
        fields = map_columns(list(source.types), where)
        kind = kind_of(fields, claimed_kind, list(source.types), where)
        return _fetch(connection, source, fields, kind, where)


def _require_file(path: Path) -> None:
    if "\0" in str(path) or not path.exists():
        raise PathError("PATH_INVALID", "no such file", where=str(path))
    if not path.is_file():
        raise PathError("PATH_INVALID", "this is not a file", where=str(path))
    try:
        with path.open("rb") as stream:
            first = stream.read(1)
    except PermissionError as error:
        raise PathError("PATH_DENIED", "the file may not be read", where=str(path)) from error
    if not first:
        raise DataUnfit("DATA_EMPTY", "the file is empty", where=str(path))


# ---------------------------------------------------------------------------- formats


@contextmanager
def _relation(connection: DuckDBPyConnection, paths: Sequence[Path]) -> Iterator[_Source]:
    """Yield how to read the file with SQL."""
    name = paths[0].name.lower()
    if name.endswith(".parquet"):
        yield _described(connection, f"read_parquet({quote_text(literal_path(paths[0]))})")
    elif name.endswith(".feather"):
        connection.register("arrow_columns", _read_feather(paths[0]))
        yield _described(connection, "arrow_columns")
    elif name.endswith(".npy"):
        connection.register("array_columns", _read_arrays(paths))
        yield _described(connection, "array_columns")
    elif name.endswith((".csv", ".txt", ".gz", ".zip")):
        with _plain_text(paths[0]) as text:
            layout = describe_text(text, str(paths[0]))
            yield _Source(layout.relation(), dict.fromkeys(layout.names, "VARCHAR"), layout.notes)
    else:
        raise PathError(
            "PATH_INVALID",
            "this ending is no known format.",
            where=str(paths[0]),
            known=FORMATS,
        )


def _described(connection: DuckDBPyConnection, relation: str) -> _Source:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return _Source(relation, {str(row[0]): str(row[1]) for row in rows}, ())


@contextmanager
def _plain_text(path: Path) -> Iterator[Path]:
    """Yield a path with the text of a file; of a compressed one, a temporary copy.

    Why: a damaged end of an archive must be found before anything is believed, and Python's readers check sums.
    """
    if not path.name.lower().endswith((".gz", ".zip")):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
        text = Path(folder) / "text"
        try:
            with text.open("wb") as target, _opened(path) as stream:
                shutil.copyfileobj(stream, target, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            offset = text.stat().st_size
            message = f"the archive is damaged after {offset} bytes of text: {error}"
            raise DataUnfit("DATA_CORRUPT", message, where=str(path)) from error
        yield text


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path, "rb") as unpacked:
            yield unpacked
        return
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX")]
        if len(members) != 1:
            raise DataUnfit(
                "DATA_SCHEMA", f"the archive holds {len(members)} files, not one", where=str(path)
            )
        if members[0].file_size > _MEMBER_BYTES_MAX:
            raise DataUnfit("DATA_SCHEMA", "the archive's content is larger than 4 GiB", where=str(path))
        with archive.open(members[0]) as stream:
            yield stream


def _read_feather(path: Path) -> object:
    """Return an Arrow table. Raises EXTRA_MISSING where pyarrow is not installed."""
    try:
        from pyarrow import ArrowException, feather
    except ImportError as error:
        raise ConfigError(
            "EXTRA_MISSING",
            "feather files need pyarrow",
            where=str(path),
            hint="pip install 'tradewind[arrow]', or convert the file to Parquet",
        ) from error
    try:
        table: object = feather.read_table(path)
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataUnfit("DATA_CORRUPT", f"the file cannot be read: {reason}", where=str(path)) from error
    return table


def _read_arrays(paths: Sequence[Path]) -> Columns:
    """Return NumPy files one after another: structured arrays by name, plain ones by the order of columns."""
    parts = [_read_array(path) for path in paths]
    if len({tuple(part) for part in parts}) > 1:
        raise DataUnfit("DATA_SCHEMA", "the day files have different columns", where=str(paths[0]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _read_array(path: Path) -> Columns:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataUnfit("DATA_CORRUPT", f"the file cannot be read: {error}", where=str(path)) from error
    if array.dtype.names:
        return {name: np.ascontiguousarray(array[name]) for name in array.dtype.names}
    width = array.shape[1] if array.ndim == 2 else 0
    if width not in HEADERLESS or array.dtype.kind not in "fiu":
        message = f"an array of shape {array.shape} and type {array.dtype} holds no bars"
        raise DataUnfit("DATA_SCHEMA", message, where=str(path))
    return {name: np.ascontiguousarray(array[:, n]) for n, name in enumerate(HEADERLESS[width])}


# ---------------------------------------------------------------------------- values


def _fetch(
    connection: DuckDBPyConnection, source: _Source, fields: dict[str, str], kind: str, where: str
) -> RawTable:
    relation, types, notes = source.relation, source.types, source.notes
    required, optional = FIELDS_OF_KIND[kind]
    wanted = [name for name in (*required, *optional) if name in fields]
    numbers = [name for name in wanted if name != "ts"]
    chosen = {name: _number_sql(fields[name], types[fields[name]]) for name in numbers}
    chosen["ts"] = _time_sql(connection, relation, fields["ts"], types[fields["ts"]])
    labels = [name for name in ("venue", "symbol") if name in fields]
    chosen.update({name: f"{quote_name(fields[name])}::VARCHAR" for name in labels})
    listed = ", ".join(f"{sql} AS {quote_name(name)}" for name, sql in chosen.items())
    found = fetch_columns(connection, f"SELECT {listed} FROM {relation}")
    if not len(found["ts"]):
        raise DataUnfit("DATA_EMPTY", "the file has no record", where=where)
    texts = {n: fields[n] for n in ("ts", *numbers) if types[fields[n]] == "VARCHAR"}
    _refuse_unreadable(connection, relation, found, texts, where)
    used = {fields[name] for name in (*wanted, *labels)}
    if any(types[fields[name]] == "FLOAT" for name in numbers):
        notes = (*notes, "numbers of 32 bits were read as their shortest decimals")
    ignored = tuple(name for name in types if name not in used and not name.startswith("extra_"))
    return RawTable(
        kind, {n: found[n] for n in ("ts", *numbers)}, {n: found[n] for n in labels}, ignored, notes
    )


def _number_sql(column: str, sql_type: str) -> str:
    """Return SQL for a float64; of a 32-bit number the shortest decimal that names it, as an exporter meant it."""
    name = quote_name(column)
    # Trimming also keeps DuckDB from converting while it reads, whose errors know a line but not the value.
    text = {"VARCHAR": f"trim({name})", "FLOAT": f"{name}::VARCHAR"}.get(sql_type, name)
    return f"TRY_CAST({text} AS DOUBLE)"


def _time_sql(connection: DuckDBPyConnection, relation: str, column: str, sql_type: str) -> str:
    """Return SQL for a time: a plain number as it is, a date as ns in UTC (a date without zone is UTC)."""
    name = quote_name(column)
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return f"epoch_ns(CAST({name} AS TIMESTAMP_NS))" if "ZONE" not in sql_type else f"epoch_ns({name})"
    if sql_type != "VARCHAR":
        return name if "INT" in sql_type else f"TRY_CAST({name} AS DOUBLE)"
    first = connection.execute(
        f"SELECT TRY_CAST({name} AS DOUBLE), {name} FROM {relation} LIMIT 1"
    ).fetchone()
    if first is None or first[0] is None:
        return f"epoch_ns(TRY_CAST(replace(trim({name}), ' UTC', '') AS TIMESTAMPTZ))"
    whole = "." not in str(first[1]) and "e" not in str(first[1]).lower()
    return f"TRY_CAST(trim({name}) AS {'BIGINT' if whole else 'DOUBLE'})"


def _refuse_unreadable(
    connection: DuckDBPyConnection, relation: str, found: Columns, texts: dict[str, str], where: str
) -> None:
    """Raise DATA_CORRUPT at the first text that is there and is no number (or no time)."""
    for field_name, column in texts.items():
        if not np.isnan(found[field_name].astype(np.float64)).any():
            continue
        rows = connection.execute(
            f"SELECT row, text FROM (SELECT row_number() OVER () AS row, trim({quote_name(column)}) AS text "
            f"FROM {relation}) WHERE text <> '' AND TRY_CAST(text AS DOUBLE) IS NULL "
            "AND TRY_CAST(replace(text, ' UTC', '') AS TIMESTAMPTZ) IS NULL ORDER BY row LIMIT 1"
        ).fetchall()
        if rows:
            row, text = rows[0]
            message = f"record {row}, column '{column}': {text!r} is no {'time' if field_name == 'ts' else 'number'}"
            raise DataUnfit("DATA_CORRUPT", message, where=where)
