"""Moving averages, deviations, bands and scores of the last n values."""

import math
from typing import Annotated

import numpy as np
import pytest

from tradewind.signals import RING, Bollinger, Window, bollinger, deviation, mean, series, sma, zscore
from tradewind.signals.windows import sized
from tradewind.units.jit import allocate
from tradewind.units.layout import Layout, Rows, dtype_of


def test_sma_is_nan_until_full_and_then_the_mean_of_the_last_values():
    window = allocate(Window)[0]
    values = [sma(window, value, 3) for value in (1.0, 2.0, 6.0, 7.0)]
    assert [math.isnan(value) for value in values] == [True, True, False, False]
    assert values[2:] == [3.0, 5.0]


def test_deviation_divides_by_n():
    window = allocate(Window)[0]
    for value in (2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0):
        sma(window, value, 8)
    assert mean(window, 8) == 5.0
    assert deviation(window, 8) == 2.0


def test_bands_stand_their_width_from_the_middle():
    bands = allocate(Bollinger)[0]
    for value in (2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0):
        middle = bollinger(bands, value, 8, 2.5)
    assert (middle, bands["lower"], bands["middle"], bands["upper"]) == (5.0, 0.0, 5.0, 10.0)


def test_zscore_is_the_distance_in_deviations():
    window = allocate(Window)[0]
    score = [zscore(window, value, 8) for value in (2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0)][-1]
    assert score == 2.0


@pytest.mark.parametrize("wild", [1e-3, 1.0, 1e5, 0.1 + 0.2])
def test_a_flat_stretch_after_a_wild_one_has_no_deviation_at_all(wild):
    window = allocate(Window)[0]
    for i in range(93):  # the ring does not end its round with the wild stretch
        zscore(window, 61234.567 * (1.0 + wild * (i % 7)), 20)
    scores = [zscore(window, 61234.567, 20) for _ in range(40)]
    assert scores[19:] == [0.0] * 21
    assert deviation(window, 20) == 0.0
    assert mean(window, 20) == 61234.567


@pytest.mark.parametrize(("period", "sentence"), [(0, "at least 1"), (RING + 1, "longer than the ring")])
def test_a_period_that_no_ring_holds_is_refused(period, sentence):
    with pytest.raises(ValueError, match=sentence):
        sma(allocate(Window)[0], 1.0, period)


def test_the_longest_period_is_the_ring():
    window = allocate(Window)[0]
    values = [sma(window, float(i), RING) for i in range(RING + 1)]
    assert values[-2:] == [(RING - 1) / 2, (RING + 1) / 2]


def test_a_longer_ring_is_asked_for_by_its_length_also_inside_another_state():
    assert dtype_of(sized(Window, 1000))["row"].shape == (1000,)
    assert dtype_of(sized(Bollinger, 1000))["window"]["row"].shape == (1000,)
    assert issubclass(sized(Window, 1000), Window)


def test_sizing_leaves_other_rows_alone():
    class Own(Layout):
        window: Window
        table: Annotated[Rows[float], 7]

    laid = dtype_of(sized(Own, 50))
    assert laid["window"]["row"].shape == (50,)
    assert laid["table"].shape == (7,)


def test_mean_stays_exact_after_a_million_values():
    # Running sums that are never rebuilt are off by 1e-9 here; the ring forgets its errors each round.
    rng = np.random.default_rng(7)
    values = 50_000.0 * np.cumprod(1.0 + rng.normal(0.0, 1e-3, 1_000_000))
    ours = series.sma(values, 200)
    assert ours[-1] == pytest.approx(math.fsum(values[-200:]) / 200, rel=4e-15)


@pytest.mark.parametrize("period", [2, 20, 500])
def test_windows_equal_talib_on_real_candles(candles, talib, period):
    close = candles["close"]
    np.testing.assert_allclose(series.sma(close, period), talib.SMA(close, period), rtol=1e-11)
    lower, middle, upper = series.bollinger(close, period, 2.0)
    theirs = talib.BBANDS(close, period, 2.0, 2.0)
    for ours, oracle in zip((upper, middle, lower), theirs, strict=True):
        np.testing.assert_allclose(
            ours, oracle, rtol=1e-7
        )  # TA-Lib's own running sums of squares lose the rest


def test_zscore_equals_its_definition_on_real_candles(candles):
    close = candles["close"]
    windows = np.lib.stride_tricks.sliding_window_view(close, 48)
    expected = (close[47:] - windows.mean(axis=1)) / windows.std(axis=1)
    np.testing.assert_allclose(series.zscore(close, 48)[47:], expected, rtol=1e-9, atol=1e-9)
