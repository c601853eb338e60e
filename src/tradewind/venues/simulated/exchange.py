"""A simulated exchange over the engine's own venue kernel: the same fills as in a backtest, asked for batch by batch.

It is deterministic: what it says depends on its feed and on the requests it was sent, never on when anybody
asked. It numbers what it says and remembers what may be asked for again, and it takes each request once, so a
session may die and come back.
"""

import zlib
from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from tradewind.engine.latency import in_flight, post_facts, post_requests
from tradewind.engine.world import World
from tradewind.journal import unpack_rows
from tradewind.journal.bodies import LAYOUTS
from tradewind.units.enums import FactKind, Rule, WakeCode
from tradewind.units.jit import allocate
from tradewind.units.wire import Request
from tradewind.venues.port import FACT, Batch, Taken
from tradewind.venues.simulated import kernel
from tradewind.venues.simulated.feed import ReplayFeed
from tradewind.venues.simulated.kernel import Kernel

__all__ = ["SimulatedExchange"]

Records = np.ndarray

_take_bar: Kernel = kernel.take_bar
_take_event: Kernel = kernel.take_event
_take_requests: Kernel = kernel.take_requests
_deliver_next: Kernel = kernel.deliver_next

_TURNS = 4
"""Rounds of decide-and-ask within one batch, as `engine.loop` counts them."""


class _Clockwork(msgspec.Struct, array_like=True):
    """Where the exchange stands, beside its tables."""

    step: int = 0
    event: int = 0
    opened: bool = False
    turn: int = 0
    now_ns: int = 0
    batches: int = 0
    facts: int = 0
    requests: int = 0


class _Saved(msgspec.Struct, array_like=True, frozen=True):
    """The exchange as a snapshot keeps it; `layout` says which fields the rows of `said` have."""

    at: _Clockwork
    said: list[tuple[int, bytes, int | None, bool, int]]
    tables: bytes
    layout: tuple[tuple[str, str], ...] = LAYOUTS["FACT"]


class SimulatedExchange:
    """The venue's half of a world, driven by a feed.

    Parameters
    ----------
    world
        Gives instruments, wallets, contexts and the venue's clocks; its core stays unused.
    feed
        What happens in the market.
    """

    def __init__(self, world: World, feed: ReplayFeed) -> None:
        self._world = world
        self._feed = feed
        self._at = _Clockwork()
        self._said: deque[Batch] = deque()
        self._tables = (*world.venue, world.views, world.box)
        self._lagged = bool(world.venues["lagged"][0])
        self._bar_facts = np.zeros(len(world.views), FACT)
        self._bar_facts["kind"] = FactKind.BAR
        self._bar_facts["instrument"] = np.arange(len(world.views))
        self._incoming = allocate(Request, 1)

    @property
    def taken(self) -> Taken:
        """Return what a session that connects must know."""
        oldest = self._said[0].number if self._said else self._at.batches + 1
        return Taken(self._at.requests, oldest)

    @property
    def last_batch(self) -> int:
        """Return the number of the last batch that was made."""
        return self._at.batches

    @property
    def bankrupt(self) -> bool:
        """Say whether a wallet is gone, which ends the market for this session."""
        return bool(self._world.venues["bankrupt"][0])

    def next_batch(self, after: int, durable: int) -> Batch | None:
        """Return the batch after number `after`: one made before, or what happens next (see `VenuePort`)."""
        while self._said and self._said[0].number <= durable:
            self._said.popleft()
        for batch in self._said:
            if batch.number > after:
                return batch
        return self._make_known_on_the_way() or self._take_step()

    def submit(self, first: int, requests: Records) -> None:
        """Take requests numbered from `first`, each once."""
        assert first <= self._at.requests + 1, "requests were skipped"
        fresh = requests[max(0, self._at.requests + 1 - first) :]
        if len(fresh) == 0:
            return
        self._at.requests += len(fresh)
        if self._lagged:
            self._post(fresh)
            return
        self._incoming = _room_for(self._incoming, fresh)
        _take_requests(*self._tables, self._incoming, len(fresh), self._at.now_ns)
        self._at.turn += 1
        self._say(self._heard(), None, again=self._at.turn < _TURNS)

    def query(self, cids: Sequence[int]) -> Records:
        """Return what the tables say of these orders now; on its way is not here yet."""
        rows = np.concatenate([self._bar_facts[:0], *(self._describe(cid) for cid in cids)])
        rows["venue_ts_ns"] = rows["recv_ts_ns"] = self._at.now_ns
        return rows

    def save(self, after: int) -> bytes:
        """Return everything that `restore` needs to go on for a session that has taken the batches up to `after`."""
        tables = b"".join(part.tobytes() for part in self._tables[:-1])
        pending = [batch for batch in self._said if batch.number > after]
        said = [(b.number, b.facts.tobytes(), b.wake, b.again, b.now_ns) for b in pending]
        return msgspec.msgpack.encode(_Saved(self._at, said, zlib.compress(tables, 1), LAYOUTS["FACT"]))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved state, over the same feed and the same set-up; ValueError: it has another form."""
        found = msgspec.msgpack.decode(saved, type=_Saved)
        tables, start = zlib.decompress(found.tables), 0
        if len(tables) != sum(part.nbytes for part in self._tables[:-1]):
            raise ValueError("the tables of the exchange had another form")
        self._at = found.at
        self._said = deque(
            Batch(number, unpack_rows(rows, found.layout, FACT), wake, again, now_ns)
            for number, rows, wake, again, now_ns in found.said
        )
        for part in self._tables[:-1]:
            part.view(np.uint8)[:] = np.frombuffer(tables, np.uint8, part.nbytes, start)
            start += part.nbytes

    def _take_step(self) -> Batch | None:
        """Let the next bar of the feed happen."""
        at, feed, world = self._at, self._feed, self._world
        if at.step >= len(feed) or self.bankrupt:
            return None
        venue, open_ns = world.venues[0], int(feed.ts[at.step])
        close_ns = open_ns + feed.interval_ns
        known_ns = close_ns + int(venue["feed_ns"])
        at.now_ns = max(at.now_ns, close_ns)
        parts = [self._bars_told(feed.bars[at.step], open_ns, close_ns)]
        _take_bar(*self._tables, world.accounts, feed.bars[at.step], open_ns)
        parts.append(self._heard())
        parts += self._events_until(known_ns)
        if self._lagged:
            parts += self._known_until(close_ns, known_ns)
            at.now_ns = max(at.now_ns, known_ns)
        wake = self._wake_at(close_ns)
        at.step, at.turn, at.opened = at.step + 1, 0, False
        return self._say(np.concatenate(parts), wake, again=False)

    def _wake_at(self, close_ns: int) -> int:
        venue = self._world.venues[0]
        every_ns = int(venue["wake_every_ns"])
        if every_ns and (close_ns - int(venue["wake_from_ns"])) % every_ns:
            return WakeCode.MARK
        return WakeCode.WARM if self._at.step < self._feed.warm_steps else WakeCode.BATCH

    def _bars_told(self, bars: Records, open_ns: int, close_ns: int) -> Records:
        told = self._bar_facts[bars[:, 3] > 0]
        here = bars[bars[:, 3] > 0]
        for column, name in enumerate(("open_tick", "high_tick", "low_tick", "price_tick", "qty_lot")):
            told[name] = here[:, column]
        told["qty_lot"] = np.maximum(told["qty_lot"], 0)
        told["venue_ts_ns"], told["recv_ts_ns"] = open_ns, close_ns
        return told

    def _events_until(self, known_ns: int) -> list[Records]:
        """Let events act on the venue; each is told before what it led to, a delisting by its consequences only."""
        parts = []
        events = self._feed.events
        while self._at.event < len(events) and events["recv_ts_ns"][self._at.event] <= known_ns:
            event = self._at.event
            self._at.event += 1
            if events["kind"][event] != FactKind.DELISTED:
                parts.append(events[event : event + 1])
            _take_event(*self._tables, events, event)
            parts.append(self._heard())
        return parts

    def _known_until(self, arrive_ns: int, know_ns: int) -> list[Records]:
        parts = []
        while in_flight(self._world.venues[0]) and _deliver_next(*self._tables, arrive_ns, know_ns):
            parts.append(self._out_of_box())
        return parts

    def _make_known_on_the_way(self) -> Batch | None:
        """Before a bar opens, tell what becomes known by then, one fact a batch: each may wake somebody again."""
        at, venue = self._at, self._world.venues[0]
        if not self._lagged or at.opened or at.step >= len(self._feed):
            return None
        open_ns = int(self._feed.ts[at.step]) + int(venue["grace_ns"])
        known = self._known_one(open_ns)
        if known is None:
            at.opened = True
            return None
        at.now_ns = max(at.now_ns, int(known["recv_ts_ns"][0]))
        return self._say(known, None, again=at.step > self._feed.warm_steps)

    def _known_one(self, until_ns: int) -> Records | None:
        if in_flight(self._world.venues[0]) and _deliver_next(*self._tables, until_ns, until_ns):
            return self._out_of_box()
        return None

    def _post(self, requests: Records) -> None:
        box = self._world.box[0]
        box["request"][: len(requests)] = requests
        box["requests"] = len(requests)
        post_requests(self._world.venues[0], box, self._at.now_ns)

    def _heard(self) -> Records:
        """Return what the kernel said, or send it on its way where answers take time."""
        if self._lagged:
            post_facts(self._world.venues[0], self._world.box[0], self._at.now_ns)
            return self._bar_facts[:0]
        return self._out_of_box()

    def _out_of_box(self) -> Records:
        box = self._world.box[0]
        rows: Records = box["fact"][: box["facts"]].copy()
        box["facts"] = 0
        return rows

    def _say(self, facts: Records, wake: int | None, *, again: bool) -> Batch:
        at = self._at
        facts["seq"] = np.arange(at.facts + 1, at.facts + 1 + len(facts))
        at.facts += len(facts)
        at.batches += 1
        batch = Batch(at.batches, facts, wake, again, at.now_ns)
        self._said.append(batch)
        return batch

    def _describe(self, cid: int) -> Records:
        """State one order in facts: it rests, with its fills and terms; it ended, with its totals; or it never came."""
        table = self._world.venue_contexts[cid >> 8 & 0xFFF]
        slot = cid & 0xFF
        order = table["order"][slot]
        rests = order["cid"] == cid and int(table["live"][slot >> 6]) >> (slot & 63) & 1
        rows = np.zeros((2 + int(order["triggered"])) if rests else 1, FACT)
        rows["cid"], rows["instrument"] = cid, table["instrument"]
        if order["cid"] == cid:
            rows["price_tick"] = order["price_tick"]
            rows["qty_lot"], rows["amount"] = order["filled_lot"], order["notional"]
            rows["kind"] = FactKind.FILL if rests else FactKind.CANCELLED
            rows["side"], rows["position_side"] = order["side"], order["position_side"]
            if rests:
                rows["kind"][1:] = (FactKind.AMENDED, FactKind.TRIGGERED)[: len(rows) - 1]
                rows["qty_lot"][1:], rows["code"][1] = order["qty_lot"], 1
        elif order["done_cid"] == cid:
            rows["kind"], rows["qty_lot"] = FactKind.CANCELLED, order["done_lot"]
            rows["amount"] = order["done_notional"]
        else:
            rows["kind"], rows["code"] = FactKind.NOT_SENT, Rule.NOT_SENT
        return rows


def _room_for(incoming: Records, requests: Records) -> Records:
    """Return aligned rows of our own that hold the requests."""
    if len(incoming) < len(requests):
        incoming = allocate(Request, len(requests))
    incoming[: len(requests)] = requests
    return incoming
