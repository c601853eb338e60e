"""A strategy that leaves nothing to chance: it opens, holds behind a far stop and closes at known minutes.

What a scenario asserts happens at a known time with it, whatever the market does: three minutes of four it holds a
long position, which the core protects by a stop that rests 2 % below; all the time one more buy order rests 3 % below
the price, where nothing fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.live.venue import LiveRules
from tradewind.testing.logbook import told
from tradewind.testing.sessions import want
from tradewind.testing.voyage import Voyage, sail
from tradewind.units.enums import FactKind, IntentKind, Protection, Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working

if TYPE_CHECKING:
    from tradewind.market import Instrument
    from tradewind.testing.voyage import Landfall
    from tradewind.venues.fake.misfortunes import Strike

__all__ = [
    "CYCLE_BARS",
    "HELD_BARS",
    "LEARNT_BARS",
    "RESTING",
    "brittle",
    "halts",
    "rules_at",
    "sail_steady",
    "steady",
    "steady_world",
    "unlucky_pair",
]

CYCLE_BARS, HELD_BARS = 4, 3
LEARNT_BARS = 3
"""A strategy of a scenario wants nothing before so many bars are known."""
RESTING = 5
"""Slot of the order that rests."""


@kernel(sig=DECIDE, checked=True)
def steady(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a position for three bars of four, and an order far below; nothing before the third bar."""
    if view.bars < LEARNT_BARS:
        return Verdict.HOLD
    lots = int(params.v[0])
    held = lots if view.bars % CYCLE_BARS < HELD_BARS else 0
    want(intents, IntentKind.TARGET, 0, 0, 0, held)
    want(intents, IntentKind.REST, RESTING, 0, view.close * 97 // 100, lots)
    intents.row[1].epoch = view.bars
    return Verdict.SET


def steady_world(instrument: Instrument, seed: int, *, amends: bool, **more: Any) -> World:  # noqa: ANN401
    """Return a world in which `steady` trades an instrument; more: fields of `InstrumentSetup`."""
    params = np.zeros(PARAMS)
    params[0] = 40.0 * max(int(instrument.min_qty / instrument.lot_size), 1)
    most = float(instrument.lot_size) * 3.0 * params[0]
    setup = InstrumentSetup(
        instrument,
        **{"leverage": 5.0, "amends": amends, "highest_price": 1e7, "position_limit_qty": most} | more,
    )
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.02)
    return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(steady, [0], params, exits=exits)])


@kernel(sig=DECIDE, checked=True)
def brittle(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Rest an order far below; from bar v[1] on read beyond the parameters, or where v[2] is set want nonsense."""
    fails = view.bars >= int(params.v[1])
    want(intents, IntentKind.REST, RESTING, 0, view.close * 96 // 100, int(params.v[0]))
    if fails and params.v[2] > 0.0:
        intents.row[0].slot = -7
        return Verdict.SET
    return int(params.v[PARAMS * int(fails)]) * 0


def unlucky_pair(instrument: Instrument, *, amends: bool, nonsense: bool) -> World:
    """Return a world in which `steady` trades an instrument beside a strategy that fails from its fifth bar on."""
    lots = 40.0 * max(int(instrument.min_qty / instrument.lot_size), 1)
    params, bad = np.zeros(PARAMS), np.zeros(PARAMS)
    params[0] = lots
    bad[:3] = lots, 5.0, float(nonsense)
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.02)
    setup = InstrumentSetup(instrument, leverage=5.0, amends=amends, highest_price=1e7)
    strategies = [StrategySetup(steady, [0], params, exits=exits), StrategySetup(brittle, [0], bad)]
    return World([WalletSetup("USDT", 10_000.0)], [setup], strategies)


def rules_at(venue: str) -> LiveRules:
    """Return the usual rules of a scenario; its times are written to a first decision a bar later at two venues."""
    later = venue in ("binance_usdm", "bybit_linear")
    return LiveRules(warm_bars=1 if later else 2, reconcile_ns=60_000_000_000)


def sail_steady(venue: str, *plan: Strike, **more: Any) -> Landfall:  # noqa: ANN401 - fields of `Voyage`
    """Let `steady` sail for four minutes and two calm ones unless told otherwise, and be judged.

    It opens at 180 s, its stop rests from 182 s on, it closes at 360 s and opens again at 420 s.
    """
    life = {"make_world": steady_world, "rules": rules_at(venue), **more.pop("life", {})}
    usual: dict[str, Any] = {"minutes": 4.0, "calm_minutes": 2.0, "settle_s": 30.0}
    return sail(Voyage(venue, plan=plan, life=life, **{**usual, **more}))


def halts(landfall: Landfall) -> list[tuple[float, int, bool]]:
    """Return (seconds, bits of `Halt`, whether they were set) of each change that facts made."""
    return [(at_s, int(row["code"]), bool(row["qty_lot"])) for at_s, row in told(landfall, FactKind.HALT)]
