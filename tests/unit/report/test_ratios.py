"""Formulas against two trusted libraries, against paper, and where they have no value."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from tradewind.report import ratios
from tradewind.report.ratios import Undefined

YEAR = 365


def seeded_returns(seed: int, days: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return 0.002 + 0.024 * chance.standard_t(4, days) / math.sqrt(2)


@pytest.fixture(scope="module", params=[(1, 1000), (2, 400), (3, 47)], ids=lambda given: f"{given[1]} days")
def returns(request):
    return seeded_returns(*request.param)


@pytest.fixture(scope="module")
def as_series(returns):
    pandas = pytest.importorskip("pandas")
    return pandas.Series(returns, index=pandas.date_range("2020-01-01", periods=len(returns), freq="D"))


@pytest.fixture(scope="module")
def quantstats():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("quantstats").stats


@pytest.fixture(scope="module")
def empyrical():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("empyrical")


def test_ratios_equal_quantstats_on_365_days(returns, as_series, quantstats):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "sharpe": quantstats.sharpe(as_series, periods=YEAR),
            "sortino": quantstats.sortino(as_series, periods=YEAR),
            "volatility": quantstats.volatility(as_series, periods=YEAR),
            "omega": quantstats.omega(as_series, periods=YEAR),
            "tail_ratio": quantstats.tail_ratio(as_series),
            "skewness": quantstats.skew(as_series),
            "excess_kurtosis": quantstats.kurtosis(as_series),
            "probabilistic_sharpe": quantstats.probabilistic_sharpe_ratio(as_series, periods=YEAR),
        }
    ours = {name: getattr(ratios, name)(returns) for name in expected}
    assert ours == pytest.approx(expected, rel=1e-9)


def test_ratios_equal_empyrical_on_365_days(returns, as_series, empyrical):
    growth = float(np.prod(1.0 + returns))
    ours = {
        "sharpe": ratios.sharpe(returns),
        "sortino": ratios.sortino(returns),
        "volatility": ratios.volatility(returns),
        "annual": ratios.annual_return(1.0, growth, len(returns)),
        "omega": ratios.omega(returns),
        "tail": ratios.tail_ratio(returns),
        "var": ratios.value_at_risk(returns),
        "cvar": ratios.expected_shortfall(returns),
    }
    assert ours == pytest.approx(
        {
            "sharpe": empyrical.sharpe_ratio(as_series, annualization=YEAR),
            "sortino": empyrical.sortino_ratio(as_series, annualization=YEAR),
            "volatility": empyrical.annual_volatility(as_series, annualization=YEAR),
            "annual": empyrical.cagr(as_series, annualization=YEAR),
            "omega": empyrical.omega_ratio(as_series, annualization=YEAR),
            "tail": empyrical.tail_ratio(as_series),
            "var": empyrical.value_at_risk(as_series, cutoff=0.05),
            "cvar": empyrical.conditional_value_at_risk(as_series, cutoff=0.05),
        },
        rel=1e-9,
    )


def test_formulas_on_paper():
    returns = np.array([0.10, -0.05, 0.02, -0.01])
    mean, spread = 0.015, math.sqrt((0.085**2 + 0.065**2 + 0.005**2 + 0.025**2) / 3)
    assert ratios.volatility(returns) == pytest.approx(spread * math.sqrt(365))
    assert ratios.sharpe(returns) == pytest.approx(mean / spread * math.sqrt(365))
    downside = math.sqrt((0.05**2 + 0.01**2) / 4)
    assert ratios.sortino(returns) == pytest.approx(mean / downside * math.sqrt(365))
    assert ratios.omega(returns) == pytest.approx(0.12 / 0.06)
    assert ratios.calmar(0.4, -0.2) == pytest.approx(2.0)
    # Quantile 5 % of four sorted values lies 0.15 of the way from the first to the second.
    assert ratios.value_at_risk(returns) == pytest.approx(-0.05 + 0.15 * 0.04)
    assert ratios.expected_shortfall(returns) == pytest.approx(-0.05)
    assert ratios.annual_return(100.0, 121.0, 730.0) == pytest.approx(0.1)


def test_deflated_sharpe_on_paper():
    returns = seeded_returns(5, 250)
    ratio = returns.mean() / returns.std(ddof=1)
    third, fourth = ratios.skewness(returns), ratios.excess_kurtosis(returns) + 3
    # Φ⁻¹(0.9) = 1.2815516, Φ⁻¹(1 − 1/(10e)) = 1.7893552 with N = 10.
    hurdle = (0.42278433509846713 * 1.2815515655 + 0.5772156649015329 * 1.7894) / math.sqrt(249)
    scale = math.sqrt(1 - third * ratio + (fourth - 1) / 4 * ratio**2)
    expected = 0.5 * (1 + math.erf((ratio - hurdle) * math.sqrt(249) / scale / math.sqrt(2)))
    assert ratios.deflated_sharpe(returns, 10) == pytest.approx(expected, rel=1e-3)


def test_deflated_sharpe_falls_with_every_trial_and_equals_the_probabilistic_one_for_the_first():
    returns = seeded_returns(5, 250)
    seen = [ratios.deflated_sharpe(returns, trials) for trials in (1, 2, 10, 1000)]
    assert seen[0] == ratios.probabilistic_sharpe(returns)
    assert seen == sorted(seen, reverse=True)
    assert isinstance(ratios.deflated_sharpe(returns, None), Undefined)


@pytest.mark.parametrize(
    ("formula", "returns", "word"),
    [
        (ratios.volatility, [], "needs 2"),
        (ratios.sharpe, [0.01], "needs 2"),
        (ratios.sharpe, [0.01] * 9, "equal"),
        (ratios.sharpe, [0.1 + 1e-17, 0.1, 0.1], "equal"),
        (ratios.sortino, [0.01, 0.02], "no return is negative"),
        (ratios.omega, [0.01, 0.0], "no return is negative"),
        (ratios.omega, [], "needs 1"),
        (ratios.tail_ratio, [0.0, 0.0, 0.0], "zero"),
        (ratios.value_at_risk, [0.1], "needs 2"),
        (ratios.expected_shortfall, [0.1], "needs 2"),
        (ratios.skewness, [0.1, 0.2], "needs 3"),
        (ratios.excess_kurtosis, [0.1, 0.2, 0.3], "needs 4"),
        (ratios.skewness, [0.1] * 5, "equal"),
        (ratios.probabilistic_sharpe, [0.1, 0.2, 0.3], "needs 4"),
    ],
)
def test_formula_without_a_value_says_why(formula, returns, word):
    found = formula(np.array(returns, dtype=float))
    assert isinstance(found, Undefined)
    assert word in found.reason


@pytest.mark.parametrize(
    ("start", "end", "days", "word"),
    [
        (0.0, 10.0, 100.0, "without money"),
        (10.0, 0.0, 100.0, "zero"),
        (10.0, -5.0, 100.0, "zero"),
        (1.0, 1e9, 1.0, "larger"),
    ],
)
def test_annual_return_without_a_value_says_why(start, end, days, word):
    found = ratios.annual_return(start, end, days)
    assert isinstance(found, Undefined)
    assert word in found.reason


def test_calmar_passes_on_the_reason_of_its_parts():
    missing = Undefined("because")
    assert ratios.calmar(missing, -0.1) is missing
    assert ratios.calmar(0.1, missing) is missing
    assert isinstance(ratios.calmar(0.1, 0.0), Undefined)
