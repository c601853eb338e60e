"""A file that decides on weeks is asked on the same Mondays on paper as in the backtest."""

from __future__ import annotations

import pytest

from tradewind.cli.paper import bind
from tradewind.live.paper import run_paper
from tradewind.market import COINS, MarketSpec
from tradewind.research import simulate
from tradewind.testing.desks import backtest_of, make_desk
from tradewind.units.time import HOUR_NS, parse_utc

SPEC = MarketSpec(
    seed=4, start_ns=parse_utc("2024-01-03"), bars=24 * 7 * 12, interval_ns=4 * HOUR_NS, coins=COINS[:1]
)


@pytest.mark.parametrize("decide_on", ["1w", "1d", "20h"])
def test_paper_decides_on_longer_bars_as_the_backtest_does(tmp_path, decide_on):
    desk = make_desk(tmp_path / "desk", SPEC)
    config = backtest_of(
        SPEC,
        "ema_cross",
        params={"fast_period": 2, "slow_period": 5, "shorts": True},
        market={"decide_on": decide_on},
    )
    tested = simulate(config, desk).world
    alive = run_paper(bind(config, desk).setup("test"), desk, "weeks")
    assert int(tested.core["fills"][0]) > 2
    assert (alive.decisions_hash, alive.state_hash) == (tested.decisions_hash(), tested.state_hash())
