"""Point-in-time membership and bars on one grid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import Bars, Change, Instrument, Universe, align
from tradewind.units.time import HOUR_NS, parse_utc

PLAIN = Instrument(
    venue="binance_usdm",
    symbol="A",
    payoff="linear",
    base="A",
    quote="USDT",
    settle="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal(1),
    min_qty=Decimal(1),
    maker_rate=Decimal(0),
    taker_rate=Decimal(0),
)


def test_members_enter_and_leave_at_their_dates(hourly):
    start, end = int(hourly.ts_ns[0]), int(hourly.end_ns[-1])
    young = replace(PLAIN, symbol="YOUNG", listed_ns=int(hourly.ts_ns[100]))
    gone = replace(PLAIN, symbol="GONE", listed_ns=start - HOUR_NS, delisted_ns=int(hourly.ts_ns[300]))
    universe = Universe.of(
        [young, gone], {"YOUNG": hourly.take(slice(100, None)), "GONE": hourly.take(slice(0, 300))}
    )
    assert universe.at(start) == ("GONE",)
    assert universe.at(int(hourly.ts_ns[100])) == ("YOUNG", "GONE")
    assert universe.at(int(hourly.ts_ns[300])) == ("YOUNG",)
    assert universe.changes(start, end) == (
        Change(int(hourly.ts_ns[100]), "YOUNG", "enter"),
        Change(int(hourly.ts_ns[300]), "GONE", "leave"),
    )
    assert universe.assumptions == ()


def test_at_one_time_those_who_leave_come_first(hourly):
    when = int(hourly.ts_ns[100])
    young = replace(PLAIN, symbol="YOUNG", listed_ns=when)
    gone = replace(PLAIN, symbol="GONE", listed_ns=0, delisted_ns=when)
    bars = {"YOUNG": hourly.take(slice(100, None)), "GONE": hourly.take(slice(0, 100))}
    changes = Universe.of([young, gone], bars).changes(0, int(hourly.end_ns[-1]))
    assert [(c.symbol, c.kind) for c in changes if c.ts_ns == when] == [("GONE", "leave"), ("YOUNG", "enter")]


def test_an_unknown_listing_is_the_first_bar_and_is_said(hourly):
    universe = Universe.of([PLAIN], {"A": hourly.take(slice(50, None))})
    assert universe.at(int(hourly.ts_ns[49])) == ()
    assert universe.at(int(hourly.ts_ns[50])) == ("A",)
    assert "listing is not known" in universe.assumptions[0]


def test_bars_before_the_stated_listing_count_and_are_said(hourly):
    late = replace(PLAIN, listed_ns=int(hourly.ts_ns[10]))
    universe = Universe.of([late], {"A": hourly})
    assert universe.at(int(hourly.ts_ns[0])) == ("A",)
    assert "after its first bar" in universe.assumptions[0]


def test_bars_after_the_delisting_are_not_traded(hourly):
    gone = replace(PLAIN, listed_ns=0, delisted_ns=int(hourly.ts_ns[300]))
    universe = Universe.of([gone], {"A": hourly})
    assert universe.at(int(hourly.ts_ns[301])) == ()
    assert "after its delisting" in universe.assumptions[0]


def test_without_bars_or_delisted_before_them_is_inactive(hourly):
    gone = replace(PLAIN, delisted_ns=parse_utc("2020-01-01"))
    for instrument, bars in ((PLAIN, Bars.empty(HOUR_NS)), (gone, hourly)):
        with pytest.raises(TradewindError) as raised:
            Universe.of([instrument], {"A": bars})
        assert raised.value.code == "SYMBOL_INACTIVE"


def test_alignment_states_absence_and_copies_nothing(bars):
    one, two = bars.take(np.arange(200) % 3 != 0), bars.take(slice(50, 120))
    grid = align([one, two])
    assert grid.ts_ns.tolist() == sorted(set(one.ts_ns.tolist()) | set(two.ts_ns.tolist()))
    assert grid.row.dtype == np.int32
    for number, series in enumerate((one, two)):
        held = grid.row[number][grid.present[number]]
        assert held.tolist() == list(range(len(series)))
        assert np.array_equal(series.ts_ns, grid.ts_ns[grid.present[number]])
        column = grid.column("close", number)
        assert np.array_equal(column[grid.present[number]], series.close)
        assert np.isnan(column[~grid.present[number]]).all()


def test_alignment_cuts_to_the_period(bars):
    grid = align([bars, bars], int(bars.ts_ns[10]), int(bars.ts_ns[20]))
    assert len(grid.ts_ns) == 10


def test_alignment_of_different_intervals_or_nothing_is_refused(bars, hourly):
    for series in ([bars, hourly], []):
        with pytest.raises(TradewindError) as raised:
            align(series)
        assert raised.value.code == "TIMEFRAME_INVALID"
