"""Books by each of the four rules: what joins, what does not, and what a broken one may still say (nothing)."""

from __future__ import annotations

import pytest

from tradewind.venues.ccxt.books import Book, BookBroken, BookUpdate
from tradewind.venues.ccxt.stream_shapes import BookRule

WHOLE = ((100, 5), (99, 3)), ((101, 4), (102, 6))


def update(
    last: int | None,
    bids: tuple[tuple[int, int], ...] = (),
    asks: tuple[tuple[int, int], ...] = (),
    *,
    previous: int | None = None,
    first: int | None = None,
    whole: bool = False,
) -> BookUpdate:
    return BookUpdate(whole, first, last, previous, bids, asks, 1)


def begun(rule: BookRule) -> Book:
    book = Book(rule)
    assert book.apply(update(10, *WHOLE, whole=True)) == (100, 5, 101, 4)
    return book


def test_a_chained_book_follows_its_ids() -> None:
    book = begun(BookRule.CHAINED)
    assert book.apply(update(15, ((100, 0),), previous=10)) == (99, 3, 101, 4)
    assert book.apply(update(15, ((100, 0),), previous=10)) == (99, 3, 101, 4)
    with pytest.raises(BookBroken):
        book.apply(update(30, previous=20))
    assert not book.valid
    assert book.apply(update(31, previous=30)) is None
    assert book.apply(update(40, *WHOLE, whole=True)) == (100, 5, 101, 4)


def test_consecutive_ids_rise_by_one() -> None:
    book = begun(BookRule.CONSECUTIVE)
    assert book.apply(update(11, ((100, 9),))) == (100, 9, 101, 4)
    with pytest.raises(BookBroken):
        book.apply(update(13))


def test_a_venue_whose_ids_were_never_consecutive_is_believed_in_the_end() -> None:
    """What a table assumes must not let a feed reconnect for ever."""
    book = Book(BookRule.CONSECUTIVE)
    breaks = 0
    for n in range(10):
        book.apply(update(n * 100, *WHOLE, whole=True))
        try:
            book.apply(update(n * 100 + 7))
        except BookBroken:
            breaks += 1
    assert breaks == 3


def test_a_fetched_book_waits_for_a_snapshot_that_joins() -> None:
    book = Book(BookRule.FETCHED)
    assert book.apply(update(20, ((100, 7),), first=16, previous=15)) is None
    assert book.wants_snapshot
    assert book.begin(12, *WHOLE) is None, "older than the first change that waits"
    assert book.begin(18, *WHOLE) == (100, 7, 101, 4)
    assert book.apply(update(25, asks=((101, 0),), first=21, previous=20)) == (100, 7, 102, 6)
    with pytest.raises(BookBroken):
        book.apply(update(40, first=30, previous=29))
    assert book.wants_snapshot


def test_a_snapshot_newer_than_all_that_waits_is_the_book() -> None:
    book = Book(BookRule.FETCHED)
    book.apply(update(20, ((100, 7),), first=16, previous=15))
    assert book.begin(33, *WHOLE) == (100, 5, 101, 4)


def test_what_waited_with_a_hole_is_not_believed() -> None:
    book = Book(BookRule.FETCHED)
    book.apply(update(20, first=16, previous=15))
    book.apply(update(30, first=25, previous=24))
    with pytest.raises(BookBroken):
        book.begin(18, *WHOLE)


@pytest.mark.parametrize("bids", [((101, 1),), ((500, 1),)])
def test_a_crossed_book_is_broken(bids: tuple[tuple[int, int], ...]) -> None:
    book = begun(BookRule.CHAINED)
    with pytest.raises(BookBroken):
        book.apply(update(11, bids, previous=10))
    assert not book.valid


def test_a_price_beyond_what_the_snapshot_reached_is_not_told() -> None:
    book = Book(BookRule.FETCHED)
    assert book.begin(10, *WHOLE, cut_at=2) == (100, 5, 101, 4)
    with pytest.raises(BookBroken):
        book.apply(update(11, ((100, 0), (99, 0), (50, 1)), first=11, previous=10))


def test_a_book_with_one_side_has_no_top() -> None:
    book = begun(BookRule.WHOLE)
    assert book.apply(update(11, ((100, 5),), (), whole=True)) is None
    assert book.apply(update(9, *WHOLE, whole=True)) is None, "older than the one before"


def test_a_whole_book_that_is_numbered_anew_is_believed_after_three_messages() -> None:
    book = begun(BookRule.WHOLE)
    lower = ((90, 5),), ((91, 4),)
    tops = [book.apply(update(last, *lower, whole=True)) for last in (1, 2, 3, 4, 5)]
    assert tops == [(100, 5, 101, 4)] * 3 + [(90, 5, 91, 4)] * 2
    assert book.apply(update(4, *WHOLE, whole=True)) == (90, 5, 91, 4)
