"""What would trade with ourselves is not sent: two strategies of one account that want opposite things at one price.

An exchange may end one of both orders, or let them trade and charge both; neither is what anybody wanted. So what would
open against an order of another strategy that rests is held back, as if it could not be sent, and wanted again later.
What closes is never held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradewind.units.enums import BUY, IntentKind, OrderState, RequestKind

if TYPE_CHECKING:
    from tradewind.engine.world import World
    from tradewind.live.facts import Asked

__all__ = ["crosses_own", "shares_instruments"]

_RESTS = (OrderState.PENDING, OrderState.LIVE, OrderState.AMENDING, OrderState.UNKNOWN)


def shares_instruments(world: World) -> bool:
    """Say whether two strategies of a world trade one instrument."""
    traded = world.contexts["instrument"].tolist()
    return len(set(traded)) < len(traded)


def crosses_own(world: World, asked: Asked) -> bool:
    """Say of a request whether it would open against a resting order of another strategy.

    A market order reaches as far as the last price.
    """
    if asked.kind == RequestKind.CANCEL or asked.closes or asked.order_kind == IntentKind.STOP:
        return False
    contexts, instrument, side = world.contexts, asked.instrument, asked.side
    others = contexts["instrument"] == instrument
    others[asked.context] = False
    orders = contexts["working"]["order"][others]
    rests = np.isin(orders["state"], _RESTS) & (orders["kind"] == IntentKind.REST) & (orders["side"] == -side)
    if asked.kind == RequestKind.NEW:
        rests &= orders["cid"] < asked.cid  # Of two that leave together the first one goes.
    prices = orders["price_tick"][rests]
    reach = asked.price_tick or int(world.views["close"][instrument])
    return bool((prices <= reach).any() if side == BUY else (prices >= reach).any())
