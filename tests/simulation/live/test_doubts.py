"""What could send twice, lose or hold something: late requests, orders that came back, accounts beside each other."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

import numpy as np
import pytest
from msgspec.structs import replace

from tradewind.engine.setup import ExitSetup, InstrumentSetup, StrategySetup, WalletSetup
from tradewind.engine.world import World
from tradewind.errors import VenueDown
from tradewind.journal import Identity
from tradewind.live.accounts import AccountTerms
from tradewind.live.opening import Place, open_session
from tradewind.live.venue import LiveRules, LiveVenue
from tradewind.testing import small_live
from tradewind.testing.sessions import MINUTE_NS, START_NS, linear, restless
from tradewind.testing.small_exchange import SmallExchange, SmallFeed, SmallGateway
from tradewind.testing.small_live import FOLDER, SmallLive
from tradewind.units.enums import LONG, IntentKind, Protection, Rule
from tradewind.units.records import PARAMS
from tradewind.venues.gateway import BarSeen, FillSeen, FundingPaidSeen, OrderStatus, Outcome, OutcomeKind

S = 1_000_000_000


class Life(SmallLive):
    """A session to which things happen: `acts` are (second, what), `on_open` what each process begins with."""

    def __init__(self, acts=(), on_open=lambda live: None, **settings):
        super().__init__(**settings)
        self._acts, self._on_open = acts, on_open

    @property
    def now_s(self):
        return (self.loop.now_ns() - START_NS) / 1e9

    def open(self):
        opened = super().open()
        for at_s, act in self._acts:
            if at_s > self.now_s:
                self.loop.call_later(at_s - self.now_s, act, self)
        self._on_open(self)
        return opened


# ---------------------------------------------------------------------- orders that work and should not


def test_an_order_that_works_after_its_end_is_cancelled_though_only_a_snapshot_shows_it():
    """The stream has said that it ended, or it was given up, and was silent when it came back."""
    risen = []

    def rise(live):
        ended = [
            order
            for order in live.exchange._orders.values()
            if order.status is OrderStatus.CANCELLED and not order.new.reduce
        ]
        order = max(ended, key=lambda order: order.ts_ns)
        order.status, order.price_tick = OrderStatus.WORKING, 10
        risen.append(order)

    live = Life([(425, rise)], bars=12, rules=LiveRules(warm_bars=2, reconcile_ns=20 * S))
    live.run()
    assert risen[0].status is OrderStatus.CANCELLED
    assert [alert.code for alert in live.alerts if alert.code == "ORDER_ABANDONED"] == ["ORDER_ABANDONED"]
    assert live.final()[0] == live.final()[1]


class Queueing(SmallGateway):
    """A gateway behind which requests may wait for half a minute before they leave."""

    slow_s = (0.0, 0.0)

    async def create(self, orders, hear=None):
        now_s = self._clock() / 1e9 - START_NS / 1e9
        if self.slow_s[0] < now_s < self.slow_s[1]:
            await asyncio.sleep(35.0)
        return await super().create(orders, hear)


def queue_up(live):
    """Let the gateway of a process keep what it is given between 415 and 425 s."""
    own = Queueing(live.exchange, live.wire, live.loop.now_ns)
    own.slow_s, own._stream = (415, 425), live.gateway._stream
    live.venue._accounts[0].gateway = own


def test_an_order_that_has_not_left_yet_is_not_given_up_and_never_sent_twice():
    """No list of the venue can show what waits here: its absence proves nothing."""
    live = Life(on_open=queue_up, bars=12)
    live.run()
    assert live.exchange.doubled == []
    assert not [alert for alert in live.alerts if alert.code == "ORDER_ABANDONED"]
    assert live.final()[0] == live.final()[1]


def stall(live):
    """Let the disk of a process stand still from 238 to 278 s, while the first orders are written down."""

    async def work_later(work):
        if 238 < live.now_s < 278:
            await asyncio.sleep(278 - live.now_s)
        work()

    live.session.session.disk = work_later


def test_what_would_open_is_not_sent_when_the_disk_has_kept_it_for_too_long():
    """F81: a decision that waited for its journal longer than decisions may is skipped, and reductions leave."""
    live = Life(on_open=stall, bars=12)
    placed = []
    place = live.exchange.place
    live.exchange.place = lambda new: placed.append((live.now_s, bool(new.reduce))) or place(new)
    live.run()
    assert [at for at, reduces in placed if at < 299 and not reduces] == []
    assert [at for at, reduces in placed if at > 299]
    assert live.final()[0] == live.final()[1]


# ---------------------------------------------------------------------- what is silence, and what is none


class Capped(SmallGateway):
    """A gateway whose account's caps let no order through."""

    async def create(self, orders, hear=None):
        return [Outcome(OutcomeKind.NOT_SENT, rule=Rule.ORDER_NOTIONAL, text="above the cap")] * len(orders)


class Forgetful(SmallGateway):
    """A gateway that does not hear the answer to the first new order of each batch."""

    async def create(self, orders, hear=None):
        outcomes = await super().create(orders)
        return [Outcome(OutcomeKind.UNKNOWN, text="no answer"), *outcomes[1:]]


def through(kind):
    """Return what puts a gateway of a kind before a process's account."""

    def put(live):
        own = kind(live.exchange, live.wire, live.loop.now_ns)
        own._stream = live.gateway._stream
        live.venue._accounts[0].gateway = own

    return put


@pytest.mark.parametrize("kind", [Capped, Forgetful])
def test_only_silence_in_a_row_holds_new_risk(kind):
    """An account's own caps are no silence of its venue, and a venue that answers in between is not silent."""
    live = Life(on_open=through(kind), bars=12, rules=LiveRules(warm_bars=2, reconcile_ns=3_600 * S))
    live.run()
    assert len(live.exchange.asked) > 10 or kind is Capped
    assert not [alert.text for alert in live.alerts if "in a row" in alert.text]
    assert int(live.world.accounts["halts"][0]) == 0


# ---------------------------------------------------------------------- reading an account


def charge(live, rows):
    """Let the exchange charge funding and list it as `rows` of (seconds, amount), in that order."""
    look = live.exchange.snapshot
    live.exchange.balance -= sum(amount for _, amount in rows)
    paid = tuple(
        FundingPaidSeen(0, LONG, "USDT", amount, 0.0001, START_NS + int(at_s * S), START_NS + int(at_s * S))
        for at_s, amount in rows
    )
    live.exchange.snapshot = lambda since_ns, asked_ns: replace(look(since_ns, asked_ns), funding=paid)


@pytest.mark.parametrize(
    "rows",
    [[(390, 500), (360, 300)], [(390, 500), (390, 300)]],
    ids=["newest first", "both sides of a hedge"],
)
def test_every_settlement_that_was_missed_is_booked_as_funding(rows):
    """A venue lists the newest first, and the core takes no older one after it."""
    live = Life([(400, lambda live: charge(live, rows))], bars=8)
    live.run()
    assert int(live.world.accounts["funding"][0]) == 800
    assert int(live.world.accounts["adjusted"][0]) == 0
    assert int(live.world.accounts["balance"][0]) == live.exchange.balance


class Slow(SmallGateway):
    """A gateway whose readings of the account take three seconds to arrive."""

    async def snapshot(self, fills_since_ns):
        found = await super().snapshot(fills_since_ns)
        await asyncio.sleep(3.0)
        return found


def test_a_reading_begun_before_the_stream_was_back_proves_nothing():
    """What happened between the two is known to neither."""
    seen = {}

    def look(live):
        seen[round(live.now_s)] = bool(live.world.views["stale"][0])

    acts = [(301, lambda live: live.gateway.lose_stream()), (303, lambda live: live.gateway.restore_stream())]
    live = Life([*acts, *((at_s, look) for at_s in (305, 312))], on_open=through(Slow), bars=8)
    live.run()
    assert seen == {305: True, 312: False}


def test_a_network_that_wakes_up_after_the_machine_ends_nothing():
    """F92: bars that went by are asked for until they can be had, in the same process."""
    failures = []

    def sleep(live):
        live.loop._jumping.now_ns += 7_200 * S
        feed, until_ns = live.venue._feeds[0], live.loop.now_ns() + 30 * S
        bars = feed.bars

        async def refuse(*asked):
            if live.loop.now_ns() < until_ns:
                failures.append(live.now_s)
                raise VenueDown("VENUE_DOWN", "no network yet")
            return await bars(*asked)

        feed.bars = refuse

    live = Life([(405, sleep)], bars=140)
    live.run()
    assert len(failures) > 1
    assert (live.refused, live.lives) == (0, 0)
    assert live.final()[0] == live.final()[1]


# ---------------------------------------------------------------------- accounts beside each other


def one_account(exits):
    """Return a world in which `restless` trades one instrument, protected by stops of the core's."""
    params = np.zeros(PARAMS)
    params[:2] = 40.0, 1.0
    setup = InstrumentSetup(linear("S0USDT"), leverage=5.0, amends=True, highest_price=1e6)
    return World(
        [WalletSetup("USDT", 10_000.0)], [setup], [StrategySetup(restless, [0], params, exits=exits)]
    )


def two_accounts():
    """Return a world in which `restless` trades one instrument at each of two accounts."""
    params = np.zeros(PARAMS)
    params[:2] = 40.0, 1.0
    setups = [
        InstrumentSetup(linear(f"S{j}USDT"), wallet=j, leverage=5.0, amends=True, highest_price=1e6)
        for j in (0, 1)
    ]
    wallets = [WalletSetup("USDT", 10_000.0, account=number) for number in (0, 1)]
    return World(wallets, setups, [StrategySetup(restless, range(2), params)])


class Pair(Life):
    """A session over two accounts, each at an exchange of its own: instrument 0 at the first, 1 at the second."""

    def __init__(self, *parts, **settings):
        super().__init__(*parts, **settings)
        unit = float(two_accounts().views["unit"][0])
        self.exchanges = [
            SmallExchange(self.loop.now_ns, unit, MINUTE_NS, Random(seed), instruments=2) for seed in (1, 2)
        ]
        self.exchange.live_bar = lambda: [exchange.live_bar() for exchange in self.exchanges]

    def open(self):
        self.world = two_accounts()
        self.gateways = [SmallGateway(each, self.wire, self.loop.now_ns) for each in self.exchanges]
        feeds = {number: SmallFeed(each) for number, each in enumerate(self.exchanges)}
        for number, exchange in enumerate(self.exchanges):
            exchange.listen(partial(self._route, number, feeds[number]))
        accounts = [
            (AccountTerms(f"a{n}", frozenset({n}), {"USDT": n}, fence_ns=6 * S), gateway)
            for n, gateway in enumerate(self.gateways)
        ]
        self.venue = LiveVenue(
            self.world, accounts, feeds, self.rules, self.loop.now_ns, notify=self.alerts.append
        )
        place = Place(self.disk, FOLDER, Identity("pair", ("a0", "a1")), self.loop.now_ns, "test")
        self.session = open_session(place, self.world, self.venue, inside=self.venue.books)
        self.session.session.memory, self.session.session.waits = self.venue.books, True
        for at_s, act in self._acts:
            self.loop.call_later(at_s - self.now_s, act, self)
        return self.session

    def _route(self, number, feed, event):
        if not isinstance(event, BarSeen):
            self.gateways[number].hear(event)
        elif event.instrument == number:
            feed.hear(event)


def test_an_account_that_cannot_be_read_stops_no_other_account():
    """The stream of one venue is back and its calls die: the other's strategy goes on deciding, closing as opening."""

    def begin(live):
        live.gateways[0].lose_stream()
        live.gateways[0].snapshot = refuse

    async def refuse(since_ns):
        raise VenueDown("VENUE_DOWN", "calls die")

    placed = []

    def note(live):
        place = live.exchanges[1].place
        live.exchanges[1].place = lambda new: placed.append(live.now_s) or place(new)

    live = Pair([(200, note), (305, begin), (315, lambda live: live.gateways[0].restore_stream())], bars=14)
    live.run()
    assert [at for at in placed if at < 300]
    assert [at for at in placed if 480 < at < 900]
    assert live.world.views["stale"].tolist() == [1, 0]


def test_each_account_asks_for_what_moved_since_it_was_read_itself():
    """What another account traded meanwhile says nothing of it: a transfer of then would be taken for profit."""
    asked = []

    def begin(live):
        take = live.gateways[0].snapshot
        live.gateways[0].lose_stream()

        async def refuse(since_ns):
            if 305 < live.now_s < 1_500:
                raise VenueDown("VENUE_DOWN", "calls die")
            asked.append((live.now_s, since_ns / 1e9 - START_NS / 1e9))
            return await take(since_ns)

        live.gateways[0].snapshot = refuse

    live = Pair([(303, begin)], bars=26, rules=LiveRules(warm_bars=2, reconcile_ns=60 * S))
    live.run()
    assert live.exchanges[1].fills[-1].ts_ns > START_NS + 1_200 * S
    assert next(since_s for at_s, since_s in asked if at_s > 1_500) <= 305


class Endless(SmallGateway):
    """A gateway whose searches take a minute each, as where a venue's limits leave no room."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.looking, self.most = [], 0

    async def find(self, order, sent_ns):
        self.looking.append(order.cid)
        self.most = max(self.most, self.looking.count(order.cid))
        await asyncio.sleep(60.0)
        self.looking.remove(order.cid)
        return await super().find(order, sent_ns)


def test_searches_for_one_order_do_not_pile_up():
    """While the account's own stream is down it is read every five seconds, and each time the order is missing."""
    made = []

    def put(live):
        through(Endless)(live)
        made.append(live.venue._accounts[0].gateway)

    def end_unheard(live):
        live.gateway.lose_stream()
        for cid in live.exchange.working():
            live.exchange.cancel(cid)

    live = Life([(250, end_unheard), (400, lambda live: live.gateway.restore_stream())], on_open=put, bars=10)
    live.run()
    assert made[0].most == 1
    assert live.final()[0] == live.final()[1]


def test_fees_in_a_currency_without_a_wallet_are_told_of():
    """They are in none of the session's results, and whoever reads those has to know."""

    def pay_otherwise(live):
        heard = live.gateway.hear

        def hear(event):
            heard(replace(event, fee_currency="BNB") if isinstance(event, FillSeen) else event)

        live.gateway.hear = hear

    live = Life(on_open=pay_otherwise, bars=8)
    live.run()
    assert live.exchange.fills
    assert [alert.code for alert in live.alerts if "BNB" in alert.text] == ["FEES_ELSEWHERE"]


class Stopless(SmallGateway):
    """A gateway to a venue that takes no stop."""

    async def create(self, orders, hear=None):
        refused = Outcome(OutcomeKind.REJECTED, rule=Rule.VENUE_OTHER, text="no stops today")
        others = iter(await super().create([order for order in orders if order.kind != IntentKind.STOP]))
        return [refused if order.kind == IntentKind.STOP else next(others) for order in orders]


@pytest.mark.parametrize("kind", [Stopless, SmallGateway])
def test_a_position_whose_stop_no_venue_takes_is_told_of(kind, monkeypatch):
    """F39: within half a minute, and not a minute after minute; where the stop rests nobody hears a word."""
    exits = ExitSetup(protection=Protection.RESTING, stop_loss=0.2)
    monkeypatch.setattr(small_live, "small_world", lambda: one_account(exits))
    live = Life(on_open=through(kind), bars=8)
    live.run()
    told = [(a.at_ns - START_NS) / 1e9 for a in live.alerts if a.code == "PROTECTOR_MISSING"]
    assert live.world.contexts["working"]["holding"]["pos_lot"].any()
    if kind is Stopless:
        assert len(told) == 1
        assert told[0] % 60 < 35
    else:
        assert told == []
