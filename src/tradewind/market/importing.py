"""Importing history: a file is understood whole, checked, joined to what is known, or refused with nothing written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradewind.config.problems import did_you_mean
from tradewind.config.venue_defaults import VENUES
from tradewind.errors import ConfigError, DataUnfit, UsageError
from tradewind.market.bars import Series, series_class
from tradewind.market.filenames import NameClaims, claims_of, plain_symbol
from tradewind.market.grid import confirm_interval, infer_interval, to_nanoseconds
from tradewind.market.manifest import SourceEntry, file_hash
from tradewind.market.overlap import differing_rows
from tradewind.market.quality import hard_defects
from tradewind.market.readers import RawTable, read_table
from tradewind.market.store import Progress, SeriesKey, Store, ignore_progress
from tradewind.units.time import MINUTE_NS, SECOND_NS, format_interval, format_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tradewind.market.bars import Instants

__all__ = ["ImportRequest", "ImportResult", "ImportedSeries", "ParsedSeries", "import_file", "parse_file"]

_FUNDING_JITTER_NS = 10 * SECOND_NS
"""Settlements fall on full minutes; venues stamp them up to a second late."""


_SYMBOL = re.compile(r"@?[^\W_](?:[\w.,$@-]|[/:](?=\w))*")
"""Letters and digits of any script; the signs are those of BTC-USDT-SWAP, BTCUSD_PERP, BTC/USD:BTC, @107, PI_XBTUSD."""
_SYMBOL_MAX = 64


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the caller states about a file; None where the file is to say it.

    now_ns: time of importing, noted as provenance; bars that end after it are unfinished and left out.
    """

    now_ns: int
    venue: str | None = None
    symbol: str | None = None
    kind: str | None = None
    interval_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedSeries:
    """One series of a file, ordered and without duplicates, with notes on what was done to it."""

    key: SeriesKey
    series: Series
    rows_read: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportedSeries:
    """What one import did to one series of the store."""

    key: SeriesKey
    rows_read: int
    rows_added: int
    rows_known: int
    first_ns: int
    last_ns: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What one file gave: its series, and the columns nobody asked for."""

    path: Path
    series: tuple[ImportedSeries, ...]
    ignored_columns: tuple[str, ...] = ()


def import_file(
    store: Store, paths: Path | Sequence[Path], request: ImportRequest, progress: Progress = ignore_progress
) -> ImportResult:
    """Add the history of one file (or of day files that belong together) to the store.

    Idempotent: what is known already and agrees is counted and left. All series of a file appear, or none.
    Raises a `DataUnfit` that says what and where for anything else than sound history: see `parse_file` and
    `Store.merge_all`.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    table, parsed = _parse(files, request)
    for part in parsed:
        _refuse_hard(part, str(files[0]))
    name = files[0].name if len(files) == 1 else f"{files[0].name} … {files[-1].name}"
    notes = tuple(dict.fromkeys(note for part in parsed for note in part.notes))
    digest = file_hash(files[0]) if len(files) == 1 else ""
    source = SourceEntry(name=name, sha256=digest, imported_ns=request.now_ns, notes=notes)
    counts = store.merge_all([(p.key, p.series) for p in parsed], source, progress)
    imported = [
        ImportedSeries(
            p.key, p.rows_read, c.added, c.known, int(p.series.ts_ns[0]), int(p.series.ts_ns[-1]), p.notes
        )
        for p, c in zip(parsed, counts, strict=True)
    ]
    return ImportResult(files[0], tuple(imported), table.ignored)


def parse_file(path: Path, request: ImportRequest) -> tuple[ParsedSeries, ...]:
    """Return the series of a file as they are, without touching a store.

    Raises DATA_SYMBOL, SYMBOL_UNKNOWN, DATA_SCHEMA, DATA_TIME_UNIT, DATA_TIMEFRAME, DATA_CONFLICT, DATA_EMPTY,
    DATA_CORRUPT where the file cannot be understood at all.
    """
    return _parse([path], request)[1]


def _parse(files: list[Path], request: ImportRequest) -> tuple[RawTable, tuple[ParsedSeries, ...]]:
    claims = claims_of(files[0])
    where = str(files[0])
    table = read_table(files, request.kind or claims.kind)
    interval_ns = _interval(claims, request, where)
    owners = _parts(table, claims, request, where)
    return table, tuple(_parse_part(table, owner, interval_ns, request.now_ns, where) for owner in owners)


# ---------------------------------------------------------------------------- whose records


def _parts(
    table: RawTable, claims: NameClaims, request: ImportRequest, where: str
) -> list[tuple[str, str, slice | NDArray[np.intp]]]:
    """Return venue, symbol and rows of each series of a table that was asked for, in order of their names."""
    venues = _owners(table.labels.get("venue"), claims.venue, request.venue, "venue", where)
    symbols = _owners(table.labels.get("symbol"), claims.symbol, request.symbol, "symbol", where)
    if isinstance(venues, str) and isinstance(symbols, str):
        return [(_known_venue(venues, where), _sound_symbol(symbols, where), slice(None))]
    rows = len(table)
    venue_names, venue_codes = _coded(venues, rows)
    symbol_names, symbol_codes = _coded(symbols, rows)
    codes = venue_codes * len(symbol_names) + symbol_codes
    found: list[tuple[str, str, slice | NDArray[np.intp]]] = []
    for code in np.unique(codes[(venue_codes >= 0) & (symbol_codes >= 0)]).tolist():
        venue, symbol = venue_names[code // len(symbol_names)], symbol_names[code % len(symbol_names)]
        rows_of_it = np.flatnonzero(codes == code)
        found.append((_known_venue(venue, where), _sound_symbol(symbol, where), rows_of_it))
    return found


def _known_venue(venue: str, where: str) -> str:
    """Return a venue's name if it is one. Raises EXCHANGE_UNKNOWN with the nearest name."""
    if venue in VENUES:
        return venue
    guess = did_you_mean(venue, tuple(VENUES))
    raise ConfigError(
        "EXCHANGE_UNKNOWN", f"no venue is called {venue!r}", where=where, hint=guess, known=tuple(VENUES)
    )


def _sound_symbol(symbol: str, where: str) -> str:
    """Return a symbol that a venue could have. Raises SYMBOL_UNKNOWN: it becomes a name in files and folders."""
    if len(symbol) <= _SYMBOL_MAX and _SYMBOL.fullmatch(symbol):
        return symbol
    raise ConfigError(
        "SYMBOL_UNKNOWN",
        f"{symbol[:_SYMBOL_MAX]!r} is not how a venue writes a symbol",
        where=where,
        key="symbol",
        hint="symbols are letters and digits with - _ . / : between them, such as BTCUSDT or BTC-USDT-SWAP",
    )


def _coded(owners: str | Owners, rows: int) -> tuple[list[str], NDArray[np.intp]]:
    if isinstance(owners, str):
        return [owners], np.zeros(rows, dtype=np.intp)
    return owners.names, owners.codes


@dataclass(frozen=True, slots=True)
class Owners:
    """Names that a column holds, and for each row which of them; -1 where it was not asked for."""

    names: list[str]
    codes: NDArray[np.intp]


def _owners(
    column: NDArray[np.generic] | None, claimed: str | None, asked: str | None, what: str, where: str
) -> str | Owners:
    """Return the one venue or symbol of a file, or which row has which. Raises DATA_SYMBOL, USAGE."""
    if column is None:
        _refuse_contradiction(asked, claimed, what, "the file's name says", where)
        name = asked or claimed
        if name is None:
            message = f"the file does not say which {what} it belongs to"
            raise UsageError("USAGE", message, where=where, hint=f"add --{what}")
        return name
    values, codes = np.unique(column.astype(str), return_inverse=True)
    names = [str(value) for value in values]
    if len(names) == 1:
        _refuse_contradiction(claimed, names[0], what, "its rows say", where)
        _refuse_contradiction(asked, names[0], what, "its rows say", where)
        return asked or names[0]
    if asked is None:
        return Owners(names, codes)
    chosen = next((n for n, name in enumerate(names) if _same_name(asked, name, what)), None)
    if chosen is None:
        _refuse_contradiction(asked, ", ".join(names[:8]), what, "its rows say", where)
    return Owners([asked], np.where(codes == chosen, 0, -1))


def _same_name(one: str, other: str, what: str) -> bool:
    """Return whether two spellings mean one owner; a short venue name covers its markets: binance, binance_usdm."""
    if what == "symbol":
        return plain_symbol(one) == plain_symbol(other)
    return one == other or one.startswith(other + "_") or other.startswith(one + "_")


def _refuse_contradiction(stated: str | None, found: str | None, what: str, source: str, where: str) -> None:
    if stated is not None and found is not None and not _same_name(stated, found, what):
        raise DataUnfit("DATA_SYMBOL", f"{what} {stated} is stated, but {source} {found}", where=where)


# ---------------------------------------------------------------------------- one series


def _parse_part(
    table: RawTable,
    owner: tuple[str, str, slice | NDArray[np.intp]],
    interval_ns: int | None,
    now_ns: int,
    where: str,
) -> ParsedSeries:
    venue, symbol, rows = owner
    columns = {name: column[rows] for name, column in table.columns.items()}
    place = where if not table.labels else f"{where} ({venue} {symbol})"
    ts_ns, unit = to_nanoseconds(columns.pop("ts"), place)
    notes = [*table.notes, f"times in {unit}"] if unit != "ns" else list(table.notes)
    cls = series_class(table.kind)
    if table.kind == "funding":
        ts_ns = _settle(ts_ns, notes)
    series, order_notes = _in_order(cls.from_columns({"ts_ns": ts_ns, **columns}, MINUTE_NS), place)
    notes += order_notes
    spacing = 0
    if cls.SPACED:
        spacing = interval_ns or infer_interval(series.ts_ns, place)
        confirm_interval(series.ts_ns, spacing, place)
        series = cls.from_columns(series.columns(), spacing)
    series = _without_unfinished(series, now_ns, notes, place)
    return ParsedSeries(SeriesKey(venue, table.kind, symbol, spacing), series, len(ts_ns), tuple(notes))


def _settle(ts_ns: Instants, notes: list[str]) -> Instants:
    """Return settlement times on the full minute where they miss it by the jitter of the venue's clock only."""
    minute = (ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
    late = np.abs(ts_ns - minute)
    jitter = (late > 0) & (late <= _FUNDING_JITTER_NS)
    if jitter.any():
        worst = int(late[jitter].max()) // 1_000_000
        notes.append(
            f"{int(jitter.sum())} settlement times were up to {worst} ms off the minute and were rounded"
        )
    return np.where(jitter, minute, ts_ns)


def _in_order(series: Series, where: str) -> tuple[Series, list[str]]:
    """Return records by ascending time, each time once. Raises DATA_CONFLICT where equal times differ."""
    notes = []
    if len(series) > 1 and (np.diff(series.ts_ns) < 0).any():
        moved = int((np.diff(series.ts_ns) < 0).sum())
        series = series.take(np.argsort(series.ts_ns, kind="stable"))
        notes.append(f"the file was not in order of time ({moved} steps back) and was sorted")
    again = np.flatnonzero(np.diff(series.ts_ns) == 0)
    if len(again):
        _refuse_different_twins(series, again, where)
        notes.append(f"{len(again)} repeated records were left out")
        series = series.take(np.r_[True, np.diff(series.ts_ns) != 0])
    return series, notes


def _refuse_different_twins(series: Series, rows: NDArray[np.intp], where: str) -> None:
    different = differing_rows(series.take(rows), series.take(rows + 1))
    if len(different):
        at = format_utc(int(series.ts_ns[rows[different[0]]]))
        code = "FUNDING_CONFLICT" if series.KIND == "funding" else "DATA_CONFLICT"
        message = f"{len(different)} times are there twice with different values, first {at}"
        raise DataUnfit(code, message, where=where)


def _without_unfinished(series: Series, now_ns: int, notes: list[str], where: str) -> Series:
    """Leave out what has not ended yet; refuse what begins after now. Raises DATA_FUTURE, DATA_EMPTY."""
    begins_later = int((series.ts_ns > now_ns).sum())
    if begins_later:
        last = format_utc(int(series.ts_ns[-1]))
        message = f"{begins_later} records lie after now ({format_utc(now_ns)}), the last at {last}"
        raise DataUnfit("DATA_FUTURE", message, where=where)
    ended = series.ts_ns + series.spacing_ns <= now_ns
    if ended.all():
        return series
    if not ended.any():
        raise DataUnfit("DATA_EMPTY", "no record of the file has ended yet", where=where)
    notes.append(f"{int((~ended).sum())} unfinished bar at the end was left out")
    return series.take(slice(0, int(ended.sum())))


def _interval(claims: NameClaims, request: ImportRequest, where: str) -> int | None:
    """Return the interval that is stated. Raises DATA_TIMEFRAME where caller and file name disagree."""
    asked, claimed = request.interval_ns, claims.interval_ns
    if asked is not None and claimed is not None and asked != claimed:
        message = f"{format_interval(asked)} is stated, but the file's name says {format_interval(claimed)}"
        raise DataUnfit("DATA_TIMEFRAME", message, where=where)
    return asked or claimed


def _refuse_hard(part: ParsedSeries, where: str) -> None:
    """Raise the first defect that makes records meaningless, with all of its kind counted."""
    hard = hard_defects(part.series)
    if hard:
        same = [d for d in hard if d.kind == hard[0].kind]
        count = sum(d.count for d in same)
        at = format_utc(hard[0].ts_ns)
        raise DataUnfit(hard[0].code, f"{count} records: first at {at}, {hard[0].detail}", where=where)
