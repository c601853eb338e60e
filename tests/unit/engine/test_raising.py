"""A strategy that raises, never returns or answers nonsense is known by its number and held alone; the others go on."""

import mmap

import numpy as np
import pytest

from tradewind.engine.contract import DECIDE
from tradewind.engine.setup import InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import CORE_BYTES, World
from tradewind.testing.puppets import Desk, plan_says, puppet, puppet_plan
from tradewind.testing.scenarios import instrument
from tradewind.units.enums import FactKind, IntentKind, OperatorCode, Rule, WakeCode
from tradewind.units.jit import kernel
from tradewind.units.layout import dtype_of
from tradewind.units.records import PARAMS, Account, Core, Intents, Memory, Params, View, Working

BID = {"slot": 0, "price_tick": 4_900, "qty_lot": 5}


@kernel(sig=DECIDE, checked=True)
def fragile(
    view: View, account: Account, working: Working, params: Params, memory: Memory, intents: Intents
) -> int:
    """Want a bid; count the calls; reach beyond the parameters where the first of them says so."""
    memory.v[0] += 1.0
    intent = intents.row[0]
    intent.kind, intent.slot, intent.price_tick, intent.qty_lot = 0, 0, 4_900, 5
    intents.n = 1
    return int(params.v[int(params.v[0]) * PARAMS])


def desk_of(*parts: str, wide: bool = False) -> Desk:
    """Return a desk of strategies on one instrument: fragile ones, puppets, and puppets with a plan."""
    desk = Desk()
    setups = []
    for part in parts:
        decide = fragile if part == "fragile" else puppet
        plan = puppet_plan if part == "planned" else None
        setups.append(StrategySetup(decide, [0], np.zeros(PARAMS), plan=plan))
    wide_ns = 5 * 60_000_000_000 if wide else 0
    setup = InstrumentSetup(instrument("linear", "S"), leverage=5.0, highest_price=1e6, wide_ns=wide_ns)
    desk.world = World([WalletSetup("USDT", 10_000.0)], [setup], setups)
    for k, part in enumerate(parts):
        if part != "fragile":
            desk.want(BID, context=k)
    for _ in range(5 if wide else 1):
        desk.bar(5_000)
    return desk


def breaks(desk: Desk, k: int, *, on: bool = True) -> None:
    desk.world.contexts["params"]["v"][k, 0] = float(on)


def asked_of(desk: Desk, code: int = WakeCode.BATCH) -> list[int]:
    return sorted(int(request["context"]) for request in desk.wake(code))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_raised_is_known_nothing_was_asked_and_the_others_act_as_if_it_were_not_there(
    at: int, wide: bool
) -> None:
    parts = ["puppet", "planned"]
    parts.insert(at, "fragile")
    desk = desk_of(*parts, wide=wide)
    breaks(desk, at)
    seq = int(desk.core["seq"])
    with pytest.raises(IndexError):
        desk.wake()
    assert (desk.core["deciding"], desk.core["deciding_context"]) == (at + 1, at + 1)
    assert desk.world.box["requests"][0] == desk.core["requests"] == 0
    assert desk.core["counter"] == 0
    calls = [desk.calls(k) for k in range(3) if k != at]
    desk.tell(FactKind.HELD, qty_lot=desk.core["deciding"] - 1, code=Rule.RAISED)
    assert asked_of(desk) == [k for k in range(3) if k != at]
    # Whoever thought before the raise does not think again; whoever comes behind it thinks now.
    assert [desk.calls(k) for k in range(3) if k != at] == [
        calls[0] + (at == 0),
        calls[1] + (at < 2),
    ]
    assert (desk.core["seq"], desk.core["deciding"], desk.core["batch"]) == (seq + 1, 0, 0)
    fresh = desk_of(*parts, wide=wide)
    fresh.tell(FactKind.HELD, qty_lot=at, code=Rule.RAISED)
    fresh.wake()
    assert fresh.world.decisions_hash() == desk.world.decisions_hash()
    assert fresh.world.views.tobytes() == desk.world.views.tobytes()


def test_one_that_is_held_for_raising_is_not_asked_until_it_is_let_go() -> None:
    desk = desk_of("fragile", "puppet")
    desk.acknowledge(desk.wake())
    breaks(desk, 0)
    desk.bar(5_000)
    with pytest.raises(IndexError):
        desk.wake()
    desk.tell(FactKind.HELD, qty_lot=0, code=Rule.RAISED)
    assert asked_of(desk) == [0], "its bid is cancelled"
    calls = desk.world.contexts["memory"]["v"][0, 0]
    desk.bar(5_000)
    desk.wake()
    assert desk.world.contexts["memory"]["v"][0, 0] == calls
    breaks(desk, 0, on=False)
    desk.tell(FactKind.OPERATOR, code=OperatorCode.RESUME)
    desk.bar(5_000)
    desk.wake()
    assert desk.world.contexts["memory"]["v"][0, 0] == calls + 1


def test_a_raise_after_an_answered_cancel_stops_nobody_else() -> None:
    desk = desk_of("puppet", "fragile", "puppet")
    desk.acknowledge(desk.wake())
    for k in (0, 2):
        desk.want({**BID, "slot": 1, "kind": IntentKind.REST}, context=k)
    breaks(desk, 1)
    desk.world.contexts["dirty"][1] = 1
    desk.world.contexts["dirty"][0] = desk.world.contexts["dirty"][2] = 1
    with pytest.raises(IndexError):
        desk.wake(WakeCode.AGAIN)
    assert desk.core["deciding"] == 2
    desk.tell(FactKind.HELD, qty_lot=1, code=Rule.RAISED)
    assert set(asked_of(desk, WakeCode.AGAIN)) == {0, 1, 2}


def test_another_process_can_read_who_is_thinking() -> None:
    desk = desk_of("puppet", "fragile")
    desk.wake()
    hashed = desk.world.state_hash()
    with mmap.mmap(-1, CORE_BYTES) as shared:
        desk.world.move_core(memoryview(shared))
        assert desk.world.state_hash() == hashed
        breaks(desk, 1)
        desk.bar(5_000)
        with pytest.raises(IndexError):
            desk.wake()
        seen = np.frombuffer(shared[:CORE_BYTES], dtype_of(Core))
        assert (seen["deciding"][0], seen["deciding_context"][0]) == (2, 2)
        del desk.world.core


def test_nonsense_is_forgiven_so_often_as_written() -> None:
    desk = Desk(bad_limit=3)
    plan = {"slot": 99, "qty_lot": 1, "price_tick": 4_900}
    for n in range(3):
        assert desk.world.strategies["held"][0] == 0
        desk.want({**plan, "price_tick": 4_900 - n})
        desk.bar(5_000)
        assert desk.wake() == []
    row = desk.world.strategies[0]
    assert (row["held"], row["held_limit"], row["held_value"]) == (Rule.BAD_OUTPUT, 3.0, 3.0)
    desk.tell(FactKind.HELD, qty_lot=0)
    assert desk.world.strategies["bad"][0] == 0


def test_a_plan_that_deceives_is_counted_too() -> None:
    desk = Desk(planned=True, bad_limit=2)
    plan_says(desk, verdict=9)
    for held in (0, Rule.BAD_OUTPUT):
        desk.bar(5_000)
        desk.wake()
        assert desk.world.strategies["held"][0] == held
