"""One run in memory: clocks, warm-up, gaps, lives of instruments, values from outside, wallets."""

from dataclasses import replace

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market import COINS, MarketSpec, SeriesKey, Store, generate_market, resample
from tradewind.market.manifest import SourceEntry
from tradewind.research import simulate
from tradewind.research.attribution import attribute
from tradewind.strategies.exposures import exposures_from_table
from tradewind.testing.desks import backtest_of, make_desk, stock
from tradewind.units.enums import Role
from tradewind.units.time import DAY_NS, HOUR_NS, MINUTE_NS, format_utc, parse_utc

START_NS = parse_utc("2024-01-01")
MINUTES = MarketSpec(seed=5, start_ns=START_NS, bars=24 * 60 * 5, interval_ns=MINUTE_NS, coins=COINS[:1])
HOURS = MarketSpec(seed=7, start_ns=START_NS, bars=24 * 30, interval_ns=HOUR_NS, coins=COINS[:2])
QUICK = {"fast_period": 5, "slow_period": 20, "size_pct": 50.0, "shorts": True}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = make_desk(
        tmp_path_factory.mktemp("simulate") / "desk", MINUTES, replace(HOURS, venue="bybit_linear")
    )
    hours = resample(generate_market(MINUTES).bars["BTCUSDT"], HOUR_NS).bars
    source = SourceEntry(name="resampled", sha256="", imported_ns=0, notes=())
    Store(made.data).merge_all([(SeriesKey("generated", "bars", "BTCUSDT", HOUR_NS), hours)], source)
    return made


def fills_of(run):
    parts = run.driven.fills
    return np.concatenate(parts) if parts else np.empty(0, dtype=[("ts_ns", "i8")])


def config_of(strategy="ema_cross", **tables):
    tables.setdefault("params", QUICK if strategy == "ema_cross" else {})
    return backtest_of(MINUTES, strategy, **tables)


def refused(config, desk, **kwargs):
    with pytest.raises(TradewindError) as caught:
        simulate(config, desk, **kwargs)
    return caught.value


# ---------------------------------------------------------------------------- clocks


def test_deciding_on_longer_bars_is_trading_them_where_only_opens_fill(desk):
    fine = simulate(config_of(market={"decide_on": "1h"}), desk)
    whole = simulate(config_of(market={"bars": "1h"}), desk)
    a, b = fills_of(fine), fills_of(whole)
    assert len(a) > 5
    for name in ("ts_ns", "price_tick", "qty_lot", "side"):
        assert np.array_equal(a[name], b[name]), name
    assert fine.resolved.warmup_bars == 80 * 60


def test_each_bar_of_latency_delays_the_first_fill_by_a_bar(desk):
    first = [fills_of(simulate(config_of(costs={"latency_bars": n}), desk))["ts_ns"][0] for n in (1, 2, 5)]
    assert [(at - first[0]) // MINUTE_NS for at in first] == [0, 1, 4]


def test_a_slow_message_misses_the_bar_and_a_quick_one_does_not(desk):
    plain, quick, slow = (
        fills_of(simulate(config_of(costs={"latency_ms": ms}), desk))["ts_ns"][0]
        for ms in (0.0, 500.0, 5_000.0)
    )
    assert quick == plain
    assert slow == plain + MINUTE_NS


# ---------------------------------------------------------------------------- warm-up


def test_nothing_is_traded_before_the_strategy_is_warm(desk):
    run = simulate(config_of(), desk)
    ts_ns = run.histories.aligned.ts_ns
    assert run.histories.warm_stop == 79
    assert fills_of(run)["ts_ns"][0] >= ts_ns[80]


def test_warm_up_from_history_trades_from_the_first_bar_of_the_period(desk):
    start = {"start": "2024-01-03"}
    run = simulate(config_of(period=start, warmup={"taken_from": "history"}), desk)
    ts_ns = run.histories.aligned.ts_ns
    assert format_utc(int(ts_ns[80])) == "2024-01-03"
    assert ts_ns[run.histories.warm_stop] + MINUTE_NS == ts_ns[80]
    # The same decision as of a run that began long before: what is known is the same but for the averages' beginnings.
    late = simulate(config_of(period=start), desk)
    assert fills_of(run)["ts_ns"][0] < fills_of(late)["ts_ns"][0]


def test_a_history_shorter_than_the_warm_up_is_refused_with_the_number_of_bars(desk):
    error = refused(config_of(period={"end": "2024-01-01T00:15:00Z"}), desk)
    assert error.code == "DATA_TOO_SHORT"
    assert "80" in error.message
    error = refused(config_of(warmup={"taken_from": "history"}), desk)
    assert error.code in {"DATA_TOO_SHORT", "DATA_MISSING"}


def test_a_period_beyond_the_history_is_refused_unless_gaps_are_accepted(desk):
    longer = {"end": "2024-02-01"}
    assert refused(config_of(period=longer), desk).code == "DATA_MISSING"
    run = simulate(config_of(period=longer, data={"gaps": "accept"}), desk)
    assert any("longer than the history" in said for said in run.histories.assumptions)


# ---------------------------------------------------------------------------- gaps and lives


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """Hours of one coin with a hole of a day in the middle."""
    spec = replace(HOURS, coins=COINS[:1])
    market = generate_market(spec)
    bars = market.bars["BTCUSDT"]
    there = (bars.ts_ns < START_NS + 15 * DAY_NS) | (bars.ts_ns >= START_NS + 16 * DAY_NS)
    market.bars["BTCUSDT"] = bars.take(there)
    made = make_desk(tmp_path_factory.mktemp("holed") / "desk")
    stock(made, market)
    return made, spec


def test_a_gap_is_refused_with_its_place(holed):
    desk, spec = holed
    error = refused(backtest_of(spec, "buy_and_hold"), desk)
    assert (error.code, error.key) == ("DATA_GAP", "data.gaps")
    assert "2024-01-16" in error.message


def test_nothing_trades_in_bars_that_were_made(holed):
    desk, spec = holed
    table = exposures_from_table(
        {"known_ns": [START_NS + 15 * DAY_NS + 4 * HOUR_NS], "symbol": ["BTCUSDT"], "exposure": [0.5]}
    )
    config = backtest_of(spec, "target_table", data={"gaps": "fill"})
    run = simulate(config, desk, features={"exposure": table})
    assert run.histories.bars == spec.bars
    assert fills_of(run)["ts_ns"].tolist() == [START_NS + 16 * DAY_NS]


def test_a_split_closes_at_the_last_price_and_warms_up_again(holed):
    desk, spec = holed
    config = backtest_of(spec, "ema_cross", params=QUICK, data={"gaps": "split", "funding_missing": "accept"})
    run = simulate(config, desk)
    fills = fills_of(run)
    settled = fills[fills["role"] == Role.SETTLEMENT]
    bars = run.histories.each[0].bars
    last = np.searchsorted(bars.ts_ns, START_NS + 15 * DAY_NS) - 1
    assert len(settled) == 1
    assert settled["price_tick"][0] == round(bars.close[last] * 10)
    assert settled["fee"][0] == 0
    again = fills["ts_ns"][fills["ts_ns"] >= START_NS + 16 * DAY_NS]
    assert len(again) > 3
    assert again[0] >= START_NS + 16 * DAY_NS + 20 * HOUR_NS


def test_an_instrument_enters_when_it_is_listed_and_warm_and_leaves_when_its_bars_end(tmp_path):
    market = generate_market(HOURS)
    bars = market.bars["ETHUSDT"]
    market.bars["ETHUSDT"] = bars.take(
        (bars.ts_ns >= START_NS + 5 * DAY_NS) & (bars.ts_ns < START_NS + 20 * DAY_NS)
    )
    desk = make_desk(tmp_path / "desk")
    stock(desk, market)
    config = backtest_of(HOURS, "ema_cross", params=QUICK, data={"funding_missing": "accept"})
    run = simulate(config, desk)
    ether = fills_of(run)[fills_of(run)["instrument"] == 1]
    assert ether["ts_ns"].min() >= START_NS + 5 * DAY_NS + 20 * HOUR_NS
    assert ether["ts_ns"].max() <= START_NS + 20 * DAY_NS
    assert run.world.contexts["working"]["holding"]["pos_lot"][1].sum() == 0
    assert any("its bars end" in said for said in run.histories.assumptions)


# ---------------------------------------------------------------------------- money


def test_a_missing_settlement_is_an_error_and_not_a_zero(tmp_path):
    market = generate_market(HOURS)
    funding = market.funding["BTCUSDT"]
    market.funding["BTCUSDT"] = funding.take(np.arange(len(funding)) != 20)
    desk = make_desk(tmp_path / "desk")
    stock(desk, market)
    error = refused(backtest_of(HOURS, "ema_cross"), desk)
    assert (error.code, error.key) == ("FUNDING_MISSING", "data.funding_missing")
    assert simulate(backtest_of(HOURS, "ema_cross", data={"funding_missing": "fill"}), desk)


def test_settling_needs_a_mark_price_or_a_declared_fallback(tmp_path):
    market = generate_market(HOURS)
    market.mark.clear()
    for symbol, funding in market.funding.items():
        market.funding[symbol] = replace(funding, mark_price=np.full(len(funding), np.nan))
    desk = make_desk(tmp_path / "desk")
    stock(desk, market)
    assert refused(backtest_of(HOURS, "ema_cross"), desk).code == "MARK_MISSING"
    assert simulate(backtest_of(HOURS, "ema_cross", data={"mark_missing": "fill"}), desk)


STOP_ON_MARK = '''"""Hold Bitcoin behind a stop on the mark price."""

from tradewind.strategies import LONG, MARK, SET, lots_for, stop, target

NEEDS = ("mark",)


class Memory:
    level_tick: int


def decide(view, account, working, params, memory, intents):
    if memory.level_tick == 0:
        memory.level_tick = int(view.close * 0.99)
    if working.holding[LONG].trips == 0:
        if working.holding[LONG].pos_lot == 0:
            target(intents, LONG, lots_for(view, account, 50.0))
        stop(intents, 5, LONG, memory.level_tick).trigger = MARK
    return SET
'''


def test_what_wants_liquidations_is_refused_where_no_history_holds_any(tmp_path):
    """It would see none for as long as the history is, and nobody would know."""
    desk = make_desk(tmp_path / "desk")
    stock(desk, generate_market(HOURS))
    hunter = STOP_ON_MARK.replace('("mark",)', '("liquidations",)').replace(".trigger = MARK", "")
    (desk.strategies / "hunter.py").write_text(hunter)
    error = refused(backtest_of(HOURS, "hunter"), desk)
    assert (error.code, error.key) == ("DATA_MISSING", "strategy")
    assert "trade --paper" in error.hint


@pytest.fixture
def unmarked(tmp_path):
    """Two coins, each spot and perpetual, whose history holds no mark price."""
    market = generate_market(replace(HOURS, spot=True))
    market.mark.clear()
    desk = make_desk(tmp_path / "desk")
    stock(desk, market)
    (desk.strategies / "guarded.py").write_text(STOP_ON_MARK)
    return desk


def test_what_watches_the_mark_needs_one_or_a_declared_fallback(unmarked):
    config = backtest_of(HOURS, "guarded", costs={"funding": "none"})
    assert refused(config, unmarked).code == "MARK_MISSING"
    filled = backtest_of(HOURS, "guarded", costs={"funding": "none"}, data={"mark_missing": "fill"})
    run = simulate(filled, unmarked)
    assert {fill["role"] for fill in fills_of(run)} == {Role.OPEN, Role.STOP}
    assert [each.policy for each in run.histories.applied] == ["fill", "fill"]


def test_a_spot_instrument_is_told_its_last_price_as_the_mark_and_the_report_says_so(unmarked):
    market = {"symbols": ["generated_spot:BTCUSDT"]}
    run = simulate(backtest_of(HOURS, "guarded", market=market), unmarked)
    assert len(fills_of(run)) == 2
    assert any("spot has no mark price" in said for said in run.histories.assumptions)


def test_a_perpetual_without_marks_says_in_its_report_that_nothing_looks_at_them(unmarked, desk):
    said = simulate(
        backtest_of(HOURS, "ema_cross", costs={"funding": "none"}), unmarked
    ).histories.assumptions
    judged = "margin and liquidation are judged on traded prices, not on the mark price"
    assert judged in said
    assert "BTCUSDT: its history has no mark price; nothing in this run looks at one" in said
    marked = simulate(config_of(costs={"funding": "none"}), desk).histories.assumptions
    assert judged in marked
    assert not [each for each in marked if "no mark price" in each]


def test_an_instrument_without_a_wallet_is_refused(desk):
    error = refused(config_of(capital={"currency": "USDC"}), desk)
    assert error.code == "CONFIG_CONFLICT"
    assert "USDT" in error.message
    run = simulate(
        config_of(capital={"currency": "USDC"}, wallets=[{"amount": 500.0, "currency": "USDT"}]), desk
    )
    assert run.driven.equity[-1, 0, 1] == 10_000 * 10**8
    assert run.driven.equity[-1, 1, 1] != 500 * 10**8


def test_sources_are_exact_and_costs_act_where_they_should(desk):
    run = simulate(config_of(), desk)
    sources = attribute(run.world, run.driven)
    parts = sources.price + sources.fees + sources.funding + sources.slippage + sources.liquidation
    assert parts == sources.total == run.driven.equity[-1, 0, 1] - 10_000 * 10**8
    free = simulate(
        config_of(costs={"slippage_bps": 0.0, "spread_bps": 0.0, "maker_rate": 0.0, "taker_rate": 0.0}), desk
    )
    clean = attribute(free.world, free.driven)
    assert (clean.fees, clean.slippage) == (0, 0)
    assert sources.fees < 0
    assert sources.slippage < 0


def test_a_liquidation_is_told_and_its_cost_has_a_source_of_its_own(desk):
    table = exposures_from_table({"known_ns": [START_NS + 1], "symbol": ["BTCUSDT"], "exposure": [19.0]})
    config = config_of("target_table", account={"leverage": 20.0}, params={"scale_pct": 100.0})
    run = simulate(config, desk, features={"exposure": table})
    assert fills_of(run)["role"][-1] == Role.LIQUIDATION
    sources = attribute(run.world, run.driven)
    assert sources.liquidation < 0
    assert (
        sources.price + sources.fees + sources.funding + sources.slippage + sources.liquidation
        == sources.total
    )


# ---------------------------------------------------------------------------- values from outside


def test_a_strategy_that_wants_values_from_outside_is_refused_without_them(desk):
    error = refused(config_of("target_table"), desk)
    assert error.code == "DATA_MISSING"
    assert "exposure" in error.message


def test_an_exposure_is_traded_from_when_it_was_known(desk):
    known_ns = START_NS + 100 * MINUTE_NS + 1
    table = exposures_from_table({"known_ns": [known_ns], "symbol": ["BTCUSDT"], "exposure": [0.5]})
    run = simulate(config_of("target_table"), desk, features={"exposure": table})
    fills = fills_of(run)
    # Known a moment after the open of bar 100: acted upon at its close, filled at the open of bar 101.
    assert fills["ts_ns"].tolist() == [START_NS + 101 * MINUTE_NS]
    assert fills["notional"][0] == pytest.approx(0.5 * 10_000 * 1e8, rel=0.01)


def exposures(symbol):
    return exposures_from_table({"known_ns": [START_NS + HOUR_NS], "symbol": [symbol], "exposure": [0.5]})


def test_a_table_for_a_symbol_that_is_not_traded_is_refused(desk):
    error = refused(config_of("target_table"), desk, features={"exposure": exposures("BTCUSDTX")})
    assert (error.code, error.key, error.where) == ("SYMBOL_UNKNOWN", "symbol", "exposures=table")
    assert error.message == "the table has values for 'BTCUSDTX', which the file does not trade."
    assert (error.hint, error.known) == ("Did you mean 'BTCUSDT'?", ("BTCUSDT",))


def test_a_table_that_no_strategy_reads_is_refused(desk):
    error = refused(config_of(), desk, features={"exposure": exposures("BTCUSDT")})
    assert (error.code, error.where) == ("CONFIG_CONFLICT", "exposures=table")
    error = refused(config_of(), desk, features={"score": exposures("BTCUSDT")})
    assert (error.code, error.where) == ("CONFIG_CONFLICT", "features={'score': table}")


def test_a_table_that_is_missing_is_asked_for_as_the_pages_teach_it(desk):
    error = refused(config_of("target_table"), desk)
    assert (error.code, error.hint) == (
        "DATA_MISSING",
        "hand them over in Python: tradewind.backtest(file, exposures=table)",
    )


def test_every_defect_of_every_symbol_is_told_at_once(tmp_path):
    spec = replace(HOURS, bars=24 * 3)
    market = generate_market(spec)
    desk = make_desk(tmp_path / "desk")
    source = SourceEntry(name="holed", sha256="", imported_ns=0, notes=())
    parts = []
    for symbol, bars in market.bars.items():
        volume = bars.volume.copy()
        volume[7] = 0.0
        parts.append((SeriesKey("generated", "bars", symbol, HOUR_NS), replace(bars, volume=volume)))
        bare = replace(market.funding[symbol], mark_price=np.full(len(market.funding[symbol]), np.nan))
        parts.append((SeriesKey("generated", "funding", symbol), bare))
    Store(desk.data).merge_all(parts, source)
    error = refused(backtest_of(spec, "buy_and_hold"), desk)
    assert [(each.where, each.key) for each in (error, *error.also)] == [
        ("generated BTCUSDT", "data.zero_volume"),
        ("generated BTCUSDT mark", "data.mark_missing"),
        ("generated ETHUSDT", "data.zero_volume"),
        ("generated ETHUSDT mark", "data.mark_missing"),
    ]
    assert error.also[0].message.startswith("there are no mark prices, and 8 settlements need one, first at ")
