"""Whole steps: exact where a value is a step, an error where it is not."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import finest_grid, off_grid, to_steps
from tradewind.market.ticks import as_written, nearest_steps

STEPS = ["0.1", "0.01", "0.5", "0.25", "5", "0.00001", "0.0000001", "1", "0.001", "25"]


@pytest.mark.parametrize("step", STEPS)
def test_every_decimal_multiple_is_its_count(step):
    count = np.r_[np.arange(1, 2000), np.random.default_rng(1).integers(1, 10**9, 5000)]
    values = np.array([float(Decimal(int(n)) * Decimal(step)) for n in count])
    assert to_steps(values, Decimal(step)).tolist() == count.tolist()


@pytest.mark.parametrize("values", [[0.30000000000000004], [0.1 + 0.7], [1.1 * 3]])
def test_noise_of_arithmetic_is_absorbed(values):
    assert not off_grid(np.array(values), Decimal("0.1")).any()


@pytest.mark.parametrize("value", [0.35, 0.1000001, 100000.05, 0.1 + 5e-10])
def test_a_real_offset_is_an_error(value):
    with pytest.raises(TradewindError) as raised:
        to_steps(np.array([0.2, value]), Decimal("0.1"), "BTCUSDT")
    assert raised.value.code == "DATA_GRID"
    assert "1 values" in raised.value.message


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e17])
def test_what_cannot_be_counted_is_an_error(value):
    with pytest.raises(TradewindError) as raised:
        to_steps(np.array([value]), Decimal("0.1"))
    assert raised.value.code == "DATA_RANGE"


def test_the_finest_grid_of_a_mixture():
    assert finest_grid(np.array([7295.5, 7296.0]), Decimal("0.1")).ratio == 1
    found = finest_grid(np.array([7295.57, 7296.0]), Decimal("0.1"))
    assert (found.step, found.ratio, found.strays) == (Decimal("0.01"), 10, 0)
    assert finest_grid(np.array([]), Decimal("0.1")).strays == 0


def test_no_grid_counts_the_strays():
    values = np.arange(1, 50) / 3
    assert finest_grid(values, Decimal("0.1")).strays > 20


def test_few_strays_may_be_allowed():
    values = np.r_[np.arange(1000) / 10, 1 / 3]
    assert finest_grid(values, Decimal("0.1"), strays_ratio=0.01).step == Decimal("0.1")


def test_nearest_rounds_what_lies_between():
    assert nearest_steps(np.array([0.14, 0.16, 0.2]), Decimal("0.1")).tolist() == [1, 2, 2]


def test_single_floats_become_the_decimals_that_were_written():
    written = np.array([7200.04, 0.1, 12345.67, 0.00001234, 100.0, 0.0, 98765.43, 1e9, np.nan, -3.3])
    assert np.array_equal(as_written(written.astype(np.float32)), written, equal_nan=True)
    some = np.random.default_rng(1).lognormal(3, 4, 5_000).astype(np.float32)
    assert np.array_equal(as_written(some), some.astype(str).astype(np.float64))
