"""Handing alerts over: in a thread for each recipient, no more often than he can read, again what was not taken."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.ops.alerts import ALERTS, Level, QuietHours
from tradewind.units.enums import DAY_NS
from tradewind.units.time import format_utc
from tradewind.venues.keys import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.ops.alerts import Alert, Notifier

__all__ = ["RETRIES_S", "Dispatcher", "written"]

RETRIES_S: Final = (5.0, 30.0, 120.0, 600.0, 1_800.0)
"""An alert that was not taken is handed over again so many seconds later each time, and then given up."""
_QUEUE_MAX: Final = 256
_MINUTE_NS: Final = 60_000_000_000
_WHY_MAX: Final = 120


@dataclass(slots=True, eq=False)
class _Letter:
    """An alert on its way; `left` are those who have not taken it."""

    title: str
    body: str
    at_ns: int
    left: Sequence[Notifier]
    tries: int = 0
    due_s: float = 0.0


def written(alert: Alert) -> tuple[str, str]:
    """Return title and body of an alert, both clean: what happened, what it means, what to do."""
    kind = ALERTS[alert.code]
    title = f"tradewind {alert.level.name}: {alert.code}" + (f" ({alert.session})" if alert.session else "")
    told = "".join(f"\n{name}: {value}" for name, value in alert.fields.items())
    return clean(title), clean(f"{alert.text}{told}\n{kind.meaning} {kind.remedy}")


class Dispatcher:
    """Hands alerts to the notifiers of one recipient in a thread of its own.

    Parameters
    ----------
    notifiers
        Whom to tell.
    threshold
        Alerts below this level are not sent (they are in the log anyway).
    quiet
        When only CRITICAL is sent.
    repeat_ns
        The same code of the same session is sent again only after so long; how many were kept back is told then.
    name
        What the recipient is called in the settings.
    retries_s
        When what was not taken is tried again.

    Attributes
    ----------
    sent, failed, given_up, kept_back, lost
        Counters: taken; attempts that were not; not taken at any attempt; suppressed by threshold, hours or repetition;
        and dropped because too many waited.
    in_row
        Attempts in a row that were not taken, 0 while the recipient can be reached.
    why
        Why the last attempt was not taken, "" where it was.
    heard
        Is called after each attempt, in the thread of this recipient.
    """

    def __init__(
        self,
        notifiers: Sequence[Notifier],
        threshold: Level = Level.WARNING,
        quiet: QuietHours | None = None,
        repeat_ns: int = 10 * _MINUTE_NS,
        *,
        name: str = "",
        retries_s: Sequence[float] = RETRIES_S,
    ) -> None:
        self.sent = self.failed = self.given_up = self.kept_back = self.lost = self.in_row = 0
        self.name, self.why = name, ""
        self.heard: Callable[[], None] = lambda: None
        self._notifiers = list(notifiers)
        self._threshold = threshold
        self._quiet = quiet or QuietHours()
        self._repeat_ns, self._retries_s = repeat_ns, retries_s
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._waiting: queue.Queue[_Letter | None] = queue.Queue(_QUEUE_MAX)
        self._again: deque[_Letter] = deque()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Return how many alerts have not been taken yet."""
        return self._waiting.qsize() + len(self._again)

    def tell(self, alert: Alert) -> None:
        """Send an alert if it is to be sent; return at once."""
        if alert.level < self._threshold or not self._may_go(alert):
            self.kept_back += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(self._written(alert))
        except queue.Full:
            self.lost += 1

    def close(self, timeout_s: float = 5.0) -> None:
        """Let what waits go out, for so long; whatever hangs is left behind."""
        if self._thread is not None:
            try:
                self._waiting.put(None, timeout=timeout_s)
            except queue.Full:
                return
            self._thread.join(timeout_s)

    def _may_go(self, alert: Alert) -> bool:
        """Judge quiet hours and repetition; remember what is kept back."""
        key = (alert.session, alert.code)
        last_ns, kept = self._last.get(key, (-DAY_NS, 0))
        repeats = alert.at_ns - last_ns < self._repeat_ns
        quiet = self._quiet.holds_at(alert.at_ns) and alert.level < Level.CRITICAL
        if repeats or quiet:
            self._last[key] = (last_ns, kept + 1)
            return False
        return True

    def _written(self, alert: Alert) -> _Letter:
        key = (alert.session, alert.code)
        _, kept = self._last.get(key, (0, 0))
        self._last[key] = (alert.at_ns, 0)
        title, body = written(alert)
        if kept:
            body += f"\n{kept} more of these were kept back."
        return _Letter(title, body, alert.at_ns, self._notifiers)

    def _work(self) -> None:
        while True:
            letter = self._next()
            if letter is None:
                break
            self._hand_over(letter)
        for _ in range(len(self._again)):  # The last attempt of what waited for its next one.
            self._hand_over(self._again.popleft())

    def _next(self) -> _Letter | None:
        """Return what comes next: what is new, else what is due again; None at the end."""
        due = min(self._again, key=lambda letter: letter.due_s, default=None)
        wait_s = None if due is None else max(0.0, due.due_s - time.monotonic())
        try:
            return self._waiting.get(timeout=wait_s)
        except queue.Empty:
            assert due is not None
            self._again.remove(due)
            return due

    def _hand_over(self, letter: _Letter) -> None:
        """Try everybody who has not taken a letter; keep it for those who do not take it now."""
        body, left = letter.body, []
        if letter.tries:
            body += f"\nThis is of {format_utc(letter.at_ns)} and could not be told before."
        for notify in letter.left:
            try:
                notify(letter.title, body)
            except Exception as error:  # noqa: BLE001 - whatever a notifier raises costs this alert and nothing else
                # Words of ours are told; those of a library may hold the address.
                told = str(error) if isinstance(error, ConnectionError) else ""
                self.why = clean(told or type(error).__name__)[:_WHY_MAX]
                self.failed += 1
                left.append(notify)
            else:
                self.sent += 1
        self.in_row = self.in_row + 1 if left else 0
        self.why = self.why if left else ""
        if left:
            self._keep(letter, left)
        self.heard()

    def _keep(self, letter: _Letter, left: Sequence[Notifier]) -> None:
        """Keep a letter for its next attempt, or give it up."""
        if letter.tries >= len(self._retries_s):
            self.given_up += 1
            return
        letter.left, letter.due_s = left, time.monotonic() + self._retries_s[letter.tries]
        letter.tries += 1
        self._again.append(letter)
        if len(self._again) > _QUEUE_MAX:
            self._again.popleft()
            self.lost += 1
