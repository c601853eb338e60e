"""Columns of history: slices, joins, hashes."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.market import Bars, Funding, Mark, OpenInterest
from tradewind.units.time import HOUR_NS, MINUTE_NS


def test_between_takes_the_start_and_leaves_the_end(bars):
    part = bars.between(int(bars.ts_ns[10]), int(bars.ts_ns[20]))
    assert len(part) == 10
    assert part.ts_ns[0] == bars.ts_ns[10]


def test_between_without_sides_is_everything_and_shares_memory(bars):
    part = bars.between(None, None)
    assert len(part) == len(bars)
    assert np.shares_memory(part.close, bars.close)


def test_between_with_the_end_before_the_start_is_empty(bars):
    assert len(bars.between(int(bars.ts_ns[20]), int(bars.ts_ns[10]))) == 0


def test_concat_of_two_halves_is_the_whole(bars):
    halves = [bars.take(slice(0, 90)), bars.take(slice(90, None))]
    assert Bars.concat(halves).same_as(bars)


def test_concat_refuses_different_intervals_and_nothing(bars, hourly):
    with pytest.raises(ValueError, match="different intervals"):
        Bars.concat([bars, hourly])
    with pytest.raises(ValueError, match="nothing"):
        Bars.concat([])


def test_bars_are_known_when_they_end(bars):
    assert (bars.end_ns - bars.ts_ns == MINUTE_NS).all()


def test_columns_of_different_lengths_are_refused(bars):
    with pytest.raises(ValueError, match="lengths"):
        Bars(bars.ts_ns, bars.open[:-1], bars.high, bars.low, bars.close, bars.volume, MINUTE_NS)


def test_a_missing_column_is_refused_unless_optional(bars):
    with pytest.raises(ValueError, match="volume"):
        Bars.from_columns({"ts_ns": bars.ts_ns, **{n: bars.column(n) for n in Bars.COLUMNS[:-1]}}, MINUTE_NS)
    assert np.isnan(Funding.from_columns({"ts_ns": np.array([0]), "rate": np.array([0.1])}).mark_price).all()


def test_content_hash_is_known_and_covers_every_column(bars):
    first = Bars.from_columns(
        {"ts_ns": np.array([0]), **{n: np.array([1.0]) for n in Bars.COLUMNS}}, MINUTE_NS
    )
    assert first.content_hash() == "e03b4f26570f179865ebe6ad676a98df36abec800d28efc90fc9b9b86f3102a2"
    hashes = {first.content_hash(), bars.content_hash()}
    for name in bars.names():
        column = bars.column(name).copy()
        column[7] += 1
        hashes.add(Bars.from_columns({**bars.columns(), name: column}, MINUTE_NS).content_hash())
    hashes.add(Bars.from_columns(bars.columns(), HOUR_NS).content_hash())
    assert len(hashes) == 2 + len(bars.names()) + 1


def test_content_hash_does_not_depend_on_the_byte_order_in_memory(bars):
    swapped = Bars(bars.ts_ns.astype(">i8"), *(bars.column(n).astype(">f8") for n in Bars.COLUMNS), MINUTE_NS)
    assert swapped.content_hash() == bars.content_hash()


def test_same_as_sees_a_bit_and_takes_nan_for_nan():
    one = OpenInterest(np.array([1, 2]), np.array([1.0, np.nan]), np.array([2.0, 2.0]))
    two = OpenInterest(np.array([1, 2]), np.array([1.0, np.nan]), np.array([2.0, np.nextafter(2.0, 3.0)]))
    assert one.same_as(one)
    assert not one.same_as(two)


def test_mark_of_the_same_numbers_is_no_bars(bars):
    mark = Mark(bars.ts_ns, bars.open, bars.high, bars.low, bars.close, MINUTE_NS)
    assert not mark.same_as(bars)
    assert mark.end_ns[0] == bars.ts_ns[1]
