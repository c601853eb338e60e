"""Deterministic columns: right to the last places, and the same as the scalar functions of units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tradewind.market import randoms
from tradewind.market.recursion import mean_reverting
from tradewind.units import math as units_math


def test_exp_and_log_are_those_of_units_bit_for_bit():
    x = np.r_[np.linspace(-40, 40, 4001), 1e-300, 0.0, -700.0, 700.0]
    assert randoms.exp(x).tolist() == [units_math.exp(float(v)) for v in x]
    y = np.r_[np.geomspace(1e-300, 1e300, 4001), 1.0, math.sqrt(0.5), math.nextafter(1.0, 0.0)]
    assert randoms.log(y).tolist() == [units_math.log(float(v)) for v in y]


def test_normal_deviates_follow_the_inverse_distribution():
    p = (np.arange(20_001) + 0.5) / 20_001
    assert np.abs(randoms._inverse_normal(p) - stats.norm.ppf(p)).max() < 1e-8
    z = randoms.normal(randoms.stream(1, 2), 200_000)
    assert stats.kstest(z, "norm").pvalue > 0.001


def test_uniform_never_touches_its_ends():
    class Extreme:
        def random(self, rows):
            return np.array([0.0, 1.0 - 2.0**-53])

    low, high = randoms.uniform(Extreme(), 2)
    assert 0.0 < low < high < 1.0
    assert math.isfinite(randoms.log(np.array([low]))[0])


def test_streams_of_different_purpose_differ_and_repeat():
    one = randoms.uniform(randoms.stream(5, 1, 0), 10)
    assert (one == randoms.uniform(randoms.stream(5, 1, 0), 10)).all()
    assert (one != randoms.uniform(randoms.stream(5, 1, 1), 10)).all()


@pytest.mark.parametrize("step", [1e-6, 0.01, 0.7, 5.0, 60.0])
def test_the_blocked_recursion_is_the_plain_one(step):
    noise = np.random.default_rng(3).standard_normal(5000)
    decay, level, plain = 2.0**-step, 0.4 * noise[0], []
    for value in noise:
        level = decay * level + 0.4 * math.sqrt(1 - decay * decay) * value
        plain.append(level)
    assert np.allclose(mean_reverting(noise, step, 0.4), plain, rtol=0, atol=1e-7)


def test_a_mean_reverting_column_has_the_deviation_asked():
    found = mean_reverting(np.random.default_rng(3).standard_normal(400_000), 0.05, 0.4)
    assert found.std() == pytest.approx(0.4, rel=0.05)
