"""A small honest exchange in virtual time: one account, limit, market and stop orders, bars that walk at random.

It speaks the words of `venues.gateway` directly, so that the live loop can be tried without any wire protocol.
It lives in the world, not in the session: what was sent travels on when the session dies, and what happened
stays true. What goes wrong on the way is chosen by `Wire`.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from msgspec.structs import replace

from tradewind.errors import VenueDown
from tradewind.units.enums import BUY, LONG, IntentKind, Rule, StreamCode
from tradewind.venues.gateway import (
    BalanceSeen,
    BarSeen,
    FillSeen,
    Found,
    NewOrder,
    OrderRef,
    OrderSeen,
    OrderStatus,
    Outcome,
    OutcomeKind,
    PositionSeen,
    Snapshot,
    StreamKind,
    StreamSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tradewind.venues.gateway import Event

__all__ = ["SmallExchange", "SmallFeed", "SmallGateway", "Wire"]

_T = TypeVar("_T")
_ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_TAKER_RATE, _MAKER_RATE = 0.0005, 0.0002
_MS = 0.001
_LATE_S = 2.8
_TIMEOUT_S = 2.0
_PLACE = (1 << 20) - 1
"""Bits of a client id that say from which context and slot it comes."""


@dataclass(slots=True)
class _Order:
    """One order at the exchange."""

    new: NewOrder
    venue_id: str
    status: OrderStatus = OrderStatus.WORKING
    price_tick: int = 0
    qty_lot: int = 0
    filled_lot: int = 0
    notional: int = 0
    rule: int = 0
    ts_ns: int = 0


class SmallExchange:
    """The truth.

    Parameters
    ----------
    clock
        Nanoseconds UTC of the world.
    unit
        Money per lot and tick.
    interval_ns
        Length of its bars.
    random
        Where prices come from.
    instruments
        How many there are.
    balance
        Money to begin with.

    Attributes
    ----------
    asked
        Client id of every new order that was asked for, in order, also of those that were refused.
    created
        Client id of every order that was taken.
    doubled
        Those that came while another order of the same slot still worked: what must never happen.
    fills
        Every trade.
    bars
        Every bar that is over, by instrument.
    """

    def __init__(
        self, clock: Callable[[], int], unit: float, interval_ns: int, random: Random,
        instruments: int = 1, balance: int = 10_000 * 100_000_000,
    ) -> None:  # fmt: skip
        self.asked: list[int] = []
        self.created: list[int] = []
        self.doubled: list[int] = []
        self.fills: list[FillSeen] = []
        self.bars: list[list[BarSeen]] = [[] for _ in range(instruments)]
        self.balance = balance
        self.positions = np.zeros((instruments, 2), np.int64)
        self._clock, self._unit, self._interval_ns, self._random = clock, unit, interval_ns, random
        self._orders: dict[int, _Order] = {}
        self._last = [5_000] * instruments
        self._costs = np.zeros((instruments, 2), np.int64)
        self._ears: list[Callable[[Event], None]] = []

    def listen(self, ear: Callable[[Event], None]) -> None:
        """Tell an ear everything from now on; the ear before it, of a session that is gone, hears no more."""
        self._ears = [ear]

    def last(self, instrument: int) -> int:
        """Return the last price of an instrument, in ticks."""
        return self._last[instrument]

    def live_bar(self) -> None:
        """Let one interval end now: prices walk, orders that were touched fill, everybody hears of it."""
        close_ns = self._clock() // self._interval_ns * self._interval_ns
        for instrument, opened in enumerate(self._last):
            close = max(4_000, opened + self._random.randint(-6, 6))
            high = max(opened, close) + self._random.randint(0, 4)
            low = min(opened, close) - self._random.randint(0, 4)
            volume = self._random.randint(1_000, 9_000)
            bar = BarSeen(
                instrument, self._interval_ns, opened, high, low, close, volume,
                close_ns - self._interval_ns, self._clock(),
            )  # fmt: skip
            self._match(instrument, high, low)
            self._last[instrument] = close
            self.bars[instrument].append(bar)
            self._say(bar)

    def place(self, new: NewOrder) -> Outcome:
        """Take an order; one of an id that it has seen is refused."""
        self.asked.append(new.cid)
        if new.cid in self._orders:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_DUPLICATE)
        order = _Order(new, f"v{len(self._orders) + 1}", price_tick=new.price_tick, qty_lot=new.qty_lot)
        order.ts_ns = self._clock()
        crosses = self._crosses(new)
        if new.reduce and self._open(new) <= 0:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_REDUCE_ONLY)
        if new.post_only and crosses:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_POST_ONLY)
        if any(other & _PLACE == new.cid & _PLACE for other in self.working()):
            self.doubled.append(new.cid)
        self._orders[new.cid] = order
        self.created.append(new.cid)
        self._say_order(order)
        if new.kind == IntentKind.TARGET or (new.kind == IntentKind.REST and crosses):
            self._fill(order, self._last[new.instrument], maker=0)
            if order.status is OrderStatus.WORKING and new.kind == IntentKind.TARGET:
                self._end(order, OrderStatus.EXPIRED, Rule.UNFILLED)
        return Outcome(OutcomeKind.ACCEPTED, self._state(order))

    def amend(self, cid: int, price_tick: int, qty_lot: int) -> Outcome:
        """Change what works."""
        order = self._orders.get(cid)
        if order is None or order.status in _ENDED:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_OTHER, text="no such order")
        if qty_lot <= order.filled_lot:
            self._end(order, OrderStatus.CANCELLED, Rule.REPLACED)
            return Outcome(OutcomeKind.ACCEPTED, self._state(order))
        order.price_tick, order.qty_lot = price_tick, qty_lot
        self._say_order(order)
        return Outcome(OutcomeKind.ACCEPTED, self._state(order))

    def cancel(self, cid: int) -> Outcome:
        """End what works."""
        order = self._orders.get(cid)
        if order is None or order.status in _ENDED:
            return Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_OTHER, text="no such order")
        self._end(order, OrderStatus.CANCELLED, Rule.OK)
        return Outcome(OutcomeKind.ACCEPTED)

    def find(self, cid: int) -> Found:
        """Say what an order is."""
        order = self._orders.get(cid)
        fills = tuple(fill for fill in self.fills if fill.cid == cid)
        return Found(None, absent=True) if order is None else Found(self._state(order), fills)

    def snapshot(self, since_ns: int, asked_ns: int) -> Snapshot:
        """Say everything."""
        now_ns = self._clock()
        working = [order for order in self._orders.values() if order.status not in _ENDED]
        positions = tuple(
            PositionSeen(int(j), int(side), int(self.positions[j, side]), 0.0, 0.0, now_ns, now_ns)
            for j, side in np.argwhere(self.positions)
        )
        return Snapshot(
            orders=tuple(self._state(order) for order in working),
            fills=tuple(fill for fill in self.fills if fill.ts_ns >= since_ns),
            positions=positions,
            balances=(BalanceSeen("USDT", self.balance, now_ns, now_ns),),
            settings=(), funding=(), transfers=(), strangers=(), asked_ns=asked_ns, told_ns=now_ns,
        )  # fmt: skip

    def filled(self) -> dict[int, int]:
        """Return the lots filled of every order that filled at all."""
        return {cid: order.filled_lot for cid, order in self._orders.items() if order.filled_lot}

    def working(self) -> list[int]:
        """Return the client ids of what works."""
        return [cid for cid, order in self._orders.items() if order.status not in _ENDED]

    def trade_by_hand(self, instrument: int, side: int, position_side: int, lots: int) -> None:
        """Let somebody else trade the account, at the last price and without a fee."""
        tick = self._last[instrument]
        self._book(instrument, side, position_side, lots, round(lots * tick * self._unit))

    def fill_late(self) -> int:
        """Let the opener that was cancelled last fill after its end; return its id (F32)."""
        ended = [o for o in self._orders.values() if o.status is OrderStatus.CANCELLED and not o.new.reduce]
        order = max(ended, key=lambda order: order.ts_ns)
        self._fill(order, order.price_tick, maker=1)
        return order.new.cid

    def _match(self, instrument: int, high: int, low: int) -> None:
        for order in list(self._orders.values()):
            new = order.new
            if new.instrument != instrument or order.status in _ENDED:
                continue
            rising = new.side == BUY if new.kind == IntentKind.STOP else new.side != BUY
            touched = high > order.price_tick if rising else low < order.price_tick
            if touched and new.kind == IntentKind.STOP:
                order.status = OrderStatus.TRIGGERED
                self._say_order(order)
            if touched:
                self._fill(order, order.price_tick, maker=int(new.kind == IntentKind.REST))

    def _fill(self, order: _Order, price_tick: int, *, maker: int) -> None:
        """Fill all of it or, sometimes, a part of what rests; a reduction never more than there is."""
        new = order.new
        left = order.qty_lot - order.filled_lot
        lots = left if not maker or left < 4 or self._random.random() < 0.6 else left // 2
        if new.reduce:
            lots = min(lots, self._open(new))
        if lots <= 0:
            self._end(order, OrderStatus.EXPIRED, Rule.VENUE_REDUCE_ONLY)
            return
        notional = round(lots * price_tick * self._unit)
        fee = round(notional * (_MAKER_RATE if maker else _TAKER_RATE))
        self._book(new.instrument, new.side, new.position_side, lots, notional)
        self.balance -= fee
        self._note_fill(order, (price_tick, lots, notional), (fee, "USDT"), maker)

    def _note_fill(
        self, order: _Order, traded: tuple[int, int, int], fee: tuple[int, str], maker: int
    ) -> None:
        """Write down a trade of so many lots at a price for so much money, and tell it."""
        new, (price_tick, lots, notional) = order.new, traded
        order.filled_lot += lots
        order.notional += notional
        order.ts_ns = self._clock()
        if order.filled_lot >= order.qty_lot:
            order.status = OrderStatus.FILLED
        number = len(self.fills) + 1
        fill = FillSeen(
            new.instrument, new.cid, str(new.cid), order.venue_id, f"t{number}", number, new.side,
            new.position_side, price_tick, lots, notional, *fee, maker, order.ts_ns, order.ts_ns,
        )  # fmt: skip
        self.fills.append(fill)
        self._say(fill)
        self._say_order(order)

    def _book(self, instrument: int, side: int, position_side: int, lots: int, notional: int) -> None:
        held, cost = self.positions[instrument, position_side], self._costs[instrument, position_side]
        if (side == BUY) == (position_side == LONG):
            self.positions[instrument, position_side] += lots
            self._costs[instrument, position_side] += notional
            return
        part = cost if lots >= held else int(cost * (lots / held))
        self.positions[instrument, position_side] -= lots
        self._costs[instrument, position_side] -= part
        self.balance += int((notional - part) * (1 - 2 * position_side))

    def _open(self, new: NewOrder) -> int:
        return int(self.positions[new.instrument, new.position_side])

    def _crosses(self, new: NewOrder) -> bool:
        last = self._last[new.instrument]
        return new.price_tick >= last if new.side == BUY else new.price_tick <= last

    def _end(self, order: _Order, status: OrderStatus, rule: int) -> None:
        order.status, order.rule, order.ts_ns = status, rule, self._clock()
        self._say_order(order)

    def _state(self, order: _Order) -> OrderSeen:
        new = order.new
        return OrderSeen(
            new.instrument, new.cid, str(new.cid), order.venue_id, order.status, new.side,
            new.position_side, int(new.reduce), order.price_tick, order.qty_lot, order.filled_lot,
            order.notional, order.rule, order.ts_ns, self._clock(),
            stop=new.kind == IntentKind.STOP and order.status is OrderStatus.WORKING,
        )  # fmt: skip

    def _say_order(self, order: _Order) -> None:
        self._say(self._state(order))

    def _say(self, event: Event) -> None:
        for ear in self._ears:
            ear(event)


@dataclass(slots=True)
class Wire:
    """How messages travel. Each odd is that of one misfortune, per message.

    Parameters
    ----------
    random
        The dice.
    delay_s
        Returns how long a message takes.
    request_lost, request_late, answer_lost
        A request that never arrives; one that arrives after nobody waits for it any more; one that is carried out
        while its answer is lost.
    event_lost, event_twice, event_late
        What the account's own stream does with what it should tell.
    calm
        Stop all misfortunes.
    """

    random: Random
    delay_s: Callable[[], float] = lambda: _MS
    request_lost: float = 0.0
    request_late: float = 0.0
    answer_lost: float = 0.0
    event_lost: float = 0.0
    event_twice: float = 0.0
    event_late: float = 0.0
    calm: bool = False
    happened: dict[str, int] = field(default_factory=dict)

    def strikes(self, name: str) -> bool:
        """Throw the dice for a misfortune."""
        if self.calm or self.random.random() >= getattr(self, name):
            return False
        self.happened[name] = self.happened.get(name, 0) + 1
        return True


class _Stream:
    """A queue of events on the session's side of the wire."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    async def next_events(self) -> list[Event]:
        await self._news.wait()
        self._news.clear()
        events, self._events = self._events, []
        return events


class SmallFeed:
    """The market half: bars as they end, and those of before."""

    def __init__(self, exchange: SmallExchange) -> None:
        self._exchange = exchange
        self._stream = _Stream()

    def hear(self, event: Event) -> None:
        """Take what the exchange says."""
        self._stream.put(event)

    async def open(self) -> None:
        """Do nothing: who hears is arranged by the world."""

    async def next_events(self) -> list[Event]:
        """Return what was heard since."""
        return await self._stream.next_events()

    async def bars(self, instrument: int, interval_ns: int, start_ns: int, end_ns: int) -> np.ndarray:
        """Return bars that are over."""
        rows = [
            (b.ts_ns, b.open_tick, b.high_tick, b.low_tick, b.close_tick, b.volume_lot)
            for b in self._exchange.bars[instrument]
            if start_ns <= b.ts_ns < end_ns
        ]
        return np.array(rows, np.int64).reshape(-1, 6)

    async def close(self) -> None:
        """Do nothing."""


class SmallGateway:
    """The trading half: every question travels to the exchange and back, and may not arrive."""

    def __init__(self, exchange: SmallExchange, wire: Wire, clock: Callable[[], int]) -> None:
        self._exchange, self._wire, self._clock = exchange, wire, clock
        self._stream = _Stream()
        self.down = False
        self.doubt_rules = lambda: None

    def hear(self, event: Event) -> None:
        """Take what the exchange says of the account, as far as the wire lets it through."""
        if self.down or self._wire.strikes("event_lost"):
            return
        loop = asyncio.get_running_loop()
        late = self._wire.delay_s() + (2.0 if self._wire.strikes("event_late") else 0.0)
        for _ in range(1 + self._wire.strikes("event_twice")):
            loop.call_later(late, self._arrive, event, context=Context())

    def _arrive(self, event: Any) -> None:  # noqa: ANN401 - any event of an account
        self._stream.put(replace(event, recv_ns=self._clock()))

    def lose_stream(self) -> None:
        """Let the account's own stream break, and say so as a watchdog would."""
        self.down = True
        self._stream.put(StreamSeen(StreamKind.USER, -1, StreamCode.DOWN, "broken", self._clock()))

    def restore_stream(self) -> None:
        """Let it come back."""
        self.down = False
        self._stream.put(StreamSeen(StreamKind.USER, -1, StreamCode.UP, "", self._clock()))

    async def open(self) -> None:
        """Do nothing: who hears is arranged by the world."""

    async def next_events(self) -> list[Event]:
        """Return what was heard since."""
        return await self._stream.next_events()

    async def create(
        self, orders: Sequence[NewOrder], hear: Callable[[int, Outcome], None] = lambda _place, _outcome: None
    ) -> list[Outcome]:
        """Send orders as one batch."""
        answer = await self._ask(lambda: [self._exchange.place(order) for order in orders])
        outcomes = [Outcome(OutcomeKind.UNKNOWN)] * len(orders) if answer is None else answer
        for place, outcome in enumerate(outcomes):
            hear(place, outcome)
        return outcomes

    async def amend(self, order: OrderRef, price_tick: int, qty_lot: int) -> Outcome:
        """Change an order."""
        answer = await self._ask(lambda: self._exchange.amend(order.cid, price_tick, qty_lot))
        return answer or Outcome(OutcomeKind.UNKNOWN)

    async def cancel(self, order: OrderRef) -> Outcome:
        """Cancel an order."""
        return await self._ask(lambda: self._exchange.cancel(order.cid)) or Outcome(OutcomeKind.UNKNOWN)

    async def cancel_all(self, instrument: int) -> Outcome:
        """Cancel everything."""
        for cid in self._exchange.working():
            self._exchange.cancel(cid)
        return Outcome(OutcomeKind.ACCEPTED)

    async def find(self, order: OrderRef, sent_ns: int) -> Found:
        """Look for an order."""
        return await self._ask(lambda: self._exchange.find(order.cid)) or Found(None)

    async def snapshot(self, fills_since_ns: int) -> Snapshot:
        """Read the account."""
        asked_ns = self._clock()
        answer = await self._ask(lambda: self._exchange.snapshot(fills_since_ns, asked_ns))
        if answer is None:
            raise VenueDown("VENUE_DOWN", "no answer")
        return answer

    async def set_leverage(self, instrument: int, leverage: float) -> Outcome:
        """Accept anything."""
        return Outcome(OutcomeKind.ACCEPTED)

    async def set_modes(self, instrument: int, *, hedge: bool, isolated: bool) -> Outcome:
        """Accept anything."""
        return Outcome(OutcomeKind.ACCEPTED)

    async def arm_dead_man(self, timeout_s: float) -> Outcome:
        """Say that there is none."""
        return Outcome(OutcomeKind.REJECTED)

    async def close(self) -> None:
        """Do nothing."""

    async def _ask(self, ask: Callable[[], _T]) -> _T | None:
        """Carry a question there and the answer back; None where either was lost."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[_T | None] = loop.create_future()
        request_lost, answer_lost = self._wire.strikes("request_lost"), self._wire.strikes("answer_lost")
        late_s = _LATE_S if self._wire.strikes("request_late") else 0.0
        back_s = self._wire.delay_s()

        def arrive() -> None:
            answer = ask()
            if not answer_lost:
                loop.call_later(back_s, deliver, answer, context=Context())

        def deliver(answer: _T | None) -> None:
            if not answered.done():
                answered.set_result(answer)

        # An empty context: what was sent belongs to the world, not to the process that sent it.
        if not request_lost:
            loop.call_later(late_s + self._wire.delay_s(), arrive, context=Context())
        loop.call_later(_TIMEOUT_S, deliver, None, context=Context())
        return await answered
