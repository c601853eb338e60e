"""Packed rows are readable with the fields they were written with, by every later layout."""

from __future__ import annotations

import numpy as np

from tradewind.journal import layout_of, pack_rows, unpack_rows

OLD = np.dtype([("kind", "<i8"), ("price_tick", "<i8"), ("gone", "<i8")])
NEW = np.dtype([("kind", "<i8"), ("flags_new", "<f8"), ("price_tick", "<i8")])


def test_rows_come_back_as_they_were_and_may_be_written_to():
    rows = np.zeros(3, OLD)
    rows["price_tick"] = [5, -7, 2**62]
    back = unpack_rows(pack_rows(rows), layout_of(OLD), OLD)
    assert back.tobytes() == rows.tobytes()
    back["kind"] = 1


def test_rows_of_an_older_layout_are_widened_by_name():
    rows = np.array([(1, 2, 3), (4, 5, 6)], OLD)
    back = unpack_rows(pack_rows(rows), layout_of(OLD), NEW)
    assert back["kind"].tolist() == [1, 4]
    assert back["price_tick"].tolist() == [2, 5]
    assert back["flags_new"].tolist() == [0.0, 0.0]


def test_layout_survives_the_header_as_plain_text():
    assert layout_of(OLD) == (("kind", "<i8"), ("price_tick", "<i8"), ("gone", "<i8"))
