"""Alerts: what the platform says to a person who is not looking, and no more often than he can read.

Every code stands in `ALERTS` with what it means and what to do; docs/howto/alerts.md is written from the same
table. An alert goes to the session's log at once and to its notifiers through a thread of its own: one that
hangs or fails costs an alert, never a decision (F89).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from tradewind.units.enums import DAY_NS

__all__ = [
    "ALERTS",
    "Alert",
    "AlertKind",
    "Level",
    "Notifier",
    "QuietHours",
]

_MINUTE_NS = 60_000_000_000


class Level(IntEnum):
    """How much an alert matters: CRITICAL wakes people up, whatever the hour."""

    INFO = 10
    WARNING = 20
    ERROR = 30
    CRITICAL = 40


@dataclass(frozen=True, slots=True)
class AlertKind:
    """What an alert of one code means, and what to do about it."""

    level: Level
    meaning: str
    remedy: str


ALERTS: Final[Mapping[str, AlertKind]] = {
    "SESSION_STARTED": AlertKind(Level.INFO, "A session has begun or gone on.", "Nothing."),
    "SESSION_STOPPED": AlertKind(
        Level.INFO, "A session has ended in order.", "Nothing, if you asked for it."
    ),
    "DAILY_SUMMARY": AlertKind(Level.INFO, "What a day has brought.", "Read it."),
    "STREAM_DOWN": AlertKind(
        Level.WARNING,
        "A stream of an exchange is down; it is connected again by itself.",
        "Nothing, unless it stays down: then look at the exchange's status page and at your network.",
    ),
    "DATA_STALE": AlertKind(
        Level.WARNING,
        "Data that a strategy needs is older than it may be; nothing new is opened on it.",
        "Nothing, unless it lasts: then see whether the instrument still trades.",
    ),
    "FEED_SWITCHED": AlertKind(
        Level.WARNING,
        "Another venue's data stands in for a feed that failed.",
        "Nothing; it goes back by itself.",
    ),
    "ORDER_UNKNOWN": AlertKind(
        Level.WARNING,
        "It is not known what became of an order; it counts in full until it is.",
        "Nothing for a few minutes: it is asked about until there is evidence.",
    ),
    "ORDER_ABANDONED": AlertKind(
        Level.ERROR,
        "An order was never found, and all that could explain it was looked at; it is never sent again.",
        "Look for it at the exchange by its client id; if it appears later it is cancelled and its fills are counted.",
    ),
    "RECONCILED": AlertKind(
        Level.WARNING,
        "The exchange's word and ours differed and were brought together as the session file says.",
        "Read the report: 'tradewind session status' names it.",
    ),
    "UNEXPLAINED": AlertKind(
        Level.CRITICAL,
        "The exchange holds or lacks something that nothing here explains.",
        "Compare with 'tradewind session status'; then resume, or end it and run 'tradewind session adopt'.",
    ),
    "HALTED": AlertKind(
        Level.ERROR,
        "A breaker or a fault stopped new risk; what protects stays.",
        "Read the reason in 'tradewind session status'; 'tradewind session resume' when it has passed.",
    ),
    "RESUMED": AlertKind(Level.INFO, "What had stopped new risk has passed.", "Nothing."),
    "LOCKED": AlertKind(
        Level.CRITICAL,
        "Nothing can be sent for an account: its key is dead or its journal is not ours.",
        "See 'tradewind keys test'. Protectors rest at the exchange; close by hand there if you must.",
    ),
    "PROTECTOR_MISSING": AlertKind(
        Level.CRITICAL,
        "A position has no stop at the exchange although its strategy wants one there.",
        "It is put there again at once; if this repeats, flatten and look at the exchange's rules.",
    ),
    "VENUE_SILENT": AlertKind(
        Level.CRITICAL,
        "For a minute no reading of an account has succeeded, and something is held or a stop rests there.",
        "It is asked again every few seconds. See the exchange's status page and your network; close by hand there.",
    ),
    "CLOSE_REFUSED": AlertKind(
        Level.CRITICAL,
        "The exchange took no order that closes a position: not at market, and not within a price band.",
        "It is tried on; if it must go now, close by hand at the exchange. A stop that rests there stays.",
    ),
    "STRATEGY_HELD": AlertKind(
        Level.ERROR,
        "A strategy failed, hung or wanted nonsense and is held alone; the others go on.",
        "Read the reason in 'tradewind session status', mend the file, start again or resume.",
    ),
    "LOOP_STALLED": AlertKind(
        Level.ERROR,
        "The session's loop stood still for longer than it may; decisions of that time were skipped.",
        "Look for a busy or sleeping machine; if a strategy is slow, make it do less.",
    ),
    "PROCESS_DIED": AlertKind(
        Level.ERROR, "The trading process died and was started again.", "Read its log; nothing was lost."
    ),
    "PROCESS_RENEWED": AlertKind(
        Level.WARNING,
        "The trading process used too much memory; it ended in order, its guard started it again, nothing was lost.",
        "Nothing, unless it repeats each hour: then raise memory_max_mb in the session file, or split the session.",
    ),
    "CRASH_LOOP": AlertKind(
        Level.CRITICAL,
        "The trading process dies again and again and is not started any more.",
        "Read its log. Protectors rest at the exchange; 'tradewind session flatten --takeover' closes everything.",
    ),
    "SESSION_REFUSED": AlertKind(
        Level.CRITICAL,
        "A session that has traded ended with an error, or refused to come back, and is not started again.",
        "Read its log and start it again. Its stops rest; 'tradewind session flatten --takeover' closes everything.",
    ),
    "GUARD_DIED": AlertKind(
        Level.CRITICAL,
        "The guard of a session was killed or died. The trading process ended in order; nobody trades what it holds.",
        "Start it again with the command that began it. Its stops rest; 'tradewind session flatten --takeover' closes "
        "everything.",
    ),
    "CLOCK_OFFSET": AlertKind(
        Level.ERROR,
        "This machine's clock was set, or drifted, away from the exchange's. A session goes on by the time that the "
        "exchange confirms; where it has none, nothing is signed.",
        "Let the system keep its clock by NTP. A session that starts with a wrong clock is refused.",
    ),
    "DISK_LOW": AlertKind(Level.WARNING, "The disk of the journal is nearly full.", "Free space."),
    "DISK_FAILED": AlertKind(
        Level.CRITICAL,
        "The journal cannot be written: nothing new is sent, the process ends.",
        "Make room: a full disk is waited for. For any other fault replace the disk and start the session again.",
    ),
    "MEMORY_HIGH": AlertKind(
        Level.WARNING,
        "The process uses more memory than it may: nothing new is opened until it has less.",
        "Nothing: after a minute it ends in order and its guard starts it again, once in an hour at most.",
    ),
    "BANNED": AlertKind(
        Level.CRITICAL,
        "An exchange refuses this address until the time it states; streams go on.",
        "Nothing until then; find out what else uses the address.",
    ),
    "VENUE_REFUSES": AlertKind(
        Level.CRITICAL,
        "An exchange refuses this account or region for good.",
        "Read what it says; close what is open by hand there.",
    ),
    "LIQUIDATED": AlertKind(
        Level.CRITICAL,
        "The exchange closed a position of the account by itself.",
        "New risk is stopped. Read the incident, then resume or stop.",
    ),
    "CAP_HIT": AlertKind(
        Level.CRITICAL,
        "An order beyond the hard caps of the account in tradewind.toml was stopped at the signer.",
        "Let the strategy trade smaller, or raise the caps; without either its orders never leave.",
    ),
    "DEAD_MAN": AlertKind(
        Level.WARNING,
        "The exchange did not take the word that this machine lives: its timer is not armed, or runs out.",
        "It is tried again. If it stays so, openers may go, or outlive this machine: choose another dead_man policy.",
    ),
    "FEES_ELSEWHERE": AlertKind(
        Level.WARNING,
        "The exchange charges in a currency that the session has no wallet for; its results do not contain it.",
        "Switch off paying fees in that currency at the exchange, or read there what was paid.",
    ),
    "ORDER_IMPOSSIBLE": AlertKind(
        Level.WARNING,
        "An order never left: its venue has no order of this kind.",
        "Read what is missing; change the strategy or the session file.",
    ),
    "DUST": AlertKind(
        Level.WARNING,
        "What is held is less than the exchange lets one close; no order for it is sent.",
        "Its stop at the exchange stays. Close it there by hand, or leave it.",
    ),
    "BESIDE_FAILED": AlertKind(
        Level.WARNING,
        "Something beside trading failed, such as figures or daily work; trading goes on.",
        "Read the text. It begins again with the next start of the session.",
    ),
    "SIGNAL_REFUSED": AlertKind(
        Level.WARNING,
        "Signals from outside were refused: the code says why, the number how many.",
        "SIGNAL_DENIED or SIGNAL_REPLAYED that no sender of yours explains: somebody tries. Give the key another text.",
    ),
    "SIGNAL_STALE": AlertKind(
        Level.WARNING,
        "A value from outside was not told anew within its validity; strategies see none, as before the first.",
        "See whether its sender runs.",
    ),
    "SIGNALS_CLOSED": AlertKind(
        Level.ERROR,
        "A session that came back cannot listen for signals: its port is taken. It trades on without them.",
        "See what else listens there; the session tries again by itself.",
    ),
    "ALERT_UNDELIVERED": AlertKind(
        Level.WARNING,
        "Somebody who is to be told of alerts could not be: the service did not take one twice.",
        "It is tried again for 40 minutes, by the session's next process where this one ends before. See 'tradewind "
        "keys test NAME', and whether the service still knows you.",
    ),
    "HEARTBEAT_FAILED": AlertKind(
        Level.WARNING,
        "Nobody outside has taken the heartbeat for some minutes: whoever watches for silence may raise an alarm.",
        "See whether heartbeat_url is still the one that the service gave you, and the service itself.",
    ),
    "KEY_ANYWHERE": AlertKind(
        Level.WARNING,
        "The key of an account may be used from any address: who steals it can trade with it.",
        "List this machine's address at the exchange, where it offers such a list.",
    ),
    "ALERT_TEST": AlertKind(Level.INFO, "Somebody tries whether alerts arrive.", "Nothing: they do."),
    "OPERATOR": AlertKind(Level.INFO, "An operator did something.", "Nothing, if you know him."),
}
"""Every alert there is."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `text` says what happened, with numbers; secrets in it are cleaned before it goes anywhere.

    Raises
    ------
    KeyError
        For a code that is not in `ALERTS`.
    """

    code: str
    text: str
    at_ns: int
    session: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an alert that nobody could look up."""
        _ = ALERTS[self.code]

    @property
    def level(self) -> Level:
        """Return how much it matters."""
        return ALERTS[self.code].level


Notifier = Callable[[str, str], None]
"""Takes (title, body), both clean; may take its time and may fail."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Minutes of the day (UTC) in which only CRITICAL goes out; the span may pass midnight. Equal: never quiet."""

    start_minute: int = 0
    end_minute: int = 0

    def holds_at(self, now_ns: int) -> bool:
        """Say whether it is quiet at a time."""
        minute = now_ns % DAY_NS // _MINUTE_NS
        if self.start_minute <= self.end_minute:
            return self.start_minute <= minute < self.end_minute
        return minute >= self.start_minute or minute < self.end_minute

    def rest_ns(self, now_ns: int) -> int:
        """Return for how long it stays quiet from a time on, nanoseconds; 0 where it is not."""
        if not self.holds_at(now_ns):
            return 0
        return (self.end_minute * _MINUTE_NS - now_ns) % DAY_NS
