"""Records that were fetched and could not be stored: kept beside the store until the same series is asked for again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tradewind.config.files import writing
from tradewind.errors import DataUnfit
from tradewind.market.bars import Series, series_class
from tradewind.market.tables import read_parquet, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tradewind.market.store import SeriesKey

__all__ = ["keep_series", "kept_series"]

_FOLDER = ".fetched"


def keep_series(root: Path, key: SeriesKey, series: Series) -> None:
    """Write records beside the store of this folder, for `kept_series`. Raises PATH_DENIED, PATH_INVALID, DISK_FULL."""
    path = root / _FOLDER / key.folder / f"{int(series.ts_ns[0])}-{os.getpid()}.parquet"
    partial = path.with_suffix(".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_parquet(partial, series.columns())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def kept_series(root: Path, key: SeriesKey) -> Iterator[tuple[Path, Series]]:
    """Yield each part of a series that is kept, and its file, which whoever stores the part removes.

    A part that cannot be read is removed: the venue still has it.
    """
    cls = series_class(key.kind)
    for path in sorted((root / _FOLDER / key.folder).glob("*.parquet")):
        try:
            series = cls.from_columns(read_parquet([path], cls.names()), key.interval_ns)
        except DataUnfit:
            path.unlink(missing_ok=True)
            continue
        yield path, series
