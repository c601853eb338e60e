"""States of trading, set and cleared by facts: on the core, on one account, one instrument, one strategy."""

import numpy as np
import pytest

from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.testing.puppets import Desk, puppet
from tradewind.testing.scenarios import instrument
from tradewind.units.enums import (
    CONDITION_BITS,
    EXIT_BITS,
    HOLD_BITS,
    FactKind,
    Halt,
    HaltScope,
    IntentKind,
    OperatorCode,
    OrderState,
    RequestKind,
    Rule,
    SettingCode,
    VenueCode,
    WakeCode,
    names_of,
)
from tradewind.units.records import PARAMS

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
BID = {"slot": 0, "price_tick": 4_900, "qty_lot": 5}
HOLD_TEN = {"kind": TARGET, "slot": 1, "qty_lot": 10}
TAKE = {"slot": 2, "reduce": 1, "price_tick": 5_200, "qty_lot": 10}
GUARD = {"kind": STOP, "slot": 3, "reduce": 1, "price_tick": 4_500, "qty_lot": 10}


def at_work(payoffs: tuple[str, ...] = ("linear",), **setup: object) -> Desk:
    """Return a desk that is long ten lots of each instrument, with a bid, a take-profit and a stop working."""
    desk = Desk(payoffs, **setup)
    for k in range(len(payoffs)):
        desk.bar(5_000, j=k)
        desk.want(HOLD_TEN, context=k)
    desk.acknowledge(desk.wake())
    for k in range(len(payoffs)):
        desk.fill(1, 10, 5_000, context=k)
        desk.want(BID, HOLD_TEN, TAKE, GUARD, context=k)
    desk.settle()
    return desk


def working(desk: Desk, context: int = 0) -> list[int]:
    """Return the slots of the orders that stand."""
    return [slot for slot in range(64) if desk.order(slot, context)["state"] != OrderState.FREE]


def halt(desk: Desk, bits: int, *, on: bool = True, scope: int = HaltScope.CORE, **where: int) -> None:
    desk.tell(FactKind.HALT, code=bits, qty_lot=int(on), side=scope, value=7.5, amount=3, **where)


@pytest.mark.parametrize("name", [name for name in names_of(Halt).values() if name != "LOCK"])
def test_every_bit_refuses_openers_and_only_those_of_hold_leave_what_rests(name: str) -> None:
    bit = getattr(Halt, name)
    desk = at_work()
    halt(desk, bit)
    assert (desk.core["cause"], desk.core["cause_limit"], desk.core["cause_value"]) == (bit, 3.0, 7.5)
    desk.want(BID, {**BID, "slot": 4, "price_tick": 4_800}, HOLD_TEN, TAKE, GUARD)
    desk.settle()
    if bit & EXIT_BITS:
        assert desk.order(0)["state"] == desk.order(2)["state"] == OrderState.FREE
        return
    assert working(desk) == ([0, 2, 3] if bit & HOLD_BITS else [2, 3])
    halt(desk, bit, on=False)
    assert desk.core["halts"] == 0
    desk.settle()
    assert working(desk) == [0, 2, 3, 4]


def test_hold_lets_an_opener_rest_that_would_be_moved_and_moves_it_afterwards() -> None:
    desk = at_work()
    halt(desk, Halt.STALE)
    desk.want({**BID, "price_tick": 4_950}, HOLD_TEN, TAKE, GUARD)
    assert desk.settle() == []
    assert desk.order(0)["price_tick"] == 4_900
    halt(desk, Halt.STALE, on=False)
    desk.settle()
    assert desk.order(0)["price_tick"] == 4_950


def test_what_a_strategy_no_longer_wants_goes_also_under_hold() -> None:
    desk = at_work()
    halt(desk, Halt.HOLD)
    desk.want(HOLD_TEN, TAKE, GUARD)
    desk.settle()
    assert working(desk) == [2, 3]


def test_a_halt_of_one_instrument_leaves_the_other_alone() -> None:
    desk = at_work(("linear", "linear"))
    halt(desk, Halt.STALE | Halt.EXTERNAL, scope=HaltScope.INSTRUMENT, instrument=1)
    desk.settle()
    assert (working(desk, 0), working(desk, 1)) == ([0, 2, 3], [2, 3])
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    assert desk.core["halts"] == Halt.STALE, "the cause of a condition lasts"
    desk.settle()
    assert working(desk, 1) == [2, 3]


def test_resume_clears_latches_and_no_condition() -> None:
    desk = at_work()
    every = sum(names_of(Halt))
    halt(desk, every)
    halt(desk, every, scope=HaltScope.ACCOUNT)
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    assert desk.core["halts"] == CONDITION_BITS
    desk.tell(FactKind.OPERATOR, code=OperatorCode.UNLOCK)
    assert desk.core["own_halts"] == CONDITION_BITS & ~Halt.LOCK


@pytest.mark.parametrize(("code", "wanted"), [(SettingCode.POSITION_MODE, 0), (SettingCode.MARGIN_MODE, 0)])
def test_a_mode_that_contradicts_the_configuration_halts_its_instrument_until_it_agrees(
    code: int, wanted: int
) -> None:
    desk = at_work(("linear", "linear"))
    desk.tell(FactKind.SETTING, instrument=0, code=code, qty_lot=1 - wanted)
    desk.settle()
    assert (working(desk, 0), working(desk, 1)) == ([2, 3], [0, 2, 3])
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    assert desk.core["halts"] == Halt.SETTINGS
    desk.tell(FactKind.SETTING, instrument=0, code=code, qty_lot=wanted)
    assert desk.core["halts"] == 0


def test_a_venue_that_takes_reductions_only_gets_no_opener_and_loses_those_it_has() -> None:
    desk = at_work(("linear", "linear"))
    desk.tell(FactKind.VENUE_STATUS, instrument=0, code=VenueCode.REDUCE_ONLY)
    desk.settle()
    assert (working(desk, 0), working(desk, 1)) == ([2, 3], [0, 2, 3])
    desk.want(BID, {"kind": TARGET, "slot": 1, "qty_lot": 4}, GUARD)
    asked = desk.wake()
    assert [(int(r["kind"]), int(r["slot"]), int(r["reduce"])) for r in asked] == [(RequestKind.CANCEL, 2, 1)]
    desk.acknowledge(asked)
    assert [int(r["reduce"]) for r in desk.wake(WakeCode.AGAIN)] == [1]
    desk.tell(FactKind.VENUE_STATUS, instrument=0, code=VenueCode.UP)
    assert desk.core["halts"] == 0


# ---------------------------------------------------------------------- several accounts


def two_accounts(**first: object) -> Desk:
    """Return a desk at which two puppets trade, each on an account of its own, the first with these limits."""
    desk = Desk(("linear", "linear"))
    wallets = [WalletSetup("USDT", 100.0, account=0, **first), WalletSetup("USDT", 100.0, account=1)]
    setups = [
        InstrumentSetup(instrument("linear", f"S{j}"), wallet=j, leverage=5.0, highest_price=1e6)
        for j in range(2)
    ]
    desk.world = World(wallets, setups, [StrategySetup(puppet, [j], np.zeros(PARAMS)) for j in range(2)])
    for k in range(2):
        desk.bar(5_000, j=k)
        desk.want(HOLD_TEN, context=k)
    desk.acknowledge(desk.wake())
    for k in range(2):
        desk.fill(1, 10, 5_000, context=k)
        desk.want(BID, HOLD_TEN, TAKE, GUARD, context=k)
    desk.settle()
    return desk


def test_the_lock_of_one_accounts_key_leaves_the_others_protectors_alone() -> None:
    desk = two_accounts()
    halt(desk, Halt.LOCK, scope=HaltScope.ACCOUNT, wallet=0)
    for k in range(2):
        desk.want(HOLD_TEN, {**GUARD, "price_tick": 4_600}, context=k)
    contexts = {int(request["context"]) for request in desk.settle()}
    assert contexts == {1}
    assert (working(desk, 0), working(desk, 1)) == ([0, 2, 3], [3])
    assert desk.order(3, 1)["price_tick"] == 4_600


def test_a_breaker_of_one_account_halts_that_account_only() -> None:
    desk = two_accounts(drawdown=0.01)
    for k in range(2):
        desk.bar(4_800, j=k)
    desk.settle()
    assert desk.world.accounts["halts"].tolist() == [Halt.DRAWDOWN, 0]
    assert (working(desk, 0), working(desk, 1)) == ([2, 3], [0, 2, 3])


def test_wallets_of_one_account_halt_together() -> None:
    wallets = [WalletSetup("USDT", 1.0), WalletSetup("BTC", 1.0), WalletSetup("USDT", 1.0, account=3)]
    desk = Desk()
    desk.world = World(
        wallets, [InstrumentSetup(instrument("linear", "S"))], [StrategySetup(puppet, [0], np.zeros(PARAMS))]
    )
    halt(desk, Halt.EXTERNAL, scope=HaltScope.ACCOUNT, wallet=1)
    assert desk.world.accounts["halts"].tolist() == [Halt.EXTERNAL, Halt.EXTERNAL, 0]
    halt(desk, Halt.EXTERNAL, on=False, scope=HaltScope.ACCOUNT, wallet=0)
    assert desk.core["halts"] == 0


# ---------------------------------------------------------------------- one strategy


def test_a_strategy_is_held_alone_and_let_go() -> None:
    # Two strategies share the venue's position, so that the stop finds the take-profit in its place.
    desk = at_work(strategies=2)
    desk.want(BID, context=1)
    desk.settle()
    desk.tell(FactKind.HELD, qty_lot=0, code=Rule.OPERATOR, value=2.0)
    desk.settle()
    assert (working(desk, 0), working(desk, 1)) == ([2], [0])
    row = desk.world.strategies[0]
    assert (row["held"], row["held_value"], row["held_ns"]) == (Rule.OPERATOR, 2.0, desk.now_ns)
    desk.tell(FactKind.HELD, qty_lot=0)
    desk.settle()
    assert working(desk, 0) == [0, 2]


def test_a_held_strategy_may_be_told_to_leave() -> None:
    desk = at_work()
    desk.tell(FactKind.HELD, qty_lot=0, code=Rule.OPERATOR, side=1)
    desk.acknowledge(desk.wake())
    asked = desk.wake(WakeCode.AGAIN)
    assert [(int(r["order_kind"]), int(r["reduce"]), int(r["qty_lot"])) for r in asked] == [(TARGET, 1, 10)]


def test_no_strategy_of_that_number_changes_nothing() -> None:
    desk = at_work()
    before = desk.world.strategies.tobytes()
    for number in (-1, 1, 1 << 40):
        desk.tell(FactKind.HELD, qty_lot=number, code=Rule.OPERATOR)
    assert desk.world.strategies.tobytes() == before


def test_a_wake_at_which_nobody_decides_cancels_what_a_halt_forbids() -> None:
    desk = at_work()
    calls = desk.calls()
    halt(desk, Halt.DISK)
    asked = desk.wake(WakeCode.MARK)
    assert [(int(r["kind"]), int(r["slot"])) for r in asked] == [(RequestKind.CANCEL, 0)]
    assert desk.calls() == calls
