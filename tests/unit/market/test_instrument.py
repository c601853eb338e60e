"""Rules of an instrument: what cannot be true is refused, what is written is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.errors import TradewindError
from tradewind.market import Instrument, Tier
from tradewind.units.time import HOUR_NS, MINUTE_NS

TIERS = (
    Tier(Decimal(50_000), Decimal("0.004"), Decimal(0), Decimal(125)),
    Tier(Decimal(600_000), Decimal("0.005"), Decimal(50), Decimal(100)),
    Tier(None, Decimal("0.5"), Decimal("297050"), Decimal(1)),
)
BTC = Instrument(
    venue="binance_usdm",
    symbol="BTCUSDT",
    payoff="linear",
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=Decimal("0.10"),
    lot_size=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    max_qty=Decimal(1000),
    min_notional=Decimal(50),
    maker_rate=Decimal("-0.0001"),
    taker_rate=Decimal("0.0005"),
    liquidation_fee_rate=Decimal("0.0125"),
    leverage_max=Decimal(125),
    tiers=TIERS,
    funding_interval_ns=8 * HOUR_NS,
    price_band_ratio=Decimal("0.05"),
    listed_ns=1_567_965_300_000_000_000,
    provenance="exchangeInfo",
    assumptions=("one",),
)


def test_rules_survive_json():
    assert Instrument.from_dict(json.loads(json.dumps(BTC.to_dict()))) == BTC
    bare = replace(BTC, max_qty=None, tiers=(), price_band_ratio=None, listed_ns=None, assumptions=())
    assert Instrument.from_dict(json.loads(json.dumps(bare.to_dict()))) == bare


def test_small_decimals_are_written_without_an_exponent():
    assert replace(BTC, tick_size=Decimal("1E-7")).to_dict()["tick_size"] == "0.0000001"


def test_life_begins_at_the_listing_and_ends_before_the_delisting():
    short = replace(BTC, listed_ns=10, delisted_ns=20)
    assert [short.alive_at(t) for t in (9, 10, 19, 20)] == [False, True, True, False]
    assert replace(BTC, listed_ns=None).alive_at(0)


def test_assumptions_are_added_once():
    assert BTC.assuming("two", "one").assumptions == ("one", "two")


IMPOSSIBLE = {
    "tick_size": [Decimal(0), Decimal("-0.1"), Decimal("1e-30"), Decimal("NaN")],
    "lot_size": [Decimal(0), Decimal("-1")],
    "contract_size": [Decimal(0)],
    "min_qty": [Decimal(-1)],
    "max_qty": [Decimal("0.0001"), Decimal(0), Decimal(-5)],
    "min_notional": [Decimal(-1)],
    "maker_rate": [Decimal("0.06"), Decimal("-0.06")],
    "taker_rate": [Decimal("-0.0001"), Decimal(100)],
    "liquidation_fee_rate": [Decimal("-0.1"), Decimal(1)],
    "leverage_max": [Decimal(0), Decimal("0.5")],
    "price_band_ratio": [Decimal(0), Decimal("-0.1")],
    "delisted_ns": [1, 1_567_965_300_000_000_000],
    "funding_interval_ns": [-HOUR_NS, MINUTE_NS + 1],
    "tiers": [
        (TIERS[1], TIERS[0]),
        (TIERS[2], TIERS[1]),
        (replace(TIERS[0], notional_upto=Decimal(0)),),
        (replace(TIERS[0], maintenance_rate=Decimal(2)),),
        (replace(TIERS[0], leverage_max=Decimal(0)),),
        (replace(TIERS[0], deduction=Decimal(-1)),),
        (TIERS[1], replace(TIERS[2], maintenance_rate=Decimal("0.001"))),
    ],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in IMPOSSIBLE.items() for v in values])
def test_impossible_rules_are_refused_with_the_field(name, value):
    with pytest.raises((TradewindError, ArithmeticError)) as raised:
        replace(BTC, **{name: value})
    assert raised.value.code == "MARKET_RULES_INVALID"
    assert raised.value.key == name
    assert "BTCUSDT" in raised.value.where


PLAIN = BTC.to_dict()


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize(
    "value", [None, [], {}, True, float("nan"), float("inf"), "", "x" * 5000, "½", 10**400, -1]
)
def test_any_field_of_any_shape_gives_rules_or_a_coded_error(name, value):
    code = "MARKET_RULES_INVALID"
    try:
        Instrument.from_dict({**PLAIN, name: value})
    except TradewindError as error:
        code = error.code
    assert code == "MARKET_RULES_INVALID"


@pytest.mark.parametrize("name", ["venue", "symbol", "tick_size", "payoff", "taker_rate"])
def test_a_missing_rule_is_refused(name):
    with pytest.raises(TradewindError) as raised:
        Instrument.from_dict({k: v for k, v in PLAIN.items() if k != name})
    assert raised.value.code == "MARKET_RULES_INVALID"


def test_an_unknown_rule_is_refused():
    with pytest.raises(TradewindError) as raised:
        Instrument.from_dict({**PLAIN, "tik_size": "1"})
    assert raised.value.key == "tik_size"
