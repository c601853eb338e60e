"""Voyages of several accounts: three strategies on two or three accounts at fake venues, all in one session.

`drifting` trades every instrument. On the first of the first account `ebbing` trades it too, the other way round, so
that their positions are netted; on the first of the last account `tidal` adds to what is held. The stops of `ebbing`
are its own, stated before it holds anything, so that they cover what fills between two decisions; all others are the
core's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, VenueSetup, WalletSetup
from tradewind.engine.venue_records import FillRule
from tradewind.engine.world import World
from tradewind.testing.sessions import drifting, want
from tradewind.testing.tidal import tidal
from tradewind.testing.voyage import Voyage
from tradewind.units.enums import ALL, SHORT, IntentKind, Protection, Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working
from tradewind.venues.gateway import StreamKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradewind.testing.venue_reach import Berth, Traded

__all__ = ["HEARD", "PAPER_HEARD", "ebbing", "fleet", "fleet_world"]

HEARD = frozenset({StreamKind.BARS, StreamKind.MARK})
PAPER_HEARD = HEARD | {StreamKind.TRADES, StreamKind.TOP}
_S = 1_000_000_000
_OWN_STOPS = ExitSetup(protection=Protection.RESTING)
_EXITS = ExitSetup(protection=Protection.RESTING, stop_loss=0.01, trailing=0.02)
_ON_PAPER = VenueSetup(lagged=True, request_ns=_S // 5, answer_ns=_S // 10)


@kernel(sig=DECIDE, checked=True)
def ebbing(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want to sell short on a moving ladder above the price, and for what it will hold a profit and a stop."""
    phase = view.bars // 3
    noise = (phase * 1103515245 + 54321 + int(params.v[1]) * 7919) & 0x7FFFFFFF
    for level in range(2):
        price_tick = view.close + 2 + level * 40 + (noise >> (4 + level)) % 5
        want(intents, IntentKind.REST, level, 0, price_tick, int(params.v[0]) * (1 + (noise >> level) % 2))
        intents.row[level].position_side = SHORT
        intents.row[level].epoch = phase
    held = working.holding[SHORT].pos_lot != 0
    last_tick = working.holding[SHORT].last_tick if held else view.close
    want(intents, IntentKind.REST, 10, 1, last_tick - 60 - noise % 90, ALL)
    intents.row[2].position_side = SHORT
    stop_tick = last_tick * 102 // 100
    if view.close < stop_tick:
        want(intents, IntentKind.STOP, 11, 1, stop_tick, ALL)
    else:
        want(intents, IntentKind.TARGET, 12, 0, 0, 0)
    intents.row[3].position_side = SHORT
    return Verdict.SET


def fleet_world(traded: Sequence[Traded], seed: int, *, paper: bool = False) -> World:
    """Return a world of three strategies on the instruments of several accounts; lots are those of the smallest."""
    first, last = 0, next(j for j, each in enumerate(traded) if each.account == traded[-1].account)
    accounts = range(traded[-1].account + 1)
    wallets = [WalletSetup("USDT", 100_000.0 * paper, account=number) for number in accounts]
    params = np.zeros(PARAMS)
    params[:2] = max(_lots_of(each) for each in traded), float(seed)
    setups = [
        InstrumentSetup(
            each.instrument, wallet=each.account, leverage=5.0, amends=each.amends, highest_price=1e7,
            position_limit_qty=float(each.instrument.lot_size) * 10.0 * params[0],
            fill_rule=FillRule.TOUCH, slip=0.0002,
        )
        for each in traded
    ]  # fmt: skip
    strategies = [
        StrategySetup(drifting, range(len(traded)), params, exits=_EXITS),
        StrategySetup(ebbing, [first], params, exits=_OWN_STOPS),
        StrategySetup(tidal, [last], params, exits=_EXITS),
    ]
    return World(wallets, setups, strategies, venue=_ON_PAPER if paper else None)


def _lots_of(traded: Traded) -> float:
    """Return a quantity that its venue takes, some hundred dollars at least."""
    return float(20 * max(int(traded.instrument.min_qty / traded.instrument.lot_size), 1))


def fleet(berths: tuple[Berth, ...], *, paper: bool = False, **more: Any) -> Voyage:  # noqa: ANN401 - of `Voyage`
    """Return a voyage of three strategies on several accounts; on paper simulated fills, else those of the venues."""

    def make_world(traded: Sequence[Traded], seed: int) -> World:
        return fleet_world(traded, seed, paper=paper)

    life = {
        "berths": berths,
        "paper": paper,
        "make_world": make_world,
        "kinds": PAPER_HEARD if paper else HEARD,
        **more.pop("life", {}),
    }
    return Voyage(berths[0].venue, life=life, **more)
