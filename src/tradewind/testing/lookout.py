"""Somebody who looks once a second whether a session believes what is true, and remembers for how long it did not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradewind.testing.venue_live import VenueLife
    from tradewind.testing.virtual_venues import VirtualWorld
    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.orders import FakeOrder

__all__ = ["Lookout", "Stretch", "covered", "true_position"]

_S = 1_000_000_000
_EVERY_S = 1.0


@dataclass(slots=True)
class Stretch:
    """From when to when something was not as it should be; the last second of it is the last that was looked at."""

    what: str
    from_ns: int
    to_ns: int
    text: str

    def lasted_s(self, since_ns: int) -> float:
        """Return how long it lasted after a time, seconds."""
        return (self.to_ns - max(self.from_ns, since_ns)) / _S


@dataclass(slots=True)
class Lookout:
    """Looks at one life.

    Parameters
    ----------
    life, world
        What is looked at.
    protects
        Whether everything that the session holds must have a stop that would close it; what others hold need not.

    Attributes
    ----------
    stretches
        What was wrong for a while, by kind: "process", "position" and "protection".
    """

    life: VenueLife
    world: VirtualWorld
    protects: bool = True
    stretches: list[Stretch] = field(default_factory=list)
    _now: dict[str, Stretch] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_EVERY_S)

    def look(self) -> None:
        """Look once."""
        for what, text in self._found().items():
            self._note(what, text)

    def _found(self) -> dict[str, str]:
        """Return what is wrong of each kind, "" for nothing."""
        if not hasattr(self.life, "process") or not self.life.process.alive:
            return {"process": "no process runs", "position": "", "protection": ""}
        if not hasattr(self.life, "opened") or not self.life.live_venue.is_open:
            return {"process": "a process starts", "position": "", "protection": ""}
        account = self.world.account(self.life.venue)
        return {
            "process": "",
            "position": self._wrong_position(account),
            "protection": self._unprotected(account) if self.protects else "",
        }

    def _wrong_position(self, account: FakeAccount) -> str:
        true, believed = true_position(account), self.life.believed_position()
        return "" if true == believed else f"{believed} is believed to be held, {true} is"

    def _unprotected(self, account: FakeAccount) -> str:
        open_orders = account.open_orders()
        own = abs(self.life.believed_position(own=True))
        for position in account.positions():
            size = account.exchange.instruments[position.symbol].contract_size
            missing = min(abs(position.qty), own / size) - covered(
                open_orders, position.symbol, position.qty > 0
            )
            if missing > 0:
                return f"{missing * size} of {position.qty * size} {position.symbol} has no stop"
        return ""

    def _note(self, what: str, text: str) -> None:
        now_ns, running = self.world.loop.now_ns(), self._now.get(what)
        if not text:
            self._now.pop(what, None)
        elif running is None:
            self._now[what] = Stretch(what, now_ns, now_ns, text)
            self.stretches.append(self._now[what])
        else:
            running.to_ns, running.text = now_ns, text


def true_position(account: FakeAccount) -> Decimal:
    """Return what an account holds net, in units of the base coin or of quote value: contracts times their size."""
    rules = account.exchange.instruments
    return sum((p.qty * rules[p.symbol].contract_size for p in account.positions()), Decimal(0))


def covered(orders: list[FakeOrder], symbol: str, long: bool) -> Decimal:
    """Return for how many contracts there are stops that reduce one side of a symbol."""
    side, position_side = ("sell", "long") if long else ("buy", "short")
    total = Decimal(0)
    for order in orders:
        p = order.placement
        waits = p.kind in ("stop_market", "stop_limit", "trailing_stop") or order.parent_id
        mine = p.symbol == symbol and p.side == side and p.position_side in ("both", position_side)
        if waits and mine and (p.reduce_only or p.close_position or p.position_side != "both"):
            total += Decimal("Infinity") if p.close_position else p.qty - order.filled
    return total
