"""What of a session reached somebody outside: its alerts by recipient, and its heartbeat, in files of its folder.

The guard and the trading process each keep a file, since both tell alerts and the guard alone calls the heartbeat's
address. Whoever looks reads both; the trading process as well, so that its figures hold what the guard knows. The files
hold names and counts, and no address.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tradewind.config import write_unsynced
from tradewind.ops.undelivered import Waits, waits_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradewind.ops.dispatch import Dispatcher
    from tradewind.ops.heartbeat import Heartbeat

__all__ = ["OUTWARD_FILES", "HeartbeatTold", "Outward", "Reach", "RecipientTold", "read_outward"]

_BY_SESSION: Final = "outward.json"
_BY_GUARD: Final = "outward.guard.json"
OUTWARD_FILES: Final = (_BY_SESSION, _BY_GUARD)
"""Their names in the session's folder."""


@dataclass(frozen=True, slots=True)
class RecipientTold:
    """How far somebody of ``[alerts]`` could be told, since the process began that tells him.

    Parameters
    ----------
    sent, failed, given_up, lost, waiting
        Alerts that were taken, attempts that were not, alerts that never were, that were dropped, and that still wait.
    in_row
        Attempts in a row that were not taken; 0: the last one was.
    why
        Why the last attempt was not taken.
    at_ns, since_ns
        When it was made, and since when none was taken; 0 where one was. Nanoseconds UTC.
    """

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    lost: int = 0
    waiting: int = 0
    in_row: int = 0
    why: str = ""
    at_ns: int = 0
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class HeartbeatTold:
    """How far the heartbeat was taken, since the guard began.

    Parameters
    ----------
    sent, failed, skipped
        Calls that were taken, that were not, and that were left out because the one before still waited.
    well_ns
        When one was taken last, 0 for never; at_ns: when one was made. Nanoseconds UTC.
    """

    sent: int = 0
    failed: int = 0
    skipped: int = 0
    well_ns: int = 0
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """Who outside could be told, by the newest word of guard and trading process; counts are of both.

    kept: what waits in files for each recipient, so that the session's next process can tell it.
    """

    alerts: dict[str, RecipientTold] = field(default_factory=dict)
    heartbeat: HeartbeatTold | None = None
    kept: dict[str, Waits] = field(default_factory=dict)


class Outward:
    """Keeps the file of one process; threads of recipients and of the heartbeat write into it.

    Parameters
    ----------
    folder
        The session's folder.
    guard
        Whether the process is a guard.
    clock
        Our time, nanoseconds UTC.

    Attributes
    ----------
    session
        Its name.
    """

    def __init__(self, folder: Path, *, guard: bool = False, clock: Callable[[], int] = time.time_ns) -> None:
        self.session = folder.name
        self._path = folder / (_BY_GUARD if guard else _BY_SESSION)
        self._clock = clock
        # What a process before this one could not tell is still so until somebody has been told.
        before = _read(self._path)
        self._alerts = {
            name: RecipientTold(in_row=told.in_row, why=told.why, at_ns=told.at_ns, since_ns=told.since_ns)
            for name, told in before.alerts.items()
        }
        self._heartbeat: HeartbeatTold | None = None
        self._writing = threading.Lock()

    def note_alerts(self, told: Dispatcher) -> None:
        """Write down how far a recipient could be told."""
        now_ns = self._clock()
        with self._writing:
            before = self._alerts.get(told.name, RecipientTold())
            self._alerts[told.name] = RecipientTold(
                told.sent, told.failed, told.given_up, told.lost, told.waiting, told.in_row, told.why, now_ns,
                (before.since_ns or now_ns) if told.in_row else 0,
            )  # fmt: skip
            self._write()

    def note_heartbeat(self, heart: Heartbeat, taken: bool) -> None:
        """Write down whether a call was taken."""
        now_ns = self._clock()
        with self._writing:
            well_ns = now_ns if taken else self._heartbeat.well_ns if self._heartbeat else 0
            self._heartbeat = HeartbeatTold(heart.sent, heart.failed, heart.skipped, well_ns, now_ns)
            self._write()

    def _write(self) -> None:
        told = {
            "alerts": {name: asdict(each) for name, each in self._alerts.items()},
            "heartbeat": asdict(self._heartbeat) if self._heartbeat else None,
        }
        write_unsynced(self._path, json.dumps(told).encode())


def read_outward(folder: Path, now_ns: int | None = None) -> Reach:
    """Return who outside could be told of a session; nothing where nobody was to be, or no file can be read.

    now_ns: what waits in files and is too old then is left out; None: our time.
    """
    session, guard = (_read(folder / name) for name in OUTWARD_FILES)
    alerts = dict(session.alerts)
    for name, told in guard.alerts.items():
        alerts[name] = _joined(alerts[name], told) if name in alerts else told
    kept = waits_in(folder, time.time_ns() if now_ns is None else now_ns)
    return Reach(alerts, guard.heartbeat, kept)


def _joined(one: RecipientTold, other: RecipientTold) -> RecipientTold:
    newest = max(one, other, key=lambda told: told.at_ns)
    counts = {
        name: getattr(one, name) + getattr(other, name)
        for name in ("sent", "failed", "given_up", "lost", "waiting")
    }
    return replace(newest, **counts)


def _read(path: Path) -> Reach:
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
        alerts = {str(name): RecipientTold(**each) for name, each in told["alerts"].items()}
        return Reach(alerts, HeartbeatTold(**told["heartbeat"]) if told["heartbeat"] else None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Reach()
