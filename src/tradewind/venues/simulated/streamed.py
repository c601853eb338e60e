"""The simulated exchange on a market that is still happening: it is told step by step what came in.

A step is what became known of the market together. Where trades are told they fill orders, one by one as they
came, and a bar only states itself: filling from it as well would let an order trade before it was sent. Where
no trade of an instrument was ever told, its bars fill as in a backtest, and so does a bar of whose volume the trades
that were told are the smaller part: nobody listened while it happened. Best prices fill what takes, with slippage
but without half the spread, which they contain; what rests waits for trades. What a step led to depends on the steps
and the requests alone, so a session that died is told its steps again from its journal.

Where requests and answers take time, an answer that becomes known within a step parts it: what the market said before
is told, then the answer by itself, which may let its strategy decide again, then the rest. Only a step after which
everybody decides is told whole.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tradewind.engine.latency import in_flight
from tradewind.engine.venue_records import RING
from tradewind.engine.world import World
from tradewind.market.grid import grid_offset_ns
from tradewind.units.enums import FactKind, WakeCode
from tradewind.units.layout import joined
from tradewind.venues.port import FACT, Batch
from tradewind.venues.simulated import kernel
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.feed import ReplayFeed
from tradewind.venues.simulated.kernel import Kernel

__all__ = ["MarketStep", "StreamedExchange", "market_steps_of"]

Records = np.ndarray

_take_bar: Kernel = kernel.take_bar
_take_event: Kernel = kernel.take_event
_take_top: Kernel = kernel.take_top
_deliver_next: Kernel = kernel.deliver_next

_OHLC = ("open_tick", "high_tick", "low_tick", "price_tick", "qty_lot")
_NEVER = -1
"""No fact becomes known by then."""
_UNDER_ACCOUNTS = (FactKind.LISTED, FactKind.DELISTED, FactKind.TRANSFER, FactKind.STREAM)


@dataclass(frozen=True, slots=True)
class MarketStep:
    """What became known of the market together.

    Parameters
    ----------
    facts
        Rows of `FACT`: bars, trades, marks and what else the market says, in order of receipt.
    wake
        The `WakeCode` that ends it, None: nobody decides.
    now_ns
        Our time after it.
    whole
        What becomes known within it is told among its facts and lets nobody decide: a journal of before steps were
        parted has it so.
    """

    facts: Records
    wake: int | None
    now_ns: int
    whole: bool = False


def market_steps_of(batch: Batch) -> MarketStep | None:
    """Return the step of the market that a recorded batch of this exchange came from, None if it came from none."""
    kind = batch.facts["kind"]
    told = batch.facts[(kind <= FactKind.TIMER) | np.isin(kind, _UNDER_ACCOUNTS)]
    if len(told) == 0 and batch.wake is None:
        return None
    return MarketStep(told.copy(), batch.wake, batch.now_ns, whole=len(told) < len(batch.facts))


class StreamedExchange(SimulatedExchange):
    """A simulated exchange whose market comes in while it runs.

    Parameters
    ----------
    world
        As for `SimulatedExchange`.
    interval_ns
        Length of a bar.
    slippage
        Of what takes at a best price, as a ratio of price; None: that of the instruments, half the spread included.
    """

    def __init__(self, world: World, interval_ns: int, slippage: float | None = None) -> None:
        bars = np.zeros((0, len(world.views), 5), np.int64)
        super().__init__(world, ReplayFeed(bars, np.zeros(0, np.int64), _none(), interval_ns))
        self._steps: deque[MarketStep] = deque()
        self._printed = np.zeros((len(world.views), 2, 2), np.int64)
        """The two newest intervals in which trades were told, the newest first: when it began, and lots."""
        slips = world.venue_instruments["slip"]
        self._slips = np.ascontiguousarray(slips if slippage is None else np.full_like(slips, slippage))

    def push(self, step: MarketStep) -> None:
        """Take a step of the market, to be lived through when a batch is asked for."""
        self._steps.append(step)

    def save(self, after: int) -> bytes:
        """Return everything that `restore` needs, as the exchange it extends does."""
        return msgspec.msgpack.encode((self._printed.tobytes(), super().save(after)))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved state."""
        printed, rest = msgspec.msgpack.decode(saved, type=tuple[bytes, bytes])
        self._printed = np.frombuffer(printed, np.int64).reshape(self._printed.shape).copy()
        super().restore(rest)

    def _make_known_on_the_way(self) -> Batch | None:
        """Before the next step, tell what becomes known by then, one fact a batch: each may wake somebody again."""
        if not self._lagged or not self._steps:
            return None
        known = self._known_one(_first_ns(self._steps[0]))
        if known is None:
            return None
        self._at.now_ns = max(self._at.now_ns, int(known["recv_ts_ns"][0]))
        return self._say(known, None, again=True)

    def _take_step(self) -> Batch | None:
        """Let the next step of the market happen, up to an answer that becomes known within it."""
        if not self._steps or self.bankrupt:
            return None
        step, parts, done = self._steps.popleft(), [_none()], 0
        if len(step.facts) == 0 and step.wake is None:
            return self._make_known_on_the_way() or self._take_step()
        is_parted = self._lagged and not step.whole and step.wake in (None, WakeCode.MARK)
        for run in _runs(step.facts):
            if is_parted and done and self._is_answered_by(int(run["recv_ts_ns"][0])):
                return self._part(step, parts, done)
            parts += self._happen(run)
            done += len(run)
        if is_parted and done and self._is_answered_by(step.now_ns):
            return self._part(step, parts, done)
        self._at.now_ns = max(self._at.now_ns, step.now_ns)
        if self._lagged:
            parts += self._known_until(step.now_ns, step.now_ns)
        self._at.step += step.wake is not None
        self._at.turn = 0
        return self._say(joined(parts), step.wake, again=False)

    def _part(self, step: MarketStep, parts: list[Records], done: int) -> Batch:
        """Tell what its first `done` facts led to; what is left of the step waits until the answer was told."""
        self._steps.appendleft(MarketStep(step.facts[done:], step.wake, step.now_ns))
        return self._say(joined(parts), None, again=False)

    def _is_answered_by(self, until_ns: int) -> bool:
        """Let requests arrive until then; say whether an answer becomes known by then."""
        venue = self._world.venues[0]
        if not in_flight(venue):
            return False
        _deliver_next(*self._tables, until_ns, _NEVER)
        head = int(venue["fact_head"])
        return head < int(venue["fact_tail"]) and int(venue["fact_due_ns"][head % RING]) <= until_ns

    def _happen(self, run: Records) -> list[Records]:
        """Tell facts of one moment, let them fill, stop, settle or judge, and tell what that led to."""
        parts: list[Records] = []
        known_ns = int(run["recv_ts_ns"][0])
        self._at.now_ns = max(self._at.now_ns, known_ns)
        if self._lagged:
            parts += self._known_until(known_ns, known_ns)
        if run["kind"][0] != FactKind.DELISTED:
            parts.append(run.copy())
        if run["kind"][0] == FactKind.BAR:
            self._fill_from(run, int(run["venue_ts_ns"][0]))
        elif run["kind"][0] == FactKind.TRADE:
            self._note_print(run[0])
            self._fill_from(run, int(run["recv_ts_ns"][0]))
        elif run["kind"][0] == FactKind.BOOK_TOP:
            _take_top(*self._tables, run, self._slips, 0)
        else:
            _take_event(*self._tables, run, 0)
        parts.append(self._heard())
        return parts

    def _note_print(self, trade: np.void) -> None:
        """Count a trade into its interval."""
        interval_ns, at = self._feed.interval_ns, self._printed[int(trade["instrument"])]
        ts_ns, lots = int(trade["venue_ts_ns"]), int(trade["qty_lot"])
        open_ns = ts_ns - (ts_ns - grid_offset_ns(interval_ns)) % interval_ns
        if open_ns > at[0, 0]:
            at[1], at[0] = at[0], (open_ns, 0)
        at[at[:, 0] == open_ns, 1] += lots

    def _was_printed(self, bars: Records) -> NDArray[np.bool_]:
        """Say of each bar whether the trades that were told are most of it; (bars,)."""
        printed = self._printed[bars["instrument"]]
        lots = np.where(printed[:, :, 0] == bars["venue_ts_ns"][:, None], printed[:, :, 1], 0).sum(axis=1)
        most: NDArray[np.bool_] = (printed[:, 0, 0] > 0) & (2 * lots >= bars["qty_lot"])
        return most

    def _fill_from(self, run: Records, open_ns: int) -> None:
        """Let bars, or one trade as the smallest of bars, pass through matching."""
        bars = np.zeros((len(self._printed), 5), np.int64)
        # Nothing trades in a bar of negative volume: nor does what this run says nothing of trade once more.
        bars[:, 4] = -1
        at = run["instrument"]
        if run["kind"][0] == FactKind.TRADE:
            bars[at, :4] = run["price_tick"][:, None]
            bars[at, 4] = np.maximum(run["qty_lot"], 1)
        else:
            for column, name in enumerate(_OHLC):
                bars[at, column] = run[name]
            bars[at, 4] = np.where(self._was_printed(run), -1, bars[at, 4])
        _take_bar(*self._tables, self._world.accounts, bars, open_ns)


def _first_ns(step: MarketStep) -> int:
    return int(step.facts["recv_ts_ns"][0]) if len(step.facts) else step.now_ns


def _runs(facts: Records) -> Iterator[Records]:
    """Cut a step into what happens at once: bars of one opening time together, everything else by itself."""
    start = 0
    for end in range(1, len(facts) + 1):
        goes_on = (
            end < len(facts)
            and facts["kind"][start] == facts["kind"][end] == FactKind.BAR
            and facts["venue_ts_ns"][start] == facts["venue_ts_ns"][end]
        )
        if not goes_on:
            yield facts[start:end]
            start = end


def _none() -> Records:
    return np.zeros(0, FACT)
