"""Coin-margined contracts, isolated margin and partial fills through a whole backtest, audited from the run's files."""

import json
import math
from collections import defaultdict
from dataclasses import replace

import duckdb
import numpy as np
import pytest

from tradewind.market import COINS, MarketSpec, SeriesKey, Store, generate_market, import_rules
from tradewind.market.manifest import SourceEntry
from tradewind.research import run_backtest, verify_run
from tradewind.strategies.exposures import exposures_from_table
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.time import HOUR_NS, parse_utc

SPEC = MarketSpec(
    seed=21, start_ns=parse_utc("2024-01-01"), bars=24 * 60, interval_ns=HOUR_NS, coins=COINS[:2]
)
COIN_MARGINED = replace(SPEC, venue="bybit_inverse", coins=(replace(COINS[0], symbol="BTCUSD"),))
ANSWER = {
    "retCode": 0,
    "result": {
        "category": "inverse",
        "list": [
            {
                "symbol": "BTCUSD",
                "contractType": "InversePerpetual",
                "status": "Trading",
                "baseCoin": "BTC",
                "quoteCoin": "USD",
                "settleCoin": "BTC",
                "launchTime": "1542067200000",
                "deliveryTime": "0",
                "fundingInterval": 480,
                "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
                "priceFilter": {"minPrice": "0.1", "maxPrice": "1999999.8", "tickSize": "0.1"},
                "lotSizeFilter": {"maxOrderQty": "25000000", "minOrderQty": "1", "qtyStep": "1"},
            }
        ],
    },
}
QUICK = {"fast_period": 5, "slow_period": 20, "size_pct": 45.0, "shorts": True}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Two linear perpetuals, and Bitcoin against itself with the rules of a venue's own answer."""
    folder = tmp_path_factory.mktemp("payoffs")
    made = make_desk(folder / "desk", SPEC)
    market, store = generate_market(COIN_MARGINED), Store(made.data)
    source = SourceEntry(name="generated", sha256="", imported_ns=0, notes=())
    for series in (market.bars, market.mark, market.funding):
        part = series["BTCUSD"]
        store.merge(SeriesKey("bybit_inverse", part.KIND, "BTCUSD", part.spacing_ns), part, source)
    (folder / "inverse.json").write_text(json.dumps(ANSWER))
    import_rules(store, folder / "inverse.json", venue="bybit_inverse", now_ns=0)
    return made


def table(run, name):
    found = duckdb.sql(f"SELECT * FROM '{run.run_dir}/{name}.parquet'").fetchnumpy()
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


# ---------------------------------------------------------------------------- inverse


@pytest.fixture(scope="module")
def inverse(desk):
    config = backtest_of(
        COIN_MARGINED,
        "ema_cross",
        params=QUICK,
        capital={"amount": 2.0, "currency": "BTC"},
        account={"leverage": 2.0},
    )
    return run_backtest(config, desk)


def test_an_inverse_perpetual_is_audited_from_its_files_in_the_coin(inverse):
    """Contracts of one dollar: notional and profit in Bitcoin, q / price; a long earns q · (1 / entry − 1 / exit)."""
    fills, funding, equity = table(inverse, "fills"), table(inverse, "funding"), table(inverse, "equity")
    assert len(fills) > 30
    held, cost, realised = defaultdict(float), defaultdict(float), 0.0
    for fill in fills:
        side = fill["position_side"]
        assert fill["qty"] == round(fill["qty"])
        assert fill["notional"] == pytest.approx(fill["qty"] / fill["price"], abs=2e-8)
        assert fill["fee"] == pytest.approx(fill["notional"] * 0.00055, abs=2e-8)
        if (fill["side"] == "buy") == (side == "long"):
            held[side] += fill["qty"]
            cost[side] += fill["notional"]
            continue
        part = cost[side] * fill["qty"] / held[side]
        earned = (part - fill["notional"]) * (1 if side == "long" else -1)
        assert fill["realized_pnl"] == pytest.approx(earned, abs=2e-8)
        realised += earned
        held[side] -= fill["qty"]
        cost[side] -= part
    assert {fill["currency"] for fill in fills} == {"BTC"}
    assert len(funding) > 20
    for row in funding:
        assert row["amount"] == pytest.approx(-row["qty"] / row["mark_price"] * row["rate"], abs=2e-8)
    paid, settled = math.fsum(f["fee"] for f in fills), math.fsum(f["amount"] for f in funding)
    assert equity[-1]["balance"] == pytest.approx(2.0 + realised - paid + settled, abs=1e-6)
    assert abs(equity[-1]["equity"] - 2.0) > 0.01


def test_the_sources_of_a_coin_margined_run_add_up_in_the_coin(desk, inverse):
    checks = json.loads((inverse.run_dir / "checks.json").read_text())
    change = table(inverse, "equity")[-1]["equity"] - 2.0
    assert math.fsum(checks["attribution"].values()) == pytest.approx(change, abs=1e-8)
    notional = math.fsum(f["notional"] for f in table(inverse, "fills"))
    assert -1.2 * 1.5e-4 * notional < checks["attribution"]["slippage"] < -0.9 * 1.5e-4 * notional
    assert verify_run(inverse.run_dir, desk).is_same


def test_linear_and_inverse_stand_side_by_side_in_wallets_of_their_own(desk):
    config = backtest_of(
        SPEC,
        "ema_cross",
        params=QUICK,
        wallets=[{"amount": 1.0, "currency": "BTC"}],
        market={"symbols": ["BTCUSDT", "bybit_inverse:BTCUSD"]},
    )
    run = run_backtest(config, desk)
    by_currency = {fill["currency"] for fill in table(run, "fills")}
    assert by_currency == {"USDT", "BTC"}
    paid = math.fsum(fill["fee"] for fill in table(run, "fills") if fill["currency"] == "USDT")
    assert run.metrics["fees_paid"] == pytest.approx(paid), "coins are no dollars"
    assert abs(table(run, "equity_BTC")[-1]["equity"] - 1.0) > 1e-4
    assert any("BTC is not converted" in said for said in run.warnings)


# ---------------------------------------------------------------------------- isolated margin


def bet(desk, exposure, **account):
    """Be long much of Bitcoin and a little of Ether from the first hour on, at twenty times leverage."""
    known = [SPEC.start_ns + 1] * 2
    exposures = exposures_from_table(
        {"known_ns": known, "symbol": ["BTCUSDT", "ETHUSDT"], "exposure": [exposure, -0.3]}
    )
    config = backtest_of(SPEC, "target_table", account={"leverage": 20.0, **account})
    return run_backtest(config, desk, features={"exposure": exposures})


def test_isolated_margin_loses_what_was_put_aside_for_the_position_and_no_more(desk):
    """Six times the equity at twenty: cross survives a fall that ends the isolated position with its own margin."""
    together, alone = bet(desk, 6.0), bet(desk, 6.0, margin_mode="isolated")
    dead = [f for f in table(alone, "fills") if (f["role"], f["symbol"]) == ("liquidation", "BTCUSDT")]
    assert dead
    opened = next(f for f in table(alone, "fills") if f["symbol"] == "BTCUSDT")
    lost = -math.fsum(fill["realized_pnl"] - fill["fee"] for fill in dead)
    margin = opened["notional"] / 20.0
    assert 0.5 * margin < lost < 1.5 * margin
    first = {run.run_id: table(run, "fills") for run in (together, alone)}
    died_ns = dead[0]["ts_ns"]
    assert not [f for f in first[together.run_id] if f["role"] == "liquidation" and f["ts_ns"] <= died_ns]
    # The short of Ether is another position: it lives on.
    assert not [f for f in table(alone, "fills") if f["symbol"] == "ETHUSDT" and f["ts_ns"] == died_ns]
    assert {check.name: check.verdict for check in alone.checks}["account"] == "warn"
    checks = json.loads((alone.run_dir / "checks.json").read_text())
    change = table(alone, "equity")[-1]["equity"] - 10_000
    assert checks["attribution"]["liquidation"] < 0
    assert math.fsum(checks["attribution"].values()) == pytest.approx(change, abs=1e-7)


# ---------------------------------------------------------------------------- volume


def test_volume_mode_fills_a_share_of_each_bar_and_no_more(desk):
    """A target worth more than any bar trades: it takes many bars, none giving more than its share."""
    share = 0.02
    bars = Store(desk.data).read_bars("generated", "BTCUSDT", HOUR_NS)
    capital = 40 * share * float(np.median(bars.volume * bars.close))
    exposures = exposures_from_table(
        {"known_ns": [SPEC.start_ns + 1], "symbol": ["BTCUSDT"], "exposure": [0.5]}
    )
    config = backtest_of(
        SPEC,
        "target_table",
        market={"symbols": ["BTCUSDT"]},
        capital={"amount": round(capital)},
        costs={"fill": "volume", "fill_share_pct": 100 * share, "funding": "none"},
    )
    run = run_backtest(config, desk, features={"exposure": exposures})
    given = defaultdict(float)
    for fill in table(run, "fills"):
        given[fill["ts_ns"]] += fill["qty"]
    assert len(given) > 5
    volume = dict(zip(bars.ts_ns.tolist(), bars.volume.tolist(), strict=True))
    for ts_ns, qty in given.items():
        assert qty <= share * volume[ts_ns] + 1e-9
    # All but the last one take everything there is.
    for ts_ns in list(given)[:-1]:
        assert given[ts_ns] > share * volume[ts_ns] - 0.002
    strict = run_backtest(
        config.model_copy(
            update={"costs": config.costs.model_copy(update={"fill": "strict", "fill_share_pct": 10.0})}
        ),
        desk,
        features={"exposure": exposures},
    )
    assert len({fill["ts_ns"] for fill in table(strict, "fills")}) == 1


def test_limit_orders_in_volume_mode_fill_in_parts_that_add_up(desk):
    """A grid in a thin market: partial fills, each booked once, the orders' own sums equal to them."""
    bars = Store(desk.data).read_bars("generated", "BTCUSDT", HOUR_NS)
    capital = 2.0 * float(np.median(bars.volume * bars.close))
    config = backtest_of(
        SPEC,
        "dca_grid",
        market={"symbols": ["BTCUSDT"]},
        capital={"amount": round(capital)},
        costs={"fill": "volume", "fill_share_pct": 1.0},
    )
    run = run_backtest(config, desk)
    parts, filled = defaultdict(list), {}
    for fill in table(run, "fills"):
        parts[fill["order_id"]].append(fill["qty"])
    for row in table(run, "orders"):
        filled[row["order_id"]] = max(filled.get(row["order_id"], 0.0), row["filled_qty"])
    assert any(len(each) > 1 for each in parts.values())
    for order_id, each in parts.items():
        assert filled[order_id] == pytest.approx(math.fsum(each), abs=1e-9)
