"""Telling what happens: listeners, and of the market only what somebody watches."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from tradewind.market import Instrument
from tradewind.units.time import SECOND_NS
from tradewind.venues.fake.events import (
    BookChanged,
    CandleChanged,
    Channel,
    Event,
    LiquidationPrinted,
    Listener,
    MarkChanged,
    TradePrinted,
)
from tradewind.venues.fake.misfortunes import Misfortunes, Strike
from tradewind.venues.fake.orders import Candle, FakeTrade
from tradewind.venues.fake.view import MarketView

__all__ = ["Telling"]

Watch = tuple[Channel, int, int]
Levels = tuple[dict[int, int], dict[int, int]]


class Telling(MarketView):
    """A market with listeners."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        seed: int,
        start_ns: int,
        prices: Mapping[str, Decimal],
        misfortunes: Misfortunes | None,
    ) -> None:
        super().__init__(instruments, seed, start_ns, prices)
        self.misfortunes = misfortunes
        self._listeners: list[Listener] = []
        self._watched: Counter[Watch] = Counter()
        self._growing: dict[Watch, list[int]] = {}
        self._books_told: dict[int, tuple[int, Levels]] = {}

    def now_ns(self) -> int:
        """Return the exchange's time."""
        return self.market.now_ns

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener everything of accounts and status, and of the market what is watched; return its end."""
        self._listeners.append(listener)

        def unlisten() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unlisten

    def watch(self, channel: Channel, symbol: str, interval_ns: int = 0) -> Callable[[], None]:
        """Have a channel of a symbol told; return what ends it. Watches of the same are counted, told once.

        A book is told as changes from the book at the time of the first watch.
        """
        key: Watch = (channel, self.market.at(symbol), interval_ns)
        self._watched[key] += 1
        if channel == "book" and key[1] not in self._books_told:
            self._books_told[key[1]] = (self.books.update_id(key[1]), self._levels(key[1]))
        open_watches = [key]

        def unwatch() -> None:
            for watch in open_watches:
                self._watched[watch] -= 1
                if self._watched[watch] <= 0:
                    del self._watched[watch]
                    self._growing.pop(watch, None)
                    if watch[0] == "book":
                        self._books_told.pop(watch[1], None)
            open_watches.clear()

        return unwatch

    def tell(self, event: Event) -> None:
        """Tell every listener."""
        for listener in list(self._listeners):
            listener(event)

    def strike(
        self, fault: str, point: str, *, symbol: str = "", account: str = "", detail: str = ""
    ) -> Strike | None:
        """Return a strike of this fault at this point now, used up by one, or None."""
        if self.misfortunes is None:
            return None
        return self.misfortunes.strikes(
            point, now_ns=self.now_ns(), symbol=symbol, account=account, detail=detail, fault=fault
        )

    def form_of(self, strike: Strike, forms: int) -> int:
        """Return the form that a strike names, 0 .. forms-1, or by the plan's chance any where it names none."""
        assert self.misfortunes is not None
        form = int(strike.arg("form", -1.0))
        return form if form >= 0 else int(self.misfortunes.chance() * forms)

    def candles(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int, limit: int) -> list[Candle]:
        """Return bars as `MarketView.candles` does; by misfortune (F59) one is missing, twice or misplaced."""
        rows = super().candles(symbol, interval_ns, start_ns, end_ns, limit)
        strike = self.strike("F59", "query.candles", symbol=symbol) if len(rows) > 2 else None
        if strike is None:
            return rows
        form, at = self.form_of(strike, 4), len(rows) // 2
        one, two = rows[at - 1], rows[at]
        bent = {0: [one], 1: [one, two, two], 2: [one, two]}.get(form, [two, one])
        return [*rows[: at - 1], *bent, *rows[at + 1 :]]

    def book_taken(self, j: int) -> None:
        """Tell at once that an account of ours took from the book."""
        if j in self._books_told:
            self._tell_book(j)

    def print_liquidation(self, j: int, trade: FakeTrade) -> None:
        """Print the liquidation of one of our accounts."""
        if ("liquidations", j, 0) in self._watched:
            self.tell(LiquidationPrinted(trade.symbol, trade.side, trade.price, trade.qty, trade.ts_ns))

    @property
    def is_watched(self) -> bool:
        """Return whether anything of the market must be told."""
        return bool(self._watched) and bool(self._listeners)

    # ------------------------------------------------------------------ inside

    def _tell_market(self, step: int) -> None:
        """Tell what is watched of the second that is over."""
        for channel, j, interval_ns in list(self._watched):
            if channel == "trades":
                for p in self.market.prints(j, step):
                    self.tell(TradePrinted(p.symbol, p.price, p.qty, p.side, p.trade_id, p.ts_ns))
            elif channel == "book":
                self._tell_book(j)
            elif channel == "candles":
                self._tell_candle(j, interval_ns, step)
            elif channel == "mark":
                self._tell_mark(j)
            elif self.market.paths.is_stirred(j, step):
                self._tell_liquidation(j, step)

    def _levels(self, j: int) -> Levels:
        return dict(self.books.levels(j, -1)), dict(self.books.levels(j, 1))

    def _tell_book(self, j: int) -> None:
        previous_id, told = self._books_told[j]
        now, update_id = self._levels(j), self.books.update_id(j)
        self._books_told[j] = (update_id, now)
        sides = []
        for old, new in zip(told, now, strict=True):
            changed = {tick: lots for tick, lots in new.items() if old.get(tick) != lots}
            changed.update({tick: 0 for tick in old if tick not in new})
            sides.append([(self.market.price(j, t), self.market.qty(j, n)) for t, n in changed.items()])
        symbol = self.market.rules[j].symbol
        first_id = min(previous_id + 1, update_id)
        self.tell(BookChanged(symbol, sides[0], sides[1], first_id, update_id, previous_id, self.now_ns()))

    def _tell_candle(self, j: int, interval_ns: int, step: int) -> None:
        key: Watch = ("candles", j, interval_ns)
        paths, symbol = self.market.paths, self.market.rules[j].symbol
        second, begun_ns = paths.second(j, step), paths.start_ns + step * SECOND_NS
        open_ns = begun_ns // interval_ns * interval_ns
        row = self._growing.get(key)
        if row is not None and row[0] == open_ns:
            row[2:] = [
                max(row[2], second.high),
                min(row[3], second.low),
                second.close,
                row[5] + second.lots,
            ]
        elif begun_ns == open_ns:
            row = [open_ns, second.open, second.high, second.low, second.close, second.lots]
        else:
            row = self.market.growing(j, open_ns)
        self._growing[key] = row
        closed = begun_ns + SECOND_NS >= open_ns + interval_ns
        candle = self._candle(j, row, closed=closed)
        strike = self.strike("F59", "candles", symbol=symbol) if closed else None
        for shown in [candle] if strike is None else self._bent(j, row, self.form_of(strike, 4)):
            self.tell(CandleChanged(symbol, interval_ns, shown, self.now_ns()))

    def _candle(self, j: int, row: list[int], *, closed: bool) -> Candle:
        o, h, low, c = (self.market.price(j, tick) for tick in row[1:5])
        return Candle(row[0], o, h, low, c, self.market.qty(j, row[5]), closed)

    def _bent(self, j: int, row: list[int], form: int) -> list[Candle]:
        """Return what is told of a closed bar by misfortune F59: nothing, twice, revised, then one of long ago."""
        closed = self._candle(j, row, closed=True)
        revised = self._candle(j, [*row[:4], row[3], row[5]], closed=True)
        old = self._candle(j, [row[0] - 60 * SECOND_NS, *row[1:]], closed=True)
        return {0: [], 1: [closed, closed], 2: [revised, closed]}.get(form, [closed, old])

    def _tell_mark(self, j: int) -> None:
        (rate, next_ns), rules = self.market.carry.predicted(j), self.market.rules[j]
        mark = self.market.price(j, self.market.mark_tick(j))
        index = self.market.index_price(j)
        self.tell(MarkChanged(rules.symbol, mark, index, rate, next_ns, self.now_ns()))

    def _tell_liquidation(self, j: int, step: int) -> None:
        second = self.market.paths.second(j, step)
        self.tell(
            LiquidationPrinted(
                self.market.rules[j].symbol,
                "sell" if second.close < second.open else "buy",
                self.market.price(j, second.close),
                self.market.qty(j, max(1, second.lots // 3)),
                self.now_ns(),
            )
        )
