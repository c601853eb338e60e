"""EMA, MACD, RSI and ATR: by hand, at their edges, and against TA-Lib and pandas on real candles."""

import math

import numpy as np
import pytest

from tradewind.signals import Atr, Macd, Rsi, atr, ema, macd, rsi, series
from tradewind.units.jit import allocate


def stream(signal, state, values, *rest):
    return [signal(state, value, *rest) for value in values]


def test_ema_begins_at_the_first_value_and_moves_by_its_weight():
    assert ema(0.0, 10.0, 3, 1) == 10.0
    assert ema(10.0, 20.0, 3, 2) == 15.0
    assert ema(15.0, 15.0, 3, 3) == 15.0


def test_ema_of_period_one_is_the_value():
    assert series.ema(np.array([3.0, 1.0, 2.0]), 1).tolist() == [3.0, 1.0, 2.0]


def test_rsi_by_hand_after_wilder():
    # Changes +1, +1, -1 with period 3: gain 2/3, loss 1/3. Then +2: gain (2/3 * 2 + 2) / 3, loss (1/3 * 2) / 3.
    values = stream(rsi, allocate(Rsi)[0], [10.0, 11.0, 12.0, 11.0, 13.0], 3)
    assert [math.isnan(v) for v in values] == [True, True, True, False, False]
    assert values[3] == pytest.approx(100 * 2 / 3)
    gain, loss = (2 / 3 * 2 + 2) / 3, (1 / 3 * 2) / 3
    assert values[4] == pytest.approx(100 * gain / (gain + loss))


@pytest.mark.parametrize(
    ("values", "expected"), [([5.0] * 9, 50.0), (range(1, 10), 100.0), (range(9, 0, -1), 0.0)]
)
def test_rsi_of_a_flat_a_rising_and_a_falling_market(values, expected):
    assert stream(rsi, allocate(Rsi)[0], [float(v) for v in values], 4)[-1] == expected


def test_atr_counts_the_gap_from_the_last_close():
    state = allocate(Atr)[0]
    assert math.isnan(atr(state, 11.0, 9.0, 10.0, 1))
    assert atr(state, 15.0, 14.0, 14.5, 1) == 5.0  # from the close at 10 to the high at 15
    assert atr(state, 14.0, 9.0, 9.5, 1) == 5.5  # from the close at 14.5 to the low at 9


def test_macd_line_signal_and_histogram_agree():
    state = allocate(Macd)[0]
    for value in (1.0, 2.0, 4.0, 8.0):
        histogram = macd(state, value, 2, 4, 3)
    assert state["histogram"] == histogram
    assert state["line"] - state["signal"] == histogram
    assert state["line"] > 0.0


@pytest.mark.parametrize("period", [0, -3])
def test_a_period_below_one_is_refused(period):
    with pytest.raises(ValueError, match="at least 1"):
        rsi(allocate(Rsi)[0], 1.0, period)
    with pytest.raises(ValueError, match="at least 1"):
        atr(allocate(Atr)[0], 1.0, 1.0, 1.0, period)


@pytest.mark.parametrize("period", [2, 14, 100])
def test_rsi_and_atr_equal_talib_on_real_candles(candles, talib, period):
    close, high, low = candles["close"], candles["high"], candles["low"]
    np.testing.assert_allclose(series.rsi(close, period), talib.RSI(close, period), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        series.atr(high, low, close, period), talib.ATR(high, low, close, period), rtol=1e-10
    )


def test_ema_and_macd_agree_with_talib_once_their_beginnings_are_forgotten(candles, talib):
    close = candles["close"]
    np.testing.assert_allclose(series.ema(close, 50)[1500:], talib.EMA(close, 50)[1500:], rtol=1e-12)
    for ours, theirs in zip(series.macd(close, 12, 26, 9), talib.MACD(close, 12, 26, 9), strict=True):
        np.testing.assert_allclose(ours[1500:], theirs[1500:], rtol=1e-9, atol=1e-9)


def test_ema_equals_pandas_from_the_first_bar(candles):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    ours = series.ema(candles["close"], 20)
    theirs = pandas.Series(candles["close"]).ewm(span=20, adjust=False).mean().to_numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
