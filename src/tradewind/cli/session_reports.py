"""``tradewind session`` summary, stats, reset, compare, incident, unit: what its files say of a session."""

import getpass
import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.journal import SessionName, session_path
from tradewind.cli.moments import moment
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import PathError, UsageError

if TYPE_CHECKING:
    from tradewind.config import BacktestConfig, SessionConfig
    from tradewind.ops.against import Comparison, FillLine
    from tradewind.ops.record import SessionRecord
    from tradewind.ops.statistics import Statistics

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_RESET = "reset.json"
_SHOWN = 10


@app.command()
def summary(
    session: SessionName = "last",
    *,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="A day in UTC; else the last one recorded.")
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what a day of a session brought: money, orders, what was refused and why, halts, what operators did.

    Example: tradewind session summary last --day 2024-01-31
    """
    from tradewind.ops.record import read_session
    from tradewind.ops.summary import summarise_day
    from tradewind.report.wording import money

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    record = read_session(folder)
    told = summarise_day(record, moment(day, "--day") if day is not None else max(record.end_ns - 1, 0))
    lines = told.lines(money)
    for line in lines:
        say.line(line)
    wallets = {number: asdict(wallet) | {"result": wallet.result} for number, wallet in told.wallets.items()}
    say.done(asdict(told) | {"wallets": wallets, "lines": lines}, f"tradewind session stats {folder.name}")


@app.command()
def stats(
    session: SessionName = "last",
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="In UTC; else the reset point, else the beginning."),
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the statistics of a session's trades since a point in time; capital starts there.

    Example: tradewind session stats last --since 2024-02-01T08:00Z
    """
    from tradewind.ops.record import read_session
    from tradewind.ops.statistics import statistics_since

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    since_ns = moment(since, "--since") if since is not None else _reset_of(folder)
    found = statistics_since(read_session(folder), since_ns)
    for told in found:
        _show_statistics(say, told)
    fields = [
        asdict(told)
        | {"net": told.net, "win_rate": told.win_rate, "profit_factor": told.profit_factor}
        | {"trips": [asdict(trip) | {"net": trip.net} for trip in told.trips]}
        for told in found
    ]
    say.done(
        {"session": folder.name, "since_ns": since_ns, "statistics": fields},
        f"tradewind session summary {folder.name}",
    )


@app.command()
def reset(
    session: SessionName = "last",
    *,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="In UTC; else the newest time recorded.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Count from the beginning again.")] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Let statistics begin anew: trades before the reset point are left out, capital starts there.

    Nothing is removed; the journal keeps everything.

    Example: tradewind session reset last --at 2024-02-01T08:00Z
    """
    from tradewind.config import write_atomic
    from tradewind.ops.record import read_session
    from tradewind.units.time import format_utc

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    since_ns = 0
    if off:
        (folder / _RESET).unlink(missing_ok=True)
        say.line(f"the statistics of {folder.name} count from its beginning")
    else:
        since_ns = moment(at, "--at") if at is not None else read_session(folder).end_ns
        write_atomic(folder / _RESET, json.dumps({"since_ns": since_ns}) + "\n", private=True)
        say.line(f"the statistics of {folder.name} count from {format_utc(since_ns)}")
    say.done({"session": folder.name, "since_ns": since_ns}, f"tradewind session stats {folder.name}")


@app.command()
def compare(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Name of a session, or 'last'.")],
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of the same time, or 'last'.")] = "last",
    *,
    window_s: Annotated[
        float, typer.Option("--window", metavar="SECONDS", min=0, help="So far apart two fills may be.")
    ] = 120.0,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare what a session did with what a backtest of the same time did: slippage, fees, missed fills.

    Only the time that both cover is compared.

    Example: tradewind session compare last last
    """
    from tradewind.config import find_run
    from tradewind.ops.against import compare_orders
    from tradewind.ops.record import read_session

    say = Output(as_json)
    desk = open_workspace(workspace)
    folder, run_folder = session_path(desk, session), find_run(desk, run)
    record = read_session(folder)
    start_ns, end_ns = _common_time(record, run_folder)
    live = [line for line in _session_lines(record) if start_ns <= line.ts_ns < end_ns]
    wanted = [line for line in _run_lines(run_folder) if start_ns <= line.ts_ns < end_ns]
    told = compare_orders(live, wanted, int(window_s * 1e9))
    _show_comparison(say, told, (start_ns, end_ns))
    live_bps, run_bps = told.fee_bps
    figures = {
        "slippage_bps": told.slippage_bps, "slippage_cost": told.slippage_cost, "fee_bps_session": live_bps,
        "fee_bps_run": run_bps, "filled_share": told.filled_share, "quantity_ratio": told.quantity_ratio,
    }  # fmt: skip
    say.done(
        {"session": folder.name, "run": run_folder.name, "start_ns": start_ns, "end_ns": end_ns}
        | figures
        | asdict(told),
        f"tradewind session summary {folder.name}",
    )


@app.command()
def incident(
    session: SessionName = "last",
    *,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Where to; else into the session's folder.")
    ] = None,
    records: Annotated[
        int, typer.Option("--records", min=1, max=1_000_000, help="How many of the newest records.")
    ] = 2_000,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Pack what somebody needs to see what happened: journal, alerts, settings, versions; nothing that is secret.

    Example: tradewind session incident last
    """
    from tradewind.config import write_atomic
    from tradewind.ops.incident import bundle
    from tradewind.units.time import format_utc

    say = Output(as_json)
    desk = open_workspace(workspace)
    folder = session_path(desk, session)
    now_ns = time.time_ns()
    moment = format_utc(now_ns)[:19].replace("-", "").replace(":", "")
    target = Path(output) if output else folder / f"incident-{moment}Z.zip"
    if not target.absolute().parent.is_dir():
        raise PathError("PATH_INVALID", "there is no folder for this file.", where=str(target))
    settings = desk.settings_file.read_text(encoding="utf-8", errors="replace")
    data = bundle(folder, settings, now_ns=now_ns, records=records)
    write_atomic(target, data, private=True)
    shown = desk.shown(target) if output is None else target
    say.line(f"wrote {shown}, {len(data) / 1e3:,.0f} kB; it holds orders and balances, and no key")
    say.done(
        {"session": folder.name, "file": str(target), "bytes": len(data)},
        f"tradewind journal explain last --session {folder.name}",
    )


@app.command()
def unit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Session file to trade.")],
    *,
    live: Annotated[
        list[str] | None,
        typer.Option("--live", metavar="ACCOUNT", help="Trade live; each account of the file is named."),
    ] = None,
    user: Annotated[
        str, typer.Option("--user", metavar="NAME", help="Who runs it, by the system; else you yourself.")
    ] = "",
    credential: Annotated[
        str | None, typer.Option("--credential", metavar="FILE", help="File with the key store's passphrase.")
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Print a unit for systemd that runs a session, on paper unless its accounts are named, closed to the rest.

    It is one of the system with --user, below /etc/systemd/system, else one for your own manager, which can close less
    and ends with your login unless 'loginctl enable-linger' was said.

    What the session's files forbid is refused here already: a service has nobody who reads it at its start.

    Example: tradewind session unit sessions/alpha.toml --live main > ~/.config/systemd/user/tradewind-alpha.service
    """
    from tradewind.cli.paper import load_terms
    from tradewind.cli.refusing import refuse_from_files
    from tradewind.cli.terms import show_terms
    from tradewind.config import SessionConfig
    from tradewind.ops.systemd import SessionUnit
    from tradewind.units.jit import cache_dir
    from tradewind.venues.extras import require_live

    require_live()

    say = Output(as_json)
    desk = open_workspace(workspace)
    path = Path(file) if Path(file).is_absolute() else desk.root / file
    if not path.is_file():
        raise PathError("PATH_INVALID", "there is no such file.", where=file)
    accounts = list(dict.fromkeys(live or []))
    loaded = load_terms(desk, str(path), None)
    if accounts:
        _refuse_unnamed(loaded.config, accounts)
    found = refuse_from_files(loaded, desk, live=bool(accounts), guards=False)
    if isinstance(loaded.config, SessionConfig) and found:
        show_terms(say, desk, loaded.config, found)
    if accounts and credential is None:
        say.note("note: without --credential the service finds no passphrase; its keys must come otherwise")
    mode = ["--live", str(path)] if accounts else ["--paper", str(path)]
    confirmed = [word for account in accounts for word in ("--confirm", account)]
    command = (
        sys.executable,
        "-m",
        "tradewind.cli",
        "trade",
        *mode,
        *confirmed,
        "--workspace",
        str(desk.root),
    )
    written = SessionUnit(
        path.stem.lower(), command, desk.root, cache_dir().parent, user,
        Path(credential).absolute() if credential else None, _state_of(user),
    )  # fmt: skip
    for hidden in written.hidden():
        say.note(
            f"warning: {hidden} lies where PrivateTmp=yes hides it from the service: move it out of there, such as "
            "below your home"
        )
    say.line(written.text())
    if as_json:
        say.done({"session": written.session, "unit": written.text()})


# ---------------------------------------------------------------------- behind the commands


def _state_of(user: str) -> "Path | None":
    """Return the folder of this user's locks of keys, made if need be; None for a service of somebody else."""
    from tradewind.cli.claiming import state_folder

    if user not in ("", getpass.getuser()):
        return None
    with suppress(OSError):
        state_folder().mkdir(0o700, parents=True, exist_ok=True)
    return state_folder() if state_folder().is_dir() else None


def _refuse_unnamed(config: "BacktestConfig | SessionConfig", named: list[str]) -> None:
    """Refuse a unit that names other accounts than its file: nobody is there to confirm those that are left out."""
    accounts = getattr(config, "accounts", ())
    strange = [name for name in named if name not in accounts]
    missing = [name for name in accounts if name not in named]
    if strange or missing:
        said = f"it does not trade {strange[0]}" if strange else f"it trades {' and '.join(missing)} too"
        raise UsageError(
            "USAGE",
            f"the session trades {', '.join(accounts) or 'no account'}: {said}.",
            where="--live",
            hint="name each of its accounts" if accounts else "leave --live out to trade it on paper",
            known=[f"--live {name}" for name in accounts],
        )


def _reset_of(folder: Path) -> int:
    """Return the reset point of a session, 0 where it has none or none that can be read."""
    try:
        return int(json.loads((folder / _RESET).read_text())["since_ns"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def _show_statistics(say: Output, told: "Statistics") -> None:
    from tradewind.report.wording import money
    from tradewind.units.time import format_utc

    def worth(value: float, *, signed: bool = False) -> str:
        return money(value, told.currency, signed=signed)

    since = format_utc(told.since_ns) if told.since_ns else "its beginning"
    say.line(f"{told.currency or 'units of money'}, since {since}")
    if told.why_empty:
        say.line(f"  no trades: {told.why_empty}")
    else:
        factor = "" if told.profit_factor is None else f", profit factor {told.profit_factor:.2f}"
        say.line(f"  trades    {len(told.trips)}, {100 * (told.win_rate or 0):.1f} % won{factor}")
        fees = sum(trip.fees for trip in told.trips)
        say.line(f"  result    {worth(told.net, signed=True)} after fees of {worth(fees)}")
    say.line(f"  funding   {worth(told.funding, signed=True)} paid")
    if told.capital is not None and told.equity is not None:
        fall = f", deepest fall {100 * (told.drawdown or 0):.2f} %"
        marked = f" at {format_utc(told.marked_ns)}"
        say.line(f"  equity    {worth(told.capital)} to {worth(told.equity)}{marked}{fall}")
    say.line(f"  left out  {told.earlier} earlier, {told.carried} open at the start; {told.open} open now")


def _common_time(record: "SessionRecord", run_folder: Path) -> tuple[int, int]:
    """Return the time that a session and a run cover both. Raises UsageError where there is none."""
    import tomllib

    from tradewind.units.time import format_utc, parse_utc

    period = tomllib.loads((run_folder / "run.toml").read_text(encoding="utf-8"))["period"]
    times = [row["ts_ns"] for table in ("equity", "requests", "fills") for row in record.rows(table)]
    began_ns = min(times, default=0)
    start_ns = max(began_ns, parse_utc(str(period["start"])))
    end_ns = min(record.end_ns + 1, parse_utc(str(period["end"])))
    if not times or start_ns >= end_ns:
        said = f"{format_utc(began_ns)} to {format_utc(record.end_ns)}" if times else "nothing"
        raise UsageError(
            "USAGE",
            f"the session covers {said}, the run {period['start']} to {period['end']}: no time is in both.",
            hint="backtest the days of the session, from downloaded history",
        )
    return start_ns, end_ns


def _session_lines(record: "SessionRecord") -> "list[FillLine]":
    from tradewind.ops.against import FillLine

    return [
        FillLine(
            f.ts_ns,
            str(f.order),
            _plain(f.symbol),
            f.side,
            f.position_side,
            f.price,
            f.quantity,
            f.notional,
            f.fee,
        )
        for f in record.fills()
        if f.traded
    ]


def _run_lines(run_folder: Path) -> "list[FillLine]":
    from tradewind.market.tables import read_parquet
    from tradewind.ops.against import FillLine

    names = ("ts_ns", "order_id", "symbol", "side", "position_side", "price", "qty", "notional", "fee")
    columns = read_parquet([run_folder / "fills.parquet"], names)
    return [
        FillLine(
            int(row[0]), str(row[1]), _plain(str(row[2])), str(row[3]), str(row[4]), *map(float, row[5:])
        )
        for row in zip(*(columns[name].tolist() for name in names), strict=True)
    ]


def _plain(symbol: str) -> str:
    """Return a symbol without the signs in which venues differ."""
    return "".join(sign for sign in symbol.upper() if sign.isalnum())


def _show_comparison(say: Output, told: "Comparison", span: tuple[int, int]) -> None:
    from tradewind.units.time import format_utc

    say.line(f"from {format_utc(span[0])} to {format_utc(span[1])}")
    say.line(f"  orders    {len(told.pairs)} in both, {len(told.missed)} missed, {len(told.extra)} extra")
    if told.slippage_bps is not None:
        say.line(
            f"  slippage  {told.slippage_bps:+.2f} bps, {told.slippage_cost:+,.2f} in all (more is worse)"
        )
    live_bps, run_bps = told.fee_bps
    fees = [f"{bps:.2f} bps" if bps is not None else "none" for bps in (live_bps, run_bps)]
    say.line(f"  fees      {fees[0]} in the session, {fees[1]} in the run")
    for word, orders in (("missed", told.missed), ("extra", told.extra)):
        for order in orders[:_SHOWN]:
            what = f"{order.side} {order.quantity:g} {order.symbol} at {order.price:g}"
            say.line(f"  {word:8}  {format_utc(order.ts_ns)} {what}")
        if len(orders) > _SHOWN:
            say.line(f"            and {len(orders) - _SHOWN} more")
