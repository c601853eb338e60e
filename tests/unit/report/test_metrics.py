"""Every metric of a run: values by hand, reasons where there is none, and JSON that any reader accepts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tradewind.report import METRICS, compute_metrics, load_run, write_metrics
from tradewind.report.metrics import encode_metrics


@pytest.fixture
def measured(builders, tmp_path):
    def measure(**tables):
        return compute_metrics(load_run(builders.write_run(tmp_path / "run", **tables)))

    return measure


def test_metrics_of_a_run_by_hand(measured, builders):
    equity = builders.curve([1000.0 + 10.0 * day for day in range(10)] + [1045.0] * 30)
    fills = builders.fill_rows(
        (0, "B", "buy", "long", 100.0, 5.0, 1.0, 0.0, "open"),
        (9, "B", "sell", "long", 120.0, 5.0, 1.0, 100.0, "close"),
        (10, "B", "sell", "short", 100.0, 2.0, 0.5, 0.0, "open"),
        (12, "B", "buy", "short", 120.0, 2.0, 0.5, -40.0, "stop"),
    )
    funding = builders.rows(
        ts_ns=[builders.START_NS + builders.DAY_NS],
        symbol=["B"],
        rate=[1e-4],
        mark_price=[100.0],
        qty=[5.0],
        amount=[-11.0],
    )
    found = measured(equity=equity, fills=fills, funding=funding)
    assert found.reasons == {"deflated_sharpe": "nobody counted the trials"} | {
        "costs_doubled_return": "the run was not repeated with doubled costs",
        "tail_ratio": "the 5 % quantile of returns is zero",
        "slippage_paid": "the run does not say what slippage cost",
    }
    expected = {
        "start_equity": 1000.0,
        "final_equity": 1045.0,
        "total_return": 0.045,
        "annual_return": 1.045 ** (365 / 40) - 1,
        "max_drawdown": 1045 / 1090 - 1,
        "average_drawdown": 1045 / 1090 - 1,
        "longest_drawdown": 30.0,
        "time_under_water": 30 / 40,
        "trade_count": 2.0,
        "win_rate": 0.5,
        "profit_factor": 87.0 / 41.0,
        "payoff_ratio": 87.0 / 41.0,
        "expectancy": 23.0,
        "return_per_trade": (87 / 500 - 41 / 200) / 2,
        "best_trade": 87.0,
        "worst_trade": -41.0,
        "holding_days": 5.5,
        "open_trades": 0.0,
        "fill_count": 4.0,
        # Ten days of the long one and three of the short one, the days of the exits included.
        "exposure_time": 13 / 40,
        "max_exposure": 500.0 / 1000.0,
        "turnover": 1540.0 / float(np.mean(equity["equity"])),
        "fees_paid": 3.0,
        "funding_paid": 11.0,
        "maker_share": 0.0,
        "max_margin_use": 0.0,
    }
    assert {name: found.values[name] for name in expected} == pytest.approx(expected)
    assert found.values["calmar"] == pytest.approx(found.values["annual_return"] / (1 - 1045 / 1090))


DEGENERATE = {
    "no row at all": {},
    "one bar": {"equity": [1000.0]},
    "two equal days": {"equity": [1000.0, 1000.0]},
    "constant equity": {"equity": [1000.0] * 60},
    "only gains": {"equity": [1000.0 + day for day in range(60)]},
    "bankrupt": {"equity": [1000.0, 400.0, 0.0, 0.0]},
    "negative equity": {"equity": [1000.0, 400.0, -300.0, -300.0]},
    "below zero at once": {"equity": [-1.0] * 40},
    "huge growth": {"equity": [1000.0] + [1e300] * 40},
    "growth of a month beyond a float": {"equity": [1e-300] * 31 + [1e300] * 20},
    "tiny": {"equity": [1000.0, 1e-300] * 20},
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_run_gives_null_with_a_reason_and_never_nan(measured, builders, name):
    values = DEGENERATE[name].get("equity")
    with np.errstate(all="raise", under="ignore", over="ignore"):
        found = measured(equity=None if values is None else builders.curve(values))
    assert set(found.values) == {metric.name for metric in METRICS}
    assert set(found.reasons) == {key for key, value in found.values.items() if value is None}
    assert all(reason for reason in found.reasons.values())

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    again = json.loads(encode_metrics(found), parse_constant=refuse)
    assert again["metrics"] == found.values
    assert not any(value is not None and not math.isfinite(value) for value in found.values.values())


def test_loss_of_the_account_is_said(measured, builders):
    found = measured(equity=builders.curve([1000.0, 400.0, -300.0]))
    assert found.values["total_return"] == pytest.approx(-1.3)
    assert found.values["max_drawdown"] == pytest.approx(-1.3)
    assert found.values["sharpe"] is None
    assert "2024-01-03" in found.reasons["sharpe"]
    assert any("lost" in note for note in found.notes)


@pytest.mark.parametrize(("days", "scaled"), [(29, False), (30, True)])
def test_short_runs_are_not_scaled_to_a_year(measured, builders, days, scaled):
    found = measured(equity=builders.curve([1000.0, 990.0] + [1010.0 + day for day in range(days - 2)]))
    assert (found.values["annual_return"] is not None) is scaled
    assert (found.values["calmar"] is not None) is scaled
    assert found.values["sharpe"] is not None
    assert any("say little" in note for note in found.notes) is not scaled


def test_start_is_the_capital_and_not_the_first_row(measured, builders):
    found = measured(equity=builders.curve([990.0, 990.0]))
    assert found.values["total_return"] == pytest.approx(-0.01)
    assert found.values["worst_day"] == pytest.approx(-0.01)
    assert found.values["max_drawdown"] == pytest.approx(-0.01)


def test_metrics_of_the_same_files_are_the_same_bytes(small_run):
    folder, _ = small_run
    first = write_metrics(folder).read_bytes()
    assert write_metrics(folder).read_bytes() == first
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_equity_finer_than_a_day_gives_the_same_ratios_as_daily_rows(measured, builders):
    chance = np.random.default_rng(5)
    closes = 1000.0 * np.cumprod(1.0 + chance.normal(0, 0.01, 60))
    hourly = np.repeat(np.concatenate(([1000.0], closes[:-1])), 24)
    hourly[23::24] = closes
    daily = measured(equity=builders.curve(closes))
    fine = measured(equity=builders.curve(hourly, interval_ns=builders.DAY_NS // 24))
    for name in ("sharpe", "sortino", "volatility", "value_at_risk", "omega", "total_return"):
        assert fine.values[name] == pytest.approx(daily.values[name]), name
    assert fine.values["annual_return"] == pytest.approx(daily.values["annual_return"])


def test_sources_add_up_to_the_result(small_run, builders, tmp_path):
    found = compute_metrics(load_run(small_run[0]))
    total = found.values["final_equity"] - found.values["start_equity"]
    assert sum(share.amount for share in found.sources) == pytest.approx(total)
    assert "Unexplained" not in [share.cause for share in found.sources]
    short = {"checks": [], "attribution": {"price": 10.0, "fees": -1.0, "funding": 0.0}}
    folder = builders.write_run(tmp_path / "run", equity=builders.curve([1000.0, 1030.0]), checks=short)
    named = {share.cause: share.amount for share in compute_metrics(load_run(folder)).sources}
    assert named["Unexplained"] == pytest.approx(21.0)


def test_every_metric_is_defined():
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        for text in (metric.label, metric.formula, metric.convention, metric.why):
            assert text.strip(), metric.name
    promised = {
        *("total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "omega"),
        *("max_drawdown", "average_drawdown", "time_under_water", "value_at_risk", "expected_shortfall"),
        *(
            "profit_factor",
            "expectancy",
            "win_rate",
            "exposure_time",
            "turnover",
            "fees_paid",
            "funding_paid",
        ),
        *("tail_ratio", "probabilistic_sharpe"),
    }
    assert promised <= set(names)
