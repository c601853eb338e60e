"""A backtest against the rules of its instruments."""

from decimal import Decimal

import pytest

from tradewind.config import backtest_from, check_feasible, to_ns
from tradewind.config.fields import read_instant
from tradewind.errors import ConfigError
from tradewind.market import Instrument

BASE = {
    "strategy": "ema_cross",
    "period": {"start": "2024-01-01", "end": "2024-06-01"},
    "capital": {"amount": 1_000, "currency": "USDT"},
    "market": {"venue": "binance_usdm", "symbols": ["BTCUSDT"], "bars": "1h"},
    "account": {"leverage": 5},
}


def instrument(**changes) -> Instrument:
    rules = {
        "venue": "binance_usdm",
        "symbol": "BTCUSDT",
        "payoff": "linear",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": Decimal("0.1"),
        "lot_size": Decimal("0.001"),
        "min_qty": Decimal("0.001"),
        "min_notional": Decimal(100),
        "maker_rate": Decimal("0.0002"),
        "taker_rate": Decimal("0.0005"),
        "leverage_max": Decimal(125),
    }
    return Instrument(**(rules | changes))


def ns(text: str) -> int:
    return to_ns(read_instant(text, "test"))


def check(rules: Instrument, **tables) -> None:
    check_feasible(backtest_from(BASE | tables).config, {"BTCUSDT": rules})


def test_what_can_trade_is_accepted():
    check(instrument())
    check(instrument(listed_ns=ns("2019-01-01")))
    check(instrument(delisted_ns=ns("2024-03-01")))
    check(instrument(), limits={"each": {"max_notional_per_order": 100, "max_qty": 0.001}})
    check(instrument(payoff="spot", leverage_max=Decimal(1), min_notional=Decimal(5)))
    check(instrument(payoff="inverse", settle="BTC", min_notional=Decimal(10**9)))


@pytest.mark.parametrize(
    ("rules", "tables", "code", "key"),
    [
        ({"leverage_max": Decimal(4)}, {}, "LEVERAGE_ABOVE_MAX", "account.leverage"),
        ({"delisted_ns": ns("2024-01-01")}, {}, "SYMBOL_INACTIVE", "market.symbols"),
        ({"listed_ns": ns("2024-06-01")}, {}, "SYMBOL_INACTIVE", "market.symbols"),
        ({"listed_ns": ns("2024-02-01")}, {}, "DATE_RANGE", "period.start"),
        ({}, {"capital": {"amount": 19, "currency": "USDT"}}, "CONFIG_INFEASIBLE", "capital.amount"),
        ({}, {"limits": {"max_exposure_total_x": 0.05}}, "CONFIG_INFEASIBLE", "limits.max_exposure_total_x"),
        (
            {},
            {"limits": {"each": {"max_exposure_x": 0.05}}},
            "CONFIG_INFEASIBLE",
            "limits.each.max_exposure_x",
        ),
        ({}, {"limits": {"each": {"max_qty": 0.0005}}}, "CONFIG_INFEASIBLE", "limits.each.max_qty"),
        (
            {},
            {"limits": {"symbols": {"BTCUSDT": {"max_position_notional": 99}}}},
            "CONFIG_INFEASIBLE",
            "limits.symbols.BTCUSDT.max_position_notional",
        ),
    ],
    ids=[
        "B12 leverage",
        "B19 delisted",
        "B19 not listed yet",
        "B23 before listing",
        "B26 capital",
        "B26 total exposure",
        "B26 exposure",
        "B26 quantity",
        "B26 notional",
    ],
)
def test_what_could_never_trade_is_refused(rules, tables, code, key):
    with pytest.raises(ConfigError) as caught:
        check(instrument(**rules), **tables)
    assert (caught.value.code, caught.value.key) == (code, key)
    assert caught.value.exit_code == 2
