"""Each defect is found, and found at its place; sound history has none."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.config.data_policy import DEFECTS
from tradewind.errors import ERROR_CODES
from tradewind.market import Bars, Mark, OpenInterest, QualityRules, check_bars, check_mark, check_series
from tradewind.market.defects import CODES
from tradewind.units.time import HOUR_NS, MINUTE_NS


def edited(bars, **cells):
    """Return bars with cells changed: close=(row, value)."""
    columns = {n: c.copy() for n, c in bars.columns().items()}
    for name, (row, value) in cells.items():
        columns[name][row] = value
    return Bars.from_columns(columns, bars.interval_ns)


def kinds(defects):
    return [d.kind for d in defects]


def test_sound_bars_have_no_defect(bars, hourly):
    assert check_bars(bars) == ()
    assert check_bars(hourly) == ()
    assert check_bars(Bars.empty(MINUTE_NS)) == ()


def test_every_kind_has_a_code_that_exists():
    assert set(CODES.values()) <= set(ERROR_CODES)
    assert set(DEFECTS) <= set(CODES)


ROWS = {
    "not_finite": {"close": (9, np.nan)},
    "zero_price": {"low": (9, 0.0)},
    "ohlc": {"high": (9, 1.0)},
    "volume": {"volume": (9, -0.5)},
    "zero_volume": {"volume": (9, 0.0)},
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_bad_row_is_found_where_it_is(bars, kind):
    found = [d for d in check_bars(edited(bars, **ROWS[kind])) if d.kind == kind]
    assert [(d.ts_ns, d.end_ns, d.count) for d in found] == [(int(bars.ts_ns[9]), int(bars.ts_ns[10]), 1)]


@pytest.mark.parametrize(("name", "of"), [("high", "low"), ("low", "high")])
def test_high_and_low_must_both_enclose(bars, name, of):
    row = int(np.argmax(bars.high - bars.low > 1.0))
    assert kinds(check_bars(edited(bars, **{name: (row, bars.column(of)[row])}))) == ["ohlc"]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_volume_that_is_no_number_is_found(bars, value):
    assert "volume" in kinds(check_bars(edited(bars, volume=(3, value))))


def test_neighbouring_bad_rows_are_one_defect(bars):
    volume = bars.volume.copy()
    volume[50:60] = 0.0
    found = check_bars(Bars.from_columns({**bars.columns(), "volume": volume}, MINUTE_NS))
    assert [(d.kind, d.count) for d in found] == [("zero_volume", 10)]


def test_gaps_are_counted_and_placed(bars):
    kept = np.ones(len(bars), bool)
    kept[[20, 21, 22, 100]] = False
    found = check_bars(bars.take(kept))
    assert [(d.kind, d.count, d.ts_ns, d.end_ns) for d in found] == [
        ("gaps", 3, int(bars.ts_ns[20]), int(bars.ts_ns[23])),
        ("gaps", 1, int(bars.ts_ns[100]), int(bars.ts_ns[101])),
    ]


def test_order_and_repetition_are_found(bars):
    order = np.arange(len(bars))
    order[[10, 11]] = order[[11, 10]]
    assert "order" in kinds(check_bars(bars.take(order)))
    twice = np.sort(np.r_[np.arange(len(bars)), 30])
    assert kinds(check_bars(bars.take(twice))) == ["duplicates"]


def test_a_time_off_the_grid_is_found(bars):
    found = check_bars(edited(bars, ts_ns=(5, int(bars.ts_ns[5]) + 7)))
    assert "grid" in kinds(found)


def test_weeks_lie_on_mondays(bars):
    monday = np.datetime64("2024-01-01", "ns").astype(np.int64) + np.arange(3) * 7 * 24 * HOUR_NS
    ones = {n: np.ones(3) for n in Bars.COLUMNS}
    assert check_bars(Bars.from_columns({"ts_ns": monday, **ones}, 7 * 24 * HOUR_NS)) == ()
    sunday = Bars.from_columns({"ts_ns": monday - 24 * HOUR_NS, **ones}, 7 * 24 * HOUR_NS)
    assert kinds(check_bars(sunday)) == ["grid"]


def test_the_future_and_the_unfinished_bar_depend_on_now(bars):
    now_ns = int(bars.ts_ns[150]) + 1
    found = {d.kind: d for d in check_bars(bars, now_ns=now_ns)}
    assert found["unfinished"].ts_ns == bars.ts_ns[150]
    assert (found["future"].ts_ns, found["future"].count) == (bars.ts_ns[151], 49)
    assert check_bars(bars, now_ns=int(bars.end_ns[-1])) == ()


def test_a_low_of_a_ten_thousandth_is_reported_and_kept(bars):
    found = check_bars(edited(bars, low=(70, 0.0001)))
    assert [(d.kind, d.ts_ns) for d in found] == [("outliers", int(bars.ts_ns[70]))]
    assert "low 0.0001" in found[0].detail


@pytest.mark.parametrize("factor", [10.0, 0.1, 2.01, 0.49])
def test_a_shifted_decimal_and_a_jump_are_suspect(bars, factor):
    columns = {n: np.r_[bars.column(n)[:90], bars.column(n)[90:] * factor] for n in Bars.COLUMNS[:-1]}
    found = check_bars(Bars.from_columns({**bars.columns(), **columns}, MINUTE_NS))
    assert [(d.kind, d.ts_ns) for d in found] == [("outliers", int(bars.ts_ns[90]))]


def test_a_move_below_the_ratio_is_no_outlier(bars):
    columns = {n: np.r_[bars.column(n)[:90], bars.column(n)[90:] * 1.9] for n in Bars.COLUMNS[:-1]}
    assert check_bars(Bars.from_columns({**bars.columns(), **columns}, MINUTE_NS)) == ()


def test_a_close_that_goes_away_and_comes_back_is_suspect(bars):
    rows = {n: bars.column(n).copy() for n in Bars.COLUMNS[:-1]}
    for column in rows.values():
        column[40] *= 1.3
    found = check_bars(Bars.from_columns({**bars.columns(), **rows}, MINUTE_NS))
    assert [(d.kind, d.ts_ns) for d in found] == [("outliers", int(bars.ts_ns[40]))]


def test_a_long_flat_stretch_is_found_and_a_short_one_is_not(bars):
    def flat(rows):
        columns = {n: bars.column(n).copy() for n in Bars.COLUMNS[:-1]}
        for column in columns.values():
            column[20 : 20 + rows] = bars.close[19]
        return check_bars(Bars.from_columns({**bars.columns(), **columns}, MINUTE_NS))

    assert kinds(flat(125)) == ["flat"]
    assert flat(110) == ()


def test_rules_can_be_stricter(bars):
    found = check_bars(bars, rules=QualityRules(outlier_ratio=1.000001))
    assert set(kinds(found)) == {"outliers"}


def test_marks_and_open_interest_have_their_own_checks(bars):
    mark = Mark(bars.ts_ns, bars.open, bars.high, bars.low, bars.close, MINUTE_NS)
    assert check_mark(mark) == ()
    assert kinds(check_mark(mark.take(np.arange(len(bars)) != 5))) == ["gaps"]
    nan = np.array([np.nan, 1.0, np.nan])
    interest = OpenInterest(np.arange(3), nan, np.array([np.nan, 1.0, -2.0]))
    assert kinds(check_series(interest)) == ["not_finite", "volume"]
