"""What is tried so that a position can be left when a venue refuses: again, within a band, within a wider one.

A close goes out at market. Refused with proof that nothing came of it, it is asked for at market once more, then as an
order that takes at once within half a percent of the last price, which venues let through when they let no order at
market through, then within two percent; each time after a longer wait, all within seconds. Refused even so, a person
is told, and whoever wanted it asks anew. One that is refused for another reason is answered at once, and one of which
nobody knows what became is never sent again before it is proven absent: then the next goes on where that one stood.

A cancel that did not leave is asked for again likewise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tradewind.units.enums import SELL, IntentKind, Rule
from tradewind.venues.gateway import OutcomeKind

if TYPE_CHECKING:
    from tradewind.venues.gateway import NewOrder, Outcome

__all__ = ["BANDS", "CANCEL_WAITS_S", "UNLOCK_WAITS_S", "WAITS_S", "Ladder", "limit_within", "may_try_again"]

BANDS = (0.0, 0.0, 0.005, 0.02)
"""How far from the last price each rung may trade, as a ratio; 0: at market."""
WAITS_S = (0.5, 1.0, 2.0)
"""Before each rung but the first."""
CANCEL_WAITS_S = (0.25, 1.0, 3.0)
UNLOCK_WAITS_S = (0.25, 1.0)
"""Before a sale is asked for again whose coins another order has locked."""
_REMEMBERED_NS = 60_000_000_000
_SOON_NS = 3_000_000_000
_PASSING = (Rule.VENUE_PRICE, Rule.VENUE_RATE, Rule.NOT_SENT)
"""Refusals that another attempt may meet no more; all others say that something is wrong: the core has to know."""


def may_try_again(outcome: Outcome, now_ns: int) -> bool:
    """Say whether a refusal is proven, may pass, and the venue does not ask for a longer wait than there is time."""
    refused = outcome.kind in (OutcomeKind.REJECTED, OutcomeKind.NOT_SENT)
    return refused and outcome.rule in _PASSING and outcome.retry_ns <= now_ns + _SOON_NS


@dataclass(slots=True)
class Ladder:
    """On which rung each instrument of an account stands."""

    _stood: dict[int, tuple[int, int]] = field(default_factory=dict)

    def begin(self, order: NewOrder, now_ns: int) -> int | None:
        """Return the rung that a new order begins on; None where it is no close at market."""
        if not order.closes or order.kind != IntentKind.TARGET or order.price_tick:
            return None
        rung, at_ns = self._stood.get(order.instrument, (-1, 0))
        return (rung + 1) % len(BANDS) if now_ns - at_ns <= _REMEMBERED_NS else 0

    def note(self, instrument: int, rung: int, now_ns: int, outcome: Outcome) -> None:
        """Remember where an attempt stood; one that the venue took at market needs no next."""
        if outcome.kind is OutcomeKind.ACCEPTED and BANDS[rung] == 0.0:
            self._stood.pop(instrument, None)
        else:
            self._stood[instrument] = rung, now_ns

    @staticmethod
    def at(order: NewOrder, rung: int) -> NewOrder:
        """Return a close as it goes out on a rung; at market where no price is known."""
        band = BANDS[rung]
        if band == 0.0 or order.near_tick <= 0:
            return order
        return msgspec.structs.replace(
            order, price_tick=limit_within(band, order.side, Decimal(order.near_tick))
        )


def limit_within(band: float, side: int, price_tick: Decimal) -> int:
    """Return the worst price in whole ticks that lies within a band around a price: for a purchase above it."""
    ratio = Decimal(str(band))
    if side == SELL:
        return max(1, math.ceil(price_tick * (1 - ratio)))
    return max(1, math.floor(price_tick * (1 + ratio)))
