"""What goes wrong between a request and its answer, at the key, at the clock and at the venue's limits."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tradewind.errors import TradewindError, VenueDown
from tradewind.testing.gateway_desk import LOTS, S_NS, Desk
from tradewind.testing.virtual_venues import Login, run_world
from tradewind.units.enums import BUY, LONG, SELL, IntentKind, Rule, SettingCode, StreamCode
from tradewind.venues.ccxt.caps import Caps
from tradewind.venues.fake.listings import FAKE_VENUES
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.fake.orders import Placement
from tradewind.venues.gateway import OrderRef, OrderStatus, OutcomeKind, SettingSeen, StatusSeen

MAIN = (Login(),)
each_venue = pytest.mark.parametrize("venue", FAKE_VENUES)


def run(work, venue, *, logins=MAIN, seed=5):
    return run_world(work, seed=seed, venues=(venue,), logins=logins, misfortunes={venue: Misfortunes()})


def told_by(desk):
    return [event for event in desk.events if isinstance(event, StatusSeen)]


# ---------------------------------------------------------------------- an answer that is lost


@each_venue
@pytest.mark.parametrize("fault", ["F02", "F03", "F04", "F05", "F29"])
def test_an_order_whose_answer_is_lost_is_unknown_and_then_found(venue, fault):
    """Reset after it was written, answered too late, 504, no JSON, no answer: it may be live, and is."""

    async def work(world):
        async with Desk(world, venue) as desk:
            sent_ns = world.loop.now_ns()
            desk.strike(fault)
            (outcome,) = await desk.gateway.create(
                [desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))]
            )
            found = await desk.gateway.find(OrderRef(0, 1 << 20), sent_ns)
            live = desk.truth.open_orders(desk.symbol, algo=False)
            return outcome, found, [order.placement.client_id for order in live], sent_ns

    outcome, found, live, sent_ns = run(work, venue)
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert (outcome.fence_ns > sent_ns + 5 * S_NS) == (venue != "blofin_swap")
    assert len(live) <= 1
    if live:
        assert (found.order.cid, found.order.status, found.absent) == (1 << 20, OrderStatus.WORKING, False)
    else:
        assert found.absent


@each_venue
def test_a_batch_that_is_not_answered_holds_up_no_other(venue):
    """F03: the close of a decision hangs; what else was decided leaves in the same second, in its order, and what
    became of it is told then."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY, price_tick=desk.tick(1.01)))
            desk.strike("F03", count=1)
            rests = [
                desk.order(3 + n, IntentKind.REST, BUY, price_tick=desk.tick(0.97) - n) for n in range(3)
            ]
            close = desk.order(2, IntentKind.TARGET, SELL, reduce=True, price_tick=desk.tick(0.99))
            began_ns, told = world.loop.now_ns(), []

            def hear(place, outcome):
                told.append((place, outcome.kind, world.loop.now_ns() - began_ns < 2 * S_NS))

            sending = asyncio.ensure_future(desk.gateway.create([*rests, close], hear))
            await desk.until(lambda: len(desk.truth.open_orders(desk.symbol, algo=False)) == 3, 2)
            assert not sending.done()
            live = [order.placement.client_id for order in desk.truth.open_orders(desk.symbol, algo=False)]
            outcomes = await sending
            return live, [outcome.kind for outcome in outcomes], world.loop.now_ns() - began_ns, told

    live, kinds, took_ns, told = run(work, venue)
    assert live == sorted(live)
    # Which of the two is struck depends on whose connection is quicker.
    rested, closed = set(kinds[:3]), set(kinds[3:])
    assert {*rested, *closed} == {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}
    assert len(rested) == len(closed) == 1
    assert took_ns > 5 * S_NS
    assert sorted((place, kind) for place, kind, _ in told) == list(enumerate(kinds))
    assert {(kind, soon) for _, kind, soon in told} == {
        (OutcomeKind.ACCEPTED, True), (OutcomeKind.UNKNOWN, False),
    }  # fmt: skip
    assert [place for place, _, _ in told if place < 3] == [0, 1, 2]


@each_venue
def test_a_connection_that_is_refused_sends_nothing_and_the_same_order_may_be_sent_again(venue):
    """F01."""

    async def work(world):
        async with Desk(world, venue) as desk:
            # What a connection that was open before has written may have arrived; a dial proves more.
            world.network.reset()
            await asyncio.sleep(0.5)
            desk.strike("F01")
            order = desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))
            (outcome,) = await desk.gateway.create([order])
            assert outcome.kind is OutcomeKind.NOT_SENT, outcome
            assert desk.truth.open_orders(algo=False) == []
            await desk.accept(order)
            return len(desk.truth.open_orders(algo=False))

    assert run(work, venue) == 1


@each_venue
def test_a_cancel_whose_answer_is_lost_ends_in_a_question(venue):
    """F06: whatever became of it, the order's own state is what counts."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            desk.strike("F06")
            outcome = await desk.gateway.cancel(OrderRef(0, 1 << 20))
            found = await desk.gateway.find(OrderRef(0, 1 << 20), world.loop.now_ns())
            return outcome.kind, found.order.status

    assert run(work, venue) == (OutcomeKind.UNKNOWN, OrderStatus.CANCELLED)


@each_venue
def test_a_snapshot_is_whole_or_an_error(venue):
    """F07, F08: no list is taken for empty because nobody answered."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            desk.strike("F08", count=0)
            with pytest.raises(VenueDown):
                await desk.gateway.snapshot(0)
            found = await desk.gateway.find(OrderRef(0, 1 << 20), world.loop.now_ns())
            return found.order, found.absent

    assert run(work, venue) == (None, False)


# ---------------------------------------------------------------------- lists with many pages


@each_venue
def test_every_page_of_every_list_is_read(venue):
    """F61, F62: more orders and more trades than a page holds, placed by hand at the venue."""

    async def work(world):
        async with Desk(world, venue) as desk:
            rules = desk.listings[0].instrument
            size, price = rules.lot_size * LOTS, rules.tick_size * desk.tick(0.9)
            for n in range(105):
                desk.truth.place(Placement(desk.symbol, "buy", "limit", size, price - n * rules.tick_size))
            for _ in range(55):
                desk.truth.place(Placement(desk.symbol, "buy", "market", size))
                desk.truth.place(Placement(desk.symbol, "sell", "market", size))
            await asyncio.sleep(1)
            taken = await desk.gateway.snapshot(world.loop.now_ns() - 3600 * S_NS)
            return (
                len(taken.orders),
                {order.cid for order in taken.orders},
                len(taken.fills),
                len(desk.truth.trades(limit=10_000)),
            )

    orders, cids, fills, truth = run(work, venue)
    assert (orders, cids) == (105, {0})
    assert fills == truth >= 110


@each_venue
def test_symbols_that_nobody_trades_here_are_named(venue):
    """F48, F49: a position and an order of an instrument that the session does not know."""

    async def work(world):
        async with Desk(world, venue, instruments=1) as desk:
            other = next(symbol for symbol in desk.exchange.instruments if symbol != desk.symbol)
            rules = desk.exchange.instruments[other]
            size = max(rules.min_qty, rules.lot_size) * 100
            desk.truth.place(Placement(other, "buy", "market", size))
            desk.truth.place(
                Placement(desk.symbol, "sell", "market", desk.listings[0].instrument.lot_size * LOTS)
            )
            await asyncio.sleep(2)
            taken = await desk.gateway.snapshot(world.loop.now_ns() - 60 * S_NS)
            return taken.strangers == (other,), [(p.instrument, p.qty_lot) for p in taken.positions]

    assert run(work, venue) == (True, [(0, LOTS)])


# ---------------------------------------------------------------------- the venue's limits


@each_venue
def test_a_pause_is_kept_and_protection_goes_through(venue):
    """F22: 429 with the time to wait; a new order is not sent into it, an end of one is."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            desk.strike("F22", count=1)
            order = desk.order(2, IntentKind.REST, BUY, price_tick=desk.tick(0.96))
            (refused,) = await desk.gateway.create([order])
            asked = len(world.trace.lines)
            (held,) = await desk.gateway.create([order])
            silent = len(world.trace.lines) == asked
            cancelled = await desk.gateway.cancel(OrderRef(0, 1 << 20))
            await asyncio.sleep(max(held.retry_ns - world.loop.now_ns(), 0) / S_NS)
            await desk.accept(order)
            return refused.kind, held.kind, silent, cancelled.kind

    kinds = run(work, venue)
    assert kinds[0] in (OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN)
    assert kinds[1:] == (OutcomeKind.NOT_SENT, True, OutcomeKind.ACCEPTED)


def test_a_ban_is_kept_to_the_second_and_the_stream_goes_on():
    """F23: nothing at all is sent by REST until then, cancels neither; what happens is heard."""

    async def work(world):
        async with Desk(world, "binance_usdm") as desk:
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97)))
            desk.strike("F23", count=1)
            await desk.gateway.create([desk.order(2, IntentKind.REST, BUY, price_tick=desk.tick(0.96))])
            until_ns = desk.gateway.traffic.banned_until_ns
            banned_s = (until_ns - world.loop.now_ns()) / S_NS
            before = len(desk.exchange.record.of("request"))
            cancelled = await desk.gateway.cancel(OrderRef(0, 1 << 20))
            desk.truth.cancel(desk.symbol, client_id=desk.seen(1)[-1].client_id)
            await desk.until(lambda: desk.last(1) is OrderStatus.CANCELLED)
            with pytest.raises(VenueDown):
                await desk.gateway.snapshot(0)
            asked = [e for e in desk.exchange.record.of("request")[before:] if "listenKey" not in str(e)]
            await asyncio.sleep((until_ns - world.loop.now_ns()) / S_NS + 0.1)
            await desk.accept(desk.order(3, IntentKind.REST, BUY, price_tick=desk.tick(0.96)))
            await desk.until(lambda: len(told_by(desk)) == 2)
            return banned_s, cancelled, asked, [(e.down, e.permanent) for e in told_by(desk)]

    banned_s, cancelled, asked, told = run(work, "binance_usdm")
    assert 100 < banned_s <= 120
    assert (cancelled.kind, asked) == (OutcomeKind.NOT_SENT, [])
    assert told == [(True, False), (False, False)]


@each_venue
def test_the_hard_caps_hold_whatever_is_asked(venue):
    async def work(world):
        rules = Caps(order_notional_max=Decimal(1_000), orders_per_minute_max=2)
        async with Desk(world, venue, caps=rules) as desk:
            unit = desk.listings[0].instrument.lot_size * desk.listings[0].instrument.contract_size
            large = int(2_000 / (unit * desk.listings[0].instrument.tick_size * desk.tick()))
            price = desk.tick(0.97)
            found = [
                await desk.gateway.create(
                    [desk.order(1, IntentKind.REST, BUY, price_tick=price, qty_lot=large)]
                )
            ]
            found += [await desk.gateway.create([desk.order(2, IntentKind.TARGET, BUY)])]
            for cid in (3, 4, 5):
                order = desk.order(cid, IntentKind.REST, BUY, price_tick=price, qty_lot=2)
                found += [await desk.gateway.create([order])]
            out = desk.order(6, IntentKind.STOP, SELL, reduce=True, price_tick=desk.tick(0.9), qty_lot=large)
            found += [await desk.gateway.create([out])]
            return [(outcome.kind, outcome.rule) for (outcome,) in found], desk.gateway.dropped[
                "order: hard cap"
            ]

    found, count = run(work, venue)
    assert found[:2] == [(OutcomeKind.NOT_SENT, Rule.ORDER_NOTIONAL)] * 2
    assert [kind for kind, _ in found[2:4]] == [OutcomeKind.ACCEPTED] * 2
    assert found[4] == (OutcomeKind.NOT_SENT, Rule.ORDER_RATE)
    assert found[5][1] not in (Rule.ORDER_RATE, Rule.ORDER_NOTIONAL)
    assert count == 3


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap"])
def test_an_order_is_not_changed_beyond_the_hard_caps(venue):
    async def work(world):
        async with Desk(world, venue, caps=Caps(order_notional_max=Decimal(1_000))) as desk:
            unit = desk.listings[0].instrument.lot_size * desk.listings[0].instrument.contract_size
            large = int(2_000 / (unit * desk.listings[0].instrument.tick_size * desk.tick()))
            price = desk.tick(0.97)
            await desk.accept(desk.order(1, IntentKind.REST, BUY, price_tick=price, qty_lot=2))
            found = [await desk.gateway.amend(OrderRef(0, 1 << 20), price, size) for size in (large, 3)]
            seen = [order.qty_lot for order in (await desk.gateway.snapshot(world.loop.now_ns())).orders]
            return [(outcome.kind, outcome.rule) for outcome in found], seen

    found, seen = run(work, venue)
    assert found == [(OutcomeKind.NOT_SENT, Rule.ORDER_NOTIONAL), (OutcomeKind.ACCEPTED, Rule.OK)]
    assert seen == [3]


def test_a_reduction_is_changed_whatever_it_is_worth():
    async def work(world):
        async with Desk(world, "binance_usdm", caps=Caps(order_notional_max=Decimal(500))) as desk:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY, qty_lot=10, near_tick=desk.tick()))
            await desk.until(lambda: desk.last(1) is OrderStatus.FILLED)
            out = desk.order(2, IntentKind.REST, SELL, reduce=True, price_tick=desk.tick(1.03), qty_lot=5)
            await desk.accept(out)
            return (await desk.gateway.amend(OrderRef(0, 2 << 20), desk.tick(1.02), 30)).kind

    assert run(work, "binance_usdm") is OutcomeKind.ACCEPTED


@each_venue
def test_a_close_without_reduce_only_leaves_where_it_takes_away_and_counts_where_it_adds(venue):
    """As where several strategies share what the venue nets: the position decides that the venue tells."""

    async def work(world):
        async with Desk(world, venue, caps=Caps(orders_per_minute_max=1)) as desk:
            await desk.accept(desk.order(1, IntentKind.TARGET, BUY, price_tick=desk.tick(1.01)))
            await desk.until(lambda: desk.last(1) is OrderStatus.FILLED)
            await asyncio.sleep(1)
            found = []
            for cid in (2, 3):
                sold = desk.order(cid, IntentKind.TARGET, SELL, price_tick=desk.tick(0.99))
                close = replace(sold, position_side=LONG)
                assert close.closes
                assert not close.reduce
                found += await desk.gateway.create([close])
                await asyncio.sleep(1)
            return [(outcome.kind, outcome.rule) for outcome in found]

    assert run(work, venue) == [(OutcomeKind.ACCEPTED, Rule.OK), (OutcomeKind.NOT_SENT, Rule.ORDER_RATE)]


def test_an_order_at_market_is_worth_its_size_at_the_last_price():
    async def work(world):
        async with Desk(world, "blofin_swap", caps=Caps(order_notional_max=Decimal(1_000))) as desk:
            listed = desk.listings[0].instrument
            near = desk.tick()
            lots = int(900 / (listed.lot_size * listed.contract_size * listed.tick_size * near))
            orders = [
                desk.order(cid, IntentKind.TARGET, BUY, qty_lot=size, near_tick=near)
                for cid, size in ((1, lots), (2, 2 * lots))
            ]
            return [(outcome.kind, outcome.rule) for outcome in await desk.gateway.create(orders)]

    assert run(work, "blofin_swap") == [
        (OutcomeKind.ACCEPTED, Rule.OK),
        (OutcomeKind.NOT_SENT, Rule.ORDER_NOTIONAL),
    ]


def test_a_symbol_outside_the_caps_is_not_traded():
    async def work(world):
        async with Desk(world, "binance_usdm", caps=Caps(symbols=frozenset({"ETHUSDT"}))) as desk:
            (outcome,) = await desk.gateway.create([desk.order(1, IntentKind.TARGET, SELL, reduce=True)])
            return outcome.kind, outcome.rule

    assert run(work, "binance_usdm") == (OutcomeKind.NOT_SENT, Rule.CLOSED)


# ---------------------------------------------------------------------- keys


async def opening(world, venue, **settings):
    """Return the code with which opening is refused."""
    try:
        async with Desk(world, venue, **settings) as desk:
            return desk.gateway.key_report
    except TradewindError as error:
        return error.code if "secret-of" not in str(error) else "a secret"


@each_venue
def test_a_key_that_nobody_knows_is_refused(venue):
    keys = ("another-key-of-somebody", "another-secret", "another")
    assert run(lambda world: opening(world, venue, keys=keys), venue) == "KEY_REJECTED"


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear", "okx_swap"])
def test_a_key_that_may_withdraw_is_refused(venue):
    """F67; BloFin does not say, which the report says."""
    able = (Login(permissions=frozenset({"read", "trade", "withdraw"})),)
    assert run(lambda world: opening(world, venue), venue, logins=able) == "KEY_TOO_POWERFUL"


@each_venue
def test_a_key_that_may_not_trade_is_refused(venue):
    unable = (Login(permissions=frozenset({"read"})),)
    assert run(lambda world: opening(world, venue), venue, logins=unable) == "KEY_PERMISSION"


@each_venue
def test_a_good_key_is_reported(venue):
    report = run(lambda world: opening(world, venue), venue)
    assert (report.venue, report.can_trade, report.addresses) == (venue, True, ())
    assert report.can_withdraw is (None if venue == "blofin_swap" else False)


@each_venue
def test_a_key_that_is_revoked_while_trading_is_told_as_the_end(venue):
    """F65, F66: no storm of attempts, and a word that no retry will help."""

    async def work(world):
        async with Desk(world, venue) as desk:
            desk.strike("F65", count=0, duration_s=600)
            order = desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))
            (outcome,) = await desk.gateway.create([order])
            await desk.until(lambda: told_by(desk))
            return outcome.kind, {(event.down, event.permanent) for event in told_by(desk)}

    kind, told = run(work, venue)
    assert kind is OutcomeKind.REJECTED
    assert told == {(True, True)}


# ---------------------------------------------------------------------- clocks


@each_venue
@pytest.mark.parametrize("step_s", [-30, 30])
def test_nothing_is_signed_by_a_clock_that_is_far_off(venue, step_s):
    """F69."""

    async def work(world):
        return await opening(world, venue, now_ns=lambda: world.loop.now_ns() + step_s * S_NS)

    assert run(work, venue) == "CLOCK_OFFSET"


@each_venue
def test_a_clock_that_is_set_while_trading_stops_signing_until_it_is_right(venue):
    async def work(world):
        wrong = [0]
        async with Desk(world, venue, now_ns=lambda: world.loop.now_ns() + wrong[0]) as desk:
            wrong[0] = 30 * S_NS
            await desk.until(lambda: told_by(desk), 5)
            order = desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))
            (held,) = await desk.gateway.create([order])
            wrong[0] = 0
            await desk.until(lambda: len(told_by(desk)) == 2, 5)
            await desk.accept(order)
            return held.kind, [event.down for event in told_by(desk)]

    assert run(work, venue) == (OutcomeKind.NOT_SENT, [True, False])


# ---------------------------------------------------------------------- the venue's rules and states


async def after_new_rules(world, venue, **changes):
    """Change rules at the venue, have an order refused, and return what is told within two minutes."""
    async with Desk(world, venue) as desk:
        await asyncio.sleep(61)
        told = len(desk.events)
        rules = desk.exchange.instruments[desk.symbol]
        desk.exchange.set_rules(
            desk.symbol, **{name: getattr(rules, name) * ratio for name, ratio in changes.items()}
        )
        order = desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97) // 10 * 10 + 1, qty_lot=1)
        for _ in range(3):
            await desk.gateway.create([order])
            await asyncio.sleep(60)
        return desk.events[told:]


@each_venue
def test_coarser_steps_are_told_and_traded_on(venue):
    """F43, F44."""
    events = run(lambda world: after_new_rules(world, venue, tick_size=10, lot_size=10, min_qty=10), venue)
    told = {(e.instrument, e.code, e.value) for e in events if isinstance(e, SettingSeen)}
    assert {(0, SettingCode.TICK_STEP, 10.0), (0, SettingCode.LOT_STEP, 10.0)} <= told
    assert any(code == SettingCode.MIN_QTY for _, code, _ in told)
    assert [e for e in events if isinstance(e, StatusSeen) and e.instrument == 0] == []


@pytest.mark.parametrize("venue", ["okx_swap", "blofin_swap"])
def test_a_contract_of_another_size_is_closed(venue):
    """F56: what was counted before cannot be counted so any more."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await asyncio.sleep(61)
            rules = desk.exchange.instruments[desk.symbol]
            desk.exchange.set_rules(desk.symbol, contract_size=rules.contract_size / 10)
            # Something is refused, whatever it is.
            await desk.gateway.create([desk.order(1, IntentKind.TARGET, SELL, reduce=True)])
            await desk.until(lambda: told_by(desk), 70)
            return [(event.instrument, event.down, event.permanent) for event in told_by(desk)]

    assert run(work, venue) == [(0, True, False)]


@each_venue
def test_an_instrument_that_is_closed_is_told(venue):
    """F54."""

    async def work(world):
        async with Desk(world, venue) as desk:
            await asyncio.sleep(61)
            desk.exchange.set_status(desk.symbol, "closed")
            await desk.gateway.create([desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))])
            await desk.until(lambda: told_by(desk), 70)
            desk.exchange.set_status(desk.symbol, "trading")
            await asyncio.sleep(3_700)
            return [(event.instrument, event.down) for event in told_by(desk)]

    assert run(work, venue) == [(0, True), (0, False)]


@each_venue
def test_a_place_where_nobody_may_trade_is_told_as_the_end(venue):
    """F63."""

    async def work(world):
        async with Desk(world, venue) as desk:
            desk.strike("F63", count=0, duration_s=600)
            await desk.gateway.create([desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))])
            await desk.until(lambda: told_by(desk))
            return {(event.down, event.permanent) for event in told_by(desk)}

    assert (True, True) in run(work, venue)


@each_venue
def test_an_account_that_may_only_reduce_is_told_so_and_not_as_a_lost_key(venue):
    """F64: Binance says so in words of its own; elsewhere it is a refusal like others."""

    async def work(world):
        async with Desk(world, venue) as desk:
            desk.strike("F64", count=0, duration_s=600)
            (outcome,) = await desk.gateway.create(
                [desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))]
            )
            await asyncio.sleep(1)
            return outcome.kind, [(e.down, e.reduce_only, e.permanent) for e in told_by(desk)]

    kind, told = run(work, venue)
    assert kind in (OutcomeKind.REJECTED, OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED)
    assert told in ([], [(False, True, False)])
    assert venue != "binance_usdm" or told


@each_venue
def test_maintenance_is_told_and_its_end_too(venue):
    """F25."""

    async def work(world):
        async with Desk(world, venue) as desk:
            desk.strike("F25", duration_s=30, args={"duration_s": 30.0})
            order = desk.order(1, IntentKind.REST, BUY, price_tick=desk.tick(0.97))
            await asyncio.sleep(3)
            (during,) = await desk.gateway.create([order])
            await asyncio.sleep(60)
            await desk.until(lambda: desk.streams()[-1] == StreamCode.UP, 60)
            await desk.gateway.snapshot(world.loop.now_ns() - 600 * S_NS)
            await asyncio.sleep(1)
            return during.kind, [event.down for event in told_by(desk) if not event.cause]

    kind, told = run(work, venue)
    assert kind is OutcomeKind.UNKNOWN
    assert told == ([] if venue == "blofin_swap" else [True, False])


@each_venue
def test_a_venue_that_lists_nothing_for_a_moment_has_delisted_nothing(venue):
    """A list without rows would have closed every instrument until the next hour; one that is missing is closed."""

    async def work(world):
        async with Desk(world, venue) as desk:
            client = desk.gateway._exchange
            listed = await client.fetch_markets()
            told = []
            for rows in ([], listed, [row for row in listed if row["id"] != desk.symbol]):
                client.fetch_markets = answering(rows)
                desk.gateway.doubt_rules()
                await asyncio.sleep(70)
                told.append([event.text for event in desk.events if isinstance(event, StatusSeen)])
            return told, desk.symbol

    told, symbol = run(work, venue)
    assert told == [[], [], [f"{symbol} is not listed any more"]]


def answering(rows):
    async def fetch_markets(params=None):
        return rows

    return fetch_markets


def test_a_watch_that_fails_over_an_answer_is_not_the_end_of_the_watch():
    """Whatever a list of rules makes ccxt do, the clocks are still compared, and the stream."""

    async def work(world):
        async with Desk(world, "binance_usdm") as desk:
            desk.gateway._exchange.parse_market = lambda market: market["nothing of the kind"]
            desk.gateway.doubt_rules()
            await asyncio.sleep(70)
            asked = sum("/fapi/v1/time" in line for line in world.trace.lines)
            await asyncio.sleep(130)
            return sum("/fapi/v1/time" in line for line in world.trace.lines) - asked

    assert run(work, "binance_usdm") >= 2
