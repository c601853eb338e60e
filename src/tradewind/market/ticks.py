"""Prices and quantities as whole steps: exact where a value is a step but for its binary form, an error elsewhere."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tradewind.errors import DataUnfit

__all__ = ["Grid", "as_written", "finest_grid", "off_grid", "to_steps"]

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

_NOISE = 8.0 * 2.220446049250313e-16
"""A decimal as a double, multiplied and divided once, is off by less than this share of itself."""
_STEPS_MAX = float(1 << 53)
_REFINEMENTS = 10
_STRAYS_RATIO = 1e-4
"""Volumes are sums of trades: some sources add them in floating point, so that few of them miss every grid."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The coarsest step of the form tick / 10^k that holds a set of values, and how many values miss it."""

    step: Decimal
    ratio: int
    strays: int


def to_steps(values: Floats, step: Decimal, where: str = "") -> Steps:
    """Return values as whole steps, shape as given.

    Raises DATA_GRID for a value that is no multiple of the step but for its binary form, DATA_RANGE for one that is no
    finite number or too large to be counted exactly.
    """
    quotient = _quotient(values, step)
    if not (np.abs(quotient) < _STEPS_MAX).all():
        row = int(np.flatnonzero(~(np.abs(quotient) < _STEPS_MAX))[0])
        raise DataUnfit(
            "DATA_RANGE", f"{values.flat[row]:g} cannot be counted in steps of {step}", where=where
        )
    whole = np.rint(quotient)
    strays = np.abs(quotient - whole) > _NOISE * np.abs(quotient)
    if strays.any():
        count = int(strays.sum())
        example = float(values[strays].flat[0])
        message = f"{count} values are no multiple of {step}, the first is {example:.12g}"
        raise DataUnfit("DATA_GRID", message, where=where)
    return whole.astype(np.int64)


def nearest_steps(values: Floats, step: Decimal) -> Steps:
    """Return values as the nearest whole steps, whether they lie on one or not (policy ``off_tick = "accept"``)."""
    return np.rint(_quotient(values, step)).astype(np.int64)


def off_grid(values: Floats, step: Decimal) -> NDArray[np.bool_]:
    """Return which finite values are no multiple of the step."""
    quotient = _quotient(values, step)
    with np.errstate(invalid="ignore"):
        strays: NDArray[np.bool_] = np.abs(quotient - np.rint(quotient)) > _NOISE * np.abs(quotient)
    return strays & np.isfinite(values)


def finest_grid(values: Floats, step: Decimal, *, strays_ratio: float = 0.0) -> Grid:
    """Return the coarsest of step, step/10, step/100, … that holds the values.

    Why: a venue's tick of today is often ten times that of the years before; the core counts in the finest of both
    and lets orders rest on today's. strays_ratio: share of values that may miss the grid; where no grid down to
    step / 10^10 holds them, the last one is returned with its strays counted.
    """
    finite = values[np.isfinite(values)]
    allowed = int(strays_ratio * len(finite))
    found = Grid(step, 1, int(off_grid(finite, step).sum()))
    for k in range(1, _REFINEMENTS + 1):
        finer = step.scaleb(-k)
        if found.strays <= allowed or not _countable(finite, finer):
            break
        found = Grid(finer, 10**k, int(off_grid(finite, finer).sum()))
    return found


def as_written(values: NDArray[np.float32]) -> Floats:
    """Return the doubles of the shortest decimals that these single floats stand for; shape as given.

    Why: a price of 7200.04 kept in a float32 becomes 7200.0400390625 as a double, which lies on no tick of any venue.
    """
    exact = values.astype(np.float64)
    found, left = exact.copy(), np.isfinite(exact) & (exact != 0.0)
    place = np.zeros(values.shape)
    place[left] = np.floor(np.log10(np.abs(exact[left])))
    for digits in (6, 7, 8, 9):
        shift = digits - 1 - place
        scale = 10.0 ** np.abs(shift)
        rounded = np.where(shift >= 0, np.rint(exact * scale) / scale, np.rint(exact / scale) * scale)
        fits = left & (rounded.astype(np.float32) == values)
        found[fits] = rounded[fits]
        left &= ~fits
    return found


def _countable(values: Floats, step: Decimal) -> bool:
    """Return whether a step means anything: on a finer one than doubles can tell apart, every value would lie."""
    largest = float(np.max(np.abs(values))) if len(values) else 0.0
    return largest / float(step) < 1e13


def _quotient(values: Floats, step: Decimal) -> Floats:
    numerator, denominator = step.as_integer_ratio()
    quotient: Floats = values * float(denominator) / float(numerator)
    return quotient
