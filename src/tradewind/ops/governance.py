"""The governance layer: who did what to a session, and what was brought together with the exchange, in a chain.

It is a journal of its own in `governance/` of the session's folder, with the same frames and the same chain as the
record of trading, so `tradewind journal verify` finds an edited line. Nothing that trades reads it, and a disk that
refuses it costs an entry, never a decision: what an operator asked for stands in the record of trading too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradewind.errors import Busy, JournalError, PathError, SafetyRefusal
from tradewind.journal import Authorship, RecordKind, open_journal
from tradewind.journal.bodies import Audit, encode
from tradewind.venues.keys import clean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradewind.journal import Disk, Identity, JournalWriter
    from tradewind.ops.alerts import Alert

__all__ = ["GOVERNANCE", "GovernanceLog", "governance_of"]

GOVERNANCE: Final = "governance"
_KEPT: Final = frozenset(
    (
        *("SESSION_STARTED", "SESSION_STOPPED", "OPERATOR", "RECONCILED", "UNEXPLAINED"),
        *("ORDER_ABANDONED", "HALTED", "RESUMED", "LOCKED", "PROTECTOR_MISSING", "STRATEGY_HELD"),
        *("SIGNAL_REFUSED", "SIGNAL_STALE", "SIGNALS_CLOSED"),
        *("LIQUIDATED", "CAP_HIT", "PROCESS_DIED", "PROCESS_RENEWED", "CRASH_LOOP", "LOOP_STALLED"),
        *("GUARD_DIED",),
        *("VENUE_REFUSES", "VENUE_SILENT", "BANNED", "SESSION_REFUSED", "DISK_FAILED"),
    )
)
"""Alerts that are entries of the audit."""
_UNWRITABLE: Final = frozenset(("DISK_FULL", "JOURNAL_WRITE"))


def governance_of(folder: Path) -> Path:
    """Return the folder of the governance layer of a session's folder."""
    return folder / GOVERNANCE


class GovernanceLog:
    """The audit of one session, held until `close`.

    Parameters
    ----------
    disk, folder
        The session's folder; the log lies below it.
    identity
        Of the session.
    now_ns, version
        The clock, for headers, and the version of tradewind.

    Attributes
    ----------
    lost
        How many entries could not be written when they were told; a full disk takes them with the next, once it can.
    set_aside
        Where a damaged log was moved, so that its evidence stays; None where none was.
    """

    def __init__(
        self, disk: Disk, folder: Path, identity: Identity, now_ns: Callable[[], int], version: str
    ) -> None:
        self.lost = 0
        self.set_aside: Path | None = None
        self._disk, self._folder = disk, governance_of(folder)
        self._authorship = Authorship(identity, now_ns, version, {})
        self._writer: JournalWriter | None = self._opened()

    def tell(self, alert: Alert) -> None:
        """Write an alert down if it is of the audit; return at once, whatever the disk does."""
        if alert.code in _KEPT:
            fields = {name: str(value) for name, value in alert.fields.items()}
            actor = fields.pop("actor", "")
            detail = {"text": clean(alert.text)} | {name: clean(value) for name, value in fields.items()}
            self.note(Audit(alert.at_ns, actor, alert.code, detail))

    def note(self, audit: Audit) -> None:
        """Write an entry down; the system has it when this returns, the disk when `close` does."""
        if self._writer is None:
            self.lost += 1
            return
        try:
            self._writer.append(RecordKind.AUDIT, encode(audit))
            self._writer.flush()
        except JournalError:
            self.lost += 1

    def close(self) -> None:
        """Make everything durable and let go; what cannot be made so is counted."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except JournalError:
                self.lost += 1
                writer.abandon()

    def _opened(self) -> JournalWriter | None:
        """Return a writer at the end of the log; a damaged one, or one of somebody else, is moved aside.

        A disk that takes nothing damages nothing: the log stays where it is, and what is told meanwhile is lost.
        """
        try:
            return open_journal(self._disk, self._folder, self._authorship)
        except (Busy, PathError, OSError):
            return None
        except (JournalError, SafetyRefusal) as error:
            if error.code in _UNWRITABLE:
                return None
            self.set_aside = self._free_name()
        try:
            self._disk.replace(self._folder, self.set_aside)
            return open_journal(self._disk, self._folder, self._authorship)
        except (JournalError, PathError, OSError):
            return None

    def _free_name(self) -> Path:
        parent = self._folder.parent
        taken = {path.name for path in parent.iterdir()} if parent.is_dir() else set()
        number = next(n for n in range(1, 10_000) if f"{GOVERNANCE}-damaged-{n}" not in taken)
        return parent / f"{GOVERNANCE}-damaged-{number}"
