"""Closed bars out of streams of candles: each told once, in order, without holes, never while it may change.

A candle is over when the venue says so, or when a later one of the same instrument has begun; in the second
case, and wherever one is missing, what it was is fetched by REST. A candle that was told is not told again,
whatever the venue says of it later: a revision is counted and left to the comparison with downloaded history.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bar", "CandleKeeper", "Closed"]

Bar = tuple[int, int, int, int, int]
"""Open, high, low, close in ticks, volume in lots."""

Closed = tuple[int, Bar]
"""Open time in ns, and the bar."""


@dataclass(slots=True)
class CandleCounts:
    """What was done to candles: told twice, changed after their end, too late, off their grid, fetched by REST."""

    duplicates: int = 0
    revised: int = 0
    late: int = 0
    off_grid: int = 0
    fetched: int = 0


class CandleKeeper:
    """The candles of one instrument and interval.

    Parameters
    ----------
    interval_ns
        Length of a bar.
    next_ns
        Open time of the first bar that is wanted; 0: the first one that closes.
    ahead_bars
        How many closed bars are kept while an earlier one is missing.
    """

    def __init__(self, interval_ns: int, next_ns: int = 0, ahead_bars: int = 1_000) -> None:
        self.interval_ns = interval_ns
        self.next_ns = next_ns
        self.counts = CandleCounts()
        self._ahead_bars = ahead_bars
        self._ahead: dict[int, Bar] = {}
        self._told: tuple[int, Bar] | None = None
        self._begun_ns = 0

    @property
    def missing(self) -> tuple[int, int] | None:
        """Return the stretch [start, end) of bars that must be fetched, None where nothing is missing.

        A bar is missing once a later one has closed or begun.
        """
        if not self.next_ns:
            return None
        known = min(self._ahead) if self._ahead else max(self._begun_ns, self.next_ns)
        return (self.next_ns, known) if known > self.next_ns else None

    def hear(self, open_ns: int, bar: Bar, closed: bool) -> list[Closed]:
        """Take a candle of the stream; return the bars that may be told now, in order of time."""
        if open_ns % self.interval_ns:
            self.counts.off_grid += 1
            return []
        if self.next_ns and open_ns < self.next_ns:
            self._count_known(open_ns, bar, closed)
            return []
        if not closed:
            self._begin(open_ns)
            return []
        if not self.next_ns:
            self.next_ns = open_ns
        if open_ns == self.next_ns and not self._ahead:
            self._told = (open_ns, bar)
            self.next_ns = open_ns + self.interval_ns
            return [self._told]
        if open_ns in self._ahead:
            self.counts.duplicates += 1
        elif len(self._ahead) < self._ahead_bars:
            self._ahead[open_ns] = bar
        return self._release()

    def fetched(self, bars: list[Closed]) -> list[Closed]:
        """Take bars that REST says are over; return those that may be told now."""
        for open_ns, bar in bars:
            if open_ns >= self.next_ns and open_ns % self.interval_ns == 0 and open_ns not in self._ahead:
                self._ahead[open_ns] = bar
                self.counts.fetched += 1
        return self._release()

    def due(self, now_ns: int, grace_ns: int) -> tuple[int, int] | None:
        """Return the bars that should be there by the clock and are not, as [start, end).

        Why: a stream that fell silent begins no later candle that would show what is missing.
        """
        ended_ns = (now_ns - grace_ns) // self.interval_ns * self.interval_ns
        if not self.next_ns or ended_ns <= self.next_ns:
            return self.missing
        return self.next_ns, max(ended_ns, self.next_ns)

    def skip_to(self, next_ns: int) -> list[Closed]:
        """Give up the bars before this time; return those after it that may be told now."""
        self.next_ns = max(self.next_ns, next_ns)
        return self._release()

    def start_at(self, next_ns: int) -> None:
        """Begin with the bar that opens at this time, unless a bar was told already."""
        if not self.next_ns:
            self.next_ns = next_ns

    def _begin(self, open_ns: int) -> None:
        self._begun_ns = max(self._begun_ns, open_ns)
        if not self.next_ns:
            self.next_ns = open_ns

    def _count_known(self, open_ns: int, bar: Bar, closed: bool) -> None:
        if not closed:
            self.counts.late += 1
        elif self._told is not None and self._told[0] == open_ns and self._told[1] != bar:
            self.counts.revised += 1
        else:
            self.counts.duplicates += 1

    def _release(self) -> list[Closed]:
        told = []
        while self.next_ns in self._ahead:
            bar = self._ahead.pop(self.next_ns)
            self._told = (self.next_ns, bar)
            told.append(self._told)
            self.next_ns += self.interval_ns
        return told
