"""Many batches of the market in one call, where a tape shows that nobody decided anything after any of them.

Most of a journal is quotes. A batch of quotes alone moves no order and lets nobody decide, unless somebody was waiting
to decide again; so the state after many of them is the state after all their facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradewind.live.apply import APPLY_FACTS
from tradewind.units.jit import allocate
from tradewind.units.wire import Fact

if TYPE_CHECKING:
    from tradewind.journal.bodies import MarketRun
    from tradewind.live.sequencer import Sequencer
    from tradewind.live.tape import Recorded

__all__ = ["take_market_run"]


def take_market_run(sequencer: Sequencer, recorded: Recorded, before: int) -> MarketRun | None:
    """Take batches numbered below `before` from a tape as `Sequencer.take` would; None: take the next one alone."""
    world = sequencer.world
    if not recorded.may_run or world.contexts["dirty"].any() or world.box["log"]["refusals"].any():
        return None
    run = recorded.market_run(before)
    if run is None:
        return None
    rows = allocate(Fact, len(run.facts))
    rows.view(np.uint8)[:] = run.facts.view(np.uint8)
    APPLY_FACTS(*world.state, rows, len(rows))
    sequencer.standing.batch, sequencer.standing.now_ns = int(run.numbers[-1]), int(run.now_ns[-1])
    return run
