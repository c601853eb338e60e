"""Stored runs side by side: their metrics, and the settings in which they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tradewind.report.definitions import METRICS
from tradewind.report.files import flatten_settings
from tradewind.report.stored import read_stored
from tradewind.report.wording import ABSENT, measure, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tradewind.report.stored import StoredRun


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One metric, setting or verdict of every run: ``values`` for a program, ``shown`` for a reader."""

    name: str
    label: str
    kind: str
    values: tuple[float | str | None, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs in the order in which they were named, one column each."""

    run_ids: tuple[str, ...]
    rows: tuple[ComparedRow, ...]

    def to_json(self) -> dict[str, object]:
        """Return runs and rows ready for ``json.dumps``."""
        rows = [{"name": row.name, "kind": row.kind, "values": list(row.values)} for row in self.rows]
        return {"runs": list(self.run_ids), "rows": rows}


def compare(run_dirs: Sequence[Path | str]) -> Comparison:
    """Return verdicts, metrics, and differing settings and fingerprints of stored runs."""
    runs = [read_stored(folder) for folder in run_dirs]
    rows = [_verdicts(runs), *_metrics(runs), *_differences(runs)]
    return Comparison(tuple(run.run_dir.name for run in runs), tuple(rows))


def render_comparison(comparison: Comparison) -> Table:
    """Return a comparison as a table for a terminal."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for run_id in comparison.run_ids:
        # Plain text, because a name with brackets must not be read as a style.
        table.add_column(Text(printable(run_id)), justify="right", overflow="fold")
    kind = ""
    for row in comparison.rows:
        if kind not in ("", row.kind):
            table.add_section()
        kind = row.kind
        table.add_row(*(Text(printable(cell)) for cell in (row.label, *row.shown)))
    return table


def _verdicts(runs: Sequence[StoredRun]) -> ComparedRow:
    values, shown = tuple(run.checks.kind for run in runs), tuple(run.checks.said for run in runs)
    return ComparedRow("checks", "Checks", "verdict", values, shown)


def _metrics(runs: Sequence[StoredRun]) -> list[ComparedRow]:
    rows = []
    for metric in METRICS:
        values = tuple(run.metrics.metrics.get(metric.name) for run in runs)
        shown = tuple(
            measure(value, metric.unit, run.metrics.currency) for value, run in zip(values, runs, strict=True)
        )
        rows.append(ComparedRow(metric.name, metric.label, "metric", values, shown))
    return rows


def _differences(runs: Sequence[StoredRun]) -> list[ComparedRow]:
    rows = []
    columns = [dict(flatten_settings(run.settings)) for run in runs]
    prints = [{f"{name} hash": value for name, value in run.checks.hashes.items()} for run in runs]
    for kind, tables, length in (("setting", columns, None), ("hash", prints, 12)):
        for name in dict.fromkeys(key for table in tables for key in table):
            values = tuple(table.get(name) for table in tables)
            if len(set(values)) > 1:
                shown = tuple(ABSENT if value is None else value[:length] for value in values)
                rows.append(ComparedRow(name, name, kind, values, shown))
    return rows
