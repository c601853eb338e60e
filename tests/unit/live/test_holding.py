"""F88: who raises is held alone, the others go on, and whoever runs the same batches again says the same."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.journal import RecordKind
from tradewind.journal.bodies import Audit
from tradewind.live.facts import Told, rows_of
from tradewind.live.sequencer import Sequencer
from tradewind.testing.sessions import MINUTE_NS, START_NS, linear, restless
from tradewind.units.enums import FactKind, Rule, WakeCode
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working
from tradewind.venues.port import FACT, Batch


@kernel(sig=DECIDE, checked=True)
def brittle(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Read beyond the parameters from the third bar on."""
    return int(params.v[PARAMS * (view.bars // 3)])


class Paper:
    """A tape that keeps everything."""

    def __init__(self):
        self.records = []

    def append(self, kind, body):
        self.records.append((kind, body))
        return len(self.records)


def played(*, holds):
    params = np.zeros(PARAMS)
    calm = params.copy()
    calm[:2] = 40.0, 1.0
    setup = InstrumentSetup(linear("S0USDT"), leverage=5.0, highest_price=1e6)
    strategies = [StrategySetup(brittle, [0], params), StrategySetup(restless, [0], calm)]
    world = World([WalletSetup("USDT", 10_000.0)], [setup], strategies)
    tape, told = Paper(), []
    sequencer = Sequencer(world, tape)
    sequencer.holds_raising, sequencer.changed = holds, told.append
    asked = []
    for number in range(1, 6):
        open_ns, close_ns = START_NS + (number - 1) * MINUTE_NS, START_NS + number * MINUTE_NS
        bar = Told(FactKind.BAR, open_ns, close_ns, price_tick=5_000 + number, qty_lot=9, open_tick=5_000,
                   high_tick=5_010, low_tick=4_999)  # fmt: skip
        sent = sequencer.take(Batch(number, rows_of([bar]), WakeCode.BATCH, again=False, now_ns=close_ns))
        asked.append(0 if sent is None else len(sent[1]))
    return world, tape.records, told, asked


def test_who_raises_is_held_and_the_others_go_on():
    """F88."""
    world, records, told, asked = played(holds=True)
    assert world.strategies["held"].tolist() == [Rule.RAISED, 0]
    assert asked[0] == 3
    changes = [change for change in told if change.what == "held"]
    assert [(c.detail["strategy"], c.detail["rule"]) for c in changes] == [(0, "RAISED")]
    assert isinstance(told[0], Audit)
    held = [body for kind, body in records if kind == RecordKind.FACTS]
    rows = np.frombuffer(held[0][-FACT.itemsize :], FACT)
    assert (rows["kind"][0], rows["code"][0], rows["qty_lot"][0]) == (FactKind.HELD, Rule.RAISED, 0)


def test_the_same_batches_give_the_same_records_and_the_same_state():
    first, again = played(holds=True), played(holds=True)
    assert first[1] == again[1]
    assert first[0].state_hash() == again[0].state_hash()


def test_where_nobody_is_to_be_held_it_ends_the_session():
    with pytest.raises(IndexError):
        played(holds=False)
