"""``tradewind data``: bring history in, look at it, and find what is wrong with it."""

from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.data_check import check
from tradewind.cli.data_download import download
from tradewind.cli.data_import import import_
from tradewind.cli.generated import END, SEED, START, SYMBOLS, generate_into, market_spec
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.series import SymbolFlag, VenueFlag, interval_ns, key_fields
from tradewind.cli.workspace import open_workspace
from tradewind.errors import NotFound

if TYPE_CHECKING:
    from tradewind.market import SeriesInfo, Store

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="History: import, download, generate, check, list, show.",
)


app.command("import")(import_)
app.command()(download)
app.command()(check)


@app.command("list")
def list_(
    venue: VenueFlag = None,
    symbol: SymbolFlag = None,
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
            (*key_fields(i.key).values(), f"{i.rows:,}", format_utc(i.first_ns), format_utc(i.last_ns))
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
    venue: VenueFlag = None,
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


def _info_fields(info: "SeriesInfo") -> dict[str, object]:
    from tradewind.units.time import format_utc

    period = {"start": format_utc(info.first_ns), "end": format_utc(info.last_ns)}
    return key_fields(info.key) | {"rows": info.rows} | period


def _origin_fields(info: "SeriesInfo") -> dict[str, object]:
    files = [{"name": file.name, "sha256": file.sha256} for file in info.files]
    return {
        "files": files,
        "sources": [{"name": s.name, "sha256": s.sha256, "notes": list(s.notes)} for s in info.sources],
    }


@app.command()
def generate(
    *,
    symbols: Annotated[str, typer.Option("--symbols", metavar="A,B", help="What to generate.")] = ",".join(
        SYMBOLS
    ),
    start: Annotated[str, typer.Option("--start", metavar="DATE", help="First day, UTC.")] = START,
    end: Annotated[str, typer.Option("--end", metavar="DATE", help="The day after the last, UTC.")] = END,
    bars: Annotated[str, typer.Option("--bars", metavar="1m", help="Length of a bar.")] = "1m",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed makes the same market.")
    ] = SEED,
    regimes: Annotated[bool, typer.Option("--regimes", help="With bull, bear and quiet stretches.")] = False,
    spot: Annotated[
        bool, typer.Option("--spot", help="The spot market of each coin too, at venue 'generated_spot'.")
    ] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Generate a market that looks like crypto: bars, funding, mark prices and open interest of venue 'generated'.

    Example: tradewind data generate --symbols BTCUSDT,ETHUSDT --start 2024-01-01 --end 2024-04-01
    """
    from tradewind.market import Store

    say = Output(as_json)
    store = Store(open_workspace(workspace).data)
    names = [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
    spec = market_spec(names, start, end, interval_ns(bars), seed, regimes=regimes, spot=spot)
    with say.steps("generating") as steps:
        rows = generate_into(store, spec, steps)
    say.line(f"generated {rows:,} records of {', '.join(coin.symbol for coin in spec.coins)}, seed {seed}")
    found = [info for info in store.list() if info.key.venue in (spec.venue, spec.spot_venue)]
    result = {"seed": seed, "rows": rows, "series": [_info_fields(info) for info in found]}
    say.done(result, "tradewind data list --venue generated")
