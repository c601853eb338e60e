"""F59 as a rule: whatever a stream does to candles, each bar is told once, in order, and what is missing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tradewind.units.time import MINUTE_NS, SECOND_NS
from tradewind.venues.ccxt.candles import CandleKeeper

if TYPE_CHECKING:
    from tradewind.venues.ccxt.candles import Bar

T0 = 1_700_000_040_000_000_000 // MINUTE_NS * MINUTE_NS


def bar(n: int) -> Bar:
    return 100 + n, 110 + n, 90 + n, 105 + n, n


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=60),
    st.lists(st.integers(0, 12), max_size=12),
)
def test_any_stream_is_told_in_order_and_healed(told: list[tuple[int, bool]], lost: list[int]) -> None:
    keeper = CandleKeeper(MINUTE_NS, T0)
    out = []
    for n, closed in told:
        if not (closed and n in lost):
            out += keeper.hear(T0 + n * MINUTE_NS, bar(n), closed)
    now_ns = T0 + 14 * MINUTE_NS
    while (stretch := keeper.due(now_ns, SECOND_NS)) is not None:
        opens = range(stretch[0], stretch[1], MINUTE_NS)
        out += keeper.fetched([(open_ns, bar((open_ns - T0) // MINUTE_NS)) for open_ns in opens])
    assert out == [(T0 + n * MINUTE_NS, bar(n)) for n in range(13)]


def test_what_is_missing_is_known_as_soon_as_a_later_candle_begins() -> None:
    keeper = CandleKeeper(MINUTE_NS, T0)
    assert keeper.missing is None
    assert keeper.hear(T0 + 2 * MINUTE_NS, bar(2), closed=False) == []
    assert keeper.missing == (T0, T0 + 2 * MINUTE_NS)
    assert keeper.hear(T0 + MINUTE_NS, bar(1), closed=True) == []
    assert keeper.missing == (T0, T0 + MINUTE_NS)
    assert keeper.fetched([(T0, bar(0))]) == [(T0, bar(0)), (T0 + MINUTE_NS, bar(1))]
    assert keeper.missing is None


def test_a_bar_is_due_by_the_clock_alone() -> None:
    keeper = CandleKeeper(MINUTE_NS, T0)
    assert keeper.due(T0 + 61 * SECOND_NS, 4 * SECOND_NS) is None
    assert keeper.due(T0 + 64 * SECOND_NS, 4 * SECOND_NS) == (T0, T0 + MINUTE_NS)


def test_repetitions_revisions_and_strangers_are_counted() -> None:
    keeper = CandleKeeper(MINUTE_NS, T0)
    assert len(keeper.hear(T0, bar(0), closed=True)) == 1
    keeper.hear(T0, bar(0), closed=True)
    keeper.hear(T0, bar(7), closed=True)
    keeper.hear(T0, bar(0), closed=False)
    keeper.hear(T0 + 5, bar(0), closed=True)
    counts = keeper.counts
    assert (counts.duplicates, counts.revised, counts.late, counts.off_grid) == (1, 1, 1, 1)


def test_a_hole_that_is_given_up_lets_the_rest_through() -> None:
    keeper = CandleKeeper(MINUTE_NS, T0)
    keeper.hear(T0 + 3 * MINUTE_NS, bar(3), closed=True)
    assert keeper.skip_to(T0 + 3 * MINUTE_NS) == [(T0 + 3 * MINUTE_NS, bar(3))]
    assert keeper.next_ns == T0 + 4 * MINUTE_NS
