"""A session that cannot read its account does not start, says why, and starts once it can."""

from __future__ import annotations

import pytest

from tradewind.testing.logbook import asked_s, placed_s
from tradewind.testing.steady import sail_steady
from tradewind.testing.voyage import strike

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

POSITIONS = {
    "binance_usdm": "*positionRisk*",
    "blofin_swap": "*account/positions*",
}
"""What each venue is asked for what is held."""


@pytest.mark.parametrize("venue", POSITIONS)
def test_an_account_that_cannot_be_read_is_not_traded_and_the_refusal_says_why(venue):
    """Everything else answers: streams, orders, balances. Nobody decides before the positions were read."""
    unread = strike("F08", 0, 150, pattern=POSITIONS[venue])
    sea = sail_steady(venue, unread, minutes=4.0, calm_minutes=2.0)
    refused = [end for end in sea.life.ends if "RECONCILE_FAILED" in end]
    assert refused
    assert set(sea.life.ends) == set(refused)
    assert min(asked_s(sea)) > 150
    assert placed_s(sea)
