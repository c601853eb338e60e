"""Compute the metrics of a run and write metrics.json."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradewind.config.files import write_atomic
from tradewind.report.basis import SHORT_DAYS, Basis, prepare
from tradewind.report.bootstrap import RESAMPLES, SEED, Bands, bootstrap_bands, mean_block_days, no_bands
from tradewind.report.breakdown import Share, money_sources
from tradewind.report.curve import Drawdown, monthly_returns
from tradewind.report.definitions import METRICS, Metric
from tradewind.report.files import RunFiles, load_run, setting
from tradewind.report.ratios import PERIODS_PER_YEAR, Measured, Undefined

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
DRAWDOWNS_KEPT = 10
SHAPE_POINTS = 60


@dataclass(frozen=True, slots=True)
class Metrics:
    """The numbers of a run.

    ``values`` has every name of `METRICS`; None where a metric has no value, and then ``reasons`` says why.
    ``notes`` are warnings about all of them. ``months`` are (year, month, return),
    ``sources`` say where the money came from, ``shape`` is equity at `SHAPE_POINTS` evenly spaced rows.
    """

    currency: str
    values: dict[str, float | None]
    reasons: dict[str, str]
    notes: tuple[str, ...]
    daily_returns: int
    bands: Bands
    months: tuple[tuple[int, int, float | None], ...]
    drawdowns: tuple[Drawdown, ...]
    sources: tuple[Share, ...]
    shape: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Return the content of metrics.json: only finite numbers, text and null."""
        return {
            "schema": SCHEMA,
            "currency": self.currency,
            "metrics": self.values,
            "undefined": self.reasons,
            "notes": list(self.notes),
            "sample": {
                "period": "1d UTC",
                "returns": self.daily_returns,
                "periods_per_year": PERIODS_PER_YEAR,
            },
            "bands": _bands_json(self.bands),
            "months": [{"year": y, "month": m, "return": value} for y, m, value in self.months],
            "sources": {share.cause.lower(): share.amount for share in self.sources},
            "shape": list(self.shape),
            "drawdowns": [_drawdown_json(fall) for fall in self.drawdowns],
        }


def compute_metrics(run: RunFiles) -> Metrics:
    """Return every metric of a run. Pure: the same files give the same numbers."""
    return measure(prepare(run))


def measure(basis: Basis) -> Metrics:
    """Return every metric of a prepared run."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric in METRICS:
        measured = _finite(metric, basis)
        if isinstance(measured, Undefined):
            values[metric.name], reasons[metric.name] = None, measured.reason
        else:
            values[metric.name] = measured
    falls = sorted(basis.underwater.falls, key=lambda fall: (fall.depth, fall.peak_ts_ns))
    return Metrics(
        currency=basis.run.currency,
        values=values,
        reasons=reasons,
        notes=tuple(_notes(basis)),
        daily_returns=len(basis.days.returns),
        bands=_bands_of(basis),
        months=tuple(monthly_returns(basis.days, basis.start_equity)),
        drawdowns=tuple(falls[:DRAWDOWNS_KEPT]),
        sources=tuple(money_sources(basis)),
        shape=_shape(basis),
    )


def write_metrics(run_dir: Path | str) -> Path:
    """Compute the metrics of a run folder and write its metrics.json; return the path."""
    run = load_run(run_dir)
    path = run.run_dir / "metrics.json"
    write_atomic(path, encode_metrics(compute_metrics(run)))
    return path


def encode_metrics(metrics: Metrics) -> bytes:
    """Return metrics.json as bytes; refuses NaN and infinity."""
    text = json.dumps(metrics.to_json(), indent=2, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def _finite(metric: Metric, basis: Basis) -> Measured:
    """Return one metric; numbers beyond what a float can hold are undefined, not infinite."""
    try:
        with np.errstate(all="ignore"):
            measured = metric.compute(basis)
    except OverflowError:
        measured = math.inf
    if isinstance(measured, Undefined):
        return measured
    # Adding zero turns −0.0, which a reader would wonder about, into 0.0.
    return measured + 0.0 if math.isfinite(measured) else Undefined("the result is too large for a number")


def _bands_of(basis: Basis) -> Bands:
    returns = basis.returns
    if isinstance(returns, Undefined):
        return no_bands(mean_block_days(len(basis.days.returns)), returns.reason)
    samples = setting(basis.run.settings, "report", "bootstrap_samples")
    seed = setting(basis.run.settings, "report", "seed")
    return bootstrap_bands(
        returns,
        samples if isinstance(samples, int) else RESAMPLES,
        seed if isinstance(seed, int) else SEED,
    )


def _shape(basis: Basis) -> tuple[float, ...]:
    rows = basis.run.equity.equity
    if not len(rows):
        return ()
    at = np.unique(np.linspace(0, len(rows) - 1, min(SHAPE_POINTS, len(rows))).astype(np.int64))
    return tuple(float(value) for value in rows[at])


def _notes(basis: Basis) -> list[str]:
    notes: list[str] = []
    count = len(basis.days.returns)
    if basis.days.ruined_day is not None:
        notes.append("The account was lost: equity reached zero or less.")
    elif count < SHORT_DAYS:
        plural = "return" if count == 1 else "returns"
        notes.append(f"Only {count} daily {plural}: ratios from fewer than {SHORT_DAYS} days say little.")
    closed = len(basis.closed)
    if len(basis.run.fills) and closed < SHORT_DAYS:
        plural = "trade" if closed == 1 else "trades"
        notes.append(f"Only {closed} closed {plural}: figures of fewer than {SHORT_DAYS} trades say little.")
    return notes


def _bands_json(bands: Bands) -> dict[str, object]:
    return {
        "method": "stationary block bootstrap of daily returns",
        "mean_block_days": bands.block_days,
        "resamples": bands.resamples,
        "undefined": bands.reason or None,
        "metrics": {
            band.metric: {"low": band.low, "mid": band.mid, "high": band.high, "level": band.level}
            for band in bands.bands
        },
    }


def _drawdown_json(fall: Drawdown) -> dict[str, object]:
    return {
        "peak_ts_ns": fall.peak_ts_ns,
        "trough_ts_ns": fall.trough_ts_ns,
        "recovered_ts_ns": fall.recovered_ts_ns,
        "depth": fall.depth,
        "days": fall.days,
    }
