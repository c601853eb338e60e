"""The history store: Parquet by venue, kind, symbol and month, under one manifest of hashes.

Layout of the folder::

    manifest.json                                    what is here, hash of every file, where it came from
    binance_usdm/bars_1m/BTCUSDT/2025-05-3f9a….parquet
    instruments.json                                 rules of venues, where imported

A file is never changed: a month that grows is written again under a name that holds its hash, and the manifest,
renamed into place last, says which name counts. A crash therefore leaves the old history or the new one, never
a mixture. Readers need no lock; writers hold one, and who holds it is shown to whoever waits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec
import numpy as np

from tradewind.config.files import lock
from tradewind.errors import DataMissing, DataUnfit, PathError
from tradewind.market.bars import KINDS, Bars, Funding, Mark, OpenInterest, Series, series_class
from tradewind.market.manifest import FileEntry, Manifest, SeriesEntry, SourceEntry, Verified, file_hash
from tradewind.market.overlap import MergeCount, merge_series
from tradewind.market.tables import read_parquet, write_parquet
from tradewind.units.time import format_interval, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["PATIENCE_S", "Progress", "SeriesInfo", "SeriesKey", "Store", "ignore_progress"]

Progress = Callable[[int, int], None]
"""Told how many records of how many are done."""

PATIENCE_S = 60.0
"""So long another process's write into the store is waited for; a month of minutes takes a second."""

_S = TypeVar("_S", bound=Series)


def ignore_progress(done: int, total: int) -> None:
    """Take no notice of how far a long piece of work is."""


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Which history: venue, kind, symbol and, for bars and mark prices, the interval in ns (else 0)."""

    venue: str
    kind: str
    symbol: str
    interval_ns: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of history: {self.kind}")
        if bool(self.interval_ns) != series_class(self.kind).SPACED:
            raise ValueError(f"'{self.kind}' with interval {self.interval_ns}")

    @property
    def folder(self) -> str:
        """Return the folder below the store; characters that paths cannot carry are percent-encoded."""
        suffix = f"_{format_interval(self.interval_ns)}" if self.interval_ns else ""
        return f"{_as_path(self.venue)}/{self.kind}{suffix}/{_as_path(self.symbol)}"

    def __str__(self) -> str:
        interval = f" {format_interval(self.interval_ns)}" if self.interval_ns else ""
        return f"{self.venue} {self.symbol} {self.kind}{interval}"


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """What the store knows of one series without opening a file."""

    key: SeriesKey
    rows: int
    first_ns: int
    last_ns: int
    files: tuple[FileEntry, ...]
    sources: tuple[SourceEntry, ...]


class Store:
    """The history below one folder; the folder appears with the first import."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # ------------------------------------------------------------------ reading

    def read_bars(
        self,
        venue: str,
        symbol: str,
        interval_ns: int,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> Bars:
        """Return the bars that open in [start_ns, end_ns); None leaves a side open.

        Raises DATA_MISSING where nothing of that is here, DATA_HASH where a file is not the imported one.
        """
        return self._typed(Bars, SeriesKey(venue, "bars", symbol, interval_ns), start_ns, end_ns)

    def read_mark(
        self,
        venue: str,
        symbol: str,
        interval_ns: int,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> Mark:
        """Return the mark prices that open in [start_ns, end_ns). Raises like `read_bars`."""
        return self._typed(Mark, SeriesKey(venue, "mark", symbol, interval_ns), start_ns, end_ns)

    def read_funding(
        self, venue: str, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> Funding:
        """Return the settlements in [start_ns, end_ns). Raises like `read_bars`."""
        return self._typed(Funding, SeriesKey(venue, "funding", symbol), start_ns, end_ns)

    def read_open_interest(
        self, venue: str, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> OpenInterest:
        """Return the open interest in [start_ns, end_ns). Raises like `read_bars`."""
        return self._typed(OpenInterest, SeriesKey(venue, "open_interest", symbol), start_ns, end_ns)

    def read(self, key: SeriesKey, start_ns: int | None = None, end_ns: int | None = None) -> Series:
        """Return any series of the store in [start_ns, end_ns). Raises like `read_bars`."""
        info = self.show(key)
        wanted = [f for f in info.files if _overlaps(f, start_ns, end_ns)]
        found = self._load(key, wanted).between(start_ns, end_ns)
        if not len(found):
            raise DataMissing(
                "DATA_MISSING",
                f"nothing between {_side(start_ns)} and {_side(end_ns)}; "
                f"there is {format_utc(info.first_ns)} to {format_utc(info.last_ns)}",
                where=str(key),
            )
        return found

    def _typed(self, cls: type[_S], key: SeriesKey, start_ns: int | None, end_ns: int | None) -> _S:
        found = self.read(key, start_ns, end_ns)
        assert isinstance(found, cls)
        return found

    def _load(self, key: SeriesKey, files: Iterable[FileEntry]) -> Series:
        cls = series_class(key.kind)
        paths = [self.root / key.folder / entry.name for entry in files]
        if not paths:
            return cls.empty(key.interval_ns)
        return cls.from_columns(read_parquet(paths, cls.names()), key.interval_ns)

    # ------------------------------------------------------------------ looking

    def list(self) -> tuple[SeriesInfo, ...]:
        """Return every series, sorted by venue, kind, symbol and interval; no history file is opened."""
        return tuple(
            sorted((_info(entry) for entry in self._manifest().series.values()), key=lambda i: i.key)
        )

    def show(self, key: SeriesKey) -> SeriesInfo:
        """Return what is known of one series; its files are the imported ones (hashes checked once per version).

        Raises DATA_MISSING for a series that is not here, DATA_HASH for a file that was changed.
        """
        entry = self._manifest().series.get(key.folder)
        if entry is None:
            raise self._missing(key)
        self._verify(key, entry)
        return _info(entry)

    def intervals(self, venue: str, symbol: str, kind: str = "bars") -> tuple[int, ...]:
        """Return the intervals in ns in which bars (or mark prices) of a symbol are here, finest first."""
        found = (i.key for i in self.list())
        return tuple(
            sorted(k.interval_ns for k in found if (k.venue, k.symbol, k.kind) == (venue, symbol, kind))
        )

    def _missing(self, key: SeriesKey) -> DataMissing:
        near = [str(i.key) for i in self.list() if i.key.symbol == key.symbol or i.key.venue == key.venue]
        hint = f"the store holds: {'; '.join(near[:8])}" if near else ""
        return DataMissing("DATA_MISSING", "no such history in the store", where=str(key), hint=hint)

    def _manifest(self) -> Manifest:
        return Manifest.load(self.root / "manifest.json")

    def _verify(self, key: SeriesKey, entry: SeriesEntry) -> None:
        """Compare each file with its hash unless this very file version passed before."""
        verified = Verified.load(self.root / ".verified.json")
        for file in entry.files:
            verified.check(self.root / key.folder / file.name, file.sha256, f"{key.folder}/{file.name}")
        verified.save()

    # ------------------------------------------------------------------ writing

    def merge(
        self, key: SeriesKey, series: Series, source: SourceEntry, *, wait_s: float = PATIENCE_S
    ) -> MergeCount:
        """Add records; what is here already must agree. Returns how many were new and how many were known.

        Raises DATA_CONFLICT (nothing is written) where a record of the same time differs, LOCKED where another
        process still writes here after so many seconds.
        """
        return self.merge_all([(key, series)], source, wait_s=wait_s)[0]

    def merge_all(
        self,
        parts: Sequence[tuple[SeriesKey, Series]],
        source: SourceEntry,
        progress: Progress = ignore_progress,
        *,
        wait_s: float = PATIENCE_S,
    ) -> tuple[MergeCount, ...]:
        """Add several series at once: all of them appear, or none does. Raises like `merge`."""
        self.root.mkdir(parents=True, exist_ok=True)
        with lock(self.root / ".lock", "data import", wait_s=wait_s):
            writer = _Writer(self.root, self._manifest())
            try:
                counts = []
                advance = _Advance(progress, sum(len(series) for _, series in parts))
                for key, series in parts:
                    counts.append(self._stage(writer, key, series, source, advance))
                writer.commit()
            finally:
                writer.discard()
        return tuple(counts)

    def _stage(
        self, writer: _Writer, key: SeriesKey, series: Series, source: SourceEntry, advance: _Advance
    ) -> MergeCount:
        entry = writer.manifest.series.get(key.folder)
        if entry is not None:
            self._verify(key, entry)
        total = MergeCount(0, 0)
        for month, part in _by_month(series):
            files = [f for f in entry.files if f.month == month] if entry else []
            merged, count = merge_series(self._load(key, files), part, str(key))
            total = total + count
            if count.added or count.completed:
                writer.stage(key, month, merged)
            advance(len(part))
        writer.note_source(key, source, len(series), total.added + total.completed)
        return total


class _Advance:
    """Counts the records that are done for whoever shows progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        progress(0, total)

    def __call__(self, records: int) -> None:
        self._done += records
        self._progress(self._done, self._total)


class _Writer:
    """The files of one import: written beside the store's own, made visible together, or discarded."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._staged: list[tuple[Path, Path]] = []
        self._before = {folder: {f.name for f in entry.files} for folder, entry in manifest.series.items()}

    def stage(self, key: SeriesKey, month: str, series: Series) -> None:
        """Write a month under a temporary name and enter it into the manifest in memory."""
        folder = self.root / key.folder
        temporary = folder / f".{month}.{os.getpid()}.tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PathError(
                "PATH_DENIED", f"cannot be written: {error.strerror}", where=str(folder)
            ) from error
        self._staged.append((temporary, temporary))
        write_parquet(temporary, series.columns())
        _sync(temporary)
        digest = file_hash(temporary)
        file = FileEntry(
            name=f"{month}-{digest[:12]}.parquet",
            month=month,
            rows=len(series),
            first_ns=int(series.ts_ns[0]),
            last_ns=int(series.ts_ns[-1]),
            size=temporary.stat().st_size,
            sha256=digest,
        )
        self._staged[-1] = (temporary, folder / file.name)
        self._enter(key, file)

    def _enter(self, key: SeriesKey, file: FileEntry) -> None:
        entry = self._entry(key)
        kept = tuple(f for f in entry.files if f.month != file.month)
        files = tuple(sorted((*kept, file), key=lambda f: f.month))
        self.manifest.series[key.folder] = msgspec.structs.replace(entry, files=files)

    def _entry(self, key: SeriesKey) -> SeriesEntry:
        known = self.manifest.series.get(key.folder)
        return (
            known
            if known is not None
            else SeriesEntry(venue=key.venue, kind=key.kind, symbol=key.symbol, interval_ns=key.interval_ns)
        )

    def note_source(self, key: SeriesKey, source: SourceEntry, rows_read: int, rows_added: int) -> None:
        """Enter where records came from; a file that brought nothing new leaves no trace."""
        if not rows_added:
            return
        entry = self._entry(key)
        noted = msgspec.structs.replace(source, rows_read=rows_read, rows_added=rows_added)
        self.manifest.series[key.folder] = msgspec.structs.replace(entry, sources=(*entry.sources, noted))

    def commit(self) -> None:
        """Give the files their names, then the manifest its own: the moment at which the import has happened.

        Replaced files stay until the next import of their series, for readers that hold the manifest before.
        """
        if not self._staged:
            return
        self._sweep()
        for temporary, target in self._staged:
            temporary.replace(target)
        for folder in sorted({target.parent for _, target in self._staged}):
            _sync(folder)
        self.manifest.save(self.root / "manifest.json")

    def _sweep(self) -> None:
        """Remove what the manifest did not name before this import: replaced files, leftovers of a crash."""
        staged = {temporary for temporary, _ in self._staged}
        for folder in sorted({target.parent for _, target in self._staged}):
            named = self._before.get(folder.relative_to(self.root).as_posix(), set())
            for path in folder.iterdir():
                if path.name not in named and path not in staged:
                    path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove temporary files that were not given a name."""
        for temporary, _ in self._staged:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, lie on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _by_month(series: Series) -> Iterator[tuple[str, Series]]:
    """Yield the months (UTC) of a series that ascends, as views, with names like 2025-05."""
    months = series.ts_ns.astype("datetime64[ns]").astype("datetime64[M]")
    starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]]) if len(series) else np.empty(0, np.intp)
    for first, last in zip(starts, [*starts[1:], len(series)], strict=True):
        yield str(months[first]), series.take(slice(int(first), int(last)))


def _info(entry: SeriesEntry) -> SeriesInfo:
    key = SeriesKey(entry.venue, entry.kind, entry.symbol, entry.interval_ns)
    first, last = entry.files[0].first_ns, entry.files[-1].last_ns
    rows = sum(f.rows for f in entry.files)
    return SeriesInfo(key, rows, first, last, entry.files, entry.sources)


def _overlaps(file: FileEntry, start_ns: int | None, end_ns: int | None) -> bool:
    return (start_ns is None or file.last_ns >= start_ns) and (end_ns is None or file.first_ns < end_ns)


def _side(ts_ns: int | None) -> str:
    return "an open end" if ts_ns is None else format_utc(ts_ns)


def _as_path(name: str) -> str:
    """Return a name as one part of a path. Raises DATA_SYMBOL where it cannot be one."""
    part = quote(name, safe="")
    if not name.strip(". ") or len(part) > 120:
        raise DataUnfit("DATA_SYMBOL", f"{name!r} cannot name a venue or a symbol")
    return part
