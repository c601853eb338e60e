"""The prices of a fake exchange, second by second from a seed, and the minutes made of them.

Seconds come in blocks of `market.generate`: one second of all instruments is a function of seed and step, whoever
looks and how often. Older seconds are forgotten, minutes are kept; what was before the start is made, as minutes,
when somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.market import Instrument, randoms
from tradewind.market.generate import COINS, Coin, MarketSpec, generate_market
from tradewind.units.time import MINUTE_NS, SECOND_NS

__all__ = ["BLOCK", "NOISE_MASK", "Minutes", "Paths", "SecondOf"]

Ints = NDArray[np.int64]

BLOCK = 4096
"""Seconds that are made at once; a power of two."""
NOISE_MASK = BLOCK - 1
HISTORY_MINUTES = 40 * 1440
"""Minutes before the start that can be asked for."""
_NOISE = 50
_JUMPS_PER_YEAR = 1_500.0
_JUMP_RATIO = 0.004
_KNOWN = {coin.base: coin for coin in COINS}


@dataclass(frozen=True, slots=True)
class SecondOf:
    """One second of one instrument: ticks, traded lots, and the mark in ticks at its end."""

    open: int
    high: int
    low: int
    close: int
    lots: int
    mark: int


@dataclass(slots=True)
class _Block:
    """Rows of open, high, low, close, lots (instrument, second, 5), marks and noise of one block."""

    number: int
    rows: Ints
    marks: Ints
    noise: list[float]
    stirred: list[int]


class Minutes:
    """The minutes of one instrument from the start on, in ticks and lots, as a growing table."""

    def __init__(self) -> None:
        self._rows = np.zeros((1024, 6), np.int64)
        self._count = 0

    def add(self, row: Sequence[int] | Ints) -> None:
        """Append one complete minute: open time in ns, open, high, low, close, lots."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._count] = row
        self._count += 1

    @property
    def rows(self) -> Ints:
        """Return the complete minutes; the array is shared."""
        return self._rows[: self._count]


class Paths:
    """Seconds and minutes of all instruments.

    Parameters
    ----------
    instruments
        In their order; their ticks and lots at the start stay the units of this table.
    start_ns
        A whole minute.
    prices
        First prices in quote units by symbol or base; others are made up.
    """

    def __init__(
        self, instruments: Sequence[Instrument], seed: int, start_ns: int, prices: Mapping[str, Decimal]
    ) -> None:
        self.seed = seed
        self.start_ns = start_ns
        self.instruments = list(instruments)
        self._coins = [_coin_of(instrument, prices) for instrument in instruments]
        self._first = [coin.price for coin in self._coins]
        self.minutes = [Minutes() for _ in instruments]
        self._blocks: dict[int, _Block] = {}
        self._history: list[Ints] | None = None
        self.done = 0

    def second(self, j: int, step: int) -> SecondOf:
        """Return one second that is still kept: any of the last block or two."""
        block = self._block(step // BLOCK)
        row, at = block.rows[j], step % BLOCK
        o, h, low, c, lots = row[at].tolist()
        return SecondOf(o, h, low, c, lots, int(block.marks[j, at]))

    def bars(self, step: int) -> Ints:
        """Return one second of every instrument: (instruments, 5) of open, high, low, close, lots."""
        return np.ascontiguousarray(self._block(step // BLOCK).rows[:, step % BLOCK])

    def span(self, j: int, first: int, stop: int) -> Ints:
        """Return the seconds first .. stop-1 of an instrument, as far as they are kept: (n, 5)."""
        first = max(first, min(self._blocks, default=0) * BLOCK)
        parts = []
        while first < stop:
            number = first // BLOCK
            end = min(stop, (number + 1) * BLOCK)
            parts.append(self._block(number).rows[j, first % BLOCK : (end - 1) % BLOCK + 1])
            first = end
        return np.concatenate(parts) if parts else np.zeros((0, 5), np.int64)

    def kept_from(self) -> int:
        """Return the first step of which seconds are kept."""
        return min(self._blocks, default=0) * BLOCK

    def noises(self, step: int) -> list[float]:
        """Return `NOISE_MASK` + 1 numbers between 0 and 1 for the block of a second, to be picked from by any hash."""
        return self._block(step // BLOCK).noise

    def noise(self, j: int, step: int, salt: int) -> float:
        """Return a number between 0 and 1 that depends on seed, instrument, step and salt alone."""
        return self.noises(step)[(step * 31 + salt * 2_654_435_761 + j * 977) & NOISE_MASK]

    def day_lots(self, j: int) -> int:
        """Return about how many lots are traded in a day."""
        coin = self._coins[j]
        return max(1, round(coin.turnover / self._first[j] / float(coin.lot_size)))

    def is_stirred(self, j: int, step: int) -> bool:
        """Return whether this second moved so far that somebody was liquidated in it."""
        block = self._block(step // BLOCK)
        row = block.rows[j, step % BLOCK]
        return bool(abs(int(row[3]) - int(row[0])) >= block.stirred[j])

    def advance(self, done: int) -> None:
        """Let seconds up to `done` be over: complete minutes are kept, old seconds are forgotten."""
        for minute in range(self.done // 60, done // 60):
            for j, kept in enumerate(self.minutes):
                kept.add(self.fold(j, minute * 60, minute * 60 + 60))
        self.done = done
        for number in [n for n in self._blocks if n < done // BLOCK - 1]:
            del self._blocks[number]

    def fold(self, j: int, first: int, stop: int) -> list[int]:
        """Return the bar of the seconds first .. stop-1: its open time, open, high, low, close, lots."""
        rows = self.span(j, first, stop)
        return [
            self.start_ns + first * SECOND_NS,
            int(rows[0, 0]),
            int(rows[:, 1].max()),
            int(rows[:, 2].min()),
            int(rows[-1, 3]),
            int(rows[:, 4].sum()),
        ]

    def history(self, j: int) -> Ints:
        """Return the minutes before the start, (n, 6) as in `fold`; they end at the first price."""
        if self._history is None:
            self._history = self._make_history()
        return self._history[j]

    def move(self, j: int, ratio: float) -> None:
        """Multiply every price of an instrument from now on."""
        self._block(self.done // BLOCK)
        for number, block in self._blocks.items():
            first = max(0, self.done - number * BLOCK)
            if first < BLOCK:
                block.rows[j, first:, :4] = _scaled(block.rows[j, first:, :4], ratio)
                block.marks[j, first:] = _scaled(block.marks[j, first:], ratio)

    def resize(self, j: int, ratio: float) -> None:
        """Multiply every traded quantity of an instrument from now on: its contract became smaller or larger."""
        coin = self._coins[j]
        self._coins[j] = replace(coin, lot_size=coin.lot_size / Decimal(str(ratio)))
        for number, block in self._blocks.items():
            first = max(0, self.done - number * BLOCK)
            block.rows[j, first:, 4] = _scaled(block.rows[j, first:, 4], ratio)

    def _block(self, number: int) -> _Block:
        found = self._blocks.get(number)
        if found is None:
            found = self._make_block(number)
            self._blocks[number] = found
        return found

    def _make_block(self, number: int) -> _Block:
        before = self._blocks.get(number - 1)
        if before is None and number > 0:
            before = self._block(number - 1)
        coins = [
            coin
            if before is None
            else replace(coin, price=float(before.rows[j, -1, 3]) * float(coin.tick_size))
            for j, coin in enumerate(self._coins)
        ]
        market = generate_market(
            MarketSpec(
                seed=self.seed * 1_000_003 + number,
                start_ns=self.start_ns + number * BLOCK * SECOND_NS,
                bars=BLOCK,
                interval_ns=SECOND_NS,
                coins=tuple(coins),
                jumps_per_year=_JUMPS_PER_YEAR,
                jump_ratio=_JUMP_RATIO,
                drift_ratio=0.0,
            )
        )
        rows = np.zeros((len(coins), BLOCK, 5), np.int64)
        marks = np.zeros((len(coins), BLOCK), np.int64)
        stirred = []
        for j, coin in enumerate(coins):
            bars, tick = market.bars[coin.symbol], float(coin.tick_size)
            for i, column in enumerate((bars.open, bars.high, bars.low, bars.close)):
                rows[j, :, i] = np.rint(column / tick)
            rows[j, :, 4] = np.maximum(1, np.rint(bars.volume / float(coin.lot_size)))
            marks[j] = np.rint(market.mark[coin.symbol].close / tick)
            moved = np.sort(np.abs(rows[j, :, 3] - rows[j, :, 0]))
            stirred.append(max(2, int(moved[-9])))
        noise = randoms.uniform(randoms.stream(self.seed, _NOISE, number), BLOCK).tolist()
        return _Block(number, rows, marks, noise, stirred)

    def _make_history(self) -> list[Ints]:
        market = generate_market(
            MarketSpec(
                seed=self.seed * 1_000_003 + 999_999,
                start_ns=self.start_ns - HISTORY_MINUTES * MINUTE_NS,
                bars=HISTORY_MINUTES,
                coins=tuple(self._coins),
                premium=False,
                drift_ratio=0.0,
            )
        )
        tables = []
        for coin, first in zip(self._coins, self._first, strict=True):
            bars, tick = market.bars[coin.symbol], float(coin.tick_size)
            ratio = first / float(bars.close[-1])
            table = np.zeros((HISTORY_MINUTES, 6), np.int64)
            table[:, 0] = bars.ts_ns
            for i, column in enumerate((bars.open, bars.high, bars.low, bars.close)):
                table[:, i + 1] = np.maximum(1, np.rint(column * ratio / tick))
            table[:, 5] = np.maximum(1, np.rint(bars.volume / float(coin.lot_size)))
            tables.append(table)
        return tables


def _scaled(ticks: Ints, ratio: float) -> Ints:
    scaled: Ints = np.maximum(1, np.rint(ticks * ratio)).astype(np.int64)
    return scaled


def _coin_of(instrument: Instrument, prices: Mapping[str, Decimal]) -> Coin:
    """Return what `market.generate` needs of an instrument; its lot is one of ours in base units."""
    known = _KNOWN.get(instrument.base, Coin(instrument.symbol, instrument.base))
    price = prices.get(instrument.symbol, prices.get(instrument.base))
    first = known.price if price is None else float(price)
    lot = instrument.lot_size * instrument.contract_size
    if instrument.payoff == "inverse":
        lot = lot / Decimal(str(first))
    return replace(known, symbol=instrument.symbol, price=first, tick_size=instrument.tick_size, lot_size=lot)
