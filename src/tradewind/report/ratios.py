"""The formulas of performance and risk: plain functions of arrays, with one convention each.

Returns are simple returns of one period, shape (n,). A year has `PERIODS_PER_YEAR` = 365 of them, because
crypto trades every day. Nothing here returns NaN or infinity: where a formula has no value, an `Undefined`
with the reason comes back instead, so that no reader mistakes "not defined" for "zero".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tradewind.report.files import FloatColumn

PERIODS_PER_YEAR = 365
"""Daily returns in a year: crypto has no closed days."""

TAIL_PCT = 5.0
"""The share of worst returns that value at risk, its shortfall and the tail ratio look at."""

EULER_GAMMA = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class Undefined:
    """A metric that has no value here, and why."""

    reason: str


Measured: TypeAlias = float | Undefined


def total_return(start: float, end: float) -> Measured:
    """Return end / start − 1."""
    if start <= 0:
        return Undefined("the run began without money")
    return end / start - 1.0


def annual_return(start: float, end: float, days: float) -> Measured:
    """Return the constant yearly growth: (end / start) ^ (365 / days) − 1."""
    if start <= 0:
        return Undefined("the run began without money")
    if end <= 0:
        return Undefined("equity ended at or below zero")
    exponent = math.log(end / start) * PERIODS_PER_YEAR / days
    if exponent > 700.0:
        return Undefined("the yearly growth is larger than any number can say")
    return math.expm1(exponent)


def volatility(returns: FloatColumn) -> Measured:
    """Return the standard deviation (n − 1) of the returns times √365."""
    if len(returns) < 2:
        return _too_few(returns, 2)
    return float(np.std(returns, ddof=1)) * math.sqrt(PERIODS_PER_YEAR)


def sharpe(returns: FloatColumn) -> Measured:
    """Return mean / standard deviation (n − 1) times √365; the riskless rate is zero."""
    ratio = sharpe_per_period(returns)
    return ratio if isinstance(ratio, Undefined) else ratio * math.sqrt(PERIODS_PER_YEAR)


def sharpe_per_period(returns: FloatColumn) -> Measured:
    """Return mean / standard deviation (n − 1) of the returns, not annualised."""
    if len(returns) < 2:
        return _too_few(returns, 2)
    if _is_constant(returns):
        return Undefined("all returns are equal, so there is no risk to divide by")
    return float(np.mean(returns)) / float(np.std(returns, ddof=1))


def sortino(returns: FloatColumn) -> Measured:
    """Return mean / √(Σ min(r, 0)² / n) times √365: the sum runs over losses, n over all returns."""
    if len(returns) < 2:
        return _too_few(returns, 2)
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside == 0.0:
        return Undefined("no return is negative, so there is no downside to divide by")
    return float(np.mean(returns)) / downside * math.sqrt(PERIODS_PER_YEAR)


def calmar(yearly: Measured, worst_drawdown: Measured) -> Measured:
    """Return annual return / |maximum drawdown|."""
    if isinstance(yearly, Undefined):
        return yearly
    if isinstance(worst_drawdown, Undefined):
        return worst_drawdown
    if worst_drawdown == 0.0:
        return Undefined("equity never fell, so there is no drawdown to divide by")
    return yearly / -worst_drawdown


def omega(returns: FloatColumn) -> Measured:
    """Return the sum of gains over the sum of losses, both as positive numbers; the threshold is zero."""
    if not len(returns):
        return _too_few(returns, 1)
    losses = -float(returns[returns < 0.0].sum())
    if losses == 0.0:
        return Undefined("no return is negative, so there is no loss to divide by")
    return float(returns[returns > 0.0].sum()) / losses


def value_at_risk(returns: FloatColumn) -> Measured:
    """Return the 5 % quantile of the returns as they happened, interpolated; a loss is negative."""
    if len(returns) < 2:
        return _too_few(returns, 2)
    return float(np.percentile(returns, TAIL_PCT))


def expected_shortfall(returns: FloatColumn) -> Measured:
    """Return the mean of all returns at or below the value at risk (CVaR); a loss is negative."""
    threshold = value_at_risk(returns)
    if isinstance(threshold, Undefined):
        return threshold
    return float(np.mean(returns[returns <= threshold]))


def tail_ratio(returns: FloatColumn) -> Measured:
    """Return |95 % quantile| / |5 % quantile|: above one, the best days outweigh the worst."""
    if len(returns) < 2:
        return _too_few(returns, 2)
    low, high = (abs(float(q)) for q in np.percentile(returns, [TAIL_PCT, 100.0 - TAIL_PCT]))
    if low == 0.0:
        return Undefined("the 5 % quantile of returns is zero")
    return high / low


def skewness(returns: FloatColumn) -> Measured:
    """Return the bias-corrected skewness: √(n(n−1)) / (n−2) · m₃ / m₂^1.5."""
    count = len(returns)
    if count < 3:
        return _too_few(returns, 3)
    if _is_constant(returns):
        return Undefined("all returns are equal")
    apart = returns - np.mean(returns)
    plain = float(np.mean(apart**3)) / math.sqrt(float(np.mean(apart**2))) ** 3
    return plain * math.sqrt(count * (count - 1.0)) / (count - 2.0)


def excess_kurtosis(returns: FloatColumn) -> Measured:
    """Return the bias-corrected kurtosis above that of a normal distribution."""
    count = len(returns)
    if count < 4:
        return _too_few(returns, 4)
    if _is_constant(returns):
        return Undefined("all returns are equal")
    apart = returns - np.mean(returns)
    spread = float(np.mean(apart**2))
    plain = float(np.mean(apart**4)) / spread**2 - 3.0
    return (count - 1.0) / ((count - 2.0) * (count - 3.0)) * ((count + 1.0) * plain + 6.0)


def probabilistic_sharpe(returns: FloatColumn, hurdle: float = 0.0) -> Measured:
    """Return the probability that the true Sharpe ratio exceeds a hurdle (Bailey, López de Prado 2012).

    Φ((SR − hurdle) · √(n − 1) / √(1 − g₃·SR + (g₄ − 1)/4·SR²)) with SR per period, g₃ the skewness and g₄
    the raw kurtosis, both bias-corrected. ``hurdle`` is per period too.
    """
    ratio, third, fourth = sharpe_per_period(returns), skewness(returns), excess_kurtosis(returns)
    if isinstance(ratio, Undefined):
        return ratio
    if isinstance(third, Undefined):
        return third
    if isinstance(fourth, Undefined):
        return fourth
    variance = 1.0 - third * ratio + (fourth + 2.0) / 4.0 * ratio * ratio
    if variance <= 0.0:
        return Undefined("the estimate's variance is not positive for returns this skewed")
    return NormalDist().cdf((ratio - hurdle) * math.sqrt(len(returns) - 1.0) / math.sqrt(variance))


def deflated_sharpe(returns: FloatColumn, trials: int | None) -> Measured:
    """Return the probabilistic Sharpe ratio against the best of ``trials`` tries without any skill.

    The hurdle is the expected maximum of that many Sharpe ratios that are truly zero, each estimated with
    variance 1 / (n − 1): √(1/(n−1)) · ((1 − γ)·Φ⁻¹(1 − 1/N) + γ·Φ⁻¹(1 − 1/(N·e))).
    """
    if trials is None:
        return Undefined("nobody counted the trials")
    if len(returns) < 2:
        return _too_few(returns, 2)
    if trials <= 1:
        return probabilistic_sharpe(returns)
    normal = NormalDist()
    best = (1.0 - EULER_GAMMA) * normal.inv_cdf(1.0 - 1.0 / trials)
    best += EULER_GAMMA * normal.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return probabilistic_sharpe(returns, best / math.sqrt(len(returns) - 1.0))


def _too_few(returns: FloatColumn, needed: int) -> Undefined:
    return Undefined(f"needs {needed} daily returns, has {len(returns)}")


def _is_constant(returns: FloatColumn) -> bool:
    # A spread at the size of rounding would divide to a huge number that means nothing.
    spread = float(np.max(returns) - np.min(returns))
    return spread <= 1e-14 * max(1.0, float(np.max(np.abs(returns))))
