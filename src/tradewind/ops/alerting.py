"""Who is told of a session's alerts: everybody of ``[alerts]`` by his own terms, and a file that keeps the last ones.

The file is `alerts.jsonl` in the session's folder; two of them are kept, each of at most a million bytes. What cannot
be written or sent costs an alert, never a decision; that somebody cannot be told the others are. What he has not got
when a process ends or is killed the next one tells him: a thread writes it down, not whoever tells an alert.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tradewind.ops.alerts import Alert, Level, Notifier, QuietHours
from tradewind.ops.dispatch import Dispatcher, written
from tradewind.ops.undelivered import KEPT_MAX, KEPT_NS, KeptAlert
from tradewind.units.time import HOUR_NS
from tradewind.venues.keys import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradewind.config import AlertEntry
    from tradewind.ops.outward import Outward
    from tradewind.ops.undelivered import Left, Undelivered

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
    undelivered
        Keeps what nobody has taken yet; None where that ends with this process.
    """

    log: AlertLog | None
    dispatchers: Sequence[Dispatcher] = ()
    listeners: Sequence[Callable[[Alert], None]] = field(default_factory=list)
    outward: Outward | None = None
    undelivered: Undelivered | None = None
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _changed: threading.Event = field(default_factory=threading.Event)
    _keeper: threading.Thread | None = None
    _over: bool = False

    def __post_init__(self) -> None:
        """Hear of each attempt to tell somebody."""
        for dispatcher in self.dispatchers:
            dispatcher.heard = partial(self._attempted, dispatcher)
        if self.undelivered is not None:
            self._keeper = threading.Thread(target=self._keep, name="undelivered", daemon=True)
            self._keeper.start()

    def tell(self, alert: Alert) -> None:
        """Write an alert down and hand it over; return at once."""
        self._tell_all_but((), alert)

    def go_on(self) -> None:
        """Tell what processes of this session that are gone could not; return at once."""
        if self.undelivered is None:
            return
        left, known = self.undelivered.take(), {dispatcher.name for dispatcher in self.dispatchers}
        told = [
            f"{count} alerts for {name} that an earlier process could not tell are dropped: more than {KEPT_MAX} "
            f"waited, or for more than {KEPT_NS // HOUR_NS} h, or nobody is called so any more; {ALERTS_FILE} has "
            "the newest"
            for name, count in _dropped(left, known).items()
        ]
        said = "; ".join([*left.faults, *told])
        alert = Alert("ALERT_UNDELIVERED", said, time.time_ns(), self._session) if said else None
        for dispatcher in self.dispatchers:
            his = [kept for kept in left.alerts if kept.to == dispatcher.name]
            if alert is not None and left.dropped[dispatcher.name]:
                # His own loss he is told whatever his level.
                his.insert(0, KeptAlert(dispatcher.name, alert.code, *written(alert), alert.at_ns))
            dispatcher.go_on(his)
        if alert is not None:
            self._tell_all_but([each for each in self.dispatchers if left.dropped[each.name]], alert)
        self._changed.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Let what waits go out, for so long with each recipient, and keep what did not."""
        for dispatcher in self.dispatchers:
            dispatcher.close(timeout_s)
        if self.undelivered is None:
            return
        assert self._keeper is not None
        self._over = True
        self._changed.set()
        self._keeper.join(timeout_s)
        if not self._keeper.is_alive():
            self.undelivered.close()

    @property
    def _session(self) -> str:
        return self.outward.session if self.outward is not None else ""

    def _keep(self) -> None:
        """Write down what waits after each change, in a thread of its own: a disk that stalls holds nobody up."""
        assert self.undelivered is not None
        while True:
            self._changed.wait()
            self._changed.clear()
            over = self._over
            self.undelivered.keep([kept for each in self.dispatchers for kept in each.undelivered()])
            if over:
                return

    def _tell_all_but(self, left_out: Sequence[Dispatcher], alert: Alert) -> None:
        if self.log is not None:
            with self._writing:
                self.log.write(alert)
        for listen in self.listeners:
            listen(alert)
        for dispatcher in self.dispatchers:
            if dispatcher not in left_out:
                dispatcher.tell(alert)
        self._changed.set()

    def _attempted(self, dispatcher: Dispatcher) -> None:
        """Keep whether somebody could be told; say so once when he repeatedly could not. Called in his thread."""
        if self.outward is not None:
            self.outward.note_alerts(dispatcher)
        self._changed.set()
        if dispatcher.in_row == _TOLD_AFTER:
            text = (
                f"{dispatcher.name} cannot be told: {dispatcher.why}; {dispatcher.waiting} alerts wait for it"
            )
            self._tell_all_but([dispatcher], Alert("ALERT_UNDELIVERED", text, time.time_ns(), self._session))


def _dropped(left: Left, known: set[str]) -> Counter[str]:
    """Return how many alerts nobody will get, by recipient: too old, too many, or for one who is not told any more."""
    return left.dropped + Counter(kept.to for kept in left.alerts if kept.to not in known)
