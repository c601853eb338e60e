"""Closers compete for one holding: a take-profit never forbids a stop, and no mixture closes more than is held."""

from tradewind.testing.puppets import Desk
from tradewind.units.enums import ALL, LONG, SHORT, IntentKind, OrderState

REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
FLAT = (5_000, 5_000, 5_000, 5_000)
HOLD_LONG = {"kind": TARGET, "slot": 0, "qty_lot": 10}
TAKE = {"kind": REST, "slot": 2, "reduce": 1, "price_tick": 5_100, "qty_lot": ALL}
GUARD = {"kind": STOP, "slot": 3, "reduce": 1, "price_tick": 4_900, "qty_lot": ALL}
HOLD_SHORT = {"kind": TARGET, "slot": 1, "position_side": SHORT, "qty_lot": 4}


def protected(**setup: bool) -> Desk:
    """Return a desk that is long 10 lots with a take-profit and a stop working."""
    desk = Desk(**setup)
    desk.want(HOLD_LONG, TAKE, GUARD)
    desk.play(FLAT, FLAT, FLAT)
    return desk


def test_take_profit_and_stop_work_together_on_a_one_way_account() -> None:
    desk = protected()
    for slot in (2, 3):
        order = desk.order(slot)
        assert (order["state"], order["qty_lot"], order["plain"]) == (OrderState.LIVE, 10, 0)


def test_a_bar_that_reaches_both_closes_once_and_at_the_stop() -> None:
    desk = protected()
    desk.want(TAKE, GUARD)
    fills = desk.play((5_000, 5_200, 4_800, 5_000), FLAT)
    assert [(int(f["price_tick"]), int(f["qty_lot"])) for f in fills] == [(4_900, 10)]
    assert desk.holding(LONG)["pos_lot"] == 0
    assert not desk.world.venue_instruments["pos_lot"].any()


def test_closers_share_the_lots_while_both_sides_of_a_one_way_position_are_held() -> None:
    desk = protected()
    desk.want(HOLD_LONG, HOLD_SHORT)
    desk.play(FLAT, FLAT)
    desk.want(HOLD_LONG, HOLD_SHORT, TAKE, GUARD)
    desk.play(FLAT, FLAT)
    held, take, guard = desk.holding(LONG), desk.order(2), desk.order(3)
    assert held["close_lot"] + held["stop_lot"] == 10
    assert take["plain"] == 1
    assert guard["state"] == OrderState.FREE


def test_a_stop_never_joins_a_take_profit_that_is_not_reduce_only() -> None:
    desk = protected()
    desk.want(HOLD_LONG, HOLD_SHORT)
    desk.play(FLAT, FLAT)
    desk.want(HOLD_LONG, HOLD_SHORT, TAKE)
    desk.play(FLAT, FLAT)
    desk.want(HOLD_LONG, TAKE, GUARD, {**HOLD_SHORT, "qty_lot": 0})
    desk.play(FLAT, FLAT, FLAT)
    assert desk.holding(SHORT)["pos_lot"] == 0
    assert desk.holding(LONG)["plain_lot"] == 10
    assert desk.order(3)["state"] == OrderState.FREE
    desk.want(TAKE, GUARD)
    desk.play((5_000, 5_200, 4_800, 5_000), FLAT)
    assert desk.world.venue_instruments["pos_lot"].sum() == 0


def test_a_one_way_position_turns_round_in_one_bar() -> None:
    for first, then in ((LONG, SHORT), (SHORT, LONG)):
        desk = Desk()
        desk.want({**HOLD_LONG, "slot": first, "position_side": first})
        desk.play(FLAT, FLAT)
        old = {**HOLD_LONG, "slot": first, "position_side": first, "qty_lot": 0}
        desk.want(old, {**HOLD_LONG, "slot": then, "position_side": then})
        fills = desk.play(FLAT, FLAT)
        assert len(fills) == 2
        assert (desk.holding(first)["pos_lot"], desk.holding(then)["pos_lot"]) == (0, 10)
