"""The last look at an order before it is signed: limits that no strategy and no risk setting can reach.

They stand beside the signer, come from the account's own table in tradewind.toml and know nothing of positions, so that
they hold whatever the rest believes. What reduces is never held back by the rate, and its notional is not
limited: getting out is always allowed where the symbol is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.units.enums import Rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from tradewind.market import Instrument
    from tradewind.venues.gateway import NewOrder

__all__ = ["CapGuard", "Caps", "value_of", "worth_of"]

_MINUTE_NS = 60_000_000_000
_FINE = int(Rule.OK), ""


@dataclass(frozen=True, slots=True)
class Caps:
    """Hard limits of an account.

    Parameters
    ----------
    symbols
        What may be traded at all, in the venue's spelling; None: every instrument of the session.
    order_notional_max
        Largest value of one opening order in the quote currency; None: no limit here.
    orders_per_minute_max
        Opening orders in any 60 seconds; None: no limit here.
    """

    symbols: frozenset[str] | None = None
    order_notional_max: Decimal | None = None
    orders_per_minute_max: int | None = None


class CapGuard:
    """Counts orders against `Caps`.

    Attributes
    ----------
    weighs
        Whether the value of orders is limited.
    """

    def __init__(self, caps: Caps, now_ns: Callable[[], int]) -> None:
        self._caps = caps
        self.weighs = caps.order_notional_max is not None
        self._is_limited = caps != Caps()
        self._now_ns = now_ns
        self._sent: deque[int] = deque()

    def refuse(self, symbol: str, notional: Decimal | None, *, reduces: bool) -> tuple[int, str]:
        """Return the rule that an order breaks and a sentence about it, or (Rule.OK, "") and count the order.

        notional: None where nothing is known of its price; an opening order of unknown value is refused where values
        are limited.
        """
        if not self._is_limited:
            return _FINE
        rule, text = self.refuse_terms(symbol, notional, reduces=reduces)
        return self._count() if rule == Rule.OK and not reduces else (rule, text)

    def refuse_terms(self, symbol: str, notional: Decimal | None, *, reduces: bool) -> tuple[int, str]:
        """Return likewise what the terms of an order break, without counting it: those that it is changed to."""
        if self._caps.symbols is not None and symbol not in self._caps.symbols:
            return Rule.CLOSED, f"{symbol} is not among the symbols of this account's caps"
        if reduces:
            return Rule.OK, ""
        limit = self._caps.order_notional_max
        if limit is not None and (notional is None or notional > limit):
            value = "an order of unknown value" if notional is None else f"an order worth {notional:f}"
            return Rule.ORDER_NOTIONAL, f"{value} is above this account's cap of {limit:f}"
        return Rule.OK, ""

    def _count(self) -> tuple[int, str]:
        most, now_ns = self._caps.orders_per_minute_max, self._now_ns()
        while self._sent and self._sent[0] <= now_ns - _MINUTE_NS:
            self._sent.popleft()
        if most is not None and len(self._sent) >= most:
            return Rule.ORDER_RATE, f"this account's cap is {most} orders a minute"
        self._sent.append(now_ns)
        return Rule.OK, ""


def worth_of(order: NewOrder, instrument: Instrument) -> Decimal | None:
    """Return the value of an order in the quote currency, None where nothing is known of its price."""
    return value_of(instrument, max(order.price_tick, order.near_tick), order.qty_lot)


def value_of(instrument: Instrument, price_tick: int, qty_lot: int) -> Decimal | None:
    """Return the value of so many lots at a price in the quote currency, None where there is no price."""
    price = price_tick * instrument.tick_size
    return price * qty_lot * instrument.lot_size * instrument.contract_size if price else None
