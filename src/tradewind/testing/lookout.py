"""Somebody who looks again and again whether a session believes what is true, and remembers for how long it did not."""

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
    every_s
        So often it looks.

    Attributes
    ----------
    stretches
        What was wrong for a while, by kind: "process", and of an instrument "position" and "protection".
    """

    life: VenueLife
    world: VirtualWorld
    protects: bool = True
    every_s: float = 1.0
    stretches: list[Stretch] = field(default_factory=list)
    _now: dict[tuple[str, int], Stretch] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self.every_s)

    def look(self) -> None:
        """Look once."""
        for (what, j), text in self._found().items():
            self._note(what, j, text)

    def _found(self) -> dict[tuple[str, int], str]:
        """Return what is wrong of each kind and instrument, "" for nothing."""
        calm = {(what, j): "" for what in ("position", "protection") for j in range(len(self.life.traded))}
        if not hasattr(self.life, "process") or not self.life.process.alive:
            return {("process", 0): "no process runs", **calm}
        if not self.life.is_open:
            return {("process", 0): "a process starts", **calm}
        found = {("process", 0): ""}
        for j in range(len(self.life.traded)):
            found["position", j] = self._wrong_position(j)
            found["protection", j] = self._unprotected(j) if self.protects else ""
        return found

    def _wrong_position(self, j: int) -> str:
        true, believed = self._true_position(j), self.life.believed_position(j)
        return "" if true == believed else f"{self._name(j)}{believed} is believed to be held, {true} is"

    def _unprotected(self, j: int) -> str:
        true, own = self._true_position(j), abs(self.life.believed_position(j, own=True))
        missing = min(abs(true), own) - self._covered(j, long=true > 0) if true else Decimal(0)
        symbol = self.life.traded[j].instrument.symbol
        is_wrong = missing > 0 and missing >= self._least(j)
        return f"{self._name(j)}{missing} of {true} {symbol} has no stop" if is_wrong else ""

    def _least(self, j: int) -> Decimal:
        """Return the least that an order may be of, in coins: the rest of a rule that rose can have no stop."""
        if self.life.paper:
            return Decimal(0)
        account, symbol = self._account(j), self.life.traded[j].instrument.symbol
        known = account.exchange.instruments.get(symbol)
        return known.min_qty * known.contract_size if known is not None else Decimal(0)

    def _true_position(self, j: int) -> Decimal:
        traded = self.life.traded[j]
        if self.life.paper:
            return self.life.exchange.position(traded, j)
        return true_position(self._account(j), traded.instrument.symbol)

    def _covered(self, j: int, *, long: bool) -> Decimal:
        traded = self.life.traded[j]
        if self.life.paper:
            return self.life.exchange.covered(traded, j, long=long)
        account, symbol = self._account(j), traded.instrument.symbol
        return _size_of(account, symbol) * covered(
            account.open_orders(), symbol, long, netted=self.life.is_shared(j)
        )

    def _account(self, j: int) -> FakeAccount:
        berth = self.life.moored[self.life.traded[j].account]
        return self.world.account(berth.venue, berth.account)

    def _name(self, j: int) -> str:
        """Return whose account it is, where there are several."""
        berth = self.life.moored[self.life.traded[j].account]
        return f"{berth.account} at {berth.venue}: " if len(self.life.moored) > 1 else ""

    def _note(self, what: str, j: int, text: str) -> None:
        now_ns, running = self.world.loop.now_ns(), self._now.get((what, j))
        if not text:
            self._now.pop((what, j), None)
        elif running is None:
            self._now[what, j] = Stretch(what, now_ns, now_ns, text)
            self.stretches.append(self._now[what, j])
        else:
            running.to_ns, running.text = now_ns, text


def true_position(account: FakeAccount, symbol: str) -> Decimal:
    """Return what an account holds net of a symbol, in units of the coin: contracts times their size."""
    size = _size_of(account, symbol)
    return sum((p.qty * size for p in account.positions() if p.symbol == symbol), Decimal(0))


def _size_of(account: FakeAccount, symbol: str) -> Decimal:
    """Return the coins in a contract; none where the venue has taken the symbol away and settled what was held."""
    known = account.exchange.instruments.get(symbol)
    return known.contract_size if known is not None else Decimal(0)


def covered(orders: list[FakeOrder], symbol: str, long: bool, *, netted: bool = False) -> Decimal:
    """Return for how many contracts there are stops that close one side of a symbol.

    netted: several strategies share the position, so that what closes one of them need not reduce it.
    """
    side, position_side = ("sell", "long") if long else ("buy", "short")
    total = Decimal(0)
    for order in orders:
        p = order.placement
        waits = p.kind in ("stop_market", "stop_limit", "trailing_stop") or order.parent_id
        mine = p.symbol == symbol and p.side == side and p.position_side in ("both", position_side)
        if waits and mine and (p.reduce_only or p.close_position or p.position_side != "both" or netted):
            total += Decimal("Infinity") if p.close_position else p.qty - order.filled
    return total
