"""Confidence bands by a stationary block bootstrap (Politis, Romano 1994) of the daily returns.

Days are drawn in blocks, because a market's calm and storm last longer than a day and single draws would
hide it. A block's length is geometric with mean ⌈n^(1/3)⌉, blocks wrap around the end, and the generator is
a PCG64 with the seed of the run's file, so a report says the same thing each time it is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.report.ratios import PERIODS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradewind.report.files import FloatColumn, IntColumn

RESAMPLES = 1_000
SEED = 20_240_229
LEVEL = 0.90
DAYS_NEEDED = 30
"""Fewer days than this hold too few blocks to say anything about how sure a number is."""

FAN_POINTS = 120


@dataclass(frozen=True, slots=True)
class Band:
    """A metric lay from ``low`` to ``high`` in ``level`` of the resamples, half of them below ``mid``."""

    metric: str
    low: float
    mid: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Bands:
    """What resampling says: ``fan`` (points, 3) is low, middle and high growth at ``fan_day`` (points,).

    Growth is equity over its start. Without enough days there are no bands and ``reason`` says so.
    """

    bands: tuple[Band, ...]
    fan_day: IntColumn
    fan: FloatColumn
    block_days: int
    resamples: int
    reason: str


def bootstrap_bands(returns: FloatColumn, samples: int = RESAMPLES, seed: int = SEED) -> Bands:
    """Resample daily returns (n,) and return the bands of total return, Sharpe ratio and drawdown."""
    count = len(returns)
    block_days = mean_block_days(count)
    if samples == 0:
        return no_bands(block_days, "left out by bootstrap_samples = 0")
    if count < DAYS_NEEDED:
        return no_bands(block_days, f"needs {DAYS_NEEDED} daily returns, has {count}")
    with np.errstate(all="ignore"):
        growth, sharpe = _resample(returns, block_days, np.random.Generator(np.random.PCG64(seed)), samples)
    if not np.isfinite(growth).all():
        return no_bands(block_days, "the resampled growth is too large for a number")
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    bands = [_band("total_return", growth[:, -1] - 1.0)]
    if np.isfinite(sharpe).all():
        bands.append(_band("sharpe", sharpe))
    bands.append(_band("max_drawdown", np.minimum((growth / peak).min(axis=1) - 1.0, 0.0)))
    day = np.unique(np.linspace(0, count - 1, min(FAN_POINTS, count)).astype(np.int64))
    return Bands(tuple(bands), day, _quantiles(growth[:, day]).T, block_days, samples, "")


def no_bands(block_days: int, reason: str) -> Bands:
    """Return what there is to say where nothing could be resampled."""
    return Bands((), np.zeros(0, dtype=np.int64), np.zeros((0, 3)), block_days, 0, reason)


def mean_block_days(count: int) -> int:
    """Return the mean length of a block for that many days: ⌈n^(1/3)⌉."""
    length = max(1, round(math.cbrt(count)))
    return length if length**3 >= count else length + 1


def draw_days(count: int, block_days: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return one resample: the days to take, in order (n,)."""
    begins = generator.random(count) < 1.0 / block_days
    begins[0] = True
    starts = generator.integers(0, count, size=count)
    block = np.flatnonzero(begins)
    of_block = np.cumsum(begins) - 1
    into_block = np.arange(count) - block[of_block]
    days: NDArray[np.int64] = (starts[block][of_block] + into_block) % count
    return days


def _resample(
    returns: FloatColumn, block_days: int, generator: np.random.Generator, samples: int
) -> tuple[FloatColumn, FloatColumn]:
    """Return the growth paths (samples, n) and the yearly Sharpe ratio of each resample."""
    drawn: FloatColumn = np.stack(
        [returns[draw_days(len(returns), block_days, generator)] for _ in range(samples)]
    )
    spread: FloatColumn = np.asarray(drawn.std(axis=1, ddof=1), dtype=np.float64)
    # A resample without any spread has no ratio; the caller then shows no band for it.
    ratio: FloatColumn = np.full(samples, np.nan)
    np.divide(drawn.mean(axis=1) * math.sqrt(PERIODS_PER_YEAR), spread, out=ratio, where=spread > 0.0)
    growth: FloatColumn = np.asarray(np.cumprod(1.0 + drawn, axis=1), dtype=np.float64)
    return growth, ratio


def _quantiles(values: FloatColumn) -> FloatColumn:
    tail = 50.0 * (1.0 - LEVEL)
    found: FloatColumn = np.percentile(values, [tail, 50.0, 100.0 - tail], axis=0)
    return found


def _band(metric: str, values: FloatColumn) -> Band:
    low, mid, high = (float(value) for value in _quantiles(values))
    return Band(metric, low, mid, high, LEVEL)
