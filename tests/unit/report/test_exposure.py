"""What was held: after each fill, at any time, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.report.basis import prepare
from tradewind.report.exposure import exposure_at, find_holdings
from tradewind.report.files import load_run


@pytest.fixture
def run_of(builders, tmp_path):
    def build(*fills, days=10, notional=None):
        rows = builders.fill_rows(*fills)
        if notional is not None:
            rows["notional"] = np.array(notional, dtype=float)
        return load_run(
            builders.write_run(tmp_path / "run", fills=rows, equity=builders.curve([1000.0] * days))
        )

    return build


def test_holdings_add_both_sides_and_end_at_nothing(run_of):
    run = run_of(
        (0, "A", "buy", "long", 100.0, 2.0, 0.0, 0.0, "open"),
        (1, "B", "sell", "short", 10.0, 5.0, 0.0, 0.0, "open"),
        (2, "A", "buy", "long", 110.0, 1.0, 0.0, 0.0, "open"),
        (3, "A", "sell", "long", 120.0, 3.0, 0.0, 0.0, "close"),
        (4, "B", "buy", "short", 9.0, 5.0, 0.0, 0.0, "close"),
    )
    found = find_holdings(run.fills)
    assert found.gross.tolist() == pytest.approx([200.0, 250.0, 380.0, 50.0, 0.0])
    assert found.net.tolist() == pytest.approx([200.0, 150.0, 280.0, -50.0, 0.0])
    assert prepare(run).exposure.tolist() == pytest.approx([0.2, 0.25, 0.38, 0.05, 0.0])


def test_exposure_between_fills_of_one_time_does_not_count(run_of):
    """A switch from one coin to another at one open: in which order it is booked is no business of the report."""
    sells = (1, "A", "sell", "long", 100.0, 2.0, 0.0, 0.0, "close")
    buys = (1, "B", "buy", "long", 50.0, 3.0, 0.0, 0.0, "open")
    first = (0, "A", "buy", "long", 100.0, 2.0, 0.0, 0.0, "open")
    for fills in ((first, sells, buys), (first, buys, sells)):
        run = run_of(*fills)
        assert find_holdings(run.fills).gross.tolist() == [200.0, 150.0]
        assert prepare(run).exposure.tolist() == pytest.approx([0.2, 0.15])


def test_holdings_are_the_same_in_any_order_of_the_symbols(run_of):
    """To the last bit: tenths do not add up the same in every order."""
    rows = [(0, name, "buy", "long", 0.1 * n, 0.3, 0.0, 0.0, "open") for n, name in enumerate("ABCDEFG", 1)]
    assert find_holdings(run_of(*rows).fills).gross[0] == find_holdings(run_of(*rows[::-1]).fills).gross[0]


def test_value_of_a_linear_position_moves_with_its_bars(run_of, builders):
    run = run_of(
        (0, "A", "buy", "long", 100.0, 2.0, 0.0, 0.0, "open"),
        (1, "A", "sell", "long", 50.0, 1.0, 0.0, 0.0, "close"),
    )
    times = builders.START_NS + builders.DAY_NS * np.arange(-1, 4)
    close = np.array([70.0, 100.0, 60.0, 30.0, 90.0])
    bars = builders.Bars(times, close, close, close, close, close)
    gross, net = exposure_at(run.fills, {"A": bars}, times)
    assert gross.tolist() == pytest.approx([0.0, 200.0, 60.0, 30.0, 90.0])
    assert net.tolist() == gross.tolist()


def test_value_of_an_inverse_position_does_not(run_of, builders):
    run = run_of(
        (0, "A", "buy", "long", 100.0, 2.0, 0.0, 0.0, "open"),
        (1, "A", "sell", "long", 50.0, 1.0, 0.0, 0.0, "close"),
        notional=[200.0, 100.0],
    )
    times = builders.START_NS + builders.DAY_NS * np.arange(4)
    close = np.array([100.0, 60.0, 30.0, 90.0])
    gross, _ = exposure_at(run.fills, {"A": builders.Bars(times, close, close, close, close, close)}, times)
    assert gross.tolist() == pytest.approx([200.0, 100.0, 100.0, 100.0])


def test_exposed_time_counts_overlaps_once_and_bars_as_a_whole(run_of):
    run = run_of(
        (0, "A", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (1, "B", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
        (2, "A", "sell", "long", 100.0, 1.0, 0.0, 0.0, "close"),
        (3, "B", "sell", "long", 100.0, 1.0, 0.0, 0.0, "close"),
        (9, "A", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"),
    )
    from tradewind.report.basis import exposed_share

    assert exposed_share(prepare(run)) == pytest.approx(5 / 10)


def test_exposure_of_an_account_without_money_is_not_infinite(builders, tmp_path):
    fills = builders.fill_rows((1, "A", "buy", "long", 100.0, 1.0, 0.0, 0.0, "open"))
    run = load_run(
        builders.write_run(tmp_path / "run", fills=fills, equity=builders.curve([1000.0, 0.0, -5.0]))
    )
    assert prepare(run).exposure.tolist() == [0.0]
