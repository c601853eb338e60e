"""Feed a world with bars, chunk by chunk, and keep what it says.

A chunk is converted to integers just before it is run, so that memory beyond the history itself does not grow with the
length of a run; what is kept of a run is bounded by its result: fills, changes of orders, refusals, money, equity.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tradewind.engine.world import Drained, World, lot_of
from tradewind.errors import InvariantBroken
from tradewind.market import to_steps
from tradewind.research.facts import Facts
from tradewind.research.history import Histories, History

__all__ = ["CHUNK_BARS", "Driven", "Ints", "Records", "drive", "integers_of"]

CHUNK_BARS = 65_536
_FIRST_PIECE = 1
_PIECE_S = 0.25
Ints = npt.NDArray[np.int64]
Records = np.ndarray
Progress = Callable[[int], None]

_PRICES = ("open", "high", "low", "close")


@dataclass(slots=True)
class Driven:
    """What a world said.

    equity: (bars, wallets, 3) money: balance, equity, margin used; `bars_run` of them count. hashes: place on the grid
    → hash of all decisions before it. open_tick: open of the bar of each fill, shape (fills,).
    """

    equity: Ints
    bars_run: int = 0
    bankrupt: bool = False
    hashes: dict[int, str] = field(default_factory=dict)
    fills: list[Records] = field(default_factory=list)
    open_tick: list[Ints] = field(default_factory=list)
    orders: list[Records] = field(default_factory=list)
    refusals: list[Records] = field(default_factory=list)
    cash: list[Records] = field(default_factory=list)


def drive(
    world: World,
    histories: Histories,
    facts: Facts,
    *,
    stops: Sequence[int] = (),
    cut: bool = False,
    keep: bool = True,
    progress: Progress | None = None,
) -> Driven:
    """Run a world over the histories and return what it said.

    stops: further places on the grid before which the hash of decisions is noted. cut: hand out nothing beyond the next
    of them, not even as bars that are not run yet. keep: whether rows of the log are kept. Raises InvariantBroken where
    rows were lost.
    """
    bars = histories.bars
    driven = Driven(np.zeros((bars, len(world.accounts), 3), np.int64))
    wanted = {0, bars, histories.warm_stop, *stops}
    edges = sorted(wanted | (set() if cut else set(range(0, bars, CHUNK_BARS))))
    feed, pace = _Feed(world, histories, facts), _Pace()
    for start, stop in _spans(edges):
        world.core["warming"] = int(stop <= histories.warm_stop)
        chunk, ts_ns = feed.bars(start, stop)
        events = feed.facts(stop)
        at = 0
        while at < len(ts_ns) and not driven.bankrupt:
            piece = pace.next_stop(at, len(ts_ns))
            at = world.advance(chunk, ts_ns, events, driven.equity[start:stop], at, piece)
            drained = world.drain()
            if keep:
                _keep(driven, drained, chunk, ts_ns)
            driven.bankrupt = bool(world.venues["bankrupt"][0])
            driven.bars_run = start + at
            if progress is not None:
                progress(driven.bars_run)
        driven.hashes[stop] = world.decisions_hash()
        if driven.bankrupt:
            break
    _check(world)
    return driven


def _spans(edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the parts between edges, none longer than a chunk."""
    for start, stop in pairwise(edges):
        for at in range(start, stop, CHUNK_BARS):
            yield at, min(stop, at + CHUNK_BARS)


def _keep(driven: Driven, drained: Drained, chunk: Ints, ts_ns: Ints) -> None:
    for kept, rows in (
        (driven.fills, drained.fills),
        (driven.orders, drained.orders),
        (driven.refusals, drained.refusals),
        (driven.cash, drained.cash),
    ):
        if len(rows):
            kept.append(rows)
    if len(drained.fills):
        at = np.searchsorted(ts_ns, drained.fills["ts_ns"])
        driven.open_tick.append(chunk[np.minimum(at, len(ts_ns) - 1), drained.fills["instrument"], 0])


def _check(world: World) -> None:
    """Raise where the world lost something that it should have told."""
    if world.core["errors"][0] or world.venues["overflow"][0]:
        raise InvariantBroken(
            "INVARIANT_BROKEN",
            f"{int(world.core['errors'][0])} rows of the log and {int(world.venues['overflow'][0])} messages were lost",
        )


class _Pace:
    """Pieces short enough that an interruption is heard between them, however long a decision takes.

    Machine code hears no signal. Where a chunk is divided changes nothing in what comes of it.
    """

    def __init__(self) -> None:
        self._bars = _FIRST_PIECE
        self._began_s = 0.0

    def next_stop(self, at: int, end: int) -> int:
        """Return where the next piece ends, longer or shorter than the last by how long that one took."""
        now_s = time.monotonic()
        if self._began_s:
            passed_s = max(now_s - self._began_s, 1e-6)
            self._bars = max(1, min(CHUNK_BARS, int(self._bars * min(4.0, _PIECE_S / passed_s))))
        self._began_s = time.monotonic()
        return min(end, at + self._bars)


class _Feed:
    """Bars and facts in the order in which a world wants them."""

    def __init__(self, world: World, histories: Histories, facts: Facts) -> None:
        self._world = world
        self._histories = histories
        self._facts = facts
        self._told = 0
        self._after_ns = int(world.views["interval_ns"][0]) + int(world.venues["feed_ns"][0])

    def bars(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """Return bars start..stop-1 of the grid in ticks and lots, shape (n, instruments, 5), and their times."""
        aligned = self._histories.aligned
        chunk = np.zeros((stop - start, len(self._histories.each), 5), np.int64)
        for column, history in enumerate(self._histories.each):
            row = aligned.row[column, start:stop]
            there = row >= 0
            chunk[there, column] = integers_of(history, row[there])
        return chunk, np.ascontiguousarray(aligned.ts_ns[start:stop])

    def facts(self, stop: int) -> Records:
        """Return the facts that become known until the bar before `stop` has closed; the world begins at the first."""
        until_ns = int(self._histories.aligned.ts_ns[stop - 1]) + self._after_ns
        end = int(np.searchsorted(self._facts.known_ns, until_ns, side="right"))
        rows = self._facts.rows(self._told, end)
        self._told = max(self._told, end)
        self._world.venues["event_at"] = 0
        self._world.venues["next_event_ns"] = 0
        return rows


def integers_of(history: History, rows: npt.NDArray[np.int32]) -> Ints:
    """Return rows of an instrument's bars in ticks and lots, shape (n, 5); the volume of a made bar is negative.

    Raises DATA_GRID for a price between two ticks.
    """
    bars, instrument = history.bars, history.instrument
    found = np.empty((len(rows), 5), np.int64)
    for place, name in enumerate(_PRICES):
        found[:, place] = to_steps(
            bars.column(name)[rows].astype(np.float64), history.grid.step, history.label
        )
    size = float(lot_of(instrument))
    if instrument.payoff == "linear":
        size *= float(instrument.contract_size)
    found[:, 4] = np.where(history.made[rows], -1, np.floor(bars.volume[rows] / size).astype(np.int64))
    return found
