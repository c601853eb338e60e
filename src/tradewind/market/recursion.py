"""First-order recursions over long columns without a compiled loop."""

import numpy as np
from numpy.typing import NDArray

from tradewind.market.randoms import exp

__all__ = ["mean_reverting", "running_sum"]

Floats = NDArray[np.float64]

_LN2 = 0.6931471805599453
_BLOCK_DECAY = 20.0
"""Blocks are as long as their decay stays above e^-20, so that dividing by it loses nothing that matters."""


def running_sum(steps: Floats) -> Floats:
    """Return the sums of all steps so far, added one after another."""
    total: Floats = np.cumsum(steps)
    return total


def mean_reverting(noise: Floats, step_in_half_lives: float, deviation: float | None) -> Floats:
    """Return y[t] = a y[t-1] + b noise[t], a = 2^-step, from its stationary law.

    deviation: standard deviation of y for standard normal noise; None leaves the noise as it is (b = 1, y[-1] = 0).
    """
    rate = step_in_half_lives * _LN2
    decay = float(exp(np.array([-rate]))[0])
    gain = 1.0 if deviation is None else deviation * float(np.sqrt(1.0 - decay * decay))
    block = max(1, min(len(noise), int(_BLOCK_DECAY / rate))) if rate > 0.0 else len(noise)
    powers = exp(-rate * np.arange(1, block + 1, dtype=np.float64))
    out = np.empty_like(noise)
    last = 0.0 if deviation is None or not len(noise) else deviation * float(noise[0])
    for first in range(0, len(noise), block):
        part = noise[first : first + block]
        scaled = powers[: len(part)]
        out[first : first + len(part)] = scaled * (last + np.cumsum(gain * part / scaled))
        last = float(out[first + len(part) - 1])
    return out
