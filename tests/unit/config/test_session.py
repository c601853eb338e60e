"""A session file: the tables of a backtest, an account, and what live trading must say."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewind.config import (
    BacktestConfig,
    Capital,
    SessionConfig,
    accounts_by_venue,
    check_live,
    config_hash,
    json_schema,
    load_session,
    load_settings,
    to_toml,
    with_house_limits,
)
from tradewind.config.schema import schema_at
from tradewind.config.starter import starter_files
from tradewind.config.venue_defaults import DEAD_MAN_TIMERS, EXPIRING_ORDERS, VENUES
from tradewind.errors import ConfigError
from tradewind.venues.ccxt.capabilities import DIALECTS

HEAD = """\
#:schema tradewind-session.json
strategy = "ema_cross"
accounts = ["main"]
protection = "resting"
external = "adopt"
on_stop = "close"
reconcile_every_s = 60.0
dead_man = { policy = "none", after_s = 90.0 }
"""
TABLES = """
[market]
venue = "blofin_swap"
symbols = ["BTC-USDT", "ETH-USDT"]
bars = "1m"

[params]
fast_period = 20
slow_period = 100

[account]
leverage = 3.0

[limits]
max_exposure_total_x = 1.0
loss_day_pct = 3.0
max_orders_per_minute = 60
price_band_pct = 2.0

[feed]
grace_ms = 1500
secondary = "bybit_linear"
"""
SETTINGS = """\
[accounts.main]
venue = "blofin_swap"
kind = "live"
limits = { loss_day_pct = 2.0 }
[accounts.main.caps]
max_notional_per_order = 500.0
[accounts.other]
venue = "blofin_swap"
kind = "demo"
[accounts.bybit]
venue = "bybit_linear"
kind = "demo"
[accounts.desk]
venue = "okx_swap"
"""
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def read(folder: Path, text: str, **flags: str):
    path = folder / "main.toml"
    path.write_text(text)
    return load_session([path], flags={key.replace("__", "."): value for key, value in flags.items()})


def settings(folder: Path, text: str = SETTINGS):
    path = folder / "tradewind.toml"
    path.write_text(text)
    return load_settings(path).config


def refused(folder: Path, text: str, **flags: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, **flags)
    return caught.value


def refused_live(folder: Path, text: str, desk: str = SETTINGS) -> ConfigError:
    loaded = read(folder, text)
    with pytest.raises(ConfigError) as caught:
        check_live(loaded, settings(folder, desk))
    return caught.value


def test_a_session_file_is_read_whole(tmp_path):
    config = read(tmp_path, HEAD + TABLES).config
    assert config.accounts == ("main",)
    assert config.uses[0].protection == "resting"
    assert (config.external, config.on_stop, config.reconcile_every_s) == ("adopt", "close", 60.0)
    assert (config.dead_man.policy, config.dead_man.after_s) == ("none", 90.0)
    assert (config.feed.grace_ms, config.feed.secondary) == (1500, "bybit_linear")


def test_what_is_not_said_is_careful(tmp_path):
    text = '[market]\nvenue = "okx_swap"\nsymbols = ["A"]\nbars = "1m"\n'
    config = read(tmp_path, 'strategy = "ema_cross"\n' + text).config
    assert config.protection is None
    assert config.external == "halt"
    assert config.on_stop == "keep"
    assert config.dead_man.policy == "expiry"
    assert config.feed.grace_ms == 2000
    assert config.accounts == ()


def test_a_session_written_out_is_the_same_session(tmp_path):
    config = read(tmp_path, HEAD + TABLES).config
    again = read(tmp_path, to_toml(config)).config
    assert again == config
    assert config_hash(again) == config_hash(config)


def test_a_backtest_file_is_a_session_on_paper(tmp_path):
    head = 'strategy = "ema_cross"\nperiod = { start = "2024-01-01", end = "2024-02-01" }\n'
    capital = 'capital = { amount = 10_000, currency = "USDT" }\n'
    tables = TABLES.partition("[feed]")[0]
    loaded = read(tmp_path, head + capital + tables, account__leverage="4")
    assert loaded.config.capital == Capital(amount=10_000, currency="USDT")
    assert loaded.config.account.leverage == 4.0
    assert loaded.config.params == {"fast_period": 20, "slow_period": 100}
    assert loaded.where("market.bars").endswith("main.toml:8")
    view = loaded.config.backtest_view(START, END)
    assert view.market == loaded.config.market
    assert view.limits == loaded.config.limits


def test_several_strategies_keep_their_names_symbols_and_protection(tmp_path):
    tables = TABLES.replace("[params]\nfast_period = 20\nslow_period = 100\n", "")
    uses = """
[[strategies]]
strategy = "ema_cross"
symbols = ["BTC-USDT"]
account = "main"
[[strategies]]
strategy = "ema_cross"
name = "slow"
protection = "watched"
params = { slow_period = 500 }
"""
    head = HEAD.replace('strategy = "ema_cross"\n', "", 1)
    config = read(tmp_path, head + tables + uses).config
    assert [(use.label, use.symbols, use.protection) for use in config.uses] == [
        ("ema_cross", ("BTC-USDT",), "resting"),
        ("slow", ("BTC-USDT", "ETH-USDT"), "watched"),
    ]
    view = config.backtest_view(START, END, Capital(amount=50, currency="USDT"))
    assert isinstance(view, BacktestConfig)
    assert [(use.label, use.symbols, use.params) for use in view.uses] == [
        ("ema_cross", ("BTC-USDT",), {}),
        ("slow", ("BTC-USDT", "ETH-USDT"), {"slow_period": 500}),
    ]


def test_without_a_capital_there_is_nothing_to_bind(tmp_path):
    config = read(tmp_path, HEAD + TABLES).config
    with pytest.raises(ConfigError) as caught:
        config.backtest_view(START, END)
    assert (caught.value.code, caught.value.key) == ("CONFIG_MISSING", "capital")


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('on_stop = "close"', 'on_stop = "sell"', "CONFIG_CHOICE", "on_stop"),
        ('protection = "resting"', "protection = true", "CONFIG_TYPE", "protection"),
        ('protection = "resting"', 'protection = "stop"', "CONFIG_CHOICE", "protection"),
        ("60.0", '"60"', "CONFIG_TYPE", "reconcile_every_s"),
        ("60.0", "inf", "CONFIG_NOT_FINITE", "reconcile_every_s"),
        ("60.0", "1.0", "CONFIG_RANGE", "reconcile_every_s"),
        ('external = "adopt"', 'externals = "adopt"', "CONFIG_UNKNOWN_KEY", "externals"),
        ('policy = "none"', 'policy = "timer"', "EXCHANGE_UNSUPPORTED", "dead_man.policy"),
        ('accounts = ["main"]', 'accounts = ["main", "main"]', "CONFIG_CONFLICT", "accounts.1"),
        ('accounts = ["main"]', 'accounts = ["Main!"]', "ID_INVALID", "accounts.0"),
        ('secondary = "bybit_linear"', 'secondary = "blofin_swap"', "CONFIG_CONFLICT", "feed.secondary"),
        ('secondary = "bybit_linear"', 'secondary = "bybitt"', "EXCHANGE_UNKNOWN", "feed.secondary"),
        ("grace_ms = 1500", "grace_ms = 60000", "CONFIG_CONFLICT", "feed.grace_ms"),
        ("grace_ms = 1500", "grace_ms = 1500.0", "CONFIG_TYPE", "feed.grace_ms"),
        ('venue = "blofin_swap"', 'venue = "blofinn"', "EXCHANGE_UNKNOWN", "market.venue"),
        ("leverage = 3.0", "leverage = 500.0", "CONFIG_RANGE", "account.leverage"),
        ("max_exposure_total_x = 1.0", "max_exposure_total_x = 9.0", "CONFIG_CONFLICT", "limits.max_exposure_total_x"),
        ("[params]", "[wallets_]", "CONFIG_UNKNOWN_KEY", "wallets_"),
        ('strategy = "ema_cross"', "schema_version = 7", "CONFIG_VERSION", "schema_version"),
        ('strategy = "ema_cross"\n', "", "CONFIG_MISSING", "strategy"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(tmp_path, old, new, code, key):
    assert (HEAD + TABLES).count(old) >= 1
    error = refused(tmp_path, (HEAD + TABLES).replace(old, new, 1))
    assert (error.code, error.key) == (code, key)
    assert error.where.startswith(str(tmp_path))


def test_two_uses_of_one_name_are_refused(tmp_path):
    tables = TABLES.replace("[params]\nfast_period = 20\nslow_period = 100\n", "")
    twin = '[[strategies]]\nstrategy = "ema_cross"\n'
    error = refused(tmp_path, HEAD.replace('strategy = "ema_cross"\n', "", 1) + tables + twin + twin)
    assert error.code == "ID_INVALID"


def test_a_strategy_on_an_account_that_is_not_of_the_session_is_refused(tmp_path):
    tables = TABLES.replace("[params]\nfast_period = 20\nslow_period = 100\n", "")
    stray = '[[strategies]]\nstrategy = "ema_cross"\naccount = "other"\n'
    error = refused(tmp_path, HEAD.replace('strategy = "ema_cross"\n', "", 1) + tables + stray)
    assert (error.code, error.key) == ("CONFIG_CONFLICT", "strategies.0.account")


def test_a_session_that_says_everything_may_go_live(tmp_path):
    entries = check_live(read(tmp_path, HEAD + TABLES), settings(tmp_path))
    assert {name: entry.kind for name, entry in entries.items()} == {"main": "live"}


@pytest.mark.parametrize(
    ("old", "code", "key"),
    [
        ('accounts = ["main"]\n', "CONFIG_MISSING", "accounts"),
        ('protection = "resting"\n', "CONFIG_MISSING", "protection"),
        ("max_exposure_total_x = 1.0\n", "LIVE_REQUIRES_LIMITS", "limits.max_exposure_total_x"),
        ("loss_day_pct = 3.0\n", "LIVE_REQUIRES_LIMITS", "limits.loss_day_pct"),
        ("max_orders_per_minute = 60\n", "LIVE_REQUIRES_LIMITS", "limits.max_orders_per_minute"),
        ("price_band_pct = 2.0\n", "LIVE_REQUIRES_LIMITS", "limits.price_band_pct"),
    ],
)
def test_live_is_refused_without(tmp_path, old, code, key):
    error = refused_live(tmp_path, (HEAD + TABLES).replace(old, ""))
    assert (error.code, error.key) == (code, key)
    assert error.also == ()


def test_everything_that_forbids_live_is_told_at_once(tmp_path):
    text = (HEAD + TABLES.partition("[limits]")[0]).replace('protection = "resting"\n', "")
    error = refused_live(tmp_path, text.replace('["main"]', '["desk"]').replace("blofin_swap", "okx_swap"))
    assert [each.code for each in (error, *error.also)] == [
        "KEY_MODE_MISMATCH",
        "CONFIG_MISSING",
        *["LIVE_REQUIRES_LIMITS"] * 4,
    ]


@pytest.mark.parametrize(
    ("how", "code"),
    [('dead_man = { policy = "expiry" }', "EXCHANGE_UNSUPPORTED"), ("", "CONFIG_MISSING")],
)
def test_an_expiry_that_no_order_there_can_carry_is_refused_also_unsaid(tmp_path, how, code):
    silent = HEAD.replace('dead_man = { policy = "none", after_s = 90.0 }', how)
    error = refused_live(tmp_path, silent + TABLES)
    assert (error.code, error.key) == (code, "dead_man.policy")
    assert error.hint == 'policy = "none" under [dead_man]'


def test_a_policy_is_answered_with_what_the_venue_can_do(tmp_path):
    timer = HEAD.replace('policy = "none"', 'policy = "timer"') + TABLES
    error = refused(tmp_path, timer)
    assert (error.code, error.hint) == ("EXCHANGE_UNSUPPORTED", 'policy = "none" under [dead_man]')
    expiry = timer.replace('"timer"', '"expiry"').replace('secondary = "bybit_linear"', "")
    expiry = expiry.replace('["main"]', '["bybit"]').replace("blofin_swap", "bybit_linear")
    error = refused_live(tmp_path, expiry)
    assert error.hint == 'policy = "timer" or policy = "none" under [dead_man]'


def test_the_first_session_of_a_workspace_can_run_at_every_venue(tmp_path):
    """Whoever changes its venue and names an account is not refused for a line that he did not write."""
    first = starter_files()["sessions/first.toml"].replace('# accounts = ["main"]  ', 'accounts = ["main"]')
    for venue in DIALECTS:
        text = first.replace('venue = "generated"', f'venue = "{venue}"')
        text = re.sub(r"(?m)^leverage = .*", "leverage = 1", text) if VENUES[venue].payoff == "spot" else text
        limits = "[limits]\nmax_orders_per_minute = 600\n"
        desk = settings(tmp_path, SETTINGS.replace('"blofin_swap"', f'"{venue}"') + limits)
        assert check_live(read(tmp_path, text), desk).keys() == {"main"}


def test_limits_of_the_workspace_count_for_live(tmp_path):
    desk = SETTINGS + "[limits]\nmax_orders_per_minute = 30\n"
    check_live(
        read(tmp_path, (HEAD + TABLES).replace("max_orders_per_minute = 60\n", "")), settings(tmp_path, desk)
    )


def test_real_money_needs_a_hard_cap_and_practice_money_does_not(tmp_path):
    bare = SETTINGS.replace("max_notional_per_order = 500.0\n", "")
    error = refused_live(tmp_path, HEAD + TABLES, bare)
    assert (error.code, error.key) == ("LIVE_REQUIRES_LIMITS", "accounts.main.caps.max_notional_per_order")
    check_live(read(tmp_path, (HEAD + TABLES).replace('["main"]', '["other"]')), settings(tmp_path, bare))


@pytest.mark.parametrize(
    ("accounts", "symbols", "code", "key"),
    [
        ('["mian"]', '["BTC-USDT"]', "CONFIG_CHOICE", "accounts.0"),
        ('["main", "other"]', '["BTC-USDT"]', "CONFIG_CONFLICT", "accounts.1"),
        ('["main"]', '["BTC-USDT", "okx_swap:BTC-USDT-SWAP"]', "CONFIG_CONFLICT", "market.symbols.1"),
        ('["bybit"]', '["BTC-USDT"]', "CONFIG_CONFLICT", "market.symbols.0"),
    ],
)
def test_accounts_must_be_known_one_of_a_venue_and_where_the_symbols_are(
    tmp_path, accounts, symbols, code, key
):
    text = (HEAD + TABLES).replace('["main"]', accounts).replace('["BTC-USDT", "ETH-USDT"]', symbols)
    error = refused_live(tmp_path, text)
    assert (error.code, error.key) == (code, key)
    assert "main.toml:" in error.where


def test_two_accounts_at_two_venues_are_one_session(tmp_path):
    tables = TABLES.replace("[params]\nfast_period = 20\nslow_period = 100\n", "")
    uses = """
[[strategies]]
strategy = "ema_cross"
account = "main"
symbols = ["BTC-USDT"]
[[strategies]]
strategy = "ema_cross"
name = "second"
account = "bybit"
symbols = ["bybit_linear:BTCUSDT"]
"""
    text = (
        HEAD.replace('strategy = "ema_cross"\n', "", 1).replace('["main"]', '["main", "bybit"]')
        + tables
        + uses
    )
    text = text.replace('"ETH-USDT"]', '"bybit_linear:BTCUSDT"]')
    assert list(accounts_by_venue(read(tmp_path, text), settings(tmp_path))) == ["main", "bybit"]
    wrong = text.replace('account = "bybit"', 'account = "main"')
    with pytest.raises(ConfigError) as caught:
        accounts_by_venue(read(tmp_path, wrong), settings(tmp_path))
    assert (caught.value.code, caught.value.key) == ("CONFIG_CONFLICT", "strategies.1.symbols")


def test_a_session_on_paper_needs_no_account(tmp_path):
    loaded = read(tmp_path, (HEAD + TABLES).replace('accounts = ["main"]\n', ""))
    assert accounts_by_venue(loaded, settings(tmp_path)) == {}


def test_limits_are_those_of_the_tightest_of_file_workspace_and_account(tmp_path):
    loaded = with_house_limits(read(tmp_path, HEAD + TABLES), settings(tmp_path))
    assert loaded.config.limits.loss_day_pct == 2.0
    assert loaded.config.limits.price_band_pct == 2.0


def test_a_secret_in_a_session_file_is_refused_and_not_shown(tmp_path):
    secret = "aB3" * 20
    for line in (f'api_key = "{secret}"\n', f"# {secret}\n", f'heartbeat = "https://u:{secret}@x.example"\n'):
        error = refused(tmp_path, line + HEAD + TABLES)
        assert error.code == "SECRET_IN_CONFIG"
        assert secret not in error.render()


def test_variables_and_flags_lie_over_the_file(tmp_path):
    path = tmp_path / "main.toml"
    path.write_text(HEAD + TABLES)
    env = {"TRADEWIND__FEED__GRACE_MS": "900", "TRADEWIND__PATHS__DATA": "elsewhere"}
    loaded = load_session([path], env, {"on_stop": "keep"})
    assert loaded.config.feed.grace_ms == 900
    assert loaded.config.on_stop == "keep"
    with pytest.raises(ConfigError) as caught:
        load_session([path], {"TRADEWIND__FEED__GRACE": "900"})
    assert (caught.value.code, caught.value.where) == ("CONFIG_UNKNOWN_KEY", "TRADEWIND__FEED__GRACE")


def test_the_schema_describes_every_key():
    schema = json_schema(SessionConfig)
    names = schema["properties"]
    assert {"accounts", "protection", "external", "on_stop", "dead_man", "feed"} <= set(names)
    told = {name: schema_at(SessionConfig, [name]) for name in names}
    assert not [name for name, node in told.items() if not node.get("description")]


def test_the_timers_are_those_of_the_venues_tables():
    known = {name: dialect.dead_man is not None for name, dialect in DIALECTS.items()}
    assert {name for name, has in known.items() if has} == DEAD_MAN_TIMERS & set(known)


def test_expiring_orders_are_those_of_the_venues_tables():
    known = {name for name, dialect in DIALECTS.items() if "limit_expiring" in dialect.create}
    assert known == EXPIRING_ORDERS.keys() & set(DIALECTS)


@pytest.mark.parametrize(
    ("after", "is_taken"), [("", True), (", after_s = 90", False), (", after_s = 660", True)]
)
def test_openers_carry_an_end_that_the_venue_takes(tmp_path, after, is_taken):
    """Binance refuses every order whose end is within ten minutes: no opener would ever have been placed."""
    text = (HEAD + TABLES).replace('{ policy = "none", after_s = 90.0 }', f'{{ policy = "expiry"{after} }}')
    text = text.replace("blofin_swap", "binance_usdm").replace('secondary = "bybit_linear"', "")
    desk = settings(tmp_path, SETTINGS.replace('"blofin_swap"', '"binance_usdm"'))
    config = read(tmp_path, text)
    if is_taken:
        assert check_live(config, desk).keys() == {"main"}
        assert config.config.dead_man.patience_s >= EXPIRING_ORDERS["binance_usdm"]
        return
    with pytest.raises(ConfigError) as caught:
        check_live(config, desk)
    assert (caught.value.code, caught.value.key) == ("CONFIG_RANGE", "dead_man.after_s")


def test_who_changes_working_orders_is_as_in_the_venues_tables():
    known = {name: dialect.amend is not None for name, dialect in DIALECTS.items()}
    assert known == {name: VENUES[name].amends for name in DIALECTS}


def test_a_session_warms_up_on_what_was_before_it(tmp_path):
    config = read(tmp_path, "warmup_bars = 5\n" + HEAD + TABLES).config
    warmup = config.backtest_view(START, END, Capital(amount=50, currency="USDT")).warmup
    assert (warmup.taken_from, warmup.bars) == ("history", 5)
