"""Alerts that somebody has not got yet, in files of a session's folder: the next process of the session tells them.

Each process keeps one file for as long as something waits, whole after every change and by its owner alone to be read.
It holds a lock on that file, so a file whose lock is free is of a process that is gone: whoever comes next takes it. A
file holds names of recipients and what they are to be told, and no address.

A kill in the very moment in which a service takes an alert lets it be told twice; no other end does.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tradewind.units.enums import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["KEPT_MAX", "KEPT_NS", "KeptAlert", "Left", "Undelivered", "Waits", "waits_in"]

KEPT_MAX: Final = 100
"""So many alerts are kept for each recipient; of more the newest."""
KEPT_NS: Final = DAY_NS
"""So long after it was said an alert is kept."""
_FORM: Final = 1
_NAMES: Final = "undelivered-*.json"
_PARTIAL_NAMES: Final = ".undelivered-*.json"
_ASIDE: Final = ".damaged"
_FILE_MAX_BYTES: Final = 16 << 20


class KeptAlert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a recipient has not got yet.

    Parameters
    ----------
    to
        What he is called in the settings.
    code
        Of the alert.
    title, body
        Its words, clean.
    at_ns
        When it was said, nanoseconds UTC.
    """

    to: str
    code: str
    title: str
    body: str
    at_ns: int


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file: of which session, what waits, and how much more was there, by recipient."""

    form: int
    session: str
    alerts: list[KeptAlert]
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Left:
    """What processes that are gone have left.

    Parameters
    ----------
    alerts
        What waits, the oldest first.
    dropped
        How many more there were, too old or too many, by recipient.
    faults
        What is wrong with files that cannot be read, in words for a person.
    """

    alerts: list[KeptAlert] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waits:
    """How many alerts wait for a recipient, and when the oldest was said, nanoseconds UTC."""

    count: int
    oldest_ns: int


class Undelivered:
    """The file of one process. Its methods may be called from several threads.

    Parameters
    ----------
    folder
        The session's folder.
    clock
        Our time, nanoseconds UTC.
    """

    def __init__(self, folder: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder, self._clock = folder, clock
        self._path = folder / f"undelivered-{os.getpid()}-{time.time_ns()}.json"
        self._held = -1
        self._taken: list[tuple[Path, int]] = []
        self._on_disk: frozenset[KeptAlert] = frozenset()
        self._writing = threading.Lock()
        self._closed = False

    def take(self) -> Left:
        """Take what processes that are gone have left; their files go with the next call of `keep`.

        A file that cannot be read, or is of another session, is moved aside and told.
        """
        left = Left()
        with self._writing:
            for partial in self._folder.glob(_PARTIAL_NAMES):
                _remove_free(partial)
            for path in sorted(self._folder.glob(_NAMES)):
                try:
                    handle = _open_free(path)
                except OSError as error:
                    fault = f"a file of alerts that wait cannot be read ({error.strerror})"
                    left.faults.append(f"{fault}; it is kept as {_put_aside(path)}")
                    continue
                if handle is not None:
                    self._take_one(path, handle, left)
            kept, dropped = _bounded(left.alerts, self._clock())
            self._on_disk |= frozenset(kept)
        return Left(kept, left.dropped + dropped, left.faults)

    def _take_one(self, path: Path, handle: int, left: Left) -> None:
        try:
            page = _read(handle, self._folder.name)
        except ValueError as error:
            os.close(handle)
            left.faults.append(f"{error}; it is kept as {_put_aside(path)}")
            return
        left.alerts.extend(page.alerts)
        left.dropped.update(page.dropped)
        self._taken.append((path, handle))

    def keep(self, alerts: Sequence[KeptAlert]) -> None:
        """Put what waits now in the place of what waited; without anything there is no file.

        Where the disk refuses it the older file stays, unless somebody has got since what stands in it: he would be
        told twice. Then it goes, and what waits is lost with this process.
        """
        with self._writing:
            if self._closed:
                return
            kept, dropped = _bounded(alerts, self._clock())
            now = frozenset(kept)
            if not kept and not dropped:
                self._remove()
            elif self._write(_Page(_FORM, self._folder.name, kept, dict(dropped))):
                self._drop_taken()
            elif not self._on_disk <= now:
                self._remove()
            else:
                return
            self._on_disk = now if self._held >= 0 else frozenset()

    def close(self) -> None:
        """Let go of the file, which the next process may take; nothing is kept any more."""
        with self._writing:
            self._closed = True
            for handle in (self._held, *(handle for _, handle in self._taken)):
                if handle >= 0:
                    os.close(handle)
            self._held, self._taken = -1, []

    def _write(self, page: _Page) -> bool:
        """Return whether the disk took it. The new file is locked before anybody can see it."""
        partial = self._path.with_name(f".{self._path.name}")
        handle = -1
        try:
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.fdopen(os.dup(handle), "wb") as file:
                file.write(msgspec.json.encode(page))
            partial.replace(self._path)
        except OSError:
            if handle >= 0:
                os.close(handle)
            with suppress(OSError):
                partial.unlink()
            return False
        if self._held >= 0:
            os.close(self._held)
        self._held = handle
        return True

    def _remove(self) -> None:
        self._drop_taken()
        if self._held >= 0:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._held)
            self._held = -1

    def _drop_taken(self) -> None:
        for path, handle in self._taken:
            with suppress(OSError):
                path.unlink()
            os.close(handle)
        self._taken = []


def waits_in(folder: Path, now_ns: int) -> dict[str, Waits]:
    """Return what waits in the files of a session's folder, by recipient; what cannot be read is left out."""
    found: dict[str, Waits] = {}
    for page in _pages(folder):
        for alert in page.alerts:
            if now_ns - alert.at_ns < KEPT_NS:
                before = found.get(alert.to, Waits(0, alert.at_ns))
                found[alert.to] = Waits(before.count + 1, min(before.oldest_ns, alert.at_ns))
    return found


def _pages(folder: Path) -> Iterator[_Page]:
    for path in sorted(folder.glob(_NAMES)):
        with suppress(OSError, ValueError):
            handle = os.open(path, _FOR_READING)
            try:
                yield _read(handle, folder.name)
            finally:
                os.close(handle)


def _bounded(alerts: Sequence[KeptAlert], now_ns: int) -> tuple[list[KeptAlert], Counter[str]]:
    """Return what is kept, the oldest first, and how many are not, by recipient."""
    kept: list[KeptAlert] = []
    dropped: Counter[str] = Counter()
    count: Counter[str] = Counter()
    in_order = sorted(alerts, key=lambda each: each.at_ns)
    for alert in in_order[::-1]:
        count[alert.to] += 1
        if now_ns - alert.at_ns < KEPT_NS and count[alert.to] <= KEPT_MAX:
            kept.append(alert)
        else:
            dropped[alert.to] += 1
    return kept[::-1], dropped


_FOR_READING: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _open_free(path: Path) -> int | None:
    """Return a file, locked, of a process that is gone; None where it lives or the file is another's already.

    Raises OSError where it cannot be opened.
    """
    try:
        handle = os.open(path, _FOR_READING)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, ours = path.stat(), os.fstat(handle)
        if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(handle)
    return None


def _remove_free(path: Path) -> None:
    """Remove what a process that is gone had not finished."""
    with suppress(OSError):
        handle = _open_free(path)
        if handle is not None:
            path.unlink()
            os.close(handle)


def _read(handle: int, session: str) -> _Page:
    """Return what a file says. Raises ValueError in words for a person where it is none of this session."""
    told = os.fstat(handle)
    if not stat.S_ISREG(told.st_mode) or told.st_size > _FILE_MAX_BYTES:
        raise ValueError("a file of alerts that wait is none, or too large")
    try:
        with os.fdopen(os.dup(handle), "rb") as file:
            page = msgspec.json.decode(file.read(_FILE_MAX_BYTES), type=_Page)
    except (msgspec.MsgspecError, OSError, RecursionError) as error:
        raise ValueError("a file of alerts that wait is damaged") from error
    if page.form != _FORM or page.session != session:
        raise ValueError("a file of alerts that wait is of another session or version")
    return page


def _put_aside(path: Path) -> str:
    """Move a file out of the way; return what it is called now."""
    aside = path.with_name(path.name + _ASIDE)
    try:
        path.replace(aside)
    except OSError:
        return path.name
    return aside.name
