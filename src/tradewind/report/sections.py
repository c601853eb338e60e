"""The parts of the page that need no script: the verdict, the tables and the lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradewind.report.breakdown import group_trades, split_sample
from tradewind.report.definitions import METRICS
from tradewind.report.drawings import money_bar, profit_histogram, return_histogram
from tradewind.report.files import flatten_settings, run_title, text_setting
from tradewind.report.markup import Content, Markup, element, join, table
from tradewind.report.ratios import Undefined
from tradewind.report.wording import (
    ABSENT,
    day,
    duration,
    measure,
    moment,
    money,
    money_column,
    number,
    percent,
    plural,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.report.basis import Basis
    from tradewind.report.bootstrap import Band
    from tradewind.report.checks import Check
    from tradewind.report.definitions import Metric
    from tradewind.report.files import Count
    from tradewind.report.metrics import Metrics
    from tradewind.report.trades import Trade

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SIGNS = {"pass": "✓", "fail": "✕", "warn": "!", "skipped": "–"}
SAID = {"pass": "passed", "fail": "failed", "warn": "doubtful", "skipped": "not done"}
HEAT_STEPS = (0.005, 0.02, 0.05, 0.10)
TILES = (
    *("final_equity", "total_return", "annual_return", "sharpe", "max_drawdown", "time_under_water"),
    *("trade_count", "win_rate", "profit_factor", "exposure_time", "fees_paid", "costs_doubled_return"),
)
GROUPS = {
    "growth": "Growth",
    "risk": "Risk",
    "risk-adjusted": "Return for risk",
    "doubt": "How sure",
    "trades": "Trades",
    "activity": "Activity",
    "costs": "Costs",
}
COUNTS_SHOWN = 20
GROUPS_SHOWN = 25


def title(basis: Basis) -> str:
    """Return what the run is, in one line."""
    run = basis.run
    given = text_setting(run.settings, "report", "title")
    if given:
        return given
    names = list(run.symbols)
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return " · ".join(part for part in (run_title(run.settings) or "run", listed) if part)


def head(basis: Basis, metrics: Metrics) -> Markup:
    """Return the name of the run, its verdict first of all, and what may be doubted."""
    run = basis.run
    period = "no bars"
    if len(run.equity):
        period = f"{day(basis.start_ts_ns)} to {moment(basis.end_ts_ns)} UTC"
    bars = text_setting(run.settings, "market", "bars")
    venue = text_setting(run.settings, "market", "venue")
    facts = [period, f"{bars} bars" if bars else "", venue, f"run {run.run_id}"]
    return join(
        [
            verdict(basis, metrics),
            element("h1", title(basis)),
            element("p", " · ".join(fact for fact in facts if fact), class_="about"),
            element("p", *_short_hashes(basis), class_="about prints"),
        ]
    )


def _short_hashes(basis: Basis) -> list[Markup]:
    return [
        element("span", f"{name} ", element("span", value[:12], class_="hash", title=value), " ")
        for name, value in basis.run.checks.hashes.items()
    ]


def verdict(basis: Basis, metrics: Metrics) -> Markup:
    """Return the banner: a failed check is the first thing that is said."""
    checks = basis.run.checks
    failed, warned = checks.failed, checks.warned
    if failed:
        names = ", ".join(check.name for check in failed)
        kind, text = "fail", f"Do not trust this result: {plural(len(failed), 'check')} failed ({names})."
    elif not checks.checks:
        kind, text = "warn", "Nothing was checked about this result."
    elif warned or checks.warnings:
        doubts = len(warned) + len(checks.warnings)
        kind, text = "warn", f"No check failed; {plural(doubts, 'doubt')} to read."
    else:
        kind, text = "pass", f"All {plural(len(checks.checks), 'check')} passed."
    order = {"fail": 0, "warn": 1, "skipped": 2, "pass": 3}
    rows = [_check(check) for check in sorted(checks.checks, key=lambda check: order[check.verdict])]
    notes = [_note(note) for note in (*checks.warnings, *metrics.notes)]
    banner = element(
        "p", element("span", SIGNS[kind], class_="sign", aria_hidden="true"), text, class_="banner"
    )
    listed = element("ul", *rows, *notes, class_="checks") if rows or notes else Markup("")
    return element("section", banner, listed, class_=f"verdict {kind}", aria_label="Verdict of the checks")


def _note(note: str) -> Markup:
    sign = element("span", SIGNS["warn"], class_="sign", aria_hidden="true")
    return element("li", sign, element("span", note, class_="doubt"), class_="warn")


def _check(check: Check) -> Markup:
    return element(
        "li",
        element("span", SIGNS[check.verdict], class_="sign", aria_hidden="true"),
        element("span", element("b", check.name), f" {SAID[check.verdict]}", class_="name"),
        element("span", check.detail, class_="detail"),
        class_=check.verdict,
    )


def tiles(basis: Basis, metrics: Metrics) -> Markup:
    """Return the dozen numbers that a reader looks for."""
    by_name = {metric.name: metric for metric in METRICS}
    bands = {band.metric: band for band in metrics.bands.bands}
    made: list[Markup] = []
    for name in TILES:
        metric, value = by_name[name], metrics.values[name]
        shown = measure(value, metric.unit, basis.run.currency)
        small = (
            _band(bands.get(name), metric) if value is not None else element("span", metrics.reasons[name])
        )
        made.append(
            element("div", element("dt", metric.label), element("dd", shown),
                    element("dd", small, class_="small") if small else Markup(""), title=metric.why)
        )  # fmt: skip
    return element("dl", *made, class_="tiles")


def sources(basis: Basis, metrics: Metrics) -> Markup:
    """Return where the money came from, as bars around a middle line."""
    shares = metrics.sources
    currency = basis.run.currency
    largest = max((abs(share.amount) for share in shares), default=0.0)
    total = basis.end_equity - basis.start_equity
    named = [*((share.cause, share.amount) for share in shares), ("All together", total)]
    texts = money_column([amount for _, amount in named], signed=True)
    rows: list[list[Content]] = [
        [cause, f"{text} {currency}".rstrip(), money_bar(amount, max(largest, abs(total)))]
        for (cause, amount), text in zip(named, texts, strict=True)
    ]
    caption = f"From {money(basis.start_equity, currency)} to {money(basis.end_equity, currency)}"
    return table(caption, ("Cause", "Amount", "Cost, gain"), rows, class_="sources")


def months(metrics: Metrics) -> Markup:
    """Return the table of monthly returns, shaded by size."""
    if not metrics.months:
        return element("p", "No month to show.")
    years: dict[int, dict[int, float | None]] = {}
    for year, month, value in metrics.months:
        years.setdefault(year, {})[month] = value
    rows = []
    for year, found in years.items():
        cells = [_heat(found[month]) if month in found else element("td", "") for month in range(1, 13)]
        known = [value for value in found.values() if value is not None]
        whole = float(np.prod([1.0 + value for value in known]) - 1.0) if len(known) == len(found) else None
        rows.append(element("tr", element("th", str(year), scope="row"), *cells, _heat(whole)))
    heads = [element("th", name, scope="col", class_="number") for name in ("Year", *MONTHS, "All")]
    whole_table = element(
        "table",
        element("caption", "Return by month in %, marked to market; the first and last may be partial"),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="months",
    )
    return element(
        "div", whole_table, class_="scroll", tabindex="0", role="region", aria_label="Return by month"
    )


def _heat(value: float | None) -> Markup:
    if value is None:
        return element("td", ABSENT, class_="number")
    step = sum(abs(value) >= limit for limit in HEAT_STEPS)
    sign = "gain" if value > 0.0 else "loss"
    return element("td", number(100.0 * value, 1), class_=f"number {sign}{step}" if step else "number")


def drawdowns(metrics: Metrics) -> Markup:
    """Return the deepest falls with their way down and back."""
    if not metrics.drawdowns:
        return element("p", "Equity never fell below an earlier peak.")
    rows = [
        [
            str(rank),
            percent(fall.depth),
            moment(fall.peak_ts_ns),
            moment(fall.trough_ts_ns),
            moment(fall.recovered_ts_ns) if fall.recovered_ts_ns is not None else "not yet",
            duration(fall.days),
        ]
        for rank, fall in enumerate(metrics.drawdowns, start=1)
    ]
    heads = ("Rank", "Depth", "Peak (UTC)", "Trough (UTC)", "Back at the peak (UTC)", "Length")
    return table(f"The {plural(len(rows), 'deepest fall')} of equity", heads, rows)


def trade_groups(basis: Basis) -> Markup:
    """Return closed trades by symbol, side, tag and way out."""
    kinds: list[tuple[str, Callable[[Trade], str]]] = [
        ("symbol", lambda trade: trade.symbol),
        ("side", lambda trade: trade.position_side),
        ("entry tag", lambda trade: trade.tag or "no tag"),
        ("way out", lambda trade: trade.exit_role),
    ]
    parts = []
    for kind, name_of in kinds:
        groups = group_trades(basis.trades, name_of)
        shown = groups[:GROUPS_SHOWN]
        rows = list(
            zip(
                [group.name for group in shown],
                [number(group.count, 0) for group in shown],
                [percent(group.won / group.count) for group in shown],
                money_column([group.pnl for group in shown], signed=True),
                money_column([group.fees for group in shown]),
                money_column([group.funding for group in shown], signed=True),
                strict=True,
            )
        )
        unit = f" ({basis.run.currency})" if basis.run.currency else ""
        more = f", the {GROUPS_SHOWN} that moved most of {len(groups)}" if len(groups) > GROUPS_SHOWN else ""
        heads = (kind.capitalize(), "Trades", "Won", f"Profit{unit}", f"Fees{unit}", f"Funding{unit}")
        if rows:
            parts.append(table(f"Closed trades by {kind}{more}", heads, rows))
    return element("div", *parts, class_="columns") if parts else element("p", "No trade was closed.")


def distribution(basis: Basis, metrics: Metrics) -> Markup:
    """Return the histograms of daily returns and of trades."""
    parts: list[Markup] = []
    returns = basis.returns
    if not isinstance(returns, Undefined) and len(returns) > 1:
        parts.append(return_histogram(returns, metrics.values["value_at_risk"]))
    profits = np.array([trade.pnl for trade in basis.closed], dtype=np.float64)
    if len(profits) > 1:
        parts.append(profit_histogram(profits, basis.run.currency))
    if not parts:
        return element("p", "Too few days and trades for a distribution.")
    return element("div", *parts, class_="columns")


def out_of_sample(basis: Basis) -> Markup:
    """Return the figures on both sides of the cut, nothing where there is none."""
    parts = split_sample(basis)
    if not parts:
        return Markup("")
    rows = [
        [
            part.name,
            number(part.days, 0),
            percent(part.total_return),
            ABSENT if isinstance(part.sharpe, Undefined) else number(part.sharpe, 2),
            percent(part.max_drawdown),
        ]
        for part in parts
    ]
    return table(
        "Before and after the cut, from daily returns",
        ("Part", "Days", "Return", "Sharpe", "Maximum drawdown (daily)"),
        rows,
    )


def all_metrics(basis: Basis, metrics: Metrics) -> Markup:
    """Return every metric with its band and its definition."""
    bands = {band.metric: band for band in metrics.bands.bands}
    parts = []
    for group, heading in GROUPS.items():
        rows: list[list[Content]] = []
        for metric in METRICS:
            if metric.group != group:
                continue
            value = metrics.values[metric.name]
            told = metric.formula if value is not None else f"not given: {metrics.reasons[metric.name]}"
            rows.append(
                [
                    element("span", metric.label, title=f"{metric.why} {metric.convention}"),
                    join(
                        [
                            measure(value, metric.unit, basis.run.currency),
                            _band(bands.get(metric.name), metric),
                        ]
                    ),
                    element("span", told, class_="formula"),
                ]
            )
        parts.append(table(heading, ("Metric", "Value", "Formula"), rows, class_="metrics"))
    return join([element("div", *parts, class_="columns"), element("p", band_note(metrics), class_="note")])


def _band(band: Band | None, metric: Metric) -> Markup:
    if band is None:
        return Markup("")
    low, high = (measure(edge, metric.unit, "") for edge in (band.low, band.high))
    return element("span", f"{band.level * 100:.0f} % band: {low} to {high}", class_="band")


def band_note(metrics: Metrics) -> str:
    """Return how the bands were made, or why there are none."""
    bands = metrics.bands
    if bands.reason:
        return f"No confidence bands: {bands.reason}."
    return (
        f"Bands: {number(bands.resamples, 0)} resamples of the daily returns by a stationary block bootstrap, "
        f"blocks of {bands.block_days} days on average, fixed seed. r are daily UTC returns; a year has 365 days."
    )


def assumptions(basis: Basis) -> Markup:
    """Return what the result takes for granted."""
    told = basis.run.checks.assumptions
    if not told:
        return element("p", "The run states no assumption.")
    return element("ul", *(element("li", text) for text in told))


def order_counts(basis: Basis) -> Markup:
    """Return how orders ended and what was refused."""
    run = basis.run
    parts = [
        _counts("Changes of orders", ("State", "Reason", "Times"), run.order_counts),
        _counts(
            "Refused by the risk gate or the venue's rules", ("Rule", "Symbol", "Times"), run.refused_counts
        ),
    ]
    return element("div", *parts, class_="columns")


def _counts(caption: str, heads: tuple[str, str, str], counts: tuple[Count, ...]) -> Markup:
    if not counts:
        return element("p", f"{caption}: none.")
    rows = [[entry.what, entry.why, number(entry.count, 0)] for entry in counts[:COUNTS_SHOWN]]
    more = f", the {COUNTS_SHOWN} most frequent of {len(counts)}" if len(counts) > COUNTS_SHOWN else ""
    return table(f"{caption}{more}", heads, rows, words=2)


def settings(basis: Basis) -> Markup:
    """Return every resolved setting of the run."""
    rows = flatten_settings(basis.run.settings)
    return table("Everything that was set, defaults included (run.toml)", ("Setting", "Value"), rows, words=2)


def hashes(basis: Basis) -> Markup:
    """Return the fingerprints by which the run can be repeated and compared."""
    found = basis.run.checks.hashes
    if not found:
        return element("p", "The run carries no hashes.")
    parts = [
        element("div", element("dt", name), element("dd", value, class_="hash"))
        for name, value in found.items()
    ]
    return element("dl", *parts, class_="hashes")
