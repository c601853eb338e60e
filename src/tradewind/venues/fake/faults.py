"""The catalogue of faults: what each is called, where it strikes, and with which numbers unless told otherwise.

Faults whose place is "transport", "venue", "account", "market" or "clock" are carried out by a fake exchange or
by the wire before it, when a plan of `Misfortunes` says so. Those of "process", "disk" and "strategy" are done by
the harness that runs the session; they stand here so that the catalogue is whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["FAULTS", "Fault", "Place"]

Place = Literal["transport", "venue", "account", "market", "process", "disk", "clock", "strategy"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One misfortune.

    Parameters
    ----------
    name, title
        "F02" and what happens.
    place
        Where it strikes.
    points
        The points at which it may be asked for; empty where no code of the fake exchange carries it out.
    args
        Its numbers, unless the strike gives others. Durations in seconds, ratios as such.
    once
        It strikes a single time, however long its window is.
    lasting
        It is a state of its whole window rather than an event: a plan that is drawn lets it strike without a count.
    """

    name: str
    title: str
    place: Place
    points: tuple[str, ...] = ()
    args: Mapping[str, float] = field(default_factory=dict)
    once: bool = False
    lasting: bool = False


def _wire(name: str, title: str, *points: str, **args: float) -> Fault:
    return Fault(name, title, "transport", points, args)


def _venue(name: str, title: str, *points: str, **args: float) -> Fault:
    return Fault(name, title, "venue", points, args)


def _account(name: str, title: str, *points: str, **args: float) -> Fault:
    return Fault(name, title, "account", points, args)


def _once(fault: Fault) -> Fault:
    return replace(fault, once=True)


_TRANSPORT = (
    _wire("F01", "submit: the connection is refused", "dial", "submit"),
    _wire("F02", "submit: the connection is reset after the request was written", "submit.answer"),
    _wire("F03", "submit: the answer comes later than the client waits", "submit.answer", late_s=30.0),
    _wire("F04", "submit: 504, 502 or 500 with the order live", "submit.answer", status=504),
    _wire("F05", "submit: 200 with HTML, nothing, or cut JSON", "submit.answer", form=0),
    _wire("F06", "cancel: done, but the answer is lost", "cancel.answer"),
    _wire("F07", "read: 30 s until REST answers", "request", late_s=30.0),
    _wire("F08", "one-way partition: events arrive, REST is dead", "request"),
    _wire("F09", "the user stream is dead, its pongs are fine", "stream.user"),
    _wire("F10", "a public stream is silent, its socket healthy", "stream.public"),
    _once(_wire("F11", "the server closes the socket", "stream.frame", code=1001)),
    _wire("F12", "dials fail", "stream.dial", count=200),
    _once(_wire("F13", "a malformed frame", "stream.frame", form=0)),
    _wire("F14", "a frame arrives twice", "stream.frame"),
    _account("F15", "updates of an order arrive out of order", "event.order", count=2),
    _account("F16", "the message of a fill is missing", "event.order"),
    _wire("F17", "a gap in the book, or a wrong checksum", "stream.public"),
    _wire("F18", "the book's snapshot is older than its first change", "read.answer", age_s=5.0),
    _wire("F19", "messages of another account or an unknown symbol", "stream.user", "stream.public"),
    _wire("F20", "a frame of 10 MB, or a burst", "stream.public", bytes=10_000_000, frames=5_000),
    _wire("F21", "our address changes; the key allows another one", "request"),
    _wire("F22", "429 with Retry-After", "request", retry_s=5.0),
    _wire("F23", "418 until a time", "request", retry_s=120.0),
    _wire("F24", "too many orders", "submit", retry_s=10.0),
    _venue("F25", "maintenance", "step", duration_s=120.0, ahead_s=0.0),
    _wire("F26", "503 with unknown status, the order may be live", "submit.answer", live=0.5),
    _account("F27", "overloaded while a position is to be closed", "place.reduce"),
)

_STATES = (
    _account("F28", "acknowledged, then rejected", "place", after_s=0.3),
    _wire("F29", "the acknowledgement is lost, the order works and fills", "submit.answer"),
    _account("F30", "a cancel races with a fill of a part", "cancel", share=0.5),
    _account("F31", "the cancel is accepted, but the order filled first", "cancel"),
    _account("F32", "the cancel is acknowledged, then the fill is told", "cancel", share=0.5),
    _account("F33", "an amendment makes a new order and leaves the old one", "amend"),
    _account("F34", "the client id is called a duplicate although the order was taken", "place"),
    _account("F35", "a post-only order would cross", "place.post_only"),
    _account("F36", "a reduce-only order is refused", "place.reduce"),
    _account("F37", "a reduce-only order is made smaller by the venue", "place.reduce", share=0.5),
    _account("F38", "a stop would trigger at once", "place.stop"),
    _account("F39", "a waiting stop vanishes", "step"),
    _account("F40", "a stop triggers, its order is rejected", "trigger"),
    _account("F41", "an order expires while matching", "step"),
    _account("F42", "self-trade prevention ends an order", "place"),
)

_RULES = (
    _once(_venue("F43", "the tick changes", "step", ratio=10.0)),
    _once(_venue("F44", "the lot and the least quantity rise", "step", ratio=10.0)),
    _once(_venue("F45", "the least notional rises", "step", ratio=20.0)),
    _once(_account("F46", "the leverage is changed by hand", "step", leverage=3.0)),
    _once(_account("F47", "the margin or position mode is changed by hand", "step")),
    _once(_account("F48", "a position is opened, enlarged or closed by hand", "step", notional=100.0)),
    _once(_account("F49", "an order is placed or cancelled by hand", "step", notional=100.0)),
    _once(_account("F50", "money is moved in or out", "step", ratio=-0.1)),
    _once(_account("F51", "the account is liquidated or deleveraged", "step", share=1.0, adl=0.0)),
    _account("F52", "a fill far from the mark", "fill.take", ratio=0.05),
    _once(_venue("F53", "funding jumps and settles each hour", "step", rate=0.01, interval_s=3600.0)),
    _once(_venue("F54", "the symbol settles, then is closed", "step", after_s=300.0)),
    _once(_venue("F55", "the symbol is renamed and redenominated", "step", ratio=1000.0)),
    _once(_venue("F56", "the contract size changes", "step", ratio=0.1)),
    _venue("F57", "mark and last price diverge", "mark", ratio=0.05),
    _wire("F58", "a price that cannot be", "stream.public", "read.answer", form=0),
    Fault("F59", "candles missing, twice, revised, out of order", "market", ("candles", "query.candles")),
    _account("F60", "snapshots lag behind the fills", "query.positions", lag_s=4.0, empty=0.0),
    _account("F61", "the list of open orders is cut short", "query.open_orders", rows=1),
    _account("F62", "the list of trades misses the newest", "query.trades", rows=3),
    _account("F63", "not available where you are", "check"),
    _account("F64", "the account may only reduce", "place"),
)

_KEYS_AND_CLOCKS = (
    _account("F65", "the key is revoked", "check"),
    _account("F66", "the key loses its permission to trade", "check.trade"),
    _account("F67", "the key may withdraw", "permissions"),
    Fault("F68", "two sessions on one account", "process"),
    Fault("F69", "the local clock steps", "process"),
    Fault("F70", "the local clock drifts", "process"),
    Fault("F71", "the server's clock jumps back", "clock", ("clock",), {"back_s": 30.0}),
    Fault("F72", "a change of date, of the year, of summer time", "process"),
    _once(_wire("F73", "the listen key expires", "stream.user")),
    _wire("F74", "a nonce or time stamp is refused", "request"),
)

_ELSEWHERE: tuple[tuple[str, str, Place], ...] = (
    ("F75", "killed at any await", "process"),
    ("F76", "killed while recovering", "process"),
    ("F77", "a loop of crashes", "process"),
    ("F78", "told to end while submitting", "process"),
    ("F79", "the disk is full", "disk"),
    ("F80", "a sync fails", "disk"),
    ("F81", "the disk stalls for 10 s", "disk"),
    ("F82", "a torn or zeroed tail", "disk"),
    ("F83", "a flipped bit in the journal", "disk"),
    ("F84", "the journal is gone or another's", "disk"),
    ("F85", "the read model is locked or corrupt", "disk"),
    ("F86", "memory runs out", "process"),
    ("F87", "a strategy blocks the loop for 5 s", "strategy"),
    ("F88", "a strategy raises, returns nonsense, or never returns", "strategy"),
    ("F89", "a notifier hangs", "process"),
    ("F90", "invalid settings are loaded while running", "process"),
    ("F91", "an upgrade with open orders", "process"),
    ("F92", "the machine sleeps for 2 h", "process"),
    ("F93", "a runaway loop of orders", "strategy"),
)
_PROCESS = tuple(Fault(name, title, place) for name, title, place in _ELSEWHERE)

_LASTING = frozenset(
    {"F07", "F08", "F09", "F10", "F12", "F21", "F57", "F60", "F63", "F64", "F65", "F66", "F67", "F71"}
)

FAULTS: dict[str, Fault] = {
    fault.name: replace(fault, lasting=fault.name in _LASTING)
    for fault in (*_TRANSPORT, *_STATES, *_RULES, *_KEYS_AND_CLOCKS, *_PROCESS)
}
"""Every fault of the catalogue by its name."""
