"""A stored run on one screen, and stored runs side by side."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tradewind.report import (
    compare,
    read_stored,
    render_comparison,
    render_terminal,
    shown_value,
    write_metrics,
    write_report,
)
from tradewind.report.terminal import sparkline
from tradewind.report.wording import duration, measure, money, number, percent


def printed(renderable, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False, color_system=None).print(renderable, crop=False)
    return out.getvalue()


@pytest.fixture
def stored(builders, tmp_path):
    def build(name="run", **spec):
        folder, _ = builders.build_run(tmp_path / name, builders.RunSpec(**spec))
        write_metrics(folder)
        return folder

    return build


def test_summary_fits_one_screen(stored, builders):
    checks = [{"name": f"check {n}", "verdict": "warn", "detail": "much to say " * 3} for n in range(9)]
    lines = printed(render_terminal(stored(checks=checks))).splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines[:-1]) <= 80
    for word in ("Total return", "Sharpe ratio", "Maximum drawdown", "USDT", "%", "and 5 more in the report"):
        assert any(word in line for line in lines), word


def test_failed_check_is_the_first_line(stored):
    checks = [
        {"name": "look-ahead", "verdict": "fail", "detail": "3 of 25 cuts"},
        {"name": "data", "verdict": "pass"},
    ]
    lines = printed(render_terminal(stored(checks=checks))).splitlines()
    assert "FAILED" in lines[0]
    assert "look-ahead: 3 of 25 cuts" in lines[1]


def test_names_are_never_read_as_styles_or_codes(stored):
    text = printed(render_terminal(stored(symbols=("[bold red]X[/]", "\x1b[31mY"))), 200)
    assert "[bold red]X[/]" in text
    assert "\x1b" not in text


def test_path_of_the_report_is_never_cut(builders, tmp_path):
    folder, bars = builders.build_run(tmp_path / ("long" * 20) / "run")
    path = write_report(folder, bars)
    assert str(path) in printed(render_terminal(folder), 60)


def test_comparison_shows_metrics_and_only_what_differs(stored):
    first, second = stored("one"), stored("two", seed=8, capital=20_000.0)
    found = compare([first, second])
    assert found.run_ids == ("one", "two")
    rows = {row.name: row for row in found.rows}
    assert rows["capital.amount"].values == ("10000.0", "20000.0")
    assert "capital.currency" not in rows
    assert rows["data hash"].kind == "hash"
    assert rows["total_return"].values[0] != rows["total_return"].values[1]
    assert found.to_json()["runs"] == ["one", "two"]
    text = printed(render_comparison(found), 120)
    assert "Sharpe ratio" in text
    assert "capital.amount" in text


def test_sparkline_has_a_block_a_value():
    assert sparkline((1.0, 2.0, 3.0)) == "▁▅█"
    assert sparkline((5.0, 5.0)) == "▄▄"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(-1234.567, 1), "−1,234.6"),
        (number(-0.0001, 2), "0.00"),
        (percent(0.0512), "5.12 %"),
        (percent(0.5, signed=True), "+50.00 %"),
        (percent(None), "—"),
        (percent(1e9), "1.00e11 %"),
        (money(-1234.5, "USDT"), "−1,234.50 USDT"),
        (money(0.12346, "BTC"), "0.1235 BTC"),
        (money(0.0000123, "BTC", signed=True), "+0.000012 BTC"),
        (money(None, "BTC"), "—"),
        (duration(33.45), "33.5 days"),
        (duration(0.5), "12.0 h"),
        (duration(0.01), "14 min"),
        (measure(1.771, "times", ""), "1.77 ×"),
        (measure(3.0, "count", ""), "3"),
        (measure(-1.5, "number", ""), "−1.50"),
        (measure(None, "money", "USDT"), "—"),
    ],
)
def test_numbers_carry_their_unit(text, expected):
    assert text == expected


SEVERAL = """
[[strategies]]
strategy = "ema_cross"
name = "slow"
[[strategies]]
strategy = "dca_grid"
[capital]
amount = 1000
currency = "USDT"
"""


def test_a_run_of_several_strategies_is_called_by_their_names(builders, tmp_path):
    folder = builders.write_run(tmp_path / "run", equity=builders.curve([1000.0] * 3), settings=SEVERAL)
    write_report(folder, {})
    assert read_stored(folder).title == "slow, dca_grid"
    assert "slow, dca_grid" in printed(render_terminal(folder))
    assert "<title>slow, dca_grid" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("verdicts", "said", "kind"),
    [
        ({"costs": "pass", "data": "pass"}, "passed", "passed"),
        ({"costs": "warn", "data": "pass"}, "doubtful: costs", "doubtful"),
        ({"costs": "warn", "data": "fail"}, "FAILED: data", "failed"),
        ({}, "not checked", "unchecked"),
    ],
)
def test_lists_say_of_the_checks_what_the_summary_says(stored, verdicts, said, kind):
    checks = [{"name": name, "verdict": verdict, "detail": ""} for name, verdict in verdicts.items()]
    folder = stored(checks=checks)
    found = read_stored(folder).checks
    assert (found.said, found.kind) == (said, kind)
    row = compare([folder, folder]).rows[0]
    assert (row.values, row.shown) == ((kind, kind), (said, said))


def test_numbers_in_lists_are_those_of_the_summary(stored):
    folder = stored()
    run, summary = read_stored(folder), printed(render_terminal(folder), 200)
    for name in ("total_return", "max_drawdown", "sharpe", "trade_count"):
        assert shown_value(run, name) in summary
    assert shown_value(run, "total_return").endswith("%")
