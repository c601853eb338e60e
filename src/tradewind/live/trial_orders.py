"""What several steps of a trial do with orders: go in and out at market, and take one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.live.trial import StepFailed, expect, look_up, ref_to
from tradewind.units.enums import BUY, LONG, SELL, IntentKind
from tradewind.venues.gateway import OrderStatus, OutcomeKind

if TYPE_CHECKING:
    from tradewind.live.trial import Trial
    from tradewind.venues.gateway import NewOrder

__all__ = ["closes", "opens", "withdraw"]


async def withdraw(trial: Trial, order: NewOrder) -> None:
    """Cancel an order that works, and see it gone. Raises StepFailed."""
    expect(await trial.gateway.cancel(ref_to(order)), OutcomeKind.ACCEPTED)

    async def look() -> str:
        left = [seen for seen in await trial.resting() if seen.cid == order.cid]
        return "the order still rests after it was cancelled" if left else ""

    await trial.until(look)
    seen = (await look_up(trial, order)).order
    if seen is not None and seen.status is not OrderStatus.CANCELLED:
        raise StepFailed(f"the order is not cancelled: {seen.status.name.lower()}")


async def opens(trial: Trial, position: int) -> int:
    """Go in at market on one side; return the lots that are held of it then. Raises StepFailed."""
    order = trial.order(IntentKind.TARGET, BUY if position == LONG else SELL, position=position)
    await _fills(trial, order)
    await trial.holds(order.qty_lot, position)
    return order.qty_lot


async def closes(trial: Trial, position: int) -> int:
    """Go out of one side at market; return the lots that were sold or bought back. Raises StepFailed."""
    lots = await trial.held(position) // trial.atoms * trial.atoms
    side = SELL if position == LONG else BUY
    order = trial.order(IntentKind.TARGET, side, position=position, lots=lots)
    await _fills(trial, order)
    await trial.holds(0, position)
    return lots


async def _fills(trial: Trial, order: NewOrder) -> None:
    await trial.accepted(order)
    seen = await trial.found(order, lambda seen: seen.status is OrderStatus.FILLED, "filled")
    if seen.filled_lot != order.qty_lot:
        raise StepFailed("it counts as filled, and not all of it is")
    trial.filled.append(order.cid)
