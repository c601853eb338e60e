"""The backtest's driver once more in plain Python: a venue outside, the core told one fact at a time through `step`.

It shares the leaves with `engine.run` and nothing of its loop, so that equal bytes mean that the compiled loop
does what the rules say: facts in batches, WAKE at the end, answers of the venue in order, AGAIN after an answered
cancel.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.margin import close_instrument, judge_margin, pay_funding
from tradewind.engine.matching import match, match_closers, trigger_on_mark
from tradewind.engine.step import step
from tradewind.engine.venue import accept
from tradewind.units.enums import BIG, FactKind, WakeCode
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact, Mailbox, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.testing.scenarios import Market

__all__ = ["SteppedSession"]

_TURNS = 4

Record = Any


class SteppedSession:
    """One world driven fact by fact.

    Parameters
    ----------
    world
        Its core is told facts; its venue tables are played from here.
    market
        What happens.
    warm_steps
        So many first bars are history: decided on, nothing sent.
    """

    def __init__(self, world: World, market: Market, warm_steps: int = 0) -> None:
        self.world, self.market, self._warm_steps = world, market, warm_steps
        self.facts_told = 0
        self.fills: list[NDArray[Any]] = []
        self._fact, self._box, self._asked = allocate(Fact), allocate(Mailbox), allocate(Request)
        self._requests: deque[tuple[int, Record]] = deque()
        self._facts: deque[tuple[int, Record]] = deque()
        self._event = 0
        self._state = world.state
        self._step_ns = int(world.views["interval_ns"][0])

    def play(self, start: int, stop: int) -> None:
        """Play bars start..stop-1."""
        for i in range(start, stop):
            self._play_bar(i)
            self.fills.append(self.world.drain().fills)

    @property
    def all_fills(self) -> NDArray[Any]:
        """Return every fill so far."""
        return np.concatenate(self.fills)

    # ------------------------------------------------------------------ one bar

    def _play_bar(self, i: int) -> None:
        venue = self.world.venues[0]
        open_ns = int(self.market.ts[i])
        close_ns = open_ns + self._step_ns
        known_ns = close_ns + int(venue["feed_ns"])
        if venue["lagged"]:
            grace_ns = open_ns + int(venue["grace_ns"])
            self._pump(grace_ns, grace_ns, deciding=i > self._warm_steps)
        self._tell_bars(i, open_ns, close_ns)
        self._match(i, open_ns, close_ns)
        self._play_events(known_ns)
        if venue["lagged"]:
            self._pump(close_ns, known_ns, deciding=False)
        every_ns = int(venue["wake_every_ns"])
        now_ns = known_ns if venue["lagged"] else close_ns
        if every_ns == 0 or (close_ns - int(venue["wake_from_ns"])) % every_ns == 0:
            self._end_batch(WakeCode.WARM if i < self._warm_steps else WakeCode.BATCH, now_ns)
        else:
            self._end_batch(WakeCode.MARK, now_ns)

    def _tell_bars(self, i: int, open_ns: int, close_ns: int) -> None:
        for j, (opened, high, low, close, volume) in enumerate(self.market.bars[i].tolist()):
            if close:
                row = {"open_tick": opened, "high_tick": high, "low_tick": low, "price_tick": close}
                self._tell(
                    kind=FactKind.BAR,
                    instrument=j,
                    venue_ts_ns=open_ns,
                    recv_ts_ns=close_ns,
                    qty_lot=max(volume, 0),
                    **row,
                )
                held = self.world.venue_instruments[j]
                if low < held["safe_low"] or high > held["safe_high"]:
                    self.world.venues["judge"][0] = 1

    def _match(self, i: int, open_ns: int, close_ns: int) -> None:
        world, venue, box = self.world, self.world.venues[0], self._box[0]
        for k, table in enumerate(world.venue_contexts):
            j = int(table["instrument"])
            view = world.views[j]
            near = view["low"] <= table["low_wake"] or view["high"] >= table["high_wake"] or table["at_open"]
            if near and view["ts_ns"] == open_ns and self.market.bars[i, j, 4] >= 0:
                match(
                    venue,
                    view,
                    world.venue_instruments[j],
                    self._wallet(j),
                    world.venue_contexts[k],
                    box,
                    open_ns,
                )
                self._hear(close_ns)
        if venue["judge"]:
            arrays = (
                world.accounts,
                world.views,
                world.venue_instruments,
                world.venue_wallets,
                world.venue_contexts,
            )
            judge_margin(venue, *arrays, box, open_ns)
            self._hear(close_ns)
        if venue["later"]:
            venue["later"] = 0
            for table in world.venue_contexts:
                if table["later"]:
                    j = int(table["instrument"])
                    match_closers(
                        venue,
                        world.views[j],
                        world.venue_instruments[j],
                        self._wallet(j),
                        table,
                        box,
                        open_ns,
                    )
                    self._hear(close_ns)

    def _play_events(self, known_ns: int) -> None:
        world, events = self.world, self.market.events
        now_ns = int(world.core["now_ns"][0])
        while self._event < len(events) and events["recv_ts_ns"][self._event] <= known_ns:
            event = events[self._event]
            self._event += 1
            j, at_ns = int(event["instrument"]), int(event["venue_ts_ns"])
            if event["kind"] == FactKind.DELISTED:
                arrays = (world.views[j], world.venue_instruments[j], self._wallet(j), world.venue_contexts)
                close_instrument(world.venues[0], *arrays, self._box[0], j, at_ns)
            else:
                self._play_event(event, j, at_ns)
            self._hear(now_ns)

    def _play_event(self, event: Record, j: int, at_ns: int) -> None:
        world, box = self.world, self._box[0]
        if event["kind"] == FactKind.TRANSFER:
            world.venue_wallets["balance"][event["wallet"]] += event["amount"]
            world.venues["judge"][0] = 1
        self._tell_row(event)
        if event["kind"] == FactKind.LISTED:
            world.venue_instruments["closed"][j] = 0
        if event["kind"] == FactKind.MARK:
            for k in np.flatnonzero(world.venue_contexts["instrument"] == j):
                trigger_on_mark(world.views[j], world.venue_contexts[k], box, at_ns)
        elif event["kind"] == FactKind.FUNDING_RATE:
            held = world.venue_instruments[j]
            pay_funding(world.views[j], held, self._wallet(j), box, j, float(event["value"]), at_ns)
            world.venues["judge"][0] = 1

    def _end_batch(self, code: int, now_ns: int) -> None:
        asked = self._wake(code, now_ns)
        if self.world.venues["lagged"][0]:
            self._post(asked)
            return
        turn = 0
        while asked:
            self._take(asked, now_ns)
            self._hear(now_ns)
            asked, turn = [], turn + 1
            if turn < _TURNS and self.world.contexts["dirty"].any():
                asked = self._wake(WakeCode.AGAIN, now_ns)

    # ------------------------------------------------------------------ the wire

    def _pump(self, arrive_ns: int, know_ns: int, *, deciding: bool) -> None:
        """Deliver what is due in order of time; a request first where both are due at once."""
        while True:
            request_due_ns = self._requests[0][0] if self._requests else BIG
            fact_due_ns = self._facts[0][0] if self._facts else BIG
            if request_due_ns <= arrive_ns and request_due_ns <= fact_due_ns:
                self._take([self._requests.popleft()[1]], request_due_ns)
                self._hear(request_due_ns)
            elif fact_due_ns <= know_ns:
                fact = self._facts.popleft()[1]
                fact["recv_ts_ns"] = fact_due_ns
                self._tell_row(fact)
                if deciding and self.world.contexts["dirty"][int(fact["cid"]) >> 8 & 0xFFF]:
                    self._post(self._wake(WakeCode.AGAIN, fact_due_ns))
            else:
                return

    def _take(self, asked: Iterable[Record], at_ns: int) -> None:
        world = self.world
        for request in asked:
            table = world.venue_contexts[request["context"]]
            j = int(table["instrument"])
            self._asked[0] = request
            accept(world.views[j], world.venue_instruments[j], table, self._box[0], self._asked[0], at_ns)

    def _hear(self, at_ns: int) -> None:
        """Let the core know what the venue said: now, or after the answer latency."""
        box, venue = self._box[0], self.world.venues[0]
        said = [box["fact"][q].copy() for q in range(int(box["facts"]))]
        box["facts"] = 0
        for fact in said:
            if venue["lagged"]:
                self._facts.append((at_ns + int(venue["answer_ns"]), fact))
            else:
                self._tell_row(fact)

    def _post(self, asked: Iterable[Record]) -> None:
        due_ns = int(self.world.core["now_ns"][0]) + int(self.world.venues["request_ns"][0])
        self._requests.extend((due_ns, request) for request in asked)

    def _wallet(self, j: int) -> Record:
        return self.world.venue_wallets[int(self.world.views["wallet"][j])]

    # ------------------------------------------------------------------ the core

    def _wake(self, code: int, now_ns: int) -> list[Record]:
        self._tell(kind=FactKind.WAKE, code=code, recv_ts_ns=now_ns, venue_ts_ns=now_ns)
        box = self.world.box[0]
        return [box["request"][q].copy() for q in range(int(box["requests"]))]

    def _tell(self, **fields: int) -> None:
        self._fact[:] = 0
        for name, value in fields.items():
            self._fact[name] = value
        self._step()

    def _tell_row(self, fact: Record) -> None:
        self._fact[0] = fact
        self._step()

    def _step(self) -> None:
        self.facts_told += 1
        step(self.world.codes, *self._state, self._fact, 0)
