"""Closing an account with nothing but its gateway: no strategy, no journal, no market data, no core.

This is what is left when the loop hangs, the process is dead or the disk is full. First nothing may open any
more: every order of ours is cancelled. Then what is held is reduced: a reduce-only order that takes at once
within a band around the mark, then within a wider one, then at market. After each step the venue is asked what
is left; its word alone says that the account is flat.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradewind.errors import VenueDown
from tradewind.units.enums import BUY, LONG, SELL, IntentKind
from tradewind.venues.gateway import NO_HISTORY, NewOrder, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradewind.venues.gateway import Listing, Outcome, PositionSeen, Snapshot, TradingGateway

__all__ = ["FlattenPolicy", "Flattened", "flatten_account"]

_MARKET = 0.0


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
    """

    bands: tuple[float, ...] = (0.005, 0.02, _MARKET)
    attempts_at_market: int = 8
    settle_s: float = 1.0


@dataclass(slots=True)
class Flattened:
    """What was done.

    Parameters
    ----------
    flat
        Whether the venue says that nothing is left, of the session's instruments.
    steps
        What was tried and what came of it, in order, a sentence each.
    left
        What the venue still holds.
    strangers
        Symbols with something in them that the session does not trade; they were not touched.
    """

    flat: bool = False
    steps: list[str] = field(default_factory=list)
    left: tuple[PositionSeen, ...] = ()
    strangers: tuple[str, ...] = ()


async def flatten_account(
    gateway: TradingGateway,
    listings: Sequence[Listing],
    first_cid: int,
    policy: FlattenPolicy | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Flattened:
    """Cancel everything of ours and close what is held; return what the venue says is left.

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
    await closing.cancel_openers()
    await closing.reduce()
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
        self._cid = first_cid
        self._policy = policy
        self._tell = tell

    async def cancel_openers(self) -> None:
        """Ask for an end of every order of ours; what is refused now is asked again with each step."""
        for index, instrument in self._listings.items():
            outcome = await self._gateway.cancel_all(index)
            self._note(f"cancel all of {instrument.symbol}", outcome)

    async def reduce(self) -> None:
        """Take what is held off, step by step, until the venue says that nothing is left."""
        ladder = [*self._policy.bands, *[_MARKET] * (self._policy.attempts_at_market - 1)]
        left = await self._look()
        for band in ladder:
            if self.done.flat:
                return
            for seen in left:
                await self._close(seen, band)
            await asyncio.sleep(self._policy.settle_s)
            left = await self._look()
            if left:
                await self.cancel_openers()

    async def _look(self) -> tuple[PositionSeen, ...]:
        """Ask the venue what is left; a venue that does not answer now is asked again at the next step."""
        try:
            snapshot = await self._gateway.snapshot(NO_HISTORY)
        except VenueDown as error:
            self._say(f"the venue does not say what is left: {error.message}")
            return self.done.left
        self.done.left = tuple(seen for seen in snapshot.positions if seen.qty_lot)
        self.done.strangers = snapshot.strangers
        self.done.flat = not self.done.left and not _openers(snapshot)
        return self.done.left

    async def _close(self, seen: PositionSeen, band: float) -> None:
        side = SELL if seen.position_side == LONG else BUY
        price_tick = self._limit_tick(seen, side, band)
        order = NewOrder(
            seen.instrument, self._cid, IntentKind.TARGET, side, seen.position_side, True, False, price_tick,
            seen.qty_lot,
        )  # fmt: skip
        self._cid += 1
        (outcome,) = await self._gateway.create([order])
        symbol = self._listings[seen.instrument].symbol
        where = f"within {band:.1%} of the mark" if price_tick else "at market"
        self._note(f"close {seen.qty_lot} lots of {symbol} {where}", outcome)

    def _limit_tick(self, seen: PositionSeen, side: int, band: float) -> int:
        """Return the worst price that is taken, 0 for any: also where the venue did not say its mark."""
        if band == _MARKET or seen.mark <= 0.0:
            return 0
        tick = float(self._listings[seen.instrument].tick_size)
        return max(1, round(seen.mark * (1.0 + side * band) / tick))

    def _note(self, what: str, outcome: Outcome) -> None:
        told = (
            "" if outcome.kind is OutcomeKind.ACCEPTED else f": {outcome.kind.value} {outcome.text}".rstrip()
        )
        self._say(what + told)

    def _say(self, step: str) -> None:
        self.done.steps.append(step)
        self._tell(step)


def _openers(snapshot: Snapshot) -> bool:
    """Say whether an order of ours could still open something."""
    return any(order.cid and not order.reduce for order in snapshot.orders)
