"""Rules that hold for every history: imports, merges, policies, longer bars, steps."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.config.data_policy import DataPolicy
from tradewind.errors import TradewindError
from tradewind.market import (
    Bars,
    ImportRequest,
    SeriesKey,
    SourceEntry,
    Store,
    align,
    check_bars,
    finest_grid,
    import_file,
    prepare_bars,
    resample,
    to_steps,
)
from tradewind.units.time import HOUR_NS, MINUTE_NS, parse_utc

NOW_NS = parse_utc("2026-08-01")
START_NS = parse_utc("2024-02-29T22:00:00Z")
KEY = SeriesKey("okx_swap", "bars", "BTC-USDT-SWAP", MINUTE_NS)
SOURCE = SourceEntry(name="x", sha256="", imported_ns=NOW_NS)


@st.composite
def histories(draw, rows_max=240, sparse=True):
    """Draw sound one-minute bars on a tick of 0.1, with holes unless told otherwise."""
    rows = draw(st.integers(2, rows_max))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    path = 5_000 + np.cumsum(rng.integers(-20, 21, rows + 1))
    top, bottom = np.maximum(path[:-1], path[1:]), np.minimum(path[:-1], path[1:])
    minutes = np.arange(rows)
    if sparse and draw(st.booleans()):
        minutes = np.sort(rng.choice(rows * 2, rows, replace=False))
    ts_ns = START_NS + minutes.astype(np.int64) * MINUTE_NS
    prices = (path[:-1], top + rng.integers(0, 9, rows), bottom - rng.integers(0, 9, rows), path[1:])
    return Bars(ts_ns, *(p / 10 for p in prices), rng.integers(1, 10_000, rows) / 1000, MINUTE_NS)


@given(
    histories(),
    st.lists(st.tuples(st.integers(0, 239), st.integers(1, 240)), min_size=1, max_size=6),
    st.randoms(),
)
@settings(max_examples=25)
def test_pieces_merged_in_any_order_and_twice_make_the_union(bars, cuts, random):
    pieces = [bars.take(slice(min(a, b), max(a, b) + 1)) for a, b in cuts]
    pieces = [p for p in pieces if len(p)] * 2
    random.shuffle(pieces)
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for piece in pieces:
            store.merge(KEY, piece, SOURCE)
        covered = np.isin(bars.ts_ns, np.concatenate([p.ts_ns for p in pieces])) if pieces else []
        if len(pieces):
            assert store.read(KEY).same_as(bars.take(covered))


@given(histories(rows_max=60), st.integers(0, 59), st.sampled_from(Bars.COLUMNS), st.floats(1.000001, 1.5))
@settings(max_examples=20)
def test_any_changed_value_is_a_conflict_and_leaves_the_store_as_it_was(bars, row, name, factor):
    row %= len(bars)
    column = bars.column(name).copy()
    column[row] *= factor
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.merge(KEY, bars, SOURCE)
        before = (Path(folder) / "manifest.json").read_bytes()
        with pytest.raises(TradewindError) as raised:
            store.merge(KEY, Bars.from_columns({**bars.columns(), name: column}, MINUTE_NS), SOURCE)
        assert raised.value.code == "DATA_CONFLICT"
        assert (Path(folder) / "manifest.json").read_bytes() == before
        assert store.read(KEY).same_as(bars)


@given(histories(rows_max=80), st.randoms(), st.sampled_from([1, 10**3, 10**6, 10**9]), st.integers(0, 5))
@settings(max_examples=25)
def test_a_shuffled_repeated_text_in_any_unit_imports_to_the_same_bars(bars, random, scale, repeats):
    rows = [
        f"{int(t) // scale}," + ",".join(repr(float(bars.column(n)[i])) for n in Bars.COLUMNS)
        for i, t in enumerate(bars.ts_ns)
    ]
    rows += random.sample(rows, min(repeats, len(rows)))
    random.shuffle(rows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("ts,open,high,low,close,volume\n" + "\n".join(rows))
        store = Store(Path(folder) / "data")
        request = ImportRequest(NOW_NS, "okx_swap", "BTC-USDT-SWAP", "bars", None)
        try:
            import_file(store, path, request)
        except TradewindError as error:
            if (
                error.code != "DATA_TIMEFRAME"
            ):  # a sparse series may not show its interval; then it is refused
                raise
            return
        key = store.list()[0].key
        if key.interval_ns == MINUTE_NS:
            assert store.read(key).same_as(bars)
            assert import_file(store, path, request).series[0].rows_added == 0


@given(
    st.binary(max_size=400), st.sampled_from(["a.csv", "a.csv.gz", "a.zip", "a.parquet", "a.npy", "a.txt"])
)
@settings(max_examples=60)
def test_any_bytes_are_refused_with_a_code_and_nothing_is_written(content, name):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        store = Store(Path(folder) / "data")
        with pytest.raises(TradewindError) as raised:
            import_file(store, path, ImportRequest(NOW_NS, "okx_swap", "BTC-USDT-SWAP"))
        assert raised.value.code.startswith(("DATA_", "PATH_"))
        assert not store.root.exists()


@given(histories(), st.sampled_from([5, 15, 60, 240]), st.integers(1, 239))
@settings(max_examples=50)
def test_longer_bars_never_change_by_what_comes_after_they_are_known(bars, factor, cut):
    cut = min(cut, len(bars))
    whole = resample(bars, factor * MINUTE_NS)
    past = resample(bars.take(slice(0, cut)), factor * MINUTE_NS)
    known = int((whole.known_ns <= bars.end_ns[cut - 1]).sum())
    assert past.bars.take(slice(0, known)).same_as(whole.bars.take(slice(0, known)))
    assert (past.visible_rows(bars.end_ns[:cut]) == whole.visible_rows(bars.end_ns[:cut])).all()


@given(histories(), st.sampled_from([5, 15, 60, 1440, 10080]))
@settings(max_examples=50)
def test_longer_bars_keep_extremes_ends_and_volume(bars, factor):
    found = resample(bars, factor * MINUTE_NS)
    assert found.bars.high.max() == bars.high.max()
    assert found.bars.low.min() == bars.low.min()
    assert found.bars.open[0] == bars.open[0]
    assert found.bars.close[-1] == bars.close[-1]
    assert found.bars.volume.sum() == pytest.approx(bars.volume.sum())
    assert found.count.sum() == len(bars)
    assert check_bars(found.bars) == () or {d.kind for d in check_bars(found.bars)} == {"gaps"}


@given(histories(sparse=False), st.sampled_from([5, 15]))
@settings(max_examples=25)
def test_longer_bars_of_longer_bars_are_the_same(bars, factor):
    direct = resample(bars, HOUR_NS).bars
    nested = resample(resample(bars, factor * MINUTE_NS).bars, HOUR_NS).bars
    for name in ("ts_ns", "open", "high", "low", "close"):
        assert (direct.column(name) == nested.column(name)).all()
    assert np.allclose(direct.volume, nested.volume, rtol=1e-12)


@given(histories(), st.sampled_from(["fill", "split", "accept"]))
@settings(max_examples=50)
def test_no_policy_of_gaps_changes_a_bar_that_is_there(bars, chosen):
    result = prepare_bars(bars, DataPolicy(gaps=chosen, flat="accept"), tick_size=Decimal("0.1"), where="x")
    kept = [s.bars.take(~s.made) for s in result.segments]
    assert Bars.concat(kept).same_as(bars)
    if chosen != "accept":
        assert all((np.diff(s.bars.ts_ns) == MINUTE_NS).all() for s in result.segments)


@given(st.lists(histories(rows_max=60), min_size=1, max_size=4))
@settings(max_examples=30)
def test_alignment_loses_nothing_and_invents_nothing(series):
    grid = align(series)
    assert (np.diff(grid.ts_ns) > 0).all()
    for number, bars in enumerate(series):
        at = grid.present[number]
        assert (grid.ts_ns[at] == bars.ts_ns).all()
        assert (grid.row[number][at] == np.arange(len(bars))).all()
    assert grid.present.any(axis=0).all()


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=50),
    st.sampled_from(["0.1", "0.01", "0.5", "0.00001", "0.0000001", "1", "5"]),
)
def test_steps_of_decimals_are_exact(counts, step):
    values = np.array([float(Decimal(n) * Decimal(step)) for n in counts])
    assert to_steps(values, Decimal(step)).tolist() == counts


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=30), st.integers(0, 6))
def test_the_finest_grid_holds_its_values_and_no_coarser_one_does(counts, digits):
    values = np.array([float(Decimal(n).scaleb(-digits)) for n in counts])
    found = finest_grid(values, Decimal(1))
    assert found.strays == 0
    whole = to_steps(values, found.step)
    assert [float(Decimal(int(n)) * found.step) for n in whole] == values.tolist()
    if found.ratio > 1:
        assert (whole % 10 != 0).any()
