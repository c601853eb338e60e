"""The steps of a trial, in the order in which they are played: each leaves what the next one expects, and no more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tradewind.errors import TradewindError
from tradewind.live.flatten import FlattenPolicy, flatten_account
from tradewind.live.trial import WORKS, Step, StepFailed, StepLeftOut, answered, expect, ref_to
from tradewind.live.trial_orders import closes, opens, withdraw
from tradewind.live.trial_stop import STOP_STEP, stop_triggers
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, SettingCode
from tradewind.venues.gateway import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tradewind.live.trial import Trial
    from tradewind.venues.gateway import NewOrder

__all__ = ["SCRIPT", "clear_away", "is_flat"]

_FAR, _CROSSES = 0.05, 0.02
_BAND_SHARE = 0.6
"""Prices keep within this share of how far away the venue lets them be, since the market moves meanwhile."""
_TOO_MUCH = 1e10
"""An order worth so much is beyond any account of practice money, and mostly beyond the venue's largest order."""
_TRIES = 5
_HISTORY_NS = 60_000_000_000


# ---------------------------------------------------------------------- the account


async def is_flat(trial: Trial) -> str:
    """Look that nothing is there that the script could touch; coins may be held where a position is coins."""
    orders, held = await trial.stands()
    if orders:
        raise StepFailed("it has orders in this symbol: use an account with nothing in it")
    if held and not trial.traits.holds_coins:
        raise StepFailed("it holds something in this symbol: use an account with nothing in it")
    trial.before = held
    return ""


async def _levers(trial: Trial) -> str:
    if not trial.traits.leverage:
        raise StepLeftOut("this venue has no leverage")
    said = (await trial.settings())[SettingCode.LEVERAGE]
    if not said:
        raise StepLeftOut("this venue does not say the leverage of what is not held")
    now = max(said)
    other = now - 1.0 if now >= 2.0 else now + 1.0
    try:
        await _lever(trial, other)
    finally:
        await _lever(trial, now)
    return f"from {now:g} to {other:g} and back"


async def _lever(trial: Trial, wanted: float) -> None:
    expect(await trial.gateway.set_leverage(trial.listing.index, wanted), OutcomeKind.ACCEPTED)

    async def look() -> str:
        said = (await trial.settings())[SettingCode.LEVERAGE]
        told = ", ".join(f"{each:g}" for each in sorted(said))
        return "" if said == {wanted} else f"it was set to {wanted:g}, and the venue says {told or 'nothing'}"

    await trial.until(look)


async def _keeps_modes(trial: Trial) -> str:
    """Write orders for the modes that the account has: setting them to what they are must change nothing."""
    if not trial.traits.modes:
        raise StepLeftOut("this venue has no modes")
    codes = SettingCode.POSITION_MODE, SettingCode.MARGIN_MODE
    told = await trial.settings()
    said = [told[code] for code in codes]
    if not said[0]:
        raise StepLeftOut(
            "this venue does not say its modes; orders are written for one way and cross margin"
        )
    hedge, isolated = (any(each) for each in said)
    wanted = await trial.gateway.set_modes(trial.listing.index, hedge=hedge, isolated=isolated)
    expect(wanted, OutcomeKind.ACCEPTED)
    told = await trial.settings()
    if [told[code] for code in codes] != said:
        raise StepFailed("setting the modes to what they are changed them")
    trial.hedged = hedge
    margin = ("isolated margin" if isolated else "cross margin") if said[1] else "its margin mode is not said"
    return f"{'long and short beside each other' if hedge else 'one way'}, {margin}"


# ---------------------------------------------------------------------- what rests


async def _rests(trial: Trial) -> str:
    order = trial.rests = _far(trial)
    await _works(trial, order)
    return trial.told(order)


def _far(trial: Trial) -> NewOrder:
    return trial.order(IntentKind.REST, BUY, 1.0 - _away(trial, _FAR))


async def _works(trial: Trial, order: NewOrder) -> None:
    """Send an order that rests, and see it rest on its own terms."""
    await trial.accepted(order)
    seen = await trial.found(order, lambda seen: seen.status in WORKS, "working")
    if (seen.price_tick, seen.qty_lot) != (order.price_tick, order.qty_lot):
        raise StepFailed(f"it works with other terms: {trial.told(seen)}")


def _away(trial: Trial, distance: float) -> float:
    """Return so much of the price, or as much as the venue surely lets an order be away from it."""
    band = trial.listing.instrument.price_band_ratio
    return distance if band is None else min(distance, _BAND_SHARE * float(band))


def _resting(trial: Trial) -> NewOrder:
    assert trial.rests is not None, "the step that leaves it resting comes first"
    return trial.rests


async def _is_once(trial: Trial) -> str:
    order = _resting(trial)
    (outcome,) = await trial.gateway.create([order])
    if len(await trial.resting()) != 1:
        raise StepFailed("a second order of the same id was taken")
    return f"one order rests; {answered(outcome, 'the second request')}"


async def _is_known(trial: Trial) -> str:
    """Ask for an order by our id alone, and for one that was never sent."""
    order = _resting(trial)
    seen = await trial.found(order, lambda seen: bool(seen.venue_id), "shown with the venue's id")
    never = trial.order(IntentKind.REST, BUY, 0.5)
    if (await trial.gateway.find(ref_to(never), trial.clock())).order is not None:
        raise StepFailed("the venue shows an order that was never sent")
    return seen.client_id


async def _changes(trial: Trial) -> str:
    order = _resting(trial)
    price_tick = (order.near_tick + order.price_tick) // 2
    outcome = await trial.gateway.amend(ref_to(order), price_tick, order.qty_lot)
    if not trial.traits.amends:
        expect(outcome, OutcomeKind.REJECTED)
        return "this venue does not change orders"
    expect(outcome, OutcomeKind.ACCEPTED)
    return f"to {trial.told(await trial.found(order, lambda seen: seen.price_tick == price_tick, 'changed'))}"


async def _cancels(trial: Trial) -> str:
    await withdraw(trial, _resting(trial))
    return ""


async def _refuses_one(trial: Trial) -> str:
    """Send two orders at once, the second beyond the venue's largest and any account."""
    rules = trial.listing.instrument
    worth = trial.price * float(rules.lot_size * rules.contract_size) / trial.atoms
    largest = int((rules.max_qty or 0) / rules.lot_size) * trial.atoms
    whole = max(10 * largest, int(_TOO_MUCH / worth)) // trial.atoms * trial.atoms
    good = _far(trial)
    await trial.check(good)
    bad = trial.order(IntentKind.REST, BUY, 1.0 - _away(trial, _FAR), lots=whole)
    taken, refused = await trial.gateway.create([good, bad])
    expect(taken, OutcomeKind.ACCEPTED)
    if refused.kind is OutcomeKind.ACCEPTED:
        raise StepFailed("the impossible one of two orders was taken")
    await trial.found(good, lambda seen: seen.status in WORKS, "working")
    if [seen.cid for seen in await trial.resting()] != [good.cid]:
        raise StepFailed("of two orders more than the possible one rests")
    await withdraw(trial, good)
    way = "in one request" if trial.traits.batches else "in a request each, this venue has no batch"
    return f"{way}: the possible one rested; {answered(refused, 'the other')}"


async def _stays_out(trial: Trial) -> str:
    order = trial.order(IntentKind.REST, BUY, 1.0 + _away(trial, _CROSSES), post=True)
    await trial.check(order)
    (outcome,) = await trial.gateway.create([order])
    if outcome.kind is OutcomeKind.ACCEPTED:
        seen = await trial.found(order, lambda seen: seen.status not in WORKS, "refused")
        await trial.holds(0)
        return f"nothing was filled; the venue took it, and the order ended as {seen.status.name.lower()}"
    await trial.holds(0)
    return f"nothing was filled; {answered(outcome, 'it')}"


# ---------------------------------------------------------------------- what is held


async def _closes_nothing(trial: Trial) -> str:
    """Send a close while nothing is held: it must neither rest nor open."""
    if trial.traits.holds_coins:
        raise StepLeftOut("a sell of coins is no order that only reduces")
    order = trial.order(IntentKind.TARGET, SELL)
    (outcome,) = await trial.gateway.create([order])
    if outcome.kind is OutcomeKind.ACCEPTED:
        await trial.found(order, lambda seen: seen.status not in WORKS and not seen.filled_lot, "refused")
    if await trial.held():
        raise StepFailed("a close opened a position")
    return f"nothing is held; {answered(outcome, 'it')}"


async def _goes_in(trial: Trial) -> str:
    return _quantity(trial, await opens(trial, LONG))


async def _goes_out(trial: Trial) -> str:
    return _quantity(trial, await closes(trial, LONG))


def _quantity(trial: Trial, lots: int) -> str:
    return trial.told(trial.order(IntentKind.TARGET, BUY, lots=lots))


async def _stop(trial: Trial) -> NewOrder:
    """Let a stop rest below what is held; return it."""
    lots = await trial.held(LONG) // trial.atoms * trial.atoms
    stop = trial.order(IntentKind.STOP, SELL, 1.0 - _away(trial, _FAR), lots=lots)
    await trial.accepted(stop)
    seen = await trial.found(stop, lambda seen: seen.status in WORKS, "resting")
    if (seen.price_tick, seen.stop) != (stop.price_tick, True):
        raise StepFailed(f"it rests as something else: {trial.told(seen)}")
    return stop


async def _stops(trial: Trial) -> str:
    stop = await _stop(trial)
    await withdraw(trial, stop)
    return trial.told(stop)


async def _cancels_all(trial: Trial) -> str:
    await _stop(trial)
    await _works(trial, _far(trial))
    if len(await trial.resting()) != 2:
        raise StepFailed("a stop and an order were sent, and the venue lists something else")
    expect(await trial.gateway.cancel_all(trial.listing.index), OutcomeKind.ACCEPTED)

    async def look() -> str:
        return "orders are left after all were cancelled" if await trial.resting() else ""

    await trial.until(look)
    return "an order and a stop"


async def _both_sides(trial: Trial) -> str:
    if not trial.hedged:
        raise StepLeftOut("the account holds one side at a time")
    lots = await opens(trial, LONG)
    await opens(trial, SHORT)
    await trial.holds(lots, LONG)
    await closes(trial, LONG)
    await trial.holds(lots, SHORT)
    await closes(trial, SHORT)
    return f"{_quantity(trial, lots)} of each"


async def _lists(trial: Trial) -> str:
    told: set[int] = set()
    fees: list[int] = []

    async def look() -> str:
        fills = (await trial.snapshot(trial.began_ns - _HISTORY_NS)).fills
        mine = [fill for fill in fills if fill.cid in trial.filled]
        told.update(fill.cid for fill in mine)
        fees[:] = [fill.fee for fill in mine]
        missing = len(set(trial.filled) - told)
        return (
            f"of {len(trial.filled)} orders that filled {missing} have no trade with our id"
            if missing
            else ""
        )

    await trial.until(look)
    if not any(fees):
        raise StepFailed("no trade carries a fee")
    return f"{len(fees)} trades of {len(told)} orders"


SCRIPT: Final[tuple[tuple[str, Callable[[Trial], Awaitable[str]]], ...]] = (
    ("leverage is set, and set back", _levers),
    ("its modes are read and stay as they are", _keeps_modes),
    ("a limit order far away works", _rests),
    ("the same id again is no second order", _is_once),
    ("our id finds it, and finds nothing that was never sent", _is_known),
    ("it is changed, or said to be fixed", _changes),
    ("it is cancelled", _cancels),
    ("of two orders at once the impossible one is refused", _refuses_one),
    ("a post-only order does not take", _stays_out),
    ("a close of nothing does nothing", _closes_nothing),
    ("an order at market goes in", _goes_in),
    ("a stop rests beside it, and is cancelled", _stops),
    ("all that rests is cancelled at once", _cancels_all),
    ("an order at market goes out", _goes_out),
    ("both sides are held and closed", _both_sides),
    (STOP_STEP, stop_triggers),
    ("its trades are listed with our ids and fees", _lists),
)
"""What is played once the account is flat."""


# ---------------------------------------------------------------------- at the end


async def clear_away(trial: Trial) -> None:
    """Cancel and close what the script has left, and add the step that says whether the venue agrees."""
    try:
        left = await (_sell_back if trial.traits.holds_coins else _flatten)(trial)
    except TradewindError as error:
        left = error.message
    done = Step("nothing is left", not left, left)
    trial.steps.append(done)
    trial.tell(done)


async def _flatten(trial: Trial) -> str:
    done = await flatten_account(
        trial.gateway, [trial.listing], trial.cid + 1, FlattenPolicy(bands=(0.0,)), tell=lambda _: None
    )
    return (
        ""
        if done.flat
        else f"look at the account yourself: {done.steps[-1] if done.steps else 'it is not flat'}"
    )


async def _sell_back(trial: Trial) -> str:
    """Cancel what rests and sell what was bought; coins of before stay."""
    for _ in range(_TRIES):
        orders, held = await trial.stands()
        lots = held // trial.atoms * trial.atoms
        if not orders and lots <= 0:
            return ""
        if orders:
            await trial.gateway.cancel_all(trial.listing.index)
        if lots > 0:
            await trial.gateway.create([trial.order(IntentKind.TARGET, SELL, lots=lots)])
        await asyncio.sleep(1.0)
    return "look at the account yourself: what was bought or what rests does not go"
