"""The result of a run on one screen of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradewind.report.definitions import METRICS
from tradewind.report.files import setting, text_setting
from tradewind.report.stored import read_stored
from tradewind.report.wording import measure, money, plural, printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from tradewind.report.definitions import Metric
    from tradewind.report.stored import StoredRun

SHOWN = (
    (
        "final_equity",
        "total_return",
        "annual_return",
        "sharpe",
        "sortino",
        "max_drawdown",
        "time_under_water",
    ),
    ("trade_count", "win_rate", "profit_factor", "expectancy", "exposure_time", "fees_paid", "funding_paid"),
)
BLOCKS = "▁▂▃▄▅▆▇█"
STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "skipped": "dim"}
SAID = {"pass": "ok", "fail": "FAILED", "warn": "doubtful", "skipped": "not done"}
LINES_OF_NOTES = 4
_BY_NAME = {metric.name: metric for metric in METRICS}


def render_terminal(run_dir: Path | str) -> RenderableType:
    """Return a stored run's summary: the verdict first, fourteen numbers, the curve, where to look next.

    Reads metrics.json, so that `write_metrics` or `write_report` comes before.
    """
    run = read_stored(run_dir)
    parts: list[RenderableType] = [_verdict(run), _title(run), _numbers(run)]
    if run.metrics.shape:
        parts.append(Text.assemble(("equity  ", "dim"), (sparkline(run.metrics.shape), "blue")))
    parts.append(_sources(run))
    parts.extend(_notes(run))
    parts.append(_where(run))
    return Group(*parts)


def sparkline(values: tuple[float, ...]) -> str:
    """Return one block a value, the lowest for the smallest value."""
    low, high = min(values), max(values)
    if high <= low:
        return BLOCKS[3] * len(values)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[round(steps * (value - low) / (high - low))] for value in values)


def _verdict(run: StoredRun) -> Text:
    checks = run.checks
    if checks.failed:
        text = Text(
            f"✕ {plural(len(checks.failed), 'check')} FAILED: do not trust this result", style=STYLES["fail"]
        )
        for check in checks.failed:
            text.append(f"\n  {printable(check.name)}: {printable(check.detail)}")
        return text
    if not checks.checks:
        return Text("! nothing was checked about this result", style=STYLES["warn"])
    parts = [
        (f"{printable(check.name)} {SAID[check.verdict]}", STYLES[check.verdict]) for check in checks.checks
    ]
    text = Text("checks  ", style="dim")
    for at, (words, style) in enumerate(parts):
        text.append(", " if at else "", style="dim").append(words, style=style)
    return text


def _title(run: StoredRun) -> Text:
    named = setting(run.settings, "market", "symbols")
    symbols = [str(name) for name in named] if isinstance(named, list) else []
    listed = ", ".join(symbols[:3]) + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "")
    period = " to ".join(
        part for key in ("start", "end") if (part := text_setting(run.settings, "period", key))
    )
    bars = text_setting(run.settings, "market", "bars")
    facts = [listed, period, f"{bars} bars" if bars else ""]
    told = printable(" · ".join(fact for fact in facts if fact))
    return Text.assemble((printable(run.title), "bold"), "  ", (told, "dim"))


def _numbers(run: StoredRun) -> Table:
    grid = Table.grid(padding=(0, 2))
    for _ in SHOWN:
        grid.add_column(style="dim")
        grid.add_column(justify="right")
    for pair in zip(*SHOWN, strict=True):
        cells = [Text(text) for name in pair for text in (_BY_NAME[name].label, _value(run, _BY_NAME[name]))]
        grid.add_row(*cells)
    return grid


def shown_value(run: StoredRun, name: str) -> str:
    """Return a metric of a stored run with its unit, as the summary and every list show it."""
    return measure(run.metrics.metrics.get(name), _BY_NAME[name].unit, run.metrics.currency)


def _value(run: StoredRun, metric: Metric) -> str:
    value = run.metrics.metrics.get(metric.name)
    shown = shown_value(run, metric.name)
    band = run.metrics.bands.metrics.get(metric.name)
    if value is None or band is None:
        return shown
    return f"{shown}  ({measure(band.low, metric.unit, '')} to {measure(band.high, metric.unit, '')})"


def _sources(run: StoredRun) -> Text:
    currency = run.metrics.currency
    parts = [
        f"{cause} {money(amount, '', signed=True)}" for cause, amount in run.metrics.sources.items() if amount
    ]
    told = f"{', '.join(parts)} {currency}".rstrip() if parts else "nothing was earned and nothing was paid"
    return Text.assemble(("money   ", "dim"), told)


def _notes(run: StoredRun) -> list[Text]:
    doubts = [f"{check.name}: {check.detail}" for check in run.checks.warned]
    notes = [*doubts, *run.checks.warnings, *run.metrics.notes]
    shown = [Text(f"! {printable(note)}", style=STYLES["warn"]) for note in notes[:LINES_OF_NOTES]]
    if len(notes) > LINES_OF_NOTES:
        shown.append(Text(f"! and {len(notes) - LINES_OF_NOTES} more in the report", style=STYLES["warn"]))
    return shown


def _where(run: StoredRun) -> Text:
    report = run.run_dir / "report.html"
    shown = report if report.is_file() else run.run_dir
    # Neither cut nor folded by us: half a path leads nowhere, and one with a line end in it cannot be copied.
    return Text.assemble(("report  ", "dim"), (str(shown), "underline"), no_wrap=True, overflow="ignore")
