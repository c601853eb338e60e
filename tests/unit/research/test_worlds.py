"""What a backtest file says about limits, legs and clocks, as the engine is told it."""

from dataclasses import replace

import numpy as np
import pytest

from tradewind.config import Limits, backtest_from, to_toml, with_house_limits
from tradewind.config.load import Loaded
from tradewind.config.settings import Settings
from tradewind.errors import TradewindError
from tradewind.market import COINS, Coin, MarketSpec, Store
from tradewind.research import run_backtest, simulate, verify_run
from tradewind.research.worlds import (
    bind_world,
    build_world,
    hedges_left_out,
    leg_groups,
    terms_of,
    wallets_of,
)
from tradewind.strategies.exposures import exposures_from_table
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.enums import Protection, Rule, TriggerKind
from tradewind.units.time import DAY_NS, HOUR_NS, parse_utc

SPOT = "generated_spot"


def told(run, rows):
    parts = getattr(run.driven, rows)
    return np.concatenate(parts) if parts else np.empty(0, dtype=[("rule", "i8"), ("ts_ns", "i8")])


# ---------------------------------------------------------------------------- leverage


def worst_rise(desk, spec):
    """Return two times between which the price of Bitcoin rises the most."""
    bars = Store(desk.data).read_bars(spec.venue, "BTCUSDT", spec.interval_ns)
    before = np.minimum.accumulate(bars.close)
    top = int(np.argmax(bars.close / before))
    bottom = int(np.argmin(bars.close[: top + 1]))
    assert bars.close[top] / bars.close[bottom] > 1.15
    return int(bars.end_ns[bottom]), int(bars.end_ns[top])


def sold_into_a_rise(spec, desk, **limits):
    """Sell as much as the equity is worth before a rise, and more than twice the equity after it."""
    first_ns, second_ns = worst_rise(desk, spec)
    table = exposures_from_table(
        {"known_ns": [first_ns, second_ns], "symbol": ["BTCUSDT"] * 2, "exposure": [-1.0, -2.4]}
    )
    config = backtest_of(
        spec, "target_table", account={"leverage": 2.0}, limits=limits, market={"symbols": ["BTCUSDT"]}
    )
    return simulate(config, desk, features={"exposure": table})


def test_the_gate_refuses_what_would_go_beyond_the_highest_leverage(spec, desk):
    free = sold_into_a_rise(spec, desk)
    held = sold_into_a_rise(spec, desk, max_leverage=2.0)
    second_ns = told(free, "fills")["ts_ns"][1]
    # Refused where the other run buys; let through once the price has fallen again.
    assert second_ns not in told(held, "fills")["ts_ns"]
    refused = told(held, "refusals")
    assert refused["ts_ns"][0] == second_ns
    assert set(refused["rule"].tolist()) == {Rule.LEVERAGE}
    assert refused["limit"][0] == 2.0
    assert refused["value"][0] > 2.0


def housed(config, **limits):
    settings = Settings(limits=Limits.model_validate(limits))
    return with_house_limits(Loaded(config, ()), settings).config


def test_a_leverage_above_the_limit_of_the_workspace_is_refused(spec, desk):
    config = housed(backtest_of(spec, "buy_and_hold", account={"leverage": 5.0}), max_leverage=3.0)
    with pytest.raises(TradewindError) as caught:
        simulate(config, desk)
    assert (caught.value.code, caught.value.key) == ("CONFIG_CONFLICT", "account.leverage")


def test_a_run_under_the_limits_of_its_workspace_can_be_run_again(spec, desk):
    """Limits on what is not traded, and those that the leverage cannot reach, are no part of the stored file."""
    config = housed(
        backtest_of(spec, "buy_and_hold", market={"symbols": ["BTCUSDT"]}),
        max_exposure_total_x=3.0,
        each={"max_exposure_x": 2.0},
        symbols={"DOGEUSDT": {"max_qty": 1.0}, "BTCUSDT": {"max_exposure_x": 0.5}},
        groups={"majors": {"symbols": ["BTCUSDT", "ETHUSDT"], "max_exposure_x": 2.5}},
        legs={
            "far": {"symbols": ["ETHUSDT", "SOLUSDT"], "max_unhedged_notional": 9.0, "max_unhedged_s": 9.0}
        },
    )
    assert config.limits.max_exposure_total_x == config.limits.each.max_exposure_x == 1.0
    assert list(config.limits.symbols) == ["BTCUSDT"]
    assert config.limits.groups["house-majors"].symbols == ("BTCUSDT",)
    assert not config.limits.legs
    assert verify_run(run_backtest(config, desk).run_dir, desk).is_same


# ---------------------------------------------------------------------------- legs


def carry(spec, **tables):
    both = [symbol for coin in spec.coins for symbol in (coin.symbol, f"{SPOT}:{coin.symbol}")]
    strategy = None if "strategies" in tables else "funding_carry"
    return backtest_of(spec, strategy, market={"symbols": both}, **tables)


def test_leg_groups_of_different_strategies_do_not_collide(spec, desk):
    """Two uses of one strategy, each on a coin of its own: the pairs have different numbers in both."""
    uses = [
        {"strategy": "funding_carry", "name": coin.lower(), "symbols": [f"{coin}USDT", f"{SPOT}:{coin}USDT"]}
        for coin in ("BTC", "ETH")
    ]
    run = simulate(carry(spec, strategies=uses), desk)
    groups = leg_groups(run.resolved)
    assert groups["BTCUSDT"] == groups[f"{SPOT}:BTCUSDT"] != groups["ETHUSDT"] == groups[f"{SPOT}:ETHUSDT"]
    contexts = run.world.contexts
    for strategy in (0, 1):
        own = contexts[contexts["strategy"] == strategy]["leg_group"]
        assert len(set(own.tolist())) == 1
        assert own[0] > 0
    assert len(set(contexts["leg_group"].tolist())) == 2


def test_the_limit_of_a_named_leg_group_binds_every_strategy_that_trades_its_legs(spec, desk):
    legs = {
        "eth": {
            "symbols": ["ETHUSDT", f"{SPOT}:ETHUSDT"],
            "max_unhedged_notional": 50.0,
            "max_unhedged_s": 600.0,
        },
        "btc": {
            "symbols": ["BTCUSDT", f"{SPOT}:BTCUSDT"],
            "max_unhedged_notional": 70.0,
            "max_unhedged_s": 600.0,
        },
    }
    run = simulate(carry(spec, limits={"legs": legs}), desk)
    groups, limits = leg_groups(run.resolved), run.world.core["group"]["unhedged_limit"][0]
    for coin, notional in (("ETH", 50.0), ("BTC", 70.0)):
        assert groups[f"{coin}USDT"] == groups[f"{SPOT}:{coin}USDT"]
        assert limits[groups[f"{coin}USDT"]] == notional * 1e8


def test_coins_beyond_the_room_for_leg_groups_are_named_and_never_paired_wrongly(tmp_path):
    """Sixteen coins and room for fifteen pairs: the last coin's spot must not find another's perpetual."""
    coins = tuple(replace(COINS[k % len(COINS)], symbol=f"C{k:02}USDT", base=f"C{k:02}") for k in range(16))
    assert all(isinstance(coin, Coin) for coin in coins)
    spec = MarketSpec(
        seed=3,
        start_ns=parse_utc("2024-01-01"),
        bars=24 * 6,
        interval_ns=HOUR_NS,
        coins=coins,
        spot=True,
        premium=True,
    )
    desk = make_desk(tmp_path / "desk", spec)
    config = carry(spec, params={"settlements": 1, "enter_pct": 0.0, "leave_pct": -100.0})
    run = run_backtest(config, desk)
    assert any("C15" in said for said in run.warnings)
    again = simulate(config, desk)
    assert hedges_left_out(again.resolved) == ("C15",)
    traded = {again.resolved.labels[j] for j in told(again, "fills")["instrument"]}
    assert "C00USDT" in traded
    assert not [label for label in traded if "C15" in label]


# ---------------------------------------------------------------------------- weeks


def test_strategies_that_decide_on_weeks_are_asked_on_mondays_only(tmp_path):
    """The same trades as on weekly bars: decided at the close of Sunday, filled at the open of Monday."""
    spec = MarketSpec(
        seed=4, start_ns=parse_utc("2024-01-01"), bars=24 * 7 * 30, interval_ns=HOUR_NS, coins=COINS[:1]
    )
    desk = make_desk(tmp_path / "desk", spec)
    quick = {"fast_period": 2, "slow_period": 5, "size_pct": 50.0, "shorts": True}
    run = simulate(backtest_of(spec, "ema_cross", params=quick, market={"decide_on": "1w"}), desk)
    fills = told(run, "fills")
    assert len(fills) >= 3
    assert {int(at - parse_utc("2024-01-01")) % (7 * DAY_NS) for at in fills["ts_ns"]} == {0}
    # 30 weeks, the first at 2024-01-08: the last bar ends on a Monday too.
    assert run.world.core["seq"][0] == 30
    daily = simulate(backtest_of(spec, "ema_cross", params=quick, market={"decide_on": "1d"}), desk)
    assert daily.world.core["seq"][0] == 7 * 30


def test_a_world_is_told_the_highest_leverage_and_nothing_where_none_is_written(spec, desk):
    for limits, expected in (({}, 0.0), ({"max_leverage": 4.0}, 4.0)):
        run = simulate(backtest_of(spec, "buy_and_hold", limits=limits), desk)
        assert build_world(run.resolved, run.histories).core["leverage_limit"][0] == expected


def test_the_file_of_a_run_with_a_leverage_limit_reads_back(spec):
    config = backtest_of(spec, "buy_and_hold", limits={"max_leverage": 4.0})
    assert "max_leverage = 4.0" in to_toml(config)
    assert backtest_from(config.model_dump(mode="json", exclude_none=True)).config == config


# ---------------------------------------------------------------------------- exits, pauses, sectors


def test_exits_pauses_and_counts_of_a_file_are_what_the_core_is_told(spec, desk):
    config = backtest_of(
        spec,
        "ema_cross",
        exits={
            "stop_loss_pct": 2.0,
            "take_profit_pct": 5.0,
            "trailing_pct": 3.0,
            "profit_lock_from_pct": 4.0,
            "profit_lock_back_pct": 1.0,
            "max_age": "3d",
            "trigger": "last",
            "reopen_after": "2h",
        },
        protection="resting",
        limits={
            "drawdown_pct": 20.0,
            "drawdown_pause": "4h",
            "loss_streak": 5,
            "exit_drawdown_pct": 40.0,
            "exit_position_loss_pct": 10.0,
            "strategy_loss_streak": 3,
            "strategy_loss_streak_pause": "1h",
            "strategy_bad_outputs": 2,
            "max_positions": 1,
            "sectors": {"mega": {"max_positions": 1, "max_exposure_x": 0.5}},
        },
    )
    world = simulate(config, desk).world
    exits, strategy, account = world.strategies["exits"][0], world.strategies[0], world.accounts[0]
    assert exits.tolist() == (
        Protection.RESTING, 0.02, 0.05, 0.03, 0.04, 0.01, 3 * DAY_NS, TriggerKind.LAST, 2 * HOUR_NS,
    )  # fmt: skip
    assert (strategy["streak_limit"], strategy["cool_ns"], strategy["bad_limit"]) == (3, HOUR_NS, 2)
    assert account["cool_ns"].tolist() == [0, 0, 4 * HOUR_NS, 0, 0]
    assert (account["streak_limit"], account["emergency"], account["position_loss"]) == (5, 0.4, 0.1)
    assert world.core["positions_limit"][0] == 1
    assert world.core["sector"][0, 1].tolist() == (0.5, 1)
    assert world.views["sector"].tolist() == [1, 1]
    assert world.core["refusals"][0][Rule.POSITIONS] > 0


def test_a_world_is_bound_from_rules_and_a_price_alone(spec, desk):
    run = simulate(backtest_of(spec, "ema_cross"), desk)
    resolved, histories = run.resolved, run.histories
    each = [
        terms_of(resolved, column, float(history.bars.close[0]), wallet=1)
        for column, history in enumerate(histories.each)
    ]
    wallets = [*wallets_of(resolved.config), *wallets_of(resolved.config, account=1, balances={"USDT": 77.0})]
    world = bind_world(resolved, each, wallets=wallets)
    assert world.accounts["owner"].tolist() == [0, 1]
    assert world.accounts["balance"][1] == 77 * 10**8
    assert set(world.views["wallet"].tolist()) == {1}
    assert not world.views["closed"].any()
    built = build_world(resolved, histories)
    for name in ("lot", "min_lot", "lot_step", "maker", "taker", "leverage", "interval_ns"):
        assert world.views[name].tolist() == built.views[name].tolist()
