"""Our elementary functions against their true values, at their edges, and against plain Python."""

import math
import os
import random
import subprocess
import sys
from decimal import Decimal, localcontext

import pytest

from tradewind.units.math import ceil_div, exp, floor_div, log, pow_, tanh


def error_ulp(found, true):
    """Return the distance from the true value in units of its last place."""
    return float(abs(Decimal(found) - true) / Decimal(math.ulp(float(true))))


def worst(function, true, places):
    with localcontext() as context:
        context.prec = 50
        return max(error_ulp(function(*each), true(*map(Decimal, each))) for each in places)


def spread(*ranges, count=400):
    chance = random.Random(1)
    return [(chance.uniform(low, high),) for low, high in ranges for _ in range(count)]


def true_tanh(x):
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


def true_power(base, exponent):
    return (exponent * base.ln()).exp()


def test_exp_is_within_one_ulp():
    assert worst(exp, Decimal.exp, spread((-700, 700), (-1, 1), (-1e-8, 1e-8), (-744, -708))) < 1.0


def test_log_is_within_one_ulp():
    places = spread((1e-300, 1e-290), (0.7, 1.4), (1 - 1e-8, 1 + 1e-8), (1.0, 1e6), (1e290, 1e300))
    assert worst(log, Decimal.ln, places) < 1.0


def test_tanh_is_within_three_ulp():
    assert worst(tanh, true_tanh, spread((-22, 22), (-0.5, 0.5), (0.17, 0.36), (-1e-6, 1e-6))) < 3.0


@pytest.mark.parametrize(("low", "high"), [(0.5, 2.0), (1e-6, 1e6)])
def test_the_error_of_a_power_grows_with_its_logarithm(low, high):
    chance = random.Random(2)
    for _ in range(600):
        base, exponent = chance.uniform(low, high), chance.uniform(-4.0, 4.0)
        allowed = 2.0 + 2.0 * abs(exponent * math.log(base))
        assert worst(pow_, true_power, [(base, exponent)]) < allowed


def test_whole_powers_are_repeated_products():
    assert pow_(1.1, 3.0) == 1.1 * 1.1 * 1.1
    assert pow_(2.0, -3.0) == 0.125
    assert pow_(-2.0, 3.0) == -8.0
    assert pow_(7.5, 0.0) == 1.0


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (exp, 0.0, 1.0),
        (exp, -0.0, 1.0),
        (exp, math.inf, math.inf),
        (exp, -math.inf, 0.0),
        (exp, 709.79, math.inf),
        (exp, -745.2, 0.0),
        (log, 0.0, -math.inf),
        (log, 1.0, 0.0),
        (log, math.inf, math.inf),
        (log, -1.0, math.nan),
        (tanh, 0.0, 0.0),
        (tanh, -0.0, -0.0),
        (tanh, math.inf, 1.0),
        (tanh, -math.inf, -1.0),
        (tanh, -30.0, -1.0),
    ],
)
def test_the_edges(function, x, expected):
    found = function(x)
    assert found == expected or (math.isnan(found) and math.isnan(expected))
    assert math.copysign(1.0, found) == math.copysign(1.0, expected) or math.isnan(found)


@pytest.mark.parametrize("function", [exp, log, tanh])
def test_nothing_is_made_of_what_is_no_number(function):
    assert math.isnan(function(math.nan))


@pytest.mark.parametrize(("base", "exponent"), [(2.0, math.nan), (-2.0, 0.5)])
def test_a_power_that_does_not_exist_is_nan(base, exponent):
    assert math.isnan(pow_(base, exponent))


def test_a_power_of_a_huge_exponent_is_decided_without_an_integer():
    assert pow_(2.0, 1e300) == math.inf
    assert pow_(2.0, -math.inf) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "down", "up"), [(7, 3, 2, 3), (-7, 3, -3, -2), (6, 3, 2, 2), (-6, 3, -2, -2), (0, 9, 0, 0)]
)
def test_whole_division_rounds_down_and_up(a, b, down, up):
    assert (floor_div(a, b), ceil_div(a, b)) == (down, up)


_DIGEST = """
import hashlib, random, struct
from tradewind.units.math import exp, log, pow_, tanh
chance, digest = random.Random(3), hashlib.sha256()
for _ in range(3000):
    x, y = chance.uniform(-30.0, 30.0), chance.uniform(1e-9, 1e9)
    digest.update(struct.pack("4d", exp(x), log(y), tanh(x / 9.0), pow_(y, x / 9.0)))
print(digest.hexdigest())
"""


def test_plain_python_and_another_processor_give_the_same_bits():
    digests = set()
    for change in ({}, {"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, **change},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout.strip())
    assert len(digests) == 1
