"""What the steps of a trial work with: orders with ids of their own, and looks at what the venue says came of them."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tradewind.engine.world import atoms_of, lot_of
from tradewind.errors import TradewindError, VenueDown
from tradewind.live.amounts import counted
from tradewind.units.enums import BUY, LONG, IntentKind, SettingCode
from tradewind.venues.gateway import (
    NO_HISTORY,
    NewOrder,
    OrderRef,
    OrderStatus,
    OutcomeKind,
    closes_side,
)
from tradewind.venues.ordering import OrderPlace, OrderWish, check_order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.market import Instrument
    from tradewind.venues.ccxt.dialect import Dialect
    from tradewind.venues.gateway import Event, Found, Listing, OrderSeen, Outcome, Snapshot, TradingGateway

__all__ = [
    "WORKS",
    "Step",
    "StepFailed",
    "StepLeftOut",
    "StepUnseen",
    "Trial",
    "VenueTraits",
    "amount_of",
    "answered",
    "expect",
    "look_up",
    "ref_to",
]

WORKS = (OrderStatus.WORKING, OrderStatus.TRIGGERED)
_MARGIN = 1.5
_WAITS_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""A venue shows what was done within seconds; who asked it too often has to wait longer."""
_READS, _READ_S = 5, 15.0
_WORDS_MOST = 200
_SAID = re.compile(r'"(?:msg|sMsg|retMsg|errorMsg|message|detail|label|error)" ?: ?"([^"]*)"')
"""Where venues put what they say to a person."""
_WHOLE_FROM = 10_000
_FEE_MOST = 0.01
"""A fee that is taken out of what was bought is smaller than this share of it."""


class Step(msgspec.Struct, frozen=True):
    """One thing that was tried: what it was, and what came of it.

    `left_out`: the venue has nothing of the kind; `unseen`: it has, and what should have been seen did not happen.
    """

    name: str
    passed: bool
    text: str = ""
    left_out: bool = False
    unseen: bool = False

    @property
    def word(self) -> str:
        """Return in a word what came of it."""
        if not self.passed:
            return "FAILED"
        return "left out" if self.left_out else "not seen" if self.unseen else "ok"


class StepFailed(Exception):
    """A step that came out otherwise than it should; its text says how."""


class StepLeftOut(Exception):
    """A step that this venue or this account has nothing for; its text says what."""


class StepUnseen(Exception):
    """A step in which what should have been seen did not happen, which is nobody's fault; its text says what."""


@dataclass(frozen=True, slots=True)
class VenueTraits:
    """What a venue has, as far as a trial must know it.

    Parameters
    ----------
    amends, batches
        Whether orders can be changed, and sent several in one request.
    leverage, modes
        Whether there is a leverage to set, and a position or margin mode.
    holds_coins
        Whether a position is what is held of a coin: some may be there before, fees may be taken out of it, nothing is
        short and nothing only reduces.
    """

    amends: bool = True
    batches: bool = True
    leverage: bool = True
    modes: bool = True
    holds_coins: bool = False

    @classmethod
    def of(cls, dialect: Dialect) -> VenueTraits:
        """Return what the tables of a venue say that it has."""
        return cls(
            amends=dialect.amend is not None,
            batches=dialect.batch is not None,
            leverage=dialect.leverage is not None,
            modes=dialect.position_mode is not None or dialect.margin_mode is not None,
            holds_coins=dialect.holds_coins,
        )


def answered(outcome: Outcome, what: str) -> str:
    """Return as a sentence what a venue answered to something that was asked of it."""
    said = _words_of(outcome.text)
    if outcome.kind is OutcomeKind.ACCEPTED:
        return f"the venue took {what}"
    if outcome.kind is OutcomeKind.REJECTED:
        return f"the venue refused {what}" + (f": {said}" if said else "")
    if outcome.kind is OutcomeKind.NOT_SENT:
        return f"{what} was not sent" + (f": {said}" if said else "")
    return f"of {what} the venue said: {said or 'nothing'}"


def _words_of(text: str) -> str:
    """Return the words in what a venue said: where it is a body of JSON, the texts that it names as such."""
    found = [" ".join(each.split()).rstrip(".") for each in _SAID.findall(text)]
    told = "; ".join(dict.fromkeys(each for each in found if each)) or text
    return told if len(told) <= _WORDS_MOST else f"{told[: _WORDS_MOST - 1]}…"


def amount_of(rules: Instrument, lots: int) -> str:
    """Return lots as a person counts them."""
    quantity, words = counted(rules, lots)
    return f"{quantity.normalize():f}{f' ({words})' if words else ''}"


def ref_to(order: NewOrder) -> OrderRef:
    """Return what names an order: our id alone."""
    return OrderRef(order.instrument, order.cid, algo=order.kind == IntentKind.STOP)


def expect(outcome: Outcome, kind: OutcomeKind) -> None:
    """Return where an answer is of a kind. Raises StepFailed with what the venue said."""
    if outcome.kind is not kind:
        raise StepFailed(f"{outcome.kind.value} {outcome.text}".rstrip())


async def look_up(trial: Trial, order: NewOrder) -> Found:
    """Look for an order; a venue that does not tell it now, since it was asked too often, is asked again."""
    for _ in range(_READS - 1):
        found = await trial.gateway.find(ref_to(order), trial.clock())
        if found.order is not None or found.absent:
            return found
        await asyncio.sleep(_READ_S)
    return await trial.gateway.find(ref_to(order), trial.clock())


@dataclass(slots=True)
class Trial:
    """One run of a script.

    Attributes
    ----------
    steps
        What was done so far.
    filled
        Ids of the orders that filled whole.
    before
        Lots that were held before anything was sent.
    rests
        The order that one step leaves resting for those after it.
    hedged
        Whether the account holds long and short beside each other.
    market
        Tells the last price of now; None: nobody does, and `price` stays what it is.
    heard
        What the gateway told unasked; None where it does not tell at once.
    """

    gateway: TradingGateway
    listing: Listing
    price: float
    traits: VenueTraits
    cid: int
    clock: Callable[[], int]
    tell: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    filled: list[int] = field(default_factory=list)
    before: int = 0
    hedged: bool = False
    rests: NewOrder | None = None
    began_ns: int = 0
    market: Callable[[], Awaitable[float]] | None = None
    heard: list[Event] | None = None

    async def step(self, name: str, work: Callable[[Trial], Awaitable[str]]) -> None:
        """Do a step; raise StepFailed where it did not come out as it should."""
        self.began_ns = self.began_ns or self.clock()
        try:
            done = Step(name, True, await work(self))
        except StepLeftOut as reason:
            done = Step(name, True, str(reason), left_out=True)
        except StepUnseen as reason:
            done = Step(name, True, str(reason), unseen=True)
        except StepFailed as error:
            done = Step(name, False, str(error) or "it is not so")
        except TradewindError as error:
            done = Step(name, False, error.message)
        self.steps.append(done)
        self.tell(done)
        if not done.passed:
            raise StepFailed(done.text)

    # ------------------------------------------------------------------ orders

    @property
    def atoms(self) -> int:
        """Return the lots of one step of a quantity at the venue."""
        return atoms_of(self.listing.instrument)

    @property
    def lots(self) -> int:
        """Return a size that is well above the venue's least, in whole steps of it."""
        rules = self.listing.instrument
        step = float(rules.lot_size)
        least = max(float(rules.min_qty) / step, 1.0)
        worth = float(rules.min_notional) / (self.price * step * float(rules.contract_size))
        # What is bought is less than what is paid for where the fee is taken out of it, and must be enough to sell.
        least *= _MARGIN if self.traits.holds_coins else 1.0
        return math.ceil(max(least, _MARGIN * worth)) * self.atoms

    def order(
        self,
        kind: int,
        side: int,
        ratio: float = 0.0,
        *,
        position: int = LONG,
        post: bool = False,
        lots: int = 0,
    ) -> NewOrder:
        """Return an order at a ratio of the price, 0 for at market, with an id of its own; it closes or opens.

        Its price has five digits at most, and is whole where it is larger: there are venues that take no more.
        """
        self.cid += 1
        tick, price = float(self.listing.instrument.tick_size), self.price * ratio
        near_tick = round(self.price / tick)
        price = round(price) if price >= _WHOLE_FROM else float(f"{price:.5g}")
        return NewOrder(
            self.listing.index, self.cid, kind, side, position, closes_side(side, position), post,
            round(price / tick), lots or self.lots, near_tick=near_tick,
        )  # fmt: skip

    def told(self, order: NewOrder | OrderSeen) -> str:
        """Return how much of an order and where, as a person counts it."""
        rules = self.listing.instrument
        where = f" at {order.price_tick * rules.tick_size:f}" if order.price_tick else ""
        return f"{amount_of(rules, order.qty_lot)}{where}"

    def _wish(self, order: NewOrder) -> OrderWish:
        """Return an order in the instrument's own units, as a person would write it."""
        rules = self.listing.instrument
        price = order.price_tick * rules.tick_size if order.price_tick else None
        stops = order.kind == IntentKind.STOP
        kind = "stop" if stops else "limit" if order.kind == IntentKind.REST else "market"
        return OrderWish(
            "buy" if order.side == BUY else "sell", kind, order.qty_lot * lot_of(rules),
            price=None if stops else price, trigger=price if stops else None,
            tif="post_only" if order.post_only else "gtc",
            reduce_only=order.reduce and not self.traits.holds_coins,
        )  # fmt: skip

    async def check(self, order: NewOrder) -> None:
        """Return where the venue's rules allow an order. Raises UsageError (ORDER_…)."""
        rules = self.listing.instrument
        held = await self.held(order.position_side) if order.reduce else 0
        signed = held if order.position_side == LONG else -held
        check_order(self._wish(order), OrderPlace(rules, Decimal(repr(self.price)), signed * lot_of(rules)))

    async def accepted(self, order: NewOrder) -> None:
        """Send an order that the venue must take. Raises UsageError (ORDER_…) for one that its rules forbid, unsent."""
        await self.check(order)
        (outcome,) = await self.gateway.create([order])
        expect(outcome, OutcomeKind.ACCEPTED)

    # ------------------------------------------------------------------ looking

    async def until(self, look: Callable[[], Awaitable[str]]) -> None:
        """Look until nothing is missing; the venue may take its time. Raises StepFailed with what still is."""
        missing = await look()
        for wait_s in _WAITS_S:
            if not missing:
                return
            await asyncio.sleep(wait_s)
            missing = await look()
        if missing:
            raise StepFailed(missing)

    async def found(self, order: NewOrder, fits: Callable[[OrderSeen], bool], what: str) -> OrderSeen:
        """Return an order as the venue shows it by our id once it fits."""
        seen: list[OrderSeen] = []

        async def look() -> str:
            found = (await look_up(self, order)).order
            if found is None:
                return f"the order is not {what}: not found"
            if (found.cid, found.side) != (order.cid, order.side):
                return "the venue shows another order by this id"
            if not fits(found):
                return f"the order is not {what}: {found.status.name.lower()}, {self.told(found)}"
            seen.append(found)
            return ""

        await self.until(look)
        return seen[-1]

    async def snapshot(self, since_ns: int = NO_HISTORY) -> Snapshot:
        """Read the account; a venue that does not tell it now, since it was asked too often, is asked again."""
        for _ in range(_READS - 1):
            try:
                return await self.gateway.snapshot(since_ns)
            except VenueDown:
                await asyncio.sleep(_READ_S)
        return await self.gateway.snapshot(since_ns)

    async def stands(self) -> tuple[tuple[OrderSeen, ...], int]:
        """Return what rests in the instrument, and the lots that are held of both sides, less those of before."""
        snapshot = await self.snapshot()
        orders = tuple(seen for seen in snapshot.orders if seen.instrument == self.listing.index)
        return orders, self._counted(snapshot, None)

    async def resting(self) -> tuple[OrderSeen, ...]:
        """Return what rests in the instrument by the venue's lists."""
        return (await self.stands())[0]

    async def held(self, position: int | None = None) -> int:
        """Return the lots that the venue says are held more than before, of one side or of both."""
        return self._counted(await self.snapshot(), position)

    def _counted(self, snapshot: Snapshot, position: int | None) -> int:
        here = (seen for seen in snapshot.positions if seen.instrument == self.listing.index)
        held = sum(seen.qty_lot for seen in here if position in (None, seen.position_side))
        return held - (self.before if position in (None, LONG) else 0)

    async def settings(self) -> dict[int, set[float]]:
        """Return what the venue says of each setting of the instrument (`SettingCode`), of each side where it does."""
        snapshot = await self.snapshot()
        said: dict[int, set[float]] = {code: set() for code in SettingCode}
        for seen in snapshot.settings:
            if seen.instrument == self.listing.index:
                said[seen.code].add(seen.value)
        return said

    async def holds(self, lots: int, position: int | None = None) -> None:
        """Wait until the venue says that so many lots are held; of coins a fee and less than a step may be missing."""
        loose = self.traits.holds_coins
        least = lots - math.ceil(lots * _FEE_MOST) if loose else lots
        most = lots + self.atoms - 1 if loose else lots

        async def look() -> str:
            held = await self.held(position)
            if least <= held <= most:
                return ""
            quantities = (counted(self.listing.instrument, each)[0].normalize() for each in (held, lots))
            return "the venue says that {:f} is held, not {:f}".format(*quantities)

        await self.until(look)
