"""What a venue allows one account and one address: who may use it first, and who shares it."""

from __future__ import annotations

import asyncio
import random

import pytest

from tradewind.testing.gateway_desk import S_NS, Desk
from tradewind.testing.virtual_venues import Login, login_of, run_world
from tradewind.units.enums import BUY, SELL, IntentKind
from tradewind.venues.ccxt.budget import Address, Budget, Urgency
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.ccxt.failover import FailoverFeed
from tradewind.venues.ccxt.feed import CcxtMarketFeed
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import Listing, OutcomeKind, StreamKind

ALONE = (Login(),)
each_venue = pytest.mark.parametrize("venue", FAKE_VENUES)


def run(work, venue, logins=ALONE):
    return run_world(work, seed=5, venues=(venue,), logins=logins, misfortunes={venue: Misfortunes()})


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


# ---------------------------------------------------------------------- who shares an address


@pytest.mark.parametrize("shares", [True, False])
def test_two_accounts_of_one_process_keep_to_what_their_address_is_allowed(shares):
    """BloFin counts by address and says nothing before it refuses; of two alone each believes that all is its own."""
    names = ("main", "other")

    async def work(world):
        address = Address() if shares else None
        parts = [world.logins[name] for name in names]
        one, other = (
            Desk(world, "blofin_swap", keys=(p.api_key, p.secret, p.passphrase), address=address)
            for p in parts
        )
        async with one, other:
            refused = []

            async def read(desk):
                for _ in range(300):
                    wire, call = desk.gateway._wire, desk.gateway._dialect.balances.call
                    answer = await wire.ask(call, dict(call.fields))
                    refused.extend([answer.status] if answer.status == 429 else [])

            await asyncio.gather(read(one), read(other))
            return len(refused)

    refused = run(work, "blofin_swap", tuple(login_of(name) for name in names))
    assert (refused == 0) is shares


def test_market_data_counts_for_the_accounts_of_its_address_and_keeps_to_their_bans():
    """Also where it comes through a feed that a second venue stands in for."""
    venue = "bybit_linear"

    async def work(world):
        address = Address()
        rules = next(iter(world.exchanges[venue].instruments.values()))
        first, second = (
            CcxtMarketFeed(
                name,
                build_exchange(CLIENTS[name], world.session()),
                [Listing(0, rules)],
                kinds=frozenset({StreamKind.BARS}),
                intervals_ns=(60 * S_NS,),
                now_ns=world.loop.now_ns,
                rng=random.Random(1),
            )
            for name in (venue, "okx_swap")
        )
        feed = FailoverFeed(
            first,
            second,
            [(Listing(0, rules), Listing(0, rules))],
            needed=frozenset({StreamKind.BARS}),
            now_ns=world.loop.now_ns,
        )
        budget = Budget(DIALECTS[venue].windows, world.loop.now_ns, address)
        feed.share({venue: address})
        await first.rest.call("load_markets")
        counted = budget._spent[0].total
        budget.hear(403, {}, "403, access too frequent")
        began = world.loop.time()
        await first.rest.call("load_markets", True)
        waited_s = world.loop.time() - began
        await first.close()
        await second.close()
        return counted, waited_s, second.rest.address is address

    counted, waited_s, other = run(work, venue)
    assert counted >= 1
    assert waited_s > 599
    assert not other
