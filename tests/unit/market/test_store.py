"""The store: round trips, hashes, conflicts, atomicity, the lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest

from tradewind.config import files
from tradewind.config.files import lock
from tradewind.errors import TradewindError
from tradewind.market import Bars, Funding, OpenInterest, SeriesKey, Store
from tradewind.units.time import HOUR_NS, MINUTE_NS, parse_utc

KEY = SeriesKey("binance_usdm", "bars", "BTCUSDT", MINUTE_NS)


def code_of(raised) -> str:
    assert isinstance(raised.value, TradewindError)
    return raised.value.code


def changed(bars: Bars, row: int, name: str = "close") -> Bars:
    column = bars.column(name).copy()
    column[row] *= 1.0001
    return Bars.from_columns({**bars.columns(), name: column}, bars.interval_ns)


def test_what_goes_in_comes_out_bit_for_bit(store, bars, source):
    store.merge(KEY, bars, source)
    assert store.read_bars("binance_usdm", "BTCUSDT", MINUTE_NS).same_as(bars)


def test_a_range_is_cut_to_the_bar_across_months(store, bars, source):
    store.merge(KEY, bars, source)
    start, end = int(bars.ts_ns[100]), int(bars.ts_ns[150])
    found = store.read_bars("binance_usdm", "BTCUSDT", MINUTE_NS, start, end)
    assert found.same_as(bars.between(start, end))


def test_files_lie_by_venue_kind_symbol_and_month(store, bars, source):
    store.merge(KEY, bars, source)
    names = sorted(p.name[:7] for p in (store.root / "binance_usdm" / "bars_1m" / "BTCUSDT").iterdir())
    assert names == ["2025-05", "2025-06"]


def test_the_second_import_changes_no_byte(store, bars, source):
    store.merge(KEY, bars, source)
    before = {p: p.read_bytes() for p in store.root.rglob("*") if p.is_file() and not p.name.startswith(".")}
    count = store.merge(KEY, bars, source)
    after = {p: p.read_bytes() for p in store.root.rglob("*") if p.is_file() and not p.name.startswith(".")}
    assert (count.added, count.known) == (0, len(bars))
    assert before == after


def test_overlapping_halves_make_the_whole_in_either_order(store, bars, source, tmp_path):
    other = Store(tmp_path / "other")
    parts = [bars.take(slice(0, 140)), bars.take(slice(110, None))]
    for target, order in ((store, parts), (other, parts[::-1])):
        for part in order:
            target.merge(KEY, part, source)
        assert target.read(KEY).same_as(bars)


@pytest.mark.parametrize("name", Bars.COLUMNS)
def test_a_value_that_differs_is_a_conflict_and_nothing_is_written(store, bars, source, name):
    store.merge(KEY, bars.take(slice(0, 150)), source)
    with pytest.raises(TradewindError) as raised:
        store.merge(KEY, changed(bars, 149, name), source)
    assert code_of(raised) == "DATA_CONFLICT"
    assert "2025-06-01T00:29:00Z" in raised.value.message
    assert store.read(KEY).same_as(bars.take(slice(0, 150)))
    assert not list(store.root.rglob("*.tmp"))


def test_a_difference_in_the_last_bits_agrees_and_the_stored_value_stays(store, bars, source):
    store.merge(KEY, bars, source)
    volume = np.nextafter(bars.volume, 1e9)
    store.merge(KEY, Bars.from_columns({**bars.columns(), "volume": volume}, MINUTE_NS), source)
    assert store.read(KEY).same_as(bars)


def test_all_series_of_a_merge_appear_or_none(store, bars, source):
    store.merge(KEY, bars, source)
    fresh = SeriesKey("binance_usdm", "bars", "ETHUSDT", MINUTE_NS)
    with pytest.raises(TradewindError):
        store.merge_all([(fresh, bars), (KEY, changed(bars, 3))], source)
    assert [i.key for i in store.list()] == [KEY]
    assert not list(store.root.rglob("*ETHUSDT*/*.parquet"))
    assert not list(store.root.rglob("*.tmp"))


def test_missing_history_says_what_there_is(store, bars, source):
    store.merge(KEY, bars, source)
    with pytest.raises(TradewindError) as raised:
        store.read_bars("binance_usdm", "BTCUSDT", HOUR_NS)
    assert code_of(raised) == "DATA_MISSING"
    assert "BTCUSDT bars 1m" in raised.value.hint
    with pytest.raises(TradewindError) as raised:
        store.read_bars(
            "binance_usdm", "BTCUSDT", MINUTE_NS, parse_utc("2020-01-01"), parse_utc("2020-02-01")
        )
    assert code_of(raised) == "DATA_MISSING"
    assert "2025-05-31T22:00:00Z" in raised.value.message


def test_an_empty_store_lists_nothing_and_makes_no_folder(store):
    assert store.list() == ()
    assert not store.root.exists()


def test_a_changed_file_is_found_even_with_its_size_and_time(store, bars, source):
    store.merge(KEY, bars, source)
    store.read(KEY)
    path = next((store.root / KEY.folder).glob("2025-06*"))
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (store.root / ".verified.json").unlink()
    with pytest.raises(TradewindError) as raised:
        store.read(KEY)
    assert code_of(raised) == "DATA_HASH"


def test_a_missing_file_is_found(store, bars, source):
    store.merge(KEY, bars, source)
    next((store.root / KEY.folder).glob("2025-06*")).unlink()
    with pytest.raises(TradewindError) as raised:
        store.read(KEY)
    assert code_of(raised) == "DATA_HASH"


def test_hashes_are_checked_once_per_file_version(store, bars, source, monkeypatch):
    store.merge(KEY, bars, source)
    store.read(KEY)
    hashed = []
    monkeypatch.setattr("tradewind.market.manifest.file_hash", lambda path: hashed.append(path))
    store.read(KEY)
    assert hashed == []
    path = next((store.root / KEY.folder).glob("2025-06*"))
    os.utime(path, ns=(1, 1))
    with pytest.raises(TradewindError):
        store.read(KEY)
    assert hashed == [path]


def test_a_store_that_cannot_be_written_can_be_read(store, bars, source):
    store.merge(KEY, bars, source)
    (store.root / ".verified.json").unlink(missing_ok=True)
    store.root.chmod(0o500)
    try:
        assert store.read(KEY).same_as(bars)
    finally:
        store.root.chmod(0o700)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"series": {"a": 5}}', b"\xff\xfe"])
def test_a_damaged_manifest_is_said(store, bars, source, content):
    store.merge(KEY, bars, source)
    (store.root / "manifest.json").write_bytes(content)
    with pytest.raises(TradewindError) as raised:
        store.list()
    assert code_of(raised) == "DATA_CORRUPT"


def test_a_manifest_of_a_newer_version_is_said(store, bars, source):
    store.merge(KEY, bars, source)
    path = store.root / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(TradewindError) as raised:
        store.list()
    assert code_of(raised) == "CONFIG_VERSION"


def test_a_crash_before_the_manifest_leaves_the_old_history(store, bars, source, monkeypatch):
    store.merge(KEY, bars.take(slice(0, 150)), source)

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tradewind.market.manifest.write_atomic", crash)
    with pytest.raises(KeyboardInterrupt):
        store.merge(KEY, bars, source)
    monkeypatch.undo()
    assert store.read(KEY).same_as(bars.take(slice(0, 150)))
    store.merge(KEY, bars, source)
    assert store.read(KEY).same_as(bars)


def test_files_that_no_manifest_names_go_at_the_next_import(store, bars, source):
    store.merge(KEY, bars.take(slice(0, 150)), source)
    stray = store.root / KEY.folder / "2025-06-000000000000.parquet"
    stray.write_bytes(b"left by a crash")
    store.merge(KEY, bars, source)
    assert not stray.exists()
    assert store.read(KEY).same_as(bars)


def test_a_second_writer_is_told_who_holds_the_store(store, bars, source):
    script = (
        "import sys, pathlib\n"
        "from tradewind.config.files import lock\n"
        "with lock(pathlib.Path(sys.argv[1]) / '.lock', 'data import'):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    store.root.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TradewindError) as raised:
            store.merge(KEY, bars, source, wait_s=0.0)
        assert code_of(raised) == "LOCKED"
        assert str(other.pid) in raised.value.message
        other.communicate("\n")
    store.merge(KEY, bars, source)


def test_a_second_writer_waits_for_the_first(store, bars, source, monkeypatch):
    held = ExitStack()
    held.enter_context(lock(store.root / ".lock", "data import"))
    monkeypatch.setattr(files.time, "sleep", lambda _: held.close())
    assert store.merge(KEY, bars, source).added == len(bars)


@pytest.mark.parametrize(
    "symbol", ["BTC-USDT-SWAP", "BTC/USD:BTC", "币安人生USDT", "a b", "..x", "%2e", "BTC.P"]
)
def test_symbols_of_every_spelling_have_a_place(store, bars, source, symbol):
    key = SeriesKey("okx_swap", "bars", symbol, MINUTE_NS)
    store.merge(key, bars, source)
    assert store.read(key).same_as(bars)
    assert store.list()[0].key == key
    assert (store.root / key.folder).resolve().is_relative_to(store.root.resolve())


@pytest.mark.parametrize("symbol", ["", ".", "..", " ", "x" * 200])
def test_symbols_that_can_name_nothing_are_refused(store, bars, source, symbol):
    with pytest.raises(TradewindError) as raised:
        store.merge(SeriesKey("okx_swap", "bars", symbol, MINUTE_NS), bars, source)
    assert code_of(raised) == "DATA_SYMBOL"


def test_a_root_with_pattern_characters_names_itself(tmp_path, bars, source):
    store = Store(tmp_path / "a[1] *?'q")
    store.merge(KEY, bars, source)
    assert store.read(KEY).same_as(bars)


def test_each_kind_has_its_own_place(store, source):
    ts_ns = parse_utc("2025-01-01") + np.arange(3) * 8 * HOUR_NS
    funding = Funding(ts_ns, np.array([1e-4, -2e-4, 0.0]), np.array([np.nan, 5.0, np.nan]))
    interest = OpenInterest(ts_ns, np.array([1.0, 2.0, 3.0]), np.full(3, np.nan))
    store.merge(SeriesKey("dydx", "funding", "BTC-USD"), funding, source)
    store.merge(SeriesKey("dydx", "open_interest", "BTC-USD"), interest, source)
    assert store.read_funding("dydx", "BTC-USD").same_as(funding)
    assert store.read_open_interest("dydx", "BTC-USD").same_as(interest)


def test_two_rates_of_one_settlement_are_a_funding_conflict(store, source):
    key = SeriesKey("dydx", "funding", "BTC-USD")
    store.merge(key, Funding(np.array([HOUR_NS]), np.array([1e-4]), np.array([np.nan])), source)
    with pytest.raises(TradewindError) as raised:
        store.merge(key, Funding(np.array([HOUR_NS]), np.array([2e-4]), np.array([np.nan])), source)
    assert code_of(raised) == "FUNDING_CONFLICT"


def test_an_absent_value_contradicts_nothing_and_is_completed(store, source):
    key = SeriesKey("dydx", "funding", "BTC-USD")
    ts_ns, rate, none = np.array([1, 2]) * HOUR_NS, np.array([1e-4, 2e-4]), np.array([np.nan, np.nan])
    store.merge(key, Funding(ts_ns, rate, none), source)
    count = store.merge(key, Funding(ts_ns, rate, np.array([np.nan, 7.0])), source)
    assert (count.added, count.known, count.completed) == (0, 2, 1)
    assert store.merge(key, Funding(ts_ns, rate, none), source).completed == 0
    assert store.read_funding("dydx", "BTC-USD").mark_price[1] == 7.0


def test_show_says_where_records_came_from(store, bars, source):
    store.merge(KEY, bars, source)
    info = store.show(KEY)
    assert (info.rows, info.first_ns, info.last_ns) == (200, int(bars.ts_ns[0]), int(bars.ts_ns[-1]))
    assert [(s.name, s.rows_added) for s in info.sources] == [("somewhere.parquet", 200)]
    assert store.intervals("binance_usdm", "BTCUSDT") == (MINUTE_NS,)


@pytest.mark.parametrize(("kind", "interval_ns"), [("bars", 0), ("funding", MINUTE_NS), ("trades", 0)])
def test_a_key_that_cannot_be_is_refused(kind, interval_ns):
    with pytest.raises(ValueError, match=r"histor|interval"):
        SeriesKey("dydx", kind, "BTC", interval_ns)
