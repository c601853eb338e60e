"""Metadata answers of venues, the rules a workspace keeps, and which rules count."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import pytest

from tradewind.errors import TradewindError
from tradewind.market import RuleBook, SeriesKey, import_rules, parse_rules, resolve_instrument
from tradewind.market.rules.builtin import built_in, built_in_symbols
from tradewind.units.time import HOUR_NS, MINUTE_NS, parse_utc

NOW_NS = parse_utc("2026-08-01")


def usdm(**changes):
    entry = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1567965300000,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "liquidationFee": "0.012500",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001", "maxQty": "1000"},
            {"filterType": "MIN_NOTIONAL", "notional": "50"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500"},
        ],
    }
    return {"symbols": [{**entry, **changes}]}


def only(rules):
    assert rules.skipped == []
    assert len(rules.instruments) == 1
    return next(iter(rules.instruments.values()))


def test_binance_usdm():
    found = only(parse_rules("binance_usdm", usdm()))
    assert (found.payoff, found.base, found.quote, found.settle) == ("linear", "BTC", "USDT", "USDT")
    assert (found.tick_size, found.lot_size, found.max_qty) == (
        Decimal("0.1"),
        Decimal("0.001"),
        Decimal(1000),
    )
    assert (found.min_notional, found.price_band_ratio) == (Decimal(50), Decimal("0.05"))
    assert found.liquidation_fee_rate == Decimal("0.0125")
    assert found.funding_interval_ns == 8 * HOUR_NS
    assert (found.listed_ns, found.delisted_ns, found.active) == (1567965300000 * 10**6, None, True)


def market_max(qty):
    return [
        *usdm()["symbols"][0]["filters"],
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": qty},
    ]


@pytest.mark.parametrize(
    ("told", "largest"), [("120", 120), ("5000", 1000), ("0.00000000", 1000), ("0.0001", 1000)]
)
def test_the_largest_order_is_one_that_is_taken_at_market_too(told, largest):
    """What closes and what protects is sent at market: at Binance a tenth of a limit's size, for many coins less."""
    found = only(parse_rules("binance_usdm", usdm(filters=market_max(told))))
    assert found.max_qty == Decimal(largest)


def test_binance_contract_that_ends_and_one_that_ended():
    dated = only(
        parse_rules("binance_usdm", usdm(contractType="CURRENT_QUARTER", deliveryDate=1790323200000))
    )
    assert (dated.delisted_ns, dated.funding_interval_ns) == (1790323200000 * 10**6, 0)
    gone = only(parse_rules("binance_usdm", usdm(status="SETTLING", deliveryDate=1738314000000)))
    assert not gone.active


def test_binance_coinm_is_inverse():
    answer = usdm(symbol="BTCUSD_PERP", quoteAsset="USD", marginAsset="BTC", contractSize=100)
    del answer["symbols"][0]["status"]
    answer["symbols"][0]["contractStatus"] = "TRADING"
    found = only(parse_rules("binance_coinm", answer))
    assert (found.payoff, found.settle, found.contract_size) == ("inverse", "BTC", Decimal(100))


@pytest.mark.parametrize("name", ["MIN_NOTIONAL", "NOTIONAL"])
def test_binance_spot(name):
    entry = {
        "symbol": "ETHBTC",
        "status": "TRADING",
        "baseAsset": "ETH",
        "quoteAsset": "BTC",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.00001000"},
            {"filterType": "LOT_SIZE", "minQty": "0.0001", "stepSize": "0.0001", "maxQty": "100000"},
            {"filterType": name, "minNotional": "0.0001"},
        ],
    }
    found = only(parse_rules("binance_spot", {"symbols": [entry]}))
    assert (found.payoff, found.settle, found.min_notional) == ("spot", "BTC", Decimal("0.0001"))
    assert (found.tiers, found.funding_interval_ns, found.leverage_max) == ((), 0, 1)


def test_binance_brackets_in_both_forms_agree():
    own = [
        {
            "symbol": "BTCUSDT",
            "brackets": [
                {
                    "bracket": 1,
                    "initialLeverage": 75,
                    "notionalCap": 10000,
                    "maintMarginRatio": 0.0065,
                    "cum": 0,
                }
            ],
        }
    ]
    info = {
        "bracket": "1",
        "initialLeverage": "75",
        "notionalCap": "10000",
        "maintMarginRatio": "0.0065",
        "cum": "0",
    }
    assert (
        parse_rules("binance_usdm", own).tiers
        == parse_rules("binance_usdm", {"BTC/USDT:USDT": [{"info": info}]}).tiers
    )
    dated = parse_rules("binance_usdm", {"BTC/USDT:USDT-241227": [{"info": info}]})
    assert list(dated.tiers) == ["BTCUSDT_241227"]


BYBIT = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "launchTime": "1585526400000",
    "deliveryTime": "0",
    "leverageFilter": {"maxLeverage": "100.00"},
    "priceFilter": {"tickSize": "0.10"},
    "lotSizeFilter": {
        "maxOrderQty": "100",
        "minOrderQty": "0.001",
        "qtyStep": "0.001",
        "minNotionalValue": "5",
    },
    "fundingInterval": 240,
}


def bybit(*entries, **rest):
    return {"retCode": 0, "result": {"list": list(entries), **rest}}


def test_bybit_linear_inverse_and_spot():
    found = only(parse_rules("bybit_linear", bybit(BYBIT)))
    assert (found.funding_interval_ns, found.leverage_max, found.delisted_ns) == (4 * HOUR_NS, 100, None)
    inverse = {**BYBIT, "contractType": "InversePerpetual", "settleCoin": "BTC", "quoteCoin": "USD"}
    assert only(parse_rules("bybit_inverse", bybit(inverse))).payoff == "inverse"
    spot = {
        "symbol": "BTCUSDT",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "status": "Trading",
        "lotSizeFilter": {
            "basePrecision": "0.000001",
            "minOrderQty": "0.000048",
            "maxOrderQty": "71.7",
            "minOrderAmt": "1",
        },
        "priceFilter": {"tickSize": "0.01"},
        "riskParameters": {"priceLimitRatioX": "0.01"},
    }
    sizes = {"maxOrderQty": "17000", "maxLimitOrderQty": "17000", "maxMarketOrderQty": "8500"}
    bounded = {**spot, "lotSizeFilter": spot["lotSizeFilter"] | sizes}
    assert only(parse_rules("bybit_spot", bybit(bounded))).max_qty == 8500
    bare = {
        "basePrecision": "0.001",
        "minOrderAmt": "5",
        "maxLimitOrderQty": "100",
        "maxMarketOrderQty": "50",
    }
    found = only(parse_rules("bybit_spot", bybit({**spot, "lotSizeFilter": bare})))
    assert (found.min_qty, found.max_qty) == (Decimal("0.001"), 50)
    bounded = {**BYBIT, "lotSizeFilter": BYBIT["lotSizeFilter"] | {"maxMktOrderQty": "5"}}
    assert only(parse_rules("bybit_linear", bybit(bounded))).max_qty == 5
    found = only(parse_rules("bybit_spot", bybit(spot)))
    assert (found.lot_size, found.min_notional, found.price_band_ratio) == (
        Decimal("0.000001"),
        1,
        Decimal("0.01"),
    )


@pytest.mark.parametrize("scale", [1, 100])
def test_bybit_risk_limits_in_ratios_and_percentages(scale):
    rows = [
        {
            "symbol": "X",
            "riskLimitValue": "1000",
            "maintenanceMargin": str(0.005 * scale),
            "initialMargin": str(0.01 * scale),
            "maxLeverage": "100",
        },
        {
            "symbol": "X",
            "riskLimitValue": "3000",
            "maintenanceMargin": str(0.01 * scale),
            "initialMargin": str(0.02 * scale),
            "maxLeverage": "50",
        },
    ]
    first, second = parse_rules("bybit_linear", bybit(*rows[::-1])).tiers["X"]
    assert (first.maintenance_rate, first.deduction) == (Decimal("0.005"), 0)
    assert (second.maintenance_rate, second.deduction) == (Decimal("0.01"), Decimal(5)), (
        "1000 x (0.01 - 0.005)"
    )


OKX = {
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctMult": "1",
    "settleCcy": "USDT",
    "uly": "BTC-USDT",
    "tickSz": "0.1",
    "lotSz": "1",
    "minSz": "1",
    "maxLmtSz": "100000000",
    "lever": "125",
    "listTime": "1611916828000",
    "expTime": "",
    "state": "live",
}


def test_okx_swap_spot_future_and_option():
    found = only(parse_rules("okx_swap", {"data": [OKX]}))
    assert (found.payoff, found.base, found.contract_size) == ("linear", "BTC", Decimal("0.01"))
    inverse = {**OKX, "ctType": "inverse", "ctVal": "100", "settleCcy": "BTC", "uly": "BTC-USD"}
    assert only(parse_rules("okx_swap", {"data": [inverse]})).settle == "BTC"
    spot = {
        **OKX,
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "baseCcy": "BTC",
        "quoteCcy": "USDT",
        "ctVal": "",
    }
    assert only(parse_rules("okx_spot", {"data": [spot]})).payoff == "spot"
    sizes = {"maxLmtSz": "9999999999", "maxMktSz": "12000", "maxStopSz": "1000"}
    assert only(parse_rules("okx_swap", {"data": [OKX | sizes]})).max_qty == 1000
    # There they are money.
    assert only(parse_rules("okx_spot", {"data": [spot | sizes]})).max_qty == 9_999_999_999
    future = {**OKX, "instType": "FUTURES", "expTime": "1653033600000"}
    assert only(parse_rules("okx_swap", {"data": [future]})).delisted_ns == 1653033600000 * 10**6
    option = parse_rules("okx_swap", {"data": [{**OKX, "instType": "OPTION"}]})
    assert [s.symbol for s in option.skipped] == ["BTC-USDT-SWAP"]


def test_okx_position_tiers_need_the_value_of_a_contract():
    row = {"instId": "BTC-USDT-SWAP", "maxSz": "50", "mmr": "0.03", "maxLever": "10"}
    assert len(parse_rules("okx_swap", {"data": [row]}).skipped) == 1
    found = parse_rules("okx_swap", {"data": [row]}, contract_notional={"BTC-USDT-SWAP": Decimal(600)})
    assert found.tiers["BTC-USDT-SWAP"][0].notional_upto == Decimal(30_000)


def test_blofin_perpetual_has_no_end_while_it_is_live():
    entry = {
        "instId": "BTC-USDT",
        "baseCurrency": "BTC",
        "quoteCurrency": "USDT",
        "settleCurrency": "USDT",
        "contractValue": "0.001",
        "listTime": "1638333031000",
        "expireTime": "1704124800000",
        "maxLeverage": "125",
        "minSize": "0.1",
        "lotSize": "0.1",
        "tickSize": "0.5",
        "contractType": "linear",
        "maxLimitSize": "100000000",
        "state": "live",
    }
    found = only(parse_rules("blofin_swap", {"data": [entry]}))
    assert (found.contract_size, found.delisted_ns) == (Decimal("0.001"), None)
    assert (
        only(parse_rules("blofin_swap", {"data": [entry | {"maxMarketSize": "1000000"}]})).max_qty
        == 1_000_000
    )


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot", "bybit_linear", "okx_swap", "blofin_swap"])
@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "x",
        [],
        {},
        [1],
        {"symbols": 5},
        {"result": []},
        {"data": [5]},
        {"result": {"list": [{}]}},
        {"data": [{}]},
    ],
)
def test_an_answer_of_another_shape_is_a_coded_error_or_empty(venue, answer):
    code, found = "MARKET_RULES_INVALID", 0
    try:
        found = len(parse_rules(venue, answer))
    except TradewindError as error:
        code = error.code
    assert (code, found) == ("MARKET_RULES_INVALID", 0)


@pytest.mark.parametrize(
    ("venue", "code"), [("binanse", "EXCHANGE_UNKNOWN"), ("hyperliquid", "EXCHANGE_UNSUPPORTED")]
)
def test_venues_without_a_parser_say_so(venue, code):
    with pytest.raises(TradewindError) as raised:
        parse_rules(venue, {})
    assert raised.value.code == code


# ---------------------------------------------------------------------------- the workspace's rules


def imported(store, tmp_path, answer, venue="binance_usdm"):
    path = tmp_path / "answer.json"
    path.write_text(answer if isinstance(answer, str) else json.dumps(answer))
    return import_rules(store, path, venue=venue, now_ns=NOW_NS)


def test_answers_one_by_one_make_one_instrument(store, tmp_path):
    imported(store, tmp_path, usdm())
    imported(store, tmp_path, [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}])
    bracket = {"initialLeverage": 20, "notionalCap": 999, "maintMarginRatio": 0.02, "cum": 0}
    imported(store, tmp_path, [{"symbol": "BTCUSDT", "brackets": [bracket]}])
    found = RuleBook.load(store.root).find("binance_usdm", "BTCUSDT")
    assert found.funding_interval_ns == 4 * HOUR_NS
    assert found.tiers[0].notional_upto == 999
    assert found.leverage_max == 20
    assert found.provenance == "exchangeInfo of 2026-08-01"


IMPORTER = """
import sys
from pathlib import Path
from tradewind.market.rules import import_rules
from tradewind.market.store import Store
print("ready", flush=True)
sys.stdin.readline()
for answer in sorted(Path(sys.argv[2]).iterdir()):
    import_rules(Store(Path(sys.argv[1])), answer, venue="binance_usdm", now_ns=1)
"""


def answers_in(folder, who):
    """Write eight answers, of a symbol each; return the symbols."""
    folder.mkdir()
    symbols = [f"{who}{number}USDT" for number in range(8)]
    for symbol in symbols:
        (folder / f"{symbol}.json").write_text(json.dumps([{"symbol": symbol, "fundingIntervalHours": 4}]))
    return symbols


def test_two_processes_import_rules_at_once_and_nothing_is_lost(store, tmp_path):
    """Two sessions that start together both ask their venues for the rules."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    symbols = {*answers_in(ours, "A"), *answers_in(theirs, "B")}
    command = [sys.executable, "-c", IMPORTER, str(store.root), str(theirs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("\n")
        other.stdin.flush()
        for answer in sorted(ours.iterdir()):
            import_rules(store, answer, venue="binance_usdm", now_ns=NOW_NS)
        other.communicate()
    assert other.returncode == 0
    page = json.loads((store.root / "instruments.json").read_text())["venues"]["binance_usdm"]
    assert set(page["funding_interval_ns"]) == symbols


def test_imported_rules_win_over_built_in_ones(store, tmp_path):
    assert resolve_instrument(store, "binance_usdm", "BTCUSDT").provenance.startswith("built in")
    imported(
        store,
        tmp_path,
        usdm(
            symbol="BTCUSDT",
            filters=[*usdm()["symbols"][0]["filters"][1:], {"filterType": "PRICE_FILTER", "tickSize": "5"}],
        ),
    )
    found = resolve_instrument(store, "binance_usdm", "BTCUSDT")
    assert found.tick_size == 5
    assert any("hold for the whole period" in sentence for sentence in found.assumptions)
    assert found.tiers, "brackets are never left out of a derivative"


@pytest.mark.parametrize(
    ("answer", "code"), [("{", "DATA_CORRUPT"), ("[]", "MARKET_RULES_INVALID"), ("NaN", "DATA_CORRUPT")]
)
def test_a_bad_answer_changes_nothing(store, tmp_path, answer, code):
    imported(store, tmp_path, usdm())
    before = (store.root / "instruments.json").read_bytes()
    with pytest.raises(TradewindError) as raised:
        imported(store, tmp_path, answer)
    assert raised.value.code == code
    assert (store.root / "instruments.json").read_bytes() == before


def test_damaged_rules_are_said(store, tmp_path):
    imported(store, tmp_path, usdm())
    (store.root / "instruments.json").write_text("{")
    with pytest.raises(TradewindError) as raised:
        resolve_instrument(store, "binance_usdm", "BTCUSDT")
    assert raised.value.code == "DATA_CORRUPT"


@pytest.mark.parametrize("symbol", built_in_symbols("binance_usdm"))
def test_built_in_rules_stand(symbol):
    found = built_in("binance_usdm", symbol)
    assert found.symbol == symbol
    below, previous = Decimal(0), None
    for tier in found.tiers:
        if previous is not None:
            steps = (
                below * tier.maintenance_rate - tier.deduction,
                below * previous.maintenance_rate - previous.deduction,
            )
            assert steps[0] == steps[1], "the requirement has no step at a bracket's edge"
        below, previous = tier.notional_upto, tier


def test_an_unknown_symbol_is_read_off_its_bars(store, bars, source):
    store.merge(SeriesKey("bybit_linear", "bars", "ODDUSDT", MINUTE_NS), bars, source)
    found = resolve_instrument(store, "bybit_linear", "ODDUSDT")
    assert (found.tick_size, found.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (found.base, found.quote, found.payoff) == ("ODD", "USDT", "linear")
    assert (found.maker_rate, found.taker_rate) == (Decimal("0.0002"), Decimal("0.00055"))
    assert "no rules of the venue are known" in found.assumptions[0]


def test_bars_at_hand_serve_as_well(store, bars):
    assert resolve_instrument(store, "kraken", "BTC", bars=bars).quote == "USD"


@pytest.mark.parametrize("symbol", ["BTC/USDT", "btc/usdt:usdt", "BTCUSD", "btcusdt", "NOPE"])
def test_a_symbol_nobody_knows_suggests_one(store, symbol):
    with pytest.raises(TradewindError) as raised:
        resolve_instrument(store, "binance_usdm", symbol)
    assert raised.value.code == "SYMBOL_UNKNOWN"
    assert "BTCUSDT" in raised.value.known
    assert symbol == "NOPE" or "BTCUSDT" in raised.value.hint


def test_a_venue_nobody_knows_is_refused(store):
    with pytest.raises(TradewindError) as raised:
        resolve_instrument(store, "binance_umd", "BTCUSDT")
    assert raised.value.code == "EXCHANGE_UNKNOWN"
