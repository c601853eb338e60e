"""``tradewind data import``: bring files into the store."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.series import SymbolFlag, VenueFlag, interval_ns, key_fields
from tradewind.cli.workspace import open_workspace
from tradewind.errors import PathError, TradewindError, UsageError

if TYPE_CHECKING:
    from tradewind.market import ImportedSeries, ImportRequest, ImportResult, RulesImport, Store

__all__ = ["import_"]

_KINDS = ("bars", "funding", "mark", "open_interest")


def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILES", help="Files, or folders of files.")],
    *,
    venue: VenueFlag = None,
    symbol: SymbolFlag = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="|".join(_KINDS) + "; bars if not said.")
    ] = None,
    bars: Annotated[str | None, typer.Option("--bars", metavar="1m", help="Length of a bar.")] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Add files to the store: Parquet, CSV (also gz and zip), feather, npy, and venues' rules as JSON.

    What a file says of itself need not be said.

    Importing twice changes nothing; a file that contradicts the store is refused and nothing of it is written.

    Example: tradewind data import candles/BTCUSDT-1m-2024-01.zip --venue binance_usdm
    """
    from tradewind.market import Store

    say = Output(as_json)
    store = Store(open_workspace(workspace).data)
    request = _request(venue, symbol, kind, bars)
    found = _files(files)
    results: list[ImportResult | RulesImport] = []
    refused: list[TradewindError] = []
    with say.steps("importing") as steps:
        for place, path in enumerate(found):
            steps(place, len(found), f"importing {path.name}")
            try:
                results.append(_import_one(store, path, request))
            except TradewindError as error:
                # One bad file among many must not keep the good ones out.
                refused.append(error)
    _tell_imported(say, results, refused)


def _import_one(store: "Store", path: Path, request: "ImportRequest") -> "ImportResult | RulesImport":
    from tradewind.market import import_file, import_rules

    if path.suffix.lower() == ".json":
        return import_rules(store, path, venue=request.venue, now_ns=request.now_ns)
    return import_file(store, path, request)


def _tell_imported(
    say: Output, results: "list[ImportResult | RulesImport]", refused: list[TradewindError]
) -> None:
    from tradewind.market import ImportResult

    series = [found for result in results if isinstance(result, ImportResult) for found in result.series]
    rules = [result for result in results if not isinstance(result, ImportResult)]
    _tell_series(say, series)
    for answer in rules:
        left_out = f", {len(answer.skipped)} left out" if answer.skipped else ""
        say.line(f"{answer.path.name}: {answer.entries} rules of {answer.venue}{left_out}")
    if refused:
        refused[0].also = (*refused[0].also, *refused[1:])
        if len(results) + len(refused) > 1:
            say.note(f"{len(results)} files imported, {len(refused)} refused")
        raise refused[0]
    imported = [key_fields(s.key) | _counts(s) for s in series]
    told = [
        {"file": r.path.name, "venue": r.venue, "rules": r.entries, "left_out": len(r.skipped)} for r in rules
    ]
    say.done({"imported": imported, "rules": told}, "tradewind data check")


def _tell_series(say: Output, series: "list[ImportedSeries]") -> None:
    from tradewind.units.time import format_utc

    if not series:
        return
    heads = ("series", "rows", "new", "known", "from", "to", "noticed")
    rows = [
        (s.rows_read, s.rows_added, s.rows_known, format_utc(s.first_ns), format_utc(s.last_ns))
        for s in series
    ]
    say.table(heads, [(s.key, *row, "; ".join(s.notes)) for s, row in zip(series, rows, strict=True)])


def _counts(series: "ImportedSeries") -> dict[str, object]:
    return {
        "rows": series.rows_read,
        "added": series.rows_added,
        "known": series.rows_known,
        "notes": list(series.notes),
    }


def _request(venue: str | None, symbol: str | None, kind: str | None, bars: str | None) -> "ImportRequest":
    from tradewind.market import ImportRequest

    _require_kind(kind)
    return ImportRequest(
        now_ns=time.time_ns(),
        venue=venue,
        symbol=symbol,
        kind=kind,
        interval_ns=interval_ns(bars) if bars else None,
    )


def _require_kind(kind: str | None) -> None:
    if kind is not None and kind not in _KINDS:
        raise UsageError("USAGE", f"{kind[:40]!r} is no kind of history.", where="--kind", known=_KINDS)


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
