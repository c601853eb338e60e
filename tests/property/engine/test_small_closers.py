"""On a netted account every holding has its stop, or nobody would take one; and nothing is asked for to be refused."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.engine.setup import ExitSetup
from tradewind.testing.puppets import Desk
from tradewind.units.enums import (
    BUY,
    LONG,
    SELL,
    SHORT,
    FactKind,
    OrderState,
    Protection,
    RequestKind,
    Rule,
    WakeCode,
)
from tradewind.units.enums import SettingCode as Setting

USD = 100_000_000
PER_LOT = 5
"""Dollars."""
STOP_SLOT = 62
LEVEL = 0.02


class Account:
    """A one-way account whose venue takes a plain order only above a value, and reduce-only ones up to its position."""

    def __init__(self, strategies: int) -> None:
        exits = ExitSetup(Protection.RESTING, stop_loss=LEVEL)
        self.desk = Desk(strategies=strategies, exits=exits, holding_limit_qty=10.0, balance=1e6)
        self.strategies, self.by_hand, self.least, self.booked = strategies, 0, 0, 0
        self.move(Setting.MIN_NOTIONAL, 0)
        self.desk.bar(5_000)

    def held(self, context: int, side: int) -> int:
        return int(self.desk.holding(side, context)["pos_lot"])

    @property
    def net(self) -> int:
        own = sum(self.held(k, LONG) - self.held(k, SHORT) for k in range(self.strategies))
        return own + self.by_hand

    def move(self, what: int, value: int, context: int = 0, side: int = 0) -> None:
        """Change the least value, what somebody holds by hand, or a holding."""
        if what == Setting.MIN_NOTIONAL:
            self.least = value
            self.desk.tell(FactKind.SETTING, code=what, amount=value * USD)
        elif what < 0:
            self.by_hand = value
            for at in (LONG, SHORT):
                lots = max(value, 0) if at == LONG else max(-value, 0)
                self.desk.tell(FactKind.EXTERNAL_POSITION, position_side=at, qty_lot=lots)
        else:
            self.book(context, side, value - self.held(context, side))

    def book(self, context: int, side: int, lots: int) -> None:
        self.booked += 1
        opens = lots > 0
        self.desk.tell(
            FactKind.BOOKED,
            cid=1 << 20 | context << 8 | 50,
            position_side=side,
            side=BUY if opens == (side == LONG) else SELL,
            price_tick=5_000,
            qty_lot=abs(lots),
            amount=abs(lots) * PER_LOT * USD,
            trade_id=self.booked,
        )

    def settle(self) -> None:
        """Wake and answer until nothing more is asked for."""
        asked = self.desk.wake(WakeCode.MARK)
        for _ in range(4):
            self.drop_what_reduces_nothing()
            for request in asked:
                self.check(request)
            self.desk.acknowledge(asked)
            asked = self.desk.wake(WakeCode.AGAIN) if asked else self.desk.wake(WakeCode.MARK)
        assert asked == []

    def drop_what_reduces_nothing(self) -> None:
        """Cancel reduce-only stops that the position does not bear any more, as venues do."""
        for context in range(self.strategies):
            for side in (LONG, SHORT):
                order = self.desk.order(STOP_SLOT + side, context)
                bears = (1 - 2 * side) * self.net >= order["qty_lot"]
                if order["state"] == OrderState.LIVE and not order["plain"] and not bears:
                    cid = int(order["cid"])
                    self.desk.tell(FactKind.EXPIRED, cid=cid, code=Rule.VENUE_REDUCE_ONLY)

    def check(self, request: Any) -> None:
        """Take a request or object to it."""
        if request["kind"] == RequestKind.CANCEL:
            return
        lots, side = int(request["qty_lot"]), int(request["position_side"])
        if request["reduce"]:
            assert (1 - 2 * side) * self.net >= lots, "the venue would refuse it: nothing to reduce"
        else:
            assert lots * int(request["price_tick"]) * USD // 1_000 >= self.least * USD, (
                "it is worth too little"
            )

    def check_stops(self) -> None:
        for context in range(self.strategies):
            for side in (LONG, SHORT):
                held, order = self.held(context, side), self.desk.order(STOP_SLOT + side, context)
                rests = int(order["held_lot"]) if order["state"] == OrderState.LIVE else 0
                assert rests <= held
                small = held * int(5_000 * (1 - (1 - 2 * side) * LEVEL)) < self.least * 1_000
                if rests < held:
                    assert small
                    assert (1 - 2 * side) * self.net < held
                    assert rests or order["reason"] == Rule.MIN_NOTIONAL


moves = st.one_of(
    st.tuples(st.just(Setting.MIN_NOTIONAL), st.sampled_from([0, 20, 60, 200])),
    st.tuples(st.just(-1), st.integers(-15, 15)),
    st.tuples(st.just(99), st.integers(0, 30), st.integers(0, 2), st.integers(0, 1)),
)


@settings(max_examples=60)
@given(steps=st.lists(moves, min_size=1, max_size=10), strategies=st.integers(2, 3))
def test_every_holding_has_its_stop_or_nobody_would_take_one(
    steps: list[tuple[int, ...]], strategies: int
) -> None:
    account = Account(strategies)
    for what, value, *place in steps:
        context, side = place or (0, 0)
        account.move(what, value, context % strategies, side)
        account.settle()
        account.check_stops()
