"""Bybit's spot market over unmodified ccxt: the trial of a venue passes there, with coins of before and without."""

from __future__ import annotations

import random

import pytest

from tradewind.live.amounts import listing_of
from tradewind.live.certify import VenueTraits, certify_venue
from tradewind.testing.bybit_coins import BybitCoins
from tradewind.testing.scripted_venue import run_scripted
from tradewind.testing.small_coins import CoinExchange
from tradewind.testing.traded_rules import traded
from tradewind.units.enums import LONG, MONEY
from tradewind.units.time import MINUTE_NS
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.gateway import AccountMode, Listing

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def certified(before=0, **changes):
    """Run the script at a fresh account with so many coins of before; return its steps and the exchange."""
    rules = traded("bybit_spot")[0]
    listing = listing_of(0, rules)
    unit = float(listing.instrument.lot_size * rules.tick_size) * MONEY
    made = []

    async def work(venue):
        exchange = CoinExchange(
            venue.loop.now_ns, unit, MINUTE_NS, random.Random(1), float(listing.instrument.lot_size)
        )
        exchange.buy_by_hand(before)
        made.append(BybitCoins(exchange, listing, venue.loop.now_ns))
        made[0].venue = venue
        exchange.listen(made[0].hear)
        for name, value in changes.items():
            setattr(exchange, name, value)
        gateway = venue.gateway(AccountMode.DEMO)
        await gateway.open()
        steps = await certify_venue(
            gateway, Listing(0, rules), 500.0, 1 << 20, venue.loop.now_ns,
            traits=VenueTraits.of(dialect_of("bybit_spot")),
        )  # fmt: skip
        return steps, exchange, gateway.dropped, [one.path for one in venue.unanswered]

    return run_scripted(
        "bybit_spot", lambda asked: made[0].answer(asked), work, lambda message: made[0].react(message)
    )


@pytest.mark.parametrize("before", [0, 5_000_123])
def test_bybits_spot_market_passes_the_trial(before):
    steps, exchange, dropped, unanswered = certified(before)
    assert [(step.name, step.text) for step in steps if not step.passed] == []
    assert unanswered == []
    assert {step.name for step in steps if step.left_out} == {
        "leverage is set, and set back",
        "its modes are read and stay as they are",
        "a close of nothing does nothing",
        "both sides are held and closed",
    }
    left = int(exchange.positions[0, LONG]) - before
    assert 0 <= left < 1_000
    assert exchange.working() == []
    assert [text for text in dropped if "coin not traded" not in text] == []
