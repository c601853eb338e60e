"""A venue tried with a small script of orders on an account of practice money, and the certificate of it.

Every kind of question that a session asks is asked once, of the venue as it is today: what the adapter believes of it
may have been true of another version. Each step says what was expected and what came; the first that fails ends the
script. Whatever happens the account is left flat and without orders.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tradewind.errors import TradewindError
from tradewind.live.flatten import FlattenPolicy, flatten_account
from tradewind.units.enums import BUY, LONG, SELL, IntentKind
from tradewind.venues.gateway import NewOrder, OrderRef, OrderStatus, OutcomeKind
from tradewind.venues.ordering import OrderPlace, OrderWish, check_order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.venues.gateway import FillSeen, Listing, OrderSeen, Outcome, TradingGateway

__all__ = ["Certificate", "Step", "certify_venue"]

_WORKS = (OrderStatus.WORKING, OrderStatus.TRIGGERED)
_FAR, _CROSSES = 0.05, 0.02
_BAND_SHARE = 0.6
"""Prices keep within this share of how far away the venue lets them be, since the market moves meanwhile."""
_MARGIN = 1.5
_LOOKS = 10
_LOOK_S = 0.5


class Step(msgspec.Struct, frozen=True):
    """One thing that was tried: what it was, and what came of it."""

    name: str
    passed: bool
    text: str = ""


class Certificate(msgspec.Struct, frozen=True):
    """What a venue was tried with.

    Parameters
    ----------
    venue, account, symbol
        Where it was tried.
    ccxt, tradewind
        Versions that were tried; another ccxt needs another trial.
    at_ns
        When.
    steps
        In their order.
    """

    venue: str
    account: str
    symbol: str
    ccxt: str
    tradewind: str
    at_ns: int
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        """Say whether every step passed."""
        return bool(self.steps) and all(step.passed for step in self.steps)


class _Failed(Exception):
    """A step that came out otherwise than it should; its text says how."""


@dataclass(slots=True)
class _Trial:
    """One run of the script."""

    gateway: TradingGateway
    listing: Listing
    price: float
    amends: bool
    cid: int
    clock: Callable[[], int]
    tell: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    mine: list[int] = field(default_factory=list)
    lots_held: int = 0

    @property
    def lots(self) -> int:
        """Return a size that is well above the venue's least."""
        listed = self.listing.instrument
        lot = float(listed.lot_size)
        least = max(float(listed.min_qty) / lot, 1.0)
        worth = self.price * lot * float(listed.contract_size)
        return math.ceil(max(least, _MARGIN * float(listed.min_notional) / worth))

    async def step(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        """Do a step; raise _Failed where it did not come out as it should."""
        try:
            done = Step(name, True, await work())
        except _Failed as error:
            done = Step(name, False, str(error))
        except TradewindError as error:
            done = Step(name, False, error.message)
        self.steps.append(done)
        self.tell(done)
        if not done.passed:
            raise _Failed(done.text)

    def order(
        self, kind: int, side: int, ratio: float = 0.0, *, reduce: bool = False, post: bool = False
    ) -> NewOrder:
        """Return an order at a ratio of the price, 0 for at market, with an id of its own."""
        self.cid += 1
        self.mine.append(self.cid)
        tick = float(self.listing.instrument.tick_size)
        near_tick = round(self.price / tick)
        return NewOrder(
            self.listing.index, self.cid, kind, side, LONG, reduce, post, round(near_tick * ratio), self.lots,
            near_tick=near_tick,
        )  # fmt: skip

    def away(self, distance: float) -> float:
        """Return so much of the price, or as much as the venue surely lets an order be away from it."""
        band = self.listing.instrument.price_band_ratio
        return distance if band is None else min(distance, _BAND_SHARE * float(band))

    def wish(self, order: NewOrder) -> OrderWish:
        """Return an order in the instrument's own units, as a person would write it."""
        rules = self.listing.instrument
        price = order.price_tick * rules.tick_size if order.price_tick else None
        stops = order.kind == IntentKind.STOP
        kind = "stop" if stops else "limit" if order.kind == IntentKind.REST else "market"
        return OrderWish(
            "buy" if order.side == BUY else "sell", kind, order.qty_lot * rules.lot_size,
            price=None if stops else price, trigger=price if stops else None,
            tif="post_only" if order.post_only else "gtc", reduce_only=order.reduce,
        )  # fmt: skip

    async def create(self, order: NewOrder) -> Outcome:
        """Send an order that the venue's rules allow. Raises UsageError (ORDER_…) for another one, unsent."""
        rules = self.listing.instrument
        place = OrderPlace(rules, Decimal(repr(self.price)), self.lots_held * rules.lot_size)
        check_order(self.wish(order), place)
        (outcome,) = await self.gateway.create([order])
        return outcome

    async def accepted(self, order: NewOrder) -> None:
        """Send an order that must be taken."""
        _expect(await self.create(order), OutcomeKind.ACCEPTED)

    def ref(self, order: NewOrder) -> OrderRef:
        """Return what names an order."""
        return OrderRef(order.instrument, order.cid, algo=order.kind == IntentKind.STOP)

    async def found(self, order: NewOrder, fits: Callable[[OrderSeen], bool], what: str) -> OrderSeen:
        """Return an order as the venue shows it once it fits; it may take its time to show it."""
        seen = None
        for _ in range(_LOOKS):
            seen = (await self.gateway.find(self.ref(order), self.clock())).order
            if seen is not None and fits(seen):
                return seen
            await asyncio.sleep(_LOOK_S)
        raise _Failed(f"the order is not {what}: {seen.status.name.lower() if seen else 'not found'}")

    async def held(self) -> int:
        """Return the lots that the venue says are held."""
        snapshot = await self.gateway.snapshot(self.clock())
        return sum(seen.qty_lot for seen in snapshot.positions if seen.instrument == self.listing.index)

    async def holds(self, lots: int) -> None:
        """Wait until the venue says that so many lots are held."""
        for _ in range(_LOOKS):
            if await self.held() == lots:
                return
            await asyncio.sleep(_LOOK_S)
        raise _Failed(f"the venue says that {await self.held()} lots are held, not {lots}")


async def certify_venue(
    gateway: TradingGateway,
    listing: Listing,
    price: float,
    first_cid: int,
    clock: Callable[[], int],
    *,
    amends: bool,
    tell: Callable[[Step], None] = lambda _: None,
) -> tuple[Step, ...]:
    """Run the script on an open gateway of an account of practice money; return its steps, the failed one last.

    Parameters
    ----------
    listing, price
        What is traded, and about where.
    first_cid
        Ids from here on are free.
    amends
        Whether the venue can change orders.
    tell
        Is told each step as it is done.
    """
    trial = _Trial(gateway, listing, price, amends, first_cid, clock, tell)
    began_ns = clock()
    try:
        await _run(trial, began_ns)
    except _Failed:
        pass
    finally:
        await flatten_account(gateway, [listing], trial.cid + 1, FlattenPolicy(bands=(0.0,)))
    return tuple(trial.steps)


async def _run(trial: _Trial, began_ns: int) -> None:
    far = trial.order(IntentKind.REST, BUY, 1.0 - trial.away(_FAR))
    await trial.step("the account is flat", lambda: _is_flat(trial))
    await trial.step("a limit order far away works", lambda: _rests(trial, far))
    await trial.step("the same id again is no second order", lambda: _is_once(trial, far))
    await trial.step("it is changed, or said to be fixed", lambda: _changes(trial, far))
    await trial.step("it is cancelled", lambda: _cancels(trial, far))
    await trial.step("a post-only order does not take", lambda: _stays_out(trial))
    await trial.step("an order at market goes in", lambda: _goes(trial, BUY, reduce=False))
    await trial.step("a stop rests beside it, and all are cancelled", lambda: _stops(trial))
    await trial.step("an order at market goes out", lambda: _goes(trial, SELL, reduce=True))
    await trial.step("its trades are listed with our ids and fees", lambda: _lists(trial, began_ns))


async def _is_flat(trial: _Trial) -> str:
    snapshot = await trial.gateway.snapshot(trial.clock())
    orders = [seen for seen in snapshot.orders if seen.instrument == trial.listing.index]
    if orders or await trial.held():
        raise _Failed("it holds something or has orders in this symbol: use an account with nothing in it")
    return ""


async def _rests(trial: _Trial, order: NewOrder) -> str:
    await trial.accepted(order)
    seen = await trial.found(order, lambda seen: seen.status in _WORKS, "working")
    if (seen.price_tick, seen.qty_lot) != (order.price_tick, order.qty_lot):
        raise _Failed(f"it works with other terms: {seen.qty_lot} lots at {seen.price_tick} ticks")
    return f"{order.qty_lot} lots at {order.price_tick} ticks"


async def _is_once(trial: _Trial, order: NewOrder) -> str:
    outcome = await trial.create(order)
    snapshot = await trial.gateway.snapshot(trial.clock())
    if sum(seen.instrument == order.instrument for seen in snapshot.orders) != 1:
        raise _Failed("a second order of the same id was taken")
    return outcome.kind.value


async def _changes(trial: _Trial, order: NewOrder) -> str:
    price_tick = (order.near_tick + order.price_tick) // 2
    outcome = await trial.gateway.amend(trial.ref(order), price_tick, order.qty_lot)
    if not trial.amends:
        _expect(outcome, OutcomeKind.REJECTED)
        return "this venue does not change orders"
    _expect(outcome, OutcomeKind.ACCEPTED)
    await trial.found(order, lambda seen: seen.price_tick == price_tick, "changed")
    return f"to {price_tick} ticks"


async def _cancels(trial: _Trial, order: NewOrder) -> str:
    _expect(await trial.gateway.cancel(trial.ref(order)), OutcomeKind.ACCEPTED)
    await trial.found(order, lambda seen: seen.status is OrderStatus.CANCELLED, "cancelled")
    return ""


async def _stays_out(trial: _Trial) -> str:
    order = trial.order(IntentKind.REST, BUY, 1.0 + trial.away(_CROSSES), post=True)
    outcome = await trial.create(order)
    if outcome.kind is OutcomeKind.ACCEPTED:
        await trial.found(order, lambda seen: seen.status not in _WORKS, "refused")
    await trial.holds(0)
    return outcome.text or outcome.kind.value


async def _goes(trial: _Trial, side: int, *, reduce: bool) -> str:
    order = trial.order(IntentKind.TARGET, side, reduce=reduce)
    await trial.accepted(order)
    await trial.found(order, lambda seen: seen.status is OrderStatus.FILLED, "filled")
    trial.lots_held = 0 if reduce else order.qty_lot
    await trial.holds(trial.lots_held)
    return f"{order.qty_lot} lots"


async def _stops(trial: _Trial) -> str:
    order = trial.order(IntentKind.STOP, SELL, 1.0 - trial.away(_FAR), reduce=True)
    await trial.accepted(order)
    await trial.found(order, lambda seen: seen.status in _WORKS, "resting")
    _expect(await trial.gateway.cancel_all(order.instrument), OutcomeKind.ACCEPTED)
    for _ in range(_LOOKS):
        if not (await trial.gateway.snapshot(trial.clock())).orders:
            return f"at {order.price_tick} ticks"
        await asyncio.sleep(_LOOK_S)
    raise _Failed("orders are left after all were cancelled")


async def _lists(trial: _Trial, began_ns: int) -> str:
    fills: list[FillSeen] = []
    for _ in range(_LOOKS):
        snapshot = await trial.gateway.snapshot(began_ns - 60_000_000_000)
        fills = [fill for fill in snapshot.fills if fill.cid in trial.mine]
        if sum(fill.qty_lot * fill.side for fill in fills) == 0 and fills:
            break
        await asyncio.sleep(_LOOK_S)
    if len({fill.cid for fill in fills}) != 2:
        raise _Failed(f"{len(fills)} trades carry our ids, of two orders that filled")
    if not any(fill.fee for fill in fills):
        raise _Failed("no trade carries a fee")
    return f"{len(fills)} trades"


def _expect(outcome: Outcome, kind: OutcomeKind) -> None:
    if outcome.kind is not kind:
        raise _Failed(f"{outcome.kind.value} {outcome.text}".rstrip())
