"""Packed columns come back as they went in; the decoder here is what assets/data.js does."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.report.encoding import Blob, decimals_of


def unpack(blob: Blob, told: dict) -> np.ndarray:
    raw = np.frombuffer(zlib.decompress(base64.b64decode(blob.to_text())), dtype=np.uint8)
    planes = raw[told["at"] : told["at"] + 4 * told["n"]].reshape(4, -1).astype(np.int64)
    zigzag = planes[0] + (planes[1] << 8) + (planes[2] << 16) + (planes[3] << 24)
    steps = (zigzag >> 1) ^ -(zigzag & 1)
    values = np.cumsum(steps) if told["run"] else steps
    return values * told.get("scale", 1.0) + told.get("offset", 0.0)


@given(st.lists(st.integers(-(2**30), 2**30)), st.lists(st.integers(-(2**31) + 1, 2**31 - 1)))
def test_integers_come_back(steps, plain):
    blob = Blob()
    first, second = (
        blob.add_steps(np.array(steps, dtype=np.int64)),
        blob.add_plain(np.array(plain, dtype=np.int64)),
    )
    assert unpack(blob, first).tolist() == steps
    assert unpack(blob, second).tolist() == plain


@given(st.integers(0, 8), st.lists(st.integers(0, 10**8), min_size=1))
def test_short_decimals_come_back_exactly(decimals, units):
    values = np.array(units) / 10.0**decimals
    blob = Blob()
    told = blob.add_numbers(values)
    assert unpack(blob, told) == pytest.approx(values, rel=1e-12, abs=1e-12)


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=40))
def test_other_numbers_keep_seven_digits_of_the_largest(values):
    blob = Blob()
    told = blob.add_numbers(np.array(values))
    assert np.max(np.abs(unpack(blob, told) - values)) <= 1e-7 * max(values)


@given(
    st.integers(1_500_000_000, 1_900_000_000),
    st.lists(st.integers(0, 10_000_000), min_size=1, max_size=30),
)
def test_times_come_back_in_milliseconds(start_s, gaps_s):
    ts_ns = (start_s + np.cumsum(gaps_s)) * 1_000_000_000
    blob = Blob()
    assert unpack(blob, blob.add_times(ts_ns)) == pytest.approx(ts_ns / 1e6, rel=0, abs=1e-3)


@pytest.mark.parametrize(("apart", "error_ms"), [(10**15 + 3, 1.0), (10**16 + 3, 1000.0)])
def test_times_off_any_grid_are_cut_to_what_fits(apart, error_ms):
    ts_ns = 1_700_000_000_000_000_001 + np.array([0, 1, apart], dtype=np.int64)
    blob = Blob()
    assert unpack(blob, blob.add_times(ts_ns)) == pytest.approx(ts_ns / 1e6, rel=0, abs=error_ms)


def test_empty_columns_come_back_empty():
    blob = Blob()
    nothing = np.zeros(0)
    for told in (blob.add_numbers(nothing), blob.add_times(np.zeros(0, dtype=np.int64))):
        assert len(unpack(blob, told)) == 0


@pytest.mark.parametrize(
    ("values", "decimals"), [([0.0], 0), ([1.5, 40_000.1], 1), ([0.00001234], 8), ([1 / 3], 8), ([3e9], -2)]
)
def test_decimals_are_as_few_as_say_it(values, decimals):
    assert decimals_of(np.array(values)) == decimals
