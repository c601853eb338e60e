"""The order books of a fake market: levels around the last price, less what the exchange's own accounts took."""

from decimal import Decimal

from tradewind.venues.fake.market import FakeMarket
from tradewind.venues.fake.orders import Book
from tradewind.venues.fake.paths import NOISE_MASK

__all__ = ["LEVELS", "Books"]

LEVELS = 20
"""Levels of a book on each side."""
_IDS = 16
"""Update ids of a book in one second: the change of the second, then our own takings."""

Levels = list[tuple[Decimal, Decimal]]


class Books:
    """The books of all instruments in the present second.

    Levels lie on a grid of prices, and the quantity of one depends on its price and changes each eight seconds, so
    that most of a book stays as it is from one second to the next.
    """

    def __init__(self, market: FakeMarket) -> None:
        self._market = market
        self._taken: dict[tuple[int, int], int] = {}
        self._takings = [0] * len(market.rules)
        self._gaps = [max(1, round(market.last_tick(j) * 0.00004)) for j in range(len(market.rules))]

    def levels(self, j: int, side: int) -> list[tuple[int, int]]:
        """Return what is left of one side, (tick, lots) from the touch: side +1 are the asks, what a buyer takes."""
        paths = self._market.paths
        step = max(0, paths.done - 1)
        gap, noise, taken = self._gaps[j], paths.noises(step), self._taken
        tick = self._outset(j, side, step)
        depth = max(2, self._market.calm_lots(j))
        levels = []
        for n in range(LEVELS):
            if tick <= 0:
                break
            ratio = 0.2 + 1.6 * noise[(tick * 7919 + (step + tick) // 8 * 31 + j * 977) & NOISE_MASK]
            lots = max(1, int(depth * ratio * (1 + n // 5 * 2)))
            if taken:
                lots -= taken.get((j, tick), 0)
            if lots > 0:
                levels.append((tick, lots))
            tick = (tick // gap + 1) * gap if side > 0 else (tick - 1) // gap * gap
        return levels

    def touch(self, j: int) -> tuple[int, int]:
        """Return the best bid and the best ask in ticks."""
        if self._taken:
            bids, asks = self.levels(j, -1), self.levels(j, 1)
            last = self._market.last_tick(j)
            return (bids[0][0] if bids else max(1, last - 1)), (asks[0][0] if asks else last + 1)
        step = max(0, self._market.paths.done - 1)
        return self._outset(j, -1, step), self._outset(j, 1, step)

    def _outset(self, j: int, side: int, step: int) -> int:
        """Return where a side begins: the last trade was at one of the two touches."""
        paths = self._market.paths
        noise, close = paths.noises(step), paths.second(j, step).close
        up = noise[(step * 31 + j * 977 + 1) & NOISE_MASK] < 0.5
        near = 1 + int(noise[(step * 37 + j * 977 + 2) & NOISE_MASK] * self._gaps[j])
        touch = close + (0 if up == (side > 0) else near) * side
        return touch if touch > 0 else close

    def book(self, j: int, depth: int = LEVELS) -> Book:
        """Return the book as it is shown."""
        bids = [(self._market.price(j, t), self._market.qty(j, n)) for t, n in self.levels(j, -1)[:depth]]
        asks = [(self._market.price(j, t), self._market.qty(j, n)) for t, n in self.levels(j, 1)[:depth]]
        return Book(bids, asks, self.update_id(j), self._market.now_ns)

    def update_id(self, j: int) -> int:
        """Return the number of the book's last change."""
        return 1_000_000 + self._market.paths.done * _IDS + min(self._takings[j], _IDS - 1)

    def take(self, j: int, tick: int, lots: int) -> None:
        """Use up part of a level until the next second."""
        self._taken[j, tick] = self._taken.get((j, tick), 0) + lots
        self._takings[j] += 1

    def turn(self) -> None:
        """Let a new second begin: what was taken is there again."""
        if self._taken:
            self._taken.clear()
            self._takings = [0] * len(self._takings)
