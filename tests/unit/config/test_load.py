"""Layers, origins, and what a loaded configuration says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewind.config import (
    BacktestConfig,
    Settings,
    assumptions,
    backtest_from,
    config_hash,
    json_schema,
    load_backtest,
    load_settings,
    to_toml,
)
from tradewind.config.schema import schema_at
from tradewind.errors import ConfigError, StrategyError

FIRST = """\
#:schema tradewind-backtest.json
strategy = "ema_cross"
period   = { start = "2024-01-01", end = "2025-01-01" }        # UTC
capital  = { amount = 10_000, currency = "USDT" }

[market]
venue = "binance_usdm"
symbols = ["BTCUSDT", "ETHUSDT"]
bars = "1m"                # what the engine steps on; a strategy may ask for coarser ones beside it

[params]
fast_period = 20
slow_period = 100

[costs]                    # defaults are the venue's real ones; zero must be written
funding = "history"        # history | none; a missing settlement is an error, not a zero
slippage_bps = 1.0
fill = "strict"            # strict | touch | volume
latency_bars = 1
"""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "first.toml"
    path.write_text(FIRST)
    return path


def write(folder: Path, text: str, name: str = "later.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def origin(loaded, key: str) -> tuple[object, str]:
    return next((row.value, row.origin) for row in loaded.origins() if row.key == key)


def test_the_file_of_the_product_page_loads(first):
    config = load_backtest([first]).config
    assert config.strategy == "ema_cross"
    assert config.period.start_ns == 1_704_067_200_000_000_000
    assert config.period.end_ns == 1_735_689_600_000_000_000
    assert config.market.instruments == (("binance_usdm", "BTCUSDT"), ("binance_usdm", "ETHUSDT"))
    assert config.market.bar_ns == config.market.decide_ns == 60_000_000_000
    assert config.params == {"fast_period": 20, "slow_period": 100}
    assert config.costs.latency_bars == 1


def test_a_symbol_may_name_another_venue(first):
    config = load_backtest([first], flags={"market.symbols": "BTCUSDT,binance_spot:BTCUSDT"}).config
    assert config.market.instruments == (("binance_usdm", "BTCUSDT"), ("binance_spot", "BTCUSDT"))


def test_file_gives_way_to_later_file_to_variable_to_flag(first, tmp_path):
    later = write(tmp_path, "[costs]\nslippage_bps = 2.0\nspread_bps = 2.0\nlatency_bars = 2\n")
    env = {"TRADEWIND__COSTS__SPREAD_BPS": "3", "TRADEWIND__COSTS__LATENCY_BARS": "3"}
    loaded = load_backtest([first, later], env, {"costs.latency_bars": "4"})
    costs = loaded.config.costs
    assert (costs.slippage_bps, costs.spread_bps, costs.latency_bars, costs.fill) == (2.0, 3.0, 4, "strict")
    assert origin(loaded, "costs.fill") == ("strict", f"{first}:18")
    assert origin(loaded, "costs.slippage_bps") == (2.0, f"{later}:2")
    assert origin(loaded, "costs.spread_bps") == (3.0, "TRADEWIND__COSTS__SPREAD_BPS")
    assert origin(loaded, "costs.latency_bars") == (4, "--set costs.latency_bars")
    assert origin(loaded, "costs.limit_gap") == ("limit", "default")
    assert origin(loaded, "period.end") == ("2025-01-01T00:00:00Z", f"{first}:3")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("costs.latency_bars", "7", 7),
        ("costs.slippage_bps", "0.5", 0.5),
        ("costs.slippage_bps", "3", 3.0),
        ("costs.fill", "touch", "touch"),
        ("checks.costs_doubled", "false", False),
        ("report.title", "true", "true"),
        ("report.title", "12", "12"),
        ("market.symbols", '["XRPUSDT"]', ("XRPUSDT",)),
        ("market.symbols", "XRPUSDT, ADAUSDT", ("XRPUSDT", "ADAUSDT")),
        ("period.start", "2024-02-01", datetime(2024, 2, 1, tzinfo=UTC)),
        ("params.fast_period", "30", 30),
        ("params.mode", "market", "market"),
        ("strategy.params.fast_period", "31", 31),
    ],
)
def test_a_text_becomes_what_its_setting_is(first, key, text, value):
    config = load_backtest([first], flags={key: text}).config
    found: object = config
    for part in key.removeprefix("strategy.").split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT\U0001f600", "\u200bBTCUSDT", "BTC(USDT", "BTC\u20acT", "", "A:B:C"]
)
def test_signs_that_no_venue_puts_into_a_symbol_are_refused(first, symbol):
    with pytest.raises(ConfigError) as refused:
        load_backtest([first], flags={"market.symbols": f'["{symbol}"]'})
    assert refused.value.code == "SYMBOL_UNKNOWN"


@pytest.mark.parametrize(
    "symbol", ["kPEPE", "@107", "BTC_USDT", "BTC-27DEC24-100000-C", "币安人生USDT", "1000SATS.P"]
)
def test_symbols_are_letters_and_digits_of_any_script_and_what_stands_between(first, symbol):
    loaded = load_backtest([first], flags={"market.symbols": f'["{symbol}"]'})
    assert loaded.config.market.symbols == (symbol,)


def test_a_variable_keeps_the_case_of_a_symbol_and_lowers_everything_else(first):
    env = {"TRADEWIND__LIMITS__SYMBOLS__BTCUSDT__MAX_QTY": "2"}
    assert load_backtest([first], env).config.limits.of("BTCUSDT").max_qty == 2.0


def test_a_variable_of_the_settings_is_left_to_them(first):
    loaded = load_backtest([first], {"TRADEWIND__PATHS__DATA": "history", "TRADEWIND_WORKSPACE": "x"})
    assert all(row.origin != "TRADEWIND__PATHS__DATA" for row in loaded.origins())
    assert load_settings(None, {"TRADEWIND__PATHS__DATA": "history"}).config.paths.data == "history"


def test_a_variable_that_nothing_knows_is_an_error(first):
    with pytest.raises(ConfigError) as caught:
        load_backtest([first], {"TRADEWIND__COSTS__SLIPAGE_BPS": "2"})
    error = caught.value
    assert (error.code, error.where) == ("CONFIG_UNKNOWN_KEY", "TRADEWIND__COSTS__SLIPAGE_BPS")
    assert error.hint == "Did you mean 'slippage_bps'?"


@pytest.mark.parametrize(
    ("variable", "key", "hint"),
    [
        ("COSTS__SLIPAGE_BPS", "costs.slipage_bps", "Did you mean 'slippage_bps'?"),
        ("MARKET__BRAS", "market.bras", "Did you mean 'bars'?"),
        ("PATHS__DAT", "paths.dat", "Did you mean 'data'?"),
        ("ACCOUNT__LEVERAG", "account.leverag", "Did you mean 'leverage'?"),
    ],
)
def test_a_misspelt_variable_is_looked_for_in_the_kind_of_file_it_belongs_to(first, variable, key, hint):
    env = {f"TRADEWIND__{variable}": "2"}
    for load in (lambda: load_backtest([first], env), lambda: load_settings(None, env)):
        with pytest.raises(ConfigError) as caught:
            load()
        error = caught.value
        assert (error.code, error.key, error.hint) == ("CONFIG_UNKNOWN_KEY", key, hint)


@pytest.mark.parametrize(
    "key", ["", ".", "costs.", ".costs", "costs", "costs.fil", "costs.fill.x", "nothing"]
)
def test_a_flag_that_names_no_value_is_an_error(first, key):
    with pytest.raises(ConfigError) as caught:
        load_backtest([first], flags={key: "x"})
    assert caught.value.code in {"CONFIG_UNKNOWN_KEY", "CONFIG_TYPE"}


def test_a_secret_in_a_variable_is_refused_without_showing_it(first):
    with pytest.raises(ConfigError) as caught:
        load_backtest([first], {"TRADEWIND__REPORT__TITLE": "0x" + "ab" * 32})
    assert caught.value.code == "SECRET_IN_CONFIG"
    assert "abab" not in caught.value.render()


def test_everything_wrong_is_said_at_once(first, tmp_path):
    later = write(tmp_path, '[costs]\nfill = "tuch"\nslippage_bps = "1"\n[account]\nlevarage = 3\n')
    with pytest.raises(ConfigError) as caught:
        load_backtest([first, later])
    found = {(e.code, e.where.rsplit(":", 1)[-1], e.key) for e in (caught.value, *caught.value.also)}
    assert found == {
        ("CONFIG_CHOICE", "2", "costs.fill"),
        ("CONFIG_TYPE", "3", "costs.slippage_bps"),
        ("CONFIG_UNKNOWN_KEY", "5", "account.levarage"),
    }


def test_an_error_about_a_parameter_gets_its_place(first):
    loaded = load_backtest([first])
    second = StrategyError("PARAM_RANGE", "y", key="params.slow_period")
    error = loaded.placed(StrategyError("CONFIG_UNKNOWN_KEY", "x", key="params.fast_period", also=[second]))
    assert (error.where, error.key) == (f"{first}:12", "strategy.params.fast_period")
    assert (second.where, second.key) == (f"{first}:13", "strategy.params.slow_period")


def test_what_is_stored_loads_to_the_same(first, tmp_path):
    flags = {"limits.max_open_orders": "7", "report.out_of_sample_from": "2024-06-01"}
    config = load_backtest([first], flags=flags).config
    again = load_backtest([write(tmp_path, to_toml(config))]).config
    assert again == config
    assert config_hash(again) == config_hash(config)


def test_the_hash_sees_what_is_said_and_not_how(first, tmp_path):
    config = load_backtest([first]).config
    shuffled = write(tmp_path, "\n".join(["# another form", *FIRST.splitlines()]))
    assert config_hash(load_backtest([shuffled]).config) == config_hash(config)
    other = load_backtest([first], flags={"costs.latency_bars": "2"}).config
    assert config_hash(other) != config_hash(config)


def test_a_start_in_the_future_is_refused_where_the_time_is_known(first):
    with pytest.raises(ConfigError) as caught:
        load_backtest([first], now=datetime(2023, 6, 1, tzinfo=UTC))
    assert (caught.value.code, caught.value.where) == ("DATE_RANGE", f"{first}:3")
    assert load_backtest([first], now=datetime(2024, 6, 1, tzinfo=UTC)).config


def test_assumptions_list_every_default_that_moves_the_result(first):
    config = load_backtest([first], flags={"limits.drawdown_pct": "30"}).config
    listed = {row.key: row for row in assumptions(config)}
    assert not listed["costs.slippage_bps"].is_default
    assert listed["costs.spread_bps"].is_default
    assert listed["limits.drawdown_pct"].value == 30
    assert "limits.loss_day_pct" not in listed
    tables = {"costs", "account", "data", "warmup"}
    for table in tables:
        names = getattr(config, table).__class__.model_fields
        assert {f"{table}.{name}" for name in names} <= set(listed)
    assert all(row.meaning for row in listed.values())


def test_several_strategies_share_one_account(tmp_path):
    head = FIRST.replace('strategy = "ema_cross"\n', "").replace(
        "[params]\nfast_period = 20\nslow_period = 100\n", ""
    )
    text = head + '\n[[strategies]]\nstrategy = "ema_cross"\nsymbols = ["BTCUSDT"]\n'
    text += '[[strategies]]\nstrategy = "ema_cross"\nname = "slow"\nparams = { fast_period = 50 }\n'
    uses = load_backtest([write(tmp_path, text)]).config.uses
    assert [(use.label, use.symbols) for use in uses] == [
        ("ema_cross", ("BTCUSDT",)),
        ("slow", ("BTCUSDT", "ETHUSDT")),
    ]
    assert uses[1].params == {"fast_period": 50}


def test_a_backtest_can_be_made_from_tables_in_python(first):
    values = load_backtest([first]).config.model_dump()
    assert backtest_from(values).config == load_backtest([first]).config
    assert backtest_from(values, {"TRADEWIND__COSTS__FILL": "touch"}).config.costs.fill == "touch"
    with pytest.raises(ConfigError) as caught:
        backtest_from({"strategy": "x"})
    assert caught.value.code == "CONFIG_MISSING"


def test_settings_without_a_file_are_the_defaults(tmp_path):
    assert load_settings(None).config == Settings()
    assert load_settings(write(tmp_path, "# nothing set yet\n")).config == Settings()


def test_the_schema_tells_each_key_with_its_meaning():
    schema = json_schema(BacktestConfig)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    tables = [
        ("costs",),
        ("account",),
        ("limits",),
        ("market",),
        ("data",),
        ("report",),
        ("limits", "each"),
        (),
    ]
    for table in tables:
        for name in schema_at(BacktestConfig, table)["properties"]:
            assert schema_at(BacktestConfig, (*table, name)).get("description"), (table, name)


def test_house_limits_can_only_tighten(first):
    flags = {
        "limits.max_open_orders": "50",
        "limits.each.max_qty": "5",
        "limits.symbols.BTCUSDT.max_qty": "9",
    }
    limits = load_backtest([first], flags=flags).config.limits
    house = load_settings(
        None, flags={"limits.max_open_orders": "20", "limits.loss_day_pct": "5", "limits.each.max_qty": "7"}
    ).config.limits
    both = limits.tightened(house)
    assert (both.max_open_orders, both.loss_day_pct, both.drawdown_pct) == (20, 5.0, None)
    assert both.of("ETHUSDT").max_qty == 5
    assert both.of("BTCUSDT").max_qty == 7


def test_a_key_of_the_top_level_that_stands_in_a_table_is_told_where_it_belongs(tmp_path):
    path = tmp_path / "tradewind.toml"
    path.write_text(
        '[metrics]\nport = 9000\nheartbeat_url = "https://example.org/x"\nretention = 3\nprot = 1\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    hints = {error.key: error.hint for error in (caught.value, *caught.value.also)}
    assert hints["metrics.heartbeat_url"] == (
        "'heartbeat_url' is a key of the top level: write it before the first [table]"
    )
    assert "top level" not in hints["metrics.retention"]
    assert hints["metrics.prot"] == "Did you mean 'port'?"
