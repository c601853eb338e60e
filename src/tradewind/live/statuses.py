"""What venues say of themselves, of an instrument and of a key, as states of trading; and when each has passed.

A key that is refused locks its account: nothing is sent, for nothing would be taken, and what rests at the venue goes
on protecting. What is about to be settled is closed while it can be. An account that may only reduce lets nothing in.
A key and such an account are known by refusals alone, so now and then one more request is let through to find out,
later and later. A region that is refused is refused for good.

Maintenance that a venue announces cancels openers before it begins. They come back once it is over and the account was
read again, since nobody can know what became of it meanwhile.

What an earlier process knew of a venue is its own: once a new one has read the account, the states of before are
cleared, and whoever is refused again says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.live.facts import Told, halt_fact
from tradewind.live.hearing import status_fact
from tradewind.ops.alerts import Alert
from tradewind.units.enums import FactKind, Halt, HaltScope
from tradewind.venues.gateway import StatusSeen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.engine.world import World
    from tradewind.live.accounts import TradingAccount

__all__ = ["FIRST_TRIAL_NS", "LONGEST_TRIAL_NS", "Statuses"]

FIRST_TRIAL_NS, LONGEST_TRIAL_NS = 60_000_000_000, 600_000_000_000
"""After a refusal it is tried again this much later; each time it is refused twice as late, up to this."""


@dataclass(slots=True)
class _Trial:
    """A state that only another refusal would confirm: from when on one may try, and how often it was refused."""

    locks: bool
    refusals: int = 0
    from_ns: int = 0
    running: bool = False


@dataclass(slots=True)
class Statuses:
    """States of the accounts of a session.

    Parameters
    ----------
    world
        What the core believes; only read.
    notify
        Is told of what a person should know.
    """

    world: World
    notify: Callable[[Alert], None]
    _said: dict[tuple[int, int], str] = field(default_factory=dict)
    _trials: dict[int, _Trial] = field(default_factory=dict)
    _heard: set[int] = field(default_factory=set)
    _read: set[int] = field(default_factory=set)
    _resting: dict[int, bool] = field(default_factory=dict)
    """Accounts whose venue rests or is about to; True: it is over, the account is to be read."""

    def tell(self, account: TradingAccount, event: StatusSeen, now_ns: int) -> list[Told]:
        """Return what follows from a state that a venue told of."""
        mine = account.terms.instruments
        places = [j for j in sorted(mine) if event.instrument in (-1, j)]
        self._say(account.number, event, now_ns)
        if event.cause == "maintenance":
            self._resting[account.number] = not event.reduce_only
            return [halt_fact(Halt.VENUE, _wallet(account), now_ns, on=True)] if event.reduce_only else []
        self._heard.update(places)
        if event.cause == "key":
            self._note_refusal(account.number, now_ns, locks=True)
            return [halt_fact(Halt.LOCK, _wallet(account), now_ns, on=True)]
        facts = [status_fact(event, place) for place in places]
        if event.cause == "settling":
            facts += [_flatten(place, now_ns) for place in places]
        elif event.permanent:
            facts.append(halt_fact(Halt.VENUE, _wallet(account), now_ns, on=True))
        elif event.reduce_only and event.instrument < 0:
            self._note_refusal(account.number, now_ns, locks=False)
        return facts

    def note_read(self, account: TradingAccount, now_ns: int) -> list[Told]:
        """Return what has passed, now that an account could be read: states of an earlier life, those to be tried."""
        if account.number not in self._read:
            self._read.add(account.number)
            return self._cleared(account, now_ns)
        if self._resting.get(account.number):
            del self._resting[account.number]
            return [halt_fact(Halt.VENUE, _wallet(account), now_ns, on=False)]
        trial = self._trials.get(account.number)
        if trial is None or trial.running or now_ns < trial.from_ns:
            return []
        trial.running = True
        if trial.locks:
            return [halt_fact(Halt.LOCK, _wallet(account), now_ns, on=False)]
        return [_up(j, now_ns) for j in sorted(account.terms.instruments)]

    def note_accepted(self, number: int, now_ns: int, *, opens: bool) -> None:
        """Note that a venue took something; opens: an order that adds. What was tried with it is over."""
        trial = self._trials.get(number)
        if trial is not None and trial.running and (trial.locks or opens):
            del self._trials[number]
            self._say(number, StatusSeen(-1, False, False, False, "it is taken again", now_ns), now_ns)

    def _note_refusal(self, number: int, now_ns: int, *, locks: bool) -> None:
        trial = self._trials.setdefault(number, _Trial(locks))
        if trial.running or not trial.from_ns:
            trial.refusals += 1
            wait_ns = min(FIRST_TRIAL_NS << min(trial.refusals - 1, 10), LONGEST_TRIAL_NS)
            trial.from_ns, trial.running = now_ns + wait_ns, False

    def _cleared(self, account: TradingAccount, now_ns: int) -> list[Told]:
        """Return what ends the states that an earlier process left and this one has not heard of."""
        told = int(self.world.accounts["told"][_wallet(account)])
        kept = account.number in self._trials
        bits = [Halt.LOCK] * (not kept) + [Halt.VENUE] * (not kept and account.number not in self._resting)
        bits = [bit for bit in bits if told & bit]
        facts = [halt_fact(bit, _wallet(account), now_ns, on=False) for bit in bits]
        views = self.world.views
        closed = [j for j in sorted(account.terms.instruments) if views["venue_down"][j]]
        return facts + [_up(j, now_ns) for j in closed if j not in self._heard]

    def _say(self, number: int, event: StatusSeen, now_ns: int) -> None:
        """Tell a person, once for each change."""
        word = _word(event)
        before = self._said.get((number, event.instrument), "RESUMED")
        self._said[number, event.instrument] = word
        if word != before:
            self.notify(Alert(word, event.text, now_ns))


def _word(event: StatusSeen) -> str:
    """Return the code of the alert that says a state."""
    if event.cause == "key":
        return "LOCKED"
    if event.permanent:
        return "VENUE_REFUSES"
    if not (event.down or event.reduce_only):
        return "RESUMED"
    return {"clock": "CLOCK_OFFSET", "banned": "BANNED"}.get(event.cause, "HALTED")


def _up(instrument: int, now_ns: int) -> Told:
    return status_fact(StatusSeen(instrument, False, False, False, "", now_ns), instrument)


def _flatten(instrument: int, now_ns: int) -> Told:
    """Return what has everything closed that is held of an instrument, and nothing opened."""
    return Told(
        FactKind.HALT, now_ns, now_ns, instrument, side=HaltScope.INSTRUMENT, code=Halt.FLATTEN, qty_lot=1
    )  # fmt: skip


def _wallet(account: TradingAccount) -> int:
    return min(account.terms.wallets.values())
