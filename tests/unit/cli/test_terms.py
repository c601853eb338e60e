"""Before money is confirmed everything that decides over it is told, what the file leaves out as well."""

from __future__ import annotations

import tomllib

import pytest

from tradewind.cli.terms import terms_of
from tradewind.config import SessionConfig, session_from, to_toml
from tradewind.config.settings import AccountEntry

BARE = """
strategy = "steady"
accounts = ["main"]
protection = "resting"
[market]
venue = "binance_usdm"
symbols = ["BTCUSDT"]
bars = "1m"
[limits]
loss_day_pct = 5.0
"""
WHOLE = """
accounts = ["main"]
external = "adopt"
on_stop = "close"
reconcile_every_s = 60.0
[[strategies]]
strategy = "steady"
account = "main"
protection = "watched"
params = { size_pct = 7.5 }
exits = { stop_loss_pct = 3.0 }
[dead_man]
policy = "timer"
after_s = 30.0
[account]
leverage = 2.5
margin_mode = "isolated"
position_mode = "hedge"
[feed]
secondary = "okx_swap"
[market]
venue = "binance_usdm"
symbols = ["BTCUSDT"]
bars = "5m"
[limits]
max_exposure_total_x = 1.5
[limits.symbols.BTCUSDT]
max_position_notional = 900.0
"""
TOLD = {
    *("accounts", "strategy", "strategies", "protection", "exits", "params", "market", "account", "limits"),
    *("feed", "signals", "external", "on_stop", "dead_man", "reconcile_every_s"),
}
OF_PAPER = {"capital", "wallets", "costs"}
OF_NO_MONEY = {"schema_version", "warmup_bars", "memory_max_mb"}


def told(text, **entry):
    config = session_from(tomllib.loads(text)).config
    account = AccountEntry(venue="binance_usdm", **({"kind": "demo"} | entry))
    return [f"{name}: {line}" for name, line in terms_of(config, {"main": account})]


def test_what_the_file_does_not_say_is_told_and_marked():
    lines = told(BARE)
    assert (
        "account: main at binance_usdm, practice money; no hard cap on an order, any number a minute, any symbol"
        in lines
    )
    assert "set there: leverage 1 *, cross margin *, positions one of each instrument *" in lines
    assert (
        "strategy: steady on BTCUSDT; stops lie at the venue; no exits *; parameters by their defaults *"
        in lines
    )
    assert "limits: loss_day_pct = 5" in lines
    marked = {line.partition(":")[0] for line in lines if line.endswith(" *")}
    assert marked == {"set there", "strategy", "external", "on_stop", "dead_man", "market data"}
    assert any(line.startswith("external: halt: ") for line in lines)
    assert any(line.startswith("on_stop: keep: ") for line in lines)
    assert "dead_man: expiry: openers end by themselves within 900 s *" in lines


def test_what_the_file_says_is_told_without_a_mark():
    caps = {"symbols": ("BTCUSDT",), "max_notional_per_order": 5000.0, "max_orders_per_minute": 30}
    lines = told(WHOLE, kind="live", caps=caps)
    assert [line for line in lines if line.endswith(" *")] == []
    assert (
        "account: main at binance_usdm, REAL money; no order above 5,000, 30 a minute, BTCUSDT alone" in lines
    )
    assert "set there: leverage 2.5, isolated margin, positions long beside short" in lines
    (strategy,) = (line for line in lines if line.startswith("strategy"))
    for part in (
        "in main",
        "stops are watched here",
        "stop_loss_pct = 3",
        "size_pct = 7.5, other parameters",
    ):
        assert part in strategy
    assert "limits: max_exposure_total_x = 1.5, symbols.BTCUSDT.max_position_notional = 900" in lines
    assert "dead_man: timer: the venue cancels openers 30 s after this machine falls silent" in lines
    assert "market data: bars of 5m, okx_swap stands in; accounts are compared every 60 s" in lines


def test_no_key_of_a_session_file_is_forgotten():
    assert set(SessionConfig.model_fields) == TOLD | OF_PAPER | OF_NO_MONEY


@pytest.mark.parametrize(
    "kept", ['external = "halt"', 'on_stop = "keep"', 'policy = "expiry"', "leverage = 1.0"]
)
def test_the_journal_keeps_what_the_file_does_not_say(kept):
    assert kept in to_toml(session_from(tomllib.loads(BARE)).config)


@pytest.mark.parametrize(("kind", "is_told"), [("live", True), ("demo", False)])
def test_from_where_a_key_of_real_money_may_be_used_stands_beside_its_account(kind, is_told):
    config = session_from(tomllib.loads(BARE)).config
    account = AccountEntry(venue="binance_usdm", kind=kind)
    lines = list(
        terms_of(config, {"main": account}, lambda name: f"the key of {name} may be used from ANY address")
    )
    assert (("key", "main: the key of main may be used from ANY address") in lines) is is_told
    assert "key" not in [name for name, _ in terms_of(config, {"main": account})]


@pytest.mark.parametrize(("kind", "is_told"), [("live", True), ("demo", False)])
def test_what_the_trial_of_a_venue_has_not_seen_is_told_once_before_real_money_trades(kind, is_told):
    config = session_from(tomllib.loads(BARE)).config
    accounts = {name: AccountEntry(venue="binance_usdm", kind=kind) for name in ("main", "other")}
    lines = list(terms_of(config, accounts, unseen_at=lambda venue: f"{venue}: no stop was seen"))
    assert lines.count(("certificate", "binance_usdm: no stop was seen")) == int(is_told)
    assert "certificate" not in [name for name, _ in terms_of(config, accounts)]
