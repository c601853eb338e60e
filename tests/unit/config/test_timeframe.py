"""Any whole number of a unit is a length of bars."""

import pytest

from tradewind.config import backtest_from
from tradewind.errors import ConfigError
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, WEEK_NS, parse_timeframe

LENGTHS = {
    "1s": SECOND_NS,
    "1m": MINUTE_NS,
    "2m": 2 * MINUTE_NS,
    "7m": 7 * MINUTE_NS,
    "45m": 45 * MINUTE_NS,
    "90m": 90 * MINUTE_NS,
    "60m": HOUR_NS,
    "5h": 5 * HOUR_NS,
    "3d": 3 * DAY_NS,
    "2w": 2 * WEEK_NS,
    "52w": 52 * WEEK_NS,
}
FILE = {
    "strategy": "ema_cross",
    "period": {"start": "2024-01-01", "end": "2025-01-01"},
    "capital": {"amount": 10_000, "currency": "USDT"},
}


@pytest.mark.parametrize(("text", "length_ns"), LENGTHS.items())
def test_a_whole_number_and_a_unit_is_a_length(text, length_ns):
    assert parse_timeframe(text) == length_ns


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "-1m", "1.5m", "1M", "1mo", "01m", "1 m", "53w", "9999999w", "١m", "1m\n"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is no length of a bar; write a whole number and"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    ("bars", "decide_on"), [("1m", "45m"), ("1m", "7m"), ("7m", "21m"), ("45m", None), ("1d", "2w")]
)
def test_a_file_may_step_and_decide_on_any_multiple(bars, decide_on):
    market = {"venue": "binance_usdm", "symbols": ["BTCUSDT"], "bars": bars}
    market |= {"decide_on": decide_on} if decide_on else {}
    loaded = backtest_from(FILE | {"market": market}).config.market
    assert (loaded.bar_ns, loaded.decide_ns) == (parse_timeframe(bars), parse_timeframe(decide_on or bars))


@pytest.mark.parametrize(
    ("bars", "decide_on", "code"),
    [("2m", "45m", "CONFIG_CONFLICT"), ("7x", None, "TIMEFRAME_INVALID"), ("1m", "0m", "TIMEFRAME_INVALID")],
)
def test_what_cannot_be_put_together_is_refused(bars, decide_on, code):
    market = {"venue": "binance_usdm", "symbols": ["BTCUSDT"], "bars": bars}
    market |= {"decide_on": decide_on} if decide_on else {}
    with pytest.raises(ConfigError) as caught:
        backtest_from(FILE | {"market": market})
    assert caught.value.code == code
