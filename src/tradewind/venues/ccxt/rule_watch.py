"""Whether the venue's rules are still those that the session counts in: steps, minimums, contract sizes, life.

The core counts in the ticks and lots it began with. A coarser step, a larger minimum: it is told and goes on. A finer
step or another contract size cannot be counted in the old ones: the instrument is closed until the session is
started with the new rules, because a fill that lies between two ticks could not be booked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tradewind.errors import TradewindError
from tradewind.units.enums import MONEY, SettingCode
from tradewind.venues.ccxt.rules import price_steps, rules_of_markets
from tradewind.venues.gateway import SettingSeen, StatusSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from tradewind.market import Instrument
    from tradewind.venues.gateway import Event, Listing

__all__ = ["EVERY_NS", "RuleWatch"]

EVERY_NS = 3_600_000_000_000
SOONEST_NS = 60_000_000_000
"""A refusal that smells of new rules has them read again, at most once a minute."""
_WITHIN_S = 60.0


class RuleWatch:
    """Compares the rules of a session's instruments with the venue's.

    Parameters
    ----------
    exchange
        A ccxt object.
    listings
        What the session counts in.
    tell
        Gets what has changed since it was last told.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        venue: str,
        listings: Sequence[Listing],
        tell: Callable[[Event], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._venue = venue
        self._listings = listings
        self._tell = tell
        self._now_ns = now_ns
        self._read_ns = now_ns()
        self._doubted = False
        self._told: dict[tuple[int, int], object] = {}

    def doubt(self) -> None:
        """Have the rules read again soon: something was refused for its price or its size."""
        self._doubted = True

    async def look(self) -> None:
        """Read the rules where it is time for it; call it every second."""
        passed_ns = self._now_ns() - self._read_ns
        if passed_ns < (SOONEST_NS if self._doubted else EVERY_NS):
            return
        self._doubted, self._read_ns = False, self._now_ns()
        try:
            await asyncio.wait_for(self._exchange.load_markets(True), _WITHIN_S)
        except Exception:  # noqa: BLE001 - whatever ccxt makes of garbage, what is known stays in force
            # The next hour asks again.
            return
        self.compare()

    def compare(self) -> None:
        """Compare with what the ccxt object has loaded last; a venue that lists nothing at all has said nothing."""
        try:
            found = rules_of_markets(self._venue, self._exchange.markets).instruments
        except TradewindError:
            return
        if not found:
            self._doubted = True
            return
        for listing in self._listings:
            self._compare(listing, found.get(listing.instrument.symbol))

    def tell_closed_again(self) -> None:
        """Repeat which instruments are closed: news of the venue as a whole has opened them all."""
        for (index, code), text in list(self._told.items()):
            if code == _LIFE and text:
                self._tell(StatusSeen(index, True, False, False, str(text), self._now_ns()))

    def _compare(self, listing: Listing, now: Instrument | None) -> None:
        was = listing.instrument
        ending = self._ending(was.symbol)
        if ending:
            if self._told.get((listing.index, _LIFE), "") != ending:
                self._told[listing.index, _LIFE] = ending
                self._tell(StatusSeen(listing.index, False, True, False, ending, self._now_ns(), "settling"))
            return
        reason = _unusable(was, now)
        if reason != self._told.get((listing.index, _LIFE), ""):
            self._told[listing.index, _LIFE] = reason
            text = reason or "it trades again"
            self._tell(StatusSeen(listing.index, bool(reason), False, False, text, self._now_ns()))
        if now is None or reason:
            return
        step = max(now.tick_size, price_steps(self._exchange.markets).get(was.symbol, now.tick_size))
        values: dict[int, tuple[Decimal | int, Decimal | int]] = {
            SettingCode.TICK_STEP: (step / was.tick_size, 1),
            SettingCode.LOT_STEP: (now.lot_size / was.lot_size, listing.parts),
            SettingCode.MIN_QTY: (_ceiling(now.min_qty / was.lot_size), _ceiling(was.min_qty / was.lot_size)),
            SettingCode.MIN_NOTIONAL: (now.min_notional * MONEY, was.min_notional * MONEY),
        }
        for code, (value, began) in values.items():
            if value != self._told.get((listing.index, code), began):
                self._told[listing.index, code] = value
                now_ns = self._now_ns()
                self._tell(SettingSeen(listing.index, code, float(value), now_ns, now_ns))

    def _ending(self, symbol: str) -> str:
        """Return that a symbol is about to be settled, in the venue's own word; "" where it is not."""
        markets = (self._exchange.markets_by_id or {}).get(symbol) or []
        told = [str(m["info"].get("status") or m["info"].get("state")) for m in markets if m.get("swap")]
        word = next((word for word in told if word in _ENDINGS), "")
        return f"{symbol} is about to be settled ({word})" if word else ""


_LIFE = -1
_ENDINGS = frozenset({"PRE_SETTLE", "SETTLING", "Delivering", "settlement"})
"""Words of Binance, Bybit and OKX for a contract that still exists and takes nothing new."""


def _unusable(was: Instrument, now: Instrument | None) -> str:
    """Return why an instrument cannot be traded by the rules that the session began with, "" where it can."""
    if now is None:
        return f"{was.symbol} is not listed any more"
    if not now.active:
        return f"{was.symbol} does not trade"
    if now.contract_size != was.contract_size:
        return f"the contract size of {was.symbol} is {now.contract_size}, not {was.contract_size}"
    for name in ("tick_size", "lot_size"):
        began, found = getattr(was, name), getattr(now, name)
        if found % began:
            return f"the {name} of {was.symbol} is {found}, which cannot be counted in {began}"
    return ""


def _ceiling(number: Decimal) -> int:
    whole = int(number)
    return whole if whole == number else whole + 1
