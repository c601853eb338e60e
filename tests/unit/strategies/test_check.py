"""The search for look-ahead, the measured warm-up, and what check says."""

import numpy as np
import pytest

from tradewind.errors import StrategyError
from tradewind.strategies.check import (
    Lookahead,
    Warmup,
    check_strategy,
    choose_cuts,
    find_lookahead,
    measure_warmup,
    states_alone,
)
from tradewind.strategies.registry import find_strategy, load_named, strategy_files
from tradewind.strategies.starting import new_strategy
from tradewind.units.time import MINUTE_NS, parse_utc

START = parse_utc("2024-01-01")
PRICES = (1000 + np.cumsum(np.random.default_rng(5).integers(-9, 10, 600))).tolist()
END = START + len(PRICES) * MINUTE_NS


def run_until(look):
    """Return a runner of a rule over PRICES; look: how many bars ahead it peeks."""

    def run(end_ns):
        known = PRICES[: (end_ns - START + MINUTE_NS - 1) // MINUTE_NS]
        return [
            (START + i * MINUTE_NS, price < known[min(i + look, len(known) - 1)])
            for i, price in enumerate(known)
        ]

    return run


def test_an_honest_rule_passes_every_cut():
    found = find_lookahead(run_until(0), choose_cuts(START, END, 20), END)
    assert not found.found
    assert found.sentence() == "none found in 20 cuts"


@pytest.mark.parametrize("look", [1, 3])
def test_a_rule_that_peeks_is_caught_at_its_earliest_change(look):
    found = find_lookahead(run_until(look), choose_cuts(START, END, 20), END)
    assert found.found
    assert 0 < found.cut_ns - found.changed_ns <= (look + 1) * MINUTE_NS
    assert found.sentence().startswith("the decision of 2024-01-01T")


def test_decisions_that_appear_or_vanish_are_changes():
    whole = [(1, "a"), (5, "b"), (9, "c")]
    assert find_lookahead(lambda t: [d for d in whole if d[0] < t - 3], [8], 20) == Lookahead(1, 8, 5)
    assert find_lookahead(lambda t: whole if t == 20 else [*whole[:1], (2, "x")], [4], 20) == Lookahead(
        1, 4, 2
    )


def test_cuts_are_seeded_sorted_and_inside():
    cuts = choose_cuts(100, 10_000, 50, seed=1)
    assert cuts == choose_cuts(100, 10_000, 50, seed=1) != choose_cuts(100, 10_000, 50, seed=2)
    assert cuts == sorted(set(cuts))
    assert 100 < cuts[0] <= cuts[-1] <= 10_000
    assert len(cuts) > 45
    assert choose_cuts(5, 5, 10) == []


def test_a_memory_of_n_bars_is_measured_as_n():
    def states_from(start):
        return [sum(PRICES[max(start, i - 6) : i + 1]) for i in range(start, len(PRICES))]

    assert measure_warmup(states_from, len(PRICES), 7) == Warmup(7, 6, 5)


def test_a_memory_that_never_settles_is_said():
    found = measure_warmup(lambda k: [k] * (400 - k), 400, 5)
    assert found.measured is None
    assert found.sentence() == "5 bars declared; it did not settle within the data"


def test_too_little_data_measures_nothing():
    assert measure_warmup(lambda k: [], 10, 5).sentence() == "5 bars declared; too little data to measure"


@pytest.fixture(scope="module")
def bars():
    close = np.array(PRICES * 3, np.int64) + 20_000
    ticks = np.column_stack([close, close + 5, close - 5, close, np.full(len(close), 10)])
    return ticks, START + np.arange(len(close)) * MINUTE_NS


def test_states_of_a_window_settle_after_their_declared_warmup(bars):
    strategy = load_named("mean_reversion")
    found = measure_warmup(
        lambda k: states_alone(strategy, {"period": 30}, *bars, k),
        len(bars[0]),
        strategy.warmup_bars({"period": 30}),
    )
    # The running sums differ in their last bits, so a band may round to the next tick for a while longer.
    assert found.declared == 30
    assert found.measured is None or found.measured >= 29


def test_states_of_a_channel_settle_exactly(bars):
    strategy = load_named("donchian_breakout")
    given = {"channel_period": 40, "atr_period": 5, "trail_atr": 3.0}
    found = measure_warmup(
        lambda k: states_alone(strategy, given, *bars, k), len(bars[0]), strategy.warmup_bars(given)
    )
    assert (found.declared, found.measured) == (40, 39)


def test_check_says_what_it_found(bars):
    check = check_strategy(
        find_strategy("donchian_breakout"), {"channel_period": 40}, bars=bars, run_until=run_until(0)
    )
    lines = check.lines()
    assert lines[0] == "donchian_breakout: compiles"
    assert lines[1].startswith("warm-up: 40 bars declared; from ")
    assert lines[2] == "look-ahead: none found in 20 cuts"
    assert "parameter channel_period = 55 (2..1000)  bars of the channel" in lines
    assert "signals: upper, lower, atr" in lines


def test_check_without_data_says_that_it_searched_nothing():
    lines = check_strategy(find_strategy("buy_and_hold")).lines()
    assert lines[1] == "warm-up: 0 bars declared; too little data to measure"
    assert lines[2] == "look-ahead: not searched, no data given"


def test_check_refuses_a_strategy_that_sees_the_future(bars):
    with pytest.raises(StrategyError) as caught:
        check_strategy(find_strategy("buy_and_hold"), bars=bars, run_until=run_until(2))
    assert caught.value.code == "STRATEGY_LOOKAHEAD"


def walk(bars, seed):
    """Return minute bars of a random walk, in ticks and lots, and their times."""
    close = 50_000 + np.cumsum(np.random.default_rng(seed).normal(0.0, 30.0, bars)).astype(np.int64)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) + 5, np.minimum(opened, close) - 5
    ticks = np.column_stack([opened, high, low, close, np.full(bars, 100)])
    return ticks, np.arange(bars, dtype=np.int64) * MINUTE_NS


@pytest.mark.parametrize("name", [*sorted(strategy_files()), "new"])
def test_what_is_shipped_declares_as_many_bars_as_it_is_measured_to_need(name, tmp_path):
    path = new_strategy(tmp_path, "new") if name == "new" else strategy_files()[name]
    for seed in (1, 2):
        found = check_strategy(path, bars=walk(6_000, seed)).warmup
        assert found.measured is not None
        assert found.measured <= found.declared, found.sentence()
