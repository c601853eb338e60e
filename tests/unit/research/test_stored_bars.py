"""A run steps and decides on any multiple of the stored bars; longer bars are made of whole shorter ones."""

from dataclasses import replace

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import COINS, Bars, MarketSpec, SeriesKey, Store, generate_market, resample
from tradewind.market.manifest import SourceEntry
from tradewind.research import simulate
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS, parse_utc

SPEC = MarketSpec(
    seed=5, start_ns=parse_utc("2024-01-01"), bars=24 * 60 * 8, interval_ns=MINUTE_NS, coins=COINS[:1]
)
QUICK = {"fast_period": 2, "slow_period": 5, "shorts": True}
ACCEPT = {"data": {"gaps": "accept"}}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return make_desk(tmp_path_factory.mktemp("stored") / "desk", SPEC)


def run(desk, market, **tables):
    return simulate(backtest_of(SPEC, "ema_cross", params=QUICK, market=market, **tables), desk)


@pytest.mark.parametrize(
    ("bars", "length_ns"),
    [("2m", 2 * MINUTE_NS), ("7m", 7 * MINUTE_NS), ("45m", 45 * MINUTE_NS), ("5h", 5 * HOUR_NS)],
)
def test_bars_that_are_not_stored_are_put_together_from_those_that_are(desk, bars, length_ns):
    found = run(desk, {"bars": bars})
    (history,) = found.histories.each
    made = resample(generate_market(SPEC).bars["BTCUSDT"], length_ns)
    assert history.bars.same_as(made.bars.take(made.whole))
    assert (
        f"BTCUSDT: bars of {bars} are put together from the stored ones of 1m" in found.histories.assumptions
    )
    assert found.driven.bars_run == len(history.bars)
    assert int(found.world.core["fills"][0]) > 0


def test_weeks_begin_on_monday(desk, tmp_path):
    spec = replace(SPEC, start_ns=parse_utc("2024-01-03"), bars=24 * 60, interval_ns=HOUR_NS)
    weekly = make_desk(tmp_path / "desk", spec)
    (history,) = simulate(backtest_of(spec, "buy_and_hold", market={"bars": "1w"}), weekly).histories.each
    assert history.bars.ts_ns.tolist() == [parse_utc("2024-01-08") + week * WEEK_NS for week in range(7)]


def test_the_longest_stored_bars_that_fit_are_taken(tmp_path):
    spec = replace(SPEC, bars=60 * 48)
    desk = make_desk(tmp_path / "desk", spec)
    hours = resample(generate_market(spec).bars["BTCUSDT"], HOUR_NS).bars
    source = SourceEntry(name="resampled", sha256="", imported_ns=0, notes=())
    Store(desk.data).merge_all([(SeriesKey("generated", "bars", "BTCUSDT", HOUR_NS), hours)], source)
    for bars, made_of in (("2h", "1h"), ("90m", "1m")):
        run_ = simulate(backtest_of(spec, "buy_and_hold", market={"bars": bars}), desk)
        assert (
            f"BTCUSDT: bars of {bars} are put together from the stored ones of {made_of}"
            in run_.histories.assumptions
        )
    assert not any(
        "put together" in said
        for said in simulate(backtest_of(spec, "buy_and_hold"), desk).histories.assumptions
    )


def test_a_length_that_no_stored_bars_make_is_missing(desk):
    with pytest.raises(TradewindError) as caught:
        run(desk, {"bars": "90s"})
    assert caught.value.code == "DATA_MISSING"
    assert "generated BTCUSDT bars 1m" in caught.value.hint


@pytest.mark.parametrize(
    ("decide_on", "length_ns"), [("45m", 45 * MINUTE_NS), ("7m", 7 * MINUTE_NS), ("5h", 5 * HOUR_NS)]
)
def test_decisions_fall_on_the_grid_of_any_multiple(desk, decide_on, length_ns):
    found = run(desk, {"decide_on": decide_on})
    times_ns = np.concatenate(found.driven.fills)["ts_ns"]
    assert len(times_ns) > 3
    assert not (times_ns % length_ns).any()
    assert (np.diff(times_ns) % length_ns == 0).all()


def test_deciding_on_a_multiple_is_stepping_on_it_where_only_opens_fill(desk):
    fine, whole = run(desk, {"decide_on": "45m"}), run(desk, {"bars": "45m"})
    a, b = np.concatenate(fine.driven.fills), np.concatenate(whole.driven.fills)
    for name in ("ts_ns", "price_tick", "qty_lot", "side"):
        assert np.array_equal(a[name], b[name]), name


def test_defects_are_looked_for_in_the_stored_bars(tmp_path):
    desk = make_desk(tmp_path / "desk", replace(SPEC, coins=COINS[1:2], bars=60 * 24))
    bars = generate_market(replace(SPEC, bars=60 * 24)).bars["BTCUSDT"]
    kept = np.ones(len(bars), bool)
    kept[100] = False
    holed: Bars = bars.take(kept)
    source = SourceEntry(name="holed", sha256="", imported_ns=0, notes=())
    Store(desk.data).merge_all([(SeriesKey("generated", "bars", "BTCUSDT", MINUTE_NS), holed)], source)
    spec = replace(SPEC, bars=60 * 24)
    free = {"costs": {"funding": "none"}}
    with pytest.raises(TradewindError) as caught:
        simulate(backtest_of(spec, "buy_and_hold", market={"bars": "10m"}, **free), desk)
    assert caught.value.code == "DATA_GAP"
    (accepted,) = simulate(
        backtest_of(spec, "buy_and_hold", market={"bars": "10m"}, **free, **ACCEPT), desk
    ).histories.each
    assert len(accepted.bars) == DAY_NS // (10 * MINUTE_NS)
    (split,) = simulate(
        backtest_of(spec, "buy_and_hold", market={"bars": "10m"}, **free, data={"gaps": "split"}), desk
    ).histories.each
    assert len(split.bars) == DAY_NS // (10 * MINUTE_NS) - 1
