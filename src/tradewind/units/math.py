"""Elementary functions from + - * / only: the same bits on any IEEE machine, compiled or not.

The system's own exp, log and tanh change bits with the processor (with or without FMA), so nothing that
reaches a decision may call them. Argument reduction and minimax coefficients are the classical ones of fdlibm
(e_exp.c, e_log.c); within 1 ulp of the true value for exp and log, 3 ulp for tanh
(tests/unit/units/test_math.py).
"""

import math

from tradewind.units.jit import kernel

__all__ = ["ceil_div", "exp", "floor_div", "log", "pow_", "tanh"]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_INV_LN2 = 1.44269504088896338700
_SQRT_HALF = 0.70710678118654752440
_EXP_MAX, _EXP_MIN = 709.782712893384, -745.1332191019411


@kernel
def exp(x: float) -> float:
    """Return e to the x; inf above 709.78, 0 below -745.13, NaN for NaN."""
    if x != x:
        return x
    if x > _EXP_MAX:
        return math.inf
    if x < _EXP_MIN:
        return 0.0
    k = math.floor(x * _INV_LN2 + 0.5)
    return math.ldexp(1.0 + _exp_less_one(x, float(k)), int(k))


@kernel
def _exp_less_one(x: float, k: float) -> float:
    """Return e to the (x - k ln 2), less 1, for that k which brings x within half of ln 2; small results stay exact."""
    high = x - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (
        1.66666666666666019037e-01
        + t
        * (
            -2.77777777770155933842e-03
            + t
            * (
                6.61375632143793436117e-05
                + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
            )
        )
    )
    return high - (low - (r * c) / (2.0 - c))


@kernel
def log(x: float) -> float:
    """Return the natural logarithm; -inf at 0, NaN below."""
    if not x > 0.0:
        return -math.inf if x == 0.0 else math.nan
    if x == math.inf:
        return x
    m, k = math.frexp(x)
    if m < _SQRT_HALF:
        m *= 2.0
        k -= 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    return k * _LN2_HIGH - ((half - (s * (half + even + odd) + k * _LN2_LOW)) - f)


@kernel
def tanh(x: float) -> float:
    """Return the hyperbolic tangent."""
    a = abs(x)
    if a > 22.0:
        return math.copysign(1.0, x)
    if a != a:
        return x
    # With m = e^2a - 1, found without the loss of subtracting 1: tanh a = m / (m + 2).
    k = math.floor(2.0 * a * _INV_LN2 + 0.5)
    scale = math.ldexp(1.0, int(k))
    m = scale * _exp_less_one(2.0 * a, float(k)) + (scale - 1.0)
    return math.copysign(m / (m + 2.0), x)


@kernel
def pow_(base: float, exponent: float) -> float:
    """Return base to a power, base > 0; whole exponents up to 64 by repeated multiplication.

    Elsewhere exp(exponent × log(base)): the error grows with that product, about 2 ulp for each unit of it.
    """
    if -64.0 <= exponent <= 64.0 and math.floor(exponent) == exponent:
        product = 1.0
        for _ in range(abs(int(exponent))):
            product *= base
        return product if exponent >= 0.0 else 1.0 / product
    return exp(exponent * log(base))


@kernel
def floor_div(a: int, b: int) -> int:
    """Return the quotient rounded down, b > 0, for negative a as well."""
    q = int(a // b)
    return q


@kernel
def ceil_div(a: int, b: int) -> int:
    """Return the quotient rounded up, b > 0, for negative a as well."""
    return -int((-a) // b)
