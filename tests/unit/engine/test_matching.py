"""What a bar does to orders: fill rules, gaps, stops, trailing, marks, volume, the pessimistic order inside."""

from dataclasses import dataclass

import pytest

from tradewind.engine.setup import AccountLimits
from tradewind.engine.venue_records import FillRule
from tradewind.testing.puppets import Desk
from tradewind.testing.scenarios import MINUTE_NS
from tradewind.units.enums import ALL, SHORT, IntentKind, OrderState, Role, TriggerKind

STRICT, TOUCH, VOLUME = FillRule
REST, TARGET, STOP = IntentKind.REST, IntentKind.TARGET, IntentKind.STOP
FLAT = (5_000, 5_000, 5_000, 5_000)
BUY_LIMIT = {"price_tick": 4_990, "qty_lot": 10}
SELL_LIMIT = {"price_tick": 5_010, "qty_lot": 10, "position_side": SHORT}
BUY_STOP = {"kind": STOP, "price_tick": 5_020, "qty_lot": 10}
SELL_STOP = {"kind": STOP, "price_tick": 4_980, "qty_lot": 10, "position_side": SHORT}
MAKER, TAKER = 1, 0


@dataclass
class Case:
    """An opening order set at the close of a flat bar, the bars after it, and its fills: (price, lots, maker)."""

    want: dict
    bars: list[tuple[int, ...]]
    fills: list[tuple[int, int, int]]
    setup: dict | None = None


CASES = {
    "strict: through": Case(BUY_LIMIT, [(5_000, 5_000, 4_989, 5_000)], [(4_990, 10, MAKER)]),
    "strict: touched only": Case(BUY_LIMIT, [(5_000, 5_000, 4_990, 5_000)], []),
    "touch: touched": Case(
        BUY_LIMIT, [(5_000, 5_000, 4_990, 5_000)], [(4_990, 10, MAKER)], {"fill_rule": TOUCH}
    ),
    "touch: not touched": Case(BUY_LIMIT, [(5_000, 5_000, 4_991, 5_000)], [], {"fill_rule": TOUCH}),
    "sell: through": Case(SELL_LIMIT, [(5_000, 5_011, 5_000, 5_000)], [(5_010, 10, MAKER)]),
    "sell: touched only": Case(SELL_LIMIT, [(5_000, 5_010, 5_000, 5_000)], []),
    "gap: at the limit": Case(BUY_LIMIT, [(4_980, 4_985, 4_975, 4_980)], [(4_990, 10, MAKER)]),
    "gap: at the open": Case(
        BUY_LIMIT, [(4_980, 4_985, 4_975, 4_980)], [(4_980, 10, MAKER)], {"gap_open": True}
    ),
    "sell gap: at the open": Case(
        SELL_LIMIT, [(5_030, 5_035, 5_025, 5_030)], [(5_030, 10, MAKER)], {"gap_open": True}
    ),
    "the bar of the decision fills nothing": Case(BUY_LIMIT, [], []),
    "crossing takes at the open": Case(
        {"price_tick": 5_005, "qty_lot": 10}, [(5_003, 5_004, 5_000, 5_001)], [(5_003, 10, TAKER)]
    ),
    "crossing rests where the open left it": Case(
        {"price_tick": 5_005, "qty_lot": 10},
        [(5_007, 5_009, 5_006, 5_007), (5_007, 5_009, 5_004, 5_007)],
        [(5_005, 10, MAKER)],
    ),
    "crossing slips, at most to its limit": Case(
        {"price_tick": 5_005, "qty_lot": 10},
        [(5_003, 5_004, 5_000, 5_001)],
        [(5_005, 10, TAKER)],
        {"slip": 0.001},
    ),
    "market at the next open": Case(
        {"kind": TARGET, "qty_lot": 10}, [(5_002, 5_003, 5_000, 5_001)], [(5_002, 10, TAKER)]
    ),
    "market with slippage": Case(
        {"kind": TARGET, "qty_lot": 10}, [(5_002, 5_003, 5_000, 5_001)], [(5_008, 10, TAKER)], {"slip": 0.001}
    ),
    "market with a worst price": Case(
        {"kind": TARGET, "qty_lot": 10, "price_tick": 5_001},
        [(5_002, 5_003, 5_000, 5_001), (5_001, 5_003, 5_000, 5_001)],
        [(5_001, 10, TAKER)],
    ),
    "stop: reached": Case(BUY_STOP, [(5_000, 5_020, 5_000, 5_010)], [(5_020, 10, TAKER)]),
    "stop: not reached": Case(BUY_STOP, [(5_000, 5_019, 5_000, 5_010)], []),
    "stop: gapped": Case(BUY_STOP, [(5_030, 5_035, 5_025, 5_030)], [(5_030, 10, TAKER)]),
    "stop: slips": Case(BUY_STOP, [(5_000, 5_020, 5_000, 5_010)], [(5_026, 10, TAKER)], {"slip": 0.001}),
    "sell stop: reached": Case(SELL_STOP, [(5_000, 5_000, 4_980, 4_990)], [(4_980, 10, TAKER)]),
    "sell stop: gapped, slips": Case(
        SELL_STOP, [(4_970, 4_975, 4_960, 4_970)], [(4_965, 10, TAKER)], {"slip": 0.001}
    ),
    "trailing buy stop follows the low": Case(
        {"kind": STOP, "trail_tick": 20, "qty_lot": 10},
        [(5_000, 5_000, 4_970, 4_980), (4_980, 4_992, 4_975, 4_985)],
        [(4_990, 10, TAKER)],
    ),
    "trailing: the best price comes first": Case(
        {"kind": STOP, "trail_tick": 20, "qty_lot": 10}, [(5_000, 5_000, 4_970, 4_995)], [(4_990, 10, TAKER)]
    ),
    "trailing: hit where it stood": Case(
        {"kind": STOP, "trail_tick": 20, "qty_lot": 10}, [(5_000, 5_025, 4_970, 4_995)], [(5_020, 10, TAKER)]
    ),
    "volume: a share of it": Case(
        BUY_LIMIT,
        [(5_000, 5_000, 4_989, 5_000, 60), (5_000, 5_000, 4_989, 5_000, 30)],
        [(4_990, 6, MAKER), (4_990, 3, MAKER)],
        {"fill_rule": VOLUME, "share": 0.1},
    ),
    "volume: a stop goes on at the next open": Case(
        BUY_STOP,
        [(5_000, 5_021, 5_000, 5_010, 60), (5_013, 5_014, 5_000, 5_010, 1_000)],
        [(5_020, 6, TAKER), (5_013, 4, TAKER)],
        {"fill_rule": VOLUME, "share": 0.1},
    ),
    "volume: a market order's rest expires": Case(
        {"kind": TARGET, "qty_lot": 10, "tolerance_lot": 4},
        [(5_002, 5_003, 5_000, 5_001, 60)] * 2,
        [(5_002, 6, TAKER)],
        {"fill_rule": VOLUME, "share": 0.1},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_bar_fills_what_the_rule_says(case: Case):
    desk = Desk(hedge=True, **(case.setup or {}))
    desk.want(case.want)
    desk.play(FLAT)
    fills = desk.play(*case.bars) if case.bars else desk.fills[0]
    assert [(int(f["price_tick"]), int(f["qty_lot"]), int(f["maker"])) for f in fills] == case.fills
    for fill in fills:
        rate = desk.view()["maker"] if fill["maker"] else desk.view()["taker"]
        assert fill["fee"] == int(int(fill["notional"]) * float(rate))


def holding(desk: Desk, lots: int) -> None:
    """Let the desk hold lots bought at 5,000."""
    desk.want({"kind": TARGET, "qty_lot": lots})
    desk.play(FLAT, FLAT)
    assert desk.holding()["pos_lot"] == lots


PROFIT = {"slot": 1, "reduce": 1, "price_tick": 5_050, "qty_lot": ALL}
LOSS = {"slot": 2, "kind": STOP, "reduce": 1, "price_tick": 4_950, "qty_lot": ALL}


@pytest.mark.parametrize("hedge", [True, False])
def test_a_stop_comes_before_a_profit_inside_one_bar(hedge: bool):
    desk = Desk(hedge=hedge)
    desk.view()["shared"] = 0
    holding(desk, 10)
    desk.want(PROFIT, LOSS)
    desk.play(FLAT)
    fills = desk.play((5_000, 5_060, 4_940, 5_000), FLAT)
    assert [(int(f["price_tick"]), int(f["role"])) for f in fills] == [(4_950, Role.STOP)]
    assert desk.holding()["pos_lot"] == 0
    assert desk.world.contexts["working"]["live_count"][0] == 0 or desk.order(1)["state"] != OrderState.FREE


def test_a_liquidation_comes_before_a_profit_inside_one_bar():
    desk = Desk(balance=10.0, leverage=20.0)
    holding(desk, 30)
    desk.want(PROFIT)
    desk.play(FLAT)
    fills = desk.play((5_000, 5_060, 4_500, 5_000))
    assert [int(f["role"]) for f in fills] == [Role.LIQUIDATION]


def test_an_opening_limit_comes_before_a_closing_one_inside_one_bar():
    desk = Desk(fill_rule=TOUCH)
    holding(desk, 10)
    desk.want({**BUY_LIMIT, "slot": 5}, {**PROFIT, "qty_lot": 10})
    desk.play(FLAT)
    fills = desk.play((5_000, 5_060, 4_980, 5_000))
    assert fills["price_tick"].tolist() == [4_990, 5_050]


def test_a_trailing_protector_follows_the_high():
    desk = Desk()
    holding(desk, 10)
    desk.want({"slot": 2, "kind": STOP, "reduce": 1, "trail_tick": 30, "qty_lot": ALL})
    desk.play(FLAT)
    assert len(desk.play((5_000, 5_020, 4_995, 5_015), (5_015, 5_060, 5_035, 5_055))) == 0
    assert desk.play((5_055, 5_056, 5_025, 5_030))["price_tick"].tolist() == [5_030]


def test_a_stop_on_the_mark_acts_at_the_open_after_the_mark_reached_it():
    desk = Desk()
    holding(desk, 10)
    desk.want({**LOSS, "trigger": TriggerKind.MARK})
    desk.play(FLAT)
    assert len(desk.play((5_000, 5_000, 4_900, 5_000), marks=[(0, 4_951.0)])) == 0, (
        "the last price is not the mark"
    )
    assert len(desk.play(FLAT, marks=[(0, 4_950.0)])) == 0
    fills = desk.play((4_993, 5_000, 4_990, 5_000))
    assert [(int(f["price_tick"]), int(f["role"])) for f in fills] == [(4_993, Role.STOP)]


def test_post_only_that_would_take_is_refused_and_waits():
    desk = Desk(limits=AccountLimits(retry_ns=2 * MINUTE_NS))
    desk.want({"price_tick": 5_000, "qty_lot": 10, "post_only": 1})
    assert len(desk.play(FLAT, FLAT, FLAT)) == 0
    assert desk.core["refusals"][40] == 2, "once a wait of two minutes, not once a bar"


def test_reduce_only_never_turns_a_position():
    desk = Desk(hedge=True)
    holding(desk, 10)
    desk.want(PROFIT, LOSS, {**PROFIT, "slot": 3, "price_tick": 5_060, "qty_lot": 10})
    desk.play(FLAT)
    desk.play((5_000, 5_070, 5_000, 5_000), FLAT, FLAT)
    assert desk.world.venue_instruments["pos_lot"][0].tolist() == [0, 0]
    assert desk.holding()["pos_lot"] == desk.holding(SHORT)["pos_lot"] == 0


def test_the_band_of_quiet_prices_misses_no_order():
    """Orders far from the market are looked at only where a bar reaches them; a bar that just does must."""
    for low in (4_991, 4_990, 4_989):
        desk = Desk(fill_rule=TOUCH)
        desk.want(
            BUY_LIMIT,
            {**BUY_LIMIT, "slot": 58, "price_tick": 4_000},
            {**SELL_LIMIT, "slot": 59, "price_tick": 6_000},
        )
        desk.play(FLAT)
        fills = desk.play(
            (5_000, 5_000, low, 5_000), (5_000, 6_000, 5_000, 5_000), (5_000, 5_000, 4_000, 5_000)
        )
        assert fills["price_tick"].tolist() == [4_990] * (low <= 4_990) + [6_000] + [4_990] * (
            low > 4_990
        ) + [4_000]


@pytest.mark.parametrize("slots", [0, 31, 32, 59])
def test_every_slot_of_a_mask_works(slots: int):
    desk = Desk(fill_rule=TOUCH)
    desk.want({**BUY_LIMIT, "slot": slots})
    desk.play(FLAT)
    assert len(desk.play((5_000, 5_000, 4_990, 5_000))) == 1
