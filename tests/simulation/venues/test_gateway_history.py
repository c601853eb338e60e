"""How far back a venue tells what was traded and paid, and that nobody is silent about what lies before."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.testing.gateway_desk import LOTS, S_NS, Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, IntentKind
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.fake.orders import FakeIncome
from tradewind.venues.gateway import OrderRef, OrderStatus

DAY_NS = 86_400 * S_NS
each_venue = pytest.mark.parametrize("venue", FAKE_VENUES)
TOLD_FUNDING = [venue for venue in FAKE_VENUES if venue != "blofin_swap"]
STATED = [venue for venue in FAKE_VENUES if venue != "blofin_swap"]
"""Venues whose documentation says how far back they tell."""


def run(work, venue):
    return run_world(work, seed=5, venues=(venue,), misfortunes={venue: Misfortunes()})


def pay(desk, kind, days, number, amount=-1):
    """Let funding or a transfer have happened so many days ago."""
    symbol = desk.symbol if kind == "funding" else ""
    at_ns = desk.world.loop.now_ns() - int(days * DAY_NS)
    income = FakeIncome(kind, "USDT", Decimal(amount), symbol, at_ns, number, "net", Decimal("0.0001"))
    desk.truth.statement.add_income(income)
    return at_ns


@pytest.mark.parametrize("venue", TOLD_FUNDING)
def test_what_was_paid_in_a_month_of_absence_is_read_each_once(venue):
    """At OKX the usual list ends after seven days; what lies before is in an archive."""

    async def work(world):
        async with Desk(world, venue) as desk:
            days = (29.0, 14.0, 7.1, 7.0, 6.99, 6.9, 0.5)
            paid = [pay(desk, "funding", day, 900 + n) for n, day in enumerate(days)]
            moved = [pay(desk, "transfer", day, 950 + n, 5) for n, day in enumerate(days)]
            taken = await desk.gateway.snapshot(world.loop.now_ns() - 30 * DAY_NS)
            return paid, [f.ts_ns for f in taken.funding], moved, [t.ts_ns for t in taken.transfers], taken

    paid, funding, moved, transfers, taken = run(work, venue)
    ms = 1_000_000
    assert sorted(ns // ms for ns in funding) == sorted(ns // ms for ns in paid)
    assert sorted(ns // ms for ns in transfers) == sorted(ns // ms for ns in moved)
    assert taken.history_from_ns == 0


@pytest.mark.parametrize("venue", STATED)
def test_what_a_venue_tells_no_more_is_said(venue):
    """An absence of three years is no refusal to start, and no silence: from when on everything is told is said."""

    async def work(world):
        async with Desk(world, venue) as desk:
            pay(desk, "funding", 20, 901)
            now_ns = world.loop.now_ns()
            taken = await desk.gateway.snapshot(now_ns - 1100 * DAY_NS)
            return now_ns - taken.history_from_ns, len(taken.funding)

    reach_ns, funding = run(work, venue)
    assert 80 * DAY_NS < reach_ns < 740 * DAY_NS
    assert funding == 1


@each_venue
def test_nothing_is_said_of_a_short_absence(venue):
    async def work(world):
        async with Desk(world, venue) as desk:
            taken = await desk.gateway.snapshot(world.loop.now_ns() - 5 * DAY_NS)
            return taken.history_from_ns

    assert run(work, venue) == 0


def test_every_list_that_is_asked_for_stretches_says_how_far_back_it_goes():
    for dialect in DIALECTS.values():
        for reading in (*dialect.ended, dialect.fills, dialect.funding, dialect.transfers):
            if reading is not None and reading.pages.window_ns:
                assert reading.pages.reach_ns, (dialect.venue, reading.call.path)


def test_an_order_that_ended_weeks_ago_is_found_in_the_archive():
    """OKX keeps ended orders for seven days in the usual list and its question, longer in an archive."""

    async def work(world):
        async with Desk(world, "okx_swap") as desk:
            sent_ns = world.loop.now_ns()
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(1.01), qty_lot=LOTS))
            await desk.until(lambda: desk.last(1) is OrderStatus.FILLED)
            statement = desk.truth.statement
            (order,) = statement._ended.values()
            back = 20 * DAY_NS
            order.created_ns, order.updated_ns = order.created_ns - back, order.updated_ns - back
            trades = [replace(trade, ts_ns=trade.ts_ns - back) for trade in statement._trades]
            statement._trades.clear()
            statement._trades.extend(trades)
            return await desk.gateway.find(OrderRef(0, 1 << 20), sent_ns - back)

    found = run(work, "okx_swap")
    assert (found.order.status, found.order.filled_lot) == (OrderStatus.FILLED, LOTS)
    assert [fill.cid for fill in found.fills] == [1 << 20]
