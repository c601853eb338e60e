"""Bars as a session heard them against bars as they are stored."""

import numpy as np

from tradewind.live.received import compare_bars

S = 60_000_000_000


def bars(*rows):
    return np.array([[at * S, *rest] for at, *rest in rows], np.int64)


HEARD = bars((1, 10, 12, 9, 11, 5), (2, 11, 13, 10, 12, 6), (3, 12, 14, 11, 13, 7), (5, 13, 15, 12, 14, 8))


def test_what_agrees_agrees():
    found = compare_bars(HEARD, HEARD)
    assert (found.received, found.equal) == (4, 4)
    assert found.prices == found.volumes == found.unheard == found.unknown == ()


def test_each_kind_of_difference_is_told_by_its_time():
    stored = bars(
        (0, 9, 9, 9, 9, 9), (1, 10, 12, 9, 11, 5), (2, 11, 13, 9, 12, 99), (3, 12, 14, 11, 13, 8),
        (4, 13, 13, 13, 13, 1), (6, 1, 1, 1, 1, 1),
    )  # fmt: skip
    found = compare_bars(HEARD, stored)
    assert (found.received, found.equal) == (4, 1)
    assert found.prices == (2 * S,)
    assert found.volumes == (3 * S,)
    assert found.unheard == (4 * S,)
    assert found.unknown == (5 * S,)
