"""In a calm world nobody is told anything: no alert, no refusal, no doubt, no answer of a venue that says no.

Ladders, stops that follow, trigger and are taken back, and profits that are taken, on several instruments at once. What
a session says without a misfortune is wrong in it, or in the adapter, and hides what is right to be said.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.live.venue import LiveRules
from tradewind.testing.sessions import drifting
from tradewind.testing.venue_reach import Berth
from tradewind.testing.voyage import Voyage, sail
from tradewind.units.enums import FactKind, Protection, Rule
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.orders import AccountModes
from tradewind.venues.gateway import StreamKind

pytest.importorskip("ccxt")

SYMBOLS, MINUTES = 3, 7.0
UNUSUAL = (
    FactKind.NOT_SENT,
    FactKind.UNKNOWN,
    FactKind.STREAM,
    FactKind.VENUE_STATUS,
    FactKind.HALT,
    FactKind.ACCOUNT,
    FactKind.EXTERNAL_POSITION,
    FactKind.EXTERNAL_ORDER,
    FactKind.ADL,
)


def busy_world(traded, seed, *, hedge, strategies=1):
    """Return a world in which `drifting` trades each instrument, protected by stops that follow closely.

    Of several strategies each has its own chance.
    """
    params = np.zeros(PARAMS)
    params[:2] = (
        20.0 * max(float(each.instrument.min_qty / each.instrument.lot_size) for each in traded),
        seed,
    )
    setups = [
        InstrumentSetup(
            each.instrument, leverage=5.0, hedge=hedge, amends=each.amends, highest_price=1e7,
            position_limit_qty=float(each.instrument.lot_size) * 10.0 * params[0],
        )
        for each in traded
    ]  # fmt: skip
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.002, trailing=0.003, take_profit=0.01)
    several = [params.copy() for _ in range(strategies)]
    for number, each in enumerate(several):
        each[1] += 7 * number
    setups_of = [StrategySetup(drifting, range(len(traded)), each, exits=exits) for each in several]
    return World([WalletSetup("USDT", 10_000.0)], setups, setups_of)


def calm(venue, *, hedge=False, strategies=1):
    life = {
        "berths": (Berth(venue, symbols=SYMBOLS),),
        "make_world": lambda traded, seed: busy_world(traded, seed, hedge=hedge, strategies=strategies),
        "kinds": frozenset({StreamKind.BARS, StreamKind.MARK}),
        "terms": {"leverage": 5.0, "hedge": hedge},
        "settings": {"modes": AccountModes(hedge=hedge)},
        "rules": LiveRules(warm_bars=2, reconcile_ns=60_000_000_000),
    }
    return sail(Voyage(venue, minutes=MINUTES, calm_minutes=1.0, life=life, protection_s=75.0))


def in_turn(*rows):
    """Return parameters of which every second one is played with the long tests only."""
    return [pytest.param(*row, marks=pytest.mark.soak if n % 2 else ()) for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("venue", "hedge"),
    in_turn(
        *[("binance_usdm", False), ("binance_usdm", True), ("bybit_linear", True), ("bybit_linear", False)],
        *[("okx_swap", True), ("okx_swap", False), ("blofin_swap", False), ("blofin_swap", True)],
    ),
)
def test_a_calm_session_is_silent(venue, hedge):
    landfall = calm(venue, hedge=hedge)
    assert [(alert.code, alert.text) for alert in landfall.life.alerts] == []
    told = Counter(
        kind
        for _, rows in landfall.journal()
        if "recv_ts_ns" in (rows.dtype.names or ())
        for kind in rows["kind"].tolist()
    )
    assert {kind: told[kind] for kind in UNUSUAL if told[kind]} == {}
    # An exit may meet the stop that was faster.
    rules = set(landfall.facts(FactKind.REJECT)["code"].tolist())
    assert rules <= {Rule.VENUE_REDUCE_ONLY}
    assert landfall.life.dropped == {}
    assert told[FactKind.FILL] > 20
    assert told[FactKind.TRIGGERED] > 0


@pytest.mark.parametrize(
    "venue", in_turn(("binance_usdm",), ("bybit_linear",), ("okx_swap",), ("blofin_swap",))
)
def test_what_two_strategies_hold_is_not_missing_where_a_venue_nets_it(venue):
    """Its balance moves otherwise than ours while both hold something: nothing is missing, and nobody is told so."""
    landfall = calm(venue, strategies=2)
    assert [alert.text for alert in landfall.life.alerts if "balance" in alert.text] == []
    assert len(landfall.facts(FactKind.ACCOUNT)) == 0
    assert len(landfall.of("fill")) > 20
