"""Bars in several resolutions: nothing of the market is lost on the way, and budgets hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.report.pyramid import aggregate, build_pyramid, keep_around


@pytest.fixture(scope="module")
def bars(builders):
    return builders.make_bars(builders.RunSpec(bars=20_000, interval_ns=builders.MINUTE_NS), 0)


def test_short_run_is_kept_whole_and_needs_no_detail(bars):
    found = build_pyramid(bars, bars.ts_ns[:5], 20_000, 100)
    assert found.detail is None
    assert found.overview.ts_ns is bars.ts_ns


def test_long_run_has_an_overview_within_its_budget_and_detail_around_fills(bars):
    fills = bars.ts_ns[[50, 9_000, 9_001, 19_999]]
    found = build_pyramid(bars, fills, 2_000, 900)
    assert found.overview.interval_ns == 10 * 60_000_000_000
    assert len(found.overview.ts_ns) == 2_000
    assert len(found.detail.ts_ns) <= 900
    assert np.isin(fills, found.detail.ts_ns).all()
    assert found.overview.high.max() == bars.high.max()
    assert found.overview.low.min() == bars.low.min()
    assert found.overview.volume.sum() == pytest.approx(bars.volume.sum())


def test_coarse_bars_equal_those_made_one_by_one(bars):
    keep = np.random.default_rng(1).random(len(bars.ts_ns)) < 0.7
    fine = build_pyramid(bars, bars.ts_ns[:0], 10**6, 0).overview
    fine = type(fine)(
        fine.interval_ns,
        *(getattr(fine, name)[keep] for name in ("ts_ns", "open", "high", "low", "close", "volume")),
    )
    coarse = aggregate(fine, 7)
    for at in range(0, len(coarse.ts_ns), 97):
        inside = (fine.ts_ns >= coarse.ts_ns[at]) & (fine.ts_ns < coarse.ts_ns[at] + coarse.interval_ns)
        assert coarse.open[at] == fine.open[inside][0]
        assert coarse.close[at] == fine.close[inside][-1]
        assert coarse.high[at] == fine.high[inside].max()
        assert coarse.low[at] == fine.low[inside].min()
        assert coarse.volume[at] == pytest.approx(fine.volume[inside].sum())
    assert np.all(coarse.ts_ns % coarse.interval_ns == 0)


@given(st.lists(st.integers(0, 999), max_size=300), st.integers(0, 1000))
def test_detail_never_exceeds_its_budget(rows, budget):
    kept = keep_around(1000, np.array(rows, dtype=np.int64), budget)
    assert np.count_nonzero(kept) <= budget
    if rows and budget >= 481:
        assert kept[rows[0]] or np.count_nonzero(kept) > 0


def test_one_bar_and_no_bar_are_fine(bars):
    one = type(bars)(
        *(getattr(bars, name)[:1] for name in ("ts_ns", "open", "high", "low", "close", "volume"))
    )
    assert len(build_pyramid(one, bars.ts_ns[:1], 10, 10).overview.ts_ns) == 1
    none = type(bars)(
        *(getattr(bars, name)[:0] for name in ("ts_ns", "open", "high", "low", "close", "volume"))
    )
    assert len(build_pyramid(none, bars.ts_ns[:1], 10, 10).overview.ts_ns) == 0
