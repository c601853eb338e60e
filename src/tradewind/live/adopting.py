"""Adopting accounts: what a venue holds becomes the beginning of a new epoch, by somebody's word.

For a journal that is lost, damaged or of another machine. It is done in four steps, and until the third nothing is
changed anywhere: the accounts' own streams are opened and each account is read; for a while it is looked whether
somebody else still trades them; a person says that it is meant; what earlier epochs may still open is cancelled, the
accounts are read once more, and the new journal begins with what they hold. Killed anywhere, it is done again from the
first step: what it had begun is then one more earlier epoch.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tradewind.errors import SafetyRefusal, VenueDown
from tradewind.journal import Authorship, RecordKind, open_journal
from tradewind.journal.bodies import LAYOUTS, LOCAL, Audit, encode
from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.bookkeeping import Books
from tradewind.live.epochs import read_stops, relieved, signs_of_life, tags_in, unprotecting
from tradewind.live.facts import rows_of
from tradewind.live.inbox import Inbox, Seen
from tradewind.live.opening import open_session
from tradewind.venues.gateway import OrderRef, OrderSeen
from tradewind.venues.port import Batch, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.journal.bodies import Boot
    from tradewind.live.facts import Told
    from tradewind.live.opening import Place
    from tradewind.live.reconcile import Policy
    from tradewind.ops.alerts import Alert
    from tradewind.venues.gateway import Event, PositionSeen, Snapshot, TradingGateway

__all__ = ["Adopted", "AdoptedAccount", "Adoption", "begin_journal", "note_beginning"]

_S = 1_000_000_000
_LATEST = 1 << 62
_TRADES_NS = 24 * 3600 * _S
_SETTLE_S = 6.0
"""A venue's positions may lag behind its trades by some seconds."""
_TRIES = 5


@dataclass(slots=True)
class AdoptedAccount:
    """An account that is being adopted.

    Parameters
    ----------
    terms, gateway
        What the session knows of it, and the way to it, which is not open yet.
    prices
        A price of now, by instrument, at which is taken over what the venue states no entry for, as of coins.

    Attributes
    ----------
    snapshot
        What it holds, as it was read last.
    heard
        What its stream has said of orders since it was read first.
    """

    terms: AccountTerms
    gateway: TradingGateway
    prices: Mapping[int, float] = field(default_factory=dict)
    snapshot: Snapshot = field(init=False)
    heard: list[OrderSeen] = field(default_factory=list)
    _hearing: asyncio.Task[None] | None = None

    async def open(self, fills_since_ns: int) -> None:
        """Open the account's own stream, then read the account. Raises VenueDown, VenueRefused."""
        await self.gateway.open()
        self._hearing = asyncio.create_task(self._hear())
        self.snapshot = await self.read(fills_since_ns)
        self.heard.clear()

    async def read(self, fills_since_ns: int) -> Snapshot:
        """Return what the account holds now, everything with a price. Raises VenueDown."""
        found = await self.gateway.snapshot(fills_since_ns)
        return replace(found, positions=tuple(map(self._priced, found.positions)))

    def _priced(self, seen: PositionSeen) -> PositionSeen:
        return replace(seen, entry=seen.entry or self.prices.get(seen.instrument, 0.0))

    async def close(self) -> None:
        """Let go; whatever is at the venue stays as it is."""
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)
        await self.gateway.close()

    async def _hear(self) -> None:
        while True:
            events: list[Event] = await self.gateway.next_events()
            self.heard += [event for event in events if isinstance(event, OrderSeen)]

    def by_others(self, after: Snapshot, own: str) -> list[OrderSeen]:
        """Return orders of ours that somebody has placed or changed since the account was read last."""
        news = signs_of_life(self.snapshot.orders, (*self.heard, *after.orders), own)
        return list({seen.client_id: seen for seen in news}.values())


class Adoption:
    """The way from what venues hold to a new epoch.

    Parameters
    ----------
    accounts
        In the order of the session.
    tag
        What orders of the new epoch bear.
    clock
        Our time, nanoseconds UTC.
    tell
        Is told each step.

    Attributes
    ----------
    steps
        What was asked of the venues, and what they answered.
    """

    def __init__(
        self,
        accounts: Sequence[AdoptedAccount],
        tag: str,
        clock: Callable[[], int],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.accounts = list(accounts)
        self.tag = tag
        self.steps: list[str] = []
        self._clock, self._tell = clock, tell

    @property
    def earlier(self) -> dict[str, int]:
        """Return the tags of earlier epochs that the venues show, each with the last time it was seen by."""
        found: dict[str, int] = {}
        for account in self.accounts:
            for tag, at_ns in tags_in(account.snapshot).items():
                found[tag] = max(at_ns, found.get(tag, 0))
        return found

    async def look(self) -> None:
        """Open every account and read it. Raises VenueDown, VenueRefused; nothing is changed."""
        since_ns = self._clock() - _TRADES_NS
        await asyncio.gather(*(account.open(since_ns) for account in self.accounts))

    async def watch(self, seconds: float) -> None:
        """Look for so long whether somebody else trades the accounts. Raises SafetyRefusal (SESSION_ELSEWHERE)."""
        await asyncio.sleep(seconds)
        await self._read()

    async def end_earlier(self, earlier: frozenset[str]) -> None:
        """Cancel what earlier epochs may still open and what they take profit with; stops stay over what they protect.

        The accounts are read until nothing of it is left and nothing has moved for some seconds. Raises VenueDown
        (ADOPT_INCOMPLETE) where the venue does not say so, SafetyRefusal (SESSION_ELSEWHERE).
        """
        for account in self.accounts:
            await self._until_gone(account, earlier, unprotecting)
        await asyncio.sleep(_SETTLE_S)
        await self._read()
        for account in self.accounts:
            await self._until_gone(account, earlier, relieved)
            await self._until_gone(account, earlier, unprotecting)

    async def close(self) -> None:
        """Let go of every account."""
        await asyncio.gather(*(account.close() for account in self.accounts), return_exceptions=True)

    async def _until_gone(
        self,
        account: AdoptedAccount,
        earlier: frozenset[str],
        which: Callable[..., list[OrderSeen]],
    ) -> None:
        for attempt in range(_TRIES):
            left = which(account.snapshot, earlier, hedged=account.terms.hedge)
            if not left:
                return
            for seen in left:
                order = OrderRef(seen.instrument, seen.cid, seen.venue_id, seen.stop)
                outcome = await account.gateway.cancel(order)
                self._note(
                    f"{account.terms.name}: cancel {seen.client_id}: {outcome.text or outcome.kind.value}"
                )
            await asyncio.sleep(2.0**attempt)
            await self._renew(account)
        raise VenueDown(
            "ADOPT_INCOMPLETE",
            f"{len(left)} orders of earlier epochs cannot be cancelled.",
            where=account.terms.name,
        )

    def _note(self, step: str) -> None:
        self.steps.append(step)
        self._tell(step)

    async def _read(self) -> None:
        """Read every account again. Raises SafetyRefusal (SESSION_ELSEWHERE) where somebody else has traded it."""
        for account in self.accounts:
            await self._renew(account)

    async def _renew(self, account: AdoptedAccount) -> None:
        snapshot = await account.read(self._clock() - _TRADES_NS)
        news = account.by_others(snapshot, self.tag)
        account.snapshot = snapshot
        account.heard.clear()
        if news:
            raise SafetyRefusal(
                "SESSION_ELSEWHERE",
                f"order {news[0].client_id} was placed or changed, and not from here: another process still trades "
                "this account.",
                where=account.terms.name,
            )


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a new epoch begins with.

    Parameters
    ----------
    place, boot
        Where its journal lies, which must be empty, and how its process begins.
    world
        Fresh; afterwards it holds what the accounts do.
    policy
        Who is given what.
    done
        Returns what is written down for people at the end.
    """

    place: Place
    boot: Boot
    world: World
    policy: Policy
    done: Callable[[], Audit]


def note_beginning(place: Place, audit: Audit) -> None:
    """Write the very first record of an epoch, before anything is changed at a venue: who does what, and why.

    Raises Busy (LOCKED), JournalError.
    """
    author = Authorship(place.identity, place.now_ns, place.version, LAYOUTS)
    writer = open_journal(place.disk, place.folder, author)
    try:
        writer.append(RecordKind.AUDIT, encode(audit))
    finally:
        writer.close()


async def begin_journal(
    adoption: Adoption, what: Adopted, clock: Callable[[], int], notify: Callable[[Alert], None]
) -> None:
    """Write down what the accounts hold, given to whom, and who has done it.

    Raises
    ------
    Busy
        LOCKED: somebody writes there.
    JournalError
        DISK_FULL, JOURNAL_WRITE.
    """
    venue = _AccountsOnce(adoption, what.world, what.policy, clock, notify)
    opened = open_session(what.place, what.world, venue, inside=venue.books, boot=what.boot)
    try:
        opened.session.memory = venue.books
        await opened.session.run()
        opened.writer.append(RecordKind.AUDIT, encode(what.done()))
    except BaseException:
        opened.writer.abandon()
        raise
    opened.close(finished=False)


class _AccountsOnce:
    """A `VenuePort` that tells what accounts hold, each once, and has nothing more to tell."""

    def __init__(
        self,
        adoption: Adoption,
        world: World,
        policy: Policy,
        clock: Callable[[], int],
        notify: Callable[[Alert], None],
    ) -> None:
        self._inbox, self._clock = Inbox(), clock
        accounts = [
            TradingAccount(number, account.terms, account.gateway, self._inbox, clock)
            for number, account in enumerate(adoption.accounts)
        ]
        self.books = Books(world, accounts, policy, notify)
        earlier = adoption.earlier
        self._snapshots = [
            read_stops(account.snapshot, earlier, hedged=account.terms.hedge) for account in adoption.accounts
        ]
        self._tellings = [
            tell for number in range(len(accounts)) for tell in (self._read(number), self._compared(number))
        ]

    async def connect(self) -> Taken:
        """Say that nothing was sent."""
        return Taken(_LATEST, _LATEST)

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return what comes next of what the accounts hold."""
        while self._tellings:
            facts = self._tellings.pop(0)()
            if facts:
                return Batch(LOCAL, rows_of(facts), None, again=False, now_ns=self._clock())
        await self._inbox.close()
        return None

    def _read(self, number: int) -> Callable[[], list[Told]]:
        return lambda: self.books.facts_of(Seen(number, self._snapshots[number]), self._clock())

    def _compared(self, number: int) -> Callable[[], list[Told]]:
        return lambda: self.books.compare(number, self._snapshots[number], self._clock(), sure=True)

    async def submit(self, first: int, requests: NDArray[Any]) -> None:
        """Send nothing: nobody decides here."""

    async def query(self, cids: Sequence[int]) -> NDArray[Any]:
        """Return nothing."""
        return rows_of(())

    async def close(self) -> None:
        """Do nothing: whoever adopts lets go of the accounts."""
