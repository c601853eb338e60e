"""What is watched while a session runs: how often, after how long it is noticed, who is told, and what heals it.

The page of watchdogs is made of this table. Its times are those of the code: each is read where the watchdog reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tradewind.live.gathering import GRACE_NS
from tradewind.live.guard import HEARTBEAT_S, ROOM_BYTES, ROOM_LOOK_S, GuardPolicy
from tradewind.live.guard import LOOK_S as GUARD_LOOK_S
from tradewind.live.resolver import APART_NS, PATIENCE_NS, UNEXPLAINED_NS
from tradewind.live.silence import SILENT_NS
from tradewind.live.unprotected import UNPROTECTED_NS
from tradewind.live.venue import LiveRules
from tradewind.live.watch import WatchLimits
from tradewind.ops.dispatch import RETRIES_S
from tradewind.ops.heartbeat import PATIENCE_S as HEARTBEAT_PATIENCE_S
from tradewind.venues.ccxt import notices, rule_watch, stream_table, streams, user_stream
from tradewind.venues.ccxt.stream_audit import SILENCE_NS
from tradewind.venues.ccxt.venue_clock import MEASURED_EVERY_S

__all__ = ["WATCHDOGS", "Watchdog", "stale_ages"]

_GUARD, _WATCH, _RULES, _S = GuardPolicy(), WatchLimits(), LiveRules(), 1_000_000_000
_LOOK_S: Final = _RULES.watch_ns / _S
_LATE_S: Final = (GRACE_NS + _RULES.wake_age_ns) / _S


@dataclass(frozen=True, slots=True)
class Watchdog:
    """One thing that is watched.

    Parameters
    ----------
    what
        What must not be.
    every_s
        How often that is looked at; 0: at each message or answer.
    noticed_s
        After how long at most a person is told, 0: in the same second.
    alerts
        By which alerts; none: it stands in the status and in the journal.
    heals
        What is done, and within which time where that is ours to say.
    """

    what: str
    every_s: float
    noticed_s: float
    alerts: tuple[str, ...]
    heals: str


def stale_ages() -> dict[str, dict[str, float]]:
    """Return, by venue and stream, the seconds of silence after which an instrument's data is not traded on.

    A stream that may be silent for ever, as trades of a thin market, is as alive as its connection and stands not here.
    """
    found = {}
    for venue, table in stream_table.STREAMS.items():
        ages = {kind.value: stream.stale_s for kind, stream in table.streams.items() if stream.stale_s}
        polled = {kind.value: 5.0 * poll.every_s for kind, poll in table.polls.items()}
        found[venue] = polled | ages
    return found


WATCHDOGS: Final = (
    Watchdog(
        "The loop does not come round: a strategy that never returns, a machine that stands still.",
        GUARD_LOOK_S,
        _GUARD.hung_s + GUARD_LOOK_S,
        ("LOOP_STALLED", "STRATEGY_HELD"),
        "The guard kills the process and starts it again at once; a strategy that was deciding begins held. It trades "
        "again when its accounts are read.",
    ),
    Watchdog(
        "A start does not end.",
        GUARD_LOOK_S,
        _GUARD.starting_s + GUARD_LOOK_S,
        ("LOOP_STALLED",),
        "The guard kills the process and starts it again at once.",
    ),
    Watchdog(
        "The process died.",
        GUARD_LOOK_S,
        GUARD_LOOK_S,
        ("PROCESS_DIED", "CRASH_LOOP"),
        f"The guard starts it again at once, {_GUARD.restarts_per_minute} times a minute at most; then it stays dead.",
    ),
    Watchdog(
        "The guard died.",
        0.0,
        0.0,
        ("GUARD_DIED",),
        "The process ends in order, since nobody would watch it any more; stops stay at the exchange. A person starts "
        "it again, or the service that runs it.",
    ),
    Watchdog(
        "The loop came round late.",
        _WATCH.look_s,
        _WATCH.look_s + _WATCH.stall_ns / _S,
        ("LOOP_STALLED",),
        f"It goes on by itself. Nobody decides on bars that ended more than {_LATE_S:g} s ago.",
    ),
    Watchdog(
        "The process uses too much memory.",
        _WATCH.look_s,
        _WATCH.look_s,
        ("MEMORY_HIGH", "PROCESS_RENEWED"),
        f"Nothing new is opened; after {_WATCH.renew_after_ns / _S:g} s the process ends in order and is started "
        f"again, once in {_GUARD.renew_every_s / 60:g} minutes at most.",
    ),
    Watchdog(
        f"Less than {_WATCH.disk_bytes >> 20} MiB of the journal's disk are free.",
        _WATCH.look_s,
        _WATCH.look_s,
        ("DISK_LOW",),
        f"Openers are cancelled, nothing new is opened; it passes within {_WATCH.look_s:g} s of room being made.",
    ),
    Watchdog(
        "The journal cannot be written.",
        0.0,
        0.0,
        ("DISK_FAILED", "SESSION_REFUSED"),
        f"The process ends, stops stay at the exchange. The guard looks every {ROOM_LOOK_S:g} s and starts it again "
        f"once {ROOM_BYTES >> 20} MiB are free; any other fault needs a person.",
    ),
    Watchdog(
        f"Our clock is more than {_WATCH.clock_ns / 1e6:g} ms from a venue's.",
        MEASURED_EVERY_S,
        MEASURED_EVERY_S + _WATCH.look_s,
        ("CLOCK_OFFSET",),
        "Nothing new is opened; it passes with the next measurement that is right.",
    ),
    Watchdog(
        "A connection for market data is dead: silent although it is asked every 10 s.",
        1.0,
        15.0,
        ("STREAM_DOWN", "FEED_SWITCHED"),
        f"It counts as dead after {streams.SILENCE_MAX_S:g} s and is made anew after {streams.FIRST_WAIT_S:g} s, then "
        f"after waits that double up to {streams.LONGEST_WAIT_S:g} s; meanwhile a second venue stands in where the "
        "session file names one.",
    ),
    Watchdog(
        "The connection of an account's own stream is dead.",
        user_stream.LOOK_S,
        15.0,
        ("STREAM_DOWN",),
        f"It counts as dead after {user_stream.SILENCE_MAX_S:g} s and is made anew after "
        f"{user_stream.BACKOFF_FIRST_S:g} s, then after waits that double up to {user_stream.BACKOFF_MAX_S:g} s. Until "
        f"it is up nothing new is opened; the account is read every {_RULES.poll_ns / _S:g} s.",
    ),
    Watchdog(
        "An account's stream is alive and says nothing of what an answer has already told.",
        user_stream.LOOK_S,
        SILENCE_NS / _S + user_stream.LOOK_S,
        ("STREAM_DOWN",),
        "The connection is ended and made anew, and the account is read.",
    ),
    Watchdog(
        "The mark of an instrument is older than the age below.",
        1.0,
        max(ages["mark"] for ages in stale_ages().values() if "mark" in ages) + 1.0,
        ("STREAM_DOWN",),
        "Nothing new is opened on it; a second venue stands in where the session file names one. It passes with the "
        "first message.",
    ),
    Watchdog(
        "The bars of an interval do not come.",
        _LOOK_S,
        GRACE_NS / _S + _LOOK_S,
        (),
        "Their instruments are stale in the status and in the journal and open nothing; the others decide in time. It "
        "passes with the next bar; bars that are missing are asked for.",
    ),
    Watchdog(
        "It is not known what became of an order.",
        _LOOK_S,
        PATIENCE_NS / _S + _LOOK_S,
        ("ORDER_UNKNOWN", "ORDER_ABANDONED"),
        "It counts in full and is searched for until there is evidence. Where a venue has no fence it is given up "
        f"after two looks {APART_NS / _S:g} s apart that explain the position, or after {UNEXPLAINED_NS / _S:g} s.",
    ),
    Watchdog(
        "Orders, positions, balances or settings differ from the venue's word.",
        _RULES.reconcile_ns / _S,
        (_RULES.reconcile_ns + _RULES.policy.confirm_ns) / _S + _LOOK_S,
        ("RECONCILED", "UNEXPLAINED"),
        f"Compared every {_RULES.reconcile_ns / _S:g} s unless the session file says otherwise, at each start, and "
        f"every {_RULES.poll_ns / _S:g} s while the account's stream is down. A difference counts when a second look "
        "says the same, and is brought together or halts by the session's policy.",
    ),
    Watchdog(
        "A position has no stop that is to rest for it.",
        _LOOK_S,
        UNPROTECTED_NS / _S + _LOOK_S,
        ("PROTECTOR_MISSING",),
        "The stop is asked for again as soon as it is missed, and until it rests.",
    ),
    Watchdog(
        "No reading of an account succeeds while something is held.",
        _LOOK_S,
        SILENT_NS / _S + _LOOK_S,
        ("VENUE_SILENT",),
        f"It is asked again every {_RULES.poll_ns / _S:g} s. Stops at the exchange stay.",
    ),
    Watchdog(
        "A venue refuses our address, our key or our region, or takes reductions only.",
        0.0,
        0.0,
        ("BANNED", "LOCKED", "VENUE_REFUSES", "HALTED"),
        "Nothing is asked before the time that the venue states; a lock needs a person.",
    ),
    Watchdog(
        "A venue announces maintenance (OKX, Bybit).",
        notices.EVERY_NS / _S,
        notices.EVERY_NS / _S,
        ("HALTED",),
        f"From {notices.LEAD_NS / _S / 60:g} minutes before it nothing new is opened; the venue says when it passes.",
    ),
    Watchdog(
        "A venue has changed the rules of an instrument.",
        rule_watch.EVERY_NS / _S,
        rule_watch.EVERY_NS / _S,
        ("HALTED",),
        "A coarser step or a larger minimum is taken up and told to nobody. Of a finer step, another size of contract "
        "or an end of trading a person is told, and nothing new is opened.",
    ),
    Watchdog(
        "A strategy raises or wants nonsense.",
        0.0,
        0.0,
        ("STRATEGY_HELD",),
        "It is held alone in the same turn, before anything of it leaves; resume lets it go.",
    ),
    Watchdog(
        "Somebody cannot be told of alerts.",
        0.0,
        RETRIES_S[0],
        ("ALERT_UNDELIVERED",),
        "It is tried again after "
        + ", ".join(f"{each:g}" for each in RETRIES_S)
        + " s; the others are told.",
    ),
    Watchdog(
        "Nobody takes the heartbeat.",
        HEARTBEAT_S,
        HEARTBEAT_PATIENCE_S + HEARTBEAT_S,
        ("HEARTBEAT_FAILED",),
        "It goes on being sent. A machine that falls silent itself is noticed by who expects the heartbeat.",
    ),
)
"""In the order of the page."""
