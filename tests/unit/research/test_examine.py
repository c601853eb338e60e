"""What a run is examined for: each check fails where it should."""

import numpy as np
import pytest

from tradewind.market import COINS, MarketSpec
from tradewind.report import read_stored
from tradewind.research import run_backtest
from tradewind.research.folder import thinned
from tradewind.strategies.exposures import exposures_from_table
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.time import HOUR_NS, parse_timeframe, parse_utc

SPEC = MarketSpec(
    seed=9, start_ns=parse_utc("2024-01-01"), bars=24 * 40, interval_ns=HOUR_NS, coins=COINS[:1]
)
PEEK = '''"""Buy when the last bar that it is shown lies above this one."""

from tradewind.strategies import LONG, SET, lots_for, target


class Memory:
    last: int


def decide(view, account, working, params, memory, intents):
    if memory.last > view.close:
        target(intents, LONG, lots_for(view, account, 50.0))
    else:
        target(intents, LONG, 0)
    return SET


def scan(view, params, memory, bars, column, start, stop):
    memory.last = bars[stop - 1, column, 3]
    return start
'''


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = make_desk(tmp_path_factory.mktemp("examine") / "desk", SPEC)
    (made.strategies / "peek.py").write_text(PEEK)
    return made


def rules_of(run):
    from tradewind.report.files import load_run

    return [count.what for count in load_run(run.run_dir).refused_counts]


def verdicts(run):
    return {check.name: check.verdict for check in run.checks}


def test_a_strategy_that_sees_the_future_fails_its_first_check(desk):
    run = run_backtest(backtest_of(SPEC, "peek"), desk)
    assert run.checks[0].name == "look-ahead"
    assert verdicts(run)["look-ahead"] == "fail"
    assert "do not trust" in (run.run_dir / "report.html").read_text().lower()
    assert read_stored(run.run_dir).checks.failed[0].name == "look-ahead"


def test_an_honest_strategy_passes_in_as_many_cuts_as_asked(desk):
    run = run_backtest(backtest_of(SPEC, "ema_cross", checks={"lookahead_cuts": 9}), desk)
    assert run.checks[0].verdict == "pass"
    assert run.checks[0].detail == "none found in 9 cuts"


def test_exposures_stamped_with_the_opening_of_their_own_bar_are_found(desk):
    from tradewind.market import Store

    bars = Store(desk.data).read_bars("generated", "BTCUSDT", HOUR_NS)
    hindsight = np.sign(bars.close - bars.open) * 0.5
    symbols = ["BTCUSDT"] * len(bars)
    early = exposures_from_table({"known_ns": bars.ts_ns, "symbol": symbols, "exposure": hindsight})
    fair = exposures_from_table({"known_ns": bars.end_ns, "symbol": symbols, "exposure": hindsight})
    config = backtest_of(SPEC, "target_table")
    assert verdicts(run_backtest(config, desk, features={"exposure": early}))["known-at"] == "fail"
    assert verdicts(run_backtest(config, desk, features={"exposure": fair}))["known-at"] == "pass"


def test_doubled_costs_cost_twice_as_much(desk):
    run = run_backtest(backtest_of(SPEC, "ema_cross", params={"fast_period": 3, "slow_period": 9}), desk)
    checks = read_stored(run.run_dir).checks
    paid = -(checks.attribution.fees + checks.attribution.slippage)
    more = run.metrics["final_equity"] - checks.costs_doubled.final_equity
    assert paid > 10
    assert more == pytest.approx(paid, rel=0.15)


def test_free_trading_is_doubted(desk):
    free = {"slippage_bps": 0.0, "spread_bps": 0.0, "maker_rate": 0.0, "taker_rate": 0.0}
    assert verdicts(run_backtest(backtest_of(SPEC, "ema_cross", costs=free), desk))["costs"] == "warn"


def test_a_liquidated_account_is_not_called_sound(desk):
    table = exposures_from_table(
        {"known_ns": [SPEC.start_ns + 1], "symbol": ["BTCUSDT"], "exposure": [-19.0]}
    )
    config = backtest_of(SPEC, "target_table", account={"leverage": 20.0})
    run = run_backtest(config, desk, features={"exposure": table})
    assert verdicts(run)["account"] in {"warn", "fail"}


def test_funding_and_rebates_are_not_doubled_as_the_definition_says(desk):
    """Hold one coin: the fee and slippage of one fill is all that doubles, whatever funding took meanwhile."""
    from tradewind.report import METRICS

    run = run_backtest(backtest_of(SPEC, "buy_and_hold", costs={"maker_rate": -0.0001}), desk)
    checks = read_stored(run.run_dir).checks
    parts = checks.attribution
    assert abs(parts.funding) > 1.0
    more = run.metrics["final_equity"] - checks.costs_doubled.final_equity
    assert more == pytest.approx(-(parts.fees + parts.slippage), rel=0.02)
    said = next(metric for metric in METRICS if metric.name == "costs_doubled_return")
    assert "Funding and rebates stay as they are" in said.convention
    assert "fees, slippage and spread doubled" in said.formula


TOO_MUCH = '''"""Want more than any account can pay for."""

from tradewind.strategies import LONG, SET, target


def decide(view, account, working, params, memory, intents):
    target(intents, LONG, 10**9)
    return SET
'''
NOTHING = '''"""Want nothing."""

from tradewind.strategies import HOLD


def decide(view, account, working, params, memory, intents):
    return HOLD
'''


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("greedy", TOO_MUCH, "refused, most by the rule"), ("idle", NOTHING, "no strategy wanted anything")],
)
def test_a_run_without_a_trade_is_doubted_and_says_why(desk, name, text, said):
    (desk.strategies / f"{name}.py").write_text(text)
    run = run_backtest(backtest_of(SPEC, name), desk)
    (account,) = (check for check in run.checks if check.name == "account")
    assert account.verdict == "warn"
    assert account.detail.startswith("nothing was traded: ")
    assert said in account.detail


def test_only_what_moves_the_result_counts_as_another_setting(desk):
    def trials(**tables):
        run = run_backtest(backtest_of(SPEC, "donchian_breakout", **tables), desk)
        return read_stored(run.run_dir).checks.trials

    assert trials() == 1
    assert trials() == 1, "the same again"
    assert trials(report={"title": "another"}, checks={"lookahead_cuts": 2}) == 1, "only shown otherwise"
    assert trials(params={"size_pct": 3.0}) == 2


def test_a_halt_that_has_passed_is_still_told(desk):
    quick = {"params": {"fast_period": 3, "slow_period": 9}, "limits": {"loss_day_pct": 0.05}}
    run = run_backtest(backtest_of(SPEC, "ema_cross", **quick), desk)
    (account,) = (check for check in run.checks if check.name == "account")
    assert account.verdict == "warn"
    assert "refused while trading was halted" in account.detail
    assert set(rules_of(run)) == {"halted: loss_day"}
    assert any("most by the rule halted" in said for said in read_stored(run.run_dir).checks.warnings)


@pytest.mark.parametrize("bars", ["1w", "7m"])
def test_every_bar_has_its_row_of_equity_whatever_its_length(bars):
    bar_ns = parse_timeframe(bars)
    ts_ns = parse_utc("2024-01-01") + bar_ns * np.arange(20)
    rows, interval_ns = thinned(ts_ns, bar_ns, 100)
    assert rows.tolist() == list(range(20))
    assert interval_ns == bar_ns


STOP_IN_A_TAKEN_SLOT = '''"""Be short, with a stop in the slot that the target has taken."""

from tradewind.strategies import SET, SHORT, lots_for, stop, target


def decide(view, account, working, params, memory, intents):
    target(intents, SHORT, lots_for(view, account, 50.0))
    stop(intents, 1, SHORT, view.close * 2)
    return SET
'''


def test_who_is_held_for_what_it_wants_is_told_which_row_it_is(desk):
    (desk.strategies / "taken.py").write_text(STOP_IN_A_TAKEN_SLOT)
    run = run_backtest(backtest_of(SPEC, "taken"), desk)
    account = next(check for check in run.checks if check.name == "account")
    assert account.verdict == "fail"
    assert (
        "taken wanted something impossible (bad_output) and was held: BTCUSDT, row 2 of 2, " in account.detail
    )
    assert "slot 1 is that of row 1 already, a target of the short side" in account.detail
