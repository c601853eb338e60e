"""One account of a live session: requests out, searches and snapshots out, everything that comes back into the inbox.

Nothing here waits for a venue. What is asked goes on beside the session, and whatever goes wrong with an
answer, that nothing is known is what it says: only what a gateway has proven is more than UNKNOWN.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tradewind.errors import TradewindError, VenueRefused
from tradewind.live.epochs import in_the_way
from tradewind.live.inbox import Answered, Looked, Seen
from tradewind.live.ladder import BANDS, CANCEL_WAITS_S, UNLOCK_WAITS_S, WAITS_S, Ladder, may_try_again
from tradewind.ops.alerts import Alert
from tradewind.units.enums import IntentKind, RequestKind, Rule
from tradewind.venues.gateway import Found, NewOrder, OrderRef, Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tradewind.live.facts import Asked
    from tradewind.live.inbox import Inbox
    from tradewind.venues.gateway import OrderSeen, Snapshot, TradingGateway
    from tradewind.venues.keys.report import KeyReport

__all__ = ["AccountTerms", "Keyed", "TradingAccount"]

_PLACES_KEPT = 4096


@runtime_checkable
class Keyed(Protocol):
    """A gateway that signs with a key of the venue's, and asks what the key may do when it is opened."""

    key_report: KeyReport | None
    """What the venue said of the key; None before the gateway is open."""


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What a session must know of an account that its gateway does not say.

    Parameters
    ----------
    name
        What people call it.
    instruments
        Indices of what it trades.
    wallets
        Index of the wallet of each of its currencies.
    fence_ns
        So long after a request was made it may still arrive at the venue, clocks and all; 0: the venue has no
        such bound.
    opener_life_ns
        Resting openers end by themselves after so long, for a machine that dies at a venue whose dead-man timer
        would take protectors too; 0: they stay.
    dead_man_s
        The venue cancels everything when it is not told for so long; 0: it is not asked to.
    leverage, hedge, isolated
        What the account is set to before anything is traded; a leverage of 0 leaves all of it as it is.
    earlier
        Signs of the orders of earlier epochs, whose stops may still lie at the venue.
    coins
        What it holds are coins, which an order that is to sell them locks.
    """

    name: str
    instruments: frozenset[int]
    wallets: Mapping[str, int]
    fence_ns: int = 0
    opener_life_ns: int = 0
    dead_man_s: float = 0.0
    leverage: float = 0.0
    hedge: bool = False
    isolated: bool = False
    earlier: frozenset[str] = frozenset()
    coins: bool = False


@dataclass(slots=True)
class TradingAccount:
    """A gateway, and what it is asked.

    Parameters
    ----------
    number
        Its place in the session.
    terms
        What the session knows of it.
    gateway
        The way to the venue.
    inbox
        Where answers go.
    clock
        Our time, nanoseconds UTC.
    is_stop
        Says of an order whose place is not known, as after a restart, whether it waits among the venue's stops.
    notify
        Is told of what a person should know.
    knows
        Says of an order that bears the session's signs whether its journal tells of it: that may have been lost.
    read_ns
        When the account was read last, our time; 0: not yet.
    others, others_ns
        Orders that are none of the session's and rested in its instruments when that was asked last, and when it was.
    """

    number: int
    terms: AccountTerms
    gateway: TradingGateway
    inbox: Inbox
    clock: Callable[[], int]
    is_stop: Callable[[int], bool] = lambda cid: False
    notify: Callable[[Alert], None] = lambda alert: None
    knows: Callable[[int], bool] = bool
    read_ns: int = 0
    others: tuple[OrderSeen, ...] = ()
    others_ns: int = 0
    _places: dict[int, OrderRef] = field(default_factory=dict)
    _asking: bool = False
    _under_way: set[tuple[int, int]] = field(default_factory=set)
    _looking: set[int] = field(default_factory=set)
    _ladder: Ladder = field(default_factory=Ladder)

    def send(self, requests: Sequence[Asked], near_tick: Sequence[int] | NDArray[Any] = ()) -> None:
        """Hand requests to the gateway, cancels first: they make room for what is new.

        near_tick: last price of each instrument of the session.
        """
        new = []
        for asked in requests:
            self._under_way.add((asked.kind, asked.cid))
            if asked.kind == RequestKind.NEW:
                new.append(asked)
            else:
                self.inbox.start(self._see_through(asked))
        if new:
            self.inbox.start(self._create([self._new_order(asked, near_tick) for asked in new], new))

    def withhold(self, requests: Sequence[Asked], text: str) -> None:
        """Answer requests as refused by ourselves, before they are sent."""
        for asked in requests:
            self._answer(asked, Outcome(OutcomeKind.REJECTED, rule=Rule.NOT_SENT, text=text))

    def note_others(self, snapshot: Snapshot) -> None:
        """Remember which orders of others rest, for whoever looks."""
        self.others = tuple(seen for seen in snapshot.orders if not (seen.cid and self.knows(seen.cid)))
        self.others_ns = snapshot.asked_ns

    async def open(self, notify: Callable[[Alert], None]) -> None:
        """Open the gateway; warn of a key of real money that may be used from anywhere (C02). Raises as the gateway."""
        await self.gateway.open()
        report = self.gateway.key_report if isinstance(self.gateway, Keyed) else None
        if report is not None and report.addresses == () and not report.demo:
            text = f"the key of {self.terms.name} may be used from any address, says {report.venue}"
            notify(Alert("KEY_ANYWHERE", text, self.clock(), fields={"account": self.terms.name}))

    async def settle(self, symbol_of: Callable[[int], str]) -> None:
        """Set modes and leverage of every instrument. Raises VenueRefused (SETTINGS_REFUSED) where the venue will not.

        A venue refuses another mode while positions or orders are open: then a person has to decide.
        """
        if not self.terms.leverage:
            return
        for instrument in sorted(self.terms.instruments):
            modes = await self.gateway.set_modes(
                instrument, hedge=self.terms.hedge, isolated=self.terms.isolated
            )
            leverage = await self.gateway.set_leverage(instrument, self.terms.leverage)
            for what, outcome in (("position and margin mode", modes), ("leverage", leverage)):
                if outcome.kind is not OutcomeKind.ACCEPTED:
                    raise VenueRefused(
                        "SETTINGS_REFUSED",
                        f"{what} of {symbol_of(instrument)} cannot be set: {outcome.text or outcome.kind.value}",
                        where=self.terms.name,
                    )

    def is_asking(self, cid: int) -> bool:
        """Say whether a request about an order was handed over and is not answered: it may be about to leave."""
        return any(asked == cid for _, asked in self._under_way)

    def note_place(self, seen: OrderSeen) -> None:
        """Remember by which id the venue knows an order, and in which of its lists it is."""
        if seen.cid and seen.venue_id:
            algo = self._ref(seen.instrument, seen.cid).algo
            self._places.pop(seen.cid, None)
            self._places[seen.cid] = OrderRef(seen.instrument, seen.cid, seen.venue_id, algo)
            if len(self._places) > _PLACES_KEPT:
                # What works is seen with every snapshot, so the oldest has long ended.
                del self._places[next(iter(self._places))]

    def look_for(self, instrument: int, cid: int, sent_ns: int) -> None:
        """Search for an order, unless a search for it is under way."""
        if cid not in self._looking:
            self._looking.add(cid)
            self.inbox.start(self._look_for(self._ref(instrument, cid), sent_ns))

    def cancel_late(self, instrument: int, cid: int) -> None:
        """Cancel an order that appeared after it was given up; its answer is the order's own end."""
        self.inbox.start(_safely(lambda: self.gateway.cancel(self._ref(instrument, cid))))

    def cancel_earlier(self, seen: OrderSeen) -> None:
        """Cancel an order of an earlier epoch, which only the venue's id names here."""
        self._forget_others([seen])
        order = OrderRef(seen.instrument, 0, seen.venue_id, seen.stop)
        self.inbox.start(_safely(lambda: self.gateway.cancel(order)))

    def ask_snapshot(self, since_ns: int) -> None:
        """Ask for the whole account, unless that is being asked already."""
        if not self._asking:
            self._asking = True
            self.inbox.start(self._ask_snapshot(since_ns))

    async def _ask_snapshot(self, since_ns: int) -> None:
        try:
            self.inbox.put(Seen(self.number, await self.gateway.snapshot(since_ns)))
            self.read_ns = self.clock()
        except TradewindError as error:
            self.inbox.put(Seen(self.number, None, error.message))
        finally:
            self._asking = False

    async def _look_for(self, order: OrderRef, sent_ns: int) -> None:
        asked_ns = self.clock()
        try:
            found = await self.gateway.find(order, sent_ns)
        except TradewindError as error:
            found = Found(None, text=error.message)
        finally:
            self._looking.discard(order.cid)
        self.inbox.put(Looked(self.number, order.cid, asked_ns, found))

    async def _create(self, orders: list[NewOrder], requests: list[Asked]) -> None:
        now_ns, rungs, leaving, ladder = self.clock(), [], [], self._ladder
        for order in orders:
            if order.kind == IntentKind.STOP:
                self._places[order.cid] = OrderRef(order.instrument, order.cid, algo=True)
            rung = ladder.begin(order, now_ns)
            rungs.append(rung)
            leaving.append(ladder.at(order, rung) if rung else order)
        waiting = dict(enumerate(zip(requests, orders, rungs, strict=True)))

        def hear(place: int, outcome: Outcome) -> None:
            asked, order, rung = waiting.pop(place)
            if rung is None:
                self._note_new(asked, order, outcome)
            else:
                self._note_close(asked, order, rung, outcome)

        outcomes = await self._sent(leaving, hear)
        for place in tuple(waiting):
            hear(place, outcomes[place])

    async def _sent(
        self, orders: list[NewOrder], hear: Callable[[int, Outcome], None] = lambda _place, _outcome: None
    ) -> list[Outcome]:
        """Return what became of orders, one for each; what a gateway does not say nobody knows.

        hear: is told what is known before the others.
        """
        try:
            outcomes = await self.gateway.create(orders, hear)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows what became of them
            return [_unknown(error)] * len(orders)
        unanswered = Outcome(OutcomeKind.UNKNOWN, text="the gateway gave fewer answers than it was asked")
        return [*outcomes, *[unanswered] * (len(orders) - len(outcomes))]

    def _note_close(self, asked: Asked, order: NewOrder, rung: int, outcome: Outcome) -> None:
        """Answer a close, or try it on the rungs above."""
        self._ladder.note(order.instrument, rung, self.clock(), outcome)
        if may_try_again(outcome, self.clock()):
            self.inbox.start(self._climb(asked, order, rung, outcome))
        else:
            self._note_new(asked, order, outcome)

    async def _climb(self, asked: Asked, order: NewOrder, rung: int, outcome: Outcome) -> None:
        for wait_s in WAITS_S:
            await asyncio.sleep(wait_s)
            rung = (rung + 1) % len(BANDS)
            (outcome,) = await self._sent([self._ladder.at(order, rung)])
            self._ladder.note(order.instrument, rung, self.clock(), outcome)
            if not may_try_again(outcome, self.clock()):
                break
        self._answer(asked, outcome)

    def _note_new(self, asked: Asked, order: NewOrder, outcome: Outcome) -> None:
        """Answer a new order; of coins, once no stop of an earlier epoch is in its way."""
        stops = in_the_way(self.others, self.terms.earlier, order, outcome) if self.terms.coins else []
        if stops:
            text = "a stop of an earlier epoch goes: the coins that it locks are sold by orders of this one"
            self.notify(Alert("RECONCILED", f"{self.terms.name}: {text}", self.clock()))
        if stops and outcome.kind is OutcomeKind.REJECTED:
            self.inbox.start(self._make_way(asked, order, stops, outcome))
            return
        self._answer(asked, outcome)
        for seen in stops:
            self.cancel_earlier(seen)

    async def _make_way(
        self, asked: Asked, order: NewOrder, stops: Sequence[OrderSeen], outcome: Outcome
    ) -> None:
        """Cancel what locks the coins of a sale that was refused, and ask for it again; then answer it."""
        self._forget_others(stops)
        for seen in stops:
            stop = OrderRef(seen.instrument, 0, seen.venue_id, seen.stop)
            await _safely(partial(self.gateway.cancel, stop))
        for wait_s in UNLOCK_WAITS_S:
            await asyncio.sleep(wait_s)
            (outcome,) = await self._sent([order])
            if outcome.kind is not OutcomeKind.REJECTED:
                break
        self._answer(asked, outcome)

    def _forget_others(self, gone: Sequence[OrderSeen]) -> None:
        ids = {seen.venue_id for seen in gone}
        self.others = tuple(other for other in self.others if other.venue_id not in ids)

    def _new_order(self, asked: Asked, near_tick: Sequence[int] | NDArray[Any]) -> NewOrder:
        rests = asked.order_kind == IntentKind.REST and not asked.closes
        life_ns = self.terms.opener_life_ns
        return NewOrder(
            instrument=asked.instrument,
            cid=asked.cid,
            kind=asked.order_kind,
            side=asked.side,
            position_side=asked.position_side,
            reduce=bool(asked.reduce),
            post_only=bool(asked.post_only),
            price_tick=asked.price_tick,
            qty_lot=asked.qty_lot,
            trail_tick=asked.trail_tick,
            trigger=asked.trigger,
            expires_ns=self.clock() + life_ns if rests and life_ns else 0,
            near_tick=int(near_tick[asked.instrument]) if len(near_tick) else 0,
        )

    async def _see_through(self, asked: Asked) -> None:
        """Change an order; whether it is answered here or by its end, nothing about it is under way after that."""
        await self._change(asked)
        self._under_way.discard((asked.kind, asked.cid))

    async def _change(self, asked: Asked) -> None:
        order = self._ref(asked.instrument, asked.cid)
        if asked.kind == RequestKind.CANCEL:
            outcome = await self._cancel(order)
        else:
            outcome = await _safely(lambda: self.gateway.amend(order, asked.price_tick, asked.qty_lot))
            if outcome.kind is OutcomeKind.REJECTED and outcome.rule == Rule.SETTINGS:
                # It cannot be changed at all, as a waiting stop at some venues: its end makes room for another. That
                # end is the answer: told before it of a refusal, the core would cancel what is ending, and wait.
                ended = await _safely(lambda: self.gateway.cancel(order))
                if ended.kind is OutcomeKind.ACCEPTED:
                    return
        self._answer(asked, outcome)

    async def _cancel(self, order: OrderRef) -> Outcome:
        """Ask for an end, some times over where the wish did not leave."""
        outcome = await _safely(lambda: self.gateway.cancel(order))
        for wait_s in CANCEL_WAITS_S:
            if outcome.kind is not OutcomeKind.NOT_SENT or not may_try_again(outcome, self.clock()):
                break
            await asyncio.sleep(wait_s)
            outcome = await _safely(lambda: self.gateway.cancel(order))
        return outcome

    def _answer(self, asked: Asked, outcome: Outcome) -> None:
        terms = asked.price_tick, asked.qty_lot
        self._under_way.discard((asked.kind, asked.cid))
        self.inbox.put(Answered(self.number, asked.kind, asked.instrument, asked.cid, *terms, outcome))

    def _ref(self, instrument: int, cid: int) -> OrderRef:
        return self._places.get(cid) or OrderRef(instrument, cid, algo=self.is_stop(cid))


async def _safely(ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Return what a gateway answers, or that nothing is known."""
    try:
        return await ask()
    except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows what became of it
        return _unknown(error)


def _unknown(error: Exception) -> Outcome:
    text = error.message if isinstance(error, TradewindError) else type(error).__name__
    return Outcome(OutcomeKind.UNKNOWN, text=text)
