"""What a session heard of its bars against what the venue says of them afterwards.

A stream may lose, revise or garble a bar, and history is mended later: a backtest over downloaded bars of a day
is the session's day only as far as the two agree. This says how far they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.journal import RecordKind
from tradewind.journal.bodies import decode_facts, layouts_at
from tradewind.units.enums import FactKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.journal import JournalReader

__all__ = ["BarComparison", "compare_bars", "received_bars"]

_COLUMNS = ("venue_ts_ns", "open_tick", "high_tick", "low_tick", "price_tick", "qty_lot")
_PRICES = slice(1, 5)
_VOLUME = 5


@dataclass(frozen=True, slots=True)
class BarComparison:
    """How the bars of one instrument compare.

    Parameters
    ----------
    received, equal
        Bars that the session heard, and those that agree in every field.
    prices, volumes
        Open times of bars whose prices differ, and of those that differ in volume only.
    unheard, unknown
        Open times of bars that only the history has, and of those that only the session heard.
    """

    received: int
    equal: int
    prices: tuple[int, ...]
    volumes: tuple[int, ...]
    unheard: tuple[int, ...]
    unknown: tuple[int, ...]


def received_bars(reader: JournalReader) -> dict[int, NDArray[np.int64]]:
    """Return the bars that a session was told, by instrument.

    Shape (n, 6): open time in ns, open, high, low, close in ticks, volume in lots; as first told, in order of time.
    """
    told: dict[int, dict[int, list[int]]] = {}
    for record in reader.records():
        if record.kind != RecordKind.MARKET:
            continue
        _, rows = decode_facts(record, layouts_at(list(reader.headers), record.seq))
        for row in rows[rows["kind"] == FactKind.BAR]:
            bar = [int(row[name]) for name in _COLUMNS]
            told.setdefault(int(row["instrument"]), {}).setdefault(bar[0], bar)
    return {
        instrument: np.array([bars[at] for at in sorted(bars)], np.int64)
        for instrument, bars in sorted(told.items())
    }


def compare_bars(received: NDArray[np.int64], history: NDArray[Any]) -> BarComparison:
    """Compare bars that were heard with those of a history, both of shape (n, 6) and as `received_bars`."""
    heard, stored = received[:, 0], history[:, 0]
    first, last = int(heard[0]), int(heard[-1])
    inside = (stored >= first) & (stored <= last)
    _, mine, theirs = np.intersect1d(heard, stored, assume_unique=True, return_indices=True)
    prices = (received[mine, _PRICES] != history[theirs, _PRICES]).any(axis=1)
    volumes = ~prices & (received[mine, _VOLUME] != history[theirs, _VOLUME])
    return BarComparison(
        received=len(received),
        equal=int((~prices & ~volumes).sum()),
        prices=_times(heard[mine][prices]),
        volumes=_times(heard[mine][volumes]),
        unheard=_times(np.setdiff1d(stored[inside], heard)),
        unknown=_times(np.setdiff1d(heard, stored)),
    )


def _times(found: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(found.tolist())
