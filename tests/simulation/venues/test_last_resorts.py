"""What works when little does: closing by requests alone, and a dead-man timer that is taken back."""

import asyncio
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind.cli.takeover import close_account
from tradewind.errors import VenueDown
from tradewind.live.flatten import FlattenPolicy, flatten_account
from tradewind.testing.gateway_desk import LOTS, Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, SELL, IntentKind
from tradewind.venues.ccxt.client_ids import ClientIds
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import Listing, OutcomeKind

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
    assert any(step.startswith("close ") and " long within 0.5% of the mark" in step for step in told)
    # The stop is gone with the first request: no history is read while nothing protects the position.
    assert len(asked) < 40, len(asked)
    assert asked[-1]["ts_ns"] - asked[1]["ts_ns"] < 5_000_000_000


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("venue", VENUES)
def test_a_takeover_leaves_no_position_without_its_stop_and_touches_nothing_of_others(
    venue, everything, refuses
):
    """Whatever moment it is killed at; where a venue refuses the close beside the stop, the two follow at once."""

    async def work(world):
        async with Desk(world, venue) as desk, Desk(world, venue, tag="zzz999") as other:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY))
            await desk.accept(desk.order(2, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            await desk.accept(desk.order(3, IntentKind.STOP, SELL, reduce=True, price_tick=desk.tick(0.9)))
            await desk.accept(desk.order(4, IntentKind.REST, SELL, reduce=True, price_tick=desk.tick(1.03)))
            await other.accept(other.order(5, IntentKind.REST, BUY, price_tick=desk.tick(0.96)))
            await other.accept(other.order(6, IntentKind.STOP, SELL, reduce=True, price_tick=desk.tick(0.8)))
        later = Desk(world, venue)
        if refuses:
            later.strike("F36", count=1)
        before = len(desk.exchange.record.entries)
        await later.gateway.measure_clock()
        policy = FlattenPolicy(everything=everything)
        done = await flatten_account(later.gateway, later.listings, 1 << 62, policy)
        await later.gateway.close()
        return done, desk.truth.positions(), desk.truth.open_orders(), desk.exchange.record.entries[before:]

    done, positions, orders, entries = in_world(work, venue)
    assert (done.flat, positions) == (True, []), done.steps
    left = sorted(order.placement.client_id[:8] for order in orders)
    assert left == ([] if everything else ["twzzz999"] * 2)
    assert done.others == len(left)
    closed = next(each for each in entries if each["what"] == "fill")
    stop_id = ClientIds("abc123").encode(3 << 20)
    ends = [each for each in entries if each["what"] == "order" and each["state"] == "canceled"]
    stop = next(each for each in ends if each["client_id"] == stop_id)
    if refuses:
        assert 0 < closed["ts_ns"] - stop["ts_ns"] < 1_000_000_000
    else:
        assert closed["seq"] < stop["seq"]
    assert all(each["seq"] < closed["seq"] for each in ends if each["kind"] == "limit")
    amount = r"[\d.]+( contracts \([\d.]+ BTC\))?"
    for said in (
        rf"cancel order \S+ of \S+, buy {amount} at \d+\.?\d*, since it could open",
        rf"cancel order \S+ of \S+, sell {amount} at \d+\.?\d*, since it would close what is closed here",
        rf"cancel stop \S+ of \S+, sell {amount}( at \d+\.?\d*)?, since "
        + ("it stands in the way of the close" if refuses else "nothing is held there"),
        rf"close {amount} \S+ long within 0\.5% of the mark.*",
    ):
        assert any(re.fullmatch(said, step) for step in done.steps), (said, done.steps)


@pytest.mark.parametrize(("largest", "portions"), [(3, [3, 3, 2, 2]), (LOTS, [LOTS]), (None, [LOTS])])
def test_a_position_larger_than_one_order_may_be_is_closed_by_several(largest, portions):
    """Venues take less at a time at market than at a limit; one order for all of it would be refused each time."""

    async def work(world):
        async with Desk(world, "binance_usdm") as desk:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY))
        later = Desk(world, "binance_usdm")
        await later.gateway.measure_clock()
        rules = later.listings[0].instrument
        bound = replace(rules, max_qty=None if largest is None else largest * rules.lot_size)
        listings = [Listing(0, bound), *later.listings[1:]]
        before = len(desk.exchange.record.entries)
        done = await flatten_account(later.gateway, listings, 1 << 62)
        await later.gateway.close()
        sold = [each for each in desk.exchange.record.entries[before:] if each["what"] == "fill"]
        return done, desk.truth.positions(), [int(Decimal(each["qty"]) / rules.lot_size) for each in sold]

    done, positions, sold = in_world(work, "binance_usdm")
    assert (done.flat, positions) == (True, [])
    assert len([step for step in done.steps if step.startswith("close ")]) == len(portions)
    assert sorted(sold, reverse=True) == portions


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("venue", VENUES)
def test_a_takeover_believes_an_empty_answer_only_when_a_second_one_says_the_same(venue, slow):
    """F60: the stop stays until the position is closed, also where the second answer is late."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY))
            await desk.accept(desk.order(3, IntentKind.STOP, SELL, reduce=True, price_tick=desk.tick(0.9)))
        later = Desk(world, venue)
        await later.gateway.measure_clock()
        began = len(desk.exchange.record.entries)
        later.strike("F60", duration_s=1.5, count=0, args={"empty": 1.0})
        if slow:
            later.strike("F07", after_s=1.5, duration_s=8.0, count=0, args={"late_s": 30.0})
        began_ns = world.loop.now_ns()
        done = await flatten_account(later.gateway, later.listings, 1 << 62)
        await later.gateway.close()
        took_s = (world.loop.now_ns() - began_ns) / 1e9
        return (
            done,
            desk.truth.positions(),
            desk.truth.open_orders(),
            desk.exchange.record.entries[began:],
            took_s,
        )

    done, positions, orders, entries, took_s = in_world(work, venue)
    assert (done.flat, positions, orders) == (True, [], []), done.steps
    closed = next(each for each in entries if each["what"] == "fill")
    stop_id = ClientIds("abc123").encode(3 << 20)
    stop = next(
        each
        for each in entries
        if each["what"] == "order" and each["client_id"] == stop_id and each["state"] != "new"
    )
    assert closed["seq"] < stop["seq"]
    assert took_s < (30 if slow else 12)
    assert any("a second time" in step for step in done.steps) == slow


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
