"""What a venue allows one account and one address: who may use it first, and who shares it."""

from __future__ import annotations

import pytest

from tradewind.testing.gateway_desk import Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, SELL, IntentKind
from tradewind.venues.ccxt.budget import Urgency
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import OutcomeKind

each_venue = pytest.mark.parametrize("venue", FAKE_VENUES)


def run(work, venue):
    return run_world(work, seed=5, venues=(venue,), misfortunes={venue: Misfortunes()})


async def used_up(desk, urgency):
    """Spend what requests of an urgency may spend of every window."""
    budget = desk.gateway._wire.budget
    for group in sorted({window.group for window in desk.gateway._dialect.windows}):
        while not await budget.take(group, 1, urgency, patience_ns=0):
            pass


# ---------------------------------------------------------------------- what protects goes first


@each_venue
def test_a_cancel_of_everything_finds_the_orders_with_what_is_kept_for_cancels(venue):
    """The lists that it needs at OKX and BloFin are read at once, though reading has used up its share."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(
                desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)),
                desk.order(2, IntentKind.STOP, SELL, reduce=False, price_tick=desk.tick(0.9)),
            )
            await used_up(desk, Urgency.READ)
            began = world.loop.time()
            outcome = await desk.gateway.cancel_all(0)
            return outcome.kind, world.loop.time() - began, desk.truth.open_orders(desk.symbol)

    kind, took_s, left = run(work, venue)
    assert (kind, left) == (OutcomeKind.ACCEPTED, [])
    assert took_s < 1.0


@pytest.mark.parametrize("venue", ["okx_swap", "blofin_swap"])
def test_a_list_that_cannot_be_read_keeps_no_order_of_another_list(venue):
    """It ends in a question, and the stop is cancelled all the same."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(
                desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)),
                desk.order(2, IntentKind.STOP, SELL, reduce=False, price_tick=desk.tick(0.9)),
            )
            desk.strike("F08", count=1)
            outcome = await desk.gateway.cancel_all(0)
            return outcome.kind, [order.algo for order in desk.truth.open_orders(desk.symbol)]

    assert run(work, venue) == (OutcomeKind.UNKNOWN, [False])
