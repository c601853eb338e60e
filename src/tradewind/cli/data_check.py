"""``tradewind data check``: every defect of the history with its place, and what a backtest does about it."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.backtest import load_file
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import Exit, TradewindError

if TYPE_CHECKING:
    from tradewind.config import BacktestConfig, DataPolicy, Loaded, Workspace
    from tradewind.market import Defect, SeriesInfo, SeriesKey

__all__ = ["check"]

_SHOWN = 10


def check(
    *,
    venue: Annotated[str | None, typer.Option("--venue", metavar="V", help="Only this venue.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", metavar="S", help="Only this symbol.")] = None,
    file: Annotated[
        str | None,
        typer.Option("--for", metavar="FILE", help="The backtest file whose [data] table decides."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every place, not only the first ones of each kind.")
    ] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List every defect of the stored history with its place, and what a backtest will do about it.

    With --for the exit status is 3 if that file refuses what is there.

    Example: tradewind data check --symbol BTCUSDT --for backtests/first.toml
    """
    from tradewind.config import DataPolicy
    from tradewind.market import Store

    say = Output(as_json)
    desk = open_workspace(workspace)
    store, loaded = Store(desk.data), load_file(desk, [file], None) if file else None
    policy = loaded.config.data if loaded else DataPolicy()
    chosen = [
        info for info in store.list() if venue in (None, info.key.venue) and symbol in (None, info.key.symbol)
    ]
    reports = []
    with say.steps("checking") as steps:
        for place, info in enumerate(chosen):
            steps(place, len(chosen), f"checking {info.key}")
            reports.append(_report(info, _defects(store.read(info.key)), policy))
    for report in reports:
        _tell(say, report, every=every)
    refused = sum(kind["does"] == "refuse" for report in reports for kind in report["kinds"])  # type: ignore[attr-defined]
    sound = sum(not report["defects"] for report in reports)
    say.line(f"{len(reports)} series, {sound} without a defect")
    if refused:
        say.line("what a backtest may accept is written under [data] in its file")
    if loaded and not refused:
        _read_as_a_run_would(desk, loaded)
    say.done({"series": reports, "refused": refused}, _following(len(reports), file))
    if file and refused:
        raise typer.Exit(Exit.DATA)


def _read_as_a_run_would(desk: "Workspace", loaded: "Loaded[BacktestConfig]") -> None:
    """Read the history of a file, which refuses what no list of defects shows: funding, marks, a period too long."""
    from tradewind.research.history import read_histories
    from tradewind.research.resolve import resolve

    try:
        read_histories(resolve(loaded.config, desk), desk)
    except TradewindError as error:
        raise loaded.placed(error) from error


def _defects(series: object) -> "tuple[Defect, ...]":
    from tradewind.market import Series, check_series

    assert isinstance(series, Series)
    return check_series(series, now_ns=time.time_ns())


def _report(info: "SeriesInfo", defects: "tuple[Defect, ...]", policy: "DataPolicy") -> dict[str, object]:
    from tradewind.config import DEFECTS

    kinds = []
    for kind in dict.fromkeys(defect.kind for defect in defects):
        does = getattr(policy, kind) if kind in DEFECTS else "refuse"
        same = [defect for defect in defects if defect.kind == kind]
        other = [name for name in DEFECTS[kind].policies if name != does] if kind in DEFECTS else []
        row = {"kind": kind, "code": same[0].code, "places": len(same), "records": sum(d.count for d in same)}
        kinds.append(row | {"does": does, "could": other})
    return {**_named(info.key), "rows": info.rows, "kinds": kinds, "defects": [_place(d) for d in defects]}


def _named(key: "SeriesKey") -> dict[str, object]:
    from tradewind.units.time import format_interval

    bars = format_interval(key.interval_ns) if key.interval_ns else ""
    return {"series": str(key), "venue": key.venue, "symbol": key.symbol, "kind": key.kind, "bars": bars}


def _place(defect: "Defect") -> dict[str, object]:
    from tradewind.units.time import format_utc

    times = {"start": format_utc(defect.ts_ns), "end": format_utc(defect.end_ns)}
    return {"kind": defect.kind, **times, "records": defect.count, "detail": defect.detail}


def _tell(say: Output, report: dict[str, object], *, every: bool) -> None:
    from tradewind.market.policies import counted

    kinds, defects = report["kinds"], report["defects"]
    assert isinstance(kinds, list)
    assert isinstance(defects, list)
    if not kinds:
        return
    say.line(f"{report['series']}: {counted(len(defects), 'place')}")
    for row in kinds:
        could = f"; could be {' or '.join(row['could'])}" if row["could"] else ""
        records, places = counted(row["records"], "record"), counted(row["places"], "place")
        say.line(f"  {row['kind']}: {records} in {places}, {row['code']}")
        say.line(f"    a backtest will {row['does']}{could}")
        same = [defect for defect in defects if defect["kind"] == row["kind"]]
        shown = same if every else same[:_SHOWN]
        for defect in shown:
            say.line(f"    {defect['start']}  {defect['detail']}")
        if len(shown) < len(same):
            say.line(f"    and {len(same) - len(shown)} more: --all")


def _following(count: int, file: str | None) -> str:
    if not count:
        return "tradewind data import FILES"
    return f"tradewind backtest {file}" if file else "tradewind data check --for FILE"
