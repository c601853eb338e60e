"""A gateway at one fake venue with everything it has told: for tests that trade in virtual time."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradewind.units.enums import BUY, LONG, SHORT
from tradewind.venues.ccxt.exchange import CLIENTS
from tradewind.venues.ccxt.trading import CcxtTradingGateway, TradingSettings
from tradewind.venues.fake.listings import listed
from tradewind.venues.fake.misfortunes import Strike
from tradewind.venues.gateway import (
    AccountMode,
    FillSeen,
    Listing,
    NewOrder,
    OrderSeen,
    OutcomeKind,
    StreamSeen,
)
from tradewind.venues.keys.entries import AccountKeys
from tradewind.venues.keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from tradewind.testing.virtual_venues import VirtualWorld
    from tradewind.venues.ccxt.budget import Address
    from tradewind.venues.gateway import Event, OrderStatus, Outcome

__all__ = ["LOTS", "S_NS", "Desk"]

S_NS = 1_000_000_000
LOTS = 10


class Desk:
    """A gateway at one fake venue, open within `async with`, and everything it has told.

    Orders are of the first of two instruments; `cid` counts orders from 1.
    """

    def __init__(
        self,
        world: VirtualWorld,
        venue: str,
        *,
        tag: str = "abc123",
        now_ns: Callable[[], int] | None = None,
        keys: tuple[str, str, str] | None = None,
        instruments: int = 2,
        mode: AccountMode = AccountMode.LIVE,
        address: Address | None = None,
        **settings: Any,  # noqa: ANN401 - fields of TradingSettings
    ) -> None:
        self.world, self.venue = world, venue
        self.exchange = world.exchanges[venue]
        self.truth = world.account(venue)
        login = world.logins["main"]
        parts = keys or (login.api_key, login.secret, login.passphrase)
        self.listings = [Listing(n, rules) for n, rules in enumerate(listed(venue)[:instruments])]
        self.gateway = CcxtTradingGateway(
            TradingSettings(venue, tag, mode, **settings),
            self.listings,
            world.session(),
            AccountKeys("main", venue, mode is AccountMode.DEMO, *(Secret(part) for part in parts)),
            now_ns=now_ns or world.loop.now_ns,
            chance=random.Random(1),  # noqa: S311 - a spread of waits, no secret
            address=address,
        )
        self.events: list[Event] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the gateway and begin to collect; close it where it does not open."""
        try:
            await self.gateway.open()
        except BaseException:
            await self.gateway.close()
            raise
        self._task = asyncio.create_task(self._collect())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the gateway."""
        if self._task is not None:
            self._task.cancel()
        await self.gateway.close()

    async def _collect(self) -> None:
        while True:
            self.events += await self.gateway.next_events()

    @property
    def symbol(self) -> str:
        """The instrument that is traded."""
        return self.listings[0].instrument.symbol

    def tick(self, ratio: float = 1.0) -> int:
        """Return the last price times a ratio, in ticks."""
        rules = self.listings[0].instrument
        return int(Decimal(str(self.exchange.last(self.symbol))) * Decimal(str(ratio)) / rules.tick_size)

    def order(self, cid: int, kind: int, side: int, **own: Any) -> NewOrder:  # noqa: ANN401 - any field of an order
        """Return an order of `LOTS` lots at market unless told otherwise."""
        reduce = bool(own.get("reduce", False))
        opened = (side == BUY) != reduce
        terms: dict[str, Any] = {"reduce": reduce, "post_only": False, "price_tick": 0, "qty_lot": LOTS}
        return NewOrder(0, cid << 20, kind, side, LONG if opened else SHORT, **(terms | own))

    async def accept(self, *orders: NewOrder) -> list[Outcome]:
        """Send orders and demand that the venue accepts them."""
        outcomes = await self.gateway.create(orders)
        assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * len(orders), outcomes
        return outcomes

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait in virtual time until something is so. Raises AssertionError if it is not."""
        for _ in range(int(seconds * 20)):
            if condition():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not happen: {self.events[-3:]}")

    def seen(self, cid: int) -> list[OrderSeen]:
        """Return what was told of an order."""
        return [event for event in self.events if isinstance(event, OrderSeen) and event.cid == cid << 20]

    def last(self, cid: int) -> OrderStatus | None:
        """Return where an order was last told to stand."""
        seen = self.seen(cid)
        return seen[-1].status if seen else None

    def fills(self, cid: int) -> list[FillSeen]:
        """Return the trades that were told of an order."""
        return [event for event in self.events if isinstance(event, FillSeen) and event.cid == cid << 20]

    def streams(self) -> list[int]:
        """Return the changes of the stream, as codes."""
        return [event.code for event in self.events if isinstance(event, StreamSeen)]

    def stream_hosts(self) -> list[str]:
        """Return the hosts that the stream comes from."""
        beginnings = ("fstream", "stream", "ws", "openapi")
        return [host for host in CLIENTS[self.venue].hosts if host.startswith(beginnings)]

    def strike(self, fault: str, *, after_s: float = 0.0, duration_s: float = 60.0, **own: Any) -> None:  # noqa: ANN401
        """Let a misfortune strike the venue."""
        at_ns = self.world.loop.now_ns() + int(after_s * S_NS)
        assert self.exchange.misfortunes is not None
        self.exchange.misfortunes.add(Strike(at_ns, fault, duration_ns=int(duration_s * S_NS), **own))
