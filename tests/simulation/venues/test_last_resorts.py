"""What works when little does: closing by requests alone, and a dead-man timer that is taken back."""

import asyncio

import pytest

from tradewind.cli.takeover import close_account
from tradewind.errors import VenueDown
from tradewind.testing.gateway_desk import LOTS, Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, IntentKind
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import OutcomeKind

VENUES = ["binance_usdm", "bybit_linear", "okx_swap", "blofin_swap"]


def in_world(work, venue):
    return run_world(work, seed=1, venues=(venue,), misfortunes={venue: Misfortunes((), seed=1)})


@pytest.mark.parametrize("venue", VENUES)
def test_an_account_is_closed_by_requests_alone_where_no_stream_can_be_opened(venue):
    async def work(world):
        async with Desk(world, venue) as desk:
            resting = desk.order(2, IntentKind.REST, BUY, price_tick=desk.tick(0.97))
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY))
            await desk.accept(resting)
        assert desk.truth.positions()
        later, told = Desk(world, venue), []
        later.strike("F12", duration_s=3_600, count=0)
        before = len(desk.exchange.record.entries)
        with pytest.raises(VenueDown):
            async with Desk(world, venue):
                pass
        done = await close_account(later.gateway, later.listings, told.append)
        await later.gateway.close()
        asked = [each for each in desk.exchange.record.entries[before:] if each["what"] == "request"]
        return done, told, desk.truth.positions(), desk.truth.open_orders(), asked

    done, told, positions, orders, asked = in_world(work, venue)
    assert done.flat
    assert not positions
    assert not orders
    assert any(f"close {LOTS} lots" in step for step in told)
    # The stop is gone with the first request: no history is read while nothing protects the position.
    assert len(asked) < 40, len(asked)
    assert asked[-1]["ts_ns"] - asked[1]["ts_ns"] < 5_000_000_000


@pytest.mark.parametrize(("venue", "taken_back"), [(v, on) for v in VENUES[:3] for on in (True, False)])
def test_a_timer_that_was_taken_back_leaves_what_rests(venue, taken_back):
    """Bybit's cannot be: that is said, and it goes off."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            armed = await desk.gateway.arm_dead_man(12.0)
            await asyncio.sleep(2)
            off = await desk.gateway.arm_dead_man(0.0) if taken_back else armed
            await asyncio.sleep(1)
        await asyncio.sleep(60)
        return armed, off, desk.truth.open_orders()

    armed, off, orders = in_world(work, venue)
    assert armed.kind is OutcomeKind.ACCEPTED
    can = venue != "bybit_linear"
    assert (off.kind is OutcomeKind.ACCEPTED) == (can or not taken_back)
    assert len(orders) == (taken_back and can)
