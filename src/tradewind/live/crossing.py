"""What would trade with ourselves is not sent: two strategies of one account that want opposite things at one price.

An exchange may end one of both orders, or let them trade and charge both; neither is what anybody wanted. So what would
open against an order of another strategy that rests is held back, as if it could not be sent, and wanted again later.
What closes is never held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.units.enums import BUY, IntentKind, OrderState, RequestKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.engine.world import World

__all__ = ["crosses_own", "shares_instruments"]

_RESTS = (OrderState.PENDING, OrderState.LIVE, OrderState.AMENDING, OrderState.UNKNOWN)


def shares_instruments(world: World) -> bool:
    """Say whether two strategies of a world trade one instrument."""
    traded = world.contexts["instrument"].tolist()
    return len(set(traded)) < len(traded)


def crosses_own(world: World, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each request, rows of `REQUEST`, whether it would open against a resting order of another strategy.

    A market order reaches as far as the last price.
    """
    return np.array([_crosses(world, row) for row in rows], dtype=np.bool_)


def _crosses(world: World, row: Any) -> bool:  # noqa: ANN401 - a row of `REQUEST`
    if row["kind"] == RequestKind.CANCEL or row["reduce"] or row["order_kind"] == IntentKind.STOP:
        return False
    contexts, instrument, side = world.contexts, int(row["instrument"]), int(row["side"])
    others = contexts["instrument"] == instrument
    others[int(row["context"])] = False
    orders = contexts["working"]["order"][others]
    rests = np.isin(orders["state"], _RESTS) & (orders["kind"] == IntentKind.REST) & (orders["side"] == -side)
    if row["kind"] == RequestKind.NEW:
        rests &= orders["cid"] < row["cid"]  # Of two that leave together the first one goes.
    prices = orders["price_tick"][rests]
    reach = int(row["price_tick"]) or int(world.views["close"][instrument])
    return bool((prices <= reach).any() if side == BUY else (prices >= reach).any())
