"""Who is told of a session's alerts: everybody of ``[alerts]`` by his own terms, and a file that keeps the last ones.

The file is `alerts.jsonl` in the session's folder; two of them are kept, each of at most a million bytes. What cannot
be written or sent costs an alert, never a decision; that somebody cannot be told the others are.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tradewind.ops.alerts import Alert, Level, Notifier, QuietHours
from tradewind.ops.dispatch import Dispatcher
from tradewind.venues.keys import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradewind.config import AlertEntry
    from tradewind.ops.outward import Outward

__all__ = ["ALERTS_FILE", "AlertLog", "Switchboard", "last_alerts", "recipients"]

ALERTS_FILE: Final = "alerts.jsonl"
_FILE_MAX_BYTES: Final = 1_000_000
_TOLD_AFTER: Final = 2
"""Attempts in a row that fail before the others are told: one that fails and is made good is nobody's concern."""


def recipients(entries: Mapping[str, AlertEntry], services: Mapping[str, Notifier]) -> list[Dispatcher]:
    """Return a dispatcher for each entry of ``[alerts]``, with its own level and quiet hours.

    Parameters
    ----------
    entries
        The table of the settings, by name.
    services
        What takes alerts, by the same names.
    """
    return [
        Dispatcher([services[name]], Level[entry.level.upper()], _quiet_hours(entry.quiet), name=name)
        for name, entry in entries.items()
    ]


def _quiet_hours(text: str | None) -> QuietHours:
    """Return the hours that a file writes as "22:00..07:00"."""
    if text is None:
        return QuietHours()
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split(".."))
    return QuietHours(start, end)


class AlertLog:
    """The last alerts of a session, one line of JSON each, cleaned of secrets.

    Attributes
    ----------
    lost
        How many could not be written.
    """

    def __init__(self, folder: Path) -> None:
        self.lost = 0
        self._path = folder / ALERTS_FILE

    def write(self, alert: Alert) -> None:
        """Append an alert; a disk that refuses it loses it."""
        told = {
            "at_ns": alert.at_ns,
            "code": alert.code,
            "level": alert.level.name,
            "text": alert.text,
            "session": alert.session,
            "fields": {name: str(value) for name, value in alert.fields.items()},
        }
        line = clean(json.dumps(told, ensure_ascii=False)) + "\n"
        try:
            if self._path.exists() and self._path.stat().st_size + len(line) > _FILE_MAX_BYTES:
                self._path.replace(_older(self._path))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
            self._path.chmod(0o600)
        except OSError:
            self.lost += 1


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def last_alerts(folder: Path, count: int) -> list[dict[str, Any]]:
    """Return the newest alerts of a session's folder, the oldest of them first; a torn line is left out."""
    lines: list[str] = []
    path = folder / ALERTS_FILE
    for each in (_older(path), path):
        if each.is_file():
            lines += each.read_text(encoding="utf-8", errors="replace").splitlines()
    found = []
    for line in lines[-count:]:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


@dataclass(slots=True)
class Switchboard:
    """Passes each alert on to all who are told of it, and tells the others of somebody who cannot be told.

    Parameters
    ----------
    log
        Keeps the last ones; None for no file.
    dispatchers
        One for each recipient.
    listeners
        Are told of every alert at once, in the thread of whoever tells it: a terminal.
    outward
        Keeps who could be told; None for no file.
    """

    log: AlertLog | None
    dispatchers: Sequence[Dispatcher] = ()
    listeners: Sequence[Callable[[Alert], None]] = field(default_factory=list)
    outward: Outward | None = None
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Hear of each attempt to tell somebody."""
        for dispatcher in self.dispatchers:
            dispatcher.heard = partial(self._attempted, dispatcher)

    def tell(self, alert: Alert) -> None:
        """Write an alert down and hand it over; return at once."""
        self._tell_all_but(None, alert)

    def close(self, timeout_s: float = 5.0) -> None:
        """Let what waits go out, for so long with each recipient."""
        for dispatcher in self.dispatchers:
            dispatcher.close(timeout_s)

    def _tell_all_but(self, left_out: Dispatcher | None, alert: Alert) -> None:
        if self.log is not None:
            with self._writing:
                self.log.write(alert)
        for listen in self.listeners:
            listen(alert)
        for dispatcher in self.dispatchers:
            if dispatcher is not left_out:
                dispatcher.tell(alert)

    def _attempted(self, dispatcher: Dispatcher) -> None:
        """Keep whether somebody could be told; say so once when he repeatedly could not. Called in his thread."""
        if self.outward is not None:
            self.outward.note_alerts(dispatcher)
        if dispatcher.in_row == _TOLD_AFTER:
            text = (
                f"{dispatcher.name} cannot be told: {dispatcher.why}; {dispatcher.waiting} alerts wait for it"
            )
            session = self.outward.session if self.outward is not None else ""
            self._tell_all_but(dispatcher, Alert("ALERT_UNDELIVERED", text, time.time_ns(), session))
