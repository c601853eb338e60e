"""``tradewind doctor``: everything that can be wrong here, each with its remedy."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from stat import S_IRWXG, S_IRWXO
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tradewind.cli.doctor_machine import Finding, look_at_machine, look_at_venues
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.errors import ERROR_CODES, Exit, TradewindError

if TYPE_CHECKING:
    from tradewind.config import Workspace

__all__ = ["Finding", "app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_FREE_MIN_BYTES = 1_000_000_000
_FIRST_YEAR = 2025


@app.command()
def doctor(
    workspace: WorkspaceFlag = None,
    *,
    venues: Annotated[
        bool, typer.Option("--venues", help="Ask the venues of the accounts for their time, too.")
    ] = False,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Send a test alert to everybody of [alerts], too.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at everything that can be wrong here: the installation, the machine, the workspace, its data and runs.

    Example: tradewind doctor --venues
    """
    say = Output(as_json)
    findings = list(_examine(workspace, venues=venues))
    if alerts:
        findings += _alerts_tried(workspace, say)
    for finding in findings:
        say.line(f"{finding.state:8}{finding.name}: {finding.detail}")
        if finding.remedy:
            say.line(f"        {finding.remedy}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    following = "tradewind doctor" if wrong else "tradewind data list"
    say.done({"findings": [asdict(finding) for finding in findings], "wrong": wrong}, following)
    if wrong:
        raise typer.Exit(Exit.USAGE)


def _examine(flag: str | None, *, venues: bool) -> Iterator[Finding]:
    yield Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))
    yield from (_packages(), *_signer(), _clock(), _compiler())
    desk, found = _workspace(flag)
    yield found
    if desk:
        for look in (
            _folders,
            _privacy,
            _disk,
            _locks,
            _leftovers,
            _backtests,
            _sessions,
            _keys,
            _history,
            _runs,
            look_at_machine,
            *([look_at_venues] if venues else []),
        ):
            yield from look(desk)


def _alerts_tried(flag: str | None, say: Output) -> Iterator[Finding]:
    """Send a test alert to everybody who is to be told; a workspace that is not there has its finding."""
    from tradewind.cli.texts import try_addresses
    from tradewind.cli.workspace import open_workspace

    try:
        desk = open_workspace(flag)
    except TradewindError:
        return
    yield from try_addresses(desk, say)


def _packages() -> Finding:
    missing = []
    for wanted in metadata.requires("tradewind") or []:
        name = wanted.split(";")[0].split(">")[0].split("=")[0].split("<")[0].split("[")[0].strip()
        if "extra ==" not in wanted and not _is_installed(name):
            missing.append(name)
    if missing:
        return Finding("packages", "wrong", f"missing: {', '.join(missing)}", "install tradewind again")
    return Finding("packages", "ok", "everything that is needed is installed")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _signer() -> Iterator[Finding]:
    """Look whether the ccxt that signs is the one that was looked at, where going live is installed."""
    from tradewind.venues.extras import require_live
    from tradewind.venues.genuine import CCXT_SEEN, refuse_changed_ccxt

    try:
        require_live()
    except TradewindError:
        return
    try:
        refuse_changed_ccxt()
    except TradewindError as error:
        yield Finding("ccxt", "wrong", f"{error.code} {error.message}", ERROR_CODES[error.code].remedy)
        return
    yield Finding("ccxt", "ok", f"{CCXT_SEEN.version}, every file as it was looked at")


def _clock() -> Finding:
    now = datetime.now(UTC)
    if now.year < _FIRST_YEAR:
        return Finding("clock", "wrong", f"{now:%Y-%m-%d %H:%M} UTC", "set the clock of this machine")
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")


def _compiler() -> Finding:
    try:
        from tradewind.units.jit import cache_dir

        folder = cache_dir()
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ImportError) as error:
        remedy = "set TRADEWIND_CACHE to a folder that can be written"
        return Finding("compiler", "wrong", f"machine code cannot be kept: {error}", remedy)
    return Finding("compiler", "ok", f"machine code is kept in {folder}")


def _workspace(flag: str | None) -> "tuple[Workspace | None, Finding]":
    from tradewind.cli.workspace import open_workspace

    try:
        desk = open_workspace(flag)
    except TradewindError as error:
        state: Literal["warning", "wrong"] = (
            "warning" if error.code == "WORKSPACE_MISSING" and not flag else "wrong"
        )
        return None, _from_error("workspace", error, state)
    return desk, Finding("workspace", "ok", str(desk.root))


def _from_error(name: str, error: TradewindError, state: Literal["warning", "wrong"] = "wrong") -> Finding:
    fields = error.to_json()
    place = ", ".join(filter(None, (error.where, error.key)))
    place += ": " if place else ""
    return Finding(name, state, f"{error.code} {place}{fields['message']}", str(fields["hint"]))


def _folders(desk: "Workspace") -> Iterator[Finding]:
    folders = (desk.strategies, desk.backtests, desk.data, desk.runs, desk.journal)
    closed = [
        desk.shown(path)
        for path in folders
        if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK)
    ]
    if closed:
        yield Finding(
            "folders", "wrong", f"cannot be written: {', '.join(closed)}", "correct their permissions"
        )
    else:
        yield Finding("folders", "ok", "can be read and written")


def _privacy(desk: "Workspace") -> Iterator[Finding]:
    if desk.root.stat().st_mode & (S_IRWXG | S_IRWXO):
        told = "others on this machine can look into this workspace"
        yield Finding("privacy", "warning", told, f"chmod 700 {desk.root}")
    else:
        yield Finding("privacy", "ok", "nobody else can look into this workspace")


def _disk(desk: "Workspace") -> Iterator[Finding]:
    free = shutil.disk_usage(desk.root).free
    text = f"{free / 1e9:.1f} GB free"
    if free < _FREE_MIN_BYTES:
        yield Finding("disk", "warning", text, "runs and journals need room: free some")
    else:
        yield Finding("disk", "ok", text)


def _locks(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.config import lock_holder

    for path in sorted(desk.locks.glob("*.lock")):
        holder = lock_holder(path)
        if holder:
            yield Finding(
                "locks", "ok", f"{path.stem} is held by process {holder.get('pid')} ({holder.get('purpose')})"
            )


def _leftovers(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.config import sweep

    removed = [
        path for folder in (desk.root, desk.runs, desk.data) if folder.is_dir() for path in sweep(folder)
    ]
    if removed:
        yield Finding("leftovers", "ok", f"removed {len(removed)} half-written files of processes that died")


def _backtests(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.config import load_backtest

    files = sorted(desk.backtests.glob("*.toml"))
    for path in files:
        yield from _tried("backtests", lambda path=path: load_backtest([path], os.environ))  # type: ignore[misc]
    yield Finding("backtests", "ok", f"{len(files)} files looked at")


def _sessions(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.config import accounts_by_venue, load_session

    files = sorted((desk.root / "sessions").glob("*.toml"))
    for path in files:
        yield from _tried(
            "sessions",
            lambda path=path: accounts_by_venue(load_session([path], os.environ), desk.settings),  # type: ignore[misc]
        )
    yield Finding("sessions", "ok", f"{len(files)} files looked at")


def _keys(desk: "Workspace") -> Iterator[Finding]:
    """Compare accounts with keys by what may be read without a passphrase."""
    from tradewind.cli.keys import key_store
    from tradewind.venues.keys.opening import environment_names

    wanted = {name: entry for name, entry in desk.settings.accounts.items() if entry.kind != "paper"}
    store = key_store(desk)
    if not store.exists() and not wanted:
        return
    try:
        lines = {line.name: line for line in store.lines()}
    except TradewindError as error:
        yield _from_error("keys", error)
        return
    from_outside = environment_names(os.environ)
    for name in from_outside:
        yield Finding(
            "keys", "warning", f"the keys of {name} stand in the environment", "keep them in the key store"
        )
    for name, entry in wanted.items():
        line = lines.get(name)
        if line is None and name.replace("-", "_") not in from_outside:
            yield Finding("keys", "wrong", f"the account {name} has no key", f"tradewind keys add {name}")
        elif line is not None and (line.venue, line.demo) != (entry.venue, entry.kind == "demo"):
            remedy = f"tradewind keys add {name} --replace"
            yield Finding(
                "keys", "wrong", f"the key of {name} is not one of {entry.venue}, {entry.kind}", remedy
            )
    yield Finding("keys", "ok", f"{len(lines)} entries in the key store, for {len(wanted)} accounts")


def _history(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.market import Store

    store = Store(desk.data)
    known = store.list() if desk.data.is_dir() else ()
    for info in known:
        yield from _tried("history", lambda info=info: store.show(info.key))  # type: ignore[misc]
    yield Finding("history", "ok", f"{len(known)} series looked at, their files compared with their hashes")


def _runs(desk: "Workspace") -> Iterator[Finding]:
    from tradewind.config import stored_runs
    from tradewind.report import read_stored

    ids = stored_runs(desk)
    for run_id in ids:
        yield from _tried("runs", lambda run_id=run_id: read_stored(desk.run_dir(run_id)))  # type: ignore[misc]
    yield Finding("runs", "ok", f"{len(ids)} runs looked at")


def _tried(name: str, look: Callable[[], object]) -> Iterator[Finding]:
    try:
        look()
    except TradewindError as error:
        yield _from_error(name, error)
