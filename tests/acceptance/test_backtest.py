"""A backtest as its user meets it: a folder that can be audited without our code, and run again."""

import json
import math
import tomllib
from collections import defaultdict

import duckdb
import numpy as np
import pytest

import tradewind as tw
from tradewind.config import to_toml
from tradewind.errors import TradewindError
from tradewind.market import COINS, MarketSpec
from tradewind.research import run_backtest, verify_run
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.time import HOUR_NS, parse_utc

SPEC = MarketSpec(
    seed=11, start_ns=parse_utc("2024-01-01"), bars=24 * 60, interval_ns=HOUR_NS, coins=COINS[:2], spot=True
)
QUICK = {"fast_period": 5, "slow_period": 20, "size_pct": 45.0, "shorts": True}
FILES = {
    *("run.toml", "fills.parquet", "orders.parquet", "funding.parquet", "equity.parquet", "refused.parquet"),
    *("metrics.json", "report.html", "checks.json"),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return make_desk(tmp_path_factory.mktemp("acceptance") / "desk", SPEC)


@pytest.fixture(scope="module")
def run(desk):
    return run_backtest(backtest_of(SPEC, "ema_cross", params=QUICK, account={"leverage": 3.0}), desk)


def table(run, name):
    """Read a table with nothing of ours: a list of rows as dicts."""
    found = duckdb.sql(f"SELECT * FROM '{run.run_dir}/{name}.parquet'").fetchnumpy()
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def test_a_run_folder_is_complete_and_nothing_else_is_left(desk, run):
    assert {path.name for path in run.run_dir.iterdir()} == FILES
    assert run.run_dir.parent == desk.runs
    assert not [path for path in desk.runs.iterdir() if path.name.startswith(".")]
    assert set(run.hashes) == {"data", "config", "code", "decisions"}
    assert {check.name for check in run.checks} >= {
        "look-ahead",
        "warm-up",
        "costs",
        "data",
        "trials",
        "account",
    }
    assert not [check for check in run.checks if check.verdict == "fail"]


def test_run_toml_says_everything_that_was_resolved(run):
    said = tomllib.loads((run.run_dir / "run.toml").read_text())
    assert said["params"] == QUICK
    assert said["costs"]["fill"] == "strict"
    rules = said["resolved"]["instruments"]["BTCUSDT"]
    assert (rules["tick_size"], rules["taker_rate"]) == ("0.1", "0.0005")
    assert said["resolved"]["equity_interval"] == "1h"


def test_every_setting_that_moves_the_result_is_said_in_the_report_as_a_person_reads_it(run):
    said = json.loads((run.run_dir / "checks.json").read_text())["assumptions"]
    assert "BTCUSDT: fees in this run: maker 0.02 %, taker 0.05 %, liquidation 1.25 %" in said
    assert not [each for each in said if "`" in each]
    page = (run.run_dir / "report.html").read_text()
    for each in ("costs.latency_bars = 1 (default)", "data.gaps = refuse (default)", "taker 0.05 %"):
        assert each in page
    assert any("the market is generated" in each for each in run.warnings)


def test_an_order_at_market_has_no_price_in_the_table_of_orders(run):
    file = f"'{run.run_dir}/orders.parquet'"
    # An EMA cross takes what the market gives.
    assert duckdb.sql(f"SELECT DISTINCT kind FROM {file}").fetchall() == [("target",)]
    assert duckdb.sql(f"SELECT count(*) > 50, count(price) FROM {file}").fetchall() == [(True, 0)]


def test_a_run_can_be_audited_from_its_files_alone(run):
    """Balance at the end = start + realised - fees + funding; realised follows from the fills by average entry."""
    fills, funding, equity = table(run, "fills"), table(run, "funding"), table(run, "equity")
    assert len(fills) > 50
    assert len(funding) > 20
    held, cost, realised = defaultdict(float), defaultdict(float), 0.0
    for fill in fills:
        key = fill["symbol"], fill["position_side"]
        assert fill["notional"] == pytest.approx(fill["price"] * fill["qty"], abs=1e-6)
        if (fill["side"] == "buy") == (fill["position_side"] == "long"):
            held[key] += fill["qty"]
            cost[key] += fill["notional"]
            assert fill["realized_pnl"] == 0.0
        else:
            part = cost[key] * fill["qty"] / held[key]
            sign = 1 if fill["position_side"] == "long" else -1
            earned = sign * (fill["notional"] - part)
            assert fill["realized_pnl"] == pytest.approx(earned, abs=1e-6)
            realised += earned
            held[key] -= fill["qty"]
            cost[key] -= part
        assert fill["fee"] == pytest.approx(fill["notional"] * 0.0005, abs=1e-6)
    for row in funding:
        assert row["amount"] == pytest.approx(-row["qty"] * row["mark_price"] * row["rate"], abs=1e-6)
    paid = math.fsum(fill["fee"] for fill in fills)
    settled = math.fsum(row["amount"] for row in funding)
    assert equity[-1]["balance"] == pytest.approx(10_000 + realised - paid + settled, abs=1e-4)
    for row in equity[:: len(equity) // 50]:
        assert row["equity"] == pytest.approx(row["balance"] + row["unrealized_pnl"], abs=1e-8)


def test_funding_is_settled_on_what_was_held_at_that_time(run):
    fills, funding = table(run, "fills"), table(run, "funding")
    for row in funding:
        held = math.fsum(
            (fill["qty"] if fill["side"] == "buy" else -fill["qty"])
            for fill in fills
            # A fill is stamped with the opening of its bar: at the settlement's own time it comes after it.
            if fill["symbol"] == row["symbol"] and fill["ts_ns"] < row["ts_ns"]
        )
        assert row["qty"] == pytest.approx(held, abs=1e-9)


def test_the_sources_of_money_add_up_to_the_change_of_equity(run):
    checks = json.loads((run.run_dir / "checks.json").read_text())
    equity = table(run, "equity")
    assert math.fsum(checks["attribution"].values()) == pytest.approx(equity[-1]["equity"] - 10_000, abs=1e-7)
    fills, funding = table(run, "fills"), table(run, "funding")
    assert checks["attribution"]["fees"] == pytest.approx(-math.fsum(f["fee"] for f in fills), abs=1e-7)
    assert checks["attribution"]["funding"] == pytest.approx(
        math.fsum(f["amount"] for f in funding), abs=1e-7
    )
    # Everything takes at the open: slippage is 1.5 bp of notional, rounded up to whole ticks.
    least = math.fsum(f["notional"] for f in fills) * 1.5e-4
    assert -1.2 * least < checks["attribution"]["slippage"] < -0.9 * least


def test_fills_lie_on_the_grid_of_their_instrument(run):
    for fill in table(run, "fills"):
        tick = 0.1 if fill["symbol"] == "BTCUSDT" else 0.01
        assert fill["price"] == pytest.approx(round(fill["price"] / tick) * tick, abs=1e-9)
        assert fill["qty"] == round(fill["qty"], 3)


def test_orders_tell_the_life_of_every_fill(run):
    states = defaultdict(list)
    for row in table(run, "orders"):
        states[row["order_id"]].append(row["state"])
    for fill in table(run, "fills"):
        assert states[fill["order_id"]][0] == "pending"
        assert states[fill["order_id"]][-1] in {"filled", "expired", "cancelled"}


def test_a_run_verifies_and_says_what_changed(desk, run):
    verified = verify_run(run.run_dir, desk)
    assert verified.is_same
    assert verified.changed == ()
    path = run.run_dir / "run.toml"
    said = path.read_text()
    try:
        path.write_text(said.replace("size_pct = 45.0", "size_pct = 44.0"))
        other = verify_run(run.run_dir, desk)
    finally:
        path.write_text(said)
    assert not other.is_same
    assert other.changed == ("config",)


def test_the_same_file_gives_the_same_run(desk, run):
    again = run_backtest(backtest_of(SPEC, "ema_cross", params=QUICK, account={"leverage": 3.0}), desk)
    assert again.hashes == run.hashes
    assert again.metrics == run.metrics
    assert again.run_id != run.run_id


def test_trials_count_different_settings_on_the_same_data(tmp_path):
    spec = MarketSpec(
        seed=3, start_ns=parse_utc("2024-01-01"), bars=24 * 20, interval_ns=HOUR_NS, coins=COINS[:1]
    )
    own = make_desk(tmp_path / "desk", spec)
    said = []
    for fast in (5, 6, 6, 7):
        config = backtest_of(spec, "ema_cross", params={"fast_period": fast, "slow_period": 30})
        run = run_backtest(config, own)
        said.append(json.loads((run.run_dir / "checks.json").read_text())["trials"])
    assert said == [1, 2, 2, 3]


def test_the_door_for_notebooks_is_the_same_run(desk, run, monkeypatch):
    path = desk.backtests / "same.toml"
    path.write_text(to_toml(backtest_of(SPEC, "ema_cross", params=QUICK, account={"leverage": 3.0})))
    mine = tw.backtest(path)
    # The door, like the command, adds the limits of the workspace: another configuration, the same decisions.
    assert {name: mine.hashes[name] for name in ("data", "code", "decisions")} == {
        name: run.hashes[name] for name in ("data", "code", "decisions")
    }
    # One metric discounts for the number of trials, and this is one more.
    same = set(run.metrics) - {"deflated_sharpe"}
    assert {name: mine.metrics[name] for name in same} == {name: run.metrics[name] for name in same}
    assert len(mine.fills["ts_ns"]) == len(table(run, "fills"))
    assert isinstance(mine.fills["price"], np.ndarray)
    assert mine.frame("equity").shape[0] == 24 * 60
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert mine.show().name == "report.html"
    assert len(opened) == 1


def test_nothing_is_written_when_a_run_is_refused(desk):
    before = sorted(desk.runs.iterdir())
    with pytest.raises(TradewindError) as error:
        run_backtest(backtest_of(SPEC, "ema_cross", params={"fast_perod": 3}), desk)
    assert error.value.code == "CONFIG_UNKNOWN_KEY"
    assert sorted(desk.runs.iterdir()) == before
