"""The sequencer: one order for everything that is known, written down before it is acted on.

It is synchronous and deterministic. `take` writes a batch down, applies it, lets everybody decide, writes the
requests down and hands them out; whoever sends them makes all of it durable first (`sync`).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tradewind.errors import JournalError
from tradewind.journal import RecordKind
from tradewind.journal.bodies import (
    FACT,
    LOCAL,
    NO_WAKE,
    OTHER_VERSION,
    REFUSED,
    REQUEST,
    Audit,
    BatchPart,
    Closing,
    Decision,
    encode,
    encode_facts,
    encode_requests,
    pack_wake,
)
from tradewind.live.apply import APPLY_FACTS, APPLY_STEP
from tradewind.live.decided import Decided
from tradewind.live.trading_state import StateColumns, TradingState, changes_of, is_flat, wallets_of
from tradewind.units.enums import FactKind, Rule, WakeCode
from tradewind.units.jit import allocate
from tradewind.units.time import HOUR_NS
from tradewind.units.wire import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from tradewind.engine.world import World
    from tradewind.live.tape import Tape
    from tradewind.venues.port import Batch

_UNSYNCED_BATCHES_MAX = 512
_FACT_BYTES = FACT.itemsize
_LASTING = int(FactKind.FEATURE)
"""Kinds from this one on are not of the market: they never expire."""
_COMMANDS = (FactKind.OPERATOR, FactKind.HALT, FactKind.HELD)
_ROWS_MAX = 7_000
"""Facts in one record, which may be 1 MiB long: a market that was not listened to for a while tells more at once."""


class Standing(msgspec.Struct, array_like=True):
    """Where a session stands, beside its world.

    Parameters
    ----------
    batch, requests
        Numbers of the last batch taken and of the last request handed out.
    steps
        Batches so far that everybody decided after.
    now_ns
        Time of the last batch.
    """

    batch: int = 0
    steps: int = 0
    requests: int = 0
    now_ns: int = 0


class Sequencer:
    """A world that is fed batch by batch and a tape that has it all.

    Attributes
    ----------
    standing
        Numbers and times.
    durable
        Number of the last batch that is durable.
    holds_raising
        A strategy that raises is held alone and the others go on; else what it raises ends the session.
    changed
        Is told of every change of what is halted and who is held.
    hourly
        Returns what else is to be written down for people now, once an hour and at an end.
    """

    def __init__(self, world: World, tape: Tape) -> None:
        self.world = world
        self.standing = Standing()
        self.durable = 0
        self.holds_raising = False
        self.changed: Callable[[Audit], None] | None = None
        self.hourly: Callable[[int], Iterable[Audit]] | None = None
        self._columns = StateColumns(world)
        self._state: TradingState | None = None
        self._hour = 0
        self._noted: tuple[bytes, ...] = (b"",)
        self._tape = tape
        self._decided = Decided(world)
        self._make_room(64)

    def take(self, batch: Batch) -> tuple[int, NDArray[Any]] | None:
        """Take a batch; return the number of the first request and the requests to send, None if there are none.

        They may leave only after `sync`.
        """
        if self._state is None:
            self._state = self._columns.state()
        for note in batch.notes:
            self._tape.append(RecordKind.AUDIT, encode(note))
        rows = batch.facts.tobytes()
        ending = b"" if batch.wake is None else pack_wake(batch.wake, batch.now_ns)
        self._write_down(batch, rows, ending)
        standing = self.standing
        standing.now_ns = batch.now_ns
        if batch.number != LOCAL:
            standing.batch = batch.number
        if ending:
            standing.steps += 1
            self._step(rows, ending)
        else:
            self._apply(rows)
            self._decide_beside(batch)
        self._note_state()
        self._note_wallets(is_marked=bool(ending))
        return self._hand_out()

    def _decide_beside(self, batch: Batch) -> None:
        """Let decide, where no WAKE ends a batch, whom a word of ours or an answer concerns."""
        if batch.number == LOCAL and np.isin(batch.facts["kind"], _COMMANDS).any():
            self._wake_beside(batch, WakeCode.MARK)
        elif batch.again and self.world.contexts["dirty"].any():
            self._wake_beside(batch, WakeCode.AGAIN)

    def _note_wallets(self, *, is_marked: bool) -> None:
        """Write down what the wallets hold, for people: once an hour, and whenever money was booked.

        What is held is worth what it is at a WAKE only; money that was booked beside one waits for the next, unless
        nothing is held.
        """
        hour = self.standing.now_ns // HOUR_NS
        if is_marked and hour != self._hour:
            self._hour = hour
            self._write_wallets()
            self._write_hourly()
        elif self._hour and self._noted[0] != self._columns.balances() and (is_marked or is_flat(self.world)):
            self._write_wallets()

    def _write_wallets(self) -> None:
        self._noted = _money_of(self.world)
        self._tape.append(RecordKind.AUDIT, encode(wallets_of(self.world, self.standing.now_ns)))

    def _write_hourly(self) -> None:
        for note in self.hourly(self.standing.now_ns) if self.hourly is not None else ():
            self._tape.append(RecordKind.AUDIT, encode(note))

    def tell_wallets(self) -> None:
        """Write down what the wallets hold at an end, where that is not what was written last, and what is hourly."""
        self._write_hourly()
        known = self._hour or self.world.accounts["balance"].any()
        if known and self._noted != _money_of(self.world):
            self._write_wallets()

    def _note_state(self) -> None:
        """Write down what is halted and who is held where that has changed, for people."""
        before, self._state = self._state, self._columns.state()
        if before is None or before == self._state:
            return
        for change in changes_of(self.world, before, self.standing.now_ns):
            self._tape.append(RecordKind.AUDIT, msgspec.msgpack.encode(change))
            if self.changed is not None:
                self.changed(change)

    def tell_state(self) -> None:
        """Write down the hashes with which a replay must agree here."""
        world = self.world
        self._tape.append(
            RecordKind.STATE, encode(Closing(self.standing.batch, world.decisions_hash(), world.state_hash()))
        )

    def save(self) -> bytes:
        """Return the state of the world and where the session stands."""
        parts = [part.tobytes() for part in self.world.state[:-1]]
        return msgspec.msgpack.encode((self.standing, parts))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved state. Raises JournalError (JOURNAL_VERSION) for one of another layout."""
        self.standing, parts = _saved_parts(self.world, saved)
        for target, part in zip(self.world.state[:-1], parts, strict=True):
            target.view(np.uint8)[:] = np.frombuffer(part, np.uint8)
        self.durable = self.standing.batch
        self._hour = self.standing.now_ns // HOUR_NS

    def sync(self) -> None:
        """Return once everything taken so far is durable. May be called in another thread while nothing is taken."""
        self._tape.sync()
        self.durable = self.standing.batch

    @property
    def sync_due(self) -> bool:
        """Say whether so much is not durable that a crash would make the venue tell too much again."""
        return self.standing.batch - self.durable >= _UNSYNCED_BATCHES_MAX

    def _write_down(self, batch: Batch, rows: bytes, ending: bytes) -> None:
        """Write the facts of a batch, `rows`; a WAKE that ends it stands in the record of the facts before it."""
        runs = _runs(batch.facts, rows)
        parts, wake = len(runs), NO_WAKE if batch.wake is None else batch.wake
        for part, (kind, run) in enumerate(runs, 1):
            head = BatchPart(batch.number, batch.now_ns, part, parts, wake, batch.again)
            self._tape.append(kind, encode_facts(head, run + ending if part == parts else run))

    def _wake_beside(self, batch: Batch, code: int) -> None:
        """Add a WAKE of our own to a batch: a word that halts or closes is acted on at once, not at the next bar."""
        row = pack_wake(code, batch.now_ns)
        head = BatchPart(batch.number, batch.now_ns, 0, 0, code, again=False)
        self._tape.append(RecordKind.FACTS, encode_facts(head, row))
        self._step(b"", row)

    def _step(self, rows: bytes, wake: bytes) -> None:
        """Apply facts and let everybody decide.

        Who raises is held, and the same WAKE goes on behind it: nobody thinks twice.
        """
        world = self.world
        for _ in range(len(world.strategies) + 1):
            count = self._lay_out(rows + wake) - 1
            try:
                APPLY_STEP(world.codes, *world.state, self._facts, count)
            except Exception:
                deciding = int(world.core["deciding"][0])
                if deciding == 0 or not self.holds_raising:
                    raise
                self._hold(deciding - 1, wake)
                rows = b""
            else:
                return

    def _hold(self, strategy: int, row: bytes) -> None:
        """Say that a strategy raised; a replay finds out by itself, and says the same."""
        fact = np.frombuffer(bytearray(row), FACT)
        fact["kind"], fact["code"], fact["qty_lot"] = FactKind.HELD, Rule.RAISED, strategy
        now_ns = int(fact["recv_ts_ns"][0])
        head = BatchPart(self.standing.batch, now_ns, 0, 0, NO_WAKE, again=False)
        said = fact.tobytes()
        self._tape.append(RecordKind.FACTS, encode_facts(head, said))
        self._apply(said)

    def _apply(self, rows: bytes) -> None:
        count = self._lay_out(rows)
        APPLY_FACTS(*self.world.state, self._facts, count)

    def _lay_out(self, rows: bytes) -> int:
        """Put facts where the core reads them; return how many they are."""
        size = len(rows)
        if size > len(self._room):
            self._make_room(2 * size // _FACT_BYTES)
        self._room[:size] = rows
        return size // _FACT_BYTES

    def _make_room(self, rows: int) -> None:
        self._facts = allocate(Fact, rows)
        self._room = self._facts.view(np.uint8).data

    def _hand_out(self) -> tuple[int, NDArray[Any]] | None:
        """Write down what was decided and why, and return it as `take` does."""
        decided = self._decided
        count = decided.requests
        if count or decided.refusals:
            reasons, at_ns, refusals = decided.reasons(), self.standing.now_ns, decided.take_refusals()
            if refusals:
                behind = Audit(at_ns, "", REFUSED, {"wanted": decided.wanted(refusals)})
                self._tape.append(RecordKind.AUDIT, encode(behind))
            self._tape.append(RecordKind.DECISION, encode(Decision(reasons, refusals, at_ns)))
        if not count:
            decided.bound_log()
            return None
        rows, first = decided.rows(), self.standing.requests + 1
        self.standing.requests += count
        self._tape.append(RecordKind.REQUESTS, encode_requests(first, rows))
        return first, np.frombuffer(bytearray(rows), REQUEST)


def refuse_other_state(world: World, saved: bytes) -> None:
    """Refuse what `Session.save` of another version kept, where its form is not that of a world (JOURNAL_VERSION)."""
    own, _ = msgspec.msgpack.decode(saved, type=tuple[bytes, bytes])
    _saved_parts(world, own)


def other_state() -> JournalError:
    """Return the error for a state whose form is that of another version."""
    return JournalError(
        "JOURNAL_VERSION",
        "the session's state was kept by a version of tradewind whose state had another form",
        hint=OTHER_VERSION,
    )


def _saved_parts(world: World, saved: bytes) -> tuple[Standing, list[bytes]]:
    try:
        standing, parts = msgspec.msgpack.decode(saved, type=tuple[Standing, list[bytes]])
    except msgspec.MsgspecError as error:
        raise other_state() from error
    if [len(part) for part in parts] != [part.nbytes for part in world.state[:-1]]:
        raise other_state()
    return standing, parts


def _money_of(world: World) -> tuple[bytes, ...]:
    return tuple(world.accounts[name].tobytes() for name in ("balance", "unrealised"))


def _runs(facts: NDArray[Any], rows: bytes) -> list[tuple[RecordKind, bytes]]:
    """Split facts, `rows`, into runs of market facts, which may expire, and others, each short enough for a record.

    Values from outside stay: nobody else has them.
    """
    kinds = facts["kind"].tolist()
    if len(kinds) <= _ROWS_MAX:
        if not kinds or min(kinds) >= _LASTING:
            return [(RecordKind.FACTS, rows)]
        if max(kinds) < _LASTING:
            return [(RecordKind.MARKET, rows)]
    runs, start = [], 0
    for is_market, run in groupby(kind < _LASTING for kind in kinds):
        end = start + len(list(run))
        kind = RecordKind.MARKET if is_market else RecordKind.FACTS
        runs += [
            (kind, rows[at * _FACT_BYTES : min(end, at + _ROWS_MAX) * _FACT_BYTES])
            for at in range(start, end, _ROWS_MAX)
        ]
        start = end
    return runs
