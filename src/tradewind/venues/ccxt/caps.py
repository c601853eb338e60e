"""The last look at an order before it is signed: limits that no strategy and no risk setting can reach.

They stand beside the signer and come from the account's own table in tradewind.toml. Of positions they know what the
venue says and nothing else, so that they hold whatever the rest believes. What takes away from the account's position
is never held back by the rate, and its notional is not limited: getting out is always allowed where the symbol is. That
is what the venue is told to take as reduce-only; in hedge mode what closes its side; else what takes no more away than
the account holds net. Everything else counts, also a close of one strategy that would open for the account.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.units.enums import Rule
from tradewind.venues.ccxt.net_position import NetPositions
from tradewind.venues.gateway import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from tradewind.market import Instrument
    from tradewind.venues.gateway import Event, NewOrder, OrderRef, Outcome, Snapshot

__all__ = ["CapGuard", "Caps"]

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

    Parameters
    ----------
    caps
        The limits.
    now_ns
        This machine's time.
    hedge
        Whether the account keeps long and short apart, or holds coins: what closes can then open nothing.
    """

    def __init__(self, caps: Caps, now_ns: Callable[[], int], *, hedge: bool = False) -> None:
        self._caps = caps
        self._is_limited = caps != Caps()
        self._now_ns, self._hedge = now_ns, hedge
        self._sent: deque[int] = deque()
        self._net = NetPositions()

    def refuse(self, order: NewOrder, instrument: Instrument) -> tuple[int, str]:
        """Return the rule that an order breaks and a sentence about it, or (Rule.OK, "") and count the order.

        An order that adds and of whose price nothing is known is refused where values are limited.
        """
        if not self._is_limited:
            return _FINE
        rule, text = self._refuse_symbol(instrument)
        if rule != Rule.OK or order.reduce or (self._hedge and order.closes):
            return rule, text
        if self._net.takes_away(order.instrument, order.side, order.qty_lot):
            self._net.reserve(order.cid, order.instrument, order.side, order.qty_lot, self._now_ns())
            return _FINE
        rule, text = self._refuse_value(instrument, max(order.price_tick, order.near_tick), order.qty_lot)
        return self._count() if rule == Rule.OK else (rule, text)

    def refuse_change(
        self, order: OrderRef, instrument: Instrument, side: int, terms: tuple[int, int], *, reduces: bool
    ) -> tuple[int, str]:
        """Return likewise what the terms break that an order is changed to, price and lots; it is not counted again.

        reduces: whether the venue takes it as reduce-only.
        """
        if not self._is_limited:
            return _FINE
        rule, text = self._refuse_symbol(instrument)
        price_tick, qty_lot = terms
        if rule != Rule.OK or reduces:
            return rule, text
        if self._net.takes_away(order.instrument, side, qty_lot, cid=order.cid):
            self._net.reserve(order.cid, order.instrument, side, qty_lot, self._now_ns())
            return _FINE
        return self._refuse_value(instrument, price_tick, qty_lot)

    def hear(self, event: Event) -> None:
        """Take what the venue tells of the account."""
        if self._is_limited:
            self._net.hear(event)

    def know(self, taken: Snapshot) -> None:
        """Take what the whole account holds."""
        if self._is_limited:
            self._net.know(taken)

    def note(self, orders: Sequence[NewOrder], outcomes: Sequence[Outcome]) -> None:
        """Note what became of new orders: those that came to nothing take nothing away."""
        if self._is_limited:
            for order, outcome in zip(orders, outcomes, strict=True):
                if outcome.kind in (OutcomeKind.REJECTED, OutcomeKind.NOT_SENT):
                    self._net.release(order.cid)

    def _refuse_symbol(self, instrument: Instrument) -> tuple[int, str]:
        if self._caps.symbols is not None and instrument.symbol not in self._caps.symbols:
            return Rule.CLOSED, f"{instrument.symbol} is not among the symbols of this account's caps"
        return _FINE

    def _refuse_value(self, instrument: Instrument, price_tick: int, qty_lot: int) -> tuple[int, str]:
        """Return what an order breaks by its value; a price of 0: nothing is known of it."""
        if self._caps.order_notional_max is None:
            return _FINE
        notional = _value_of(instrument, price_tick, qty_lot)
        limit = self._caps.order_notional_max
        if notional is None or notional > limit:
            value = "an order of unknown value" if notional is None else f"an order worth {notional:f}"
            return Rule.ORDER_NOTIONAL, f"{value} is above this account's cap of {limit:f}"
        return _FINE

    def _count(self) -> tuple[int, str]:
        most, now_ns = self._caps.orders_per_minute_max, self._now_ns()
        while self._sent and self._sent[0] <= now_ns - _MINUTE_NS:
            self._sent.popleft()
        if most is not None and len(self._sent) >= most:
            return Rule.ORDER_RATE, f"this account's cap is {most} orders a minute"
        self._sent.append(now_ns)
        return _FINE


def _value_of(instrument: Instrument, price_tick: int, qty_lot: int) -> Decimal | None:
    """Return the value of so many lots at a price in the quote currency, None where there is no price."""
    price = price_tick * instrument.tick_size
    return price * qty_lot * instrument.lot_size * instrument.contract_size if price else None
