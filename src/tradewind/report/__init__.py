"""What a run shows: its metrics, its report and its comparison with others; pure, from the files of a run."""

from __future__ import annotations

from tradewind.report.definitions import METRICS, Metric
from tradewind.report.files import RunFiles, load_run
from tradewind.report.metrics import Metrics, compute_metrics, write_metrics
from tradewind.report.page import write_report

__all__ = [
    "METRICS",
    "Metric",
    "Metrics",
    "RunFiles",
    "compute_metrics",
    "load_run",
    "write_metrics",
    "write_report",
]
