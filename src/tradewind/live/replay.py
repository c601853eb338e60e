"""Replaying a journal: the same facts in the same order give the same intents, requests and state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tradewind.errors import JournalError
from tradewind.journal import Disk, FileDisk, JournalReader, RecordKind, oldest_start
from tradewind.journal.bodies import Closing, decode_closing
from tradewind.live.market_runs import take_market_run
from tradewind.live.opening import records_to_run
from tradewind.live.sequencer import Sequencer
from tradewind.live.tape import Recorded, ReplayTape, differs

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.engine.world import World

_ANY = 1 << 62
"""More than the number of any batch."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found; everything agreed, or it would have raised.

    Parameters
    ----------
    from_seq
        The record at which it began: 1, or the one after the oldest kept snapshot.
    batches, records, states
        How many batches were run, and how many records, and hashes of the whole state, came out as recorded.
    decisions_hash, state_hash
        Of the core at the end.
    """

    from_seq: int
    batches: int
    records: int
    states: int
    decisions_hash: str
    state_hash: str


def replay_journal(folder: Path, world: World, disk: Disk | None = None) -> Replayed:
    """Run a session again from its journal alone and compare everything it writes.

    Parameters
    ----------
    folder
        Its journal.
    world
        A world of the same set-up, fresh.

    Raises
    ------
    JournalError
        REPLAY_DIFFERS: a record comes out otherwise; JOURNAL_CORRUPT, JOURNAL_VERSION.
    """
    reader = JournalReader(disk or FileDisk(), folder)
    start = oldest_start(reader)
    recorded = Recorded(records_to_run(reader, start), reader.headers)
    tape = ReplayTape(recorded)
    sequencer = Sequencer(world, tape)
    sequencer.holds_raising = True
    if start.state is not None:
        own, _ = msgspec.msgpack.decode(start.state, type=tuple[bytes, bytes])
        sequencer.restore(own)
    batches = states = 0
    while not recorded.ended:
        run = take_market_run(sequencer, recorded, _ANY)
        batch = None if run is not None else recorded.next_batch()
        if run is not None:
            batches += len(run.numbers)
            tape.compared += len(run.numbers)
        elif batch is not None:
            sequencer.take(batch)
            batches += 1
        elif recorded.next_kind == RecordKind.STATE:
            sequencer.tell_state()
            states += 1
        elif recorded.next_kind == RecordKind.SNAPSHOT:
            recorded.expect()
        elif recorded.is_torn:
            break  # The session runs this batch when it starts again.
        elif record := recorded.expect():
            raise differs(record)
    _compare_end(reader, sequencer)
    return Replayed(
        start.next_seq, batches, tape.compared, states, world.decisions_hash(), world.state_hash()
    )


def _compare_end(reader: JournalReader, sequencer: Sequencer) -> None:
    """Compare with where the session ended, if that is where the replay ended."""
    closing, world = last_closing(reader), sequencer.world
    if closing is None or closing.batches != sequencer.standing.batch:
        return
    if (closing.decisions, closing.state) != (world.decisions_hash(), world.state_hash()):
        same = closing.decisions == world.decisions_hash()
        but = (
            ", though everything was decided as recorded: what is kept differs, in its form or its values"
            if same
            else ""
        )
        raise JournalError(
            "REPLAY_DIFFERS", f"the session ended in state {closing.state[:16]}, the replay elsewhere{but}"
        )


def last_closing(reader: JournalReader) -> Closing | None:
    """Return where the session last ended in order, None where it never did."""
    closings = [decode_closing(r) for r in reader.records() if r.kind == RecordKind.CLOSE]
    return closings[-1] if closings else None
