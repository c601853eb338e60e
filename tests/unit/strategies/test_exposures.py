"""The second door: tables of target exposures from Polars, pandas, NumPy, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from tradewind.errors import DataUnfit
from tradewind.strategies.exposures import exposures_from_table, stamped_too_early
from tradewind.strategies.registry import load_named
from tradewind.units.time import HOUR_NS, parse_utc

TIMES = [
    datetime(2024, 1, 2, tzinfo=UTC),
    datetime(2024, 1, 1, 12, tzinfo=UTC),
    datetime(2024, 1, 2, tzinfo=UTC),
]
SYMBOLS = ["ETHUSDT", "BTCUSDT", "BTCUSDT"]
EXPOSURES = [0.5, 1.0, -0.25]
NOON, MIDNIGHT = parse_utc("2024-01-01T12:00:00Z"), parse_utc("2024-01-02")


def polars_frame(times):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    return polars.DataFrame({"known_at": times, "symbol": SYMBOLS, "exposure": EXPOSURES})


def pandas_frame(times):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    return pandas.DataFrame({"known_at": times, "symbol": SYMBOLS, "exposure": EXPOSURES})


def numpy_columns(times):
    naive = [each.astimezone(UTC).replace(tzinfo=None) for each in times]
    return {
        "known_at": np.array(naive, "datetime64[ms]"),
        "symbol": np.array(SYMBOLS),
        "exposure": np.array(EXPOSURES),
    }


@pytest.mark.parametrize("frame", [polars_frame, pandas_frame, numpy_columns])
def test_a_frame_becomes_facts_in_the_order_of_time_and_symbol(frame):
    table = exposures_from_table(frame(TIMES))
    assert table.known_ns.tolist() == [NOON, MIDNIGHT, MIDNIGHT]
    assert table.symbol == ("BTCUSDT", "BTCUSDT", "ETHUSDT")
    assert table.exposure.tolist() == [1.0, -0.25, 0.5]
    assert table.symbols() == ("BTCUSDT", "ETHUSDT")
    times, exposures = table.of("BTCUSDT")
    assert (times.tolist(), exposures.tolist()) == ([NOON, MIDNIGHT], [1.0, -0.25])


@pytest.mark.parametrize("frame", [polars_frame, pandas_frame])
def test_times_of_another_zone_are_the_same_moments(frame):
    tokyo = [each.astimezone(timezone(timedelta(hours=9))) for each in TIMES]
    assert exposures_from_table(frame(tokyo)).known_ns.tolist() == [NOON, MIDNIGHT, MIDNIGHT]


@pytest.mark.parametrize("frame", [polars_frame, pandas_frame])
def test_times_without_a_zone_are_utc(frame):
    naive = [each.replace(tzinfo=None) for each in TIMES]
    assert exposures_from_table(frame(naive)).known_ns.tolist() == [NOON, MIDNIGHT, MIDNIGHT]


def columns(**changed):
    good = {"known_ns": np.array([NOON, MIDNIGHT]), "symbol": ["BTCUSDT", "BTCUSDT"], "exposure": [1.0, 0.0]}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def test_whole_nanoseconds_serve_as_times():
    assert exposures_from_table(columns()).known_ns.tolist() == [NOON, MIDNIGHT]


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"symbol": None}, "DATA_SCHEMA", "the table has no column 'symbol'"),
        ({"known_ns": None}, "DATA_SCHEMA", "the table has no column 'known_at'"),
        ({"exposure": None}, "DATA_SCHEMA", "the table has no column 'exposure'"),
        ({"exposure": [1.0]}, "DATA_SCHEMA", "the columns differ in length"),
        ({"exposure": ["a", "b"]}, "DATA_SCHEMA", "'exposure' holds no numbers"),
        ({"exposure": [[1.0], [0.0]]}, "DATA_SCHEMA", "a column has more than one dimension"),
        ({"known_ns": ["a", "b"]}, "DATA_SCHEMA", "'known_ns' holds no times"),
        ({"known_ns": [1.5e18, 1.6e18]}, "DATA_SCHEMA", "'known_ns' holds no times"),
        (
            {"known_ns": [1704067200000, 1704067260000]},
            "DATA_TIME_UNIT",
            "'known_ns' holds no nanoseconds: 1704067200000",
        ),
        ({"exposure": [1.0, np.nan]}, "DATA_NOT_FINITE", "an exposure is not finite: row 1"),
        ({"exposure": [np.inf, 0.0]}, "DATA_NOT_FINITE", "an exposure is not finite: row 0"),
        ({"exposure": [1.0, 150.0]}, "DATA_RANGE", "an exposure is 150: row 1"),
        (
            {"known_ns": [NOON, NOON]},
            "DATA_CONFLICT",
            "two exposures of one time: BTCUSDT at 2024-01-01T12:00:00Z, rows 0 and 1",
        ),
        (
            {"known_ns": np.array([], int), "symbol": [], "exposure": np.array([])},
            "DATA_EMPTY",
            "the table holds no row",
        ),
    ],
)
def test_a_table_that_means_nothing_certain_is_refused(changed, code, sentence):
    with pytest.raises(DataUnfit) as caught:
        exposures_from_table(columns(**changed))
    assert (caught.value.code, caught.value.message) == (code, sentence)


def test_a_missing_time_is_refused():
    times = np.array(["2024-01-01", "NaT"], "datetime64[ns]")
    with pytest.raises(DataUnfit, match="a time is missing: row 1"):
        exposures_from_table({"known_at": times, "symbol": ["A", "A"], "exposure": [1.0, 2.0]})


def test_something_that_is_no_table_is_refused():
    with pytest.raises(DataUnfit, match="no table with named columns"):
        exposures_from_table(5)


@pytest.fixture(scope="module")
def market():
    rng = np.random.default_rng(3)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.01, 2000))
    return np.arange(2000) * HOUR_NS + NOON, np.concatenate([[100.0], close[:-1]]), close


def test_exposures_stamped_with_the_open_of_their_own_bar_are_suspect(market):
    open_ns, opens, closes = market
    hindsight = np.sign(closes - opens)  # known at the close, stamped at the open
    assert stamped_too_early(open_ns, hindsight, open_ns, opens, closes).is_suspect
    assert not stamped_too_early(open_ns + HOUR_NS, hindsight, open_ns, opens, closes).is_suspect


def test_exposures_without_foresight_or_between_bars_are_not_suspect(market):
    open_ns, opens, closes = market
    noise = np.sign(np.random.default_rng(4).normal(size=2000))
    assert not stamped_too_early(open_ns, noise, open_ns, opens, closes).is_suspect
    between = stamped_too_early(open_ns + 1, np.sign(closes - opens), open_ns, opens, closes)
    assert (between.count, between.is_suspect) == (0, False)


def test_the_table_strategy_trades_what_is_known_and_nothing_before(desk):
    strategy = load_named("target_table")
    desk.params["v"] = strategy.params_vector({})
    assert desk.ask(strategy) == -1
    desk.view["feature"][0], desk.view["feature_ns"][0] = 0.5, desk.account["ts_ns"]
    assert desk.ask(strategy) == 0
    assert desk.rows()[0]["qty_lot"] == 50_000
    desk.close_at(2000)  # the price moves, the exposure stands: no trade
    desk.ask(strategy)
    assert desk.rows()[0]["qty_lot"] == 50_000
    desk.view["feature"][0], desk.view["feature_ns"][0] = -1.0, desk.account["ts_ns"]
    desk.ask(strategy)
    assert desk.intents["row"]["qty_lot"][:2].tolist() == [0, 50_000]


def test_an_exposure_expires_when_the_table_says_no_more(desk):
    strategy = load_named("target_table")
    desk.params["v"] = strategy.params_vector({"expire_bars": 2})
    desk.view["feature"][0], desk.view["feature_ns"][0] = 1.0, desk.account["ts_ns"]
    held = []
    for _ in range(4):
        desk.ask(strategy)
        held.append(int(desk.intents["row"]["qty_lot"][0]))
        desk.close_at(1000)
    assert [lots > 0 for lots in held] == [True, True, True, False]
