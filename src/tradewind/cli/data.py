"""``tradewind data``: bring history in, look at it, and find what is wrong with it."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.generated import generate_into, market_spec
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import ConfigError, NotFound, PathError, TradewindError, UsageError

if TYPE_CHECKING:
    from tradewind.market import ImportRequest, ImportResult, SeriesInfo, SeriesKey, Store

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="History: import, generate, list, show.")

_KINDS = ("bars", "funding", "mark", "open_interest")
_VenueFlag = Annotated[str | None, typer.Option("--venue", metavar="V", help="Venue, such as binance_usdm.")]
_SymbolFlag = Annotated[str | None, typer.Option("--symbol", metavar="S", help="The venue's own symbol.")]
_KindFlag = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="|".join(_KINDS) + "; bars if not said.")
]
_BarsFlag = Annotated[str | None, typer.Option("--bars", metavar="1m", help="Length of a bar.")]


@app.command("import")
def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="Files, or folders of files.")],
    *,
    venue: _VenueFlag = None,
    symbol: _SymbolFlag = None,
    kind: _KindFlag = None,
    bars: _BarsFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Add files to the store: Parquet, CSV (also gz and zip), feather, npy. What the file says need not be said.

    Importing twice changes nothing; a file that contradicts the store is refused and nothing of it is written.

    Example: tradewind data import candles/BTCUSDT-1m-2024-01.zip --venue binance_usdm
    """
    from tradewind.market import Store

    say = Output(as_json)
    store = Store(open_workspace(workspace).data)
    request = _request(venue, symbol, kind, bars)
    found = _files(files)
    results: list[ImportResult] = []
    refused: list[TradewindError] = []
    with say.steps("importing") as steps:
        for place, path in enumerate(found):
            steps(place, len(found), f"importing {path.name}")
            _import_one(store, path, request, results, refused)
    _tell_imported(say, results, refused)


def _import_one(
    store: "Store",
    path: Path,
    request: "ImportRequest",
    results: "list[ImportResult]",
    refused: list[TradewindError],
) -> None:
    from tradewind.market import import_file

    try:
        results.append(import_file(store, path, request))
    except TradewindError as error:
        # One bad file among many must not keep the good ones out.
        refused.append(error)


def _tell_imported(say: Output, results: "list[ImportResult]", refused: list[TradewindError]) -> None:
    from tradewind.units.time import format_utc

    rows = [(result, series) for result in results for series in result.series]
    say.table(
        ("series", "rows", "new", "known", "from", "to"),
        [
            (s.key, s.rows_read, s.rows_added, s.rows_known, format_utc(s.first_ns), format_utc(s.last_ns))
            for _, s in rows
        ],
    )
    for result, series in rows:
        for text in series.notes:
            say.note(f"{result.path.name}: {series.key}: {text}")
    if refused:
        refused[0].also = (*refused[0].also, *refused[1:])
        say.note(f"{len(results)} files imported, {len(refused)} refused")
        raise refused[0]
    imported = [
        _key_fields(s.key) | {"rows": s.rows_read, "added": s.rows_added, "known": s.rows_known}
        for _, s in rows
    ]
    say.done({"imported": imported}, "tradewind data check")


def _request(venue: str | None, symbol: str | None, kind: str | None, bars: str | None) -> "ImportRequest":
    from tradewind.market import ImportRequest

    _require_kind(kind)
    return ImportRequest(
        now_ns=time.time_ns(),
        venue=venue,
        symbol=symbol,
        kind=kind,
        interval_ns=_interval_ns(bars) if bars else None,
    )


def _require_kind(kind: str | None) -> None:
    if kind is not None and kind not in _KINDS:
        raise UsageError("USAGE", f"{kind[:40]!r} is no kind of history.", where="--kind", known=_KINDS)


def _interval_ns(bars: str) -> int:
    from tradewind.units.time import INTERVALS, parse_interval

    try:
        return parse_interval(bars)
    except ValueError as error:
        raise ConfigError(
            "TIMEFRAME_INVALID", f"{bars[:40]!r} is no length of a bar.", where="--bars", known=INTERVALS
        ) from error


def _files(names: Iterable[str]) -> list[Path]:
    """Return the files named, those of folders included. Raises PATH_INVALID for what is not there."""
    from tradewind.market.readers import FORMATS

    found: list[Path] = []
    for name in names:
        path = Path(name)
        if "\0" in name or not path.exists():
            raise PathError(
                "PATH_INVALID", "there is no such file", where=repr(name) if "\0" in name else name
            )
        below = (
            sorted(p for p in path.rglob("*") if p.name.lower().endswith(FORMATS))
            if path.is_dir()
            else [path]
        )
        if not below:
            raise PathError("PATH_INVALID", "this folder holds no file of history", where=name, known=FORMATS)
        found += below
    return list(dict.fromkeys(found))


@app.command("list")
def list_(
    venue: _VenueFlag = None,
    symbol: _SymbolFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List every series of the store with its rows and its period.

    Example: tradewind data list --venue binance_usdm
    """
    from tradewind.units.time import format_utc

    say = Output(as_json)
    found = _chosen(_store(workspace), venue, symbol)
    say.table(
        ("venue", "symbol", "kind", "bars", "rows", "from", "to"),
        [
            (*_key_fields(i.key).values(), f"{i.rows:,}", format_utc(i.first_ns), format_utc(i.last_ns))
            for i in found
        ],
    )
    if not found:
        say.line("the store is empty")
    following = "tradewind data check" if found else "tradewind data import FILES"
    say.done({"series": [_info_fields(info) for info in found]}, following)


@app.command()
def show(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The venue's own symbol.")],
    venue: _VenueFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what the store knows of one symbol: series, files with their hashes, and where they came from.

    Example: tradewind data show BTCUSDT --venue binance_usdm
    """
    from tradewind.units.time import format_utc

    say = Output(as_json)
    store = _store(workspace)
    found = [store.show(info.key) for info in _chosen(store, venue, symbol)]
    if not found:
        raise _no_series(store, venue, symbol)
    for info in found:
        say.line(f"{info.key}: {info.rows:,} rows, {format_utc(info.first_ns)} to {format_utc(info.last_ns)}")
        for source in info.sources:
            say.line(
                f"  from {source.name}, imported {format_utc(source.imported_ns)} {'; '.join(source.notes)}"
            )
        say.line(f"  {len(info.files)} files, hashes agree")
    say.done(
        {"series": [_info_fields(info) | _origin_fields(info) for info in found]}, "tradewind data check"
    )


def _store(workspace: str | None) -> "Store":
    from tradewind.market import Store

    return Store(open_workspace(workspace).data)


def _chosen(store: "Store", venue: str | None, symbol: str | None) -> "list[SeriesInfo]":
    fits_venue = [info for info in store.list() if venue in (None, info.key.venue)]
    return [info for info in fits_venue if symbol in (None, info.key.symbol)]


def _no_series(store: "Store", venue: str | None, symbol: str) -> NotFound:
    from tradewind.config import did_you_mean

    names = sorted({info.key.symbol for info in store.list() if venue in (None, info.key.venue)})
    return NotFound(
        "DATA_MISSING",
        f"the store has nothing of {symbol[:40]!r}.",
        where=str(store.root),
        hint=did_you_mean(symbol, names),
        known=names[:40],
    )


def _key_fields(key: "SeriesKey") -> dict[str, object]:
    from tradewind.units.time import format_interval

    bars = format_interval(key.interval_ns) if key.interval_ns else ""
    return {"venue": key.venue, "symbol": key.symbol, "kind": key.kind, "bars": bars}


def _info_fields(info: "SeriesInfo") -> dict[str, object]:
    from tradewind.units.time import format_utc

    period = {"start": format_utc(info.first_ns), "end": format_utc(info.last_ns)}
    return _key_fields(info.key) | {"rows": info.rows} | period


def _origin_fields(info: "SeriesInfo") -> dict[str, object]:
    files = [{"name": file.name, "sha256": file.sha256} for file in info.files]
    return {
        "files": files,
        "sources": [{"name": s.name, "sha256": s.sha256, "notes": list(s.notes)} for s in info.sources],
    }


@app.command()
def generate(
    *,
    symbols: Annotated[
        str, typer.Option("--symbols", metavar="A,B", help="What to generate.")
    ] = "BTCUSDT,ETHUSDT",
    start: Annotated[str, typer.Option("--start", metavar="DATE", help="First day, UTC.")] = "2024-01-01",
    end: Annotated[
        str, typer.Option("--end", metavar="DATE", help="The day after the last, UTC.")
    ] = "2025-01-01",
    bars: Annotated[str, typer.Option("--bars", metavar="1m", help="Length of a bar.")] = "1m",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed makes the same market.")
    ] = 1,
    regimes: Annotated[bool, typer.Option("--regimes", help="With bull, bear and quiet stretches.")] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Generate a market that looks like crypto: bars, funding, mark prices and open interest of venue 'generated'.

    Example: tradewind data generate --symbols BTCUSDT,ETHUSDT --start 2024-01-01 --end 2024-04-01
    """
    from tradewind.market import Store

    say = Output(as_json)
    store = Store(open_workspace(workspace).data)
    interval_ns = _interval_ns(bars)
    names = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
    spec = market_spec(names, start, end, interval_ns, seed, regimes=regimes)
    with say.steps("generating") as steps:
        rows = generate_into(store, spec, steps)
    say.line(f"generated {rows:,} records of {', '.join(coin.symbol for coin in spec.coins)}, seed {seed}")
    found = [info for info in store.list() if info.key.venue == spec.venue]
    result = {"seed": seed, "rows": rows, "series": [_info_fields(info) for info in found]}
    say.done(result, "tradewind data list --venue generated")
