"""What everybody may know of a fake exchange's market: prices, trades, candles, marks.

All of it is a function of the seed and the second; nothing is computed before somebody asks. Trades of the
exchange's own accounts are not printed apart: they are part of the volume that the market trades anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.market import Instrument
from tradewind.units.time import DAY_NS, MINUTE_NS, SECOND_NS
from tradewind.venues.fake.carry import Carry
from tradewind.venues.fake.orders import Candle, PublicTrade, Reason, Refused
from tradewind.venues.fake.paths import Paths

__all__ = ["FakeMarket", "Ticker"]

Ints = NDArray[np.int64]

_PRINTS = 4


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 hours, as far as they are known: prices in quote units, volume in the instrument's unit."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    quote_volume: Decimal


class FakeMarket:
    """The market of one exchange at its present second.

    Parameters
    ----------
    instruments
        Their order is that of the indices `j` used between the exchange's own parts.
    start_ns
        A whole minute; before it there is history only.
    """

    def __init__(
        self, instruments: Sequence[Instrument], seed: int, start_ns: int, prices: Mapping[str, Decimal]
    ) -> None:
        self.paths = Paths(instruments, seed, start_ns, prices)
        self.index = {instrument.symbol: j for j, instrument in enumerate(instruments)}
        self.rules = list(instruments)
        self.mark_ratio: dict[int, float] = {}
        self.carry = Carry(self, seed)
        self._calm: dict[int, tuple[int, int]] = {}

    def at(self, symbol: str) -> int:
        """Return the index of a symbol. Raises Refused(SYMBOL_UNKNOWN)."""
        found = self.index.get(symbol)
        if found is None:
            raise Refused(Reason.SYMBOL_UNKNOWN, symbol)
        return found

    @property
    def now_ns(self) -> int:
        """Return the end of the last second that is over."""
        return self.paths.start_ns + self.paths.done * SECOND_NS

    def price(self, j: int, ticks: int) -> Decimal:
        """Return ticks as a price."""
        return ticks * self.paths.instruments[j].tick_size

    def qty(self, j: int, lots: int) -> Decimal:
        """Return lots as a quantity."""
        return lots * self.paths.instruments[j].lot_size

    def last_tick(self, j: int) -> int:
        """Return the last traded price in ticks."""
        return self.paths.second(j, max(0, self.paths.done - 1)).close

    def mark_tick(self, j: int) -> int:
        """Return the mark price in ticks."""
        mark = self.paths.second(j, max(0, self.paths.done - 1)).mark
        ratio = self.mark_ratio.get(j)
        return mark if ratio is None else max(1, round(mark * (1.0 + ratio)))

    def index_price(self, j: int) -> Decimal:
        """Return the index: the mark without the premium, on the tick."""
        tick = self.paths.instruments[j].tick_size
        return Decimal(round(self.mark_tick(j) / (1.0 + self.carry.premium(j, self.now_ns)))) * tick

    def calm_lots(self, j: int) -> int:
        """Return what is traded in about four seconds, the same for a minute or so."""
        step = max(0, self.paths.done - 1) // 64 * 64
        known = self._calm.get(j)
        if known is None or known[0] != step:
            rows = self.paths.span(j, step, step + 8)
            known = (step, int(rows[:, 4].sum()) // 2)
            self._calm[j] = known
        return known[1]

    # ------------------------------------------------------------------ trades and candles

    def prints(self, j: int, step: int) -> list[PublicTrade]:
        """Return the trades of one second: from its open over its extremes to its close."""
        s = self.paths.second(j, step)
        ticks = [s.open, s.low, s.high, s.close] if s.close >= s.open else [s.open, s.high, s.low, s.close]
        count = _PRINTS if s.lots >= _PRINTS else 1
        ticks = ticks if count == _PRINTS else [s.close]
        rest, trades, before = s.lots, [], s.open
        for n, tick in enumerate(ticks):
            lots = rest if n == count - 1 else max(1, s.lots // (n + 3))
            lots = min(lots, rest - (count - 1 - n))
            rest -= lots
            rises = tick > before if tick != before else self.paths.noise(j, step, 3 + n) < 0.5
            before = tick
            ts_ns = self.paths.start_ns + step * SECOND_NS + (n + 1) * SECOND_NS // (count + 1)
            trades.append(
                PublicTrade(
                    1 + step * _PRINTS + n,
                    self.rules[j].symbol,
                    self.price(j, tick),
                    self.qty(j, lots),
                    "buy" if rises else "sell",
                    ts_ns,
                )
            )
        return trades

    def trades(self, j: int, limit: int) -> list[PublicTrade]:
        """Return the last trades, oldest first, as far as seconds are kept."""
        found: list[PublicTrade] = []
        step = self.paths.done - 1
        while step >= self.paths.kept_from() and len(found) < limit:
            found = self.prints(j, step) + found
            step -= 1
        return found[-limit:]

    def candles(self, j: int, interval_ns: int, start_ns: int, end_ns: int, limit: int) -> list[Candle]:
        """Return bars that open in start .. end, oldest first: the last `limit` of them; the last may still grow."""
        start_ns = max(start_ns, end_ns - (limit + 1) * interval_ns)
        rows = self._fine(j, interval_ns, start_ns // interval_ns * interval_ns, end_ns + interval_ns)
        if not len(rows):
            return []
        group = rows[:, 0] // interval_ns
        at = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        ends = np.r_[at[1:], len(rows)] - 1
        high, low = np.maximum.reduceat(rows[:, 2], at), np.minimum.reduceat(rows[:, 3], at)
        lots = np.add.reduceat(rows[:, 5], at)
        found = []
        for n, first in enumerate(at):
            open_ns = int(group[first]) * interval_ns
            if start_ns <= open_ns <= end_ns:
                ticks = (int(rows[first, 1]), int(high[n]), int(low[n]), int(rows[ends[n], 4]))
                o, h, low_price, c = (self.price(j, tick) for tick in ticks)
                closed = open_ns + interval_ns <= self.now_ns
                found.append(Candle(open_ns, o, h, low_price, c, self.qty(j, int(lots[n])), closed))
        return found[-limit:]

    def _fine(self, j: int, interval_ns: int, start_ns: int, end_ns: int) -> Ints:
        """Return the minutes (seconds, for shorter bars) that open in start .. end-1, the growing one at the end."""
        paths = self.paths
        if interval_ns < MINUTE_NS:
            first = max(paths.kept_from(), (start_ns - paths.start_ns) // SECOND_NS)
            stop = min(paths.done, (end_ns - paths.start_ns) // SECOND_NS)
            rows = paths.span(j, first, stop)
            times = paths.start_ns + (first + np.arange(len(rows), dtype=np.int64)) * SECOND_NS
            return np.column_stack([times, rows])
        parts = [_from(paths.history(j), start_ns)] if start_ns < paths.start_ns else []
        parts.append(_from(paths.minutes[j].rows, start_ns))
        grown = paths.done // 60 * 60
        if paths.done > grown:
            parts.append(np.array([paths.fold(j, grown, paths.done)], np.int64))
        rows = np.concatenate(parts)
        return rows[(rows[:, 0] >= start_ns) & (rows[:, 0] < end_ns)]

    def growing(self, j: int, open_ns: int) -> list[int]:
        """Return the bar that opened then as it stands: open time, open, high, low, close, lots."""
        rows = self._fine(j, MINUTE_NS, open_ns, self.now_ns + 1)
        return [
            open_ns,
            int(rows[0, 1]),
            int(rows[:, 2].max()),
            int(rows[:, 3].min()),
            int(rows[-1, 4]),
            int(rows[:, 5].sum()),
        ]

    def ticker(self, j: int) -> Ticker:
        """Return the last 24 hours."""
        rows = self._fine(j, MINUTE_NS, self.now_ns - DAY_NS, self.now_ns + 1)
        if not len(rows):
            price = self.price(j, self.last_tick(j))
            return Ticker(price, price, price, price, Decimal(0), Decimal(0))
        volume = self.qty(j, int(rows[:, 5].sum()))
        middle = self.price(j, int(rows[:, 4].mean()))
        o, h, low, c = int(rows[0, 1]), int(rows[:, 2].max()), int(rows[:, 3].min()), int(rows[-1, 4])
        prices = [self.price(j, tick) for tick in (o, h, low, c)]
        return Ticker(
            prices[0], prices[1], prices[2], prices[3], volume, volume * middle * self.rules[j].contract_size
        )


def _from(minutes: Ints, start_ns: int) -> Ints:
    """Return the minutes of an unbroken table that open at a time or later; the array is shared."""
    if not len(minutes):
        return minutes
    return minutes[max(0, -(-(start_ns - int(minutes[0, 0])) // MINUTE_NS)) :]
