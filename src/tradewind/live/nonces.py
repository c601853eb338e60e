"""Which signals were taken: a memory that is durable before a signal is taken, and outlives the process.

It is a file of lines beside the journal. A line that a crash tore off belongs to a signal that was never taken. What
is too old to be taken anyway is left out when a process begins; the time before which this happened stands in the
first line, so that a clock that is set back does not make an old signal new.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tradewind.errors import JournalError
from tradewind.journal.disk import append_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tradewind.journal import Disk
    from tradewind.journal.disk import OpenFile

__all__ = ["NONCES", "Nonces"]

NONCES: Final = "signals.taken"
"""Name of the file in a session's folder."""
_LINES_MAX = 50_000


class Nonces:
    """The signals that a session has taken within its window.

    Parameters
    ----------
    disk, folder
        Of the session.
    window_ms
        How far the time of a signal may lie from ours.
    now_ms
        Our time, milliseconds UTC.

    Attributes
    ----------
    horizon_ms
        Nothing that was signed before this is taken any more; it never goes back.

    Raises
    ------
    JournalError
        JOURNAL_CORRUPT: the file is none of ours. What was taken is not known then, so nothing is.
    """

    def __init__(self, disk: Disk, folder: Path, window_ms: int, now_ms: int) -> None:
        self.horizon_ms = now_ms - window_ms
        self._disk, self._path, self._window_ms = disk, folder / NONCES, window_ms
        self._taken: dict[str, int] = {}
        self._last: dict[str, int] = {}
        if NONCES in disk.names(folder):
            self._read(disk.read(self._path))
        self._file = self._written_anew()
        self._lines, self._is_torn = 0, False

    def is_taken(self, nonce: str) -> bool:
        """Say whether a signal of this nonce was taken."""
        return nonce in self._taken

    def last_ms(self, places: Iterable[str]) -> int:
        """Return when the newest signal for any of some places was signed, 0 for none."""
        return max((self._last.get(place, 0) for place in places), default=0)

    def advance(self, now_ms: int) -> None:
        """Let time go on: what is too old to be taken is forgotten."""
        self.horizon_ms = max(self.horizon_ms, now_ms - self._window_ms)
        while self._taken and (oldest := next(iter(self._taken.items())))[1] < self.horizon_ms:
            del self._taken[oldest[0]]

    def take(self, nonce: str, stamp_ms: int, places: Iterable[str]) -> bytes:
        """Note a signal; return what `keep` is to write down before it is acted on."""
        told = sorted(places)
        self._note(nonce, stamp_ms, told)
        return json.dumps([stamp_ms, nonce, told]).encode() + b"\n"

    def keep(self, line: bytes) -> None:
        """Make a signal durable; nothing else may happen to this object meanwhile.

        Raises OSError or JournalError where the disk refuses it: it is not to be acted on then.
        """
        if self._is_torn or self._lines >= _LINES_MAX:
            self._file.close()
            self._file, self._lines = self._written_anew(), 0
        self._is_torn = True
        append_all(self._file, line)
        self._file.sync()
        self._is_torn = False
        self._lines += 1

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _note(self, nonce: str, stamp_ms: int, places: Iterable[str]) -> None:
        if nonce:
            self._taken[nonce] = stamp_ms
        for place in places:
            self._last[place] = max(stamp_ms, self._last.get(place, 0))

    def _read(self, data: bytes) -> None:
        """Take up what an earlier process wrote down; the rest of a line at the end was never taken."""
        lines = data.split(b"\n")[:-1]
        try:
            for number, line in enumerate(lines):
                row = json.loads(line)
                if number == 0:
                    self.horizon_ms = max(self.horizon_ms, int(row["horizon_ms"]))
                    continue
                stamp_ms, nonce, places = row
                self._note(str(nonce), int(stamp_ms), [str(place) for place in places])
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(
                "JOURNAL_CORRUPT",
                "it is not known which signals were taken: the file is damaged",
                where=str(self._path),
                hint="wait until the window of signals is over, then remove the file",
            ) from error

    def _written_anew(self) -> OpenFile:
        """Write what still counts into a fresh file, whole or not at all, and return it open."""
        rows: list[object] = [{"horizon_ms": self.horizon_ms}]
        rows += [
            [stamp_ms, nonce, []] for nonce, stamp_ms in self._taken.items() if stamp_ms >= self.horizon_ms
        ]
        rows += [
            [stamp_ms, "", [place]] for place, stamp_ms in self._last.items() if stamp_ms >= self.horizon_ms
        ]
        partial = self._path.with_suffix(".partial")
        file = self._disk.create(partial)
        append_all(file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        file.sync()
        self._disk.replace(partial, self._path)
        self._disk.sync_folder(self._path.parent)
        return file
