"""What a venue announces of itself: maintenance that is to come, goes on, or is over.

It is asked once a minute, where it has words for that. From five minutes before until the venue says that it is over
nothing new is opened; what protects and reduces goes on for as long as anything is taken. An end that the venue
announced and passed by half an hour counts as over, since a forgotten notice must not hold a session for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.units.time import MINUTE_NS, format_utc
from tradewind.venues.ccxt.decoding import whole_number
from tradewind.venues.ccxt.parsing import word_of
from tradewind.venues.gateway import AccountMode, StatusSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.venues.ccxt.dialect import Notices
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.wire import Wire
    from tradewind.venues.gateway import Event

__all__ = ["EVERY_NS", "LEAD_NS", "NoticeWatch"]

LEAD_NS = 5 * MINUTE_NS
EVERY_NS = MINUTE_NS
_FORGOTTEN_NS = 30 * MINUTE_NS
_MS_NS = 1_000_000


class NoticeWatch:
    """Tells when maintenance is near, and when it is over.

    Parameters
    ----------
    wire
        Asks the venue.
    notices
        Where its announcements stand; None where it has none.
    mode
        Which world the account belongs to: a notice may be about the other.
    tell
        Gets each change.
    now_ns
        This machine's time.
    """

    def __init__(
        self,
        wire: Wire,
        notices: Notices | None,
        mode: AccountMode,
        tell: Callable[[Event], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._wire, self._notices, self._mode = wire, notices, mode
        self._tell, self._now_ns = tell, now_ns
        self._asked_ns = 0
        self._rows: list[Row] = []
        self._near = False

    async def look(self) -> None:
        """Ask if it is time to, and tell what has changed; a venue that does not answer has said nothing new."""
        now_ns = self._now_ns()
        if self._notices is None:
            return
        if now_ns - self._asked_ns >= EVERY_NS:
            self._asked_ns = now_ns
            answer = await self._wire.ask(self._notices.call, dict(self._notices.call.fields))
            if answer.fine:
                self._rows = answer.rows(self._notices.call.rows)
        found = next((row for row in self._rows if self._is_near(self._notices, row, now_ns)), None)
        if (found is not None) != self._near:
            self._near = found is not None
            text = "the maintenance is over" if found is None else _told(self._notices, found)
            self._tell(StatusSeen(-1, False, self._near, False, text, now_ns, "maintenance"))

    def _is_near(self, notices: Notices, row: Row, now_ns: int) -> bool:
        words = notices.worlds
        if (
            words is not None
            and word_of(row.get(words[0])) != words[1 if self._mode is AccountMode.LIVE else 2]
        ):
            return False
        if not all(_words(row, name) & known for name, known in notices.concerns):
            return False
        begin_ns, end_ns = (_time_ns(row, name) for name in (notices.begin, notices.end))
        if end_ns and now_ns > end_ns + _FORGOTTEN_NS:
            return False
        state = word_of(row.get(notices.state))
        return state in notices.running or (state in notices.ahead and 0 < begin_ns <= now_ns + LEAD_NS)


def _words(row: Row, name: str) -> frozenset[str]:
    """Return the word of a field, or the words where it is a list."""
    found = row.get(name)
    return frozenset(map(word_of, found)) if isinstance(found, list) else frozenset((word_of(found),))


def _time_ns(row: Row, name: str) -> int:
    return (whole_number(row.get(name)) or 0) * _MS_NS


def _told(notices: Notices, row: Row) -> str:
    begin_ns, end_ns = _time_ns(row, notices.begin), _time_ns(row, notices.end)
    until = f" to {format_utc(end_ns)}" if end_ns else ""
    return f"the venue announces maintenance from {format_utc(begin_ns)}{until}: nothing new is opened"
