"""Trades from fills: flat to flat, both sides at once, in parts, turned over and left open."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.report.files import load_run
from tradewind.report.trades import find_trades


@pytest.fixture
def trades_of(builders, tmp_path):
    def find(*fills, funding=None):
        folder = builders.write_run(
            tmp_path / "run",
            fills=builders.fill_rows(*fills),
            funding=funding,
            equity=builders.curve([1000.0] * 9),
        )
        run = load_run(folder)
        return find_trades(run.fills, run.funding)

    return find


def test_partial_entries_and_exits_are_one_trade(trades_of):
    trades, of_fill = trades_of(
        (0, "B", "buy", "long", 100.0, 1.0, 0.1, 0.0, "open"),
        (1, "B", "buy", "long", 110.0, 3.0, 0.3, 0.0, "open"),
        (2, "B", "sell", "long", 120.0, 1.0, 0.1, 12.5, "close"),
        (3, "B", "sell", "long", 104.0, 3.0, 0.3, -10.5, "stop"),
        (4, "B", "buy", "long", 90.0, 2.0, 0.2, 0.0, "open"),
    )
    assert of_fill.tolist() == [0, 0, 0, 0, 1]
    first, second = trades
    assert (first.entry_price, first.exit_price) == pytest.approx((107.5, 108.0))
    assert (first.peak_qty, first.entry_notional, first.fill_count) == pytest.approx((4.0, 430.0, 4))
    assert first.pnl == pytest.approx(2.0 - 0.8)
    assert first.return_ratio == pytest.approx(1.2 / 430.0)
    assert first.exit_role == "stop"
    assert (first.exit_ts_ns - first.entry_ts_ns) / 86_400e9 == 3
    assert not second.is_closed
    assert second.open_qty == 2.0


def test_long_and_short_of_one_symbol_are_separate(trades_of):
    trades, of_fill = trades_of(
        (0, "B", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (1, "B", "sell", "short", 101.0, 2.0, 0.0, 0.0, "open"),
        (2, "B", "sell", "long", 102.0, 1.0, 0.0, 2.0, "close"),
        (3, "B", "buy", "short", 99.0, 2.0, 0.0, 4.0, "close"),
    )
    assert of_fill.tolist() == [0, 1, 0, 1]
    assert [(trade.position_side, trade.pnl) for trade in trades] == [("long", 2.0), ("short", 4.0)]


def test_fill_beyond_the_position_closes_it_and_opens_the_other_side(trades_of):
    trades, of_fill = trades_of(
        (0, "B", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (1, "B", "sell", "long", 110.0, 3.0, 0.0, 10.0, "close"),
        (2, "B", "buy", "short", 105.0, 2.0, 0.0, 10.0, "close"),
    )
    assert [trade.position_side for trade in trades] == ["long", "short"]
    assert [trade.is_closed for trade in trades] == [True, True]
    assert trades[1].entry_price == 110.0
    assert trades[1].entry_notional == pytest.approx(220.0)
    assert of_fill.tolist() == [0, 0, 1]


def test_closing_what_was_never_opened_is_a_trade_without_entry(trades_of):
    trades, _ = trades_of((0, "B", "sell", "long", 100.0, 1.0, 0.5, 7.0, "close"))
    assert len(trades) == 1
    assert trades[0].entry_price is None
    assert trades[0].return_ratio is None
    assert trades[0].is_closed
    assert trades[0].pnl == 6.5


def test_residue_of_rounding_is_no_position(trades_of):
    trades, _ = trades_of(
        (0, "B", "buy", "long", 100.0, 0.1, 0.0, 0.0, "open"),
        (1, "B", "buy", "long", 100.0, 0.2, 0.0, 0.0, "open"),
        (2, "B", "sell", "long", 100.0, 0.3, 0.0, 0.0, "close"),
    )
    assert trades[0].is_closed


def test_funding_goes_to_the_trade_that_was_open(trades_of, builders):
    day = builders.DAY_NS
    funding = builders.rows(
        ts_ns=[builders.START_NS + day // 2, builders.START_NS + 3 * day, builders.START_NS + 3 * day],
        symbol=["B", "B", "B"],
        rate=[1e-4, 1e-4, 1e-4],
        mark_price=[100.0, 100.0, 100.0],
        qty=[1.0, 1.0, -2.0],
        amount=[-1.0, -4.0, 9.0],
    )
    trades, _ = trades_of(
        (0, "B", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (1, "B", "sell", "long", 100.0, 1.0, 0.0, 0.0, "close"),
        (2, "B", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (2, "B", "sell", "short", 100.0, 2.0, 0.0, 0.0, "open"),
        funding=funding,
    )
    assert [trade.funding for trade in trades] == [-1.0, -4.0, 9.0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B"]),
            st.sampled_from(["long", "short"]),
            st.booleans(),
            st.integers(1, 40),
            st.integers(-500, 500),
        ),
        max_size=60,
    )
)
def test_nothing_is_lost_between_fills_and_trades(steps):
    """Whatever the order of fills: money and fills of all trades add up to those of all fills."""
    from tradewind.report.files import Fills, Funding

    count = len(steps)
    text = lambda values: tuple(values)  # noqa: E731
    fills = Fills(
        ts_ns=np.arange(count, dtype=np.int64),
        symbol=text(step[0] for step in steps),
        side=text("buy" if step[2] else "sell" for step in steps),
        position_side=text(step[1] for step in steps),
        price=np.full(count, 10.0),
        qty=np.array([float(step[3]) for step in steps]),
        notional=np.array([10.0 * step[3] for step in steps]),
        liquidity=("taker",) * count,
        fee=np.array([0.25 * step[3] for step in steps]),
        realized_pnl=np.array([float(step[4]) for step in steps]),
        role=("open",) * count,
        order_id=("o",) * count,
        tag=("",) * count,
    )
    nothing = np.zeros(0)
    funding = Funding(np.zeros(0, dtype=np.int64), (), nothing, nothing, nothing, nothing)
    trades, of_fill = find_trades(fills, funding)
    assert sum(trade.gross_pnl for trade in trades) == pytest.approx(
        fills.realized_pnl.sum() if count else 0.0
    )
    assert sum(trade.fees for trade in trades) == pytest.approx(fills.fee.sum())
    assert sum(trade.fill_count for trade in trades) == count
    assert all(0 <= number < len(trades) for number in of_fill)
    open_keys = [(trade.symbol, trade.position_side) for trade in trades if not trade.is_closed]
    assert len(open_keys) == len(set(open_keys))
    assert all(trade.open_qty > 0.0 for trade in trades if not trade.is_closed)
    assert [trade.entry_ts_ns for trade in trades] == sorted(trade.entry_ts_ns for trade in trades)
