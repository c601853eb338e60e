"""DuckDB's door: Parquet and delimited text to NumPy columns and back.

DuckDB is imported on first use, because the command line must start without it. Each piece of work has a cursor
of its own; extensions are never fetched, times are UTC.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewind.config.files import writing
from tradewind.errors import DataUnfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

__all__ = [
    "Columns",
    "fetch_columns",
    "literal_path",
    "quote_name",
    "quote_text",
    "read_parquet",
    "session",
    "write_parquet",
]

Columns = dict[str, NDArray[np.generic]]
"""Columns of one length, by name."""


_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "preserve_insertion_order": "true",
}


@contextmanager
def session(where: str) -> Iterator[DuckDBPyConnection]:
    """Open a cursor for one piece of work; errors of DuckDB become DATA_CORRUPT at `where`."""
    import duckdb

    cursor = _instance(os.getpid()).cursor()
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        yield cursor
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise DataUnfit("DATA_CORRUPT", f"the file cannot be read: {reason}", where=where) from error
    finally:
        cursor.close()


@lru_cache(maxsize=1)
def _instance(process: int) -> DuckDBPyConnection:
    """Return the process's database in memory; a forked child must not use the threads of its parent's."""
    import duckdb

    return duckdb.connect(":memory:", config=dict(_SETTINGS))


def quote_name(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def literal_path(path: Path) -> str:
    """Return a path whose brackets and stars name themselves instead of a pattern of files."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def fetch_columns(connection: DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> Columns:
    """Run a query and return its columns; NULL in a number becomes NaN.

    Raises DATA_CORRUPT (through `session`) where DuckDB cannot read what the query names.
    """
    found = connection.execute(query, list(parameters)).fetchnumpy()
    return {name: _unmask(column) for name, column in found.items()}


def _unmask(column: NDArray[np.generic]) -> NDArray[np.generic]:
    if not isinstance(column, np.ma.MaskedArray):
        return column
    if column.dtype.kind not in "iuf" or not np.ma.is_masked(column):
        return np.asarray(column.data)
    return np.where(np.ma.getmaskarray(column), np.nan, np.asarray(column.data).astype(np.float64))


def read_parquet(paths: Sequence[Path], names: Sequence[str]) -> Columns:
    """Return these columns of Parquet files, one after another, in the order of the rows."""
    chosen = ", ".join(quote_name(name) for name in names)
    with session(str(paths[0]) if paths else "") as connection:
        query = f"SELECT {chosen} FROM read_parquet(?)"
        return fetch_columns(connection, query, [[literal_path(path) for path in paths]])


def write_parquet(path: Path, columns: Columns) -> None:
    """Write columns of one length to a Parquet file (zstd); the caller makes it durable and visible.

    Raises `PathError` (PATH_DENIED, PATH_INVALID) and `DataUnavailable` (DISK_FULL) where it cannot be written.
    """
    import duckdb

    with writing(path), session(str(path)) as connection:
        connection.register("columns", columns)
        target = quote_text(str(path))
        try:
            connection.execute(f"COPY (SELECT * FROM columns) TO {target} (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.IOException as error:
            raise _refusal_in(str(error), path) from error


def _refusal_in(text: str, path: Path) -> OSError:
    """Return what the system refused, of the words in which DuckDB wraps it: by its number, else by its own words."""
    number = re.search(r'"errno":"(\d+)"', text)
    said = [code for code in errno.errorcode if text.rstrip().endswith(os.strerror(code))]
    code = int(number[1]) if number else next(iter(said), errno.EIO)
    return OSError(code, os.strerror(code), str(path))
