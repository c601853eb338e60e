"""Every real file: imported or refused by a code that says why; every bar series fit to trade as accepted."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tradewind.config.data_policy import DEFECTS, DataPolicy
from tradewind.errors import TradewindError
from tradewind.market import (
    ImportRequest,
    SeriesKey,
    Store,
    Universe,
    check_series,
    import_file,
    parse_rules,
    prepare_bars,
    prepare_funding,
    resample,
    resolve_instrument,
)
from tradewind.units.time import HOUR_NS, MINUTE_NS, format_utc, parse_interval, parse_utc

pytestmark = pytest.mark.real_data

NOW_NS = parse_utc("2026-08-10")
REFUSED = {
    "liquidations_1d_binance_bybit_okx.parquet": "DATA_SCHEMA",
    "liquidations_1d_hyperliquid.parquet": "DATA_SCHEMA",
}
ACCEPTED = DataPolicy(gaps="fill", outliers="accept", flat="accept", zero_volume="accept")


@pytest.fixture(scope="module")
def manifest(shared_data):
    """What the collection says about its own files, by path."""
    listed = json.loads((shared_data / "MANIFEST.json").read_text())
    rows = listed["files"] if isinstance(listed, dict) else listed
    return {row.get("file") or row.get("path"): row for row in rows}


@pytest.fixture(scope="module")
def desk(shared_data, tmp_path_factory):
    """A store with everything that imports, and the results and refusals by file."""
    store = Store(tmp_path_factory.mktemp("desk") / "data")
    results, refusals = {}, {}
    for path in sorted((shared_data / "market").rglob("*.parquet")):
        try:
            results[path] = import_file(store, path, ImportRequest(now_ns=NOW_NS))
        except TradewindError as error:
            refusals[path] = error
    return store, results, refusals


def test_every_file_imports_or_says_why_not(desk, shared_data):
    _, results, refusals = desk
    assert {path.name: error.code for path, error in refusals.items()} == REFUSED
    assert all("liquidations are no bars" in error.message for error in refusals.values())
    assert len(results) + len(refusals) == len(list((shared_data / "market").rglob("*.parquet")))


def test_names_kinds_and_intervals_are_those_of_the_path(desk):
    _, results, _ = desk
    for path, result in results.items():
        if path.parent.name == "multi_venue_perp":
            continue
        venue, symbol = path.parts[-3:-1]
        word = re.search(r"\d+[mh]", path.stem)
        kind = next((k for k in ("funding", "mark") if path.stem.startswith(k)), "bars")
        kind = "open_interest" if path.stem.startswith(("open_interest", "metrics")) else kind
        spaced = parse_interval(word.group()) if word and kind in ("bars", "mark") else 0
        assert [s.key for s in result.series] == [SeriesKey(venue, kind, symbol, spaced)]


def test_rows_and_ranges_are_those_of_the_collection(desk, manifest, shared_data):
    _, results, _ = desk
    for path, result in results.items():
        row = manifest[path.relative_to(shared_data).as_posix()]
        assert sum(s.rows_added for s in result.series) == row["rows"]


def test_a_second_import_adds_nothing(desk):
    store, results, _ = desk
    for path in list(results)[::7]:
        again = import_file(store, path, ImportRequest(now_ns=NOW_NS))
        assert [s.rows_added for s in again.series] == [0] * len(again.series)


def test_defects_are_those_the_collection_describes(desk):
    store, _, _ = desk
    found = {str(i.key): Counter() for i in store.list() if i.key.kind == "bars"}
    for name, info in ((str(i.key), i) for i in store.list() if i.key.kind == "bars"):
        for defect in check_series(store.read(info.key), now_ns=NOW_NS):
            found[name][defect.kind] += defect.count
    assert found["bitfinex_spot BTCUSD bars 1m"]["gaps"] == 10_500
    assert found["bitfinex_spot XMRUSD bars 1m"]["gaps"] == 445_194
    assert found["binance_spot BTCUSDT bars 1h"] == {"gaps": 122, "zero_volume": 3}
    assert found["binance_spot LINKUSDT bars 1h"] == {"gaps": 60, "zero_volume": 4, "outliers": 2}
    assert found["binance_usdm BTCUSDT bars 5m"] == {"zero_volume": 3}
    assert found["binance_usdm SUIUSDT bars 5m"] == {"zero_volume": 3, "outliers": 2}
    assert found["okx_swap BTCUSDT bars 5m"] == {"zero_volume": 189, "flat": 121}
    assert found["binance_spot BTCUSDT bars 5m"] == {}
    assert {kind for counts in found.values() for kind in counts} <= set(DEFECTS), (
        "nothing that no policy can accept"
    )


def test_the_low_of_a_ten_thousandth_is_reported_at_its_place_and_kept(desk):
    store, _, _ = desk
    bars = store.read_bars("binance_spot", "LINKUSDT", HOUR_NS)
    first = next(d for d in check_series(bars) if d.kind == "outliers")
    assert format_utc(first.ts_ns) == "2020-03-12T10:00:00Z"
    assert bars.between(first.ts_ns, first.end_ns).low[0] == 0.0001


def test_every_bar_series_is_fit_to_trade_with_its_defects_accepted(desk):
    store, _, _ = desk
    for info in (i for i in store.list() if i.key.kind == "bars"):
        bars = store.read(info.key)
        rules = resolve_instrument(store, info.key.venue, info.key.symbol)
        result = prepare_bars(bars, ACCEPTED, tick_size=rules.tick_size, where=str(info.key), now_ns=NOW_NS)
        segment = result.segments[0]
        assert len(result.segments) == 1
        assert (np.diff(segment.bars.ts_ns) == info.key.interval_ns).all()
        assert segment.bars.take(~segment.made).same_as(bars)
        assert result.grid.strays == 0
        universe = Universe.of([rules], {rules.symbol: bars})
        assert universe.at(int(bars.ts_ns[-1])) == (rules.symbol,)


def test_a_default_file_refuses_what_is_not_sound(desk):
    store, _, _ = desk
    for venue, symbol, code in (
        ("bitfinex_spot", "BTCUSD", "DATA_GAP"),
        ("binance_spot", "BTCUSDT", "DATA_GAP"),
    ):
        bars = store.read_bars(venue, symbol, store.intervals(venue, symbol)[-1])
        rules = resolve_instrument(store, venue, symbol)
        with pytest.raises(TradewindError) as raised:
            prepare_bars(bars, DataPolicy(zero_volume="accept"), tick_size=rules.tick_size, where="x")
        assert raised.value.code == code


def test_binance_funding_is_complete_over_its_range(desk):
    store, _, _ = desk
    for info in (i for i in store.list() if i.key.kind == "funding" and i.key.venue == "binance_usdm"):
        rules = resolve_instrument(store, info.key.venue, info.key.symbol)
        given = store.read_funding(info.key.venue, info.key.symbol)
        found, applied = prepare_funding(
            given,
            DataPolicy(),
            start_ns=info.first_ns,
            end_ns=info.last_ns + 1,
            interval_ns=rules.funding_interval_ns,
            where=str(info.key),
        )
        assert len(found) == info.rows
        assert applied == ()


def test_holes_of_other_venues_funding_are_found(desk):
    store, _, _ = desk
    missing = {
        venue: sum(
            d.count for d in check_series(store.read_funding(venue, "BTCUSDT")) if d.kind == "funding_missing"
        )
        for venue in ("binance", "bybit", "gate", "kucoin", "mexc", "dydx")
    }
    assert missing == {"binance": 0, "bybit": 0, "gate": 93, "kucoin": 0, "mexc": 0, "dydx": 0}


def test_five_minutes_make_the_hours_of_another_source(desk):
    store, _, _ = desk
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        made = resample(store.read_bars("binance_spot", symbol, 5 * MINUTE_NS), HOUR_NS)
        whole = made.bars.take(made.whole)
        given = store.read_bars("binance_spot", symbol, HOUR_NS)
        common = np.intersect1d(whole.ts_ns, given.ts_ns)
        assert len(common) > 20_000
        a = whole.take(np.isin(whole.ts_ns, common))
        b = given.take(np.isin(given.ts_ns, common))
        for name in ("open", "high", "low", "close"):
            assert (a.column(name) == b.column(name)).all()
        assert np.allclose(a.volume, b.volume, rtol=1e-9)


def test_32_bit_prices_become_the_decimals_they_stand_for(desk):
    store, _, _ = desk
    close = store.read_bars("bitfinex_spot", "BTCUSD", MINUTE_NS).close
    assert close[0] == 7200.0
    assert store.read_bars("bitfinex_spot", "BTCUSD", MINUTE_NS).open[0] == 7208.2


# ---------------------------------------------------------------------------- answers of venues


def unpacked(path: Path) -> str:
    """Return the text of a zstd file, which only tests need to open."""
    zstandard = pytest.importorskip("zstandard")
    with path.open("rb") as stream:
        return io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8").read()


def test_todays_answers_of_binance_parse_whole(shared_data):
    folder = shared_data / "messages" / "binance_rest_2026-07-04"
    rules = parse_rules("binance_usdm", json.loads(unpacked(folder / "fapi-v1-exchangeInfo.json.zst")))
    assert (len(rules.instruments), rules.skipped) == (820, [])
    assert sum(1 for i in rules.instruments.values() if i.active) == 695
    assert rules.instruments["OMGUSDT"].delisted_ns == 1738314000000 * 10**6
    intervals = parse_rules("binance_usdm", json.loads(unpacked(folder / "fapi-v1-fundingInfo.json.zst")))
    assert intervals.funding_interval_ns["LPTUSDT"] == 4 * HOUR_NS
    tiers_path = shared_data / "messages" / "binance_rest_2024" / "leverage_tiers_ccxt.json.zst"
    tiers = parse_rules("binance_usdm", json.loads(unpacked(tiers_path)))
    assert (len(tiers.tiers), tiers.skipped) == (349, [])


def test_built_in_rules_are_those_of_the_answer(shared_data, tmp_path):
    folder = shared_data / "messages" / "binance_rest_2026-07-04"
    rules = parse_rules("binance_usdm", json.loads(unpacked(folder / "fapi-v1-exchangeInfo.json.zst")))
    tiers_path = shared_data / "messages" / "binance_rest_2024" / "leverage_tiers_ccxt.json.zst"
    tiers = parse_rules("binance_usdm", json.loads(unpacked(tiers_path))).tiers
    from tradewind.market.rules.builtin import built_in, built_in_symbols

    for symbol in built_in_symbols("binance_usdm"):
        ours, theirs = built_in("binance_usdm", symbol), rules.instruments[symbol]
        for name in (
            "base",
            "tick_size",
            "lot_size",
            "min_qty",
            "max_qty",
            "min_notional",
            "price_band_ratio",
        ):
            assert getattr(ours, name) == getattr(theirs, name), (symbol, name)
        assert (ours.listed_ns, ours.liquidation_fee_rate) == (theirs.listed_ns, theirs.liquidation_fee_rate)
        if symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
            assert ours.tiers == tiers[symbol]


CAPTURES = {
    "BINANCE": ("binance_spot", 1695),
    "BINANCE_FUTURES": ("binance_usdm", 122),
    "BINANCE_DELIVERY": ("binance_coinm", 36),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_captured_answers_of_binance_parse_whole(shared_data, name):
    venue, count = CAPTURES[name]
    line = unpacked(shared_data / "messages" / "cryptofeed_captures" / f"{name}.0.zst").splitlines()[0]
    rules = parse_rules(venue, json.loads(line.split(" -> ", 1)[1].split(": ", 1)[1]))
    assert len(rules.instruments) + len(rules.skipped) == count
    assert len(rules.instruments) >= 0.99 * count, rules.skipped


def test_captured_answers_of_okx_parse_but_for_options(shared_data):
    text = unpacked(shared_data / "messages" / "cryptofeed_captures" / "OKX.0.zst")
    found = Counter()
    for line in text.splitlines():
        if "instType=" not in line:
            continue
        kind = re.search(r"instType=(\w+)", line).group(1)
        venue = "okx_spot" if kind == "SPOT" else "okx_swap"
        rules = parse_rules(venue, json.loads(line.split(" -> ", 1)[1].split(": ", 1)[1]))
        found[kind] = max(found[kind], len(rules.instruments))
        assert all("OPTION" in s.reason for s in rules.skipped), rules.skipped[:3]
    assert found == {"SPOT": 513, "SWAP": 166, "FUTURES": 104, "OPTION": 0}


SAMPLES = {
    ("binance", "CoinFutures/ExchangeData", "GetExchangeInfo"): "binance_coinm",
    ("binance", "UsdFutures/ExchangeData", "GetExchangeInfo"): "binance_usdm",
    ("binance", "CoinFutures/ExchangeData", "GetFundingInfo"): "binance_coinm",
    ("binance", "CoinFutures/Account", "GetBrackets"): "binance_coinm",
    ("binance", "UsdFutures/Account", "GetBrackets"): "binance_usdm",
    ("bybit_v5", "V5Api/ExchangeData", "GetLinearInverseSymbols"): "bybit_linear",
    ("bybit_v5", "V5Api/ExchangeData", "GetLinearInverseSymbolsPreListing"): "bybit_linear",
    ("bybit_v5", "V5Api/ExchangeData", "GetSpotSymbols"): "bybit_spot",
    ("bybit_v5", "V5Api/ExchangeData", "GetRiskLimit"): "bybit_inverse",
    ("bybit_v5", "V5Api/Account", "GetFeeRate"): "bybit_linear",
    ("okx_v5", "UnifiedApi/ExchangeData", "GetSymbols"): "okx_spot",
    ("blofin", "Futures/ExchangeData", "GetSymbols"): "blofin_swap",
}


@pytest.mark.parametrize("sample", SAMPLES, ids="-".join)
def test_samples_of_client_libraries_parse(shared_data, sample):
    library, group, name = sample
    text = unpacked(shared_data / "messages" / "client_fixtures" / f"{library}.jsonl.zst")
    rows = [json.loads(line) for line in text.splitlines()]
    found = next(r["text"] for r in rows if (r["group"], r["name"], r["kind"]) == (group, name, "rest"))
    rules = parse_rules(SAMPLES[sample], json.loads("\n".join(found.splitlines()[3:])))
    assert len(rules) >= 1
    assert rules.skipped == []
