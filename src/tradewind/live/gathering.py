"""Which bars end a batch: all of an interval when they are in, or what there is when the grace is over.

Pure: it is told what came and what time it is, and says what is to be told to the core. It keeps the order of
time for each instrument, drops what is told twice, and never puts two intervals into one batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tradewind.units.enums import StreamCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradewind.venues.gateway import BarSeen

__all__ = ["GRACE_NS", "Gathered", "Gathering"]

GRACE_NS = 2_000_000_000


class Gathered(msgspec.Struct, frozen=True):
    """What is to be told together.

    Parameters
    ----------
    bars
        In the order of their instruments.
    streams
        (instrument, `StreamCode`) of the instruments whose bars turned stale, or came back, or left a gap.
    close_ns
        End of the interval after which everybody decides; None where these bars came late and nobody does.
    """

    bars: tuple[BarSeen, ...]
    streams: tuple[tuple[int, int], ...]
    close_ns: int | None


@dataclass(slots=True)
class Gathering:
    """Bars of one length for some instruments.

    Parameters
    ----------
    instruments
        Whose bars are waited for.
    interval_ns
        Length of a bar.
    grace_ns
        So long after the end of an interval the last of its bars is waited for.

    Attributes
    ----------
    repeated, gaps
        Bars told twice or revised, and bars that never came, so far.
    """

    instruments: frozenset[int]
    interval_ns: int
    grace_ns: int = GRACE_NS
    repeated: int = 0
    gaps: int = 0
    _last_ns: dict[int, int] = field(default_factory=dict)
    _waiting: dict[int, dict[int, BarSeen]] = field(default_factory=dict)
    _late: list[BarSeen] = field(default_factory=list)
    _stale: set[int] = field(default_factory=set)
    _next_ns: int = 0
    _in_order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._in_order = tuple(sorted(self.instruments))

    def begin(self, next_open_ns: int, last_ns: Iterable[tuple[int, int]]) -> None:
        """Start with the interval that opens at `next_open_ns`, after bars that are known: (instrument, open)."""
        self._next_ns = next_open_ns
        self._last_ns.update(last_ns)
        self._waiting = {at_ns: bars for at_ns, bars in self._waiting.items() if at_ns >= next_open_ns}

    @property
    def stale(self) -> frozenset[int]:
        """Return the instruments whose last bar did not come in time."""
        return frozenset(self._stale)

    @property
    def due_ns(self) -> int:
        """Return the time at which the interval in work ends, whatever is in."""
        return self._next_ns + self.interval_ns + self.grace_ns

    def take(self, bar: BarSeen) -> None:
        """Take a bar that is over. One that was told before counts no more: the first word stands."""
        instrument, ts_ns, ahead_ns = bar.instrument, bar.ts_ns, bar.ts_ns - self._next_ns
        interval_ns = self.interval_ns
        if instrument not in self.instruments or bar.interval_ns != interval_ns or ahead_ns % interval_ns:
            return
        if ts_ns <= self._last_ns.get(instrument, -1) or instrument in self._waiting.get(ts_ns, ()):
            self.repeated += 1
        elif ahead_ns < 0:
            self._late.append(bar)
        else:
            self._waiting.setdefault(ts_ns, {})[instrument] = bar

    def ready(self, now_ns: int) -> Gathered | None:
        """Return what can be told now, None for nothing yet; ask again until then."""
        if self._late:
            return self._tell_late()
        here = self._waiting.get(self._next_ns, {})
        if here.keys() >= self.instruments or now_ns >= self.due_ns:
            return self._tell_interval()
        return None

    def _tell_late(self) -> Gathered:
        """Tell bars of intervals that are over: nobody decides on them. One that is up to date is stale no more."""
        late, self._late = sorted(self._late, key=lambda bar: (bar.ts_ns, bar.instrument)), []
        bars = [bar for bar in late if self._is_next(bar)]
        back = {bar.instrument for bar in bars if bar.ts_ns + self.interval_ns == self._next_ns}
        self._stale -= back
        return Gathered(tuple(bars), tuple((j, StreamCode.UP) for j in sorted(back)), None)

    def _tell_interval(self) -> Gathered:
        """Tell the interval in work: its bars, and who is late."""
        here = self._waiting.pop(self._next_ns, {})
        close_ns = self._next_ns = self._next_ns + self.interval_ns
        bars, streams = [], []
        for instrument in self._in_order:
            bar = here.get(instrument)
            code = self._state_after(instrument, bar)
            if code is not None:
                streams.append((instrument, code))
            if bar is not None:
                bars.append(bar)
                self._last_ns[instrument] = bar.ts_ns
        return Gathered(tuple(bars), tuple(streams), close_ns)

    def _state_after(self, instrument: int, bar: BarSeen | None) -> int | None:
        """Return what changed for an instrument: a gap lasts until the next bar joins on without one."""
        if bar is None:
            was_known = instrument in self._stale
            self._stale.add(instrument)
            return None if was_known else StreamCode.STALE
        last_ns = self._last_ns.get(instrument)
        if last_ns is not None and bar.ts_ns != last_ns + self.interval_ns:
            self.gaps += (bar.ts_ns - last_ns) // self.interval_ns - 1
            self._stale.add(instrument)
            return StreamCode.GAP
        if instrument in self._stale:
            self._stale.discard(instrument)
            return StreamCode.UP
        return None

    def _is_next(self, bar: BarSeen) -> bool:
        """Note a late bar; say whether it is newer than what is known, as the core takes no older one."""
        if bar.ts_ns <= self._last_ns.get(bar.instrument, -1):
            self.repeated += 1
            return False
        self._last_ns[bar.instrument] = bar.ts_ns
        return True
