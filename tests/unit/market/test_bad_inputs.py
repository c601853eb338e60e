"""Bad market data, B43 to B59 and B62 of the list: each is refused with its code, and nothing is written."""

from __future__ import annotations

import gzip
import json
import zipfile

import numpy as np
import pytest

from tradewind.errors import ERROR_CODES, Exit, TradewindError
from tradewind.market import ImportRequest, import_file
from tradewind.market.tables import write_parquet
from tradewind.units.time import MINUTE_NS, parse_utc

NOW_NS = parse_utc("2026-08-01")
STATED = ImportRequest(now_ns=NOW_NS, venue="binance_usdm", symbol="BTCUSDT")
HEAD = "ts,open,high,low,close,volume"
T0 = 1_704_067_200_000


def table(*changes, rows=30, step=60_000, head=HEAD):
    """Return a sound file with single cells changed: (row, column, text)."""
    cells = [[str(T0 + i * step), "100", "101", "99", "100.5", "5"] for i in range(rows)]
    for row, column, value in changes:
        cells[row][column] = value
    return "\n".join([head, *(",".join(c) for c in cells)]) + "\n"


def swapped():
    lines = table().splitlines()
    return "\n".join([lines[0], lines[5], lines[4], *lines[6:]])


ONE = 1_704_067_200_000
TABLE = {
    # B43
    "empty file": ("a.csv", "", "DATA_EMPTY"),
    "header only": ("a.csv", HEAD + "\n", "DATA_EMPTY"),
    "only comments": ("a.csv", "# nothing\n", "DATA_EMPTY"),
    # B44
    "NaN price": ("a.csv", table((7, 1, "nan")), "DATA_NOT_FINITE"),
    "infinite price": ("a.csv", table((7, 2, "inf")), "DATA_NOT_FINITE"),
    "1e999": ("a.csv", table((7, 2, "1e999")), "DATA_NOT_FINITE"),
    "empty price": ("a.csv", table((7, 4, "")), "DATA_NOT_FINITE"),
    "empty time": ("a.csv", table((7, 0, "")), "DATA_NOT_FINITE"),
    # B45
    "NaN volume": ("a.csv", table((7, 5, "nan")), "DATA_RANGE"),
    "negative volume": ("a.csv", table((7, 5, "-1")), "DATA_RANGE"),
    # B46
    "price of zero": ("a.csv", table((7, 3, "0")), "DATA_RANGE"),
    "negative price": ("a.csv", table((7, 3, "-5")), "DATA_RANGE"),
    # B47
    "high below low": ("a.csv", table((7, 2, "98")), "DATA_OHLC"),
    "high below close": ("a.csv", table((7, 2, "100.2")), "DATA_OHLC"),
    "low above open": ("a.csv", table((7, 3, "100.1")), "DATA_OHLC"),
    # B48
    "one time, two closes": ("a.csv", table((7, 0, str(T0 + 6 * 60_000)), (7, 4, "100.4")), "DATA_CONFLICT"),
    # B51
    "time without meaning": ("a.csv", table((0, 0, "5")), "DATA_TIME_UNIT"),
    "seconds after milliseconds": ("a.csv", table((20, 0, str(T0 // 1000 + 1200))), "DATA_TIME_UNIT"),
    "microseconds after milliseconds": (
        "a.csv",
        table((29, 0, str((T0 + 29 * 60_000) * 1000))),
        "DATA_TIME_UNIT",
    ),
    "year 1970": ("a.csv", table((0, 0, "0")), "DATA_TIME_UNIT"),
    "off the grid": ("a.csv", table((9, 0, str(T0 + 9 * 60_000 + 17_000))), "DATA_GRID"),
    # B52
    "a bar of next year": ("a.csv", table((29, 0, str(T0 + 3 * 365 * 86_400_000))), "DATA_FUTURE"),
    # B53
    "5m in a file of 1m": ("BTCUSDT-1m.csv", table(step=300_000), "DATA_TIMEFRAME"),
    "spacing of no bar": ("a.csv", table(step=420_000), "DATA_TIMEFRAME"),
    "one bar of unknown length": ("a.csv", table(rows=1), "DATA_TOO_SHORT"),
    # B55
    "low and high exchanged": ("a.csv", table(head="ts,open,low,high,close,volume"), "DATA_OHLC"),
    "missing close": ("a.csv", table(head="ts,open,high,low,settle,volume"), "DATA_SCHEMA"),
    "no time": ("a.csv", table(head="row,open,high,low,close,volume"), "DATA_SCHEMA"),
    "eight columns without header": ("a.csv", "1,2,3,4,5,6,7,8\n1,2,3,4,5,6,7,8\n", "DATA_SCHEMA"),
    "two columns of one name": (
        "a.csv",
        table(head="ts,open,high,low,close,volume,Close").replace(",5\n", ",5,100.5\n"),
        "DATA_SCHEMA",
    ),
    "the same column twice": ("a.csv", table(head="ts,open,high,low,close,close"), "DATA_SCHEMA"),
    "two spellings of one column": ("a.csv", table(head="ts,open,high,low,close,Close"), "DATA_SCHEMA"),
    "trades": ("a.csv", "id,price,qty,time,is_buyer_maker\n1,2,3,1704067200000,true\n", "DATA_SCHEMA"),
    "liquidation totals": ("a.csv", "ts,long_liquidations_usd\n1704067200000,5\n", "DATA_SCHEMA"),
    # B56
    "no text at all": ("a.csv", b"\xff\xfe" + table().encode("utf-16-le"), "DATA_CORRUPT"),
    "bytes of nothing": ("a.csv", b"\x00\x01\x02" * 99, "DATA_CORRUPT"),
    "decimal comma": ("a.csv", table().replace(",", ";").replace(".", ","), "DATA_CORRUPT"),
    "mixed separators": ("a.csv", table().replace("100,101,99", "100;101;99", 5), "DATA_CORRUPT"),
    "a word for a price": ("a.csv", table((7, 2, "high")), "DATA_CORRUPT"),
    "a word for a time": ("a.csv", table((7, 0, "noon")), "DATA_CORRUPT"),
    "a line cut off": ("a.csv", table()[:-20], "DATA_CORRUPT"),
    "a far line too short": (
        "a.csv",
        table(rows=500).replace(f"{T0 + 450 * 60_000},100,", f"{T0 + 450 * 60_000},", 1),
        "DATA_CORRUPT",
    ),
    "no parquet": ("a.parquet", b"PAR1 no it is not PAR1", "DATA_CORRUPT"),
    "no zip": ("a.zip", b"PK no", "DATA_CORRUPT"),
    "no gzip": ("a.csv.gz", b"plain", "DATA_CORRUPT"),
    "no npy": ("a.npy", b"\x93NUMPY but no", "DATA_CORRUPT"),
    "cut gzip": ("a.csv.gz", gzip.compress(table(rows=3000).encode())[:-400], "DATA_CORRUPT"),
    "gzip with a flipped bit": (
        "a.csv.gz",
        gzip.compress(table().encode())[:-6] + b"\x00\x00\x00\x00\x00\x00",
        "DATA_CORRUPT",
    ),
    # B58
    "another symbol in the name": ("ETHUSDT-1m.csv", table(), "DATA_SYMBOL"),
    "another symbol in the rows": (
        "a.csv",
        "symbol," + HEAD + f"\nETHUSDT,{ONE},1,1,1,1,1\nETHUSDT,{ONE + 60000},1,1,1,1,1\n",
        "DATA_SYMBOL",
    ),
    # B59
    "a rate that is a percentage": (
        "funding.csv",
        "ts,rate\n" + "".join(f"{T0 + i * 28_800_000},1.{i}\n" for i in range(9)),
        "FUNDING_RANGE",
    ),
    "NaN rate": ("funding.csv", f"ts,rate\n{T0},nan\n{T0 + 28_800_000},0.0001\n", "DATA_NOT_FINITE"),
    "two rates of one time": ("funding.csv", f"ts,rate\n{T0},0.1\n{T0},0.2\n", "FUNDING_CONFLICT"),
    "bars in a file of funding": ("BTCUSDT-fundingRate.csv", table(), "DATA_SCHEMA"),
    # paths
    "an ending nobody knows": ("a.xlsx", b"PK", "PATH_INVALID"),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_file_is_refused_with_its_code_and_nothing_is_written(store, tmp_path, case):
    name, content, code = TABLE[case]
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TradewindError) as raised:
        import_file(store, path, STATED)
    assert raised.value.code == code, raised.value.render()
    assert code in ERROR_CODES
    assert raised.value.exit_code in (Exit.DATA, Exit.USAGE)
    assert str(path) in raised.value.where
    assert "Traceback" not in raised.value.render()
    assert not [p for p in store.root.rglob("*") if p.name != ".lock"]


PLACES = {
    "decimal comma": "decimal comma",
    "no text at all": "not UTF-8 text",
    "two columns of one name": "two columns are called 'close'",
    "NaN price": "2024-01-01T00:07:00Z",
    "high below close": "2024-01-01T00:07:00Z",
    "off the grid": "2024-01-01T00:09:17Z",
    "a word for a price": "record 8",
    "seconds after milliseconds": "row 21",
    "one time, two closes": "2024-01-01T00:06:00Z",
}


@pytest.mark.parametrize("case", PLACES)
def test_a_refusal_names_the_place(store, tmp_path, case):
    name, content, _ = TABLE[case]
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TradewindError) as raised:
        import_file(store, tmp_path / name, STATED)
    assert PLACES[case] in raised.value.message


@pytest.mark.parametrize("cut", [4, 100, 0.5, -8, -1])
def test_a_parquet_cut_anywhere_is_corrupt(store, tmp_path, bars, cut):
    write_parquet(tmp_path / "whole.parquet", {"ts": bars.ts_ns, **{n: bars.column(n) for n in bars.COLUMNS}})
    content = (tmp_path / "whole.parquet").read_bytes()
    at = int(len(content) * cut) if isinstance(cut, float) else cut
    (tmp_path / "a.parquet").write_bytes(content[:at])
    with pytest.raises(TradewindError) as raised:
        import_file(store, tmp_path / "a.parquet", STATED)
    assert raised.value.code == "DATA_CORRUPT"


def test_a_zip_with_two_files_or_a_broken_sum_is_refused(store, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", table())
        archive.writestr("b.csv", table())
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a.csv", table())
    broken = (tmp_path / "b.zip").read_bytes().replace(b"100.5", b"100.6", 1)
    (tmp_path / "b.zip").write_bytes(broken)
    for name, code in (("a.zip", "DATA_SCHEMA"), ("b.zip", "DATA_CORRUPT")):
        with pytest.raises(TradewindError) as raised:
            import_file(store, tmp_path / name, STATED)
        assert raised.value.code == code


@pytest.mark.parametrize("path", ["missing.csv", "", "folder"])
def test_paths_that_name_no_file(store, tmp_path, path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(TradewindError) as raised:
        import_file(store, tmp_path / path, STATED)
    assert raised.value.code == "PATH_INVALID"


def test_a_venue_nobody_knows_is_refused_with_the_nearest(store, tmp_path):
    (tmp_path / "a.csv").write_text(table())
    with pytest.raises(TradewindError) as raised:
        import_file(store, tmp_path / "a.csv", ImportRequest(now_ns=NOW_NS, venue="bybitt", symbol="BTCUSDT"))
    assert raised.value.code == "EXCHANGE_UNKNOWN"
    assert "bybit" in raised.value.hint


@pytest.mark.parametrize("lacking", ["venue", "symbol"])
def test_a_file_that_does_not_say_its_owner_asks_for_the_flag(store, tmp_path, lacking):
    (tmp_path / "a.csv").write_text(table())
    stated = {"venue": "binance_usdm", "symbol": "BTCUSDT"}
    del stated[lacking]
    with pytest.raises(TradewindError) as raised:
        import_file(store, tmp_path / "a.csv", ImportRequest(now_ns=NOW_NS, **stated))
    assert (raised.value.code, raised.value.hint) == ("USAGE", f"add --{lacking}")


def test_a_stated_interval_that_the_file_contradicts(store, tmp_path):
    (tmp_path / "a.csv").write_text(table(step=300_000))
    with pytest.raises(TradewindError) as raised:
        import_file(
            store, tmp_path / "a.csv", ImportRequest(NOW_NS, "binance_usdm", "BTCUSDT", "bars", MINUTE_NS)
        )
    assert raised.value.code == "DATA_TIMEFRAME"


def test_a_stated_interval_that_the_name_contradicts(store, tmp_path):
    (tmp_path / "BTCUSDT-1h.csv").write_text(table())
    with pytest.raises(TradewindError) as raised:
        import_file(
            store, tmp_path / "BTCUSDT-1h.csv", ImportRequest(NOW_NS, "binance_usdm", None, None, MINUTE_NS)
        )
    assert raised.value.code == "DATA_TIMEFRAME"
    assert "name says 1h" in raised.value.message


def test_a_folder_of_another_venue_contradicts_the_flag(store, tmp_path):
    path = tmp_path / "okx_swap" / "BTCUSDT" / "1m.csv"
    path.parent.mkdir(parents=True)
    path.write_text(table())
    with pytest.raises(TradewindError) as raised:
        import_file(store, path, STATED)
    assert raised.value.code == "DATA_SYMBOL"


def _market(**changes):
    symbol = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": changes.get("tick", "0.1")},
            {
                "filterType": "LOT_SIZE",
                "stepSize": changes.get("step", "0.001"),
                "minQty": changes.get("min_qty", "0.001"),
                "maxQty": changes.get("max_qty", "100"),
            },
        ],
        **({"contractSize": changes["contract_size"]} if "contract_size" in changes else {}),
    }
    good = {
        **symbol,
        "symbol": "ETHUSDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
            symbol["filters"][1] | {"stepSize": "0.1", "minQty": "0.1", "maxQty": "10"},
        ],
    }
    good.pop("contractSize", None)
    return {"symbols": [symbol, good]}


# B62
@pytest.mark.parametrize(
    "changes",
    [
        {"tick": "0"},
        {"tick": "-0.1"},
        {"tick": "nan"},
        {"tick": "1e-30"},
        {"tick": None},
        {"tick": ""},
        {"step": "0"},
        {"min_qty": "5", "max_qty": "1"},
        {"min_qty": "-1"},
        {"contract_size": -5},
        {"contract_size": "abc"},
    ],
)
def test_impossible_rules_disable_the_symbol_only(store, tmp_path, changes):
    from tradewind.market import import_rules, resolve_instrument

    (tmp_path / "exchangeInfo.json").write_text(json.dumps(_market(**changes)))
    result = import_rules(store, tmp_path / "exchangeInfo.json", venue="binance_usdm", now_ns=NOW_NS)
    assert [s.symbol for s in result.skipped] == ["BTCUSDT"]
    assert str(resolve_instrument(store, "binance_usdm", "ETHUSDT").lot_size) == "0.1"
    assert result.entries == 1


def test_every_hole_and_infinity_in_any_column_is_found(store, tmp_path, bars):
    for name in ("open", "high", "low", "close", "volume"):
        for bad in (np.nan, np.inf, -np.inf, -1.0):
            column = bars.column(name).copy()
            column[99] = bad
            write_parquet(
                tmp_path / "a.parquet",
                {"ts": bars.ts_ns, **{n: bars.column(n) for n in bars.COLUMNS}, name: column},
            )
            with pytest.raises(TradewindError) as raised:
                import_file(store, tmp_path / "a.parquet", STATED)
            assert raised.value.code in ("DATA_NOT_FINITE", "DATA_RANGE")
