"""What is done once a day for a session: the summary of the day that ended is told, and old market data expires.

Both are commands of their own, in processes of their own and at low priority: reading a day's journal takes seconds,
and the loop that trades must not wait for them. What fails is told and tried again the next day.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.ops.alerts import Alert
from tradewind.units.enums import DAY_NS
from tradewind.units.time import format_utc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["Upkeep"]

_FILE: Final = "upkeep.json"
_LOOK_S: Final = 60.0
_SETTLED_NS: Final = 120 * 1_000_000_000
"""A day is summed up so long after its end: its last bars and funding are in by then."""


@dataclass(slots=True)
class Upkeep:
    """Daily work of one session.

    Parameters
    ----------
    session, folder
        Its name, and its folder, which keeps which day was summed up last.
    clock
        Our time, nanoseconds UTC.
    command
        Runs ``tradewind`` with these words; returns exit status and standard output.
    notify
        Is told the summary.
    expires
        Whether market data expires by the settings.
    """

    session: str
    folder: Path
    clock: Callable[[], int]
    command: Callable[[tuple[str, ...]], Awaitable[tuple[int, str]]]
    notify: Callable[[Alert], None]
    expires: bool = False

    async def run(self) -> None:
        """Look every minute, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> bool:
        """Do the daily work if a day has ended; say whether one had.

        A session that was not running when a day ended sums it up when it runs again; of several only the last.
        """
        today = (self.clock() - _SETTLED_NS) // DAY_NS
        done = self._done()
        if done is not None and today <= done:
            return False
        self._note(today)
        if done is None:
            return False
        await self._sum_up(today - 1)
        if self.expires:
            status, _ = await self.command(("journal", "expire", self.session, "--json"))
            if status:
                self._tell(f"old market data of the journal could not expire (exit status {status})")
        return True

    async def _sum_up(self, day: int) -> None:
        date = format_utc(day * DAY_NS)[:10]
        words = ("session", "summary", self.session, "--day", date, "--json")
        status, output = await self.command(words)
        try:
            lines = json.loads(output)["lines"] if status == 0 else []
        except (ValueError, LookupError, TypeError):
            lines = []
        self._tell("\n".join(lines) or f"the summary of {date} could not be made (exit status {status})")

    def _tell(self, text: str) -> None:
        self.notify(Alert("DAILY_SUMMARY", text, self.clock(), self.session))

    def _done(self) -> int | None:
        """Return the day on which the work was done last, None before the first."""
        try:
            return int(json.loads((self.folder / _FILE).read_text())["day"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _note(self, day: int) -> None:
        try:
            (self.folder / _FILE).touch(0o600)
            (self.folder / _FILE).write_text(json.dumps({"day": day}) + "\n")
        except OSError:
            return  # A full disk has its own alert; the summary comes twice at worst.
