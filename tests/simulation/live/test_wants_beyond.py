"""Strategies that want a thousand times too much, or what is no order, live at a fake venue: nothing of it leaves."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import ERROR_CODES
from tradewind.journal import JournalReader, RecordKind, unpack_rows
from tradewind.journal.bodies import REFUSAL, decode_decision, layouts_at
from tradewind.live.explain import explain_order
from tradewind.testing.logbook import orders_of, told
from tradewind.testing.puppets import Desk, puppet
from tradewind.testing.steady import sail_steady
from tradewind.testing.venue_live import FOLDER
from tradewind.testing.virtual_venues import login_of
from tradewind.units.enums import FactKind, IntentKind, Rule, names_of
from tradewind.units.records import PARAMS
from tradewind.venues.ccxt.caps import Caps
from tradewind.venues.order_codes import order_code

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
PRICE = 42_800
"""About where the fake's market begins."""


def wanting(rows, **setup):
    """Return what makes the world of a puppet that wants these rows: prices in money, quantities in steps."""

    def make(instrument, seed, *, amends):
        rules = InstrumentSetup(instrument, leverage=50.0, amends=amends, highest_price=1e7, **setup)
        strategy = StrategySetup(puppet, [0], np.zeros(PARAMS))
        desk = Desk.__new__(Desk)
        desk.world = World([WalletSetup("USDT", 1e9)], [rules], [strategy])
        said = [
            row | {"price_tick": round(row["price"] / float(instrument.tick_size))} if "price" in row else row
            for row in rows
        ]
        desk.want(*({name: value for name, value in row.items() if name != "price"} for row in said))
        return desk.world

    return make


def sailed(venue, rows, *, caps=None, **setup):
    """Let a puppet want the rows for three minutes at a venue where its account is rich."""
    life = {"make_world": wanting(rows, **setup), "settings": {"caps": caps or Caps()}}
    rich = login_of("main")
    return sail_steady(
        venue, life=life, minutes=3.0, calm_minutes=1.0, protects=False,
        logins=(type(rich)(balances={"USDT": Decimal(10**9)}),),
    )  # fmt: skip


def placed(sea):
    """Return (price, quantity) of every order that reached the venue, refused ones too."""
    return {(Decimal(str(e["price"])), Decimal(str(e["qty"]))) for e in orders_of(sea)}


def refusals(sea):
    """Return (rule, code) of everything that the gate refused, by the journal."""
    reader = JournalReader(sea.life.disk, FOLDER)
    found = []
    for record in reader.records():
        if record.kind == RecordKind.DECISION:
            layout = layouts_at(reader.headers, record.seq)["REFUSAL"]
            rows = unpack_rows(decode_decision(record).refusals, layout, REFUSAL)
            found += [(int(row["rule"]), order_code(int(row["rule"]), float(row["value"]))) for row in rows]
    return found


GOOD = {"kind": REST, "slot": 0, "price": 0.97 * PRICE, "qty_lot": 40}
GREEDY = (
    GOOD,
    {"kind": REST, "slot": 1, "price": 0.971 * PRICE, "qty_lot": 40_000},
    {"kind": TARGET, "slot": 2, "qty_lot": 40_000},
    {"kind": STOP, "slot": 3, "price": 1.02 * PRICE, "qty_lot": 40_000},
)


@pytest.mark.parametrize("venue", ["binance_usdm", "okx_swap"])
def test_a_thousand_times_too_much_is_stopped_beside_the_signer(venue):
    """C10: the core has no limit at all and the account is rich; the hard caps are out of a strategy's reach."""
    sea = sailed(venue, GREEDY, caps=Caps(order_notional_max=Decimal(5_000)))
    rules = sea.instrument
    worth = [price * qty * rules.contract_size for price, qty in placed(sea)]
    assert len(worth) == 1
    assert worth[0] < 5_000
    stopped = [int(row["code"]) for _, row in told(sea, FactKind.NOT_SENT)]
    assert set(stopped) == {Rule.ORDER_NOTIONAL}
    assert len(stopped) >= 3
    assert sea.alerts("CAP_HIT")
    assert [p.qty for p in sea.account.positions() if p.qty] == []


def test_what_cannot_be_an_order_is_refused_with_its_code_and_explained():
    """B63-B71, C10: each beside a good order, which goes its way; none of them reaches the venue."""
    sea = sailed(
        "binance_usdm",
        (
            *GREEDY,
            {"kind": REST, "slot": 10, "price": 0.97 * PRICE, "qty_lot": 1},
            {"kind": REST, "slot": 11, "price_tick": 0, "qty_lot": 40},
            {"kind": REST, "slot": 12, "price": 0.5 * PRICE, "qty_lot": 40},
            {"kind": REST, "slot": 13, "price": 1.01 * PRICE, "qty_lot": 40, "reduce": 1},
            {"kind": STOP, "slot": 14, "price": 0.9 * PRICE, "qty_lot": 40},
        ),
        order_limit_notional=5_000.0,
        price_band=0.2,
    )
    assert len(placed(sea)) == 1
    assert set(refusals(sea)) == {
        (Rule.ORDER_NOTIONAL, ""),
        (Rule.MIN_NOTIONAL, "ORDER_MIN_NOTIONAL"),
        (Rule.PRICE, "ORDER_PRICE"),
        (Rule.PRICE, "ORDER_STOP_SIDE"),
        (Rule.PRICE_BAND, "ORDER_PRICE_BAND"),
        (Rule.NOT_REDUCING, "ORDER_REDUCE_FLAT"),
    }
    assert sea.alerts("CAP_HIT") == []
    gate = explain_order(FOLDER, "refused", sea.life.disk).steps[-1].detail
    assert gate["code"] in ERROR_CODES
    assert gate["refused"] in {names_of(Rule)[rule].lower().replace("_", " ") for rule, _ in refusals(sea)}


def test_what_means_nothing_holds_the_strategy_and_sends_nothing_at_all():
    """Every other sort of nonsense: tests/unit/engine/test_orders.py."""
    sea = sailed("blofin_swap", (GOOD, {**GOOD, "kind": TARGET, "slot": 1, "post_only": 1}))
    assert placed(sea) == set()
    assert int(sea.life.world.strategies["held"][0]) == Rule.BAD_OUTPUT
