"""What a backtest file accepts is done, told and nothing else; what it does not accept stops the run."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tradewind.config.data_policy import DEFECTS, DataPolicy
from tradewind.errors import TradewindError
from tradewind.market import Bars, Funding, Mark, check_bars, prepare_bars, prepare_funding, prepare_mark
from tradewind.units.time import HOUR_NS, MINUTE_NS, parse_utc

TICK = Decimal("0.1")


def prepared(bars, now_ns=None, tick=TICK, **policy):
    return prepare_bars(bars, DataPolicy(**policy), tick_size=tick, where="BTCUSDT 1m", now_ns=now_ns)


def holed(bars):
    kept = np.ones(len(bars), bool)
    kept[[20, 21, 22, 100]] = False
    return bars.take(kept)


def test_sound_bars_pass_untouched(bars):
    result = prepared(bars)
    assert result.segments[0].bars.same_as(bars)
    assert not result.segments[0].made.any()
    assert (result.applied, result.grid.step, result.grid.ratio) == ((), TICK, 1)


def test_the_default_refuses_and_says_what_to_write(bars):
    with pytest.raises(TradewindError) as raised:
        prepared(holed(bars))
    error = raised.value
    assert (error.code, error.key) == ("DATA_GAP", "data.gaps")
    assert 'gaps = "fill"' in error.hint
    assert "2025-05-31T22:20:00Z" in error.message


def test_one_attempt_shows_every_kind_that_is_refused(bars):
    volume = bars.volume.copy()
    volume[7] = 0
    both = holed(Bars.from_columns({**bars.columns(), "volume": volume}, MINUTE_NS))
    with pytest.raises(TradewindError) as raised:
        prepared(both)
    assert {raised.value.key, *(e.key for e in raised.value.also)} == {"data.gaps", "data.zero_volume"}


def test_fill_repeats_the_close_without_volume_and_marks_the_rows(bars):
    segment = prepared(holed(bars), gaps="fill").segments[0]
    assert segment.bars.ts_ns.tolist() == bars.ts_ns.tolist()
    assert np.flatnonzero(segment.made).tolist() == [20, 21, 22, 100]
    for name in ("open", "high", "low", "close"):
        assert segment.bars.column(name)[22] == bars.close[19]
    assert segment.bars.volume[22] == 0.0
    assert check_bars(segment.bars, now_ns=None)[0].kind == "zero_volume"


def test_split_gives_pieces_without_gaps(bars):
    segments = prepared(holed(bars), gaps="split").segments
    assert [len(s.bars) for s in segments] == [20, 77, 99]
    assert all(check_bars(s.bars) == () for s in segments)


def test_accept_leaves_the_hole(bars):
    result = prepared(holed(bars), gaps="accept")
    assert result.segments[0].bars.same_as(holed(bars))
    assert (result.applied[0].kind, result.applied[0].count) == ("gaps", 4)
    assert "4 x bars are missing" in result.applied[0].sentence


def test_outliers_are_never_changed(bars):
    low = bars.low.copy()
    low[70] = 0.1
    wild = Bars.from_columns({**bars.columns(), "low": low}, MINUTE_NS)
    assert prepared(wild, outliers="accept").segments[0].bars.same_as(wild)


def test_ohlc_fill_widens(bars):
    high = bars.high.copy()
    high[9] = bars.low[9]
    bad = Bars.from_columns({**bars.columns(), "high": high}, MINUTE_NS)
    mended = prepared(bad, ohlc="fill").segments[0].bars
    assert mended.high[9] == max(bars.open[9], bars.close[9])
    assert check_bars(mended) == ()


def test_ohlc_fill_widens_downwards_too(bars):
    low = bars.low.copy()
    low[9] = bars.high[9]
    mended = (
        prepared(Bars.from_columns({**bars.columns(), "low": low}, MINUTE_NS), ohlc="fill").segments[0].bars
    )
    assert mended.low[9] == min(bars.open[9], bars.close[9])


def test_zero_price_fill_replaces_and_drops_at_the_beginning(bars):
    close, low = bars.close.copy(), bars.low.copy()
    close[[0, 9]] = 0.0
    low[[0, 9]] = 0.0
    bad = Bars.from_columns({**bars.columns(), "close": close, "low": low}, MINUTE_NS)
    segment = prepared(bad, zero_price="fill").segments[0]
    assert segment.bars.ts_ns[0] == bars.ts_ns[1]
    assert np.flatnonzero(segment.made).tolist() == [8]
    assert (segment.bars.close[8], segment.bars.volume[8]) == (bars.close[8], 0.0)


def test_duplicates_accept_keeps_the_first_of_equal_rows_only(bars):
    twice = bars.take(np.sort(np.r_[np.arange(len(bars)), 30]))
    assert prepared(twice, duplicates="accept").segments[0].bars.same_as(bars)
    close = twice.close.copy()
    close[31] = close[30] + 0.1
    high = np.maximum(twice.high, close)
    differing = Bars.from_columns({**twice.columns(), "close": close, "high": high}, MINUTE_NS)
    with pytest.raises(TradewindError) as raised:
        prepared(differing, duplicates="accept")
    assert raised.value.code == "DATA_CONFLICT"


def test_unfinished_accept_drops_the_last_bar(bars):
    now_ns = int(bars.ts_ns[-1]) + 1
    assert len(prepared(bars, now_ns=now_ns, unfinished="accept").segments[0].bars) == len(bars) - 1


@pytest.mark.parametrize("cells", [{"close": np.nan}, {"volume": -1.0}])
def test_what_has_no_policy_is_refused_whatever_the_file_says(bars, cells):
    everything = {k: next(p for p in d.policies if p != "refuse") for k, d in DEFECTS.items()}
    columns = {n: c.copy() for n, c in bars.columns().items()}
    for name, value in cells.items():
        columns[name][9] = value
    with pytest.raises(TradewindError) as raised:
        prepared(Bars.from_columns(columns, MINUTE_NS), **everything)
    assert raised.value.code in ("DATA_NOT_FINITE", "DATA_RANGE")


def test_a_finer_tick_of_the_past_makes_a_finer_grid(bars):
    result = prepared(bars, tick=Decimal(1))
    assert (result.grid.step, result.grid.ratio) == (TICK, 10)
    assert result.segments[0].bars.same_as(bars)


def test_prices_on_no_grid_are_refused_or_rounded(bars):
    third = bars.close / 3
    columns = {n: bars.column(n) / 3 for n in ("open", "high", "low")}
    off = Bars.from_columns({**bars.columns(), **columns, "close": third}, MINUTE_NS)
    with pytest.raises(TradewindError) as raised:
        prepared(off)
    assert (raised.value.code, raised.value.key) == ("DATA_GRID", "data.off_tick")
    rounded = prepared(off, off_tick="accept")
    assert (rounded.grid.step, rounded.grid.ratio) == (TICK, 1)
    assert np.abs(rounded.segments[0].bars.close - third).max() <= 0.05 + 1e-9


# ---------------------------------------------------------------------------- marks


def test_marks_of_the_same_interval_are_aligned(bars):
    mark = Mark(bars.ts_ns, bars.open, bars.high, bars.low, bars.close + 1, MINUTE_NS)
    found, applied = prepare_mark(mark, bars.take(slice(50, 80)), DataPolicy(), where="x")
    assert found.close.tolist() == (bars.close[50:80] + 1).tolist()
    assert applied == ()


def test_a_missing_mark_is_an_error_or_a_declared_fallback(bars):
    mark = Mark(bars.ts_ns, bars.open, bars.high, bars.low, bars.close + 1, MINUTE_NS).take(
        np.arange(200) != 7
    )
    for given in (mark, None, Mark.empty(MINUTE_NS)):
        with pytest.raises(TradewindError) as raised:
            prepare_mark(given, bars, DataPolicy(), where="x")
        assert raised.value.code == "MARK_MISSING"
    for given, need, said in (
        (mark, "bars", "1 of 200 bars have no mark price, first at "),
        (None, "settlements", "there are no mark prices, and 200 settlements need one, first at "),
    ):
        with pytest.raises(TradewindError, match=said):
            prepare_mark(given, bars, DataPolicy(), where="x", need=need)
    found, applied = prepare_mark(mark, bars, DataPolicy(mark_missing="fill"), where="x")
    assert found.close[7] == bars.close[7]
    assert found.close[8] == bars.close[8] + 1
    assert applied[0].count == 1


def test_a_longer_mark_is_known_only_when_it_ended(bars):
    hours = parse_utc("2025-05-31T20:00:00Z") + np.arange(6) * HOUR_NS
    price = np.arange(6) + 100.0
    mark = Mark(hours, price, price, price, price, HOUR_NS)
    found, _ = prepare_mark(mark, bars, DataPolicy(), where="x")
    assert found.close[58] == 101.0, "22:58 ends before 23:00, when the mark of 22:00 is known"
    assert found.close[59] == 102.0


def test_a_longer_mark_that_stopped_is_missing(bars):
    hours = parse_utc("2025-05-31T20:00:00Z") + np.arange(2) * HOUR_NS
    price = np.arange(2) + 100.0
    with pytest.raises(TradewindError) as raised:
        prepare_mark(Mark(hours, price, price, price, price, HOUR_NS), bars, DataPolicy(), where="x")
    assert raised.value.code == "MARK_MISSING"
    assert "2025-05-31T23:59" in raised.value.message, "two hours after the last mark ended"


# ---------------------------------------------------------------------------- funding


def rates(hours, start="2024-01-01", value=1e-4):
    ts_ns = parse_utc(start) + np.asarray(hours) * HOUR_NS
    return Funding(
        ts_ns, np.full(len(ts_ns), value) * (1 + np.arange(len(ts_ns))), np.full(len(ts_ns), np.nan)
    )


def settle(funding, start="2024-01-01", end="2024-01-03", **policy):
    return prepare_funding(
        funding,
        DataPolicy(**policy),
        start_ns=parse_utc(start),
        end_ns=parse_utc(end),
        interval_ns=8 * HOUR_NS,
        where="x",
    )


def test_complete_settlements_pass():
    found, applied = settle(rates(range(0, 96, 8)))
    assert len(found) == 6
    assert applied == ()


def test_no_settlement_at_all_is_missing_funding():
    for nothing in (None, Funding.empty(), rates(range(0, 24, 8), "2023-01-01")):
        with pytest.raises(TradewindError) as raised:
            settle(nothing)
        assert raised.value.code == "FUNDING_MISSING"


@pytest.mark.parametrize("hours", [[0, 8, 24, 32, 40], [8, 16, 24, 32, 40], [0, 8, 16, 24, 32]])
def test_a_hole_anywhere_is_refused_filled_or_accepted(hours):
    with pytest.raises(TradewindError) as raised:
        settle(rates(hours))
    assert raised.value.code == "FUNDING_MISSING"
    assert len(settle(rates(hours), funding_missing="accept")[0]) == 5
    whole = rates([-8, *hours])
    filled, applied = settle(whole, funding_missing="fill")
    assert ((filled.ts_ns - parse_utc("2024-01-01")) // HOUR_NS).tolist() == [0, 8, 16, 24, 32, 40]
    assert applied[0].count == 1
    made = next(h for h in (0, 8, 16, 24, 32, 40) if h not in hours)
    row = filled.ts_ns.tolist().index(parse_utc("2024-01-01") + made * HOUR_NS)
    before = whole.rate[np.searchsorted(whole.ts_ns, filled.ts_ns[row]) - 1]
    assert filled.rate[row] == before


def test_filling_with_nothing_before_is_missing_funding():
    with pytest.raises(TradewindError) as raised:
        settle(rates([8, 16, 24, 32, 40]), funding_missing="fill")
    assert raised.value.code == "FUNDING_MISSING"
