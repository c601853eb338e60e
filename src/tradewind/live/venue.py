"""Exchanges as one venue: what gateways and feeds say becomes batches, what the core asks for becomes requests.

The tape is the only memory of an earlier life: every request on it was or may have been sent, so none of them is
ever sent again, and no batch can be told twice. What was under way is found out by asking. Each batch is one record
of the journal, so a crash leaves all of it or nothing.

It begins in the safe order: listen to the account, take up the bars that were missed, read the whole
account, compare; then trade. The same happens after the machine slept. While an account's own stream is down
its instruments are stale: nothing new is opened, what protects and reduces goes on, and the account is read
again and again until the stream is back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.errors import TradewindError, VenueDown
from tradewind.journal.bodies import LOCAL
from tradewind.live.accounts import AccountTerms, TradingAccount
from tradewind.live.amounts import in_words
from tradewind.live.belief import dust_of
from tradewind.live.bookkeeping import Books, ended_contexts
from tradewind.live.clock_watch import ClockWatch
from tradewind.live.crossing import crosses_own, shares_instruments
from tradewind.live.facts import Asked, Told, asked_of, numbered, rows_of
from tradewind.live.figures import figures_of
from tradewind.live.gathering import GRACE_NS, Gathered, Gathering
from tradewind.live.hearing import bar_fact, market_fact
from tradewind.live.history import CaughtUp, HistoryStep, catch_up
from tradewind.live.inbox import Heard, Inbox, Seen
from tradewind.live.reconcile import Policy
from tradewind.live.resolver import PATIENCE_NS, Resolver
from tradewind.live.silence import SilentVenues, is_exposed
from tradewind.live.staleness import Staleness
from tradewind.live.unprotected import UnprotectedPositions
from tradewind.ops.alerts import Alert
from tradewind.units.enums import RequestKind, StreamCode, WakeCode
from tradewind.venues.gateway import OutcomeKind, StatusSeen, StreamKind, StreamSeen
from tradewind.venues.port import Batch, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.ops.observing import VenueFigures
    from tradewind.venues.gateway import MarketFeed, OrderSeen, Snapshot, TradingGateway

__all__ = ["LiveRules", "LiveVenue"]

_S = 1_000_000_000
_LATEST = 1 << 62
_FACTS_MAX = 2048
_TURNS = 4
"""How often the orders of one context may end and let it decide again between two WAKEs."""
_START_TRIES = 3
_STAND_DOWN_S = 15.0
_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class LiveRules:
    """Times and policies of a live session, nanoseconds.

    Parameters
    ----------
    warm_bars
        Bars of history that strategies learn from before they may act.
    grace_ns
        So long after its end the bars of an interval are waited for.
    wake_age_ns
        Later than this after the grace nobody decides on an interval any more: decisions are skipped, never delayed.
    watch_ns
        Marks, best prices and prints are told together this often.
    patience_ns
        So long an order may be under way before it is asked about.
    reconcile_ns
        So often every account is compared with its venue.
    poll_ns
        The same while an account's own stream is down.
    jump_ns
        A clock that moved this far between two looks means that the machine slept.
    overlap_ns
        Trades are asked for again from this long before the last that was heard of.
    policy
        What to do about differences.
    """

    warm_bars: int = 0
    grace_ns: int = GRACE_NS
    wake_age_ns: int = 10 * _S
    watch_ns: int = _S
    patience_ns: int = PATIENCE_NS
    reconcile_ns: int = 300 * _S
    poll_ns: int = 5 * _S
    jump_ns: int = 60 * _S
    overlap_ns: int = 600 * _S
    policy: Policy = field(default_factory=Policy)


class LiveVenue:
    """A `VenuePort` over trading gateways and market feeds.

    Parameters
    ----------
    world
        What the core believes; only read.
    accounts
        What is traded where.
    feeds
        Who tells the market of each instrument.
    rules
        Times and policies.
    clock
        Our time, nanoseconds UTC; a `SteadyClock` where the machine's own may be set.
    notify
        Is told of what a person should know.
    """

    def __init__(
        self,
        world: World,
        accounts: Sequence[tuple[AccountTerms, TradingGateway]],
        feeds: dict[int, MarketFeed],
        rules: LiveRules,
        clock: Callable[[], int],
        *,
        notify: Callable[[Alert], None],
    ) -> None:
        self.inbox = Inbox()
        self._world, self._feeds, self._rules, self._clock = world, feeds, rules, clock
        self._accounts = [
            TradingAccount(number, terms, gateway, self.inbox, clock)
            for number, (terms, gateway) in enumerate(accounts)
        ]
        self.books = Books(world, self._accounts, rules.policy, notify)
        self._notify = notify
        self._gathering = Gathering(frozenset(feeds), int(world.views["interval_ns"][0]), rules.grace_ns)
        self._resolver = Resolver(world, rules.patience_ns)
        self._stale = Staleness()
        self._unprotected = UnprotectedPositions(world)
        self._silences = SilentVenues()
        self._clock_watch = ClockWatch(clock, notify)
        self._arming: list[asyncio.Task[None]] = []
        self._silent = asyncio.Event()
        self._open = self._catching_up = False
        self._now_ns = 0
        self._history: deque[HistoryStep] = deque()
        self._read: deque[tuple[int, Snapshot]] = deque()
        self._gathered: Gathered | None = None
        self._unread: set[int] = set(range(len(accounts)))
        self._down: set[int] = set()
        self._unknown: set[int] = set(range(len(accounts)))
        self._trusted_from_ns: dict[int, int] = {}
        self._turns: Counter[int] = Counter()
        self._is_shared = shares_instruments(world)
        self._watched_ns = self._resolved_ns = 0
        self._wakes_ns = tuple(int(world.venues[name][0]) for name in ("wake_every_ns", "wake_from_ns"))

    # ------------------------------------------------------------------ the port

    @property
    def is_open(self) -> bool:
        """Say whether every account was read, so that trading may begin."""
        return self._open

    async def connect(self) -> Taken:
        """Say that everything on the tape was sent and can be told by nobody else."""
        return Taken(_LATEST, _LATEST)

    async def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return what became known next, as soon as something did; may be cancelled while it waits.

        Raises
        ------
        VenueDown, VenueRefused
            At the first call, where an account or a feed cannot be opened or read.
        """
        if not self._open:
            await self.inbox.once(self._begin)
        while True:
            self._look_at_clock()
            batch = self._known(after + 1)
            if batch is not None:
                return batch
            self._ask_what_is_due()
            await self.inbox.wait(self._wait_s())

    async def submit(self, first: int, requests: NDArray[Any]) -> None:
        """Hand requests to their gateways. What comes before the first batch was decided in an earlier life.

        Whether that left nobody knows, and it is too old in any case: it is not sent, it is asked about.
        """
        if not self._open:
            return
        asked = asked_of(requests)
        is_late = self._clock() - self._now_ns > self._rules.wake_age_ns
        for account in self._accounts:
            mine = [one for one in asked if one.instrument in account.terms.instruments]
            if is_late:
                mine = self._without_openers(account, mine)
            if mine and self._is_shared:
                mine = self._without_own_crossings(account, mine)
            if mine:
                account.send(mine, self._world.views["close"])
        await asyncio.sleep(0)  # What was handed over begins before we look for what comes next.

    def _without_openers(self, account: TradingAccount, requests: list[Asked]) -> list[Asked]:
        """Return what may leave though its journal kept it waiting: what opens was decided on another market (F81)."""
        held = [one for one in requests if one.kind != RequestKind.CANCEL and not one.closes]
        if held:
            self._alert("LOOP_STALLED", "what would open waited too long for the journal and is not sent")
        account.withhold(held, "it waited too long for the journal")
        return [one for one in requests if one not in held]

    def _without_own_crossings(self, account: TradingAccount, requests: list[Asked]) -> list[Asked]:
        """Return which requests may leave; what would trade with another strategy of ours is answered here (F42)."""
        held = [one for one in requests if crosses_own(self._world, one)]
        account.withhold(held, "it would trade with another strategy of this account")
        return [one for one in requests if one not in held]

    async def query(self, cids: Sequence[int]) -> NDArray[Any]:
        """Return nothing: orders are searched for beside the session, and what is found comes in batches."""
        return rows_of(())

    async def stand_down(self) -> None:
        """Take back what venues were to do once we fall silent: after an end in order the silence is meant."""
        self._silent.set()
        if self._arming:
            await asyncio.wait(self._arming, timeout=_STAND_DOWN_S)

    def figures(self) -> VenueFigures:
        """Return how accounts and streams stand, for whoever watches; how long answers took is told once."""
        return figures_of(self._accounts, self.inbox, self._all_feeds())

    def others(self) -> list[tuple[OrderSeen, int]]:
        """Return orders of others that rest in our instruments, each with when that was asked."""
        return [(seen, account.others_ns) for account in self._accounts for seen in account.others]

    async def close(self) -> None:
        """Let go of gateways and feeds; orders stay as they are."""
        await self.inbox.close()
        closing = [account.gateway.close() for account in self._accounts]
        closing += [feed.close() for feed in self._all_feeds()]
        await asyncio.gather(*closing, return_exceptions=True)

    def _all_feeds(self) -> list[MarketFeed]:
        return list({id(feed): feed for feed in self._feeds.values()}.values())

    # ------------------------------------------------------------------ beginning

    async def _begin(self) -> None:
        """Listen, take up the bars that are missing, read every account; only then is anything told."""
        await asyncio.gather(*(account.open(self._notify) for account in self._accounts))
        for account in self._accounts:
            await account.settle(lambda j: self._world.instrument_setups[j].instrument.symbol)
        await asyncio.gather(*(feed.open() for feed in self._all_feeds()))
        for account in self._accounts:
            self.inbox.listen(account.number, account.gateway)
            if account.terms.dead_man_s:
                self._arming.append(self.inbox.start(_keep_armed(account, self._silent, self._alert)))
        for feed in self._all_feeds():
            self.inbox.listen(-1, feed)
        self._now_ns = self._clock()
        self._stale.note(np.flatnonzero(self._world.views["stale"]).tolist(), "start", StreamCode.STALE, 0)
        await self._catch_up()
        for account in self._accounts:
            self.inbox.put(Seen(account.number, await self._first_snapshot(account)))
        self._open = True

    async def _first_snapshot(self, account: TradingAccount) -> Snapshot:
        """Read an account, some times over. Raises VenueDown (RECONCILE_FAILED) where it cannot be read."""
        for attempt in range(_START_TRIES):
            try:
                return await account.gateway.snapshot(self._since_ns(account))
            except TradewindError as error:
                reason = error.message
            await asyncio.sleep(2.0**attempt)
        raise VenueDown("RECONCILE_FAILED", f"the account cannot be read: {reason}", where=account.terms.name)

    def _since_ns(self, account: TradingAccount) -> int:
        """Return from when on trades and money are asked for; a session that asked for nothing yet has none."""
        heard_ns = self.books.heard_ns(account.number) or int(self._world.core["now_ns"][0])
        return heard_ns - self._rules.overlap_ns if self._world.core["requests"][0] else self._clock()

    async def _catch_up(self) -> None:
        """Fetch what is missing before the interval in work, and go on gathering there. No bar is told meanwhile."""
        self._catching_up = True
        caught = await self._caught_up()
        while caught is None:
            await asyncio.sleep(_RETRY_S)
            caught = await self._caught_up()
        self._history.extend(caught.steps)
        self._gathering.begin(caught.next_ns, caught.last.items())
        self._catching_up = False

    async def _caught_up(self) -> CaughtUp | None:
        """Return what is missing; None where no feed can be asked, as before a machine that wakes has its network."""
        try:
            return await catch_up(
                self._feeds,
                self._world.views,
                self._clock(),
                self._rules.warm_bars,
                lambda text: self._alert("DATA_STALE", text),
            )
        except VenueDown as error:
            if not self._open:
                raise
            self._alert("DATA_STALE", f"bars that were missed cannot be asked for: {error.message}")
            return None

    # ------------------------------------------------------------------ what is known

    def _known(self, number: int) -> Batch | None:
        """Return the next batch: accounts and comparisons, history, bars, the rest, doubts.

        Accounts come first, because a strategy that learns from history sizes by the equity that it sees.
        """
        batch = None
        if self.inbox.items or self._read:
            batch = self._tell_accounts(number) or self._tell_comparison()
        if batch is None and self._history:
            batch = self._tell_history(number)
        return batch or self._tell_bars(number) or self._tell_market(number) or self._tell_doubts()

    def _tell_history(self, number: int) -> Batch:
        step = self._history.popleft()
        return Batch(number, numbered(number, step.facts), WakeCode.WARM, again=False, now_ns=step.close_ns)

    def _tell_accounts(self, number: int) -> Batch | None:
        """Tell what arrived from accounts, up to a snapshot: it is compared with what is known by then."""
        facts: list[Told] = []
        items = self.inbox.items
        while items and not self._read and len(facts) < _FACTS_MAX:
            item = items.popleft()
            if isinstance(item, Heard) and item.account < 0:
                facts += self._feed_state(item)
                continue
            facts += self.books.facts_of(item, self._now_ns)
            facts += self._own_streams()
            if isinstance(item, Seen):
                self._note_read(item)
        if not facts:
            return None
        rows = numbered(number, facts)
        again, notes = self._may_decide_again(facts), self.books.take_notes()
        return Batch(number, rows, None, again=again, now_ns=self._now_ns, notes=notes)

    def _feed_state(self, item: Heard) -> list[Told]:
        """Mark the instruments of a feed's stream as stale, or as trusted again."""
        event = item.event
        if isinstance(event, StatusSeen):
            self._alert("FEED_SWITCHED", event.text)
        if isinstance(event, StreamSeen) and event.lost:
            return self._stale.note_loss(event, self._now_ns)
        if not isinstance(event, StreamSeen) or event.stream not in (StreamKind.BARS, StreamKind.MARK):
            return []
        places = sorted(self._feeds) if event.instrument < 0 else [event.instrument]
        if event.code != StreamCode.UP:
            self._alert("STREAM_DOWN", event.text or f"{event.stream.value} of a feed")
        elif event.text and event.stream is StreamKind.BARS:
            self._alert("FEED_SWITCHED", event.text)
        return self._stale.note(places, event.stream.value, event.code, self._now_ns)

    def _own_streams(self) -> list[Told]:
        """Read an account whose own stream is down again and again; once more when it is up, then it is trusted."""
        facts: list[Told] = []
        for number, code, heard_ns in self.books.user_streams:
            if code == StreamCode.UP:
                self._down.discard(number)
                self._trusted_from_ns[number] = heard_ns
            else:
                self._down.add(number)
                self._alert("STREAM_DOWN", f"the own stream of {self._accounts[number].terms.name}")
                facts += self._distrust(number)
            self.books.compare_at_ns[number] = 0
        self.books.user_streams.clear()
        return facts

    def _distrust(self, number: int) -> list[Told]:
        """Let nothing be opened on an account until it was read again."""
        self._unread.add(number)
        places = sorted(self._accounts[number].terms.instruments)
        return self._stale.note(places, "account", StreamCode.DOWN, self._now_ns)

    def _note_read(self, item: Seen) -> None:
        name = self._accounts[item.account].terms.name
        if item.snapshot is None:
            # Whoever does not answer is asked again soon: whether that lasts decides whether somebody is woken.
            again_ns = self._now_ns + self._rules.poll_ns
            self.books.compare_at_ns[item.account] = min(self.books.compare_at_ns[item.account], again_ns)
            self._alert("STREAM_DOWN", f"{name} cannot be read: {item.text}")
            return
        self._accounts[item.account].note_others(item.snapshot)
        self._read.append((item.account, item.snapshot))
        silent_ns = self._silences.hear(item.account, self._now_ns)
        if silent_ns:
            self._alert("RESUMED", f"{name} is read again after {silent_ns / _S:.0f} s without an answer")

    def _may_decide_again(self, facts: Sequence[Told]) -> bool:
        """Let contexts decide whose orders ended, but not without end before the next WAKE."""
        contexts = ended_contexts(facts)
        self._turns.update(contexts)
        return any(self._turns[context] <= _TURNS for context in contexts)

    def _tell_comparison(self) -> Batch | None:
        if not self._read:
            return None
        number, snapshot = self._read.popleft()
        facts = self.books.compare(number, snapshot, self._now_ns)
        self._warn_of_dust(number)
        if snapshot.asked_ns < self._trusted_from_ns.pop(number, 0):
            # What happened since it was asked for is known to nobody; the next one is asked for after that.
            self.books.compare_at_ns[number] = 0
            return self._own(facts)
        if self.books.doubts(number):
            return self._own([*facts, *self._distrust(number)])
        self._unknown.discard(number)
        if number not in self._down:
            self._unread.discard(number)
            places = sorted(self._accounts[number].terms.instruments)
            for reason in ("account", "start"):
                facts += self._stale.note(places, reason, StreamCode.UP, self._now_ns)
        return self._own(facts)

    def _warn_of_dust(self, number: int) -> None:
        """Tell a person of what is held and cannot be closed by any order (F44)."""
        terms = self._accounts[number].terms
        for instrument, lots in dust_of(self._world, terms.instruments).items():
            text = f"{terms.name}: {self._in_words(instrument, lots)} are less than one may close"
            self._alert("DUST", text)

    def _in_words(self, instrument: int, lots: int) -> str:
        return in_words(self._world.instrument_setups[instrument].instrument, lots)

    def _account_of(self, instrument: int) -> str:
        return next(a.terms.name for a in self._accounts if instrument in a.terms.instruments)

    def _warn_of_silent_venues(self) -> None:
        """Tell a person, once, of an account that nobody can read while something is held or a stop rests there."""
        for number in self._silences.due(self._now_ns):
            terms = self._accounts[number].terms
            if is_exposed(self._world, terms.instruments):
                self._silences.tell(number)
                text = f"{terms.name}: no reading has succeeded for {self._silences.silent_ns // _S} s"
                self._alert("VENUE_SILENT", f"{text}, and something is held or a stop rests there")

    def _own(self, facts: Sequence[Told]) -> Batch | None:
        """Return facts of ours, which no venue said, as a batch; None for none."""
        return Batch(LOCAL, rows_of(facts), None, again=False, now_ns=self._now_ns) if facts else None

    def _tell_bars(self, number: int) -> Batch | None:
        """Tell which instruments are late, then the bars; everybody decides where an interval is over."""
        bars, gathering = self.inbox.bars, self._gathering
        while bars:
            gathering.take(bars.popleft())
        if self._catching_up:
            return None
        gathered, self._gathered = self._gathered, None
        if gathered is None:
            gathered = gathering.ready(self._now_ns)
            if gathered is None:
                return None
            if gathered.streams and (late := self._note_late(gathered)):
                self._gathered = gathered
                return self._own(late)
        facts = [*map(market_fact, self.inbox.take_market()), *map(bar_fact, gathered.bars)]
        wake = self._wake_after(gathered)
        if not facts and wake is None:
            return None
        return Batch(number, numbered(number, facts), wake, again=False, now_ns=self._now_ns)

    def _note_late(self, gathered: Gathered) -> list[Told]:
        late: list[Told] = []
        for instrument, code in gathered.streams:
            late += self._stale.note([instrument], "late", code, self._now_ns)
        return late

    def _wake_after(self, gathered: Gathered) -> int | None:
        """Return who decides: everybody, or nobody where it is too late, or a process or machine has just woken up.

        An account that cannot be read later on is stale, which holds its openers and nobody else's.
        """
        if gathered.close_ns is None:
            return None
        age_ns = self._now_ns - gathered.close_ns - self._rules.grace_ns
        if age_ns > self._rules.wake_age_ns:
            self._alert("LOOP_STALLED", f"decisions {age_ns / _S:.1f} s too late are skipped")
            return WakeCode.MARK
        every_ns, from_ns = self._wakes_ns
        if self._unknown - self._down or (every_ns and (gathered.close_ns - from_ns) % every_ns):
            return WakeCode.MARK
        self._turns.clear()
        return WakeCode.BATCH

    def _tell_market(self, number: int) -> Batch | None:
        """Tell marks, best prices and prints between the bars, together; the core may have exits that watch them."""
        if self._now_ns < self._watched_ns + self._rules.watch_ns:
            return None
        self._watched_ns = self._now_ns
        facts = [market_fact(event) for event in self.inbox.take_market()]
        if not facts:
            return None
        watched = bool(self._world.core["watches"][0])
        wake = WakeCode.MARK if watched else None
        return Batch(number, numbered(number, facts), wake, again=False, now_ns=self._now_ns)

    def _tell_doubts(self) -> Batch | None:
        """Once a second: say of orders under way for too long that they are unknown, and search for them."""
        if self._now_ns < self._resolved_ns + _S:
            return None
        self._resolved_ns = self._now_ns
        for alert in self._unprotected.alerts(self._now_ns, self._account_of):
            self._notify(alert)
        self._warn_of_silent_venues()
        self._clock_watch.look(self._now_ns)
        cids = self._resolver.overdue(self._now_ns)
        for cid in cids:
            self.books.look_for(cid)
        return self._resolver.doubt(cids) if cids else None

    # ------------------------------------------------------------------ time

    def _look_at_clock(self) -> None:
        """Take the time, which never goes back here; after a jump nothing known is trusted until it was read again."""
        passed_ns = self._clock() - self._now_ns
        if passed_ns <= 0:
            return
        self._now_ns += passed_ns
        if passed_ns > self._rules.jump_ns and self._open:
            self._alert("LOOP_STALLED", "the machine slept: everything is read again before anything is done")
            self._silences.forget()
            for account in self._accounts:
                self.books.compare_at_ns[account.number] = 0
                self._unread.add(account.number)
                self._unknown.add(account.number)
                self._trusted_from_ns[account.number] = self._now_ns
            self.inbox.start(self._catch_up())

    def _ask_what_is_due(self) -> None:
        for account in self._accounts:
            if self._now_ns >= self.books.compare_at_ns[account.number]:
                every_ns = self._rules.poll_ns if account.number in self._unread else self._rules.reconcile_ns
                self.books.compare_at_ns[account.number] = self._now_ns + every_ns
                account.ask_snapshot(self._since_ns(account))
                self._silences.ask(account.number, self._now_ns)

    def _wait_s(self) -> float:
        """Return how long nothing is to be done unless something arrives."""
        due_ns = self._now_ns + _S if self._catching_up else self._gathering.due_ns
        return max(0, min(_S, due_ns - self._clock())) / _S

    def _alert(self, code: str, text: str) -> None:
        self._notify(Alert(code, text, self._now_ns))


async def _keep_armed(
    account: TradingAccount, silent: asyncio.Event, alert: Callable[[str, str], None]
) -> None:
    """Tell the venue again and again that we live, three times within the time it waits; at the end that it need not.

    One that does not take it is told once, and once more after it has taken it in between.
    """
    patience_s = account.terms.dead_man_s
    armed = True
    while not silent.is_set():
        why = await _arm(account, patience_s)
        if armed and why:
            alert("DEAD_MAN", f"{account.terms.name}: {why}")
        armed = not why
        with suppress(TimeoutError):
            await asyncio.wait_for(silent.wait(), patience_s / 3)
    why = await _arm(account, 0.0)
    if why:
        alert("DEAD_MAN", f"{account.terms.name}: the timer may go off in {patience_s:g} s: {why}")


async def _arm(account: TradingAccount, patience_s: float) -> str:
    """Set the venue's timer, 0: switch it off; return why it was not done, "" where it was."""
    try:
        outcome = await account.gateway.arm_dead_man(patience_s)
    except TradewindError as error:
        return error.message
    return "" if outcome.kind is OutcomeKind.ACCEPTED else outcome.text or outcome.kind.value
