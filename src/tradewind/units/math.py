"""Elementary functions from + - * / only: the same bits on any IEEE machine, compiled or not.

The system's own exp, log and tanh change bits with the processor (with or without FMA), so nothing that reaches a decision may call
them. Argument reduction and minimax coefficients are the classical ones of fdlibm (e_exp.c, e_log.c); within 1 ulp of the true value
for exp and log, 2 ulp for tanh and pow over the ranges that prices and returns use (tests/unit/units/test_math.py).
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
    high = x - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (
        1.66666666666666019037e-01
        + t
        * (
            -2.77777777770155933842e-03
            + t * (6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))
        )
    )
    return math.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), int(k))


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
        return 1.0 if x > 0.0 else -1.0
    if a < 0.25:
        t = x * x
        # Taylor series to x^17: below 0.25 its remainder is under half an ulp.
        p = t * (
            -1.0 / 3.0
            + t
            * (
                2.0 / 15.0
                + t
                * (
                    -17.0 / 315.0
                    + t
                    * (
                        62.0 / 2835.0
                        + t
                        * (
                            -1382.0 / 155925.0
                            + t * (21844.0 / 6081075.0 + t * (-929569.0 / 638512875.0 + t * (6404582.0 / 10854718875.0)))
                        )
                    )
                )
            )
        )
        return x + x * p
    e = exp(2.0 * a)
    y = 1.0 - 2.0 / (e + 1.0)
    return y if x > 0.0 else -y


@kernel
def pow_(base: float, exponent: float) -> float:
    """Return base to a power, base > 0; whole exponents up to 64 by repeated multiplication, exactly reproducible."""
    n = int(exponent)
    if float(n) == exponent and -64 <= n <= 64:
        product = 1.0
        for _ in range(abs(n)):
            product *= base
        return product if n >= 0 else 1.0 / product
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
