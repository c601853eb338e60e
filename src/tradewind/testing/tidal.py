"""A strategy that gives every fault something to strike, each minute at its end, whatever the market does.

One minute it buys at the market, the next it sells what it holds; a stop of the core rests 1 % below what is held. One
buy order 0.5 % below the price, post-only, follows the price each minute; another rests 1 % below and goes every second
minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.testing.sessions import want
from tradewind.testing.steady import LEARNT_BARS, rules_at
from tradewind.testing.voyage import Voyage, sail
from tradewind.units.enums import SHORT, IntentKind, Protection, Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working

if TYPE_CHECKING:
    from tradewind.market import Instrument
    from tradewind.testing.voyage import Landfall
    from tradewind.venues.fake.misfortunes import Strike

__all__ = ["FOLLOWER", "PROTECTED", "SLEEPER", "WALLET", "contrary", "sail_tidal", "tidal", "tidal_world"]

FOLLOWER, SLEEPER = 1, 2
"""Slots of the order that follows the price and of the one that comes and goes."""
WALLET = WalletSetup("USDT", 10_000.0)
PROTECTED = ExitSetup(protection=Protection.RESTING, stop_loss=0.01)


@kernel(sig=DECIDE, checked=True)
def tidal(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a position every other minute, an order that follows the price, and one that comes and goes."""
    if view.bars < LEARNT_BARS:
        return Verdict.HOLD
    lots = int(params.v[0])
    flood = view.bars % 2
    want(intents, IntentKind.TARGET, 0, 0, 0, lots * flood)
    want(intents, IntentKind.REST, FOLLOWER, 0, view.close * 199 // 200, lots)
    intents.row[1].post_only = 1
    if flood:
        want(intents, IntentKind.REST, SLEEPER, 0, view.close * 99 // 100, lots)
    return Verdict.SET


@kernel(sig=DECIDE, checked=True)
def contrary(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want to sell short just where `tidal` wants to buy."""
    if view.bars < LEARNT_BARS:
        return Verdict.HOLD
    want(intents, IntentKind.REST, 0, 0, view.close * 199 // 200, int(params.v[0]))
    intents.row[0].position_side = SHORT
    return Verdict.SET


def tidal_world(
    instrument: Instrument,
    seed: int,
    *,
    amends: bool,
    exits: ExitSetup = PROTECTED,
    wallet: WalletSetup = WALLET,
    disputed: bool = False,
) -> World:
    """Return a world in which `tidal` trades an instrument, five times levered, within four times what it wants.

    disputed: `contrary` trades it too.
    """
    params = np.zeros(PARAMS)
    params[0] = 40.0 * max(int(instrument.min_qty / instrument.lot_size), 1)
    setup = InstrumentSetup(
        instrument,
        leverage=5.0,
        amends=amends,
        highest_price=1e7,
        position_limit_qty=float(instrument.lot_size) * 4.0 * params[0],
    )
    strategies = [StrategySetup(tidal, [0], params, exits=exits)]
    if disputed:
        strategies.append(StrategySetup(contrary, [0], params, exits=exits))
    return World([wallet], [setup], strategies)


def sail_tidal(venue: str, *plan: Strike, **more: Any) -> Landfall:  # noqa: ANN401 - fields of `Voyage`
    """Let `tidal` sail for three minutes and two and a half calm ones unless told otherwise, and be judged."""
    life = {"make_world": tidal_world, "rules": rules_at(venue), **more.pop("life", {})}
    usual = {"minutes": 3.0, "calm_minutes": 2.5, "settle_s": 60.0}
    return sail(Voyage(venue, plan=plan, life=life, **{**usual, **more}))
