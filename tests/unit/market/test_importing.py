"""Importing: formats, headers, units of time, what a name says, what is refused."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import Bars, ImportRequest, SeriesKey, import_file, parse_file
from tradewind.market.tables import write_parquet
from tradewind.units.time import HOUR_NS, MINUTE_NS, format_utc

NOW_NS = 1_785_542_400 * 10**9
KEY = SeriesKey("binance_usdm", "bars", "BTCUSDT", MINUTE_NS)
STATED = ImportRequest(now_ns=NOW_NS, venue="binance_usdm", symbol="BTCUSDT")


def rows_of(bars, *, scale=1_000_000, extra=(), sep=","):
    """Return lines with the time in ns / scale; extra columns stand at the end."""
    return [
        sep.join(
            [str(int(t) // scale), *(repr(float(bars.column(n)[i])) for n in Bars.COLUMNS), *map(str, extra)]
        )
        for i, t in enumerate(bars.ts_ns)
    ]


def text_of(bars, header="ts,open,high,low,close,volume", **how):
    return "\n".join(([header] if header else []) + rows_of(bars, **how)) + "\n"


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(store, path, request=STATED):
    with pytest.raises(TradewindError) as raised:
        import_file(store, path, request)
    assert not [p for p in store.root.rglob("*") if p.name != ".lock"], "something was written"
    return raised.value


# ---------------------------------------------------------------------------- formats


@pytest.mark.parametrize(("scale", "unit"), [(10**9, "s"), (10**6, "ms"), (10**3, "us"), (1, "ns")])
def test_units_of_time_are_recognised_by_magnitude(store, tmp_path, bars, scale, unit):
    path = written(tmp_path / "a.csv", text_of(bars, scale=scale))
    result = import_file(store, path, STATED)
    assert store.read(KEY).same_as(bars)
    assert (f"times in {unit}" in result.series[0].notes) == (unit != "ns")


HEADERS = {
    "ts,open,high,low,close,volume": {},
    "timestamp,Open,High,Low,Close,Volume": {},
    "Open time,Open,High,Low,Close,Volume": {},
    "open_time;o;h;l;c;v": {"sep": ";"},
    "Unix\tOPEN\tHIGH\tLOW\tCLOSE\tVolume BTC": {"sep": "\t"},
    "time|open|high|low|close|vol": {"sep": "|"},
    '"time","open","high","low","close","volume"': {},
    "\ufeffts,open,high,low,close,volume": {},
    "": {},
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_exporters_and_none_at_all(store, tmp_path, bars, header):
    path = written(tmp_path / "a.csv", text_of(bars, header, **HEADERS[header]))
    import_file(store, path, STATED)
    assert store.read(KEY).same_as(bars)


def test_columns_in_another_order_are_taken_by_name(store, tmp_path, bars):
    lines = ["volume,close,ts,open,low,high"]
    for i in range(len(bars)):
        v = {n: repr(float(bars.column(n)[i])) for n in Bars.COLUMNS}
        lines.append(
            f"{v['volume']},{v['close']},{bars.ts_ns[i] // 10**6},{v['open']},{v['low']},{v['high']}"
        )
    import_file(store, written(tmp_path / "a.csv", "\n".join(lines)), STATED)
    assert store.read(KEY).same_as(bars)


@pytest.mark.parametrize("form", ["{}", "{} UTC", "{}+00:00", "{}Z"])
def test_written_dates_are_utc(store, tmp_path, bars, form):
    lines = ["date,open,high,low,close,volume"]
    for i, line in enumerate(rows_of(bars)):
        date = format_utc(int(bars.ts_ns[i])).removesuffix("Z")
        date = date if "T" in date else f"{date}T00:00:00"
        lines.append(",".join([form.format(date.replace("T", " ")), *line.split(",")[1:]]))
    import_file(store, written(tmp_path / "a.csv", "\n".join(lines)), STATED)
    assert store.read(KEY).same_as(bars)


def test_a_date_with_a_zone_is_shifted(store, tmp_path):
    text = "date,open,high,low,close,volume\n2024-01-01T02:00:00+02:00,1,1,1,1,1\n2024-01-01T02:01:00+02:00,1,1,1,1,1\n"
    import_file(store, written(tmp_path / "a.csv", text), STATED)
    assert format_utc(int(store.read(KEY).ts_ns[0])) == "2024-01-01"


@pytest.mark.parametrize("ending", ["csv.gz", "zip", "txt"])
def test_compressed_text_is_the_same_text(store, tmp_path, bars, ending):
    path = tmp_path / f"a.{ending}"
    text = text_of(bars).encode()
    if ending == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if ending.endswith("gz") else text)
    import_file(store, path, STATED)
    assert store.read(KEY).same_as(bars)


@pytest.mark.parametrize("header", [False, True])
def test_monthly_archive_of_binance_with_and_without_header(store, tmp_path, bars, header):
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote,ignore"
    text = text_of(bars, names if header else "", extra=(0, 0, 0, 0, 0, 0))
    path = (
        tmp_path
        / "data"
        / "futures"
        / "um"
        / "monthly"
        / "klines"
        / "BTCUSDT"
        / "1m"
        / "BTCUSDT-1m-2025-05.zip"
    )
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-1m-2025-05.csv", text)
    result = import_file(store, path, ImportRequest(now_ns=NOW_NS))
    assert [s.key for s in result.series] == [KEY]
    assert store.read(KEY).same_as(bars)


def test_parquet_with_timestamps_and_small_numbers(store, tmp_path, bars):
    path = tmp_path / "BTCUSDT_1m.parquet"
    columns = {
        "date": bars.ts_ns.astype("datetime64[ns]"),
        **{n: bars.column(n).astype(np.float32) for n in Bars.COLUMNS},
    }
    write_parquet(path, columns)
    result = import_file(store, path, ImportRequest(now_ns=NOW_NS, venue="binance_usdm"))
    assert store.read(KEY).same_as(bars), "32-bit numbers are read as the decimals they were written from"
    assert any("32 bits" in note for note in result.series[0].notes)


def test_feather_of_freqtrade(store, tmp_path, bars):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import feather

    table = arrow.table(
        {
            "date": arrow.array(bars.ts_ns // 10**6, arrow.timestamp("ms", tz="UTC")),
            **{n: bars.column(n) for n in Bars.COLUMNS},
        }
    )
    path = tmp_path / "BTC_USDT_USDT-1m-futures.feather"
    feather.write_feather(table, path)
    import_file(store, path, ImportRequest(now_ns=NOW_NS, venue="binance_usdm"))
    assert store.read(KEY).same_as(bars)


def test_feather_without_pyarrow_names_the_extra(store, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = written(tmp_path / "BTCUSDT-1m.feather", b"ARROW1")
    error = refused(store, path)
    assert error.code == "EXTRA_MISSING"
    assert "tradewind[arrow]" in error.hint


def test_numpy_day_files_plain_and_structured(store, tmp_path, bars):
    rows = np.column_stack([bars.ts_ns // 10**6, *(bars.column(n) for n in Bars.COLUMNS)])
    first, second = tmp_path / "2025-05-31.npy", tmp_path / "2025-06-01.npy"
    np.save(first, rows[:120])
    np.save(second, rows[120:])
    import_file(store, [first, second], STATED)
    assert store.read(KEY).same_as(bars)
    form = [("ts", "i8"), ("o", "f8"), ("h", "f8"), ("l", "f8"), ("c", "f8"), ("bv", "f8")]
    structured = np.zeros(len(bars), form)
    for (name, _), column in zip(form, rows.T, strict=True):
        structured[name] = column
    np.save(tmp_path / "all.npy", structured)
    assert import_file(store, tmp_path / "all.npy", STATED).series[0].rows_known == len(bars)


def test_a_pickled_array_is_not_opened(store, tmp_path):
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)
    assert refused(store, tmp_path / "a.npy").code == "DATA_CORRUPT"


def test_a_path_with_pattern_characters_is_one_file(store, tmp_path, bars):
    for name in ("a[1].csv", "b*.csv", "it's.csv"):
        import_file(store, written(tmp_path / name, text_of(bars)), STATED)
    write_parquet(tmp_path / "x.parquet", {"ts": bars.ts_ns, **{n: bars.column(n) for n in Bars.COLUMNS}})
    (tmp_path / "x.parquet").rename(tmp_path / "x[a-z]?.parquet")
    assert import_file(store, tmp_path / "x[a-z]?.parquet", STATED).series[0].rows_known == len(bars)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_name_that_looks_like_a_pattern_reads_no_other_file(store, tmp_path, bars, ending):
    other = bars.take(slice(0, 50))
    for name, rows in ((f"a[1].{ending}", bars), (f"a1.{ending}", other)):
        if ending == "csv":
            written(tmp_path / name, text_of(rows))
        else:
            write_parquet(tmp_path / "plain", {"ts": rows.ts_ns, **{n: rows.column(n) for n in Bars.COLUMNS}})
            (tmp_path / "plain").rename(tmp_path / name)
    assert import_file(store, tmp_path / f"a[1].{ending}", STATED).series[0].rows_added == len(bars)


def test_comment_lines_before_the_header_are_passed_over(store, tmp_path, bars):
    text = "https://www.CryptoDataDownload.com\n# by somebody\n" + text_of(bars)
    import_file(store, written(tmp_path / "a.csv", text), STATED)
    assert store.read(KEY).same_as(bars)


def test_columns_nobody_asked_for_are_named(store, tmp_path, bars):
    text = text_of(bars, "ts,open,high,low,close,volume,rsi_14,signal", extra=(1, 2))
    assert import_file(store, written(tmp_path / "a.csv", text), STATED).ignored_columns == (
        "rsi_14",
        "signal",
    )


# ---------------------------------------------------------------------------- other kinds, several series


def test_funding_archive_and_rate_history(store, tmp_path):
    text = "calc_time,funding_interval_hours,last_funding_rate\n1704067200000,8,0.00037409\n1704096000007,8,-0.00025\n"
    path = written(tmp_path / "futures/um/BTCUSDT-fundingRate-2024-01.csv", text)
    result = import_file(store, path, ImportRequest(now_ns=NOW_NS))
    found = store.read_funding("binance_usdm", "BTCUSDT")
    assert found.rate.tolist() == [0.00037409, -0.00025]
    assert (np.diff(found.ts_ns) == 8 * HOUR_NS).all(), "7 ms of jitter are taken off"
    assert any("7 ms off" in note for note in result.series[0].notes)


def test_a_settlement_hours_late_stays_where_it_is(store, tmp_path):
    text = "ts,rate\n1704067200000,0.0001\n1704103217000,0.0001\n"
    import_file(store, written(tmp_path / "funding.csv", text), STATED)
    late_ns = 10 * HOUR_NS + 17 * 10**9
    assert np.diff(store.read_funding("binance_usdm", "BTCUSDT").ts_ns).tolist() == [late_ns]


def test_mark_prices_have_no_volume_or_one_of_zeros(store, tmp_path, bars):
    text = text_of(bars, "ts,open,high,low,close,volume")
    import_file(store, written(tmp_path / "markPriceKlines" / "BTCUSDT-1m-2025-05.csv", text), STATED)
    found = store.read_mark("binance_usdm", "BTCUSDT", MINUTE_NS)
    assert found.close.tolist() == bars.close.tolist()


def test_prices_without_volume_and_without_a_kind_are_refused(store, tmp_path, bars):
    lines = "\n".join(line.rsplit(",", 1)[0] for line in text_of(bars).splitlines())
    error = refused(store, written(tmp_path / "a.csv", lines))
    assert error.code == "DATA_SCHEMA"
    assert "--kind mark" in error.message


def test_open_interest_of_the_metrics_archive(store, tmp_path):
    names = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_long_short_ratio"
    rows = (
        "2024-01-01 00:05:00,BTCUSDT,80000.5,3400000000.25,1.2",
        "2024-01-01 00:10:00,BTCUSDT,80001,3400000001,1",
    )
    text = "\n".join((names, *rows))
    path = written(tmp_path / "BTCUSDT-metrics-2024-01-01.csv", text)
    import_file(store, path, ImportRequest(now_ns=NOW_NS, venue="binance_usdm"))
    found = store.read_open_interest("binance_usdm", "BTCUSDT")
    assert found.qty.tolist() == [80000.5, 80001.0]
    assert found.value[0] == 3400000000.25


def test_a_file_of_many_owners_gives_each_its_series(store, tmp_path):
    lines = ["venue,symbol,ts,open,high,low,close,volume"]
    for venue in ("binance", "okx"):
        for n, symbol in enumerate(("BTC", "ETH")):
            lines += [
                f"{venue},{symbol},{1704067200000 + i * 3600000},{n + 1},{n + 1},{n + 1},{n + 1},5"
                for i in range(4)
            ]
    path = written(tmp_path / "candles_1h.csv", "\n".join(lines))
    result = import_file(store, path, ImportRequest(now_ns=NOW_NS))
    assert [(s.key.venue, s.key.symbol, s.rows_added) for s in result.series] == [
        ("binance", "BTC", 4),
        ("binance", "ETH", 4),
        ("okx", "BTC", 4),
        ("okx", "ETH", 4),
    ]
    chosen = import_file(store, path, ImportRequest(now_ns=NOW_NS, venue="okx", symbol="eth"))
    assert [(s.key.venue, s.key.symbol) for s in chosen.series] == [("okx", "eth")]


def test_one_bad_series_keeps_all_of_a_file_out(store, tmp_path):
    lines = ["venue,symbol,ts,open,high,low,close,volume"]
    lines += [f"okx,BTC,{1704067200000 + i * 3600000},1,1,1,1,5" for i in range(4)]
    lines += [f"okx,ETH,{1704067200000 + i * 3600000},1,0.5,1,1,5" for i in range(4)]
    assert (
        refused(store, written(tmp_path / "c.csv", "\n".join(lines)), ImportRequest(now_ns=NOW_NS)).code
        == "DATA_OHLC"
    )


# ---------------------------------------------------------------------------- order, repetition, ends


def test_a_file_upside_down_is_sorted_and_says_so(store, tmp_path, bars):
    text = "\n".join(["ts,open,high,low,close,volume", *rows_of(bars)[::-1]])
    result = import_file(store, written(tmp_path / "a.csv", text), STATED)
    assert store.read(KEY).same_as(bars)
    assert any("199 steps back" in note for note in result.series[0].notes)


def test_equal_repeated_rows_are_left_out_and_counted(store, tmp_path, bars):
    lines = rows_of(bars)
    text = "\n".join(["ts,open,high,low,close,volume", *lines[:50], *lines[40:]])
    result = import_file(store, written(tmp_path / "a.csv", text), STATED)
    assert store.read(KEY).same_as(bars)
    assert any("10 repeated records" in note for note in result.series[0].notes)


def test_the_last_bar_that_has_not_ended_is_left_out(store, tmp_path, bars):
    path = written(tmp_path / "a.csv", text_of(bars))
    now_ns = int(bars.ts_ns[-1]) + MINUTE_NS // 2
    result = import_file(store, path, ImportRequest(now_ns=now_ns, venue="binance_usdm", symbol="BTCUSDT"))
    assert len(store.read(KEY)) == len(bars) - 1
    assert any("unfinished" in note for note in result.series[0].notes)


def test_importing_twice_adds_nothing(store, tmp_path, bars):
    path = written(tmp_path / "a.csv", text_of(bars))
    import_file(store, path, STATED)
    again = import_file(store, path, STATED).series[0]
    assert (again.rows_added, again.rows_known) == (0, len(bars))
    assert len(store.show(KEY).sources) == 1


def test_parse_file_touches_no_store(tmp_path, bars):
    parsed = parse_file(written(tmp_path / "a.csv", text_of(bars)), STATED)
    assert parsed[0].series.same_as(bars)


def test_progress_counts_records_month_by_month(store, tmp_path, bars):
    told = []
    import_file(
        store,
        written(tmp_path / "a.csv", text_of(bars)),
        STATED,
        lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 200), (120, 200), (200, 200)]


@pytest.mark.parametrize(
    "symbol",
    [
        "BTC-USDT-SWAP",
        "BTCUSD_PERP",
        "BTC/USD:BTC",
        "币安人生USDT",
        "@107",
        "BTCUSDT_250926",
        "1000PEPEUSDT",
        "BTC.P",
    ],
)
def test_a_symbol_as_venues_write_them_is_taken(store, tmp_path, bars, symbol):
    path = written(tmp_path / "candles.csv", text_of(bars))
    (found,) = import_file(store, path, ImportRequest(STATED.now_ns, "okx_swap", symbol)).series
    assert found.key.symbol == symbol


@pytest.mark.parametrize(
    "symbol",
    [
        "../../x",
        "a/../b",
        "/etc",
        "..",
        ".x",
        "a b",
        "BTC USDT",
        "BTC/",
        "-",
        "%2e",
        "a\nb",
        "x" * 65,
        "BTC;rm",
        "BTC\\x",
    ],
)
def test_a_symbol_that_no_venue_could_have_is_refused(store, tmp_path, bars, symbol):
    path = written(tmp_path / "candles.csv", text_of(bars))
    error = refused(store, path, ImportRequest(STATED.now_ns, "okx_swap", symbol))
    assert (error.code, error.key, error.where) == ("SYMBOL_UNKNOWN", "symbol", str(path))
    assert store.list() == ()
