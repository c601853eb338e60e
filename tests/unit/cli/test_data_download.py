"""What `data download` asks for is chosen by tables of what each venue has."""

from __future__ import annotations

import pytest

from tradewind.errors import ConfigError
from tradewind.units.time import MINUTE_NS, parse_interval

pytest.importorskip("ccxt")

from tradewind.cli.data_download import _plan
from tradewind.venues.ccxt.stream_table import STREAMS

PERIOD = ("2024-01-01", "2024-01-02")


def planned(venue, kinds, bars):
    return _plan(venue, ["BTCUSDT"], kinds, bars, PERIOD, 1, accept_gaps=False)


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear"])
def test_open_interest_comes_at_the_finest_distance_unless_it_is_said(venue):
    plan = planned(venue, ["bars", "open_interest"], None)
    assert (plan.step_ns, plan.keys[0].interval_ns) == (5 * MINUTE_NS, MINUTE_NS)
    assert planned(venue, ["open_interest"], "4h").step_ns == 240 * MINUTE_NS


def test_a_distance_that_the_venue_does_not_tell_is_refused_with_those_that_it_does():
    with pytest.raises(ConfigError) as caught:
        planned("bybit_linear", ["bars", "open_interest"], "1m")
    assert (caught.value.code, caught.value.where) == ("TIMEFRAME_INVALID", "--bars")
    assert caught.value.known == ("5m", "15m", "30m", "1h", "4h", "1d")
    assert planned("bybit_linear", ["bars"], "1m").step_ns == 0


def test_a_venue_without_such_a_history_says_so_before_it_is_asked():
    with pytest.raises(ConfigError, match="no history of open interest") as caught:
        planned("okx_swap", ["open_interest"], None)
    assert caught.value.code == "EXCHANGE_UNSUPPORTED"


def test_each_venue_with_such_a_history_says_its_distances():
    for venue, streams in STREAMS.items():
        steps = streams.rest.interest_steps
        assert bool(steps) == bool(streams.rest.interest_rows), venue
        assert list(steps) == sorted(steps, key=parse_interval)
