"""``tradewind journal``: the record of a session."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.moments import moment
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag, plain
from tradewind.cli.workspace import open_workspace
from tradewind.errors import JournalError, NotFound, PathError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from tradewind.cli.listening import Bound as BoundNow
    from tradewind.cli.paper import Bound
    from tradewind.config import Workspace
    from tradewind.journal import JournalReader, Record, VerifyReport
    from tradewind.live.explain import Explanation

__all__ = ["SessionName", "app", "session_names", "session_path"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="Records of sessions: verify, replay, explain, bars, export, rebuild, expire.",
)

SessionName = Annotated[str, typer.Argument(metavar="SESSION", help="Name of a session, or 'last'.")]


@app.command()
def verify(session: SessionName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Read a session's whole journal and compare every checksum, every link of its chain and every snapshot.

    A tail torn by a crash is no damage: the next start cuts it off. A journal that ends before what was durable once,
    as standing.json and the audit beside it say, is an older copy, or has lost a part.

    Example: tradewind journal verify last
    """
    from tradewind.journal import FileDisk, behind, verify_journal
    from tradewind.live.evidence import known_end
    from tradewind.ops.governance import governance_of

    say = Output(as_json)
    desk = open_workspace(workspace)
    folder = session_path(desk, session)
    known = known_end(folder)  # Before the journal is read: a session that runs writes on.
    report = verify_journal(FileDisk(), folder)
    _refuse_damage(desk, folder, report)
    if report.records < known:
        raise behind(report.records, known, desk.shown(folder))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.by_kind.items())
    say.line(
        f"{folder.name}: {report.verdict}, {report.records:,} records in {report.segments} segments ({kinds})"
    )
    say.line(
        f"  {report.snapshots} snapshots agree; {report.bytes_dropped} bytes of a torn tail; chain {report.chain}"
    )
    audit = governance_of(folder)
    audited = verify_journal(FileDisk(), audit) if audit.is_dir() else None
    if audited is not None:
        _refuse_damage(desk, audit, audited)
        say.line(f"  audit: {audited.verdict}, {audited.records:,} entries; chain {audited.chain}")
    result = {"session": folder.name} | asdict(report) | {"audit": asdict(audited) if audited else None}
    say.done(result, f"tradewind journal export {folder.name}")


def _refuse_damage(desk: "Workspace", folder: Path, report: "VerifyReport") -> None:
    damage = report.first_bad
    if damage is not None:
        place = f"{damage.segment} at byte {damage.offset}: {damage.why}"
        raise JournalError(
            "JOURNAL_CORRUPT",
            f"the journal is damaged after {report.records:,} sound records: {place}.",
            where=desk.shown(folder),
            hint="keep a copy; what lies before the damage can still be exported",
        )
    if report.snapshots_bad:
        raise JournalError(
            "JOURNAL_CORRUPT",
            f"all {report.records:,} records are sound, {report.snapshots_bad} of their snapshots are not as written.",
            where=desk.shown(folder),
            hint="nothing is lost: a session starts from an older snapshot, or from its first record",
        )


@app.command()
def replay(session: SessionName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Run a session again from its journal alone and compare every decision, request and state with what is written.

    Example: tradewind journal replay last
    """
    from tradewind.live.replay import replay_journal

    say = Output(as_json)
    desk = open_workspace(workspace)
    folder = session_path(desk, session)
    bound = _bound(desk, folder)
    with say.steps(f"replaying {folder.name}"), bound.strategy_faults():
        found = replay_journal(folder, bound.make_world())
    say.line(
        f"{folder.name}: {found.batches:,} batches from record {found.from_seq}, everything came out as written"
    )
    say.line(f"  decisions {found.decisions_hash}")
    say.line(f"  state     {found.state_hash}")
    say.done(
        {"session": folder.name} | asdict(found), f"tradewind journal explain last --session {folder.name}"
    )


def _bound(desk: "Workspace", folder: Path) -> "Bound | BoundNow":
    """Return what the session's last process ran, with its history."""
    import tomllib

    from tradewind.cli.listening import bind_again
    from tradewind.cli.paper import bind
    from tradewind.config import backtest_from
    from tradewind.journal import FileDisk, JournalReader, RecordKind
    from tradewind.journal.bodies import decode_boot

    boots = [decode_boot(r) for r in JournalReader(FileDisk(), folder).records() if r.kind == RecordKind.BOOT]
    if not boots:
        raise JournalError(
            "JOURNAL_CORRUPT", "the journal does not say what it ran.", where=desk.shown(folder)
        )
    if boots[-1].rules:
        return bind_again(boots[-1], desk, folder.name)
    config = backtest_from(tomllib.loads(boots[-1].config), name=f"{folder.name}, record of its start").config
    return bind(config, desk)


@app.command()
def explain(
    order: Annotated[
        str,
        typer.Argument(
            metavar="ORDER",
            help="Id of an order, inside or on the wire; 'last'; 'refused': what came to nothing.",
        ),
    ],
    *,
    session: Annotated[
        str, typer.Option("--session", metavar="NAME", help="Session; else the last one.")
    ] = "last",
    every: Annotated[
        bool, typer.Option("--all", help="Tell each amendment; else the first and the last of a long run.")
    ] = False,
    last: Annotated[
        int | None,
        typer.Option("--last", metavar="N", min=1, max=100_000, help="Of what was refused the N newest."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="What was refused since then, in UTC.")
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategy", metavar="NAME", help="What was refused to this strategy.")
    ] = "",
    symbol: Annotated[
        str, typer.Option("--symbol", metavar="SYMBOL", help="What was refused in this symbol.")
    ] = "",
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell why an order exists: the fact, the values of the signals, the intent, the gate, the request, the fill.

    'refused' tells the same of what the gate refused last, with the rule, what it allowed and what it saw; of more than
    the last with --last, --since, --strategy or --symbol.

    Example: tradewind journal explain last
    """
    from tradewind.live.explain import Wishes, explain_order, explain_refused

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    next_ = f"tradewind journal export {folder.name}"
    if last or since or strategy or symbol:
        if order != "refused":
            raise UsageError(
                "USAGE", "--last, --since, --strategy and --symbol choose among what was refused.", where=order[:40],
                hint="tradewind journal explain refused --last 5",
            )  # fmt: skip
        wishes = Wishes(last, moment(since, "--since") if since else 0, strategy, symbol)
        stories = explain_refused(folder, wishes)
        for story in stories:
            _tell_story(say, story, folder.name, every=every)
        say.done({"session": folder.name, "refused": [asdict(story) for story in stories]}, next_)
        return
    story = explain_order(folder, order)
    _tell_story(say, story, folder.name, every=every)
    say.done({"session": folder.name} | asdict(story), next_)


def _tell_story(say: Output, story: "Explanation", session: str, *, every: bool) -> None:
    what = f"order {story.cid} of" if story.cid else "refused, a want of"
    say.line(f"{what} {story.strategy or 'a takeover'} in {story.symbol}, session {session}")
    for step in story.steps if every else story.brief():
        # A strategy that names no signals has recorded none.
        if step.stage != "signals" or step.detail:
            say.line(f"  {step.line()}")


@app.command()
def bars(session: SessionName = "last", workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """Compare the bars that a session heard with those that are stored, such as downloaded ones of that day.

    Example: tradewind journal bars last
    """
    from tradewind.cli.journal_bars import show_bars

    desk = open_workspace(workspace)
    show_bars(Output(as_json), desk, session_path(desk, session))


EverySession = Annotated[
    list[str] | None, typer.Argument(metavar="SESSION...", help="Names of sessions; all unless given.")
]


@app.command()
def rebuild(
    sessions: EverySession = None,
    *,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Throw the read model away and read every record again.")
    ] = False,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring the read model, intelligence.sqlite, up to date: decisions, orders, fills, money, as tables to ask.

    It is made from the journals alone. Nothing that trades needs it, so it can be removed at any time.

    Example: tradewind journal rebuild
    """
    from tradewind.cli.journal_upkeep import rebuild_model

    desk = open_workspace(workspace)
    # Thrown away, it is made of all sessions again.
    names = session_names(desk) if afresh or not sessions else sessions
    rebuild_model(Output(as_json), desk, [session_path(desk, name) for name in names], afresh=afresh)


@app.command("expire")
def expire_(
    sessions: EverySession = None,
    *,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="Keep so many; else as the settings say.")
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Give up recorded market data that is older than [retention] says; decisions and money are kept for ever.

    What goes leaves its digest, and the chain verifies as before. It may be run while a session trades.

    Example: tradewind journal expire --days 30
    """
    from tradewind.cli.journal_upkeep import expire_market

    desk = open_workspace(workspace)
    names = sessions or session_names(desk)
    expire_market(Output(as_json), desk, [session_path(desk, name) for name in names], days)


@app.command()
def export(
    session: SessionName = "last",
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Where to; else stdout.")
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Write every record of a session as a line of JSON, in the order in which it was written.

    Example: tradewind journal export last --output session.jsonl
    """
    from tradewind.config import write_atomic
    from tradewind.journal import FileDisk, JournalReader

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise PathError(
            "PATH_INVALID", "there is no folder for this file.", where=output, hint="make it first"
        )
    lines = _lines(JournalReader(FileDisk(), folder))
    if output is None:
        target = sys.stderr if as_json else sys.stdout
        count = 0
        for line in lines:
            target.write(line + "\n")
            count += 1
        if as_json:
            say.done({"session": folder.name, "records": count})
        return
    told = list(lines)
    write_atomic(Path(output), "".join(line + "\n" for line in told))
    say.line(f"wrote {len(told):,} records to {output}")
    result = {"session": folder.name, "records": len(told), "file": output}
    say.done(result, f"tradewind journal verify {folder.name}")


def _lines(reader: "JournalReader") -> Iterator[str]:
    for record in reader.records():
        yield json.dumps(plain(_fields(reader, record)), ensure_ascii=False, allow_nan=False)


def _fields(reader: "JournalReader", record: "Record") -> dict[str, object]:
    """Return a record with its body decoded; a body that another version wrote is told by its length."""
    import struct

    from tradewind.journal import RecordKind

    known = record.kind in RecordKind.__members__.values()
    kind = RecordKind(record.kind).name.lower() if known else chr(record.kind)
    head: dict[str, object] = {"seq": record.seq, "kind": kind, "bytes": len(record.body)}
    try:
        return head | _body(reader, record)
    except (JournalError, struct.error, KeyError, ValueError):
        return head | {"undecoded": True}


def _body(reader: "JournalReader", record: "Record") -> dict[str, object]:
    import msgspec

    from tradewind.journal import RecordKind, bodies, unpack_rows

    layouts = bodies.layouts_at(list(reader.headers), record.seq)
    if record.kind in (RecordKind.MARKET, RecordKind.FACTS):
        batch, rows = bodies.decode_facts(record, layouts)
        return {"batch": msgspec.structs.asdict(batch), "facts": _rows(rows)}
    if record.kind == RecordKind.REQUESTS:
        first, rows = bodies.decode_requests(record, layouts)
        return {"first": first, "requests": _rows(rows)}
    if record.kind == RecordKind.DECISION:
        decision = bodies.decode_decision(record)
        reasons = [
            msgspec.structs.asdict(reason) | {"intent": _intent(reason.intent, layouts)}
            for reason in decision.reasons
        ]
        refusals = unpack_rows(decision.refusals, layouts["REFUSAL"], bodies.REFUSAL)
        return {"reasons": reasons, "refusals": _rows(refusals)}
    if record.kind == RecordKind.BOOT:
        return msgspec.structs.asdict(bodies.decode_boot(record))
    if record.kind == RecordKind.CLOSE:
        return msgspec.structs.asdict(bodies.decode_closing(record))
    if record.kind == RecordKind.AUDIT:
        return msgspec.structs.asdict(bodies.decode_audit(record))
    return {}


def _intent(packed: bytes, layouts: dict[str, tuple[tuple[str, str], ...]]) -> dict[str, object] | None:
    """Return the fields of an intent; None where nothing was wanted of the slot any more, which cancels."""
    from tradewind.journal import bodies, unpack_rows

    (row,) = _rows(unpack_rows(packed, layouts["INTENT"], bodies.INTENT))
    return row if any(row.values()) else None


def _rows(rows: "np.ndarray[tuple[int, ...], np.dtype[np.void]]") -> list[dict[str, object]]:
    names = rows.dtype.names or ()
    return [{name: row[name].item() for name in names} for row in rows]


def session_names(desk: "Workspace") -> list[str]:
    """Return the sessions that have a journal, the least recently written first; not one whose start was refused."""
    from tradewind.live.pulse import PULSE
    from tradewind.ops.outward import OUTWARD_FILES

    if not desk.journal.is_dir():
        return []
    refused = {PULSE, *OUTWARD_FILES}
    folders = [path for path in desk.journal.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders = [path for path in folders if not _holds_only(path, refused)]
    return [path.name for path in sorted(folders, key=lambda path: (path.stat().st_mtime, path.name))]


def _holds_only(folder: Path, names: set[str]) -> bool:
    found = {path.name for path in folder.iterdir()}
    return bool(found) and found <= names


def session_path(desk: "Workspace", name: str) -> Path:
    """Return the folder of a session's journal. Raises SESSION_UNKNOWN."""
    from tradewind.config import did_you_mean

    known = session_names(desk)
    if name == "last" and known:
        return desk.session_dir(known[-1])
    if name in known:
        return desk.session_dir(name)
    if not known:
        raise NotFound(
            "SESSION_UNKNOWN",
            "no session has run yet.",
            where=str(desk.journal),
            hint="tradewind trade --paper FILE makes one; with --feed replay:START..END of stored history",
        )
    raise NotFound(
        "SESSION_UNKNOWN",
        f"no session is called {name[:40]!r}.",
        where=str(desk.journal),
        hint=did_you_mean(name, known),
        known=known[-10:],
    )
