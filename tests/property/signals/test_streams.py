"""Rules of every signal: the batch is the stream, the future changes nothing, and the compiler changes no bit."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind import signals
from tradewind.signals import series
from tradewind.signals.windows import sized
from tradewind.units.jit import allocate
from tradewind.units.time import DAY_NS, HOUR_NS

PERIOD = 5


def long(layout):
    return allocate(sized(layout, series.PERIOD_MAX))[0]


def stream_all(bars):
    """Return every signal over (n, 4) bars of high, low, close, volume, one value at a time."""
    window, scored, bands = long(signals.Window), long(signals.Window), long(signals.Bollinger)
    crossing, strength, reach = (allocate(each)[0] for each in (signals.Macd, signals.Rsi, signals.Atr))
    channel, paid, moved = (
        long(signals.Donchian),
        allocate(signals.Vwap)[0],
        allocate(signals.EwmaVolatility)[0],
    )
    rows, average = [], 0.0
    for i, (high, low, close, volume) in enumerate(bars):
        average = signals.ema(average, close, float(PERIOD), i + 1)
        row = [average, signals.sma(window, close, PERIOD), signals.zscore(scored, close, PERIOD)]
        row += [signals.bollinger(bands, close, PERIOD, 2.0), bands["lower"], bands["upper"]]
        row += [signals.macd(crossing, close, 3, PERIOD, 2), crossing["line"], crossing["signal"]]
        row += [signals.rsi(strength, close, PERIOD), signals.atr(reach, high, low, close, PERIOD)]
        signals.donchian(channel, high, low, PERIOD)
        row += [channel["lower"], channel["upper"], signals.vwap(paid, close, volume, i * HOUR_NS, DAY_NS)]
        row += [signals.ewma_volatility(moved, close, 0.9), signals.log_range(high, low)]
        rows.append(row)
    return np.array(rows, np.float64).reshape(len(bars), 16)


def batch_all(bars):
    """Return the same table from the batch functions."""
    high, low, close, volume = bars.T
    ts_ns = np.arange(len(bars)) * HOUR_NS
    lower, middle, upper = series.bollinger(close, PERIOD, 2.0)
    line, signal, histogram = series.macd(close, 3, PERIOD, 2)
    low_edge, high_edge = series.donchian(high, low, PERIOD)
    columns = [
        series.ema(close, PERIOD),
        series.sma(close, PERIOD),
        series.zscore(close, PERIOD),
        middle,
        lower,
        upper,
    ]
    columns += [histogram, line, signal, series.rsi(close, PERIOD), series.atr(high, low, close, PERIOD)]
    columns += [low_edge, high_edge, series.vwap(close, volume, ts_ns, DAY_NS)]
    columns += [series.ewma_volatility(close, 0.9), series.log_range(high, low)]
    return np.column_stack(columns)


price = st.floats(1e-6, 1e6)
bar = st.tuples(price, price, price, st.floats(0.0, 1e9)).map(
    lambda b: (max(b[:3]), min(b[:3]), sorted(b[:3])[1], b[3])
)
markets = st.lists(bar, min_size=1, max_size=40).map(lambda rows: np.array(rows, np.float64))


@given(markets)
def test_batch_is_the_stream_bit_for_bit(bars):
    assert stream_all(bars).tobytes() == batch_all(bars).tobytes()


@given(markets, st.integers(1, 40))
def test_the_future_changes_no_past_value(bars, cut):
    assert batch_all(bars)[:cut].tobytes() == batch_all(bars[:cut]).tobytes()


@given(st.lists(st.integers(-(10**6), 10**6), min_size=PERIOD, max_size=60))
def test_a_window_of_whole_numbers_has_their_mean_and_deviation(values):
    window = allocate(signals.Window)[0]
    for value in values:
        signals.push(window, float(value), PERIOD)
    last = values[-PERIOD:]
    spread = math.sqrt(sum((v - sum(last) / PERIOD) ** 2 for v in last) / PERIOD)
    assert signals.mean(window, PERIOD) == pytest.approx(sum(last) / PERIOD, abs=1e-6)
    assert signals.deviation(window, PERIOD) == pytest.approx(spread, rel=1e-6, abs=1e-4)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60), st.integers(1, 12))
def test_extremes_are_the_extremes_whatever_the_order(values, period):
    top, bottom = allocate(signals.Extreme)[0], allocate(signals.Extreme)[0]
    for i, value in enumerate(values):
        found = signals.highest(top, value, period), signals.lowest(bottom, value, period)
        last = values[max(0, i + 1 - period) : i + 1]
        if i + 1 < period:
            assert all(math.isnan(each) for each in found)
        else:
            assert found == (max(last), min(last))


@given(markets)
def test_bounds_that_every_market_keeps(bars):
    table = batch_all(bars)
    rsi, reach, spread = table[:, 9], table[:, 10], table[:, 5] - table[:, 4]
    assert np.all(np.isnan(rsi) | ((rsi >= 0.0) & (rsi <= 100.0)))
    assert np.all(np.isnan(reach) | (reach >= 0.0))
    assert np.all(np.isnan(spread) | (spread >= 0.0))


_DIGEST = """
import hashlib, numpy as np
from test_streams import stream_all
rng = np.random.default_rng(11)
close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, 1500))
bars = np.column_stack([close * 1.01, close * 0.99, close, rng.integers(0, 50, 1500)])
print(hashlib.sha256(stream_all(bars).tobytes()).hexdigest())
"""


def test_plain_python_gives_the_bits_of_the_compiled_signals():
    digests = []
    for plain in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": plain, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _DIGEST],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.strip())
    assert digests[0] == digests[1]
    assert len(digests[0]) == hashlib.sha256().digest_size * 2
