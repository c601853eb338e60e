"""What the files of a session say of it without asking it: the word for its state, its records, what it held last."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tradewind.config import Workspace
    from tradewind.journal import JournalReader, Record
    from tradewind.journal.bodies import Audit
    from tradewind.ops.outward import Reach

__all__ = [
    "DIED",
    "GUARD_DIED",
    "SILENT",
    "SILENT_S",
    "WAITING",
    "brief",
    "is_paper",
    "last_known",
    "reach_lines",
    "recorded",
    "silent_since",
    "told_outside",
    "waiting_since",
    "what_is_waited_for",
]

DIED = "ended without a stop"
"""The state of a session whose processes are gone and did not say that they end."""
GUARD_DIED = "ended because its guard died"
"""The state of a session that ended in order, with nobody who asked for it."""
WAITING = "waiting for"
"""How the state of a session begins whose guard waits before it starts it again."""
SILENT = "not answering"
"""How the state of a session begins whose loop does not come round."""
SILENT_S = 3.0
"""A loop that has not come round for so long is said to be silent; it comes round several times a second."""


def brief(desk: "Workspace", folder: Path) -> dict[str, object]:
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
    if holder is None:
        holder = _guard_of(desk, folder.name, headers[0].identity.accounts if headers else ())
        state = _ended(folder) if holder is None else waiting_since(folder) or _between(folder, holder)
    else:
        state = silent_since(folder) or state
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


def silent_since(folder: Path) -> str:
    """Say since when the loop of a session that ran does not come round, "" for one that does or that starts."""
    import time

    from tradewind.live.pulse import PULSE, RUNNING, silent_s, state_of
    from tradewind.units.time import format_utc

    silence_s = silent_s(folder / PULSE)
    if silence_s is None or silence_s < SILENT_S or state_of(folder / PULSE) != RUNNING:
        return ""
    return f"{SILENT} since {format_utc(time.time_ns() - int(silence_s * 1e9))}"


def waiting_since(folder: Path) -> str:
    """Say what the guard of a session waits for before it starts it again, and since when; "" where it does not."""
    from tradewind.live.pulse import PULSE, waits_since
    from tradewind.units.time import SECOND_NS, format_utc

    since_ns = waits_since(folder / PULSE)
    if not since_ns:
        return ""
    what = "its venue" if since_ns > 0 else "room on its disk"
    return f"{WAITING} {what} since {format_utc(abs(since_ns) // SECOND_NS * SECOND_NS)}"


def what_is_waited_for(folder: Path) -> str:
    """Say what happens to a session whose guard waits, and what can be done."""
    from tradewind.live.guard import ROOM_BYTES
    from tradewind.live.pulse import PULSE, waits_since

    if waits_since(folder / PULSE) > 0:
        return "it is started again until its venue answers; until then its stops at the venue protect, nothing else"
    room = f"make room: it is started again once {ROOM_BYTES >> 20} MiB are free"
    return f"{room}; until then its stops at the venue protect, nothing else"


def _ended(folder: Path) -> str:
    """Say how a session ended that no process holds; one on a replay has no pulse that could tell."""
    from tradewind.live.pulse import PULSE, UNGUARDED, ended_in_order, state_of
    from tradewind.live.takeover import TAKEN_OVER

    in_order = ended_in_order(folder / PULSE) is not False
    unguarded = state_of(folder / PULSE) == UNGUARDED
    if (in_order and not unguarded) or (folder / TAKEN_OVER).exists():
        return "stopped"
    return GUARD_DIED if unguarded else DIED


def _between(folder: Path, guard: dict[str, object]) -> str:
    """Say whether a guard without a trading process ends with it, or is about to start one."""
    import time

    from tradewind.live.pulse import ENDED, PULSE, silent_s, state_of
    from tradewind.units.time import parse_utc

    silence_s = silent_s(folder / PULSE)
    if state_of(folder / PULSE) != ENDED or silence_s is None:
        return "starting"
    # A guard that is younger than the last beat of the pulse has not started its process yet.
    beaten_ns = time.time_ns() - int(silence_s * 1e9)
    return "ending" if parse_utc(str(guard.get("since"))) <= beaten_ns else "starting"


def _guard_of(desk: "Workspace", session: str, accounts: "Iterable[str]") -> dict[str, object] | None:
    """Return who holds the leases of a session while its trading process is not there yet, or not any more."""
    from tradewind.config import lock_holder

    # An account on a replay is made up, and no name that anybody could lease.
    leased = (desk.account_lock(account) for account in accounts if ":" not in account)
    for path in (*leased, *desk.session_locks(session, ()).values()):
        holder = lock_holder(path)
        if holder is not None and str(holder.get("purpose")).endswith(f"in session {session}"):
            return holder
    return None


def recorded(reader: "JournalReader") -> dict[str, object]:
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
    from tradewind.errors import JournalError
    from tradewind.journal import RecordKind
    from tradewind.journal.bodies import decode_audit, decode_boot, decode_closing

    try:
        if record.kind == RecordKind.BOOT:
            boot = decode_boot(record)
            strategies = ", ".join(label for label, *_ in boot.strategies)
            symbols = ", ".join(instrument.symbol for instrument in boot.instruments)
            began = {"starts": boot.process, "finished": False, "taken_over": None}
            return began | {"strategies": strategies, "symbols": symbols}
        if record.kind == RecordKind.AUDIT:
            return _takeover(decode_audit(record))
        if record.kind in (RecordKind.STATE, RecordKind.CLOSE):
            closing = decode_closing(record)
            return {
                "finished": record.kind == RecordKind.CLOSE,
                "batches": closing.batches,
                "decisions_hash": closing.decisions,
                "state_hash": closing.state,
            }
    except JournalError:
        return {"undecoded": True}
    return {}


def _takeover(audit: "Audit") -> dict[str, object]:
    """Return what a takeover wrote down, nothing for what anybody else did."""
    if audit.what != "takeover":
        return {}
    accounts = audit.detail.get("accounts", {})
    return {"taken_over": {"at_ns": audit.at_ns, "actor": audit.actor, "accounts": accounts}}


def last_known(folder: Path, taken_over: object) -> dict[str, Any] | None:
    """Return what a session that does not answer wrote down last, and by whom it was taken over since."""
    from tradewind.live.standing import read_standing

    last = read_standing(folder)
    if last is None and taken_over is None:
        return None
    told = {"written_ns": None, "standing": None} if last is None else asdict(last)
    return told | {"taken_over": taken_over}


def is_paper(folder: Path) -> bool:
    """Say whether a session holds nothing at a venue, by its journal, else its audit; False where neither tells."""
    from tradewind.errors import TradewindError
    from tradewind.journal import FileDisk, JournalReader
    from tradewind.ops.governance import governance_of

    try:
        headers = JournalReader(FileDisk(), folder).headers
        headers = headers or JournalReader(FileDisk(), governance_of(folder)).headers
    except TradewindError:
        return False
    return bool(headers) and all(name.partition(":")[0] == "paper" for name in headers[0].identity.accounts)


def told_outside(folder: Path) -> "Reach":
    """Return who outside could be told of a session: its alerts by recipient, and its heartbeat."""
    from tradewind.ops.outward import read_outward

    return read_outward(folder)


def reach_lines(reach: "Reach") -> "Iterator[tuple[str, str]]":
    """Yield a head and a line for each recipient of a session's alerts, and for its heartbeat."""
    from tradewind.units.time import SECOND_NS, format_utc

    for name, told in reach.alerts.items():
        line = f"{name} took {told.sent} alerts"
        if told.in_row:
            line = f"{name} CANNOT BE TOLD since {format_utc(told.since_ns)}: {told.why}"
        never = told.given_up + told.lost
        yield "alerts", line + (f", {never} never arrived" if never else "")
    for name, waits in reach.kept.items():
        oldest = f"the oldest of {format_utc(waits.oldest_ns // SECOND_NS * SECOND_NS)}"
        yield (
            "alerts",
            f"{waits.count} wait for {name}, {oldest}; the session's next process tells what is left",
        )
    beat = reach.heartbeat
    if beat is not None:
        well = f"taken last at {format_utc(beat.well_ns)}" if beat.well_ns else "never taken"
        failing = "" if beat.well_ns == beat.at_ns else "NOT TAKEN now, "
        yield "heartbeat", f"{failing}{well}; {beat.sent} calls taken, {beat.failed} not"
