"""How far a journal once went, by what does not stand in it.

A journal whose end is missing looks whole: it reads like one that was written up to there. To trade on from it would be
to forget orders, and to give their ids to others. Three things know better: `standing.json` and the audit beside the
journal, which name a record that was durable, and the venue, which shows orders by their ids. Each is at most what the
disk had promised, so a crash, which loses only what was not durable, is never taken for a loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradewind.errors import JournalError, TradewindError
from tradewind.journal import FileDisk, JournalReader, RecordKind
from tradewind.journal.bodies import decode_audit
from tradewind.live.standing import read_standing
from tradewind.live.takeover import is_of_takeover
from tradewind.ops.governance import governance_of
from tradewind.units.ids import counter_of

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.venues.gateway import Snapshot

__all__ = ["RECORD", "known_end", "refuse_unissued"]

RECORD: Final = "record"
"""Field of what is told at the start and at the end of a process: the last record of its journal that was durable."""
_MARKED: Final = (b"SESSION_STARTED", b"SESSION_STOPPED")


def known_end(folder: Path) -> int:
    """Return the last record of a session's journal that was durable once, by what lies beside it; 0: nothing says.

    folder: of the session. Evidence that cannot be read says nothing.
    """
    last = read_standing(folder)
    return max(0 if last is None else last.durable, _audited_end(governance_of(folder)))


def _audited_end(audit: Path) -> int:
    """Return the last record that the audit names."""
    found = 0
    try:
        for record in JournalReader(FileDisk(), audit).of_kind(RecordKind.AUDIT):
            if any(code in record.body for code in _MARKED):
                found = max(found, int(str(decode_audit(record).detail.get(RECORD, 0))))
    except (TradewindError, OSError, ValueError):
        return found
    return found


def refuse_unissued(snapshot: Snapshot, issued: int, account: str) -> None:
    """Refuse an account that shows orders of this epoch which the journal has not issued (JOURNAL_BEHIND).

    Parameters
    ----------
    snapshot
        What the account shows at the start: orders and trades.
    issued
        How many orders the journal knows of: the count in the id of the last one.
    account
        Its name.

    Raises
    ------
    JournalError
        JOURNAL_BEHIND: the next orders would bear ids that are taken.
    """
    seen = {order.cid for order in snapshot.orders} | {fill.cid for fill in snapshot.fills}
    unknown = [cid for cid in seen if counter_of(cid) > issued and not is_of_takeover(cid)]
    if unknown:
        latest = counter_of(max(unknown))
        raise JournalError(
            "JOURNAL_BEHIND",
            f"the venue shows orders of this session up to the {latest:,}th, the journal knows {issued:,}: an older "
            "copy stands here, or another process trades under the same signs.",
            where=account,
        )
