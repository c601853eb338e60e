"""One account at one venue, traded through ccxt: the adapter that is the same for all of them.

What differs between venues is looked up in its `Dialect`. What was asked of an order ends in one of four words, and
only what is proven is more than UNKNOWN; what happens at the account is told as events, read from the venue's own
messages and validated. Requests pass, in this order: the hard caps, the clock, the budget, the signer.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ccxt.base.errors import BaseError, OnMaintenance

from tradewind.errors import VenueDown, VenueRefused
from tradewind.units.enums import IntentKind, Rule
from tradewind.venues.ccxt.account_reading import AccountReader
from tradewind.venues.ccxt.answered import answered_rows
from tradewind.venues.ccxt.batches import grouped, sent_side_by_side
from tradewind.venues.ccxt.budget import Urgency
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.caps import CapGuard, Caps
from tradewind.venues.ccxt.classification import Judgement, code_of, is_never_sent, judge
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.ccxt.dialect import Meaning, fill_template, is_addressed
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange, redact
from tradewind.venues.ccxt.fill_watch import FillWatch
from tradewind.venues.ccxt.inbox import Inbox
from tradewind.venues.ccxt.key_check import check_key
from tradewind.venues.ccxt.notices import NoticeWatch
from tradewind.venues.ccxt.orders import AccountModes, Spelled, Speller, Unspeakable, wrapped
from tradewind.venues.ccxt.parsing import RowReader, word_of
from tradewind.venues.ccxt.rule_watch import RuleWatch
from tradewind.venues.ccxt.rules import number_of
from tradewind.venues.ccxt.stop_sides import StopSides
from tradewind.venues.ccxt.stream_audit import StreamAudit
from tradewind.venues.ccxt.switches import AccountSwitches
from tradewind.venues.ccxt.unreached import silent
from tradewind.venues.ccxt.user_stream import UserStream
from tradewind.venues.ccxt.venue_clock import MEASURED_EVERY_S
from tradewind.venues.ccxt.wire import Wire
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    Outcome,
    OutcomeKind,
    StatusSeen,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp

    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.ccxt.dialect import Call
    from tradewind.venues.ccxt.row_values import Row
    from tradewind.venues.ccxt.wire import Answer
    from tradewind.venues.gateway import Event, Found, Listing, Snapshot
    from tradewind.venues.keys.entries import AccountKeys
    from tradewind.venues.keys.report import KeyReport

__all__ = ["CcxtTradingGateway", "TradingSettings"]

_OPEN_WITHIN_S = 30.0
_LOOK_EVERY_S = 1.0
_SIDES_REMEMBERED = 20_000
_REFUSED_KEY_NS = 10_000_000_000
"""A key that was just refused is not shown again for so long."""


@dataclass(frozen=True, slots=True)
class TradingSettings:
    """How one account is traded.

    Parameters
    ----------
    venue
        Our name of it, a key of `capabilities.DIALECTS`.
    tag
        Six letters or digits that tell this session's orders from any other's of the account.
    mode
        Real or practice money.
    modes
        Position and margin mode that orders are written for.
    caps
        Hard limits beside the signer.
    """

    venue: str
    tag: str
    mode: AccountMode = AccountMode.LIVE
    modes: AccountModes = field(default_factory=AccountModes)
    caps: Caps = field(default_factory=Caps)


class CcxtTradingGateway:
    """`venues.gateway.TradingGateway` over ccxt; needs a running event loop when it is made.

    Parameters
    ----------
    listings
        The session's instruments at this venue.
    session
        The way out; whoever opened it closes it after the gateway.
    keys
        What signs.
    now_ns
        This machine's time, ns UTC; sleeping is asyncio's, so that virtual time holds.
    chance
        Draws the spread of waits between attempts.
    address
        What it shares with others who ask this venue from here; None: it is alone.
    """

    def __init__(
        self,
        settings: TradingSettings,
        listings: Sequence[Listing],
        session: aiohttp.ClientSession,
        keys: AccountKeys,
        *,
        now_ns: Callable[[], int],
        chance: random.Random,
        address: Address | None = None,
    ) -> None:
        self.settings = settings
        self.dropped: Counter[str] = Counter()
        self.key_report: KeyReport | None = None
        self._name = keys.name
        self._now_ns = now_ns
        self._listings = {listing.index: listing for listing in listings}
        self._dialect = dialect_of(settings.venue)
        self._exchange = build_exchange(
            CLIENTS[settings.venue],
            session,
            keys=keys,
            mode=settings.mode,
            options={"recvWindow": self._dialect.receive_window_ms}
            if self._dialect.receive_window_ms
            else None,
        )
        self._ids = ClientIds(settings.tag, self._dialect.client_id_form)
        self._speller = Speller(
            self._dialect, self._ids, settings.modes, lambda symbol: number_of(self._exchange, symbol)
        )
        self._wire = Wire(self._exchange, self._dialect, now_ns, address)
        self.traffic = self._wire.traffic
        self._rows = RowReader(self._dialect, listings, self._ids, self.dropped)
        self._rows.account = str(self._exchange.walletAddress or "").lower()
        self._account = AccountReader(self._wire, self._rows, self._speller, self._listings)
        self._caps = CapGuard(settings.caps, now_ns, hedge=settings.modes.hedge or self._dialect.holds_coins)
        self._stream = UserStream(
            self._exchange,
            self._dialect,
            self._rows,
            self._hear,
            now_ns=now_ns,
            held_until_ns=lambda: self._wire.budget.banned_until_ns,
            chance=chance,
            dropped=self.dropped,
        )
        self._fill_watch = FillWatch(self._account, self._tell, in_coins=self._dialect.holds_coins)
        self._audit = StreamAudit(
            self._account,
            now_ns,
            is_up=lambda: self._stream.is_up,
            declare_dead=self._stream.declare_dead,
        )
        self._stop_sides = StopSides.of(self._wire, self._listings, self.find, self.cancel, self.dropped)
        self._switches = AccountSwitches(
            self._dialect, self._speller, self._account, self._listings, self._change
        )
        self._rules = RuleWatch(self._exchange, settings.venue, listings, self._tell, now_ns)
        self.doubt_rules = self._rules.doubt
        self._notices = NoticeWatch(self._wire, self._dialect.notices, settings.mode, self._tell, now_ns)
        self._inbox = Inbox(now_ns)
        self.tell_to = self._inbox.tell_to
        shapes = [reading.shape for reading in self._dialect.working]
        # An answer names an order of the list that it asked for: numbers may repeat in the other one.
        self._shapes = shapes, sorted(shapes, key=lambda shape: not getattr(shape, "algo", False))
        self._sides: OrderedDict[int, tuple[int, bool]] = OrderedDict()
        self._venue_down = False
        self._clock_down = False
        self._tending: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Measure the clock, prove the key, load the rules, open the user's stream and wait for it.

        Raises VenueDown; AuthFailed, SafetyRefusal and VenueRefused for a key that cannot or should not be used, and
        VenueRefused (CLOCK_OFFSET) where this machine's clock is too far off.
        """
        await self.measure_clock()
        self.key_report = await check_key(self._wire, self.settings.mode, self._name)
        try:
            await self._exchange.load_markets()
            self._rules.compare()
            await self._notices.look()
            await asyncio.wait_for(self._stream.open(), _OPEN_WITHIN_S)
        except TimeoutError:
            raise VenueDown(
                "VENUE_DOWN", f"{self.settings.venue} did not open the account's stream."
            ) from None
        except (BaseError, OSError) as error:
            venue = self.settings.venue
            raise silent(venue, error, redact(f"{venue}: {error}")) from error
        self._tending = asyncio.create_task(self._tend())

    @property
    def clock_offset_ns(self) -> int:
        """Return the venue's time less ours, as last measured; 0 before that."""
        return self._wire.clock.offset_ns

    async def measure_clock(self) -> None:
        """Compare this machine's clock with the venue's. Raises VenueDown, VenueRefused (CLOCK_OFFSET)."""
        if not await self._wire.measure_clock(times=3):
            raise silent(
                self.settings.venue, self._wire.clock_error, f"{self.settings.venue} does not tell its time."
            )
        if not self._wire.clock.trusted:
            offset_s = self._wire.clock.offset_ns / 1e9
            raise VenueRefused(
                "CLOCK_OFFSET", f"this machine's clock is {offset_s:+.3f} s from {self.settings.venue}'s."
            )

    async def learn_numbers(self) -> None:
        """Read the list of markets where orders go by numbers that only it tells. Raises VenueDown."""
        if not self._dialect.actions or self._exchange.markets:
            return
        try:
            await self._exchange.load_markets()
        except (BaseError, OSError) as error:
            raise silent(self.settings.venue, error, redact(f"{self.settings.venue}: {error}")) from error

    async def close(self) -> None:
        """Let go; orders stay as they are, the session stays open."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        self._fill_watch.stop()
        if self._stop_sides is not None:
            self._stop_sides.stop()
        await self._stream.close()
        await self._exchange.close()

    async def next_events(self) -> list[Event]:
        """Return what came in since the last call, at least one event. Nothing of an account is ever dropped."""
        return await self._inbox.take()

    def _hear(self, event: Event) -> None:
        """Take what the stream says."""
        if isinstance(event, OrderSeen):
            self._audit.hear(event)
            if event.status is OrderStatus.REJECTED:
                self._rules.doubt()
        self._tell(event)

    def _tell(self, event: Event) -> None:
        after: OrderSeen | None = None
        if isinstance(event, OrderSeen):
            self._remember_side(event.cid, event.side, reduces=bool(event.reduce))
            self._fill_watch.order(event)
            priced = self._fill_watch.priced(event)
            if priced is None:
                return
            event = priced
        elif isinstance(event, FillSeen):
            if not self._fill_watch.fill(event):
                return
            after = self._fill_watch.held_for(event)
        for each in (event,) if after is None else (event, after):
            self._caps.hear(each)
            self._inbox.put(each)

    def _remember_side(self, cid: int, side: int, *, reduces: bool) -> None:
        if cid:
            self._sides[cid] = side, reduces
            self._sides.move_to_end(cid)
            if len(self._sides) > _SIDES_REMEMBERED:
                self._sides.popitem(last=False)

    async def _tend(self) -> None:
        """Compare the stream and the rules with the venue, and the clocks each minute or when ours was set."""
        passed_s = 0.0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            passed_s += _LOOK_EVERY_S
            for look in (self._audit.look, self._rules.look, self._notices.look):
                await self._try(look)
            if self._wire.clock.was_set() or passed_s >= MEASURED_EVERY_S or not self._wire.clock.trusted:
                passed_s = 0.0
                await self._wire.measure_clock()
                self._tell_clock()

    async def _try(self, look: Callable[[], Awaitable[None]]) -> None:
        """Look once; whatever is wrong with an answer, there is a next second, and the clocks are still compared."""
        try:
            await look()
        except Exception as error:  # noqa: BLE001 - a watch that has ended would see nothing any more
            self.dropped[f"watch: {type(error).__name__}"] += 1

    def _tell_clock(self) -> None:
        down = not self._wire.clock.trusted
        if down != self._clock_down:
            self._clock_down = down
            offset_s = self._wire.clock.offset_ns / 1e9
            text = (
                f"this machine's clock is {offset_s:+.3f} s from the venue's"
                if down
                else "the clock is right again"
            )
            self._tell(StatusSeen(-1, down, False, False, text, self._now_ns(), "clock"))

    # ------------------------------------------------------------------ orders

    async def create(
        self, orders: Sequence[NewOrder], hear: Callable[[int, Outcome], None] = lambda _place, _outcome: None
    ) -> list[Outcome]:
        """Send new orders, in batches where the venue has them; return an outcome for each, in their order.

        Batches leave side by side, protection first: one that is not answered holds up no other, and `hear` is told
        what became of each batch as it is answered.
        """
        made = list(map(self._spell, orders))
        if len(made) == 1 and isinstance(made[0], Spelled):
            return await self._send_new(orders, [made[0]])
        spelled = {place: one for place, one in enumerate(made) if isinstance(one, Spelled)}
        outcomes = {place: one for place, one in enumerate(made) if isinstance(one, Outcome)}
        for place, outcome in outcomes.items():
            hear(place, outcome)

        def send(group: Sequence[int]) -> Awaitable[list[Outcome]]:
            return self._send_new([orders[place] for place in group], [spelled[place] for place in group])

        outcomes |= await sent_side_by_side(grouped(self._dialect, orders, spelled), send, hear)
        return [outcomes[place] for place in range(len(orders))]

    def _spell(self, order: NewOrder) -> Spelled | Outcome:
        instrument = self._listings[order.instrument].instrument
        try:
            made = self._speller.create(order, instrument)
        except Unspeakable as reason:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.SETTINGS, text=str(reason))
        rule, text = self._caps.refuse(order, instrument)
        if rule != Rule.OK:
            self.dropped["order: hard cap"] += 1
            return Outcome(OutcomeKind.NOT_SENT, rule=rule, text=text)
        self._remember_side(order.cid, order.side, reduces=order.reduce)
        return made

    async def _send_new(self, orders: Sequence[NewOrder], spelled: list[Spelled]) -> list[Outcome]:
        call = spelled[0].call
        if len(spelled) > 1 and self._dialect.batch is not None:
            call = self._dialect.batch
        urgency = Urgency.PROTECT if orders[0].closes else Urgency.OPEN  # A group is all of one sort.
        sides = self._stop_sides
        if sides is not None and (refused := await sides.refused(orders)) is not None:
            return refused
        for order in orders:
            self._audit.ask(order.cid)
        answer = await self._wire.ask(call, wrapped(call, [one.fields for one in spelled]), urgency)
        rows = answered_rows(self._dialect, call, answer, [one.client_id for one in spelled])
        outcomes = self._outcomes(call, answer, len(spelled), rows)
        answered = rows if len(rows) == len(spelled) else [{}] * len(spelled)
        proven = [
            self._proven(outcome, order, one.client_id, row)
            for outcome, order, one, row in zip(outcomes, orders, spelled, answered, strict=True)
        ]
        self._caps.note(orders, proven)
        if sides is not None:
            sides.look_after(orders, proven)
        return proven

    def _outcomes(self, call: Call, answer: Answer, count: int, rows: list[Row]) -> list[Outcome]:
        """Return what an answer proves of each row of its request."""
        if answer.fine:
            self._tell_up()
        codes = answer.rows(call.codes) if call.codes and count > 1 else rows
        names_none = not rows and not (call.refused and answer.fine)
        if names_none or (count == 1 and answer.error is not None):
            return [self._outcome(answer)] * count
        if len(codes) != count or len(rows) != count:
            text, fence_ns = "rows of the answer are missing", self._wire.fence_ns(answer.signed_ns)
            return [Outcome(OutcomeKind.UNKNOWN, text=text, fence_ns=fence_ns)] * count
        return [self._row_outcome(answer, row) for row in codes]

    def _row_outcome(self, answer: Answer, row: Row) -> Outcome:
        """Return what a row says of itself: what ccxt raises for a batch is about the first row that failed."""
        code = word_of(row.get(self._dialect.row_code))
        if code in self._dialect.row_ok:
            return Outcome(OutcomeKind.ACCEPTED)
        return self._outcome(answer, code, redact(word_of(row.get(self._dialect.row_text))))

    def _outcome(self, answer: Answer, code: str | None = None, text: str = "") -> Outcome:
        """Return what an answer to a change proves, and tell what it says of the venue and the key."""
        if answer.refused:
            return Outcome(
                OutcomeKind.NOT_SENT, rule=Rule.NOT_SENT, text=answer.refused, retry_ns=answer.retry_ns
            )
        if code is None and answer.fine and not code_of(self._dialect, answer.body):
            return Outcome(OutcomeKind.ACCEPTED)
        error = None if code is not None else answer.error
        found = judge(self._dialect, error, answer.body, known=code)
        said = text or self._wire.text_of(answer)
        self._tell_meaning(found, answer, said)
        fence_ns = self._wire.fence_ns(answer.signed_ns) if found.kind is OutcomeKind.UNKNOWN else 0
        retry_ns = answer.retry_ns
        if found.meaning is Meaning.KEY:
            retry_ns = max(retry_ns, self._now_ns() + _REFUSED_KEY_NS)
        return Outcome(
            found.kind,
            rule=found.rule,
            text=said,
            retry_ns=retry_ns,
            fence_ns=fence_ns,
            gone=found.meaning is Meaning.GONE,
        )

    def _proven(self, outcome: Outcome, order: NewOrder, client_id: str, row: Row) -> Outcome:
        """Return an acceptance only where the venue named the order: its id, and ours where it repeats it."""
        if outcome.kind is not OutcomeKind.ACCEPTED:
            return outcome
        for shape in self._shapes[order.kind == IntentKind.STOP]:
            venue_id = word_of(row.get(getattr(shape, "venue_id", "")))
            repeated = word_of(row.get(getattr(shape, "client_id", "")))
            if venue_id in ("", "0"):
                continue
            if repeated not in ("", client_id):
                break
            seen = self._rows.read(row, shape, self._now_ns()) if getattr(shape, "status", "") in row else []
            found = next((event for event in seen if isinstance(event, OrderSeen)), None)
            self._audit.expect(order.cid)
            listing, algo = self._listings[order.instrument], bool(getattr(shape, "algo", False))
            self._rows.learn(listing, venue_id, client_id, position_side=order.position_side, algo=algo)
            return Outcome(OutcomeKind.ACCEPTED, order=found)
        return Outcome(
            OutcomeKind.UNKNOWN,
            text="the venue accepted an order that it did not name",
            fence_ns=self._wire.fence_ns(self._now_ns()),
        )

    async def amend(self, order: OrderRef, price_tick: int, qty_lot: int) -> Outcome:
        """Change price and total quantity of a working order, where the venue can."""
        instrument = self._listings[order.instrument].instrument
        side, reduces = self._sides.get(order.cid, (0, False))
        if self._dialect.amend is None or not side:
            text = f"{self.settings.venue} cannot change this order; cancel it and send another"
            return Outcome(OutcomeKind.REJECTED, rule=Rule.SETTINGS, text=text)
        try:
            fields = self._speller.amend(order, instrument, side, price_tick, qty_lot)
        except Unspeakable as reason:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.SETTINGS, text=str(reason))
        terms = price_tick, qty_lot
        rule, text = self._caps.refuse_change(order, instrument, side, terms, reduces=reduces)
        if rule != Rule.OK:
            self.dropped["order: hard cap"] += 1
            return Outcome(OutcomeKind.NOT_SENT, rule=rule, text=text)
        return await self._change(self._dialect.amend, fields, Urgency.OPEN)

    async def cancel(self, order: OrderRef) -> Outcome:
        """Ask for an end of an order; ACCEPTED says that the venue took the wish, not that it ended unfilled."""
        instrument = self._listings[order.instrument].instrument
        call = self._dialect.cancel_algo if order.algo else self._dialect.cancel
        values = self._speller.reference(order, instrument)
        self._audit.ask(order.cid)
        call = call.naming(values)
        fields = fill_template(call.fields, values)
        if not is_addressed(call, fields):
            return await self._cancel_unnamed(order)
        outcome = await self._change(call, fields, Urgency.PROTECT)
        if outcome.kind is OutcomeKind.ACCEPTED:
            self._audit.expect(order.cid)
        return outcome

    async def _cancel_unnamed(self, order: OrderRef) -> Outcome:
        """Look for an order that the venue knows by its own number only, and ask for its end by that."""
        try:
            working = await self._account.working({order.instrument})
        except VenueDown as error:
            return Outcome(OutcomeKind.UNKNOWN, text=error.message)
        seen = next((one for one in working if one.cid == order.cid and one.venue_id), None)
        if seen is None:
            return Outcome(OutcomeKind.UNKNOWN, text="no order with our id works at the venue", gone=True)
        return await self.cancel(OrderRef(order.instrument, order.cid, seen.venue_id, seen.stop))

    async def _change(self, call: Call, fields: dict[str, object], urgency: Urgency) -> Outcome:
        answer = await self._wire.ask(call, wrapped(call, [fields]), urgency)
        return self._outcomes(call, answer, 1, answered_rows(self._dialect, call, answer))[0]

    async def cancel_all(self, instrument: int) -> Outcome:
        """Ask for an end of all orders of an instrument; for emergencies."""
        listing = self._listings[instrument]
        if not self._dialect.cancel_all:
            return await self._cancel_each(instrument)
        wanted = {"symbol": listing.instrument.symbol, "settle": listing.instrument.settle}
        found = [
            await self._change(call, fill_template(call.fields, wanted), Urgency.PROTECT)
            for call in self._dialect.cancel_all
        ]
        return next((outcome for outcome in found if outcome.kind is not OutcomeKind.ACCEPTED), found[0])

    async def _cancel_each(self, instrument: int) -> Outcome:
        """Ask for an end of each order that the lists show; one that cannot be read keeps none of the others."""
        worst = Outcome(OutcomeKind.ACCEPTED)
        for reading in self._dialect.working:
            try:
                events = await self._account.read(reading, urgency=Urgency.PROTECT)
            except VenueDown as error:
                worst = Outcome(OutcomeKind.UNKNOWN, text=error.message)
                continue
            for event in events:
                if isinstance(event, OrderSeen) and event.instrument == instrument:
                    algo = bool(getattr(reading.shape, "algo", False))
                    outcome = await self.cancel(OrderRef(instrument, event.cid, event.venue_id, algo))
                    worst = worst if outcome.kind is OutcomeKind.ACCEPTED else outcome
        return worst

    # ------------------------------------------------------------------ reading

    async def find(self, order: OrderRef, sent_ns: int) -> Found:
        """Look for an order wherever the venue may show it: by id, working, ended, in the trades."""
        found = await self._account.find(order, self._ids.encode(order.cid), sent_ns)
        if found.order is not None:
            self._remember_side(found.order.cid, found.order.side, reduces=bool(found.order.reduce))
        return found

    async def snapshot(self, fills_since_ns: int) -> Snapshot:
        """Read the whole account. Raises VenueDown where any part of it cannot be read."""
        taken = await self._account.snapshot(fills_since_ns)
        for order in taken.orders:
            self._remember_side(order.cid, order.side, reduces=bool(order.reduce))
        for fill in taken.fills:
            self._fill_watch.fill(fill)
        self._audit.know(taken.orders)
        self._caps.know(taken)
        self._tell_up()
        return taken

    # ------------------------------------------------------------------ settings

    async def set_leverage(self, instrument: int, leverage: float) -> Outcome:
        """Set the leverage of an instrument; saying what it is already is ACCEPTED."""
        return await self._switches.set_leverage(self._listings[instrument].instrument, leverage)

    async def set_modes(self, instrument: int, *, hedge: bool, isolated: bool) -> Outcome:
        """Set position and margin mode; what is so already is left alone."""
        return await self._switches.set_modes(instrument, AccountModes(hedge, isolated))

    async def arm_dead_man(self, timeout_s: float) -> Outcome:
        """Let the venue cancel what opens unless called again in time; 0: no more. REJECTED where it has no timer."""
        if not timeout_s and not self._dialect.dead_man_off:
            text = f"the timer of {self._dialect.venue} cannot be taken back; it goes off once we are gone"
            return Outcome(OutcomeKind.REJECTED, rule=Rule.SETTINGS, text=text)
        if self._dialect.dead_man_message is not None:
            await self._stream.say(self._dialect.dead_man_message)
        return await self._switches.arm_dead_man(timeout_s)

    # ------------------------------------------------------------------ what answers say of the venue

    def _tell_meaning(self, found: Judgement, answer: Answer, text: str) -> None:
        now_ns, meaning = self._now_ns(), found.meaning
        if meaning is Meaning.KEY and found.rule != Rule.VENUE_CLOSED:
            self._tell(StatusSeen(-1, True, False, True, text, now_ns, "key"))
        elif meaning is Meaning.KEY or answer.status == 451:
            self._tell(StatusSeen(-1, True, False, True, text, now_ns))
        elif meaning is Meaning.REDUCE_ONLY:
            self._tell(StatusSeen(-1, False, True, False, text, now_ns))
        elif meaning in (Meaning.REJECTED, Meaning.CLOSED) or (meaning is None and answer.status == 200):
            self._rules.doubt()
        elif (meaning is Meaning.OUTAGE or self._is_outage(answer)) and not self._venue_down:
            self._venue_down = True
            banned = self.traffic.banned_until_ns > now_ns
            self._tell(StatusSeen(-1, True, False, False, text, now_ns, "banned" if banned else ""))

    def _is_outage(self, answer: Answer) -> bool:
        """Return whether an answer says that nothing can be asked now: a ban, maintenance, no connection."""
        banned = answer.status in (403, 418) and self.traffic.banned_until_ns > self._now_ns()
        if banned or isinstance(answer.error, OnMaintenance):
            return True
        return answer.error is not None and is_never_sent(answer.error)

    def _tell_up(self) -> None:
        if self._venue_down:
            self._venue_down = False
            self._tell(StatusSeen(-1, False, False, False, "the venue answers again", self._now_ns()))
            self._rules.tell_closed_again()
