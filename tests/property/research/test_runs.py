"""What holds of every backtest, whatever is traded: money adds up, and nothing but the market and the file matters."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.market import COINS, MarketSpec
from tradewind.research import simulate
from tradewind.research.attribution import attribute
from tradewind.research.drive import drive
from tradewind.research.worlds import build_world
from tradewind.strategies.exposures import exposures_from_table
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.enums import LogKind
from tradewind.units.layout import dtype_of
from tradewind.units.time import HOUR_NS, format_utc, parse_utc
from tradewind.units.wire import FillRow

SPEC = MarketSpec(
    seed=31,
    start_ns=parse_utc("2024-01-01"),
    bars=24 * 30,
    interval_ns=HOUR_NS,
    coins=COINS[:3],
    spot=True,
    premium=True,
)
SYMBOLS = [coin.symbol for coin in SPEC.coins]
DICTATED = '''"""Hold as many hundreds of exchange lots as the table says, whatever they are worth."""

from tradewind.strategies import SET, target_net

NEEDS = ("feature:lots",)


def decide(view, account, working, params, memory, intents):
    target_net(intents, int(view.feature[0]) * 100 * max(view.lot_step, 1))
    return SET
'''

QUIET = settings(max_examples=20)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = make_desk(tmp_path_factory.mktemp("properties") / "desk", SPEC)
    (made.strategies / "dictated.py").write_text(DICTATED)
    return made


def fills_of(run):
    return np.concatenate(run.fills) if run.fills else np.empty(0, dtype_of(FillRow))


def final(run):
    """Return the equity at the end, in whole money."""
    return int(run.driven.equity[run.driven.bars_run - 1, 0, 1])


def earned(run):
    return final(run) - int(run.world.accounts["start"][0])


# What a person might run: a strategy, its parameters, how it is filled and what it costs.
STRATEGIES = st.one_of(
    st.tuples(
        st.just("ema_cross"),
        st.fixed_dictionaries(
            {
                "fast_period": st.integers(2, 8),
                "slow_period": st.integers(9, 40),
                "size_pct": st.sampled_from([5.0, 30.0, 90.0]),
                "shorts": st.booleans(),
            }
        ),
    ),
    st.tuples(st.just("dca_grid"), st.just({})),
    st.tuples(st.just("mean_reversion"), st.just({})),
    st.tuples(st.just("donchian_breakout"), st.just({})),
)
COSTS = st.fixed_dictionaries(
    {
        "slippage_bps": st.sampled_from([0.0, 1.0, 25.0]),
        "spread_bps": st.sampled_from([0.0, 3.0]),
        "fill": st.sampled_from(["strict", "touch", "volume"]),
        "funding": st.sampled_from(["history", "none"]),
        "latency_bars": st.sampled_from([1, 1, 3]),
    }
)
ACCOUNTS = st.fixed_dictionaries(
    {
        "leverage": st.sampled_from([1.0, 5.0, 50.0]),
        "margin_mode": st.sampled_from(["cross", "isolated"]),
        "position_mode": st.sampled_from(["one_way", "hedge"]),
    }
)


def config_of(strategy, costs, account, **tables):
    name, params = strategy
    return backtest_of(SPEC, name, params=params, costs=costs, account=account, **tables)


@QUIET
@given(STRATEGIES, COSTS, ACCOUNTS)
def test_sources_of_money_add_up_exactly_to_the_change_of_equity(desk, strategy, costs, account):
    run = simulate(config_of(strategy, costs, account), desk)
    sources = attribute(run.world, run.driven)
    parts = (sources.price, sources.fees, sources.funding, sources.slippage, sources.liquidation)
    assert sum(parts) == sources.total == earned(run)
    # The same change from what was logged: every fill, every settlement, what is open, what the venue bore.
    fills = fills_of(run.driven)
    cash = [rows[rows["kind"] == LogKind.FUNDING]["amount"].sum() for rows in run.driven.cash]
    last = run.driven.equity[run.driven.bars_run - 1, 0]
    logged = int(fills["realised"].sum()) - int(fills["fee"].sum()) + int(sum(cash)) + int(last[1] - last[0])
    assert logged + int(run.world.accounts["adjusted"][0]) == sources.total
    assert sources.funding == int(sum(cash))


@QUIET
@given(STRATEGIES, COSTS, st.lists(st.integers(1, SPEC.bars - 1), max_size=12))
def test_it_does_not_matter_in_which_pieces_a_run_is_driven(desk, strategy, costs, stops):
    run = simulate(config_of(strategy, costs, {"leverage": 2.0}), desk)
    for cut in (False, True):
        world = build_world(run.resolved, run.histories)
        pieces = drive(world, run.histories, run.facts, stops=stops, cut=cut)
        assert world.decisions_hash() == run.hashes["decisions"]
        assert np.array_equal(pieces.equity, run.driven.equity)
        assert np.array_equal(fills_of(pieces), fills_of(run.driven))


@settings(max_examples=4)
@given(st.lists(STRATEGIES, min_size=2, max_size=3), COSTS)
def test_runs_side_by_side_are_the_runs_alone(desk, strategies, costs):
    configs = [config_of(each, costs, {"leverage": 2.0}) for each in strategies]
    alone = [simulate(config, desk) for config in configs]
    with ThreadPoolExecutor(2) as workers:
        together = list(workers.map(lambda config: simulate(config, desk), configs))
    assert [run.hashes for run in together] == [run.hashes for run in alone]
    assert [final(run) for run in together] == [final(run) for run in alone]


# ---------------------------------------------------------------------------- a fixed list of trades

TRADES = st.lists(
    st.tuples(st.integers(1, SPEC.bars - 60), st.sampled_from(SYMBOLS), st.integers(-40, 40)),
    min_size=1,
    max_size=12,
    unique_by=lambda trade: trade[:2],
)


def table_of(trades, *flat_at):
    """Return the table of a list of trades; everything is closed at each of the hours `flat_at`."""
    rows = [*trades, *((hour, symbol, 0) for hour in flat_at for symbol in SYMBOLS)]
    hours, symbols, lots = zip(*{(row[0], row[1]): row for row in rows}.values(), strict=True)
    known_ns = [SPEC.start_ns + hour * HOUR_NS + 1 for hour in hours]
    return exposures_from_table(
        {"known_ns": known_ns, "symbol": list(symbols), "exposure": np.array(lots, float)}
    )


def dictated(desk, table, *, start=0, end=SPEC.bars, symbols=SYMBOLS, costs=None):
    """Run a list of trades on a part of the market, rich enough that nothing is ever refused."""
    config = backtest_of(
        SPEC,
        "dictated",
        capital={"amount": 1_000_000.0},
        costs=costs or {},
        market={"symbols": list(symbols)},
        period={
            "start": format_utc(SPEC.start_ns + start * HOUR_NS),
            "end": format_utc(SPEC.start_ns + end * HOUR_NS),
        },
    )
    run = simulate(config, desk, features={"lots": table})
    assert not run.driven.refusals
    return run


@QUIET
@given(TRADES, st.sampled_from([0.5, 1.0, 3.0]))
def test_higher_costs_never_improve_a_fixed_list_of_trades(desk, trades, slippage_bps):
    costs = {"slippage_bps": slippage_bps, "maker_rate": -0.0001}
    run = dictated(desk, table_of(trades, SPEC.bars - 10), costs=costs)
    before, fills = earned(run), fills_of(run.driven)
    for factor in (1.5, 2.0, 4.0):
        world = build_world(run.resolved, run.histories, costs_factor=factor)
        dearer = drive(world, run.histories, run.facts)
        again = fills_of(dearer)
        assert np.array_equal(again["ts_ns"], fills["ts_ns"])
        assert np.array_equal(again["qty_lot"], fills["qty_lot"])
        now = int(dearer.equity[-1, 0, 1]) - int(world.accounts["start"][0])
        assert now < before if len(fills) else now == before == 0
        before = now


@QUIET
@given(TRADES, st.integers(40, SPEC.bars - 100))
def test_a_run_over_two_parts_of_a_range_earns_what_the_whole_earns(desk, trades, middle):
    """Flat from an hour before the seam on, so that nothing stands over it."""
    halves = (
        [trade for trade in trades if trade[0] < middle - 4],
        [trade for trade in trades if trade[0] >= middle],
    )
    whole = table_of([*halves[0], *halves[1]], middle - 4, SPEC.bars - 10)
    parts = 0
    for (start, end), half, flat_at in zip(
        ((0, middle), (middle, SPEC.bars)), halves, (middle - 4, SPEC.bars - 10), strict=True
    ):
        parts += earned(dictated(desk, table_of(half, flat_at), start=start, end=end))
    assert parts == earned(dictated(desk, whole))


@QUIET
@given(TRADES, st.permutations(SYMBOLS))
def test_the_order_of_the_symbols_in_the_file_does_not_matter(desk, trades, symbols):
    table = table_of(trades, SPEC.bars - 10)
    one, other = dictated(desk, table), dictated(desk, table, symbols=symbols)
    assert final(one) == final(other)
    assert np.array_equal(one.driven.equity, other.driven.equity)
    assert attribute(one.world, one.driven) == attribute(other.world, other.driven)
    assert _by_symbol(one) == _by_symbol(other)


@settings(max_examples=6)
@given(STRATEGIES, st.permutations(SYMBOLS))
def test_a_shipped_strategy_trades_each_symbol_the_same_in_any_order(desk, strategy, symbols):
    """With room for all of them: where money is short, who comes first gets it, and that is the order of the file."""
    name, params = strategy
    params = params | ({"size_pct": 5.0} if "size_pct" in params else {})
    runs = [
        simulate(
            config_of((name, params), {}, {"leverage": 20.0}, market={"symbols": list(order)}),
            desk,
        )
        for order in (SYMBOLS, symbols)
    ]
    assert final(runs[0]) == final(runs[1])
    assert _by_symbol(runs[0]) == _by_symbol(runs[1])


def _by_symbol(run):
    """Return what was filled, symbol by symbol."""
    found = {}
    for row in fills_of(run.driven):
        label = run.resolved.labels[row["instrument"]]
        found.setdefault(label, []).append((int(row["ts_ns"]), int(row["price_tick"]), int(row["qty_lot"])))
    return found
