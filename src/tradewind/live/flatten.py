"""Closing an account with nothing but its gateway: no strategy, no journal, no market data, no core.

This is what is left when the loop hangs, the process is dead or the disk is full. It may itself be killed at any
moment, and the venue may stop answering, so nothing is bare on the way:

- first nothing may open any more: what of ours could is cancelled, and what takes a profit, which some venues count
  against a close;
- then what is held is reduced while its stops still rest, since one that is reduce-only opens nothing: by an order that
  takes at once within a band around the mark, then within a wider one, then at market;
- the stops go last, when the venue says that nothing is held.

A stop that is not reduce-only could open once its position is closed, and a venue may refuse a close that its stops
leave no lots for: such stops are cancelled too, right before the close of the one position that they protect.

Coins are another matter: an account may have held some before, and they are nobody's to sell. Of them what our own
trades have bought and not sold is closed, beside what was given to the session when it adopted them; what is less than
the venue's least order is left.

Ours is what bears the session's signs; whoever wants the orders of others gone as well says so. After each step the
venue is asked what is left; its word alone says that the account is flat, and that something is gone counts when two
looks say so: stops stay until then. A second look that is not answered soon is not waited for.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradewind.errors import VenueDown
from tradewind.live.agreeing import AgreeingLooks
from tradewind.live.amounts import listed_in_words
from tradewind.live.epochs import protects
from tradewind.live.ladder import limit_within
from tradewind.units.enums import BUY, LONG, MONEY, SELL, IntentKind
from tradewind.venues.ccxt.client_ids import tag_in
from tradewind.venues.gateway import NO_HISTORY, NewOrder, OrderRef, OutcomeKind, closes_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tradewind.venues.gateway import FillSeen, Listing, OrderSeen, Outcome, PositionSeen, TradingGateway

__all__ = ["FlattenPolicy", "Flattened", "flatten_account"]

_MARKET = 0.0
_PORTIONS_MAX = 20
"""So many orders of a position are sent at a time; what is left of it is closed with the next attempt."""


@dataclass(frozen=True, slots=True)
class FlattenPolicy:
    """How a position is closed.

    Parameters
    ----------
    bands
        How far from the mark each attempt may trade, as ratios; 0 stands for at market.
    attempts_at_market
        How often the last step is repeated: a venue may refuse exactly when it is needed.
    settle_s
        How long to wait before the venue is asked what is left.
    confirm_s, patience_s
        So much later it is asked again where it shows nothing, and so long its answer is waited for then.
    everything
        Whether orders that are not of the session are cancelled too, of its instruments.
    earlier
        Signs of earlier epochs of the session, whose orders are its own as well.
    coins_since_ns
        From when on our trades in coins count; None: nobody knows which coins are ours, and none are sold.
    coins_given
        How many coins were the session's at that time, by venue and symbol (`Instrument.where`).
    """

    bands: tuple[float, ...] = (0.005, 0.02, _MARKET)
    attempts_at_market: int = 8
    settle_s: float = 1.0
    confirm_s: float = 2.0
    patience_s: float = 5.0
    everything: bool = False
    earlier: frozenset[str] = frozenset()
    coins_since_ns: int | None = None
    coins_given: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class Flattened:
    """What was done.

    Parameters
    ----------
    flat
        Whether the venue says that nothing is left, of the session's instruments.
    steps
        What was tried and what came of it, in order, a sentence each.
    left, held
        What the venue still holds, and the same in words.
    strangers
        Symbols with something in them that the session does not trade; they were not touched.
    others
        How many orders of others rest in the session's instruments; they were not touched.
    """

    flat: bool = False
    steps: list[str] = field(default_factory=list)
    left: tuple[PositionSeen, ...] = ()
    strangers: tuple[str, ...] = ()
    others: int = 0
    held: tuple[str, ...] = ()


async def flatten_account(
    gateway: TradingGateway,
    listings: Sequence[Listing],
    first_cid: int,
    policy: FlattenPolicy | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Flattened:
    """Close what is held and cancel every order of ours, stops last; return what the venue says is left.

    Parameters
    ----------
    gateway
        Open, of the account.
    listings
        The instruments; others are named and left alone.
    first_cid
        Ids from here on are free for the orders of this closing.
    tell
        Is told each step as it is done.
    """
    closing = _Closing(gateway, listings, first_cid, policy or FlattenPolicy(), tell)
    await closing.close()
    return closing.done


class _Closing:
    """One closing of one account."""

    def __init__(
        self,
        gateway: TradingGateway,
        listings: Sequence[Listing],
        first_cid: int,
        policy: FlattenPolicy,
        tell: Callable[[str], None],
    ) -> None:
        self.done = Flattened()
        self._gateway = gateway
        self._listings = {listing.index: listing.instrument for listing in listings}
        self._coins = {one.index: one for one in listings if one.instrument.payoff == "spot"}
        self._cid = first_cid
        self._policy = policy
        self._tell = tell
        self._orders: list[OrderSeen] = []
        self._looks = AgreeingLooks(self._policy.confirm_s)
        self._refused: set[tuple[int, int]] = set()
        self._sure = False

    async def close(self) -> None:
        """Take off what is held and what rests, step by step, until the venue says that nothing is left."""
        ladder = [*self._policy.bands, *[_MARKET] * (self._policy.attempts_at_market - 1)]
        await self._look()
        for band in ladder:
            if self.done.flat:
                return
            await self._cancel([order for order in self._orders if not self._guards(order)], _ended_for)
            shown = self._looks.shown or self._looks.held
            await asyncio.gather(*(self._reduce(seen, band) for seen in shown.values()))
            await asyncio.sleep(self._policy.settle_s)
            if await self._look() and not self.done.left and self._orders:
                await self._cancel(self._orders, _ended_for)
                await self._look()

    async def _look(self) -> bool:
        """Ask the venue what is left; return whether it said so, twice where it shows nothing any more.

        One that does not answer now is asked again at the next step.
        """
        if not await self._read():
            return False
        if not self._looks.shown and not self._sure:
            await asyncio.sleep(self._policy.confirm_s)
            try:
                await asyncio.wait_for(self._read(), self._policy.patience_s)
            except TimeoutError:
                self._say(
                    "the venue does not say a second time that nothing is held; stops stay until it does"
                )
        return self._sure

    async def _read(self) -> bool:
        """Look once; say whether the venue answered."""
        try:
            since_ns = self._policy.coins_since_ns
            snapshot = await self._gateway.snapshot(
                NO_HISTORY if since_ns is None or not self._coins else since_ns
            )
        except VenueDown as error:
            self._say(f"the venue does not say what is left: {error.message}")
            return False
        held = (self._closable(seen, snapshot.fills) for seen in snapshot.positions)
        here = [order for order in snapshot.orders if order.instrument in self._listings]
        self._orders = [order for order in here if self._is_ours(order)]
        self.done.strangers = snapshot.strangers
        self.done.others = len(here) - len(self._orders)
        guarded = {(order.instrument, order.position_side) for order in self._orders if order.stop}
        self._sure = self._looks.take(held, guarded, asyncio.get_running_loop().time())
        self.done.left = tuple(self._looks.held.values())
        self.done.held = tuple(map(self._held_in_words, self.done.left))
        self.done.flat = self._sure and not self.done.left and not self._orders
        return True

    def _is_ours(self, order: OrderSeen) -> bool:
        return self._policy.everything or self._is_signed(order)

    def _is_signed(self, seen: OrderSeen | FillSeen) -> bool:
        return bool(seen.cid) or tag_in(seen.client_id) in self._policy.earlier

    def _closable(self, seen: PositionSeen, fills: Sequence[FillSeen]) -> PositionSeen:
        """Return what may be closed of a position: of coins as many as are ours, in whole orders of the venue."""
        listing = self._coins.get(seen.instrument)
        if listing is None:
            return seen
        mine = [fill for fill in fills if fill.instrument == seen.instrument and self._is_signed(fill)]
        rules = listing.instrument
        since_ns, given = self._policy.coins_since_ns, self._policy.coins_given.get(rules.where, Decimal(0))
        begun = int(given / rules.lot_size) if since_ns is not None else 0
        bought = sum(fill.qty_lot * fill.side - _kept_lots(fill, listing) for fill in mine)
        lots = min(seen.qty_lot, begun + bought)
        lots -= lots % listing.parts
        price_tick = max(mine, key=lambda fill: fill.ts_ns).price_tick if mine else 0
        worth = lots * rules.lot_size * price_tick * rules.tick_size
        too_small = lots * rules.lot_size < rules.min_qty or 0 < worth < rules.min_notional
        return replace(seen, qty_lot=0 if lots <= 0 or too_small else lots)

    def _guards(self, order: OrderSeen) -> bool:
        """Say whether an order waits to close something that may be held, so that it goes after it or right before."""
        if order.stop and not self._sure:
            return True
        return any(_is_stop_for(order, seen) for seen in self.done.left)

    async def _cancel(self, orders: Sequence[OrderSeen], why: Callable[[OrderSeen], str]) -> None:
        """Ask for an end of orders, side by side, and say why; what is refused is asked again with the next step."""
        found = await asyncio.gather(*(self._gateway.cancel(_named(order)) for order in orders))
        for order, outcome in zip(orders, found, strict=True):
            what = "stop" if order.stop else "order"
            rules = self._listings[order.instrument]
            where = f" at {order.price_tick * rules.tick_size:f}" if order.price_tick else ""
            side = "buy" if order.side == BUY else "sell"
            terms = f"{side} {listed_in_words(rules, order.qty_lot - order.filled_lot)}{where}"
            named = f"{what} {order.client_id or order.venue_id} of {rules.symbol}"
            self._note(f"cancel {named}, {terms}, since {why(order)}", outcome)

    async def _reduce(self, seen: PositionSeen, band: float) -> None:
        """Close a position, in the way of whose close nothing may stand."""
        place = seen.instrument, seen.position_side
        stops = [order for order in self._orders if _is_stop_for(order, seen)]
        in_the_way = [stop for stop in stops if place in self._refused or not protects(stop)]
        await self._cancel(in_the_way, lambda _: "it stands in the way of the close")
        self._refused.discard(place)
        side = SELL if seen.position_side == LONG else BUY
        mark_tick = self._mark_tick(seen)
        price_tick = limit_within(band, side, mark_tick) if band != _MARKET and mark_tick else 0
        orders = [
            NewOrder(
                seen.instrument, cid, IntentKind.TARGET, side, seen.position_side, True, False, price_tick, lots,
                near_tick=round(mark_tick),
            )
            for cid, lots in enumerate(self._portions(seen), self._cid)
        ]  # fmt: skip
        self._cid += len(orders)
        outcomes = await self._gateway.create(orders)
        if any(outcome.kind is OutcomeKind.REJECTED for outcome in outcomes):
            self._refused.add(place)
        where = f"within {band:.1%} of the mark" if price_tick else "at market"
        for order, outcome in zip(orders, outcomes, strict=True):
            what = f"close {self._held_in_words(replace(seen, qty_lot=order.qty_lot))} {where}"
            self._note(f"{what}, order {order.cid}", outcome)

    def _portions(self, seen: PositionSeen) -> list[int]:
        """Return a position in orders as even as can be, none of them larger than the venue takes."""
        rules = self._listings[seen.instrument]
        if rules.max_qty is None:
            return [seen.qty_lot]
        step = self._coins[seen.instrument].parts if seen.instrument in self._coins else 1
        most = max(1, int(rules.max_qty // (rules.lot_size * step)))
        steps = seen.qty_lot // step
        count = max(1, min(-(-steps // most), _PORTIONS_MAX))
        even, more = divmod(min(steps, count * most), count)
        return [(even + (place < more)) * step for place in range(count)]

    def _held_in_words(self, seen: PositionSeen) -> str:
        rules = self._listings[seen.instrument]
        amount = listed_in_words(rules, seen.qty_lot)
        return f"{amount} {rules.symbol} {('long', 'short')[seen.position_side]}"

    def _mark_tick(self, seen: PositionSeen) -> Decimal:
        """Return the mark in ticks, 0 where the venue did not say it: then every attempt is at market."""
        if seen.mark <= 0.0:
            return Decimal(0)
        return Decimal(repr(seen.mark)) / self._listings[seen.instrument].tick_size

    def _note(self, what: str, outcome: Outcome) -> None:
        told = (
            "" if outcome.kind is OutcomeKind.ACCEPTED else f": {outcome.kind.value} {outcome.text}".rstrip()
        )
        self._say(what + told)

    def _say(self, step: str) -> None:
        self.done.steps.append(step)
        self._tell(step)


def _kept_lots(fill: FillSeen, listing: Listing) -> int:
    """Return how many lots of what was bought the venue has kept as its fee, rounded up."""
    if fill.side != BUY or fill.fee_currency != listing.instrument.base:
        return 0
    return math.ceil(Decimal(fill.fee) / MONEY / listing.instrument.lot_size)


def _ended_for(order: OrderSeen) -> str:
    """Return why an order ends that does not wait to close what is held."""
    if order.stop and order.reduce:
        return "nothing is held there"
    return "it would close what is closed here" if order.reduce else "it could open"


def _is_stop_for(order: OrderSeen, held: PositionSeen) -> bool:
    """Say whether an order waits for its trigger to close a position, reduce-only or not."""
    here = order.instrument == held.instrument and order.stop
    mine = not order.reduce or order.position_side == held.position_side
    return here and mine and closes_side(order.side, held.position_side)


def _named(order: OrderSeen) -> OrderRef:
    """Return an order by the venue's id, since ours is no name for one of another session."""
    return OrderRef(order.instrument, order.cid, order.venue_id, order.stop)
