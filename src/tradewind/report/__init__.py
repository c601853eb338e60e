"""What a run shows: its metrics, its report and its comparison with others; pure, from the files of a run."""

from __future__ import annotations

from tradewind.report.comparison import Comparison, compare, render_comparison
from tradewind.report.definitions import METRICS, Metric
from tradewind.report.files import RunFiles, load_run
from tradewind.report.metrics import Metrics, compute_metrics, write_metrics
from tradewind.report.page import write_report
from tradewind.report.stored import StoredRun, read_stored
from tradewind.report.terminal import render_terminal, shown_value

__all__ = [
    "METRICS",
    "Comparison",
    "Metric",
    "Metrics",
    "RunFiles",
    "StoredRun",
    "compare",
    "compute_metrics",
    "load_run",
    "read_stored",
    "render_comparison",
    "render_terminal",
    "shown_value",
    "write_metrics",
    "write_report",
]
