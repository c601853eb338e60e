"""``tradewind session``: the sessions of a workspace, and what an operator asks of a running one."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradewind.cli.config import SetFlag
from tradewind.cli.failures import Leave
from tradewind.cli.journal import SessionName, session_names, session_path
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.session_reports import app as reports
from tradewind.cli.session_signal import app as signals
from tradewind.cli.session_state import (
    DIED,
    GUARD_DIED,
    SILENT,
    SILENT_S,
    WAITING,
    brief,
    is_paper,
    last_known,
    reach_lines,
    recorded,
    silent_since,
    told_outside,
    waiting_since,
    what_is_waited_for,
)
from tradewind.cli.workspace import open_workspace, operated_workspace
from tradewind.errors import DeadlineExceeded, Exit, NotFound, UsageError, VenueDown

if TYPE_CHECKING:
    from tradewind.config import Workspace

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Sessions: list, status, pause, resume, flatten, stop, adopt, signal, summary, stats, reset, compare, "
    "incident, unit.",
)

_PATIENCE_S = 45.0
"""Longer than a session itself waits for orders to go."""
_OTHERS_SHOWN = 10
"""So many orders of others are shown in words; all of them are in the JSON."""
_SHORT_PATIENCE_S = 5.0
"""For a session that is known not to answer."""


@app.command("list")
def list_(workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """List the sessions that have a journal, the one written last at the end.

    Example: tradewind session list
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    rows = [brief(desk, desk.session_dir(name)) for name in session_names(desk)]
    heads = ("session", "state", "began", "segments", "MB")
    say.table(
        heads, [(r["session"], r["state"], r["began"], r["segments"], _megabytes(r["bytes"])) for r in rows]
    )
    if not rows:
        say.line("no session has a journal")
    following = (
        "tradewind session status last"
        if rows
        else "tradewind trade --paper FILE --feed replay:2024-01-01..2024-02-01"
    )
    say.done({"sessions": rows}, following)


@app.command()
def status(session: SessionName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Show where a session stands: whether it runs, or how it ended; how often it was started, what it has recorded.

    Example: tradewind session status last
    """
    from tradewind.journal import FileDisk, JournalReader

    say = Output(as_json)
    desk = operated_workspace(workspace, say)
    folder = session_path(desk, session)
    fields = brief(desk, folder) | recorded(JournalReader(FileDisk(), folder))
    alive = None
    if fields["pid"] is not None and not str(fields["state"]).startswith(("starting", "ending", WAITING)):
        known_silent = fields["state"] != "running"
        alive, fields["state"] = _answered(say, folder, _SHORT_PATIENCE_S if known_silent else _PATIENCE_S)
    if fields["state"] == "starting":
        fields["state"] = waiting_since(folder) or "starting"
    if str(fields["state"]).startswith(WAITING):
        fields["waits"] = what_is_waited_for(folder)
    known = last_known(folder, fields.pop("taken_over", None)) if alive is None else None
    for name, value in fields.items():
        if value not in ("", None):
            say.line(f"{name:16}{value}")
    if alive is not None:
        _show_standing(say, alive)
    elif known is not None:
        _show_last_known(say, known, at_venue=not is_paper(folder))
    reach = told_outside(folder)
    for name, line in reach_lines(reach):
        say.line(f"{name:16}{line}")
    silent = str(fields["state"]).startswith(SILENT)
    outside = {"outside": asdict(reach)}
    say.done(
        fields | {"standing": alive, "last_known": known} | outside,
        *_next_steps(desk, folder, fields["state"]),
    )
    if silent:
        raise Leave(Exit.TIMEOUT)


ReasonFlag = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Written down with the command.")]


@app.command()
def pause(
    session: SessionName = "last",
    *,
    reason: ReasonFlag = "",
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Cancel what opens and open nothing more until resumed; what protects stays.

    Example: tradewind session pause last --reason "news at noon"
    """
    _command("pause", session, reason, workspace, as_json)


@app.command()
def resume(
    session: SessionName = "last",
    *,
    reason: ReasonFlag = "",
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Trade again after a pause, a tripped breaker or a held strategy.

    Example: tradewind session resume last
    """
    _command("resume", session, reason, workspace, as_json)


@app.command()
def flatten(
    session: SessionName = "last",
    *,
    takeover: Annotated[
        bool,
        typer.Option(
            "--takeover", help="End its processes and close everything without them: it hangs or is dead."
        ),
    ] = False,
    every_order: Annotated[
        bool,
        typer.Option(
            "--every-order",
            help="With --takeover: cancel orders in its instruments that are not its own, too.",
        ),
    ] = False,
    reason: ReasonFlag = "",
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Close everything and open nothing more until resumed; the session goes on running, unless it is taken over.

    Example: tradewind session flatten last
    """
    if takeover:
        from tradewind.cli.takeover import take_over

        desk = open_workspace(workspace)
        take_over(desk, _meant(desk, session).name, Output(as_json), reason, everything=every_order)
        return
    if every_order:
        raise UsageError("USAGE", "a running session cancels its own orders alone.", where="--every-order")
    _command("flatten", session, reason, workspace, as_json)


@app.command()
def stop(
    session: SessionName = "last",
    *,
    reason: ReasonFlag = "",
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Cancel what opens and end the session; positions stay with what protects them, unless its file says close.

    Example: tradewind session stop last
    """
    _command("stop", session, reason, workspace, as_json)


@app.command()
def adopt(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Session file whose accounts are adopted.")],
    *,
    give: Annotated[
        list[str] | None,
        typer.Option("--give", metavar="SYMBOL=STRATEGY", help="Whose a position is from now on."),
    ] = None,
    qty: Annotated[
        list[str] | None,
        typer.Option("--qty", metavar="SYMBOL=AMOUNT", help="How many of the coins that are given."),
    ] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", metavar="ACCOUNT", help="Instead of typing the name of an account."),
    ] = None,
    watch: Annotated[
        float,
        typer.Option(
            "--watch", metavar="SECONDS", min=0.0, max=3600.0,
            help="How long to look whether another machine still trades the accounts.",
        ),
    ] = 75.0,
    session: Annotated[
        str | None, typer.Option("--session", metavar="NAME", help="Its name; else the file's.")
    ] = None,
    reason: ReasonFlag = "",
    sets: SetFlag = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Begin anew with what the accounts hold, where the journal is lost or damaged, or on a new machine.

    Example: tradewind session adopt sessions/live.toml --give BTC-USDT=steady
    """
    from tradewind.cli.adopting import AdoptRequest, adopt_accounts

    name = session or Path(file).stem.lower()
    asked = AdoptRequest(file, name, tuple(give or ()), tuple(qty or ()), tuple(confirm or ()), watch, reason)
    adopt_accounts(open_workspace(workspace), asked, sets, Output(as_json))


def _command(command: str, session: str, reason: str, workspace: str | None, as_json: bool) -> None:
    """Ask a running session to do something, and show where it stands then.

    Raises SESSION_NOT_RUNNING, and FLATTEN_INCOMPLETE where it was to close everything and has not.
    """
    say = Output(as_json)
    desk = operated_workspace(workspace, say)
    folder = _meant(desk, session)
    try:
        standing = _asked(say, folder, command, {"reason": reason} if reason else {})
    except NotFound:
        _refuse_waiting(desk, folder)
        raise
    _show_standing(say, standing)
    if command == "flatten" or standing.get("closes"):
        _tell_external(say, folder.name, standing)
        _refuse_unclosed(folder, command, standing)
    say.done(
        {"session": folder.name, "command": command, "standing": standing},
        f"tradewind session status {folder.name}",
    )


def _refuse_waiting(desk: "Workspace", folder: Path) -> None:
    """Raise NotFound (SESSION_NOT_RUNNING) that says what a session waits for, where its guard waits to start it."""
    state = str(brief(desk, folder)["state"])
    if not state.startswith(WAITING):
        return
    without = (
        f"'tradewind session flatten {folder.name} --takeover' ends it and closes what its accounts hold"
    )
    raise NotFound(
        "SESSION_NOT_RUNNING",
        f"it is {state}, and nobody answers until then: {what_is_waited_for(folder)}",
        where=str(folder),
        hint=f"see 'tradewind session status {folder.name}'" if is_paper(folder) else without,
    )


def _meant(desk: "Workspace", session: str) -> Path:
    """Return the folder of the session that is commanded: with 'last' the one that runs, where it is only one.

    Raises UsageError (USAGE) where 'last' may mean several.
    """
    from tradewind.config import lock_holder

    if session != "last":
        return session_path(desk, session)
    names = session_names(desk)
    running = [name for name in names if lock_holder(desk.session_dir(name) / "lock") is not None]
    candidates = running or names
    if len(candidates) > 1:
        state = "sessions run" if running else "sessions have a journal and none runs"
        raise UsageError(
            "USAGE",
            f"{len(candidates)} {state}; say which is meant.",
            where="SESSION",
            known=tuple(candidates),
        )
    return session_path(desk, candidates[0] if candidates else session)


def _asked(
    say: Output, folder: Path, command: str, arguments: dict[str, object], patience_s: float | None = None
) -> dict[str, Any]:
    """Ask a running session, and say so soon if its loop is silent. Raises what `ask` raises."""
    import asyncio

    return asyncio.run(_ask_aloud(say, folder, command, arguments, patience_s or _PATIENCE_S))


async def _ask_aloud(
    say: Output, folder: Path, command: str, arguments: dict[str, object], patience_s: float
) -> dict[str, Any]:
    import asyncio

    from tradewind.live.control import ask

    watching = asyncio.create_task(_tell_silence(say, folder, patience_s))
    try:
        return await ask(folder, command, arguments, timeout_s=patience_s)
    finally:
        watching.cancel()


async def _tell_silence(say: Output, folder: Path, patience_s: float) -> None:
    """Say once that the loop of a session does not come round, as soon as that can be known."""
    import asyncio
    import time

    from tradewind.live.pulse import PULSE, silent_s
    from tradewind.units.time import format_utc

    while True:
        await asyncio.sleep(SILENT_S)
        silence_s = silent_s(folder / PULSE)
        if silence_s is not None and silence_s >= SILENT_S:
            break
    since = format_utc(time.time_ns() - int(silence_s * 1e9))
    say.note(
        f"the loop of {folder.name} has not answered since {since}; waiting up to {patience_s:g} s.\n"
        f"If it matters: tradewind session flatten {folder.name} --takeover ends it and closes what is open"
    )


def _answered(say: Output, folder: Path, patience_s: float) -> tuple[dict[str, Any] | None, str]:
    """Return what a session whose process is there answers, None where it does not, and the word for its state."""
    from tradewind.live.pulse import ENDED, PULSE, state_of

    try:
        standing = _asked(say, folder, "status", {}, patience_s)
    except NotFound:
        # One on a replay has no pulse, and nobody in it who answers.
        words = {None: "running", ENDED: "ending"}
        return None, words.get(state_of(folder / PULSE), "starting")
    except DeadlineExceeded as error:
        say.note(f"{error.code}: {error.message}")
        return None, silent_since(folder) or SILENT
    if standing.get("ending"):
        return standing, "ending"
    return standing, "starting" if standing.get("starting") else "running"


def _next_steps(desk: "Workspace", folder: Path, state: object) -> tuple[str, ...]:
    """Return what to type after a look at a session."""
    if state in (DIED, GUARD_DIED):
        return _begin_again(desk, folder)
    waits_at_venue = str(state).startswith(WAITING) and not is_paper(folder)
    if waits_at_venue or str(state).startswith(SILENT):
        return (f"tradewind session flatten {folder.name} --takeover",)
    return (f"tradewind journal verify {folder.name}",)


def _show_last_known(say: Output, known: dict[str, Any], *, at_venue: bool) -> None:
    """Show what a session believed when that was last written down, and what a takeover found since."""
    from tradewind.units.time import format_utc

    taken, standing = known["taken_over"], known["standing"]
    if standing is not None:
        since = ", before it was taken over" if taken else ""
        doubt = "; the venue may differ" if at_venue else ""
        say.line(
            f"{'as of':16}{format_utc(known['written_ns'])}, when it was last written down{since}{doubt}"
        )
        _show_standing(say, standing, past=True)
    if taken is not None:
        say.line(f"{'taken over':16}{format_utc(taken['at_ns'])} by {taken['actor']}")
        for account, closed in taken["accounts"].items():
            left = "nothing was left" if closed.get("flat") else "NOT FLAT"
            say.line(f"{'':16}{account}: {left}, as the venue said then")


def _tell_external(say: Output, name: str, standing: dict[str, Any]) -> None:
    """Say which positions a session does not close, since they are nobody's."""
    left = ", ".join(_words(held) for held in standing.get("external", ()))
    if left:
        say.line(f"{'not closed':16}{left}, nobody's; tradewind session flatten {name} --takeover closes it")


def _refuse_unclosed(folder: Path, command: str, standing: dict[str, Any]) -> None:
    """Raise VenueDown (FLATTEN_INCOMPLETE) where something that was to be closed is open when patience is over."""
    if standing["flat" if command == "flatten" else "done"]:
        return
    left = ", ".join(_words(held) for held in standing["positions"]) or "orders that are under way"
    text = f"not closed yet: {left}; it is tried on."
    if command == "stop":
        text = f"not closed: {left}; the session has ended."
    without = f"tradewind session flatten {folder.name} --takeover closes without the loop"
    again = f"tradewind session status {folder.name}"
    raise VenueDown(
        "FLATTEN_INCOMPLETE", text, where=folder.name, hint=again if is_paper(folder) else without
    )


def _words(held: dict[str, Any]) -> str:
    return f"{_counted(held)} {held['instrument']} {held['side']}"


def _counted(held: dict[str, Any]) -> str:
    """Return how much is held or ordered; contracts that are not one coin each are said to be contracts."""
    return f"{held['quantity']} contracts ({held['amount']})" if "amount" in held else held["quantity"]


def _show_standing(say: Output, standing: dict[str, Any], *, past: bool = False) -> None:
    """Show what a running session believes, once it has read anything; past: what one that does not run believed."""
    from tradewind.units.time import format_utc

    now_ns = standing["now_ns"]
    older = ", before this start; the venue may differ" if standing.get("starting") else ""
    say.line(f"{'time':16}{format_utc(now_ns) + older if now_ns else 'nothing was read yet'}")
    free = "nothing then, and it does not trade now" if past else "nothing"
    say.line(f"{'halted by':16}{', '.join(standing['halts']) or free}")
    for held in standing.get("held_for") or [{"strategy": name} for name in standing["held"]]:
        why = f": {held['why']}" if held.get("why") else ""
        say.line(f"{'held':16}{held['strategy']}{why}")
    if now_ns:
        _show_account(say, standing)


def _show_account(say: Output, standing: dict[str, Any]) -> None:
    from tradewind.report.wording import money
    from tradewind.units.time import format_utc

    external = standing.get("external", ())
    for wallet in standing["wallets"]:
        balance, equity = (money(wallet[name], wallet["currency"]) for name in ("balance", "equity"))
        say.line(
            f"{'wallet':16}{wallet['account']}: balance {balance}, equity {equity}{_aged(standing, wallet)}"
        )
    for held in standing["positions"]:
        say.line(f"{'position':16}{_words(held)} by {held['strategy']}")
    for held in external:
        say.line(f"{'position':16}{_words(held)}, nobody's")
    if not standing["positions"] and not external:
        say.line(f"{'position':16}none")
    for order in standing["orders"]:
        kind = "stop" if order["kind"] == "STOP" else "closes" if order["reduce"] else "opens"
        say.line(
            f"{'order':16}{order['side']} {_counted(order)} {order['instrument']} at {order['price']}, {kind}, "
            f"{order['state'].lower()}, id {order['cid']}"
        )
    _show_others(say, standing)
    for told in standing["outside"]:
        known = "none, or one too old" if told["value"] is None else f"{told['value']:g}"
        since = "" if told["known_ns"] is None else f", since {format_utc(told['known_ns'])}"
        say.line(f"{'from outside':16}{told['name']} of {told['symbol']}: {known}{since}")


def _show_others(say: Output, standing: dict[str, Any]) -> None:
    """Show orders that are none of the session's, and what to do where its own history was lost."""
    from tradewind.units.time import format_utc

    orders = standing.get("external_orders", ())
    for order in orders[:_OTHERS_SHOWN]:
        kind = "stop" if order["stop"] else "closes" if order["reduce"] else "opens"
        say.line(
            f"{'order':16}{order['side']} {_counted(order)} {order['instrument']} at {order['price']}, {kind}, "
            f"nobody's, as read at {format_utc(order['read_ns'])}"
        )
    if len(orders) > _OTHERS_SHOWN:
        say.line(f"{'order':16}{len(orders) - _OTHERS_SHOWN} more, nobody's")
    if standing.get("external") and "EXTERNAL" in standing["halts"]:
        say.line(
            f"{'':16}where these were the session's and its journal was lost: end it and begin anew with"
        )
        say.line(f"{'':16}tradewind session adopt FILE")


def _aged(standing: dict[str, Any], wallet: dict[str, Any]) -> str:
    """Say when what is held was last worth what is shown, where that is a while ago."""
    from tradewind.units.time import MINUTE_NS, format_utc

    marked_ns = wallet.get("marked_ns")
    if marked_ns is None or standing["now_ns"] - marked_ns <= MINUTE_NS:
        return ""
    return f" at {format_utc(marked_ns)}"


def _megabytes(size: object) -> str:
    assert isinstance(size, int)
    return f"{size / 1e6:.1f}"


def _begin_again(desk: "Workspace", folder: Path) -> tuple[str, ...]:
    """Return what to type where a session died."""
    path = desk.root / "sessions" / f"{folder.name}.toml"
    file = desk.shown(path) if path.is_file() else "FILE"
    if is_paper(folder):
        return (f"tradewind trade --paper {file}",)
    return (f"tradewind trade --live {file}", f"tradewind session flatten {folder.name} --takeover")


# Here, so that they stand behind the commands above in the help.
app.add_typer(reports)
app.add_typer(signals)
