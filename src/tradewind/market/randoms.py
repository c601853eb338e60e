"""Random numbers and elementary functions with the same bits on every machine, a column at a time.

NumPy's own exp, log and normal deviates use the instructions of the processor at hand or the system's library; a
seeded market must be the same everywhere. Uniform deviates of PCG64 are exact, everything after them is made from
+ - * / and square roots, which IEEE 754 rounds in one way only.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["exp", "log", "normal", "stream", "uniform"]

Floats = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_INV_LN2 = 1.44269504088896338700
_SQRT_HALF = 0.70710678118654752440


def stream(seed: int, *purpose: int) -> np.random.Generator:
    """Return the generator of one purpose, so that adding another purpose changes no number of this one."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *purpose])))


def uniform(generator: np.random.Generator, rows: int) -> Floats:
    """Return deviates in the open interval (0, 1)."""
    cells: Floats = np.floor(generator.random(rows) * 2.0**52)
    return (cells + 0.5) * 2.0**-52


def normal(generator: np.random.Generator, rows: int) -> Floats:
    """Return standard normal deviates by the inverse distribution function, good to 1e-9."""
    return _inverse_normal(uniform(generator, rows))


def exp(x: Floats) -> Floats:
    """Return e to the x within 1 ulp for -700 < x < 700 (coefficients of fdlibm, as in `tradewind.units.math`)."""
    k = np.floor(x * _INV_LN2 + 0.5)
    high = x - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    t = r * r
    tail = 6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * tail))
    whole: Floats = np.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), k.astype(np.int32))
    return whole


def log(x: Floats) -> Floats:
    """Return the natural logarithm within 1 ulp of positive, finite numbers (coefficients of fdlibm)."""
    m, k = np.frexp(x)
    small = m < _SQRT_HALF
    m = np.where(small, 2.0 * m, m)
    k = np.where(small, k - 1, k).astype(np.float64)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    tail = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)
    odd = z * (6.666666666666735130e-01 + w * tail)
    half = 0.5 * f * f
    found: Floats = k * _LN2_HIGH - ((half - (s * (half + even + odd) + k * _LN2_LOW)) - f)
    return found


# Rational approximation of P. J. Acklam (2003) to the inverse normal distribution; relative error below 1.15e-9.
_NEAR = (
    *(-3.969683028665376e01, 2.209460984245205e02, -2.759285104469687e02),
    *(1.383577518672690e02, -3.066479806614716e01, 2.506628277459239e00),
)
_NEAR_BELOW = (
    *(-5.447609879822406e01, 1.615858368580409e02, -1.556989798598866e02),
    *(6.680131188771972e01, -1.328068155288572e01, 1.0),
)
_FAR = (
    *(-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e00),
    *(-2.549732539343734e00, 4.374664141464968e00, 2.938163982698783e00),
)
_FAR_BELOW = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00, 1.0)
_TAIL = 0.02425


def _horner(x: Floats, coefficients: tuple[float, ...]) -> Floats:
    value = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        value = value * x + c
    return value


def _inverse_normal(p: Floats) -> Floats:
    q = p - 0.5
    r = q * q
    found = q * _horner(r, _NEAR) / _horner(r, _NEAR_BELOW)
    tail = np.flatnonzero((p < _TAIL) | (p > 1.0 - _TAIL))
    side = np.where(q[tail] < 0.0, 1.0, -1.0)
    distance = np.sqrt(-2.0 * log(np.minimum(p[tail], 1.0 - p[tail])))
    found[tail] = side * _horner(distance, _FAR) / _horner(distance, _FAR_BELOW)
    return found
