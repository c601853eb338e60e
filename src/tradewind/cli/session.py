"""``tradewind session``: the paper sessions of a workspace."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tradewind.cli.journal import SessionName, session_names, session_path
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace

if TYPE_CHECKING:
    from tradewind.journal import JournalReader, Record

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="Sessions: list, status.")


@app.command("list")
def list_(workspace: WorkspaceFlag = None, as_json: JsonFlag = False) -> None:
    """List the sessions that have a journal, the one written last at the end.

    Example: tradewind session list
    """
    say = Output(as_json)
    desk = open_workspace(workspace)
    rows = [_brief(desk.session_dir(name)) for name in session_names(desk)]
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
    """Show where a session stands: whether it runs, how often it was started, what it has recorded.

    Example: tradewind session status last
    """
    from tradewind.journal import FileDisk, JournalReader

    say = Output(as_json)
    folder = session_path(open_workspace(workspace), session)
    fields = _brief(folder) | _recorded(JournalReader(FileDisk(), folder))
    for name, value in fields.items():
        if value not in ("", None):
            say.line(f"{name:16}{value}")
    say.done(fields, f"tradewind journal verify {folder.name}")


def _megabytes(size: object) -> str:
    assert isinstance(size, int)
    return f"{size / 1e6:.1f}"


def _brief(folder: Path) -> dict[str, object]:
    """Return what can be said of a session without reading its records."""
    from tradewind.config import lock_holder
    from tradewind.errors import TradewindError
    from tradewind.journal import FileDisk, JournalReader
    from tradewind.units.time import format_utc

    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    holder = lock_holder(folder / "lock")
    state = "running" if holder is not None else "stopped"
    try:
        headers = JournalReader(FileDisk(), folder).headers
    except TradewindError as error:
        return {
            "session": folder.name,
            "state": error.code,
            "began": "",
            "segments": 0,
            "bytes": size,
            "pid": None,
        }
    began = format_utc(headers[0].created_ns) if headers else ""
    pid = holder.get("pid") if holder else None
    return {
        "session": folder.name,
        "state": state,
        "began": began,
        "segments": len(headers),
        "bytes": size,
        "pid": pid,
    }


def _recorded(reader: "JournalReader") -> dict[str, object]:
    """Return what the records say: how often it was started, whether it ended, how many there are.

    batches, decisions_hash and state_hash are those of the last state that was written down, None before the first.
    """
    records = 0
    hashes = dict.fromkeys(("batches", "decisions_hash", "state_hash"))
    fields: dict[str, object] = {"starts": 0, "finished": False, **hashes}
    for record in reader.records():
        records += record.count
        fields |= _milestone(record)
    return fields | {"records": records}


def _milestone(record: "Record") -> dict[str, object]:
    """Return what a start or an end of a process says; nothing for any other record."""
    import msgspec

    from tradewind.journal import RecordKind
    from tradewind.live.bodies import decode_boot, decode_closing

    try:
        if record.kind == RecordKind.BOOT:
            boot = decode_boot(record)
            strategies = ", ".join(label for label, *_ in boot.strategies)
            symbols = ", ".join(instrument.symbol for instrument in boot.instruments)
            return {"starts": boot.process, "finished": False, "strategies": strategies, "symbols": symbols}
        if record.kind in (RecordKind.STATE, RecordKind.CLOSE):
            closing = decode_closing(record)
            return {
                "finished": record.kind == RecordKind.CLOSE,
                "batches": closing.batches,
                "decisions_hash": closing.decisions,
                "state_hash": closing.state,
            }
    except msgspec.MsgspecError:
        return {"undecoded": True}
    return {}
