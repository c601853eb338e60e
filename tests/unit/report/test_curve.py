"""Days, months and drawdowns from equity rows, by hand and against a library."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tradewind.report.curve import find_drawdowns, monthly_returns, row_interval_ns, sample_days
from tradewind.report.files import Equity

DAY_NS = 86_400_000_000_000
START_NS = 19_723 * DAY_NS  # 2024-01-01


def equity_of(values, offsets_days=None) -> Equity:
    value = np.asarray(values, dtype=float)
    days = np.arange(len(value)) if offsets_days is None else np.asarray(offsets_days)
    ts_ns = START_NS + (days * DAY_NS).astype(np.int64)
    return Equity(ts_ns, value, value, 0 * value, 0 * value)


def test_days_take_the_last_row_and_carry_empty_days_forward():
    found = sample_days(equity_of([101.0, 102.0, 99.0, 110.0], [0.1, 0.9, 1.5, 4.0]), 100.0)
    assert (found.day - 19_723).tolist() == [0, 1, 2, 3, 4]
    assert found.equity.tolist() == [102.0, 99.0, 99.0, 99.0, 110.0]
    assert found.returns == pytest.approx([0.02, 99 / 102 - 1, 0.0, 0.0, 110 / 99 - 1])


def test_returns_end_before_the_day_on_which_the_account_is_lost():
    found = sample_days(equity_of([90.0, 50.0, -10.0, 5.0]), 100.0)
    assert found.ruined_day == 19_725
    assert found.returns == pytest.approx([-0.1, 50 / 90 - 1])
    assert found.equity.tolist() == [90.0, 50.0, -10.0, 5.0]


def test_no_row_is_no_day():
    found = sample_days(equity_of([]), 100.0)
    assert len(found.day) == len(found.returns) == 0
    assert monthly_returns(found, 100.0) == []


def test_months_chain_to_the_whole():
    values = 100.0 * np.cumprod(1.0 + np.random.default_rng(4).normal(0, 0.01, 400))
    days = sample_days(equity_of(values), 100.0)
    months = monthly_returns(days, 100.0)
    assert [(year, month) for year, month, _ in months[:2]] == [(2024, 1), (2024, 2)]
    assert months[0][2] == pytest.approx(values[30] / 100.0 - 1.0)
    assert months[1][2] == pytest.approx(values[59] / values[30] - 1.0)
    assert np.prod([1.0 + value for _, _, value in months]) == pytest.approx(values[-1] / 100.0)
    assert len(months) == 14


def test_month_after_the_loss_of_the_account_has_no_return():
    days = sample_days(equity_of([100.0] * 30 + [-5.0] * 40), 100.0)
    assert [value for _, _, value in monthly_returns(days, 100.0)] == [pytest.approx(-1.05), None, None]


def test_drawdowns_by_hand():
    found = find_drawdowns(equity_of([100.0, 110.0, 99.0, 104.5, 110.0, 121.0, 60.5, 90.0]), 100.0)
    first, second = found.falls
    assert (first.depth, first.days) == pytest.approx((-0.1, 3.0))
    assert [
        (t - START_NS) / DAY_NS for t in (first.peak_ts_ns, first.trough_ts_ns, first.recovered_ts_ns)
    ] == [1, 2, 4]
    assert (second.depth, second.recovered_ts_ns, second.days) == (pytest.approx(-0.5), None, 2.0)
    assert found.longest_days == 3.0
    assert found.under_days == 5.0
    assert found.depth == pytest.approx([0, 0, -0.1, -0.05, 0, 0, -0.5, 90 / 121 - 1])


def test_the_start_of_the_run_is_the_first_peak():
    found = find_drawdowns(equity_of([90.0, 95.0, 100.0]), 100.0)
    assert [fall.depth for fall in found.falls] == pytest.approx([-0.1])
    assert found.falls[0].peak_ts_ns == START_NS


def test_drawdowns_equal_quantstats():
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stats = pytest.importorskip("quantstats").stats
        returns = np.random.default_rng(8).normal(0.001, 0.02, 700)
        series = pandas.Series(returns, index=pandas.date_range("2024-01-01", periods=700))
        worst = float(stats.max_drawdown(series))
        table = stats.drawdown_details(stats.to_drawdown_series(series))
    found = find_drawdowns(equity_of(100.0 * np.cumprod(1.0 + returns)), 100.0)
    assert min(fall.depth for fall in found.falls) == pytest.approx(worst, rel=1e-9)
    assert len(found.falls) == len(table)
    assert sorted(fall.depth for fall in found.falls) == pytest.approx(
        sorted(table["max drawdown"] / 100.0), rel=1e-6
    )


def test_row_interval_is_the_smallest_distance():
    assert row_interval_ns(np.array([0, 60, 120, 600], dtype=np.int64)) == 60
    assert row_interval_ns(np.array([5], dtype=np.int64)) == DAY_NS
