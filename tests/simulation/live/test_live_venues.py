"""A live session over unmodified ccxt at each of four fake venues: it trades, dies, comes back, and agrees."""

from __future__ import annotations

import gc
from collections import Counter
from decimal import Decimal

import pytest

from tradewind.live.replay import replay_journal
from tradewind.testing.venue_live import FOLDER, VenueLife, live_at

pytest.importorskip("ccxt")

# What a killed process leaves behind never gets to its end; it is dropped here, not in somebody else's test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


class Truth:
    """What the venue has at the end."""

    def __call__(self, life, world):
        exchange = world.exchanges[life.venue]
        self.instrument = next(iter(exchange.instruments.values()))
        account = world.account(life.venue)
        self.position = sum((p.qty for p in account.positions()), Decimal(0))
        self.balance = next(b.wallet for b in account.balances() if b.asset == "USDT")
        entries = exchange.record.entries
        self.placed = Counter(
            e["client_id"] for e in entries if e["what"] == "order" and e["cause"] == "placed" and e["client_id"]
        )  # fmt: skip
        self.fills = [e for e in entries if e["what"] == "fill"]


def lived(venue, **settings):
    truth = Truth()
    life = VenueLife(venue, 8, at_end=truth, **settings)
    live_at(life)
    return life, truth


def check(life, truth):
    """The oracles: our ledger is the venue's, no order twice, nothing unexplained, the journal replays."""
    held = life.world.contexts["working"]["holding"]["pos_lot"][0]
    assert int(held[0] - held[1]) * truth.instrument.lot_size == truth.position
    assert life.world.views["external_lot"].tolist() == [[0, 0]]
    assert Decimal(int(life.world.accounts["balance"][0])) / 10**8 == truth.balance
    assert max(truth.placed.values()) == 1
    assert not [alert for alert in life.alerts if alert.code == "UNEXPLAINED"], life.alerts
    assert int(life.world.core["halts"][0]) == 0
    replayed = replay_journal(FOLDER, life.fresh_world(), life.disk)
    assert replayed.state_hash == life.world.state_hash()


@pytest.mark.parametrize("venue", VENUES)
def test_it_trades_and_agrees_with_the_venue(venue):
    life, truth = lived(venue)
    check(life, truth)
    assert len(truth.fills) >= 8
    assert int(life.world.core["requests"][0]) >= 10
    assert life.dropped == {}


@pytest.mark.parametrize("venue", VENUES)
def test_killed_again_and_again_it_agrees_with_the_venue(venue):
    life, truth = lived(venue, dies_at=[1_200, 2_500, 600, 1_800, 2_600])
    assert life.lives == 5
    check(life, truth)
    assert len(truth.fills) >= 4
