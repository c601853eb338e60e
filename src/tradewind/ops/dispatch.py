"""Handing alerts over: in a thread for each recipient, no more often than he can read, again what was not taken."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.ops.alerts import ALERTS, Level, QuietHours
from tradewind.ops.undelivered import KeptAlert
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
    """An alert on its way; `left` are those who have not taken it, `late`: one of a process before this one."""

    kept: KeptAlert
    left: Sequence[Notifier]
    late: bool = False
    tries: int = 0
    due_s: float = 0.0
    not_before_s: float = 0.0


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
    clock
        Our time, nanoseconds UTC: whether it is quiet when what a process before this one could not tell is told.

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
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.sent = self.failed = self.given_up = self.kept_back = self.lost = self.in_row = 0
        self.name, self.why = name, ""
        self.heard: Callable[[], None] = lambda: None
        self._notifiers = list(notifiers)
        self._threshold = threshold
        self._quiet = quiet or QuietHours()
        self._repeat_ns, self._retries_s, self._clock = repeat_ns, retries_s, clock
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._waiting: queue.Queue[_Letter | None] = queue.Queue(_QUEUE_MAX)
        self._again: deque[_Letter] = deque()
        self._open: dict[int, _Letter] = {}
        self._thread: threading.Thread | None = None
        self._over = False

    @property
    def waiting(self) -> int:
        """Return how many alerts have not been taken yet."""
        return len(self._open)

    def undelivered(self) -> list[KeptAlert]:
        """Return what has not been taken yet, what is being handed over now among it."""
        return [letter.kept for letter in list(self._open.values())]

    def tell(self, alert: Alert) -> None:
        """Send an alert if it is to be sent; return at once."""
        if alert.level < self._threshold or not self._may_go(alert):
            self.kept_back += 1
            return
        self._put(self._written(alert))

    def go_on(self, alerts: Sequence[KeptAlert]) -> None:
        """Send what a process before this one could not, in the order given, after what is new; return at once.

        In quiet hours what is not critical waits for their end.
        """
        now_ns, now_s = self._clock(), time.monotonic()
        after_quiet_s = now_s + self._quiet.rest_ns(now_ns) / 1e9
        for kept in alerts:
            kind = ALERTS.get(kept.code)
            wakes = kind is None or kind.level >= Level.CRITICAL
            self._put(
                _Letter(kept, self._notifiers, late=True, not_before_s=now_s if wakes else after_quiet_s)
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Let what waits go out, for so long; whatever hangs is left behind."""
        if self._thread is not None:
            try:
                self._waiting.put(None, timeout=timeout_s)
            except queue.Full:
                pass
            else:
                self._thread.join(timeout_s)
        self._over = True

    def _put(self, letter: _Letter) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
            self._thread.start()
        self._open[id(letter)] = letter
        try:
            self._waiting.put_nowait(letter)
        except queue.Full:
            del self._open[id(letter)]
            self.lost += 1

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
        return _Letter(KeptAlert(self.name, alert.code, title, body, alert.at_ns), self._notifiers)

    def _work(self) -> None:
        while True:
            letter = self._next()
            if letter is None:
                break
            if letter.late and not letter.tries and letter.due_s < letter.not_before_s:
                letter.due_s = letter.not_before_s
                self._again.append(letter)
            else:
                self._hand_over(letter)
        for _ in range(len(self._again)):  # The last attempt of what waited for its next one.
            letter = self._again.popleft()
            if letter.not_before_s <= time.monotonic():
                self._hand_over(letter)

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
        if self._over:
            return  # Nobody waits for it any more: it is kept for the next process.
        kept, left = letter.kept, []
        body = kept.body
        if letter.tries or letter.late:
            body += f"\nThis is of {format_utc(kept.at_ns)} and could not be told before."
        for notify in letter.left:
            try:
                notify(kept.title, body)
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
        else:
            del self._open[id(letter)]
        self.heard()

    def _keep(self, letter: _Letter, left: Sequence[Notifier]) -> None:
        """Keep a letter for its next attempt, or give it up."""
        if letter.tries >= len(self._retries_s):
            self.given_up += 1
            del self._open[id(letter)]
            return
        letter.left, letter.due_s = left, time.monotonic() + self._retries_s[letter.tries]
        letter.tries += 1
        self._again.append(letter)
        if len(self._again) > _QUEUE_MAX:
            del self._open[id(self._again.popleft())]
            self.lost += 1
