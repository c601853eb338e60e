"""The step of a trial in which a stop triggers, as far as the market comes to it.

A stop that rests has shown little: what it becomes may be another order, in another list, of another number, that names
the stop or is named by it. A session relies on all of that, so here it is looked at once: a long is opened, its stop is
laid as close below the market as the venue takes, and moved after the market for a while by cancelling it and sending
another, as a session does. Whether the market comes is not ours to say: where it does not, the position is closed, and
the step says that nothing was seen.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.errors import TradewindError
from tradewind.live.trial import WORKS, StepFailed, StepUnseen, amount_of, answered, expect, look_up, ref_to
from tradewind.live.trial_orders import closes, opens
from tradewind.units.enums import LONG, SELL, IntentKind
from tradewind.venues.gateway import FillSeen, OrderSeen, OrderStatus, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.live.trial import Trial
    from tradewind.venues.gateway import NewOrder

__all__ = ["STOP_STEP", "stop_triggers"]

STOP_STEP: Final = "a stop triggers, and is found under our id"
"""The name of the step."""
_WAITS_S, _MOVES_S, _LOOKS_S = 90.0, 12.0, 1.0
"""How long the market may take in all and until the stop is moved after it, and between two looks."""
_NEAR = 0.0001
_REFUSALS = 8
"""A stop that would trigger at once is sent so often again, each time twice as far away."""
_HISTORY_NS = 60_000_000_000


@dataclass(slots=True)
class _Laid:
    """A stop that the venue took, and its number there while it rested, "" where it was not seen resting."""

    order: NewOrder
    number: str = ""


async def stop_triggers(trial: Trial) -> str:
    """Let a stop take a position out, and see all that a session relies on then.

    Raises StepUnseen where the market does not come, StepFailed where something is otherwise than it should be.
    """
    await opens(trial, LONG)
    stop = await _triggered(trial)
    if stop is None:
        await closes(trial, LONG)
        raise StepUnseen(f"the market did not come to it within {_WAITS_S:g} s; not seen")
    seen = await _ended(trial, stop.order)
    await _leaves_nothing(trial)
    # Trades that a snapshot has shown are not told any more.
    await trial.until(lambda: _told(trial, stop.order))
    await trial.until(lambda: _listed(trial, stop.order))
    trial.filled.append(stop.order.cid)
    other = stop.number and seen.venue_id and seen.venue_id != stop.number
    return f"{trial.told(stop.order)}{', by an order of another number' if other else ''}"


# ---------------------------------------------------------------------- until the market comes


async def _triggered(trial: Trial) -> _Laid | None:
    """Return the stop that the market came to, None where it came to none in time."""
    loop = asyncio.get_running_loop()
    ends_s, distance = loop.time() + _WAITS_S, _NEAR
    while loop.time() < ends_s:
        stop, distance = await _laid(trial, distance)
        if await _is_reached(trial, stop, min(loop.time() + _MOVES_S, ends_s)):
            return stop
        if not await _is_withdrawn(trial, stop.order):
            return stop
        distance /= 2.0
    return None


async def _laid(trial: Trial, distance: float) -> tuple[_Laid, float]:
    """Lay a stop for all that is held so far below the market, or further where the venue does not take it so near.

    Return it and the share of the price that it is away.
    """
    lots = await trial.held(LONG) // trial.atoms * trial.atoms
    said = ""
    for _ in range(_REFUSALS):
        await _look_at_market(trial)
        order = trial.order(IntentKind.STOP, SELL, 1.0 - distance, lots=lots)
        if order.price_tick < order.near_tick:
            (outcome,) = await trial.gateway.create([order])
            if outcome.kind is not OutcomeKind.REJECTED:
                expect(outcome, OutcomeKind.ACCEPTED)
                return _Laid(order), distance
            said = answered(outcome, f"a stop of {trial.told(order)}")
        distance *= 2.0
    raise StepFailed(said or "prices are too coarse for a stop near the market")


async def _look_at_market(trial: Trial) -> None:
    """Take the last price for the price; one that is not told leaves it as it was."""
    if trial.market is not None:
        with suppress(TradewindError):
            trial.price = await trial.market()


async def _is_reached(trial: Trial, stop: _Laid, until_s: float) -> bool:
    """Wait until a stop no more rests, or until a time of the loop; say whether it does not.

    The venue is asked where the account's stream says so, and at the end.
    """
    loop = asyncio.get_running_loop()
    seen = await trial.found(stop.order, lambda _: True, "there")
    stop.number = seen.venue_id if seen.status is OrderStatus.WORKING else ""
    while seen.status is OrderStatus.WORKING and loop.time() < until_s:
        await asyncio.sleep(min(_LOOKS_S, until_s - loop.time()))
        if loop.time() >= until_s or _is_told_over(trial, stop.order):
            seen = await trial.found(stop.order, lambda _: True, "there")
    return seen.status is not OrderStatus.WORKING


def _is_told_over(trial: Trial, stop: NewOrder) -> bool:
    """Say whether the account's stream told that a stop waits no more, or is not heard."""
    return trial.heard is None or any(
        isinstance(event, OrderSeen) and event.cid == stop.cid and event.status is not OrderStatus.WORKING
        for event in trial.heard
    )


async def _is_withdrawn(trial: Trial, order: NewOrder) -> bool:
    """Take a stop back; say whether that came before it triggered."""
    await trial.gateway.cancel(ref_to(order))
    last: list[OrderStatus | None] = []

    async def look() -> str:
        seen = (await look_up(trial, order)).order
        last[:] = [seen.status if seen is not None else None]
        rests = any(one.cid == order.cid for one in await trial.resting()) if seen is None else False
        works = seen is not None and seen.status is OrderStatus.WORKING
        return "the stop still rests after it was cancelled" if rests or works else ""

    await trial.until(look)
    # A venue that shows no ended stop is asked what is held.
    return last[-1] is OrderStatus.CANCELLED or (last[-1] is None and await trial.held(LONG) > 0)


# ---------------------------------------------------------------------- what it left


async def _ended(trial: Trial, stop: NewOrder) -> OrderSeen:
    """Return what a stop that triggered became, as the venue shows it by our id. Raises StepFailed."""
    seen = await trial.found(stop, lambda seen: seen.status not in WORKS, "filled after its stop triggered")
    if seen.status is not OrderStatus.FILLED or seen.filled_lot != stop.qty_lot:
        whole, sold = (amount_of(trial.listing.instrument, lots) for lots in (stop.qty_lot, seen.filled_lot))
        state = seen.status.name.lower()
        raise StepFailed(f"the stop triggered, and its order ended as {state}: of {whole} {sold} was sold")
    return seen


async def _leaves_nothing(trial: Trial) -> None:
    """See that nothing is held and nothing rests. Raises StepFailed."""
    await trial.holds(0)

    async def look() -> str:
        return "the stop triggered, and an order still rests" if await trial.resting() else ""

    await trial.until(look)


async def _listed(trial: Trial, stop: NewOrder) -> str:
    """Return what the venue's list of trades lacks, or has too much."""
    fills = (await trial.snapshot(trial.began_ns - _HISTORY_NS)).fills
    here = [fill for fill in fills if fill.instrument == trial.listing.index]
    strange = [fill for fill in here if not fill.cid and fill.ts_ns >= trial.began_ns]
    if strange:
        return f"of the stop's order {len(strange)} trades have no id of ours"
    return _lacks(trial, stop, [fill for fill in here if fill.cid == stop.cid], "the list of trades")


async def _told(trial: Trial, stop: NewOrder) -> str:
    """Return what a session was not told unasked, or told twice; nothing where nobody listens."""
    if trial.heard is None:
        return ""
    heard = [event for event in trial.heard if isinstance(event, OrderSeen | FillSeen)]
    mine = [event for event in heard if event.cid == stop.cid]
    ends = [event for event in mine if isinstance(event, OrderSeen) and event.status is OrderStatus.FILLED]
    if not ends:
        return "what came of the stop was not told by the account's stream"
    if any(event.filled_lot != stop.qty_lot for event in ends):
        return "the account's stream told another quantity than the stop's"
    # A trade may come before it is known that its order is the stop's: then the order's number says so.
    numbers = {event.venue_id for event in mine if isinstance(event, OrderSeen)}
    fills = [
        event
        for event in heard
        if isinstance(event, FillSeen)
        and (event.cid == stop.cid or (not event.cid and event.venue_id in numbers))
    ]
    return _lacks(trial, stop, fills, "the account's stream")


def _lacks(trial: Trial, stop: NewOrder, fills: Iterable[FillSeen], where: str) -> str:
    """Return what trades of a stop lack, nothing where they are all of it, each once and with its fee's currency."""
    once = {fill.trade_key: fill for fill in fills}
    lots = sum(fill.qty_lot for fill in once.values())
    if lots != stop.qty_lot:
        whole, listed = (amount_of(trial.listing.instrument, each) for each in (stop.qty_lot, lots))
        return f"of {whole} {where} has {listed} under the stop's id"
    if not all(fill.fee_currency for fill in once.values()):
        return f"{where} does not say in what the stop's fee was taken"
    return ""
