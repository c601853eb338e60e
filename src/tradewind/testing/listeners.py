"""An ear for messages of one venue without a connection: what they make, and what is dropped."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind.market import Instrument
from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.books import Book
from tradewind.venues.ccxt.candles import CandleKeeper
from tradewind.venues.ccxt.decoding import Grid
from tradewind.venues.ccxt.hearing import Heard, Hearing
from tradewind.venues.ccxt.inbox import Inbox
from tradewind.venues.ccxt.stream_shapes import BookShape
from tradewind.venues.ccxt.stream_table import STREAMS
from tradewind.venues.ccxt.streams import Health
from tradewind.venues.gateway import Listing, StreamKind

if TYPE_CHECKING:
    from tradewind.venues.gateway import Event


def instrument(venue: str, symbol: str, tick: str, lot: str, contract_size: str = "1") -> Instrument:
    """Return rules with these steps."""
    return Instrument(
        venue=venue,
        symbol=symbol,
        payoff="linear",
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_qty=Decimal(lot),
        contract_size=Decimal(contract_size),
        maker_rate=Decimal("0.0002"),
        taker_rate=Decimal("0.0005"),
    )


class Listener:
    """Hears messages of one venue about some instruments."""

    def __init__(self, *rules: Instrument, timeframes: dict[str, int] | None = None) -> None:
        self.now_ns = 1_800_000_000_000_000_000
        table = STREAMS[rules[0].venue]
        self.inbox = Inbox(lambda: self.now_ns)
        self.health = Health(lambda: self.now_ns, self.inbox.put)
        self.broken: list[tuple[int, str]] = []
        self.heard = {}
        for index, one in enumerate(rules):
            heard = Heard(Listing(index, one), Grid.of(one))
            heard.keepers = {MINUTE_NS: CandleKeeper(MINUTE_NS)}
            shape = table.streams[StreamKind.TOP].shape
            assert isinstance(shape, BookShape)
            heard.book = Book(shape.rule)
            self.heard[one.symbol] = heard
        self.hearing = Hearing(
            table,
            self.heard,
            frozenset(table.streams),
            timeframes or {"1m": MINUTE_NS},
            (self.inbox, self.health, lambda index, _client, why: self.broken.append((index, why))),
            lambda: self.now_ns,
        )

    def hear(self, message: object) -> list[Event]:
        """Return what one message makes."""
        self.hearing.hear(object(), message, self.now_ns)
        return self.drain()

    def drain(self) -> list[Event]:
        """Return everything that waits."""
        return self.inbox.take_now()

    @property
    def dropped(self) -> dict[str, int]:
        """Return how much was dropped, by reason."""
        return dict(self.hearing.dropped)
