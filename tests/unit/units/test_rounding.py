"""Rounding to a grid: noise is absorbed, real offsets are not, and nothing uncountable becomes a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.units.rounding import (
    ceil_steps,
    ceil_tick,
    floor_lot,
    floor_steps,
    floor_tick,
    nearest_steps,
    nearest_tick,
)

STEPS = [0.1, 0.01, 0.001, 1e-8, 0.05, 0.25, 0.5, 1.0, 5.0]


@pytest.mark.parametrize(
    ("value", "step", "down", "near", "up"),
    [
        (0.1 + 0.2, 0.1, 3, 3, 3),  # 0.30000000000000004
        (0.3, 0.1, 3, 3, 3),
        (1.1 * 3, 0.1, 33, 33, 33),
        (100.0 + 5e-10, 0.1, 1000, 1000, 1001),  # a real offset
        (100.0 - 5e-10, 0.1, 999, 1000, 1000),
        (100.04, 0.1, 1000, 1000, 1001),
        (100.06, 0.1, 1000, 1001, 1001),
        (0.5, 1.0, 0, 1, 1),
        (1.5, 1.0, 1, 2, 2),
        (2.5, 1.0, 2, 3, 3),
        (-0.5, 1.0, -1, -1, 0),
        (-2.5, 1.0, -3, -3, -2),
        (0.49999999999999994, 1.0, 0, 0, 1),
        (4503599627370497.0, 1.0, 4503599627370497, 4503599627370497, 4503599627370497),
        (0.0, 0.1, 0, 0, 0),
    ],
)
def test_down_near_and_up(value, step, down, near, up):
    assert (floor_steps(value, step), nearest_steps(value, step), ceil_steps(value, step)) == (down, near, up)


@given(st.integers(-(10**9), 10**9), st.sampled_from(STEPS))
def test_a_grid_point_is_itself_however_it_was_computed(count, step):
    decimal = float(f"{count * step:.9g}") if abs(count) < 10**8 else count * step
    for value in (count * step, decimal):
        assert floor_steps(value, step) == nearest_steps(value, step) == ceil_steps(value, step) == count


@given(st.floats(-1e9, 1e9), st.sampled_from(STEPS))
def test_down_and_up_enclose_the_value_within_one_step(value, step):
    down, up = floor_steps(value, step), ceil_steps(value, step)
    noise = 8 * math.ulp(max(abs(value), step))
    assert down * step <= value + noise
    assert up * step >= value - noise
    assert up - down in (0, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize(
    "rounding", [floor_steps, ceil_steps, nearest_steps, floor_tick, ceil_tick, nearest_tick, floor_lot]
)
def test_what_cannot_be_counted_is_refused(rounding, value):
    with pytest.raises(ValueError, match="not a number of steps"):
        rounding(value, 0.1)


def test_prices_and_quantities_use_the_same_rule():
    assert (floor_tick(100.06, 0.1), nearest_tick(100.06, 0.1), ceil_tick(100.06, 0.1)) == (1000, 1001, 1001)
    assert floor_lot(0.0299999, 0.001) == 29
