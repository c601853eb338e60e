"""Donchian, VWAP, volatility and log range, and the table of warm-ups."""

import math
from typing import get_type_hints

import numpy as np
import pytest

from tradewind import signals
from tradewind.signals import (
    RING,
    WARMUP,
    Donchian,
    EwmaVolatility,
    Extreme,
    Vwap,
    donchian,
    ewma_volatility,
    highest,
    log_range,
    lowest,
    series,
    vwap,
    warmup_bars,
)
from tradewind.units.jit import allocate
from tradewind.units.time import DAY_NS, HOUR_NS


def test_donchian_is_the_highest_high_and_the_lowest_low():
    channel = allocate(Donchian)[0]
    known = [
        donchian(channel, high, low, 3) for high, low in ((5.0, 4.0), (6.0, 3.0), (4.0, 2.0), (3.0, 2.5))
    ]
    assert known == [False, False, True, True]
    assert (channel["upper"], channel["lower"]) == (6.0, 2.0)
    donchian(channel, 3.5, 2.9, 3)
    assert (channel["upper"], channel["lower"]) == (4.0, 2.0)


def test_extremes_forget_after_exactly_their_period():
    state = allocate(Extreme)[0]
    assert [highest(state, v, 2) for v in (9.0, 1.0, 2.0, 0.0)][1:] == [9.0, 2.0, 2.0]
    state = allocate(Extreme)[0]
    assert [lowest(state, v, 1) for v in (9.0, 1.0, 2.0)] == [9.0, 1.0, 2.0]


@pytest.mark.parametrize(("period", "sentence"), [(0, "at least 1"), (RING + 1, "longer than the ring")])
def test_an_extreme_that_no_ring_holds_is_refused(period, sentence):
    with pytest.raises(ValueError, match=sentence):
        highest(allocate(Extreme)[0], 1.0, period)


def test_vwap_weighs_by_volume_and_begins_anew_each_session():
    state = allocate(Vwap)[0]
    assert vwap(state, 10.0, 1.0, DAY_NS, DAY_NS) == 10.0
    assert vwap(state, 20.0, 3.0, DAY_NS + HOUR_NS, DAY_NS) == 17.5
    assert vwap(state, 30.0, 2.0, 2 * DAY_NS, DAY_NS) == 30.0


def test_vwap_of_nothing_traded_is_nan_and_of_session_zero_never_ends():
    state = allocate(Vwap)[0]
    assert math.isnan(vwap(state, 10.0, 0.0, DAY_NS, 0))
    assert vwap(state, 10.0, 1.0, 9 * DAY_NS, 0) == 10.0
    assert vwap(state, 20.0, 1.0, 99 * DAY_NS, 0) == 15.0


def test_volatility_begins_with_the_first_return_and_decays():
    state = allocate(EwmaVolatility)[0]
    assert math.isnan(ewma_volatility(state, 100.0, 0.9))
    first = math.log(1.1)
    assert ewma_volatility(state, 110.0, 0.9) == pytest.approx(first, rel=1e-14)
    assert ewma_volatility(state, 110.0, 0.9) == pytest.approx(first * math.sqrt(0.9), rel=1e-14)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan])
def test_volatility_refuses_a_price_that_is_not_positive(price):
    with pytest.raises(ValueError, match="positive prices"):
        ewma_volatility(allocate(EwmaVolatility)[0], price, 0.9)


def test_log_range_of_a_bar():
    assert log_range(110.0, 100.0) == pytest.approx(math.log(1.1), rel=1e-14)
    assert log_range(5.0, 5.0) == 0.0
    assert log_range(5.0, 0.0) == 0.0


def test_donchian_equals_talib_on_real_candles(candles, talib):
    high, low = candles["high"], candles["low"]
    for period in (2, 55, 1000):
        lower, upper = series.donchian(high, low, period)
        np.testing.assert_array_equal(upper, talib.MAX(high, period))
        np.testing.assert_array_equal(lower, talib.MIN(low, period))


def test_vwap_and_volatility_equal_their_definitions_on_real_candles(candles):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    price, volume, ts_ns = candles["close"], candles["volume"], candles["ts_ns"]
    frame = pandas.DataFrame({"day": ts_ns // DAY_NS, "paid": price * volume, "volume": volume})
    sums = frame.groupby("day").cumsum()
    np.testing.assert_allclose(
        series.vwap(price, volume, ts_ns, DAY_NS), sums["paid"] / sums["volume"], rtol=1e-12
    )
    squares = pandas.Series(np.diff(np.log(price)) ** 2)
    expected = np.sqrt(squares.ewm(alpha=0.06, adjust=False).mean())
    np.testing.assert_allclose(series.ewma_volatility(price, 0.94)[1:], expected, rtol=1e-11)


def test_every_signal_says_its_warmup_in_its_docstring_and_in_the_table():
    functions = [name for name in signals.__all__ if name in series.__all__]
    assert set(functions) <= set(WARMUP)
    for name in functions:
        assert "Warm-up:" in getattr(signals, name).__doc__


@pytest.mark.parametrize("period", [2, 14, 100])
def test_the_table_of_warmups_is_true(candles, period):
    close, high, low = candles["close"][:500], candles["high"][:500], candles["low"][:500]
    found = {
        "sma": series.sma(close, period),
        "zscore": series.zscore(close, period),
        "bollinger": series.bollinger(close, period, 2.0)[2],
        "rsi": series.rsi(close, period),
        "atr": series.atr(high, low, close, period),
        "donchian": series.donchian(high, low, period)[0],
    }
    for name, values in found.items():
        assert int(np.isnan(values).sum()) + 1 == warmup_bars(name, period), name
    assert int(np.isnan(series.ewma_volatility(close, 0.94)).sum()) + 1 == warmup_bars("ewma_volatility")
    assert warmup_bars("macd", 12, 26, 9) == 34


def test_state_records_have_no_field_that_numpy_uses_itself():
    taken = set(dir(np.record))
    for name in signals.__all__:
        state = getattr(signals, name)
        if isinstance(state, type):
            assert not set(get_type_hints(state)) & taken
