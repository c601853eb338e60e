"""The script of orders that certifies a venue, at the four fakes: it passes, or says what fails, and leaves nothing."""

from __future__ import annotations

import gc
from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.live.certify import Certificate, certify_venue
from tradewind.testing.gateway_desk import Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, IntentKind
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.gateway import Listing, Outcome, OutcomeKind

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


def certified(venue, before=None, **rules):
    """Run the script, with some rules of the instrument taken for others; return its steps and what is left."""

    async def work(world):
        async with Desk(world, venue) as desk:
            if before is not None:
                await before(desk)
            price = float(desk.exchange.last(desk.symbol))
            listing = Listing(desk.listings[0].index, replace(desk.listings[0].instrument, **rules))
            steps = await certify_venue(
                desk.gateway, listing, price, 1 << 20, world.loop.now_ns,
                amends=dialect_of(venue).amend is not None,
            )  # fmt: skip
            return (
                steps,
                [p.qty for p in desk.truth.positions() if p.qty],
                (await desk.gateway.snapshot(0)).orders,
            )

    return run_world(work, venues=(venue,), seed=7)


@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_as_it_should_be_passes(venue):
    steps, held, orders = certified(venue)
    assert [(step.name, step.text) for step in steps if not step.passed] == []
    assert len(steps) == 10
    assert (held, orders) == ([], ())


def test_orders_keep_within_what_the_venue_allows():
    steps, _, _ = certified("binance_usdm", price_band_ratio=Decimal("0.01"))
    assert [step.text for step in steps if not step.passed] == []


def test_an_order_that_the_rules_forbid_is_not_sent():
    """B63-B71: what a command would send is judged before it leaves."""
    sent = []

    async def before(desk):
        create = desk.gateway.create

        async def noted(orders):
            sent.extend(orders)
            return await create(orders)

        desk.gateway.create = noted

    steps, held, orders = certified("binance_usdm", before, max_qty=Decimal("0.001"))
    assert [step.passed for step in steps] == [True, False]
    assert "above the largest order, 0.001" in steps[1].text
    assert (sent, held, orders) == ([], [], ())


def test_an_account_with_something_in_it_is_not_used():
    async def before(desk):
        await desk.accept(desk.order(9, IntentKind.REST, BUY, price_tick=desk.tick(0.9)))

    steps, _, _ = certified("binance_usdm", before)
    assert [step.passed for step in steps] == [False]
    assert "use an account with nothing in it" in steps[0].text


def test_what_does_not_come_out_as_it_should_ends_it_flat():
    async def before(desk):
        cancel = desk.gateway.cancel

        async def deaf(order):
            await cancel(order)
            return Outcome(OutcomeKind.REJECTED, text="no")

        desk.gateway.cancel = deaf

    steps, held, orders = certified("okx_swap", before)
    assert (steps[-1].name, steps[-1].passed, steps[-1].text) == ("it is cancelled", False, "rejected no")
    assert (held, orders) == ([], ())
    assert not Certificate("okx_swap", "main", "x", "1", "1", 0, steps).passed
    assert not Certificate("okx_swap", "main", "x", "1", "1", 0, ()).passed
    assert Certificate("okx_swap", "main", "x", "1", "1", 0, steps[:-1]).passed
