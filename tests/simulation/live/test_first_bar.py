"""The first bar after a start: history reaches up to it, so it is decided on."""

from itertools import pairwise

import pytest

from tradewind.testing.logbook import told
from tradewind.testing.steady import sail_steady
from tradewind.units.enums import FactKind, StreamCode, WakeCode


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap", "blofin_swap"])
def test_history_that_a_venue_publishes_late_is_waited_for(venue):
    """A session that starts on the minute asks again for the bar that has just ended, and misses no decision."""
    sea = sail_steady(venue, minutes=1.2, calm_minutes=0.1)
    codes = [row["code"] for _, row in told(sea, FactKind.STREAM)]
    assert StreamCode.GAP not in codes
    decided = [at for at, row in told(sea, FactKind.WAKE) if row["code"] == WakeCode.BATCH]
    assert 60 <= decided[0] < 63
    rows = [row["venue_ts_ns"] for _, row in told(sea, FactKind.BAR)]
    assert len(rows) == len(set(rows))
    assert all(later - sooner == 60_000_000_000 for sooner, later in pairwise(rows))
