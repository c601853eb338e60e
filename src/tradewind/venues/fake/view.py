"""What anybody may ask of a fake exchange's market, by symbol."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tradewind.market import Instrument
from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.books import LEVELS, Books
from tradewind.venues.fake.market import FakeMarket, Ticker
from tradewind.venues.fake.orders import Book, Candle, FundingNow, PublicTrade, SymbolStatus

__all__ = ["MarketView"]


class MarketView:
    """The market by symbol. Every question raises Refused(SYMBOL_UNKNOWN) for a symbol that there is not."""

    def __init__(
        self, instruments: Sequence[Instrument], seed: int, start_ns: int, prices: Mapping[str, Decimal]
    ) -> None:
        self.market = FakeMarket(instruments, seed, start_ns, prices)
        self.books = Books(self.market)
        self.statuses: list[SymbolStatus] = ["trading"] * len(instruments)

    def candles(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int, limit: int) -> list[Candle]:
        """Return bars that open in start .. end, oldest first, the last `limit`; the last one may still grow."""
        return self.market.candles(self.market.at(symbol), interval_ns, start_ns, end_ns, limit)

    def trades(self, symbol: str, limit: int) -> list[PublicTrade]:
        """Return the last trades, oldest first; about two hours are kept."""
        return self.market.trades(self.market.at(symbol), limit)

    def book(self, symbol: str, depth: int = LEVELS) -> Book:
        """Return the book, at most `LEVELS` levels a side."""
        return self.books.book(self.market.at(symbol), depth)

    def ticker(self, symbol: str) -> Ticker:
        """Return the last 24 hours."""
        return self.market.ticker(self.market.at(symbol))

    def last(self, symbol: str) -> Decimal:
        """Return the last price."""
        j = self.market.at(symbol)
        return self.market.price(j, self.market.last_tick(j))

    def mark(self, symbol: str) -> Decimal:
        """Return the mark price, on the tick."""
        j = self.market.at(symbol)
        return self.market.price(j, self.market.mark_tick(j))

    def index(self, symbol: str) -> Decimal:
        """Return the index price, on the tick."""
        return self.market.index_price(self.market.at(symbol))

    def status(self, symbol: str) -> SymbolStatus:
        """Return whether and how a symbol trades."""
        return self.statuses[self.market.at(symbol)]

    def funding(self, symbol: str) -> FundingNow:
        """Return the last settlement, the next, and what it would be by now."""
        return self.market.carry.funding(self.market.at(symbol))

    def funding_history(
        self, symbol: str, start_ns: int, end_ns: int, limit: int
    ) -> list[tuple[int, Decimal]]:
        """Return (time, rate) of the settlements in start .. end, oldest first, the last `limit`."""
        return self.market.carry.funding_history(self.market.at(symbol), start_ns, end_ns, limit)

    def open_interest(self, symbol: str) -> Decimal:
        """Return open interest in the instrument's unit."""
        return self.market.carry.open_interest(self.market.at(symbol), self.market.now_ns)

    def open_interest_history(
        self, symbol: str, interval_ns: int, start_ns: int, end_ns: int, limit: int
    ) -> list[tuple[int, Decimal]]:
        """Return (time, open interest) on the grid of an interval in start .. end, oldest first, the last `limit`."""
        j, end_ns = self.market.at(symbol), min(end_ns, self.market.now_ns) // interval_ns * interval_ns
        first_ns = max(
            -(-start_ns // interval_ns) * interval_ns, end_ns - (limit - 1) * interval_ns, SECOND_NS
        )
        times = range(-(-first_ns // interval_ns) * interval_ns, end_ns + 1, interval_ns)
        return [(at, self.market.carry.open_interest(j, at)) for at in times]
