"""``tradewind data download``: history from a venue into the store."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.output import JsonFlag, Output, Steps, WorkspaceFlag
from tradewind.cli.series import interval_ns, key_fields
from tradewind.cli.workspace import open_workspace
from tradewind.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tradewind.config import Workspace
    from tradewind.market.download import DownloadPlan, DownloadResult

__all__ = ["download"]

_KINDS = ("bars", "funding", "mark", "open_interest")
_BARS = "1m"
_SETTLED_NS = 5_000_000_000
_FIRST_DAY = "2019-09-01"


def download(
    *,
    venue: Annotated[str, typer.Option("--venue", metavar="V", help="Venue, such as binance_usdm.")],
    symbol: Annotated[
        list[str],
        typer.Option("--symbol", metavar="S", help="The venue's own symbol; repeat it for several."),
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="|".join(_KINDS) + "; repeat it; bars if not said."),
    ] = None,
    bars: Annotated[
        str | None,
        typer.Option(
            "--bars",
            metavar="1m",
            help="Length of a bar, 1m if not said; distance of open interest, the venue's finest if not said.",
        ),
    ] = None,
    start: Annotated[
        str, typer.Option("--start", metavar="DATE", help="First day, UTC; from the listing if not said.")
    ] = _FIRST_DAY,
    end: Annotated[
        str | None,
        typer.Option("--end", metavar="DATE", help="The day after the last, UTC; now if not said."),
    ] = None,
    parallel: Annotated[
        int,
        typer.Option(
            "--parallel",
            metavar="N",
            min=1,
            max=16,
            help="Series at a time; the pace stays that of the venue.",
        ),
    ] = 4,
    accept_gaps: Annotated[
        bool, typer.Option("--accept-gaps", help="Leave holes that the venue confirms, and note them.")
    ] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Download history of a venue: what is stored is not fetched again, and a missing page is an error.

    Interrupt it whenever you like: what was complete is stored, and the same command goes on from there.

    Example: tradewind data download --venue binance_usdm --symbol BTCUSDT --bars 1h --start 2024-01-01
    """
    from tradewind.venues.extras import require_live

    require_live()
    say = Output(as_json)
    desk = open_workspace(workspace)
    plan = _plan(venue, symbol, kind or ["bars"], bars, (start, end), parallel, accept_gaps=accept_gaps)
    if "open_interest" in (kind or ()):
        from tradewind.units.time import format_interval

        say.note(f"open interest each {format_interval(plan.step_ns)}")
    with say.steps(f"downloading from {venue}") as steps:
        results = asyncio.run(_fetch(desk, venue, plan, steps))
    _tell(say, results)


def _plan(
    venue: str,
    symbols: list[str],
    kinds: list[str],
    bars: str | None,
    period: tuple[str, str | None],
    parallel: int,
    *,
    accept_gaps: bool,
) -> "DownloadPlan":
    from tradewind.market import SeriesKey
    from tradewind.market.download import DownloadPlan

    length_ns = interval_ns(bars or _BARS)
    strange = [kind for kind in kinds if kind not in _KINDS]
    if strange:
        raise UsageError("USAGE", f"{strange[0][:40]!r} is no kind of history.", where="--kind", known=_KINDS)
    now_ns = time.time_ns() - _SETTLED_NS
    start_ns = _instant(period[0], "--start")
    end_ns = _instant(period[1], "--end") if period[1] else now_ns
    if start_ns >= min(end_ns, now_ns):
        raise ConfigError("DATE_RANGE", f"{period[0]} is not before {period[1] or 'now'}.", where="--start")
    keys = [
        SeriesKey(venue, kind, name, length_ns if kind in ("bars", "mark") else 0)
        for name in dict.fromkeys(symbols)
        for kind in dict.fromkeys(kinds)
    ]
    step_ns = _interest_step_ns(venue, bars) if "open_interest" in kinds else 0
    return DownloadPlan(tuple(keys), start_ns, end_ns, now_ns, step_ns, accept_gaps, parallel)


def _interest_step_ns(venue: str, bars: str | None) -> int:
    """Return the distance of open interest records: as said, else the venue's finest.

    Raises TIMEFRAME_INVALID for a distance that the venue does not have, EXCHANGE_UNSUPPORTED where it has none.
    """
    from tradewind.cli.reaching import client_of
    from tradewind.venues.ccxt.stream_table import STREAMS

    client_of(venue)
    steps = STREAMS[venue].rest.interest_steps
    if not steps:
        raise ConfigError(
            "EXCHANGE_UNSUPPORTED", f"{venue} gives no history of open interest.", where="--kind"
        )
    if bars is not None and bars not in steps:
        raise ConfigError(
            "TIMEFRAME_INVALID",
            f"{venue} does not tell open interest each {bars}.",
            where="--bars",
            hint="Leave --bars out for the finest, or download it by itself.",
            known=steps,
        )
    return interval_ns(bars or steps[0])


def _instant(text: str, flag: str) -> int:
    from tradewind.units.time import parse_utc

    try:
        return parse_utc(text)
    except ValueError as error:
        raise ConfigError("DATE_INVALID", str(error), where=flag) from error


async def _fetch(
    desk: "Workspace", venue: str, plan: "DownloadPlan", steps: Steps
) -> "tuple[DownloadResult, ...]":
    from tradewind.cli.reaching import client_of, way_to
    from tradewind.market import Store
    from tradewind.market.download import download as download_series
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.pages import CcxtPages
    from tradewind.venues.ccxt.stream_table import STREAMS

    async with way_to(desk, venue) as session:
        exchange = build_exchange(client_of(venue), session)
        reader = RestReader(exchange, STREAMS[venue].rest, time.time_ns)
        pages = CcxtPages(exchange, reader, time.time_ns)
        try:
            await reader.call("load_markets")
            for key in plan.keys:
                pages.unified(key.symbol)
            return await download_series(Store(desk.data), pages, plan, steps)
        finally:
            await exchange.close()


def _tell(say: Output, results: "tuple[DownloadResult, ...]") -> None:
    say.table(
        ("series", "fetched", "new", "known", "noticed"),
        [(one.key, one.fetched, one.added, one.known, "; ".join(one.notes)) for one in results],
    )
    failed = [one.error for one in results if one.error is not None]
    if failed:
        failed[0].also = (*failed[0].also, *failed[1:])
        if len(results) > 1:
            say.note(f"{len(results) - len(failed)} series complete, {len(failed)} not")
        raise failed[0]
    told = [
        key_fields(one.key)
        | {"fetched": one.fetched, "added": one.added, "known": one.known, "notes": one.notes}
        for one in results
    ]
    say.done({"downloaded": told}, "tradewind data check")
