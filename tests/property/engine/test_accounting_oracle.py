"""Random programs of facts: the core's whole money against exact fractions, within its bound and conserved."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.engine.venue_records import FillRule
from tradewind.testing.invariants import Invariants
from tradewind.testing.oracle import Ledger
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import Scenario, make_market, make_world, play
from tradewind.units.enums import ALL, FactKind, IntentKind, OrderState, Role

PAYOFFS = ("linear", "inverse", "spot")
OPENER, CLOSER = 3, 7


@dataclass
class Move:
    """One step of a program: kind of fact, side, part of what is possible, price."""

    kind: str
    side: int
    part: int
    price_tick: int


moves = st.lists(
    st.builds(
        Move,
        st.sampled_from(["open", "open", "close", "close", "part", "funding", "transfer", "bar"]),
        st.integers(0, 1),
        st.integers(1, 100),
        st.integers(3_000, 9_000),
    ),
    max_size=40,
)


def exact(number: float) -> Fraction:
    return Fraction(float(number))


class Program:
    """Plays moves at a desk and in the ledger side by side."""

    def __init__(self, payoff: str) -> None:
        self.desk = Desk((payoff,), balance=1e6, hedge=payoff != "spot")
        self.desk.bar(5_000)
        view = self.desk.view()
        self.payoff, self.step = payoff, int(view["lot_step"])
        self.ledger = Ledger(payoff, exact(view["unit"]), Fraction(int(self.desk.account["balance"])))
        self.invariants = Invariants(self.desk.world)
        self.settled_ns = 0

    def play(self, move: Move) -> None:
        side = 0 if self.payoff == "spot" else move.side
        held = int(self.desk.holding(side)["pos_lot"])
        if move.kind == "open":
            self._trade(side, move, self.step * (1 + move.part % 30), reduce=0)
        elif move.kind in ("close", "part") and held:
            lots = (
                held
                if move.kind == "close"
                else max(self.step, held * move.part // 100 // self.step * self.step)
            )
            self._trade(side, move, min(lots, held), reduce=1)
        elif move.kind == "funding" and self.payoff != "spot":
            self._fund(move)
        elif move.kind == "transfer":
            amount = (move.part - 50) * 10**7
            self.desk.tell(FactKind.TRANSFER, amount=amount)
            self.ledger.transfer(amount)
        elif move.kind == "bar":
            self.desk.bar(move.price_tick)

    def _trade(self, side: int, move: Move, lots: int, reduce: int) -> None:
        desk, slot = self.desk, CLOSER if reduce else OPENER
        desk.want(
            {
                "slot": slot,
                "position_side": side,
                "reduce": reduce,
                "qty_lot": lots,
                "price_tick": move.price_tick,
                "epoch": desk.now_ns,
            }
        )
        desk.settle()
        if desk.order(slot)["state"] != OrderState.LIVE:
            return
        sent = int(desk.order(slot)["qty_lot"])
        first = max(1, sent * move.part // 100)
        for piece in (first, sent - first):
            if piece:
                maker = move.part % 2
                rate = float(desk.view()["maker"] if maker else desk.view()["taker"])
                trade = desk.fill(slot, piece, move.price_tick, maker=maker)
                fee = self.ledger.fill(side, piece, move.price_tick, opens=not reduce, fee_rate=exact(rate))
                desk.tell(FactKind.FEE, amount=int(fee), trade_id=trade)
        desk.now_ns += 1
        desk.want()
        desk.settle()

    def _fund(self, move: Move) -> None:
        self.settled_ns += 1
        rate, mark = exact((move.part - 50) * 1e-5), exact(move.price_tick + 0.37)
        for side in (0, 1):
            paid = self.ledger.settle(side, mark, rate)
            self.desk.tell(
                FactKind.FUNDING_PAID, position_side=side, amount=int(paid), venue_ts_ns=self.settled_ns
            )

    def check(self) -> None:
        self.desk.wake()
        self.invariants._check_slots()
        self.invariants._check_money()
        account, bound = self.desk.account, self.ledger.births + 2
        assert abs(int(account["balance"]) - self.ledger.balance) <= bound
        assert abs(int(account["equity"]) - self.ledger.equity(int(self.desk.view()["close"]))) <= bound + 2
        for side, position in enumerate(self.ledger.sides):
            holding = self.desk.holding(side)
            assert holding["pos_lot"] == position.lots
            assert abs(int(holding["cost"]) - position.cost) <= bound
            assert abs(int(holding["realised"]) - position.realised) <= bound
            if position.lots == 0:
                assert holding["cost"] == 0, "what is closed has cost nothing any more"


@pytest.mark.parametrize("payoff", PAYOFFS)
@settings(max_examples=40)
@given(program=moves)
def test_money_is_within_a_unit_per_birth_of_exact_fractions_and_conserved(payoff: str, program: list[Move]):
    running = Program(payoff)
    for move in program:
        running.play(move)
        running.check()
    running.desk.want(
        *(
            {"slot": CLOSER + side, "reduce": 1, "position_side": side, "qty_lot": ALL, "price_tick": 6_000}
            for side in (0, 1)
        )
    )
    running.desk.settle()
    for side in (0, 1):
        left = int(running.desk.order(CLOSER + side)["held_lot"])
        if left:
            running.desk.fill(CLOSER + side, left, 6_000)
            running.ledger.fill(side, left, 6_000, opens=False, fee_rate=Fraction(0))
    running.check()
    if all(position.lots == 0 for position in running.ledger.sides):
        assert running.desk.account["used"] == 0


@pytest.mark.parametrize("payoff", PAYOFFS)
@pytest.mark.parametrize("seed", range(4))
def test_a_whole_session_at_the_venue_adds_up_to_exact_fractions(payoff: str, seed: int):
    """Rebuilds the account from the fills, fees and settlements that a session logged."""
    scenario = Scenario(payoffs=(payoff,), hedge=True, fill_rule=FillRule.VOLUME, slip=0.0005, seed=seed)
    world, market = make_world(scenario), make_market(scenario, 400)
    wallet = int(world.views["wallet"][0])
    ledger = Ledger(payoff, exact(world.views["unit"][0]), Fraction(int(world.accounts["balance"][wallet])))
    drained = []
    original = world.drain

    def keep() -> object:
        drained.append(original())
        return drained[-1]

    world.drain = keep  # type: ignore[method-assign]
    played = play(world, market)
    for fill in played.fills:
        opens = fill["role"] == Role.OPEN
        rate = exact(world.venue_instruments["maker" if fill["maker"] else "taker"][0])
        fee = ledger.fill(
            int(fill["position_side"]),
            int(fill["qty_lot"]),
            int(fill["price_tick"]),
            opens=opens,
            fee_rate=rate,
        )
        assert abs(fee - int(fill["fee"])) <= 1
    for row in (row for part in drained for row in part.cash):
        mark, rate = Fraction(int(row["price"])), exact(row["rate"])
        paid = ledger.worth(int(row["qty_lot"]), mark) * rate * (1 - 2 * int(row["position_side"]))
        assert abs(paid + int(row["amount"])) <= abs(paid) * Fraction(1, 1_000) + 1, (
            "the mark is logged in whole ticks"
        )
        ledger.funding -= int(row["amount"])
    assert len(played.fills) > 50
    account = world.accounts[wallet]
    assert abs(int(account["balance"]) - ledger.balance) <= ledger.births
    assert abs(int(account["equity"]) - ledger.equity(int(world.views["close"][0]))) <= ledger.births
    for side in (0, 1):
        assert world.contexts["working"]["holding"]["pos_lot"][0, side] == ledger.sides[side].lots


def test_a_target_opened_and_closed_in_parts_leaves_nothing():
    desk = Desk()
    desk.bar(5_000)
    for lots in (7, 3, 11):
        desk.want({"kind": IntentKind.TARGET, "qty_lot": lots})
        desk.settle()
        order = desk.order(0)
        if order["state"] != OrderState.FREE:
            desk.fill(0, int(order["qty_lot"]), 4_999)
    desk.want({"kind": IntentKind.TARGET, "qty_lot": 0})
    desk.settle()
    for lots in (1, 2, 3, 5):
        desk.fill(0, lots, 5_003)
    assert desk.holding()["pos_lot"] == desk.holding()["cost"] == desk.account["used"] == 0
