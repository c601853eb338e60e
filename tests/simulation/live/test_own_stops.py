"""A stop that a strategy states itself lies at the venue soon after its entry filled, not a bar later."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.testing.sessions import want
from tradewind.testing.steady import LEARNT_BARS, rules_at
from tradewind.testing.voyage import Voyage, sail
from tradewind.units.enums import ALL, IntentKind, Protection, Verdict
from tradewind.units.jit import kernel
from tradewind.units.records import PARAMS, Account, Intents, Memory, Params, View, Working

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@kernel(sig=DECIDE, checked=True)
def stopped(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a position, and a stop under it, from the third bar on."""
    if view.bars < LEARNT_BARS:
        return Verdict.HOLD
    want(intents, IntentKind.TARGET, 0, 0, 0, int(params.v[0]))
    if view.bars == LEARNT_BARS:
        memory.v[0] = float(view.close * 95 // 100)
    want(intents, IntentKind.STOP, 7, 0, int(memory.v[0]), ALL)
    intents.row[1].reduce = 1
    return Verdict.SET


def stopped_world(instrument, seed, *, amends):
    params = np.zeros(PARAMS)
    params[0] = 40.0 * max(int(instrument.min_qty / instrument.lot_size), 1)
    setup = InstrumentSetup(instrument, leverage=5.0, amends=amends, highest_price=1e7)
    exits = ExitSetup(protection=Protection.RESTING)
    return World([WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(stopped, [0], params, exits=exits)])


@pytest.mark.parametrize("venue", ["binance_usdm", "blofin_swap"])
def test_it_lies_there_within_seconds(venue):
    life = {"make_world": stopped_world, "rules": rules_at(venue)}
    landfall = sail(Voyage(venue, minutes=4.0, calm_minutes=1.0, settle_s=10.0, life=life))
    entered_ns = landfall.of("fill")[0]["ts_ns"]
    stops = [order for order in landfall.of("order") if order["kind"] == "stop_market"]
    assert 0 < stops[0]["ts_ns"] - entered_ns < 5_000_000_000
    assert {order["qty"] for order in stops} == {landfall.of("order")[0]["qty"]}
