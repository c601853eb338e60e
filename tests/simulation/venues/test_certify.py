"""The script of orders that certifies a venue, at the four fakes: it passes, or says what fails, and leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from tradewind.cli.certify import _asking_price, _patient
from tradewind.errors import VenueDown
from tradewind.live.certify import Certificate, VenueTraits, certify_venue
from tradewind.live.trial import answered
from tradewind.live.trial_stop import STOP_STEP
from tradewind.testing.gateway_desk import Desk
from tradewind.testing.virtual_venues import run_world
from tradewind.units.enums import BUY, LONG, SELL, SHORT, IntentKind, SettingCode
from tradewind.venues.ccxt.capabilities import dialect_of
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange
from tradewind.venues.fake.listings import listed
from tradewind.venues.fake.misfortunes import Misfortunes
from tradewind.venues.gateway import AccountMode, Found, Listing, Outcome, OutcomeKind

pytest.importorskip("ccxt")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

VENUES = ("binance_usdm", "bybit_linear", "okx_swap", "blofin_swap")
TAKEN = Outcome(OutcomeKind.ACCEPTED)


@pytest.fixture(autouse=True)
def _nothing_stays():
    yield
    gc.collect()


class Result:
    """What came of a run of the script, and what it left."""

    def __init__(self, steps, held, orders, settings):
        self.steps, self.held, self.orders, self.settings = steps, held, orders, settings
        self.words = {step.name: step.word for step in steps}
        self.texts = {step.name: step.text for step in steps}
        self.certificate = Certificate("v", "main", "x", "1", "1", 0, steps)
        self.failed = self.certificate.failed

    @property
    def clean(self):
        return (self.held, self.orders) == ([], ())


async def rising(desk, seconds=1_000):
    """Let the market run away from whatever waits below it."""
    for _ in range(seconds):
        desk.exchange.move_price(desk.symbol, 1.0005)
        await asyncio.sleep(1.0)


async def briefly_rising(desk):
    """Let it run away until the stop is moved after it."""
    await rising(desk, 12)


def certified(venue, before=None, *, work=certify_venue, moves=None, **rules):
    """Run the script, with some rules of the instrument taken for others; return what came of it.

    moves: what the market does from when the script first asks for its price, to lay a stop beside it.
    """

    async def run(world):
        async with Desk(world, venue) as desk:
            if before is not None:
                await before(desk)
            price = float(desk.exchange.last(desk.symbol))
            listing = Listing(desk.listings[0].index, replace(desk.listings[0].instrument, **rules))

            moving = []

            async def market():
                if moves is not None and not moving:
                    moving.append(asyncio.ensure_future(moves(desk)))
                return float(desk.exchange.last(desk.symbol))

            steps = await work(
                desk.gateway, listing, price, 1 << 20, world.loop.now_ns,
                traits=VenueTraits.of(dialect_of(venue)), market=market,
            )  # fmt: skip
            for task in moving:
                task.cancel()
            for name in [
                name for name in vars(desk.gateway) if callable(getattr(type(desk.gateway), name, 0))
            ]:
                delattr(desk.gateway, name)
            left = await desk.gateway.snapshot(0)
            held = [p.qty for p in desk.truth.positions() if p.qty]
            settings = {(seen.code, seen.value) for seen in left.settings if seen.instrument == 0}
            return Result(steps, held, left.orders, settings)

    return run_world(run, venues=(venue,), seed=7, misfortunes={venue: Misfortunes()})


@pytest.mark.parametrize("venue", VENUES)
def test_a_venue_as_it_should_be_passes(venue):
    done = certified(venue)
    assert (done.failed, done.clean) == (None, True)
    assert len(done.steps) == 19
    assert [name for name, word in done.words.items() if word == "left out"] == [
        "both sides are held and closed"
    ]
    assert done.certificate.saw_a_stop
    another = ", by an order of another number"
    assert done.texts[STOP_STEP].endswith(another) is (venue != "bybit_linear")
    texts = done.texts
    assert texts["the same id again is no second order"].startswith("one order rests; ")
    assert texts["a post-only order does not take"].startswith("nothing was filled; ")
    assert texts["a close of nothing does nothing"].startswith("nothing is held; ")
    assert "; the venue refused the other" in texts["of two orders at once the impossible one is refused"]
    assert [text for text in texts.values() if "{" in text or "…" in text or "Error" in text] == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (TAKEN, "the venue took it"),
        (Outcome(OutcomeKind.NOT_SENT, text="paused"), "it was not sent: paused"),
        (Outcome(OutcomeKind.UNKNOWN), "of it the venue said: nothing"),
        (
            Outcome(
                OutcomeKind.REJECTED,
                text='ExchangeError: x {"code":"1","msg":"All failed","data":[{"msg":"No."}]}',
            ),
            "the venue refused it: All failed; No",
        ),
        (Outcome(OutcomeKind.REJECTED, text="x" * 300), f"the venue refused it: {'x' * 199}…"),
    ],
)
def test_what_a_venue_answered_is_a_sentence(outcome, words):
    assert answered(outcome, "it") == words


async def hedged(desk):
    """Let somebody set the account to both sides with a leverage of its own, by another gateway than ours."""
    async with Desk(desk.world, desk.venue, tag="before") as other:
        assert (await other.gateway.set_modes(0, hedge=True, isolated=True)).kind is OutcomeKind.ACCEPTED
        assert (await other.gateway.set_leverage(0, 5.0)).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("venue", VENUES)
def test_an_account_that_holds_both_sides_is_tried_on_both_and_keeps_its_settings(venue):
    found = {}

    async def before(desk):
        await hedged(desk)
        told = (await desk.gateway.snapshot(0)).settings
        found["before"] = {(seen.code, seen.value) for seen in told if seen.instrument == 0}

    done = certified(venue, before)
    assert (done.failed, done.clean, set(done.words.values())) == (None, True, {"ok"})
    assert (SettingCode.POSITION_MODE, 1.0) in done.settings
    assert (SettingCode.LEVERAGE, 5.0) in done.settings
    # OKX and BloFin say a leverage for the margin mode that is asked for, which is known once the modes are.
    assert done.settings >= {each for each in found["before"] if each[0] != SettingCode.LEVERAGE}


def test_orders_keep_within_what_the_venue_allows():
    done = certified("binance_usdm", price_band_ratio=Decimal("0.01"))
    assert done.failed is None


def test_an_order_that_the_rules_forbid_is_not_sent():
    """B63-B71: what a command would send is judged before it leaves."""
    sent = []

    async def before(desk):
        create = desk.gateway.create

        async def noted(orders):
            sent.extend(orders)
            return await create(orders)

        desk.gateway.create = noted

    done = certified("binance_usdm", before, max_qty=Decimal("0.001"))
    assert done.failed.name == "a limit order far away works"
    assert "above the largest order, 0.001" in done.failed.text
    assert (sent, done.clean) == ([], True)


@pytest.mark.parametrize("position", [LONG, SHORT])
def test_an_account_with_something_in_it_is_left_as_it_is(position):
    """A position of somebody's practice would be closed at the end, were it taken for the script's."""

    async def before(desk):
        async with Desk(desk.world, desk.venue, tag="before") as other:
            side = BUY if position == LONG else SELL
            await other.accept(other.order(9, IntentKind.TARGET, side))
            await other.accept(other.order(10, IntentKind.REST, BUY, price_tick=other.tick(0.9)))

    done = certified("binance_usdm", before)
    assert [(step.name, step.passed) for step in done.steps] == [("the account is flat", False)]
    assert "use an account with nothing in it" in done.failed.text
    assert (len(done.held), len(done.orders)) == (1, 1)


# ---------------------------------------------------------------------- a venue that lies


def _instead(name, told):
    """Return what lets a gateway say that it did something, and do nothing."""

    def lie(gateway, _):
        async def said(*_, **__):
            return told

        setattr(gateway, name, said)

    return lie


def _creating(change):
    """Return what lets a gateway send other orders than it was asked to; None: say so and send nothing."""

    def lie(gateway, seen):
        create = gateway.create

        async def other(orders):
            changed = [change(order, seen) for order in orders]
            seen.update(order.cid for order in orders)
            sent = [order for order in changed if order is not None]
            answers = iter(await create(sent) if sent else ())
            return [TAKEN if order is None else next(answers) for order in changed]

        gateway.create = other

    return lie


def _only(which, **terms):
    def change(order, seen):
        if not which(order, seen):
            return order
        return msgspec.structs.replace(order, **terms) if terms else None

    return _creating(change)


def _halved(order, _):
    whole = order.kind == IntentKind.TARGET and not order.reduce
    return msgspec.structs.replace(order, qty_lot=order.qty_lot // 2) if whole else order


def _flipped_modes(gateway, _):
    set_modes = gateway.set_modes

    async def flipped(instrument, *, hedge, isolated):
        return await set_modes(instrument, hedge=not hedge, isolated=isolated)

    gateway.set_modes = flipped


def _finding(change):
    def lie(gateway, seen):
        find = gateway.find

        async def other(order, sent_ns):
            return change(await find(order, sent_ns), order, seen)

        gateway.find = other

    return lie


def _another(found, order, _):
    told = found.order and msgspec.structs.replace(found.order, cid=order.cid + 77)
    return Found(told, found.fills, found.absent, found.text)


def _anything(found, order, seen):
    if found.order is not None:
        seen["last"] = found.order
    last = seen.get("last")
    return found if found.order or last is None else Found(msgspec.structs.replace(last, cid=order.cid))


def _snapshots(change):
    def lie(gateway, _):
        snapshot = gateway.snapshot

        async def other(since_ns):
            return change(await snapshot(since_ns))

        gateway.snapshot = other

    return lie


def _last_trade(*, twice=False, **terms):
    """Return what lets the newest trade be listed otherwise, or once more."""

    def change(snapshot):
        if len(snapshot.fills) < 4:
            return snapshot
        *fills, last = snapshot.fills
        changed = msgspec.structs.replace(last, **terms)
        return msgspec.structs.replace(snapshot, fills=(*fills, *([last] if twice else []), changed))

    return _snapshots(change)


def _untold(gateway, _):
    """Let the account's stream say nothing."""
    tell = gateway.tell_to
    gateway.tell_to = lambda _: tell(lambda _: None)


def _batch(gateway, _):
    create = gateway.create

    async def all_taken(orders):
        outcomes = await create(orders)
        return [TAKEN] * len(orders) if len(orders) > 1 else outcomes

    gateway.create = all_taken


def _batch_lost(gateway, _):
    create = gateway.create

    async def first_lost(orders):
        return [TAKEN, *(await create(orders[1:]))] if len(orders) > 1 else await create(orders)

    gateway.create = first_lost


LIES = (
    ("leverage is set, and set back", _instead("set_leverage", TAKEN)),
    ("its modes are read and stay as they are", _flipped_modes),
    ("a limit order far away works", _only(lambda o, _: o.kind == IntentKind.REST)),
    ("a limit order far away works", _only(lambda o, _: o.kind == IntentKind.REST, qty_lot=40)),
    ("the same id again is no second order", _only(lambda o, seen: o.cid in seen, cid=1 << 21)),
    ("a limit order far away works", _finding(_another)),
    ("our id finds it, and finds nothing that was never sent", _finding(_anything)),
    ("it is changed, or said to be fixed", _instead("amend", TAKEN)),
    ("it is cancelled", _instead("cancel", TAKEN)),
    ("it is cancelled", _instead("cancel", Outcome(OutcomeKind.REJECTED, text="no"))),
    ("of two orders at once the impossible one is refused", _batch),
    ("of two orders at once the impossible one is refused", _batch_lost),
    ("a post-only order does not take", _only(lambda o, _: o.post_only, post_only=False)),
    (
        "a close of nothing does nothing",
        _only(lambda o, _: o.kind == IntentKind.TARGET and o.reduce, reduce=False),
    ),
    ("an order at market goes in", _creating(_halved)),
    ("an order at market goes in", _only(lambda o, _: o.kind == IntentKind.TARGET and not o.reduce)),
    ("a stop rests beside it, and is cancelled", _only(lambda o, _: o.kind == IntentKind.STOP)),
    ("all that rests is cancelled at once", _instead("cancel_all", TAKEN)),
    (
        "its trades are listed with our ids and fees",
        _snapshots(lambda s: msgspec.structs.replace(s, fills=s.fills[-1:])),
    ),
    (
        "its trades are listed with our ids and fees",
        _snapshots(
            lambda s: msgspec.structs.replace(
                s, fills=tuple(msgspec.structs.replace(fill, fee=0) for fill in s.fills)
            )
        ),
    ),
    (STOP_STEP, _last_trade(cid=0, client_id="")),
    (STOP_STEP, _last_trade(fee_currency="")),
    (STOP_STEP, _last_trade(twice=True, trade_key=7)),
    (STOP_STEP, _untold),
)


@pytest.mark.parametrize(("place", "step", "lie"), [(n, *each) for n, each in enumerate(LIES)])
def test_a_venue_that_lies_in_a_step_fails_there_and_nothing_is_left(place, step, lie):
    async def before(desk):
        lie(desk.gateway, {} if "finds" in step else set())

    done = certified(VENUES[place % len(VENUES)], before)
    assert done.failed is not None
    assert done.failed.name == step
    assert done.held == []
    assert not Certificate("v", "main", "x", "1", "1", 0, done.steps).passed
    # Who does not cancel is found out at the end as well.
    said = done.words["nothing is left"]
    assert (said, done.orders == ()) in {("ok", True), ("FAILED", False)}


def test_a_short_that_closes_the_long_is_found_out():
    async def before(desk):
        await hedged(desk)
        create = desk.gateway.create

        async def turned(orders):
            wrong = [
                msgspec.structs.replace(order, position_side=LONG, reduce=True)
                if order.position_side == SHORT and order.side == SELL
                else order
                for order in orders
            ]
            return await create(wrong)

        desk.gateway.create = turned

    done = certified("okx_swap", before)
    assert done.failed.name == "both sides are held and closed"
    assert done.clean


def test_what_cannot_be_taken_back_is_told():
    async def before(desk):
        amend, gateway = desk.gateway.amend, desk.gateway

        async def gone(*_, **__):
            raise VenueDown("VENUE_DOWN", "the venue does not answer")

        async def last(*given):
            gateway.snapshot = gateway.find = gone
            return await amend(*given)

        gateway.amend = last

    done = certified("binance_usdm", before)
    assert done.failed.name == "it is changed, or said to be fixed"
    assert (done.steps[-1].name, done.steps[-1].passed) == ("nothing is left", False)
    assert "look at the account yourself" in done.steps[-1].text


# ---------------------------------------------------------------------- a stop that triggers


@pytest.mark.parametrize("venue", VENUES)
def test_the_price_beside_which_a_stop_is_laid_is_that_of_the_practice_hosts(venue):
    spec, rules = CLIENTS[venue], listed(venue)[0]

    async def run(world):
        dialled, serve = [], world.network.on_dial
        world.network.on_dial = lambda dial: dialled.append(dial.host) or serve(dial)
        client = build_exchange(spec, world.session(), mode=AccountMode.DEMO)
        ask = _asking_price(client, rules)
        prices = await ask(), await ask()
        await client.close()
        return prices, float(world.exchanges[venue].last(rules.symbol)), set(dialled)

    prices, last, dialled = run_world(run, venues=(venue,), seed=7)
    assert prices == pytest.approx((last, last), rel=0.001)
    assert dialled
    assert dialled <= spec.demo_hosts


def is_near_stop(order, share=0.001):
    """Say whether an order is a stop that is nearer to the market than this share of the price."""
    return order.kind == IntentKind.STOP and 1.0 - order.price_tick / order.near_tick < share


@pytest.mark.parametrize("venue", ["bybit_linear", "okx_swap"])
def test_a_stop_that_fails_when_it_triggers_is_found_out(venue):
    async def before(desk):
        desk.strike("F40", duration_s=600.0)

    done = certified(venue, before)
    assert (done.failed.name, done.clean) == (STOP_STEP, True)
    assert "its order ended as " in done.failed.text
    assert done.failed.text.endswith(" 0 was sold") or done.failed.text.endswith(" 0 (0 BTC) was sold")
    assert not done.certificate.saw_a_stop


def test_a_market_that_does_not_come_to_the_stop_is_said_and_is_no_failure():
    """The stop is moved after the market, one at a time, and in the end the position is closed."""
    sent = []

    async def before(desk):
        create = desk.gateway.create

        async def noted(orders):
            sent.extend(order for order in orders if order.kind == IntentKind.STOP)
            return await create(orders)

        desk.gateway.create = noted

    done = certified("bybit_linear", before, moves=rising)
    assert (done.failed, done.clean, done.words[STOP_STEP]) == (None, True, "not seen")
    assert "did not come" in done.texts[STOP_STEP]
    assert done.words["its trades are listed with our ids and fees"] == "ok"
    assert done.certificate.passed
    assert not done.certificate.saw_a_stop
    near = sent[2:]
    ticks = [order.price_tick for order in near]
    assert len(near) > 5
    assert ticks == sorted(ticks)
    least = min(1.0 - order.price_tick / order.near_tick for order in near)
    assert 0.0 < least < 0.00003


def refusing(share, text):
    """Let a venue refuse every stop that is nearer to the market than a share of its price."""

    async def before(desk):
        create = desk.gateway.create

        async def picky(orders):
            if is_near_stop(orders[0], share):
                return [Outcome(OutcomeKind.REJECTED, text=text)]
            return await create(orders)

        desk.gateway.create = picky

    return before


def test_a_stop_that_is_refused_so_near_is_laid_further_away():
    done = certified("okx_swap", refusing(0.0003, "Order would immediately trigger."))
    assert (done.failed, done.clean, done.words[STOP_STEP]) == (None, True, "ok")


def test_a_stop_that_is_always_refused_near_the_market_fails():
    done = certified("binance_usdm", refusing(0.02, "No stops."))
    assert (done.failed.name, done.clean) == (STOP_STEP, True)
    assert done.failed.text.endswith(": No stops.")


def test_a_stop_that_triggers_as_it_is_taken_back_is_the_one_that_triggered():
    async def before(desk):
        create, cancel = desk.gateway.create, desk.gateway.cancel

        async def noted(orders):
            near.update(order.cid for order in orders if is_near_stop(order))
            return await create(orders)

        async def slow(order):
            if order.cid in near:
                reached.append(order.cid)
                desk.exchange.move_price(desk.symbol, 0.9)
                await asyncio.sleep(2.0)
            return await cancel(order)

        desk.gateway.create, desk.gateway.cancel = noted, slow

    near, reached = set(), []
    done = certified("binance_usdm", before, moves=briefly_rising)
    assert len(reached) == 1
    assert (done.failed, done.clean, done.words[STOP_STEP]) == (None, True, "ok")


# ---------------------------------------------------------------------- somebody ends it


def test_a_trial_that_is_ended_while_it_waits_for_the_market_leaves_nothing():
    told = []

    async def ended(gateway, listing, price, first_cid, clock, *, traits, market):
        async def reached():
            asyncio.get_running_loop().call_later(8.0, task.cancel)
            return await market()

        task = asyncio.ensure_future(
            certify_venue(
                gateway, listing, price, first_cid, clock, traits=traits, market=reached, tell=told.append
            )
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        return tuple(told)

    done = certified("blofin_swap", work=ended, moves=rising)
    assert done.clean
    assert (told[-2].name, told[-1].name) == ("both sides are held and closed", "nothing is left")
    assert told[-1].passed


@pytest.mark.parametrize(("place", "after_s"), [*enumerate([0.3, 1.3, 1.9, 2.6, 4.5, 5.0])])
def test_whenever_it_is_ended_nothing_is_left_and_nothing_set_otherwise(place, after_s):
    told = []

    async def ended(gateway, listing, price, first_cid, clock, *, traits, market):
        task = asyncio.ensure_future(
            certify_venue(gateway, listing, price, first_cid, clock, traits=traits, tell=told.append)
        )
        asyncio.get_running_loop().call_later(after_s, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        return tuple(told)

    done = certified(VENUES[place % len(VENUES)], work=ended)
    assert done.clean
    assert (done.failed, told[-1].name) == (None, "nothing is left")
    assert len(told) < 20
    untouched = {"binance_usdm": 20.0, "bybit_linear": 10.0, "okx_swap": 3.0, "blofin_swap": 3.0}
    assert (SettingCode.LEVERAGE, untouched[VENUES[place % len(VENUES)]]) in done.settings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_end_the_closing(number):
    """On the real loop: the first signal ends the script, the second one only says that it must be waited for."""
    said, closed = [], []

    class Say:
        note = staticmethod(said.append)

    async def script():
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            os.kill(os.getpid(), number)
            for _ in range(20):
                await asyncio.sleep(0)
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_patient(script(), Say()))
    assert (closed, len(said)) == ([True], 2)
    assert "wait for it" in said[0]
